/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msg_history - the bodies of the ops that read and feed the timeline:
 * last-answer and adopt (PROTOCOL.md 4.4, 4.5). Contract: msg.h, msg_part.h
 */
#include "protocol/msg_part.h"

static const struct ksk_cbor_field LAST_ANSWER[] = {
	{1, true, "owner"},
	{2, true, "type"},
};

void
ksk_msg_last_answer_read(struct ksk_cbor_in *in, struct ksk_last_answer *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, LAST_ANSWER, KSK_FIELD_COUNT(LAST_ANSWER));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		if (key == 1)
			ksk_msg_name_read(in, &out->owner);
		else
			out->type = ksk_msg_type_read(in);
	}
}

void
ksk_msg_last_answer_write(
	struct ksk_cbor_out *out, const struct ksk_last_answer *asked)
{
	ksk_cbor_out_map(out, 2);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_bytes(out, ksk_name_span(&asked->owner));
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_uint(out, asked->type);
}

static const struct ksk_cbor_field LATER[] = {
	{1, true, "record"},
	{2, true, "inception"},
};

static void
read_later(struct ksk_cbor_in *in, struct ksk_last_answer_reply *out)
{
	uint64_t key;

	ksk_cbor_in_array(in, 1, KSK_SUPERSEDE_COUNT_MAX);
	while (ksk_cbor_in_item(in)) {
		struct ksk_later_answer *later = &out->later[out->later_count];
		ksk_cbor_in_map(in, LATER, KSK_FIELD_COUNT(LATER));
		while ((key = ksk_cbor_in_key(in)) != 0) {
			uint64_t value = ksk_cbor_in_uint(in, UINT64_MAX);
			if (key == 1)
				later->record = value;
			else
				later->inception = value;
		}
		out->later_count++;
	}
}

static const struct ksk_cbor_field LAST_ANSWER_REPLY[] = {
	{1, true, "rrset"},
	{2, true, "rrsigs"},
	{3, true, "record"},
	{4, true, "record-hash"},
	{5, true, "policy-version"},
	{6, true, "window"},
	{7, true, "released"},
	{8, true, "adopted"},
	{9, false, "later"},
	{10, false, "head-hash"},
};

static void
read_last_answer_field(
	struct ksk_cbor_in *in, uint64_t key, struct ksk_last_answer_reply *out)
{
	switch (key) {
	case 1:
		ksk_msg_rrset_read(in, true, &out->rrset);
		break;
	case 2:
		ksk_msg_rrsigs_read(in, out->rrsig, &out->rrsig_count);
		break;
	case 3:
		out->record = ksk_cbor_in_uint(in, UINT64_MAX);
		break;
	case 4:
		ksk_cbor_in_copy(in, out->record_hash, KSK_HASH_LEN);
		break;
	case 5:
		out->policy_version = ksk_cbor_in_uint(in, UINT64_MAX);
		break;
	case 6:
		ksk_msg_window_read(in, &out->window);
		break;
	case 7:
		out->released = ksk_cbor_in_uint(in, UINT64_MAX);
		break;
	case 8:
		out->adopted = ksk_cbor_in_bool(in);
		break;
	case 9:
		read_later(in, out);
		break;
	default:
		out->has_head = true;
		ksk_cbor_in_copy(in, out->head_hash, KSK_HASH_LEN);
		break;
	}
}

void
ksk_msg_last_answer_reply_read(
	struct ksk_cbor_in *in, struct ksk_last_answer_reply *out)
{
	uint64_t key;

	ksk_cbor_in_map(
		in, LAST_ANSWER_REPLY, KSK_FIELD_COUNT(LAST_ANSWER_REPLY));
	while ((key = ksk_cbor_in_key(in)) != 0)
		read_last_answer_field(in, key, out);
}

