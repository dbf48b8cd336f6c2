/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * upload - what clients send by parts (op part), in memory until it is handed
 * in. One per client, a few in all; nothing is touched before it came.
 * Tests: tests/unit/test_upload.c
 */
#ifndef KSK_SIGNER_UPLOAD_H
#define KSK_SIGNER_UPLOAD_H

#include "protocol/msg.h"

#include <openssl/evp.h>

#define KSK_UPLOAD_COUNT 4u
/* One that got no part for so long gives way. */
#define KSK_UPLOAD_IDLE_MS 60000u

struct ksk_upload {
	uint8_t *data;      /* total bytes, owned; NULL: a free place */
	EVP_MD_CTX *digest; /* of what came, owned */
	uint8_t pin[KSK_PIN_LEN];
	uint8_t hash[KSK_HASH_LEN]; /* that the whole must have */
	size_t total, received;
	uint64_t last_ms;
};

/* Zero it before use. */
struct ksk_uploads {
	struct ksk_upload place[KSK_UPLOAD_COUNT];
};

/*
 * Takes a part of a client's upload; offset 0 begins anew.
 * out_received: bytes that are there now. KSK_ERR_AGAIN: all places are taken.
 * KSK_ERR_NO_MEMORY, KSK_ERR_CRYPTO.
 */
KSK_MUST_USE enum ksk_err ksk_upload_part(struct ksk_uploads *uploads,
	const uint8_t pin[KSK_PIN_LEN], const struct ksk_part *part,
	uint64_t now_ms, uint64_t *out_received);

/*
 * Hands over a client's whole upload; its place is free then.
 * hash: that it must have. out_data: owned, free(). KSK_ERR_NOT_FOUND: there is
 * none with this hash, or not all of it; KSK_ERR_MALFORMED: it is not what the
 * hash says, and is dropped.
 */
KSK_MUST_USE enum ksk_err ksk_upload_take(struct ksk_uploads *uploads,
	const uint8_t pin[KSK_PIN_LEN], const uint8_t hash[KSK_HASH_LEN],
	uint8_t **out_data, size_t *out_len);

/* Drops those that got no part for long. */
void ksk_uploads_run(struct ksk_uploads *uploads, uint64_t now_ms);

/* Drops all. */
void ksk_uploads_wipe(struct ksk_uploads *uploads);

#endif
