/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * submit_internal - what submit.c (the order) and submit_effect.c (judging and
 * effect by kind) share. Nobody else includes it.
 */
#ifndef KSK_SIGNER_SUBMIT_INTERNAL_H
#define KSK_SIGNER_SUBMIT_INTERNAL_H

#include "appliance/signer/signer.h"
#include "appliance/signer/submit.h"

/*
 * Judges what kskd-policy made of the text, of a kind that is no policy.
 * fd: borrowed. Fills s->value, s->hash. Returns true if it may take effect;
 * else refusals has all reasons, or is empty and fault says what failed.
 */
bool ksk_submit_judge(struct ksk_signer *signer, int fd,
	struct ksk_refusals *refusals, struct ksk_fault *fault);

/*
 * Judges the policy that is loading, a slice of it. Fills s->hash.
 * KSK_ERR_AGAIN: there is more. KSK_OK: it may take effect. Else refusals has
 * all reasons, or is empty and fault says what failed.
 */
KSK_MUST_USE enum ksk_err ksk_submit_judge_policy(struct ksk_signer *signer,
	struct ksk_refusals *refusals, struct ksk_fault *fault);

/*
 * Stages the record and what belongs to it; of a policy: a slice of what comes
 * before its record, then brings it into force.
 * KSK_ERR_NO_ROOM: commit first. KSK_ERR_AGAIN: there is more.
 * KSK_ERR_BAD_INPUT with fault: what was signed since the policy was judged
 * leaves a zone without an acceptable next set.
 */
KSK_MUST_USE enum ksk_err ksk_submit_stage(
	struct ksk_signer *signer, struct ksk_fault *fault);

/* What was staged is durable: it takes effect. */
void ksk_submit_effect(struct ksk_signer *signer);

#endif
