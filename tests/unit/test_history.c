/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_history - what the past alone answers, and each rule that compares a
 * set with it: one story that is accepted, one that is refused. The zone's
 * waits: TTL 1 h, propagation 1 h, zone-max-ttl 1 d, sign-delay 1 h,
 * parent-ds-ttl 1 d, parent-propagation 1 h, inception-offset 1 h.
 */
#include "history_fixture.h"

static void
test_times(void **state)
{
	uint32_t a, c;
	(void)state;

	begin_zone((struct parts){.providers = TWO});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	signed_at(-10, "KSK1 ZSKA ZSKB ZSKC");
	assert_true(ksk_history_is_sound(&past.h));
	a = known("ZSKA", 4);
	c = known("ZSKC", 4);
	assert_int_equal(
		ksk_history_covered(fx.zone, &past.h, a), KSK_SINCE_EVER);
	/* Replaced everywhere by -9 h, out of caches a TTL later. */
	assert_int_equal(ksk_history_covered(fx.zone, &past.h, c), after(-8));
	assert_int_equal(
		ksk_history_exposed(&past.h, c), after(-11) + 14 * 86400);
	/* Covered, sign-delay, propagation, zone-max-ttl. */
	assert_int_equal(
		ksk_history_first_drop(&fx.table, fx.zone, &past.h, NOW, a),
		after(-8 + 1 + 1 + 24));
	/* The newer of two leaves only with `retired`. */
	assert_int_equal(
		ksk_history_first_drop(&fx.table, fx.zone, &past.h, NOW, c),
		KSK_NEVER);
	assert_int_equal(
		ksk_history_in_effect(&past.h, KSK_TYPE_DNSKEY, after(-11))
			->seq,
		2 * KSK_SEQ_PER_RECORD);
	past.member[0].key = 64;
	assert_false(ksk_history_is_sound(&past.h));
}

/* The last key of an algorithm at each of two providers: both leave in one
 * set, and not while a KSK of the algorithm stands (RFC 6781 4.1.4). */
static void
test_drop_of_an_algorithm(void **state)
{
#define BOTH \
	"[{name: alpha, state: serving, keys: [{ds: \"@ZSK8@\"}, {ds: " \
	"\"@ZSKA@\"}]}, {name: beta, state: serving, keys: [{ds: " \
	"\"@ZSKB@\"}, {ds: \"@OTHER8@\"}]}]"
#define KSKS(until) \
	"[{token: main, label: old, ds: \"@KSK8@\", cds: no" until "}, " \
	"{token: main, label: new, ds: \"@KSK1@\"}]"
	struct record other = key_of("ZSK8", 4);
	uint64_t at;
	(void)state;

	other.data[other.len - 1] ^= 2;
	make_named("OTHER8", &other);
	for (int standing = 0; standing < 2; standing++) {
		begin_zone((struct parts){.providers = BOTH,
			.ksk = standing != 0
				? KSKS("")
				: KSKS(", until: 2027-01-15T07:00:00Z")});
		signed_at(-100, "KSK8 ZSK8 OTHER8");
		signed_at(-60, "KSK8 KSK1 ZSK8 OTHER8 ZSKA ZSKB");
		at = ksk_history_first_drop(
			&fx.table, fx.zone, &past.h, NOW, known("ZSK8", 4));
		if (standing != 0)
			assert_int_equal(at, KSK_NEVER);
		else
			assert_in_range(at, 1, NOW);
		set_of("KSK1 ZSKA ZSKB");
		if (standing == 0)
			expect_permit();
		/* Beta keeps its own: the algorithm stays. */
		set_of("KSK1 ZSKA ZSKB OTHER8");
		expect_refusal("early-drop", "no newer ZSK",
			"provider-present ksk-present algorithm-complete");
	}
}

static void
test_early_drop(void **state)
{
	(void)state;
	begin_zone((struct parts){.providers = TWO});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	signed_at(-28, "KSK1 ZSKA ZSKB ZSKC");
	set_of("KSK1 ZSKC ZSKB");
	/* Covered from -26 h, so from 0 h on. */
	expect_permit();
	begin_zone((struct parts){.providers = TWO});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	signed_at(-27, "KSK1 ZSKA ZSKB ZSKC");
	set_of("KSK1 ZSKC ZSKB");
	expect_refusal("early-drop", "until 2027-01-15T09:00:00Z", "");
	assert_string_equal(find_refusal("early-drop", "")->provider, "alpha");
}

