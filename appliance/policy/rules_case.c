/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Works out, once per request, whose each key is and which KSKs stand.
 */
#include "appliance/policy/rules_case.h"

#include <stdio.h>
#include <string.h>

bool
ksk_case_same_key(const struct ksk_ds *a, const struct ksk_ds *b)
{
	if (a->tag != b->tag || a->algorithm != b->algorithm)
		return false;
	return a->digest_type != b->digest_type || ksk_ds_equal(a, b);
}

static bool
in_parent(const struct ksk_table *table, const struct ksk_zone *zone,
	const struct ksk_ds *ds)
{
	for (uint32_t i = 0; i < zone->parent_ds.count; i++) {
		if (ksk_case_same_key(
			    &table->ds[zone->parent_ds.first + i], ds))
			return true;
	}
	return false;
}

static bool
in_time(const struct ksk_policy_ksk *k, uint64_t at)
{
	return k->from <= at && at < k->until;
}

/* True if a KSK that is in time covers the parent's DS for this algorithm. */
static bool
parent_is_served(const struct ksk_table *table, const struct ksk_zone *zone,
	uint8_t algorithm, uint64_t at)
{
	for (uint32_t i = 0; i < zone->ksks.count; i++) {
		const struct ksk_policy_ksk *k =
			&table->ksks[zone->ksks.first + i];

		if (k->ds.algorithm == algorithm && k->revoked == 0 &&
			in_time(k, at) && in_parent(table, zone, &k->ds))
			return true;
	}
	return false;
}

/*
 * TIMING.md, ksk-present, with the newest parent-ds as the only DS set that
 * may be held and no set in effect: the KSKs that are in time, and those out
 * of time that the parent's DS needs because no other of their algorithm
 * serves it.
 */
static bool
stands(const struct ksk_table *table, const struct ksk_zone *zone,
	const struct ksk_policy_ksk *k, uint64_t at)
{
	if (in_time(k, at))
		return true;
	return k->revoked == 0 && in_parent(table, zone, &k->ds) &&
		!parent_is_served(table, zone, k->ds.algorithm, at);
}

size_t
ksk_rules_standing(const struct ksk_table *table, const struct ksk_zone *zone,
	const struct ksk_history *history, uint64_t start,
	uint32_t zsk_algorithms, struct ksk_signer_key out[KSK_RRSIG_COUNT_MAX])
{
	size_t count = 0;

	/* Which algorithms are in effect is known from history alone. */
	(void)history;
	(void)zsk_algorithms;
	for (uint32_t i = 0; i < zone->ksks.count; i++) {
		uint32_t at = zone->ksks.first + i;
		const struct ksk_policy_ksk *k = &table->ksks[at];

		if (count == KSK_RRSIG_COUNT_MAX)
			break;
		if (stands(table, zone, k, start))
			out[count++] = (struct ksk_signer_key){
				.ksk = at, .revoked = k->revoked != 0};
	}
	return count;
}

/* The DS of a KSK is that of its unrevoked form: revoking changes the RDATA
 * and with it tag and digest (RFC 5011 2.1, RFC 4034 B). */
static uint32_t
find_own(const struct ksk_case *c, const struct ksk_case_key *k)
{
	uint8_t plain[KSK_RDATA_MAX];
	struct ksk_span rdata = ksk_span_of(plain, k->rdata.len);

	if ((k->key.flags & ~KSK_FLAG_REVOKE) != KSK_FLAGS_KSK ||
		k->rdata.len > sizeof(plain))
		return KSK_NOBODY;
	memcpy(plain, k->rdata.data, k->rdata.len);
	plain[1] &= (uint8_t)~KSK_FLAG_REVOKE;
	for (uint32_t i = 0; i < c->zone->ksks.count; i++) {
		uint32_t at = c->zone->ksks.first + i;

		if (ksk_ds_matches(&c->table->ksks[at].ds, &c->name, rdata))
			return at;
	}
	return KSK_NOBODY;
}

bool
ksk_case_matches(const struct ksk_case *c, const struct ksk_case_key *k,
	const struct ksk_ds *ds)
{
	return k->readable && ds->tag == k->key.tag &&
		ds->algorithm == k->key.algorithm &&
		ksk_ds_matches(ds, &c->name, k->rdata);
}

