/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of verify: signatures made by dnssec-signzone, ldns-signzone and
 * OpenSSL; forms of ECDSA signatures (C25); what an RRSIG must say.
 */
#include "tests/unit/vector.h"

#include <openssl/evp.h>

#include "protocol/verify.h"

#define VECTORS "tests/vectors/protocol/"
#define INCEPTION 1767225600u  /* 2026-01-01T00:00:00Z */
#define EXPIRATION 1769817600u /* 2026-01-31T00:00:00Z */

static struct vector_record records[32];
static size_t record_count;

/* Gathers one RRset of the zone that was read last. */
static struct ksk_rrset
gather(uint16_t type)
{
	struct ksk_rrset set = {.owner = vector_name("lab.example."),
		.type = type,
		.ttl = 3600};

	for (size_t i = 0; i < record_count; i++) {
		if (records[i].type == type)
			set.rdata[set.count++] = vector_span(&records[i]);
	}
	ksk_rrset_sort(&set);
	return set;
}

/* Returns the record whose key has the tag. */
static struct ksk_span
find_key(uint16_t tag)
{
	for (size_t i = 0; i < record_count; i++) {
		if (records[i].type == KSK_TYPE_DNSKEY && records[i].tag == tag)
			return vector_span(&records[i]);
	}
	fail_msg("no key with tag %u", tag);
	return (struct ksk_span){0};
}

/* Verifies every RRSIG of a signed zone; returns how many. */
static size_t
verify_zone(const char *path)
{
	size_t verified = 0;

	record_count = vector_zone(path, records, 32);
	for (size_t i = 0; i < record_count; i++) {
		struct ksk_rrsig rrsig;
		struct ksk_fault fault = {""};
		if (records[i].type != KSK_TYPE_RRSIG)
			continue;
		assert_int_equal(KSK_OK,
			ksk_rrsig_read(vector_span(&records[i]), &rrsig));
		struct ksk_rrset set = gather(rrsig.type);
		struct ksk_span key = find_key(rrsig.tag);
		if (ksk_verify_rrsig(&set, &rrsig, &set.owner, key, INCEPTION,
			    &fault) != KSK_OK)
			fail_msg("%s: %s", path, fault.text);
		/* One bit of the RRset, one of the signature. */
		uint8_t *byte = &records[i].rdata[records[i].len - 1];
		*byte ^= 1;
		assert_int_equal(KSK_ERR_BAD_SIGNATURE,
			ksk_verify_rrsig(
				&set, &rrsig, &set.owner, key, 0, &fault));
		*byte ^= 1;
		set.ttl = rrsig.ttl = 3601;
		assert_int_equal(KSK_ERR_BAD_SIGNATURE,
			ksk_verify_rrsig(
				&set, &rrsig, &set.owner, key, 0, &fault));
		assert_string_equal(
			"the signature does not verify", fault.text);
		verified++;
	}
	return verified;
}

static void
test_signatures_of_other_signers(void **state)
{
	static const char *const FILES[] = {VECTORS "bind-alg8.zone",
		VECTORS "bind-alg10.zone", VECTORS "bind-alg13.zone",
		VECTORS "bind-alg14.zone", VECTORS "bind-alg15.zone",
		VECTORS "bind-alg16.zone"};

	(void)state;
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(3, verify_zone(FILES[i]));
	assert_int_equal(2, verify_zone(VECTORS "ldns-alg13.zone"));
}

/* Changes one thing at a time in a good RRSIG. */
static void
test_what_an_rrsig_must_say(void **state)
{
	struct ksk_rrsig good, rrsig;
	struct ksk_fault fault;
	struct ksk_name other = vector_name("example.");
	struct ksk_span rdata = {0};

	(void)state;
	record_count = vector_zone(VECTORS "bind-alg13.zone", records, 32);
	for (size_t i = 0; i < record_count; i++) {
		if (records[i].type == KSK_TYPE_RRSIG)
			rdata = vector_span(&records[i]);
	}
	assert_int_equal(KSK_OK, ksk_rrsig_read(rdata, &good));
	struct ksk_rrset set = gather(good.type);
	struct ksk_span key = find_key(good.tag);
#define EXPECT(verdict, word) \
	fault.text[0] = '\0'; \
	assert_int_equal(verdict, \
		ksk_verify_rrsig(&set, &rrsig, &set.owner, key, 0, &fault)); \
	if (strstr(fault.text, word) == NULL) \
	fail_msg("%s", fault.text)
	rrsig = good;
	EXPECT(KSK_OK, "");
	rrsig.algorithm = 14;
	EXPECT(KSK_ERR_BAD_SIGNATURE, "algorithms");
	rrsig = good;
	rrsig.tag++;
	EXPECT(KSK_ERR_BAD_SIGNATURE, "tags");
	rrsig = good;
	rrsig.signer = other;
	EXPECT(KSK_ERR_BAD_SIGNATURE, "signer's name");
	rrsig = good;
	rrsig.type = KSK_TYPE_CDS;
	EXPECT(KSK_ERR_BAD_SIGNATURE, "another type");
	rrsig = good;
	rrsig.ttl = 60;
	EXPECT(KSK_ERR_BAD_SIGNATURE, "TTL");
	rrsig = good;
	rrsig.labels = 1;
	EXPECT(KSK_ERR_BAD_SIGNATURE, "label count");
	rrsig = good;
	rrsig.signature.len--;
	EXPECT(KSK_ERR_BAD_SIGNATURE, "does not verify");
	rrsig = good;
	key.len = 4;
	EXPECT(KSK_ERR_MALFORMED, "cut off");
#undef EXPECT
	/* The zone asked for is another. */
	key = find_key(good.tag);
	assert_int_equal(KSK_ERR_BAD_SIGNATURE,
		ksk_verify_rrsig(&set, &good, &other, key, 0, &fault));
}

