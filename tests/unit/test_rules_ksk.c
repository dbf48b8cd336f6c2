/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the rules about KSKs and about the set as a whole: ksk-present,
 * ksk-foreign, tag-unique, response-size, window, ds-covered.
 */
#include "tests/unit/rules_fixture.h"

#define KEYS "KSK1 ZSKA ZSKB"
#define TWO_KSKS(first, second) \
	"[{token: main, label: one, ds: \"@KSK1@\"" first \
	"}, {token: main, label: two, ds: \"@KSK2@\"" second "}]"
#define PAST ", until: 2027-01-15T08:00:00Z" /* NOW: half-open */
#define AHEAD ", from: 2027-01-15T08:00:01Z"
#define PARENT(list) "parent-ds: {seen: 2027-01-01T00:00:00Z, ds: [" list "]}"

static void
test_rule_ksk_present_accepts(void **state)
{
	(void)state;
	/* Double signature: both stand. */
	load_policy((struct parts){.ksk = TWO_KSKS("", "")});
	set_of("KSK1 KSK2 ZSKA ZSKB");
	expect_permit();
	assert_int_equal(fx.permit.signer_count, 2);
	/* Past until, and no DS names it: gone. */
	load_policy((struct parts){
		.ksk = TWO_KSKS(PAST, ""), .parent = PARENT("\"@KSK2@\"")});
	set_of("KSK2 ZSKA ZSKB");
	expect_permit();
	/* Past until, but the parent's DS names no other: stands on. */
	load_policy((struct parts){
		.ksk = TWO_KSKS(PAST, ""), .parent = PARENT("\"@KSK1@\"")});
	set_of("KSK1 KSK2 ZSKA ZSKB");
	expect_permit();
	/* Before from, and the parent has switched too early: stands. */
	load_policy((struct parts){
		.ksk = TWO_KSKS("", AHEAD), .parent = PARENT("\"@KSK2@\"")});
	set_of("KSK1 KSK2 ZSKA ZSKB");
	expect_permit();
	/* A standby DS in the parent does not make its KSK stand. */
	load_policy((struct parts){.ksk = TWO_KSKS("", AHEAD),
		.parent = PARENT("\"@KSK1@\", \"@KSK2@\"")});
	set_of(KEYS);
	expect_permit();
	/* What counts is the moment from which the set is served. */
	load_policy((struct parts){
		.ksk = TWO_KSKS("", AHEAD), .signature = "{horizon: 10d}"});
	set_of("KSK1 KSK2 ZSKA ZSKB");
	fx.sign.has_window = true;
	fx.sign.window = (struct ksk_window){NOW + 1, NOW + 1 + 10 * 86400};
	expect_permit();
}

static void
test_rule_ksk_present_refuses(void **state)
{
	const struct ksk_refusal *r;

	(void)state;
	load_policy((struct parts){0});
	set_of("ZSKA ZSKB");
	expect_refusal("ksk-present", "\"first\" of token main stands",
		"algorithm-complete ds-covered");
	r = find_refusal("ksk-present", "");
	assert_true(r->has_tag && r->tag == 21773);
	load_policy((struct parts){.ksk = TWO_KSKS("", AHEAD)});
	set_of("KSK1 KSK2 ZSKA ZSKB");
	expect_refusal("ksk-present",
		"\"two\" does not stand at 2027-01-15T08:00:00Z, when this "
		"set starts (`from` is 2027-01-15T08:00:01Z)",
		"");
	load_policy((struct parts){
		.ksk = TWO_KSKS(PAST, ""), .parent = PARENT("\"@KSK2@\"")});
	set_of("KSK1 KSK2 ZSKA ZSKB");
	expect_refusal("ksk-present", "(`until` is 2027-01-15T08:00:00Z)", "");
	/* Missing and superfluous at once: both are named. */
	set_of("KSK1 ZSKA ZSKB");
	expect_refusal("ksk-present", "\"one\" does not stand",
		"algorithm-complete ds-covered");
	assert_non_null(find_refusal("ksk-present", "\"two\" of token main"));
	load_policy((struct parts){.ksk = "[{token: main, ds: \"@KSK1@\" "
					  "" AHEAD "}]",
		.parent = ""});
	set_of("ZSKA ZSKB");
	expect_refusal("ksk-present", "no KSK of the policy stands at 2027",
		"algorithm-complete");
}

