/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Times of answers and keys. Every question is one walk from the newest answer
 * to the oldest, without any memory besides the walk.
 */
#include "appliance/policy/rules_times.h"

#include <string.h>

static uint64_t
later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

const struct ksk_history_key *
ksk_times_key(const struct ksk_times *times, uint32_t key)
{
	size_t known = times->history->key_count;

	return key < known ? &times->history->key[key]
			   : &times->ahead->key[key - known];
}

bool
ksk_times_key_is(const struct ksk_history_key *key, const struct ksk_ds *ds)
{
	return ksk_ds_equal(&key->sha256, ds) || ksk_ds_equal(&key->sha384, ds);
}

uint32_t
ksk_times_find(const struct ksk_times *times, const struct ksk_ds *ds)
{
	const struct ksk_history *h = times->history;
	size_t count = h->key_count;

	if (times->ahead != NULL)
		count += times->ahead->key_count;
	for (uint32_t i = 0; i < count; i++) {
		if (ksk_times_key_is(ksk_times_key(times, i), ds))
			return i;
	}
	return KSK_HISTORY_NO_KEY;
}

uint64_t
ksk_times_cov(const struct ksk_times *times, uint32_t key)
{
	uint64_t cov = KSK_SINCE_EVER;
	struct ksk_walk w;

	ksk_walk_begin(&w, times, KSK_TYPE_DNSKEY);
	while (ksk_walk_next(&w)) {
		if (w.served && ksk_walk_find(&w, key) == NULL)
			cov = later(cov, w.gone);
	}
	return cov;
}

uint64_t
ksk_times_run(const struct ksk_times *times, uint32_t key, uint64_t last,
	uint64_t *out_by)
{
	uint64_t seq = 0;
	struct ksk_walk w;

	*out_by = KSK_SINCE_EVER;
	ksk_walk_begin(&w, times, KSK_TYPE_DNSKEY);
	while (ksk_walk_next(&w)) {
		if (w.answer->seq > last)
			continue;
		if (ksk_walk_find(&w, key) != NULL) {
			seq = w.answer->seq;
			*out_by = w.by;
		} else if (w.served) {
			return seq;
		}
	}
	/* Unbroken as far as answers are kept: it may have begun before. */
	if (ksk_times_key(times, key)->entered != 0) {
		seq = ksk_times_key(times, key)->entered;
		*out_by = KSK_SINCE_EVER;
	}
	return seq;
}

uint64_t
ksk_times_zone_wait(const struct ksk_times *times, uint64_t at)
{
	uint64_t wait = times->zone->zone_max_ttl;

	for (size_t i = 0; i < times->history->wait_count; i++) {
		const struct ksk_history_wait *old = &times->history->wait[i];

		if (at < ksk_history_add(old->unloaded, old->zone_max_ttl))
			wait = later(wait, old->zone_max_ttl);
	}
	return wait;
}

uint64_t
ksk_times_parent_wait(const struct ksk_times *times, uint64_t at)
{
	uint64_t wait = times->zone->parent_ds_ttl;

	for (size_t i = 0; i < times->history->wait_count; i++) {
		const struct ksk_history_wait *old = &times->history->wait[i];

		if (at < ksk_history_add(old->unloaded, old->parent_ds_ttl))
			wait = later(wait, old->parent_ds_ttl);
	}
	return wait;
}

bool
ksk_times_needed(const struct ksk_times *times,
	const struct ksk_policy_provider *p, uint64_t at)
{
	if (p->state == KSK_PROVIDER_SERVING)
		return true;
	return p->state == KSK_PROVIDER_LEAVING &&
		(p->gone == KSK_NEVER ||
			at < ksk_history_add(
				     p->gone, ksk_times_zone_wait(times, at)));
}

static struct ksk_owner
find_in(const struct ksk_table *table, uint32_t provider,
	const struct ksk_history_key *k)
{
	struct ksk_owner owner = {KSK_NOBODY, KSK_NOBODY};
	struct ksk_run run = table->providers[provider].keys;

	for (uint32_t i = 0; i < run.count; i++) {
		const struct ksk_policy_key *entry =
			&table->keys[run.first + i];

		if (!ksk_times_key_is(k, &entry->ds) ||
			(owner.entry != KSK_NOBODY && entry->withdrawn == 0))
			continue;
		owner.provider = provider;
		owner.entry = run.first + i;
	}
	return owner;
}

