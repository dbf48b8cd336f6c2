/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening a table and finding things in it. The bytes come from another
 * process (kskd-policy, by way of kskd): nothing in them is believed before
 * ksk_table_check_some has seen all of it: table_check.c looks at the entries.
 */
#include "appliance/policy/table.h"
#include "appliance/policy/table_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

size_t
ksk_table_entry_size(enum ksk_table_section section)
{
	static const size_t sizes[KSK_SECTION_COUNT] = {
		[KSK_SECTION_CLIENTS] = sizeof(struct ksk_client),
		[KSK_SECTION_ZONES] = sizeof(struct ksk_zone),
		[KSK_SECTION_ZONE_CLIENTS] = sizeof(uint32_t),
		[KSK_SECTION_KSKS] = sizeof(struct ksk_policy_ksk),
		[KSK_SECTION_DS] = sizeof(struct ksk_ds),
		[KSK_SECTION_PROVIDERS] = sizeof(struct ksk_policy_provider),
		[KSK_SECTION_KEYS] = sizeof(struct ksk_policy_key),
		[KSK_SECTION_COSIGNERS] = sizeof(struct ksk_policy_cosigner),
		[KSK_SECTION_TAG_PAIRS] = sizeof(struct ksk_tag_pair),
		[KSK_SECTION_LIFTS] = KSK_HASH_LEN,
		[KSK_SECTION_POOL] = 1,
	};

	return sizes[section];
}

/* The sections must lie back to back: then none can overlap another. */
static enum ksk_err
check_parts(
	const struct ksk_table_head *head, size_t len, struct ksk_fault *fault)
{
	uint64_t at = sizeof(*head);

	for (size_t i = 0; i < KSK_SECTION_COUNT; i++) {
		const struct ksk_table_part *p = &head->part[i];
		size_t size = ksk_table_entry_size((enum ksk_table_section)i);

		at = (at + 7) & ~(uint64_t)7;
		if (p->size != size || p->offset != at || at > len ||
			p->count > (len - at) / size) {
			ksk_fault_set(fault,
				"policy table: section %zu is out of bounds",
				i);
			return KSK_ERR_MALFORMED;
		}
		at += p->count * size;
	}
	if (at != len) {
		ksk_fault_set(
			fault, "policy table: bytes behind the last section");
		return KSK_ERR_MALFORMED;
	}
	return KSK_OK;
}

static const void *
part_of(struct ksk_span bytes, const struct ksk_table_head *head,
	enum ksk_table_section section)
{
	return bytes.data + head->part[section].offset;
}

static struct ksk_table
view_of(struct ksk_span bytes, const struct ksk_table_head *head)
{
	const struct ksk_table_part *p = head->part;
	struct ksk_table t = {
		.map = bytes.data,
		.map_len = bytes.len,
		.version = head->version,
		.clients = part_of(bytes, head, KSK_SECTION_CLIENTS),
		.client_count = p[KSK_SECTION_CLIENTS].count,
		.zones = part_of(bytes, head, KSK_SECTION_ZONES),
		.zone_count = p[KSK_SECTION_ZONES].count,
		.zone_clients = part_of(bytes, head, KSK_SECTION_ZONE_CLIENTS),
		.zone_client_count = p[KSK_SECTION_ZONE_CLIENTS].count,
		.ksks = part_of(bytes, head, KSK_SECTION_KSKS),
		.ksk_count = p[KSK_SECTION_KSKS].count,
		.ds = part_of(bytes, head, KSK_SECTION_DS),
		.ds_count = p[KSK_SECTION_DS].count,
		.providers = part_of(bytes, head, KSK_SECTION_PROVIDERS),
		.provider_count = p[KSK_SECTION_PROVIDERS].count,
		.keys = part_of(bytes, head, KSK_SECTION_KEYS),
		.key_count = p[KSK_SECTION_KEYS].count,
		.cosigners = part_of(bytes, head, KSK_SECTION_COSIGNERS),
		.cosigner_count = p[KSK_SECTION_COSIGNERS].count,
		.tag_pairs = part_of(bytes, head, KSK_SECTION_TAG_PAIRS),
		.tag_pair_count = p[KSK_SECTION_TAG_PAIRS].count,
		.has_replaces = head->has_replaces != 0,
		.not_after = head->not_after,
		.lifts = part_of(bytes, head, KSK_SECTION_LIFTS),
		.lift_count = p[KSK_SECTION_LIFTS].count,
		.pool = part_of(bytes, head, KSK_SECTION_POOL),
		.pool_len = p[KSK_SECTION_POOL].count,
	};

	memcpy(t.appliance, head->appliance, sizeof(t.appliance));
	memcpy(t.hash, head->hash, sizeof(t.hash));
	memcpy(t.replaces, head->replaces, sizeof(t.replaces));
	return t;
}

