/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the rules about the request, the keys and the providers. One
 * accept and one refuse test per rule, named after it; KSK rules are in
 * test_rules_ksk.c, CDS and proofs in test_rules_cds.c.
 */
#include "tests/unit/rules_fixture.h"

#define KEYS "KSK1 ZSKA ZSKB"

static void
test_rule_zone_accepts(void **state)
{
	(void)state;
	load_policy((struct parts){0});
	set_of(KEYS);
	expect_permit();
	assert_int_equal(fx.permit.signer_count, 1);
	assert_int_equal(fx.permit.signer[0].ksk, fx.zone->ksks.first);
	assert_false(fx.permit.signer[0].revoked);
	assert_int_equal(fx.permit.warning_count, 0);
	assert_true(fx.permit.window.inception == NOW - 3600);
	assert_true(fx.permit.window.expiration == NOW - 3600 + 14 * 86400);
}

static void
test_rule_zone_refuses(void **state)
{
	(void)state;
	load_policy((struct parts){0});
	/* The rest is wrong too, but only `zone` speaks. */
	set_of("ZSKE");
	fx.sign.rrset.ttl = 1;
	fx.zone = NULL;
	expect_refusal("zone", "lab.example. is not the apex", "");
	assert_int_equal(fx.refusals.count, 1);
}

static void
test_rule_client_accepts(void **state)
{
	(void)state;
	load_policy((struct parts){.clients = "[two]"});
	set_of(KEYS);
	use_client(2);
	expect_permit();
}

static void
test_rule_client_refuses(void **state)
{
	(void)state;
	load_policy((struct parts){0});
	set_of(KEYS);
	use_client(2);
	expect_refusal("client", "two is not listed for this zone", "");
	use_client(3);
	expect_refusal("client", "reader may not sign", "");
	use_client(9);
	expect_refusal("client", "no client of the policy", "");
}

static void
test_rule_type_accepts(void **state)
{
	(void)state;
	load_policy((struct parts){.sign = "[CDS]"});
	set_of_vector("C16-cds-match.txt", KSK_TYPE_CDS);
	judge();
	assert_null(find_refusal("type", ""));
}

static void
test_rule_type_refuses(void **state)
{
	(void)state;
	load_policy((struct parts){.sign = "[CDS, CDNSKEY]"});
	set_of(KEYS);
	expect_refusal("type", "DNSKEY is not signed for this zone", "");
	/* C18: other types never, and no rule about keys runs on them. */
	set_of("KSK1");
	fx.sign.rrset.type = 16;
	expect_refusal("type", "is never signed here", "");
}

static void
test_rule_ttl_accepts(void **state)
{
	(void)state;
	load_policy((struct parts){0});
	set_of(KEYS);
	fx.sign.rrset.ttl = 3600;
	expect_permit();
}

/* C13: each TTL of the mixed set but the policy's, and zero. */
static void
test_rule_ttl_refuses(void **state)
{
	(void)state;
	load_policy((struct parts){0});
	set_of(KEYS);
	fx.sign.rrset.ttl = 86400;
	expect_refusal("ttl", "the TTL is 86400, the policy's is 3600", "");
	fx.sign.rrset.ttl = 7200;
	expect_refusal("ttl", "RFC 2181 5.2", "");
	fx.sign.rrset.ttl = set_of_vector("C13-ttl-zero.txt", KSK_TYPE_DNSKEY);
	assert_int_equal(fx.sign.rrset.ttl, 0);
	expect_refusal("ttl", "the TTL is 0,", "provider-present");
	/* C13: a TTL that outlives the signature. */
	set_of(KEYS);
	fx.sign.rrset.ttl = 14 * 86400;
	expect_refusal("window", "min-remaining", "ttl");
}

