/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * adopt - the conversations of the verb `adopt`: with appliances that may hold
 * the answer, and with those that are to have it. Only for adopt.c.
 */
#ifndef KSK_CLIENT_ADOPT_H
#define KSK_CLIENT_ADOPT_H

#include "client/held.h"
#include "client/output.h"

/* One run of the verb. */
struct ksk_adopt_run {
	const struct ksk_ctl *ctl;
	const char *path; /* where the answer comes from, for messages */
	bool all;         /* feed every appliance that lacks it */
	/* The answer; borrowed. rrsig_count 0: none was found yet. */
	const struct ksk_rrset *rrset;
	const struct ksk_span *rrsig;
	size_t rrsig_count;
	struct ksk_held source; /* owns the answer if an appliance had it */
	struct ksk_held held;   /* what the appliance at hand has */
	struct ksk_request request;
	struct ksk_text text;
	json_t *json; /* a list of appliances */
};

/* A ksk_work_fn: keeps the answer of this appliance if it is the newest. */
enum ksk_step ksk_adopt_find(
	struct ksk_session *session, void *ctx, struct ksk_fault *fault);

/* A ksk_work_fn: gives the answer to this appliance unless it has it; leaves
 * a line in text and json. */
enum ksk_step ksk_adopt_feed(
	struct ksk_session *session, void *ctx, struct ksk_fault *fault);

#endif
