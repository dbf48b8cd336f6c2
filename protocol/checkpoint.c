/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * checkpoint - the bytes that are signed, and their verification. Contract:
 * checkpoint.h. What is sent and kept stands in checkpoint_cbor.c.
 */
#include "protocol/checkpoint.h"

#include "protocol/wire.h"

#include <stdlib.h>
#include <string.h>

static void
put_head(struct ksk_wire_out *w, const struct ksk_checkpoint *head)
{
	ksk_wire_put_bytes(w, ksk_span_of(head->journal, KSK_ID_LEN));
	ksk_wire_put_u64(w, head->number);
	ksk_wire_put_bytes(w, ksk_span_of(head->hash, KSK_HASH_LEN));
	ksk_wire_put_u64(w, head->time);
}

/* The sizes are those of the header: anything else is a mistake of ours. */
static void
check_filled(const struct ksk_wire_out *w)
{
	if (w->err != KSK_OK || w->buf->len != w->buf->cap)
		abort();
}

static void
put_prefix(struct ksk_wire_out *w, const char *prefix)
{
	ksk_wire_put_bytes(w, ksk_span_of(prefix, strlen(prefix)));
}

void
ksk_checkpoint_bytes(const struct ksk_checkpoint *checkpoint,
	uint8_t out_bytes[KSK_CHECKPOINT_BYTES])
{
	struct ksk_buf buf = ksk_buf_of(out_bytes, KSK_CHECKPOINT_BYTES);
	struct ksk_wire_out w = ksk_wire_out_of(&buf);

	put_prefix(&w, KSK_CHECKPOINT_PREFIX);
	put_head(&w, checkpoint);
	check_filled(&w);
}

void
ksk_proof_bytes(
	const struct ksk_nonce_proof *proof, uint8_t out_bytes[KSK_PROOF_BYTES])
{
	struct ksk_buf buf = ksk_buf_of(out_bytes, KSK_PROOF_BYTES);
	struct ksk_wire_out w = ksk_wire_out_of(&buf);

	put_prefix(&w, KSK_PROOF_PREFIX);
	ksk_wire_put_bytes(&w, ksk_span_of(proof->nonce, KSK_NONCE_LEN));
	put_head(&w, &proof->head);
	ksk_wire_put_u8(&w, proof->state);
	check_filled(&w);
}

enum ksk_err
ksk_checkpoint_verify(struct ksk_verify_key *key,
	const struct ksk_checkpoint *checkpoint, struct ksk_span signature)
{
	uint8_t bytes[KSK_CHECKPOINT_BYTES];

	ksk_checkpoint_bytes(checkpoint, bytes);
	return ksk_verify_bytes(
		key, ksk_span_of(bytes, sizeof(bytes)), signature);
}

enum ksk_err
ksk_proof_verify(struct ksk_verify_key *key,
	const struct ksk_nonce_proof *proof, struct ksk_span signature)
{
	uint8_t bytes[KSK_PROOF_BYTES];

	ksk_proof_bytes(proof, bytes);
	return ksk_verify_bytes(
		key, ksk_span_of(bytes, sizeof(bytes)), signature);
}
