/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * given_up - the anchors that were in the token when a person accepted a
 * journal that does not fit them. Kept in the journal, in the transaction of
 * the ACCEPT record, until the first anchor after it is written: an end in
 * between must not ask the person again. An anchor that is not of the list
 * counts as ever, so that the list lets no other copy of a journal pass.
 * Tests: tests/unit/test_given_up.c, tests/integration/test_restored.py
 */
#ifndef KSK_SIGNER_GIVEN_UP_H
#define KSK_SIGNER_GIVEN_UP_H

#include "appliance/base/packet.h"
#include "appliance/signer/journal.h"

struct ksk_given_up {
	bool pending; /* accepted, and no anchor is written since */
	size_t count;
	struct ksk_checkpoint anchor[KSK_ANCHOR_COUNT_MAX];
};

/* Stages that these anchors are given up; they may be none, where one was
 * taken away. KSK_ERR_NO_ROOM: commit first. */
KSK_MUST_USE enum ksk_err ksk_given_up_stage(struct ksk_journal *journal,
	const struct ksk_checkpoint *anchor, size_t count);

/* Stages that a new anchor took their place. KSK_ERR_NO_ROOM. */
KSK_MUST_USE enum ksk_err ksk_given_up_over(struct ksk_journal *journal);

/* Reads the list; not pending if there is none. KSK_ERR_IO,
 * KSK_ERR_MALFORMED, with fault; out is unchanged then. */
KSK_MUST_USE enum ksk_err ksk_given_up_read(struct ksk_journal *journal,
	struct ksk_given_up *out, struct ksk_fault *fault);

/* Returns true if the anchor is one of the list. */
bool ksk_given_up_has(
	const struct ksk_given_up *list, const struct ksk_checkpoint *anchor);

#endif
