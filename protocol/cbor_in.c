/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cbor_in - containers, paths and kinds on top of cbor_item. Contract:
 * cbor_in.h
 */
#include "protocol/cbor_in.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "protocol/cbor_item.h"
#include "protocol/utf8.h"

/* ---- errors ---- */

#define PATH_CAP 160u

/* Appends to a path, cut to fit. */
static void
append(char path[PATH_CAP], const char *before, const char *name, uint64_t at)
{
	size_t len = strnlen(path, PATH_CAP - 1);

	if (name != NULL)
		(void)snprintf(
			path + len, PATH_CAP - len, "%s%s", before, name);
	else
		(void)snprintf(
			path + len, PATH_CAP - len, "%s%" PRIu64, before, at);
}

static const struct ksk_cbor_field *
find_field(const struct ksk_cbor_level *level, uint64_t key)
{
	for (size_t i = 0; i < level->field_count; i++) {
		if (level->fields[i].key == key)
			return &level->fields[i];
	}
	return NULL;
}

/* Writes where the cursor stands: "body.rrset.rdata[3]". */
static void
write_path(const struct ksk_cbor_in *in, char path[PATH_CAP])
{
	path[0] = '\0';
	for (size_t i = 0; i < in->depth; i++) {
		const struct ksk_cbor_level *level = &in->level[i];
		if (!level->begun)
			continue;
		if (!level->map) {
			append(path, "[", NULL, level->at);
			append(path, "]", "", 0);
			continue;
		}
		const struct ksk_cbor_field *field = find_field(
			level, level->at);
		append(path, i == 0 ? "" : ".",
			field == NULL ? NULL : field->name, level->at);
	}
	if (path[0] == '\0')
		append(path, "", "message", 0);
}

void
ksk_cbor_in_fail(struct ksk_cbor_in *in, enum ksk_err err, const char *fmt, ...)
{
	char path[PATH_CAP];
	char what[KSK_FAULT_CAP];
	va_list args;

	if (in->err != KSK_OK)
		return;
	in->err = err;
	if (in->fault == NULL)
		return;
	write_path(in, path);
	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	ksk_fault_set(in->fault, "%s: %s", path, what);
}

static void
fail_malformed(struct ksk_cbor_in *in, const char *what)
{
	ksk_cbor_in_fail(in, KSK_ERR_MALFORMED, "%s", what);
}

/* ---- one item ---- */

/* Takes the next head, and the payload of a string. */
static struct ksk_cbor_item
take_item(struct ksk_cbor_in *in)
{
	struct ksk_cbor_item item = {.kind = KSK_CBOR_REFUSED};
	const char *why = "";

	if (in->err == KSK_OK &&
		ksk_cbor_item_take(&in->rest, &item, &why) != KSK_OK)
		fail_malformed(in, why);
	return item;
}

/* Takes an item of one kind. what: its kind with an article. */
static struct ksk_cbor_item
take_kind(struct ksk_cbor_in *in, enum ksk_cbor_kind kind, const char *what)
{
	struct ksk_cbor_item item = take_item(in);

	if (in->err == KSK_OK && item.kind != kind)
		ksk_cbor_in_fail(in, KSK_ERR_MALFORMED, "not %s", what);
	return in->err == KSK_OK
		? item
		: (struct ksk_cbor_item){.kind = KSK_CBOR_REFUSED};
}

uint64_t
ksk_cbor_in_uint(struct ksk_cbor_in *in, uint64_t max)
{
	struct ksk_cbor_item item = take_kind(
		in, KSK_CBOR_UINT, "an unsigned number");

	if (item.value > max)
		ksk_cbor_in_fail(
			in, KSK_ERR_MALFORMED, "larger than %" PRIu64, max);
	return in->err == KSK_OK ? item.value : 0;
}

bool
ksk_cbor_in_bool(struct ksk_cbor_in *in)
{
	return take_kind(in, KSK_CBOR_BOOL, "true or false").value != 0;
}

