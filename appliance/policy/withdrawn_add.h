/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * withdrawn_add - a provider that announces its keys has none of them in the
 * policy but those that are withdrawn: one that is taken away is added there,
 * so that no announcement brings it back. Only for withdrawn.c.
 * Tests: tests/unit/test_withdrawn.c
 */
#ifndef KSK_POLICY_WITHDRAWN_ADD_H
#define KSK_POLICY_WITHDRAWN_ADD_H

#include "appliance/policy/document.h"

/* Returns how many entries of keys a policy would have more; 0: every provider
 * that announces in the key's zones lists it already. out_full: one lacks it
 * and has no room. */
size_t ksk_withdrawn_lacking(const struct ksk_taken *taken,
	const struct ksk_table *table, bool *out_full);

/*
 * Gives the policy with the key added, in memory of its own.
 * out: ksk_table_unmap. KSK_ERR_NO_MEMORY, KSK_ERR_MALFORMED with fault.
 */
KSK_MUST_USE enum ksk_err ksk_withdrawn_add(const struct ksk_taken *taken,
	const struct ksk_table *table, struct ksk_table *out,
	struct ksk_fault *fault);

/* Returns true if a withdrawn key is meant in a zone. */
bool ksk_withdrawn_is_of_zone(
	const struct ksk_taken *taken, const struct ksk_name *zone);

#endif
