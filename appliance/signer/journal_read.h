/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_read - answers journal-read: records as they were written, and the
 * checkpoints over them. Reading must not hold up signing: one such request is
 * answered in a turn of the loop, while something is signed no more than one in
 * KSK_JOURNAL_READ_MS, and one reply holds no more than a frame and
 * KSK_JOURNAL_RECORD_COUNT_MAX records.
 * Tests: tests/unit/test_journal_read.c, tests/integration/test_journal.py
 */
#ifndef KSK_SIGNER_JOURNAL_READ_H
#define KSK_SIGNER_JOURNAL_READ_H

#include "appliance/signer/signer.h"

/* Room for all that is read for one reply: the records of a frame, and the
 * largest checkpoints beside them. */
#define KSK_JOURNAL_ROOM \
	(KSK_FRAME_MAX + \
		KSK_JOURNAL_CHECKPOINT_COUNT_MAX * \
			(KSK_AUDIT_KEY_MAX + KSK_SIGNATURE_MAX))

/*
 * Reads what was asked for.
 * room: where records and checkpoints are copied to, emptied by the caller,
 * KSK_JOURNAL_ROOM bytes; out_reply borrows from it. audit_key: goes into the reply, empty for none;
 * borrowed as long.
 * KSK_ERR_NOT_FOUND: the first one was pruned; KSK_ERR_IO; with fault.
 * out_reply is undefined after failure.
 */
KSK_MUST_USE enum ksk_err ksk_journal_read(struct ksk_journal *journal,
	const struct ksk_journal_read *asked, struct ksk_span audit_key,
	struct ksk_buf *room, struct ksk_journal_reply *out_reply,
	struct ksk_fault *fault);

/* Takes a request: refuses it, or puts it to those that wait for a turn. */
void ksk_journal_read_take(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client);

/* While something is signed, one is read in so many milliseconds: fifty
 * thousand records a second. */
#define KSK_JOURNAL_READ_MS 5u

/* Answers the one that has waited longest, if it is time. To be called once in
 * a turn of the loop. */
void ksk_journal_read_run(struct ksk_signer *signer, uint64_t now_ms);

/* Returns how long the loop may sleep before the next one is answered, in
 * milliseconds; UINT64_MAX if none waits. */
uint64_t ksk_journal_read_wait(
	const struct ksk_signer *signer, uint64_t now_ms);

#endif
