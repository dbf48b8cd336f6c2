/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msg_part - reading and writing of what several messages hold. Contract:
 * msg_part.h
 */
#include "protocol/msg_part.h"

#include <string.h>

const char *
ksk_op_text(unsigned op)
{
	switch (op) {
#define X(name, value, text) \
	case name: \
		return text;
		KSK_OP_TABLE(X)
#undef X
	default:
		return "unknown";
	}
}

const char *
ksk_status_text(unsigned status)
{
	switch (status) {
#define X(name, value, text) \
	case name: \
		return text;
		KSK_STATUS_TABLE(X)
#undef X
	default:
		return "unknown";
	}
}

const char *
ksk_state_text(unsigned state)
{
	switch (state) {
#define X(name, value, text) \
	case name: \
		return text;
		KSK_STATE_TABLE(X)
#undef X
	default:
		return "unknown";
	}
}

const char *
ksk_state_ended_by(unsigned state)
{
	switch ((enum ksk_state)state) {
	case KSK_STATE_READY:
		break;
	case KSK_STATE_TOKEN_DOWN:
		return "the token: its workers are started again by themselves";
	case KSK_STATE_LOCKED:
		return "the right PIN at the appliance: typed, or in its "
		       "source and then a reload";
	case KSK_STATE_KEY_MISSING:
		return "making or naming the right key at the appliance";
	case KSK_STATE_CLOCK_HOLD:
		return "time that is synchronised and agrees for a while, or "
		       "a person at the appliance who accepts the clock";
	case KSK_STATE_JOURNAL_FULL:
		return "room for the journal: it heals by itself";
	case KSK_STATE_RESTORED:
		return "the right journal, or a person at the appliance who "
		       "accepts this one";
	case KSK_STATE_NO_POLICY:
		return "a policy that can be loaded";
	}
	return "";
}

void
ksk_msg_name_read(struct ksk_cbor_in *in, struct ksk_name *out)
{
	struct ksk_span wire = ksk_cbor_in_bytes(in, 1, SIZE_MAX);

	if (in->err == KSK_OK && ksk_name_from_wire(wire, out) != KSK_OK)
		ksk_cbor_in_fail(in, KSK_ERR_MALFORMED,
			"not a domain name in lower-case wire form");
}

static const struct ksk_cbor_field WINDOW[] = {
	{1, true, "inception"},
	{2, true, "expiration"},
};

void
ksk_msg_window_read(struct ksk_cbor_in *in, struct ksk_window *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, WINDOW, KSK_FIELD_COUNT(WINDOW));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		uint64_t seconds = ksk_cbor_in_uint(in, UINT64_MAX);
		if (key == 1)
			out->inception = seconds;
		else
			out->expiration = seconds;
	}
}

void
ksk_msg_window_write(struct ksk_cbor_out *out, const struct ksk_window *window)
{
	ksk_cbor_out_map(out, 2);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_uint(out, window->inception);
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_uint(out, window->expiration);
}

uint16_t
ksk_msg_type_read(struct ksk_cbor_in *in)
{
	uint16_t type = (uint16_t)ksk_cbor_in_uint(in, UINT16_MAX);

	if (type != KSK_TYPE_DNSKEY && type != KSK_TYPE_CDS &&
		type != KSK_TYPE_CDNSKEY)
		ksk_cbor_in_fail(in, KSK_ERR_MALFORMED,
			"not 48, 59 or 60 (DNSKEY, CDS, CDNSKEY)");
	return type;
}

static void
read_rdata(struct ksk_cbor_in *in, struct ksk_rrset *out)
{
	out->count = 0;
	ksk_cbor_in_array(in, 1, KSK_RDATA_COUNT_MAX);
	while (ksk_cbor_in_item(in)) {
		struct ksk_span rdata = ksk_cbor_in_bytes(in, 0, KSK_RDATA_MAX);
		/* RFC 4034 6.3, and one encoding only. */
		if (out->count > 0 &&
			ksk_rdata_compare(out->rdata[out->count - 1], rdata) >=
				0)
			ksk_cbor_in_fail(in, KSK_ERR_MALFORMED,
				"not in canonical order, or twice");
		if (in->err != KSK_OK)
			return;
		out->rdata[out->count] = rdata;
		out->count++;
	}
}

static const struct ksk_cbor_field RRSET[] = {
	{1, true, "owner"},
	{2, true, "type"},
	{3, true, "ttl"},
	{4, true, "rdata"},
};

void
ksk_msg_rrset_read(struct ksk_cbor_in *in, bool signable, struct ksk_rrset *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, RRSET, KSK_FIELD_COUNT(RRSET));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			ksk_msg_name_read(in, &out->owner);
			break;
		case 2:
			out->type = signable
				? ksk_msg_type_read(in)
				: (uint16_t)ksk_cbor_in_uint(in, UINT16_MAX);
			break;
		case 3:
			out->ttl = (uint32_t)ksk_cbor_in_uint(in, KSK_TTL_MAX);
			break;
		default:
			read_rdata(in, out);
			break;
		}
	}
}

