/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outlook - see outlook.h.
 */
#include "appliance/signer/outlook.h"

#include "appliance/base/clock.h"
#include "appliance/policy/announced.h"
#include "appliance/signer/signer.h"

#include <stdlib.h>
#include <string.h>

/* Reading all zones takes at most one part in so many of the time. */
#define READ_SHARE 50u
/* Zones whose answer in effect is looked at anew for one status: a schedule
 * moved on since their last change. */
#define LOOK_COUNT 16u

static void
set_time(uint64_t value, bool *out_has, uint64_t *out)
{
	*out_has = value != KSK_NEVER;
	*out = *out_has ? value : 0;
}

/* What was asked for is what can be told. */
static struct ksk_timeline *
find_timeline(struct ksk_signer *signer, const struct ksk_zone *zone)
{
	struct ksk_name name;
	struct ksk_timeline *timeline = NULL;
	struct ksk_fault fault = {.text = ""};
	ksk_table_zone_name(&signer->inforce.table, zone, &name);
	return ksk_timelines_find(
		       signer->timelines, &name, &timeline, &fault) == KSK_OK
		? timeline
		: NULL;
}

const struct ksk_history *
ksk_outlook_history(struct ksk_signer *signer, const struct ksk_zone *zone)
{
	struct ksk_timeline *timeline = find_timeline(signer, zone);
	return timeline == NULL ? NULL : ksk_timeline_history(timeline);
}

static void
fill_key(const struct ksk_signer *signer, const struct ksk_zone *zone,
	const struct ksk_history *history, uint64_t now,
	struct ksk_provider_key_entry *entry)
{
	uint32_t key = ksk_history_find(history, &entry->ds);
	if (key == KSK_HISTORY_NO_KEY)
		return;
	set_time(ksk_history_covered(zone, history, key), &entry->has_covered,
		&entry->covered);
	if (entry->has_covered)
		set_time(ksk_history_first_drop(&signer->inforce.table, zone,
				 history, now, key),
			&entry->has_drop, &entry->drop);
	entry->exposed = ksk_history_exposed(history, key);
	entry->has_exposed = entry->withdrawn && entry->exposed > now;
	if (!entry->has_exposed)
		entry->exposed = 0;
}

/* ---- providers and their keys ---- */

static void
fill_announced(const struct ksk_history *history,
	const struct ksk_policy_provider *provider, uint64_t now,
	struct ksk_provider_entry *entry)
{
	const struct ksk_history_announced *a = ksk_announced_find(
		history, provider->name);
	struct ksk_announced_entry *out = &entry->announced;
	entry->has_announced = provider->announced != 0;
	if (!entry->has_announced)
		return;
	out->state = ksk_announced_state_of(a, provider, now);
	if (a == NULL)
		return;
	out->serial = a->serial;
	out->accepted = a->accepted;
	out->not_before = a->not_before;
	out->not_after = a->not_after;
	out->record = a->record;
}

static void
fill_provider(const struct ksk_table *table,
	const struct ksk_policy_provider *provider,
	struct ksk_provider_entry *entry)
{
	memset(entry, 0, sizeof(*entry));
	ksk_text_copy(entry->name, sizeof(entry->name), provider->name);
	entry->state = provider->state;
	for (uint32_t i = 0; i < provider->keys.count &&
		entry->key_count < KSK_PROVIDER_KEY_MAX;
		i++) {
		const struct ksk_policy_key *key =
			&table->keys[provider->keys.first + i];
		struct ksk_provider_key_entry *out =
			&entry->key[entry->key_count++];
		out->ds = key->ds;
		out->has_retired = key->retired != KSK_NEVER;
		out->retired = out->has_retired ? key->retired : 0;
		out->withdrawn = key->withdrawn != 0;
		out->source = key->announced;
	}
}

/* What the policy pins, and what is announced beside it. */
static void
fill_providers(const struct ksk_signer *signer, const struct ksk_zone *zone,
	const struct ksk_history *history, uint64_t now,
	struct ksk_keys_reply *body)
{
	const struct ksk_table *table = &signer->inforce.table;
	struct ksk_view view;
	ksk_view_take(&view, history, now, &table, &zone);
	for (uint32_t i = 0; i < zone->providers.count &&
		body->provider_count < KSK_PROVIDER_COUNT_MAX;
		i++) {
		const struct ksk_policy_provider *provider =
			&table->providers[zone->providers.first + i];
		struct ksk_provider_entry *entry =
			&body->provider[body->provider_count++];
		fill_provider(table, provider, entry);
		fill_announced(history, provider, now, entry);
	}
}

