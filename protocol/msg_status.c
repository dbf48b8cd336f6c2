/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msg_status - the reply to op status: who the appliance is, what state it,
 * its tokens and its zones are in (PROTOCOL.md 4.1). Contract: msg.h,
 * msg_part.h
 */
#include "protocol/msg_part.h"

static const struct ksk_cbor_field TOKEN[] = {
	{1, true, "name"},
	{2, true, "state"},
	{3, true, "workers"},
	{4, false, "why"},
};

static void
read_token(struct ksk_cbor_in *in, struct ksk_token_entry *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, TOKEN, KSK_FIELD_COUNT(TOKEN));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			ksk_cbor_in_text(in, 1, out->name, sizeof(out->name));
			break;
		case 2:
			out->state = ksk_cbor_in_uint(in, KSK_STATE_NO_POLICY);
			break;
		case 3:
			out->workers = ksk_cbor_in_uint(in, UINT64_MAX);
			break;
		default:
			ksk_cbor_in_text(in, 1, out->why, sizeof(out->why));
			break;
		}
	}
}

static const struct ksk_cbor_field TROUBLE[] = {
	{1, true, "owner"},
	{2, true, "state"},
	{3, false, "why"},
};

static void
read_trouble(struct ksk_cbor_in *in, struct ksk_zone_trouble *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, TROUBLE, KSK_FIELD_COUNT(TROUBLE));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			ksk_msg_name_read(in, &out->owner);
			break;
		case 2:
			out->state = ksk_cbor_in_uint(in, KSK_STATE_NO_POLICY);
			break;
		default:
			ksk_cbor_in_text(in, 1, out->why, sizeof(out->why));
			break;
		}
	}
}

static const struct ksk_cbor_field EARLIEST[] = {
	{1, true, "owner"},
	{2, true, "expiration"},
};

static void
read_earliest(struct ksk_cbor_in *in, struct ksk_status_reply *out)
{
	uint64_t key;

	out->has_earliest = true;
	ksk_cbor_in_map(in, EARLIEST, KSK_FIELD_COUNT(EARLIEST));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		if (key == 1)
			ksk_msg_name_read(in, &out->earliest_owner);
		else
			out->earliest = ksk_cbor_in_uint(in, UINT64_MAX);
	}
}

static const struct ksk_cbor_field STATUS_REPLY[] = {
	{1, true, "appliance"},
	{2, true, "version"},
	{3, true, "time"},
	{4, true, "state"},
	{5, false, "why"},
	{6, true, "policy-version"},
	{7, true, "policy-hash"},
	{8, true, "record"},
	{9, true, "record-hash"},
	{10, true, "zone-count"},
	{11, true, "tokens"},
	{12, true, "troubles"},
	{13, false, "earliest"},
	{14, false, "anchor"},
	{15, false, "checkpoint"},
	{16, false, "announcements"},
	{17, false, "exposed"},
};

static void
read_lists(struct ksk_cbor_in *in, uint64_t key, struct ksk_status_reply *out)
{
	if (key == 11) {
		ksk_cbor_in_array(in, 0, KSK_TOKEN_COUNT_MAX);
		while (ksk_cbor_in_item(in)) {
			read_token(in, &out->token[out->token_count]);
			out->token_count++;
		}
		return;
	}
	ksk_cbor_in_array(in, 0, KSK_TROUBLE_COUNT_MAX);
	while (ksk_cbor_in_item(in)) {
		read_trouble(in, &out->trouble[out->trouble_count]);
		out->trouble_count++;
	}
}

static const struct ksk_cbor_field EXPOSED[] = {
	{1, true, "owner"},
	{2, true, "provider"},
	{3, true, "key"},
	{4, true, "until"},
};

static void
read_exposed(struct ksk_cbor_in *in, struct ksk_exposed_key *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, EXPOSED, KSK_FIELD_COUNT(EXPOSED));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			ksk_msg_name_read(in, &out->owner);
			break;
		case 2:
			ksk_cbor_in_text(
				in, 1, out->provider, sizeof(out->provider));
			break;
		case 3:
			ksk_msg_ds_read(in, &out->ds);
			break;
		default:
			out->until = ksk_cbor_in_uint(in, UINT64_MAX);
			break;
		}
	}
}

/* What the journal knows: fields 13 to 17. */
static void
read_journal(struct ksk_cbor_in *in, uint64_t key, struct ksk_status_reply *out)
{
	if (key == 13) {
		read_earliest(in, out);
	} else if (key == 14) {
		ksk_cbor_in_text(in, 1, out->anchor, sizeof(out->anchor));
	} else if (key == 15) {
		out->has_checkpoint = true;
		out->checkpoint = ksk_cbor_in_uint(in, UINT64_MAX);
	} else if (key == 17) {
		ksk_cbor_in_array(in, 1, KSK_EXPOSED_COUNT_MAX);
		while (ksk_cbor_in_item(in)) {
			read_exposed(in, &out->exposed[out->exposed_count]);
			out->exposed_count++;
		}
	} else {
		ksk_msg_notices_read(in, out->notice, &out->notice_count);
	}
}

