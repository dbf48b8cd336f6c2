/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msg_journal - the body of journal-read and of its reply (PROTOCOL.md 4.6).
 * Contract: msg_journal.h
 */
#include "protocol/msg_part.h"
#include "protocol/record.h"

static const struct ksk_cbor_field READ[] = {
	{1, true, "from"},
	{2, true, "most"},
	{3, false, "after"},
};

void
ksk_msg_journal_read_read(struct ksk_cbor_in *in, struct ksk_journal_read *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, READ, KSK_FIELD_COUNT(READ));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		uint64_t number = ksk_cbor_in_uint(in, UINT64_MAX);
		if (key == 1) {
			out->from = number;
		} else if (key == 2) {
			out->most = number;
		} else {
			out->has_after = true;
			out->after = number;
		}
	}
}

void
ksk_msg_journal_read_write(
	struct ksk_cbor_out *out, const struct ksk_journal_read *body)
{
	ksk_cbor_out_map(out, body->has_after ? 3 : 2);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_uint(out, body->from);
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_uint(out, body->most);
	if (!body->has_after)
		return;
	ksk_cbor_out_uint(out, 3);
	ksk_cbor_out_uint(out, body->after);
}

static const struct ksk_cbor_field REPLY[] = {
	{1, true, "records"},
	{2, true, "checkpoints"},
	{3, true, "head"},
	{4, true, "head-hash"},
	{5, true, "journal"},
	{6, false, "audit-key"},
	{7, true, "before"},
	{8, false, "first"},
};

static void
read_records(struct ksk_cbor_in *in, struct ksk_journal_reply *out)
{
	ksk_cbor_in_array(in, 0, KSK_JOURNAL_RECORD_COUNT_MAX);
	while (ksk_cbor_in_item(in)) {
		out->record[out->record_count] = ksk_cbor_in_bytes(
			in, 1, KSK_RECORD_MAX);
		out->record_count++;
	}
}

static void
read_checkpoints(struct ksk_cbor_in *in, struct ksk_journal_reply *out)
{
	ksk_cbor_in_array(in, 0, KSK_JOURNAL_CHECKPOINT_COUNT_MAX);
	while (ksk_cbor_in_item(in)) {
		ksk_checkpoint_read(
			in, &out->checkpoint[out->checkpoint_count]);
		out->checkpoint_count++;
	}
}

void
ksk_msg_journal_reply_read(
	struct ksk_cbor_in *in, struct ksk_journal_reply *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, REPLY, KSK_FIELD_COUNT(REPLY));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			read_records(in, out);
			break;
		case 2:
			read_checkpoints(in, out);
			break;
		case 3:
			out->head = ksk_cbor_in_uint(in, UINT64_MAX);
			break;
		case 4:
			ksk_cbor_in_copy(in, out->head_hash, KSK_HASH_LEN);
			break;
		case 5:
			ksk_cbor_in_copy(in, out->journal, KSK_ID_LEN);
			break;
		case 6:
			out->audit_key = ksk_cbor_in_bytes(
				in, 5, KSK_AUDIT_KEY_MAX);
			break;
		case 7:
			ksk_cbor_in_copy(in, out->before, KSK_HASH_LEN);
			break;
		default:
			out->has_first = true;
			out->first = ksk_cbor_in_uint(in, UINT64_MAX);
			break;
		}
	}
}

static void
write_lists(struct ksk_cbor_out *out, const struct ksk_journal_reply *reply)
{
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_array(out, reply->record_count);
	for (size_t i = 0; i < reply->record_count; i++)
		ksk_cbor_out_bytes(out, reply->record[i]);
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_array(out, reply->checkpoint_count);
	for (size_t i = 0; i < reply->checkpoint_count; i++)
		ksk_checkpoint_write(out, &reply->checkpoint[i]);
}

void
ksk_msg_journal_reply_write(
	struct ksk_cbor_out *out, const struct ksk_journal_reply *reply)
{
	bool key = reply->audit_key.len > 0;

	ksk_cbor_out_map(out, 6u + key + reply->has_first);
	write_lists(out, reply);
	ksk_cbor_out_uint(out, 3);
	ksk_cbor_out_uint(out, reply->head);
	ksk_cbor_out_uint(out, 4);
	ksk_cbor_out_bytes(out, ksk_span_of(reply->head_hash, KSK_HASH_LEN));
	ksk_cbor_out_uint(out, 5);
	ksk_cbor_out_bytes(out, ksk_span_of(reply->journal, KSK_ID_LEN));
	if (key) {
		ksk_cbor_out_uint(out, 6);
		ksk_cbor_out_bytes(out, reply->audit_key);
	}
	ksk_cbor_out_uint(out, 7);
	ksk_cbor_out_bytes(out, ksk_span_of(reply->before, KSK_HASH_LEN));
	if (!reply->has_first)
		return;
	ksk_cbor_out_uint(out, 8);
	ksk_cbor_out_uint(out, reply->first);
}