struct ksk_owner
ksk_times_owner(const struct ksk_times *times, const struct ksk_table *table,
	uint32_t key)
{
	const struct ksk_history_key *k = ksk_times_key(times, key);
	struct ksk_owner owner = {KSK_NOBODY, KSK_NOBODY};
	struct ksk_run all = times->zone->providers;

	for (uint32_t i = 0; i < all.count; i++) {
		owner = find_in(table, all.first + i, k);
		if (owner.provider != KSK_NOBODY)
			break;
	}
	return owner;
}

bool
ksk_times_is_zsk(const struct ksk_times *times, const struct ksk_table *table,
	uint32_t key)
{
	const struct ksk_history_key *k = ksk_times_key(times, key);
	struct ksk_run all = times->zone->cosigners;

	if (k->flags != KSK_FLAG_ZONE)
		return false;
	for (uint32_t i = 0; i < all.count; i++) {
		if (ksk_times_key_is(k, &table->cosigners[all.first + i].ds))
			return false;
	}
	return true;
}

static uint32_t
find_provider(const struct ksk_times *times, const struct ksk_table *table,
	const char *name)
{
	struct ksk_run all = times->zone->providers;

	for (uint32_t i = 0; i < all.count; i++) {
		if (strcmp(table->providers[all.first + i].name, name) == 0)
			return all.first + i;
	}
	return KSK_NOBODY;
}

uint32_t
ksk_times_data_key_of(const struct ksk_times *times,
	const struct ksk_table *table, uint32_t key)
{
	const struct ksk_history_key *k = ksk_times_key(times, key);
	struct ksk_run all = times->zone->cosigners;

	for (uint32_t i = 0; i < all.count; i++) {
		const struct ksk_policy_cosigner *co =
			&table->cosigners[all.first + i];

		if (ksk_times_key_is(k, &co->ds))
			return co->csk != 0
				? find_provider(times, table, co->provider)
				: KSK_NOBODY;
	}
	return ksk_times_is_zsk(times, table, key)
		? ksk_times_owner(times, table, key).provider
		: KSK_NOBODY;
}

void
ksk_prior_init(struct ksk_prior *prior, const struct ksk_zone *zone,
	const struct ksk_history *history, uint64_t start, uint64_t by)
{
	struct ksk_times past;
	struct ksk_walk w;

	*prior = (struct ksk_prior){.start = start, .by = by};
	ksk_times_init(&past, zone, history, NULL);
	if (ksk_times_in_effect(&past, KSK_TYPE_DNSKEY, start, &w))
		prior->effect = w.answer->seq;
}

bool
ksk_prior_has(const struct ksk_prior *prior, const struct ksk_walk *walk)
{
	uint64_t seq = walk->answer->seq;

	if (walk->answer->ghost || seq == KSK_SEQ_AHEAD)
		return false;
	if (seq == prior->effect)
		return true;
	return seq > prior->effect && prior->start < walk->start &&
		walk->start < prior->by;
}

/*
 * The oldest prior answer that lists the key has the fewest before it, so it
 * gives the least. What was before an adoption is not known: its ghost does
 * not count.
 */
uint64_t
ksk_times_usable(const struct ksk_times *times, const struct ksk_prior *prior,
	uint32_t key)
{
	uint64_t gone = KSK_NEVER;
	struct ksk_walk w;

	ksk_walk_begin(&w, times, KSK_TYPE_DNSKEY);
	while (ksk_walk_next(&w)) {
		bool lists = ksk_walk_find(&w, key) != NULL;

		if (lists && ksk_prior_has(prior, &w))
			gone = KSK_SINCE_EVER;
		else if (!lists && gone != KSK_NEVER && w.served &&
			!w.answer->ghost)
			gone = later(gone, w.gone);
	}
	return gone;
}
