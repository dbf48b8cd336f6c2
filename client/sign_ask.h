/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sign_ask - the conversation of `sign` with one appliance: which keys must
 * stand, then all sets at once, then every answer verified. Only for sign.c.
 */
#ifndef KSK_CLIENT_SIGN_ASK_H
#define KSK_CLIENT_SIGN_ASK_H

#include "client/reach.h"
#include "client/sign_print.h"

/* One run of the verb. Arrays have room for count entries. */
struct ksk_sign_run {
	const struct ksk_ctl *ctl;
	struct ksk_sign_options options;
	struct ksk_sign_evidence evidence[KSK_EVIDENCE_COUNT_MAX];
	size_t count;
	struct ksk_sign_set *sets; /* count of them, as all below */
	struct ksk_answer *keys;   /* by set; borrowed where repeated */
	size_t *keys_of;           /* index into keys */
	struct ksk_answer *answers;
	struct ksk_request **requests;
	struct ksk_text text;
	json_t *json;
};

/* A ksk_work_fn; ctx: struct ksk_sign_run. Leaves text and json filled with
 * what may be printed; says the rest on standard error. */
enum ksk_step ksk_sign_work(
	struct ksk_session *session, void *ctx, struct ksk_fault *fault);

#endif
