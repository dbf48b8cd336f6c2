/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the rules about CDS and CDNSKEY (early-ds, cds; the records are
 * those of case C16) and about proofs (key-possession, with ZSKs made here).
 */
#include "protocol/verify.h"
#include "tests/unit/rules_fixture.h"

#include <openssl/ec.h>
#include <openssl/evp.h>

/* The KSK of C16 is KSK2; its policy. */
#define KSK_LIST(more) \
	"[{token: main, label: two, ds: \"@KSK2@\"" more "}, {token: main, " \
	"label: one, ds: \"@KSK1@\", cds: no}]"
#define SEEN(list) "parent-ds: {seen: 2027-01-01T00:00:00Z, ds: [" list "]}"
#define DELETE_OPEN "cds-delete: {until: 2027-01-15T08:00:01Z}"
#define DELETE_OVER "cds-delete: {until: 2027-01-15T08:00:00Z}"

static void
load_c16(const char *more)
{
	char ksk[512];

	snprintf(ksk, sizeof(ksk),
		"[{token: main, label: two, ds: \"@KSK2@\"%s}, {token: main, "
		"label: one, ds: \"@KSK1@\", cds: no}]",
		more);
	load_policy((struct parts){.ksk = ksk, .parent = SEEN("\"@KSK2@\"")});
}

/* The first CDS of C16-cds-match: digest type 2, as the policy pins it. */
static void
good_cds(void)
{
	set_of_vector("C16-cds-match.txt", KSK_TYPE_CDS);
	assert_int_equal(fx.sign.rrset.count, 2);
	fx.sign.rrset.count = 1;
	assert_int_equal(fx.sign.rrset.rdata[0].data[3], KSK_DIGEST_SHA256);
}

static void
test_rule_cds_accepts(void **state)
{
	struct record r = key_of("SEP4", 4);

	(void)state;
	load_c16("");
	good_cds();
	expect_permit();
	/* The KSKs that stand sign, in the CDS or not. */
	assert_int_equal(fx.permit.signer_count, 2);
	set_of_vector("C16-cdnskey-match.txt", KSK_TYPE_CDNSKEY);
	expect_permit();
	/* With an in-parent co-signer. */
	load_policy((struct parts){.ksk = KSK_LIST(""),
		.parent = SEEN("\"@KSK2@\", \"@SEP4@\""),
		.cosigners = "[{provider: gamma, role: ksk, ds: \"@SEP4@\", "
			     "in-parent: yes}]"});
	set_of_vector("C16-cdnskey-match.txt", KSK_TYPE_CDNSKEY);
	add_record(&r);
	ksk_rrset_sort(&fx.sign.rrset);
	expect_permit();
	/* A revoked KSK stands, but neither signs this nor is in it. */
	load_policy((struct parts){
		.ksk = "[{token: main, label: two, ds: \"@KSK2@\"}, {token: "
		       "main, ds: \"@KSK1@\", revoked: yes}]",
		.parent = SEEN("\"@KSK2@\"")});
	good_cds();
	expect_permit();
	assert_int_equal(fx.permit.signer_count, 1);
	assert_false(fx.permit.signer[0].revoked);
}

static void
test_rule_cds_accepts_delete(void **state)
{
	(void)state;
	load_policy((struct parts){.extra = DELETE_OPEN});
	set_of_vector("C16-cds-delete.txt", KSK_TYPE_CDS);
	expect_permit();
	set_of_vector("C16-cdnskey-delete.txt", KSK_TYPE_CDNSKEY);
	expect_permit();
}

static void
expect_cds(const char *file, uint16_t type, const char *why)
{
	load_c16("");
	set_of_vector(file, type);
	expect_refusal("cds", why, "early-ds");
}

/* C16, file by file. */
static void
test_rule_cds_refuses(void **state)
{
	(void)state;
	expect_cds("C16-cds-wrong-digest.txt", KSK_TYPE_CDS,
		"the digest is not that of our KSK with this tag");
	assert_int_equal(find_refusal("cds", "the digest")->tag, 11136);
	/* What should be there is missing as well. */
	assert_non_null(find_refusal("cds", "\"two\" is missing"));
	expect_cds("C16-cds-sha1-only.txt", KSK_TYPE_CDS,
		"digest type 1 (SHA-1) is not signed");
	expect_cds("C16-cds-foreign-key.txt", KSK_TYPE_CDS,
		"this is no KSK of the policy");
	expect_cds("C16-cds-digest-over-uppercase-owner.txt", KSK_TYPE_CDS,
		"over the owner in lower case");
	expect_cds("C16-cdnskey-zsk.txt", KSK_TYPE_CDNSKEY, "this is a ZSK");
	expect_cds("C16-delete-mixed-with-real.txt", KSK_TYPE_CDS,
		"the delete form must stand alone");
	/* The second digest type is not what the policy computes. */
	expect_cds("C16-cds-match.txt", KSK_TYPE_CDS,
		"the digest is not that of our KSK with this tag");
	assert_int_equal(fx.refusals.count, 1);
}

