/* SPDX-License-Identifier: BSD-2-Clause */
/* inforce - see inforce.h. */
#include "appliance/signer/inforce.h"

#include <stdlib.h>
#include <string.h>

static enum ksk_err
check_version(const struct ksk_table *table, bool has_last,
	uint64_t last_version, const uint8_t last_hash[KSK_HASH_LEN],
	struct ksk_fault *fault)
{
	if (!has_last || table->version > last_version)
		return KSK_OK;
	if (table->version == last_version) {
		if (memcmp(table->hash, last_hash, KSK_HASH_LEN) == 0)
			return KSK_OK;
		ksk_fault_set(fault,
			"the policy has the version in force, %llu, but other "
			"content: give each change a higher version",
			(unsigned long long)last_version);
		return KSK_ERR_BAD_INPUT;
	}
	ksk_fault_set(fault,
		"the policy's version %llu is lower than %llu, which was in "
		"force before: an old policy is never taken again; give the "
		"change a higher version",
		(unsigned long long)table->version,
		(unsigned long long)last_version);
	return KSK_ERR_BAD_INPUT;
}

static enum ksk_err
check_appliance(const struct ksk_table *table,
	const uint8_t appliance[KSK_ID_LEN], struct ksk_fault *fault)
{
	if (memcmp(table->appliance, appliance, KSK_ID_LEN) == 0)
		return KSK_OK;
	char theirs[2 * KSK_ID_LEN + 1], ours[2 * KSK_ID_LEN + 1];
	ksk_hex_write(ksk_span_of(table->appliance, KSK_ID_LEN), theirs,
		sizeof(theirs));
	ksk_hex_write(ksk_span_of(appliance, KSK_ID_LEN), ours, sizeof(ours));
	ksk_fault_set(fault, "the policy is for the appliance %s, this is %s",
		theirs, ours);
	return KSK_ERR_BAD_INPUT;
}

static enum ksk_err
make_room(struct ksk_inforce *next)
{
	const struct ksk_table *t = &next->table;

	next->key_of = calloc(t->ksk_count + 1, sizeof(uint32_t));
	next->zones_of = calloc(t->client_count + 1, sizeof(uint32_t));
	next->held = calloc(t->zone_count + 1, 1);
	if (next->key_of == NULL || next->zones_of == NULL ||
		next->held == NULL)
		return KSK_ERR_NO_MEMORY;
	for (size_t i = 0; i < t->ksk_count; i++)
		next->key_of[i] = KSK_NO_KEY;
	return KSK_OK;
}

static enum ksk_err
compute(struct ksk_keyring *keyring, struct ksk_inforce *next,
	const struct ksk_zone *zone)
{
	const struct ksk_table *t = &next->table;

	for (uint32_t i = 0; i < zone->clients.count; i++)
		next->zones_of[t->zone_clients[zone->clients.first + i]]++;
	return ksk_keyring_load_zone(keyring, t, zone, next->key_of);
}

enum ksk_err
ksk_inforce_begin(int fd, struct ksk_inforce *out, struct ksk_fault *fault)
{
	struct ksk_inforce next = {0};
	enum ksk_err err = ksk_table_map_unchecked(fd, &next.table, fault);

	if (err != KSK_OK)
		return err;
	err = make_room(&next);
	if (err != KSK_OK) {
		ksk_fault_set(fault, "no memory for the policy");
		ksk_inforce_wipe(&next);
		return err;
	}
	*out = next;
	return KSK_OK;
}

/* An entry of the keyring costs as much as some checks. */
#define CHECKS_PER_ZONE 8u

enum ksk_err
ksk_inforce_some(struct ksk_keyring *keyring, struct ksk_inforce *next,
	struct ksk_inforce_progress *at, size_t count, struct ksk_fault *fault)
{
	enum ksk_err err = ksk_table_check_some(
		&next->table, &at->checker, count, fault);

	if (err != KSK_OK)
		return err;
	next->keyring = keyring;
	count = count / CHECKS_PER_ZONE + 1;
	for (; at->zone < next->table.zone_count; at->zone++, count--) {
		if (count == 0)
			return KSK_ERR_AGAIN;
		err = compute(keyring, next, &next->table.zones[at->zone]);
		if (err == KSK_OK)
			continue;
		ksk_fault_set(fault, "%s",
			err == KSK_ERR_TOO_LARGE
				? "the policies since the start name more KSKs "
				  "on a token than there are slots; restart "
				  "kskd"
				: "no memory for the policy");
		return err;
	}
	return KSK_OK;
}

enum ksk_err
ksk_inforce_may_follow(const struct ksk_table *table,
	const uint8_t appliance[KSK_ID_LEN], bool has_last,
	uint64_t last_version, const uint8_t last_hash[KSK_HASH_LEN],
	struct ksk_fault *fault)
{
	enum ksk_err err = check_appliance(table, appliance, fault);

	return err != KSK_OK ? err
			     : check_version(table, has_last, last_version,
				       last_hash, fault);
}

void
ksk_inforce_wipe(struct ksk_inforce *inforce)
{
	if (inforce->keyring != NULL)
		ksk_keyring_unname(inforce->keyring, inforce->key_of,
			inforce->table.ksk_count);
	ksk_table_unmap(&inforce->table);
	free(inforce->key_of);
	free(inforce->zones_of);
	free(inforce->held);
	memset(inforce, 0, sizeof(*inforce));
}