static void
test_rule_key_form_accepts(void **state)
{
	static const char *const good[] = {"e=3", "e=4294967297", "bits=4096"};

	(void)state;
	load_policy((struct parts){
		.ksk = "[{token: main, ds: \"@KSK1@\", revoked: yes}, {token: "
		       "main, ds: \"@KSK2@\"}]",
		.parent = ""});
	set_of("KSK1:385 KSK2 ZSKA ZSKB");
	expect_permit();
	/* The digests of the records in their order, of KSK1 without REVOKE. */
	assert_int_equal(fx.permit.key_count, fx.sign.rrset.count);
	size_t same = 0;
	for (size_t i = 0; i < fx.permit.key_count; i++) {
		struct ksk_span rdata = fx.sign.rrset.rdata[i];
		same += ksk_ds_matches(
			&fx.permit.key[i], &fx.sign.rrset.owner, rdata);
	}
	assert_int_equal(same, fx.permit.key_count - 1);
	assert_int_equal(fx.permit.signer_count, 2);
	assert_true(fx.permit.signer[0].revoked);
	assert_false(fx.permit.signer[1].revoked);

	/* C22: real zones use these exponents and sizes. */
	load_policy((struct parts){0});
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		set_of_vector(
			"C22-rsa-exponents-and-sizes.txt", KSK_TYPE_DNSKEY);
		assert_int_equal(fx.record_count, 7);
		fx.sign.rrset.count = 1;
		fx.sign.rrset.rdata[0] = ksk_span_of(
			fx.record[i == 2 ? 3 : i].data,
			fx.record[i == 2 ? 3 : i].len);
		judge();
		assert_null(find_refusal("key-form", ""));
	}
	/* 1,024 bits only where the policy says so. */
	load_policy((struct parts){.extra = "rsa-min-bits: 1024"});
	set_of_vector("C22-rsa-exponents-and-sizes.txt", KSK_TYPE_DNSKEY);
	fx.sign.rrset.count = 1;
	fx.sign.rrset.rdata[0] = ksk_span_of(
		fx.record[2].data, fx.record[2].len);
	judge();
	assert_null(find_refusal("key-form", ""));
}

static void
expect_form(size_t record, const char *why)
{
	load_policy((struct parts){0});
	set_of_vector("C22-rsa-exponents-and-sizes.txt", KSK_TYPE_DNSKEY);
	fx.sign.rrset.count = 1;
	fx.sign.rrset.rdata[0] = ksk_span_of(
		fx.record[record].data, fx.record[record].len);
	expect_refusal("key-form", why,
		"key-allowed provider-present ksk-present algorithm-complete "
		"ds-covered");
}

static void
test_rule_key_form_refuses_rsa(void **state)
{
	(void)state;
	/* C22 */
	expect_form(2, "the RSA key has 1024 bits, at least 2048");
	expect_form(4, "the public key is malformed");
	expect_form(5, "the public key is malformed");
	expect_form(6, "the public key is malformed");
}

static void
test_rule_key_form_refuses(void **state)
{
	struct record r;

	(void)state;
	load_policy((struct parts){0});
	set_of("KSK1 ZSKA ZSKB ZSKC:258");
	expect_refusal("key-form", "flags 258; a ZSK has 256", "");
	/* C15 */
	set_of_vector("C15-revoked-zsk.txt", KSK_TYPE_DNSKEY);
	expect_refusal("key-form", "flags 384: the REVOKE bit is set",
		"provider-present ksk-present ds-covered");
	set_of("KSK1:385 ZSKA ZSKB");
	expect_refusal("key-form", "the policy does not revoke it",
		"algorithm-complete ds-covered");
	assert_int_equal(find_refusal("key-form", "")->tag, 21901);
	set_of_vector("C15-both-forms.txt", KSK_TYPE_DNSKEY);
	expect_refusal(
		"key-form", "stands twice, with flags", "provider-present");
	/* Once revoked, the unrevoked form is refused. */
	load_policy((struct parts){
		.ksk = "[{token: main, ds: \"@KSK1@\", revoked: yes}, {token: "
		       "main, ds: \"@KSK2@\"}]",
		.parent = ""});
	set_of("KSK1 KSK2 ZSKA ZSKB");
	expect_refusal("key-form", "the policy revokes this KSK", "");

	load_policy((struct parts){0});
	set_of("KSK1 ZSKA ZSKB ZSKC");
	fx.record[3].data[2] = 2;
	expect_refusal(
		"key-form", "protocol is 2, it must be 3", "key-allowed");
	/* A point that is not on the curve. */
	set_of("KSK1 ZSKA ZSKB ZSKC");
	fx.record[3].data[67] ^= 1;
	expect_refusal(
		"key-form", "the public key is malformed", "key-allowed");
	set_of("KSK1 ZSKA ZSKB ZSKC");
	fx.sign.rrset.rdata[3].len = 4;
	expect_refusal("key-form", "has 4 bytes, too few",
		"key-allowed provider-present ksk-present algorithm-complete "
		"ds-covered");
	/* A key cut short. */
	r = key_of("ZSKC", 4);
	r.len--;
	set_of("KSK1 ZSKA ZSKB");
	add_record(&r);
	expect_refusal(
		"key-form", "the public key is malformed", "key-allowed");
}

