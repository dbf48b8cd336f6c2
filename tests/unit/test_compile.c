/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of compile: a whole policy becomes the table it says; each seeded
 * mistake gives a fault with its line, column, path and remedy; all faults of
 * a text come back at once, in its order.
 */
#include "appliance/policy/compile.h"
#include "appliance/policy/table.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#define NOW 1800000000u /* 2027-01-15T08:00:00Z */
#define H1 "1111111111111111111111111111111111111111111111111111111111111111"
#define H2 "2222222222222222222222222222222222222222222222222222222222222222"
#define H3 "3333333333333333333333333333333333333333333333333333333333333333"
#define H4 "4444444444444444444444444444444444444444444444444444444444444444"
#define H5 \
	"55555555555555555555555555555555555555555555555555555555555555" \
	"5555555555555555555555555555555555"

static const uint8_t appliance[KSK_ID_LEN] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/* Line numbers matter: the list of mistakes names them. */
static const char good[] =
	"kind: policy\n"
	"appliance: 000102030405060708090a0b0c0d0e0f\n"
	"version: 7\n"
	"clients:\n"
	"  - {name: one, pin: " H1 ", may: [read, sign]}\n"
	"  - {name: two, pin: " H2 ", may: [journal]}\n"
	"zones:\n"
	"  - name: Example.COM\n"
	"    clients: [two, one]\n"
	"    ttl: 1h\n"
	"    sign: [DNSKEY, CDS]\n"
	"    signature: {validity: 14d, refresh: 5d, inception-offset: 1h, "
	"horizon: 90d, min-validity: 1d}\n"
	"    waits: {zone-max-ttl: 1d, propagation: 30m, sign-delay: 2h, "
	"parent-ds-ttl: 2d, parent-propagation: 3h}\n"
	"    algorithms: [8, 13, 16]\n"
	"    rsa-min-bits: 1024\n"
	"    rate: 5/1m\n"
	"    tag-pairs: [\"12345 13\"]\n"
	"    new-zone: yes\n"
	"    accept-outage: yes\n"
	"    cds-delete: {until: 2027-01-17T08:00:00Z}\n"
	"    ksk:\n"
	"      - {token: main, label: a b, ds: \"1 13 2 " H1 "\", from: "
	"2026-11-01T00:00:00Z, until: 2027-11-01T00:00:00Z}\n"
	"      - {token: main, ds: \"2 13 4 " H5 "\", revoked: yes}\n"
	"    parent-ds: {seen: 2027-01-15T08:00:00Z, ds: [\"1 13 2 " H1
	"\", \"9 253 2 " H2 "\"]}\n"
	"    providers:\n"
	"      - name: alpha\n"
	"        state: serving\n"
	"        keys: [{ds: \"3 13 2 " H2 "\"}, {ds: \"4 13 2 " H2
	"\", retired: 2027-01-01T00:00:00Z}, {ds: \"5 8 2 " H2
	"\", withdrawn: yes}]\n"
	"        max-keys: 4\n"
	"        proof: all\n"
	"      - {name: beta, state: leaving, gone: 2027-01-01T00:00:00Z}\n"
	"    co-signers:\n"
	"      - {provider: gamma, role: csk, ds: \"6 16 2 " H3
	"\", in-parent: yes, until: 2027-02-01T00:00:00Z}\n"
	"  - name: a.example.\n"
	"    clients: []\n"
	"    ttl: 2h\n"
	"    sign: [CDNSKEY]\n"
	"    waits: {zone-max-ttl: 1d, propagation: 1h, sign-delay: 1h, "
	"parent-ds-ttl: 1d, parent-propagation: 1h}\n"
	"    ksk: [{token: t, ds: \"1 13 2 " H4 "\"}]\n"
	"    providers: []\n";

static struct ksk_faults faults;

static enum ksk_err
compile(const char *text, uint8_t **out_bytes, size_t *out_len)
{
	return ksk_policy_compile(ksk_span_of(text, strlen(text)), appliance,
		NOW, out_bytes, out_len, &faults);
}

