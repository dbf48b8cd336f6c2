/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rule early-ds (TIMING.md, KSKs and the parent): a CDS or CDNSKEY set may
 * change the parent's DS set only when no cache can hold a DNSKEY set that the
 * new DS set does not fit. Judged as a whole, additions and removals.
 */
#include "appliance/base/yaml.h"
#include "appliance/policy/announced.h"
#include "appliance/policy/rules_case.h"
#include "appliance/policy/rules_held.h"

/* The DS set that a candidate or a policy would make. */
struct wish {
	const struct ksk_ds *ds;
	size_t count;
	uint32_t algorithms; /* as bits; co-signers aside */
	bool odd;            /* some record names no key */
};

static bool
is_cosigner(const struct ksk_case *c, const struct ksk_ds *ds)
{
	struct ksk_run all = c->zone->cosigners;

	for (uint32_t i = 0; i < all.count; i++) {
		if (ksk_held_same_key(
			    &c->table->cosigners[all.first + i].ds, ds))
			return true;
	}
	return false;
}

/* True if the newest snapshot, and no other set, may be held, and the wish is
 * the same: it says what the parent says. */
static bool
says_the_same(const struct ksk_case *c, const struct wish *wish)
{
	struct ksk_held held;

	if (wish->odd)
		return false;
	ksk_held_begin(&held, c->table, &c->past, c->start);
	while (ksk_held_next(&held)) {
		if (!ksk_held_equal(held.ds, held.count, wish->ds, wish->count))
			return false;
	}
	return true;
}

/* Algorithms of the wish of which no KSK that it names signs the answer. */
static uint32_t
missing_in(const struct ksk_case *c, const struct wish *wish,
	const struct ksk_walk *w)
{
	uint32_t signing = 0;

	for (uint32_t m = 0; m < w->answer->content.count; m++) {
		const struct ksk_history_key *k = ksk_times_key(
			&c->past, w->member[m].key);

		if (!w->member[m].signs || w->member[m].revoked)
			continue;
		for (size_t i = 0; i < wish->count; i++) {
			if (ksk_times_key_is(k, &wish->ds[i]))
				signing |= 1u << wish->ds[i].algorithm % 32;
		}
	}
	return wish->algorithms & ~signing;
}

/* The moment from which no cache holds a set that is not signed by a KSK of the
 * wish of the algorithm. */
static uint64_t
fits_from(const struct ksk_case *c, const struct wish *wish, uint32_t bit)
{
	uint64_t from = KSK_SINCE_EVER;
	struct ksk_walk w;

	ksk_walk_begin(&w, &c->past, KSK_TYPE_DNSKEY);
	while (ksk_walk_next(&w)) {
		if (w.served && w.gone > from &&
			(missing_in(c, wish, &w) & bit) != 0)
			from = w.gone;
	}
	return from;
}

/* What a schedule will publish makes no algorithm known before. */
static uint32_t
known_algorithms(const struct ksk_case *c)
{
	struct ksk_held held;
	uint32_t out = 0;

	ksk_held_begin(&held, c->table, &c->past, c->start);
	while (ksk_held_next(&held)) {
		for (size_t i = 0;
			i < held.count && !ksk_held_begins_later(&held); i++)
			out |= 1u << held.ds[i].algorithm % 32;
	}
	return out;
}

/* The least, over the provider's ZSKs and CSKs of an algorithm in the newest
 * set, of the moment from which its data is signed with it. */
static uint64_t
signs_from(const struct ksk_case *c, uint32_t provider, unsigned algorithm)
{
	uint64_t least = KSK_NEVER;
	struct ksk_walk w;

	ksk_walk_begin(&w, &c->past, KSK_TYPE_DNSKEY);
	if (!ksk_walk_next(&w))
		return least;
	for (uint32_t i = 0; i < w.answer->content.count; i++) {
		uint32_t key = w.member[i].key;
		uint64_t from, by;

		if (ksk_times_key(&c->past, key)->sha256.algorithm !=
				algorithm ||
			ksk_times_data_key_of(&c->past, c->table, key) !=
				provider)
			continue;
		from = ksk_times_cov(&c->past, key);
		(void)ksk_times_run(&c->past, key, KSK_NEVER, &by);
		from = from > by ? from : by;
		least = from < least ? from : least;
	}
	return least;
}

