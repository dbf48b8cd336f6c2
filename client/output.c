/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * output - see output.h.
 */
#include "client/output.h"

#include "appliance/base/yaml.h"
#include "protocol/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Replaces control characters: bytes above ASCII are UTF-8, except the C1
 * controls, which some terminals obey. keep: one that stays. */
static void
drop_controls(char *text, unsigned char keep)
{
	for (unsigned char *at = (unsigned char *)text; *at != 0; at++) {
		if ((*at < 0x20 && *at != keep) || *at == 0x7f)
			*at = '?';
		if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
			at[0] = at[1] = '?';
	}
}

/* What a program or a server says may be anything; JSON holds UTF-8 only. */
static void
make_printable(char *text, unsigned char keep)
{
	size_t left = strlen(text);
	char *at = text;

	while (left > 0) {
		size_t good = ksk_utf8_valid_len(at, left);

		if (good == left)
			break;
		at[good] = '?';
		at += good + 1;
		left -= good + 1;
	}
	drop_controls(text, keep);
}

static void say(const char *head, const char *fmt, va_list args)
	KSK_FORMAT(2, 0);

static void
say(const char *head, const char *fmt, va_list args)
{
	char line[2048];

	(void)vsnprintf(line, sizeof(line), fmt, args);
	make_printable(line, 0);
	(void)fprintf(stderr, "%s%s\n", head, line);
}

void
ksk_say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say("kskctl: ", fmt, args);
	va_end(args);
}

void
ksk_say_plain(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say("", fmt, args);
	va_end(args);
}

void
ksk_say_refusal(const char *word, const struct ksk_refusal *refusal)
{
	char who[KSK_LABEL_CAP + 40] = "";

	if (refusal->has_tag && refusal->provider[0] != '\0')
		(void)snprintf(who, sizeof(who),
			"key %u (provider %s): ", refusal->tag,
			refusal->provider);
	else if (refusal->has_tag)
		(void)snprintf(who, sizeof(who), "key %u: ", refusal->tag);
	else if (refusal->provider[0] != '\0')
		(void)snprintf(
			who, sizeof(who), "provider %s: ", refusal->provider);
	ksk_say_plain("%s: %s: %s%s", word, refusal->rule, who, refusal->why);
}

void
ksk_say_refusals(const struct ksk_refusals *refusals)
{
	for (size_t i = 0; i < refusals->count; i++)
		ksk_say_refusal("refused", &refusals->list[i]);
	if (refusals->dropped != 0)
		ksk_say_plain("refused: %zu more", refusals->dropped);
}

enum ksk_err
ksk_out_text(const char *text, size_t len)
{
	if ((len == 0 || fwrite(text, 1, len, stdout) == len) &&
		fflush(stdout) == 0)
		return KSK_OK;
	ksk_say("standard output can't be written");
	return KSK_ERR_IO;
}

enum ksk_err
ksk_out_json(json_t *value)
{
	char *text = value == NULL
		? NULL
		: json_dumps(value, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	json_decref(value);
	if (text == NULL) {
		ksk_say("no memory is left");
		return err;
	}
	err = ksk_out_text(text, strlen(text));
	if (err == KSK_OK)
		err = ksk_out_text("\n", 1);
	free(text);
	return err;
}

json_t *
ksk_json_refusal(const struct ksk_refusal *refusal)
{
	json_t *value = json_pack(
		"{s:s, s:s}", "rule", refusal->rule, "why", refusal->why);

	if (value == NULL)
		return NULL;
	if (refusal->has_tag)
		(void)json_object_set_new(
			value, "key-tag", json_integer(refusal->tag));
	if (refusal->provider[0] != '\0')
		(void)json_object_set_new(
			value, "provider", json_string(refusal->provider));
	return value;
}

json_t *
ksk_json_refusals(const struct ksk_refusal *list, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(array, ksk_json_refusal(&list[i]));
	return array;
}

json_t *
ksk_json_words(const char *text)
{
	char *copy = strdup(text);
	json_t *value = NULL;

	if (copy != NULL) {
		make_printable(copy, 0);
		value = json_string(copy);
	}
	free(copy);
	return value;
}

json_t *
ksk_json_path(const char *path)
{
	json_t *value = json_string(path);

	return value != NULL ? value : json_string("?");
}

json_t *
ksk_json_hex(const uint8_t *bytes, size_t len)
{
	char hex[2 * 64 + 1];

	ksk_hex_write(ksk_span_of(bytes, len), hex, sizeof(hex));
	return json_string(hex);
}

json_t *
ksk_json_name(const struct ksk_name *name)
{
	char text[KSK_NAME_TEXT_CAP];

	ksk_name_to_text(name, text);
	return json_string(text);
}

json_t *
ksk_json_time(uint64_t seconds)
{
	char text[KSK_TIME_CAP];

	return json_string(ksk_time_text(text, seconds));
}

json_t *
ksk_json_window(struct ksk_window window)
{
	return json_pack("{s:o, s:o}", "inception",
		ksk_json_time(window.inception), "expiration",
		ksk_json_time(window.expiration));
}

static bool
make_room(struct ksk_text *text, size_t len)
{
	size_t cap = text->cap == 0 ? 4096 : text->cap;
	char *data;

	if (text->failed || len < text->cap - text->len)
		return !text->failed;
	while (cap - text->len <= len)
		cap *= 2;
	data = realloc(text->data, cap);
	if (data == NULL) {
		text->failed = true;
		return false;
	}
	text->data = data;
	text->cap = cap;
	return true;
}

void
ksk_text_add(struct ksk_text *text, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0 || !make_room(text, (size_t)len + 1))
		return;
	va_start(args, fmt);
	(void)vsnprintf(
		text->data + text->len, text->cap - text->len, fmt, args);
	va_end(args);
	text->len += (size_t)len;
}

void
ksk_text_add_bytes(struct ksk_text *text, const void *data, size_t len)
{
	if (len == 0 || !make_room(text, len + 1))
		return;
	memcpy(text->data + text->len, data, len);
	text->len += len;
	text->data[text->len] = '\0';
}

void
ksk_text_add_json(struct ksk_text *text, json_t *value)
{
	char *line = value == NULL
		? NULL
		: json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII);

	if (line == NULL)
		text->failed = true;
	else
		ksk_text_add_bytes(text, line, strlen(line));
	free(line);
	json_decref(value);
}

void
ksk_text_make_printable(struct ksk_text *text)
{
	if (text->data != NULL)
		make_printable(text->data, '\n');
}

void
ksk_text_free(struct ksk_text *text)
{
	free(text->data);
	*text = (struct ksk_text){0};
}
