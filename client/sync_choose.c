/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync_choose - see sync_choose.h.
 */
#include "client/sync_choose.h"

#include "appliance/base/yaml.h"
#include "client/cds_set.h"
#include "client/standing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* PROTOCOL.md 6: the state of a provider. */
#define JOINING 0u

struct choose {
	const struct ksk_keys_reply *keys;
	const struct ksk_rrset *last;
	const struct ksk_offer *offer;
	size_t offer_count;
	uint64_t now;
	struct ksk_choice *out;
};

void
ksk_note_add(struct ksk_notes *notes, enum ksk_note_kind kind,
	const char *provider, const char *fmt, ...)
{
	struct ksk_note *note = &notes->list[notes->count];
	va_list args;

	if (notes->count == KSK_NOTE_MAX) {
		notes->dropped++;
		return;
	}
	notes->count++;
	note->kind = kind;
	ksk_text_copy(note->provider, sizeof(note->provider), provider);
	va_start(args, fmt);
	(void)vsnprintf(note->text, sizeof(note->text), fmt, args);
	va_end(args);
}

/* ---- finding ---- */

/* The record of a set that a DS names, or NULL. */
static const struct ksk_span *
find_record(const struct ksk_name *owner, const struct ksk_rrset *rrset,
	const struct ksk_ds *ds)
{
	for (size_t i = 0; rrset != NULL && i < rrset->count; i++) {
		if (ksk_ds_matches(ds, owner, rrset->rdata[i]))
			return &rrset->rdata[i];
	}
	return NULL;
}

static const struct ksk_offer *
find_offer(const struct choose *c, const char *provider)
{
	for (size_t i = 0; i < c->offer_count; i++) {
		if (strcmp(c->offer[i].provider, provider) == 0)
			return &c->offer[i];
	}
	return NULL;
}

static bool
is_active(const struct ksk_offer *offer, const struct ksk_ds *ds)
{
	for (size_t i = 0; offer != NULL && i < offer->active_count; i++) {
		if (offer->active[i].tag == ds->tag &&
			offer->active[i].algorithm == ds->algorithm)
			return true;
	}
	return false;
}

static bool
has_key(const struct ksk_keys_reply *keys,
	const struct ksk_provider_entry *provider, struct ksk_span rdata)
{
	for (size_t i = 0; i < provider->key_count; i++) {
		if (ksk_ds_matches(&provider->key[i].ds, &keys->owner, rdata))
			return true;
	}
	return false;
}

static const struct ksk_provider_entry *
find_owner(const struct ksk_keys_reply *keys, struct ksk_span rdata)
{
	for (size_t i = 0; i < keys->provider_count; i++) {
		if (has_key(keys, &keys->provider[i], rdata))
			return &keys->provider[i];
	}
	return NULL;
}

static bool
is_ours(const struct ksk_keys_reply *keys, struct ksk_span rdata)
{
	for (size_t i = 0; i < keys->ksk_count; i++) {
		if (ksk_standing_matches(&keys->owner, &keys->ksk[i].ds, rdata))
			return true;
	}
	return false;
}

static bool
is_cosigner(const struct ksk_keys_reply *keys, struct ksk_span rdata)
{
	for (size_t i = 0; i < keys->cosigner_count; i++) {
		if (ksk_ds_matches(&keys->cosigner[i].ds, &keys->owner, rdata))
			return true;
	}
	return false;
}

bool
ksk_sync_has_own(const struct ksk_keys_reply *keys, const char *provider,
	const struct ksk_rrset *dnskey)
{
	for (size_t i = 0; i < keys->provider_count; i++) {
		if (strcmp(keys->provider[i].name, provider) != 0)
			continue;
		for (size_t k = 0; k < dnskey->count; k++) {
			if (has_key(keys, &keys->provider[i], dnskey->rdata[k]))
				return true;
		}
	}
	for (size_t i = 0; i < keys->cosigner_count; i++) {
		const struct ksk_cosigner_entry *co = &keys->cosigner[i];

		if (co->csk && strcmp(co->provider, provider) == 0 &&
			find_record(&keys->owner, dnskey, &co->ds) != NULL)
			return true;
	}
	return false;
}

