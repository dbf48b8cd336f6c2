/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules about ZSKs that come and go: zsk-coverage and early-drop (TIMING.md,
 * Providers). A provider's answers validate from any cache only if the cached
 * DNSKEY set holds the key that signed them.
 */
#include "appliance/base/yaml.h"
#include "appliance/policy/announced.h"
#include "appliance/policy/rules_case.h"

static bool
is_in_set(const struct ksk_case *c, uint32_t key)
{
	for (uint32_t i = 0; i < c->ahead.answer.content.count; i++) {
		if (c->ahead.member[i].key == key)
			return true;
	}
	return false;
}

static bool
is_withdrawn(const struct ksk_case *c, struct ksk_owner owner)
{
	return owner.entry != KSK_NOBODY &&
		c->table->keys[owner.entry].withdrawn != 0;
}

/* ---- zsk-coverage ---- */

/* The earliest moment from which some ZSK of the provider in the set is in
 * every cache; KSK_NEVER if it has none in the set. */
static uint64_t
covered_from(const struct ksk_case *c, uint32_t provider)
{
	uint64_t least = KSK_NEVER;

	for (size_t i = 0; i < c->key_count; i++) {
		const struct ksk_case_key *k = &c->key[i];
		uint64_t cov;

		if (!ksk_case_is_zsk(k) || k->provider != provider ||
			c->table->keys[k->entry].withdrawn != 0)
			continue;
		cov = ksk_times_cov(&c->times, k->number);
		least = cov < least ? cov : least;
	}
	return least;
}

/* True if a ZSK of the provider in an answer that the candidate follows is
 * not in the set, withdrawn ones aside. */
static bool
loses_one(const struct ksk_case *c, const struct ksk_prior *prior,
	uint32_t provider)
{
	struct ksk_walk w;

	ksk_walk_begin(&w, &c->times, KSK_TYPE_DNSKEY);
	while (ksk_walk_next(&w)) {
		if (!ksk_prior_has(prior, &w))
			continue;
		for (uint32_t i = 0; i < w.answer->content.count; i++) {
			uint32_t key = w.member[i].key;
			struct ksk_owner owner;

			if (!ksk_times_is_zsk(&c->times, c->table, key))
				continue;
			owner = ksk_times_owner(&c->times, c->table, key);
			if (owner.provider == provider &&
				!is_withdrawn(c, owner) && !is_in_set(c, key))
				return true;
		}
	}
	return false;
}

static void
check_coverage(
	struct ksk_case *c, const struct ksk_prior *prior, uint32_t provider)
{
	const struct ksk_policy_provider *p = &c->table->providers[provider];
	uint64_t from = covered_from(c, provider);
	char text[KSK_TIME_CAP];

	/* Without any ZSK provider-present says so. */
	if (!ksk_case_is_needed(c, p) || from == KSK_NEVER ||
		from <= c->start || !loses_one(c, prior, provider))
		return;
	ksk_case_refuse(c, KSK_NO_TAG, p->name,
		"caches may hold older sets that lack every ZSK of this "
		"provider which the set has, and the set drops others; keep "
		"those until %s (RFC 6781 4.1.1, RFC 7583 3.2)",
		ksk_time_text(text, from));
}

void
ksk_rule_zsk_coverage(struct ksk_case *c)
{
	struct ksk_prior prior;
	struct ksk_walk w;

	/* The first answer meets no cache. */
	ksk_walk_begin(&w, &c->past, KSK_TYPE_DNSKEY);
	if (!ksk_walk_next(&w))
		return;
	ksk_prior_init(&prior, c->zone, c->candidate->history, c->start, c->by);
	for (uint32_t i = 0; i < c->zone->providers.count; i++)
		check_coverage(c, &prior, c->zone->providers.first + i);
}

/* ---- early-drop ---- */

/* One ZSK that is in a prior answer and not in the set. */
struct leaving {
	uint32_t key;
	struct ksk_owner owner;
	uint8_t algorithm;
	bool stays; /* its algorithm stays in the set */
	uint64_t retired;
	uint64_t run; /* seq of the answer that began its run, 0: none */
};

/* The last prior answer that lists a key. */
static uint64_t
last_prior(
	const struct ksk_case *c, const struct ksk_prior *prior, uint32_t key)
{
	struct ksk_walk w;

	ksk_walk_begin(&w, &c->times, KSK_TYPE_DNSKEY);
	while (ksk_walk_next(&w)) {
		if (ksk_prior_has(prior, &w) && ksk_walk_find(&w, key) != NULL)
			return w.answer->seq;
	}
	return 0;
}

/*
 * TIMING.md, early-drop (c): from when on the key may leave because another
 * one of its provider has taken over; KSK_NEVER if this one does not.
 */
static uint64_t
replaced_by(const struct ksk_case *c, const struct leaving *l,
	const struct ksk_case_key *k)
{
	uint64_t cov, run, by;

	if (!ksk_case_is_zsk(k) || k->provider != l->owner.provider ||
		(l->stays && k->key.algorithm != l->algorithm))
		return KSK_NEVER;
	cov = ksk_times_cov(&c->times, k->number);
	if (l->retired != KSK_NEVER) {
		cov = cov > l->retired ? cov : l->retired;
	} else {
		cov = ksk_history_add(cov, c->zone->sign_delay);
		if (l->stays) {
			run = ksk_times_run(
				&c->times, k->number, KSK_NEVER, &by);
			if (l->run == 0 || run <= l->run)
				return KSK_NEVER;
		}
	}
	cov = ksk_history_add(cov, c->zone->propagation);
	return ksk_history_add(cov, ksk_times_zone_wait(&c->past, c->start));
}

