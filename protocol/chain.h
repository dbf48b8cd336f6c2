/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain - follows a journal record by record and computes its chain again:
 * each record read strictly, its number the next one, each checkpoint over the
 * hash that was computed here and, with audit keys that the caller trusts,
 * signed by one of them. What is dropped, swapped, changed or brought from
 * another journal does not continue the chain. Used by kskctl on exports and
 * by kskadm on the journal's own file; does no I/O.
 * Tests: tests/unit/test_chain.c
 */
#ifndef KSK_PROTOCOL_CHAIN_H
#define KSK_PROTOCOL_CHAIN_H

#include "protocol/export.h"

/* Audit keys that can be trusted at once: the key may have been replaced. */
#define KSK_CHAIN_KEY_MAX 8u

/* A checkpoint is signed while records go on: it may come so many records
 * behind the one that it is over. */
#define KSK_CHAIN_KEPT 4096u

/* Opaque; a fixed size, nothing is allocated per record. */
struct ksk_chain;

/* What was followed so far. */
struct ksk_chain_state {
	bool started;
	uint8_t journal[KSK_ID_LEN];
	uint64_t first;             /* number of the first record */
	uint64_t count;             /* records followed */
	uint64_t head;              /* number of the last one */
	uint8_t hash[KSK_HASH_LEN]; /* its hash; with none, what the first
				     * one follows */
	uint64_t checkpoint_count;
	uint64_t checkpoint;      /* number of the last checkpointed record */
	uint64_t checkpoint_time; /* when it was made, seconds */
	bool proven;              /* its signature was checked */
	bool marked;              /* the last item was a mark */
};

/* out_chain: owned, ksk_chain_free. KSK_ERR_NO_MEMORY, KSK_ERR_CRYPTO. */
KSK_MUST_USE enum ksk_err ksk_chain_new(struct ksk_chain **out_chain);

/* Accepts NULL and pointers to NULL; sets *chain to NULL. */
void ksk_chain_free(struct ksk_chain **chain);

/*
 * Trusts an audit key. With none, signatures are not looked at.
 * KSK_ERR_MALFORMED, KSK_ERR_UNSUPPORTED, KSK_ERR_CRYPTO, KSK_ERR_NO_MEMORY,
 * KSK_ERR_TOO_LARGE (more than KSK_CHAIN_KEY_MAX), with fault.
 */
KSK_MUST_USE enum ksk_err ksk_chain_trust(struct ksk_chain *chain,
	struct ksk_span rdata, struct ksk_fault *fault);

/* As ksk_chain_trust, with the key as text: a file that ksk_audit_key_from_text
 * reads. Also KSK_ERR_BAD_INPUT, with fault. */
KSK_MUST_USE enum ksk_err ksk_chain_trust_text(
	struct ksk_chain *chain, struct ksk_span text, struct ksk_fault *fault);

/* Says which journal it is, and where it begins. */
void ksk_chain_start(
	struct ksk_chain *chain, const struct ksk_export_header *header);

/*
 * Follows one record.
 * KSK_ERR_MALFORMED with fault: its form or number is wrong, or it is a begin
 * record in the middle or another one at the beginning. KSK_ERR_CRYPTO.
 * After a failure the chain is not to be followed further.
 */
KSK_MUST_USE enum ksk_err ksk_chain_record(struct ksk_chain *chain,
	struct ksk_span encoded, struct ksk_fault *fault);

/*
 * Checks a checkpoint against what was followed.
 * KSK_ERR_MALFORMED with fault: of another journal, over a record that is not
 * there, not later than the one before it, or another hash.
 * KSK_ERR_BAD_SIGNATURE with fault: not by a trusted key. KSK_ERR_CRYPTO.
 */
KSK_MUST_USE enum ksk_err ksk_chain_checkpoint(struct ksk_chain *chain,
	const struct ksk_signed_checkpoint *checkpoint,
	struct ksk_fault *fault);

/*
 * Checks a checkpoint's signature alone, by a trusted key.
 * KSK_ERR_BAD_SIGNATURE with fault; KSK_ERR_CRYPTO.
 */
KSK_MUST_USE enum ksk_err ksk_chain_signature(struct ksk_chain *chain,
	const struct ksk_signed_checkpoint *checkpoint,
	struct ksk_fault *fault);

/*
 * Follows one item of an export: header first, once.
 * Errors as above; KSK_ERR_MALFORMED also for a mark over another record or
 * hash, and for an item that is out of place.
 */
KSK_MUST_USE enum ksk_err ksk_chain_item(struct ksk_chain *chain,
	const struct ksk_export_item *item, struct ksk_fault *fault);

const struct ksk_chain_state *ksk_chain_state(const struct ksk_chain *chain);

/* Returns the record that was followed last, borrowed until the next one. Its
 * spans borrow from the encoding. */
const struct ksk_record *ksk_chain_last(const struct ksk_chain *chain);

/* Finds the hash of a record that was followed; NULL if it is not among the
 * last KSK_CHAIN_KEPT. Borrowed until the next record. */
const uint8_t *ksk_chain_hash(const struct ksk_chain *chain, uint64_t number);

#endif