void
ksk_outlook_keys(struct ksk_signer *signer, const struct ksk_zone *zone,
	uint64_t now, struct ksk_keys_reply *body)
{
	const struct ksk_history *history = ksk_outlook_history(signer, zone);
	fill_providers(signer, zone, history, now, body);
	if (history == NULL)
		return;
	for (uint32_t i = 0; i < body->ksk_count; i++) {
		struct ksk_ksk_entry *entry = &body->ksk[i];
		uint32_t key = ksk_history_find(history, &entry->ds);
		if (key != KSK_HISTORY_NO_KEY)
			set_time(ksk_history_covered(zone, history, key),
				&entry->has_covered, &entry->covered);
		set_time(ksk_history_ds_change(&signer->inforce.table, zone,
				 history, now, zone->ksks.first + i),
			&entry->has_ds_from, &entry->ds_from);
	}
	for (size_t p = 0; p < body->provider_count; p++)
		for (size_t k = 0; k < body->provider[p].key_count; k++)
			fill_key(signer, zone, history, now,
				&body->provider[p].key[k]);
}

/* ---- which answer expires first ---- */

static void
take_zone(void *ctx, const struct ksk_name *name, uint64_t expires)
{
	struct ksk_signer *signer = ctx;
	const struct ksk_table *table = &signer->inforce.table;
	const struct ksk_zone *zone = ksk_table_zone_find(table, name);
	if (zone != NULL)
		signer->outlook.expires[zone - table->zones] = expires;
}

/* So few zones are read whenever something is new: how long a read took says
 * more of the machine than of them. */
#define FEW_ZONES 256u

static bool
may_be_old(const struct ksk_signer *signer, uint64_t now_ms)
{
	const struct ksk_outlook *o = &signer->outlook;

	return signer->inforce.table.zone_count > FEW_ZONES &&
		now_ms - o->read_ms < READ_SHARE * o->took_ms;
}

/* Brings the expirations up to date. Returns false if there are none. */
static bool
read_expiries(struct ksk_signer *signer)
{
	struct ksk_outlook *o = &signer->outlook;
	const struct ksk_table *table = &signer->inforce.table;
	uint64_t now_ms = ksk_clock_mono_ms();
	uint64_t commits = ksk_journal_commits(signer->journal);
	struct ksk_fault fault = {.text = ""};
	if (o->expires != NULL && o->map == table->map &&
		(o->commits == commits || may_be_old(signer, now_ms)))
		return true;
	ksk_outlook_wipe(o);
	o->expires = calloc(table->zone_count + 1, sizeof(*o->expires));
	if (o->expires == NULL)
		return false;
	if (ksk_timelines_expiries(
		    signer->timelines, take_zone, signer, &fault) != KSK_OK) {
		ksk_outlook_wipe(o);
		return false;
	}
	o->map = table->map;
	o->commits = commits;
	o->read_ms = ksk_clock_mono_ms();
	o->took_ms = o->read_ms - now_ms;
	return true;
}

static const struct ksk_zone *
find_first(const struct ksk_signer *signer, const struct ksk_client *client)
{
	const struct ksk_table *table = &signer->inforce.table;
	const uint64_t *expires = signer->outlook.expires;
	const struct ksk_zone *first = NULL;
	for (size_t i = 0; i < table->zone_count; i++) {
		if (expires[i] == 0 ||
			(first != NULL &&
				expires[i] >= expires[first - table->zones]))
			continue;
		if (client == NULL ||
			ksk_table_zone_has_client(
				table, &table->zones[i], client))
			first = &table->zones[i];
	}
	return first;
}

bool
ksk_outlook_first(struct ksk_signer *signer, const struct ksk_client *client,
	uint64_t now, struct ksk_name *out_zone, uint64_t *out_expires)
{
	const struct ksk_table *table = &signer->inforce.table;
	if (table->map == NULL || !read_expiries(signer))
		return false;
	for (size_t i = 0; i < LOOK_COUNT; i++) {
		const struct ksk_zone *zone = find_first(signer, client);
		struct ksk_timeline *timeline = zone == NULL
			? NULL
			: find_timeline(signer, zone);
		if (timeline == NULL)
			return false;
		/* What was written is the least it can be: time moves on to
		 * answers that expire later. */
		uint64_t *written =
			&signer->outlook.expires[zone - table->zones];
		uint64_t expires = ksk_timeline_expires(timeline, now);
		if (expires <= *written && expires != 0) {
			ksk_table_zone_name(table, zone, out_zone);
			*out_expires = expires;
			return true;
		}
		*written = expires;
	}
	return false;
}

uint64_t
ksk_outlook_expires(
	struct ksk_signer *signer, const struct ksk_zone *zone, uint64_t now)
{
	struct ksk_timeline *timeline = find_timeline(signer, zone);
	return timeline == NULL ? 0 : ksk_timeline_expires(timeline, now);
}

void
ksk_outlook_status(struct ksk_signer *signer, const struct ksk_client *client,
	const struct ksk_zone *only, uint64_t now,
	struct ksk_status_reply *body)
{
	if (only != NULL) {
		body->earliest = ksk_outlook_expires(signer, only, now);
		body->has_earliest = body->earliest != 0;
		ksk_table_zone_name(
			&signer->inforce.table, only, &body->earliest_owner);
		return;
	}
	body->has_earliest = ksk_outlook_first(
		signer, client, now, &body->earliest_owner, &body->earliest);
}

void
ksk_outlook_wipe(struct ksk_outlook *outlook)
{
	free(outlook->expires);
	memset(outlook, 0, sizeof(*outlook));
}