/* C16-cds-bad-length: the last byte of the digest is gone. */
static void
test_rule_cds_refuses_length(void **state)
{
	(void)state;
	load_c16("");
	good_cds();
	fx.sign.rrset.rdata[0].len--;
	expect_refusal("cds",
		"a digest of type 2 has 32 bytes, not 31 (RFC 4509",
		"early-ds");
	fx.sign.rrset.rdata[0].len = 3;
	expect_refusal("cds", "digest type 0 is not signed", "early-ds");
	set_of_vector("C16-cdnskey-match.txt", KSK_TYPE_CDNSKEY);
	fx.sign.rrset.rdata[0].len = 4;
	expect_refusal("cds", "too short for a CDNSKEY", "early-ds");
}

static void
test_rule_cds_refuses_delete(void **state)
{
	(void)state;
	load_policy((struct parts){0});
	set_of_vector("C16-cds-delete.txt", KSK_TYPE_CDS);
	expect_refusal("cds", "the delete form would make the zone", "");
	load_policy((struct parts){.extra = DELETE_OVER});
	set_of_vector("C16-cdnskey-delete.txt", KSK_TYPE_CDNSKEY);
	expect_refusal("cds", "the delete form would make the zone", "");
	/* Open or not, it stands alone. */
	load_policy((struct parts){.extra = DELETE_OPEN});
	set_of_vector("C16-delete-mixed-with-real.txt", KSK_TYPE_CDS);
	expect_refusal("cds", "must stand alone (RFC 8078 4)", "");
	/* The CDNSKEY form is no CDS. */
	set_of_vector("C16-cdnskey-delete.txt", KSK_TYPE_CDNSKEY);
	fx.sign.rrset.type = KSK_TYPE_CDS;
	expect_refusal("cds", "digest type 0", "early-ds");
}

static void
test_rule_cds_refuses_unwanted(void **state)
{
	struct record one = key_of("KSK1", 4), zsk = key_of("ZSKB", 4);

	(void)state;
	load_c16("");
	set_of_vector("C16-cdnskey-match.txt", KSK_TYPE_CDNSKEY);
	add_record(&one);
	expect_refusal(
		"cds", "\"one\" is not named in CDS (`cds: no`)", "early-ds");
	set_of_vector("C16-cdnskey-match.txt", KSK_TYPE_CDNSKEY);
	add_record(&zsk);
	expect_refusal("cds", "this is a ZSK", "early-ds");
	assert_string_equal(find_refusal("cds", "a ZSK")->provider, "beta");
	/* Not standing: past, and no DS holds it. */
	load_policy((struct parts){
		.ksk = "[{token: main, label: two, ds: \"@KSK2@\", until: "
		       "2027-01-15T08:00:00Z}, {token: main, label: one, ds: "
		       "\"@KSK1@\"}]",
		.parent = SEEN("\"@KSK1@\"")});
	good_cds();
	expect_refusal("cds", "\"two\" does not stand", "early-ds");
	assert_non_null(find_refusal("cds", "\"one\" is missing"));
	load_policy((struct parts){
		.ksk = "[{token: main, label: two, ds: \"@KSK2@\", revoked: "
		       "yes}, {token: main, label: one, ds: \"@KSK1@\"}]",
		.parent = SEEN("\"@KSK1@\"")});
	good_cds();
	expect_refusal("cds", "\"two\" is revoked", "early-ds");
	/* Nobody stands who could sign. */
	load_policy((struct parts){
		.ksk = "[{token: main, label: two, ds: \"@KSK2@\", until: "
		       "2027-01-15T08:00:00Z}]",
		.parent = ""});
	good_cds();
	expect_refusal("cds", "no KSK of the policy stands", "early-ds");
}

static void
test_rule_cds_refuses_cosigner(void **state)
{
	struct record r = key_of("SEP4", 4);

	(void)state;
	load_policy((struct parts){.ksk = KSK_LIST(""),
		.parent = SEEN("\"@KSK2@\""),
		.cosigners = "[{provider: gamma, role: ksk, ds: \"@SEP4@\"}]"});
	set_of_vector("C16-cdnskey-match.txt", KSK_TYPE_CDNSKEY);
	add_record(&r);
	expect_refusal("cds", "this co-signer is not `in-parent`", "early-ds");
	load_policy((struct parts){.ksk = KSK_LIST(""),
		.parent = SEEN("\"@KSK2@\""),
		.cosigners = "[{provider: gamma, role: ksk, ds: \"@SEP4@\", "
			     "in-parent: yes}]"});
	good_cds();
	expect_refusal("cds", "this co-signer's key is missing", "");
	assert_string_equal(find_refusal("cds", "")->provider, "gamma");
}