static void
check_first_zone(const struct ksk_table *t, const struct ksk_zone *z)
{
	const struct ksk_policy_ksk *k = &t->ksks[z->ksks.first];
	const struct ksk_policy_provider *p = &t->providers[z->providers.first];
	const struct ksk_policy_key *keys = &t->keys[p->keys.first];
	const struct ksk_policy_cosigner *c = &t->cosigners[z->cosigners.first];

	assert_int_equal(z->ttl, 3600);
	assert_int_equal(z->types, KSK_SIGNS_DNSKEY | KSK_SIGNS_CDS);
	assert_int_equal(z->validity, 14 * 86400);
	assert_int_equal(z->horizon, 90 * 86400);
	assert_int_equal(z->propagation, 1800);
	assert_int_equal(z->sign_delay, 7200);
	assert_int_equal(z->parent_ds_ttl, 2 * 86400);
	assert_int_equal(z->parent_propagation, 10800);
	assert_int_equal(z->algorithms, 1 << 8 | 1 << 13 | 1 << 16);
	assert_int_equal(z->rsa_min_bits, 1024);
	assert_int_equal(z->rate_count, 5);
	assert_int_equal(z->rate_per, 60);
	assert_true(z->has_parent && z->new_zone && z->accept_outage);
	assert_int_equal(z->parent_seen, NOW);
	assert_int_equal(z->cds_delete_until, NOW + 2 * 86400);
	assert_int_equal(z->tag_pairs.count, 1);
	assert_int_equal(t->tag_pairs[z->tag_pairs.first].tag, 12345);
	assert_int_equal(z->ksks.count, 2);
	assert_string_equal(k[0].label, "a b");
	assert_true(k[0].cds && !k[0].revoked);
	assert_true(k[0].from == 1793491200u && k[0].until == 1825027200u);
	assert_true(!k[1].cds && k[1].revoked);
	assert_true(k[1].from == 0 && k[1].until == KSK_NEVER);
	assert_int_equal(k[1].ds.digest_len, 48);
	assert_int_equal(z->parent_ds.count, 2);
	assert_int_equal(t->ds[z->parent_ds.first + 1].algorithm, 253);
	assert_int_equal(z->providers.count, 2);
	assert_string_equal(p[0].name, "alpha");
	assert_int_equal(p[0].state, KSK_PROVIDER_SERVING);
	assert_int_equal(p[0].max_keys, 4);
	assert_int_equal(p[0].proof, KSK_PROOF_ALL);
	assert_int_equal(p[0].keys.count, 3);
	assert_true(keys[0].retired == KSK_NEVER && !keys[0].withdrawn);
	assert_true(keys[1].retired == 1798761600u);
	assert_true(keys[2].withdrawn);
	assert_int_equal(p[1].state, KSK_PROVIDER_LEAVING);
	assert_true(p[1].gone == 1798761600u);
	assert_int_equal(p[1].max_keys, 3);
	assert_true(c->csk && c->in_parent);
	assert_string_equal(c->provider, "gamma");
	assert_int_equal(c->until, 1801440000);
}