static void
test_flags_of_the_key(void **state)
{
	struct ksk_fault fault;
	struct ksk_rrsig rrsig = {.algorithm = 13};
	static uint8_t key[68] = {0, 0, 3, 13};
	struct ksk_rrset set = {.owner = vector_name("lab.example.")};

	(void)state;
	assert_int_equal(KSK_ERR_BAD_SIGNATURE,
		ksk_verify_rrsig(&set, &rrsig, &set.owner,
			ksk_span_of(key, sizeof(key)), 0, &fault));
	assert_non_null(strstr(fault.text, "no zone key"));
}

/* RFC 4034 3.1.5: times are compared in serial arithmetic. */
static void
test_validity_period(void **state)
{
	static const struct {
		uint64_t now;
		const char *word; /* NULL: valid */
	} MOMENTS[] = {{INCEPTION - 1, "future"}, {INCEPTION, NULL},
		{EXPIRATION, NULL}, {EXPIRATION + 1, "expired"},
		{INCEPTION + (UINT64_C(1) << 32), NULL}};
	struct ksk_fault fault;
	struct ksk_rrsig rrsig;

	(void)state;
	record_count = vector_zone(VECTORS "bind-alg15.zone", records, 32);
	for (size_t i = 0; i < record_count; i++) {
		if (records[i].type == KSK_TYPE_RRSIG)
			assert_int_equal(KSK_OK,
				ksk_rrsig_read(
					vector_span(&records[i]), &rrsig));
	}
	struct ksk_rrset set = gather(rrsig.type);
	for (size_t i = 0; i < 5; i++) {
		enum ksk_err err = ksk_verify_rrsig(&set, &rrsig, &set.owner,
			find_key(rrsig.tag), MOMENTS[i].now, &fault);
		if (MOMENTS[i].word == NULL) {
			assert_int_equal(KSK_OK, err);
			continue;
		}
		assert_int_equal(KSK_ERR_BAD_SIGNATURE, err);
		assert_non_null(strstr(fault.text, MOMENTS[i].word));
	}
}

/* Reads one line of the C25 file: "raw-64   <hex>". */
static size_t
read_hex_line(const char *line, uint8_t *out, size_t cap)
{
	const char *hex = line + strcspn(line, " \t");
	size_t len = 0;

	hex += strspn(hex, " \t");
	assert_int_equal(KSK_OK,
		ksk_hex_read(hex, strcspn(hex, " \t\r\n"), out, cap, &len));
	return len;
}

/* C25: fixed width verifies; DER and short forms never do. */
static void
test_c25_signature_forms(void **state)
{
	static const char MESSAGE[] = "signed data of the signature-form case";
	static const char KEY[] = "# public key (x then y): ";
	struct ksk_span message = ksk_span_of(MESSAGE, strlen(MESSAGE));
	struct ksk_verify_key *key = NULL;
	uint8_t rdata[68] = {1, 0, 3, 13};
	uint8_t signature[128];
	size_t good = 0, bad = 0, len = 0;
	char line[512];

	(void)state;
	FILE *file = fopen(VECTORS "c25-signature-forms.txt", "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, KEY, strlen(KEY)) == 0) {
			assert_int_equal(KSK_OK,
				ksk_hex_read(line + strlen(KEY), 128, rdata + 4,
					64, &len));
			assert_int_equal(KSK_OK,
				ksk_verify_key_new(
					ksk_span_of(rdata, 68), &key));
		}
		bool raw = strncmp(line, "raw-64", 6) == 0;
		if (!raw && strncmp(line, "raw-min", 7) != 0 &&
			strncmp(line, "der", 3) != 0)
			continue;
		len = read_hex_line(line, signature, sizeof(signature));
		assert_int_equal(raw ? KSK_OK : KSK_ERR_BAD_SIGNATURE,
			ksk_verify_bytes(
				key, message, ksk_span_of(signature, len)));
		good += raw;
		bad += !raw;
	}
	assert_int_equal(4, good);
	assert_int_equal(7, bad);
	/* r and s of zero, and not below the order. */
	memset(signature, 0, 64);
	assert_int_equal(KSK_ERR_BAD_SIGNATURE,
		ksk_verify_bytes(key, message, ksk_span_of(signature, 64)));
	memset(signature, 0xff, 64);
	assert_int_equal(KSK_ERR_BAD_SIGNATURE,
		ksk_verify_bytes(key, message, ksk_span_of(signature, 64)));
	ksk_verify_key_free(&key);
	assert_null(key);
	(void)fclose(file);
}

