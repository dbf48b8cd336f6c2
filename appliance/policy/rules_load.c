/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a zone may go over to a new policy (TIMING.md, Adopt, and loading a
 * policy). Sets are made of what is known without the keys themselves: their
 * DS in the history and in the policy.
 */
#include "appliance/base/yaml.h"
#include "appliance/policy/announced.h"
#include "appliance/policy/rules_case.h"

#include <string.h>

/* The sets that are tried, from the narrowest change to the widest. */
enum attempt {
	IN_EFFECT,  /* the ZSKs in effect */
	STILL_GOOD, /* those of them that the policy still allows */
	PINNED,     /* those and all that it pins */
};

struct work {
	const struct ksk_load *load;
	struct ksk_times times;
	struct ksk_walk effect; /* the answer in effect */
	struct ksk_sign sign;
	struct ksk_candidate candidate;
	struct ksk_case c;
};

static bool
is_good(const struct work *w, uint32_t key)
{
	const struct ksk_table *t = w->load->table;
	struct ksk_owner owner = ksk_times_owner(&w->times, t, key);

	return owner.entry != KSK_NOBODY && t->keys[owner.entry].withdrawn == 0;
}

static void
add_effective(struct work *w, enum attempt attempt)
{
	for (uint32_t i = 0; i < w->effect.answer->content.count; i++) {
		uint32_t key = w->effect.member[i].key;

		if (ksk_times_is_zsk(&w->times, w->load->table, key) &&
			(attempt == IN_EFFECT || is_good(w, key)))
			ksk_case_add_known(&w->c, key);
	}
}

static void
add_pinned(struct work *w)
{
	const struct ksk_table *t = w->load->table;
	struct ksk_run all = w->load->zone->providers;

	for (uint32_t i = 0; i < all.count; i++) {
		struct ksk_run keys = t->providers[all.first + i].keys;

		for (uint32_t k = 0; k < keys.count; k++) {
			const struct ksk_policy_key *entry =
				&t->keys[keys.first + k];

			if (entry->withdrawn == 0)
				ksk_case_add_pinned(
					&w->c, &entry->ds, KSK_FLAGS_ZSK);
		}
	}
}

static void
try_set(struct work *w, enum attempt attempt, struct ksk_refusals *refusals)
{
	static const struct {
		const char *id;
		void (*judge)(struct ksk_case *c);
	} rules[] = {
		{"key-allowed", ksk_rule_key_allowed},
		{"provider-present", ksk_rule_provider_present},
		{"ksk-present", ksk_rule_ksk_present},
		{"algorithm-complete", ksk_rule_algorithm_complete},
		{"zsk-coverage", ksk_rule_zsk_coverage},
		{"early-drop", ksk_rule_early_drop},
		{"ds-covered", ksk_rule_ds_covered},
	};

	ksk_case_begin(
		&w->c, w->load->table, w->load->zone, &w->candidate, refusals);
	add_effective(w, attempt);
	if (attempt == PINNED)
		add_pinned(w);
	ksk_case_end_whole(&w->c);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		w->c.rule = rules[i].id;
		rules[i].judge(&w->c);
	}
}

bool
ksk_rules_needs(const struct ksk_zone *zone,
	const struct ksk_policy_provider *provider, uint64_t now)
{
	struct ksk_times times;

	ksk_times_init(&times, zone, NULL, NULL);
	return ksk_times_needed(&times, provider, now);
}

/* Returns true if the provider at a place in the zone was needed by the old
 * policy and its waits. */
static bool
was_needed(const struct ksk_load *load, uint32_t place, const char *name)
{
	struct ksk_times times;

	if (load->old_zone == NULL)
		return place < 32 && (load->needed & 1u << place) != 0;
	ksk_times_init(&times, load->old_zone, load->history, NULL);
	for (uint32_t i = 0; i < load->old_zone->providers.count; i++) {
		const struct ksk_policy_provider *p =
			&load->old_table
				 ->providers[load->old_zone->providers.first +
					 i];

		if (strcmp(p->name, name) == 0)
			return ksk_times_needed(&times, p, load->now);
	}
	return false;
}

/* Finds the provider's ZSK or CSK of an algorithm in the set in effect that is
 * the first in every cache. Returns since when; KSK_NEVER if there is none. */
static uint64_t
covered_from(const struct work *w, uint32_t provider, unsigned algorithm,
	uint32_t *out_tag)
{
	uint64_t least = KSK_NEVER;

	*out_tag = KSK_NO_TAG;
	for (uint32_t i = 0; i < w->effect.answer->content.count; i++) {
		uint32_t key = w->effect.member[i].key;

		const struct ksk_ds *ds =
			&ksk_times_key(&w->times, key)->sha256;
		uint64_t cov;

		if (ds->algorithm != algorithm ||
			ksk_times_data_key_of(&w->times, w->load->table, key) !=
				provider)
			continue;
		cov = ksk_times_cov(&w->times, key);
		if (*out_tag != KSK_NO_TAG && cov >= least)
			continue;
		least = cov;
		*out_tag = ds->tag;
	}
	return least;
}

