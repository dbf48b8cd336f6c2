/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Works out, once per request, whose each key is, which KSKs stand, and what
 * the candidate would be as an answer of the timeline.
 */
#include "appliance/policy/rules_case.h"

#include "appliance/policy/rules_held.h"

#include <string.h>

/* The DS of a KSK is that of its unrevoked form: revoking changes the RDATA
 * and with it tag and digest (RFC 5011 2.1, RFC 4034 B). */
static struct ksk_span
plain_form(const struct ksk_case_key *k, uint8_t room[KSK_RDATA_MAX])
{
	memcpy(room, k->rdata.data, k->rdata.len);
	if ((k->key.flags & ~KSK_FLAG_REVOKE) == KSK_FLAGS_KSK)
		room[1] &= (uint8_t)~KSK_FLAG_REVOKE;
	return ksk_span_of(room, k->rdata.len);
}

/* Gives the key its number: the history's, or the next one behind it. */
static void
number_key(struct ksk_case *c, struct ksk_case_key *k, struct ksk_span plain)
{
	struct ksk_ahead *ahead = &c->ahead;
	struct ksk_history_key *own = &ahead->key[ahead->key_count];

	k->number = ksk_times_find(&c->past, &k->sha256);
	if (k->number != KSK_HISTORY_NO_KEY)
		return;
	memset(own, 0, sizeof(*own));
	own->flags = k->key.flags & (uint16_t)~KSK_FLAG_REVOKE;
	own->sha256 = k->sha256;
	ksk_ignore(
		ksk_ds_build(&c->name, plain, KSK_DIGEST_SHA384, &own->sha384));
	k->number = (uint32_t)(c->past.history->key_count + ahead->key_count);
	ahead->key_count++;
}

/* True if the DS is that of the key without REVOKE. */
static bool
is_plain_ds(const struct ksk_case *c, const struct ksk_case_key *k,
	struct ksk_span plain, const struct ksk_ds *ds)
{
	return ds->digest_type == KSK_DIGEST_SHA256
		? ksk_ds_equal(ds, &k->sha256)
		: ksk_ds_matches(ds, &c->name, plain);
}