/* True if the provider also signs with another key, which no cache lacks:
 * answers validate by that one (RFC 6840 5.11). besides: an algorithm that does
 * not count, 0 for none. */
static bool
is_backed(const struct choose *c, const struct ksk_provider_entry *entry,
	const struct ksk_offer *offer, uint8_t besides)
{
	for (size_t i = 0; i < entry->key_count; i++) {
		const struct ksk_provider_key_entry *key = &entry->key[i];

		if (!key->withdrawn && key->ds.algorithm != besides &&
			key->has_covered && key->covered <= c->now &&
			is_active(offer, &key->ds))
			return true;
	}
	return false;
}

/* True if the provider needs a key for what it signs. The signatures of an
 * algorithm that goes may stay behind its keys (RFC 6781 4.1.4). */
static bool
is_used(const struct choose *c, const struct ksk_provider_entry *entry,
	const struct ksk_provider_key_entry *key, const struct ksk_offer *offer)
{
	return is_active(offer, &key->ds) &&
		!is_backed(c, entry, offer, key->ds.algorithm);
}

/* ---- one key of the policy ---- */

static void
take(struct choose *c, const char *provider, struct ksk_span rdata)
{
	struct ksk_rrset *rrset = &c->out->rrset;

	if (ksk_rrset_has(rrset, rdata))
		return;
	if (rrset->count == KSK_RDATA_COUNT_MAX)
		ksk_note_add(&c->out->notes, KSK_NOTE_FAULT, provider,
			"more than %u keys: one is left out",
			KSK_RDATA_COUNT_MAX);
	else
		rrset->rdata[rrset->count++] = rdata;
}

/* True if the time has come for a key that was signed to leave. */
static bool
is_due(const struct choose *c, const struct ksk_provider_key_entry *key)
{
	return key->has_drop && key->drop <= c->now;
}

/* What is waited for with a key that stays. */
static void
note_leaving(struct choose *c, const char *provider,
	const struct ksk_provider_key_entry *key)
{
	char at[KSK_TIME_CAP];

	if (is_due(c, key))
		ksk_note_add(&c->out->notes, KSK_NOTE_WAIT, provider,
			"key %u stays: an address of its servers does not "
			"show what it signs with",
			key->ds.tag);
	else if (key->has_drop)
		ksk_note_add(&c->out->notes, KSK_NOTE_WAIT, provider,
			"key %u leaves at %s: until then a cache may need it",
			key->ds.tag, ksk_time_text(at, key->drop));
	else
		ksk_note_add(&c->out->notes, KSK_NOTE_WAIT, provider,
			"key %u stays: nothing stands in for it yet",
			key->ds.tag);
}

static void
note_coming(struct choose *c, const char *provider,
	const struct ksk_provider_key_entry *key, bool was, bool active)
{
	char at[KSK_TIME_CAP];

	/* Before the first answer nobody validates. */
	if (c->last == NULL || (key->has_covered && key->covered <= c->now))
		return;
	if (active)
		ksk_note_add(&c->out->notes, KSK_NOTE_FAULT, provider,
			"it signs with key %u, which caches may lack: answers "
			"may not validate",
			key->ds.tag);
	else if (was && key->has_covered)
		ksk_note_add(&c->out->notes, KSK_NOTE_WAIT, provider,
			"key %u may sign from %s: until then a cache may lack "
			"it",
			key->ds.tag, ksk_time_text(at, key->covered));
	else if (!was)
		ksk_note_add(&c->out->notes, KSK_NOTE_WAIT, provider,
			"key %u is new: it may not sign before it was served "
			"everywhere for a while",
			key->ds.tag);
}

/* True if a key that was signed may leave now, as far as it is wanted at all.
 * Its provider's word that it is unused is what all its servers sign with. */
static bool
may_leave(const struct choose *c, const struct ksk_provider_entry *entry,
	const struct ksk_provider_key_entry *key, const struct ksk_offer *offer)
{
	return is_due(c, key) && (offer == NULL || !offer->unseen) &&
		!is_used(c, entry, key, offer);
}

static void
choose_withdrawn(struct choose *c, const char *provider,
	const struct ksk_provider_key_entry *key, const struct ksk_offer *offer)
{
	if (is_active(offer, &key->ds))
		ksk_note_add(&c->out->notes, KSK_NOTE_FAULT, provider,
			"it signs with key %u, which is withdrawn",
			key->ds.tag);
}

