/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules about each key of a DNSKEY set and about keys side by side: key-form,
 * key-algorithm, key-allowed, tag-unique, response-size.
 */
#include "appliance/policy/announced.h"
#include "appliance/policy/rules_case.h"

/* RFC 9715, DNS Flag Day 2020: the largest answer that travels unfragmented.
 */
#define SIZE_WARN 1232u
/* What resolvers announce at most; beyond it only TCP is left. */
#define SIZE_MAX_ALLOWED 4096u

/* The flags that a KSK of ours must have is the policy's matter (C15: a
 * revoked key breaks the chain, so revoking is an operator's act). */
static void
check_own_flags(struct ksk_case *c, const struct ksk_case_key *k)
{
	bool revoked = c->table->ksks[k->own].revoked != 0;

	if (revoked && k->key.flags != KSK_FLAGS_REVOKED)
		ksk_case_refuse(c, k->key.tag, NULL,
			"the policy revokes this KSK; it must stand with "
			"flags 385 only (RFC 5011 2.1)");
	if (!revoked && k->key.flags != KSK_FLAGS_KSK)
		ksk_case_refuse(c, k->key.tag, NULL,
			"this KSK stands with flags 385, but the policy does "
			"not revoke it; write `revoked: yes` at the KSK, or "
			"submit flags 257 (RFC 5011 2.1)");
}

static void
check_flags(struct ksk_case *c, const struct ksk_case_key *k)
{
	if (k->own != KSK_NOBODY) {
		check_own_flags(c, k);
		return;
	}
	if (k->cosigner != KSK_NOBODY || k->key.flags == KSK_FLAGS_ZSK ||
		k->key.flags == KSK_FLAGS_KSK)
		return; /* a foreign 257 is ksk-foreign's matter */
	if ((k->key.flags & KSK_FLAG_REVOKE) != 0)
		ksk_case_refuse(c, k->key.tag, NULL,
			"flags %u: the REVOKE bit is set; a revoked key is "
			"good for nothing but its own revocation, remove it "
			"(RFC 5011 2.1)",
			k->key.flags);
	else
		ksk_case_refuse(c, k->key.tag, NULL,
			"flags %u; a ZSK has 256, a KSK of this zone 257 "
			"(RFC 4034 2.1.1)",
			k->key.flags);
}

static void
check_form(struct ksk_case *c, const struct ksk_case_key *k)
{
	struct ksk_fault why = {""};
	enum ksk_err form;
	size_t bits;

	if (k->key.protocol != 3) {
		ksk_case_refuse(c, k->key.tag, NULL,
			"protocol is %u, it must be 3 (RFC 4034 2.1.2)",
			k->key.protocol);
		return;
	}
	/* Unsupported: an algorithm without a form is key-algorithm's. */
	form = ksk_dnskey_form(&k->key, &why);
	if (form != KSK_OK && form != KSK_ERR_UNSUPPORTED) {
		ksk_case_refuse(c, k->key.tag, NULL,
			"the public key is malformed: %.300s", why.text);
		return;
	}
	bits = ksk_dnskey_rsa_bits(&k->key);
	if (bits != 0 && bits < c->zone->rsa_min_bits)
		ksk_case_refuse(c, k->key.tag, NULL,
			"the RSA key has %zu bits, at least %u "
			"(`rsa-min-bits`); let its owner make a larger one",
			bits, c->zone->rsa_min_bits);
}

static void
check_both_forms(struct ksk_case *c, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (c->key[i].own == KSK_NOBODY ||
			c->key[k].own != c->key[i].own)
			continue;
		ksk_case_refuse(c, c->key[i].key.tag, NULL,
			"this KSK stands twice, with flags %u and %u; keep "
			"one form (RFC 5011 2.1)",
			c->key[k].key.flags, c->key[i].key.flags);
	}
}

void
ksk_rule_key_form(struct ksk_case *c)
{
	for (size_t i = 0; i < c->key_count; i++) {
		const struct ksk_case_key *k = &c->key[i];

		if (!k->readable) {
			ksk_case_refuse(c, KSK_NO_TAG, NULL,
				"record %zu has %zu bytes, too few for a "
				"DNSKEY (RFC 4034 2.1)",
				i + 1, k->rdata.len);
			continue;
		}
		check_flags(c, k);
		check_form(c, k);
		check_both_forms(c, i);
	}
}

