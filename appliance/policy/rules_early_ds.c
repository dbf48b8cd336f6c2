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

/* The moment from which no cache holds a set that does not fit. */
static uint64_t
fits_from(const struct ksk_case *c, const struct wish *wish)
{
	uint64_t from = KSK_SINCE_EVER;
	struct ksk_walk w;

	ksk_walk_begin(&w, &c->past, KSK_TYPE_DNSKEY);
	while (ksk_walk_next(&w)) {
		if (w.served && w.gone > from && missing_in(c, wish, &w) != 0)
			from = w.gone;
	}
	return from;
}

static uint32_t
known_algorithms(const struct ksk_case *c)
{
	struct ksk_held held;
	uint32_t out = 0;

	ksk_held_begin(&held, c->table, &c->past, c->start);
	while (ksk_held_next(&held)) {
		for (size_t i = 0; i < held.count; i++)
			out |= 1u << held.ds[i].algorithm % 32;
	}
	return out;
}

/* The least, over the provider's ZSKs of an algorithm in the newest set, of
 * the moment from which its data is signed with it. */
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
			!ksk_times_is_zsk(&c->past, c->table, key) ||
			ksk_times_owner(&c->past, c->table, key).provider !=
				provider)
			continue;
		from = ksk_times_cov(&c->past, key);
		(void)ksk_times_run(&c->past, key, KSK_NEVER, &by);
		from = from > by ? from : by;
		least = from < least ? from : least;
	}
	return least;
}

/* An algorithm that no DS set has yet: all data must be signed with it first
 * (RFC 6781 4.1.4). */
static uint64_t
data_from(const struct ksk_case *c, unsigned algorithm)
{
	uint64_t from = KSK_SINCE_EVER;

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
		from = one > from ? one : from;
	}
	return from;
}

static uint64_t
ready_from(const struct ksk_case *c, const struct wish *wish)
{
	uint64_t from = fits_from(c, wish);
	uint32_t fresh = wish->algorithms & ~known_algorithms(c);

	for (unsigned a = 0; a < 32; a++) {
		uint64_t one = (fresh & (1u << a)) != 0 ? data_from(c, a) : 0;

		from = one > from ? one : from;
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

/* Without a timeline what the parent has already may be said; whether every
 * cache is ready for a change is not known. */
static void
judge_alone(struct ksk_case *c, const struct wish *wish)
{
	if (ksk_case_has_delete(c) ||
		(c->zone->has_parent != 0 && says_the_same(c, wish)))
		return;
	ksk_case_refuse(c, KSK_NO_TAG, NULL,
		"this would change the parent's DS set (`parent-ds` in the "
		"policy), and whether every cache holds the new KSK only the "
		"history of signed answers could show (RFC 7344 6.1)");
}

void
ksk_rule_early_ds(struct ksk_case *c)
{
	char text[KSK_TIME_CAP];
	struct ksk_walk w;
	struct wish wish;
	uint64_t from;

	make_wish(c, &wish);
	if (!c->has_history) {
		judge_alone(c, &wish);
		return;
	}
	ksk_walk_begin(&w, &c->past, KSK_TYPE_DNSKEY);
	if (!ksk_walk_next(&w)) {
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"no DNSKEY set of this zone is signed yet; sign it, "
			"serve it everywhere, then this");
		return;
	}
	if (ksk_case_has_delete(c) || says_the_same(c, &wish))
		return;
	from = ready_from(c, &wish);
	if (from <= c->start)
		return;
	/* w stands at the newest set. */
	if (from == KSK_NEVER || missing_in(c, &wish, &w) != 0)
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"the parent's DS set must not change to this: the "
			"newest DNSKEY set is not signed by a KSK of each "
			"algorithm, or a provider has no ZSK of it; sign such "
			"a set first (RFC 7344 4.1, RFC 6781 4.1.4)");
	else
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"the parent's DS set must not change to this before "
			"%s: until then caches may hold sets that it does not "
			"fit (RFC 7344 4.1, RFC 6781 4.1.2)",
			ksk_time_text(text, from));
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