/* Checks the length of a string; returns an empty span after an error. */
static struct ksk_span
check_len(
	struct ksk_cbor_in *in, struct ksk_span payload, size_t min, size_t max)
{
	if (payload.len < min)
		ksk_cbor_in_fail(in, KSK_ERR_MALFORMED,
			"%zu bytes, at least %zu are due", payload.len, min);
	if (payload.len > max)
		ksk_cbor_in_fail(in, KSK_ERR_TOO_LARGE,
			"%zu bytes, at most %zu are allowed", payload.len, max);
	return in->err == KSK_OK ? payload : (struct ksk_span){0};
}

struct ksk_span
ksk_cbor_in_bytes(struct ksk_cbor_in *in, size_t min, size_t max)
{
	struct ksk_cbor_item item = take_kind(
		in, KSK_CBOR_BYTES, "a byte string");

	return check_len(in, item.payload, min, max);
}

void
ksk_cbor_in_copy(struct ksk_cbor_in *in, void *out, size_t len)
{
	struct ksk_span payload =
		take_kind(in, KSK_CBOR_BYTES, "a byte string").payload;

	if (payload.len != len)
		ksk_cbor_in_fail(in, KSK_ERR_MALFORMED,
			"%zu bytes, exactly %zu are due", payload.len, len);
	if (in->err == KSK_OK)
		memcpy(out, payload.data, len);
	else
		memset(out, 0, len);
}

static bool
is_printable(struct ksk_span text)
{
	for (size_t at = 0; at < text.len;) {
		size_t n = ksk_utf8_printable_len(
			(const char *)text.data + at, text.len - at);
		if (n == 0)
			return false;
		at += n;
	}
	return true;
}

void
ksk_cbor_in_text(struct ksk_cbor_in *in, size_t min, char *out, size_t out_cap)
{
	struct ksk_cbor_item item = take_kind(
		in, KSK_CBOR_TEXT, "a text string");
	struct ksk_span text = check_len(in, item.payload, min, out_cap - 1);

	if (!is_printable(text)) {
		fail_malformed(in, "not UTF-8, or a control character in it");
		text.len = 0;
	}
	if (text.len > 0)
		memcpy(out, text.data, text.len);
	out[text.len] = '\0';
}

/* ---- containers ---- */

/* Opens a container whose head was taken. count: of entries or pairs. */
static void
open_level(struct ksk_cbor_in *in, struct ksk_cbor_level level)
{
	if (in->err != KSK_OK)
		return;
	/* Each entry has at least one byte, each pair two. */
	if (level.left > (level.map ? in->rest.len / 2 : in->rest.len)) {
		fail_malformed(in, "more entries announced than bytes follow");
		return;
	}
	if (in->depth == KSK_CBOR_DEPTH_MAX) {
		ksk_cbor_in_fail(in, KSK_ERR_MALFORMED, "nested deeper than %u",
			KSK_CBOR_DEPTH_MAX);
		return;
	}
	in->level[in->depth] = level;
	in->depth++;
}

void
ksk_cbor_in_map(struct ksk_cbor_in *in, const struct ksk_cbor_field *fields,
	size_t field_count)
{
	struct ksk_cbor_item item = take_kind(in, KSK_CBOR_MAP, "a map");

	open_level(in,
		(struct ksk_cbor_level){.map = true,
			.fields = fields,
			.field_count = field_count,
			.left = item.value});
}

/* Fails if a field that must be there lies behind the current key and before
 * next. */
static void
check_missing(
	struct ksk_cbor_in *in, struct ksk_cbor_level *level, uint64_t next)
{
	for (size_t i = 0; i < level->field_count; i++) {
		const struct ksk_cbor_field *field = &level->fields[i];
		if (!field->must || field->key >= next ||
			(level->begun && field->key <= level->at))
			continue;
		/* The path ends at the map, not at its last field. */
		level->begun = false;
		ksk_cbor_in_fail(
			in, KSK_ERR_MALFORMED, "%s is missing", field->name);
		return;
	}
}

