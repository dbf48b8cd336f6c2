/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msg_reply - replies (PROTOCOL.md 5). Contract: msg.h
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "protocol/msg_part.h"

static const struct ksk_cbor_field REPLY[] = {
	{1, true, "number"},
	{2, true, "status"},
	{3, false, "body"},
	{4, false, "refusals"},
	{5, false, "text"},
	{6, false, "proof"},
};

#define FIRST_BODY offsetof(struct ksk_reply, status_body)
#define END_OF_BODIES offsetof(struct ksk_reply, refusals)

/* Bodies are large, and whoever signs much reads only one: only that one is
 * made empty for it. Without a body all are. */
static void
empty_bodies(struct ksk_reply *out, unsigned op)
{
	if (op == KSK_OP_SIGN)
		memset(&out->sign_body, 0, sizeof(out->sign_body));
	else
		memset((char *)out + FIRST_BODY, 0, END_OF_BODIES - FIRST_BODY);
}

static void
read_body(struct ksk_cbor_in *in, unsigned op, struct ksk_reply *out)
{
	out->body = op;
	empty_bodies(out, op);
	switch (op) {
	case KSK_OP_STATUS:
		ksk_msg_status_reply_read(in, &out->status_body);
		break;
	case KSK_OP_KEYS:
		ksk_msg_keys_reply_read(in, &out->keys_body);
		break;
	case KSK_OP_SIGN:
		ksk_msg_sign_reply_read(in, &out->sign_body);
		break;
	case KSK_OP_SIGN_SCHEDULE:
		ksk_msg_schedule_reply_read(in, &out->schedule_body);
		break;
	case KSK_OP_LAST_ANSWER:
		ksk_msg_last_answer_reply_read(in, &out->last_answer_body);
		break;
	case KSK_OP_ADOPT:
		ksk_msg_adopt_reply_read(in, &out->adopt_body);
		break;
	case KSK_OP_JOURNAL_READ:
		ksk_msg_journal_reply_read(in, &out->journal_body);
		break;
	case KSK_OP_ANNOUNCE:
		ksk_msg_announce_reply_read(in, &out->announce_body);
		break;
	case KSK_OP_PART:
		ksk_msg_part_reply_read(in, &out->part_body);
		break;
	case KSK_OP_SUBMIT:
		ksk_msg_submit_reply_read(in, &out->submit_body);
		break;
	case KSK_OP_POLICY_SHOW:
		ksk_msg_show_reply_read(in, &out->show_body);
		break;
	default:
		ksk_cbor_in_fail(in, KSK_ERR_MALFORMED,
			"nothing was asked whose reply has a body");
		break;
	}
}

/* Reads the fields that need no op. */
static void
read_field(struct ksk_cbor_in *in, uint64_t key, struct ksk_reply *out)
{
	switch (key) {
	case 1:
		out->number = ksk_cbor_in_uint(in, UINT64_MAX);
		break;
	case 2:
		out->status = ksk_cbor_in_uint(in, KSK_STATUS_INTERNAL);
		break;
	case 4:
		ksk_msg_refusals_read(in, KSK_REFUSAL_COUNT_MAX,
			out->refusals.list, &out->refusals.count);
		break;
	case 5:
		ksk_cbor_in_text(in, 1, out->text, sizeof(out->text));
		break;
	default:
		out->has_proof = true;
		out->proof = ksk_cbor_in_bytes(in, 1, KSK_PROOF_MAX);
		break;
	}
}

/* All but the bodies and what `count` of the refusals says is not there. */
static void
empty_head(struct ksk_reply *out)
{
	out->number = 0;
	out->status = 0;
	out->body = 0;
	out->refusals.count = 0;
	out->refusals.dropped = 0;
	out->text[0] = '\0';
	out->has_proof = false;
	out->proof = ksk_span_of(NULL, 0);
}

enum ksk_err
ksk_reply_read(struct ksk_span frame,
	unsigned (*op_of)(void *ctx, uint64_t number), void *ctx,
	struct ksk_reply *out_reply, struct ksk_fault *fault)
{
	struct ksk_cbor_in in = ksk_cbor_in_of(frame, fault);
	uint64_t key;

	empty_head(out_reply);
	ksk_cbor_in_map(&in, REPLY, KSK_FIELD_COUNT(REPLY));
	while ((key = ksk_cbor_in_key(&in)) != 0) {
		/* The number is there: key 1 comes first and must. */
		if (key == 3)
			read_body(
				&in, op_of(ctx, out_reply->number), out_reply);
		else
			read_field(&in, key, out_reply);
	}
	if (out_reply->body == 0)
		empty_bodies(out_reply, 0);
	return ksk_cbor_in_end(&in);
}

/* How much of a reply is written. */
struct extent {
	size_t refusals;
	size_t troubles;
	bool whys;    /* of KSKs */
	bool dnskeys; /* that were announced */
};

