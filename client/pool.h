/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool - the keys by which a signed set may prove itself: the KSKs that an
 * appliance's policy pins, and the keys with the SEP bit of a DNSKEY RRset. A
 * key of a set is pinned if a DS of the policy is its digest, with or without
 * REVOKE set.
 * Tests: tests/integration/test_kskctl_history.py
 */
#ifndef KSK_CLIENT_POOL_H
#define KSK_CLIENT_POOL_H

#include "protocol/msg.h"

#define KSK_POOL_MAX (KSK_KSK_COUNT_MAX + KSK_RDATA_COUNT_MAX)

/* Zero it before use. Borrows what it was filled from. */
struct ksk_pool {
	size_t count;
	struct {
		struct ksk_span dnskey;
		bool pinned;
	} key[KSK_POOL_MAX];
};

/* Adds the KSKs of a keys reply that are what their DS says. Once. */
void ksk_pool_add_policy(
	struct ksk_pool *pool, const struct ksk_keys_reply *keys);

/* Adds the SEP keys of a DNSKEY RRset. Once. keys: NULL pins none. */
void ksk_pool_add_set(struct ksk_pool *pool, const struct ksk_rrset *rrset,
	const struct ksk_keys_reply *keys);

/*
 * Checks one RRSIG over a set.
 * now: seconds since 1970 for its window. out_pinned: whether its key is
 * pinned.
 * KSK_ERR_NOT_FOUND: no key of the pool has its tag and algorithm;
 * KSK_ERR_BAD_SIGNATURE; with fault. out_pinned unchanged then.
 */
KSK_MUST_USE enum ksk_err ksk_pool_check(const struct ksk_pool *pool,
	const struct ksk_rrset *rrset, struct ksk_span rrsig, uint64_t now,
	bool *out_pinned, struct ksk_fault *fault);

/*
 * Checks that each of some RRSIGs verifies, and one at least by a pinned key.
 * KSK_ERR_BAD_SIGNATURE with fault.
 */
KSK_MUST_USE enum ksk_err ksk_pool_check_all(const struct ksk_pool *pool,
	const struct ksk_rrset *rrset, const struct ksk_span *rrsig,
	size_t rrsig_count, uint64_t now, struct ksk_fault *fault);

#endif
