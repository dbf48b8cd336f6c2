/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * utf8 - well-formedness of UTF-8 as the grammar of RFC 3629 4 has it.
 * Contract: utf8.h
 */
#include "protocol/utf8.h"

#include <stdint.h>

/* One row per line of the grammar: the range of the first byte, the range of
 * the second, and how many bytes follow the first. */
static const struct {
	uint8_t first_low, first_high, second_low, second_high, more;
} FORMS[] = {
	{0x00, 0x7f, 0x00, 0x00, 0},
	{0xc2, 0xdf, 0x80, 0xbf, 1},
	{0xe0, 0xe0, 0xa0, 0xbf, 2},
	{0xe1, 0xec, 0x80, 0xbf, 2},
	{0xed, 0xed, 0x80, 0x9f, 2},
	{0xee, 0xef, 0x80, 0xbf, 2},
	{0xf0, 0xf0, 0x90, 0xbf, 3},
	{0xf1, 0xf3, 0x80, 0xbf, 3},
	{0xf4, 0xf4, 0x80, 0x8f, 3},
};

/* Returns the length of the character at text, 0 if it is not one. */
static size_t
measure_character(const uint8_t *text, size_t len)
{
	size_t form = 0;

	while (form < sizeof(FORMS) / sizeof(FORMS[0]) &&
		(text[0] < FORMS[form].first_low ||
			text[0] > FORMS[form].first_high))
		form++;
	if (form == sizeof(FORMS) / sizeof(FORMS[0]))
		return 0;
	size_t more = FORMS[form].more;
	if (more >= len)
		return 0;
	if (more > 0 &&
		(text[1] < FORMS[form].second_low ||
			text[1] > FORMS[form].second_high))
		return 0;
	for (size_t i = 2; i <= more; i++) {
		if (text[i] < 0x80 || text[i] > 0xbf)
			return 0;
	}
	return more + 1;
}

size_t
ksk_utf8_valid_len(const char *text, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t n = measure_character(
			(const uint8_t *)text + done, len - done);
		if (n == 0)
			break;
		done += n;
	}
	return done;
}

size_t
ksk_utf8_printable_len(const char *text, size_t len)
{
	const uint8_t *bytes = (const uint8_t *)text;

	if (len == 0)
		return 0;
	size_t n = measure_character(bytes, len);
	if (n == 1 && (bytes[0] < 0x20 || bytes[0] == 0x7f))
		return 0;
	if (n == 2 && bytes[0] == 0xc2 && bytes[1] < 0xa0)
		return 0;
	return n;
}
