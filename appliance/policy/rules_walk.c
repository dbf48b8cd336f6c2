/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walking a zone's answers of one type from the newest to the oldest, without
 * any memory besides the walk: when each was served, and until when a cache
 * may hold it.
 */
#include "appliance/policy/rules_times.h"

static uint64_t
later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t
ksk_history_add(uint64_t a, uint64_t b)
{
	if (a == KSK_SINCE_EVER)
		return KSK_SINCE_EVER;
	return a > KSK_NEVER - b ? KSK_NEVER : a + b;
}

void
ksk_times_init(struct ksk_times *times, const struct ksk_zone *zone,
	const struct ksk_history *history, const struct ksk_ahead *ahead)
{
	static const struct ksk_history empty;

	*times = (struct ksk_times){
		.zone = zone,
		.history = history == NULL ? &empty : history,
		.ahead = ahead,
	};
}

static size_t
count_of(const struct ksk_times *times)
{
	size_t count = times->history->answer_count;

	return times->ahead != NULL && times->ahead->has_answer ? count + 1
								: count;
}

void
ksk_walk_begin(
	struct ksk_walk *walk, const struct ksk_times *times, uint16_t type)
{
	*walk = (struct ksk_walk){
		.times = times,
		.type = type,
		.at = count_of(times),
		.replaced = KSK_NEVER,
		.by = KSK_NEVER,
	};
}

/* Points at the answer number `at`, wherever it is kept. */
static void
point(struct ksk_walk *walk)
{
	const struct ksk_history *h = walk->times->history;
	const struct ksk_ahead *ahead = walk->times->ahead;
	const struct ksk_history_member *member = h->member;
	const struct ksk_ds *ds = h->ds;
	bool set;

	if (walk->at < h->answer_count) {
		walk->answer = &h->answer[walk->at];
	} else {
		walk->answer = &ahead->answer;
		member = ahead->member;
		ds = ahead->ds;
	}
	set = walk->answer->type == KSK_TYPE_DNSKEY &&
		walk->answer->content.count != 0;
	walk->member = set ? member + walk->answer->content.first : NULL;
	walk->ds = set || walk->answer->content.count == 0
		? NULL
		: ds + walk->answer->content.first;
}

bool
ksk_walk_next(struct ksk_walk *walk)
{
	const struct ksk_zone *z = walk->times->zone;
	const struct ksk_history_answer *a;

	walk->replaced = earlier(walk->replaced, walk->by);
	do {
		if (walk->at == 0)
			return false;
		walk->at--;
		point(walk);
		a = walk->answer;
	} while (a->type != walk->type);
	walk->start = later(a->inception, a->released);
	walk->by = later(ksk_history_add(a->inception, z->inception_offset),
		a->released);
	walk->by = ksk_history_add(walk->by, z->propagation);
	walk->gone = earlier(
		a->expiration, ksk_history_add(walk->replaced, a->ttl));
	walk->served = walk->start < walk->replaced;
	return true;
}

const struct ksk_history_member *
ksk_walk_find(const struct ksk_walk *walk, uint32_t key)
{
	for (uint32_t i = 0; i < walk->answer->content.count; i++) {
		if (walk->member[i].key == key)
			return &walk->member[i];
	}
	return NULL;
}

bool
ksk_times_in_effect(const struct ksk_times *times, uint16_t type, uint64_t at,
	struct ksk_walk *out_walk)
{
	ksk_walk_begin(out_walk, times, type);
	while (ksk_walk_next(out_walk)) {
		if (out_walk->start <= at)
			return true;
	}
	return false;
}
