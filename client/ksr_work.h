/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksr_work - one call of `kskctl ksr` on its way: what the files hold, the
 * schedule that is made of them, its answers, the SKR.
 */
#ifndef KSK_CLIENT_KSR_WORK_H
#define KSK_CLIENT_KSR_WORK_H

#include "client/cds_set.h"
#include "client/ksr_plan.h"
#include "client/reach.h"
#include "client/sign_set.h"
#include "client/signed.h"

#define KSK_KSR_SOURCE_MAX (1u + KSK_KSR_WITH_MAX)

/* status, keys, the last answer of each type */
#define KSK_KSR_ASK_COUNT (2u + KSK_SIGNED_COUNT)

/* One bundle of the schedule. */
struct ksk_ksr_bundle {
	size_t section; /* of the plan */
	struct ksk_rrset rrset;
};

struct ksk_ksr_run {
	const struct ksk_ctl *ctl;
	bool has_dialect;
	enum ksk_ksr_dialect dialect; /* of the SKR; else the KSR's */
	const char *output;           /* NULL: standard output */
	uint64_t every;               /* seconds; 0: half of the validity */
	bool replace;                 /* what was signed ahead is replaced */
	bool accept_gap; /* a key that is used too early is the provider's */
	bool no_cds;     /* DNSKEY alone */
	size_t source_count;
	struct ksk_ksr_source source[KSK_KSR_SOURCE_MAX]; /* first: the KSR */
	struct ksk_ksr ksr[KSK_KSR_SOURCE_MAX];           /* owned */
	struct ksk_zonetext zone[KSK_KSR_SOURCE_MAX];     /* owned */
	/* status, keys, last answers, schedule */
	struct ksk_request ask[KSK_KSR_ASK_COUNT];
	struct ksk_request request;
	struct ksk_answer first[KSK_KSR_ASK_COUNT];
	struct ksk_answer answer;
	char sent_to[300]; /* appliance that the schedule was sent to */
	struct ksk_ksr_plan plan;
	size_t count; /* of bundles */
	struct ksk_ksr_bundle bundle[KSK_SCHEDULE_BUNDLE_MAX];
	struct ksk_cds_room room;    /* of CDS records */
	struct ksk_sign_set set;     /* one bundle while it is verified */
	struct ksk_sign_reply reply; /* its answer */
	struct ksk_text text;        /* the SKR */
};

/*
 * Makes the bundles of the plan: a DNSKEY RRset for each section, and CDS and
 * CDNSKEY beside it as far as they may be there then. What is left out is said
 * on standard error.
 * keys: borrowed by the bundles. offset: seconds that a set begins before it is
 * served; now: seconds since 1970.
 * KSK_ERR_BAD_INPUT, KSK_ERR_NOT_FOUND (the token lacks a KSK),
 * KSK_ERR_BAD_SIGNATURE, KSK_ERR_TOO_LARGE, with fault.
 */
KSK_MUST_USE enum ksk_err ksk_ksr_bundles(struct ksk_ksr_run *run,
	const struct ksk_keys_reply *keys, uint64_t offset, uint64_t now,
	struct ksk_fault *fault);

/* The work of the call, see reach.h. ctx: struct ksk_ksr_run. */
enum ksk_step ksk_ksr_work(
	struct ksk_session *session, void *ctx, struct ksk_fault *fault);

#endif