static uint32_t
find_cosigner(const struct ksk_case *c, const struct ksk_case_key *k)
{
	for (uint32_t i = 0; i < c->zone->cosigners.count; i++) {
		uint32_t at = c->zone->cosigners.first + i;

		if (ksk_case_matches(c, k, &c->table->cosigners[at].ds))
			return at;
	}
	return KSK_NOBODY;
}

/* One key may have two entries, by digests of two types: what withdraws it
 * counts. */
static void
find_provider(
	const struct ksk_case *c, uint32_t provider, struct ksk_case_key *k)
{
	struct ksk_run run = c->table->providers[provider].keys;
	bool first = k->owner_count == 0;
	bool found = false;

	for (uint32_t i = 0; i < run.count; i++) {
		const struct ksk_policy_key *entry =
			&c->table->keys[run.first + i];

		if (!ksk_case_matches(c, k, &entry->ds))
			continue;
		if (first && (!found || entry->withdrawn != 0)) {
			k->provider = provider;
			k->entry = run.first + i;
		}
		found = true;
	}
	k->owner_count += found ? 1 : 0;
}

static void
build_key(
	const struct ksk_case *c, struct ksk_span rdata, struct ksk_case_key *k)
{
	*k = (struct ksk_case_key){
		.rdata = rdata,
		.own = KSK_NOBODY,
		.cosigner = KSK_NOBODY,
		.provider = KSK_NOBODY,
		.entry = KSK_NOBODY,
	};
	k->readable = ksk_dnskey_read(rdata, &k->key) == KSK_OK;
	if (!k->readable)
		return;
	k->own = find_own(c, k);
	k->cosigner = find_cosigner(c, k);
	if (!ksk_case_is_zsk(k))
		return;
	for (uint32_t i = 0; i < c->zone->providers.count; i++)
		find_provider(c, c->zone->providers.first + i, k);
}

/* The keys that CDNSKEY records name are nobody's in the set. */
static void
read_keys(struct ksk_case *c)
{
	for (size_t i = 0; i < c->rrset->count; i++) {
		struct ksk_case_key *k = &c->key[i];

		k->rdata = c->rrset->rdata[i];
		k->readable = ksk_dnskey_read(k->rdata, &k->key) == KSK_OK;
	}
}

static void
build_standing(struct ksk_case *c, uint32_t zsk_algorithms)
{
	c->standing_count = ksk_rules_standing(c->table, c->zone,
		c->candidate->history, c->start, zsk_algorithms, c->standing);
	for (size_t i = 0; i < c->standing_count; i++) {
		struct ksk_signer_key s = c->standing[i];
		uint32_t bit = 1u << c->table->ksks[s.ksk].ds.algorithm % 32;

		if (s.revoked)
			continue;
		c->due_algorithms |= bit;
		if (ksk_case_find_standing(c, s) != NULL)
			c->signing_algorithms |= bit;
	}
}

void
ksk_case_build(struct ksk_case *c, const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_candidate *candidate,
	struct ksk_refusals *refusals)
{
	uint32_t zsk_algorithms = 0;

	memset(c, 0, sizeof(*c));
	c->table = table;
	c->zone = zone;
	c->candidate = candidate;
	c->rrset = &candidate->sign->rrset;
	c->refusals = refusals;
	refusals->count = 0;
	refusals->dropped = 0;
	if (zone == NULL)
		return;
	ksk_table_zone_name(table, zone, &c->name);
	ksk_rules_window(zone, candidate->now, &c->window);
	if (candidate->sign->has_window)
		c->window = candidate->sign->window;
	c->start = c->window.inception > candidate->now ? c->window.inception
							: candidate->now;
	/* No request reaches the moment that does not come. */
	if (c->start == KSK_NEVER)
		c->start = KSK_NEVER - 1;
	if (c->rrset->type == KSK_TYPE_DNSKEY) {
		c->key_count = c->rrset->count;
		for (size_t i = 0; i < c->key_count; i++) {
			build_key(c, c->rrset->rdata[i], &c->key[i]);
			if (ksk_case_is_zsk(&c->key[i]))
				zsk_algorithms |= 1u
					<< c->key[i].key.algorithm % 32;
		}
	}
	if (c->rrset->type == KSK_TYPE_CDNSKEY)
		read_keys(c);
	build_standing(c, zsk_algorithms);
}