static void
test_compile_whole_policy(void **state)
{
	uint8_t *bytes = NULL, *again = NULL;
	size_t len = 0, again_len = 0;
	struct ksk_table t;
	struct ksk_fault fault = {""};
	struct ksk_name name;
	const struct ksk_zone *z;

	(void)state;
	if (compile(good, &bytes, &len) != KSK_OK)
		fail_msg("%s", faults.list[0].text);
	assert_int_equal(faults.count, 0);
	assert_int_equal(
		ksk_table_open(ksk_span_of(bytes, len), &t, &fault), KSK_OK);
	assert_int_equal(t.version, 7);
	assert_memory_equal(t.appliance, appliance, KSK_ID_LEN);
	assert_int_equal(t.zone_count, 2);
	assert_int_equal(t.client_count, 2);
	assert_int_equal(
		ksk_name_from_text("example.com.", 12, &name, NULL), KSK_OK);
	z = ksk_table_zone_find(&t, &name);
	assert_non_null(z);
	check_first_zone(&t, z);
	/* Defaults. */
	assert_int_equal(
		ksk_name_from_text("a.example.", 10, &name, NULL), KSK_OK);
	z = ksk_table_zone_find(&t, &name);
	assert_non_null(z);
	assert_int_equal(z->algorithms, 1 << 8 | 1 << 13 | 1 << 15);
	assert_int_equal(z->rsa_min_bits, 2048);
	assert_int_equal(z->rate_count, 60);
	assert_int_equal(z->rate_per, 3600);
	assert_int_equal(z->validity, 14 * 86400);
	assert_int_equal(z->refresh, 5 * 86400);
	assert_false(z->has_parent || z->new_zone || z->accept_outage);
	/* The same text gives the same bytes. */
	assert_int_equal(compile(good, &again, &again_len), KSK_OK);
	assert_int_equal(again_len, len);
	assert_memory_equal(again, bytes, len);
	free(again);
	free(bytes);
}

static void
test_compile_empty_signs_nothing(void **state)
{
	static const char text[] =
		"kind: policy\nversion: 1\nclients: []\nzones: []\n"
		"appliance: 000102030405060708090a0b0c0d0e0f\n";
	uint8_t *bytes = NULL;
	struct ksk_fault fault = {""};
	struct ksk_table t;
	size_t len = 0;

	(void)state;
	assert_int_equal(compile(text, &bytes, &len), KSK_OK);
	assert_int_equal(
		ksk_table_open(ksk_span_of(bytes, len), &t, &fault), KSK_OK);
	assert_int_equal(t.zone_count, 0);
	free(bytes);
}

/* The first place of `from` in the good text is replaced. */
struct mistake {
	const char *from;
	const char *to;
	const char *fault; /* begins so */
};

