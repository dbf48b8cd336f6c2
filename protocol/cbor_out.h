/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cbor_out - a sticky writer of the one encoding that cbor_in accepts. Heads
 * come from libcbor's encoder functions, which write the shortest. Order and
 * number of keys are the caller's to keep.
 * Tests: tests/unit/test_cbor.c
 */
#ifndef KSK_PROTOCOL_CBOR_OUT_H
#define KSK_PROTOCOL_CBOR_OUT_H

#include "protocol/span.h"

/* Borrows its buffer. With buf NULL it only counts: len then says how many
 * bytes the same calls would write. */
struct ksk_cbor_out {
	struct ksk_buf *buf;
	size_t len;
	enum ksk_err err; /* KSK_ERR_NO_ROOM */
};

static inline struct ksk_cbor_out
ksk_cbor_out_of(struct ksk_buf *buf)
{
	return (struct ksk_cbor_out){.buf = buf, .len = 0, .err = KSK_OK};
}

/* Each appends one item or the head of one; after an error nothing more is
 * written. */
void ksk_cbor_out_map(struct ksk_cbor_out *out, size_t pair_count);
void ksk_cbor_out_array(struct ksk_cbor_out *out, size_t count);
void ksk_cbor_out_uint(struct ksk_cbor_out *out, uint64_t value);
void ksk_cbor_out_bool(struct ksk_cbor_out *out, bool value);
void ksk_cbor_out_bytes(struct ksk_cbor_out *out, struct ksk_span bytes);

/* Appends a zero-terminated text. A byte that is not part of a printable UTF-8
 * character becomes "?", so that a sentence cut in the wrong place does not
 * cost the whole reply. */
void ksk_cbor_out_text(struct ksk_cbor_out *out, const char *text);

/* Appends an item that is encoded already. */
void ksk_cbor_out_raw(struct ksk_cbor_out *out, struct ksk_span item);

#endif
