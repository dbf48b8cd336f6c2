/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rule ds-covered (TIMING.md, KSKs and the parent): for each DS set that a
 * resolver may hold a KSK that it names signs the set.
 */
#include "appliance/base/yaml.h"
#include "appliance/policy/rules_case.h"
#include "appliance/policy/rules_held.h"

#include <stdio.h>

/* True if this DS is that of a KSK that is in the set and signs it. A revoked
 * key has another DS than the one it had (RFC 5011 2.1). */
static bool
is_covered(const struct ksk_case *c, const struct ksk_ds *ds)
{
	for (size_t i = 0; i < c->standing_count; i++) {
		const struct ksk_case_key *k = ksk_case_find_standing(
			c, c->standing[i]);

		if (k != NULL && !c->standing[i].revoked &&
			ksk_case_matches(c, k, ds))
			return true;
	}
	return false;
}

/* Ours: in the policy, or it has signed before. */
static bool
is_ours(const struct ksk_case *c, const struct ksk_ds *ds)
{
	const struct ksk_history *h = c->past.history;

	for (uint32_t i = 0; i < c->zone->ksks.count; i++) {
		if (ksk_held_same_key(
			    &c->table->ksks[c->zone->ksks.first + i].ds, ds))
			return true;
	}
	for (size_t i = 0; i < h->key_count; i++) {
		if (h->key[i].ours && ksk_times_key_is(&h->key[i], ds))
			return true;
	}
	return false;
}

/* Of one algorithm: a DS set that names KSKs of ours of which none signs. */
struct gap {
	bool found;
	struct ksk_held held; /* the one that is held the longest */
};

/* The algorithms of a DS set that name KSKs of ours of which none signs. */
static uint32_t
uncovered_by(const struct ksk_case *c, const struct ksk_held *held)
{
	uint32_t ours = 0, covered = 0;

	for (size_t i = 0; i < held->count; i++) {
		uint32_t bit = 1u << held->ds[i].algorithm % 32;

		if (!is_ours(c, &held->ds[i]))
			continue;
		ours |= bit;
		if (is_covered(c, &held->ds[i]))
			covered |= bit;
	}
	return ours & ~covered;
}

static void
note_gaps(uint32_t algorithms, const struct ksk_held *held, struct gap gap[32])
{
	for (unsigned a = 0; a < 32; a++) {
		if ((algorithms & 1u << a) == 0 ||
			(gap[a].found && gap[a].held.until >= held->until))
			continue;
		gap[a] = (struct gap){.found = true, .held = *held};
	}
}

/* ---- words ---- */

/* Tags of the KSKs of ours of an algorithm in the set, as many as fit. The
 * first is returned. */
#define TAGS_CAP 48u
static uint16_t
list_tags(const struct ksk_case *c, const struct ksk_held *held,
	unsigned algorithm, char out[TAGS_CAP])
{
	uint16_t first = 0;
	size_t len = 0;

	for (size_t i = 0; i < held->count; i++) {
		const struct ksk_ds *ds = &held->ds[i];

		if (ds->algorithm % 32 != algorithm || !is_ours(c, ds))
			continue;
		if (len == 0)
			first = ds->tag;
		if (len + 8 < TAGS_CAP)
			len += (size_t)snprintf(out + len, TAGS_CAP - len,
				"%s%u", len == 0 ? "" : ", ", ds->tag);
	}
	return first;
}

#define WORDS_CAP 128
static const char *
source_words(const struct ksk_held *held, char out[WORDS_CAP])
{
	char when[KSK_TIME_CAP];

	ksk_time_text(when, held->since);
	switch (held->source) {
	case KSK_HELD_NEWEST:
		(void)snprintf(out, WORDS_CAP,
			"the DS set that was seen at the parent on %s", when);
		break;
	case KSK_HELD_OLDER:
		(void)snprintf(out, WORDS_CAP,
			"the DS set that was seen at the parent on %s, which a "
			"resolver may still hold,",
			when);
		break;
	case KSK_HELD_PUBLISHED:
		(void)snprintf(out, WORDS_CAP,
			"the CDS or CDNSKEY set released on %s, which the "
			"parent may have acted on,",
			when);
		break;
	}
	return out;
}

static const char *
until_words(const struct ksk_case *c, const struct ksk_held *held,
	char out[WORDS_CAP])
{
	char text[KSK_DURATION_CAP > KSK_TIME_CAP ? KSK_DURATION_CAP
						  : KSK_TIME_CAP];

	if (held->until != KSK_NEVER)
		(void)snprintf(out, WORDS_CAP, "until %s",
			ksk_time_text(text, held->until));
	else
		(void)snprintf(out, WORDS_CAP,
			"until %s after operators attested another DS set "
			"(`parent-ds`)",
			ksk_duration_text(
				text, ksk_held_grace(&c->past, c->start)));
	return out;
}

static void
refuse_gap(struct ksk_case *c, const struct gap *gap, unsigned algorithm)
{
	char name[KSK_ALGORITHM_CAP], tags[TAGS_CAP] = "";
	char source[WORDS_CAP], until[WORDS_CAP];
	uint16_t tag = list_tags(c, &gap->held, algorithm, tags);

	ksk_case_refuse(c, tag, NULL,
		"%s names KSKs of algorithm %s (%s), and none of them would "
		"sign this set: the zone would not validate; put one back, and "
		"keep it %s (RFC 4035 5.2, RFC 6781 4.1.2)",
		source_words(&gap->held, source),
		ksk_case_algorithm(name, algorithm), tags,
		until_words(c, &gap->held, until));
}

/* TIMING.md, ds-covered: per algorithm one of ours in each DS set that may be
 * held must sign; not each (double DS and standby DS are legitimate), and sets
 * of foreign keys are not judged. */
void
ksk_rule_ds_covered(struct ksk_case *c)
{
	struct gap gap[32] = {{.found = false}};
	struct ksk_held held;

	ksk_held_begin(&held, c->table, &c->past, c->start);
	while (ksk_held_next(&held))
		note_gaps(uncovered_by(c, &held), &held, gap);
	for (unsigned a = 0; a < 32; a++) {
		if (gap[a].found)
			refuse_gap(c, &gap[a], a);
	}
}
