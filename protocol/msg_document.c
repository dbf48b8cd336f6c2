/* SPDX-License-Identifier: BSD-2-Clause */
/* msg_document - see msg_document.h. */
#include "protocol/msg_part.h"

static void
put_hash(struct ksk_cbor_out *out, uint64_t key,
	const uint8_t hash[KSK_HASH_LEN])
{
	ksk_cbor_out_uint(out, key);
	ksk_cbor_out_bytes(out, ksk_span_of(hash, KSK_HASH_LEN));
}

static void
put_uint(struct ksk_cbor_out *out, uint64_t key, uint64_t value)
{
	ksk_cbor_out_uint(out, key);
	ksk_cbor_out_uint(out, value);
}

static uint64_t
read_kind(struct ksk_cbor_in *in, uint64_t max)
{
	uint64_t kind = ksk_cbor_in_uint(in, max);

	if (kind == 0)
		ksk_cbor_in_fail(
			in, KSK_ERR_MALFORMED, "no document has this kind");
	return kind;
}

/* ---- part ---- */

static const struct ksk_cbor_field PART[] = {
	{1, true, "total"},
	{2, true, "hash"},
	{3, true, "offset"},
	{4, true, "bytes"},
};

void
ksk_msg_part_read(struct ksk_cbor_in *in, struct ksk_part *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, PART, KSK_FIELD_COUNT(PART));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			out->total = ksk_cbor_in_uint(in, UINT64_MAX);
			if (out->total > KSK_DOCUMENT_MAX)
				ksk_cbor_in_fail(in, KSK_ERR_TOO_LARGE,
					"at most %u bytes can be sent",
					KSK_DOCUMENT_MAX);
			break;
		case 2:
			ksk_cbor_in_copy(in, out->hash, KSK_HASH_LEN);
			break;
		case 3:
			out->offset = ksk_cbor_in_uint(in, out->total);
			break;
		default:
			out->bytes = ksk_cbor_in_bytes(in, 1, KSK_PART_MAX);
			if (out->bytes.len > out->total - out->offset)
				ksk_cbor_in_fail(in, KSK_ERR_MALFORMED,
					"more than the whole has");
			break;
		}
	}
}

void
ksk_msg_part_write(struct ksk_cbor_out *out, const struct ksk_part *part)
{
	ksk_cbor_out_map(out, 4);
	put_uint(out, 1, part->total);
	put_hash(out, 2, part->hash);
	put_uint(out, 3, part->offset);
	ksk_cbor_out_uint(out, 4);
	ksk_cbor_out_bytes(out, part->bytes);
}

static const struct ksk_cbor_field PART_REPLY[] = {
	{1, true, "received"},
};

void
ksk_msg_part_reply_read(struct ksk_cbor_in *in, struct ksk_part_reply *out)
{
	ksk_cbor_in_map(in, PART_REPLY, KSK_FIELD_COUNT(PART_REPLY));
	while (ksk_cbor_in_key(in) != 0)
		out->received = ksk_cbor_in_uint(in, UINT64_MAX);
}

void
ksk_msg_part_reply_write(
	struct ksk_cbor_out *out, const struct ksk_part_reply *reply)
{
	ksk_cbor_out_map(out, 1);
	put_uint(out, 1, reply->received);
}

/* ---- submit ---- */

static const struct ksk_cbor_field SUBMIT[] = {
	{1, true, "kind"},
	{2, true, "hash"},
	{3, false, "dry-run"},
};

void
ksk_msg_submit_read(struct ksk_cbor_in *in, struct ksk_submit *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, SUBMIT, KSK_FIELD_COUNT(SUBMIT));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			out->kind = read_kind(in, KSK_DOCUMENT_KIND_MAX);
			break;
		case 2:
			ksk_cbor_in_copy(in, out->hash, KSK_HASH_LEN);
			break;
		default:
			out->has_dry_run = true;
			out->dry_run = ksk_cbor_in_bool(in);
			break;
		}
	}
}

