/* SPDX-License-Identifier: BSD-2-Clause */
/* test_stored - answers read back from their records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/signer/stored.h"
#include "tests/unit/journal_fixture.h"

#define NOW 1790000000u

static const uint8_t key[] = {1, 0, 3, 13, 9, 8, 7};
static const uint8_t rrsig[] = {0, 48, 13, 2, 5, 5, 5};

static struct ksk_record
record_of(enum ksk_record_kind kind)
{
	struct ksk_record r = {.time = NOW + 5, .kind = kind, .has_pin = true};

	return r;
}

static void
fill_set(struct ksk_record *r)
{
	r->has_rrset = true;
	r->rrset.type = KSK_TYPE_DNSKEY;
	r->rrset.ttl = 3600;
	r->rrset.count = 1;
	r->rrset.rdata[0] = ksk_span_of(key, sizeof(key));
	assert_int_equal(
		ksk_name_from_text("lab.example.", 12, &r->rrset.owner, NULL),
		KSK_OK);
	r->has_window = true;
	r->window = (struct ksk_window){NOW - 3600, NOW + 86400};
}

static void
fill_rrsig(struct ksk_record *r)
{
	r->rrsig_count = 1;
	r->rrsig[0] = ksk_span_of(rrsig, sizeof(rrsig));
}

/* Returns its number. */
static uint64_t
keep(struct ksk_test_journal *t, struct ksk_record *r,
	uint8_t out_hash[KSK_HASH_LEN])
{
	assert_int_equal(ksk_journal_stage(t->journal, r, out_hash), KSK_OK);
	journal_commit(t);
	return r->number;
}

static uint64_t
keep_intent(struct ksk_test_journal *t)
{
	struct ksk_record r = record_of(KSK_RECORD_INTENT);
	uint8_t hash[KSK_HASH_LEN];

	fill_set(&r);
	r.has_policy = true;
	r.policy_version = 7;
	return keep(t, &r, hash);
}

static void
check_set(const struct ksk_stored *s)
{
	assert_int_equal(s->rrset.type, KSK_TYPE_DNSKEY);
	assert_int_equal(s->rrset.ttl, 3600);
	assert_int_equal(s->rrset.count, 1);
	assert_true(ksk_span_equal(
		s->rrset.rdata[0], ksk_span_of(key, sizeof(key))));
	assert_int_equal(s->rrsig_count, 1);
	assert_true(
		ksk_span_equal(s->rrsig[0], ksk_span_of(rrsig, sizeof(rrsig))));
	assert_int_equal(s->window.inception, NOW - 3600);
	assert_int_equal(s->window.expiration, NOW + 86400);
	assert_int_equal(s->released, NOW + 5);
}

static void
test_result(void **state)
{
	struct ksk_test_journal *t = *state;
	struct ksk_record r = record_of(KSK_RECORD_RESULT);
	static uint8_t room[KSK_STORED_ROOM];
	uint8_t hash[KSK_HASH_LEN];
	struct ksk_stored s;

	r.has_about = true;
	r.about = keep_intent(t);
	fill_rrsig(&r);
	(void)keep(t, &r, hash);
	journal_reopen(t);
	assert_int_equal(
		ksk_stored_read(t->journal, r.number, room, &s, &t->fault),
		KSK_OK);
	check_set(&s);
	assert_int_equal(s.record, r.number);
	assert_memory_equal(s.hash, hash, KSK_HASH_LEN);
	assert_int_equal(s.policy_version, 7);
	assert_false(s.adopted);
}

static void
test_adopted(void **state)
{
	struct ksk_test_journal *t = *state;
	struct ksk_record r = record_of(KSK_RECORD_ADOPT);
	static uint8_t room[KSK_STORED_ROOM];
	uint8_t hash[KSK_HASH_LEN];
	struct ksk_stored s;

	fill_set(&r);
	fill_rrsig(&r);
	r.signer_count = 1;
	r.signer[0] = (struct ksk_ds){
		.tag = 1, .algorithm = 13, .digest_type = 2, .digest_len = 32};
	(void)keep(t, &r, hash);
	assert_int_equal(
		ksk_stored_read(t->journal, r.number, room, &s, &t->fault),
		KSK_OK);
	check_set(&s);
	assert_memory_equal(s.hash, hash, KSK_HASH_LEN);
	assert_int_equal(s.policy_version, 0);
	assert_true(s.adopted);
}

/* Records that hold no answer, and the intent of one that is gone. */
static void
test_no_answer(void **state)
{
	struct ksk_test_journal *t = *state;
	struct ksk_record r = record_of(KSK_RECORD_FAILURE);
	static uint8_t room[KSK_STORED_ROOM];
	uint8_t hash[KSK_HASH_LEN];
	struct ksk_stored s = {.record = 77};

	assert_int_equal(ksk_stored_read(t->journal, 999, room, &s, &t->fault),
		KSK_ERR_NOT_FOUND);
	r.has_about = true;
	r.about = keep_intent(t);
	r.text = "no token";
	assert_int_equal(
		ksk_stored_read(t->journal, r.about, room, &s, &t->fault),
		KSK_ERR_NOT_FOUND);
	(void)keep(t, &r, hash);
	assert_int_equal(
		ksk_stored_read(t->journal, r.number, room, &s, &t->fault),
		KSK_ERR_NOT_FOUND);
	r = record_of(KSK_RECORD_RESULT);
	r.has_about = true;
	r.about = 12345;
	fill_rrsig(&r);
	(void)keep(t, &r, hash);
	assert_int_equal(
		ksk_stored_read(t->journal, r.number, room, &s, &t->fault),
		KSK_ERR_NOT_FOUND);
	assert_int_equal(s.record, 77); /* unchanged */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_JOURNAL(test_result),
		WITH_JOURNAL(test_adopted),
		WITH_JOURNAL(test_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
