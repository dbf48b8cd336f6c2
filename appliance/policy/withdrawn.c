/* SPDX-License-Identifier: BSD-2-Clause */
/* withdrawn - see withdrawn.h. */
#include "appliance/policy/withdrawn.h"

#include "appliance/policy/withdrawn_add.h"
#include "protocol/wire.h"

#include <string.h>
#include <sys/mman.h>

/* Of the journal's form: a later one is another number. */
#define FORM 1u

static bool
is_hash(const uint8_t a[KSK_HASH_LEN], const uint8_t b[KSK_HASH_LEN])
{
	return memcmp(a, b, KSK_HASH_LEN) == 0;
}

/* ---- the list ---- */

bool
ksk_withdrawals_has(
	const struct ksk_withdrawals *all, const uint8_t hash[KSK_HASH_LEN])
{
	for (size_t i = 0; i < all->count; i++)
		if (is_hash(all->list[i].document, hash))
			return true;
	return false;
}

size_t
ksk_withdrawals_documents(const struct ksk_withdrawals *all,
	uint8_t out[KSK_WITHDRAWAL_COUNT_MAX][KSK_HASH_LEN])
{
	size_t count = 0;

	/* What one document took stands together. */
	for (size_t i = 0; i < all->count; i++) {
		if (i > 0 &&
			is_hash(all->list[i].document,
				all->list[i - 1].document))
			continue;
		if (count < KSK_WITHDRAWAL_COUNT_MAX)
			memcpy(out[count], all->list[i].document, KSK_HASH_LEN);
		count++;
	}
	return count;
}

enum ksk_err
ksk_withdrawals_add(
	struct ksk_withdrawals *all, const struct ksk_document *document)
{
	uint8_t names[KSK_WITHDRAWAL_COUNT_MAX][KSK_HASH_LEN];

	if (document->taken_count > KSK_WITHDRAWN_MAX - all->count ||
		ksk_withdrawals_documents(all, names) >=
			KSK_WITHDRAWAL_COUNT_MAX)
		return KSK_ERR_NO_ROOM;
	for (uint32_t i = 0; i < document->taken_count; i++) {
		struct ksk_withdrawn *w = &all->list[all->count++];
		memcpy(w->document, document->hash, KSK_HASH_LEN);
		w->taken = document->taken[i];
	}
	return KSK_OK;
}

bool
ksk_withdrawals_lift(
	struct ksk_withdrawals *all, const uint8_t hash[KSK_HASH_LEN])
{
	size_t kept = 0, before = all->count;

	for (size_t i = 0; i < before; i++)
		if (!is_hash(all->list[i].document, hash))
			all->list[kept++] = all->list[i];
	all->count = kept;
	return kept != before;
}

/* ---- the journal's form ---- */

enum ksk_err
ksk_withdrawals_write(const struct ksk_withdrawals *all, struct ksk_buf *out)
{
	struct ksk_wire_out w = ksk_wire_out_of(out);

	ksk_wire_put_u8(&w, FORM);
	ksk_wire_put_u16(&w, (uint16_t)all->count);
	for (size_t i = 0; i < all->count; i++) {
		const struct ksk_taken *t = &all->list[i].taken;
		ksk_wire_put_bytes(
			&w, ksk_span_of(all->list[i].document, KSK_HASH_LEN));
		ksk_wire_put_u8(&w, t->is_key);
		if (t->is_key == 0) {
			ksk_wire_put_bytes(
				&w, ksk_span_of(t->pin, KSK_PIN_LEN));
			ksk_wire_put_u32(&w, t->may);
			continue;
		}
		ksk_wire_put_block(&w, ksk_span_of(t->zone + 1, t->zone[0]));
		ksk_wire_put_u16(&w, t->ds.tag);
		ksk_wire_put_u8(&w, t->ds.algorithm);
		ksk_wire_put_u8(&w, t->ds.digest_type);
		ksk_wire_put_block(
			&w, ksk_span_of(t->ds.digest, t->ds.digest_len));
	}
	return w.err;
}

static void
read_key(struct ksk_wire *w, struct ksk_taken *t)
{
	struct ksk_span zone = ksk_wire_block(w, KSK_NAME_MAX);
	struct ksk_span digest;

	t->zone[0] = (uint8_t)zone.len;
	if (zone.len > 0)
		memcpy(t->zone + 1, zone.data, zone.len);
	t->ds.tag = ksk_wire_u16(w);
	t->ds.algorithm = ksk_wire_u8(w);
	t->ds.digest_type = ksk_wire_u8(w);
	digest = ksk_wire_block(w, KSK_DS_DIGEST_MAX);
	t->ds.digest_len = (uint8_t)digest.len;
	if (digest.len > 0)
		memcpy(t->ds.digest, digest.data, digest.len);
}

enum ksk_err
ksk_withdrawals_read(struct ksk_span bytes, struct ksk_withdrawals *out)
{
	struct ksk_wire w = ksk_wire_of(bytes);
	struct ksk_withdrawals all = {.count = 0};
	uint16_t count;
	enum ksk_err err;

	if (ksk_wire_u8(&w) != FORM)
		ksk_wire_fail(&w, KSK_ERR_MALFORMED);
	count = ksk_wire_u16(&w);
	if (count > KSK_WITHDRAWN_MAX)
		ksk_wire_fail(&w, KSK_ERR_MALFORMED);
	for (uint16_t i = 0; i < count && w.err == KSK_OK; i++) {
		struct ksk_withdrawn *one = &all.list[all.count++];
		ksk_wire_copy(&w, one->document, KSK_HASH_LEN);
		one->taken.is_key = ksk_wire_u8(&w);
		if (one->taken.is_key > 1)
			ksk_wire_fail(&w, KSK_ERR_MALFORMED);
		if (one->taken.is_key == 1) {
			read_key(&w, &one->taken);
			continue;
		}
		ksk_wire_copy(&w, one->taken.pin, KSK_PIN_LEN);
		one->taken.may = ksk_wire_u32(&w);
	}
	err = ksk_wire_end(&w);
	if (err == KSK_OK)
		*out = all;
	return err == KSK_OK ? KSK_OK : KSK_ERR_MALFORMED;
}