static void
choose_key(struct choose *c, const struct ksk_provider_entry *entry,
	const struct ksk_provider_key_entry *key, const struct ksk_offer *offer)
{
	const char *provider = entry->name;
	const struct ksk_span *before = find_record(
		&c->keys->owner, c->last, &key->ds);
	const struct ksk_span *now = offer == NULL || offer->failed
		? NULL
		: find_record(&c->keys->owner, &offer->rrset, &key->ds);
	bool retired = key->has_retired && key->retired <= c->now;
	bool missed = now == NULL && offer != NULL && !offer->failed &&
		!offer->shown;
	bool leaves = retired || missed;

	if (key->withdrawn) {
		choose_withdrawn(c, provider, key, offer);
		return;
	}
	if (before == NULL && (now == NULL || retired))
		return;
	if (before != NULL && leaves && may_leave(c, entry, key, offer))
		return;
	take(c, provider, now != NULL ? *now : *before);
	if (leaves && is_used(c, entry, key, offer))
		ksk_note_add(&c->out->notes, KSK_NOTE_FAULT, provider,
			"it signs with key %u, which %s: the key stays",
			key->ds.tag,
			retired ? "the policy calls retired"
				: "it no longer offers");
	else if (leaves)
		note_leaving(c, provider, key);
	else
		/* Nobody asks one that is joining: it may sign. */
		note_coming(c, provider, key, before != NULL,
			entry->state != JOINING && is_active(offer, &key->ds) &&
				!is_backed(c, entry, offer, 0));
}

/* ---- co-signers ---- */

/* Whoever offers it, it is the key of its DS. One that can't be asked loses
 * nothing: what was signed stays. */
static void
choose_cosigner(struct choose *c, const struct ksk_cosigner_entry *co)
{
	const struct ksk_span *found = find_record(
		&c->keys->owner, c->last, &co->ds);

	if (ksk_cosigner_is_over(co, c->now))
		return;
	for (size_t i = 0; found == NULL && i < c->offer_count; i++) {
		if (!c->offer[i].failed)
			found = find_record(
				&c->keys->owner, &c->offer[i].rrset, &co->ds);
	}
	if (found != NULL)
		take(c, co->provider, *found);
}

/* ---- what an offer has besides ---- */

static void
note_foreign(
	struct choose *c, const struct ksk_offer *offer, struct ksk_span rdata)
{
	const struct ksk_provider_entry *owner = find_owner(c->keys, rdata);
	struct ksk_dnskey key = {0};
	struct ksk_ds ds;
	char text[KSK_DS_TEXT_CAP] = "?";

	if (ksk_dnskey_read(rdata, &key) != KSK_OK) {
		ksk_note_add(&c->out->notes, KSK_NOTE_FAULT, offer->provider,
			"it shows a DNSKEY record of %zu bytes, which is no "
			"key: not taken",
			rdata.len);
		return;
	}
	if (ksk_ds_build(&c->keys->owner, rdata, KSK_DIGEST_SHA256, &ds) ==
		KSK_OK)
		ksk_ds_to_text(&ds, text);
	if (owner != NULL)
		ksk_note_add(&c->out->notes, KSK_NOTE_FAULT, offer->provider,
			"it offers key %u, which is one of %s: not taken",
			key.tag, owner->name);
	else
		ksk_note_add(&c->out->notes, KSK_NOTE_FAULT, offer->provider,
			"it %s key %u, which the policy does not list: not "
			"taken (ds: \"%s\")",
			offer->shown ? "shows" : "offers", key.tag, text);
}

/* A key that its provider put into its DNSKEY RRset before anybody signed
 * that: the RRset does not validate as it stands. */
static void
note_early(struct choose *c, const struct ksk_offer *offer,
	const struct ksk_provider_entry *owner, struct ksk_span rdata)
{
	struct ksk_dnskey key;

	if (owner == NULL || strcmp(owner->name, offer->provider) != 0 ||
		ksk_dnskey_read(rdata, &key) != KSK_OK)
		return;
	ksk_note_add(&c->out->notes, KSK_NOTE_FAULT, offer->provider,
		"it shows key %u before that was signed: its DNSKEY RRset "
		"does not validate until the next delivery",
		key.tag);
}

