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
	uint32_t *key_of;   /* per table.ksks: number in the keyring */
	uint32_t *zones_of; /* per table.clients: zones that list it */
	uint8_t *held;      /* per table.zones: no acceptable set can follow
	                     * what was signed (load.h) */
};

/*
 * Maps a table and checks that it may come into force after another.
 * fd: the sealed memfd, borrowed. appliance: what the policy must name.
 * last_version, last_hash: the policy last recorded, if has_last.
 * out: what ksk_inforce_wipe frees; unchanged on failure.
 * KSK_ERR_BAD_INPUT: another appliance; a lower version; the same version with
 * other bytes. KSK_ERR_TOO_LARGE: a token would need more slots than there are,
 * those of earlier policies included. KSK_ERR_MALFORMED, KSK_ERR_IO,
 * KSK_ERR_NO_MEMORY. All with fault.
 */
KSK_MUST_USE enum ksk_err ksk_inforce_load(int fd,
	const uint8_t appliance[KSK_ID_LEN], bool has_last,
	uint64_t last_version, const uint8_t last_hash[KSK_HASH_LEN],
	struct ksk_keyring *keyring, struct ksk_inforce *out,
	struct ksk_fault *fault);

/* Frees and zeroes; accepts a zeroed one. */
void ksk_inforce_wipe(struct ksk_inforce *inforce);

#endif
