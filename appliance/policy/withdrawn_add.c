/* SPDX-License-Identifier: BSD-2-Clause */
/* withdrawn_add - see withdrawn_add.h. */
#include "appliance/policy/withdrawn_add.h"

#include "appliance/policy/table_layout.h"

#include <string.h>
#include <sys/mman.h>

bool
ksk_withdrawn_is_of_zone(
	const struct ksk_taken *taken, const struct ksk_name *zone)
{
	return taken->zone[0] == 0 ||
		ksk_span_equal(ksk_span_of(taken->zone + 1, taken->zone[0]),
			ksk_name_span(zone));
}

static bool
lists(const struct ksk_table *table, const struct ksk_policy_provider *p,
	const struct ksk_ds *ds)
{
	for (uint32_t i = 0; i < p->keys.count; i++)
		if (ksk_ds_equal(&table->keys[p->keys.first + i].ds, ds))
			return true;
	return false;
}

/* Calls each for the providers that announce and do not list the key. */
static void
for_lacking(const struct ksk_taken *taken, const struct ksk_table *table,
	void (*each)(void *ctx, const struct ksk_policy_provider *p), void *ctx)
{
	for (size_t z = 0; z < table->zone_count; z++) {
		const struct ksk_zone *zone = &table->zones[z];
		struct ksk_name name;

		ksk_table_zone_name(table, zone, &name);
		if (!ksk_withdrawn_is_of_zone(taken, &name))
			continue;
		for (uint32_t i = 0; i < zone->providers.count; i++) {
			const struct ksk_policy_provider *p =
				&table->providers[zone->providers.first + i];
			if (p->announced == 1 && !lists(table, p, &taken->ds))
				each(ctx, p);
		}
	}
}

struct count {
	size_t entries;
	bool full;
};

static void
count_one(void *ctx, const struct ksk_policy_provider *p)
{
	struct count *c = ctx;

	if (p->keys.count < KSK_PROVIDER_KEY_MAX)
		c->entries += p->keys.count + 1u;
	else
		c->full = true;
}

size_t
ksk_withdrawn_lacking(const struct ksk_taken *taken,
	const struct ksk_table *table, bool *out_full)
{
	struct count c = {.entries = 0};

	if (taken->is_key == 1)
		for_lacking(taken, table, count_one, &c);
	*out_full = c.full;
	return c.entries;
}

/* ---- a larger table ---- */

/* Where each section lies with so many more keys. */
static size_t
lay_out(const struct ksk_table_head *from, size_t more,
	struct ksk_table_head *out)
{
	size_t at = sizeof(*from);

	*out = *from;
	out->part[KSK_SECTION_KEYS].count += more;
	for (size_t i = 0; i < KSK_SECTION_COUNT; i++) {
		at = (at + 7) & ~(size_t)7;
		out->part[i].offset = at;
		at += out->part[i].count * out->part[i].size;
	}
	out->total_len = at;
	return at;
}

struct growing {
	const struct ksk_taken *taken;
	const struct ksk_table *table;         /* as it was */
	struct ksk_policy_provider *providers; /* of the new one … */
	struct ksk_policy_key *keys;
	size_t key_count;
};

/* Its keys move to the end, and one more stands behind them. */
static void
grow_one(void *ctx, const struct ksk_policy_provider *p)
{
	struct growing *g = ctx;
	struct ksk_policy_provider *to = &g->providers[p - g->table->providers];
	struct ksk_policy_key *key;

	if (p->keys.count >= KSK_PROVIDER_KEY_MAX)
		return;
	to->keys.first = (uint32_t)g->key_count;
	for (uint32_t i = 0; i < p->keys.count; i++)
		g->keys[g->key_count++] = g->table->keys[p->keys.first + i];
	key = &g->keys[g->key_count++];
	key->ds = g->taken->ds;
	key->retired = KSK_NEVER;
	key->withdrawn = 1;
	to->keys.count++;
}

enum ksk_err
ksk_withdrawn_add(const struct ksk_taken *taken, const struct ksk_table *table,
	struct ksk_table *out, struct ksk_fault *fault)
{
	const struct ksk_table_head *from = table->map;
	struct ksk_table_head head;
	bool full;
	size_t len = lay_out(
		from, ksk_withdrawn_lacking(taken, table, &full), &head);
	uint8_t *map = mmap(NULL, len, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	enum ksk_err err;

	if (map == MAP_FAILED) {
		ksk_fault_set(fault, "no memory for the policy");
		return KSK_ERR_NO_MEMORY;
	}
	memcpy(map, &head, sizeof(head));
	for (size_t i = 0; i < KSK_SECTION_COUNT; i++)
		memcpy(map + head.part[i].offset,
			(const uint8_t *)table->map + from->part[i].offset,
			from->part[i].count * from->part[i].size);
	struct growing g = {.taken = taken,
		.table = table,
		.providers = (void *)(map +
			head.part[KSK_SECTION_PROVIDERS].offset),
		.keys = (void *)(map + head.part[KSK_SECTION_KEYS].offset),
		.key_count = table->key_count};
	for_lacking(taken, table, grow_one, &g);
	err = ksk_table_open(ksk_span_of(map, len), out, fault);
	if (err != KSK_OK)
		(void)munmap(map, len);
	return err;
}
