/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of sync_choose: which keys stand in the common set, which leave and
 * when, and what is said about an offer.
 */
#include "client/sync_choose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1000000u

/* Keys by a number; number 0 is a KSK. */
static uint8_t rdata[8][5];
enum { KSK, A1, A2, B1, B2, FOREIGN, COSIGNER };

struct scene {
	struct ksk_keys_reply keys;
	struct ksk_rrset last;
	struct ksk_offer offer[2]; /* alpha, beta */
	struct ksk_choice choice;
};

static struct ksk_span
key(int number)
{
	return ksk_span_of(rdata[number], sizeof(rdata[number]));
}

static struct ksk_ds
ds_of(const struct ksk_name *owner, int number)
{
	struct ksk_ds ds;

	assert_int_equal(
		ksk_ds_build(owner, key(number), KSK_DIGEST_SHA256, &ds),
		KSK_OK);
	return ds;
}

static void
list(struct scene *s, unsigned provider, const char *name, int first)
{
	struct ksk_provider_entry *p = &s->keys.provider[provider];

	ksk_text_copy(p->name, sizeof(p->name), name);
	p->state = 1; /* serving */
	p->key_count = 2;
	for (int i = 0; i < 2; i++)
		p->key[i].ds = ds_of(&s->keys.owner, first + i);
	s->offer[provider].provider = p->name;
}

static void
put(struct ksk_rrset *rrset, int number)
{
	rrset->rdata[rrset->count++] = key(number);
	ksk_rrset_sort(rrset);
}

/* Both have offered their first key, it was signed, nothing moves. */
static void
begin(struct scene *s)
{
	for (unsigned i = 0; i < 8; i++) {
		rdata[i][0] = 1;
		rdata[i][1] = i == KSK || i == COSIGNER;
		rdata[i][2] = 3;
		rdata[i][3] = 13;
		rdata[i][4] = (uint8_t)(10 + i);
	}
	*s = (struct scene){0};
	s->keys.owner = (struct ksk_name){.len = 3, .wire = {1, 'z', 0}};
	s->keys.ttl = 60;
	s->keys.provider_count = 2;
	list(s, 0, "alpha", A1);
	list(s, 1, "beta", B1);
	s->keys.ksk_count = 1;
	s->keys.ksk[0].dnskey = key(KSK);
	s->keys.ksk[0].ds = ds_of(&s->keys.owner, KSK);
	s->keys.cosigner_count = 1;
	s->keys.cosigner[0].ds = ds_of(&s->keys.owner, COSIGNER);
	ksk_text_copy(s->keys.cosigner[0].provider, KSK_LABEL_CAP, "beta");
	for (unsigned p = 0; p < 2; p++) {
		s->keys.provider[p].key[0].has_covered = true;
		s->keys.provider[p].key[0].covered = NOW - 100;
	}
	put(&s->last, KSK);
	put(&s->last, A1);
	put(&s->last, B1);
	put(&s->offer[0].rrset, A1);
	put(&s->offer[1].rrset, B1);
}

static void
choose(struct scene *s, size_t count, size_t notes)
{
	ksk_sync_choose(&s->keys, s->last.count == 0 ? NULL : &s->last,
		s->offer, 2, NOW, &s->choice);
	assert_int_equal(s->choice.rrset.type, KSK_TYPE_DNSKEY);
	assert_int_equal(s->choice.rrset.ttl, 60);
	if (s->choice.notes.count != notes && s->choice.notes.count != 0)
		print_message("first note: %s\n", s->choice.notes.list[0].text);
	assert_int_equal(s->choice.notes.count, notes);
	assert_int_equal(s->choice.rrset.count, count);
}