static void
test_standing_without_set(void **state)
{
	struct ksk_signer_key out[KSK_RRSIG_COUNT_MAX];

	(void)state;
	load_policy((struct parts){.ksk = TWO_KSKS(PAST, AHEAD)});
	assert_int_equal(
		ksk_rules_standing(&fx.table, fx.zone, NULL, NOW - 1, 0, out),
		1);
	assert_int_equal(out[0].ksk, fx.zone->ksks.first);
	/* At NOW neither is in time, but the parent's DS holds the first. */
	assert_int_equal(
		ksk_rules_standing(&fx.table, fx.zone, NULL, NOW, 0, out), 1);
	assert_int_equal(out[0].ksk, fx.zone->ksks.first);
	assert_int_equal(
		ksk_rules_standing(&fx.table, fx.zone, NULL, NOW + 1, 0, out),
		2);
	load_policy((struct parts){
		.ksk = TWO_KSKS(PAST, AHEAD), .parent = PARENT("")});
	assert_int_equal(
		ksk_rules_standing(&fx.table, fx.zone, NULL, NOW, 0, out), 0);
}

static void
test_rule_ksk_foreign_accepts(void **state)
{
	(void)state;
	load_policy((struct parts){
		.cosigners = "[{provider: gamma, role: ksk, ds: \"@SEP4@\", "
			     "until: 2027-01-15T08:00:01Z}]"});
	set_of("KSK1 SEP4 ZSKA ZSKB");
	expect_permit();
	/* It may be left out: the co-signer's matter. */
	set_of(KEYS);
	expect_permit();
}

static void
test_rule_ksk_foreign_refuses(void **state)
{
	struct record zsk = key_of("ZSKB", 4);

	(void)state;
	/* C18 */
	load_policy((struct parts){0});
	set_of_vector("C18-second-sep-key.txt", KSK_TYPE_DNSKEY);
	add_record(&zsk);
	expect_refusal("ksk-foreign", "is no KSK of the policy", "");
	assert_int_equal(find_refusal("ksk-foreign", "")->tag, 38672);
	assert_int_equal(fx.refusals.count, 1);
	load_policy((struct parts){
		.cosigners = "[{provider: gamma, role: ksk, ds: \"@SEP4@\", "
			     "until: 2027-01-15T08:00:00Z}]"});
	set_of("KSK1 SEP4 ZSKA ZSKB");
	expect_refusal(
		"ksk-foreign", "this co-signer's `until` has passed", "");
	assert_string_equal(find_refusal("ksk-foreign", "")->provider, "gamma");
}

static void
test_rule_ds_covered_accepts(void **state)
{
	(void)state;
	/* Foreign DS are not judged, one of ours per algorithm suffices. */
	load_policy((struct parts){.ksk = TWO_KSKS("", AHEAD),
		.parent = PARENT("\"@KSK1@\", \"@KSK2@\", \"@KSK3@\", "
				 "\"@KSK8@\"")});
	set_of(KEYS);
	expect_permit();
	load_policy((struct parts){.parent = PARENT("\"@KSK3@\"")});
	set_of(KEYS);
	expect_permit();
	load_policy((struct parts){.parent = ""});
	set_of(KEYS);
	expect_permit();
}

