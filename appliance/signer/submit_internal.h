/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * submit_internal - what submit.c (the order), submit_first.c (who need not wait)
 * and submit_effect.c (judging and effect by kind) share. Nobody else includes
 * it.
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

/* Returns true if a request need not wait for the document that is worked on,
 * once its own is known to be what it says: ksk_submit_goes_first. */
bool ksk_submit_may_go_first(
	const struct ksk_signer *signer, const struct ksk_submit *body);

/* Returns true if the bytes are a withdrawal that does not stand yet, and that
 * as many operators as it takes have signed. */
bool ksk_submit_goes_first(struct ksk_signer *signer, struct ksk_span der);

/* Gives up what is worked on, and tells its client that it may come again. */
void ksk_submit_give_way(struct ksk_signer *signer);

/* What was staged is durable: it takes effect. */
void ksk_submit_effect(struct ksk_signer *signer);

#endif
