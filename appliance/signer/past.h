/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * past - a request and what was signed before: the candidate that the rules
 * judge, and what an answer leaves behind when it is released. The pipeline
 * says when.
 * Tests: tests/integration/test_timeline.py
 */
#ifndef KSK_SIGNER_PAST_H
#define KSK_SIGNER_PAST_H

#include "appliance/signer/signer.h"
#include "appliance/signer/stored.h"

/*
 * Finds the timeline of a zone by name. KSK_ERR_NO_ROOM: commit first, then
 * again. KSK_ERR_MALFORMED, KSK_ERR_IO with fault.
 */
KSK_MUST_USE enum ksk_err ksk_past_find(struct ksk_signer *signer,
	const struct ksk_name *zone, struct ksk_timeline **out_timeline,
	struct ksk_fault *fault);

/*
 * Judges a ticket's sign request against a timeline. again: the answer was
 * given before, and may be given again if the set would still be permitted:
 * previous, supersedes and rate are left aside.
 * Returns true if permitted; else signer->reply->refusals says why.
 */
bool ksk_past_judge(struct ksk_signer *signer, const struct ksk_ticket *ticket,
	const struct ksk_client *client, const struct ksk_zone *zone,
	const struct ksk_timeline *timeline, bool again,
	struct ksk_permit *out_permit);

/* Returns true if an answer that was given before is still the last of its
 * type, or the last holds the same. permit: of the repeated request. */
bool ksk_past_is_last(const struct ksk_signer *signer,
	const struct ksk_timeline *timeline, const struct ksk_stored *stored,
	const struct ksk_permit *permit);

/*
 * Before an intent, and when a policy comes into force: stages a record of
 * what it says of the zone's parent and waits, if the timeline does not have
 * it yet. table: the policy of zone.
 * KSK_ERR_NO_ROOM: commit first. KSK_ERR_TOO_LARGE: the zone has as many
 * snapshots or waits as are kept. KSK_ERR_CRYPTO. Nothing has changed then.
 */
KSK_MUST_USE enum ksk_err ksk_past_attest(struct ksk_signer *signer,
	const struct ksk_table *table, const struct ksk_zone *zone,
	struct ksk_timeline *timeline, uint64_t now);

/* The same for any table: of a policy that comes into force. Returns false if
 * there is nothing to say. */
bool ksk_past_attestation(const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_timeline *timeline,
	uint64_t now, struct ksk_attest *out);

/*
 * Stages a RESULT record with all that it leaves behind.
 * KSK_ERR_NO_ROOM: commit first; nothing is staged. Others: KSK_ERR_IO,
 * KSK_ERR_MALFORMED.
 */
KSK_MUST_USE enum ksk_err ksk_past_release(struct ksk_signer *signer,
	struct ksk_ticket *ticket, struct ksk_record *record);

/*
 * Stages the RESULT records of all bundles of a schedule, with all that they
 * leave behind, for one transaction.
 * bundle: their tickets, in order. body: rrsigs in, record and hash out.
 * Errors as ksk_past_release.
 */
KSK_MUST_USE enum ksk_err ksk_past_release_schedule(struct ksk_signer *signer,
	struct ksk_ticket *schedule, struct ksk_ticket *const *bundle,
	struct ksk_schedule_reply *body);

#endif