void
ksk_msg_rrset_write(struct ksk_cbor_out *out, const struct ksk_rrset *rrset)
{
	ksk_cbor_out_map(out, 4);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_bytes(out, ksk_name_span(&rrset->owner));
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_uint(out, rrset->type);
	ksk_cbor_out_uint(out, 3);
	ksk_cbor_out_uint(out, rrset->ttl);
	ksk_cbor_out_uint(out, 4);
	ksk_cbor_out_array(out, rrset->count);
	for (size_t i = 0; i < rrset->count; i++)
		ksk_cbor_out_bytes(out, rrset->rdata[i]);
}

void
ksk_msg_ds_read(struct ksk_cbor_in *in, struct ksk_ds *out)
{
	struct ksk_span rdata = ksk_cbor_in_bytes(in, 1, SIZE_MAX);

	if (in->err == KSK_OK && ksk_ds_read(rdata, out) != KSK_OK)
		ksk_cbor_in_fail(in, KSK_ERR_MALFORMED,
			"not the RDATA of a DS with digest type 2 or 4");
}

void
ksk_msg_ds_write(struct ksk_cbor_out *out, const struct ksk_ds *ds)
{
	uint8_t room[4 + KSK_DS_DIGEST_MAX];
	struct ksk_buf rdata = ksk_buf_of(room, sizeof(room));

	if (ksk_ds_write(ds, &rdata) != KSK_OK && out->err == KSK_OK)
		out->err = KSK_ERR_NO_ROOM;
	ksk_cbor_out_bytes(out, ksk_buf_span(&rdata));
}

static const struct ksk_cbor_field REFUSAL[] = {
	{1, true, "rule"},
	{2, true, "why"},
	{3, false, "key-tag"},
	{4, false, "provider"},
	{5, false, "bundle"},
};

void
ksk_msg_refusal_read(struct ksk_cbor_in *in, struct ksk_refusal *out)
{
	uint64_t key;

	*out = (struct ksk_refusal){0};
	ksk_cbor_in_map(in, REFUSAL, KSK_FIELD_COUNT(REFUSAL));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			ksk_cbor_in_text(in, 1, out->rule, sizeof(out->rule));
			break;
		case 2:
			ksk_cbor_in_text(in, 0, out->why, sizeof(out->why));
			break;
		case 3:
			out->has_tag = true;
			out->tag = (uint16_t)ksk_cbor_in_uint(in, UINT16_MAX);
			break;
		case 4:
			ksk_cbor_in_text(
				in, 1, out->provider, sizeof(out->provider));
			break;
		default:
			out->has_bundle = true;
			out->bundle = ksk_cbor_in_uint(
				in, KSK_SCHEDULE_BUNDLE_MAX - 1);
			break;
		}
	}
}

void
ksk_msg_why_write(struct ksk_cbor_out *out, uint64_t key, const char *why)
{
	if (why[0] == '\0')
		return;
	ksk_cbor_out_uint(out, key);
	ksk_cbor_out_text(out, why);
}

void
ksk_msg_refusal_write(
	struct ksk_cbor_out *out, const struct ksk_refusal *refusal)
{
	ksk_cbor_out_map(out,
		2u + (refusal->has_tag ? 1u : 0u) +
			(refusal->provider[0] != '\0' ? 1u : 0u) +
			(refusal->has_bundle ? 1u : 0u));
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_text(out, refusal->rule);
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_text(out, refusal->why);
	if (refusal->has_tag) {
		ksk_cbor_out_uint(out, 3);
		ksk_cbor_out_uint(out, refusal->tag);
	}
	ksk_msg_why_write(out, 4, refusal->provider);
	if (refusal->has_bundle) {
		ksk_cbor_out_uint(out, 5);
		ksk_cbor_out_uint(out, refusal->bundle);
	}
}

void
ksk_msg_refusals_read(struct ksk_cbor_in *in, size_t room,
	struct ksk_refusal *out, size_t *out_count)
{
	*out_count = 0;
	ksk_cbor_in_array(in, 1, room);
	while (ksk_cbor_in_item(in)) {
		ksk_msg_refusal_read(in, &out[*out_count]);
		(*out_count)++;
	}
}

void
ksk_msg_warnings_write(struct ksk_cbor_out *out, uint64_t key,
	const struct ksk_refusal *warning, size_t count)
{
	if (count == 0)
		return;
	ksk_cbor_out_uint(out, key);
	ksk_cbor_out_array(out, count);
	for (size_t i = 0; i < count; i++)
		ksk_msg_refusal_write(out, &warning[i]);
}

void
ksk_msg_rrsigs_read(struct ksk_cbor_in *in,
	struct ksk_span out[KSK_RRSIG_COUNT_MAX], size_t *out_count)
{
	*out_count = 0;
	ksk_cbor_in_array(in, 1, KSK_RRSIG_COUNT_MAX);
	while (ksk_cbor_in_item(in)) {
		out[*out_count] = ksk_cbor_in_bytes(in, 1, KSK_RRSIG_MAX);
		(*out_count)++;
	}
}

void
ksk_msg_rrsigs_write(struct ksk_cbor_out *out,
	const struct ksk_span rrsig[KSK_RRSIG_COUNT_MAX], size_t count)
{
	ksk_cbor_out_array(out, count);
	for (size_t i = 0; i < count; i++)
		ksk_cbor_out_bytes(out, rrsig[i]);
}
