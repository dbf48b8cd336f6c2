/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cbor_out - the writer over libcbor's encoder functions. Contract:
 * cbor_out.h
 */
#include "protocol/cbor_out.h"

#include <cbor.h>
#include <string.h>

#include "protocol/utf8.h"

/* A head: initial byte and eight bytes of number. */
#define HEAD_MAX 9u

void
ksk_cbor_out_raw(struct ksk_cbor_out *out, struct ksk_span item)
{
	if (out->err != KSK_OK)
		return;
	if (out->buf != NULL)
		out->err = ksk_buf_put(out->buf, item.data, item.len);
	if (out->err == KSK_OK)
		out->len += item.len;
}

void
ksk_cbor_out_map(struct ksk_cbor_out *out, size_t pair_count)
{
	uint8_t head[HEAD_MAX];
	size_t len = cbor_encode_map_start(pair_count, head, sizeof(head));

	ksk_cbor_out_raw(out, ksk_span_of(head, len));
}

void
ksk_cbor_out_array(struct ksk_cbor_out *out, size_t count)
{
	uint8_t head[HEAD_MAX];
	size_t len = cbor_encode_array_start(count, head, sizeof(head));

	ksk_cbor_out_raw(out, ksk_span_of(head, len));
}

void
ksk_cbor_out_uint(struct ksk_cbor_out *out, uint64_t value)
{
	uint8_t head[HEAD_MAX];
	size_t len = cbor_encode_uint(value, head, sizeof(head));

	ksk_cbor_out_raw(out, ksk_span_of(head, len));
}

void
ksk_cbor_out_bool(struct ksk_cbor_out *out, bool value)
{
	uint8_t head[HEAD_MAX];
	size_t len = cbor_encode_bool(value, head, sizeof(head));

	ksk_cbor_out_raw(out, ksk_span_of(head, len));
}

void
ksk_cbor_out_bytes(struct ksk_cbor_out *out, struct ksk_span bytes)
{
	uint8_t head[HEAD_MAX];
	size_t len = cbor_encode_bytestring_start(
		bytes.len, head, sizeof(head));

	ksk_cbor_out_raw(out, ksk_span_of(head, len));
	ksk_cbor_out_raw(out, bytes);
}

void
ksk_cbor_out_text(struct ksk_cbor_out *out, const char *text)
{
	uint8_t head[HEAD_MAX];
	size_t text_len = strlen(text);
	size_t len = cbor_encode_string_start(text_len, head, sizeof(head));

	ksk_cbor_out_raw(out, ksk_span_of(head, len));
	for (size_t at = 0; at < text_len;) {
		size_t n = ksk_utf8_printable_len(text + at, text_len - at);
		if (n == 0)
			ksk_cbor_out_raw(out, ksk_span_of("?", 1));
		else
			ksk_cbor_out_raw(out, ksk_span_of(text + at, n));
		at += n == 0 ? 1 : n;
	}
}