/* A view whose sections are in bounds; nothing is known of their entries. */
static enum ksk_err
view(struct ksk_span bytes, struct ksk_table *out_table,
	struct ksk_fault *fault)
{
	const struct ksk_table_head *head = (const void *)bytes.data;
	enum ksk_err err;

	if (bytes.len < sizeof(*head) || (uintptr_t)bytes.data % 8 != 0 ||
		memcmp(head->magic, KSK_TABLE_MAGIC, sizeof(head->magic)) !=
			0 ||
		head->total_len != bytes.len) {
		ksk_fault_set(fault,
			"policy table: no head of this build, or cut off");
		return KSK_ERR_MALFORMED;
	}
	err = check_parts(head, bytes.len, fault);
	if (err == KSK_OK)
		*out_table = view_of(bytes, head);
	return err;
}

enum ksk_err
ksk_table_open(struct ksk_span bytes, struct ksk_table *out_table,
	struct ksk_fault *fault)
{
	struct ksk_table_checker at = {0, 0};
	struct ksk_table table;
	enum ksk_err err = view(bytes, &table, fault);

	if (err == KSK_OK)
		err = ksk_table_check_some(&table, &at, SIZE_MAX, fault);
	if (err == KSK_OK)
		*out_table = table;
	return err;
}

enum ksk_err
ksk_table_map_unchecked(
	int fd, struct ksk_table *out_table, struct ksk_fault *fault)
{
	const int demanded = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	enum ksk_err err;
	void *map;

	/* Unsealed, the bytes could change after they were checked. */
	if (seals < 0 || (seals & demanded) != demanded) {
		ksk_fault_set(fault, "policy table: the memory is not sealed");
		return KSK_ERR_MALFORMED;
	}
	if (fstat(fd, &st) != 0) {
		ksk_fault_set(fault, "policy table: %s", strerror(errno));
		return KSK_ERR_IO;
	}
	if (st.st_size <= 0) {
		ksk_fault_set(fault, "policy table: the memory is empty");
		return KSK_ERR_MALFORMED;
	}
	/* Private: kernels before 6.7 refuse a shared map of sealed memory. */
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		ksk_fault_set(fault, "policy table: %s", strerror(errno));
		return KSK_ERR_IO;
	}
	err = view(ksk_span_of(map, (size_t)st.st_size), out_table, fault);
	if (err != KSK_OK)
		(void)munmap(map, (size_t)st.st_size);
	return err;
}

enum ksk_err
ksk_table_map(int fd, struct ksk_table *out_table, struct ksk_fault *fault)
{
	struct ksk_table_checker at = {0, 0};
	struct ksk_table table;
	enum ksk_err err = ksk_table_map_unchecked(fd, &table, fault);

	if (err != KSK_OK)
		return err;
	err = ksk_table_check_some(&table, &at, SIZE_MAX, fault);
	if (err == KSK_OK)
		*out_table = table;
	else
		ksk_table_unmap(&table);
	return err;
}

void
ksk_table_unmap(struct ksk_table *table)
{
	/* munmap takes no const; the pages are read only. */
	if (table->map != NULL)
		(void)munmap((void *)(uintptr_t)table->map, table->map_len);
	*table = (struct ksk_table){.map = NULL};
}

void
ksk_table_zone_name(const struct ksk_table *table, const struct ksk_zone *zone,
	struct ksk_name *out_name)
{
	*out_name = (struct ksk_name){.len = (uint8_t)zone->name.count};
	memcpy(out_name->wire, table->pool + zone->name.first,
		zone->name.count);
}

const struct ksk_zone *
ksk_table_zone_find(const struct ksk_table *table, const struct ksk_name *name)
{
	size_t low = 0, high = table->zone_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		struct ksk_name at;
		int order;

		ksk_table_zone_name(table, &table->zones[mid], &at);
		order = ksk_name_compare(name, &at);
		if (order == 0)
			return &table->zones[mid];
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

const struct ksk_client *
ksk_table_client_find(
	const struct ksk_table *table, const uint8_t pin[KSK_PIN_LEN])
{
	size_t low = 0, high = table->client_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		/* A pin is no secret: it is in every certificate. */
		int order = memcmp(pin, table->clients[mid].pin, KSK_PIN_LEN);

		if (order == 0)
			return &table->clients[mid];
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

bool
ksk_table_zone_has_client(const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_client *client)
{
	for (uint32_t i = 0; i < zone->clients.count; i++) {
		uint32_t at = table->zone_clients[zone->clients.first + i];

		if (&table->clients[at] == client)
			return true;
	}
	return false;
}
