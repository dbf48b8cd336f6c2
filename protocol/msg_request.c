/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msg_request - requests (PROTOCOL.md 4). Contract: msg.h
 */
#include <stddef.h>
#include <string.h>

#include "protocol/msg_part.h"

#define FIRST_BODY offsetof(struct ksk_request, zone)

/* Bodies are large, and nearly all requests ask to sign: only that one is made
 * empty for them. Without a body all are. */
static void
empty_bodies(struct ksk_request *out)
{
	if (out->has_body && out->op == KSK_OP_SIGN)
		memset(&out->sign, 0, sizeof(out->sign));
	else
		memset((char *)out + FIRST_BODY, 0, sizeof(*out) - FIRST_BODY);
}

/* keys-request, and status-request if it has a body */
static const struct ksk_cbor_field ZONE[] = {
	{1, true, "owner"},
};

static void
read_zone(struct ksk_cbor_in *in, struct ksk_zone_body *out)
{
	ksk_cbor_in_map(in, ZONE, KSK_FIELD_COUNT(ZONE));
	while (ksk_cbor_in_key(in) != 0) {
		out->has_owner = true;
		ksk_msg_name_read(in, &out->owner);
	}
}

static void
read_body(struct ksk_cbor_in *in, struct ksk_request *out)
{
	struct ksk_span from = in->rest;

	out->has_body = true;
	empty_bodies(out);
	switch (out->op) {
	case KSK_OP_STATUS:
	case KSK_OP_KEYS:
		read_zone(in, &out->zone);
		break;
	case KSK_OP_SIGN:
		ksk_msg_sign_read(in, &out->sign);
		break;
	case KSK_OP_SIGN_SCHEDULE:
		ksk_msg_schedule_read(in, &out->schedule);
		break;
	case KSK_OP_LAST_ANSWER:
		ksk_msg_last_answer_read(in, &out->last_answer);
		break;
	case KSK_OP_ADOPT:
		ksk_msg_adopt_read(in, &out->adopt);
		break;
	case KSK_OP_JOURNAL_READ:
		ksk_msg_journal_read_read(in, &out->journal);
		break;
	case KSK_OP_ANNOUNCE:
		ksk_msg_announce_read(in, &out->announce);
		break;
	case KSK_OP_PART:
		ksk_msg_part_read(in, &out->part);
		break;
	case KSK_OP_SUBMIT:
		ksk_msg_submit_read(in, &out->submit);
		break;
	case KSK_OP_POLICY_SHOW:
		ksk_msg_show_read(in, &out->show);
		break;
	default:
		/* Read for form only; the op is answered "unsupported". */
		(void)ksk_cbor_in_any(in);
		break;
	}
	out->raw_body = ksk_span_of(from.data, from.len - in->rest.len);
}

static const struct ksk_cbor_field REQUEST[] = {
	{1, true, "number"},
	{2, true, "op"},
	{3, false, "body"},
	{4, false, "nonce"},
};

static void
read_field(struct ksk_cbor_in *in, uint64_t key, struct ksk_request *out,
	uint64_t *out_number)
{
	switch (key) {
	case 1:
		out->number = ksk_cbor_in_uint(in, UINT64_MAX);
		*out_number = out->number;
		break;
	case 2:
		out->op = ksk_cbor_in_uint(in, UINT64_MAX);
		break;
	case 3:
		read_body(in, out);
		break;
	default:
		out->has_nonce = true;
		ksk_cbor_in_copy(in, out->nonce, KSK_NONCE_LEN);
		break;
	}
}

static bool
must_have_body(uint64_t op)
{
	return op == KSK_OP_KEYS || op == KSK_OP_SIGN ||
		op == KSK_OP_SIGN_SCHEDULE || op == KSK_OP_LAST_ANSWER ||
		op == KSK_OP_ADOPT || op == KSK_OP_JOURNAL_READ ||
		op == KSK_OP_ANNOUNCE || op == KSK_OP_PART ||
		op == KSK_OP_SUBMIT;
}

