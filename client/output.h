/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * output - words for people go to standard error, data to standard output, as
 * text or as JSON. What the other side chose is made printable here, so that
 * an answer can't drive a terminal.
 */
#ifndef KSK_CLIENT_OUTPUT_H
#define KSK_CLIENT_OUTPUT_H

#include "protocol/msg.h"

#include <jansson.h>

/* Writes "kskctl: …" and a newline to standard error. */
void ksk_say(const char *fmt, ...) KSK_FORMAT(1, 2);

/* Writes a line without the program's name: refusals, warnings. */
void ksk_say_plain(const char *fmt, ...) KSK_FORMAT(1, 2);

/* Writes "WORD: RULE: key TAG (provider NAME): WHY" to standard error. */
void ksk_say_refusal(const char *word, const struct ksk_refusal *refusal);

/* Writes all refusals, and how many the reply had no room for. */
void ksk_say_refusals(const struct ksk_refusals *refusals);

/*
 * Writes data to standard output and makes sure that it arrived.
 * KSK_ERR_IO: it did not; said on standard error.
 */
KSK_MUST_USE enum ksk_err ksk_out_text(const char *text, size_t len);

/* Writes a JSON value and frees it, whatever comes. KSK_ERR_IO. */
KSK_MUST_USE enum ksk_err ksk_out_json(json_t *value);

/* {rule, why, key-tag?, provider?} and lists of it. Owned by the caller. */
json_t *ksk_json_refusal(const struct ksk_refusal *refusal);
json_t *ksk_json_refusals(const struct ksk_refusal *list, size_t count);

/* What somebody else may have said: controls, and what is no UTF-8, become
 * question marks. */
json_t *ksk_json_words(const char *text);

/* A path; "?" if it is no UTF-8, which JSON can't hold. */
json_t *ksk_json_path(const char *path);

json_t *ksk_json_hex(const uint8_t *bytes, size_t len);
json_t *ksk_json_name(const struct ksk_name *name);
json_t *ksk_json_time(uint64_t seconds);           /* RFC 3339 */
json_t *ksk_json_window(struct ksk_window window); /* {inception, expiration} */

/* A growing text, for what is printed only when all of it is known to be
 * right. Zero it before use. */
struct ksk_text {
	char *data;
	size_t len;
	size_t cap;
	bool failed; /* memory ran out: nothing more is added */
};

void ksk_text_add(struct ksk_text *text, const char *fmt, ...) KSK_FORMAT(2, 3);
/* Bytes as they are, and a value (taken; NULL fails) in one line. */
void ksk_text_add_bytes(struct ksk_text *text, const void *data, size_t len);
void ksk_text_add_json(struct ksk_text *text, json_t *value);
void ksk_text_free(struct ksk_text *text);

/* The same for a text of several lines: line feeds stay. */
void ksk_text_make_printable(struct ksk_text *text);

#endif
