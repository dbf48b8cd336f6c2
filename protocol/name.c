/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * name - domain names in lower-case wire form. Contract: name.h
 */
#include "protocol/name.h"

#include <stdio.h>
#include <string.h>

#define LABEL_MAX 63u

static bool
is_upper(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

enum ksk_err
ksk_name_from_wire(struct ksk_span wire, struct ksk_name *out_name)
{
	size_t at = 0;

	if (wire.len == 0 || wire.len > KSK_NAME_MAX)
		return KSK_ERR_MALFORMED;
	while (wire.data[at] != 0) {
		size_t len = wire.data[at];
		/* Above 63 stand the compression forms (RFC 1035 4.1.4). */
		if (len > LABEL_MAX || len >= wire.len - at - 1)
			return KSK_ERR_MALFORMED;
		for (size_t i = 1; i <= len; i++) {
			if (is_upper(wire.data[at + i]))
				return KSK_ERR_MALFORMED;
		}
		at += 1 + len;
	}
	if (at + 1 != wire.len)
		return KSK_ERR_MALFORMED;
	out_name->len = (uint8_t)wire.len;
	memcpy(out_name->wire, wire.data, wire.len);
	return KSK_OK;
}

/* A name in the making. wire[label] is the length byte of the open label. */
struct builder {
	uint8_t wire[KSK_NAME_MAX];
	size_t len;
	size_t label;
	struct ksk_fault *fault;
};

static enum ksk_err
add_byte(struct builder *b, uint8_t byte)
{
	if (b->len - b->label > LABEL_MAX) {
		ksk_fault_set(b->fault, "a label is longer than 63 bytes");
		return KSK_ERR_BAD_INPUT;
	}
	/* One byte stays free for the root. */
	if (b->len >= KSK_NAME_MAX - 1) {
		ksk_fault_set(b->fault, "the name is longer than 255 bytes");
		return KSK_ERR_BAD_INPUT;
	}
	b->wire[b->len] = is_upper(byte) ? (uint8_t)(byte + 32) : byte;
	b->len++;
	return KSK_OK;
}

static enum ksk_err
close_label(struct builder *b)
{
	size_t len = b->len - b->label - 1;

	if (len == 0) {
		ksk_fault_set(b->fault, "a label is empty");
		return KSK_ERR_BAD_INPUT;
	}
	b->wire[b->label] = (uint8_t)len;
	b->label = b->len;
	b->wire[b->len] = 0;
	b->len++;
	return KSK_OK;
}

/*
 * Reads an escape behind its backslash (RFC 1035 5.1).
 * Returns how many characters it has, 0 if it is none.
 */
static size_t
read_escape(const char *text, size_t text_len, uint8_t *out_byte)
{
	unsigned value = 0;

	if (text_len == 0 || text[0] < 0x20 || text[0] > 0x7e)
		return 0;
	if (text[0] < '0' || text[0] > '9') {
		*out_byte = (uint8_t)text[0];
		return 1;
	}
	if (text_len < 3)
		return 0;
	for (size_t i = 0; i < 3; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		value = value * 10 + (unsigned)(text[i] - '0');
	}
	if (value > 255)
		return 0;
	*out_byte = (uint8_t)value;
	return 3;
}

/* Takes the character or escape at text; sets how many bytes of text it has. */
static enum ksk_err
take_character(
	struct builder *b, const char *text, size_t text_len, size_t *out_used)
{
	uint8_t byte = (uint8_t)text[0];

	*out_used = 1;
	if (byte == '.')
		return close_label(b);
	if (byte == '\\') {
		size_t n = read_escape(text + 1, text_len - 1, &byte);
		if (n == 0) {
			ksk_fault_set(b->fault,
				"a backslash must be followed by three digits "
				"up to 255 or by one character (RFC 1035 5.1)");
			return KSK_ERR_BAD_INPUT;
		}
		*out_used = 1 + n;
		return add_byte(b, byte);
	}
	if (byte < 0x21 || byte > 0x7e) {
		ksk_fault_set(b->fault,
			byte < 0x80 ? "a name has no byte 0x%02x; where it is "
				      "meant, write it as \\DDD (RFC 1035 5.1)"
				    : "byte 0x%02x is not printable ASCII; "
				      "write an internationalised name as its "
				      "A-label, xn--… (RFC 5891)",
			(unsigned)byte);
		return KSK_ERR_BAD_INPUT;
	}
	return add_byte(b, byte);
}

enum ksk_err
ksk_name_from_text(const char *text, size_t text_len, struct ksk_name *out_name,
	struct ksk_fault *fault)
{
	struct builder b = {.len = 1, .label = 0, .fault = fault};
	size_t used = 0;

	if (text_len == 1 && text[0] == '.') {
		*out_name = (struct ksk_name){.len = 1};
		return KSK_OK;
	}
	if (text_len == 0) {
		ksk_fault_set(fault, "the name is empty");
		return KSK_ERR_BAD_INPUT;
	}
	for (size_t at = 0; at < text_len; at += used) {
		enum ksk_err err = take_character(
			&b, text + at, text_len - at, &used);
		if (err != KSK_OK)
			return err;
	}
	/* The final dot may be missing. */
	if (b.len - b.label > 1 && close_label(&b) != KSK_OK)
		return KSK_ERR_BAD_INPUT;
	*out_name = (struct ksk_name){.len = (uint8_t)b.len};
	memcpy(out_name->wire, b.wire, b.len);
	return KSK_OK;
}

/* Writes one byte of a label as text; returns how many characters. */
static size_t
write_byte(uint8_t byte, char *out)
{
	if (byte < 0x21 || byte > 0x7e) {
		out[0] = '\\';
		out[1] = (char)('0' + byte / 100);
		out[2] = (char)('0' + byte / 10 % 10);
		out[3] = (char)('0' + byte % 10);
		return 4;
	}
	/* The characters that mean something in a zone file. */
	if (strchr(".\\\"();@$", byte) != NULL) {
		out[0] = '\\';
		out[1] = (char)byte;
		return 2;
	}
	out[0] = (char)byte;
	return 1;
}

void
ksk_name_to_text(const struct ksk_name *name, char out[KSK_NAME_TEXT_CAP])
{
	size_t at = 0;
	size_t n = 0;

	while (at < name->len && name->wire[at] != 0) {
		size_t end = at + 1 + name->wire[at];
		for (at++; at < end; at++)
			n += write_byte(name->wire[at], out + n);
		out[n++] = '.';
	}
	if (n == 0)
		out[n++] = '.';
	out[n] = '\0';
}

bool
ksk_name_equal(const struct ksk_name *a, const struct ksk_name *b)
{
	return a->len == b->len && memcmp(a->wire, b->wire, a->len) == 0;
}

int
ksk_name_compare(const struct ksk_name *a, const struct ksk_name *b)
{
	size_t shorter = a->len < b->len ? a->len : b->len;
	int order = memcmp(a->wire, b->wire, shorter);

	return order != 0 ? order : (int)a->len - (int)b->len;
}

uint8_t
ksk_name_labels(const struct ksk_name *name)
{
	uint8_t count = 0;

	for (size_t at = 0; at < name->len && name->wire[at] != 0;
		at += 1u + name->wire[at])
		count++;
	return count;
}

bool
ksk_name_within(const struct ksk_name *name, const struct ksk_name *zone)
{
	size_t at = 0;

	if (zone->len == 0)
		return false;
	while (at < name->len && name->len - at > zone->len)
		at += 1u + name->wire[at];
	return at <= name->len && name->len - at == zone->len &&
		memcmp(name->wire + at, zone->wire, zone->len) == 0;
}