static void
test_rule_ds_covered_refuses(void **state)
{
	(void)state;
	load_policy((struct parts){
		.ksk = TWO_KSKS(PAST, ""), .parent = PARENT("\"@KSK1@\"")});
	set_of("KSK2 ZSKA ZSKB");
	expect_refusal("ds-covered", "none of them would sign this set",
		"ksk-present");
	/* A revoked KSK covers no DS, whatever it signs. */
	load_policy((struct parts){.ksk = TWO_KSKS(", revoked: yes", ""),
		.parent = PARENT("\"@KSK1@\"")});
	set_of("KSK1:385 KSK2 ZSKA ZSKB");
	expect_refusal("ds-covered", "KSKs of algorithm 13", "");
	/* Per algorithm. */
	load_policy((struct parts){
		.ksk = "[{token: main, ds: \"@KSK1@\"}, {token: main, ds: "
		       "\"@KSK8@\"}]",
		.parent = PARENT("\"@KSK1@\", \"@KSK8@\"")});
	set_of(KEYS);
	expect_refusal("ds-covered", "KSKs of algorithm 8",
		"ksk-present provider-present");
}

/* Another key with the same tag: one 16-bit word up, another down. */
static void
twin_of(const char *name, size_t at, const char *twin)
{
	struct record r = key_of(name, strlen(name));

	while (r.data[at] == 0xff || r.data[at + 2] == 0)
		at += 2;
	assert_true(at + 2 < r.len - 1); /* the modulus stays odd */
	r.data[at]++;
	r.data[at + 2]--;
	make_named(twin, &r);
}

static uint16_t
tag_of(const struct record *r)
{
	struct ksk_dnskey key;

	assert_int_equal(
		ksk_dnskey_read(ksk_span_of(r->data, r->len), &key), KSK_OK);
	return key.tag;
}

#define RSA_KSK "[{token: main, ds: \"@KSK8@\"}]"
#define RSA_KEYS(keys) \
	"[{name: alpha, state: serving, max-keys: 9, keys: [" keys "]}]"

static void
test_rule_tag_unique_accepts(void **state)
{
	(void)state;
	twin_of("ZSK8", 100, "TWIN");
	load_policy((struct parts){.ksk = RSA_KSK,
		.parent = "",
		.extra = "tag-pairs: [\"14196 8\"]",
		.providers = RSA_KEYS("{ds: \"@ZSK8@\"}, {ds: \"@TWIN@\"}")});
	set_of("KSK8 ZSK8 TWIN");
	expect_permit();
	assert_int_equal(fx.permit.warning_count, 1);
	assert_string_equal(fx.permit.warning[0].rule, "tag-unique");
	assert_int_equal(fx.permit.warning[0].tag, 14196);
}

static void
test_rule_tag_unique_refuses(void **state)
{
	struct record near = key_of("ZSK8", 4), ksk = key_of("KSK8:385", 8);

	(void)state;
	twin_of("ZSK8", 100, "TWIN");
	twin_of("ZSK8", 110, "THIRD");
	load_policy((struct parts){.ksk = RSA_KSK,
		.parent = "",
		.providers = RSA_KEYS("{ds: \"@ZSK8@\"}, {ds: \"@TWIN@\"}")});
	set_of("KSK8 ZSK8 TWIN");
	expect_refusal("tag-unique", "2 keys of algorithm 8 have this tag", "");
	assert_int_equal(find_refusal("tag-unique", "")->tag, 14196);
	assert_int_equal(fx.refusals.count, 1);
	/* Three never. */
	load_policy((struct parts){.ksk = RSA_KSK,
		.parent = "",
		.extra = "tag-pairs: [\"14196 8\"]",
		.providers = RSA_KEYS("{ds: \"@ZSK8@\"}, {ds: \"@TWIN@\"}, "
				      "{ds: \"@THIRD@\"}")});
	set_of("KSK8 ZSK8 TWIN THIRD");
	expect_refusal("tag-unique", "3 keys of algorithm 8 have this tag", "");
	/* The tag that the KSK would have once revoked counts as well. */
	for (unsigned i = 0; tag_of(&near) != tag_of(&ksk); i++) {
		assert_true(i < 65536);
		near.data[100] = (uint8_t)(i >> 8);
		near.data[101] = (uint8_t)i;
	}
	make_named("NEAR", &near);
	load_policy((struct parts){.ksk = RSA_KSK,
		.parent = "",
		.providers = RSA_KEYS("{ds: \"@NEAR@\"}")});
	set_of("KSK8 NEAR");
	expect_refusal("tag-unique", "2 keys of algorithm 8 have this tag", "");
	assert_int_equal(find_refusal("tag-unique", "")->tag, tag_of(&ksk));
}