/* Signs with OpenSSL and gives the signature in DNS form. */
static size_t
sign_p256(EVP_PKEY *pkey, struct ksk_span message, uint8_t out[64])
{
	uint8_t der[80];
	size_t len = sizeof(der);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	assert_int_equal(1,
		EVP_DigestSignInit_ex(
			ctx, NULL, "SHA256", NULL, NULL, pkey, NULL));
	assert_int_equal(
		1, EVP_DigestSign(ctx, der, &len, message.data, message.len));
	EVP_MD_CTX_free(ctx);
	memset(out, 0, 64);
	size_t at = 2;
	for (size_t half = 0; half < 2; half++) {
		size_t n = der[at + 1];
		const uint8_t *digits = der + at + 2;
		at += 2 + n;
		for (; n > 32; n--)
			digits++;
		memcpy(out + half * 32 + 32 - n, digits, n);
	}
	return 64;
}

/* C25: leading zeros come once in 128 signatures. */
static void
test_c25_two_thousand_signatures_with_one_context(void **state)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	struct ksk_verify_key *key = NULL;
	uint8_t point[65], signature[64];
	uint8_t rdata[68] = {1, 0, 3, 13};
	size_t len = 0, with_zero = 0;

	(void)state;
	assert_int_equal(1,
		EVP_PKEY_get_octet_string_param(
			pkey, "pub", point, sizeof(point), &len));
	memcpy(rdata + 4, point + 1, 64);
	assert_int_equal(
		KSK_OK, ksk_verify_key_new(ksk_span_of(rdata, 68), &key));
	for (uint32_t i = 0; i < 2000; i++) {
		struct ksk_span message = ksk_span_of(&i, sizeof(i));
		(void)sign_p256(pkey, message, signature);
		with_zero += signature[0] == 0 || signature[32] == 0;
		assert_int_equal(KSK_OK,
			ksk_verify_bytes(
				key, message, ksk_span_of(signature, 64)));
	}
	assert_in_range(with_zero, 1, 100);
	assert_int_equal(KSK_ERR_BAD_SIGNATURE,
		ksk_verify_bytes(key, ksk_span_of("other", 5),
			ksk_span_of(signature, 64)));
	ksk_verify_key_free(&key);
	EVP_PKEY_free(pkey);
}

static void
test_keys_that_can_not_be_prepared(void **state)
{
	uint8_t rdata[68] = {1, 0, 3, 13};
	struct ksk_verify_key *key = NULL;

	(void)state;
	assert_int_equal(KSK_ERR_MALFORMED,
		ksk_verify_key_new(ksk_span_of(rdata, 4), &key));
	assert_int_equal(KSK_ERR_MALFORMED,
		ksk_verify_key_new(ksk_span_of(rdata, 68), &key));
	rdata[3] = 5; /* RSASHA1: its form is known, its use is not */
	assert_int_equal(KSK_ERR_UNSUPPORTED,
		ksk_verify_key_new(ksk_span_of(rdata, 68), &key));
	assert_null(key);
	ksk_verify_key_free(&key);
	ksk_verify_key_free(NULL);
}

/* An RSA signature has the modulus's length (RFC 3110 3). */
static void
test_lengths_of_signatures(void **state)
{
	static const struct {
		const char *path;
		size_t len;
	} KEYS[] = {{VECTORS "bind-alg8.zone", 256},
		{VECTORS "bind-alg14.zone", 96},
		{VECTORS "bind-alg15.zone", 64},
		{VECTORS "bind-alg16.zone", 114}};
	static uint8_t zeros[300];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct ksk_verify_key *key = NULL;
		record_count = vector_zone(KEYS[i].path, records, 32);
		struct ksk_rrset set = gather(KSK_TYPE_DNSKEY);
		assert_int_equal(
			KSK_OK, ksk_verify_key_new(set.rdata[0], &key));
		for (size_t len = 0; len <= sizeof(zeros); len++)
			assert_int_equal(KSK_ERR_BAD_SIGNATURE,
				ksk_verify_bytes(key, ksk_span_of("m", 1),
					ksk_span_of(zeros, len)));
		ksk_verify_key_free(&key);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signatures_of_other_signers),
		cmocka_unit_test(test_what_an_rrsig_must_say),
		cmocka_unit_test(test_flags_of_the_key),
		cmocka_unit_test(test_validity_period),
		cmocka_unit_test(test_c25_signature_forms),
		cmocka_unit_test(
			test_c25_two_thousand_signatures_with_one_context),
		cmocka_unit_test(test_keys_that_can_not_be_prepared),
		cmocka_unit_test(test_lengths_of_signatures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
