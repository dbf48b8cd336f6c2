/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rule zsk-coverage (TIMING.md, Providers): a provider's answers validate
 * from any cache only if the DNSKEY set there holds the key that signed them.
 * And which ZSKs leave with a set, for this rule and early-drop.
 */
#include "appliance/base/yaml.h"
#include "appliance/policy/announced.h"
#include "appliance/policy/rules_case.h"

#include <stdlib.h>

/* ---- which ZSKs leave ---- */

static bool
is_in_set(const struct ksk_case *c, uint32_t key)
{
	for (uint32_t i = 0; i < c->ahead.answer.content.count; i++) {
		if (c->ahead.member[i].key == key)
			return true;
	}
	return false;
}

bool
ksk_case_is_withdrawn(const struct ksk_case *c, struct ksk_owner owner)
{
	return owner.entry != KSK_NOBODY &&
		c->table->keys[owner.entry].withdrawn != 0;
}

size_t
ksk_case_leavers(const struct ksk_case *c, const struct ksk_prior *prior,
	struct ksk_leaver out[KSK_HISTORY_KEY_MAX])
{
	bool met[KSK_HISTORY_KEY_MAX] = {false};
	struct ksk_walk w;
	size_t count = 0;

	ksk_walk_begin(&w, &c->past, KSK_TYPE_DNSKEY);
	while (ksk_walk_next(&w)) {
		if (!ksk_prior_has(prior, &w))
			continue;
		for (uint32_t i = 0; i < w.answer->content.count; i++) {
			uint32_t key = w.member[i].key;

			if (key >= KSK_HISTORY_KEY_MAX)
				abort(); /* no history has more keys */
			if (met[key] || is_in_set(c, key) ||
				!ksk_times_is_zsk(&c->past, c->table, key))
				continue;
			met[key] = true;
			out[count++] = (struct ksk_leaver){.key = key,
				.last = w.answer->seq,
				.owner = ksk_times_owner(
					&c->past, c->table, key)};
		}
	}
	return count;
}

/* ---- zsk-coverage ---- */

/* The ZSK of the provider in the set that is the first in every cache; NULL if
 * it has none in the set. */
static const struct ksk_case_key *
first_covered(const struct ksk_case *c, uint32_t provider)
{
	const struct ksk_case_key *first = NULL;

	for (size_t i = 0; i < c->key_count; i++) {
		const struct ksk_case_key *k = &c->key[i];

		if (!ksk_case_is_zsk(k) || k->provider != provider ||
			c->table->keys[k->entry].withdrawn != 0)
			continue;
		if (first == NULL || k->since.cov < first->since.cov)
			first = k;
	}
	return first;
}

/* One ZSK leaves. Withdrawn ones aside, none may while caches lack those of
 * its provider that stay. */
static void
check_leaver(struct ksk_case *c, const struct ksk_leaver *l)
{
	const struct ksk_policy_provider *p;
	const struct ksk_case_key *k;
	char text[KSK_TIME_CAP];

	if (l->owner.provider == KSK_NOBODY ||
		ksk_case_is_withdrawn(c, l->owner))
		return;
	p = &c->table->providers[l->owner.provider];
	k = first_covered(c, l->owner.provider);
	/* Without any ZSK provider-present says so. */
	if (!ksk_case_is_needed(c, p) || k == NULL || k->since.cov <= c->start)
		return;
	ksk_case_refuse(c, ksk_times_key(&c->past, l->key)->sha256.tag, p->name,
		"the set drops this ZSK, and caches may hold older sets that "
		"lack every ZSK of this provider that stays; put it back and "
		"keep it until %s at least, when every cache has ZSK %u "
		"(RFC 6781 4.1.1, RFC 7583 3.2)",
		ksk_time_text(text, k->since.cov), k->key.tag);
}

void
ksk_rule_zsk_coverage(struct ksk_case *c)
{
	struct ksk_leaver leaver[KSK_HISTORY_KEY_MAX];
	struct ksk_prior prior;
	size_t count;

	/* The first answer meets no cache, and drops nothing. */
	ksk_prior_init(&prior, c->zone, c->candidate->history, c->start, c->by);
	count = ksk_case_leavers(c, &prior, leaver);
	for (size_t i = 0; i < count; i++)
		check_leaver(c, &leaver[i]);
}
