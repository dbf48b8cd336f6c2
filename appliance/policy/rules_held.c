/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DS sets that may be held, one after the other.
 */
#include "appliance/policy/rules_held.h"

enum { NEWEST, OLDER, CDS, CDNSKEY, DONE };

bool
ksk_held_same_key(const struct ksk_ds *a, const struct ksk_ds *b)
{
	if (a->tag != b->tag || a->algorithm != b->algorithm)
		return false;
	return a->digest_type != b->digest_type || ksk_ds_equal(a, b);
}

bool
ksk_held_has(const struct ksk_ds *set, size_t count, const struct ksk_ds *key)
{
	for (size_t i = 0; i < count; i++) {
		if (ksk_held_same_key(&set[i], key))
			return true;
	}
	return false;
}

bool
ksk_held_equal(const struct ksk_ds *a, size_t a_count, const struct ksk_ds *b,
	size_t b_count)
{
	for (size_t i = 0; i < a_count; i++) {
		if (!ksk_held_has(b, b_count, &a[i]))
			return false;
	}
	for (size_t i = 0; i < b_count; i++) {
		if (!ksk_held_has(a, a_count, &b[i]))
			return false;
	}
	return true;
}

bool
ksk_held_begins_later(const struct ksk_held *held)
{
	return (held->stage == CDS || held->stage == CDNSKEY) &&
		held->walk.start > held->at;
}

uint64_t
ksk_held_grace(const struct ksk_times *times, uint64_t at)
{
	return times->zone->parent_propagation +
		ksk_times_parent_wait(times, at);
}

uint64_t
ksk_held_closed(const struct ksk_walk *walk)
{
	const struct ksk_history *h = walk->times->history;
	uint64_t out = ksk_history_add(
		walk->gone, walk->times->zone->parent_propagation);

	for (size_t i = 0; i < h->parent_count; i++) {
		const struct ksk_history_parent *p = &h->parent[i];
		uint64_t acted = walk->type == KSK_TYPE_CDS ? p->acted_cds
							    : p->acted_cdnskey;

		if (out <= p->seen || walk->answer->seq < acted)
			return p->seen;
	}
	return KSK_NEVER;
}

void
ksk_held_begin(struct ksk_held *held, const struct ksk_table *table,
	const struct ksk_times *times, uint64_t at)
{
	*held = (struct ksk_held){
		.table = table, .times = times, .at = at, .stage = NEWEST};
}

static void
take_newest(struct ksk_held *held)
{
	const struct ksk_history *h = held->times->history;
	struct ksk_run run = held->times->zone->parent_ds;

	held->stage = OLDER;
	held->source = KSK_HELD_NEWEST;
	held->since = held->times->zone->parent_seen;
	held->until = KSK_NEVER;
	held->ds = held->table->ds + run.first;
	if (h->parent_count != 0) {
		run = h->parent[h->parent_count - 1].ds;
		held->since = h->parent[h->parent_count - 1].seen;
		held->ds = h->ds + run.first;
	}
	held->count = run.count;
}

static bool
take_older(struct ksk_held *held)
{
	const struct ksk_history *h = held->times->history;
	uint64_t grace = ksk_held_grace(held->times, held->at);

	while (held->next + 1 < h->parent_count) {
		const struct ksk_history_parent *p = &h->parent[held->next++];
		struct ksk_run run = p->ds;

		held->source = KSK_HELD_OLDER;
		held->since = p->seen;
		held->until = ksk_history_add(
			h->parent[held->next].seen, grace);
		if (held->at >= held->until)
			continue;
		held->ds = h->ds + run.first;
		held->count = run.count;
		return true;
	}
	ksk_walk_begin(&held->walk, held->times, KSK_TYPE_CDS);
	held->stage = CDS;
	return false;
}

static bool
take_published(struct ksk_held *held)
{
	struct ksk_walk *w = &held->walk;
	uint64_t grace = ksk_held_grace(held->times, held->at);

	while (ksk_walk_next(w)) {
		held->source = KSK_HELD_PUBLISHED;
		held->since = w->answer->released;
		held->until = ksk_history_add(ksk_held_closed(w), grace);
		if (!w->served || held->at >= held->until)
			continue;
		held->ds = w->ds;
		held->count = w->answer->content.count;
		return true;
	}
	ksk_walk_begin(w, held->times, KSK_TYPE_CDNSKEY);
	held->stage = held->stage == CDS ? CDNSKEY : DONE;
	return false;
}

bool
ksk_held_next(struct ksk_held *held)
{
	if (held->stage == NEWEST) {
		take_newest(held);
		return true;
	}
	if (held->stage == OLDER && take_older(held))
		return true;
	while (held->stage == CDS || held->stage == CDNSKEY) {
		if (take_published(held))
			return true;
	}
	return false;
}
