/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * export - see export.h.
 */
#include "protocol/export.h"

#include "protocol/msg_part.h"
#include "protocol/wire.h"

#include <string.h>

/* Heads of an item: an array of two, a small number, a byte string. */
#define HEAD_PAIR 0x82u
#define HEAD_BYTES 0x40u

/* Reads the head of a byte string in its shortest form; SIZE_MAX for anything
 * else. */
static size_t
take_len(struct ksk_wire *w)
{
	unsigned head = ksk_wire_u8(w);
	size_t len;

	if (head >= HEAD_BYTES && head < HEAD_BYTES + 24)
		return head - HEAD_BYTES;
	switch (head) {
	case HEAD_BYTES + 24:
		len = ksk_wire_u8(w);
		return w->err != KSK_OK || len >= 24 ? len : SIZE_MAX;
	case HEAD_BYTES + 25:
		len = ksk_wire_u16(w);
		return w->err != KSK_OK || len > UINT8_MAX ? len : SIZE_MAX;
	default:
		return SIZE_MAX;
	}
}

enum ksk_err
ksk_export_take(struct ksk_span *rest, struct ksk_export_item *out_item)
{
	struct ksk_wire w = ksk_wire_of(*rest);
	unsigned pair = ksk_wire_u8(&w);
	unsigned kind = ksk_wire_u8(&w);

	/* Bytes that are wrong are wrong however the item goes on. */
	if ((rest->len > 0 && pair != HEAD_PAIR) || kind > KSK_EXPORT_MARK)
		return KSK_ERR_MALFORMED;
	if (w.err != KSK_OK || w.rest.len == 0)
		return KSK_ERR_AGAIN;
	size_t len = take_len(&w);
	if (w.err != KSK_OK)
		return KSK_ERR_AGAIN;
	if (len == 0 || len > KSK_RECORD_MAX)
		return KSK_ERR_MALFORMED;
	if (w.rest.len < len)
		return KSK_ERR_AGAIN;
	*out_item = (struct ksk_export_item){.kind = (enum ksk_export_kind)kind,
		.body = ksk_span_of(w.rest.data, len)};
	*rest = ksk_span_of(w.rest.data + len, w.rest.len - len);
	return KSK_OK;
}

enum ksk_err
ksk_export_put(
	struct ksk_buf *out, enum ksk_export_kind kind, struct ksk_span body)
{
	size_t before = out->len;
	struct ksk_cbor_out c = ksk_cbor_out_of(out);

	ksk_cbor_out_array(&c, 2);
	ksk_cbor_out_uint(&c, kind);
	ksk_cbor_out_bytes(&c, body);
	if (c.err != KSK_OK)
		out->len = before;
	return c.err;
}

/* ---- bodies ---- */

static const struct ksk_cbor_field HEADER[] = {
	{1, true, "format"},
	{2, true, "journal"},
	{3, true, "first"},
	{4, true, "before"},
};

enum ksk_err
ksk_export_header_read(
	struct ksk_span body, struct ksk_export_header *out_header)
{
	struct ksk_cbor_in in = ksk_cbor_in_of(body, NULL);
	struct ksk_export_header header = {.first = 0};
	char format[KSK_LABEL_CAP] = "";
	uint64_t key;

	ksk_cbor_in_map(&in, HEADER, KSK_FIELD_COUNT(HEADER));
	while ((key = ksk_cbor_in_key(&in)) != 0) {
		if (key == 1)
			ksk_cbor_in_text(&in, 1, format, sizeof(format));
		else if (key == 2)
			ksk_cbor_in_copy(&in, header.journal, KSK_ID_LEN);
		else if (key == 3)
			header.first = ksk_cbor_in_uint(&in, UINT64_MAX);
		else
			ksk_cbor_in_copy(&in, header.before, KSK_HASH_LEN);
	}
	if (ksk_cbor_in_end(&in) != KSK_OK ||
		strcmp(format, KSK_EXPORT_FORMAT) != 0)
		return KSK_ERR_MALFORMED;
	*out_header = header;
	return KSK_OK;
}

