/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_rules_words - what refusals by history say: which key, whose, from when,
 * and what to change. A person at 3 o'clock in the morning has nothing but
 * these words. The zone's waits: TTL 1 h, propagation 1 h, zone-max-ttl 1 d,
 * sign-delay 1 h, parent-ds-ttl 1 d, parent-propagation 1 h, inception-offset
 * 1 h.
 */
#include "history_fixture.h"

#define ALPHA(more) \
	"[{name: alpha, state: serving, keys: [{ds: \"@ZSKA@\"}, {ds: " \
	"\"@ZSKC@\"" more "}]}, {name: beta, state: serving, keys: [{ds: " \
	"\"@ZSKB@\"}]}]"
#define KSKS(first, second) \
	"[{token: main, label: one, ds: \"@KSK1@\"" first \
	"}, {token: main, label: two, ds: \"@KSK2@\"" second "}]"
#define PARENT(seen, list) "parent-ds: {seen: " seen ", ds: [" list "]}"

static uint16_t
tag_of(const char *name)
{
	struct record r = key_of(name, strlen(name));
	struct ksk_dnskey key;

	assert_int_equal(
		ksk_dnskey_read(ksk_span_of(r.data, r.len), &key), KSK_OK);
	return key.tag;
}

/* Nothing is cut off, and a policy's fault has room for it. */
static void
check_lengths(void)
{
	for (size_t i = 0; i < fx.refusals.count; i++)
		assert_true(strlen(fx.refusals.list[i].why) < KSK_WHY_CAP - 1);
}

/* The first refusal of the rule says all of that. key: NULL: none is named. */
static void
said(const char *rule, const char *key, const char *provider,
	const char *const words[])
{
	const struct ksk_refusal *r = find_refusal(rule, "");

	check_lengths();
	if (r == NULL) {
		print_refusals();
		fail_msg("%s does not refuse", rule);
		return;
	}
	for (size_t i = 0; words[i] != NULL; i++) {
		if (strstr(r->why, words[i]) == NULL)
			fail_msg(
				"%s: no \"%s\" in: %s", rule, words[i], r->why);
	}
	assert_int_equal(r->has_tag, key != NULL);
	if (key != NULL)
		assert_int_equal(r->tag, tag_of(key));
	assert_string_equal(r->provider, provider);
}

#define SAID(rule, key, provider, ...) \
	said(rule, key, provider, (const char *const[]){__VA_ARGS__, NULL})
#define SAYS(...) \
	do { \
		judge(); \
		SAID(__VA_ARGS__); \
	} while (0)

/* ---- providers and their keys ---- */

static void
test_early_drop(void **state)
{
	(void)state;
	begin_zone((struct parts){.providers = ALPHA("")});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	signed_at(-27, "KSK1 ZSKA ZSKB ZSKC");
	set_of("KSK1 ZSKC ZSKB");
	SAYS("early-drop", "ZSKA", "alpha", "put it back",
		"until 2027-01-15T09:00:00Z", "has replaced it everywhere");
	/* No newer one, the newer one of two, and another algorithm's. */
	set_of("KSK1 ZSKA ZSKB");
	SAYS("early-drop", "ZSKC", "alpha", "no newer ZSK of its provider",
		"put it back", "may leave 1d 1h after", "(`retired`)");
	begin_zone((struct parts){
		.providers = ALPHA(", retired: 2027-01-15T00:00:00Z")});
	signed_at(-100, "KSK1 ZSKA ZSKC ZSKB");
	set_of("KSK1 ZSKB ZSKA");
	SAYS("early-drop", "ZSKC", "alpha", "until 2027-01-16T01:00:00Z");
	set_of("KSK1 ZSKB");
	judge();
	assert_non_null(find_refusal("early-drop", "no other ZSK"));
	/* A provider that is in the policy no more. */
	begin_zone((struct parts){
		.providers = "[{name: alpha, state: serving, keys: [{ds: "
			     "\"@ZSKA@\"}]}]"});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	set_of("KSK1 ZSKA");
	SAYS("early-drop", "ZSKB", "", "no provider of the policy has it",
		"`retired: T`", "1d 1h after T", "`withdrawn`");
}