static void
test_zsk_coverage(void **state)
{
	(void)state;
	begin_zone((struct parts){.providers = TWO});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	set_of("KSK1 ZSKA ZSKB ZSKC");
	expect_permit();
	set_of("KSK1 ZSKC ZSKB");
	expect_refusal("zsk-coverage", "lack every ZSK", "early-drop");
}

/* RFC 8901 2.1.2: a provider whose only key is a CSK signs its data with that:
 * it may be made to serve, and the zone may get its first DS. */
static void
test_csk(void **state)
{
#define CSK(state) \
	"[{name: alpha, state: serving, keys: [{ds: \"@ZSKA@\"}]}, {name: " \
	"beta, state: " state ", keys: []}]"
	static const char cosigners[] =
		"[{provider: beta, role: csk, ds: \"@SEP4@\"}]";
	struct ksk_refusals refusals;
	struct ksk_table old;
	uint8_t *bytes;
	struct ksk_load load = {.history = &past.h, .now = NOW};
	(void)state;

	for (int hours = -10; hours <= -1; hours += 9) {
		begin_zone((struct parts){
			.providers = CSK("joining"), .cosigners = cosigners});
		bytes = fx.bytes;
		fx.bytes = NULL;
		old = fx.table;
		load.old_table = &old;
		load.old_zone = fx.zone;
		load_policy((struct parts){
			.providers = CSK("serving"), .cosigners = cosigners});
		begin_history();
		signed_at(-100, "KSK1 ZSKA");
		signed_at(hours, "KSK1 ZSKA SEP4");
		load.table = &fx.table;
		load.zone = fx.zone;
		assert_int_equal(
			ksk_rules_judge_load(&load, &refusals), hours == -10);
		if (hours == -1)
			assert_string_equal(
				refusals.list[0].rule, "zsk-coverage");
		free(bytes);
	}
	/* Nothing is at the parent yet. */
	load_policy((struct parts){.parent = "",
		.providers = CSK("serving"),
		.cosigners = cosigners});
	begin_history();
	signed_at(-100, "KSK1 ZSKA SEP4");
	assert_int_not_equal(ksk_history_ds_change(&fx.table, fx.zone, &past.h,
				     NOW, fx.zone->ksks.first),
		KSK_NEVER);
}

static void
test_previous(void **state)
{
	const struct ksk_history_answer *head;
	(void)state;

	begin_zone((struct parts){.providers = TWO});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	head = ksk_history_head(&past.h, KSK_TYPE_DNSKEY);
	set_of("KSK1 ZSKA ZSKB");
	fx.sign.has_previous = true;
	memcpy(fx.sign.previous, head->hash, KSK_HASH_LEN);
	expect_permit();
	fx.sign.previous[0] ^= 1;
	expect_refusal("previous", "somebody else has changed it", "");
}

static void
test_supersedes(void **state)
{
	(void)state;
	begin_zone((struct parts){.providers = TWO});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	push(KSK_TYPE_DNSKEY, after(50), after(-2))->content =
		past.answer[0].content;
	set_of("KSK1 ZSKA ZSKB");
	expect_refusal("supersedes", "record 3", "");
	fx.sign.supersede_count = 1;
	fx.sign.supersede[0] = 3;
	expect_permit();
	fx.sign.supersede[0] = 2;
	expect_refusal("supersedes", "names 1 answers, but 0", "");
}

static void
test_adopt(void **state)
{
	struct ksk_history_answer adopted, ghost;
	struct ksk_history_member members[KSK_RDATA_COUNT_MAX];
	(void)state;

	begin_zone((struct parts){0});
	set_of("KSK1 ZSKA ZSKB");
	expect_refusal("adopt", "kskctl adopt", "");
	begin_zone((struct parts){.extra = "new-zone: yes"});
	set_of("KSK1 ZSKA ZSKB");
	expect_permit();
	/* The ghost knows our attested KSK and nothing else. */
	begin_zone((struct parts){0});
	adopted = *signed_at(0, "KSK1 ZSKA ZSKB");
	assert_int_equal(ksk_history_ghost(&past.h, &adopted, past.member,
				 &ghost, members),
		1);
	assert_int_equal(members[0].key, known("KSK1", 4));
	assert_true(ghost.ghost && ghost.seq == adopted.seq - 1);
	past.answer[1] = past.answer[0];
	past.answer[0] = ghost;
	past.answer[0].content.first = (uint32_t)past.h.member_count;
	past.member[past.h.member_count++] = members[0];
	past.h.answer_count = 2;
	/* A refresh passes at once; what is covered shows later. */
	set_of("KSK1 ZSKA ZSKB");
	expect_permit();
	assert_int_equal(
		ksk_history_covered(fx.zone, &past.h, known("ZSKA", 4)),
		after(2));
}

