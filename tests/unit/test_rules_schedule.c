/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of schedules: each bundle is judged with those before it as history,
 * schedule-gap, what the whole replaces, and whether a bundle that was signed
 * may be given again.
 */
#include "tests/unit/history_fixture.h"

#define SIGNATURE \
	"{validity: 14d, refresh: 5d, inception-offset: 1h, horizon: 90d}"
#define PROVIDERS \
	"[{name: alpha, state: serving, keys: [{ds: \"@ZSKA@\"}, {ds: " \
	"\"@ZSKC@\"}]}, {name: beta, state: serving, keys: [{ds: " \
	"\"@ZSKB@\"}]}]"
#define DAY 24

static struct ksk_schedule schedule;
static struct ksk_schedule_room *room;
static struct record pool[KSK_SCHEDULE_RDATA_MAX];

static void
begin(const char *providers)
{
	load_policy(
		(struct parts){.signature = SIGNATURE, .providers = providers});
	begin_history();
	memset(&schedule, 0, sizeof(schedule));
	schedule.owner = fx.sign.rrset.owner;
	if (room == NULL)
		assert_int_equal(ksk_schedule_room_new(&room), KSK_OK);
}

static uint8_t
place(const struct record *r)
{
	size_t i = 0;

	while (i < schedule.rdata_count &&
		!ksk_span_equal(
			schedule.rdata[i], ksk_span_of(r->data, r->len)))
		i++;
	if (i == schedule.rdata_count) {
		pool[i] = *r;
		schedule.rdata[i] = ksk_span_of(pool[i].data, r->len);
		schedule.rdata_count++;
	}
	return (uint8_t)i;
}

/* A bundle that begins so many hours from NOW and is valid so many. */
static struct ksk_bundle *
bundle(uint16_t type, int hours, int valid, const char *names)
{
	struct ksk_bundle *b = &schedule.bundle[schedule.bundle_count++];

	*b = (struct ksk_bundle){.type = type,
		.ttl = TTL,
		.window = {after(hours), after(hours + valid)}};
	while (*names != '\0') {
		size_t len = strcspn(names, " ");
		struct record r = key_of(names, len);

		if (type == KSK_TYPE_CDS) {
			struct ksk_ds ds;
			struct ksk_buf buf = ksk_buf_of(r.data, sizeof(r.data));

			assert_int_equal(
				ksk_ds_build(&schedule.owner,
					ksk_span_of(r.data, r.len), 2, &ds),
				KSK_OK);
			assert_int_equal(ksk_ds_write(&ds, &buf), KSK_OK);
			r.len = buf.len;
		}
		b->index[b->count++] = place(&r);
		names += len;
		names += strspn(names, " ");
	}
	return b;
}

static void
judge_all(void)
{
	fx.permitted = ksk_rules_judge_schedule(&fx.table, fx.zone, &schedule,
		&fx.candidate, room, &fx.refusals);
}

static void
expect_all(void)
{
	judge_all();
	if (!fx.permitted)
		fail_msg("bundle %u: %s: %s",
			(unsigned)fx.refusals.list[0].bundle,
			fx.refusals.list[0].rule, fx.refusals.list[0].why);
	assert_int_equal(fx.refusals.count, 0);
}

/* Refused by this rule in this bundle, and by nothing else. */
static void
expect_one(size_t at, const char *rule, const char *why)
{
	const struct ksk_refusal *r = &fx.refusals.list[0];

	judge_all();
	assert_false(fx.permitted);
	if (fx.refusals.count != 1 || !r->has_bundle || r->bundle != at ||
		strcmp(r->rule, rule) != 0 || strstr(r->why, why) == NULL) {
		print_refusals();
		fail_msg("not only bundle %zu: %s: %s", at, rule, why);
	}
}

/* A roll of alpha's ZSK: add C, wait, drop A. */
static void
roll(int add, int drop)
{
	bundle(KSK_TYPE_DNSKEY, 0, 14 * DAY, "KSK1 ZSKA ZSKB");
	bundle(KSK_TYPE_DNSKEY, add, 14 * DAY, "KSK1 ZSKA ZSKC ZSKB");
	bundle(KSK_TYPE_DNSKEY, drop, 14 * DAY, "KSK1 ZSKC ZSKB");
}

