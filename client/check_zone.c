/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_zone - one zone, every address of every server, and the parent; see
 * check.h.
 */
#include "client/check.h"

#include "client/reach.h"
#include "protocol/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RFC 9715: an answer above this is cut off or fragmented over UDP. */
#define SIZE_WARNING 1232u

#define WARNING_PART 4u
#define CRITICAL_PART 8u

#define TYPE_NS 2u

const char *
ksk_check_level_text(enum ksk_check_level level)
{
	switch (level) {
	case KSK_CHECK_OK:
		return "OK";
	case KSK_CHECK_WARNING:
		return "WARNING";
	case KSK_CHECK_CRITICAL:
		return "CRITICAL";
	case KSK_CHECK_UNKNOWN:
		return "UNKNOWN";
	}
	return "UNKNOWN";
}

/* Critical outweighs unknown: it is known to be bad. */
static bool
is_worse(enum ksk_check_level a, enum ksk_check_level b)
{
	static const int weight[] = {0, 1, 3, 2};

	return weight[a] > weight[b];
}

void
ksk_check_add(struct ksk_check_zone *z, enum ksk_check_level level,
	const char *provider, const char *address, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (is_worse(level, z->level))
		z->level = level;
	(void)json_array_append_new(z->problems,
		json_pack("{s:s, s:s, s:s, s:o}", "level",
			ksk_check_level_text(level), "provider", provider,
			"address", address, "text", ksk_json_words(text)));
}

enum ksk_check_level
ksk_check_worst(const struct ksk_check_zone *zones, size_t count)
{
	enum ksk_check_level level = KSK_CHECK_OK;

	for (size_t i = 0; i < count; i++) {
		if (is_worse(zones[i].level, level))
			level = zones[i].level;
	}
	return level;
}

/* ---- time ---- */

static void
check_window(struct ksk_check_zone *z, unsigned at)
{
	const struct ksk_window *usual = &z->held->keys->window;
	uint64_t length = usual->expiration - usual->inception;
	uint64_t warning = z->warning != 0 ? z->warning : length / WARNING_PART;
	uint64_t critical = z->critical != 0 ? z->critical
					     : length / CRITICAL_PART;
	uint64_t end = z->want[at].window.expiration;
	uint64_t left = end > z->now ? end - z->now : 0;
	char buf[10];

	if (!z->want[at].there || (left >= warning && left >= critical))
		return;
	ksk_check_add(z,
		left < critical ? KSK_CHECK_CRITICAL : KSK_CHECK_WARNING, "",
		"", "the signatures over %s end in %llu hours",
		ksk_type_text(ksk_signed_type(at), buf),
		(unsigned long long)left / 3600);
}

/* ---- zone data ---- */

bool
ksk_check_is_signed(const struct ksk_check_zone *z,
	const struct ksk_rrset *rrset, struct ksk_span rdata)
{
	const struct ksk_rrset *keys = &z->want[KSK_AT_DNSKEY].rrset;
	struct ksk_rrsig rrsig;

	if (ksk_rrsig_read(rdata, &rrsig) != KSK_OK)
		return false;
	for (size_t i = 0; i < keys->count; i++) {
		if (ksk_verify_rrsig(rrset, &rrsig, &keys->owner,
			    keys->rdata[i], z->now, NULL) == KSK_OK)
			return true;
	}
	return false;
}

static void
check_data(struct ksk_check_zone *z, const char *provider, const char *address,
	const struct ksk_dns_answer *answer, const char *type)
{
	if (answer->rcode != 0 || answer->rrset.count == 0) {
		ksk_check_add(z, KSK_CHECK_CRITICAL, provider, address,
			"it serves no %s", type);
		return;
	}
	for (size_t i = 0; i < answer->rrsig_count; i++) {
		if (ksk_check_is_signed(z, &answer->rrset, answer->rrsig[i]))
			return;
	}
	ksk_check_add(z, KSK_CHECK_CRITICAL, provider, address,
		"no key of the signed set has signed its %s", type);
}

static void
check_ns(struct ksk_check_zone *z, const struct ksk_sync_provider *provider,
	const char *address)
{
	struct ksk_endpoint endpoint = {0};
	struct ksk_dns_server server = {.endpoint = &endpoint,
		.tsig = provider->has_tsig ? &provider->tsig : NULL,
		.timeout_ms = z->config->timeout_ms,
		.silent = z->config->silent};
	struct ksk_dns_answer answer = {0};
	struct ksk_fault fault = {0};

	if (ksk_endpoint_read(address, &endpoint, &fault) == KSK_OK &&
		ksk_dns_ask(&server, &z->zone->owner, TYPE_NS, &answer,
			&fault) == KSK_OK)
		check_data(z, provider->name, address, &answer, "NS");
	else
		ksk_check_add(z, KSK_CHECK_CRITICAL, provider->name, address,
			"%s", fault.text);
	ksk_dns_answer_wipe(&answer);
}