/* The size of the same answer as libldns packs it. */
static size_t
packed_size(size_t rsa_signatures, size_t signature_len)
{
	ldns_pkt *pkt = ldns_pkt_new();
	ldns_rdf *owner = ldns_dname_new_frm_str(ZONE);
	uint8_t *wire = NULL;
	size_t size = 0;

	ldns_pkt_push_rr(pkt, LDNS_SECTION_QUESTION,
		ldns_rr_new_frm_type(LDNS_RR_TYPE_DNSKEY));
	ldns_rr *q = ldns_rr_list_rr(ldns_pkt_question(pkt), 0);
	ldns_rr_set_owner(q, ldns_rdf_clone(owner));
	ldns_rr_set_question(q, true);
	for (size_t i = 0; i < fx.sign.rrset.count + rsa_signatures; i++) {
		bool sig = i >= fx.sign.rrset.count;
		struct ksk_span rdata = sig ? (struct ksk_span){NULL, 0}
					    : fx.sign.rrset.rdata[i];
		static uint8_t zeroes[1024];
		ldns_rr *rr = ldns_rr_new();

		ldns_rr_set_owner(rr, ldns_rdf_clone(owner));
		ldns_rr_set_type(
			rr, sig ? LDNS_RR_TYPE_RRSIG : LDNS_RR_TYPE_DNSKEY);
		ldns_rr_push_rdf(rr,
			ldns_rdf_new_frm_data(LDNS_RDF_TYPE_NONE,
				sig ? 18 + ldns_rdf_size(owner) + signature_len
				    : rdata.len,
				sig ? zeroes : rdata.data));
		ldns_pkt_push_rr(pkt, LDNS_SECTION_ANSWER, rr);
	}
	ldns_pkt_set_edns_udp_size(pkt, 1232);
	assert_int_equal(ldns_pkt2wire(&wire, pkt, &size), LDNS_STATUS_OK);
	LDNS_FREE(wire);
	ldns_rdf_deep_free(owner);
	ldns_pkt_free(pkt);
	return size;
}

static void
test_rule_response_size_accepts(void **state)
{
	char size[64];

	(void)state;
	load_policy((struct parts){0});
	set_of(KEYS);
	expect_permit();
	assert_int_equal(fx.permit.warning_count, 0);
	/* Above 1,232: permitted, with a warning that says the size. */
	load_policy((struct parts){
		.ksk = "[{token: main, ds: \"@KSK1@\"}, {token: main, ds: "
		       "\"@KSK8@\"}]",
		.parent = "",
		.providers = RSA_KEYS("{ds: \"@ZSKA@\"}, {ds: \"@ZSK8@\"}, "
				      "{ds: \"@ZSKB@\"}, {ds: \"@ZSKC@\"}, "
				      "{ds: \"@ZSKD@\"}")});
	set_of("KSK1 KSK8 ZSKA ZSK8 ZSKB ZSKC ZSKD");
	expect_permit();
	assert_int_equal(fx.permit.warning_count, 1);
	assert_string_equal(fx.permit.warning[0].rule, "response-size");
	/* One signature of 256 bytes and one of 64. */
	snprintf(size, sizeof(size), "has %zu bytes",
		packed_size(1, 256) + 12 + 18 + 13 + 64);
	assert_non_null(strstr(fx.permit.warning[0].why, size));
}

