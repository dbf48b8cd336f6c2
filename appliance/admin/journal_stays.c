/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_stays - the digest over records that stay in a journal though those
 * around them were pruned (PROTOCOL.md 8.4). Contract: journal_check.h
 */
#include "appliance/admin/journal_check.h"

#include <openssl/evp.h>

/* hash, body */
static enum ksk_err
add(EVP_MD_CTX *ctx, sqlite3_stmt *st, struct ksk_fault *fault)
{
	struct ksk_span hash = ksk_check_bytes(st, 0);
	struct ksk_span body = ksk_check_bytes(st, 1);

	if (hash.len != KSK_HASH_LEN) {
		ksk_fault_set(fault, "a record that stayed has no hash");
		return KSK_ERR_MALFORMED;
	}
	return EVP_DigestUpdate(ctx, hash.data, hash.len) == 1 &&
			EVP_DigestUpdate(ctx, body.data, body.len) == 1
		? KSK_OK
		: KSK_ERR_CRYPTO;
}

enum ksk_err
ksk_check_stays(struct ksk_check *check, const char *sql, uint64_t through,
	uint8_t out_digest[KSK_HASH_LEN], uint64_t *out_count,
	struct ksk_fault *fault)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	sqlite3_stmt *st = NULL;
	uint64_t count = 0;
	enum ksk_err err = KSK_ERR_CRYPTO;

	if (ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1)
		err = ksk_check_query(check, sql, &st, fault);
	if (err == KSK_OK)
		(void)sqlite3_bind_int64(st, 1, (sqlite3_int64)through);
	while (err == KSK_OK &&
		(err = ksk_check_row(check, st, fault)) == KSK_OK) {
		err = add(ctx, st, fault);
		count++;
	}
	if (err == KSK_ERR_NOT_FOUND)
		err = EVP_DigestFinal_ex(ctx, out_digest, NULL) == 1
			? KSK_OK
			: KSK_ERR_CRYPTO;
	if (err == KSK_OK)
		*out_count = count;
	(void)sqlite3_finalize(st);
	EVP_MD_CTX_free(ctx);
	return err;
}