/* ---- one address ---- */

static void
check_address(struct ksk_check_zone *z,
	const struct ksk_sync_provider *provider,
	const struct ksk_served *served)
{
	size_t before = json_array_size(z->problems);
	size_t size = served->answer[KSK_AT_DNSKEY].size;
	json_t *faults = json_array(), *fault;
	size_t i;

	(void)ksk_served_compare(served, z->want, provider->own_ksk, faults);
	json_array_foreach(faults, i, fault)
		ksk_check_add(z, KSK_CHECK_CRITICAL, provider->name,
			served->address, "%s", json_string_value(fault));
	json_decref(faults);
	if (served->reached) {
		ksk_check_journal(z, provider->name, served);
		if (provider->own_ksk)
			check_data(z, provider->name, served->address,
				&served->answer[KSK_AT_DNSKEY], "DNSKEY");
		check_data(z, provider->name, served->address,
			&served->answer[KSK_AT_SOA], "SOA");
		check_ns(z, provider, served->address);
		ksk_check_denial(z, provider, served->address);
	}
	if (size > SIZE_WARNING)
		ksk_check_add(z, KSK_CHECK_WARNING, provider->name,
			served->address,
			"the answer for DNSKEY has %zu bytes, more than %u",
			size, SIZE_WARNING);
	(void)json_array_append_new(z->addresses,
		json_pack("{s:s, s:s, s:b, s:I}", "provider", provider->name,
			"address", served->address, "ok",
			json_array_size(z->problems) == before, "size",
			(json_int_t)size));
}

static void
check_provider(
	struct ksk_check_zone *z, const struct ksk_sync_provider *provider)
{
	struct ksk_served_list served = {0};

	if (ksk_served_ask(z->config, provider, &z->zone->owner, &served) !=
		KSK_OK)
		ksk_check_add(z, KSK_CHECK_UNKNOWN, provider->name, "",
			"no memory is left");
	for (size_t i = 0; i < served.count; i++)
		check_address(z, provider, &served.list[i]);
	ksk_served_free(&served);
}

/* ---- the parent ---- */

/* True if a key of the signed set is the one that a DS names. */
static bool
is_in_set(const struct ksk_check_zone *z, const struct ksk_ds *ds)
{
	const struct ksk_rrset *keys = &z->want[KSK_AT_DNSKEY].rrset;

	for (size_t i = 0; i < keys->count; i++) {
		if (ksk_ds_matches(ds, &keys->owner, keys->rdata[i]))
			return true;
	}
	return false;
}

static void
check_ds(struct ksk_check_zone *z, const char *address,
	const struct ksk_rrset *rrset)
{
	size_t known = 0;

	for (size_t i = 0; i < rrset->count; i++) {
		struct ksk_ds ds;

		if (ksk_ds_read(rrset->rdata[i], &ds) == KSK_OK &&
			is_in_set(z, &ds)) {
			known++;
			continue;
		}
		ksk_check_add(z, KSK_CHECK_WARNING, "parent", address,
			"the DS of key %u is of no key of the signed set",
			rrset->rdata[i].len < 2
				? 0u
				: (unsigned)rrset->rdata[i].data[0] << 8 |
					rrset->rdata[i].data[1]);
	}
	if (rrset->count == 0)
		ksk_check_add(z, KSK_CHECK_WARNING, "parent", address,
			"there is no DS: nobody validates the zone");
	else if (known == 0)
		ksk_check_add(z, KSK_CHECK_CRITICAL, "parent", address,
			"no DS is of a key of the signed set: the zone is "
			"bogus");
	else if (z->want[KSK_AT_CDS].there) {
		const struct ksk_rrset *cds = &z->want[KSK_AT_CDS].rrset;

		for (size_t i = 0; i < cds->count; i++) {
			if (!ksk_rrset_has(rrset, cds->rdata[i]))
				ksk_check_add(z, KSK_CHECK_WARNING, "parent",
					address,
					"it has not taken over what CDS says");
		}
	}
}

