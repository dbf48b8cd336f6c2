/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of ecpoint: OpenSSL's own import of a key says the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/rand.h>
#include <string.h>

#include "protocol/ecpoint.h"

#define ROUNDS 300

static const struct {
	const char *name;
	int nid;
	size_t len; /* of a coordinate */
} CURVES[] = {
	{"P-256", NID_X9_62_prime256v1, 32}, {"P-384", NID_secp384r1, 48}};

/* The verdict of a path that shares nothing with ours. */
static bool
imports(size_t c, const uint8_t *xy)
{
	char name[8];
	uint8_t point[97] = {0x04};
	EVP_PKEY *pkey = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);

	(void)strncpy(name, CURVES[c].name, sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memcpy(point + 1, xy, 2 * CURVES[c].len);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(
			OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
		OSSL_PARAM_construct_octet_string(
			OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * CURVES[c].len),
		OSSL_PARAM_construct_end(),
	};
	assert_non_null(ctx);
	assert_int_equal(1, EVP_PKEY_fromdata_init(ctx));
	bool good = EVP_PKEY_fromdata(
			    ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) == 1;
	EVP_PKEY_free(pkey);
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

static bool
is_good(size_t c, const uint8_t *xy)
{
	const char *why = NULL;
	enum ksk_err err = ksk_ecpoint_check(
		ksk_span_of(xy, 2 * CURVES[c].len), &why);

	if (err == KSK_OK)
		assert_null(why);
	else
		assert_int_equal(KSK_ERR_MALFORMED, err);
	if (err != KSK_OK)
		assert_non_null(strstr(why, "no point on the curve"));
	return err == KSK_OK;
}

static void
make_point(size_t c, uint8_t *xy)
{
	uint8_t point[97];
	size_t len = 0;
	EVP_PKEY *pkey = EVP_EC_gen(CURVES[c].name);

	assert_non_null(pkey);
	assert_int_equal(1,
		EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY,
			point, sizeof(point), &len));
	assert_int_equal(1 + 2 * CURVES[c].len, len);
	memcpy(xy, point + 1, len - 1);
	EVP_PKEY_free(pkey);
}

static void
test_keys_and_their_neighbours(void **state)
{
	(void)state;
	for (size_t c = 0; c < 2; c++) {
		for (size_t i = 0; i < ROUNDS; i++) {
			uint8_t xy[96];
			uint8_t bit[2];

			make_point(c, xy);
			assert_true(is_good(c, xy));
			assert_int_equal(1, RAND_bytes(bit, 2));
			xy[bit[0] % (2 * CURVES[c].len)] ^= (uint8_t)(1u
				<< bit[1] % 8);
			assert_false(is_good(c, xy));
			assert_false(imports(c, xy));
		}
	}
}

static void
test_random_bytes(void **state)
{
	(void)state;
	for (size_t c = 0; c < 2; c++) {
		for (size_t i = 0; i < ROUNDS; i++) {
			uint8_t xy[96];

			assert_int_equal(1, RAND_bytes(xy, sizeof(xy)));
			assert_false(is_good(c, xy));
			assert_false(imports(c, xy));
		}
	}
}

/* Writes the point of a small x, if there is one. */
static bool
solve(const EC_GROUP *group, size_t c, uint8_t x, uint8_t *xy)
{
	uint8_t compressed[49] = {0x02};
	uint8_t point[97];
	EC_POINT *p = EC_POINT_new(group);

	compressed[CURVES[c].len] = x;
	bool found = EC_POINT_oct2point(group, p, compressed, 1 + CURVES[c].len,
			     NULL) == 1;
	if (found)
		assert_int_equal(1 + 2 * CURVES[c].len,
			EC_POINT_point2oct(group, p,
				POINT_CONVERSION_UNCOMPRESSED, point,
				sizeof(point), NULL));
	if (found)
		memcpy(xy, point + 1, 2 * CURVES[c].len);
	EC_POINT_free(p);
	ERR_clear_error();
	return found;
}

/* Writes a coordinate plus the prime, which is the same number modulo it. */
static void
add_prime(const EC_GROUP *group, size_t c, uint8_t *coordinate)
{
	BIGNUM *n = BN_bin2bn(coordinate, (int)CURVES[c].len, NULL);

	assert_int_equal(1, BN_add(n, n, EC_GROUP_get0_field(group)));
	assert_true(BN_bn2binpad(n, coordinate, (int)CURVES[c].len) > 0);
	BN_free(n);
}

/* One point has one form: x + p must not pass for x. The smallest x there are
 * are those for which x + p still fits. */
static void
test_small_x_and_the_same_above_the_prime(void **state)
{
	(void)state;
	for (size_t c = 0; c < 2; c++) {
		EC_GROUP *group = EC_GROUP_new_by_curve_name(CURVES[c].nid);
		size_t found = 0;

		for (unsigned x = 0; x < 64; x++) {
			uint8_t xy[96];

			if (!solve(group, c, (uint8_t)x, xy))
				continue;
			found++;
			assert_true(is_good(c, xy));
			assert_true(imports(c, xy));
			add_prime(group, c, xy);
			assert_false(is_good(c, xy));
			assert_false(imports(c, xy));
		}
		assert_in_range(found, 16, 48);
		EC_GROUP_free(group);
	}
}

static void
test_odd_ones(void **state)
{
	static const uint8_t FILLS[] = {0x00, 0x01, 0xff};

	(void)state;
	for (size_t c = 0; c < 2; c++) {
		for (size_t i = 0; i < sizeof(FILLS); i++) {
			uint8_t xy[96];

			memset(xy, FILLS[i], sizeof(xy));
			assert_false(is_good(c, xy));
			assert_false(imports(c, xy));
		}
	}
}

static void
test_lengths(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 97; len++) {
		static const uint8_t BYTES[97] = {0};
		const char *why = NULL;

		if (len == 64 || len == 96)
			continue;
		assert_int_equal(KSK_ERR_MALFORMED,
			ksk_ecpoint_check(ksk_span_of(BYTES, len), &why));
		assert_string_equal("its length is wrong", why);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_and_their_neighbours),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_small_x_and_the_same_above_the_prime),
		cmocka_unit_test(test_odd_ones),
		cmocka_unit_test(test_lengths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
