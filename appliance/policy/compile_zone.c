/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Zones: names, limits, waits, and what must hold between them at load
 * (TIMING.md, window). The keys are compile_keys.c's and
 * compile_provider.c's.
 */
#include "appliance/policy/compile_work.h"

#include <stdlib.h>
#include <string.h>

#define DAY 86400u
#define HOUR 3600u

static void
compile_name(struct ksk_work *work, const struct ksk_at *at, const char *text,
	struct ksk_zone *zone)
{
	struct ksk_vec *pool = &work->part[KSK_SECTION_POOL];
	struct ksk_fault why = {""};
	struct ksk_name name;

	if (text == NULL)
		return;
	if (ksk_name_from_text(text, strlen(text), &name, &why) != KSK_OK) {
		ksk_work_fault(work, at, "name", "%s", why.text);
		return;
	}
	zone->name.first = (uint32_t)pool->count;
	zone->name.count = name.len;
	for (size_t i = 0; i < name.len; i++)
		ksk_vec_put(work, pool, &name.wire[i]);
}

static int
order_name(const void *key, const void *entry)
{
	const struct ksk_client_name *e = entry;

	return strcmp(key, e->name);
}

static void
compile_clients(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_doc_zone *doc, struct ksk_zone *zone)
{
	struct ksk_vec *vec = &work->part[KSK_SECTION_ZONE_CLIENTS];
	const uint32_t *list;

	zone->clients.first = (uint32_t)vec->count;
	/* One wrong name at the top is one fault, not one in each zone. */
	if (work->clients_faulty)
		return;
	for (size_t i = 0; i < doc->clients_count; i++) {
		struct ksk_at here = {.up = at, .key = "clients", .index = i};
		const struct ksk_client_name *found = NULL;
		uint32_t first = zone->clients.first;

		if (work->names.count != 0)
			found = bsearch(doc->clients[i], work->names.data,
				work->names.count, sizeof(*found), order_name);
		if (found == NULL) {
			ksk_work_fault(work, &here, NULL,
				"there is no client \"%.70s\"; write it into "
				"`clients` at the top, or remove it here",
				doc->clients[i]);
			continue;
		}
		list = vec->data;
		while (first < vec->count && list[first] != found->index)
			first++;
		if (first < vec->count)
			ksk_work_fault(work, &here, NULL,
				"\"%s\" stands here twice; keep one",
				doc->clients[i]);
		ksk_vec_put(work, vec, &found->index);
	}
	zone->clients.count = (uint32_t)vec->count - zone->clients.first;
}

static void
compile_algorithms(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_doc_zone *doc, struct ksk_zone *zone)
{
	static const char *const words[] = {
		"8", "10", "13", "14", "15", "16", NULL};
	static const unsigned number[] = {8, 10, 13, 14, 15, 16};
	uint32_t bits = 0;

	zone->algorithms = KSK_ALGORITHMS_DEFAULT;
	if (doc->algorithms == NULL)
		return;
	if (!ksk_value_words(work, at, "algorithms", doc->algorithms,
		    doc->algorithms_count, words, &bits)) {
		/* Only this fault, not one more for every key. */
		zone->algorithms = KSK_ALGORITHMS_KNOWN;
		return;
	}
	zone->algorithms = 0;
	for (unsigned i = 0; i < sizeof(number) / sizeof(number[0]); i++) {
		if ((bits & (1u << i)) != 0)
			zone->algorithms |= 1u << number[i];
	}
}

/* "60/1h" */
static void
compile_rate(struct ksk_work *work, const struct ksk_at *at, const char *text,
	struct ksk_zone *zone)
{
	char count_text[16] = "";
	uint64_t count = 60, per = HOUR;
	const char *slash;

	zone->rate_count = (uint32_t)count;
	zone->rate_per = per;
	if (text == NULL)
		return;
	slash = strchr(text, '/');
	if (slash != NULL && (size_t)(slash - text) < sizeof(count_text))
		memcpy(count_text, text, (size_t)(slash - text));
	if (ksk_text_uint(count_text, 1, KSK_RATE_MAX, &count) != KSK_OK ||
		ksk_text_duration(slash + 1, &per) != KSK_OK || per == 0) {
		ksk_work_fault(work, at, "rate",
			"\"%.40s\" is not right here; write answers and the "
			"time in which they are counted, such as 60/1h",
			text);
		return;
	}
	zone->rate_count = (uint32_t)count;
	zone->rate_per = per;
}

