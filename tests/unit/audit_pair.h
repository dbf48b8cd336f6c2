/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * audit_pair - an audit key pair made and used by OpenSSL, for tests.
 */
#ifndef KSK_TESTS_AUDIT_PAIR_H
#define KSK_TESTS_AUDIT_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/checkpoint.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <string.h>

/* A P-256 key, and its public half as an audit key. */
struct audit_pair {
	EVP_PKEY *pkey; /* EVP_PKEY_free */
	uint8_t rdata[4 + 64];
};

static inline struct audit_pair
audit_pair_make(void)
{
	struct audit_pair pair = {.pkey = EVP_EC_gen("P-256")};
	uint8_t point[65];
	size_t len = 0;

	assert_non_null(pair.pkey);
	assert_int_equal(1,
		EVP_PKEY_get_octet_string_param(pair.pkey,
			OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len));
	assert_int_equal(sizeof(point), len);
	memcpy(pair.rdata, (const uint8_t[]){0, 0, 3, 13}, 4);
	memcpy(pair.rdata + 4, point + 1, 64);
	return pair;
}

/* Signs with OpenSSL and turns DER into r and s at fixed width. */
static inline void
audit_pair_sign(const struct audit_pair *pair, const void *bytes, size_t len,
	uint8_t out[64])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[80];
	size_t der_len = sizeof(der);
	const uint8_t *at = der;

	assert_int_equal(1,
		EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pair->pkey));
	assert_int_equal(1, EVP_DigestSign(ctx, der, &der_len, bytes, len));
	EVP_MD_CTX_free(ctx);
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
	assert_non_null(sig);
	assert_int_equal(32, BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32));
	assert_int_equal(32, BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32));
	ECDSA_SIG_free(sig);
}

/* Signs a checkpoint; signature: room for it, as long as the result lives. */
static inline struct ksk_signed_checkpoint
audit_pair_checkpoint(const struct audit_pair *pair,
	const struct ksk_checkpoint *value, uint8_t signature[64])
{
	uint8_t bytes[KSK_CHECKPOINT_BYTES];

	ksk_checkpoint_bytes(value, bytes);
	audit_pair_sign(pair, bytes, sizeof(bytes), signature);
	return (struct ksk_signed_checkpoint){.value = *value,
		.key = ksk_span_of(pair->rdata, sizeof(pair->rdata)),
		.signature = ksk_span_of(signature, 64)};
}

#endif