static void
read_field(struct ksk_cbor_in *in, uint64_t key, struct ksk_status_reply *out)
{
	switch (key) {
	case 1:
		ksk_cbor_in_copy(in, out->appliance, KSK_ID_LEN);
		break;
	case 2:
		ksk_cbor_in_text(in, 1, out->version, sizeof(out->version));
		break;
	case 3:
		out->time = ksk_cbor_in_uint(in, UINT64_MAX);
		break;
	case 4:
		out->state = ksk_cbor_in_uint(in, KSK_STATE_NO_POLICY);
		break;
	case 5:
		ksk_cbor_in_text(in, 1, out->why, sizeof(out->why));
		break;
	case 6:
		out->policy_version = ksk_cbor_in_uint(in, UINT64_MAX);
		break;
	case 7:
		ksk_cbor_in_copy(in, out->policy_hash, KSK_HASH_LEN);
		break;
	case 8:
		out->record = ksk_cbor_in_uint(in, UINT64_MAX);
		break;
	case 9:
		ksk_cbor_in_copy(in, out->record_hash, KSK_HASH_LEN);
		break;
	case 10:
		out->zone_count = ksk_cbor_in_uint(in, UINT64_MAX);
		break;
	case 11:
	case 12:
		read_lists(in, key, out);
		break;
	default:
		read_journal(in, key, out);
		break;
	}
}

void
ksk_msg_status_reply_read(struct ksk_cbor_in *in, struct ksk_status_reply *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, STATUS_REPLY, KSK_FIELD_COUNT(STATUS_REPLY));
	while ((key = ksk_cbor_in_key(in)) != 0)
		read_field(in, key, out);
}

static void
write_token(struct ksk_cbor_out *out, const struct ksk_token_entry *token)
{
	ksk_cbor_out_map(out, token->why[0] != '\0' ? 4 : 3);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_text(out, token->name);
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_uint(out, token->state);
	ksk_cbor_out_uint(out, 3);
	ksk_cbor_out_uint(out, token->workers);
	ksk_msg_why_write(out, 4, token->why);
}

static void
write_trouble(struct ksk_cbor_out *out, const struct ksk_zone_trouble *trouble)
{
	ksk_cbor_out_map(out, trouble->why[0] != '\0' ? 3 : 2);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_bytes(out, ksk_name_span(&trouble->owner));
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_uint(out, trouble->state);
	ksk_msg_why_write(out, 3, trouble->why);
}

static void
write_heads(struct ksk_cbor_out *out, const struct ksk_status_reply *reply)
{
	ksk_cbor_out_uint(out, 6);
	ksk_cbor_out_uint(out, reply->policy_version);
	ksk_cbor_out_uint(out, 7);
	ksk_cbor_out_bytes(out, ksk_span_of(reply->policy_hash, KSK_HASH_LEN));
	ksk_cbor_out_uint(out, 8);
	ksk_cbor_out_uint(out, reply->record);
	ksk_cbor_out_uint(out, 9);
	ksk_cbor_out_bytes(out, ksk_span_of(reply->record_hash, KSK_HASH_LEN));
	ksk_cbor_out_uint(out, 10);
	ksk_cbor_out_uint(out, reply->zone_count);
}

static void
write_exposed(struct ksk_cbor_out *out, const struct ksk_exposed_key *key)
{
	ksk_cbor_out_map(out, 4);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_bytes(out, ksk_name_span(&key->owner));
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_text(out, key->provider);
	ksk_cbor_out_uint(out, 3);
	ksk_msg_ds_write(out, &key->ds);
	ksk_cbor_out_uint(out, 4);
	ksk_cbor_out_uint(out, key->until);
}

static void
write_journal(struct ksk_cbor_out *out, const struct ksk_status_reply *reply)
{
	if (reply->has_earliest) {
		ksk_cbor_out_uint(out, 13);
		ksk_cbor_out_map(out, 2);
		ksk_cbor_out_uint(out, 1);
		ksk_cbor_out_bytes(out, ksk_name_span(&reply->earliest_owner));
		ksk_cbor_out_uint(out, 2);
		ksk_cbor_out_uint(out, reply->earliest);
	}
	ksk_msg_why_write(out, 14, reply->anchor);
	if (reply->has_checkpoint) {
		ksk_cbor_out_uint(out, 15);
		ksk_cbor_out_uint(out, reply->checkpoint);
	}
	if (reply->notice_count > 0) {
		ksk_cbor_out_uint(out, 16);
		ksk_msg_notices_write(out, reply->notice, reply->notice_count);
	}
	if (reply->exposed_count > 0) {
		ksk_cbor_out_uint(out, 17);
		ksk_cbor_out_array(out, reply->exposed_count);
		for (size_t i = 0; i < reply->exposed_count; i++)
			write_exposed(out, &reply->exposed[i]);
	}
}

static size_t
count_fields(const struct ksk_status_reply *reply)
{
	return 11u + (reply->why[0] != '\0' ? 1u : 0u) +
		(reply->has_earliest ? 1u : 0u) +
		(reply->anchor[0] != '\0' ? 1u : 0u) +
		(reply->has_checkpoint ? 1u : 0u) +
		(reply->notice_count > 0 ? 1u : 0u) +
		(reply->exposed_count > 0 ? 1u : 0u);
}

void
ksk_msg_status_reply_write(struct ksk_cbor_out *out,
	const struct ksk_status_reply *reply, size_t trouble_count)
{
	ksk_cbor_out_map(out, count_fields(reply));
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_bytes(out, ksk_span_of(reply->appliance, KSK_ID_LEN));
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_text(out, reply->version);
	ksk_cbor_out_uint(out, 3);
	ksk_cbor_out_uint(out, reply->time);
	ksk_cbor_out_uint(out, 4);
	ksk_cbor_out_uint(out, reply->state);
	ksk_msg_why_write(out, 5, reply->why);
	write_heads(out, reply);
	ksk_cbor_out_uint(out, 11);
	ksk_cbor_out_array(out, reply->token_count);
	for (size_t i = 0; i < reply->token_count; i++)
		write_token(out, &reply->token[i]);
	ksk_cbor_out_uint(out, 12);
	ksk_cbor_out_array(out, trouble_count);
	for (size_t i = 0; i < trouble_count; i++)
		write_trouble(out, &reply->trouble[i]);
	write_journal(out, reply);
}
