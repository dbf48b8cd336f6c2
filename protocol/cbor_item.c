/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cbor_item - one item from libcbor's streaming decoder. Contract: cbor_item.h
 *
 * cbor_load is no choice: it allocates what a head announces, recurses, and
 * takes duplicate keys and trailing bytes. The streaming decoder allocates
 * nothing, but takes longer heads than needed; how many bytes it read tells.
 * Its `required` is never looked at: it wraps, and a frame is whole anyway.
 */
#include "protocol/cbor_item.h"

#include <cbor.h>

/* ---- what libcbor calls ---- */

static void
on_uint8(void *context, uint8_t value)
{
	*(struct ksk_cbor_item *)context = (struct ksk_cbor_item){
		.kind = KSK_CBOR_UINT, .value = value};
}

static void
on_uint16(void *context, uint16_t value)
{
	*(struct ksk_cbor_item *)context = (struct ksk_cbor_item){
		.kind = KSK_CBOR_UINT, .value = value};
}

static void
on_uint32(void *context, uint32_t value)
{
	*(struct ksk_cbor_item *)context = (struct ksk_cbor_item){
		.kind = KSK_CBOR_UINT, .value = value};
}

static void
on_uint64(void *context, uint64_t value)
{
	*(struct ksk_cbor_item *)context = (struct ksk_cbor_item){
		.kind = KSK_CBOR_UINT, .value = value};
}

static void
on_bool(void *context, bool value)
{
	*(struct ksk_cbor_item *)context = (struct ksk_cbor_item){
		.kind = KSK_CBOR_BOOL, .value = value ? 1 : 0};
}

static void
on_bytes(void *context, cbor_data data, size_t len)
{
	*(struct ksk_cbor_item *)context = (struct ksk_cbor_item){
		.kind = KSK_CBOR_BYTES,
		.value = len,
		.payload = ksk_span_of(data, len)};
}

static void
on_text(void *context, cbor_data data, size_t len)
{
	*(struct ksk_cbor_item *)context = (struct ksk_cbor_item){
		.kind = KSK_CBOR_TEXT,
		.value = len,
		.payload = ksk_span_of(data, len)};
}

static void
on_array(void *context, size_t count)
{
	*(struct ksk_cbor_item *)context = (struct ksk_cbor_item){
		.kind = KSK_CBOR_ARRAY, .value = count};
}

static void
on_map(void *context, size_t count)
{
	*(struct ksk_cbor_item *)context = (struct ksk_cbor_item){
		.kind = KSK_CBOR_MAP, .value = count};
}

/* All others leave the item as it was: refused. */
static const struct cbor_callbacks CALLBACKS = {
	.uint8 = on_uint8,
	.uint16 = on_uint16,
	.uint32 = on_uint32,
	.uint64 = on_uint64,
	.negint64 = cbor_null_negint64_callback,
	.negint32 = cbor_null_negint32_callback,
	.negint16 = cbor_null_negint16_callback,
	.negint8 = cbor_null_negint8_callback,
	.byte_string_start = cbor_null_byte_string_start_callback,
	.byte_string = on_bytes,
	.string = on_text,
	.string_start = cbor_null_string_start_callback,
	.indef_array_start = cbor_null_indef_array_start_callback,
	.array_start = on_array,
	.indef_map_start = cbor_null_indef_map_start_callback,
	.map_start = on_map,
	.tag = cbor_null_tag_callback,
	.float2 = cbor_null_float2_callback,
	.float4 = cbor_null_float4_callback,
	.float8 = cbor_null_float8_callback,
	.undefined = cbor_null_undefined_callback,
	.null = cbor_null_null_callback,
	.boolean = on_bool,
	.indef_break = cbor_null_indef_break_callback,
};

/* Bytes of the shortest head for a number, length or count (RFC 8949 4.2.1).
 */
static size_t
measure_head(uint64_t value)
{
	if (value < 24)
		return 1;
	if (value <= UINT8_MAX)
		return 2;
	if (value <= UINT16_MAX)
		return 3;
	return value <= UINT32_MAX ? 5 : 9;
}

static enum ksk_err
refuse(const char **out_why, const char *why)
{
	*out_why = why;
	return KSK_ERR_MALFORMED;
}

enum ksk_err
ksk_cbor_item_take(struct ksk_span *rest, struct ksk_cbor_item *out_item,
	const char **out_why)
{
	struct ksk_cbor_item item = {.kind = KSK_CBOR_REFUSED};
	struct cbor_decoder_result result = cbor_stream_decode(
		rest->data, rest->len, &CALLBACKS, &item);

	/* The frame is whole: "not enough data" is as wrong as bad data. */
	if (result.status != CBOR_DECODER_FINISHED || result.read > rest->len)
		return refuse(out_why, "cut off, or not CBOR");
	if (item.kind == KSK_CBOR_REFUSED)
		return refuse(out_why,
			"tags, floats, null, undefined, negative numbers and "
			"indefinite lengths are not allowed");
	size_t head = item.kind == KSK_CBOR_BOOL ? 1 : measure_head(item.value);
	if (result.read - item.payload.len != head)
		return refuse(out_why, "a longer head than needed");
	rest->data += result.read;
	rest->len -= result.read;
	*out_item = item;
	return KSK_OK;
}