void
ksk_msg_submit_write(struct ksk_cbor_out *out, const struct ksk_submit *submit)
{
	ksk_cbor_out_map(out, submit->has_dry_run ? 3 : 2);
	put_uint(out, 1, submit->kind);
	put_hash(out, 2, submit->hash);
	if (submit->has_dry_run) {
		ksk_cbor_out_uint(out, 3);
		ksk_cbor_out_bool(out, submit->dry_run);
	}
}

static const struct ksk_cbor_field SUBMIT_REPLY[] = {
	{1, true, "document"},
	{2, false, "record"},
	{3, false, "record-hash"},
};

void
ksk_msg_submit_reply_read(struct ksk_cbor_in *in, struct ksk_submit_reply *out)
{
	uint64_t key;
	bool hash = false;

	ksk_cbor_in_map(in, SUBMIT_REPLY, KSK_FIELD_COUNT(SUBMIT_REPLY));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			ksk_cbor_in_copy(in, out->document, KSK_HASH_LEN);
			break;
		case 2:
			out->has_record = true;
			out->record = ksk_cbor_in_uint(in, UINT64_MAX);
			break;
		default:
			hash = true;
			ksk_cbor_in_copy(in, out->record_hash, KSK_HASH_LEN);
			break;
		}
	}
	if (hash != out->has_record)
		ksk_cbor_in_fail(in, KSK_ERR_MALFORMED,
			"record and record-hash come together");
}

void
ksk_msg_submit_reply_write(
	struct ksk_cbor_out *out, const struct ksk_submit_reply *reply)
{
	ksk_cbor_out_map(out, reply->has_record ? 3 : 1);
	put_hash(out, 1, reply->document);
	if (reply->has_record) {
		put_uint(out, 2, reply->record);
		put_hash(out, 3, reply->record_hash);
	}
}

/* ---- policy-show ---- */

static const struct ksk_cbor_field SHOW[] = {
	{1, true, "kind"},
	{2, true, "offset"},
};

void
ksk_msg_show_read(struct ksk_cbor_in *in, struct ksk_show *out)
{
	uint64_t key;

	out->has_kind = true;
	ksk_cbor_in_map(in, SHOW, KSK_FIELD_COUNT(SHOW));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		if (key == 1)
			out->kind = read_kind(in, KSK_DOCUMENT_AUTHORITY);
		else
			out->offset = ksk_cbor_in_uint(in, UINT64_MAX);
	}
}

void
ksk_msg_show_write(struct ksk_cbor_out *out, const struct ksk_show *show)
{
	ksk_cbor_out_map(out, 2);
	put_uint(out, 1, show->kind);
	put_uint(out, 2, show->offset);
}

static const struct ksk_cbor_field STANDING[] = {
	{1, true, "quorum"},
	{2, true, "authority-version"},
	{3, true, "authority-hash"},
	{4, true, "policy-version"},
	{5, true, "policy-hash"},
	{6, true, "journal-id"},
	{7, true, "record"},
	{8, true, "record-hash"},
	{9, true, "withdrawals"},
};

static void
read_standing_field(
	struct ksk_cbor_in *in, uint64_t key, struct ksk_standing_reply *out)
{
	switch (key) {
	case 1:
		out->quorum = ksk_cbor_in_bool(in);
		break;
	case 2:
		out->authority_version = ksk_cbor_in_uint(in, UINT64_MAX);
		break;
	case 3:
		ksk_cbor_in_copy(in, out->authority_hash, KSK_HASH_LEN);
		break;
	case 4:
		out->policy_version = ksk_cbor_in_uint(in, UINT64_MAX);
		break;
	case 5:
		ksk_cbor_in_copy(in, out->policy_hash, KSK_HASH_LEN);
		break;
	case 6:
		ksk_cbor_in_copy(in, out->journal, KSK_ID_LEN);
		break;
	case 7:
		out->record = ksk_cbor_in_uint(in, UINT64_MAX);
		break;
	case 8:
		ksk_cbor_in_copy(in, out->record_hash, KSK_HASH_LEN);
		break;
	default:
		ksk_cbor_in_array(in, 0, KSK_WITHDRAWAL_COUNT_MAX);
		while (ksk_cbor_in_item(in))
			ksk_cbor_in_copy(in,
				out->withdrawal[out->withdrawal_count++],
				KSK_HASH_LEN);
		break;
	}
}

