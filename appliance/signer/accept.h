/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * accept - a person's word that ends a hold: lines in the file "accept" in the
 * journal's folder, written by `kskadm accept`. A line is bound to this
 * journal and to a moment, one about a restored journal also to its head, so
 * that none can be used twice or for something else. What is accepted is
 * recorded before it takes effect, and the file is removed.
 * Tests: tests/unit/test_accept.c, tests/integration/test_clock.py
 */
#ifndef KSK_SIGNER_ACCEPT_H
#define KSK_SIGNER_ACCEPT_H

#include "appliance/signer/journal.h"

enum ksk_accepted {
	KSK_ACCEPTED_NOTHING = 0,
	KSK_ACCEPTED_CLOCK = 1,
	KSK_ACCEPTED_RESTORE = 2,
};

/*
 * Reads lines and finds what they accept. A line:
 *	accept-clock JOURNAL-ID NOT-AFTER
 *	accept-restore JOURNAL-ID NUMBER HASH NOT-AFTER
 * with single blanks; ids and hashes are hexadecimal, times RFC 3339.
 * Returns bits of enum ksk_accepted. fault: set if some line accepts nothing:
 * which, and why.
 */
unsigned ksk_accept_read(struct ksk_span text,
	const uint8_t journal[KSK_ID_LEN], struct ksk_head head, uint64_t now,
	struct ksk_fault *fault);

/*
 * Looks for the file and takes it, once. wanted: bits of what is held.
 * head: the one that a line about a restored journal must name.
 * Returns bits of what is accepted, recorded durably.
 */
unsigned ksk_accept_look(struct ksk_journal *journal, const char *journal_path,
	unsigned wanted, struct ksk_head head, uint64_t now);

#endif
