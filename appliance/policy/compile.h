/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compile - policy text to table bytes. Used by kskd-policy, by kskadm and by
 * kskctl to check a file. Every error names line, column, key and what would
 * be right; all independent errors of a file are reported, up to 20.
 * Tests: tests/unit/test_compile.c
 */
#ifndef KSK_POLICY_COMPILE_H
#define KSK_POLICY_COMPILE_H

#include "protocol/span.h"

#define KSK_POLICY_FAULT_MAX 20u

/* Errors of one text, in the order of the text. Each text begins with
 * "line L, column C: ". */
struct ksk_faults {
	size_t count;
	struct ksk_fault list[KSK_POLICY_FAULT_MAX];
};

/*
 * Reads a policy and builds its table.
 * text: borrowed. appliance: the id the text must name, or NULL to take any.
 * now: seconds since 1970, for what is judged at load.
 * out_bytes, out_len: owned by the caller, free(). Unchanged on failure.
 * KSK_ERR_BAD_INPUT with faults; KSK_ERR_NO_MEMORY.
 */
KSK_MUST_USE enum ksk_err ksk_policy_compile(struct ksk_span text,
	const uint8_t *appliance, uint64_t now, uint8_t **out_bytes,
	size_t *out_len, struct ksk_faults *faults);

#endif
