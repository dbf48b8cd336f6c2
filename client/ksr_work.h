/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksr_work - one call of `kskctl ksr` on its way: what the files hold, the
 * schedule that is made of them, its answers, the SKR.
 */
#ifndef KSK_CLIENT_KSR_WORK_H
#define KSK_CLIENT_KSR_WORK_H

#include "client/ksr_plan.h"
#include "client/reach.h"
#include "client/sign_set.h"

#define KSK_KSR_SOURCE_MAX (1u + KSK_KSR_WITH_MAX)

struct ksk_ksr_run {
	const struct ksk_ctl *ctl;
	bool has_dialect;
	enum ksk_ksr_dialect dialect; /* of the SKR; else the KSR's */
	const char *output;           /* NULL: standard output */
	uint64_t every;               /* seconds; 0: half of the validity */
	bool replace;                 /* what was signed ahead is replaced */
	bool accept_gap; /* a key that is used too early is the provider's */
	size_t source_count;
	struct ksk_ksr_source source[KSK_KSR_SOURCE_MAX]; /* first: the KSR */
	struct ksk_ksr ksr[KSK_KSR_SOURCE_MAX];           /* owned */
	struct ksk_zonetext zone[KSK_KSR_SOURCE_MAX];     /* owned */
	/* status, keys, last answer, schedule */
	struct ksk_request ask[3];
	struct ksk_request request;
	struct ksk_answer first[3];
	struct ksk_answer answer;
	char sent_to[300]; /* appliance that the schedule was sent to */
	struct ksk_ksr_plan plan;
	struct ksk_rrset rrset[KSK_SCHEDULE_BUNDLE_MAX];
	struct ksk_sign_set set;     /* one bundle while it is verified */
	struct ksk_sign_reply reply; /* its answer */
	struct ksk_text text;        /* the SKR */
};

/* The work of the call, see reach.h. ctx: struct ksk_ksr_run. */
enum ksk_step ksk_ksr_work(
	struct ksk_session *session, void *ctx, struct ksk_fault *fault);

#endif
