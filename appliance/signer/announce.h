/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * announce - op announce: a provider says which ZSKs it signs with. Who brings
 * the document needs to be listed for the zone and can add nothing of his own:
 * the provider's signature is checked here, in the process that keeps the
 * journal. An announcement is in force from its record on, and both are
 * durable before the reply leaves.
 * Tests: tests/integration/test_announce.py,
 * tests/unit/test_timeline_announced.c
 */
#ifndef KSK_SIGNER_ANNOUNCE_H
#define KSK_SIGNER_ANNOUNCE_H

#include "appliance/signer/signer.h"

/* Takes an announce request to its end: the ticket is answered, or waits for
 * its record's commit. */
void ksk_announce_take(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, uint64_t now_ms);

/*
 * Lets a provider's serials begin anew, because people say so: its next
 * announcement needs a higher serial than this one. What it announced last
 * stands. For whoever keeps the record that says so: call it right before
 * ksk_journal_stage of that record, when ksk_announced_has_room; the row is
 * written in the same transaction, and only then it counts.
 * serial: lower than the present one, which out_before is; older announcements
 * that have not expired can be brought again if they are above it.
 * KSK_ERR_NOT_FOUND: the provider has announced nothing for this zone.
 * KSK_ERR_BAD_INPUT: serial is not lower. KSK_ERR_NO_ROOM: commit first.
 * KSK_ERR_MALFORMED, KSK_ERR_IO: the zone's timeline can't be read. All with
 * fault, and nothing is staged.
 */
KSK_MUST_USE enum ksk_err ksk_announce_reset_serial(struct ksk_signer *signer,
	const struct ksk_name *zone, const char *provider, uint64_t serial,
	uint64_t *out_before, struct ksk_fault *fault);

#endif
