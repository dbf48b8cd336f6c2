/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inforce - the policy in force, with what is computed once per policy: the
 * key of each KSK, and the zones of each client.
 * Tests: tests/unit/test_inforce.c
 */
#ifndef KSK_SIGNER_INFORCE_H
#define KSK_SIGNER_INFORCE_H

#include "appliance/signer/keyring.h"

/* table.map == NULL: no policy. Zero it before first use. */
struct ksk_inforce {
	struct ksk_table table;
	struct ksk_keyring *keyring; /* borrowed; its keys are named there */
	uint32_t *key_of;            /* per table.ksks: number in it */
	uint32_t *zones_of;          /* per table.clients: zones that list it */
	uint8_t *held; /* per table.zones: no acceptable set can follow
	                     * what was signed (load.h) */
};

/* How far a policy has been read. Zero it to begin. */
struct ksk_inforce_progress {
	struct ksk_table_checker checker;
	size_t zone; /* the next one */
};

/*
 * Maps a table. Nothing of it may be believed before ksk_inforce_some has said
 * KSK_OK, for a large one is checked in parts.
 * fd: the sealed memfd, borrowed. out: what ksk_inforce_wipe frees; unchanged
 * on failure. KSK_ERR_MALFORMED, KSK_ERR_IO, KSK_ERR_NO_MEMORY, with fault.
 */
KSK_MUST_USE enum ksk_err ksk_inforce_begin(
	int fd, struct ksk_inforce *out, struct ksk_fault *fault);

/*
 * Checks the next entries of the table; then computes for the next zones what
 * is computed once per policy.
 * count: entries at most; SIZE_MAX: all at once. KSK_OK: the policy is whole.
 * KSK_ERR_AGAIN: there is more. KSK_ERR_MALFORMED, KSK_ERR_NO_MEMORY,
 * KSK_ERR_TOO_LARGE: a token would need more slots than there are, those of
 * earlier policies included. With fault.
 * keyring: borrowed, outlives the policy.
 */
KSK_MUST_USE enum ksk_err ksk_inforce_some(struct ksk_keyring *keyring,
	struct ksk_inforce *next, struct ksk_inforce_progress *at, size_t count,
	struct ksk_fault *fault);

/*
 * Checks that a policy may come into force after another.
 * appliance: what the policy must name. last_version, last_hash: the policy
 * last recorded, if has_last.
 * KSK_ERR_BAD_INPUT with fault: another appliance; a lower version; the same
 * version with other bytes.
 */
KSK_MUST_USE enum ksk_err ksk_inforce_may_follow(const struct ksk_table *table,
	const uint8_t appliance[KSK_ID_LEN], bool has_last,
	uint64_t last_version, const uint8_t last_hash[KSK_HASH_LEN],
	struct ksk_fault *fault);

/* Frees and zeroes; accepts a zeroed one. */
void ksk_inforce_wipe(struct ksk_inforce *inforce);

#endif
