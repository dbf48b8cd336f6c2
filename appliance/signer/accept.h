/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * accept - a person's word that ends a hold: lines of a file of root's, which
 * `kskadm accept` writes and kskd opens and passes on at a start and at a
 * reload (kskd.yaml, `accept`). A line is bound to this journal and to a
 * moment. One about a restored journal also names its head and, in the same
 * hash, the anchors that are given up; one about the clock is good once: those
 * that were taken are remembered in the journal. So a file that stays ends no
 * later hold. What is accepted is recorded before it takes effect (hold.c).
 * Tests: tests/unit/test_accept.c, tests/integration/test_clock.py,
 * test_anchor_order.py
 */
#ifndef KSK_SIGNER_ACCEPT_H
#define KSK_SIGNER_ACCEPT_H

#include "appliance/base/start.h"
#include "appliance/signer/journal.h"

enum ksk_accept_what {
	KSK_ACCEPTED_NOTHING = 0,
	KSK_ACCEPTED_CLOCK = 1,
	KSK_ACCEPTED_RESTORE = 2,
};

/* The file as it was passed last. */
struct ksk_accept {
	uint8_t text[KSK_ACCEPT_MAX];
	size_t len;
	unsigned tried; /* bits of what its lines were tried for */
};

/* What its lines end. */
struct ksk_accept_found {
	unsigned what; /* bits of enum ksk_accept_what */
	uint8_t clock_line[KSK_HASH_LEN];
};

/* Takes the file over from a descriptor (borrowed). KSK_ERR_IO; KSK_ERR_NO_ROOM:
 * it is longer than KSK_ACCEPT_MAX; out is unchanged then. */
KSK_MUST_USE enum ksk_err ksk_accept_take(int fd, struct ksk_accept *out);

/*
 * Reads lines and finds what they accept. A line:
 *	accept-clock JOURNAL-ID NOT-AFTER
 *	accept-restore JOURNAL-ID NUMBER HASH NOT-AFTER
 * with single blanks; ids and hashes are hexadecimal, times RFC 3339.
 * head: what a line about a restored journal must name (anchorage.h). fault: set if
 * some line accepts nothing: which, and why. Whether a line was taken before
 * is not looked at.
 */
void ksk_accept_read(struct ksk_span text, const uint8_t journal[KSK_ID_LEN],
	struct ksk_head head, uint64_t now, struct ksk_accept_found *out,
	struct ksk_fault *fault);

/*
 * Looks into the file once for each hold. wanted: bits of what is held.
 * Returns in out what is accepted and was not taken before; logs what is
 * refused.
 */
void ksk_accept_look(struct ksk_accept *accept, struct ksk_journal *journal,
	unsigned wanted, struct ksk_head head, uint64_t now,
	struct ksk_accept_found *out);

/* Stages that a line about the clock is taken. KSK_ERR_NO_ROOM: commit first;
 * KSK_ERR_IO. */
KSK_MUST_USE enum ksk_err ksk_accept_remember(
	struct ksk_journal *journal, const uint8_t line[KSK_HASH_LEN]);

#endif