static const struct mistake mistakes[] = {
	/* form */
	{"kind: policy", "kind: &k policy", "line 1, column 7: kind: anchors"},
	{"kind: policy", "kind: *k", "line 1, column 7: kind: aliases"},
	{"version: 7", "version: !!int 7", "line 3, column 10: version: tags"},
	{"version: 7", "version: 7\nversion: 7",
		"line 4, column 1: the key \"version\" stands here twice, "
		"first in line 3"},
	{"zones:\n", "---\nzones:\n", "line 7, column 1: a second document"},
	{"ttl: 1h", "ttl:", "line 10, column 9: zones[0].ttl: no value"},
	{"kind: policy", "\tkind: policy",
		"line 1, column 1: this is not YAML"},
	/* structure */
	{"ttl: 1h", "tttl: 1h",
		"line 8, column 5: zones[0]: the key \"ttl\" is missing here"},
	{"max-keys: 4", "maxkeys: 4",
		"line 29, column 9: zones[0].providers[0].maxkeys: there is no "
		"key \"maxkeys\" here; known are name, state, gone, source, "
		"certificate, keys, max-keys, proof"},
	{"kind: policy\n", "",
		"line 1, column 1: the key \"kind\" is missing here"},
	{"sign: [DNSKEY, CDS]", "sign: DNSKEY",
		"line 11, column 11: zones[0].sign: a single value stands "
		"here; a list must"},
	{"sign: [DNSKEY, CDS]", "sign: []",
		"line 11, column 11: zones[0].sign: at least 1 entries"},
	/* head */
	{"kind: policy", "kind: authority",
		"line 1, column 7: kind: \"authority\" is not known here; "
		"write one of policy"},
	{"version: 7", "version: 010",
		"line 3, column 10: version: \"010\" is not right here; write "
		"a whole number from 1 to "},
	{"version: 7", "version: -1", "line 3, column 10: version: \"-1\" is"},
	{"version: 7", "version: 0", "line 3, column 10: version: \"0\" is"},
	{"version: 7", "version: 9223372036854775808",
		"line 3, column 10: version: \"9223372036854775808\" is"},
	{"0e0f", "0eff",
		"line 2, column 12: appliance: this policy is for appliance "
		"000102030405060708090a0b0c0d0eff; this one is "
		"000102030405060708090a0b0c0d0e0f"},
	{"0e0f", "0e",
		"line 2, column 12: appliance: "
		"\"000102030405060708090a0b0c0d0e\" is not right here; write "
		"32 hexadecimal digits"},
	/* clients */
	{"name: two", "name: one",
		"line 6, column 12: clients[1].name: this client's name stands "
		"already in line 5"},
	{"pin: " H2, "pin: " H1,
		"line 6, column 22: clients[1].pin: this pin stands already in "
		"line 5"},
	{"name: one", "name: \"o ne\"",
		"line 5, column 12: clients[0].name: \"o ne\" is not right "
		"here; write 1 to 63 letters"},
	{"[read, sign]", "[read, write]",
		"line 5, column 100: clients[0].may[1]: \"write\" is not known "
		"here; write one of read, sign, submit, journal"},
	{"[read, sign]", "[read, read]",
		"line 5, column 100: clients[0].may[1]: \"read\" stands here "
		"twice"},
	/* zone */
	{"Example.COM", "a.example",
		"line 34, column 11: zones[1].name: this zone stands already "
		"in line 8"},
	{"Example.COM",
		"b\xc3\xbc"
		"cher.example",
		"line 8, column 11: zones[0].name: "},
	{"Example.COM", "a..b",
		"line 8, column 11: zones[0].name: a label is "
		"empty"},
	{"[two, one]", "[two, three]",
		"line 9, column 20: zones[0].clients[1]: there is no client "
		"\"three\""},
	{"ttl: 1h", "ttl: 1.5h",
		"line 10, column 10: zones[0].ttl: \"1.5h\" is no duration"},
	{"ttl: 1h", "ttl: 3600",
		"line 10, column 10: zones[0].ttl: \"3600\" is no duration"},
	{"ttl: 1h", "ttl: 0", "line 10, column 10: zones[0].ttl: a TTL of 0"},
	{"[DNSKEY, CDS]", "[DNSKEY, TXT]",
		"line 11, column 20: zones[0].sign[1]: \"TXT\" is not known "
		"here; write one of DNSKEY, CDS, CDNSKEY"},
	{"refresh: 5d", "refresh: 1h",
		"line 12, column 41: zones[0].signature.refresh: 3600 seconds "
		"are less than ttl + propagation (5400)"},
	{"refresh: 5d", "refresh: 14d",
		"line 12, column 27: zones[0].signature.validity: validity - "
		"refresh must be more than the ttl"},
	{"inception-offset: 1h", "inception-offset: 13d 23h",
		"line 12, column 63: zones[0].signature.inception-offset: "},
	{"min-validity: 1d", "min-validity: 15d",
		"line 12, column 95: zones[0].signature.min-validity: "
		"min-validity must not be above validity"},
	{"validity: 14d", "validity: 400d",
		"line 12, column 27: zones[0].signature.validity: \"400d\" is "
		"too long"},
	{"[8, 13, 16]", "[8, 13, 5]",
		"line 14, column 25: zones[0].algorithms[2]: \"5\" is not "
		"known here; write one of 8, 10, 13, 14, 15, 16"},
	{"rsa-min-bits: 1024", "rsa-min-bits: 512",
		"line 15, column 19: zones[0].rsa-min-bits: \"512\" is not "
		"right here; write a whole number from 1024 to 4096"},
	{"rate: 5/1m", "rate: 5",
		"line 16, column 11: zones[0].rate: \"5\" is not right here"},
	{"rate: 5/1m", "rate: 5/0",
		"line 16, column 11: zones[0].rate: \"5/0\" is not right"},
	{"\"12345 13\"", "\"123456 13\"",
		"line 17, column 17: zones[0].tag-pairs[0]: \"123456 13\" is "
		"not right here"},
	{"new-zone: yes", "new-zone: true",
		"line 18, column 15: zones[0].new-zone: \"true\" is not right "
		"here; write yes or no"},
	{"2027-01-17T08:00:00Z", "2027-01-17T08:00:01Z",
		"line 20, column 25: zones[0].cds-delete.until: this is more "
		"than 2 days ahead"},
	/* keys */
	{"\"1 13 2 " H1 "\", from", "\"1 13 1 " H1 "\", from",
		"line 22, column 39: zones[0].ksk[0].ds: "},
	{"\"1 13 2 " H1 "\", from", "\"1 13 2 1111\", from",
		"line 22, column 39: zones[0].ksk[0].ds: "},
	{"\"1 13 2 " H1 "\", from", "\"1 15 2 " H1 "\", from",
		"line 22, column 39: zones[0].ksk[0].ds: algorithm 15 "
		"(ED25519) is not among the zone's `algorithms`"},
	{"\"1 13 2 " H1 "\", from", "\"1 5 2 " H1 "\", from",
		"line 22, column 39: zones[0].ksk[0].ds: algorithm 5 "},
	{"2026-11-01T00:00:00Z", "2026-11-01",
		"line 22, column 120: zones[0].ksk[0].from: \"2026-11-01\" is "
		"no time"},
	{"until: 2027-11-01", "until: 2026-11-01",
		"line 22, column 149: zones[0].ksk[0].until: `until` must be "
		"later than `from`"},
	{"revoked: yes", "revoked: yes, cds: yes",
		"line 23, column 153: zones[0].ksk[1].cds: a revoked KSK"},
	{"seen: 2027-01-15T08:00:00Z", "seen: 2027-01-15T08:00:01Z",
		"line 24, column 23: zones[0].parent-ds.seen: this moment is "
		"ahead of the clock"},
	{"\"9 253 2 " H2, "\"1 13 2 " H1,
		"line 24, column 125: zones[0].parent-ds.ds[1]: this DS stands "
		"in the list already"},
	{"state: serving", "state: active",
		"line 27, column 16: zones[0].providers[0].state: \"active\" "
		"is not known here; write one of joining, serving, leaving"},
	{"\"4 13 2 " H2, "\"3 13 2 " H2,
		"line 28, column 102: zones[0].providers[0].keys[1].ds: this "
		"key stands already in line 28"},
	{"\"4 13 2 " H2, "\"1 13 2 " H1,
		"line 28, column 102: zones[0].providers[0].keys[1].ds: this "
		"key stands already in line 22"},
	{"\"6 16 2 " H3, "\"3 13 2 " H2,
		"line 33, column 42: zones[0].co-signers[0].ds: this key "
		"stands already in line 28"},
	{"max-keys: 4", "max-keys: 0",
		"line 29, column 19: zones[0].providers[0].max-keys: \"0\""},
	{"proof: all", "proof: some",
		"line 30, column 16: zones[0].providers[0].proof: \"some\""},
	{"state: leaving", "state: serving",
		"line 31, column 44: zones[0].providers[1].gone: `gone` is"},
	{"name: beta", "name: alpha",
		"line 31, column 16: zones[0].providers[1].name: this provider "
		"stands already in line 26"},
	{"name: beta,", "name: beta, certificate: x,",
		"line 31, column 35: zones[0].providers[1].certificate: only "
		"a provider with source: announced"},
	{"name: beta,", "name: beta, source: announced,",
		"line 31, column 9: zones[0].providers[1]: source: announced "
		"needs"},
	{"name: beta,", "name: beta, source: announced, certificate: x,",
		"line 31, column 54: zones[0].providers[1].certificate: one "
		"X.509 certificate in PEM form is needed; write "
		"`certificate: |`"},
	{"role: csk", "role: zsk",
		"line 33, column 33: zones[0].co-signers[0].role: \"zsk\" is "
		"not known here; write one of ksk, csk"},
	{"waits: {zone-max-ttl: 1d, ", "waits: {",
		"line 13, column 12: zones[0].waits: the key \"zone-max-ttl\" "
		"is missing here"},
	{"\"2 13 4 " H5, "\"1 13 4 " H5,
		"line 23, column 27: zones[0].ksk[1].ds: this looks like the "
		"key of line 22 by another digest type; a KSK has one entry"},
	{"label: a b", "label: \"a\\tb\"",
		"line 22, column 30: zones[0].ksk[0].label: a label has"},
};