uint64_t
ksk_cbor_in_key(struct ksk_cbor_in *in)
{
	if (in->err != KSK_OK)
		return 0;
	struct ksk_cbor_level *level = &in->level[in->depth - 1];
	if (level->left == 0) {
		check_missing(in, level, UINT64_MAX);
		if (in->err == KSK_OK)
			in->depth--;
		return 0;
	}
	level->left--;
	uint64_t key = take_kind(
		in, KSK_CBOR_UINT, "followed by an unsigned key")
			       .value;
	/* Key 0 is none of ours and would read as the end. */
	if (key == 0 || (level->begun && key <= level->at))
		fail_malformed(in, "keys are not ascending from 1");
	check_missing(in, level, key);
	if (in->err != KSK_OK)
		return 0;
	level->begun = true;
	level->at = key;
	if (level->fields != NULL && find_field(level, key) == NULL)
		fail_malformed(in, "unknown key");
	return in->err == KSK_OK ? key : 0;
}

void
ksk_cbor_in_array(struct ksk_cbor_in *in, size_t min, size_t max)
{
	struct ksk_cbor_item item = take_kind(in, KSK_CBOR_ARRAY, "an array");
	struct ksk_cbor_level level = {.left = item.value};

	/* Form before limits: what can't be there is malformed. */
	open_level(in, level);
	if (in->err != KSK_OK)
		return;
	if (level.left < min)
		ksk_cbor_in_fail(in, KSK_ERR_MALFORMED,
			"%" PRIu64 " entries, at least %zu are due", level.left,
			min);
	if (level.left > max)
		ksk_cbor_in_fail(in, KSK_ERR_TOO_LARGE,
			"%" PRIu64 " entries, at most %zu are allowed",
			level.left, max);
}

bool
ksk_cbor_in_item(struct ksk_cbor_in *in)
{
	if (in->err != KSK_OK)
		return false;
	struct ksk_cbor_level *level = &in->level[in->depth - 1];
	if (level->left == 0) {
		in->depth--;
		return false;
	}
	level->left--;
	level->at = level->begun ? level->at + 1 : 0;
	level->begun = true;
	return true;
}

/* Moves to the next value inside the containers above base; closes those that
 * have ended. */
static void
step(struct ksk_cbor_in *in, size_t base)
{
	while (in->err == KSK_OK && in->depth > base) {
		bool more = in->level[in->depth - 1].map
			? ksk_cbor_in_key(in) != 0
			: ksk_cbor_in_item(in);
		if (more)
			return;
	}
}

struct ksk_span
ksk_cbor_in_any(struct ksk_cbor_in *in)
{
	struct ksk_span from = in->rest;
	size_t base = in->depth;

	do {
		struct ksk_cbor_item item = take_item(in);
		if (item.kind == KSK_CBOR_ARRAY || item.kind == KSK_CBOR_MAP)
			open_level(in,
				(struct ksk_cbor_level){
					.map = item.kind == KSK_CBOR_MAP,
					.left = item.value});
		if (item.kind == KSK_CBOR_TEXT && !is_printable(item.payload))
			fail_malformed(
				in, "not UTF-8, or a control character in it");
		step(in, base);
	} while (in->err == KSK_OK && in->depth > base);
	if (in->err != KSK_OK)
		return (struct ksk_span){0};
	return ksk_span_of(from.data, from.len - in->rest.len);
}

struct ksk_cbor_in
ksk_cbor_in_of(struct ksk_span bytes, struct ksk_fault *fault)
{
	return (struct ksk_cbor_in){.rest = bytes, .fault = fault};
}

enum ksk_err
ksk_cbor_in_end(struct ksk_cbor_in *in)
{
	if (in->err == KSK_OK && in->rest.len > 0)
		fail_malformed(in, "bytes follow the message");
	return in->err;
}
