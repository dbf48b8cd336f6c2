/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keyring - the KSKs that the policies name, and what the token's workers said
 * about each: its DNSKEY, or why it can't be used. A key gets a place (its
 * slot on the workers' links) in its token's list for the life of the process;
 * the same key named again keeps it, so reloads do not grow the list. What no
 * policy names any more may leave its token: that is no news, and nobody looks
 * for it.
 * Tests: tests/unit/test_keyring.c
 */
#ifndef KSK_SIGNER_KEYRING_H
#define KSK_SIGNER_KEYRING_H

#include "appliance/base/start.h"
#include "appliance/policy/table.h"
#include "protocol/verify.h"

#define KSK_NO_KEY UINT32_MAX

enum ksk_key_state {
	KSK_KEY_UNSEEN = 0,  /* no worker has answered yet */
	KSK_KEY_FOUND = 1,   /* dnskey and verify are set */
	KSK_KEY_MISSING = 2, /* why says what to do */
};

struct ksk_keyring_key {
	uint16_t token; /* index into the start slice's tokens */
	uint32_t slot;  /* place in its token's list */
	uint32_t named; /* times by the policies in force and on their way */
	struct ksk_name zone;
	struct ksk_ds ds;
	char label[KSK_LABEL_CAP];
	enum ksk_key_state state;
	/* A bit for each worker, its index: it said last that it can't use the
	 * key; and that was believed to hold for it alone (crew_packets.c). */
	uint64_t lacks, apart;
	uint8_t *dnskey; /* RDATA with flags 257, owned */
	size_t dnskey_len;
	uint16_t tag, revoked_tag;     /* of it, without and with REVOKE */
	struct ksk_verify_key *verify; /* owned */
	char *why;                     /* owned, NULL if none */
};

/* Opaque. */
struct ksk_keyring;

/* out_keyring: owned, ksk_keyring_free. KSK_ERR_NO_MEMORY. */
KSK_MUST_USE enum ksk_err ksk_keyring_new(
	const struct ksk_start_signer *start, struct ksk_keyring **out_keyring);
void ksk_keyring_free(struct ksk_keyring **keyring);

/*
 * Makes sure that every KSK of a zone has a place, and is named once more.
 * map: one key number per table.ksks; those of the zone are set, to KSK_NO_KEY
 * where the configuration has no token of that name. KSK_ERR_TOO_LARGE: a token's
 * slots (packet.h) are used up. KSK_ERR_NO_MEMORY.
 */
KSK_MUST_USE enum ksk_err ksk_keyring_load_zone(struct ksk_keyring *keyring,
	const struct ksk_table *table, const struct ksk_zone *zone,
	uint32_t *map);

/* The policy of a map of so many numbers is over: its keys are named once less.
 * KSK_NO_KEY among them is passed over. */
void ksk_keyring_unname(
	struct ksk_keyring *keyring, const uint32_t *map, size_t count);

/* Returns a key by its number, as ksk_keyring_load_zone gave it. */
struct ksk_keyring_key *ksk_keyring_key(
	struct ksk_keyring *keyring, uint32_t number);

/* Returns the number of slots of a token, and the key in a slot (NULL if there
 * is no such slot). */
uint32_t ksk_keyring_slots(const struct ksk_keyring *keyring, uint16_t token);
struct ksk_keyring_key *ksk_keyring_at(
	struct ksk_keyring *keyring, uint16_t token, uint32_t slot);

/* Returns true if a key of the token that is named was looked up and is
 * missing. */
bool ksk_keyring_misses(const struct ksk_keyring *keyring, uint16_t token);

/*
 * Takes a worker's answer for one slot. A DNSKEY that is not the key the
 * policy pins is never taken: the key then is missing.
 * dnskey: empty if the worker can't use the key; why says so.
 * Returns true if the key's state or reason changed.
 */
bool ksk_keyring_answer(
	struct ksk_keyring_key *key, struct ksk_span dnskey, const char *why);

#endif