static void
write_body(struct ksk_cbor_out *out, const struct ksk_reply *reply,
	const struct extent *extent)
{
	ksk_cbor_out_uint(out, 3);
	switch (reply->body) {
	case KSK_OP_STATUS:
		ksk_msg_status_reply_write(
			out, &reply->status_body, extent->troubles);
		break;
	case KSK_OP_KEYS:
		ksk_msg_keys_reply_write(
			out, &reply->keys_body, extent->whys, extent->dnskeys);
		break;
	case KSK_OP_SIGN_SCHEDULE:
		ksk_msg_schedule_reply_write(out, &reply->schedule_body);
		break;
	case KSK_OP_LAST_ANSWER:
		ksk_msg_last_answer_reply_write(out, &reply->last_answer_body);
		break;
	case KSK_OP_ADOPT:
		ksk_msg_adopt_reply_write(out, &reply->adopt_body);
		break;
	case KSK_OP_JOURNAL_READ:
		ksk_msg_journal_reply_write(out, &reply->journal_body);
		break;
	case KSK_OP_ANNOUNCE:
		ksk_msg_announce_reply_write(out, &reply->announce_body);
		break;
	case KSK_OP_PART:
		ksk_msg_part_reply_write(out, &reply->part_body);
		break;
	case KSK_OP_SUBMIT:
		ksk_msg_submit_reply_write(out, &reply->submit_body);
		break;
	case KSK_OP_POLICY_SHOW:
		ksk_msg_show_reply_write(out, &reply->show_body);
		break;
	default:
		ksk_msg_sign_reply_write(out, &reply->sign_body);
		break;
	}
}

/* Returns how many refusals are not among the written ones. */
static size_t
count_dropped(const struct ksk_reply *reply, const struct extent *extent)
{
	return reply->refusals.dropped +
		(reply->refusals.count - extent->refusals);
}

/* PROTOCOL.md 5: what does not fit is counted in a last refusal "more". */
static void
write_refusals(struct ksk_cbor_out *out, const struct ksk_reply *reply,
	const struct extent *extent)
{
	size_t dropped = count_dropped(reply, extent);
	struct ksk_refusal more = {.rule = "more"};

	if (extent->refusals == 0 && dropped == 0)
		return;
	ksk_cbor_out_uint(out, 4);
	ksk_cbor_out_array(out, extent->refusals + (dropped > 0 ? 1u : 0u));
	for (size_t i = 0; i < extent->refusals; i++)
		ksk_msg_refusal_write(out, &reply->refusals.list[i]);
	if (dropped == 0)
		return;
	(void)snprintf(more.why, sizeof(more.why), "%zu more refusal%s not fit",
		dropped, dropped == 1 ? " does" : "s do");
	ksk_msg_refusal_write(out, &more);
}

static void
write_reply(struct ksk_cbor_out *out, const struct ksk_reply *reply,
	const struct extent *extent)
{
	bool refusals = extent->refusals > 0 ||
		count_dropped(reply, extent) > 0;

	ksk_cbor_out_map(out,
		2u + (reply->body != 0 ? 1u : 0u) + (refusals ? 1u : 0u) +
			(reply->text[0] != '\0' ? 1u : 0u) +
			(reply->has_proof ? 1u : 0u));
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_uint(out, reply->number);
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_uint(out, reply->status);
	if (reply->body != 0)
		write_body(out, reply, extent);
	write_refusals(out, reply, extent);
	ksk_msg_why_write(out, 5, reply->text);
	if (reply->has_proof) {
		ksk_cbor_out_uint(out, 6);
		ksk_cbor_out_bytes(out, reply->proof);
	}
}

/* Finds how much fits a frame: refusals go first, then troubles, then why KSKs
 * can't sign, then announced keys, of which the digests stay. */
static struct extent
fit_frame(const struct ksk_reply *reply)
{
	struct extent extent = {
		.refusals = reply->refusals.count,
		.troubles = reply->status_body.trouble_count,
		.whys = true,
		.dnskeys = true,
	};

	/* The list has room for "more" only if one refusal less is in it. */
	if (reply->refusals.dropped > 0 &&
		extent.refusals == KSK_REFUSAL_COUNT_MAX)
		extent.refusals--;
	for (;;) {
		struct ksk_cbor_out count = ksk_cbor_out_of(NULL);
		write_reply(&count, reply, &extent);
		if (count.len <= KSK_FRAME_MAX)
			return extent;
		if (extent.refusals > 0)
			extent.refusals--;
		else if (extent.troubles > 0)
			extent.troubles--;
		else if (extent.whys)
			extent.whys = false;
		else if (extent.dnskeys)
			extent.dnskeys = false;
		else
			return extent;
	}
}

enum ksk_err
ksk_reply_write(const struct ksk_reply *reply, struct ksk_buf *out)
{
	size_t before = out->len;
	struct ksk_cbor_out cbor = ksk_cbor_out_of(out);
	struct extent extent = fit_frame(reply);

	write_reply(&cbor, reply, &extent);
	if (cbor.err == KSK_OK && cbor.len > KSK_FRAME_MAX)
		cbor.err = KSK_ERR_NO_ROOM;
	if (cbor.err != KSK_OK)
		out->len = before;
	return cbor.err;
}

/* Heads of a map of two, and of five fields. */
#define MAP_OF_TWO 0xa2u
#define MAP_OF_FIVE 0xa5u

enum ksk_err
ksk_reply_prove(struct ksk_buf *frame, struct ksk_span proof)
{
	size_t before = frame->len;
	struct ksk_cbor_out cbor = ksk_cbor_out_of(frame);

	/* The proof's key is the last there is. */
	if (frame->len == 0 || frame->data[0] < MAP_OF_TWO ||
		frame->data[0] > MAP_OF_FIVE)
		return KSK_ERR_MALFORMED;
	ksk_cbor_out_uint(&cbor, 6);
	ksk_cbor_out_bytes(&cbor, proof);
	if (cbor.err == KSK_OK && frame->len > KSK_FRAME_MAX)
		cbor.err = KSK_ERR_NO_ROOM;
	if (cbor.err == KSK_OK)
		frame->data[0]++;
	else
		frame->len = before;
	return cbor.err;
}