enum ksk_err
ksk_request_read(struct ksk_span frame, struct ksk_request *out_request,
	uint64_t *out_number, struct ksk_fault *fault)
{
	struct ksk_cbor_in in = ksk_cbor_in_of(frame, fault);
	uint64_t key;

	memset(out_request, 0, FIRST_BODY);
	*out_number = 0;
	ksk_cbor_in_map(&in, REQUEST, KSK_FIELD_COUNT(REQUEST));
	while ((key = ksk_cbor_in_key(&in)) != 0)
		read_field(&in, key, out_request, out_number);
	if (!out_request->has_body)
		empty_bodies(out_request);
	if (!out_request->has_body && must_have_body(out_request->op))
		ksk_cbor_in_fail(&in, KSK_ERR_MALFORMED, "body is missing");
	return ksk_cbor_in_end(&in);
}

/* Returns true if the op, or this request, has a body. */
static bool
needs_body(const struct ksk_request *request)
{
	switch (request->op) {
	case KSK_OP_STATUS:
	case KSK_OP_KEYS:
		return request->zone.has_owner;
	case KSK_OP_SIGN:
	case KSK_OP_SIGN_SCHEDULE:
	case KSK_OP_LAST_ANSWER:
	case KSK_OP_ADOPT:
	case KSK_OP_JOURNAL_READ:
	case KSK_OP_ANNOUNCE:
	case KSK_OP_PART:
	case KSK_OP_SUBMIT:
		return true;
	case KSK_OP_POLICY_SHOW:
		return request->show.has_kind;
	default:
		return request->has_body;
	}
}

static void
write_body(struct ksk_cbor_out *out, const struct ksk_request *request)
{
	switch (request->op) {
	case KSK_OP_STATUS:
	case KSK_OP_KEYS:
		ksk_cbor_out_map(out, 1);
		ksk_cbor_out_uint(out, 1);
		ksk_cbor_out_bytes(out, ksk_name_span(&request->zone.owner));
		break;
	case KSK_OP_SIGN:
		ksk_msg_sign_write(out, &request->sign);
		break;
	case KSK_OP_SIGN_SCHEDULE:
		ksk_msg_schedule_write(out, &request->schedule);
		break;
	case KSK_OP_LAST_ANSWER:
		ksk_msg_last_answer_write(out, &request->last_answer);
		break;
	case KSK_OP_ADOPT:
		ksk_msg_adopt_write(out, &request->adopt);
		break;
	case KSK_OP_JOURNAL_READ:
		ksk_msg_journal_read_write(out, &request->journal);
		break;
	case KSK_OP_ANNOUNCE:
		ksk_msg_announce_write(out, &request->announce);
		break;
	case KSK_OP_PART:
		ksk_msg_part_write(out, &request->part);
		break;
	case KSK_OP_SUBMIT:
		ksk_msg_submit_write(out, &request->submit);
		break;
	case KSK_OP_POLICY_SHOW:
		ksk_msg_show_write(out, &request->show);
		break;
	default:
		ksk_cbor_out_raw(out, request->raw_body);
		break;
	}
}

enum ksk_err
ksk_request_write(const struct ksk_request *request, struct ksk_buf *out)
{
	size_t before = out->len;
	struct ksk_cbor_out cbor = ksk_cbor_out_of(out);
	bool body = needs_body(request);

	ksk_cbor_out_map(
		&cbor, 2u + (body ? 1u : 0u) + (request->has_nonce ? 1u : 0u));
	ksk_cbor_out_uint(&cbor, 1);
	ksk_cbor_out_uint(&cbor, request->number);
	ksk_cbor_out_uint(&cbor, 2);
	ksk_cbor_out_uint(&cbor, request->op);
	if (body) {
		ksk_cbor_out_uint(&cbor, 3);
		write_body(&cbor, request);
	}
	if (request->has_nonce) {
		ksk_cbor_out_uint(&cbor, 4);
		ksk_cbor_out_bytes(
			&cbor, ksk_span_of(request->nonce, KSK_NONCE_LEN));
	}
	if (cbor.err != KSK_OK)
		out->len = before;
	return cbor.err;
}
