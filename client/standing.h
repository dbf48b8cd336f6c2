/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standing - what a keys reply says about our KSKs, checked: which of them
 * must stand in a set and sign it, and that each one is the key that the
 * policy pins.
 */
#ifndef KSK_CLIENT_STANDING_H
#define KSK_CLIENT_STANDING_H

#include "protocol/msg.h"

/*
 * Returns true if a KSK must stand in a set.
 * start: the set's inception, 0 if none was asked for. now: seconds since
 * 1970. A set that starts later is judged by `from` and `until`, one that
 * starts now by what the appliance says.
 */
bool ksk_standing_is(
	const struct ksk_ksk_entry *ksk, uint64_t start, uint64_t now);

/* Returns true if a KSK signs CDS and CDNSKEY too: one that stands with REVOKE
 * set signs the DNSKEY RRset only (RFC 5011 2.1). */
bool ksk_standing_revoked(const struct ksk_ksk_entry *ksk);

/* Returns true if a DS pins this key, with or without REVOKE set: it pins the
 * key as it was before it was revoked. */
bool ksk_standing_matches(const struct ksk_name *owner, const struct ksk_ds *ds,
	struct ksk_span dnskey);

/*
 * Checks that the DNSKEY of a KSK is the one that its DS pins, with or without
 * REVOKE set. KSK_ERR_NOT_FOUND: the token has no such key, fault says why;
 * KSK_ERR_BAD_SIGNATURE: another key, with fault.
 */
KSK_MUST_USE enum ksk_err ksk_standing_check(const struct ksk_name *owner,
	const struct ksk_ksk_entry *ksk, struct ksk_fault *fault);

#endif
