/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * audit - what the audit key signs for the signer: checkpoints of the journal
 * (checkpoint.c) and proofs for clients (proof.c). Both are errands of the crew
 * and wait for KSKs' signatures, never the other way round; nothing that the
 * token gave is used before it was verified here. An appliance without an audit
 * key works; its journal can be followed but not proven.
 * Tests: tests/unit/test_audit.c, tests/integration/test_journal.py
 */
#ifndef KSK_SIGNER_AUDIT_H
#define KSK_SIGNER_AUDIT_H

#include "appliance/signer/ticket.h"
#include "protocol/checkpoint.h"

struct ksk_signer;

/* A checkpoint is due after so many records, or, if there is a new one, after
 * so long. */
#define KSK_CHECKPOINT_RECORDS 1000u
#define KSK_CHECKPOINT_MS 60000u

/* One that is due waits for jobs in the queue, but no longer than: */
#define KSK_CHECKPOINT_HURRY_MS 30000u

/* After one that failed the next is tried: */
#define KSK_CHECKPOINT_RETRY_MS 5000u

/* A proof that takes longer is left out of its reply. */
#define KSK_PROOF_MS 5000u

/* Zero it. */
struct ksk_audit {
	struct ksk_verify_key *key; /* of the audit key; NULL: none yet */
	size_t insert;              /* statement: a row of `checkpoint` */
	bool has_last;
	uint64_t last;    /* number of the last checkpointed record */
	uint64_t last_ms; /* when that was; or the start */
	uint64_t retry_ms;
	bool failed; /* said in the log */
	bool asked;  /* the open one is at the crew */
	struct ksk_checkpoint open;
	struct ksk_ticket *proving; /* whose proof is at the crew */
	struct ksk_nonce_proof proof;
	size_t nonces; /* tickets that have a nonce to be answered */
};

/*
 * Finds out where the last checkpoint is. Once, after the journal is open.
 * KSK_ERR_IO, KSK_ERR_NO_ROOM, with fault.
 */
KSK_MUST_USE enum ksk_err ksk_checkpoint_start(
	struct ksk_signer *signer, uint64_t now_ms, struct ksk_fault *fault);

/* Asks for a checkpoint when one is due, verifies one that came and stages its
 * row. To be called once in a turn. */
void ksk_checkpoint_run(struct ksk_signer *signer, uint64_t now_ms);

void ksk_audit_wipe(struct ksk_audit *audit);

/* Returns the prepared audit key, or NULL if there is none. */
struct ksk_verify_key *ksk_audit_key(struct ksk_signer *signer);

/*
 * Takes a request with a nonce: false if it can't be answered with a proof,
 * and the reply that says so is ready.
 */
bool ksk_proof_take(struct ksk_signer *signer, struct ksk_ticket *ticket);

/* Adds proofs to replies that wait for one. To be called once in a turn, when
 * all else is done. */
void ksk_proof_run(struct ksk_signer *signer, uint64_t now_ms);

#endif