static void
replace(const char *from, const char *to, char *out, size_t cap)
{
	const char *at = strstr(good, from);

	assert_non_null(at);
	snprintf(out, cap, "%.*s%s%s", (int)(at - good), good, to,
		at + strlen(from));
}

static void
test_compile_refuses_mistakes(void **state)
{
	static char text[8192];

	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		const struct mistake *m = &mistakes[i];
		uint8_t *bytes = NULL;
		size_t len = 0, k = 0;

		replace(m->from, m->to, text, sizeof(text));
		assert_int_equal(
			compile(text, &bytes, &len), KSK_ERR_BAD_INPUT);
		assert_null(bytes);
		assert_int_equal(len, 0);
		while (k < faults.count &&
			strncmp(faults.list[k].text, m->fault,
				strlen(m->fault)) != 0)
			k++;
		if (k == faults.count)
			fail_msg("for \"%s\"\nnot \"%s\"\nbut \"%s\"", m->to,
				m->fault, faults.list[0].text);
		/* One mistake, one fault; a misspelt key is two: unknown, and
		 * the right one missing. */
		if (faults.count > (strstr(m->to, "tttl") != NULL ? 2 : 1))
			fail_msg("for \"%s\" also \"%s\" \"%s\"", m->to,
				faults.list[0].text, faults.list[1].text);
	}
}