static void
test_rule_early_ds_accepts(void **state)
{
	(void)state;
	load_c16("");
	good_cds();
	expect_permit();
	/* Of another digest type at the parent: the same key. */
	load_policy((struct parts){.ksk = KSK_LIST(""),
		.parent = SEEN("\"11136 13 4 689349b952d9172c0cc58c3414c59d186"
			       "18b1612939cabbbf267d313e0ac61f653b7a50479b3fe9"
			       "89585758b08758773\"")});
	good_cds();
	expect_permit();
}

static void
test_rule_early_ds_refuses(void **state)
{
	static const char *const parents[] = {"", /* not stated */
		SEEN(""), SEEN("\"@KSK1@\""), SEEN("\"@KSK2@\", \"@KSK1@\""),
		SEEN("\"@KSK2@\", \"@KSK3@\"")};

	(void)state;
	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
		load_policy((struct parts){
			.ksk = KSK_LIST(""), .parent = parents[i]});
		good_cds();
		expect_refusal(
			"early-ds", "would change the parent's DS set", "");
		set_of_vector("C16-cdnskey-match.txt", KSK_TYPE_CDNSKEY);
		expect_refusal("early-ds", "RFC 7344", "");
	}
}

/* ---- proofs ---- */

struct pair {
	EVP_PKEY *key;
	struct record rdata;
};

static struct pair
make_pair(const char *name)
{
	struct pair p = {.key = EVP_EC_gen("P-256")};
	uint8_t point[65];
	size_t len = 0;

	assert_non_null(p.key);
	assert_int_equal(EVP_PKEY_get_octet_string_param(
				 p.key, "pub", point, sizeof(point), &len),
		1);
	assert_int_equal(len, 65);
	memcpy(p.rdata.data, "\x01\x00\x03\x0d", 4);
	memcpy(p.rdata.data + 4, point + 1, 64);
	p.rdata.len = 68;
	make_named(name, &p.rdata);
	return p;
}

/* An RRSIG of a set by a ZSK of lab.example., as libcrypto makes it. */
static void
sign_set(const struct pair *p, const struct ksk_rrset *rrset,
	struct ksk_window window, struct record *out)
{
	uint8_t tbs[16384], der[128], raw[64];
	struct ksk_buf buf = ksk_buf_of(tbs, sizeof(tbs));
	struct ksk_buf to = ksk_buf_of(out->data, sizeof(out->data));
	struct ksk_dnskey key;
	struct ksk_rrsig rrsig;
	const unsigned char *at = der;
	size_t der_len = sizeof(der);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ECDSA_SIG *sig;

	assert_int_equal(
		ksk_dnskey_read(ksk_span_of(p->rdata.data, p->rdata.len), &key),
		KSK_OK);
	ksk_rrsig_prepare(rrset, window, 13, key.tag, &rrsig);
	zone_name(&rrsig.signer);
	assert_int_equal(ksk_tbs_build(rrset, &rrsig, &buf), KSK_OK);
	assert_int_equal(
		EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, p->key), 1);
	assert_int_equal(
		EVP_DigestSign(ctx, der, &der_len, buf.data, buf.len), 1);
	sig = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
	assert_non_null(sig);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32), 32);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32), 32);
	rrsig.signature = ksk_span_of(raw, sizeof(raw));
	assert_int_equal(ksk_rrsig_write(&rrsig, &to), KSK_OK);
	out->len = to.len;
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
}

static const struct ksk_window valid = {NOW - 100, NOW + 100};
static struct record proofs[8];

static void
add_proof(const struct pair *p, uint64_t kind, const struct ksk_rrset *rrset,
	struct ksk_window window)
{
	size_t i = fx.sign.evidence_count++;

	sign_set(p, rrset, window, &proofs[i]);
	fx.sign.has_evidence = true;
	fx.sign.evidence[i] = (struct ksk_evidence){
		.kind = kind,
		.rrset = *rrset,
		.rrsig = ksk_span_of(proofs[i].data, proofs[i].len),
	};
}

/* An A record of a name. */
static struct ksk_rrset
data_of(const char *owner, uint16_t type)
{
	static const uint8_t address[] = {192, 0, 2, 1};
	struct ksk_rrset r = {.type = type, .ttl = 300, .count = 1};

	r.rdata[0] = ksk_span_of(address, sizeof(address));
	assert_int_equal(
		ksk_name_from_text(owner, strlen(owner), &r.owner, NULL),
		KSK_OK);
	return r;
}

