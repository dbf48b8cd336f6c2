/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timeline_rate - how many answers each client had for a zone lately. Kept in
 * the zone's row, so that a restart forgives nothing.
 */
#include "appliance/signer/timeline_internal.h"

#include <string.h>

static const struct ksk_timeline_rate *
find_rate(const struct ksk_timeline *timeline, const uint8_t pin[KSK_PIN_LEN])
{
	for (size_t i = 0; i < timeline->rate_count; i++)
		if (memcmp(timeline->rate[i].pin, pin, KSK_PIN_LEN) == 0)
			return &timeline->rate[i];
	return NULL;
}

/* Moves the periods on so that the present one holds now. A clock that went
 * back stays in the period it was in. */
static struct ksk_timeline_rate
moved(const struct ksk_timeline_rate *rate, uint64_t per, uint64_t now)
{
	struct ksk_timeline_rate r = *rate;
	if (now < r.begin || now - r.begin < per)
		return r;
	r.before = now - r.begin < 2 * per ? r.present : 0;
	r.present = 0;
	r.begin = now - now % per;
	return r;
}

uint32_t
ksk_timeline_recent(const struct ksk_timeline *timeline,
	const uint8_t pin[KSK_PIN_LEN], uint64_t per, uint64_t now)
{
	const struct ksk_timeline_rate *rate = find_rate(timeline, pin);
	if (rate == NULL)
		return 0;
	struct ksk_timeline_rate r = moved(rate, per, now);
	/* The part of the period before that is still in the window. */
	uint64_t gone = now >= r.begin ? now - r.begin : 0;
	uint64_t left = gone >= per ? 0 : per - gone;
	uint64_t share = ((uint64_t)r.before * left + per - 1) / per;
	uint64_t sum = r.present + share;
	return sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

/* A client's place; with none free, that of the one longest away. */
static struct ksk_timeline_rate *
take_rate(struct ksk_timeline *timeline, const uint8_t pin[KSK_PIN_LEN])
{
	size_t at = 0;
	for (size_t i = 0; i < timeline->rate_count; i++) {
		if (memcmp(timeline->rate[i].pin, pin, KSK_PIN_LEN) == 0)
			return &timeline->rate[i];
		if (timeline->rate[i].begin < timeline->rate[at].begin)
			at = i;
	}
	if (timeline->rate_count < KSK_TIMELINE_RATE_MAX)
		at = timeline->rate_count++;
	struct ksk_timeline_rate *rate = &timeline->rate[at];
	memset(rate, 0, sizeof(*rate));
	memcpy(rate->pin, pin, sizeof(rate->pin));
	return rate;
}

void
ksk_timeline_count(struct ksk_timeline *timeline,
	const uint8_t pin[KSK_PIN_LEN], uint64_t per, uint64_t now)
{
	struct ksk_timeline_rate *rate = take_rate(timeline, pin);
	*rate = moved(rate, per, now);
	if (rate->present < UINT32_MAX)
		rate->present++;
}