/* What the wish waits for, of one algorithm. */
struct wait {
	uint64_t from;        /* KSK_NEVER: for what nothing does yet */
	const char *provider; /* the last whose data it waits for, or NULL */
};

/* An algorithm that no DS set has yet: all data must be signed with it first
 * (RFC 6781 4.1.4). */
static void
wait_for_data(const struct ksk_case *c, unsigned algorithm, struct wait *wait)
{
	for (uint32_t i = 0; i < c->zone->providers.count; i++) {
		uint32_t at = c->zone->providers.first + i;
		uint64_t one;

		if (!ksk_case_is_needed(c, &c->table->providers[at]))
			continue;
		one = signs_from(c, at, algorithm);
		one = one == KSK_NEVER
			? one
			: ksk_history_add(one,
				  c->zone->sign_delay + c->zone->propagation);
		one = ksk_history_add(
			one, ksk_times_zone_wait(&c->past, c->start));
		if (one <= wait->from)
			continue;
		wait->from = one;
		wait->provider = c->table->providers[at].name;
	}
}

/* fresh: algorithms that no DS set has yet, as bits. */
static struct wait
wait_of(const struct ksk_case *c, const struct wish *wish, unsigned algorithm,
	uint32_t fresh)
{
	uint32_t bit = 1u << algorithm;
	struct wait wait = {.from = fits_from(c, wish, bit)};

	if ((fresh & bit) != 0)
		wait_for_data(c, algorithm, &wait);
	return wait;
}

static uint64_t
ready_from(const struct ksk_case *c, const struct wish *wish)
{
	uint32_t fresh = wish->algorithms & ~known_algorithms(c);
	uint64_t from = KSK_SINCE_EVER;

	for (unsigned a = 0; a < 32; a++) {
		struct wait wait;

		if ((wish->algorithms & 1u << a) == 0)
			continue;
		wait = wait_of(c, wish, a, fresh);
		from = wait.from > from ? wait.from : from;
	}
	return from;
}

static void
make_wish(const struct ksk_case *c, struct wish *out)
{
	*out = (struct wish){.ds = c->ahead.ds,
		.count = c->ahead.answer.content.count,
		.odd = c->rrset->count != c->ahead.answer.content.count};
	for (size_t i = 0; i < out->count; i++) {
		if (!is_cosigner(c, &out->ds[i]))
			out->algorithms |= 1u << out->ds[i].algorithm % 32;
	}
}

/* ---- the rule ---- */

/* The KSK of ours that the wish names, of an algorithm or (32) of any. */
static uint32_t
tag_of(const struct ksk_case *c, const struct wish *wish, unsigned algorithm)
{
	for (size_t i = 0; i < wish->count; i++) {
		if (!is_cosigner(c, &wish->ds[i]) &&
			(algorithm == 32 ||
				wish->ds[i].algorithm % 32 == algorithm))
			return wish->ds[i].tag;
	}
	return KSK_NO_TAG;
}

/* Without a timeline what the parent has already may be said; whether every
 * cache is ready for a change is not known. */
static void
judge_alone(struct ksk_case *c, const struct wish *wish)
{
	if (ksk_case_has_delete(c) ||
		(c->zone->has_parent != 0 && says_the_same(c, wish)))
		return;
	ksk_case_refuse(c, tag_of(c, wish, 32), NULL,
		"this would change the parent's DS set (`parent-ds` in the "
		"policy), and whether every cache holds the new KSK only the "
		"history of signed answers could show, which is not looked at "
		"now; ask again once the appliance is ready (kskctl status) "
		"(RFC 7344 6.1)");
}

/* w: at the newest DNSKEY answer. */
static void
refuse_unsigned(struct ksk_case *c, const struct wish *wish, unsigned algorithm,
	const struct ksk_walk *w)
{
	char name[KSK_ALGORITHM_CAP];

	ksk_case_refuse(c, tag_of(c, wish, algorithm), NULL,
		"the newest DNSKEY set (record %llu) is not signed by a KSK of "
		"algorithm %s that this set names; sign a set with this one, "
		"serve it everywhere, and ask again from the moment that "
		"kskctl keys then shows (RFC 7344 4.1, RFC 6781 4.1.4)",
		(unsigned long long)(w->answer->seq / KSK_SEQ_PER_RECORD),
		ksk_case_algorithm(name, algorithm));
}

