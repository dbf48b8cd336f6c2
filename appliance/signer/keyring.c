/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keyring - see keyring.h. Keys are found again by the digest of their DS,
 * which is spread evenly, in an open hash table.
 */
#include "appliance/signer/keyring.h"

#include "appliance/base/packet.h"
#include "protocol/msg.h"
#include "protocol/wire.h"

#include <stdlib.h>
#include <string.h>

struct token_list {
	uint32_t *key; /* numbers, by slot */
	uint32_t count, cap;
};

struct ksk_keyring {
	const struct ksk_start_signer *start;
	struct ksk_keyring_key **key; /* by number */
	uint32_t count, cap;
	uint32_t *bucket; /* number + 1, 0 = free */
	uint32_t bucket_count;
	struct token_list token[KSK_TOKEN_COUNT_MAX];
};

enum ksk_err
ksk_keyring_new(
	const struct ksk_start_signer *start, struct ksk_keyring **out_keyring)
{
	struct ksk_keyring *keyring = calloc(1, sizeof(*keyring));
	if (keyring == NULL)
		return KSK_ERR_NO_MEMORY;
	keyring->start = start;
	*out_keyring = keyring;
	return KSK_OK;
}

void
ksk_keyring_free(struct ksk_keyring **keyring)
{
	if (keyring == NULL || *keyring == NULL)
		return;
	struct ksk_keyring *k = *keyring;
	for (uint32_t i = 0; i < k->count; i++) {
		ksk_verify_key_free(&k->key[i]->verify);
		free(k->key[i]->dnskey);
		free(k->key[i]->why);
		free(k->key[i]);
	}
	for (size_t t = 0; t < KSK_TOKEN_COUNT_MAX; t++)
		free(k->token[t].key);
	free(k->key);
	free(k->bucket);
	free(k);
	*keyring = NULL;
}

static uint32_t
bucket_of(const struct ksk_keyring *keyring, const struct ksk_ds *ds)
{
	struct ksk_wire w = ksk_wire_of(
		ksk_span_of(ds->digest, sizeof(ds->digest)));
	return ksk_wire_u32(&w) & (keyring->bucket_count - 1);
}

static bool
same_key(const struct ksk_keyring_key *key, uint16_t token,
	const struct ksk_policy_ksk *ksk)
{
	return key->token == token && ksk_ds_equal(&key->ds, &ksk->ds) &&
		strcmp(key->label, ksk->label) == 0;
}

static uint32_t
find(const struct ksk_keyring *keyring, uint16_t token,
	const struct ksk_policy_ksk *ksk)
{
	if (keyring->bucket_count == 0)
		return KSK_NO_KEY;
	uint32_t mask = keyring->bucket_count - 1;
	for (uint32_t b = bucket_of(keyring, &ksk->ds); keyring->bucket[b] != 0;
		b = (b + 1) & mask) {
		uint32_t number = keyring->bucket[b] - 1;
		if (same_key(keyring->key[number], token, ksk))
			return number;
	}
	return KSK_NO_KEY;
}

static void
put(struct ksk_keyring *keyring, uint32_t number)
{
	uint32_t mask = keyring->bucket_count - 1;
	uint32_t b = bucket_of(keyring, &keyring->key[number]->ds);
	while (keyring->bucket[b] != 0)
		b = (b + 1) & mask;
	keyring->bucket[b] = number + 1;
}

/* Doubles the hash table when half full. */
static enum ksk_err
make_room(struct ksk_keyring *keyring)
{
	if (keyring->count < keyring->cap)
		return KSK_OK;
	uint32_t cap = keyring->cap == 0 ? 64 : keyring->cap * 2;
	struct ksk_keyring_key **key = realloc(
		keyring->key, cap * sizeof(*key));
	if (key == NULL)
		return KSK_ERR_NO_MEMORY;
	keyring->key = key;
	uint32_t *bucket = calloc(2 * (size_t)cap, sizeof(*bucket));
	if (bucket == NULL)
		return KSK_ERR_NO_MEMORY;
	free(keyring->bucket);
	keyring->bucket = bucket;
	keyring->bucket_count = 2 * cap;
	keyring->cap = cap;
	for (uint32_t i = 0; i < keyring->count; i++)
		put(keyring, i);
	return KSK_OK;
}

static enum ksk_err
list_append(struct token_list *list, uint32_t number)
{
	if (list->count == list->cap) {
		uint32_t cap = list->cap == 0 ? 64 : list->cap * 2;
		uint32_t *key = realloc(list->key, cap * sizeof(*key));
		if (key == NULL)
			return KSK_ERR_NO_MEMORY;
		list->key = key;
		list->cap = cap;
	}
	list->key[list->count++] = number;
	return KSK_OK;
}

