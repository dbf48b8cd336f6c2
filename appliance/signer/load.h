/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load - a zone, and a policy that is about to come into force: a zone that was
 * signed before must not be left without an acceptable next set (TIMING.md in
 * rules.h's words), and what the policy says of parents and waits becomes part
 * of each zone's timeline. Zones whose entry does not change are passed over.
 * loading.h goes over all zones.
 * Tests: tests/integration/test_timeline.py
 */
#ifndef KSK_SIGNER_LOAD_H
#define KSK_SIGNER_LOAD_H

#include "appliance/signer/signer.h"

/*
 * Judges a zone that has a timeline; sets its place in next->held.
 * before: the policy in force, NULL at start. may_refuse: a zone that can't go
 * over refuses the policy; else it is held, so that the others can be signed.
 * One that was held already and does not change stays held.
 * refused: what refuses the policy is added, each with its zone; logged too.
 * KSK_ERR_BAD_INPUT with fault: the zone can't go over to the new policy: the
 * first rule and what to do, and which others refuse. KSK_ERR_IO, KSK_ERR_MALFORMED, KSK_ERR_NO_ROOM: commit
 * first.
 */
KSK_MUST_USE enum ksk_err ksk_load_judge(struct ksk_signer *signer,
	const struct ksk_inforce *before, struct ksk_inforce *next,
	const struct ksk_name *name, bool may_refuse, uint64_t now,
	struct ksk_refusals *refused, struct ksk_fault *fault);

/*
 * Returns true if a zone of the policy in force is held; judges it anew, for
 * time may have passed what held it. out_why: the rule and what to do,
 * borrowed until the next call.
 */
bool ksk_load_is_held(struct ksk_signer *signer, const struct ksk_zone *zone,
	const char **out_why);

/*
 * Stages what the policy says of a zone's parent and waits, whether it was
 * signed before or not, where it is new: caches may hold what its parent had
 * before the first signature. before: NULL at start.
 * KSK_ERR_NO_ROOM: commit first. KSK_ERR_IO, KSK_ERR_MALFORMED, with fault.
 */
KSK_MUST_USE enum ksk_err ksk_load_attest(struct ksk_signer *signer,
	const struct ksk_table *before, const struct ksk_table *next,
	const struct ksk_zone *zone, uint64_t now, struct ksk_fault *fault);

#endif
