/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_history_more - rules that compare a set with the past, in the corners
 * that the stories seldom reach: the delete form of CDS, CDNSKEY beside CDS, a
 * provider that leaves, an algorithm that comes and goes, a wait that shrank,
 * a key that nobody could have begun to use. The zone's waits: TTL 1 h,
 * propagation 1 h, zone-max-ttl 1 d, sign-delay 1 h, parent-ds-ttl 1 d,
 * parent-propagation 1 h, inception-offset 1 h.
 */
#include "history_fixture.h"

static void
ask_cdnskey(const char *name)
{
	struct record r = key_of(name, strlen(name));

	begin_set(KSK_TYPE_CDNSKEY);
	add_record(&r);
}

/* RFC 8078 4 */
static void
ask_delete(uint16_t type)
{
	struct record r = {.data = {0}, .len = 5};

	r.data[2] = type == KSK_TYPE_CDNSKEY ? 3 : 0;
	begin_set(type);
	add_record(&r);
}

static void
test_delete_form(void **state)
{
	static const uint16_t types[] = {KSK_TYPE_CDS, KSK_TYPE_CDNSKEY};
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		begin_zone((struct parts){
			.extra = "cds-delete: {until: 2027-01-16T00:00:00Z}"});
		signed_at(-100, "KSK1 ZSKA ZSKB");
		ask_delete(types[i]);
		expect_permit();
		/* Before its first DNSKEY set no zone has anything to delete. */
		past.h.answer_count = 0;
		expect_refusal("early-ds", "no DNSKEY set", "");
		begin_zone((struct parts){0});
		signed_at(-100, "KSK1 ZSKA ZSKB");
		ask_delete(types[i]);
		expect_refusal("cds", "would make the zone insecure", "");
	}
}

/* A published delete form may be acted on: what follows is judged so. */
static void
test_after_delete_form(void **state)
{
	struct ksk_history_answer *a;
	(void)state;

	begin_zone((struct parts){0});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	a = cds_at(-50, "");
	assert_int_equal(a->content.count, 0);
	assert_true(ksk_history_is_sound(&past.h));
	/* Whatever the parent has now, the KSK signs: nothing is broken. */
	set_of("KSK1 ZSKA ZSKB");
	expect_permit();
	ask_cds("KSK1");
	expect_permit();
	/* Not said at once that it says what the parent says: two sets may be
	 * held, so the DNSKEY sets must fit. */
	begin_zone((struct parts){
		.ksk = "[{token: main, label: one, ds: \"@KSK1@\"}, {token: "
		       "main, label: two, ds: \"@KSK2@\", cds: no}]"});
	signed_at(-100, "KSK2 ZSKA ZSKB");
	signed_at(-1, "KSK1 KSK2 ZSKA ZSKB");
	ask_cds("KSK1");
	expect_permit();
	cds_at(-50, "");
	ask_cds("KSK1");
	expect_refusal("early-ds", "before 2027-01-15T09:00:00Z", "");
}

static void
test_cdnskey(void **state)
{
	const struct parts roll = {
		.ksk = "[{token: main, label: one, ds: \"@KSK1@\", cds: no}, "
		       "{token: main, label: two, ds: \"@KSK2@\", cds: yes}]"};
	struct ksk_history_answer *a;
	(void)state;

	begin_zone(roll);
	signed_at(-100, "KSK1 ZSKA ZSKB");
	signed_at(-2, "KSK1 KSK2 ZSKA ZSKB");
	ask_cdnskey("KSK2");
	expect_permit();
	past.answer[1].released += 3600;
	expect_refusal("early-ds", "before 2027-01-15T09:00:00Z", "");
	/* What was published as CDNSKEY may be held as much as a CDS. */
	begin_zone(
		(struct parts){.ksk = "[{token: main, label: one, ds: "
				      "\"@KSK1@\"}, {token: main, label: two, "
				      "ds: \"@KSK2@\", until: "
				      "2027-01-14T00:00:00Z}]"});
	signed_at(-100, "KSK1 KSK2 ZSKA ZSKB");
	set_of("KSK1 ZSKA ZSKB");
	expect_permit();
	a = cds_at(-50, "KSK2");
	a->type = KSK_TYPE_CDNSKEY;
	expect_refusal("ds-covered", "CDS or CDNSKEY set", "ksk-present");
	set_of("KSK1 KSK2 ZSKA ZSKB");
	expect_permit();
	/* The order of each type is its own (RFC 7344 6.2). */
	begin_zone(roll);
	signed_at(-100, "KSK1 KSK2 ZSKA ZSKB");
	cds_at(2, "KSK1");
	ask_cdnskey("KSK2");
	expect_permit();
	ask_cds("KSK2");
	expect_refusal("window", "later inception", "supersedes");
}