static void
test_zsk_coverage(void **state)
{
	(void)state;
	begin_zone((struct parts){.providers = ALPHA("")});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	set_of("KSK1 ZSKC ZSKB");
	/* Everybody has the candidate an hour from now, caches a TTL later. */
	SAYS("zsk-coverage", "ZSKA", "alpha", "put it back",
		"until 2027-01-15T10:00:00Z");
	/* Each that leaves is named. */
	begin_zone((struct parts){
		.providers = "[{name: alpha, state: serving, keys: [{ds: "
			     "\"@ZSKA@\"}, {ds: \"@ZSKC@\"}, {ds: "
			     "\"@ZSKD@\"}]}, {name: beta, state: serving, "
			     "keys: [{ds: \"@ZSKB@\"}]}]"});
	signed_at(-100, "KSK1 ZSKA ZSKC ZSKB");
	set_of("KSK1 ZSKD ZSKB");
	judge();
	for (size_t i = 0, seen = 0; i < fx.refusals.count; i++) {
		if (strcmp(fx.refusals.list[i].rule, "zsk-coverage") == 0)
			seen++;
		if (i + 1 == fx.refusals.count)
			assert_int_equal(seen, 2);
	}
}

static void
test_provider_present(void **state)
{
	(void)state;
	begin_zone((struct parts){.providers = ALPHA("")});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	set_of("KSK1 ZSKB");
	SAYS("provider-present", "ZSKA", "alpha", "algorithm 13",
		"add one that the policy lists", "while it is serving");
	/* Leaving: the moment from which it is not needed. */
	begin_zone((struct parts){
		.providers = "[{name: alpha, state: leaving, gone: "
			     "2027-01-15T00:00:00Z, keys: [{ds: "
			     "\"@ZSKA@\"}]}, {name: beta, state: serving, "
			     "keys: [{ds: \"@ZSKB@\"}]}]"});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	set_of("KSK1 ZSKB");
	SAYS("provider-present", "ZSKA", "alpha", "until 2027-01-16T00:00:00Z");
	begin_zone((struct parts){
		.providers = "[{name: alpha, state: leaving, keys: [{ds: "
			     "\"@ZSKA@\"}]}, {name: beta, state: serving, "
			     "keys: [{ds: \"@ZSKB@\"}]}]"});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	set_of("KSK1 ZSKB");
	SAYS("provider-present", "ZSKA", "alpha", "`gone`", "not stated yet");
	/* Nothing to add. */
	begin_zone((struct parts){
		.providers = "[{name: alpha, state: serving, keys: []}, {name: "
			     "beta, state: serving, keys: [{ds: "
			     "\"@ZSKB@\"}]}]"});
	set_of("KSK1 ZSKB");
	SAYS("provider-present", NULL, "alpha", "the policy lists none",
		"list one and add it");
}

static void
test_too_many_keys(void **state)
{
	const struct parts two = {
		.providers = "[{name: alpha, state: serving, max-keys: 1, "
			     "keys: [{ds: \"@ZSKA@\"}, {ds: \"@ZSKC@\"}]}, "
			     "{name: beta, state: serving, keys: [{ds: "
			     "\"@ZSKB@\"}]}]"};
	(void)state;
	begin_zone(two);
	signed_at(-100, "KSK1 ZSKA ZSKB");
	signed_at(-27, "KSK1 ZSKA ZSKB ZSKC");
	set_of("KSK1 ZSKA ZSKB ZSKC");
	SAYS("provider-present", "ZSKA", "alpha", "2 ZSKs of algorithm 13",
		"at most 1 (`max-keys`)",
		"may leave from 2027-01-15T09:00:00Z");
	begin_zone(two);
	signed_at(-27, "KSK1 ZSKA ZSKB ZSKC");
	set_of("KSK1 ZSKA ZSKB ZSKC");
	/* Both came at once: nobody knows which is in use. */
	SAYS("provider-present", "ZSKC", "alpha", "(`retired`)");
}

/* ---- KSKs and the parent ---- */

static void
test_ds_covered(void **state)
{
	const struct parts roll = {
		.ksk = KSKS(", until: 2027-01-14T00:00:00Z", ""),
		.parent = PARENT("2027-01-15T00:00:00Z", "\"@KSK2@\"")};
	(void)state;

	/* Held since before the parent changed: a moment is known. */
	begin_zone(roll);
	signed_at(-100, "KSK1 KSK2 ZSKA ZSKB");
	seen_at(-8, "KSK2");
	set_of("KSK2 ZSKA ZSKB");
	SAYS("ds-covered", "KSK1", "", "a resolver may still hold",
		"algorithm 13 (ECDSAP256SHA256)", "put one back",
		"keep it until 2027-01-16T01:00:00Z");
	/* At the parent: none is, before somebody has looked again. */
	begin_zone((struct parts){
		.ksk = KSKS(", until: 2027-01-14T00:00:00Z", "")});
	signed_at(-100, "KSK1 KSK2 ZSKA ZSKB");
	set_of("KSK2 ZSKA ZSKB");
	SAYS("ds-covered", "KSK1", "", "seen at the parent on 2027-01-07",
		"until 1d 1h after operators attested another DS set "
		"(`parent-ds`)");
	/* Published, and perhaps acted on. */
	begin_zone((struct parts){
		.ksk = KSKS(", from: 2027-02-01T00:00:00Z", "")});
	signed_at(-100, "KSK1 KSK2 ZSKA ZSKB");
	cds_at(-50, "KSK1 KSK2");
	seen_at(-8, "KSK2");
	cds_at(-4, "KSK1");
	set_of("KSK2 ZSKA ZSKB");
	SAYS("ds-covered", "KSK1", "", "CDS or CDNSKEY set released on",
		"2027-01-15T04:00:00Z", "may have acted on");
}

