/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * checkpoint - what the audit key signs, and nothing else is: a checkpoint (the
 * journal's head at a moment) and a proof (the same with a client's nonce and
 * the appliance's state). The worker signs what this builds; signer, client
 * and whoever holds an export verify what this builds (PROTOCOL.md 8.1, 8.2).
 *
 * Both begin with a prefix of their own, so that no signature over one can be
 * taken for one over the other or over an RRset, which begins with a type.
 * Signatures are in DNS form, as in an RRSIG; the key is audit_key.h's.
 * Tests: tests/unit/test_checkpoint.c
 */
#ifndef KSK_PROTOCOL_CHECKPOINT_H
#define KSK_PROTOCOL_CHECKPOINT_H

#include "protocol/audit_key.h"
#include "protocol/cbor_in.h"
#include "protocol/cbor_out.h"

/* The journal's last record at a moment. */
struct ksk_checkpoint {
	uint8_t journal[KSK_ID_LEN]; /* the journal's id */
	uint64_t number;             /* of the record */
	uint8_t hash[KSK_HASH_LEN];  /* its chain hash */
	uint64_t time;               /* seconds since 1970, when it was built */
};

/* What a client asked to have proven. state: enum ksk_state, 0..255. */
struct ksk_nonce_proof {
	uint8_t nonce[KSK_NONCE_LEN]; /* the client's */
	struct ksk_checkpoint head;
	uint8_t state; /* of the whole appliance */
};

/* prefix, journal, number, hash, time; numbers are 8 bytes, big endian */
#define KSK_CHECKPOINT_PREFIX "ksk-checkpoint-1"
#define KSK_CHECKPOINT_BYTES (16u + KSK_ID_LEN + 8u + KSK_HASH_LEN + 8u)

/* prefix, nonce, journal, number, hash, time, one byte of state */
#define KSK_PROOF_PREFIX "ksk-proof-1"
#define KSK_PROOF_BYTES \
	(11u + KSK_NONCE_LEN + KSK_ID_LEN + 8u + KSK_HASH_LEN + 8u + 1u)

/* Builds the bytes that a checkpoint's signature covers. */
void ksk_checkpoint_bytes(const struct ksk_checkpoint *checkpoint,
	uint8_t out_bytes[KSK_CHECKPOINT_BYTES]);

/* Builds the bytes that a proof's signature covers. */
void ksk_proof_bytes(const struct ksk_nonce_proof *proof,
	uint8_t out_bytes[KSK_PROOF_BYTES]);

/* Checks a signature by the audit key. Errors as ksk_verify_bytes. */
KSK_MUST_USE enum ksk_err ksk_checkpoint_verify(struct ksk_verify_key *key,
	const struct ksk_checkpoint *checkpoint, struct ksk_span signature);
KSK_MUST_USE enum ksk_err ksk_proof_verify(struct ksk_verify_key *key,
	const struct ksk_nonce_proof *proof, struct ksk_span signature);

/* A checkpoint with its signature and the key that made it. */
struct ksk_signed_checkpoint {
	struct ksk_checkpoint value;
	struct ksk_span key;       /* RDATA, borrowed */
	struct ksk_span signature; /* DNS form, borrowed */
};

/* checkpoint = { 1: journal id, 2: number, 3: hash, 4: time, 5: key,
 * 6: signature }. The reader borrows from the cursor's bytes, checks form
 * alone and leaves errors in the cursor. */
void ksk_checkpoint_read(
	struct ksk_cbor_in *in, struct ksk_signed_checkpoint *out);
void ksk_checkpoint_write(struct ksk_cbor_out *out,
	const struct ksk_signed_checkpoint *checkpoint);

/* Bytes of room that a written checkpoint never exceeds. */
#define KSK_CHECKPOINT_MAX (160u + KSK_AUDIT_KEY_MAX + KSK_SIGNATURE_MAX)

/* A proof as it stands in a reply's field 6. The nonce is the client's own and
 * is not sent back. */
struct ksk_signed_proof {
	struct ksk_checkpoint head;
	uint8_t state;
	struct ksk_span signature; /* DNS form, borrowed */
};

/*
 * Reads field 6: proof = { 1: journal id, 2: number, 3: hash, 4: time,
 * 5: state, 6: signature }.
 * out_proof: borrows from bytes; unchanged on failure. KSK_ERR_MALFORMED,
 * KSK_ERR_TOO_LARGE.
 */
KSK_MUST_USE enum ksk_err ksk_proof_read(
	struct ksk_span bytes, struct ksk_signed_proof *out_proof);

/* Appends what ksk_proof_read reads. KSK_ERR_NO_ROOM: KSK_PROOF_MAX bytes
 * always suffice. */
KSK_MUST_USE enum ksk_err ksk_proof_write(
	const struct ksk_signed_proof *proof, struct ksk_buf *out);

#endif
