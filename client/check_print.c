/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_print - what was found, as monitoring plugins say it, as JSON, and in
 * the text form of Prometheus; see check.h.
 */
#include "client/check.h"

#include <inttypes.h>
#include <string.h>

static const char *
text_of(const json_t *value, const char *key)
{
	const char *text = json_string_value(json_object_get(value, key));

	return text == NULL ? "" : text;
}

/* ---- a plugin's lines ---- */

static void
add_problem(const struct ksk_check_zone *z, const json_t *problem,
	struct ksk_text *text)
{
	const char *provider = text_of(problem, "provider");
	const char *address = text_of(problem, "address");
	size_t begin = text->len;

	ksk_text_add(text, "%s: %s%s%s%s%s", z->zone->text, provider,
		provider[0] != '\0' && address[0] != '\0' ? " " : "", address,
		provider[0] != '\0' || address[0] != '\0' ? ": " : "",
		text_of(problem, "text"));
	/* A bar begins the performance data. */
	for (size_t i = begin; i < text->len; i++) {
		if (text->data[i] == '|')
			text->data[i] = '/';
	}
}

/* The worst problem of all, for the first line. */
static void
add_first(const struct ksk_check_zone *zones, size_t count,
	enum ksk_check_level worst, struct ksk_text *text)
{
	const char *level = ksk_check_level_text(worst);

	for (size_t i = 0; i < count; i++) {
		json_t *problem;
		size_t k;

		json_array_foreach(zones[i].problems, k, problem)
		{
			if (strcmp(text_of(problem, "level"), level) != 0)
				continue;
			add_problem(&zones[i], problem, text);
			return;
		}
	}
}

void
ksk_check_print_line(
	const struct ksk_check_zone *zones, size_t count, struct ksk_text *text)
{
	enum ksk_check_level worst = ksk_check_worst(zones, count);
	size_t problems = 0, addresses = 0;
	uint64_t left = UINT64_MAX;

	for (size_t i = 0; i < count; i++) {
		uint64_t end = zones[i].end, now = zones[i].now;

		problems += json_array_size(zones[i].problems);
		addresses += json_array_size(zones[i].addresses);
		if (end != 0 && (end > now ? end - now : 0) < left)
			left = end > now ? end - now : 0;
	}
	ksk_text_add(text, "KSK %s - ", ksk_check_level_text(worst));
	if (problems == 0)
		ksk_text_add(
			text, "%zu zones at %zu addresses", count, addresses);
	else
		add_first(zones, count, worst, text);
	if (problems > 1)
		ksk_text_add(text, " (and %zu more)", problems - 1);
	ksk_text_add(text, " | zones=%zu addresses=%zu problems=%zu", count,
		addresses, problems);
	if (left != UINT64_MAX)
		ksk_text_add(text, " left=%" PRIu64 "s", left);
	ksk_text_add(text, "\n");
	for (size_t i = 0; problems > 1 && i < count; i++) {
		json_t *problem;
		size_t k;

		json_array_foreach(zones[i].problems, k, problem)
		{
			ksk_text_add(text, "%s: ", text_of(problem, "level"));
			add_problem(&zones[i], problem, text);
			ksk_text_add(text, "\n");
		}
	}
}

/* ---- JSON ---- */

static json_t *
json_zone(const struct ksk_check_zone *z)
{
	uint64_t end = z->end;

	return json_pack("{s:s, s:s, s:o, s:O, s:O, s:o, s:i}", "zone",
		z->zone->text, "level", ksk_check_level_text(z->level),
		"expires", end == 0 ? json_null() : ksk_json_time(end),
		"addresses", z->addresses, "problems", z->problems, "parent-ok",
		z->has_parent ? json_boolean(z->parent_ok) : json_null(),
		"foreign-signatures", (int)z->foreign);
}

json_t *
ksk_check_print_json(const struct ksk_check_zone *zones, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(list, json_zone(&zones[i]));
	return json_pack("{s:s, s:o}", "level",
		ksk_check_level_text(ksk_check_worst(zones, count)), "zones",
		list);
}

/* ---- Prometheus ---- */

/* A label's value: backslash, quote and line feed are escaped. */
static void
add_label(struct ksk_text *text, const char *name, const char *value)
{
	ksk_text_add(text, "%s=\"", name);
	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '"')
			ksk_text_add(text, "\\");
		if (*value == '\n')
			ksk_text_add(text, "\\n");
		else
			ksk_text_add(text, "%c", *value);
	}
	ksk_text_add(text, "\"");
}

static void
add_head(struct ksk_text *text, const char *name, const char *help)
{
	ksk_text_add(text, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void
add_zone_metric(struct ksk_text *text, const char *name,
	const struct ksk_check_zone *z, uint64_t value)
{
	ksk_text_add(text, "%s{", name);
	add_label(text, "zone", z->zone->text);
	ksk_text_add(text, "} %" PRIu64 "\n", value);
}

static void
add_address_metric(struct ksk_text *text, const char *name, const char *key,
	const struct ksk_check_zone *zones, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		json_t *address;
		size_t k;

		json_array_foreach(zones[i].addresses, k, address)
		{
			json_t *value = json_object_get(address, key);

			ksk_text_add(text, "%s{", name);
			add_label(text, "zone", zones[i].zone->text);
			ksk_text_add(text, ",");
			add_label(
				text, "provider", text_of(address, "provider"));
			ksk_text_add(text, ",");
			add_label(text, "address", text_of(address, "address"));
			ksk_text_add(text, "} %lld\n",
				json_is_integer(value)
					? (long long)json_integer_value(value)
					: (long long)json_is_true(value));
		}
	}
}

void
ksk_check_print_metrics(
	const struct ksk_check_zone *zones, size_t count, struct ksk_text *text)
{
	add_head(text, "ksk_check_level",
		"0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN");
	for (size_t i = 0; i < count; i++)
		add_zone_metric(
			text, "ksk_check_level", &zones[i], zones[i].level);
	add_head(text, "ksk_check_problems", "problems of a zone");
	for (size_t i = 0; i < count; i++)
		add_zone_metric(text, "ksk_check_problems", &zones[i],
			json_array_size(zones[i].problems));
	add_head(text, "ksk_check_expiration_seconds",
		"when the first signature ends, seconds since 1970");
	for (size_t i = 0; i < count; i++) {
		if (zones[i].end != 0)
			add_zone_metric(text, "ksk_check_expiration_seconds",
				&zones[i], zones[i].end);
	}
	add_head(text, "ksk_check_foreign_signatures",
		"signatures by our KSKs that the appliance never made");
	for (size_t i = 0; i < count; i++)
		add_zone_metric(text, "ksk_check_foreign_signatures", &zones[i],
			zones[i].foreign);
	add_head(text, "ksk_check_parent_ok",
		"1 if the parent's DS RRset is as it must be");
	for (size_t i = 0; i < count; i++) {
		if (zones[i].has_parent)
			add_zone_metric(text, "ksk_check_parent_ok", &zones[i],
				zones[i].parent_ok);
	}
	add_head(text, "ksk_check_address_ok",
		"1 if an address serves what it must");
	add_address_metric(text, "ksk_check_address_ok", "ok", zones, count);
	add_head(text, "ksk_check_response_bytes",
		"size of the answer for DNSKEY");
	add_address_metric(
		text, "ksk_check_response_bytes", "size", zones, count);
}
