/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history - see history.h. The questions that the past alone answers; what
 * compares a candidate with it stands in rules_*.c.
 */
#include "appliance/policy/history.h"

#include "appliance/policy/rules_held.h"
#include "appliance/policy/rules_times.h"

#include <string.h>

/* Answers and snapshots are kept so much longer than any rule looks back: a
 * policy may come to know a longer wait. */
#ifndef KEEP_SECONDS /* a test forgets at once */
#define KEEP_SECONDS (31u * 86400u)
#endif

static bool
is_inside(struct ksk_run run, size_t count)
{
	return run.first <= count && run.count <= count - run.first;
}

static bool
is_sound_answer(const struct ksk_history *h, const struct ksk_history_answer *a)
{
	if (a->type != KSK_TYPE_DNSKEY)
		return is_inside(a->content, h->ds_count);
	if (!is_inside(a->content, h->member_count))
		return false;
	for (uint32_t i = 0; i < a->content.count; i++) {
		if (h->member[a->content.first + i].key >= h->key_count)
			return false;
	}
	return true;
}

bool
ksk_history_is_sound(const struct ksk_history *history)
{
	uint64_t seq = 0;

	if (history->key_count > KSK_HISTORY_KEY_MAX)
		return false;
	for (size_t i = 0; i < history->answer_count; i++) {
		const struct ksk_history_answer *a = &history->answer[i];

		if (a->seq <= seq || !is_sound_answer(history, a))
			return false;
		seq = a->seq;
	}
	for (size_t i = 0; i < history->parent_count; i++) {
		if (!is_inside(history->parent[i].ds, history->ds_count))
			return false;
	}
	for (size_t i = 0; i < history->announced_count; i++) {
		if (!is_inside(history->announced[i].keys,
			    history->announced_key_count))
			return false;
	}
	return true;
}

uint32_t
ksk_history_find(const struct ksk_history *history, const struct ksk_ds *ds)
{
	for (uint32_t i = 0; i < history->key_count; i++) {
		if (ksk_times_key_is(&history->key[i], ds))
			return i;
	}
	return KSK_HISTORY_NO_KEY;
}

const struct ksk_history_answer *
ksk_history_head(const struct ksk_history *history, uint16_t type)
{
	for (size_t i = history->answer_count; i > 0; i--) {
		const struct ksk_history_answer *a = &history->answer[i - 1];

		if (a->type == type)
			return a->ghost ? NULL : a;
	}
	return NULL;
}

const struct ksk_history_answer *
ksk_history_in_effect(
	const struct ksk_history *history, uint16_t type, uint64_t at)
{
	for (size_t i = history->answer_count; i > 0; i--) {
		const struct ksk_history_answer *a = &history->answer[i - 1];
		uint64_t start = a->inception > a->released ? a->inception
							    : a->released;

		if (a->type == type && start <= at)
			return a;
	}
	return NULL;
}

bool
ksk_history_needs_adoption(
	const struct ksk_zone *zone, const struct ksk_history *history)
{
	if (zone->has_parent == 0 || zone->parent_ds.count == 0 ||
		zone->new_zone != 0)
		return false;
	return ksk_history_head(history, KSK_TYPE_DNSKEY) == NULL;
}

uint64_t
ksk_history_covered(const struct ksk_zone *zone,
	const struct ksk_history *history, uint32_t key)
{
	struct ksk_times times;
	struct ksk_walk w;

	ksk_times_init(&times, zone, history, NULL);
	ksk_walk_begin(&w, &times, KSK_TYPE_DNSKEY);
	if (!ksk_walk_next(&w) || ksk_walk_find(&w, key) == NULL)
		return KSK_NEVER;
	return ksk_times_cov(&times, key);
}

uint64_t
ksk_history_exposed(const struct ksk_history *history, uint32_t key)
{
	uint64_t last = history->key[key].exposed;

	for (size_t i = 0; i < history->answer_count; i++) {
		const struct ksk_history_answer *a = &history->answer[i];

		if (a->type != KSK_TYPE_DNSKEY || a->ghost ||
			a->expiration <= last)
			continue;
		for (uint32_t m = 0; m < a->content.count; m++) {
			if (history->member[a->content.first + m].key == key)
				last = a->expiration;
		}
	}
	return last;
}

/* ---- the parent ---- */

static const struct ksk_history_parent *
newest_parent(const struct ksk_history *history)
{
	return history->parent_count == 0
		? NULL
		: &history->parent[history->parent_count - 1];
}

enum ksk_attested
ksk_history_attested(const struct ksk_table *table, const struct ksk_zone *zone,
	const struct ksk_history *history)
{
	const struct ksk_history_parent *last = newest_parent(history);
	bool same;

	if (last == NULL)
		return KSK_ATTESTED_NEW;
	if (zone->has_parent == 0)
		return KSK_ATTESTED_NOTHING;
	same = ksk_held_equal(history->ds + last->ds.first, last->ds.count,
		table->ds + zone->parent_ds.first, zone->parent_ds.count);
	if (zone->parent_seen > last->seen)
		return KSK_ATTESTED_NEW;
	return same ? KSK_ATTESTED_NOTHING : KSK_ATTESTED_BACK;
}

