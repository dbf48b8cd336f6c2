/* SPDX-License-Identifier: BSD-2-Clause */
/* needed - see needed.h. */
#include "appliance/signer/needed.h"

#include "appliance/policy/rules.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define STATE_NAME "needed"

/* Room that is left for what else becomes durable with a policy. */
#define REST_ROWS 64u
#define REST_BYTES (512u * 1024u)

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, KSK_NEEDED_LEN);
}

/* A name on the wire ends with its root label: what follows is the provider. */
static void
digest_of(const struct ksk_name *zone, const char *provider,
	uint8_t out[KSK_NEEDED_LEN])
{
	uint8_t text[KSK_NAME_MAX + KSK_LABEL_CAP], hash[KSK_HASH_LEN];
	size_t len = strnlen(provider, KSK_LABEL_CAP);

	memcpy(text, zone->wire, zone->len);
	memcpy(text + zone->len, provider, len);
	if (EVP_Digest(text, zone->len + len, hash, NULL, EVP_sha256(), NULL) !=
		1)
		abort(); /* OpenSSL has SHA-256 */
	memcpy(out, hash, KSK_NEEDED_LEN);
}

/* Sorted when it is asked for the first time: mostly nobody asks. */
static bool
has(struct ksk_needed *needed, const uint8_t digest[KSK_NEEDED_LEN])
{
	if (needed->count == 0)
		return false;
	if (!needed->sorted)
		qsort(needed->digest, needed->count, KSK_NEEDED_LEN, compare);
	needed->sorted = true;
	return bsearch(digest, needed->digest, needed->count, KSK_NEEDED_LEN,
		       compare) != NULL;
}

static enum ksk_err
make_room(const struct ksk_table *table, struct ksk_needed *needed)
{
	size_t most = 1;

	for (size_t z = 0; z < table->zone_count; z++)
		most += table->zones[z].providers.count;
	needed->digest = calloc(most, KSK_NEEDED_LEN);
	needed->known = needed->digest != NULL;
	return needed->known ? KSK_OK : KSK_ERR_NO_MEMORY;
}

enum ksk_err
ksk_needed_add(struct ksk_needed *needed, const struct ksk_inforce *policy,
	size_t zone, struct ksk_needed *before, uint64_t now)
{
	const struct ksk_table *table = &policy->table;
	const struct ksk_zone *z = &table->zones[zone];
	struct ksk_name name;

	if (!needed->known && make_room(table, needed) != KSK_OK)
		return KSK_ERR_NO_MEMORY;
	ksk_table_zone_name(table, z, &name);
	for (uint32_t i = 0; i < z->providers.count; i++) {
		const struct ksk_policy_provider *p =
			&table->providers[z->providers.first + i];
		uint8_t *digest = needed->digest +
			needed->count * KSK_NEEDED_LEN;

		digest_of(&name, p->name, digest);
		if (policy->held[zone] != 0 ? has(before, digest)
					    : ksk_rules_needs(z, p, now))
			needed->count++;
	}
	return KSK_OK;
}

enum ksk_err
ksk_needed_build(const struct ksk_inforce *policy, struct ksk_needed *before,
	uint64_t now, struct ksk_needed *needed)
{
	struct ksk_needed made = {.known = false};
	enum ksk_err err = make_room(&policy->table, &made);

	for (size_t z = 0; z < policy->table.zone_count && err == KSK_OK; z++)
		err = ksk_needed_add(&made, policy, z, before, now);
	if (err != KSK_OK)
		return err;
	ksk_needed_wipe(needed);
	*needed = made;
	return KSK_OK;
}

enum ksk_err
ksk_needed_keep(struct ksk_journal *journal, const struct ksk_needed *needed)
{
	/* With a byte before it: to need nobody is something to know. */
	size_t len = 1 + needed->count * KSK_NEEDED_LEN;
	bool fits = ksk_journal_has_room(journal, REST_ROWS, len + REST_BYTES);
	uint8_t *value = calloc(1, len);
	enum ksk_err err;

	if (value == NULL)
		return KSK_ERR_NO_MEMORY;
	value[0] = 1;
	if (needed->count > 0)
		memcpy(value + 1, needed->digest, len - 1);
	err = ksk_journal_state_set(journal, STATE_NAME,
		ksk_span_of(value, fits && needed->known ? len : 0));
	free(value);
	return err;
}

static bool
take_value(void *ctx, const struct ksk_value *column, size_t count)
{
	struct ksk_needed *out = ctx;
	struct ksk_span value = column[0].bytes;

	if (count != 1 || value.len == 0)
		return false;
	out->known = true; /* and damaged, or without memory, until … */
	if (value.len % KSK_NEEDED_LEN != 1)
		return false;
	out->digest = malloc(value.len);
	if (out->digest == NULL)
		return false;
	out->count = value.len / KSK_NEEDED_LEN;
	memcpy(out->digest, value.data + 1, value.len - 1);
	return false;
}

enum ksk_err
ksk_needed_read(struct ksk_journal *journal, struct ksk_needed *out,
	struct ksk_fault *fault)
{
	struct ksk_needed read = {.known = false};
	enum ksk_err err = ksk_journal_query(journal,
		"SELECT value FROM state WHERE name = '" STATE_NAME "'", NULL,
		0, take_value, &read, fault);

	if (err == KSK_OK && read.known && read.digest == NULL) {
		ksk_fault_set(fault,
			"which providers were needed can't be read: it is "
			"damaged, or there is no memory");
		err = KSK_ERR_MALFORMED;
	}
	if (err != KSK_OK)
		ksk_needed_wipe(&read);
	else
		*out = read;
	return err;
}

uint32_t
ksk_needed_of(struct ksk_needed *needed, const struct ksk_table *table,
	const struct ksk_zone *zone)
{
	uint8_t digest[KSK_NEEDED_LEN];
	struct ksk_name name;
	uint32_t out = 0;

	ksk_table_zone_name(table, zone, &name);
	for (uint32_t i = 0; i < zone->providers.count && i < 32; i++) {
		digest_of(&name,
			table->providers[zone->providers.first + i].name,
			digest);
		if (has(needed, digest))
			out |= 1u << i;
	}
	return out;
}

void
ksk_needed_wipe(struct ksk_needed *needed)
{
	free(needed->digest);
	memset(needed, 0, sizeof(*needed));
}