static void
test_rule_key_algorithm_accepts(void **state)
{
	(void)state;
	/* C15-revoked-ksk: a set with one provider. */
	load_policy((struct parts){.extra = "algorithms: [8]",
		.ksk = "[{token: main, ds: \"@KSK8@\"}]",
		.parent = "",
		.providers = "[{name: alpha, state: serving, keys: [{ds: "
			     "\"@ZSK8@\"}]}]"});
	set_of("KSK8 ZSK8");
	expect_permit();
}

static void
test_rule_key_algorithm_refuses(void **state)
{
	size_t never = 0;

	(void)state;
	load_policy((struct parts){.extra = "algorithms: [13]"});
	set_of("KSK1 ZSKA ZSKB ZSK8");
	expect_refusal("key-algorithm",
		"algorithm 8 (RSASHA256) is not allowed for this zone; list",
		"key-allowed algorithm-complete");
	assert_int_equal(find_refusal("key-algorithm", "")->tag, 14196);
	/* C20: 5 7 1 12 253 */
	load_policy((struct parts){0});
	set_of_vector("C20-deprecated-algorithms.txt", KSK_TYPE_DNSKEY);
	assert_int_equal(fx.sign.rrset.count, 5);
	judge();
	for (size_t i = 0; i < fx.refusals.count; i++)
		never += strcmp(fx.refusals.list[i].rule, "key-algorithm") ==
				0 &&
			strstr(fx.refusals.list[i].why, "is never signed") !=
				NULL;
	assert_int_equal(never, 5);
}

static void
test_rule_key_allowed_accepts(void **state)
{
	(void)state;
	load_policy((struct parts){
		.providers =
			"[{name: alpha, state: serving, keys: [{ds: "
			"\"@ZSKA@\"}, {ds: \"@ZSKC@\"}, {ds: \"@ZSKD@\", "
			"withdrawn: yes}]}, {name: beta, state: serving, keys: "
			"[{ds: \"@ZSKB@\"}]}]"});
	set_of("KSK1 ZSKA ZSKB");
	expect_permit();
	set_of("KSK1 ZSKA ZSKB ZSKC");
	expect_permit();
}