static uint32_t
algorithms_signing(const struct work *w)
{
	uint32_t out = 0;

	for (uint32_t i = 0; i < w->effect.answer->content.count; i++) {
		const struct ksk_history_member *m = &w->effect.member[i];

		if (m->signs && !m->revoked)
			out |= 1u << ksk_times_key(&w->times, m->key)
						->sha256.algorithm %
					32;
	}
	return out;
}

static void
refuse_entering(struct work *w, const char *provider, unsigned algorithm,
	uint32_t tag, uint64_t from)
{
	char name[KSK_ALGORITHM_CAP], text[KSK_TIME_CAP];

	ksk_case_algorithm(name, algorithm);
	if (tag == KSK_NO_TAG)
		ksk_case_refuse(&w->c, KSK_NO_TAG, provider,
			"the policy makes this provider serve, but the set in "
			"effect has no ZSK of it of algorithm %s; leave it "
			"`joining`, sign and serve a set with one everywhere, "
			"and load this once kskctl keys shows it covered",
			name);
	else
		ksk_case_refuse(&w->c, tag, provider,
			"the policy makes this provider serve, but caches may "
			"lack its ZSKs of algorithm %s until %s; leave it "
			"`joining`, and load this then (kskctl keys shows it)",
			name, ksk_time_text(text, from));
}

/* A provider that becomes needed must have its keys in all caches before. */
static void
check_entering(struct work *w)
{
	const struct ksk_table *t = w->load->table;
	struct ksk_run all = w->load->zone->providers;
	uint32_t signing = algorithms_signing(w);

	w->c.rule = "zsk-coverage";
	for (uint32_t i = 0; i < all.count; i++) {
		const struct ksk_policy_provider *p =
			&t->providers[all.first + i];

		if (!ksk_times_needed(&w->times, p, w->load->now) ||
			was_needed(w->load, i, p->name))
			continue;
		for (unsigned a = 0; a < 32; a++) {
			uint64_t from;
			uint32_t tag;

			if ((signing & (1u << a)) == 0)
				continue;
			from = covered_from(w, all.first + i, a, &tag);
			if (from > w->load->now)
				refuse_entering(w, p->name, a, tag, from);
		}
	}
}

/* A provider's entry can go only when no set ahead lists its keys. */
static void
check_ahead(struct work *w)
{
	const struct ksk_table *t = w->load->table;
	char text[KSK_TIME_CAP];
	struct ksk_walk a;

	w->c.rule = "early-drop";
	ksk_walk_begin(&a, &w->times, KSK_TYPE_DNSKEY);
	while (ksk_walk_next(&a)) {
		if (!a.served || a.start <= w->load->now)
			continue;
		for (uint32_t i = 0; i < a.answer->content.count; i++) {
			uint32_t key = a.member[i].key;

			if (ksk_times_is_zsk(&w->times, t, key) &&
				ksk_times_owner(&w->times, t, key).provider ==
					KSK_NOBODY)
				ksk_case_refuse(&w->c,
					ksk_times_key(&w->times, key)
						->sha256.tag,
					NULL,
					"a set that is signed ahead, from %s "
					"on, lists this ZSK, and no provider "
					"of the policy has it; list it at its "
					"provider until a later set without it "
					"is signed",
					ksk_time_text(text, a.start));
		}
	}
}

static void
judge(struct work *w, struct ksk_refusals *best)
{
	static const enum attempt order[] = {IN_EFFECT, STILL_GOOD, PINNED};
	struct ksk_refusals tried;

	best->count = KSK_REFUSAL_COUNT_MAX + 1;
	for (size_t i = 0; i < 3 && best->count != 0; i++) {
		try_set(w, order[i], &tried);
		if (tried.count < best->count)
			*best = tried;
	}
	w->c.refusals = best;
	check_entering(w);
	check_ahead(w);
}

bool
ksk_rules_judge_load(
	const struct ksk_load *load, struct ksk_refusals *out_refusals)
{
	struct ksk_load viewed = *load;
	struct ksk_view view;
	struct work w = {
		.load = &viewed,
		.sign = {.rrset = {.type = KSK_TYPE_DNSKEY}},
	};

	ksk_view_take(
		&view, load->history, load->now, &viewed.table, &viewed.zone);

	out_refusals->count = 0;
	out_refusals->dropped = 0;
	w.candidate = (struct ksk_candidate){
		.sign = &w.sign, .history = load->history, .now = load->now};
	ksk_times_init(&w.times, viewed.zone, load->history, NULL);
	if (load->zone->accept_outage != 0 ||
		!ksk_times_in_effect(
			&w.times, KSK_TYPE_DNSKEY, load->now, &w.effect))
		return true;
	judge(&w, out_refusals);
	return out_refusals->count == 0;
}
