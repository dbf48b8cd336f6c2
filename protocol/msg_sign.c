/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msg_sign - the bodies of op sign: what is to be signed, and the answer
 * (PROTOCOL.md 4.3). Contract: msg.h, msg_part.h
 */
#include "protocol/msg_part.h"

static const struct ksk_cbor_field EVIDENCE[] = {
	{1, true, "kind"},
	{2, true, "rrset"},
	{3, true, "rrsig"},
};

static void
read_evidence(struct ksk_cbor_in *in, struct ksk_evidence *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, EVIDENCE, KSK_FIELD_COUNT(EVIDENCE));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			out->kind = ksk_cbor_in_uint(in, KSK_EVIDENCE_DATA);
			if (out->kind == 0)
				ksk_cbor_in_fail(
					in, KSK_ERR_MALFORMED, "not 1 or 2");
			break;
		case 2:
			ksk_msg_rrset_read(in, false, &out->rrset);
			break;
		default:
			out->rrsig = ksk_cbor_in_bytes(in, 1, KSK_RRSIG_MAX);
			break;
		}
	}
}

static void
read_evidence_list(struct ksk_cbor_in *in, struct ksk_sign *out)
{
	out->has_evidence = true;
	ksk_cbor_in_array(in, 0, KSK_EVIDENCE_COUNT_MAX);
	while (ksk_cbor_in_item(in)) {
		read_evidence(in, &out->evidence[out->evidence_count]);
		out->evidence_count++;
	}
}

static const struct ksk_cbor_field SIGN[] = {
	{1, true, "rrset"},
	{2, false, "window"},
	{3, false, "idempotency"},
	{4, false, "previous"},
	{5, false, "evidence"},
	{6, false, "dry-run"},
	{7, false, "supersedes"},
};

void
ksk_msg_supersedes_read(struct ksk_cbor_in *in,
	uint64_t out[KSK_SUPERSEDE_COUNT_MAX], size_t *out_count)
{
	ksk_cbor_in_array(in, 1, KSK_SUPERSEDE_COUNT_MAX);
	while (ksk_cbor_in_item(in)) {
		uint64_t record = ksk_cbor_in_uint(in, UINT64_MAX);
		if (*out_count > 0 && record <= out[*out_count - 1])
			ksk_cbor_in_fail(in, KSK_ERR_MALFORMED,
				"not ascending, or twice");
		out[*out_count] = record;
		(*out_count)++;
	}
}

static void
read_sign_field(struct ksk_cbor_in *in, uint64_t key, struct ksk_sign *out)
{
	switch (key) {
	case 1:
		ksk_msg_rrset_read(in, true, &out->rrset);
		break;
	case 2:
		out->has_window = true;
		ksk_msg_window_read(in, &out->window);
		break;
	case 3:
		out->has_idempotency = true;
		ksk_cbor_in_copy(in, out->idempotency, KSK_ID_LEN);
		break;
	case 4:
		out->has_previous = true;
		ksk_cbor_in_copy(in, out->previous, KSK_HASH_LEN);
		break;
	case 5:
		read_evidence_list(in, out);
		break;
	case 6:
		out->has_dry_run = true;
		out->dry_run = ksk_cbor_in_bool(in);
		break;
	default:
		ksk_msg_supersedes_read(
			in, out->supersede, &out->supersede_count);
		break;
	}
}

void
ksk_msg_sign_read(struct ksk_cbor_in *in, struct ksk_sign *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, SIGN, KSK_FIELD_COUNT(SIGN));
	while ((key = ksk_cbor_in_key(in)) != 0)
		read_sign_field(in, key, out);
}

static void
write_evidence(struct ksk_cbor_out *out, const struct ksk_evidence *evidence)
{
	ksk_cbor_out_map(out, 3);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_uint(out, evidence->kind);
	ksk_cbor_out_uint(out, 2);
	ksk_msg_rrset_write(out, &evidence->rrset);
	ksk_cbor_out_uint(out, 3);
	ksk_cbor_out_bytes(out, evidence->rrsig);
}

static size_t
count_sign_fields(const struct ksk_sign *sign)
{
	return 1u + (sign->has_window ? 1u : 0u) +
		(sign->has_idempotency ? 1u : 0u) +
		(sign->has_previous ? 1u : 0u) +
		(sign->has_evidence ? 1u : 0u) + (sign->has_dry_run ? 1u : 0u) +
		(sign->supersede_count > 0 ? 1u : 0u);
}