static void
compile_delete(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_doc_delete *doc, struct ksk_zone *zone)
{
	struct ksk_at here = {
		.up = at, .key = "cds-delete", .index = KSK_NO_INDEX};
	uint64_t until = 0;

	if (doc == NULL || doc->until == NULL ||
		!ksk_value_time(work, &here, "until", doc->until, &until))
		return;
	/* Past: the permission has ended by itself, as it should. */
	if (until > work->now && until - work->now > 2u * DAY) {
		ksk_work_fault(work, &here, "until",
			"this is more than 2 days ahead; a permission to "
			"delete the DS is short (RFC 8078 4)");
		return;
	}
	zone->cds_delete_until = until;
}

static bool
compile_signature(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_doc_signature *doc, struct ksk_zone *zone)
{
	static const struct ksk_doc_signature none = {.validity = NULL};
	struct ksk_at here = {
		.up = at, .key = "signature", .index = KSK_NO_INDEX};
	bool good = true;

	zone->validity = 14u * DAY;
	zone->refresh = 5u * DAY;
	zone->inception_offset = HOUR;
	zone->horizon = 0;
	zone->min_validity = DAY;
	if (doc == NULL)
		doc = &none;
	good &= ksk_value_duration(work, &here, "validity", doc->validity,
		KSK_VALIDITY_MAX, &zone->validity);
	good &= ksk_value_duration(work, &here, "refresh", doc->refresh,
		KSK_VALIDITY_MAX, &zone->refresh);
	good &= ksk_value_duration(work, &here, "inception-offset",
		doc->inception_offset, KSK_VALIDITY_MAX,
		&zone->inception_offset);
	good &= ksk_value_duration(work, &here, "horizon", doc->horizon,
		KSK_VALIDITY_MAX, &zone->horizon);
	good &= ksk_value_duration(work, &here, "min-validity",
		doc->min_validity, KSK_VALIDITY_MAX, &zone->min_validity);
	return good;
}

static bool
compile_waits(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_doc_waits *doc, struct ksk_zone *zone)
{
	struct ksk_at here = {.up = at, .key = "waits", .index = KSK_NO_INDEX};
	bool good = true;

	if (doc == NULL)
		return false;
	good &= ksk_value_duration(work, &here, "zone-max-ttl",
		doc->zone_max_ttl, KSK_DURATION_MAX, &zone->zone_max_ttl);
	good &= ksk_value_duration(work, &here, "propagation", doc->propagation,
		KSK_DURATION_MAX, &zone->propagation);
	good &= ksk_value_duration(work, &here, "sign-delay", doc->sign_delay,
		KSK_DURATION_MAX, &zone->sign_delay);
	good &= ksk_value_duration(work, &here, "parent-ds-ttl",
		doc->parent_ds_ttl, KSK_DURATION_MAX, &zone->parent_ds_ttl);
	good &= ksk_value_duration(work, &here, "parent-propagation",
		doc->parent_propagation, KSK_DURATION_MAX,
		&zone->parent_propagation);
	return good && doc->propagation != NULL;
}

static bool
compile_ttl(struct ksk_work *work, const struct ksk_at *at, const char *text,
	struct ksk_zone *zone)
{
	uint64_t ttl = 0;

	if (text == NULL ||
		!ksk_value_duration(work, at, "ttl", text, KSK_TTL_MAX, &ttl))
		return false;
	if (ttl == 0) {
		ksk_work_fault(work, at, "ttl",
			"a TTL of 0 can't be cached; write at least 1s");
		return false;
	}
	zone->ttl = (uint32_t)ttl;
	return true;
}

/*
 * TIMING.md, window: a set that is refreshed in time must never run out in a
 * cache, and the window that is used when a request names none must pass.
 */
