/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * adopt - a DNSKEY RRset that is served with a valid RRSIG by a KSK of ours
 * proves itself: it becomes history here (an existing zone, another
 * appliance's answer).
 * Tests: tests/unit/test_adopt_warn.c, tests/integration/test_timeline.py
 */
#ifndef KSK_SIGNER_ADOPT_H
#define KSK_SIGNER_ADOPT_H

#include "appliance/signer/signer.h"

/*
 * Judges an adopt request; its zone is the policy's, its client may sign.
 * out_record: an ADOPT record, ready but for its number; spans borrow from the
 * ticket. out_known: the number of the record that has this very answer, 0 if
 * it is new. Returns NULL if it may be adopted, else why not, for the client;
 * borrowed.
 */
const char *ksk_adopt_check(struct ksk_signer *signer,
	const struct ksk_ticket *ticket, const struct ksk_zone *zone,
	const struct ksk_timeline *timeline, struct ksk_record *out_record,
	uint64_t *out_known);

/*
 * Finds the keys of an adopted set that the policy does not list, or withdraws:
 * warnings with tag, algorithm and what to do. Pure.
 * history: of the zone, for what its providers announced; may be NULL.
 * Returns how many; the last one says how many there were beyond.
 */
size_t ksk_adopt_warn(const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_history *history,
	const struct ksk_rrset *rrset, uint64_t now,
	struct ksk_refusal out[KSK_WARNING_COUNT_MAX]);

/* Stages the record and what follows from it. Errors as ksk_past_release. */
KSK_MUST_USE enum ksk_err ksk_adopt_stage(struct ksk_signer *signer,
	struct ksk_ticket *ticket, const struct ksk_zone *zone,
	struct ksk_timeline *timeline, struct ksk_record *record);

#endif