static void
test_compile_takes_all_rights_at_once(void **state)
{
	static char text[8192];
	struct ksk_fault fault = {""};
	struct ksk_table t;
	uint8_t *bytes = NULL;
	size_t len = 0;

	(void)state;
	replace("[read, sign]", "[read, sign, submit, journal, announce]", text,
		sizeof(text));
	assert_int_equal(compile(text, &bytes, &len), KSK_OK);
	assert_int_equal(
		ksk_table_open(ksk_span_of(bytes, len), &t, &fault), KSK_OK);
	assert_int_equal(t.clients[0].may | t.clients[1].may,
		KSK_MAY_READ | KSK_MAY_SIGN | KSK_MAY_SUBMIT | KSK_MAY_JOURNAL |
			KSK_MAY_ANNOUNCE);
	free(bytes);
}

/* Two KSKs with one tag are two keys if the policy says so. */
static void
test_compile_takes_a_named_pair_of_ksks(void **state)
{
	static char text[8192];
	uint8_t *bytes = NULL;
	size_t len = 0;
	char *pair;

	(void)state;
	replace("\"2 13 4 " H5, "\"1 13 4 " H5, text, sizeof(text));
	pair = strstr(text, "[\"12345 13\"]");
	assert_non_null(pair);
	memcpy(pair, "[\"1 13\"]    ", strlen("[\"12345 13\"]"));
	assert_int_equal(compile(text, &bytes, &len), KSK_OK);
	free(bytes);
	pair[2] = '3';
	assert_int_equal(compile(text, &bytes, &len), KSK_ERR_BAD_INPUT);
}

/* `certificate: |` with the certificate of a new key. out: its pin. */
static void
make_certificate(EVP_PKEY *key, char out[4096], uint8_t pin[KSK_PIN_LEN])
{
	X509 *certificate = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());
	uint8_t *der = NULL;
	char line[128];
	int len;

	assert_non_null(key);
	assert_true(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1));
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
	/* Long over: its dates say nothing of whose key it is. */
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), -9));
	assert_true(X509_set_pubkey(certificate, key));
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	assert_true(PEM_write_bio_X509(bio, certificate));
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
	assert_true(
		EVP_Digest(der, (size_t)len, pin, NULL, EVP_sha256(), NULL));
	snprintf(out, 4096, "        certificate: |\n");
	while (BIO_gets(bio, line, sizeof(line)) > 0)
		snprintf(out + strlen(out), 4096 - strlen(out), "          %s",
			line);
	OPENSSL_free(der);
	BIO_free(bio);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