/* What orders this request among others: fields 3 and 4. */
static void
write_order(struct ksk_cbor_out *out, const struct ksk_sign *sign)
{
	if (sign->has_idempotency) {
		ksk_cbor_out_uint(out, 3);
		ksk_cbor_out_bytes(
			out, ksk_span_of(sign->idempotency, KSK_ID_LEN));
	}
	if (sign->has_previous) {
		ksk_cbor_out_uint(out, 4);
		ksk_cbor_out_bytes(
			out, ksk_span_of(sign->previous, KSK_HASH_LEN));
	}
}

void
ksk_msg_supersedes_write(struct ksk_cbor_out *out, uint64_t key,
	const uint64_t *supersede, size_t count)
{
	if (count == 0)
		return;
	ksk_cbor_out_uint(out, key);
	ksk_cbor_out_array(out, count);
	for (size_t i = 0; i < count; i++)
		ksk_cbor_out_uint(out, supersede[i]);
}

void
ksk_msg_sign_write(struct ksk_cbor_out *out, const struct ksk_sign *sign)
{
	ksk_cbor_out_map(out, count_sign_fields(sign));
	ksk_cbor_out_uint(out, 1);
	ksk_msg_rrset_write(out, &sign->rrset);
	if (sign->has_window) {
		ksk_cbor_out_uint(out, 2);
		ksk_msg_window_write(out, &sign->window);
	}
	write_order(out, sign);
	if (sign->has_evidence) {
		ksk_cbor_out_uint(out, 5);
		ksk_cbor_out_array(out, sign->evidence_count);
		for (size_t i = 0; i < sign->evidence_count; i++)
			write_evidence(out, &sign->evidence[i]);
	}
	if (sign->has_dry_run) {
		ksk_cbor_out_uint(out, 6);
		ksk_cbor_out_bool(out, sign->dry_run);
	}
	ksk_msg_supersedes_write(
		out, 7, sign->supersede, sign->supersede_count);
}

/* Fields 1, 2 and 3 come together, or for a dry run not at all. */
static const struct ksk_cbor_field SIGN_REPLY[] = {
	{1, false, "rrsigs"},
	{2, false, "record"},
	{3, false, "record-hash"},
	{4, true, "policy-version"},
	{5, true, "window"},
	{6, false, "warnings"},
};

static void
read_sign_reply_field(
	struct ksk_cbor_in *in, uint64_t key, struct ksk_sign_reply *out)
{
	switch (key) {
	case 1:
		ksk_msg_rrsigs_read(in, out->rrsig, &out->rrsig_count);
		break;
	case 2:
		out->has_record = true;
		out->record = ksk_cbor_in_uint(in, UINT64_MAX);
		break;
	case 3:
		ksk_cbor_in_copy(in, out->record_hash, KSK_HASH_LEN);
		break;
	case 4:
		out->policy_version = ksk_cbor_in_uint(in, UINT64_MAX);
		break;
	case 5:
		ksk_msg_window_read(in, &out->window);
		break;
	default:
		ksk_msg_refusals_read(in, KSK_WARNING_COUNT_MAX, out->warning,
			&out->warning_count);
		break;
	}
}

void
ksk_msg_sign_reply_read(struct ksk_cbor_in *in, struct ksk_sign_reply *out)
{
	unsigned seen = 0; /* of fields 1 to 3 */
	uint64_t key;

	ksk_cbor_in_map(in, SIGN_REPLY, KSK_FIELD_COUNT(SIGN_REPLY));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		seen += key <= 3 ? 1u : 0u;
		read_sign_reply_field(in, key, out);
	}
	if (seen != 0 && seen != 3)
		ksk_cbor_in_fail(in, KSK_ERR_MALFORMED,
			"rrsigs, record and record-hash come together");
}

void
ksk_msg_sign_reply_write(
	struct ksk_cbor_out *out, const struct ksk_sign_reply *reply)
{
	ksk_cbor_out_map(out,
		2u + (reply->has_record ? 3u : 0u) +
			(reply->warning_count > 0 ? 1u : 0u));
	if (reply->has_record) {
		ksk_cbor_out_uint(out, 1);
		ksk_msg_rrsigs_write(out, reply->rrsig, reply->rrsig_count);
		ksk_cbor_out_uint(out, 2);
		ksk_cbor_out_uint(out, reply->record);
		ksk_cbor_out_uint(out, 3);
		ksk_cbor_out_bytes(
			out, ksk_span_of(reply->record_hash, KSK_HASH_LEN));
	}
	ksk_cbor_out_uint(out, 4);
	ksk_cbor_out_uint(out, reply->policy_version);
	ksk_cbor_out_uint(out, 5);
	ksk_msg_window_write(out, &reply->window);
	ksk_msg_warnings_write(out, 6, reply->warning, reply->warning_count);
}
