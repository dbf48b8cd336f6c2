/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire - sticky cursors over big-endian bytes: packets between our processes,
 * DNS RDATA, key files. A reader remembers its first error, returns zeroes
 * after it, and is checked once, by ksk_wire_end, before any value is used.
 * Tests: tests/unit/test_wire.c
 */
#ifndef KSK_PROTOCOL_WIRE_H
#define KSK_PROTOCOL_WIRE_H

#include "protocol/span.h"

/* Reader. Borrows its bytes for as long as the cursor and the spans it gave
 * are in use. */
struct ksk_wire {
	struct ksk_span rest;
	enum ksk_err err;
};

/* Writer. Borrows its buffer. */
struct ksk_wire_out {
	struct ksk_buf *buf;
	enum ksk_err err;
};

static inline struct ksk_wire
ksk_wire_of(struct ksk_span bytes)
{
	return (struct ksk_wire){.rest = bytes, .err = KSK_OK};
}

/* Each returns the next value in network byte order, 0 after an error. */
uint8_t ksk_wire_u8(struct ksk_wire *w);
uint16_t ksk_wire_u16(struct ksk_wire *w);
uint32_t ksk_wire_u32(struct ksk_wire *w);
uint64_t ksk_wire_u64(struct ksk_wire *w);

/* Returns the next len bytes, borrowed; an empty span after an error. */
struct ksk_span ksk_wire_bytes(struct ksk_wire *w, size_t len);

/* Copies the next len bytes to out; zeroes after an error. */
void ksk_wire_copy(struct ksk_wire *w, void *out, size_t len);

/* Returns a 16-bit length and that many bytes, borrowed. max: larger is
 * KSK_ERR_TOO_LARGE. */
struct ksk_span ksk_wire_block(struct ksk_wire *w, size_t max);

/* Copies a block as text with a final zero.
 * out_cap: bytes of room, zero included. A block that does not fit is
 * KSK_ERR_TOO_LARGE, one with a zero byte inside KSK_ERR_MALFORMED. */
void ksk_wire_text(struct ksk_wire *w, char *out, size_t out_cap);

/* Marks the cursor as failed; the first error stays. For callers that find a
 * value out of range. */
void ksk_wire_fail(struct ksk_wire *w, enum ksk_err err);

/* Returns true while bytes are left and nothing has failed. */
bool ksk_wire_more(const struct ksk_wire *w);

/* Ends reading. Returns the first error; KSK_ERR_MALFORMED if bytes are left;
 * else KSK_OK. */
KSK_MUST_USE enum ksk_err ksk_wire_end(const struct ksk_wire *w);

static inline struct ksk_wire_out
ksk_wire_out_of(struct ksk_buf *buf)
{
	return (struct ksk_wire_out){.buf = buf, .err = KSK_OK};
}

/* Each appends a value; after an error nothing more is written.
 * Error: KSK_ERR_NO_ROOM. */
void ksk_wire_put_u8(struct ksk_wire_out *w, uint8_t v);
void ksk_wire_put_u16(struct ksk_wire_out *w, uint16_t v);
void ksk_wire_put_u32(struct ksk_wire_out *w, uint32_t v);
void ksk_wire_put_u64(struct ksk_wire_out *w, uint64_t v);
void ksk_wire_put_bytes(struct ksk_wire_out *w, struct ksk_span bytes);

/* Appends a 16-bit length and the bytes. Longer than 65,535:
 * KSK_ERR_TOO_LARGE. */
void ksk_wire_put_block(struct ksk_wire_out *w, struct ksk_span bytes);

/* Appends a zero-terminated text as a block, without the zero. */
void ksk_wire_put_text(struct ksk_wire_out *w, const char *text);

#endif
