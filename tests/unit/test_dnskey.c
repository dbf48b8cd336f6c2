/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of dnskey: fields, tags (C15), form of public keys (C07, C22), DS. Tags
 * and DS records are compared with those of ldns, dnssec-signzone and
 * dnssec-dsfromkey.
 */
#include "tests/unit/vector.h"

#include <openssl/evp.h>

#include "protocol/dnskey.h"
#include "protocol/edwards.h"

#define VECTORS "tests/vectors/protocol/"
#define ZONETEXT "tests/vectors/zonetext/"

static struct vector_record records[256];

static struct ksk_dnskey
read_key(const struct vector_record *record)
{
	struct ksk_dnskey key;

	assert_int_equal(KSK_OK, ksk_dnskey_read(vector_span(record), &key));
	return key;
}

/* Asserts that the form is refused and that the fault holds a word. */
static void
assert_refused(const struct vector_record *record, const char *word)
{
	struct ksk_fault fault = {""};
	struct ksk_dnskey key = read_key(record);

	assert_int_equal(KSK_ERR_MALFORMED, ksk_dnskey_form(&key, &fault));
	if (strstr(fault.text, word) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", fault.text, word);
}

static void
assert_good(const struct vector_record *record)
{
	struct ksk_fault fault = {""};
	struct ksk_dnskey key = read_key(record);

	if (ksk_dnskey_form(&key, &fault) != KSK_OK)
		fail_msg("refused: %s", fault.text);
}

static void
test_fields(void **state)
{
	static const uint8_t RDATA[] = {1, 1, 3, 13, 0xaa, 0xbb};
	struct ksk_dnskey key = {.tag = 7};

	(void)state;
	for (size_t len = 0; len < 5; len++)
		assert_int_equal(KSK_ERR_MALFORMED,
			ksk_dnskey_read(ksk_span_of(RDATA, len), &key));
	assert_int_equal(7, key.tag);
	assert_int_equal(KSK_OK,
		ksk_dnskey_read(ksk_span_of(RDATA, sizeof(RDATA)), &key));
	assert_int_equal(257, key.flags);
	assert_int_equal(3, key.protocol);
	assert_int_equal(13, key.algorithm);
	assert_int_equal(2, key.key.len);
}

/* C15: the revoked form's tag is computed again. */
static void
test_c15_tags_of_revoked_keys(void **state)
{
	(void)state;
	assert_int_equal(
		3, vector_zone(VECTORS "c15-both-forms.txt", records, 256));
	struct ksk_dnskey ksk = read_key(&records[0]);
	struct ksk_dnskey revoked = read_key(&records[1]);
	assert_int_equal(21773, ksk.tag);
	assert_int_equal(21901, ksk.revoked_tag);
	assert_int_equal(21901, revoked.tag);
	assert_int_equal(21901, revoked.revoked_tag);
	assert_int_equal(385, revoked.flags);
	assert_int_equal(
		1, vector_zone(VECTORS "c15-revoked-zsk.txt", records, 256));
	assert_int_equal(14160, read_key(&records[0]).tag);
	/* It is not the tag + 128 when the sum wraps. */
	static const uint8_t WRAP[] = {1, 1, 3, 13, 0xfb, 0xf0};
	struct ksk_dnskey key;
	assert_int_equal(
		KSK_OK, ksk_dnskey_read(ksk_span_of(WRAP, sizeof(WRAP)), &key));
	/* 0x0101 + 0x030d + 0xfbf0 = 0xfffe; + 0x80 = 0x1007e, carry 1 */
	assert_int_equal(0xfffe, key.tag);
	assert_int_equal(0x007f, key.revoked_tag);
}

static void
test_tags_are_those_of_ldns(void **state)
{
	static const char *const FILES[] = {ZONETEXT "c22-many-keys.txt",
		VECTORS "bind-alg8.zone", VECTORS "bind-alg10.zone",
		VECTORS "bind-alg13.zone", VECTORS "bind-alg14.zone",
		VECTORS "bind-alg15.zone", VECTORS "bind-alg16.zone"};
	size_t compared = 0;

	(void)state;
	for (size_t f = 0; f < sizeof(FILES) / sizeof(FILES[0]); f++) {
		size_t count = vector_zone(FILES[f], records, 256);
		for (size_t i = 0; i < count; i++) {
			if (records[i].type != KSK_TYPE_DNSKEY)
				continue;
			assert_int_equal(
				records[i].tag, read_key(&records[i]).tag);
			assert_good(&records[i]);
			compared++;
		}
	}
	assert_int_equal(200 + 12, compared);
	/* RFC 4034 B.1: RSA/MD5 takes the tag from the modulus. */
	static const uint8_t MD5[] = {1, 0, 3, 1, 1, 3, 0x11, 0x22, 0x33, 0x44};
	struct ksk_dnskey key;
	assert_int_equal(
		KSK_OK, ksk_dnskey_read(ksk_span_of(MD5, sizeof(MD5)), &key));
	assert_int_equal(0x2233, key.tag);
}

/* C07 */
static void
test_c07_cut_off_and_overlong_keys(void **state)
{
	static const uint8_t EMPTY[] = {1, 0, 3, 8};
	struct ksk_dnskey key;

	(void)state;
	assert_int_equal(KSK_ERR_MALFORMED,
		ksk_dnskey_read(ksk_span_of(EMPTY, 4), &key));
	assert_int_equal(
		1, vector_zone(ZONETEXT "c07-short-ec.txt", records, 256));
	assert_refused(&records[0], "63 bytes, not 64");
	assert_int_equal(1,
		vector_zone(
			ZONETEXT "c07-long-ec-04-prefix.txt", records, 256));
	assert_refused(&records[0], "65 bytes, not 64");
	assert_int_equal(1,
		vector_zone(ZONETEXT "c07-rsa-exp-overruns.txt", records, 256));
	assert_refused(&records[0], "RFC 3110");
	key = read_key(&records[0]);
	assert_int_equal(0, ksk_dnskey_rsa_bits(&key));
	assert_int_equal(1,
		vector_zone(ZONETEXT "c07-rsa-zero-explen.txt", records, 256));
	assert_refused(&records[0], "RFC 3110");
	key = read_key(&records[0]);
	assert_int_equal(0, ksk_dnskey_rsa_bits(&key));
}

/* C22 */
static void
test_c22_rsa_exponents_and_sizes(void **state)
{
	(void)state;
	assert_int_equal(7,
		vector_zone(ZONETEXT "c22-rsa-exponents-and-sizes.txt", records,
			256));
	for (size_t i = 0; i < 4; i++)
		assert_good(&records[i]); /* 3, 2^32+1, 1024, 4096 bits */
	assert_refused(&records[4], "3 to 2^33");
	assert_refused(&records[5], "exponent is even");
	assert_refused(&records[6], "3 to 2^33");
	struct ksk_dnskey key = read_key(&records[1]);
	assert_int_equal(2048, ksk_dnskey_rsa_bits(&key));
	key = read_key(&records[2]);
	assert_int_equal(1024, ksk_dnskey_rsa_bits(&key));
	key = read_key(&records[3]);
	assert_int_equal(4096, ksk_dnskey_rsa_bits(&key));
}

/* Makes an RSA key record: length bytes, exponent, modulus of 0xff. */
static void
make_rsa(struct vector_record *out, const char *head, size_t head_len,
	size_t modulus_len)
{
	*out = (struct vector_record){.rdata = {1, 0, 3, 8}};
	memcpy(out->rdata + 4, head, head_len);
	memset(out->rdata + 4 + head_len, 0xff, modulus_len);
	out->len = 4 + head_len + modulus_len;
}

static void
test_rsa_borders(void **state)
{
	struct vector_record *r = &records[0];
	static char long_exponent[3 + 256] = {0, 1, 0, 1};

	(void)state;
	make_rsa(r, "\1\3", 2, 256);
	assert_good(r);
	make_rsa(r, "\1\3", 2, 127);
	assert_refused(r, "1016 bits");
	make_rsa(r, "\1\3", 2, 513);
	assert_refused(r, "4104 bits");
	make_rsa(r, "\1\3", 2, 256);
	r->rdata[6] = 0x7f;
	struct ksk_dnskey key = read_key(r);
	assert_int_equal(2047, ksk_dnskey_rsa_bits(&key));
	r->rdata[r->len - 1] = 0xfe;
	assert_refused(r, "modulus is even");
	make_rsa(r, "\1\3\0", 3, 256);
	assert_refused(r, "leading zero");
	make_rsa(r, "\2\0\3", 3, 256);
	assert_refused(r, "leading zero");
	/* The long form of a short length (RFC 3110 2). */
	make_rsa(r, "\0\0\1\3", 4, 256);
	assert_refused(r, "RFC 3110");
	make_rsa(r, long_exponent, sizeof(long_exponent), 256);
	assert_refused(r, "exponent is not");
	/* 2^33 is even, 2^33 - 1 the largest, 2^33 + 1 too large. */
	make_rsa(r, "\5\1\xff\xff\xff\xff", 6, 256);
	assert_good(r);
	make_rsa(r, "\5\2\0\0\0\1", 6, 256);
	assert_refused(r, "3 to 2^33");
	make_rsa(r, "\1\2", 2, 256);
	assert_refused(r, "exponent is even");
	/* No modulus at all. */
	make_rsa(r, "\1\3", 2, 0);
	assert_refused(r, "RFC 3110");
	key = read_key(r);
	assert_int_equal(0, ksk_dnskey_rsa_bits(&key));
}

static void
test_ec_point_off_the_curve(void **state)
{
	(void)state;
	for (int algorithm = 13; algorithm <= 14; algorithm++) {
		char path[64];
		(void)snprintf(path, sizeof(path), VECTORS "bind-alg%d.zone",
			algorithm);
		size_t count = vector_zone(path, records, 256);
		struct vector_record *r = records;
		while (r->type != KSK_TYPE_DNSKEY && r < records + count)
			r++;
		assert_good(r);
		r->rdata[r->len - 1] ^= 1;
		assert_refused(r, "no point on the curve");
		r->rdata[r->len - 1] ^= 1;
		/* A coordinate that is not below the prime. */
		memset(r->rdata + 4, 0xff, r->len / 2);
		assert_refused(r, "no point on the curve");
		memset(r->rdata + 4, 0, r->len - 4);
		assert_refused(r, "no point on the curve");
	}
}

static void
make_edwards(struct vector_record *out, uint8_t algorithm, const uint8_t *point,
	size_t len)
{
	*out = (struct vector_record){.rdata = {1, 0, 3, algorithm}};
	memcpy(out->rdata + 4, point, len);
	out->len = 4 + len;
}

/* Half of all y belong to no point; OpenSSL takes them all. */
static void
test_edwards_keys_made_by_openssl_are_points(void **state)
{
	static const struct {
		const char *name;
		uint8_t algorithm;
	} CURVES[] = {{"ED25519", 15}, {"ED448", 16}};

	(void)state;
	for (size_t c = 0; c < 2; c++) {
		size_t off_curve = 0;
		for (size_t i = 0; i < 60; i++) {
			uint8_t point[57];
			size_t len = sizeof(point);
			EVP_PKEY *pkey = EVP_PKEY_Q_keygen(
				NULL, NULL, CURVES[c].name);
			assert_non_null(pkey);
			assert_int_equal(1,
				EVP_PKEY_get_raw_public_key(pkey, point, &len));
			EVP_PKEY_free(pkey);
			make_edwards(
				&records[0], CURVES[c].algorithm, point, len);
			assert_good(&records[0]);
			records[0].rdata[4] ^= 1;
			struct ksk_dnskey key = read_key(&records[0]);
			off_curve += ksk_dnskey_form(&key, NULL) != KSK_OK;
		}
		assert_in_range(off_curve, 10, 50);
	}
}

static void
test_edwards_25519_points_that_are_refused(void **state)
{
	/* RFC 8032 5.1.3; the points of small order are those that other
	 * libraries list. */
	static const struct {
		const char *hex;
		const char *word;
	} POINTS[] = {
		{"0100000000000000000000000000000000000000000000000000000000"
		 "000000",
			"small order"},
		{"0100000000000000000000000000000000000000000000000000000000"
		 "000080",
			"sign bit"},
		{"ecffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		 "ffffff7f",
			"small order"},
		{"ecffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		 "ffffffff",
			"sign bit"},
		{"0000000000000000000000000000000000000000000000000000000000"
		 "000000",
			"small order"},
		{"0000000000000000000000000000000000000000000000000000000000"
		 "000080",
			"small order"},
		{"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d"
		 "53fc05",
			"small order"},
		{"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d"
		 "53fc85",
			"small order"},
		{"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792"
		 "ac037a",
			"small order"},
		{"edffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		 "ffffff7f",
			"below the field's prime"},
		{"ffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		 "ffffff7f",
			"below the field's prime"},
		{"0200000000000000000000000000000000000000000000000000000000"
		 "000000",
			"no point"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(POINTS) / sizeof(POINTS[0]); i++) {
		uint8_t point[32];
		size_t len = 0;
		assert_int_equal(KSK_OK,
			ksk_hex_read(POINTS[i].hex, strlen(POINTS[i].hex),
				point, sizeof(point), &len));
		assert_int_equal(32, len);
		make_edwards(&records[0], 15, point, len);
		assert_refused(&records[0], POINTS[i].word);
	}
	make_edwards(&records[0], 15, (const uint8_t *)"short", 5);
	assert_refused(&records[0], "5 bytes, not 32");
}

static void
test_edwards_448_points_that_are_refused(void **state)
{
	uint8_t point[57] = {1};

	(void)state;
	make_edwards(&records[0], 16, point, sizeof(point));
	assert_refused(&records[0], "small order");
	point[56] = 0x80;
	make_edwards(&records[0], 16, point, sizeof(point));
	assert_refused(&records[0], "sign bit");
	/* RFC 8032 5.2.2: the last byte holds the sign alone. */
	point[56] = 0x01;
	make_edwards(&records[0], 16, point, sizeof(point));
	assert_refused(&records[0], "below the field's prime");
	memset(point, 0xff, 56);
	point[56] = 0;
	make_edwards(&records[0], 16, point, sizeof(point));
	assert_refused(&records[0], "below the field's prime");
	const char *why = "";
	assert_int_equal(KSK_ERR_MALFORMED,
		ksk_edwards_check(ksk_span_of(point, 56), &why));
	assert_string_equal("its length is wrong", why);
}

static void
test_protocol_and_algorithm(void **state)
{
	struct ksk_fault fault;

	(void)state;
	make_rsa(&records[0], "\1\3", 2, 256);
	records[0].rdata[2] = 2;
	assert_refused(&records[0], "protocol is 2");
	make_rsa(&records[0], "\1\3", 2, 256);
	records[0].rdata[3] = 12;
	struct ksk_dnskey key = read_key(&records[0]);
	assert_int_equal(KSK_ERR_UNSUPPORTED, ksk_dnskey_form(&key, &fault));
	assert_non_null(strstr(fault.text, "ECC-GOST"));
	assert_int_equal(0, ksk_dnskey_rsa_bits(&key));
	assert_string_equal("ED25519", ksk_algorithm_text(15));
	assert_string_equal("unassigned", ksk_algorithm_text(99));
}

/* DS records made by dnssec-dsfromkey and ldns-key2ds. */
static void
test_ds_is_that_of_other_tools(void **state)
{
	static const char *const FILES[] = {VECTORS "bind-alg8.zone",
		VECTORS "bind-alg13.zone", VECTORS "bind-alg15.zone",
		VECTORS "ldns-alg13.zone"};
	size_t matched = 0;

	(void)state;
	for (size_t f = 0; f < 4; f++) {
		size_t count = vector_zone(FILES[f], records, 256);
		for (size_t i = 0; i < count; i++) {
			struct ksk_ds ds;
			if (records[i].type != KSK_TYPE_DS)
				continue;
			assert_int_equal(KSK_OK,
				ksk_ds_read(vector_span(&records[i]), &ds));
			for (size_t k = 0; k < count; k++)
				matched += records[k].type == KSK_TYPE_DNSKEY &&
					ksk_ds_matches(&ds, &records[k].owner,
						vector_span(&records[k]));
			struct ksk_name other = vector_name("other.example.");
			for (size_t k = 0; k < count; k++)
				assert_false(ksk_ds_matches(
					&ds, &other, vector_span(&records[k])));
		}
	}
	assert_int_equal(7, matched);
}

static void
test_ds_build_and_write(void **state)
{
	struct ksk_name owner = vector_name("lab.example.");
	uint8_t room[64];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	struct ksk_ds ds, again;

	(void)state;
	make_rsa(&records[0], "\1\3", 2, 256);
	assert_int_equal(KSK_ERR_UNSUPPORTED,
		ksk_ds_build(&owner, vector_span(&records[0]), 1, &ds));
	assert_int_equal(KSK_ERR_MALFORMED,
		ksk_ds_build(&owner, ksk_span_of("abcd", 4), 2, &ds));
	assert_int_equal(
		KSK_OK, ksk_ds_build(&owner, vector_span(&records[0]), 4, &ds));
	assert_int_equal(KSK_OK, ksk_ds_write(&ds, &buf));
	assert_int_equal(52, buf.len);
	assert_int_equal(KSK_ERR_NO_ROOM, ksk_ds_write(&ds, &buf));
	assert_int_equal(52, buf.len);
	assert_int_equal(KSK_OK, ksk_ds_read(ksk_buf_span(&buf), &again));
	assert_true(ksk_ds_equal(&ds, &again));
	again.digest[47] ^= 1;
	assert_false(ksk_ds_equal(&ds, &again));
	for (size_t len = 0; len < 52; len++)
		assert_int_not_equal(
			KSK_OK, ksk_ds_read(ksk_span_of(room, len), &again));
	/* The delete form is no DS that can be computed with (RFC 8078 4). */
	assert_int_equal(KSK_ERR_UNSUPPORTED,
		ksk_ds_read(ksk_span_of("\0\0\0\0\0", 5), &again));
}

#define HEX32 \
	"000102030405060708090a0b0c0d0e0f" \
	"101112131415161718191a1b1c1d1e1f"

static void
test_ds_text(void **state)
{
	static const char *const WRONG[] = {"", "1", "1 13", "1 13 2",
		"1 13 2 ", "65536 13 2 " HEX32, "1 256 2 " HEX32,
		"1 13 1 " HEX32, "01 13 2 " HEX32, "-1 13 2 " HEX32,
		"1 13 2 " HEX32 "00", "1 13 4 " HEX32, "1 13 2 zz" HEX32,
		"1 13 2 0", "x 13 2 " HEX32, "1,13,2," HEX32,
		"999999999999 13 2 " HEX32};
	struct ksk_ds ds = {.tag = 5};
	struct ksk_fault fault;
	char out[KSK_DS_TEXT_CAP];

	(void)state;
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
		fault.text[0] = '\0';
		if (ksk_ds_from_text(WRONG[i], strlen(WRONG[i]), &ds, &fault) !=
			KSK_ERR_BAD_INPUT)
			fail_msg("taken: %s", WRONG[i]);
		assert_int_not_equal(0, strlen(fault.text));
	}
	assert_int_equal(5, ds.tag);
	static const char GOOD[] =
		" 65535\t255 2 000102030405060708090A0B0C0D0E0F "
		"10111213 1415161718191a1b1c1d1e1f ";
	assert_int_equal(
		KSK_OK, ksk_ds_from_text(GOOD, strlen(GOOD), &ds, &fault));
	ksk_ds_to_text(&ds, out);
	assert_string_equal("65535 255 2 " HEX32, out);
	assert_int_equal(KSK_OK,
		ksk_ds_from_text(
			"0 0 2 " HEX32, strlen("0 0 2 " HEX32), &ds, NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_c15_tags_of_revoked_keys),
		cmocka_unit_test(test_tags_are_those_of_ldns),
		cmocka_unit_test(test_c07_cut_off_and_overlong_keys),
		cmocka_unit_test(test_c22_rsa_exponents_and_sizes),
		cmocka_unit_test(test_rsa_borders),
		cmocka_unit_test(test_ec_point_off_the_curve),
		cmocka_unit_test(test_edwards_keys_made_by_openssl_are_points),
		cmocka_unit_test(test_edwards_25519_points_that_are_refused),
		cmocka_unit_test(test_edwards_448_points_that_are_refused),
		cmocka_unit_test(test_protocol_and_algorithm),
		cmocka_unit_test(test_ds_is_that_of_other_tools),
		cmocka_unit_test(test_ds_build_and_write),
		cmocka_unit_test(test_ds_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
