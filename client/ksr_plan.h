/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksr_plan - from key signing requests to the bundles of one schedule: what all
 * providers are to serve, and from when on. A section begins a bundle; where
 * the next one is far, the same set is signed again in between, so that no
 * signature ends before the next bundle is everywhere.
 * Pure: no clock, no file.
 * Tests: tests/unit/test_ksr_plan.c
 */
#ifndef KSK_CLIENT_KSR_PLAN_H
#define KSK_CLIENT_KSR_PLAN_H

#include "client/ksr.h"

/* Other providers of one call. */
#define KSK_KSR_WITH_MAX 15u

/* What one provider signs with: by time, or always the same. All borrowed. */
struct ksk_ksr_source {
	const char *path;          /* for messages */
	const struct ksk_ksr *ksr; /* NULL: set is meant */
	const struct ksk_rrset *set;
};

struct ksk_ksr_plan {
	size_t count; /* 1..KSK_SCHEDULE_BUNDLE_MAX */
	/* When each begins, seconds; rising. */
	uint64_t time[KSK_SCHEDULE_BUNDLE_MAX];
};

/* What the plan is made with. */
struct ksk_ksr_terms {
	uint64_t now;
	uint64_t every; /* seconds from one signature to the next, > 0 */
	uint64_t ttl;   /* of the sets */
	uint64_t late;  /* how late servers may be, seconds */
};

/*
 * Lists when bundles begin: at each section of the first source and of others
 * while the first one lasts, and every so often in between; of those past only
 * the one in effect.
 * source: count of them, the first has a KSR. out_plan: unchanged on failure.
 * KSK_ERR_BAD_INPUT with fault: nothing lies ahead, more bundles than a
 * schedule holds, another source begins too late.
 */
KSK_MUST_USE enum ksk_err ksk_ksr_plan_make(const struct ksk_ksr_source *source,
	size_t count, const struct ksk_ksr_terms *terms,
	struct ksk_ksr_plan *out_plan, struct ksk_fault *fault);

/* Adds what all sources sign with at a moment to a set; each record once.
 * KSK_ERR_TOO_LARGE: more than KSK_RDATA_COUNT_MAX. */
KSK_MUST_USE enum ksk_err ksk_ksr_plan_keys(const struct ksk_ksr_source *source,
	size_t count, uint64_t at, struct ksk_rrset *rrset);

/*
 * Looks whether a key that appears in a section is there for a TTL, and with
 * late servers in mind longer, before the next section, at which its provider
 * may begin to sign with it.
 * KSK_ERR_BAD_INPUT with fault: less than the TTL: caches lack the key when it
 * is used. KSK_ERR_AGAIN with fault: enough only if no server is late. Sections
 * before now are not looked at.
 */
KSK_MUST_USE enum ksk_err ksk_ksr_plan_check(const struct ksk_ksr *ksr,
	const struct ksk_ksr_terms *terms, struct ksk_fault *fault);

#endif