static void
check_parent(struct ksk_check_zone *z, const struct ksk_endpoint *named)
{
	struct ksk_endpoint list[KSK_DNS_ADDRESS_MAX];
	struct ksk_fault fault = {0};
	size_t count = 0;

	if (ksk_dns_addresses(named, z->config->silent, list, &count, &fault) !=
		KSK_OK)
		ksk_check_add(z, KSK_CHECK_CRITICAL, "parent", named->address,
			"%s", fault.text);
	for (size_t i = 0; i < count; i++) {
		struct ksk_dns_server server = {.endpoint = &list[i],
			.timeout_ms = z->config->timeout_ms,
			.silent = z->config->silent};
		struct ksk_dns_answer answer = {0};

		if (ksk_dns_ask(&server, &z->zone->owner, KSK_TYPE_DS, &answer,
			    &fault) != KSK_OK)
			ksk_check_add(z, KSK_CHECK_CRITICAL, "parent",
				list[i].address, "%s", fault.text);
		else
			check_ds(z, list[i].address, &answer.rrset);
		ksk_dns_answer_wipe(&answer);
	}
}

static void
check_parents(struct ksk_check_zone *z)
{
	size_t before = json_array_size(z->problems);

	z->has_parent = z->zone->parent_count != 0;
	for (unsigned i = 0; i < z->zone->parent_count; i++)
		check_parent(z, &z->zone->parent[i]);
	z->parent_ok = json_array_size(z->problems) == before;
}

/* ---- the whole ---- */

static void
check_all(struct ksk_check_zone *z)
{
	enum ksk_ctl_exit exit = ksk_reach(&z->ctl, ksk_check_ask, z);

	if (exit != KSK_CTL_DONE || z->held->keys == NULL) {
		ksk_check_add(z,
			exit == KSK_CTL_UNVERIFIED ? KSK_CHECK_CRITICAL
						   : KSK_CHECK_UNKNOWN,
			"", "", "the appliance does not say what must be");
		return;
	}
	if (!z->want[KSK_AT_DNSKEY].there) {
		ksk_check_add(
			z, KSK_CHECK_UNKNOWN, "", "", "nothing was signed yet");
		return;
	}
	for (unsigned i = 0; i < KSK_SIGNED_COUNT; i++)
		check_window(z, i);
	for (unsigned i = 0; i < z->zone->count; i++)
		check_provider(z, &z->config->provider[z->zone->provider[i]]);
	check_parents(z);
}

/* The first second in which a signature of the zone ends; 0: there is none. */
static uint64_t
first_end(const struct ksk_check_zone *z)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < KSK_SIGNED_COUNT; i++) {
		if (z->want[i].there &&
			(end == 0 || z->want[i].window.expiration < end))
			end = z->want[i].window.expiration;
	}
	return end;
}

void
ksk_check_zone_run(struct ksk_check_zone *z)
{
	z->problems = json_array();
	z->addresses = json_array();
	z->held = calloc(1, sizeof(*z->held));
	if (z->held == NULL) {
		ksk_check_add(
			z, KSK_CHECK_UNKNOWN, "", "", "no memory is left");
		return;
	}
	check_all(z);
	z->end = first_end(z);
	ksk_held_free(z->held);
	free(z->held);
	z->held = NULL;
}

void
ksk_check_zone_wipe(struct ksk_check_zone *z)
{
	for (unsigned i = 0; i < KSK_SIGNED_COUNT; i++)
		ksk_signed_wipe(&z->want[i]);
	json_decref(z->problems);
	json_decref(z->addresses);
	z->problems = z->addresses = NULL;
}

/* ---- from one process to another ---- */

json_t *
ksk_check_give(const struct ksk_check_zone *z)
{
	return json_pack("{s:i, s:O, s:O, s:b, s:b, s:i, s:I}", "level",
		(int)z->level, "problems", z->problems, "addresses",
		z->addresses, "has-parent", z->has_parent, "parent-ok",
		z->parent_ok, "foreign", (int)z->foreign, "end",
		(json_int_t)z->end);
}

bool
ksk_check_take(struct ksk_check_zone *z, json_t *value)
{
	int level = 0, has_parent = 0, parent_ok = 0, foreign = 0;
	json_t *problems, *addresses;
	json_int_t end = 0;

	z->problems = json_array();
	z->addresses = json_array();
	if (value == NULL ||
		json_unpack(value, "{s:i, s:o, s:o, s:b, s:b, s:i, s:I}",
			"level", &level, "problems", &problems, "addresses",
			&addresses, "has-parent", &has_parent, "parent-ok",
			&parent_ok, "foreign", &foreign, "end", &end) != 0)
		return false;
	(void)json_array_extend(z->problems, problems);
	(void)json_array_extend(z->addresses, addresses);
	z->level = (enum ksk_check_level)level;
	z->has_parent = has_parent != 0;
	z->parent_ok = parent_ok != 0;
	z->foreign = (unsigned)foreign;
	z->end = (uint64_t)end;
	return true;
}
