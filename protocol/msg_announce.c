/* SPDX-License-Identifier: BSD-2-Clause */
/* msg_announce - announcements in messages. Contract: msg_announce.h */
#include "protocol/msg_announce.h"

#include <string.h>

#include "protocol/msg_part.h"

const char *
ksk_announced_text(uint64_t state)
{
	switch (state) {
#define X(name, value, text) \
	case name: \
		return text;
		KSK_ANNOUNCED_TABLE(X)
#undef X
	default:
		return "unknown";
	}
}

static const struct ksk_cbor_field ANNOUNCE[] = {
	{1, true, "document"},
};

void
ksk_msg_announce_read(struct ksk_cbor_in *in, struct ksk_announce_body *out)
{
	ksk_cbor_in_map(in, ANNOUNCE, KSK_FIELD_COUNT(ANNOUNCE));
	while (ksk_cbor_in_key(in) != 0)
		out->document = ksk_cbor_in_bytes(in, 1, KSK_ANNOUNCEMENT_MAX);
}

void
ksk_msg_announce_write(
	struct ksk_cbor_out *out, const struct ksk_announce_body *body)
{
	ksk_cbor_out_map(out, 1);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_bytes(out, body->document);
}

static const struct ksk_cbor_field ANNOUNCE_REPLY[] = {
	{1, true, "record"},
	{2, true, "record-hash"},
	{3, true, "known"},
};

void
ksk_msg_announce_reply_read(
	struct ksk_cbor_in *in, struct ksk_announce_reply *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, ANNOUNCE_REPLY, KSK_FIELD_COUNT(ANNOUNCE_REPLY));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			out->record = ksk_cbor_in_uint(in, UINT64_MAX);
			break;
		case 2:
			ksk_cbor_in_copy(in, out->record_hash, KSK_HASH_LEN);
			break;
		default:
			out->known = ksk_cbor_in_bool(in);
			break;
		}
	}
}

void
ksk_msg_announce_reply_write(
	struct ksk_cbor_out *out, const struct ksk_announce_reply *reply)
{
	ksk_cbor_out_map(out, 3);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_uint(out, reply->record);
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_bytes(out, ksk_span_of(reply->record_hash, KSK_HASH_LEN));
	ksk_cbor_out_uint(out, 3);
	ksk_cbor_out_bool(out, reply->known);
}

/* ---- in a keys reply ---- */

static const struct ksk_cbor_field ANNOUNCED[] = {
	{1, true, "state"},
	{2, false, "serial"},
	{3, false, "accepted"},
	{4, false, "not-before"},
	{5, false, "not-after"},
	{6, false, "record"},
};

static uint64_t *
number_at(struct ksk_announced_entry *entry, uint64_t key)
{
	switch (key) {
	case 2:
		return &entry->serial;
	case 3:
		return &entry->accepted;
	case 4:
		return &entry->not_before;
	case 5:
		return &entry->not_after;
	default:
		return &entry->record;
	}
}

/* All of the fields, or the state NONE alone. */
void
ksk_msg_announced_read(struct ksk_cbor_in *in, struct ksk_announced_entry *out)
{
	unsigned fields = 0;
	uint64_t key;

	ksk_cbor_in_map(in, ANNOUNCED, KSK_FIELD_COUNT(ANNOUNCED));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		if (key == 1) {
			out->state = ksk_cbor_in_uint(in, KSK_ANNOUNCED_NONE);
			continue;
		}
		*number_at(out, key) = ksk_cbor_in_uint(in, UINT64_MAX);
		fields++;
	}
	if (fields != (out->state == KSK_ANNOUNCED_NONE ? 0u : 5u))
		ksk_cbor_in_fail(in, KSK_ERR_MALFORMED,
			"the fields do not fit the state");
}

void
ksk_msg_announced_write(
	struct ksk_cbor_out *out, const struct ksk_announced_entry *entry)
{
	struct ksk_announced_entry copy = *entry;

	ksk_cbor_out_map(out, entry->state == KSK_ANNOUNCED_NONE ? 1 : 6);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_uint(out, entry->state);
	if (entry->state == KSK_ANNOUNCED_NONE)
		return;
	for (uint64_t key = 2; key <= 6; key++) {
		ksk_cbor_out_uint(out, key);
		ksk_cbor_out_uint(out, *number_at(&copy, key));
	}
}

/* ---- in a status reply ---- */

static const struct ksk_cbor_field NOTICE[] = {
	{1, true, "owner"},
	{2, true, "provider"},
	{3, true, "state"},
	{4, false, "not-after"},
	{5, false, "accepted"},
};

static void
read_notice(struct ksk_cbor_in *in, struct ksk_announced_notice *out)
{
	bool has_end = false;
	bool has_accepted = false;
	uint64_t key;

	ksk_cbor_in_map(in, NOTICE, KSK_FIELD_COUNT(NOTICE));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			ksk_msg_name_read(in, &out->owner);
			break;
		case 2:
			ksk_cbor_in_text(in, 1, out->provider, KSK_LABEL_CAP);
			break;
		case 3:
			out->state = ksk_cbor_in_uint(in, KSK_ANNOUNCED_NONE);
			break;
		case 4:
			has_end = true;
			out->not_after = ksk_cbor_in_uint(in, UINT64_MAX);
			break;
		default:
			has_accepted = true;
			out->accepted = ksk_cbor_in_uint(in, UINT64_MAX);
			break;
		}
	}
	if (has_end != (out->state != KSK_ANNOUNCED_NONE) ||
		has_accepted != (out->accepted != 0) ||
		(has_accepted && !has_end))
		ksk_cbor_in_fail(in, KSK_ERR_MALFORMED,
			"the fields do not fit the state");
}

void
ksk_msg_notices_read(struct ksk_cbor_in *in,
	struct ksk_announced_notice out[KSK_ANNOUNCED_NOTICE_MAX],
	size_t *out_count)
{
	ksk_cbor_in_array(in, 1, KSK_ANNOUNCED_NOTICE_MAX);
	while (ksk_cbor_in_item(in)) {
		read_notice(in, &out[*out_count]);
		(*out_count)++;
	}
}

void
ksk_msg_notices_write(struct ksk_cbor_out *out,
	const struct ksk_announced_notice *notice, size_t count)
{
	ksk_cbor_out_array(out, count);
	for (size_t i = 0; i < count; i++) {
		bool none = notice[i].state == KSK_ANNOUNCED_NONE;
		bool known = !none && notice[i].accepted != 0;

		ksk_cbor_out_map(out, (none ? 3 : 4) + (known ? 1u : 0u));
		ksk_cbor_out_uint(out, 1);
		ksk_cbor_out_bytes(out, ksk_name_span(&notice[i].owner));
		ksk_cbor_out_uint(out, 2);
		ksk_cbor_out_text(out, notice[i].provider);
		ksk_cbor_out_uint(out, 3);
		ksk_cbor_out_uint(out, notice[i].state);
		if (none)
			continue;
		ksk_cbor_out_uint(out, 4);
		ksk_cbor_out_uint(out, notice[i].not_after);
		if (!known)
			continue;
		ksk_cbor_out_uint(out, 5);
		ksk_cbor_out_uint(out, notice[i].accepted);
	}
}
