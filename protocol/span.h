/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * span - borrowed and owned runs of bytes, and the one place where bytes are
 * wiped, compared in constant time, and turned into hexadecimal and back.
 * Tests: tests/unit/test_span.c
 */
#ifndef KSK_PROTOCOL_SPAN_H
#define KSK_PROTOCOL_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/err.h"

/* Borrowed, read only. data may be NULL only when len is 0. */
struct ksk_span {
	const uint8_t *data;
	size_t len;
};

/* Bytes [0, len) of cap are in use. The memory is the caller's. */
struct ksk_buf {
	uint8_t *data;
	size_t len;
	size_t cap;
};

static inline struct ksk_span
ksk_span_of(const void *data, size_t len)
{
	return (struct ksk_span){.data = data, .len = len};
}

static inline struct ksk_span
ksk_buf_span(const struct ksk_buf *buf)
{
	return (struct ksk_span){.data = buf->data, .len = buf->len};
}

static inline struct ksk_buf
ksk_buf_of(void *data, size_t cap)
{
	return (struct ksk_buf){.data = data, .len = 0, .cap = cap};
}

/* Returns true if both hold the same bytes. Not for secrets. */
bool ksk_span_equal(struct ksk_span a, struct ksk_span b);

/* Takes the next line from the front of a text: returns it without its
 * newline. rest: in/out, not empty. */
struct ksk_span ksk_span_take_line(struct ksk_span *rest);

/*
 * Appends bytes to a buffer.
 * KSK_ERR_NO_ROOM: they do not fit; the buffer is unchanged.
 */
KSK_MUST_USE enum ksk_err ksk_buf_put(
	struct ksk_buf *buf, const void *data, size_t len);

/* Overwrites bytes with zeroes in a way the compiler keeps. data: may be NULL
 * when len is 0. */
void ksk_wipe(void *data, size_t len);

/* Returns true if the len bytes at a and b are equal; takes the same time
 * wherever they differ. */
bool ksk_ct_equal(const void *a, const void *b, size_t len);

/*
 * Writes lower-case hexadecimal and a final zero.
 * out: out, at least 2 * bytes.len + 1 bytes (out_cap); cut at whole bytes if
 * smaller.
 */
void ksk_hex_write(struct ksk_span bytes, char *out, size_t out_cap);

/*
 * Reads hexadecimal of either case, no blanks.
 * text, text_len: in. out: out, room for out_cap bytes. out_len: out.
 * KSK_ERR_BAD_INPUT: odd length or another character.
 * KSK_ERR_NO_ROOM: more than out_cap bytes. Outputs unchanged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_hex_read(const char *text, size_t text_len,
	uint8_t *out, size_t out_cap, size_t *out_len);

/*
 * Copies a text, cut at whole bytes to fit, with a final zero.
 * out_cap: bytes of room, at least 1. text: NULL counts as "".
 */
void ksk_text_copy(char *out, size_t out_cap, const char *text);

#endif
