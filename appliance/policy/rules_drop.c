/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rule early-drop (TIMING.md, Providers): a ZSK leaves the set only when
 * no signature by it can be in a cache any more.
 */
#include "appliance/base/yaml.h"
#include "appliance/policy/announced.h"
#include "appliance/policy/rules_case.h"

/* One ZSK that is in a prior answer and not in the set. */
struct leaving {
	const struct ksk_leaver *who;
	struct ksk_ds ds;
	bool stays; /* its algorithm stays in the set */
	uint64_t retired;
	uint64_t run; /* seq of the answer that began its run, 0: none */
	/* found: the moment from which it may leave, KSK_NEVER if it may not as
	 * things are, and the key that has taken over then */
	uint64_t from;
	const struct ksk_case_key *heir;
};

/* How long signatures by a key are met after the last one was made. */
static uint64_t
wait_of(const struct ksk_case *c)
{
	return c->zone->propagation + ksk_times_zone_wait(&c->past, c->start);
}

/*
 * TIMING.md, early-drop (c): from when on the key may leave because another
 * one of its provider has taken over; KSK_NEVER if this one does not.
 */
static uint64_t
replaced_by(const struct ksk_case *c, const struct leaving *l,
	const struct ksk_case_key *k)
{
	uint64_t at = k->since.cov;

	if (!ksk_case_is_zsk(k) || k->provider != l->who->owner.provider ||
		(l->stays && k->key.algorithm != l->ds.algorithm))
		return KSK_NEVER;
	if (l->retired != KSK_NEVER) {
		at = at > l->retired ? at : l->retired;
	} else {
		if (l->stays && (l->run == 0 || k->since.run <= l->run))
			return KSK_NEVER;
		at = ksk_history_add(at, c->zone->sign_delay);
	}
	return ksk_history_add(at, wait_of(c));
}

static void
find_heir(const struct ksk_case *c, struct leaving *l)
{
	for (size_t i = 0; i < c->key_count; i++) {
		uint64_t at = replaced_by(c, l, &c->key[i]);

		if (at >= l->from)
			continue;
		l->from = at;
		l->heir = &c->key[i];
	}
}

/* Finds from when on it may leave: the candidate's start if it may now. */
static void
find_moment(const struct ksk_case *c, const struct ksk_prior *prior,
	struct leaving *l)
{
	const struct ksk_owner owner = l->who->owner;
	const struct ksk_policy_provider *p =
		&c->table->providers[owner.provider];
	uint64_t by;

	l->from = c->start;
	if (ksk_case_is_withdrawn(c, owner) ||
		p->state == KSK_PROVIDER_JOINING || !ksk_case_is_needed(c, p) ||
		ksk_times_usable(&c->times, prior, l->who->key) >= c->by)
		return;
	l->stays = (c->due_algorithms & 1u << l->ds.algorithm % 32) != 0;
	l->retired = c->table->keys[owner.entry].retired;
	l->run = ksk_times_run(&c->times, l->who->key, l->who->last, &by);
	l->from = KSK_NEVER;
	find_heir(c, l);
}

static struct leaving
leaving_of(const struct ksk_case *c, const struct ksk_leaver *who)
{
	const struct ksk_history_key *k = ksk_times_key(&c->times, who->key);

	return (struct leaving){.who = who,
		.ds = k->sha256.digest_len != 0 ? k->sha256 : k->sha384};
}

/* ---- the rule ---- */

static void
refuse_foreign(struct ksk_case *c, const struct leaving *l)
{
	char wait[KSK_DURATION_CAP];

	ksk_case_refuse(c, l->ds.tag, NULL,
		"the last set lists this ZSK and no provider of the policy has "
		"it: whose signatures need it is not known; list it at its "
		"provider with `retired: T`, and take it out %s after T, or "
		"`withdrawn`, and take it out at once",
		ksk_duration_text(wait, wait_of(c)));
}

static void
refuse_without_heir(struct ksk_case *c, const struct leaving *l)
{
	char wait[KSK_DURATION_CAP];

	ksk_case_refuse(c, l->ds.tag,
		c->table->providers[l->who->owner.provider].name,
		"this ZSK may still be in use: no %sZSK of its provider%s is "
		"in the set; put it back. It may leave %s after every cache "
		"has such a ZSK and the provider signs with that; since when, "
		"say in the policy (`retired`) (RFC 6781 4.1.1, RFC 7583 3.2)",
		l->retired == KSK_NEVER ? "newer " : "other ",
		l->stays ? " and algorithm" : "",
		ksk_duration_text(wait, wait_of(c)));
}