/* The policy with alpha announcing its keys, and pins of its own besides. */
static const char *
announced(const char *certificate, char text[16384])
{
	const char *at = strstr(good, "        max-keys: 4");

	assert_non_null(at);
	snprintf(text, 16384, "%.*s        source: announced\n%s%s",
		(int)(at - good), good, certificate, at);
	return text;
}

static void
test_compile_takes_who_announces(void **state)
{
	static char certificate[4096], text[16384];
	uint8_t pin[KSK_PIN_LEN];
	struct ksk_fault fault = {""};
	struct ksk_table t;
	uint8_t *bytes = NULL;
	size_t len = 0;

	(void)state;
	make_certificate(EVP_EC_gen("P-256"), certificate, pin);
	assert_int_equal(
		compile(announced(certificate, text), &bytes, &len), KSK_OK);
	assert_int_equal(
		ksk_table_open(ksk_span_of(bytes, len), &t, &fault), KSK_OK);
	assert_int_equal(t.providers[0].announced, 1);
	assert_memory_equal(t.providers[0].announcer, pin, KSK_PIN_LEN);
	/* Pins beside an announcement stay pins. */
	assert_int_equal(t.providers[0].keys.count, 3);
	assert_int_equal(t.providers[1].announced, 0);
	free(bytes);
}

static void
test_compile_refuses_keys_that_may_not_announce(void **state)
{
	static char certificate[4096], text[16384];
	static const struct {
		const char *why;
		const char *group;
		unsigned bits;
	} bad[] = {
		{"an RSA key must have 2048 to 8192 bits", NULL, 1024},
		{"an EC key must be on P-256 or P-384", "P-521", 0},
	};
	uint8_t pin[KSK_PIN_LEN], *bytes = NULL;
	size_t len = 0;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		make_certificate(bad[i].group != NULL
				? EVP_EC_gen(bad[i].group)
				: EVP_RSA_gen(bad[i].bits),
			certificate, pin);
		assert_int_equal(
			compile(announced(certificate, text), &bytes, &len),
			KSK_ERR_BAD_INPUT);
		assert_int_equal(faults.count, 1);
		assert_non_null(strstr(faults.list[0].text,
			"zones[0].providers[0].certificate: "));
		assert_non_null(strstr(faults.list[0].text, bad[i].why));
	}
}

static void
test_compile_reports_all_in_order(void **state)
{
	static const char text[] =
		"kind: x\n"
		"appliance: 1\n"
		"version: 0\n"
		"extra: 1\n"
		"clients: [{name: \"?\", pin: 1, may: [x]}]\n"
		"zones:\n"
		"  - name: \"\"\n"
		"    clients: [a]\n"
		"    ttl: x\n"
		"    sign: [y]\n"
		"    waits: {zone-max-ttl: 1, propagation: x, sign-delay: y, "
		"parent-ds-ttl: z, parent-propagation: w, other: 1}\n"
		"    ksk: [{token: \"\", ds: x, from: y, until: z}]\n"
		"    providers: [{name: \"\", state: x}]\n";
	uint8_t *bytes = NULL;
	size_t len = 0;
	unsigned line = 0;

	(void)state;
	assert_int_equal(compile(text, &bytes, &len), KSK_ERR_BAD_INPUT);
	assert_int_equal(faults.count, KSK_POLICY_FAULT_MAX);
	for (size_t i = 0; i < faults.count; i++) {
		unsigned at = 0;

		assert_int_equal(
			sscanf(faults.list[i].text, "line %u,", &at), 1);
		assert_true(at >= line);
		line = at;
		assert_null(strchr(faults.list[i].text, '\n'));
	}
	/* Unknown keys do not hide wrong values, nor the reverse. */
	assert_int_equal(
		strncmp(faults.list[0].text, "line 1, column 7: kind", 22), 0);
	assert_non_null(strstr(faults.list[3].text, "no key \"extra\""));
}