static void
test_a_roll_is_one_schedule(void **state)
{
	(void)state;
	begin(PROVIDERS);
	signed_at(-10 * DAY, "KSK1 ZSKA ZSKB");
	roll(7 * DAY, 14 * DAY);
	expect_all();
	for (size_t i = 0; i < 3; i++) {
		const struct ksk_permit *permit = ksk_schedule_permit(room, i);

		assert_int_equal(permit->signer_count, 1);
		assert_int_equal(permit->window.inception,
			schedule.bundle[i].window.inception);
	}
	/* The first signing of a zone, with all that follows. */
	begin(PROVIDERS);
	load_policy((struct parts){.signature = SIGNATURE,
		.providers = PROVIDERS,
		.parent = "parent-ds: {seen: 2027-01-01T00:00:00Z, ds: []}",
		.extra = "new-zone: yes"});
	fx.candidate.history = &past.h;
	roll(7 * DAY, 14 * DAY);
	expect_all();
	/* Without any timeline what is left is what each set shows. */
	fx.candidate.history = NULL;
	expect_all();
}

/* cov(C) = 7 d + offset + propagation + TTL; A may leave sign-delay +
 * propagation + zone-max-ttl later. */
static void
test_bundles_before_are_history(void **state)
{
	(void)state;
	begin(PROVIDERS);
	signed_at(-10 * DAY, "KSK1 ZSKA ZSKB");
	roll(7 * DAY, 7 * DAY + 3 + 26);
	expect_all();
	begin(PROVIDERS);
	signed_at(-10 * DAY, "KSK1 ZSKA ZSKB");
	roll(7 * DAY, 7 * DAY + 3 + 25);
	expect_one(2, "early-drop", "");
	/* A key that was never in a bundle before. */
	begin(PROVIDERS);
	signed_at(-10 * DAY, "KSK1 ZSKA ZSKB");
	bundle(KSK_TYPE_DNSKEY, 0, 14 * DAY, "KSK1 ZSKA ZSKB");
	bundle(KSK_TYPE_DNSKEY, 7 * DAY, 14 * DAY, "KSK1 ZSKC ZSKB");
	judge_all();
	assert_non_null(find_refusal("zsk-coverage", ""));
	assert_int_equal(find_refusal("early-drop", "")->bundle, 1);
}

/* TIMING.md: by(next) + TTL ≤ expiration. */
static void
test_rule_schedule_gap(void **state)
{
	(void)state;
	begin(PROVIDERS);
	signed_at(-10 * DAY, "KSK1 ZSKA ZSKB");
	bundle(KSK_TYPE_DNSKEY, 0, 7 * DAY, "KSK1 ZSKA ZSKB");
	bundle(KSK_TYPE_DNSKEY, 7 * DAY - 3, 7 * DAY, "KSK1 ZSKA ZSKB");
	expect_all();
	schedule.bundle[1].window.inception++;
	expect_one(1, "schedule-gap",
		"but the one before it expires at 2027-01-22T08:00:00Z");
	/* Sets of another type between are another sequence. */
	bundle(KSK_TYPE_CDS, 0, 14 * DAY, "KSK1");
	bundle(KSK_TYPE_DNSKEY, 10 * DAY, 7 * DAY, "KSK1 ZSKA ZSKB");
	expect_one(1, "schedule-gap", "");
	/* One released before is no bundle: it may end when it likes. */
	begin(PROVIDERS);
	signed_at(-14 * DAY + 2, "KSK1 ZSKA ZSKB");
	bundle(KSK_TYPE_DNSKEY, 20 * DAY, 14 * DAY, "KSK1 ZSKA ZSKB");
	expect_all();
}

static void
test_bundles_rise(void **state)
{
	(void)state;
	begin(PROVIDERS);
	signed_at(-10 * DAY, "KSK1 ZSKA ZSKB");
	bundle(KSK_TYPE_DNSKEY, 5 * DAY, 14 * DAY, "KSK1 ZSKA ZSKB");
	bundle(KSK_TYPE_DNSKEY, 2 * DAY, 14 * DAY, "KSK1 ZSKA ZSKB");
	expect_one(1, "schedule-gap",
		"begins at 2027-01-17T08:00:00Z, not later than the one before "
		"it of its type, at 2027-01-20T08:00:00Z");
	schedule.bundle[1].window = schedule.bundle[0].window;
	expect_one(1, "schedule-gap", "not later");
}