void
ksk_rule_key_algorithm(struct ksk_case *c)
{
	static const uint32_t sometimes = (1u << 10) | (1u << 14) | (1u << 16);
	char text[KSK_ALGORITHM_CAP];

	for (size_t i = 0; i < c->key_count; i++) {
		const struct ksk_case_key *k = &c->key[i];
		uint32_t bit = k->key.algorithm < 32 ? 1u << k->key.algorithm
						     : 0;

		if (!k->readable || (c->zone->algorithms & bit) != 0)
			continue;
		ksk_case_algorithm(text, k->key.algorithm);
		if ((bit & (sometimes | 1u << 8 | 1u << 13 | 1u << 15)) != 0)
			ksk_case_refuse(c, k->key.tag, NULL,
				"algorithm %s is not allowed for this zone; "
				"list it in the zone's `algorithms`",
				text);
		else
			ksk_case_refuse(c, k->key.tag, NULL,
				"algorithm %s is never signed; its owner must "
				"use 13 or 15 (RFC 9904, RFC 9905)",
				text);
	}
}

/* The provider of the zone that announced a key, though not in a way that lets
 * it enter now; NULL if none did. */
static const struct ksk_policy_provider *
find_announcer(const struct ksk_case *c, const struct ksk_case_key *k,
	enum ksk_announced_state *out_state)
{
	const struct ksk_history *h = c->past.history;
	const struct ksk_ds *ds = &ksk_times_key(&c->times, k->number)->sha256;

	for (uint32_t p = 0; p < c->zone->providers.count; p++) {
		const struct ksk_policy_provider *provider =
			&c->table->providers[c->zone->providers.first + p];
		const struct ksk_history_announced *a = ksk_announced_find(
			h, provider->name);

		if (provider->announced == 0 || a == NULL)
			continue;
		*out_state = ksk_announced_state_of(
			a, provider, c->candidate->now);
		for (uint32_t i = 0; i < a->keys.count; i++) {
			const struct ksk_history_announced_key *key =
				&h->announced_key[a->keys.first + i];

			if (!key->former && ksk_ds_equal(&key->sha256, ds))
				return provider;
		}
	}
	return NULL;
}

static void
refuse_unlisted(struct ksk_case *c, const struct ksk_case_key *k)
{
	enum ksk_announced_state state = KSK_ANNOUNCED_NONE;
	const struct ksk_policy_provider *p = find_announcer(c, k, &state);
	const struct ksk_history_key *known = ksk_times_key(
		&c->times, k->number);
	char text[KSK_DS_TEXT_CAP];

	if (p != NULL) {
		ksk_case_refuse(c, k->key.tag, p->name,
			"this provider announced this ZSK, but its "
			"announcement %s; it must announce again before the "
			"key can enter",
			ksk_announced_words(state));
		return;
	}
	ksk_ds_to_text(
		known->sha256.digest_len != 0 ? &known->sha256 : &known->sha384,
		text);
	ksk_case_refuse(c, k->key.tag, NULL,
		"no provider in the policy lists this ZSK; remove it, or have "
		"it pinned at its provider, or announced by it: ds: \"%s\"",
		text);
}

/* A key that stays although no valid announcement has it. */
static void
warn_kept(struct ksk_case *c, const struct ksk_case_key *k, const char *name)
{
	const struct ksk_policy_provider *p = &c->table->providers[k->provider];
	enum ksk_announced_state state = ksk_announced_state_of(
		ksk_announced_find(c->past.history, name), p,
		c->candidate->now);

	if (c->table->keys[k->entry].announced == KSK_KEY_KEPT)
		ksk_case_warn(c, k->key.tag, name,
			"this ZSK stays, but the announcement that lists it "
			"%s; no new key can enter until the provider announces "
			"again",
			ksk_announced_words(state));
}

void
ksk_rule_key_allowed(struct ksk_case *c)
{
	for (size_t i = 0; i < c->key_count; i++) {
		const struct ksk_case_key *k = &c->key[i];
		const char *name;

		if (!ksk_case_is_zsk(k) || ksk_case_is_cosigner(c, k))
			continue;
		if (k->owner_count == 0) {
			refuse_unlisted(c, k);
			continue;
		}
		name = c->table->providers[k->provider].name;
		if (k->owner_count > 1)
			ksk_case_refuse(c, k->key.tag, name,
				"%u providers list this ZSK; a key belongs to "
				"one, remove it from the others",
				k->owner_count);
		else if (c->table->keys[k->entry].withdrawn != 0)
			ksk_case_refuse(c, k->key.tag, name,
				"this ZSK is withdrawn; remove it from the "
				"set");
		else
			warn_kept(c, k, name);
	}
}