static void
test_ksk_present(void **state)
{
	(void)state;
	begin_zone((struct parts){
		.ksk = KSKS("", ", until: 2027-03-01T00:00:00Z")});
	set_of("KSK1 ZSKA ZSKB");
	SAYS("ksk-present", "KSK2", "", "\"two\" of token main",
		"stands at 2027-01-15T08:00:00Z", "add it",
		"keep it until 2027-03-01T00:00:00Z (`until`)");
	begin_zone((struct parts){.ksk = KSKS("", "")});
	set_of("KSK1 ZSKA ZSKB");
	SAYS("ksk-present", "KSK2", "", "keep it until a policy ends it");
	/* Out of time, but held. */
	begin_zone((struct parts){
		.ksk = KSKS(", until: 2027-01-14T00:00:00Z", "")});
	signed_at(-100, "KSK1 KSK2 ZSKA ZSKB");
	seen_at(-8, "KSK2");
	set_of("KSK2 ZSKA ZSKB");
	SAYS("ksk-present", "KSK1", "", "add it",
		"until 2027-01-16T01:00:00Z, when no cache holds its DS");
	begin_zone((struct parts){
		.ksk = KSKS(", until: 2027-01-14T00:00:00Z", "")});
	signed_at(-100, "KSK1 KSK2 ZSKA ZSKB");
	set_of("KSK2 ZSKA ZSKB");
	SAYS("ksk-present", "KSK1", "", "until operators attest a DS set");
	/* Not yet, no more, none at all. */
	begin_zone((struct parts){
		.ksk = KSKS("", ", from: 2027-02-01T00:00:00Z")});
	set_of("KSK1 KSK2 ZSKA ZSKB");
	SAYS("ksk-present", "KSK2", "", "does not stand at 2027-01-15T08",
		"(`from` is 2027-02-01T00:00:00Z)", "remove it",
		"let the set start then");
	begin_zone((struct parts){
		.ksk = "[{token: main, label: one, ds: \"@KSK1@\", from: "
		       "2027-02-01T00:00:00Z}]",
		.parent = ""});
	past.h.parent_count = 0;
	set_of("ZSKA ZSKB");
	SAYS("ksk-present", NULL, "", "stands at 2027-01-15T08:00:00Z",
		"give one a `from` and `until`");
}

static void
test_ksk_of_new_algorithm(void **state)
{
	const struct parts both = {
		.ksk = "[{token: main, label: one, ds: \"@KSK1@\"}, {token: "
		       "main, label: rsa, ds: \"@KSK8@\"}]",
		.providers = "[{name: alpha, state: serving, keys: [{ds: "
			     "\"@ZSKA@\"}, {ds: \"@ZSK8@\"}]}, {name: beta, "
			     "state: serving, keys: [{ds: \"@ZSKB@\"}]}]"};
	(void)state;
	/* One provider is not ready: the KSK is in time, and yet must wait. */
	begin_zone(both);
	signed_at(-100, "KSK1 ZSKA ZSKB");
	set_of("KSK1 KSK8 ZSKA ZSKB");
	SAYS("ksk-present", "KSK8", "alpha", "must not be in the set yet",
		"algorithm 8", "remove the KSK");
	set_of("KSK1 KSK8 ZSKA ZSK8 ZSKB");
	SAYS("ksk-present", "KSK8", "beta", "this provider has no ZSK of it");
}

/* ---- CDS ---- */

static void
test_early_ds(void **state)
{
	const struct parts roll = {.ksk = KSKS(", cds: no", ", cds: yes")};
	(void)state;

	begin_zone(roll);
	ask_cds("KSK2");
	SAYS("early-ds", "KSK2", "", "no DNSKEY set of this zone is signed yet",
		"kskctl keys");
	signed_at(-100, "KSK1 ZSKA ZSKB");
	ask_cds("KSK2");
	SAYS("early-ds", "KSK2", "", "the newest DNSKEY set (record 2)",
		"algorithm 13", "sign a set with this one", "kskctl keys");
	signed_at(-1, "KSK1 KSK2 ZSKA ZSKB");
	ask_cds("KSK2");
	SAYS("early-ds", "KSK2", "", "before 2027-01-15T09:00:00Z",
		"ask again then");
	/* Without a past that can be trusted. */
	fx.candidate.history = NULL;
	SAYS("early-ds", "KSK2", "", "ask again once the appliance is ready");
}

