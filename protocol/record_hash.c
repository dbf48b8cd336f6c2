/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_hash - the chain over records. Contract: record.h
 */
#include "protocol/record.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_PREFIX "ksk-record-1"

struct ksk_record_hasher {
	EVP_MD *sha256; /* looked up once: that costs more than hashing */
	EVP_MD_CTX *ctx;
};

enum ksk_err
ksk_record_hasher_new(struct ksk_record_hasher **out_hasher)
{
	struct ksk_record_hasher *hasher = calloc(1, sizeof(*hasher));

	if (hasher == NULL)
		return KSK_ERR_NO_MEMORY;
	hasher->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	hasher->ctx = EVP_MD_CTX_new();
	if (hasher->sha256 == NULL || hasher->ctx == NULL) {
		ksk_record_hasher_free(&hasher);
		return KSK_ERR_CRYPTO;
	}
	*out_hasher = hasher;
	return KSK_OK;
}

void
ksk_record_hasher_free(struct ksk_record_hasher **hasher)
{
	if (hasher == NULL || *hasher == NULL)
		return;
	EVP_MD_CTX_free((*hasher)->ctx);
	EVP_MD_free((*hasher)->sha256);
	free(*hasher);
	*hasher = NULL;
}

enum ksk_err
ksk_record_hasher_run(struct ksk_record_hasher *hasher,
	const uint8_t before[KSK_HASH_LEN], struct ksk_span encoded,
	uint8_t out_hash[KSK_HASH_LEN])
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = hasher->ctx;

	if (EVP_DigestInit_ex2(ctx, hasher->sha256, NULL) != 1 ||
		EVP_DigestUpdate(ctx, CHAIN_PREFIX, strlen(CHAIN_PREFIX)) !=
			1 ||
		EVP_DigestUpdate(ctx, before, KSK_HASH_LEN) != 1 ||
		EVP_DigestUpdate(ctx, encoded.data, encoded.len) != 1 ||
		EVP_DigestFinal_ex(ctx, hash, NULL) != 1)
		return KSK_ERR_CRYPTO;
	memcpy(out_hash, hash, KSK_HASH_LEN);
	return KSK_OK;
}

enum ksk_err
ksk_record_hash(const uint8_t before[KSK_HASH_LEN], struct ksk_span encoded,
	uint8_t out_hash[KSK_HASH_LEN])
{
	struct ksk_record_hasher *hasher = NULL;
	enum ksk_err err = ksk_record_hasher_new(&hasher);

	if (err != KSK_OK)
		return KSK_ERR_CRYPTO;
	err = ksk_record_hasher_run(hasher, before, encoded, out_hash);
	ksk_record_hasher_free(&hasher);
	return err;
}
