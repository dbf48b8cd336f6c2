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
compute(struct ksk_keyring *keyring, struct ksk_inforce *next)
{
	const struct ksk_table *t = &next->table;
	next->zones_of = calloc(t->client_count + 1, sizeof(uint32_t));
	next->held = calloc(t->zone_count + 1, 1);
	if (next->zones_of == NULL || next->held == NULL)
		return KSK_ERR_NO_MEMORY;
	for (size_t z = 0; z < t->zone_count; z++) {
		const struct ksk_zone *zone = &t->zones[z];
		for (uint32_t i = 0; i < zone->clients.count; i++)
			next->zones_of[t->zone_clients[zone->clients.first +
				i]]++;
	}
	return ksk_keyring_load(keyring, t, &next->key_of);
}

enum ksk_err
ksk_inforce_load(int fd, const uint8_t appliance[KSK_ID_LEN], bool has_last,
	uint64_t last_version, const uint8_t last_hash[KSK_HASH_LEN],
	struct ksk_keyring *keyring, struct ksk_inforce *out,
	struct ksk_fault *fault)
{
	struct ksk_inforce next = {0};
	enum ksk_err err = ksk_table_map(fd, &next.table, fault);
	if (err != KSK_OK)
		return err;
	if ((err = check_appliance(&next.table, appliance, fault)) != KSK_OK ||
		(err = check_version(&next.table, has_last, last_version,
			 last_hash, fault)) != KSK_OK)
		goto out;
	err = compute(keyring, &next);
	if (err != KSK_OK) {
		ksk_fault_set(fault, "%s",
			err == KSK_ERR_TOO_LARGE
				? "the policies since the start name more KSKs "
				  "on a token than there are slots; restart "
				  "kskd"
				: "no memory for the policy");
		goto out;
	}
	*out = next;
	return KSK_OK;
out:
	ksk_inforce_wipe(&next);
	return err;
}

void
ksk_inforce_wipe(struct ksk_inforce *inforce)
{
	ksk_table_unmap(&inforce->table);
	free(inforce->key_of);
	free(inforce->zones_of);
	free(inforce->held);
	memset(inforce, 0, sizeof(*inforce));
}
