/* SPDX-License-Identifier: BSD-2-Clause */
/* exposed - see exposed.h. */
#include "appliance/signer/exposed.h"

#include "appliance/policy/history.h"
#include "appliance/signer/past.h"
#include "appliance/signer/signer.h"

#include <stdlib.h>
#include <string.h>

/* Timelines that one status looks at: who has withdrawn more at once reads the
 * zones' own replies. */
#define LOOK_COUNT 256u

/* ---- which keys are withdrawn ---- */

static size_t
count_withdrawn(const struct ksk_table *table)
{
	size_t count = 0;

	for (size_t i = 0; i < table->key_count; i++)
		count += table->keys[i].withdrawn != 0;
	return count;
}

static void
list_provider(const struct ksk_table *table, uint32_t zone, uint32_t provider,
	size_t cap, struct ksk_exposed *out)
{
	const struct ksk_run keys = table->providers[provider].keys;

	for (uint32_t k = keys.first; k < keys.first + keys.count; k++)
		if (table->keys[k].withdrawn != 0 && out->count < cap)
			out->list[out->count++] = (struct ksk_withdrawn_key){
				zone, provider, k};
}

/* Once per policy. */
static void
list_withdrawn(const struct ksk_table *table, struct ksk_exposed *out)
{
	size_t cap = count_withdrawn(table);

	ksk_exposed_wipe(out);
	out->map = table->map;
	if (cap > 0)
		out->list = calloc(cap, sizeof(out->list[0]));
	if (out->list == NULL)
		return;
	for (uint32_t z = 0; z < table->zone_count; z++) {
		const struct ksk_run providers = table->zones[z].providers;
		for (uint32_t i = 0; i < providers.count; i++)
			list_provider(table, z, providers.first + i, cap, out);
	}
}

/* ---- which of them can be replayed ---- */

/* Returns until when; 0: it can't, or that can't be read now. */
static uint64_t
exposed_until(struct ksk_signer *signer, const struct ksk_name *name,
	const struct ksk_ds *ds, uint64_t now)
{
	struct ksk_timeline *timeline = NULL;
	struct ksk_fault fault = {.text = ""};
	const struct ksk_history *history;
	uint64_t until;
	uint32_t key;

	if (ksk_past_find(signer, name, &timeline, &fault) != KSK_OK)
		return 0;
	history = ksk_timeline_history(timeline);
	key = ksk_history_find(history, ds);
	until = key == KSK_HISTORY_NO_KEY ? 0
					  : ksk_history_exposed(history, key);
	return until > now ? until : 0;
}

/* Keeps those that are exposed longest, the longest first. */
static void
keep(struct ksk_status_reply *body, const struct ksk_exposed_key *key)
{
	size_t at = body->exposed_count;

	while (at > 0 && body->exposed[at - 1].until < key->until)
		at--;
	if (at == KSK_EXPOSED_COUNT_MAX)
		return;
	if (body->exposed_count < KSK_EXPOSED_COUNT_MAX)
		body->exposed_count++;
	memmove(&body->exposed[at + 1], &body->exposed[at],
		(body->exposed_count - 1 - at) * sizeof(*key));
	body->exposed[at] = *key;
}

void
ksk_exposed_status(struct ksk_signer *signer, const struct ksk_client *client,
	const struct ksk_zone *only, uint64_t now,
	struct ksk_status_reply *body)
{
	const struct ksk_table *table = &signer->inforce.table;
	struct ksk_exposed *all = &signer->exposed;
	size_t looks = 0;

	if (table->map != all->map)
		list_withdrawn(table, all);
	for (size_t i = 0; i < all->count && looks < LOOK_COUNT; i++) {
		const struct ksk_withdrawn_key *w = &all->list[i];
		const struct ksk_zone *zone = &table->zones[w->zone];
		struct ksk_exposed_key key = {.ds = table->keys[w->key].ds};

		if ((only != NULL && zone != only) ||
			!ksk_table_zone_has_client(table, zone, client))
			continue;
		looks++;
		ksk_table_zone_name(table, zone, &key.owner);
		ksk_text_copy(key.provider, sizeof(key.provider),
			table->providers[w->provider].name);
		key.until = exposed_until(signer, &key.owner, &key.ds, now);
		if (key.until != 0)
			keep(body, &key);
	}
}

void
ksk_exposed_wipe(struct ksk_exposed *exposed)
{
	free(exposed->list);
	memset(exposed, 0, sizeof(*exposed));
}