static void
write_later(struct ksk_cbor_out *out, const struct ksk_last_answer_reply *reply)
{
	if (reply->later_count == 0)
		return;
	ksk_cbor_out_uint(out, 9);
	ksk_cbor_out_array(out, reply->later_count);
	for (size_t i = 0; i < reply->later_count; i++) {
		ksk_cbor_out_map(out, 2);
		ksk_cbor_out_uint(out, 1);
		ksk_cbor_out_uint(out, reply->later[i].record);
		ksk_cbor_out_uint(out, 2);
		ksk_cbor_out_uint(out, reply->later[i].inception);
	}
}

void
ksk_msg_last_answer_reply_write(
	struct ksk_cbor_out *out, const struct ksk_last_answer_reply *reply)
{
	ksk_cbor_out_map(out,
		8u + (reply->later_count > 0 ? 1u : 0u) +
			(reply->has_head ? 1u : 0u));
	ksk_cbor_out_uint(out, 1);
	ksk_msg_rrset_write(out, &reply->rrset);
	ksk_cbor_out_uint(out, 2);
	ksk_msg_rrsigs_write(out, reply->rrsig, reply->rrsig_count);
	ksk_cbor_out_uint(out, 3);
	ksk_cbor_out_uint(out, reply->record);
	ksk_cbor_out_uint(out, 4);
	ksk_cbor_out_bytes(out, ksk_span_of(reply->record_hash, KSK_HASH_LEN));
	ksk_cbor_out_uint(out, 5);
	ksk_cbor_out_uint(out, reply->policy_version);
	ksk_cbor_out_uint(out, 6);
	ksk_msg_window_write(out, &reply->window);
	ksk_cbor_out_uint(out, 7);
	ksk_cbor_out_uint(out, reply->released);
	ksk_cbor_out_uint(out, 8);
	ksk_cbor_out_bool(out, reply->adopted);
	write_later(out, reply);
	if (reply->has_head) {
		ksk_cbor_out_uint(out, 10);
		ksk_cbor_out_bytes(
			out, ksk_span_of(reply->head_hash, KSK_HASH_LEN));
	}
}

static const struct ksk_cbor_field ADOPT[] = {
	{1, true, "rrset"},
	{2, true, "rrsigs"},
};

void
ksk_msg_adopt_read(struct ksk_cbor_in *in, struct ksk_adopt *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, ADOPT, KSK_FIELD_COUNT(ADOPT));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		if (key == 1)
			ksk_msg_rrset_read(in, true, &out->rrset);
		else
			ksk_msg_rrsigs_read(in, out->rrsig, &out->rrsig_count);
	}
}

void
ksk_msg_adopt_write(struct ksk_cbor_out *out, const struct ksk_adopt *adopt)
{
	ksk_cbor_out_map(out, 2);
	ksk_cbor_out_uint(out, 1);
	ksk_msg_rrset_write(out, &adopt->rrset);
	ksk_cbor_out_uint(out, 2);
	ksk_msg_rrsigs_write(out, adopt->rrsig, adopt->rrsig_count);
}

static const struct ksk_cbor_field ADOPT_REPLY[] = {
	{1, true, "record"},
	{2, true, "record-hash"},
	{3, false, "warnings"},
};

void
ksk_msg_adopt_reply_read(struct ksk_cbor_in *in, struct ksk_adopt_reply *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, ADOPT_REPLY, KSK_FIELD_COUNT(ADOPT_REPLY));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			out->record = ksk_cbor_in_uint(in, UINT64_MAX);
			break;
		case 2:
			ksk_cbor_in_copy(in, out->record_hash, KSK_HASH_LEN);
			break;
		default:
			ksk_msg_refusals_read(in, KSK_WARNING_COUNT_MAX,
				out->warning, &out->warning_count);
			break;
		}
	}
}

void
ksk_msg_adopt_reply_write(
	struct ksk_cbor_out *out, const struct ksk_adopt_reply *reply)
{
	ksk_cbor_out_map(out, reply->warning_count > 0 ? 3 : 2);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_uint(out, reply->record);
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_bytes(out, ksk_span_of(reply->record_hash, KSK_HASH_LEN));
	ksk_msg_warnings_write(out, 3, reply->warning, reply->warning_count);
}