static void
test_ds_covered(void **state)
{
	const struct parts roll = {.ksk = "[{token: main, label: one, ds: "
					  "\"@KSK1@\", until: "
					  "2027-01-14T00:00:00Z}, {token: "
					  "main, label: two, ds: \"@KSK2@\"}]",
		.parent = "parent-ds: {seen: 2027-01-15T00:00:00Z, ds: "
			  "[\"@KSK2@\"]}"};
	(void)state;

	/* The parent changed 8 h ago: the old DS may be held for 25 h. */
	begin_zone(roll);
	signed_at(-100, "KSK1 KSK2 ZSKA ZSKB");
	seen_at(-8, "KSK2");
	set_of("KSK1 KSK2 ZSKA ZSKB");
	expect_permit();
	set_of("KSK2 ZSKA ZSKB");
	expect_refusal("ds-covered", "may still hold", "ksk-present");
	begin_zone(roll);
	signed_at(-100, "KSK1 KSK2 ZSKA ZSKB");
	seen_at(-25, "KSK2");
	set_of("KSK2 ZSKA ZSKB");
	expect_permit();
}

static void
test_early_ds(void **state)
{
	const struct parts roll = {
		.ksk = "[{token: main, label: one, ds: \"@KSK1@\", cds: no}, "
		       "{token: main, label: two, ds: \"@KSK2@\", cds: yes}]"};
	struct record r = {.len = 36};
	struct ksk_buf buf = ksk_buf_of(r.data, sizeof(r.data));
	(void)state;

	begin_zone(roll);
	signed_at(-100, "KSK1 ZSKA ZSKB");
	signed_at(-2, "KSK1 KSK2 ZSKA ZSKB");
	begin_set(KSK_TYPE_CDS);
	assert_int_equal(
		ksk_ds_write(&past.key[known("KSK2", 4)].sha256, &buf), KSK_OK);
	r.len = buf.len;
	add_record(&r);
	expect_permit();
	assert_int_equal(ksk_history_ds_change(&fx.table, fx.zone, &past.h, NOW,
				 fx.zone->ksks.first + 1),
		NOW);
	/* An hour younger: caches may hold sets without the new KSK. */
	past.answer[1].released += 3600;
	expect_refusal("early-ds", "before 2027-01-15T09:00:00Z", "");
	assert_int_equal(ksk_history_ds_change(&fx.table, fx.zone, &past.h, NOW,
				 fx.zone->ksks.first + 1),
		after(1));
}

static void
test_parent(void **state)
{
	(void)state;
	begin_zone((struct parts){0});
	past.parent[0].seen = after(-400);
	/* Seen later than the newest: a snapshot, even of the same set. */
	assert_int_equal(ksk_history_attested(&fx.table, fx.zone, &past.h),
		KSK_ATTESTED_NEW);
	seen_at(-1, "KSK1");
	assert_int_equal(ksk_history_attested(&fx.table, fx.zone, &past.h),
		KSK_ATTESTED_NOTHING);
	seen_at(0, "KSK2");
	assert_int_equal(ksk_history_attested(&fx.table, fx.zone, &past.h),
		KSK_ATTESTED_BACK);
	/* The earliest CDS that fits is what the parent acted on. */
	begin_zone((struct parts){0});
	cds_at(-90, "KSK2");
	cds_at(-80, "KSK1");
	cds_at(-70, "KSK2");
	seen_at(-1, "KSK2");
	assert_int_equal(past.parent[1].acted_cds, past.answer[0].seq);
}

