/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Since when all keys of a set are in every cache, found in one walk: the sets
 * of a zone that rolls all its keys at once would cost a walk for each pair of
 * a key that leaves and one that stays.
 */
#include "appliance/policy/rules_times.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX (KSK_HISTORY_KEY_MAX + KSK_RDATA_COUNT_MAX)

/* Keys of the set are bits: their places in it. */
struct search {
	const struct ksk_times *times;
	uint32_t places[NUMBER_MAX]; /* of each key by its number */
	uint32_t open;               /* those whose run goes on */
};

static void
begin(struct search *s, const struct ksk_times *times, const uint32_t *key,
	size_t count)
{
	memset(s, 0, sizeof(*s));
	s->times = times;
	for (size_t i = 0; i < count; i++) {
		if (key[i] == KSK_HISTORY_NO_KEY)
			continue;
		if (key[i] >= NUMBER_MAX)
			abort(); /* no history has more keys */
		s->places[key[i]] |= 1u << i;
		s->open |= 1u << i;
	}
}

static uint32_t
listed_in(const struct search *s, const struct ksk_walk *w)
{
	uint32_t out = 0;

	for (uint32_t i = 0; i < w->answer->content.count; i++) {
		uint32_t key = w->member[i].key;

		out |= key < NUMBER_MAX ? s->places[key] : 0;
	}
	return out;
}

/* Unbroken as far as answers are kept: it may have begun before. */
static void
end(const struct search *s, const uint32_t *key, size_t count,
	struct ksk_since *out)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t entered = (s->open & 1u << i) == 0
			? 0
			: ksk_times_key(s->times, key[i])->entered;

		if (entered != 0)
			out[i].run = entered;
	}
}

void
ksk_times_since(const struct ksk_times *times, const uint32_t *key,
	size_t count, struct ksk_since *out)
{
	struct search s;
	struct ksk_walk w;

	begin(&s, times, key, count);
	for (size_t i = 0; i < count; i++)
		out[i] = (struct ksk_since){.cov = KSK_SINCE_EVER};
	ksk_walk_begin(&w, times, KSK_TYPE_DNSKEY);
	while (ksk_walk_next(&w)) {
		uint32_t listed = listed_in(&s, &w);

		for (size_t i = 0; i < count; i++) {
			if ((listed & s.open & 1u << i) != 0)
				out[i].run = w.answer->seq;
			else if ((listed & 1u << i) == 0 && w.served &&
				w.gone > out[i].cov)
				out[i].cov = w.gone;
		}
		if (w.served)
			s.open &= listed;
	}
	end(&s, key, count, out);
}