static void
read_standing(struct ksk_cbor_in *in, struct ksk_standing_reply *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, STANDING, KSK_FIELD_COUNT(STANDING));
	while ((key = ksk_cbor_in_key(in)) != 0)
		read_standing_field(in, key, out);
}

static const struct ksk_cbor_field CONTENT[] = {
	{1, true, "signed"},
	{2, true, "total"},
	{3, true, "hash"},
	{4, true, "offset"},
	{5, true, "bytes"},
};

static void
read_content(struct ksk_cbor_in *in, struct ksk_show_reply *out)
{
	uint64_t key;

	out->has_content = true;
	ksk_cbor_in_map(in, CONTENT, KSK_FIELD_COUNT(CONTENT));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			out->is_signed = ksk_cbor_in_bool(in);
			break;
		case 2:
			out->total = ksk_cbor_in_uint(in, KSK_DOCUMENT_MAX);
			break;
		case 3:
			ksk_cbor_in_copy(in, out->hash, KSK_HASH_LEN);
			break;
		case 4:
			out->offset = ksk_cbor_in_uint(in, out->total);
			break;
		default:
			out->bytes = ksk_cbor_in_bytes(in, 0, KSK_PART_MAX);
			if (out->bytes.len > out->total - out->offset)
				ksk_cbor_in_fail(in, KSK_ERR_MALFORMED,
					"more than the whole has");
			break;
		}
	}
}

static const struct ksk_cbor_field SHOW_REPLY[] = {
	{1, true, "standing"},
	{2, false, "content"},
};

void
ksk_msg_show_reply_read(struct ksk_cbor_in *in, struct ksk_show_reply *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, SHOW_REPLY, KSK_FIELD_COUNT(SHOW_REPLY));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		if (key == 1)
			read_standing(in, &out->standing);
		else
			read_content(in, out);
	}
}

static void
write_standing(struct ksk_cbor_out *out, const struct ksk_standing_reply *s)
{
	ksk_cbor_out_map(out, 9);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_bool(out, s->quorum);
	put_uint(out, 2, s->authority_version);
	put_hash(out, 3, s->authority_hash);
	put_uint(out, 4, s->policy_version);
	put_hash(out, 5, s->policy_hash);
	ksk_cbor_out_uint(out, 6);
	ksk_cbor_out_bytes(out, ksk_span_of(s->journal, KSK_ID_LEN));
	put_uint(out, 7, s->record);
	put_hash(out, 8, s->record_hash);
	ksk_cbor_out_uint(out, 9);
	ksk_cbor_out_array(out, s->withdrawal_count);
	for (size_t i = 0; i < s->withdrawal_count; i++)
		ksk_cbor_out_bytes(
			out, ksk_span_of(s->withdrawal[i], KSK_HASH_LEN));
}

void
ksk_msg_show_reply_write(
	struct ksk_cbor_out *out, const struct ksk_show_reply *reply)
{
	ksk_cbor_out_map(out, reply->has_content ? 2 : 1);
	ksk_cbor_out_uint(out, 1);
	write_standing(out, &reply->standing);
	if (!reply->has_content)
		return;
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_map(out, 5);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_bool(out, reply->is_signed);
	put_uint(out, 2, reply->total);
	put_hash(out, 3, reply->hash);
	put_uint(out, 4, reply->offset);
	ksk_cbor_out_uint(out, 5);
	ksk_cbor_out_bytes(out, reply->bytes);
}