static void
test_rule_key_allowed_refuses(void **state)
{
	const struct ksk_refusal *r;
	struct record bit;

	(void)state;
	/* C18: a stranger; the refusal says how to pin it. */
	load_policy((struct parts){
		.providers = "[{name: alpha, state: serving, keys: [{ds: "
			     "\"@ZSKA@\"}]}]"});
	set_of_vector("C18-unlisted-zsk.txt", KSK_TYPE_DNSKEY);
	bit = key_of("KSK1", 4);
	add_record(&bit);
	expect_refusal("key-allowed", "no provider in the policy lists", "");
	r = find_refusal("key-allowed", "ds: \"25635 13 2 ");
	assert_non_null(r);
	assert_true(r->has_tag && r->tag == 25635);
	/* C18: a listed key with one bit of the RDATA changed. */
	set_of("KSK1");
	bit = key_of("ZSKA", 4);
	bit.data[2] ^= 4;
	add_record(&bit);
	expect_refusal("key-allowed", "no provider in the policy lists",
		"key-form provider-present");
	/* C18: the listed key under flags 257. */
	set_of("KSK1 ZSKA ZSKA:257");
	expect_refusal("ksk-foreign", "has the SEP bit", "");

	load_policy((struct parts){
		.providers = "[{name: alpha, state: serving, keys: [{ds: "
			     "\"@ZSKA@\"}, {ds: \"@ZSKB@\", withdrawn: "
			     "yes}]}]"});
	set_of("KSK1 ZSKA ZSKB");
	expect_refusal("key-allowed", "this ZSK is withdrawn", "");
	assert_string_equal(find_refusal("key-allowed", "")->provider, "alpha");
}

/* One key under two digest types is one key: nobody may share it. */
static void
test_rule_key_allowed_refuses_shared(void **state)
{
	char providers[1024], ds[KSK_DS_TEXT_CAP];
	struct record r = key_of("ZSKA", 4);

	(void)state;
	ds_text_of(ksk_span_of(r.data, r.len), 4, ds);
	snprintf(providers, sizeof(providers),
		"[{name: alpha, state: serving, keys: [{ds: \"@ZSKA@\"}]}, "
		"{name: beta, state: serving, keys: [{ds: \"@ZSKB@\"}, {ds: "
		"\"%s\"}]}]",
		ds);
	load_policy((struct parts){.providers = providers});
	set_of(KEYS);
	expect_refusal(
		"key-allowed", "2 providers list this ZSK", "provider-present");
	snprintf(providers, sizeof(providers),
		"[{name: alpha, state: serving, keys: [{ds: \"@ZSKA@\"}, {ds: "
		"\"%s\", withdrawn: yes}]}]",
		ds);
	load_policy((struct parts){.providers = providers});
	set_of("KSK1 ZSKA");
	expect_refusal("key-allowed", "is withdrawn", "provider-present");
}

#define C19_POLICY \
	"[{name: A, state: serving, keys: [{ds: \"@ZSKC@\"}]}, {name: B, " \
	"state: %s, keys: [{ds: \"@ZSKD@\"%s}]}]"

static void
load_c19(const char *state_of_b, const char *key_of_b)
{
	char providers[1024];

	snprintf(
		providers, sizeof(providers), C19_POLICY, state_of_b, key_of_b);
	load_policy((struct parts){.providers = providers});
}

static void
c19_set(const char *file)
{
	struct record ksk = key_of("KSK1", 4);

	set_of_vector(file, KSK_TYPE_DNSKEY);
	add_record(&ksk);
}

static void
test_rule_provider_present_accepts(void **state)
{
	(void)state;
	load_c19("serving", "");
	c19_set("C19-full-set.txt");
	expect_permit();
	load_c19("joining", "");
	c19_set("C19-provider-b-missing.txt");
	expect_permit();
	/* NOW is gone + 1d, the moment of the last cache. */
	load_c19("leaving, gone: 2027-01-14T08:00:00Z", "");
	c19_set("C19-provider-b-missing.txt");
	expect_permit();
	load_c19("serving", ", withdrawn: yes");
	c19_set("C19-provider-b-missing.txt");
	expect_permit();
	/* A csk co-signer is its provider's ZSK. */
	load_policy((struct parts){
		.providers = "[{name: A, state: serving, keys: [{ds: "
			     "\"@ZSKC@\"}]}, {name: B, state: serving}]",
		.cosigners = "[{provider: B, role: csk, ds: \"@SEP4@\"}]"});
	set_of("KSK1 ZSKC SEP4");
	expect_permit();
}

