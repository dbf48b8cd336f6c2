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
 * Judges what kskd-policy made of the text.
 * fd: borrowed. Fills s->value or s->next, s->hash. Returns true if it may take
 * effect; else refusals has all reasons, or is empty and fault says what
 * failed.
 */
bool ksk_submit_judge(struct ksk_signer *signer, int fd,
	struct ksk_refusals *refusals, struct ksk_fault *fault);

/*
 * Stages the record and what belongs to it; of a policy: brings it into force.
 * KSK_ERR_NO_ROOM: commit first. KSK_ERR_BAD_INPUT with fault: what was signed
 * since the policy was judged leaves a zone without an acceptable next set.
 */
KSK_MUST_USE enum ksk_err ksk_submit_stage(
	struct ksk_signer *signer, struct ksk_fault *fault);

/* What was staged is durable: it takes effect. */
void ksk_submit_effect(struct ksk_signer *signer);

#endif
