/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * announced_keys - the DNSKEY records behind the digests by which the timeline
 * knows announced keys: read back from the record of the announcement, so that
 * whoever builds a set needs nothing but the appliance. What can't be read is
 * not told; the digests stay.
 * Tests: tests/integration/test_announce.py
 */
#ifndef KSK_SIGNER_ANNOUNCED_KEYS_H
#define KSK_SIGNER_ANNOUNCED_KEYS_H

#include "appliance/signer/journal.h"
#include "protocol/msg.h"

/*
 * Fills in dnskey of the keys that the announcements accepted last list.
 * body: in/out, of the zone owner, with all else filled in.
 * Returns the bytes that body borrows then, owned by the caller, free(); NULL:
 * nothing was filled in.
 */
uint8_t *ksk_announced_keys_fill(struct ksk_journal *journal,
	const struct ksk_name *owner, struct ksk_keys_reply *body);

#endif
