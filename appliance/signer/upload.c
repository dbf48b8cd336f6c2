/* SPDX-License-Identifier: BSD-2-Clause */
/* upload - see upload.h. */
#include "appliance/signer/upload.h"

#include <stdlib.h>
#include <string.h>

static void
drop(struct ksk_upload *u)
{
	free(u->data);
	EVP_MD_CTX_free(u->digest);
	memset(u, 0, sizeof(*u));
}

static struct ksk_upload *
find(struct ksk_uploads *uploads, const uint8_t pin[KSK_PIN_LEN])
{
	for (size_t i = 0; i < KSK_UPLOAD_COUNT; i++) {
		struct ksk_upload *u = &uploads->place[i];
		if (u->data != NULL && memcmp(u->pin, pin, KSK_PIN_LEN) == 0)
			return u;
	}
	return NULL;
}

static struct ksk_upload *
find_free(struct ksk_uploads *uploads)
{
	for (size_t i = 0; i < KSK_UPLOAD_COUNT; i++)
		if (uploads->place[i].data == NULL)
			return &uploads->place[i];
	return NULL;
}

static enum ksk_err
begin(struct ksk_uploads *uploads, const uint8_t pin[KSK_PIN_LEN],
	const struct ksk_part *part, uint64_t now_ms)
{
	struct ksk_upload *u = find(uploads, pin);

	if (u != NULL)
		drop(u);
	else
		u = find_free(uploads);
	if (u == NULL)
		return KSK_ERR_AGAIN;
	/* Pages that nothing came for cost nothing. */
	u->data = malloc((size_t)part->total);
	u->digest = EVP_MD_CTX_new();
	if (u->data == NULL || u->digest == NULL) {
		drop(u);
		return KSK_ERR_NO_MEMORY;
	}
	if (EVP_DigestInit_ex(u->digest, EVP_sha256(), NULL) != 1) {
		drop(u);
		return KSK_ERR_CRYPTO;
	}
	memcpy(u->pin, pin, KSK_PIN_LEN);
	memcpy(u->hash, part->hash, KSK_HASH_LEN);
	u->total = (size_t)part->total;
	u->last_ms = now_ms;
	return KSK_OK;
}

enum ksk_err
ksk_upload_part(struct ksk_uploads *uploads, const uint8_t pin[KSK_PIN_LEN],
	const struct ksk_part *part, uint64_t now_ms, uint64_t *out_received)
{
	struct ksk_upload *u;
	enum ksk_err err;

	ksk_uploads_run(uploads, now_ms);
	if (part->offset == 0 &&
		(err = begin(uploads, pin, part, now_ms)) != KSK_OK)
		return err;
	u = find(uploads, pin);
	*out_received = 0;
	if (u == NULL || memcmp(u->hash, part->hash, KSK_HASH_LEN) != 0)
		return KSK_OK;
	*out_received = u->received;
	if (part->offset != u->received ||
		part->bytes.len > u->total - u->received)
		return KSK_OK;
	if (EVP_DigestUpdate(u->digest, part->bytes.data, part->bytes.len) !=
		1) {
		drop(u);
		return KSK_ERR_CRYPTO;
	}
	memcpy(u->data + u->received, part->bytes.data, part->bytes.len);
	u->received += part->bytes.len;
	u->last_ms = now_ms;
	*out_received = u->received;
	return KSK_OK;
}

enum ksk_err
ksk_upload_take(struct ksk_uploads *uploads, const uint8_t pin[KSK_PIN_LEN],
	const uint8_t hash[KSK_HASH_LEN], uint8_t **out_data, size_t *out_len)
{
	struct ksk_upload *u = find(uploads, pin);
	uint8_t digest[KSK_HASH_LEN];

	if (u == NULL || memcmp(u->hash, hash, KSK_HASH_LEN) != 0 ||
		u->received != u->total)
		return KSK_ERR_NOT_FOUND;
	if (EVP_DigestFinal_ex(u->digest, digest, NULL) != 1 ||
		memcmp(digest, hash, KSK_HASH_LEN) != 0) {
		drop(u);
		return KSK_ERR_MALFORMED;
	}
	*out_data = u->data;
	*out_len = u->total;
	u->data = NULL;
	EVP_MD_CTX_free(u->digest);
	memset(u, 0, sizeof(*u));
	return KSK_OK;
}

void
ksk_uploads_run(struct ksk_uploads *uploads, uint64_t now_ms)
{
	for (size_t i = 0; i < KSK_UPLOAD_COUNT; i++) {
		struct ksk_upload *u = &uploads->place[i];
		if (u->data != NULL && now_ms - u->last_ms > KSK_UPLOAD_IDLE_MS)
			drop(u);
	}
}

void
ksk_uploads_wipe(struct ksk_uploads *uploads)
{
	for (size_t i = 0; i < KSK_UPLOAD_COUNT; i++)
		drop(&uploads->place[i]);
}