static void
check_window(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_zone *z)
{
	struct ksk_at here = {
		.up = at, .key = "signature", .index = KSK_NO_INDEX};
	unsigned long long least = z->ttl + z->propagation;

	if (z->refresh < least)
		ksk_work_fault(work, &here, "refresh",
			"%llu seconds are less than ttl + propagation (%llu): "
			"caches would hold signatures that have run out; "
			"raise refresh",
			(unsigned long long)z->refresh, least);
	if (z->validity <= z->refresh || z->validity - z->refresh <= z->ttl)
		ksk_work_fault(work, &here, "validity",
			"validity - refresh must be more than the ttl (%u "
			"seconds); raise validity or lower refresh",
			z->ttl);
	if (z->validity <= z->inception_offset ||
		z->validity - z->inception_offset <= least)
		ksk_work_fault(work, &here, "inception-offset",
			"validity - inception-offset must be more than ttl + "
			"propagation (%llu seconds); lower inception-offset",
			least);
	if (z->min_validity > z->validity)
		ksk_work_fault(work, &here, "min-validity",
			"min-validity must not be above validity (%llu "
			"seconds)",
			(unsigned long long)z->validity);
}

static void
compile_limits(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_doc_zone *doc, struct ksk_zone *zone)
{
	static const char *const types[] = {"DNSKEY", "CDS", "CDNSKEY", NULL};
	uint64_t bits = 2048;

	/* The order of the words is that of the bits KSK_SIGNS_…. */
	(void)ksk_value_words(work, at, "sign", doc->sign, doc->sign_count,
		types, &zone->types);
	compile_algorithms(work, at, doc, zone);
	(void)ksk_value_uint(
		work, at, "rsa-min-bits", doc->rsa_min_bits, 1024, 4096, &bits);
	zone->rsa_min_bits = (uint16_t)bits;
	compile_rate(work, at, doc->rate, zone);
	(void)ksk_value_bool(
		work, at, "new-zone", doc->new_zone, &zone->new_zone);
	(void)ksk_value_bool(work, at, "accept-outage", doc->accept_outage,
		&zone->accept_outage);
	compile_delete(work, at, doc->cds_delete, zone);
}

static void
compile_zone(struct ksk_work *work, const struct ksk_at *at,
	const struct ksk_doc_zone *doc)
{
	struct ksk_zone zone;
	bool good;

	/* Padding too: tables of one text are equal byte for byte. */
	memset(&zone, 0, sizeof(zone));
	compile_name(work, at, doc->name, &zone);
	compile_clients(work, at, doc, &zone);
	compile_limits(work, at, doc, &zone);
	good = compile_ttl(work, at, doc->ttl, &zone);
	good &= compile_signature(work, at, doc->signature, &zone);
	good &= compile_waits(work, at, doc->waits, &zone);
	if (good)
		check_window(work, at, &zone);
	ksk_compile_keys(work, at, doc, &zone);
	ksk_compile_providers(work, at, doc, &zone);
	ksk_compile_pins_unique(work, at);
	ksk_vec_put(work, &work->part[KSK_SECTION_ZONES], &zone);
}

static void
check_unique(struct ksk_work *work)
{
	const struct ksk_vec *vec = &work->part[KSK_SECTION_ZONES];
	const struct ksk_zone *zones = vec->data;
	const uint8_t *pool = work->part[KSK_SECTION_POOL].data;
	const struct ksk_at at = {.key = "zones"};
	struct ksk_unique *list = calloc(vec->count, sizeof(*list));
	size_t count = 0;

	if (list == NULL) {
		work->err = KSK_ERR_NO_MEMORY;
		return;
	}
	for (size_t i = 0; i < vec->count; i++) {
		if (zones[i].name.count != 0)
			list[count++] = (struct ksk_unique){
				pool + zones[i].name.first, zones[i].name.count,
				i};
	}
	ksk_work_unique(work, list, count, &at, "name", "zone");
	free(list);
}

void
ksk_compile_zones(struct ksk_work *work, const struct ksk_doc *doc)
{
	for (size_t i = 0; i < doc->zones_count; i++) {
		struct ksk_at at = {.key = "zones", .index = i};

		/* Twenty faults are kept; a place costs a walk to find. */
		if (ksk_work_is_full(work))
			return;
		compile_zone(work, &at, &doc->zones[i]);
	}
	if (work->part[KSK_SECTION_ZONES].count != 0 && work->err == KSK_OK)
		check_unique(work);
}
