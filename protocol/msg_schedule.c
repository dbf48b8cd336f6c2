/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msg_schedule - the bodies of op sign-schedule: sets of one zone for the time
 * ahead, and their answers (PROTOCOL.md 4.11). Records that several sets share
 * are sent once; a set names them by their place. Contract: msg.h, msg_part.h
 */
#include "protocol/msg_part.h"

/* ---- request ---- */

/* In canonical order, so that rising places are canonical sets. */
static void
read_rdata(struct ksk_cbor_in *in, struct ksk_schedule *out)
{
	ksk_cbor_in_array(in, 1, KSK_SCHEDULE_RDATA_MAX);
	while (ksk_cbor_in_item(in)) {
		struct ksk_span rdata = ksk_cbor_in_bytes(in, 0, KSK_RDATA_MAX);

		if (out->rdata_count > 0 &&
			ksk_rdata_compare(
				out->rdata[out->rdata_count - 1], rdata) >= 0)
			ksk_cbor_in_fail(in, KSK_ERR_MALFORMED,
				"not in canonical order, or twice");
		if (in->err != KSK_OK)
			return;
		out->rdata[out->rdata_count] = rdata;
		out->rdata_count++;
	}
}

static const struct ksk_cbor_field BUNDLE[] = {
	{1, true, "type"},
	{2, true, "ttl"},
	{3, true, "records"},
	{4, true, "window"},
};

/* used: those of the records that some bundle names. */
static void
read_places(struct ksk_cbor_in *in, size_t rdata_count, struct ksk_bundle *out,
	bool used[KSK_SCHEDULE_RDATA_MAX])
{
	ksk_cbor_in_array(in, 1, KSK_RDATA_COUNT_MAX);
	while (ksk_cbor_in_item(in)) {
		/* The schedule's field 2 comes before: records are counted. */
		uint64_t at = ksk_cbor_in_uint(in, rdata_count - 1);

		if (out->count > 0 && at <= out->index[out->count - 1])
			ksk_cbor_in_fail(in, KSK_ERR_MALFORMED,
				"not ascending, or twice");
		if (in->err != KSK_OK)
			return;
		out->index[out->count] = (uint8_t)at;
		out->count++;
		used[at] = true;
	}
}

static void
read_bundle(struct ksk_cbor_in *in, size_t rdata_count, struct ksk_bundle *out,
	bool used[KSK_SCHEDULE_RDATA_MAX])
{
	uint64_t key;

	ksk_cbor_in_map(in, BUNDLE, KSK_FIELD_COUNT(BUNDLE));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			out->type = ksk_msg_type_read(in);
			break;
		case 2:
			out->ttl = (uint32_t)ksk_cbor_in_uint(in, KSK_TTL_MAX);
			break;
		case 3:
			read_places(in, rdata_count, out, used);
			break;
		default:
			ksk_msg_window_read(in, &out->window);
			break;
		}
	}
}

static void
read_bundles(struct ksk_cbor_in *in, struct ksk_schedule *out)
{
	bool used[KSK_SCHEDULE_RDATA_MAX] = {false};
	size_t named = 0;

	ksk_cbor_in_array(in, 1, KSK_SCHEDULE_BUNDLE_MAX);
	while (ksk_cbor_in_item(in)) {
		read_bundle(in, out->rdata_count,
			&out->bundle[out->bundle_count], used);
		if (in->err != KSK_OK)
			return;
		out->bundle_count++;
	}
	for (size_t i = 0; i < out->rdata_count; i++)
		named += used[i] ? 1u : 0u;
	if (in->err == KSK_OK && named < out->rdata_count)
		ksk_cbor_in_fail(
			in, KSK_ERR_MALFORMED, "a record is in no bundle");
}

static const struct ksk_cbor_field SCHEDULE[] = {
	{1, true, "owner"},
	{2, true, "rdata"},
	{3, true, "bundles"},
	{4, false, "idempotency"},
	{5, false, "previous"},
	{6, false, "supersedes"},
};

void
ksk_msg_schedule_read(struct ksk_cbor_in *in, struct ksk_schedule *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, SCHEDULE, KSK_FIELD_COUNT(SCHEDULE));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			ksk_msg_name_read(in, &out->owner);
			break;
		case 2:
			read_rdata(in, out);
			break;
		case 3:
			read_bundles(in, out);
			break;
		case 4:
			out->has_idempotency = true;
			ksk_cbor_in_copy(in, out->idempotency, KSK_ID_LEN);
			break;
		case 5:
			out->has_previous = true;
			ksk_cbor_in_copy(in, out->previous, KSK_HASH_LEN);
			break;
		default:
			ksk_msg_supersedes_read(
				in, out->supersede, &out->supersede_count);
			break;
		}
	}
}