static void
test_rule_provider_present_refuses(void **state)
{
	(void)state;
	load_c19("serving", "");
	c19_set("C19-provider-b-missing.txt");
	expect_refusal("provider-present", "no ZSK of algorithm 13", "");
	assert_string_equal(
		find_refusal("provider-present", "")->provider, "B");
	c19_set("C19-provider-b-rolled.txt");
	expect_refusal(
		"provider-present", "no ZSK of algorithm 13", "key-allowed");
	load_c19("leaving", "");
	c19_set("C19-provider-b-missing.txt");
	expect_refusal("provider-present", "no ZSK of algorithm 13", "");
	load_c19("leaving, gone: 2027-01-14T08:00:01Z", "");
	c19_set("C19-provider-b-missing.txt");
	expect_refusal("provider-present", "no ZSK of algorithm 13", "");
	load_policy((struct parts){
		.providers = "[{name: A, state: serving, max-keys: 1, keys: "
			     "[{ds: \"@ZSKC@\"}, {ds: \"@ZSKD@\"}]}, {name: B, "
			     "state: serving}]"});
	set_of("KSK1 ZSKC ZSKD");
	/* B has no key at all: not the same as all withdrawn. */
	expect_refusal("provider-present", "2 ZSKs of algorithm 13", "");
	assert_non_null(find_refusal("provider-present", "no ZSK of"));
	assert_int_equal(fx.refusals.count, 2);
}

static void
test_rule_algorithm_complete_accepts(void **state)
{
	(void)state;
	load_policy((struct parts){
		.ksk = "[{token: main, ds: \"@KSK1@\"}, {token: main, ds: "
		       "\"@KSK8@\"}]",
		.providers = "[{name: alpha, state: serving, keys: [{ds: "
			     "\"@ZSKA@\"}, {ds: \"@ZSK8@\"}]}]"});
	set_of("KSK1 KSK8 ZSKA ZSK8");
	expect_permit();
	assert_int_equal(fx.permit.signer_count, 2);
}

static void
test_rule_algorithm_complete_refuses(void **state)
{
	(void)state;
	/* C20: KSK 13, ZSKs 13 and 8. */
	load_policy((struct parts){
		.providers = "[{name: alpha, state: serving, keys: [{ds: "
			     "\"@ZSKA@\"}, {ds: \"@ZSK8@\"}]}]"});
	set_of_vector("C20-mixed-algorithms.txt", KSK_TYPE_DNSKEY);
	expect_refusal("algorithm-complete", "no KSK of algorithm 8", "");
	assert_int_equal(find_refusal("algorithm-complete", "")->tag, 14196);
	/* The other way: beta lacks 8, which a KSK promises. */
	load_policy((struct parts){
		.ksk = "[{token: main, ds: \"@KSK1@\"}, {token: main, ds: "
		       "\"@KSK8@\"}]",
		.providers = "[{name: alpha, state: serving, keys: [{ds: "
			     "\"@ZSKA@\"}, {ds: \"@ZSK8@\"}]}, {name: beta, "
			     "state: serving, keys: [{ds: \"@ZSKB@\"}]}]"});
	set_of("KSK1 KSK8 ZSKA ZSK8 ZSKB");
	expect_refusal("algorithm-complete", "a KSK of algorithm 8",
		"provider-present");
	assert_string_equal(
		find_refusal("algorithm-complete", "")->provider, "beta");
}

static void
test_rule_rate_accepts(void **state)
{
	(void)state;
	load_policy((struct parts){.extra = "rate: 3/10m"});
	set_of(KEYS);
	fx.candidate.recent = 2;
	expect_permit();
}

static void
test_rule_rate_refuses(void **state)
{
	(void)state;
	load_policy((struct parts){.extra = "rate: 3/10m"});
	set_of(KEYS);
	fx.candidate.recent = 3;
	expect_refusal("rate", "got 3 answers for the zone within 600", "");
	load_policy((struct parts){0});
	set_of(KEYS);
	fx.candidate.recent = 60;
	expect_refusal("rate", "at most 60", "");
}

