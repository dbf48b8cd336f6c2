/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inforce - the policy in force, with what is computed once per policy: the
 * key of each KSK, the zones of each client, and how many answers each client
 * had for each zone lately (rule `rate`).
 * Tests: tests/unit/test_inforce.c
 */
#ifndef KSK_SIGNER_INFORCE_H
#define KSK_SIGNER_INFORCE_H

#include "appliance/signer/keyring.h"

struct ksk_rate; /* counts for one client and zone */

/* table.map == NULL: no policy. Zero it before first use. */
struct ksk_inforce {
	struct ksk_table table;
	uint32_t *key_of;      /* per table.ksks: number in the keyring */
	uint32_t *zones_of;    /* per table.clients: zones that list it */
	uint8_t *held;         /* per table.zones: no acceptable set can follow
	                        * what was signed (load.h) */
	struct ksk_rate *rate; /* per table.zone_clients */
};

/*
 * Maps a table and checks that it may come into force after another.
 * fd: the sealed memfd, borrowed. appliance: what the policy must name.
 * before: the policy in force, or NULL at start. last_version, last_hash: the
 * policy last recorded, if has_last.
 * out: what ksk_inforce_wipe frees; unchanged on failure.
 * KSK_ERR_BAD_INPUT: another appliance; a lower version; the same version with
 * other bytes. KSK_ERR_MALFORMED, KSK_ERR_IO, KSK_ERR_NO_MEMORY. All with
 * fault.
 */
KSK_MUST_USE enum ksk_err ksk_inforce_load(int fd,
	const uint8_t appliance[KSK_ID_LEN], bool has_last,
	uint64_t last_version, const uint8_t last_hash[KSK_HASH_LEN],
	const struct ksk_inforce *before, struct ksk_keyring *keyring,
	struct ksk_inforce *out, struct ksk_fault *fault);

/* Frees and zeroes; accepts a zeroed one. */
void ksk_inforce_wipe(struct ksk_inforce *inforce);

/* Returns how many answers a client had for a zone in the last rate_per
 * seconds, as inforce.c estimates it. Clients not listed: 0. */
uint32_t ksk_inforce_recent(const struct ksk_inforce *inforce,
	const struct ksk_zone *zone, const struct ksk_client *client,
	uint64_t now);

/* Counts one more. */
void ksk_inforce_count(struct ksk_inforce *inforce, const struct ksk_zone *zone,
	const struct ksk_client *client, uint64_t now);

#endif