/* Nine KSKs at one moment are more than an answer holds. */
static void
test_compile_refuses_many_standing(void **state)
{
	static char ksk[4096], text[8192];
	size_t at = 0, len = 0;
	uint8_t *bytes = NULL;

	(void)state;
	for (unsigned i = 0; i < 9; i++)
		at += (size_t)snprintf(ksk + at, sizeof(ksk) - at,
			"%s{token: t, ds: \"%u 13 2 " H4 "\"%s}",
			i == 0 ? "" : ", ", i + 1,
			i == 8 ? ", from: 2030-01-01T00:00:00Z" : "");
	replace("{token: t, ds: \"1 13 2 " H4 "\"}", ksk, text, sizeof(text));
	assert_int_equal(compile(text, &bytes, &len), KSK_ERR_BAD_INPUT);
	assert_int_equal(faults.count, 1);
	assert_non_null(strstr(faults.list[0].text,
		"zones[1].ksk: 9 KSKs would stand at one moment; at most 8"));
	/* Eight may: the first leaves when the last comes. */
	at = 0;
	for (unsigned i = 0; i < 9; i++)
		at += (size_t)snprintf(ksk + at, sizeof(ksk) - at,
			"%s{token: t, ds: \"%u 13 2 " H4 "\"%s}",
			i == 0 ? "" : ", ", i + 1,
			i == 8           ? ", from: 2030-01-01T00:00:00Z"
				: i == 0 ? ", until: 2030-01-01T00:00:00Z"
					 : "");
	replace("{token: t, ds: \"1 13 2 " H4 "\"}", ksk, text, sizeof(text));
	assert_int_equal(compile(text, &bytes, &len), KSK_OK);
	free(bytes);
}

static void
test_compile_takes_any_appliance(void **state)
{
	uint8_t *bytes = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(ksk_policy_compile(ksk_span_of(good, sizeof(good) - 1),
				 NULL, NOW, &bytes, &len, &faults),
		KSK_OK);
	free(bytes);
	bytes = NULL;
	/* A zero byte ends nothing. */
	assert_int_equal(ksk_policy_compile(ksk_span_of(good, sizeof(good)),
				 NULL, NOW, &bytes, &len, &faults),
		KSK_ERR_BAD_INPUT);
	assert_null(bytes);
	assert_non_null(strstr(faults.list[0].text, "control characters"));
}

/* What an hour's permission was is no fault afterwards. */
static void
test_compile_accepts_past_permission(void **state)
{
	static char text[8192];
	uint8_t *bytes = NULL;
	size_t len = 0;

	(void)state;
	replace("2027-01-17T08:00:00Z", "2026-01-17T08:00:00Z", text,
		sizeof(text));
	assert_int_equal(compile(text, &bytes, &len), KSK_OK);
	free(bytes);
}

/* The sample that is installed is a policy. */
static void
test_compile_sample(void **state)
{
	static char text[65536];
	FILE *f = fopen("firmware-config/policy.yaml", "re");
	uint8_t *bytes = NULL;
	size_t len;

	(void)state;
	if (f == NULL)
		fail_msg("tests run at the top of the tree");
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = '\0';
	if (ksk_policy_compile(ksk_span_of(text, len), NULL, NOW, &bytes, &len,
		    &faults) != KSK_OK)
		fail_msg("%s", faults.list[0].text);
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compile_whole_policy),
		cmocka_unit_test(test_compile_empty_signs_nothing),
		cmocka_unit_test(test_compile_refuses_mistakes),
		cmocka_unit_test(test_compile_takes_all_rights_at_once),
		cmocka_unit_test(test_compile_takes_a_named_pair_of_ksks),
		cmocka_unit_test(test_compile_takes_who_announces),
		cmocka_unit_test(
			test_compile_refuses_keys_that_may_not_announce),
		cmocka_unit_test(test_compile_reports_all_in_order),
		cmocka_unit_test(test_compile_refuses_many_standing),
		cmocka_unit_test(test_compile_takes_any_appliance),
		cmocka_unit_test(test_compile_accepts_past_permission),
		cmocka_unit_test(test_compile_sample),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
