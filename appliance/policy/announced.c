/* SPDX-License-Identifier: BSD-2-Clause */
/* announced - see announced.h. */
#include "appliance/policy/announced.h"

#include "appliance/policy/rules_times.h"

#include <string.h>

#define WARN_SECONDS_MAX (14u * 86400u)

const struct ksk_history_announced *
ksk_announced_find(const struct ksk_history *history, const char *provider)
{
	for (size_t i = 0; history != NULL && i < history->announced_count;
		i++) {
		if (strcmp(history->announced[i].provider, provider) == 0)
			return &history->announced[i];
	}
	return NULL;
}

enum ksk_announced_state
ksk_announced_state_of(const struct ksk_history_announced *announced,
	const struct ksk_policy_provider *provider, uint64_t now)
{
	if (announced == NULL)
		return KSK_ANNOUNCED_NONE;
	if (memcmp(announced->pin, provider->announcer, KSK_PIN_LEN) != 0)
		return KSK_ANNOUNCED_VOID;
	if (now < announced->not_before)
		return KSK_ANNOUNCED_EARLY;
	return now < announced->not_after ? KSK_ANNOUNCED_VALID
					  : KSK_ANNOUNCED_EXPIRED;
}

const char *
ksk_announced_words(enum ksk_announced_state state)
{
	switch (state) {
	case KSK_ANNOUNCED_VALID:
		return "is valid";
	case KSK_ANNOUNCED_EARLY:
		return "is not valid yet";
	case KSK_ANNOUNCED_EXPIRED:
		return "has expired";
	case KSK_ANNOUNCED_VOID:
		return "is void: the policy has another certificate now";
	case KSK_ANNOUNCED_NONE:
		break;
	}
	return "";
}

uint64_t
ksk_announced_warn_from(const struct ksk_history_announced *announced)
{
	uint64_t quarter = (announced->not_after - announced->not_before) / 4;

	return announced->not_after -
		(quarter < WARN_SECONDS_MAX ? quarter : WARN_SECONDS_MAX);
}

bool
ksk_announced_is_listed(const struct ksk_zone *zone,
	const struct ksk_history *history, const struct ksk_ds *sha256,
	uint64_t now)
{
	uint32_t key = ksk_history_find(history, sha256);
	struct ksk_times times;
	struct ksk_walk w;

	if (key == KSK_HISTORY_NO_KEY)
		return false;
	ksk_times_init(&times, zone, history, NULL);
	ksk_walk_begin(&w, &times, KSK_TYPE_DNSKEY);
	while (ksk_walk_next(&w)) {
		if (!w.answer->ghost && ksk_walk_find(&w, key) != NULL)
			return true;
		if (w.start <= now)
			return false;
	}
	return false;
}

/* ---- the view ---- */

/* The pinned entry of a key, if the provider has one: what the policy says of
 * it counts. */
static struct ksk_policy_key *
find_pinned(struct ksk_view *view, const struct ksk_policy_provider *p,
	const struct ksk_history_announced_key *key)
{
	for (uint32_t i = 0; i < p->keys.count; i++) {
		struct ksk_policy_key *entry = &view->key[p->keys.first + i];

		if (ksk_ds_equal(&entry->ds, &key->sha256) ||
			ksk_ds_equal(&entry->ds, &key->sha384))
			return entry;
	}
	return NULL;
}

/* `retired` is a moment to wait from: of two the later one counts. */
static void
merge_retired(struct ksk_policy_key *entry, uint64_t retired)
{
	if (retired != KSK_NEVER &&
		(entry->retired == KSK_NEVER || entry->retired < retired))
		entry->retired = retired;
}

struct adding {
	struct ksk_view *view;
	const struct ksk_zone *zone; /* of the table */
	const struct ksk_history *history;
	uint64_t now;
	uint32_t count; /* of view->key in use */
};

static void
add_one(struct adding *a, struct ksk_policy_provider *p, bool valid,
	const struct ksk_history_announced_key *key)
{
	struct ksk_policy_key *entry = find_pinned(a->view, p, key);

	if (entry != NULL) {
		merge_retired(entry, key->retired);
		return;
	}
	if ((!valid || key->former) &&
		!ksk_announced_is_listed(
			a->zone, a->history, &key->sha256, a->now))
		return;
	if (p->keys.count == KSK_VIEW_PROVIDER_KEY_MAX)
		return;
	entry = &a->view->key[a->count++];
	memset(entry, 0, sizeof(*entry));
	entry->ds = key->sha256;
	entry->retired = key->retired;
	entry->announced = key->former ? KSK_KEY_FORMER
		: valid                ? KSK_KEY_ANNOUNCED
				       : KSK_KEY_KEPT;
	p->keys.count++;
}

static void
add_provider(struct adding *a, const struct ksk_table *table,
	const struct ksk_policy_provider *from, struct ksk_policy_provider *p)
{
	const struct ksk_history_announced *announced = from->announced != 0
		? ksk_announced_find(a->history, from->name)
		: NULL;
	bool valid = ksk_announced_state_of(announced, from, a->now) ==
		KSK_ANNOUNCED_VALID;

	*p = *from;
	p->keys.first = a->count;
	memcpy(&a->view->key[a->count], &table->keys[from->keys.first],
		from->keys.count * sizeof(a->view->key[0]));
	a->count += from->keys.count;
	for (uint32_t i = 0; announced != NULL && i < announced->keys.count;
		i++)
		add_one(a, p, valid,
			&a->history->announced_key[announced->keys.first + i]);
}

static bool
some_announced(const struct ksk_table *table, const struct ksk_zone *zone)
{
	for (uint32_t i = 0; i < zone->providers.count; i++) {
		if (table->providers[zone->providers.first + i].announced != 0)
			return true;
	}
	return false;
}

void
ksk_view_take(struct ksk_view *view, const struct ksk_history *history,
	uint64_t now, const struct ksk_table **table,
	const struct ksk_zone **zone)
{
	struct adding a = {
		.view = view, .zone = *zone, .history = history, .now = now};

	if (*zone == NULL || history == NULL || history->announced_count == 0 ||
		!some_announced(*table, *zone))
		return;
	view->table = **table;
	view->zone = **zone;
	for (uint32_t i = 0; i < (*zone)->providers.count; i++)
		add_provider(&a, *table,
			&(*table)->providers[(*zone)->providers.first + i],
			&view->provider[i]);
	view->zone.providers.first = 0;
	view->table.providers = view->provider;
	view->table.provider_count = (*zone)->providers.count;
	view->table.keys = view->key;
	view->table.key_count = a.count;
	*table = &view->table;
	*zone = &view->zone;
}
