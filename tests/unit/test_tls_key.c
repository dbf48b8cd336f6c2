/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of protocol/tls_key.c. */
#include "protocol/tls_key.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
check(EVP_PKEY *key, bool usable)
{
	assert_non_null(key);
	assert_int_equal(ksk_tls_key_is_usable(key), usable);
	EVP_PKEY_free(key);
}

static void
test_usable(void **state)
{
	(void)state;
	check(EVP_EC_gen("P-256"), true);
	check(EVP_EC_gen("P-384"), true);
	check(EVP_EC_gen("P-521"), true);
	check(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), true);
	check(EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), true);
	check(EVP_RSA_gen(2048), true);
}

static void
test_not_usable(void **state)
{
	(void)state;
	assert_false(ksk_tls_key_is_usable(NULL));
	check(EVP_EC_gen("secp256k1"), false);
	check(EVP_EC_gen("P-224"), false);
	check(EVP_EC_gen("brainpoolP256r1"), false);
	check(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), false);
	check(EVP_RSA_gen(1024), false);
	check(EVP_RSA_gen(2047), false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usable),
		cmocka_unit_test(test_not_usable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
