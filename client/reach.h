/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reach - finds an appliance that answers. Those of the profile are tried in
 * turn: when one can't be reached or trusted, or is not ready, the next one
 * is; when one refuses, that is the answer. A connection that is lost without
 * a reason is tried again, with growing pauses and a limit; one that ends with
 * an alert is not. What an appliance tells of its journal is remembered
 * (growth.h).
 * Tests: tests/integration/test_kskctl.py
 */
#ifndef KSK_CLIENT_REACH_H
#define KSK_CLIENT_REACH_H

#include "client/ask.h"

#include <jansson.h>

/*
 * What is to be done on a connection. May be called several times, with
 * another connection each time: nothing may be printed to standard output
 * before it returns DONE or OVER. Then session->exit is the exit code.
 * fault: to be set unless DONE or OVER.
 */
typedef enum ksk_step (*ksk_work_fn)(
	struct ksk_session *session, void *ctx, struct ksk_fault *fault);

/* Loads the profile, does the work, returns the exit code; everything is said
 * on standard error. */
KSK_MUST_USE enum ksk_ctl_exit ksk_reach(
	const struct ksk_ctl *ctl, ksk_work_fn work, void *ctx);

/* The same work with every appliance of the profile, one after the other,
 * whatever becomes of the others. Returns the most serious exit code. */
KSK_MUST_USE enum ksk_ctl_exit ksk_reach_each(
	const struct ksk_ctl *ctl, ksk_work_fn work, void *ctx);

/* Returns the more serious of two: what did not verify, then who can't be
 * trusted, and so on. */
enum ksk_ctl_exit ksk_ctl_worse(enum ksk_ctl_exit a, enum ksk_ctl_exit b);

/* Says a reply's refusals on standard error, and appends them with the
 * appliance's address to a list; a list that is NULL is left out. */
void ksk_note_refused(json_t *list, const struct ksk_session *session,
	const struct ksk_reply *reply);

#endif
