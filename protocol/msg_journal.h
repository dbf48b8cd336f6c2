/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msg_journal - op journal-read: records as they are chained, the checkpoints
 * over them, and where the journal stands (PROTOCOL.md 4.6). msg.h includes
 * it; callers use that.
 * Tests: tests/unit/test_msg_journal.c, tests/fuzz/
 */
#ifndef KSK_PROTOCOL_MSG_JOURNAL_H
#define KSK_PROTOCOL_MSG_JOURNAL_H

#include "protocol/checkpoint.h"

/* Records of one reply: reading more would hold up signing. */
#define KSK_JOURNAL_RECORD_COUNT_MAX 256u

/* Checkpoints of one reply: beside the largest record there is room for so
 * many by P-256 keys. */
#define KSK_JOURNAL_CHECKPOINT_COUNT_MAX 32u

struct ksk_journal_read {
	uint64_t from;  /* number of the first record wanted */
	uint64_t most;  /* records, 0 for none */
	bool has_after; /* checkpoints only over later records than … */
	uint64_t after; /* … this one; without it over from and later ones */
};

struct ksk_journal_reply {
	size_t record_count;
	/* The encodings, borrowed; numbers rise by one. */
	struct ksk_span record[KSK_JOURNAL_RECORD_COUNT_MAX];
	size_t checkpoint_count; /* by rising number, none above the records' */
	struct ksk_signed_checkpoint
		checkpoint[KSK_JOURNAL_CHECKPOINT_COUNT_MAX];
	uint64_t head; /* number of the journal's last record */
	uint8_t head_hash[KSK_HASH_LEN];
	uint8_t journal[KSK_ID_LEN];  /* the journal's id */
	struct ksk_span audit_key;    /* RDATA; empty: there is none */
	uint8_t before[KSK_HASH_LEN]; /* what the first record's hash follows;
				       * the head's when there is no record */
	bool has_first;               /* older records were pruned … */
	uint64_t first;               /* … than this one */
};

/* Bytes of a reply besides its records, checkpoints and audit key. */
#define KSK_JOURNAL_REPLY_OVERHEAD 192u

/* Bytes that a record adds: its string's head. */
#define KSK_JOURNAL_RECORD_OVERHEAD 5u

/* The bodies. Readers leave errors in the cursor (cbor_in.h). */
void ksk_msg_journal_read_read(
	struct ksk_cbor_in *in, struct ksk_journal_read *out);
void ksk_msg_journal_read_write(
	struct ksk_cbor_out *out, const struct ksk_journal_read *body);
void ksk_msg_journal_reply_read(
	struct ksk_cbor_in *in, struct ksk_journal_reply *out);
void ksk_msg_journal_reply_write(
	struct ksk_cbor_out *out, const struct ksk_journal_reply *reply);

#endif