static void
write_bundle(struct ksk_cbor_out *out, const struct ksk_bundle *bundle)
{
	ksk_cbor_out_map(out, 4);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_uint(out, bundle->type);
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_uint(out, bundle->ttl);
	ksk_cbor_out_uint(out, 3);
	ksk_cbor_out_array(out, bundle->count);
	for (size_t i = 0; i < bundle->count; i++)
		ksk_cbor_out_uint(out, bundle->index[i]);
	ksk_cbor_out_uint(out, 4);
	ksk_msg_window_write(out, &bundle->window);
}

void
ksk_msg_schedule_write(
	struct ksk_cbor_out *out, const struct ksk_schedule *schedule)
{
	ksk_cbor_out_map(out,
		3u + (schedule->has_idempotency ? 1u : 0u) +
			(schedule->has_previous ? 1u : 0u) +
			(schedule->supersede_count > 0 ? 1u : 0u));
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_bytes(out, ksk_name_span(&schedule->owner));
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_array(out, schedule->rdata_count);
	for (size_t i = 0; i < schedule->rdata_count; i++)
		ksk_cbor_out_bytes(out, schedule->rdata[i]);
	ksk_cbor_out_uint(out, 3);
	ksk_cbor_out_array(out, schedule->bundle_count);
	for (size_t i = 0; i < schedule->bundle_count; i++)
		write_bundle(out, &schedule->bundle[i]);
	if (schedule->has_idempotency) {
		ksk_cbor_out_uint(out, 4);
		ksk_cbor_out_bytes(
			out, ksk_span_of(schedule->idempotency, KSK_ID_LEN));
	}
	if (schedule->has_previous) {
		ksk_cbor_out_uint(out, 5);
		ksk_cbor_out_bytes(
			out, ksk_span_of(schedule->previous, KSK_HASH_LEN));
	}
	ksk_msg_supersedes_write(
		out, 6, schedule->supersede, schedule->supersede_count);
}

/* ---- reply ---- */

static const struct ksk_cbor_field BUNDLE_REPLY[] = {
	{1, true, "rrsigs"},
	{2, true, "window"},
	{3, true, "record"},
	{4, true, "record-hash"},
};

static void
read_bundle_reply(struct ksk_cbor_in *in, struct ksk_bundle_reply *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, BUNDLE_REPLY, KSK_FIELD_COUNT(BUNDLE_REPLY));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			ksk_msg_rrsigs_read(in, out->rrsig, &out->rrsig_count);
			break;
		case 2:
			ksk_msg_window_read(in, &out->window);
			break;
		case 3:
			out->record = ksk_cbor_in_uint(in, UINT64_MAX);
			break;
		default:
			ksk_cbor_in_copy(in, out->record_hash, KSK_HASH_LEN);
			break;
		}
	}
}

static const struct ksk_cbor_field SCHEDULE_REPLY[] = {
	{1, true, "bundles"},
	{2, true, "policy-version"},
	{3, false, "warnings"},
};

void
ksk_msg_schedule_reply_read(
	struct ksk_cbor_in *in, struct ksk_schedule_reply *out)
{
	uint64_t key;

	ksk_cbor_in_map(in, SCHEDULE_REPLY, KSK_FIELD_COUNT(SCHEDULE_REPLY));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		switch (key) {
		case 1:
			ksk_cbor_in_array(in, 1, KSK_SCHEDULE_BUNDLE_MAX);
			while (ksk_cbor_in_item(in)) {
				read_bundle_reply(
					in, &out->bundle[out->bundle_count]);
				out->bundle_count++;
			}
			break;
		case 2:
			out->policy_version = ksk_cbor_in_uint(in, UINT64_MAX);
			break;
		default:
			ksk_msg_refusals_read(in, KSK_WARNING_COUNT_MAX,
				out->warning, &out->warning_count);
			break;
		}
	}
}

static void
write_bundle_reply(
	struct ksk_cbor_out *out, const struct ksk_bundle_reply *bundle)
{
	ksk_cbor_out_map(out, 4);
	ksk_cbor_out_uint(out, 1);
	ksk_msg_rrsigs_write(out, bundle->rrsig, bundle->rrsig_count);
	ksk_cbor_out_uint(out, 2);
	ksk_msg_window_write(out, &bundle->window);
	ksk_cbor_out_uint(out, 3);
	ksk_cbor_out_uint(out, bundle->record);
	ksk_cbor_out_uint(out, 4);
	ksk_cbor_out_bytes(out, ksk_span_of(bundle->record_hash, KSK_HASH_LEN));
}

void
ksk_msg_schedule_reply_write(
	struct ksk_cbor_out *out, const struct ksk_schedule_reply *reply)
{
	ksk_cbor_out_map(out, 2u + (reply->warning_count > 0 ? 1u : 0u));
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_array(out, reply->bundle_count);
	for (size_t i = 0; i < reply->bundle_count; i++)
		write_bundle_reply(out, &reply->bundle[i]);
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_uint(out, reply->policy_version);
	ksk_msg_warnings_write(out, 3, reply->warning, reply->warning_count);
}