static void
test_what_a_schedule_replaces(void **state)
{
	uint64_t record;

	(void)state;
	begin(PROVIDERS);
	signed_at(-10 * DAY, "KSK1 ZSKA ZSKB");
	push(KSK_TYPE_DNSKEY, after(4 * DAY), after(-9 * DAY))->content =
		past.answer[0].content;
	record = past.answer[1].seq / KSK_SEQ_PER_RECORD;
	bundle(KSK_TYPE_DNSKEY, 0, 14 * DAY, "KSK1 ZSKA ZSKB");
	bundle(KSK_TYPE_DNSKEY, 7 * DAY, 14 * DAY, "KSK1 ZSKA ZSKB");
	expect_one(0, "supersedes", "name it in `supersedes`");
	schedule.supersede[schedule.supersede_count++] = record;
	expect_all();
	schedule.supersede[schedule.supersede_count++] = record + 5;
	expect_one(1, "supersedes", "names 2 answers, but 1 of them");
	/* A schedule that begins behind it replaces nothing. */
	schedule.supersede_count = 0;
	schedule.bundle[0].window = (struct ksk_window){
		after(5 * DAY), after(19 * DAY)};
	expect_all();
}

static void
test_previous_is_for_the_first(void **state)
{
	(void)state;
	begin(PROVIDERS);
	signed_at(-10 * DAY, "KSK1 ZSKA ZSKB");
	roll(7 * DAY, 14 * DAY);
	schedule.has_previous = true;
	memcpy(schedule.previous, past.answer[0].hash, KSK_HASH_LEN);
	expect_all();
	schedule.previous[0] ^= 1;
	expect_one(0, "previous", "is not the hash");
}

static void
test_all_that_fails_is_named(void **state)
{
	(void)state;
	begin(PROVIDERS);
	signed_at(-10 * DAY, "KSK1 ZSKA ZSKB");
	bundle(KSK_TYPE_DNSKEY, 0, 14 * DAY, "KSK1 ZSKA ZSKB")->ttl = 60;
	bundle(KSK_TYPE_DNSKEY, 7 * DAY, 14 * DAY, "KSK1 ZSKA ZSKB");
	bundle(KSK_TYPE_DNSKEY, 100 * DAY, 14 * DAY, "KSK1 ZSKA ZSKB ZSKD");
	judge_all();
	assert_int_equal(find_refusal("ttl", "")->bundle, 0);
	assert_int_equal(find_refusal("window", "horizon")->bundle, 2);
	assert_int_equal(find_refusal("key-allowed", "")->bundle, 2);
	assert_int_equal(find_refusal("schedule-gap", "")->bundle, 2);
	assert_int_equal(fx.refusals.count, 4);
	/* A client's key and its rate are judged once. */
	schedule.bundle_count = 0;
	roll(7 * DAY, 14 * DAY);
	fx.candidate.clash = true;
	expect_one(0, "idempotency", "");
	fx.candidate.clash = false;
	fx.candidate.recent = 1000000;
	/* An unchanged set is within every rate, a changed one is not. */
	expect_all();
	schedule.bundle_count = 0;
	bundle(KSK_TYPE_DNSKEY, 0, 14 * DAY, "KSK1 ZSKA ZSKC ZSKB");
	bundle(KSK_TYPE_DNSKEY, 7 * DAY, 14 * DAY, "KSK1 ZSKA ZSKC ZSKB");
	expect_one(0, "rate", "this client got");
	/* Of an unknown zone there is nothing to say twice. */
	fx.zone = NULL;
	fx.candidate.history = NULL;
	expect_one(0, "zone", "is not the apex");
}

/* CDS in a schedule are judged by the DNSKEY bundles before them. */
static void
test_cds_follow_the_bundles(void **state)
{
	(void)state;
	load_policy((struct parts){.signature = SIGNATURE,
		.providers = PROVIDERS,
		.ksk = "[{token: main, label: one, ds: \"@KSK1@\", cds: no}, {token: "
		       "main, label: two, ds: \"@KSK2@\", from: "
		       "2027-01-20T08:00:00Z, cds: yes}]"});
	begin_history();
	memset(&schedule, 0, sizeof(schedule));
	schedule.owner = fx.sign.rrset.owner;
	signed_at(-10 * DAY, "KSK1 ZSKA ZSKB");
	seen_at(-10 * DAY, "KSK1");
	bundle(KSK_TYPE_DNSKEY, 0, 14 * DAY, "KSK1 ZSKA ZSKB");
	bundle(KSK_TYPE_DNSKEY, 5 * DAY, 14 * DAY, "KSK1 KSK2 ZSKA ZSKB");
	/* In every cache offset + propagation + TTL after its inception. */
	bundle(KSK_TYPE_CDS, 5 * DAY + 3, 14 * DAY, "KSK2");
	expect_all();
	schedule.bundle[2].window.inception--;
	schedule.bundle[2].window.expiration--;
	expect_one(2, "early-ds", "");
}