/* ---- what it does to a policy ---- */

/* Calls each for the places of a policy that a withdrawn key has. A key that
 * stands in no zone's list is nobody's. */
static bool
for_keys(const struct ksk_taken *t, const struct ksk_table *table,
	bool (*each)(const struct ksk_policy_key *key))
{
	bool any = false;

	for (size_t z = 0; z < table->zone_count; z++) {
		const struct ksk_zone *zone = &table->zones[z];
		struct ksk_name name;

		ksk_table_zone_name(table, zone, &name);
		if (!ksk_withdrawn_is_of_zone(t, &name))
			continue;
		for (uint32_t p = 0; p < zone->providers.count; p++) {
			struct ksk_run run =
				table->providers[zone->providers.first + p]
					.keys;
			for (uint32_t k = 0; k < run.count; k++) {
				const struct ksk_policy_key *key =
					&table->keys[run.first + k];
				if (ksk_ds_equal(&key->ds, &t->ds))
					any = each(key) || any;
			}
		}
	}
	return any;
}

static bool
stands(const struct ksk_policy_key *key)
{
	return key->withdrawn == 0;
}

/* The table is in memory of its own, made below. */
static bool
take(const struct ksk_policy_key *key)
{
	((struct ksk_policy_key *)(uintptr_t)key)->withdrawn = 1;
	return true;
}

bool
ksk_withdrawals_touch(
	const struct ksk_withdrawals *all, const struct ksk_table *table)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct ksk_taken *t = &all->list[i].taken;
		const struct ksk_client *client;
		bool full;

		if (t->is_key == 1) {
			if (for_keys(t, table, stands) ||
				ksk_withdrawn_lacking(t, table, &full) > 0)
				return true;
			continue;
		}
		client = ksk_table_client_find(table, t->pin);
		if (client != NULL && (client->may & t->may) != 0)
			return true;
	}
	return false;
}

/* What providers announce is in no policy: what is taken away of that is put
 * there. */
static enum ksk_err
add_all(const struct ksk_withdrawals *all, struct ksk_table *table,
	struct ksk_fault *fault)
{
	enum ksk_err err = KSK_OK;

	for (size_t i = 0; i < all->count && err == KSK_OK; i++) {
		const struct ksk_taken *t = &all->list[i].taken;
		struct ksk_table more;
		bool full;

		if (ksk_withdrawn_lacking(t, table, &full) == 0)
			continue;
		err = ksk_withdrawn_add(t, table, &more, fault);
		if (err != KSK_OK)
			break;
		ksk_table_unmap(table);
		*table = more;
	}
	return err;
}

enum ksk_err
ksk_withdrawals_narrow(const struct ksk_withdrawals *all,
	const struct ksk_table *table, struct ksk_table *out,
	struct ksk_fault *fault)
{
	struct ksk_table copy;
	void *map = mmap(NULL, table->map_len, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	enum ksk_err err;

	if (map == MAP_FAILED) {
		ksk_fault_set(fault, "no memory for the policy");
		return KSK_ERR_NO_MEMORY;
	}
	memcpy(map, table->map, table->map_len);
	err = ksk_table_open(ksk_span_of(map, table->map_len), &copy, fault);
	if (err != KSK_OK) {
		(void)munmap(map, table->map_len);
		return err;
	}
	for (size_t i = 0; i < all->count; i++) {
		const struct ksk_taken *t = &all->list[i].taken;
		const struct ksk_client *client;

		if (t->is_key == 1) {
			(void)for_keys(t, &copy, take);
			continue;
		}
		client = ksk_table_client_find(&copy, t->pin);
		if (client != NULL)
			((struct ksk_client *)(uintptr_t)client)->may &=
				~t->may;
	}
	err = add_all(all, &copy, fault);
	if (err != KSK_OK)
		ksk_table_unmap(&copy);
	else
		*out = copy;
	return err;
}

const char *
ksk_withdrawals_trouble(
	const struct ksk_taken *taken, const struct ksk_table *table)
{
	struct ksk_name name;
	bool full;

	if (taken->is_key == 0)
		return ksk_table_client_find(table, taken->pin) != NULL
			? NULL
			: "the policy has no client with this pin";
	for (size_t i = 0; i < table->ksk_count; i++)
		if (ksk_ds_equal(&table->ksks[i].ds, &taken->ds))
			return "this is a KSK; only ZSKs can be withdrawn";
	(void)ksk_withdrawn_lacking(taken, table, &full);
	if (full)
		return "a provider that announces its keys has no room for a "
		       "further withdrawn one; a policy makes some";
	if (taken->zone[0] == 0)
		return NULL;
	if (ksk_name_from_wire(ksk_span_of(taken->zone + 1, taken->zone[0]),
		    &name) != KSK_OK ||
		ksk_table_zone_find(table, &name) == NULL)
		return "the policy has no such zone";
	return NULL;
}

bool
ksk_withdrawals_has_key(const struct ksk_withdrawals *all,
	const struct ksk_name *zone, const struct ksk_ds *ds)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct ksk_taken *t = &all->list[i].taken;
		if (t->is_key == 1 && ksk_withdrawn_is_of_zone(t, zone) &&
			ksk_ds_equal(&t->ds, ds))
			return true;
	}
	return false;
}