static bool
has_tag(const struct ksk_case_key *k, uint8_t algorithm, uint16_t tag)
{
	if (!k->readable || k->key.algorithm != algorithm)
		return false;
	/* A SEP key may be revoked one day, and then has the other tag. */
	return k->key.tag == tag ||
		((k->key.flags & KSK_FLAG_SEP) != 0 &&
			k->key.revoked_tag == tag);
}

static bool
is_named_pair(const struct ksk_case *c, uint8_t algorithm, uint16_t tag)
{
	struct ksk_run run = c->zone->tag_pairs;

	for (uint32_t i = 0; i < run.count; i++) {
		const struct ksk_tag_pair *p =
			&c->table->tag_pairs[run.first + i];

		if (p->algorithm == algorithm && p->tag == tag)
			return true;
	}
	return false;
}

/* Judges one tag of key i, if i is the first key that has it. */
static void
check_tag(struct ksk_case *c, size_t i, uint16_t tag)
{
	uint8_t algorithm = c->key[i].key.algorithm;
	size_t count = 0;

	for (size_t k = 0; k < c->key_count; k++) {
		if (!has_tag(&c->key[k], algorithm, tag))
			continue;
		if (k < i)
			return;
		/* Two forms of one key are key-form's matter. */
		if (k == i || c->key[k].own == KSK_NOBODY ||
			c->key[k].own != c->key[i].own)
			count++;
	}
	if (count < 2)
		return;
	if (count == 2 && is_named_pair(c, algorithm, tag))
		ksk_case_warn(c, tag, NULL,
			"two keys of algorithm %u have this tag; the policy "
			"lets the pair pass",
			algorithm);
	else
		ksk_case_refuse(c, tag, NULL,
			"%zu keys of algorithm %u have this tag (a KSK's "
			"revoked form counts too); replace one, or name a pair "
			"in `tag-pairs` (RFC 4034 B, CVE-2023-50387)",
			count, algorithm);
}

void
ksk_rule_tag_unique(struct ksk_case *c)
{
	for (size_t i = 0; i < c->key_count; i++) {
		const struct ksk_dnskey *k = &c->key[i].key;

		if (!c->key[i].readable)
			continue;
		check_tag(c, i, k->tag);
		if ((k->flags & KSK_FLAG_SEP) != 0 && k->revoked_tag != k->tag)
			check_tag(c, i, k->revoked_tag);
	}
}

/* Bytes of a signature by a standing KSK; of one that is not in the set its
 * RSA size is not known, and 2,048 bits are taken. */
static size_t
signature_len(const struct ksk_case *c, struct ksk_signer_key s)
{
	const struct ksk_case_key *k = ksk_case_find_standing(c, s);

	switch (c->table->ksks[s.ksk].ds.algorithm) {
	case 13:
	case 15:
		return 64;
	case 14:
		return 96;
	case 16:
		return 114;
	default:
		return k == NULL ? 256 : (ksk_dnskey_rsa_bits(&k->key) + 7) / 8;
	}
}

void
ksk_rule_response_size(struct ksk_case *c)
{
	/* Header, question (name, type, class), EDNS OPT. */
	size_t size = 12 + (c->name.len + 4u) + 11;

	/* Owners are compressed to 2 bytes; type, class, TTL, length: 10. The
	 * signer's name in an RRSIG is not compressed (RFC 4034 3.1.7). */
	for (size_t i = 0; i < c->rrset->count; i++)
		size += 12 + c->rrset->rdata[i].len;
	for (size_t i = 0; i < c->standing_count; i++)
		size += 12 + 18 + (size_t)c->name.len +
			signature_len(c, c->standing[i]);
	if (size > SIZE_MAX_ALLOWED)
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"the signed answer would have %zu bytes, at most %u: "
			"many resolvers could not get it; remove keys or use "
			"smaller ones (RFC 8901 10)",
			size, SIZE_MAX_ALLOWED);
	else if (size > SIZE_WARN)
		ksk_case_warn(c, KSK_NO_TAG, NULL,
			"the signed answer has %zu bytes; above %u resolvers "
			"must ask again over TCP (RFC 9715)",
			size, SIZE_WARN);
}