static void
look_at_record(
	struct choose *c, const struct ksk_offer *offer, struct ksk_span rdata)
{
	const struct ksk_provider_entry *owner = find_owner(c->keys, rdata);
	bool was = c->last != NULL && ksk_rrset_has(c->last, rdata);

	if (is_cosigner(c->keys, rdata) || is_ours(c->keys, rdata))
		return;
	if (offer->shown && c->last != NULL && !was)
		note_early(c, offer, owner, rdata);
	if (offer->shown && (was || owner != NULL))
		return;
	if (owner == NULL || strcmp(owner->name, offer->provider) != 0)
		note_foreign(c, offer, rdata);
}

/* What stands stays, but nothing new comes in. */
static void
note_announcement(struct choose *c, const struct ksk_provider_entry *entry)
{
	if (!entry->has_announced ||
		entry->announced.state == KSK_ANNOUNCED_VALID ||
		entry->announced.state == KSK_ANNOUNCED_NONE)
		return;
	ksk_note_add(&c->out->notes, KSK_NOTE_WAIT, entry->name,
		"its announcement %" PRIu64 " is %s: its keys stay, a new one "
		"needs another announcement",
		entry->announced.serial,
		ksk_announced_text(entry->announced.state));
}

static void
look_at_offer(struct choose *c, const struct ksk_offer *offer)
{
	const struct ksk_provider_entry *entry = NULL;

	for (size_t i = 0; i < c->keys->provider_count; i++) {
		if (strcmp(c->keys->provider[i].name, offer->provider) == 0)
			entry = &c->keys->provider[i];
	}
	if (entry == NULL) {
		ksk_note_add(&c->out->notes, KSK_NOTE_FAULT, offer->provider,
			"the policy has no such provider for this zone");
		return;
	}
	note_announcement(c, entry);
	for (size_t i = 0; !offer->failed && i < offer->rrset.count; i++)
		look_at_record(c, offer, offer->rrset.rdata[i]);
}

/* ---- our KSKs ---- */

static void
note_ksk(struct choose *c, const struct ksk_ksk_entry *ksk)
{
	char at[KSK_TIME_CAP];

	if (!ksk->stands || !ksk->cds ||
		(ksk->has_ds_from && ksk->ds_from <= c->now))
		return;
	if (ksk->has_ds_from)
		ksk_note_add(&c->out->notes, KSK_NOTE_WAIT, "",
			"the parent may have the DS of KSK %u from %s",
			ksk->ds.tag, ksk_time_text(at, ksk->ds_from));
	else
		ksk_note_add(&c->out->notes, KSK_NOTE_WAIT, "",
			"the parent may not have the DS of KSK %u yet: it is "
			"new",
			ksk->ds.tag);
}

void
ksk_sync_choose(const struct ksk_keys_reply *keys, const struct ksk_rrset *last,
	const struct ksk_offer *offer, size_t offer_count, uint64_t now,
	struct ksk_choice *out_choice)
{
	struct choose c = {.keys = keys,
		.last = last,
		.offer = offer,
		.offer_count = offer_count,
		.now = now,
		.out = out_choice};

	*out_choice = (struct ksk_choice){0};
	out_choice->rrset.owner = keys->owner;
	out_choice->rrset.type = KSK_TYPE_DNSKEY;
	out_choice->rrset.ttl = keys->ttl;
	for (size_t i = 0; i < keys->provider_count; i++) {
		const struct ksk_provider_entry *p = &keys->provider[i];

		for (size_t k = 0; k < p->key_count; k++)
			choose_key(&c, p, &p->key[k], find_offer(&c, p->name));
	}
	for (size_t i = 0; i < keys->cosigner_count; i++)
		choose_cosigner(&c, &keys->cosigner[i]);
	for (size_t i = 0; i < offer_count; i++)
		look_at_offer(&c, &offer[i]);
	for (size_t i = 0; i < keys->ksk_count; i++)
		note_ksk(&c, &keys->ksk[i]);
	ksk_rrset_sort(&out_choice->rrset);
}