static void
test_all_failing_rules_come_back(void **state)
{
	static const char *const due[] = {"client", "ttl", "key-form",
		"key-algorithm", "key-allowed", "provider-present",
		"ksk-present", "ksk-foreign", "algorithm-complete", "window",
		"ds-covered", "rate"};
	size_t at = 0;

	(void)state;
	load_policy((struct parts){.extra = "algorithms: [13]"});
	set_of("ZSKC:384 ZSK8 SEP4 ZSKA");
	use_client(2);
	fx.sign.rrset.ttl = 7;
	fx.sign.has_window = true;
	fx.sign.window = (struct ksk_window){NOW, NOW};
	fx.candidate.recent = 60;
	judge();
	assert_false(fx.permitted);
	/* All of them, in the order of the table. */
	for (size_t i = 0; i < fx.refusals.count; i++) {
		while (at < sizeof(due) / sizeof(due[0]) &&
			strcmp(due[at], fx.refusals.list[i].rule) != 0)
			at++;
		assert_true(at < sizeof(due) / sizeof(due[0]));
	}
	for (size_t i = 0; i < sizeof(due) / sizeof(due[0]); i++) {
		if (find_refusal(due[i], "") == NULL)
			fail_msg("%s is silent", due[i]);
	}
}

/* C22: as many strangers as a set may have; what does not fit is counted. */
static void
test_refusals_are_bounded(void **state)
{
	(void)state;
	load_policy((struct parts){.extra = "algorithms: [15]",
		.ksk = "[{token: main, ds: \"1 15 2 00000000000000000000000000"
		       "00000000000000000000000000000000000000\"}]",
		.providers = "[]",
		.parent = ""});
	set_of_vector("C22-many-keys.txt", KSK_TYPE_DNSKEY);
	assert_int_equal(fx.sign.rrset.count, KSK_RDATA_COUNT_MAX);
	judge();
	assert_false(fx.permitted);
	assert_int_equal(fx.refusals.count, KSK_REFUSAL_COUNT_MAX);
	assert_true(fx.refusals.dropped > 0);
}

static void
test_rules_table(void **state)
{
	static const char *const ids[] = {"zone", "client", "type", "ttl",
		"key-form", "key-algorithm", "key-allowed", "provider-present",
		"ksk-present", "ksk-foreign", "algorithm-complete",
		"tag-unique", "response-size", "window", "idempotency",
		"previous", "supersedes", "schedule-gap", "adopt",
		"zsk-coverage", "early-drop", "ds-covered", "early-ds",
		"key-possession", "cds", "rate", "document", "provider",
		"signature", "serial", "dates"};
	const size_t count = sizeof(ids) / sizeof(ids[0]);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_string_equal(ksk_rules_id(i), ids[i]);
		assert_true(strlen(ksk_rules_sentence(i)) > 10);
	}
	assert_null(ksk_rules_id(count));
	assert_null(ksk_rules_sentence(count));
}

#define T(name) cmocka_unit_test_teardown(name, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_rule_zone_accepts),
		T(test_rule_zone_refuses),
		T(test_rule_client_accepts),
		T(test_rule_client_refuses),
		T(test_rule_type_accepts),
		T(test_rule_type_refuses),
		T(test_rule_ttl_accepts),
		T(test_rule_ttl_refuses),
		T(test_rule_key_form_accepts),
		T(test_rule_key_form_refuses),
		T(test_rule_key_form_refuses_rsa),
		T(test_rule_key_algorithm_accepts),
		T(test_rule_key_algorithm_refuses),
		T(test_rule_key_allowed_accepts),
		T(test_rule_key_allowed_refuses),
		T(test_rule_key_allowed_refuses_shared),
		T(test_rule_provider_present_accepts),
		T(test_rule_provider_present_refuses),
		T(test_rule_algorithm_complete_accepts),
		T(test_rule_algorithm_complete_refuses),
		T(test_rule_rate_accepts),
		T(test_rule_rate_refuses),
		T(test_all_failing_rules_come_back),
		T(test_refusals_are_bounded),
		T(test_rules_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
