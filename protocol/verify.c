/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify - prepared public keys and the checking of signatures in DNS form.
 * Contract: verify.h. What an RRSIG must say about its RRset is checked in
 * verify_rrsig.c.
 */
#include "protocol/verify.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

/* How a signature of an algorithm is checked. */
enum scheme { SCHEME_RSA, SCHEME_ECDSA, SCHEME_EDWARDS };

struct algorithm {
	uint8_t number;
	enum scheme scheme;
	const char *name;     /* OpenSSL's key type */
	const char *group;    /* ECDSA */
	const char *digest;   /* NULL for Edwards */
	size_t signature_len; /* 0: as the modulus */
};

/* RFC 5702, RFC 6605, RFC 8080 */
static const struct algorithm ALGORITHMS[] = {
	{8, SCHEME_RSA, "RSA", NULL, "SHA256", 0},
	{10, SCHEME_RSA, "RSA", NULL, "SHA512", 0},
	{13, SCHEME_ECDSA, "EC", "P-256", "SHA256", 64},
	{14, SCHEME_ECDSA, "EC", "P-384", "SHA384", 96},
	{15, SCHEME_EDWARDS, "ED25519", NULL, NULL, 64},
	{16, SCHEME_EDWARDS, "ED448", NULL, NULL, 114},
};

struct ksk_verify_key {
	const struct algorithm *algorithm;
	size_t signature_len;
	EVP_PKEY *pkey;
	EVP_MD *digest;      /* RSA, ECDSA */
	EVP_MD_CTX *hashing; /* used again for each signature */
	EVP_PKEY_CTX *ctx;   /* RSA, ECDSA: stands ready to verify */
};

static const struct algorithm *
find_algorithm(uint8_t number)
{
	for (size_t i = 0; i < sizeof(ALGORITHMS) / sizeof(ALGORITHMS[0]);
		i++) {
		if (ALGORITHMS[i].number == number)
			return &ALGORITHMS[i];
	}
	return NULL;
}

/* Returns parameters for EVP_PKEY_fromdata, NULL on failure. */
static OSSL_PARAM *
build_rsa_params(const struct ksk_dnskey *dnskey)
{
	struct ksk_span exponent, modulus;
	OSSL_PARAM *params = NULL;

	if (ksk_dnskey_rsa_split(dnskey, &exponent, &modulus) != KSK_OK)
		return NULL;
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *e = BN_bin2bn(exponent.data, (int)exponent.len, NULL);
	BIGNUM *n = BN_bin2bn(modulus.data, (int)modulus.len, NULL);
	if (build != NULL && e != NULL && n != NULL &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1 &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1)
		params = OSSL_PARAM_BLD_to_param(build);
	BN_free(n);
	BN_free(e);
	OSSL_PARAM_BLD_free(build);
	return params;
}

static OSSL_PARAM *
build_ec_params(const struct ksk_dnskey *dnskey, const char *group)
{
	uint8_t point[1 + 96] = {0x04}; /* uncompressed (SEC 1 2.3.4) */
	OSSL_PARAM *params = NULL;

	if (dnskey->key.len > sizeof(point) - 1)
		return NULL;
	memcpy(point + 1, dnskey->key.data, dnskey->key.len);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	if (build != NULL &&
		OSSL_PARAM_BLD_push_utf8_string(
			build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY,
			point, 1 + dnskey->key.len) == 1)
		params = OSSL_PARAM_BLD_to_param(build);
	OSSL_PARAM_BLD_free(build);
	return params;
}

