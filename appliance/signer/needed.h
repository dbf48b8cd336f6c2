/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * needed - which providers of which zones the policy that was in force last
 * needed, made durable. A provider that becomes needed must have its keys in
 * all caches before (TIMING.md in rules.h's words); one that was needed already
 * is not asked. A start with a policy that was edited meanwhile does not have
 * the one before it to compare with, and would hold a zone that was adopted a
 * moment ago for as long as caches may lack its keys.
 * Kept as 8 bytes of a digest for each provider; what does not fit into one
 * transaction is not kept, and zones are judged as if all were new then.
 * Tests: tests/unit/test_needed.c, tests/integration/test_timeline.py
 */
#ifndef KSK_SIGNER_NEEDED_H
#define KSK_SIGNER_NEEDED_H

#include "appliance/signer/inforce.h"
#include "appliance/signer/journal.h"

#define KSK_NEEDED_LEN 8u

/* Zeroed: nothing is known. */
struct ksk_needed {
	bool known;
	uint8_t *digest; /* owned; count times KSK_NEEDED_LEN */
	size_t count;
	bool sorted;
};

/*
 * Adds what a policy needs of one of its zones at a moment; the first one makes
 * room for all. before: what was known until then: for a zone that the policy
 * holds, it goes on.
 * needed: owned, ksk_needed_wipe. KSK_ERR_NO_MEMORY, needed unchanged then.
 */
KSK_MUST_USE enum ksk_err ksk_needed_add(struct ksk_needed *needed,
	const struct ksk_inforce *policy, size_t zone,
	struct ksk_needed *before, uint64_t now);

/* The same for all its zones; what needed had is replaced. */
KSK_MUST_USE enum ksk_err ksk_needed_build(const struct ksk_inforce *policy,
	struct ksk_needed *before, uint64_t now, struct ksk_needed *needed);

/* Stages it, or that nothing is known if it does not fit beside the rest of a
 * policy. KSK_ERR_NO_ROOM: commit first. KSK_ERR_NO_MEMORY. */
KSK_MUST_USE enum ksk_err ksk_needed_keep(
	struct ksk_journal *journal, const struct ksk_needed *needed);

/* Reads it; zeroed if it was not kept. out: owned, ksk_needed_wipe.
 * KSK_ERR_MALFORMED, KSK_ERR_IO, KSK_ERR_NO_MEMORY, with fault. */
KSK_MUST_USE enum ksk_err ksk_needed_read(struct ksk_journal *journal,
	struct ksk_needed *out, struct ksk_fault *fault);

/* Returns the providers of a zone that were needed, as bits: their places in
 * it. */
uint32_t ksk_needed_of(struct ksk_needed *needed, const struct ksk_table *table,
	const struct ksk_zone *zone);

/* Frees and zeroes; accepts a zeroed one. */
void ksk_needed_wipe(struct ksk_needed *needed);

#endif