enum ksk_err
ksk_export_header_put(
	struct ksk_buf *out, const struct ksk_export_header *header)
{
	uint8_t room[128];
	struct ksk_buf body = ksk_buf_of(room, sizeof(room));
	struct ksk_cbor_out c = ksk_cbor_out_of(&body);

	ksk_cbor_out_map(&c, 4);
	ksk_cbor_out_uint(&c, 1);
	ksk_cbor_out_text(&c, KSK_EXPORT_FORMAT);
	ksk_cbor_out_uint(&c, 2);
	ksk_cbor_out_bytes(&c, ksk_span_of(header->journal, KSK_ID_LEN));
	ksk_cbor_out_uint(&c, 3);
	ksk_cbor_out_uint(&c, header->first);
	ksk_cbor_out_uint(&c, 4);
	ksk_cbor_out_bytes(&c, ksk_span_of(header->before, KSK_HASH_LEN));
	return c.err != KSK_OK
		? c.err
		: ksk_export_put(out, KSK_EXPORT_HEADER, ksk_buf_span(&body));
}

static const struct ksk_cbor_field MARK[] = {
	{1, true, "number"},
	{2, true, "hash"},
};

enum ksk_err
ksk_export_mark_read(struct ksk_span body, struct ksk_export_mark *out_mark)
{
	struct ksk_cbor_in in = ksk_cbor_in_of(body, NULL);
	struct ksk_export_mark mark = {.number = 0};
	uint64_t key;

	ksk_cbor_in_map(&in, MARK, KSK_FIELD_COUNT(MARK));
	while ((key = ksk_cbor_in_key(&in)) != 0) {
		if (key == 1)
			mark.number = ksk_cbor_in_uint(&in, UINT64_MAX);
		else
			ksk_cbor_in_copy(&in, mark.hash, KSK_HASH_LEN);
	}
	enum ksk_err err = ksk_cbor_in_end(&in);
	if (err == KSK_OK)
		*out_mark = mark;
	return err;
}

enum ksk_err
ksk_export_mark_put(struct ksk_buf *out, const struct ksk_export_mark *mark)
{
	uint8_t room[64];
	struct ksk_buf body = ksk_buf_of(room, sizeof(room));
	struct ksk_cbor_out c = ksk_cbor_out_of(&body);

	ksk_cbor_out_map(&c, 2);
	ksk_cbor_out_uint(&c, 1);
	ksk_cbor_out_uint(&c, mark->number);
	ksk_cbor_out_uint(&c, 2);
	ksk_cbor_out_bytes(&c, ksk_span_of(mark->hash, KSK_HASH_LEN));
	return c.err != KSK_OK
		? c.err
		: ksk_export_put(out, KSK_EXPORT_MARK, ksk_buf_span(&body));
}

enum ksk_err
ksk_export_checkpoint_read(
	struct ksk_span body, struct ksk_signed_checkpoint *out_checkpoint)
{
	struct ksk_cbor_in in = ksk_cbor_in_of(body, NULL);
	struct ksk_signed_checkpoint checkpoint = {.key = {NULL, 0}};

	ksk_checkpoint_read(&in, &checkpoint);
	enum ksk_err err = ksk_cbor_in_end(&in);
	if (err != KSK_OK)
		return KSK_ERR_MALFORMED;
	*out_checkpoint = checkpoint;
	return KSK_OK;
}

enum ksk_err
ksk_export_checkpoint_put(
	struct ksk_buf *out, const struct ksk_signed_checkpoint *checkpoint)
{
	uint8_t room[KSK_CHECKPOINT_MAX];
	struct ksk_buf body = ksk_buf_of(room, sizeof(room));
	struct ksk_cbor_out c = ksk_cbor_out_of(&body);

	ksk_checkpoint_write(&c, checkpoint);
	return c.err != KSK_OK ? c.err
			       : ksk_export_put(out, KSK_EXPORT_CHECKPOINT,
					 ksk_buf_span(&body));
}