/* Returns the public key for OpenSSL, NULL on failure. */
static EVP_PKEY *
import_key(const struct ksk_dnskey *dnskey, const struct algorithm *algorithm)
{
	EVP_PKEY *pkey = NULL;

	if (algorithm->scheme == SCHEME_EDWARDS)
		return EVP_PKEY_new_raw_public_key_ex(NULL, algorithm->name,
			NULL, dnskey->key.data, dnskey->key.len);
	OSSL_PARAM *params = algorithm->scheme == SCHEME_RSA
		? build_rsa_params(dnskey)
		: build_ec_params(dnskey, algorithm->group);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(
		NULL, algorithm->name, NULL);
	if (params != NULL && ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(
			ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return pkey;
}

/* Prepares what can be used for every signature of the key. */
static bool
prepare_contexts(struct ksk_verify_key *key)
{
	key->hashing = EVP_MD_CTX_new();
	if (key->hashing == NULL)
		return false;
	if (key->algorithm->scheme == SCHEME_EDWARDS)
		return true;
	key->digest = EVP_MD_fetch(NULL, key->algorithm->digest, NULL);
	key->ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	if (key->digest == NULL || key->ctx == NULL ||
		EVP_PKEY_verify_init(key->ctx) != 1)
		return false;
	if (key->algorithm->scheme == SCHEME_RSA &&
		EVP_PKEY_CTX_set_rsa_padding(key->ctx, RSA_PKCS1_PADDING) != 1)
		return false;
	return EVP_PKEY_CTX_set_signature_md(key->ctx, key->digest) == 1;
}

enum ksk_err
ksk_verify_key_new(
	struct ksk_span dnskey_rdata, struct ksk_verify_key **out_key)
{
	struct ksk_dnskey dnskey;
	enum ksk_err err = ksk_dnskey_read(dnskey_rdata, &dnskey);

	if (err != KSK_OK)
		return err;
	const struct algorithm *algorithm = find_algorithm(dnskey.algorithm);
	if (algorithm == NULL)
		return KSK_ERR_UNSUPPORTED;
	err = ksk_dnskey_form(&dnskey, NULL);
	if (err != KSK_OK)
		return err;
	struct ksk_verify_key *key = calloc(1, sizeof(*key));
	if (key == NULL)
		return KSK_ERR_NO_MEMORY;
	key->algorithm = algorithm;
	key->signature_len = algorithm->signature_len;
	if (algorithm->scheme == SCHEME_RSA)
		key->signature_len = (ksk_dnskey_rsa_bits(&dnskey) + 7) / 8;
	key->pkey = import_key(&dnskey, algorithm);
	if (key->pkey == NULL || !prepare_contexts(key)) {
		ERR_clear_error();
		ksk_verify_key_free(&key);
		return KSK_ERR_CRYPTO;
	}
	*out_key = key;
	return KSK_OK;
}

void
ksk_verify_key_free(struct ksk_verify_key **key)
{
	if (key == NULL || *key == NULL)
		return;
	EVP_PKEY_CTX_free((*key)->ctx);
	EVP_MD_CTX_free((*key)->hashing);
	EVP_MD_free((*key)->digest);
	EVP_PKEY_free((*key)->pkey);
	free(*key);
	*key = NULL;
}

/* A DER signature over P-384 at its largest: two INTEGERs of 49 bytes. */
#define DER_MAX (2u + 2u * (2u + 49u))

/* Appends one half as a DER INTEGER: no needless zero, none missing (X.690
 * 8.3). Returns the new length. */
static size_t
put_integer(uint8_t *der, size_t at, const uint8_t *half, size_t half_len)
{
	while (half_len > 1 && half[0] == 0) {
		half++;
		half_len--;
	}
	size_t pad = half[0] >= 0x80 ? 1 : 0;
	der[at++] = 0x02;
	der[at++] = (uint8_t)(half_len + pad);
	if (pad != 0)
		der[at++] = 0;
	memcpy(der + at, half, half_len);
	return at + half_len;
}

/* Turns r and s at fixed width (RFC 6605 4) into what OpenSSL takes. */
static size_t
write_der(struct ksk_span signature, uint8_t der[DER_MAX])
{
	size_t half = signature.len / 2;
	size_t at = put_integer(der, 2, signature.data, half);

	at = put_integer(der, at, signature.data + half, half);
	der[0] = 0x30;
	der[1] = (uint8_t)(at - 2); /* below 128 for both curves */
	return at;
}

/* Returns OpenSSL's verdict: 1 good, 0 bad, below 0 an error. */
static int
verify_digest(struct ksk_verify_key *key, struct ksk_span bytes,
	struct ksk_span signature)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	uint8_t der[DER_MAX];
	unsigned hash_len = 0;

	if (EVP_DigestInit_ex2(key->hashing, key->digest, NULL) != 1 ||
		EVP_DigestUpdate(key->hashing, bytes.data, bytes.len) != 1 ||
		EVP_DigestFinal_ex(key->hashing, hash, &hash_len) != 1)
		return -1;
	if (key->algorithm->scheme == SCHEME_ECDSA)
		signature = ksk_span_of(der, write_der(signature, der));
	return EVP_PKEY_verify(
		key->ctx, signature.data, signature.len, hash, hash_len);
}

static int
verify_edwards(struct ksk_verify_key *key, struct ksk_span bytes,
	struct ksk_span signature)
{
	if (EVP_MD_CTX_reset(key->hashing) != 1 ||
		EVP_DigestVerifyInit(
			key->hashing, NULL, NULL, NULL, key->pkey) != 1)
		return -1;
	return EVP_DigestVerify(key->hashing, signature.data, signature.len,
		bytes.data, bytes.len);
}

size_t
ksk_verify_len(const struct ksk_verify_key *key)
{
	return key->signature_len;
}

enum ksk_err
ksk_verify_bytes(struct ksk_verify_key *key, struct ksk_span bytes,
	struct ksk_span signature)
{
	if (signature.len != key->signature_len)
		return KSK_ERR_BAD_SIGNATURE;
	int verdict = key->algorithm->scheme == SCHEME_EDWARDS
		? verify_edwards(key, bytes, signature)
		: verify_digest(key, bytes, signature);
	ERR_clear_error();
	if (verdict == 1)
		return KSK_OK;
	return verdict == 0 ? KSK_ERR_BAD_SIGNATURE : KSK_ERR_CRYPTO;
}