static void
test_droppable(void **state)
{
	(void)state;
	begin_zone((struct parts){.providers = TWO});
	signed_at(-24 * 100, "KSK1 ZSKA ZSKB");
	signed_at(-24 * 90, "KSK1 ZSKA ZSKB ZSKC")->expiration = after(0);
	signed_at(-24 * 20, "KSK1 ZSKC ZSKB");
	/* The second was served until 20 days ago. */
	assert_int_equal(
		ksk_history_droppable(fx.zone, &past.h, KSK_TYPE_DNSKEY, NOW),
		1);
	assert_int_equal(ksk_history_droppable(fx.zone, &past.h,
				 KSK_TYPE_DNSKEY, after(24 * 30)),
		2);
	assert_int_equal(
		ksk_history_entered(fx.zone, &past.h, known("ZSKC", 4), 1), 0);
	/* That the third lacks it is seen there, as long as that is served. */
	assert_int_equal(
		ksk_history_entered(fx.zone, &past.h, known("ZSKA", 4), 1),
		past.answer[0].seq);
	assert_int_equal(
		ksk_history_entered(fx.zone, &past.h, known("ZSKB", 4), 2),
		past.answer[0].seq);
	assert_int_equal(
		ksk_history_parents_droppable(fx.zone, &past.h, NOW), 0);
}

static void
test_possession(void **state)
{
	const struct parts proof = {
		.providers = "[{name: alpha, state: serving, proof: all, keys: "
			     "[{ds: \"@ZSKA@\"}, {ds: \"@ZSKC@\"}]}, {name: "
			     "beta, state: serving, keys: [{ds: "
			     "\"@ZSKB@\"}]}]"};
	(void)state;

	begin_zone(proof);
	signed_at(-100, "KSK1 ZSKA ZSKB");
	set_of("KSK1 ZSKA ZSKB");
	expect_permit();
	set_of("KSK1 ZSKA ZSKB ZSKC");
	expect_refusal("key-possession", "prove", "");
	past.key[known("ZSKC", 4)].proven = true;
	expect_permit();
}

static void
test_rate(void **state)
{
	(void)state;
	begin_zone((struct parts){.providers = TWO, .extra = "rate: \"1/1h\""});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	fx.candidate.recent = 1;
	set_of("KSK1 ZSKA ZSKB");
	expect_permit();
	set_of("KSK1 ZSKA ZSKB ZSKC");
	expect_refusal("rate", "`rate`", "");
}

static void
test_load(void **state)
{
	struct ksk_refusals refusals;
	struct ksk_load load;
	(void)state;

	begin_zone((struct parts){.providers = TWO});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	load = (struct ksk_load){.table = &fx.table,
		.zone = fx.zone,
		.history = &past.h,
		.now = NOW};
	assert_true(ksk_rules_judge_load(&load, &refusals));
	/* A provider whose keys nobody has becomes serving. */
	load_policy((struct parts){
		.providers = "[{name: alpha, state: serving, keys: [{ds: "
			     "\"@ZSKA@\"}]}, {name: beta, state: serving, "
			     "keys: [{ds: \"@ZSKB@\"}]}, {name: gamma, state: "
			     "serving, keys: [{ds: \"@ZSKD@\"}]}]"});
	load.zone = fx.zone;
	assert_false(ksk_rules_judge_load(&load, &refusals));
	assert_string_equal(refusals.list[0].rule, "zsk-coverage");
	assert_string_equal(refusals.list[0].provider, "gamma");
	/* A provider goes whose ZSK is in the set. */
	load_policy((struct parts){
		.providers = "[{name: alpha, state: serving, keys: [{ds: "
			     "\"@ZSKA@\"}]}]"});
	load.zone = fx.zone;
	assert_false(ksk_rules_judge_load(&load, &refusals));
	load_policy((struct parts){
		.providers = "[{name: alpha, state: serving, keys: [{ds: "
			     "\"@ZSKA@\"}]}]",
		.extra = "accept-outage: yes"});
	load.zone = fx.zone;
	assert_true(ksk_rules_judge_load(&load, &refusals));
}

#define T(name) cmocka_unit_test_teardown(name, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_times),
		T(test_drop_of_an_algorithm),
		T(test_early_drop),
		T(test_zsk_coverage),
		T(test_csk),
		T(test_previous),
		T(test_supersedes),
		T(test_adopt),
		T(test_ds_covered),
		T(test_early_ds),
		T(test_parent),
		T(test_droppable),
		T(test_possession),
		T(test_rate),
		T(test_load),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
