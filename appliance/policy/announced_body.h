/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * announced_body - what a provider of a zone announced last, as the body of its
 * row in the journal. The row has its zone, and names what is searched for
 * again: provider, pin, dates. Who changes it is the signer alone
 * (appliance/signer/timeline_announced.c).
 * Tests: tests/unit/test_timeline_announced.c
 */
#ifndef KSK_POLICY_ANNOUNCED_BODY_H
#define KSK_POLICY_ANNOUNCED_BODY_H

#include "appliance/policy/timeline_body.h"

/* Bytes of a body at most. */
#define KSK_ANNOUNCED_BODY_MAX \
	(1u + 2u + KSK_LABEL_CAP + KSK_PIN_LEN + 5u * 8u + 2u * KSK_HASH_LEN + \
		2u + \
		KSK_ANNOUNCED_KEY_MAX * \
			(2u * (5u + KSK_DS_DIGEST_MAX) + 8u + 1u))

/* Appends the body of an entry. keys: all of the history. KSK_ERR_NO_ROOM:
 * KSK_ANNOUNCED_BODY_MAX always suffices. */
KSK_MUST_USE enum ksk_err ksk_announced_write(
	const struct ksk_history_announced *entry,
	const struct ksk_history_announced_key *keys, struct ksk_buf *out);

/*
 * Reads a body behind what a timeline has.
 * KSK_ERR_MALFORMED: it is damaged, or there are too many; then the timeline
 * is undefined.
 */
KSK_MUST_USE enum ksk_err ksk_announced_read(
	struct ksk_span body, struct ksk_timeline *timeline);

#endif