static void
refuse_without_data(struct ksk_case *c, const struct wish *wish,
	unsigned algorithm, const char *provider)
{
	char name[KSK_ALGORITHM_CAP];

	ksk_case_refuse(c, tag_of(c, wish, algorithm), provider,
		"algorithm %s is new at the parent, and this provider has no "
		"ZSK of it in the newest DNSKEY set; sign a set with one, let "
		"the provider sign all data with it, and ask again from the "
		"moment that kskctl keys then shows (RFC 6781 4.1.4)",
		ksk_case_algorithm(name, algorithm));
}

static void
refuse_early(struct ksk_case *c, const struct wish *wish, unsigned algorithm,
	const struct wait *wait)
{
	char name[KSK_ALGORITHM_CAP], text[KSK_TIME_CAP];

	ksk_case_algorithm(name, algorithm);
	ksk_time_text(text, wait->from);
	if (wait->provider != NULL)
		ksk_case_refuse(c, tag_of(c, wish, algorithm), wait->provider,
			"the parent's DS set must not change to this before "
			"%s: until then caches may hold data of this provider "
			"that is not signed with algorithm %s; ask again then "
			"(RFC 6781 4.1.4)",
			text, name);
	else
		ksk_case_refuse(c, tag_of(c, wish, algorithm), NULL,
			"the parent's DS set must not change to this before "
			"%s: until then caches may hold DNSKEY sets that no "
			"KSK of algorithm %s signs that this set names; ask "
			"again then (RFC 7344 4.1, RFC 6781 4.1.2)",
			text, name);
}

static void
judge_algorithm(struct ksk_case *c, const struct wish *wish, unsigned algorithm,
	uint32_t fresh, const struct ksk_walk *newest)
{
	struct wait wait = wait_of(c, wish, algorithm, fresh);

	if (wait.from <= c->start)
		return;
	if ((missing_in(c, wish, newest) & 1u << algorithm) != 0)
		refuse_unsigned(c, wish, algorithm, newest);
	else if (wait.from == KSK_NEVER && wait.provider != NULL)
		refuse_without_data(c, wish, algorithm, wait.provider);
	else
		refuse_early(c, wish, algorithm, &wait);
}

void
ksk_rule_early_ds(struct ksk_case *c)
{
	struct ksk_walk newest;
	struct wish wish;
	uint32_t fresh;

	make_wish(c, &wish);
	if (!c->has_history) {
		judge_alone(c, &wish);
		return;
	}
	ksk_walk_begin(&newest, &c->past, KSK_TYPE_DNSKEY);
	if (!ksk_walk_next(&newest)) {
		ksk_case_refuse(c, tag_of(c, &wish, 32), NULL,
			"no DNSKEY set of this zone is signed yet; sign one "
			"with this KSK, serve it everywhere, and ask again "
			"from the moment that kskctl keys then shows");
		return;
	}
	if (ksk_case_has_delete(c) || says_the_same(c, &wish))
		return;
	fresh = wish.algorithms & ~known_algorithms(c);
	for (unsigned a = 0; a < 32; a++) {
		if ((wish.algorithms & 1u << a) != 0)
			judge_algorithm(c, &wish, a, fresh, &newest);
	}
}

uint64_t
ksk_history_ds_change(const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_history *history,
	uint64_t now, uint32_t ksk)
{
	struct ksk_sign sign = {.rrset = {.type = KSK_TYPE_CDS}};
	struct ksk_candidate candidate = {
		.sign = &sign, .history = history, .now = now};
	const struct ksk_ds *ds = &table->ksks[ksk].ds;
	struct wish wish = {
		.ds = ds, .count = 1, .algorithms = 1u << ds->algorithm % 32};
	struct ksk_refusals refusals;
	struct ksk_view view;
	struct ksk_case c;
	struct ksk_walk w;
	uint64_t from;

	ksk_view_take(&view, history, now, &table, &zone);
	ksk_case_begin(&c, table, zone, &candidate, &refusals);
	ksk_walk_begin(&w, &c.past, KSK_TYPE_DNSKEY);
	if (!ksk_walk_next(&w) || missing_in(&c, &wish, &w) != 0)
		return KSK_NEVER;
	from = ready_from(&c, &wish);
	return from < now ? now : from;
}
