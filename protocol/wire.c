/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire - sticky big-endian cursors. Contract: wire.h
 */
#include "protocol/wire.h"

#include <string.h>

void
ksk_wire_fail(struct ksk_wire *w, enum ksk_err err)
{
	if (w->err == KSK_OK)
		w->err = err;
}

struct ksk_span
ksk_wire_bytes(struct ksk_wire *w, size_t len)
{
	if (w->err == KSK_OK && len > w->rest.len)
		w->err = KSK_ERR_MALFORMED;
	if (w->err != KSK_OK)
		return (struct ksk_span){0};
	struct ksk_span taken = {.data = w->rest.data, .len = len};
	/* NULL plus 0 is undefined; an empty span may be NULL. */
	if (len > 0) {
		w->rest.data += len;
		w->rest.len -= len;
	}
	return taken;
}

/* Returns the next len <= 8 bytes as a number. */
static uint64_t
take_number(struct ksk_wire *w, size_t len)
{
	struct ksk_span bytes = ksk_wire_bytes(w, len);
	uint64_t value = 0;

	for (size_t i = 0; i < bytes.len; i++)
		value = value << 8 | bytes.data[i];
	return value;
}

uint8_t
ksk_wire_u8(struct ksk_wire *w)
{
	return (uint8_t)take_number(w, 1);
}

uint16_t
ksk_wire_u16(struct ksk_wire *w)
{
	return (uint16_t)take_number(w, 2);
}

uint32_t
ksk_wire_u32(struct ksk_wire *w)
{
	return (uint32_t)take_number(w, 4);
}

uint64_t
ksk_wire_u64(struct ksk_wire *w)
{
	return take_number(w, 8);
}

void
ksk_wire_copy(struct ksk_wire *w, void *out, size_t len)
{
	struct ksk_span bytes = ksk_wire_bytes(w, len);

	if (len == 0)
		return;
	if (bytes.len == len)
		memcpy(out, bytes.data, len);
	else
		memset(out, 0, len);
}

struct ksk_span
ksk_wire_block(struct ksk_wire *w, size_t max)
{
	size_t len = ksk_wire_u16(w);

	if (len > max)
		ksk_wire_fail(w, KSK_ERR_TOO_LARGE);
	return ksk_wire_bytes(w, len);
}

void
ksk_wire_text(struct ksk_wire *w, char *out, size_t out_cap)
{
	struct ksk_span block = ksk_wire_block(w, out_cap - 1);

	if (block.len > 0 && memchr(block.data, 0, block.len) != NULL) {
		ksk_wire_fail(w, KSK_ERR_MALFORMED);
		block.len = 0;
	}
	if (block.len > 0)
		memcpy(out, block.data, block.len);
	out[block.len] = '\0';
}

bool
ksk_wire_more(const struct ksk_wire *w)
{
	return w->err == KSK_OK && w->rest.len > 0;
}

enum ksk_err
ksk_wire_end(const struct ksk_wire *w)
{
	if (w->err != KSK_OK)
		return w->err;
	return w->rest.len == 0 ? KSK_OK : KSK_ERR_MALFORMED;
}

void
ksk_wire_put_bytes(struct ksk_wire_out *w, struct ksk_span bytes)
{
	if (w->err == KSK_OK)
		w->err = ksk_buf_put(w->buf, bytes.data, bytes.len);
}

/* Appends the low len <= 8 bytes of a number. */
static void
put_number(struct ksk_wire_out *w, uint64_t value, size_t len)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(value >> (8 * (len - 1 - i)));
	ksk_wire_put_bytes(w, ksk_span_of(bytes, len));
}

void
ksk_wire_put_u8(struct ksk_wire_out *w, uint8_t v)
{
	put_number(w, v, 1);
}

void
ksk_wire_put_u16(struct ksk_wire_out *w, uint16_t v)
{
	put_number(w, v, 2);
}

void
ksk_wire_put_u32(struct ksk_wire_out *w, uint32_t v)
{
	put_number(w, v, 4);
}

void
ksk_wire_put_u64(struct ksk_wire_out *w, uint64_t v)
{
	put_number(w, v, 8);
}

void
ksk_wire_put_block(struct ksk_wire_out *w, struct ksk_span bytes)
{
	if (bytes.len > UINT16_MAX && w->err == KSK_OK)
		w->err = KSK_ERR_TOO_LARGE;
	ksk_wire_put_u16(w, (uint16_t)bytes.len);
	ksk_wire_put_bytes(w, bytes);
}

void
ksk_wire_put_text(struct ksk_wire_out *w, const char *text)
{
	ksk_wire_put_block(w, ksk_span_of(text, strlen(text)));
}