uint64_t
ksk_history_acted(const struct ksk_history *history, uint16_t type,
	const struct ksk_ds *ds, size_t count, uint64_t seen)
{
	const struct ksk_history_parent *last = newest_parent(history);
	uint64_t before;

	if (last == NULL)
		return 0;
	before = type == KSK_TYPE_CDS ? last->acted_cds : last->acted_cdnskey;
	if (ksk_held_equal(
		    history->ds + last->ds.first, last->ds.count, ds, count))
		return before;
	/* The earliest that fits: a parent may be slow, it never goes back. */
	for (size_t i = 0; i < history->answer_count; i++) {
		const struct ksk_history_answer *a = &history->answer[i];

		if (a->type == type && a->seq >= before &&
			a->inception <= seen && a->released <= seen &&
			ksk_held_equal(history->ds + a->content.first,
				a->content.count, ds, count))
			return a->seq;
	}
	return before;
}

/* ---- adoption ---- */

size_t
ksk_history_ghost(const struct ksk_history *history,
	const struct ksk_history_answer *adopted,
	const struct ksk_history_member *adopted_members,
	struct ksk_history_answer *out_ghost,
	struct ksk_history_member out_members[KSK_RDATA_COUNT_MAX])
{
	const struct ksk_history_parent *last = newest_parent(history);
	size_t count = 0;

	for (uint32_t i = 0; last != NULL && i < adopted->content.count; i++) {
		const struct ksk_history_member *m = &adopted_members[i];
		bool attested = false;

		for (uint32_t d = 0; d < last->ds.count; d++)
			attested = attested ||
				ksk_times_key_is(&history->key[m->key],
					&history->ds[last->ds.first + d]);
		if (m->signs && !m->revoked && attested &&
			count < KSK_RDATA_COUNT_MAX)
			out_members[count++] = *m;
	}
	*out_ghost = (struct ksk_history_answer){
		.seq = adopted->seq - 1,
		.type = KSK_TYPE_DNSKEY,
		.ghost = true,
		.ttl = adopted->ttl,
		.inception = KSK_SINCE_EVER,
		.expiration = KSK_NEVER,
		.released = KSK_SINCE_EVER,
		.content = {.count = (uint32_t)count},
	};
	return count;
}

/* ---- what may be forgotten ---- */

/* How long after it is out of every cache an answer still counts: the longest
 * wait that begins there. */
static uint64_t
counts_for(const struct ksk_times *times, uint16_t type, uint64_t now)
{
	const struct ksk_zone *z = times->zone;

	if (type != KSK_TYPE_DNSKEY)
		return ksk_held_grace(times, now) + KEEP_SECONDS;
	return ksk_times_zone_wait(times, now) + z->sign_delay +
		z->propagation + KEEP_SECONDS;
}

static bool
is_droppable(const struct ksk_walk *w, uint64_t now)
{
	uint64_t last = w->gone > w->by ? w->gone : w->by;

	if (w->replaced > now)
		return false;
	if (w->type != KSK_TYPE_DNSKEY) {
		uint64_t closed = ksk_held_closed(w);

		last = closed > last ? closed : last;
	}
	return ksk_history_add(last, counts_for(w->times, w->type, now)) <= now;
}

size_t
ksk_history_droppable(const struct ksk_zone *zone,
	const struct ksk_history *history, uint16_t type, uint64_t now)
{
	struct ksk_times times;
	struct ksk_walk w;
	size_t count = 0;

	/* From the newest to the oldest: what stays makes all newer stay. */
	ksk_times_init(&times, zone, history, NULL);
	ksk_walk_begin(&w, &times, type);
	while (ksk_walk_next(&w))
		count = is_droppable(&w, now) ? count + 1 : 0;
	return count;
}

/* The seq of the newest of the oldest `count` DNSKEY answers; 0: none. */
static uint64_t
newest_dropped(const struct ksk_history *history, size_t count)
{
	uint64_t seq = 0;

	for (size_t i = 0; i < history->answer_count && count > 0; i++) {
		if (history->answer[i].type != KSK_TYPE_DNSKEY)
			continue;
		seq = history->answer[i].seq;
		count--;
	}
	return seq;
}

uint64_t
ksk_history_entered(const struct ksk_zone *zone,
	const struct ksk_history *history, uint32_t key, size_t count)
{
	struct ksk_times times;
	uint64_t by;

	if (count == 0)
		return history->key[key].entered;
	ksk_times_init(&times, zone, history, NULL);
	return ksk_times_run(&times, key, newest_dropped(history, count), &by);
}

size_t
ksk_history_parents_droppable(const struct ksk_zone *zone,
	const struct ksk_history *history, uint64_t now)
{
	struct ksk_times times;
	size_t count = 0;

	ksk_times_init(&times, zone, history, NULL);
	while (count + 1 < history->parent_count &&
		ksk_history_add(history->parent[count + 1].seen,
			ksk_held_grace(&times, now) + KEEP_SECONDS) <= now)
		count++;
	return count;
}