static void
test_early_ds_of_new_algorithm(void **state)
{
	const struct parts rsa = {
		.ksk = "[{token: main, ds: \"@KSK1@\", cds: no}, {token: main, "
		       "ds: \"@KSK8@\", cds: yes}]",
		.providers = "[{name: alpha, state: serving, keys: [{ds: "
			     "\"@ZSKA@\"}, {ds: \"@ZSK8@\"}]}]"};
	(void)state;

	begin_zone(rsa);
	signed_at(-100, "KSK1 ZSKA");
	signed_at(-50, "KSK1 KSK8 ZSKA ZSK8");
	ask_cds("KSK8");
	/* -48 h covered, sign-delay, propagation, zone-max-ttl. */
	expect_permit();
	past.answer[1].released = after(-20);
	past.answer[1].inception = after(-21);
	SAYS("early-ds", "KSK8", "alpha", "before 2027-01-15T16:00:00Z",
		"data of this provider", "algorithm 8");
	begin_zone((struct parts){.ksk = rsa.ksk,
		.providers = "[{name: alpha, state: serving, keys: [{ds: "
			     "\"@ZSKA@\"}, {ds: \"@ZSK8@\"}]}, {name: beta, "
			     "state: serving, keys: [{ds: \"@ZSKB@\"}]}]"});
	signed_at(-50, "KSK1 KSK8 ZSKA ZSK8 ZSKB");
	ask_cds("KSK8");
	SAYS("early-ds", "KSK8", "beta", "has no ZSK of it",
		"let the provider sign all data");
}

/* ---- the order of answers ---- */

static void
test_previous(void **state)
{
	(void)state;
	begin_zone((struct parts){.providers = ALPHA("")});
	set_of("KSK1 ZSKA ZSKB");
	fx.sign.has_previous = true;
	memset(fx.sign.previous, 9, KSK_HASH_LEN);
	SAYS("previous", NULL, "", "none of this type is known",
		"leave it out");
	signed_at(-100, "KSK1 ZSKA ZSKB");
	SAYS("previous", NULL, "", "record 2", "2027-01-11T04:00:00Z",
		"0202020202", "kskctl last-answer");
}

static void
test_supersedes(void **state)
{
	(void)state;
	begin_zone((struct parts){.providers = ALPHA("")});
	signed_at(-100, "KSK1 ZSKA ZSKB");
	push(KSK_TYPE_DNSKEY, after(50), after(-2))->content =
		past.answer[0].content;
	set_of("KSK1 ZSKA ZSKB");
	SAYS("supersedes", NULL, "", "record 3", "2027-01-17T10:00:00Z",
		"name it in `supersedes`");
}

/* ---- policies ---- */

static void
test_load(void **state)
{
	const char *join =
		"[{name: alpha, state: serving, keys: [{ds: \"@ZSKA@\"}]}, "
		"{name: beta, state: serving, keys: [{ds: \"@ZSKB@\"}]}]";
	struct ksk_load load = {.now = NOW};

	(void)state;
	begin_zone((struct parts){.providers = join});
	signed_at(-100, "KSK1 ZSKA");
	signed_at(-1, "KSK1 ZSKA ZSKB");
	load.table = &fx.table;
	load.zone = fx.zone;
	load.history = &past.h;
	assert_false(ksk_rules_judge_load(&load, &fx.refusals));
	SAID("zsk-coverage", "ZSKB", "beta", "leave it `joining`",
		"until 2027-01-15T09:00:00Z");
	past.h.answer_count = 1;
	assert_false(ksk_rules_judge_load(&load, &fx.refusals));
	assert_non_null(find_refusal("zsk-coverage", "has no ZSK of it"));
	/* Ahead lies a set with a ZSK that nobody has. */
	begin_zone((struct parts){
		.providers = "[{name: alpha, state: serving, keys: [{ds: "
			     "\"@ZSKA@\"}]}]"});
	signed_at(-100, "KSK1 ZSKA");
	signed_at(-90, "KSK1 ZSKA ZSKB")->inception = after(40);
	load.zone = fx.zone;
	assert_false(ksk_rules_judge_load(&load, &fx.refusals));
	SAID("early-drop", "ZSKB", "", "signed ahead",
		"from 2027-01-17T00:00:00Z on");
}

#define T(name) cmocka_unit_test_teardown(name, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_early_drop),
		T(test_zsk_coverage),
		T(test_provider_present),
		T(test_too_many_keys),
		T(test_ds_covered),
		T(test_ksk_present),
		T(test_ksk_of_new_algorithm),
		T(test_early_ds),
		T(test_early_ds_of_new_algorithm),
		T(test_previous),
		T(test_supersedes),
		T(test_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
