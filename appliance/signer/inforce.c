/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inforce - see inforce.h. A rate is kept in two fixed periods, the present
 * and the one before, which counts in proportion to the part of it that is
 * still within the time looked at.
 */
#include "appliance/signer/inforce.h"

#include <stdlib.h>
#include <string.h>

struct ksk_rate {
	uint64_t begin; /* of the present period */
	uint32_t present, before;
};

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

static const struct ksk_rate *
rate_of(const struct ksk_inforce *inforce, const struct ksk_zone *zone,
	const struct ksk_client *client)
{
	uint32_t index = (uint32_t)(client - inforce->table.clients);
	for (uint32_t i = 0; i < zone->clients.count; i++) {
		uint32_t at = zone->clients.first + i;
		if (inforce->table.zone_clients[at] == index)
			return &inforce->rate[at];
	}
	return NULL;
}

/* Takes the counts of one zone over from the policy before. */
static void
carry_zone(const struct ksk_inforce *before, struct ksk_inforce *next,
	const struct ksk_zone *zone)
{
	struct ksk_name name;
	ksk_table_zone_name(&next->table, zone, &name);
	const struct ksk_zone *old = ksk_table_zone_find(&before->table, &name);
	if (old == NULL)
		return;
	for (uint32_t i = 0; i < zone->clients.count; i++) {
		uint32_t at = zone->clients.first + i;
		uint32_t index = next->table.zone_clients[at];
		const struct ksk_client *client = ksk_table_client_find(
			&before->table, next->table.clients[index].pin);
		const struct ksk_rate *rate = client == NULL
			? NULL
			: rate_of(before, old, client);
		if (rate != NULL)
			next->rate[at] = *rate;
	}
}

static enum ksk_err
compute(const struct ksk_inforce *before, struct ksk_keyring *keyring,
	struct ksk_inforce *next)
{
	const struct ksk_table *t = &next->table;
	next->rate = calloc(t->zone_client_count + 1, sizeof(*next->rate));
	next->zones_of = calloc(t->client_count + 1, sizeof(uint32_t));
	next->held = calloc(t->zone_count + 1, 1);
	if (next->rate == NULL || next->zones_of == NULL || next->held == NULL)
		return KSK_ERR_NO_MEMORY;
	for (size_t z = 0; z < t->zone_count; z++) {
		const struct ksk_zone *zone = &t->zones[z];
		for (uint32_t i = 0; i < zone->clients.count; i++)
			next->zones_of[t->zone_clients[zone->clients.first +
				i]]++;
		if (before != NULL && before->table.map != NULL)
			carry_zone(before, next, zone);
	}
	return ksk_keyring_load(keyring, t, &next->key_of);
}

enum ksk_err
ksk_inforce_load(int fd, const uint8_t appliance[KSK_ID_LEN], bool has_last,
	uint64_t last_version, const uint8_t last_hash[KSK_HASH_LEN],
	const struct ksk_inforce *before, struct ksk_keyring *keyring,
	struct ksk_inforce *out, struct ksk_fault *fault)
{
	struct ksk_inforce next = {0};
	enum ksk_err err = ksk_table_map(fd, &next.table, fault);
	if (err != KSK_OK)
		return err;
	if ((err = check_appliance(&next.table, appliance, fault)) != KSK_OK ||
		(err = check_version(&next.table, has_last, last_version,
			 last_hash, fault)) != KSK_OK)
		goto out;
	err = compute(before, keyring, &next);
	if (err != KSK_OK) {
		ksk_fault_set(fault, "no memory for the policy");
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
	free(inforce->rate);
	free(inforce->held);
	memset(inforce, 0, sizeof(*inforce));
}

/* Moves the periods on so that the present one holds now. A clock that went
 * back stays in the period it was in. */
static struct ksk_rate
moved(const struct ksk_rate *rate, uint64_t per, uint64_t now)
{
	struct ksk_rate r = *rate;
	if (now < r.begin || now - r.begin < per)
		return r;
	r.before = now - r.begin < 2 * per ? r.present : 0;
	r.present = 0;
	r.begin = now - now % per;
	return r;
}

uint32_t
ksk_inforce_recent(const struct ksk_inforce *inforce,
	const struct ksk_zone *zone, const struct ksk_client *client,
	uint64_t now)
{
	const struct ksk_rate *rate = rate_of(inforce, zone, client);
	if (rate == NULL)
		return 0;
	struct ksk_rate r = moved(rate, zone->rate_per, now);
	/* The part of the period before that is still in the window. */
	uint64_t gone = now >= r.begin ? now - r.begin : 0;
	uint64_t left = gone >= zone->rate_per ? 0 : zone->rate_per - gone;
	uint64_t share = ((uint64_t)r.before * left + zone->rate_per - 1) /
		zone->rate_per;
	uint64_t sum = r.present + share;
	return sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

void
ksk_inforce_count(struct ksk_inforce *inforce, const struct ksk_zone *zone,
	const struct ksk_client *client, uint64_t now)
{
	uint32_t index = (uint32_t)(client - inforce->table.clients);
	for (uint32_t i = 0; i < zone->clients.count; i++) {
		uint32_t at = zone->clients.first + i;
		if (inforce->table.zone_clients[at] != index)
			continue;
		struct ksk_rate *rate = &inforce->rate[at];
		*rate = moved(rate, zone->rate_per, now);
		if (rate->present < UINT32_MAX)
			rate->present++;
	}
}