static enum ksk_err
add(struct ksk_keyring *keyring, uint16_t token, const struct ksk_name *zone,
	const struct ksk_policy_ksk *ksk, uint32_t *out_number)
{
	if (keyring->token[token].count == KSK_SLOT_COUNT_MAX)
		return KSK_ERR_TOO_LARGE;
	enum ksk_err err = make_room(keyring);
	if (err != KSK_OK)
		return err;
	struct ksk_keyring_key *key = calloc(1, sizeof(*key));
	if (key == NULL)
		return KSK_ERR_NO_MEMORY;
	key->token = token;
	key->slot = keyring->token[token].count;
	key->zone = *zone;
	key->ds = ksk->ds;
	memcpy(key->label, ksk->label, sizeof(key->label));
	err = list_append(&keyring->token[token], keyring->count);
	if (err != KSK_OK) {
		free(key);
		return err;
	}
	keyring->key[keyring->count] = key;
	put(keyring, keyring->count);
	*out_number = keyring->count++;
	return KSK_OK;
}

static bool
token_index(const struct ksk_keyring *keyring, const char *name,
	uint16_t *out_index)
{
	for (uint16_t i = 0; i < keyring->start->token_count; i++) {
		if (strcmp(keyring->start->token[i], name) == 0) {
			*out_index = i;
			return true;
		}
	}
	return false;
}

enum ksk_err
ksk_keyring_load_zone(struct ksk_keyring *keyring,
	const struct ksk_table *table, const struct ksk_zone *zone,
	uint32_t *map)
{
	struct ksk_name name;
	ksk_table_zone_name(table, zone, &name);
	for (uint32_t i = 0; i < zone->ksks.count; i++) {
		uint32_t at = zone->ksks.first + i;
		const struct ksk_policy_ksk *ksk = &table->ksks[at];
		uint16_t token;
		map[at] = KSK_NO_KEY;
		if (!token_index(keyring, ksk->token, &token))
			continue;
		map[at] = find(keyring, token, ksk);
		enum ksk_err err = map[at] != KSK_NO_KEY
			? KSK_OK
			: add(keyring, token, &name, ksk, &map[at]);
		if (err != KSK_OK)
			return err;
		keyring->key[map[at]]->named++;
	}
	return KSK_OK;
}

void
ksk_keyring_unname(
	struct ksk_keyring *keyring, const uint32_t *map, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (map[i] != KSK_NO_KEY)
			keyring->key[map[i]]->named--;
}

struct ksk_keyring_key *
ksk_keyring_key(struct ksk_keyring *keyring, uint32_t number)
{
	return number < keyring->count ? keyring->key[number] : NULL;
}

uint32_t
ksk_keyring_slots(const struct ksk_keyring *keyring, uint16_t token)
{
	return keyring->token[token].count;
}

struct ksk_keyring_key *
ksk_keyring_at(struct ksk_keyring *keyring, uint16_t token, uint32_t slot)
{
	if (token >= KSK_TOKEN_COUNT_MAX || slot >= keyring->token[token].count)
		return NULL;
	return keyring->key[keyring->token[token].key[slot]];
}

bool
ksk_keyring_misses(const struct ksk_keyring *keyring, uint16_t token)
{
	const struct token_list *list = &keyring->token[token];
	for (uint32_t i = 0; i < list->count; i++) {
		const struct ksk_keyring_key *key = keyring->key[list->key[i]];
		if (key->state == KSK_KEY_MISSING && key->named > 0)
			return true;
	}
	return false;
}

static bool
set_missing(struct ksk_keyring_key *key, const char *why)
{
	if (key->state == KSK_KEY_MISSING && key->why != NULL &&
		strcmp(key->why, why) == 0)
		return false;
	ksk_verify_key_free(&key->verify);
	free(key->dnskey);
	free(key->why);
	key->dnskey = NULL;
	key->dnskey_len = 0;
	key->why = strdup(why);
	key->state = KSK_KEY_MISSING;
	return true;
}

bool
ksk_keyring_answer(
	struct ksk_keyring_key *key, struct ksk_span dnskey, const char *why)
{
	if (dnskey.len == 0)
		return set_missing(key, why);
	if (key->state == KSK_KEY_FOUND &&
		ksk_span_equal(
			dnskey, ksk_span_of(key->dnskey, key->dnskey_len)))
		return false;
	if (!ksk_ds_matches(&key->ds, &key->zone, dnskey))
		return set_missing(key,
			"the token's key is not the one that the policy pins");
	struct ksk_verify_key *verify = NULL;
	struct ksk_dnskey fields;
	uint8_t *copy = malloc(dnskey.len);
	if (copy == NULL || ksk_dnskey_read(dnskey, &fields) != KSK_OK ||
		ksk_verify_key_new(dnskey, &verify) != KSK_OK) {
		free(copy);
		return set_missing(
			key, "the token's public key can't be used to verify");
	}
	(void)set_missing(key, "");
	memcpy(copy, dnskey.data, dnskey.len);
	key->dnskey = copy;
	key->dnskey_len = dnskey.len;
	key->tag = fields.tag;
	key->revoked_tag = fields.revoked_tag;
	key->verify = verify;
	key->state = KSK_KEY_FOUND;
	return true;
}