static void
refuse_drop(struct ksk_case *c, const struct leaving *l)
{
	char text[KSK_TIME_CAP];

	ksk_case_refuse(c, l->ds.tag,
		c->table->providers[l->who->owner.provider].name,
		"signatures by this ZSK may be in caches; put it back and keep "
		"it until %s, when ZSK %u has replaced it everywhere "
		"(RFC 6781 4.1.1, RFC 7583 3.2)",
		ksk_time_text(text, l->from), l->heir->key.tag);
}

static void
check_drop(struct ksk_case *c, const struct ksk_prior *prior,
	const struct ksk_leaver *who)
{
	struct leaving l = leaving_of(c, who);

	if (who->owner.provider == KSK_NOBODY) {
		refuse_foreign(c, &l);
		return;
	}
	find_moment(c, prior, &l);
	if (l.from <= c->start)
		return;
	if (l.from == KSK_NEVER)
		refuse_without_heir(c, &l);
	else
		refuse_drop(c, &l);
}

void
ksk_rule_early_drop(struct ksk_case *c)
{
	struct ksk_leaver leaver[KSK_HISTORY_KEY_MAX];
	struct ksk_prior prior;
	size_t count;

	ksk_prior_init(&prior, c->zone, c->candidate->history, c->start, c->by);
	count = ksk_case_leavers(c, &prior, leaver);
	for (size_t i = 0; i < count; i++)
		check_drop(c, &prior, &leaver[i]);
}

static uint8_t
algorithm_of(const struct ksk_case *c, uint32_t key)
{
	return ksk_times_key(&c->past, key)->sha256.algorithm;
}

/* True if the answer has no other ZSK of the key's provider and algorithm. */
static bool
is_only_one(const struct ksk_case *c, const struct ksk_walk *w, uint32_t key)
{
	uint32_t provider = ksk_times_owner(&c->past, c->table, key).provider;

	for (uint32_t i = 0; i < w->answer->content.count; i++) {
		uint32_t k = w->member[i].key;

		if (k != key && algorithm_of(c, k) == algorithm_of(c, key) &&
			ksk_times_is_zsk(&c->past, c->table, k) &&
			ksk_times_owner(&c->past, c->table, k).provider ==
				provider)
			return false;
	}
	return true;
}

/* The set in effect without one of its ZSKs, as a case; where that is its
 * provider's only one of its algorithm, without all of that algorithm, for a
 * set can't have it for some providers alone. Returns false if there is no set
 * in effect. */
static bool
build_without(struct ksk_case *c, uint32_t key)
{
	struct ksk_walk w;
	bool alone;

	if (!ksk_times_in_effect(&c->past, KSK_TYPE_DNSKEY, c->start, &w))
		return false;
	alone = is_only_one(c, &w, key);
	for (uint32_t i = 0; i < w.answer->content.count; i++) {
		uint32_t k = w.member[i].key;

		if (k == key || !ksk_times_is_zsk(&c->past, c->table, k) ||
			(alone && algorithm_of(c, k) == algorithm_of(c, key)))
			continue;
		ksk_case_add_known(c, k);
	}
	ksk_case_end_whole(c);
	return true;
}

uint64_t
ksk_history_first_drop(const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_history *history,
	uint64_t now, uint32_t key)
{
	struct ksk_leaver leaver[KSK_HISTORY_KEY_MAX], who = {.key = key};
	struct ksk_sign sign = {.rrset = {.type = KSK_TYPE_DNSKEY}};
	struct ksk_candidate candidate = {
		.sign = &sign, .history = history, .now = now};
	struct ksk_refusals refusals;
	struct ksk_prior prior;
	struct leaving leaving;
	struct ksk_view view;
	struct ksk_case c;
	size_t count;

	ksk_view_take(&view, history, now, &table, &zone);
	ksk_case_begin(&c, table, zone, &candidate, &refusals);
	who.owner = ksk_times_owner(&c.past, table, key);
	if (!build_without(&c, key) || who.owner.provider == KSK_NOBODY)
		return KSK_NEVER;
	ksk_prior_init(&prior, zone, history, c.start, c.by);
	count = ksk_case_leavers(&c, &prior, leaver);
	for (size_t i = 0; i < count; i++) {
		if (leaver[i].key == key)
			who = leaver[i];
	}
	leaving = leaving_of(&c, &who);
	find_moment(&c, &prior, &leaving);
	return leaving.from;
}