static void
expect_note(const struct scene *s, size_t at, enum ksk_note_kind kind,
	const char *provider, const char *has)
{
	const struct ksk_note *note = &s->choice.notes.list[at];

	assert_int_equal(note->kind, kind);
	assert_string_equal(note->provider, provider);
	if (strstr(note->text, has) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", has, note->text);
}

static bool
has(const struct scene *s, int number)
{
	return ksk_rrset_has(&s->choice.rrset, key(number));
}

static void
takes_what_is_listed_and_offered(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	choose(&s, 2, 0);
	assert_true(has(&s, A1) && has(&s, B1));
	/* Our KSKs are added later, and no fault in an offer. */
	put(&s.offer[0].rrset, KSK);
	choose(&s, 2, 0);
	assert_true(ksk_sync_has_own(&s.keys, "alpha", &s.choice.rrset));
	assert_false(ksk_sync_has_own(&s.keys, "gamma", &s.choice.rrset));
}

static void
starts_from_nothing(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	s.last.count = 0;
	choose(&s, 2, 0);
	s.offer[0].failed = true;
	choose(&s, 1, 0);
	assert_false(has(&s, A1));
}

static void
a_new_key_waits(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	put(&s.offer[0].rrset, A2);
	choose(&s, 3, 1);
	expect_note(&s, 0, KSK_NOTE_WAIT, "alpha", "is new");
	put(&s.last, A2);
	s.keys.provider[0].key[1].has_covered = true;
	s.keys.provider[0].key[1].covered = NOW + 5;
	choose(&s, 3, 1);
	expect_note(&s, 0, KSK_NOTE_WAIT, "alpha", "may sign from");
	/* It signs too early. */
	s.offer[0].active_count = 1;
	s.offer[0].active[0].tag = s.keys.provider[0].key[1].ds.tag;
	s.offer[0].active[0].algorithm = 13;
	choose(&s, 3, 1);
	expect_note(&s, 0, KSK_NOTE_FAULT, "alpha", "caches may lack");
	/* It signs with the old one besides: answers validate by that. */
	s.offer[0].active_count = 2;
	s.offer[0].active[1].tag = s.keys.provider[0].key[0].ds.tag;
	s.offer[0].active[1].algorithm = 13;
	choose(&s, 3, 1);
	expect_note(&s, 0, KSK_NOTE_WAIT, "alpha", "may sign from");
	s.offer[0].active_count = 1;
	/* Nobody asks a provider that is joining. */
	s.keys.provider[0].state = 0;
	choose(&s, 3, 1);
	expect_note(&s, 0, KSK_NOTE_WAIT, "alpha", "may sign from");
	s.keys.provider[0].key[1].covered = NOW;
	choose(&s, 3, 0);
}

static void
an_old_key_stays_until_it_may_leave(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	put(&s.last, A2);
	s.keys.provider[0].key[1].has_covered = true;
	choose(&s, 3, 1);
	expect_note(&s, 0, KSK_NOTE_WAIT, "alpha", "nothing stands in for it");
	s.keys.provider[0].key[1].has_drop = true;
	s.keys.provider[0].key[1].drop = NOW + 1;
	choose(&s, 3, 1);
	expect_note(&s, 0, KSK_NOTE_WAIT, "alpha", "leaves at");
	s.keys.provider[0].key[1].drop = NOW;
	choose(&s, 2, 0);
	assert_false(has(&s, A2));
	/* Whatever its provider says, it signs with it. */
	s.offer[0].active_count = 1;
	s.offer[0].active[0].tag = s.keys.provider[0].key[1].ds.tag;
	s.offer[0].active[0].algorithm = 13;
	choose(&s, 3, 1);
	expect_note(&s, 0, KSK_NOTE_FAULT, "alpha", "no longer offers");
}

/* RFC 6781 4.1.4: the keys of an algorithm leave before its signatures do. */
static void
an_algorithm_leaves_while_it_signs(void **state)
{
	struct scene s;
	struct ksk_provider_key_entry *alpha;

	(void)state;
	for (uint8_t algorithm = 8; algorithm <= 13; algorithm += 5) {
		begin(&s);
		rdata[A2][3] = algorithm;
		alpha = s.keys.provider[0].key;
		alpha[1].ds = ds_of(&s.keys.owner, A2);
		put(&s.last, A2);
		put(&s.offer[0].rrset, A2);
		alpha[1].has_retired = true;
		alpha[1].has_covered = true;
		alpha[1].has_drop = true;
		s.offer[0].active_count = 2;
		for (int i = 0; i < 2; i++) {
			s.offer[0].active[i].tag = alpha[i].ds.tag;
			s.offer[0].active[i].algorithm = alpha[i].ds.algorithm;
		}
		choose(&s, algorithm == 8 ? 2 : 3, algorithm == 8 ? 0 : 1);
		assert_int_equal(has(&s, A2), algorithm == 13);
	}
	expect_note(&s, 0, KSK_NOTE_FAULT, "alpha", "calls retired");
}

static void
retired_and_withdrawn(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	s.keys.provider[1].key[0].has_retired = true;
	s.keys.provider[1].key[0].retired = NOW - 1;
	choose(&s, 2, 1);
	expect_note(&s, 0, KSK_NOTE_WAIT, "beta", "nothing stands in");
	s.keys.provider[1].key[0].has_drop = true;
	s.keys.provider[1].key[0].drop = NOW - 1;
	choose(&s, 1, 0);
	s.keys.provider[1].key[0].has_retired = false;
	s.keys.provider[1].key[0].withdrawn = true;
	choose(&s, 1, 0);
	s.offer[1].active_count = 1;
	s.offer[1].active[0].tag = s.keys.provider[1].key[0].ds.tag;
	s.offer[1].active[0].algorithm = 13;
	choose(&s, 1, 1);
	expect_note(&s, 0, KSK_NOTE_FAULT, "beta", "withdrawn");
}

static void
who_can_not_be_asked_keeps_its_keys(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	s.offer[1].failed = true;
	s.keys.provider[1].key[0].has_drop = true;
	choose(&s, 2, 0);
	assert_true(has(&s, B1));
}

static void
foreign_keys_are_not_taken(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	put(&s.offer[0].rrset, B1);
	choose(&s, 2, 1);
	expect_note(&s, 0, KSK_NOTE_FAULT, "alpha", "one of beta");
	begin(&s);
	put(&s.offer[0].rrset, FOREIGN);
	choose(&s, 2, 1);
	expect_note(&s, 0, KSK_NOTE_FAULT, "alpha", "does not list");
	assert_false(has(&s, FOREIGN));
	begin(&s);
	s.offer[0].rrset.rdata[s.offer[0].rrset.count++] = ksk_span_of(
		rdata[A1], 4);
	choose(&s, 2, 1);
	expect_note(&s, 0, KSK_NOTE_FAULT, "alpha", "4 bytes, which is no key");
	s.offer[0].provider = "gamma";
	choose(&s, 2, 1);
	expect_note(&s, 0, KSK_NOTE_FAULT, "gamma", "no such provider");
}

/* What DNS shows has everybody's keys. */
static void
shown_keys(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	s.offer[0].shown = true;
	put(&s.offer[0].rrset, KSK);
	put(&s.offer[0].rrset, B1);
	choose(&s, 2, 0);
	put(&s.offer[0].rrset, A2);
	choose(&s, 3, 2);
	expect_note(&s, 0, KSK_NOTE_WAIT, "alpha", "is new");
	expect_note(&s, 1, KSK_NOTE_FAULT, "alpha", "before that was signed");
	begin(&s);
	s.offer[0].shown = true;
	put(&s.offer[0].rrset, FOREIGN);
	choose(&s, 2, 1);
	expect_note(&s, 0, KSK_NOTE_FAULT, "alpha", "shows key");
}

static void
cosigners_are_taken(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	put(&s.offer[1].rrset, COSIGNER);
	choose(&s, 3, 0);
	assert_true(has(&s, COSIGNER));
	/* It stays while nobody can be asked … */
	put(&s.last, COSIGNER);
	s.offer[1].rrset.count = 0;
	choose(&s, 3, 1); /* beta's own key is missed */
	assert_true(has(&s, COSIGNER));
	s.offer[1].failed = true;
	choose(&s, 3, 0);
	assert_true(has(&s, COSIGNER));
	/* … until its time is over. */
	s.keys.cosigner[0].has_until = true;
	s.keys.cosigner[0].until = NOW + 1;
	choose(&s, 3, 0);
	s.keys.cosigner[0].until = NOW;
	choose(&s, 2, 0);
	assert_false(has(&s, COSIGNER));
}

static void
a_csk_is_a_key_of_its_provider(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	put(&s.offer[1].rrset, COSIGNER);
	s.keys.provider[1].key_count = 0;
	choose(&s, 2,
		1); /* the key that beta offers besides is no longer its */
	assert_false(ksk_sync_has_own(&s.keys, "beta", &s.choice.rrset));
	s.keys.cosigner[0].csk = true;
	choose(&s, 2, 1);
	assert_true(ksk_sync_has_own(&s.keys, "beta", &s.choice.rrset));
	assert_false(ksk_sync_has_own(&s.keys, "gamma", &s.choice.rrset));
	s.choice.rrset.count = 0;
	assert_false(ksk_sync_has_own(&s.keys, "beta", &s.choice.rrset));
}

/* An address that is silent may sign with the old key as ever. */
static void
stays_until_all_show_what_they_sign_with(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	s.keys.provider[0].key[0].has_drop = true;
	s.keys.provider[0].key[0].drop = NOW;
	s.offer[0].rrset.count = 0;
	s.offer[0].unseen = true;
	choose(&s, 2, 1);
	expect_note(&s, 0, KSK_NOTE_WAIT, "alpha", "does not show what it");
	s.offer[0].unseen = false;
	choose(&s, 1, 0);
	/* By the policy's word too; a withdrawn key goes at once. */
	begin(&s);
	s.offer[0].unseen = true;
	s.keys.provider[0].key[0].has_drop = true;
	s.keys.provider[0].key[0].drop = NOW;
	s.keys.provider[0].key[0].has_retired = true;
	s.keys.provider[0].key[0].retired = NOW;
	choose(&s, 2, 1);
	expect_note(&s, 0, KSK_NOTE_WAIT, "alpha", "does not show what it");
	s.keys.provider[0].key[0].withdrawn = true;
	choose(&s, 1, 0);
}

static void
tells_of_an_announcement_that_is_over(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	s.keys.provider[0].has_announced = true;
	s.keys.provider[0].announced.serial = 7;
	choose(&s, 2, 0);
	s.keys.provider[0].announced.state = KSK_ANNOUNCED_EXPIRED;
	choose(&s, 2, 1);
	expect_note(&s, 0, KSK_NOTE_WAIT, "alpha", "announcement 7 is expired");
	s.keys.provider[0].announced.state = KSK_ANNOUNCED_NONE;
	choose(&s, 2, 0); /* that is told where it is gathered */
}

static void
tells_when_the_parent_may_have_a_ds(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	s.keys.ksk[0].stands = s.keys.ksk[0].cds = true;
	choose(&s, 2, 1);
	expect_note(&s, 0, KSK_NOTE_WAIT, "", "it is new");
	s.keys.ksk[0].has_ds_from = true;
	s.keys.ksk[0].ds_from = NOW + 1;
	choose(&s, 2, 1);
	expect_note(&s, 0, KSK_NOTE_WAIT, "", "may have the DS of KSK");
	s.keys.ksk[0].ds_from = NOW;
	choose(&s, 2, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_is_listed_and_offered),
		cmocka_unit_test(starts_from_nothing),
		cmocka_unit_test(a_new_key_waits),
		cmocka_unit_test(an_old_key_stays_until_it_may_leave),
		cmocka_unit_test(an_algorithm_leaves_while_it_signs),
		cmocka_unit_test(retired_and_withdrawn),
		cmocka_unit_test(who_can_not_be_asked_keeps_its_keys),
		cmocka_unit_test(foreign_keys_are_not_taken),
		cmocka_unit_test(shown_keys),
		cmocka_unit_test(cosigners_are_taken),
		cmocka_unit_test(a_csk_is_a_key_of_its_provider),
		cmocka_unit_test(stays_until_all_show_what_they_sign_with),
		cmocka_unit_test(tells_of_an_announcement_that_is_over),
		cmocka_unit_test(tells_when_the_parent_may_have_a_ds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