static void
test_leaving(void **state)
{
#define LEAVING(gone) \
	"[{name: alpha, state: serving, keys: [{ds: \"@ZSKA@\"}]}, {name: " \
	"beta, state: leaving" gone ", keys: [{ds: \"@ZSKB@\"}]}]"
	(void)state;
	/* Asked as long as nobody says since when it is gone, and for
	 * zone-max-ttl after that. */
	begin_zone((struct parts){.providers = LEAVING("")});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	set_of("KSK1 ZSKA");
	expect_refusal(
		"provider-present", "`gone`", "early-drop algorithm-complete");
	begin_zone((struct parts){
		.providers = LEAVING(", gone: 2027-01-14T08:00:01Z")});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	set_of("KSK1 ZSKA");
	expect_refusal("provider-present", "until 2027-01-15T08:00:01Z",
		"early-drop algorithm-complete");
	begin_zone((struct parts){
		.providers = LEAVING(", gone: 2027-01-14T08:00:00Z")});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	set_of("KSK1 ZSKA");
	expect_permit();
	/* Its keys may stay for a while. */
	set_of("KSK1 ZSKA ZSKB");
	expect_permit();
}

static void
test_algorithm_roll(void **state)
{
	const char *keys =
		"[{name: alpha, state: serving, keys: [{ds: \"@ZSKA@\"}, {ds: "
		"\"@ZSK8@\"}]}]";
	const char *both = "[{token: main, ds: \"@KSK1@\"}, {token: main, ds: "
			   "\"@KSK8@\"}]";
	(void)state;

	/* In: KSK and ZSK of the algorithm enter together. */
	begin_zone((struct parts){.ksk = both, .providers = keys});
	signed_at(-100, "KSK1 ZSKA");
	set_of("KSK1 ZSKA");
	expect_permit();
	set_of("KSK1 ZSKA ZSK8");
	expect_refusal("ksk-present", "stands at", "algorithm-complete");
	set_of("KSK1 KSK8 ZSKA ZSK8");
	expect_permit();
	/* Out: not while a DS set that names its KSK alone may be held … */
	begin_zone((struct parts){
		.ksk = "[{token: main, ds: \"@KSK1@\", until: "
		       "2027-01-14T00:00:00Z}, {token: main, ds: "
		       "\"@KSK8@\"}]",
		.providers = keys});
	signed_at(-100, "KSK1 KSK8 ZSKA ZSK8");
	set_of("KSK8 ZSK8");
	expect_refusal("ds-covered", "algorithm 13",
		"ksk-present provider-present algorithm-complete early-drop");
	/* … and then at once, ZSKs and all, once the other has taken over. */
	seen_at(-30, "KSK8");
	expect_permit();
}

/* A wait that shrank counts with its old value until that has passed. */
static void
test_shrunk_wait(void **state)
{
	(void)state;
	begin_zone((struct parts){.providers = TWO});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	signed_at(-28, "KSK1 ZSKA ZSKB ZSKC");
	set_of("KSK1 ZSKC ZSKB");
	expect_permit();
	/* zone-max-ttl was 2 d until 47 h ago: it still counts, for 1 h. */
	past.wait[0] = (struct ksk_history_wait){.zone_max_ttl = 2 * 86400,
		.parent_ds_ttl = 86400,
		.unloaded = after(-47)};
	past.h.wait_count = 1;
	expect_refusal("early-drop", "until 2027-01-16T08:00:00Z", "");
	past.wait[0].unloaded = after(-48);
	expect_permit();
	/* The same of parent-ds-ttl. */
	begin_zone((struct parts){
		.ksk = "[{token: main, label: one, ds: "
		       "\"@KSK1@\", until: 2027-01-13T00:00:00Z},"
		       " {token: main, label: two, ds: "
		       "\"@KSK2@\"}]"});
	signed_at(-100, "KSK1 KSK2 ZSKA ZSKB");
	seen_at(-30, "KSK2");
	set_of("KSK2 ZSKA ZSKB");
	expect_permit();
	past.wait[0] = (struct ksk_history_wait){.zone_max_ttl = 86400,
		.parent_ds_ttl = 2 * 86400,
		.unloaded = after(-47)};
	past.h.wait_count = 1;
	expect_refusal(
		"ds-covered", "until 2027-01-16T03:00:00Z", "ksk-present");
	past.wait[0].unloaded = after(-48);
	expect_permit();
}

/* early-drop (b): nobody could have begun to use it. */
static void
test_unused_key(void **state)
{
	(void)state;
	begin_zone((struct parts){.providers = TWO});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	/* In the set for an hour: caches hold sets without it for an hour more,
	 * and by then everybody has the next. */
	signed_at(-1, "KSK1 ZSKA ZSKB ZSKC");
	set_of("KSK1 ZSKA ZSKB");
	expect_permit();
	past.answer[1].released = after(-2);
	past.answer[1].inception = after(-3);
	expect_refusal("early-drop", "no newer ZSK", "");
	/* What an adopted zone served before proves nothing. */
	begin_zone((struct parts){.providers = TWO});
	signed_at(-100, "KSK1")->ghost = true;
	past.answer[0].expiration = KSK_NEVER;
	signed_at(-1, "KSK1 ZSKA ZSKB ZSKC");
	set_of("KSK1 ZSKA ZSKB");
	expect_refusal("early-drop", "no newer ZSK", "zsk-coverage");
}

#define T(name) cmocka_unit_test_teardown(name, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_delete_form),
		T(test_after_delete_form),
		T(test_cdnskey),
		T(test_leaving),
		T(test_algorithm_roll),
		T(test_shrunk_wait),
		T(test_unused_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
