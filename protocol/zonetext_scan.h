/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonetext_scan - the layout of zone text (RFC 1035 5.1): lines, comments,
 * parentheses, quotation marks and escapes become entries of words. Knows
 * nothing of what the words mean. Only for zonetext.c and zonetext_field.c.
 * Tests: tests/unit/test_zonetext.c, tests/unit/test_zonetext_foreign.c
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
 * must never see different sets; or a line that begins PEM, which may be a
 * private key: nothing of it is shown.
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

/* What the headers of a KSR and an SKR begin with, behind ";;". */
#define KSK_ZONETEXT_KSR_WORD "KeySigningRequest"
#define KSK_ZONETEXT_SKR_WORD "SignedKeyResponse"

/*
 * Returns where in a line a header begins, or the line's length: where a
 * reader with other rules than ours might see one, it counts as one.
 */
size_t ksk_zonetext_find_header(struct ksk_span line, const char *word);

/* Returns true if the word is this text, in any letter case. */
bool ksk_zonetext_word_is(
	const struct ksk_zonetext_word *word, const char *text);

/* Writes a word for a message: cut, what is not printable as '?'. */
#define KSK_ZONETEXT_SHOW_CAP 44u
const char *ksk_zonetext_word_show(
	const struct ksk_zonetext_word *word, char buf[KSK_ZONETEXT_SHOW_CAP]);

#endif
