/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes the table: zones sorted by name, the head, then the sections back to
 * back. The result is opened once as the signer will open it: a table that the
 * reader refuses is a bug of ours and must not get as far as a reload.
 */
#include "appliance/policy/compile_work.h"

#include <stdlib.h>
#include <string.h>

/* A zone with its name beside it, for qsort. */
struct order {
	const uint8_t *name;
	size_t len;
	size_t index;
};

static int
order_zones(const void *a, const void *b)
{
	const struct order *x = a, *y = b;
	struct ksk_name nx = {.len = (uint8_t)x->len};
	struct ksk_name ny = {.len = (uint8_t)y->len};

	memcpy(nx.wire, x->name, x->len);
	memcpy(ny.wire, y->name, y->len);
	return ksk_name_compare(&nx, &ny);
}

static void
write_zones(const struct ksk_work *work, struct order *order, uint8_t *out)
{
	const struct ksk_vec *vec = &work->part[KSK_SECTION_ZONES];
	const struct ksk_zone *zones = vec->data;
	const uint8_t *pool = work->part[KSK_SECTION_POOL].data;

	for (size_t i = 0; i < vec->count; i++)
		order[i] = (struct order){
			pool + zones[i].name.first, zones[i].name.count, i};
	qsort(order, vec->count, sizeof(*order), order_zones);
	for (size_t i = 0; i < vec->count; i++)
		memcpy(out + i * vec->size, &zones[order[i].index], vec->size);
}

static size_t
lay_out(struct ksk_work *work)
{
	size_t at = sizeof(work->head);

	for (size_t i = 0; i < KSK_SECTION_COUNT; i++) {
		at = (at + 7) & ~(size_t)7;
		work->head.part[i] = (struct ksk_table_part){
			.offset = at,
			.count = work->part[i].count,
			.size = work->part[i].size,
		};
		at += work->part[i].count * work->part[i].size;
	}
	work->head.total_len = at;
	return at;
}

static void
write_table(const struct ksk_work *work, struct order *order, uint8_t *out)
{
	memcpy(out, &work->head, sizeof(work->head));
	for (size_t i = 0; i < KSK_SECTION_COUNT; i++) {
		const struct ksk_vec *vec = &work->part[i];
		uint8_t *to = out + work->head.part[i].offset;

		if (vec->count == 0)
			continue;
		if (i == KSK_SECTION_ZONES)
			write_zones(work, order, to);
		else
			memcpy(to, vec->data, vec->count * vec->size);
	}
}

enum ksk_err
ksk_compile_table(struct ksk_work *work, uint8_t **out_bytes, size_t *out_len)
{
	size_t zones = work->part[KSK_SECTION_ZONES].count;
	enum ksk_err err = KSK_ERR_NO_MEMORY;
	struct order *order = NULL;
	uint8_t *bytes = NULL;
	struct ksk_table table;
	size_t len;

	memcpy(work->head.magic, KSK_TABLE_MAGIC, sizeof(work->head.magic));
	len = lay_out(work);
	bytes = calloc(1, len);
	order = calloc(zones == 0 ? 1 : zones, sizeof(*order));
	if (bytes == NULL || order == NULL)
		goto out;
	write_table(work, order, bytes);
	err = ksk_table_open(
		ksk_span_of(bytes, len), &table, &work->faults->list[0]);
	if (err != KSK_OK) {
		work->faults->count = 1;
		err = KSK_ERR_INTERNAL;
		goto out;
	}
	*out_bytes = bytes;
	*out_len = len;
	bytes = NULL;
	err = KSK_OK;
out:
	free(order);
	free(bytes);
	return err;
}