static void
load_proof(const char *proof)
{
	char providers[512];

	snprintf(providers, sizeof(providers),
		"[{name: alpha, state: serving, proof: %s, keys: [{ds: "
		"\"@G1@\"}, {ds: \"@G2@\"}]}]",
		proof);
	load_policy((struct parts){.providers = providers});
	set_of("KSK1 G1 G2");
}

static void
test_rule_key_possession_accepts(void **state)
{
	struct ksk_rrset data = data_of("www.lab.example.", 1);
	struct pair one, two;

	(void)state;
	one = make_pair("G1");
	two = make_pair("G2");
	load_proof("none");
	expect_permit();
	load_proof("one");
	add_proof(&two, KSK_EVIDENCE_DATA, &data, valid);
	expect_permit();
	load_proof("all");
	add_proof(&two, KSK_EVIDENCE_DNSKEY, &fx.sign.rrset, valid);
	add_proof(&one, KSK_EVIDENCE_DATA, &data, valid);
	expect_permit();
	EVP_PKEY_free(one.key);
	EVP_PKEY_free(two.key);
}

static void
test_rule_key_possession_refuses(void **state)
{
	struct pair one, two;

	(void)state;
	one = make_pair("G1");
	two = make_pair("G2");
	load_proof("one");
	expect_refusal("key-possession", "holds one of its ZSKs", "");
	assert_string_equal(
		find_refusal("key-possession", "")->provider, "alpha");
	load_proof("all");
	add_proof(&two, KSK_EVIDENCE_DNSKEY, &fx.sign.rrset, valid);
	expect_refusal("key-possession", "holds each ZSK", "");
	assert_int_equal(fx.refusals.count, 1);
	assert_true(fx.refusals.list[0].has_tag);
	EVP_PKEY_free(one.key);
	EVP_PKEY_free(two.key);
}

static void
expect_bad_proof(const struct pair *p, uint64_t kind,
	const struct ksk_rrset *rrset, struct ksk_window window,
	const char *why)
{
	load_proof("none");
	add_proof(p, kind, rrset, window);
	expect_refusal("key-possession", why, "");
	assert_non_null(find_refusal("key-possession", "proof 1"));
}

/* Bad evidence is refused by name even where none is needed. */
static void
test_rule_key_possession_refuses_bad(void **state)
{
	struct ksk_rrset data = data_of("www.lab.example.", 1), set;
	struct pair one, two, stranger;

	(void)state;
	one = make_pair("G1");
	two = make_pair("G2");
	stranger = make_pair("G3");
	load_proof("none");
	set = fx.sign.rrset;
	set.count--;
	expect_bad_proof(&one, KSK_EVIDENCE_DNSKEY, &set, valid,
		"exactly the set of this request");
	set = data_of("www.lab.example.", KSK_TYPE_CDS);
	expect_bad_proof(&one, KSK_EVIDENCE_DATA, &set, valid,
		"zone data of another type");
	set = data_of("www.other.example.", 1);
	expect_bad_proof(
		&one, KSK_EVIDENCE_DATA, &set, valid, "is not in the zone");
	expect_bad_proof(&one, 3, &data, valid, "its kind is not known");
	expect_bad_proof(&stranger, KSK_EVIDENCE_DATA, &data, valid,
		"no listed ZSK of the set has its key tag");
	expect_bad_proof(&one, KSK_EVIDENCE_DATA, &data,
		(struct ksk_window){NOW - 100, NOW - 1}, "proof 1 does not");
	load_proof("one");
	add_proof(&one, KSK_EVIDENCE_DATA, &data, valid);
	proofs[0].data[proofs[0].len - 1] ^= 1;
	expect_refusal("key-possession", "proof 1 does not prove", "");
	assert_int_equal(fx.refusals.count, 2);
	fx.sign.evidence[0].rrsig.len = 10;
	expect_refusal("key-possession", "proof 1 is no RRSIG", "");
	EVP_PKEY_free(one.key);
	EVP_PKEY_free(two.key);
	EVP_PKEY_free(stranger.key);
}

#define T(name) cmocka_unit_test_teardown(name, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_rule_cds_accepts),
		T(test_rule_cds_accepts_delete),
		T(test_rule_cds_refuses),
		T(test_rule_cds_refuses_length),
		T(test_rule_cds_refuses_delete),
		T(test_rule_cds_refuses_unwanted),
		T(test_rule_cds_refuses_cosigner),
		T(test_rule_early_ds_accepts),
		T(test_rule_early_ds_refuses),
		T(test_rule_key_possession_accepts),
		T(test_rule_key_possession_refuses),
		T(test_rule_key_possession_refuses_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
