/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stored - answers as the journal's records hold them, to be given again: a
 * RESULT with the intent that it ends, or an ADOPT.
 * Tests: tests/unit/test_stored.c, tests/integration/test_timeline.py
 */
#ifndef KSK_SIGNER_STORED_H
#define KSK_SIGNER_STORED_H

#include "appliance/signer/journal.h"

/* Bytes of room for both records of an answer. */
#define KSK_STORED_ROOM (2u * KSK_RECORD_MAX)

/* One answer. All spans borrow from the room it was read into. */
struct ksk_stored {
	uint64_t record; /* RESULT or ADOPT */
	uint8_t hash[KSK_HASH_LEN];
	uint64_t released; /* the record's time */
	bool adopted;
	uint64_t policy_version; /* it was signed under; 0 if adopted */
	struct ksk_window window;
	struct ksk_rrset rrset;
	size_t rrsig_count;
	struct ksk_span rrsig[KSK_RRSIG_COUNT_MAX];
};

/*
 * Reads the answer of a record.
 * room: KSK_STORED_ROOM bytes that live as long as the answer.
 * KSK_ERR_NOT_FOUND: no such record, or it holds none. KSK_ERR_MALFORMED,
 * KSK_ERR_IO, with fault.
 */
KSK_MUST_USE enum ksk_err ksk_stored_read(struct ksk_journal *journal,
	uint64_t record, uint8_t *room, struct ksk_stored *out,
	struct ksk_fault *fault);

#endif
