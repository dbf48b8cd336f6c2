/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonetext_scan - the layout of zone text (RFC 1035 5.1): lines, comments,
 * parentheses, quotation marks and escapes become entries of words. Knows
 * nothing of what the words mean. Only for zonetext.c and zonetext_field.c.
 * Tests: tests/unit/test_zonetext.c
 */
#ifndef KSK_PROTOCOL_ZONETEXT_SCAN_H
#define KSK_PROTOCOL_ZONETEXT_SCAN_H

#include "protocol/zonetext.h"

/* Words of one entry: the base64 of the largest RDATA, a letter a word. */
#define KSK_ZONETEXT_WORD_MAX 2048u

/* A word as it is written, quotation marks and escapes included. */
struct ksk_zonetext_word {
	struct ksk_span text; /* borrowed from the text */
	size_t line;
};

/* One record or directive. */
struct ksk_zonetext_entry {
	size_t line; /* of the first word */
	bool blank;  /* begins with a blank: the owner is left out */
	size_t count;
	struct ksk_zonetext_word word[KSK_ZONETEXT_WORD_MAX];
};

/* Cursor. */
struct ksk_zonetext_scan {
	struct ksk_span text;
	size_t pos;
	size_t line;
	size_t open_line; /* of the parenthesis that is open; 0: none */
	bool over;        /* nothing more can be read */
};

/*
 * Looks at the bytes of a whole text. KSK_ERR_BAD_INPUT with out_fault: a zero
 * byte, which ends the text for some readers and not for others: two of them
 * must never see different sets.
 */
KSK_MUST_USE enum ksk_err ksk_zonetext_scan_check(
	struct ksk_span text, struct ksk_zonetext_fault *out_fault);

/* Starts at the first byte; skips a byte-order mark. */
void ksk_zonetext_scan_begin(
	struct ksk_span text, struct ksk_zonetext_scan *out_scan);

/*
 * Reads the next entry that has words.
 * KSK_OK. KSK_ERR_NOT_FOUND: the text is at its end. KSK_ERR_BAD_INPUT with
 * out_fault: the entry is broken; the next call goes on behind it, unless the
 * text can't be read on (unbalanced, or no zone text at all).
 */
KSK_MUST_USE enum ksk_err ksk_zonetext_scan_next(struct ksk_zonetext_scan *scan,
	struct ksk_zonetext_entry *entry, struct ksk_zonetext_fault *out_fault);

/* Returns true if the word is this text, in any letter case. */
bool ksk_zonetext_word_is(
	const struct ksk_zonetext_word *word, const char *text);

/* Writes a word for a message: cut, what is not printable as '?'. */
#define KSK_ZONETEXT_SHOW_CAP 44u
const char *ksk_zonetext_word_show(
	const struct ksk_zonetext_word *word, char buf[KSK_ZONETEXT_SHOW_CAP]);

#endif