static void
fill(const struct ksk_case *c, struct ksk_refusal *r, uint32_t tag,
	const char *provider)
{
	memset(r, 0, sizeof(*r));
	(void)snprintf(r->rule, sizeof(r->rule), "%s", c->rule);
	r->has_tag = tag != KSK_NO_TAG;
	r->tag = r->has_tag ? (uint16_t)tag : 0;
	if (provider != NULL)
		(void)snprintf(
			r->provider, sizeof(r->provider), "%s", provider);
}

void
ksk_case_refuse(struct ksk_case *c, uint32_t tag, const char *provider,
	const char *fmt, ...)
{
	struct ksk_refusals *all = c->refusals;
	struct ksk_refusal *r;
	va_list ap;

	if (all->count == KSK_REFUSAL_COUNT_MAX) {
		all->dropped++;
		return;
	}
	r = &all->list[all->count++];
	fill(c, r, tag, provider);
	va_start(ap, fmt);
	(void)vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
}

void
ksk_case_warn(struct ksk_case *c, uint32_t tag, const char *provider,
	const char *fmt, ...)
{
	struct ksk_refusal *r;
	va_list ap;

	if (c->warning_count == sizeof(c->warning) / sizeof(c->warning[0]))
		return;
	r = &c->warning[c->warning_count++];
	fill(c, r, tag, provider);
	va_start(ap, fmt);
	(void)vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
}

bool
ksk_case_is_zsk(const struct ksk_case_key *k)
{
	return k->readable && k->key.flags == KSK_FLAGS_ZSK;
}

bool
ksk_case_is_cosigner(const struct ksk_case *c, const struct ksk_case_key *k)
{
	return k->cosigner != KSK_NOBODY &&
		c->start < c->table->cosigners[k->cosigner].until;
}

bool
ksk_case_is_data_key(const struct ksk_case *c, const struct ksk_case_key *k,
	uint32_t provider)
{
	const struct ksk_policy_provider *p = &c->table->providers[provider];

	if (ksk_case_is_cosigner(c, k)) {
		const struct ksk_policy_cosigner *co =
			&c->table->cosigners[k->cosigner];

		return co->csk != 0 && strcmp(co->provider, p->name) == 0;
	}
	return k->owner_count == 1 && k->provider == provider &&
		c->table->keys[k->entry].withdrawn == 0;
}

bool
ksk_case_is_needed(
	const struct ksk_case *c, const struct ksk_policy_provider *p)
{
	if (p->state == KSK_PROVIDER_SERVING)
		return true;
	/* The table keeps both far below overflow. */
	return p->state == KSK_PROVIDER_LEAVING &&
		(p->gone == KSK_NEVER ||
			c->start < p->gone + c->zone->zone_max_ttl);
}

const struct ksk_case_key *
ksk_case_find_standing(const struct ksk_case *c, struct ksk_signer_key standing)
{
	uint16_t flags = standing.revoked ? KSK_FLAGS_REVOKED : KSK_FLAGS_KSK;

	for (size_t i = 0; i < c->key_count; i++) {
		if (c->key[i].own == standing.ksk &&
			c->key[i].key.flags == flags)
			return &c->key[i];
	}
	return NULL;
}

bool
ksk_case_stands(const struct ksk_case *c, uint32_t ksk)
{
	for (size_t i = 0; i < c->standing_count; i++) {
		if (c->standing[i].ksk == ksk)
			return true;
	}
	return false;
}

const char *
ksk_case_algorithm(char buf[KSK_ALGORITHM_CAP], unsigned algorithm)
{
	(void)snprintf(buf, KSK_ALGORITHM_CAP, "%u (%s)", algorithm,
		ksk_algorithm_text((uint8_t)algorithm));
	return buf;
}
