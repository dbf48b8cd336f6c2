/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sign_ask - the conversation of `sign` with one appliance: which keys must
 * stand and whether its journal has grown, then all sets at once, then every
 * answer verified. Only for sign.c.
 */
#ifndef KSK_CLIENT_SIGN_ASK_H
#define KSK_CLIENT_SIGN_ASK_H

#include "client/held.h"
#include "client/sign_print.h"

/* One run of the verb. */
struct ksk_sign_run {
	const struct ksk_ctl *ctl;
	struct ksk_sign_options options;
	struct ksk_sign_evidence evidence[KSK_EVIDENCE_COUNT_MAX];
	size_t count;
	struct ksk_sign_set *sets; /* count of them, as all below */
	/* The first round: the journal's head, the keys of each zone, then
	 * what was signed last for each set. Room for 2 * count + 1. */
	struct ksk_request status;
	struct ksk_answer *first;
	struct ksk_request **asks;
	size_t *keys_of; /* index into first */
	size_t last_at;  /* where the last answers begin in first */
	/* The second round: the sets. */
	struct ksk_answer *answers;
	struct ksk_request **requests;
	/* Whom the requests were built for and sent to: a repeat to the same
	 * sends the same bytes. "": to nobody. */
	char sent_to[sizeof(((struct ksk_endpoint *)0)->address)];
	bool repeats; /* this connection is such a repeat */
	struct ksk_text text;
	json_t *json;
};

/* A ksk_work_fn; ctx: struct ksk_sign_run. Leaves text and json filled with
 * what may be printed; says the rest on standard error. */
enum ksk_step ksk_sign_work(
	struct ksk_session *session, void *ctx, struct ksk_fault *fault);

#endif