static uint64_t
may_leave(const struct ksk_case *c, const struct leaving *l)
{
	uint64_t least = KSK_NEVER;

	for (size_t i = 0; i < c->key_count; i++) {
		uint64_t at = replaced_by(c, l, &c->key[i]);

		least = at < least ? at : least;
	}
	return least;
}

static void
refuse_drop(struct ksk_case *c, const struct leaving *l, uint64_t from)
{
	const struct ksk_history_key *k = ksk_times_key(&c->times, l->key);
	uint16_t tag = k->sha256.tag;
	const char *name = c->table->providers[l->owner.provider].name;
	char text[KSK_TIME_CAP];

	if (from == KSK_NEVER)
		ksk_case_refuse(c, tag, name,
			"this ZSK may still be in use: no newer ZSK of its "
			"provider%s is in the set; keep it, or state in the "
			"policy since when the provider no longer signs with "
			"it (`retired`) (RFC 6781 4.1.1, RFC 7583 3.2)",
			l->stays ? " and algorithm" : "");
	else
		ksk_case_refuse(c, tag, name,
			"signatures by this ZSK may be in caches; keep it "
			"until %s (RFC 6781 4.1.1, RFC 7583 3.2)",
			ksk_time_text(text, from));
}

/* The earliest moment at which the key may leave: the candidate's start if it
 * may leave now. */
static uint64_t
may_drop(const struct ksk_case *c, const struct ksk_prior *prior,
	struct leaving *l)
{
	const struct ksk_policy_provider *p =
		&c->table->providers[l->owner.provider];
	uint64_t by;

	if (is_withdrawn(c, l->owner) || p->state == KSK_PROVIDER_JOINING ||
		!ksk_case_is_needed(c, p) ||
		ksk_times_usable(&c->times, prior, l->key) >= c->by)
		return c->start;
	l->stays = (c->due_algorithms & 1u << l->algorithm % 32) != 0;
	l->retired = c->table->keys[l->owner.entry].retired;
	l->run = ksk_times_run(
		&c->times, l->key, last_prior(c, prior, l->key), &by);
	return may_leave(c, l);
}

static void
check_drop(struct ksk_case *c, const struct ksk_prior *prior, uint32_t key)
{
	struct leaving l = {.key = key,
		.owner = ksk_times_owner(&c->times, c->table, key),
		.algorithm = ksk_times_key(&c->times, key)->sha256.algorithm};
	uint64_t from;

	if (l.owner.provider == KSK_NOBODY) {
		ksk_case_refuse(c, ksk_times_key(&c->times, key)->sha256.tag,
			NULL,
			"the last set lists this ZSK and no provider of the "
			"policy has it: whose signatures need it is not known; "
			"list it at its provider, `retired` or `withdrawn`, "
			"and take it out then");
		return;
	}
	from = may_drop(c, prior, &l);
	if (from > c->start)
		refuse_drop(c, &l, from);
}

void
ksk_rule_early_drop(struct ksk_case *c)
{
	struct ksk_prior prior;

	ksk_prior_init(&prior, c->zone, c->candidate->history, c->start, c->by);
	for (uint32_t key = 0; key < c->past.history->key_count; key++) {
		if (!ksk_times_is_zsk(&c->times, c->table, key) ||
			is_in_set(c, key) || last_prior(c, &prior, key) == 0)
			continue;
		check_drop(c, &prior, key);
	}
}

/* True if a ZSK of the answer in effect leaves with the one that is asked for:
 * that one itself, and where it is its provider's only one of its algorithm
 * all of that algorithm, for a set can't have it for some providers alone. */
static bool
leaves_with(const struct ksk_case *c, const struct ksk_walk *w, uint32_t key,
	uint32_t other)
{
	const struct ksk_times *p = &c->past;
	uint8_t algorithm = ksk_times_key(p, key)->sha256.algorithm;
	uint32_t provider = ksk_times_owner(p, c->table, key).provider;

	if (other == key ||
		ksk_times_key(p, other)->sha256.algorithm != algorithm)
		return other == key;
	for (uint32_t i = 0; i < w->answer->content.count; i++) {
		uint32_t k = w->member[i].key;

		if (k != key && ksk_times_is_zsk(p, c->table, k) &&
			ksk_times_key(p, k)->sha256.algorithm == algorithm &&
			ksk_times_owner(p, c->table, k).provider == provider)
			return false;
	}
	return true;
}

uint64_t
ksk_history_first_drop(const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_history *history,
	uint64_t now, uint32_t key)
{
	struct ksk_sign sign = {.rrset = {.type = KSK_TYPE_DNSKEY}};
	struct ksk_candidate candidate = {
		.sign = &sign, .history = history, .now = now};
	struct leaving l = {.key = key};
	struct ksk_refusals refusals;
	struct ksk_prior prior;
	struct ksk_view view;
	struct ksk_case c;
	struct ksk_walk w;

	ksk_view_take(&view, history, now, &table, &zone);
	ksk_case_begin(&c, table, zone, &candidate, &refusals);
	if (!ksk_times_in_effect(&c.past, KSK_TYPE_DNSKEY, now, &w))
		return KSK_NEVER;
	for (uint32_t i = 0; i < w.answer->content.count; i++) {
		if (ksk_times_is_zsk(&c.past, table, w.member[i].key) &&
			!leaves_with(&c, &w, key, w.member[i].key))
			ksk_case_add_known(&c, w.member[i].key);
	}
	ksk_case_end_whole(&c);
	l.owner = ksk_times_owner(&c.times, table, key);
	l.algorithm = ksk_times_key(&c.times, key)->sha256.algorithm;
	if (l.owner.provider == KSK_NOBODY)
		return KSK_NEVER;
	ksk_prior_init(&prior, zone, history, c.start, c.by);
	return may_drop(&c, &prior, &l);
}
