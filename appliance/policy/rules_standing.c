/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which KSKs stand in a set: TIMING.md, ksk-present. Those that are in time;
 * those out of time that a DS set which may be held needs; for an algorithm in
 * effect with ZSKs but no KSK in time, those that sign it now; and none of a
 * new algorithm before every needed provider has a ZSK of it.
 */
#include "appliance/policy/announced.h"
#include "appliance/policy/rules_case.h"
#include "appliance/policy/rules_held.h"

/* One search. KSKs are bits: their places in the zone. */
struct search {
	const struct ksk_table *table;
	const struct ksk_zone *zone;
	const struct ksk_times *past;
	uint64_t start;
	uint32_t in_time; /* and not revoked */
	uint32_t want;    /* and not revoked */
};

static const struct ksk_policy_ksk *
ksk_at(const struct search *s, uint32_t place)
{
	return &s->table->ksks[s->zone->ksks.first + place];
}

static uint32_t
bit_of(uint8_t algorithm)
{
	return 1u << algorithm % 32;
}

static uint32_t
algorithms_of(const struct search *s, uint32_t ksks)
{
	uint32_t out = 0;

	for (uint32_t i = 0; i < s->zone->ksks.count; i++) {
		if ((ksks & (1u << i)) != 0)
			out |= bit_of(ksk_at(s, i)->ds.algorithm);
	}
	return out;
}

/* KSKs of ours that a DS set names. */
static uint32_t
named_by(const struct search *s, const struct ksk_ds *ds, size_t count)
{
	uint32_t out = 0;

	for (uint32_t i = 0; i < s->zone->ksks.count; i++) {
		const struct ksk_policy_ksk *k = ksk_at(s, i);

		if (k->revoked == 0 && ksk_held_has(ds, count, &k->ds))
			out |= 1u << i;
	}
	return out;
}

/* What a DS set needs: of each algorithm of which it names no KSK in time,
 * those that it names. */
static void
want_for_ds(struct search *s, const struct ksk_ds *ds, size_t count)
{
	uint32_t named = named_by(s, ds, count);
	uint32_t served = algorithms_of(s, named & s->in_time);

	for (uint32_t i = 0; i < s->zone->ksks.count; i++) {
		if ((named & (1u << i)) != 0 &&
			(served & bit_of(ksk_at(s, i)->ds.algorithm)) == 0)
			s->want |= 1u << i;
	}
}

/* KSKs of ours that sign the set in effect, and their algorithms. */
static uint32_t
signing_now(const struct search *s, const struct ksk_walk *effect,
	uint32_t *out_algorithms)
{
	uint32_t out = 0;

	*out_algorithms = 0;
	for (uint32_t m = 0; m < effect->answer->content.count; m++) {
		const struct ksk_history_key *k = ksk_times_key(
			s->past, effect->member[m].key);

		if (!effect->member[m].signs || effect->member[m].revoked)
			continue;
		*out_algorithms |= bit_of(k->sha256.algorithm);
		for (uint32_t i = 0; i < s->zone->ksks.count; i++) {
			if (ksk_at(s, i)->revoked == 0 &&
				ksk_times_key_is(k, &ksk_at(s, i)->ds))
				out |= 1u << i;
		}
	}
	return out;
}

/* The KSK of an algorithm that stands the longest; 0 if there is none. */
static uint32_t
latest_of(const struct search *s, uint32_t algorithm)
{
	uint32_t out = 0;
	uint64_t until = 0;

	for (uint32_t i = 0; i < s->zone->ksks.count; i++) {
		const struct ksk_policy_ksk *k = ksk_at(s, i);

		if (k->revoked != 0 || bit_of(k->ds.algorithm) != algorithm ||
			(out != 0 && k->until < until))
			continue;
		out = 1u << i;
		until = k->until;
	}
	return out;
}

static uint32_t
of_algorithm(const struct search *s, uint32_t ksks, uint32_t algorithm)
{
	uint32_t out = 0;

	for (uint32_t i = 0; i < s->zone->ksks.count; i++) {
		if (bit_of(ksk_at(s, i)->ds.algorithm) == algorithm)
			out |= ksks & (1u << i);
	}
	return out;
}

/* Algorithms in effect that have ZSKs in the set and would lose their KSK. */
static void
want_for_zsks(struct search *s, uint32_t signing, uint32_t in_effect,
	uint32_t zsk_algorithms)
{
	uint32_t missing = zsk_algorithms & in_effect &
		~algorithms_of(s, s->want);

	for (uint32_t bit = 1; bit != 0; bit <<= 1) {
		uint32_t now = of_algorithm(s, signing, bit);

		if ((missing & bit) != 0)
			s->want |= now != 0 ? now : latest_of(s, bit);
	}
}