static uint32_t
find_own(const struct ksk_case *c, const struct ksk_case_key *k,
	struct ksk_span plain)
{
	if ((k->key.flags & ~KSK_FLAG_REVOKE) != KSK_FLAGS_KSK)
		return KSK_NOBODY;
	for (uint32_t i = 0; i < c->zone->ksks.count; i++) {
		uint32_t at = c->zone->ksks.first + i;

		if (is_plain_ds(c, k, plain, &c->table->ksks[at].ds))
			return at;
	}
	return KSK_NOBODY;
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

static struct ksk_case_key *
add_key(struct ksk_case *c)
{
	struct ksk_case_key *k = &c->key[c->key_count++];

	*k = (struct ksk_case_key){
		.own = KSK_NOBODY,
		.cosigner = KSK_NOBODY,
		.provider = KSK_NOBODY,
		.entry = KSK_NOBODY,
		.number = KSK_HISTORY_NO_KEY,
	};
	return k;
}

static void
find_owners(const struct ksk_case *c, struct ksk_case_key *k)
{
	k->cosigner = find_cosigner(c, k);
	if (!ksk_case_is_zsk(k))
		return;
	for (uint32_t i = 0; i < c->zone->providers.count; i++)
		find_provider(c, c->zone->providers.first + i, k);
}

static void
add_record(struct ksk_case *c, struct ksk_span rdata)
{
	struct ksk_case_key *k = add_key(c);
	uint8_t room[KSK_RDATA_MAX];
	struct ksk_span plain;

	k->rdata = rdata;
	k->readable = rdata.len <= sizeof(room) &&
		ksk_dnskey_read(rdata, &k->key) == KSK_OK;
	if (!k->readable)
		return;
	plain = plain_form(k, room);
	/* A digest that can't be computed matches nothing. */
	ksk_ignore(
		ksk_ds_build(&c->name, plain, KSK_DIGEST_SHA256, &k->sha256));
	number_key(c, k, plain);
	k->own = find_own(c, k, plain);
	find_owners(c, k);
}

void
ksk_case_add_known(struct ksk_case *c, uint32_t number)
{
	const struct ksk_history_key *known = ksk_times_key(&c->times, number);
	const struct ksk_ds *ds = known->sha256.digest_len != 0
		? &known->sha256
		: &known->sha384;
	struct ksk_case_key *k;

	for (size_t i = 0; i < c->key_count; i++) {
		if (c->key[i].number == number)
			return;
	}
	if (c->key_count == KSK_RDATA_COUNT_MAX)
		return;
	k = add_key(c);
	k->readable = true;
	k->number = number;
	k->key.flags = known->flags;
	k->key.algorithm = ds->algorithm;
	k->key.tag = ds->tag;
	find_owners(c, k);
}

void
ksk_case_add_pinned(struct ksk_case *c, const struct ksk_ds *ds, uint16_t flags)
{
	uint32_t number = ksk_times_find(&c->times, ds);
	struct ksk_history_key *own = &c->ahead.key[c->ahead.key_count];

	if (number == KSK_HISTORY_NO_KEY) {
		if (c->ahead.key_count == KSK_RDATA_COUNT_MAX)
			return;
		memset(own, 0, sizeof(*own));
		own->flags = flags;
		if (ds->digest_type == KSK_DIGEST_SHA256)
			own->sha256 = *ds;
		else
			own->sha384 = *ds;
		number = (uint32_t)(c->past.history->key_count +
			c->ahead.key_count++);
	}
	ksk_case_add_known(c, number);
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

static bool
has_key_of(const struct ksk_case *c, uint32_t provider, unsigned algorithm)
{
	for (size_t n = 0; n < c->key_count; n++) {
		const struct ksk_case_key *k = &c->key[n];

		if (k->readable && k->key.algorithm == algorithm &&
			(k->provider == provider ||
				ksk_case_is_data_key(c, k, provider)))
			return true;
	}
	return false;
}

const char *
ksk_case_lacks_algorithm(const struct ksk_case *c, unsigned algorithm)
{
	for (uint32_t i = 0; i < c->zone->providers.count; i++) {
		uint32_t at = c->zone->providers.first + i;

		if (!has_key_of(c, at, algorithm) &&
			ksk_case_is_needed(c, &c->table->providers[at]))
			return c->table->providers[at].name;
	}
	return NULL;
}

static void
build_standing(struct ksk_case *c)
{
	uint32_t algorithms = 0, complete = 0;

	/* What else is signed is signed by those who sign the set. */
	if (c->rrset->type != KSK_TYPE_DNSKEY) {
		c->standing_count = ksk_rules_standing(c->table, c->zone,
			c->candidate->history, c->start, 0, c->standing);
		return;
	}
	for (size_t i = 0; i < c->key_count; i++) {
		if (ksk_case_is_zsk(&c->key[i]))
			algorithms |= 1u << c->key[i].key.algorithm % 32;
	}
	for (unsigned a = 0; a < 32; a++) {
		if (ksk_case_lacks_algorithm(c, a) == NULL)
			complete |= 1u << a;
	}
	c->standing_count = ksk_case_find_standing_ksks(c->table, &c->past,
		c->start, algorithms, complete, c->standing);
}

static void
note_algorithms(struct ksk_case *c)
{
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

static bool
signs_set(const struct ksk_case *c, const struct ksk_case_key *k)
{
	for (size_t i = 0; i < c->standing_count; i++) {
		if (ksk_case_find_standing(c, c->standing[i]) == k)
			return true;
	}
	return false;
}

static void
list_members(struct ksk_case *c)
{
	struct ksk_run *run = &c->ahead.answer.content;

	for (size_t i = 0; i < c->key_count; i++) {
		const struct ksk_case_key *k = &c->key[i];

		if (!k->readable)
			continue;
		c->ahead.member[run->count++] = (struct ksk_history_member){
			.key = k->number,
			.revoked = (k->key.flags & KSK_FLAG_REVOKE) != 0,
			.signs = signs_set(c, k),
		};
	}
}

/* A record that can't be read names nothing: the rule cds refuses it. */
static void
list_ds(struct ksk_case *c)
{
	struct ksk_run *run = &c->ahead.answer.content;

	for (size_t i = 0; i < c->rrset->count; i++) {
		struct ksk_ds *ds = &c->ahead.ds[run->count];
		enum ksk_err err = c->rrset->type == KSK_TYPE_CDS
			? ksk_ds_read(c->rrset->rdata[i], ds)
			: ksk_ds_build(&c->name, c->rrset->rdata[i],
				  KSK_DIGEST_SHA256, ds);

		/* The delete form names no key (RFC 8078 4). */
		if (err == KSK_OK && ds->algorithm != 0)
			run->count++;
	}
}

static void
note_since(struct ksk_case *c)
{
	uint32_t key[KSK_RDATA_COUNT_MAX];
	struct ksk_since since[KSK_RDATA_COUNT_MAX];

	for (size_t i = 0; i < c->key_count; i++)
		key[i] = c->key[i].number;
	ksk_times_since(&c->times, key, c->key_count, since);
	for (size_t i = 0; i < c->key_count; i++)
		c->key[i].since = since[i];
}

static void
end_case(struct ksk_case *c)
{
	c->ahead.answer = (struct ksk_history_answer){
		.seq = KSK_SEQ_AHEAD,
		.type = c->rrset->type,
		.ttl = c->zone->ttl,
		.inception = c->window.inception,
		.expiration = c->window.expiration,
		.released = c->candidate->now,
	};
	if (c->rrset->type == KSK_TYPE_DNSKEY)
		list_members(c);
	else if (c->rrset->type == KSK_TYPE_CDS ||
		c->rrset->type == KSK_TYPE_CDNSKEY)
		list_ds(c);
	c->ahead.has_answer = true;
	note_algorithms(c);
	note_since(c);
}

void
ksk_case_end_whole(struct ksk_case *c)
{
	build_standing(c);
	for (size_t i = 0; i < c->standing_count; i++) {
		struct ksk_signer_key s = c->standing[i];
		size_t count = c->key_count;

		ksk_case_add_pinned(
			c, &c->table->ksks[s.ksk].ds, KSK_FLAGS_KSK);
		if (c->key_count == count)
			continue;
		c->key[count].own = s.ksk;
		if (s.revoked)
			c->key[count].key.flags = KSK_FLAGS_REVOKED;
	}
	for (uint32_t i = 0; i < c->zone->cosigners.count; i++) {
		const struct ksk_policy_cosigner *co =
			&c->table->cosigners[c->zone->cosigners.first + i];

		if (c->start < co->until)
			ksk_case_add_pinned(c, &co->ds, KSK_FLAGS_KSK);
	}
	end_case(c);
}

void
ksk_case_begin(struct ksk_case *c, const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_candidate *candidate,
	struct ksk_refusals *refusals)
{
	uint64_t now = candidate->now;

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
	ksk_rules_window(zone, now, &c->window);
	if (candidate->sign->has_window)
		c->window = candidate->sign->window;
	c->start = c->window.inception > now ? c->window.inception : now;
	/* No request reaches the moment that does not come. */
	if (c->start == KSK_NEVER)
		c->start = KSK_NEVER - 1;
	c->by = ksk_history_add(c->window.inception, zone->inception_offset);
	if (c->by < now)
		c->by = now;
	c->by = ksk_history_add(c->by, zone->propagation);
	c->has_history = candidate->history != NULL;
	ksk_times_init(&c->past, zone, candidate->history, NULL);
	ksk_times_init(&c->times, zone, candidate->history, &c->ahead);
}

void
ksk_case_build(struct ksk_case *c, const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_candidate *candidate,
	struct ksk_refusals *refusals)
{
	ksk_case_begin(c, table, zone, candidate, refusals);
	if (zone == NULL)
		return;
	if (c->rrset->type == KSK_TYPE_DNSKEY) {
		for (size_t i = 0; i < c->rrset->count; i++)
			add_record(c, c->rrset->rdata[i]);
	}
	build_standing(c);
	if (c->rrset->type == KSK_TYPE_CDNSKEY)
		read_keys(c);
	end_case(c);
}

static bool
has_member(const struct ksk_case *c, const struct ksk_history_member *m)
{
	for (uint32_t i = 0; i < c->ahead.answer.content.count; i++) {
		const struct ksk_history_member *own = &c->ahead.member[i];

		if (own->key == m->key && own->revoked == m->revoked &&
			own->signs == m->signs)
			return true;
	}
	return false;
}

bool
ksk_case_is_unchanged(const struct ksk_case *c)
{
	const struct ksk_history_answer *own = &c->ahead.answer;
	struct ksk_walk w;

	ksk_walk_begin(&w, &c->past, c->rrset->type);
	if (!ksk_walk_next(&w) || w.answer->ttl != own->ttl ||
		w.answer->content.count != own->content.count)
		return false;
	if (c->rrset->type != KSK_TYPE_DNSKEY)
		return ksk_held_equal(w.ds, w.answer->content.count,
			c->ahead.ds, own->content.count);
	for (uint32_t i = 0; i < w.answer->content.count; i++) {
		if (!has_member(c, &w.member[i]))
			return false;
	}
	return true;
}
