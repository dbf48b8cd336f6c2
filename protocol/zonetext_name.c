/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonetext_name - the words in front of the RDATA: names, TTLs, TYPEn and
 * CLASSn; see zonetext_field.h.
 */
#include "protocol/zonetext_field.h"

#include <string.h>
#include <strings.h>

/* RFC 1035 5.1: a name is absolute if its last dot is not escaped. */
static bool
is_absolute(struct ksk_span text)
{
	bool absolute = false;

	for (size_t i = 0; i < text.len; i++) {
		absolute = text.data[i] == '.';
		if (text.data[i] == '\\')
			i++;
	}
	return absolute;
}

static enum ksk_err
complete_name(const struct ksk_zonetext_word *word,
	const struct ksk_name *origin, struct ksk_name *name,
	struct ksk_fault *fault)
{
	char show[KSK_ZONETEXT_SHOW_CAP];
	uint8_t wire[2 * KSK_NAME_MAX];
	size_t len = name->len - 1u; /* without the root */

	if (origin == NULL) {
		ksk_fault_set(fault,
			"%s has no final dot, and no $ORIGIN stands above it",
			ksk_zonetext_word_show(word, show));
		return KSK_ERR_BAD_INPUT;
	}
	memcpy(wire, name->wire, len);
	memcpy(wire + len, origin->wire, origin->len);
	if (ksk_name_from_wire(ksk_span_of(wire, len + origin->len), name) ==
		KSK_OK)
		return KSK_OK;
	ksk_fault_set(fault, "%s and the $ORIGIN together exceed 255 bytes",
		ksk_zonetext_word_show(word, show));
	return KSK_ERR_BAD_INPUT;
}

enum ksk_err
ksk_zonetext_name(const struct ksk_zonetext_word *word,
	const struct ksk_name *origin, struct ksk_name *out_name,
	struct ksk_fault *fault)
{
	struct ksk_name name;
	enum ksk_err err;

	if (ksk_zonetext_word_is(word, "@") && origin != NULL) {
		*out_name = *origin;
		return KSK_OK;
	}
	if (ksk_zonetext_word_is(word, "@")) {
		ksk_fault_set(fault, "@ stands where no $ORIGIN is above it");
		return KSK_ERR_BAD_INPUT;
	}
	err = ksk_name_from_text(
		(const char *)word->text.data, word->text.len, &name, fault);
	if (err == KSK_OK && !is_absolute(word->text))
		err = complete_name(word, origin, &name, fault);
	if (err == KSK_OK)
		*out_name = name;
	return err;
}

/* Returns the seconds of a unit; 0 for another letter. */
static uint64_t
unit_seconds(uint8_t c)
{
	switch (c | 0x20) {
	case 'w':
		return 604800;
	case 'd':
		return 86400;
	case 'h':
		return 3600;
	case 'm':
		return 60;
	case 's':
		return 1;
	default:
		return 0;
	}
}

struct ttl_text {
	struct ksk_span text;
	size_t pos;
	bool too_large;
};

/* Reads digits. Returns false if there are none, or a leading zero. */
static bool
read_digits(struct ttl_text *t, uint64_t *out)
{
	size_t start = t->pos;
	uint64_t n = 0;

	for (; t->pos < t->text.len; t->pos++) {
		uint8_t c = t->text.data[t->pos];

		if (c < '0' || c > '9')
			break;
		n = n * 10 + (uint64_t)(c - '0');
		if (n > KSK_TTL_MAX) {
			t->too_large = true;
			n = 0;
		}
	}
	*out = n;
	return t->pos > start &&
		(t->pos == start + 1 || t->text.data[start] != '0');
}

static bool
read_ttl(struct ttl_text *t, uint64_t *out_sum)
{
	uint64_t sum = 0, last_unit = UINT64_MAX, n, unit;

	if (!read_digits(t, &n))
		return false;
	if (t->pos == t->text.len) {
		*out_sum = n;
		return true;
	}
	for (;;) {
		unit = unit_seconds(t->text.data[t->pos++]);
		if (unit == 0 || unit >= last_unit)
			return false;
		last_unit = unit;
		sum += n * unit;
		if (t->pos == t->text.len)
			break;
		if (!read_digits(t, &n) || t->pos == t->text.len)
			return false;
	}
	*out_sum = sum;
	return true;
}

enum ksk_err
ksk_zonetext_ttl(const struct ksk_zonetext_word *word, uint32_t *out_ttl,
	struct ksk_fault *fault)
{
	char show[KSK_ZONETEXT_SHOW_CAP];
	struct ttl_text t = {.text = word->text};
	uint64_t ttl = 0;

	if (!read_ttl(&t, &ttl)) {
		ksk_fault_set(fault,
			"%s is no TTL: write seconds, or units as in 1h30m",
			ksk_zonetext_word_show(word, show));
		return KSK_ERR_BAD_INPUT;
	}
	if (t.too_large || ttl > KSK_TTL_MAX) {
		ksk_fault_set(fault,
			"the TTL %s exceeds 2147483647 seconds (RFC 2181 8)",
			ksk_zonetext_word_show(word, show));
		return KSK_ERR_BAD_INPUT;
	}
	*out_ttl = (uint32_t)ttl;
	return KSK_OK;
}

enum ksk_err
ksk_zonetext_numbered(const struct ksk_zonetext_word *word, const char *prefix,
	uint16_t *out_number)
{
	size_t len = strlen(prefix);
	uint32_t n = 0;

	if (word->text.len <= len ||
		strncasecmp((const char *)word->text.data, prefix, len) != 0)
		return KSK_ERR_NOT_FOUND;
	for (size_t i = len; i < word->text.len; i++) {
		uint8_t c = word->text.data[i];

		if (c < '0' || c > '9')
			return KSK_ERR_NOT_FOUND;
		n = n * 10 + (uint32_t)(c - '0');
		if (n > UINT16_MAX)
			return KSK_ERR_BAD_INPUT;
	}
	*out_number = (uint16_t)n;
	return KSK_OK;
}

bool
ksk_zonetext_class(const struct ksk_zonetext_word *word, uint16_t *out_class)
{
	static const struct {
		const char *name;
		uint16_t number;
	} classes[] = {
		{"IN", 1}, {"CH", 3}, {"HS", 4}, {"NONE", 254}, {"ANY", 255}};

	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
		if (!ksk_zonetext_word_is(word, classes[i].name))
			continue;
		*out_class = classes[i].number;
		return true;
	}
	return ksk_zonetext_numbered(word, "CLASS", out_class) == KSK_OK;
}