static void
want_in_time(struct search *s, uint32_t *out_revoked)
{
	*out_revoked = 0;
	for (uint32_t i = 0; i < s->zone->ksks.count; i++) {
		const struct ksk_policy_ksk *k = ksk_at(s, i);

		if (k->from > s->start || s->start >= k->until)
			continue;
		if (k->revoked != 0)
			*out_revoked |= 1u << i;
		else
			s->in_time |= 1u << i;
	}
	s->want = s->in_time;
}

static size_t
write_out(const struct search *s, uint32_t revoked,
	struct ksk_signer_key out[KSK_RRSIG_COUNT_MAX])
{
	size_t count = 0;

	for (uint32_t i = 0;
		i < s->zone->ksks.count && count < KSK_RRSIG_COUNT_MAX; i++) {
		if (((s->want | revoked) & (1u << i)) != 0)
			out[count++] = (struct ksk_signer_key){
				.ksk = s->zone->ksks.first + i,
				.revoked = (revoked & (1u << i)) != 0};
	}
	return count;
}

size_t
ksk_case_find_standing_ksks(const struct ksk_table *table,
	const struct ksk_times *past, uint64_t start, uint32_t zsk_algorithms,
	uint32_t complete, struct ksk_signer_key out[KSK_RRSIG_COUNT_MAX])
{
	struct search s = {.table = table,
		.zone = past->zone,
		.past = past,
		.start = start};
	uint32_t revoked, signing, in_effect;
	struct ksk_held held;
	struct ksk_walk effect;

	want_in_time(&s, &revoked);
	ksk_held_begin(&held, table, past, start);
	while (ksk_held_next(&held))
		want_for_ds(&s, held.ds, held.count);
	if (!ksk_times_in_effect(past, KSK_TYPE_DNSKEY, start, &effect))
		return write_out(&s, revoked, out);
	signing = signing_now(&s, &effect, &in_effect);
	want_for_zsks(&s, signing, in_effect, zsk_algorithms);
	for (uint32_t i = 0; i < s.zone->ksks.count; i++) {
		uint32_t bit = bit_of(ksk_at(&s, i)->ds.algorithm);

		if ((in_effect & bit) == 0 && (complete & bit) == 0)
			s.want &= ~(1u << i);
	}
	return write_out(&s, revoked, out);
}

/* The ZSK algorithms of the set in effect, and those of which every needed
 * provider has one there. */
static uint32_t
algorithms_in_effect(const struct ksk_table *table,
	const struct ksk_times *past, uint64_t start, uint32_t *out_complete)
{
	struct ksk_run all = past->zone->providers;
	uint32_t has[KSK_PROVIDER_COUNT_MAX] = {0};
	uint32_t out = 0;
	struct ksk_walk w;

	*out_complete = UINT32_MAX;
	if (!ksk_times_in_effect(past, KSK_TYPE_DNSKEY, start, &w))
		return 0;
	for (uint32_t i = 0; i < w.answer->content.count; i++) {
		uint32_t key = w.member[i].key;
		uint32_t whose = ksk_times_data_key_of(past, table, key);
		uint32_t bit = bit_of(
			ksk_times_key(past, key)->sha256.algorithm);

		if (ksk_times_is_zsk(past, table, key))
			out |= bit;
		if (whose != KSK_NOBODY)
			has[whose - all.first] |= bit;
	}
	for (uint32_t i = 0; i < all.count; i++) {
		if (ksk_times_needed(
			    past, &table->providers[all.first + i], start))
			*out_complete &= has[i];
	}
	return out;
}

size_t
ksk_rules_standing(const struct ksk_table *table, const struct ksk_zone *zone,
	const struct ksk_history *history, uint64_t start,
	uint32_t zsk_algorithms, struct ksk_signer_key out[KSK_RRSIG_COUNT_MAX])
{
	uint32_t complete = zsk_algorithms;
	struct ksk_times past;
	struct ksk_view view;

	ksk_view_take(&view, history, start, &table, &zone);
	ksk_times_init(&past, zone, history, NULL);
	if (zsk_algorithms == 0)
		zsk_algorithms = algorithms_in_effect(
			table, &past, start, &complete);
	return ksk_case_find_standing_ksks(
		table, &past, start, zsk_algorithms, complete, out);
}