static void
test_rule_response_size_refuses(void **state)
{
	char size[64];

	(void)state;
	load_policy((struct parts){0});
	set_of_vector("C22-rsa-exponents-and-sizes.txt", KSK_TYPE_DNSKEY);
	for (size_t i = 0; i < 5; i++) {
		struct record r = fx.record[3]; /* 4,096 bits */

		r.data[50] ^= (uint8_t)(i + 1);
		add_record(&r);
	}
	judge();
	snprintf(size, sizeof(size), "would have %zu bytes, at most 4096",
		packed_size(1, 64));
	assert_true(packed_size(1, 64) > 4096);
	assert_non_null(find_refusal("response-size", size));
}

static void
use_window(uint64_t inception, uint64_t expiration)
{
	fx.sign.has_window = true;
	fx.sign.window = (struct ksk_window){inception, expiration};
}

#define D 86400u

static void
test_rule_window_accepts(void **state)
{
	(void)state;
	load_policy((struct parts){.signature = "{horizon: 90d}"});
	set_of(KEYS);
	expect_permit(); /* by policy */
	use_window(NOW - 14 * D, NOW - 14 * D + 14 * D + 0);
	judge();
	assert_non_null(find_refusal("window", "min-remaining"));
	use_window(NOW - 13 * D, NOW + 1 * D);
	expect_permit();
	assert_true(fx.permit.window.inception == NOW - 13 * D);
	use_window(NOW, NOW + D);
	expect_permit();
	use_window(NOW + 90 * D, NOW + 104 * D);
	expect_permit();
	/* The least that may be left: TTL + propagation, exclusive. */
	load_policy((struct parts){.signature = "{min-validity: 0}"});
	set_of(KEYS);
	use_window(NOW, NOW + 7201);
	expect_permit();
}

static void
test_rule_window_refuses(void **state)
{
	(void)state;
	load_policy((struct parts){.signature = "{horizon: 1d}"});
	set_of(KEYS);
	use_window(NOW, NOW);
	expect_refusal("window", "would expire before it begins", "");
	use_window(NOW - 14 * D - 1, NOW - 1);
	expect_refusal("window", "is longer ago than `validity`", "");
	assert_non_null(find_refusal("window", "2027-01-01T08:00:00Z"));
	use_window(NOW + D + 1, NOW + 3 * D);
	expect_refusal("window", "lies beyond `horizon`", "");
	use_window(NOW, NOW + 14 * D + 1);
	expect_refusal("window", "at most 1209600 (`validity`)", "");
	use_window(NOW, NOW + D - 1);
	expect_refusal("window", "at least 86400 (`min-validity`)", "");
	use_window(NOW - 2 * D, NOW + 7200);
	expect_refusal("window", "min-remaining", "");
	/* No sum wraps. */
	use_window(UINT64_MAX - 1, UINT64_MAX);
	expect_refusal("window", "lies beyond `horizon`", "ksk-present");
	use_window(0, UINT64_MAX);
	expect_refusal("window", "is longer ago than `validity`", "");
	assert_non_null(find_refusal("window", "(`validity`)"));
	fx.sign.has_window = false;
	fx.candidate.now = 10; /* a clock at 1970 gives no window below 0 */
	judge();
	assert_true(fx.permit.window.inception == 0);
}

#define T(name) cmocka_unit_test_teardown(name, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_rule_ksk_present_accepts),
		T(test_rule_ksk_present_refuses),
		T(test_standing_without_set),
		T(test_rule_ksk_foreign_accepts),
		T(test_rule_ksk_foreign_refuses),
		T(test_rule_ds_covered_accepts),
		T(test_rule_ds_covered_refuses),
		T(test_rule_tag_unique_accepts),
		T(test_rule_tag_unique_refuses),
		T(test_rule_response_size_accepts),
		T(test_rule_response_size_refuses),
		T(test_rule_window_accepts),
		T(test_rule_window_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
