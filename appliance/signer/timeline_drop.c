/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timeline_drop - forgets what no rule can need any more (history.h), and
 * closes the gaps in the arrays.
 */
#include "appliance/signer/timeline_internal.h"

#include <stdlib.h>
#include <string.h>

#define GONE UINT16_MAX

/* From so many keys on, what is remembered for convenience only goes. */
#define MANY_KEYS (KSK_TIMELINE_KEY_MAX / 2u - KSK_RDATA_COUNT_MAX)

/* Where each entry of an array goes; GONE for those that leave. */
struct moves {
	uint16_t to[KSK_TIMELINE_MEMBER_MAX];
};

static void
mark(struct moves *moves, struct ksk_run run)
{
	for (uint32_t i = 0; i < run.count; i++)
		moves->to[run.first + i] = 1;
}

static void
begin(struct moves *moves)
{
	memset(moves->to, 0, sizeof(moves->to));
}

/* Turns marks into places and moves the entries there; returns how many. */
static size_t
close_gaps(struct moves *moves, void *array, size_t size, size_t count)
{
	char *at = array;
	size_t next = 0;
	for (size_t i = 0; i < count; i++) {
		if (moves->to[i] == 0) {
			moves->to[i] = GONE;
			continue;
		}
		if (next != i)
			memmove(at + next * size, at + i * size, size);
		moves->to[i] = (uint16_t)next++;
	}
	return next;
}

static void
follow(const struct moves *moves, struct ksk_run *run)
{
	run->first = run->count == 0 ? 0 : moves->to[run->first];
}

static void
close_members(struct ksk_timeline *timeline, struct moves *moves)
{
	struct ksk_history *h = &timeline->history;
	begin(moves);
	for (size_t i = 0; i < h->answer_count; i++)
		if (h->answer[i].type == KSK_TYPE_DNSKEY)
			mark(moves, h->answer[i].content);
	h->member_count = close_gaps(moves, timeline->member,
		sizeof(timeline->member[0]), h->member_count);
	for (size_t i = 0; i < h->answer_count; i++)
		if (h->answer[i].type == KSK_TYPE_DNSKEY)
			follow(moves, &timeline->answer[i].content);
}

static void
close_ds(struct ksk_timeline *timeline, struct moves *moves)
{
	struct ksk_history *h = &timeline->history;
	begin(moves);
	for (size_t i = 0; i < h->answer_count; i++)
		if (h->answer[i].type != KSK_TYPE_DNSKEY)
			mark(moves, h->answer[i].content);
	for (size_t i = 0; i < h->parent_count; i++)
		mark(moves, h->parent[i].ds);
	h->ds_count = close_gaps(
		moves, timeline->ds, sizeof(timeline->ds[0]), h->ds_count);
	for (size_t i = 0; i < h->answer_count; i++)
		if (h->answer[i].type != KSK_TYPE_DNSKEY)
			follow(moves, &timeline->answer[i].content);
	for (size_t i = 0; i < h->parent_count; i++)
		follow(moves, &timeline->parent[i].ds);
}

/* A proof of possession is remembered as long as there is room: asking for it
 * again costs a provider a signature, nothing else. */
static bool
is_kept(const struct ksk_timeline *timeline, const struct ksk_history_key *key,
	uint64_t now)
{
	return key->ours || key->exposed > now ||
		(key->proven && timeline->history.key_count < MANY_KEYS);
}

static void
close_keys(struct ksk_timeline *timeline, struct moves *moves, uint64_t now)
{
	struct ksk_history *h = &timeline->history;
	begin(moves);
	for (size_t i = 0; i < h->member_count; i++)
		moves->to[h->member[i].key] = 1;
	for (size_t i = 0; i < h->key_count; i++)
		if (is_kept(timeline, &h->key[i], now))
			moves->to[i] = 1;
	h->key_count = close_gaps(
		moves, timeline->key, sizeof(timeline->key[0]), h->key_count);
	for (size_t i = 0; i < h->member_count; i++)
		timeline->member[i].key = moves->to[h->member[i].key];
}

/* Forgets the oldest answers of a type. */
static void
drop_answers(struct ksk_timeline *timeline, const struct ksk_zone *zone,
	uint16_t type, size_t count)
{
	struct ksk_history *h = &timeline->history;
	size_t next = 0;
	/* Since when a key is in the set must be known without them. */
	uint64_t entered[KSK_TIMELINE_KEY_MAX];
	for (uint32_t k = 0; k < h->key_count && type == KSK_TYPE_DNSKEY; k++)
		entered[k] = ksk_history_entered(zone, h, k, count);
	for (uint32_t k = 0; k < h->key_count && type == KSK_TYPE_DNSKEY; k++)
		timeline->key[k].entered = entered[k];
	for (size_t i = 0; i < h->answer_count; i++) {
		if (h->answer[i].type == type && count > 0) {
			count--;
			continue;
		}
		timeline->record[next] = timeline->record[i];
		timeline->answer[next++] = timeline->answer[i];
	}
	h->answer_count = next;
}

static bool
drop_waits(struct ksk_timeline *timeline, uint64_t now)
{
	struct ksk_history *h = &timeline->history;
	size_t next = 0;
	for (size_t i = 0; i < h->wait_count; i++) {
		const struct ksk_history_wait *w = &h->wait[i];
		if (ksk_history_add(w->unloaded, w->zone_max_ttl) > now ||
			ksk_history_add(w->unloaded, w->parent_ds_ttl) > now)
			timeline->wait[next++] = *w;
	}
	bool some = next < h->wait_count;
	h->wait_count = next;
	return some;
}

static bool
drop_parents(struct ksk_timeline *timeline, const struct ksk_zone *zone,
	uint64_t now)
{
	struct ksk_history *h = &timeline->history;
	size_t count = ksk_history_parents_droppable(zone, h, now);
	h->parent_count -= count;
	memmove(timeline->parent, timeline->parent + count,
		h->parent_count * sizeof(timeline->parent[0]));
	return count > 0;
}

void
ksk_timeline_drop(struct ksk_timeline *timeline, const struct ksk_zone *zone,
	uint64_t now)
{
	static const uint16_t types[] = {
		KSK_TYPE_DNSKEY, KSK_TYPE_CDS, KSK_TYPE_CDNSKEY};
	struct ksk_history *h = &timeline->history;
	bool some = drop_waits(timeline, now);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		size_t count = ksk_history_droppable(zone, h, types[i], now);
		if (count > 0)
			drop_answers(timeline, zone, types[i], count);
		some = some || count > 0;
	}
	some = drop_parents(timeline, zone, now) || some;
	if (!some && h->key_count < MANY_KEYS)
		return;
	struct moves moves;
	close_members(timeline, &moves);
	close_ds(timeline, &moves);
	close_keys(timeline, &moves, now);
}
