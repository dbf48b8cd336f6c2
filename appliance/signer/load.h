/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load - a policy that is about to come into force, and the zones that were
 * signed before: none may be left without an acceptable next set (TIMING.md in
 * rules.h's words), and what the policy says of parents and waits becomes part
 * of each zone's timeline. Zones whose entry does not change are passed over.
 * Tests: tests/integration/test_timeline.py
 */
#ifndef KSK_SIGNER_LOAD_H
#define KSK_SIGNER_LOAD_H

#include "appliance/signer/signer.h"

/*
 * Judges all zones that have a timeline; fills next->held.
 * before: the policy in force; a zone that can't go over refuses the whole
 * policy then, but one that was held already and does not change stays held.
 * NULL at start: such zones are held, so that the others can be signed.
 * KSK_ERR_BAD_INPUT with fault: the first zone that can't go over to the new
 * policy, the rule, and what to do. KSK_ERR_IO, KSK_ERR_MALFORMED,
 * KSK_ERR_NO_MEMORY.
 */
KSK_MUST_USE enum ksk_err ksk_load_judge(struct ksk_signer *signer,
	const struct ksk_inforce *before, struct ksk_inforce *next,
	uint64_t now, struct ksk_fault *fault);

/*
 * Returns true if a zone of the policy in force is held; judges it anew, for
 * time may have passed what held it. out_why: the rule and what to do,
 * borrowed until the next call.
 */
bool ksk_load_is_held(struct ksk_signer *signer, const struct ksk_zone *zone,
	const char **out_why);

/*
 * Makes durable what the policy says of each zone's parent and waits, whether
 * it was signed before or not, where it is new. before: NULL at start.
 * KSK_ERR_NO_ROOM: the disk is full; KSK_ERR_IO; with fault.
 */
KSK_MUST_USE enum ksk_err ksk_load_attest(struct ksk_signer *signer,
	const struct ksk_table *before, const struct ksk_table *next,
	uint64_t now, struct ksk_fault *fault);

#endif