/* What the keeper of the timeline has no room for is not signed. */
static void
test_a_full_timeline(void **state)
{
	static struct ksk_history_key many[300];

	(void)state;
	begin(PROVIDERS);
	signed_at(-10 * DAY, "KSK1 ZSKA ZSKB");
	memcpy(many, past.key, past.h.key_count * sizeof(many[0]));
	past.h.key = many;
	past.h.key_count = 300;
	roll(7 * DAY, 14 * DAY);
	expect_one(0, "rate", "can't be remembered");
}

/* ---- given again ---- */

/* The schedule as released at NOW: a record for each bundle. */
static void
release(void)
{
	for (size_t i = 0; i < schedule.bundle_count; i++) {
		static const char *const names[] = {"KSK1 ZSKA ZSKB",
			"KSK1 ZSKA ZSKC ZSKB", "KSK1 ZSKC ZSKB"};
		struct ksk_history_answer *a = signed_at(0, names[i]);

		a->inception = schedule.bundle[i].window.inception;
		a->expiration = schedule.bundle[i].window.expiration;
	}
}

static bool
again(size_t at)
{
	uint64_t seq = past.answer[past.h.answer_count - 3 + at].seq;

	return ksk_rules_judge_again(&fx.table, fx.zone, &schedule, at, seq,
		&fx.candidate, room, &fx.refusals);
}

static void
test_given_again(void **state)
{
	(void)state;
	begin(PROVIDERS);
	signed_at(-10 * DAY, "KSK1 ZSKA ZSKB");
	roll(7 * DAY, 14 * DAY);
	schedule.has_previous = true; /* is no longer so */
	release();
	for (size_t i = 0; i < 3; i++)
		assert_true(again(i));
	/* The first folded into the answer before it. */
	memmove(&past.answer[0], &past.answer[1], 3 * sizeof(past.answer[0]));
	past.h.answer_count = 3;
	past.answer[0].inception = after(-10 * DAY);
	past.answer[0].released = after(-10 * DAY);
	for (size_t i = 0; i < 3; i++)
		assert_true(again(i));
}

static void
test_not_given_again(void **state)
{
	(void)state;
	begin("[{name: alpha, state: serving, keys: [{ds: \"@ZSKA@\"}, {ds: "
	      "\"@ZSKC@\", withdrawn: yes}]}, {name: beta, state: serving, "
	      "keys: [{ds: \"@ZSKB@\"}]}]");
	signed_at(-10 * DAY, "KSK1 ZSKA ZSKB");
	roll(7 * DAY, 14 * DAY);
	release();
	assert_true(again(0));
	assert_false(again(1));
	assert_non_null(find_refusal("key-allowed", ""));
	assert_int_equal(fx.refusals.list[0].bundle, 1);
	use_client(3);
	assert_false(again(0));
	assert_non_null(find_refusal("client", "may not sign"));
}

static int
free_room(void **state)
{
	(void)state;
	drop_policy();
	ksk_schedule_room_free(&room);
	assert_null(room);
	ksk_schedule_room_free(&room);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_roll_is_one_schedule),
		cmocka_unit_test(test_bundles_before_are_history),
		cmocka_unit_test(test_rule_schedule_gap),
		cmocka_unit_test(test_bundles_rise),
		cmocka_unit_test(test_what_a_schedule_replaces),
		cmocka_unit_test(test_previous_is_for_the_first),
		cmocka_unit_test(test_all_that_fails_is_named),
		cmocka_unit_test(test_cds_follow_the_bundles),
		cmocka_unit_test(test_a_full_timeline),
		cmocka_unit_test(test_given_again),
		cmocka_unit_test(test_not_given_again),
	};

	return cmocka_run_group_tests(tests, NULL, free_room);
}
