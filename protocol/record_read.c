/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_read - the encoding of a record → the record. Contract: record.h. Each
 * field has its reader in one table, in the order of the keys.
 */
#include "protocol/msg_part.h"
#include "protocol/record.h"

#include <string.h>

static const struct ksk_cbor_field RECORD[] = {
	{1, true, "number"},
	{2, true, "time"},
	{3, true, "kind"},
	{4, false, "pin"},
	{5, false, "rrset"},
	{6, false, "window"},
	{7, false, "policy"},
	{8, false, "about"},
	{9, false, "signers"},
	{10, false, "rrsigs"},
	{11, false, "rules"},
	{12, false, "text"},
	{13, false, "owner"},
	{14, false, "attested"},
	{15, false, "waits"},
	{16, false, "proven"},
	{17, false, "counted"},
	{18, false, "pruned"},
	{19, false, "announced"},
	{20, false, "document"},
	{21, false, "reset"},
};

static const struct ksk_cbor_field POLICY[] = {
	{1, true, "version"},
	{2, true, "hash"},
};

static const struct ksk_cbor_field ATTESTED[] = {
	{1, true, "seen"},
	{2, true, "ds"},
};

static const struct ksk_cbor_field WAITS[] = {
	{1, true, "zone-max-ttl"},
	{2, true, "parent-ds-ttl"},
};

static const struct ksk_cbor_field COUNTED[] = {
	{1, false, "refusal"},
	{2, true, "count"},
	{3, true, "first"},
	{4, true, "last"},
	{5, true, "digest"},
};

static const struct ksk_cbor_field PRUNED[] = {
	{1, true, "through"},
	{2, true, "hash"},
	{3, true, "stays"},
};

static const struct ksk_cbor_field ANNOUNCED[] = {
	{1, true, "provider"},
	{2, true, "serial"},
	{3, true, "document"},
};

static void
read_policy(struct ksk_cbor_in *in, struct ksk_record *out)
{
	uint64_t key;

	out->has_policy = true;
	ksk_cbor_in_map(in, POLICY, KSK_FIELD_COUNT(POLICY));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		if (key == 1)
			out->policy_version = ksk_cbor_in_uint(in, UINT64_MAX);
		else
			ksk_cbor_in_copy(in, out->policy_hash, KSK_HASH_LEN);
	}
}

static void
read_signers(struct ksk_cbor_in *in, struct ksk_record *out)
{
	ksk_cbor_in_array(in, 1, KSK_RRSIG_COUNT_MAX);
	while (ksk_cbor_in_item(in)) {
		ksk_msg_ds_read(in, &out->signer[out->signer_count]);
		out->signer_count++;
	}
}

static void
read_rrsigs(struct ksk_cbor_in *in, struct ksk_record *out)
{
	ksk_cbor_in_array(in, 1, KSK_RRSIG_COUNT_MAX);
	while (ksk_cbor_in_item(in)) {
		out->rrsig[out->rrsig_count] = ksk_cbor_in_bytes(
			in, 1, KSK_RRSIG_MAX);
		out->rrsig_count++;
	}
}

static void
read_rules(struct ksk_cbor_in *in, struct ksk_record_room *room,
	struct ksk_record *out)
{
	ksk_cbor_in_array(in, 1, KSK_REFUSAL_COUNT_MAX);
	while (ksk_cbor_in_item(in)) {
		char *rule = room->rule[out->rule_count];
		ksk_cbor_in_text(in, 1, rule, KSK_LABEL_CAP);
		out->rule[out->rule_count] = rule;
		out->rule_count++;
	}
}

static void
read_attested(struct ksk_cbor_in *in, struct ksk_record *out)
{
	uint64_t key;

	out->has_attested = true;
	ksk_cbor_in_map(in, ATTESTED, KSK_FIELD_COUNT(ATTESTED));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		if (key == 1) {
			out->seen = ksk_cbor_in_uint(in, UINT64_MAX);
			continue;
		}
		ksk_cbor_in_array(in, 0, KSK_KSK_COUNT_MAX);
		while (ksk_cbor_in_item(in)) {
			ksk_msg_ds_read(
				in, &out->attested[out->attested_count]);
			out->attested_count++;
		}
	}
}

static void
read_waits(struct ksk_cbor_in *in, struct ksk_record *out)
{
	uint64_t key;

	out->has_waits = true;
	ksk_cbor_in_map(in, WAITS, KSK_FIELD_COUNT(WAITS));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		if (key == 1)
			out->zone_max_ttl = ksk_cbor_in_uint(in, UINT64_MAX);
		else
			out->parent_ds_ttl = ksk_cbor_in_uint(in, UINT64_MAX);
	}
}

static void
read_proven(struct ksk_cbor_in *in, struct ksk_record *out)
{
	ksk_cbor_in_array(in, 1, KSK_EVIDENCE_COUNT_MAX);
	while (ksk_cbor_in_item(in)) {
		ksk_msg_ds_read(in, &out->proven[out->proven_count]);
		out->proven_count++;
	}
}

static void
read_counted(struct ksk_cbor_in *in, struct ksk_record *out)
{
	struct ksk_counted *counted = &out->counted;
	uint64_t key;

	out->has_counted = true;
	ksk_cbor_in_map(in, COUNTED, KSK_FIELD_COUNT(COUNTED));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		if (key == 5) {
			ksk_cbor_in_copy(in, counted->digest, KSK_HASH_LEN);
			continue;
		}
		uint64_t number = ksk_cbor_in_uint(in, UINT64_MAX);
		counted->has_refusal = counted->has_refusal || key == 1;
		*(key == 1                 ? &counted->refusal
				: key == 2 ? &counted->count
				: key == 3 ? &counted->first
					   : &counted->last) = number;
	}
}

static void
read_pruned(struct ksk_cbor_in *in, struct ksk_record *out)
{
	struct ksk_pruned *pruned = &out->pruned;
	uint64_t key;

	out->has_pruned = true;
	ksk_cbor_in_map(in, PRUNED, KSK_FIELD_COUNT(PRUNED));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		if (key == 1)
			pruned->through = ksk_cbor_in_uint(in, UINT64_MAX);
		else
			ksk_cbor_in_copy(in,
				key == 2 ? pruned->hash : pruned->stays,
				KSK_HASH_LEN);
	}
}

static void
read_announced(struct ksk_cbor_in *in, struct ksk_record *out)
{
	struct ksk_announced *announced = &out->announced;
	uint64_t key;

	out->has_announced = true;
	ksk_cbor_in_map(in, ANNOUNCED, KSK_FIELD_COUNT(ANNOUNCED));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		if (key == 1)
			ksk_cbor_in_text(
				in, 1, announced->provider, KSK_LABEL_CAP);
		else if (key == 2)
			announced->serial = ksk_cbor_in_uint(in, UINT64_MAX);
		else
			announced->document = ksk_cbor_in_bytes(
				in, 1, KSK_ANNOUNCEMENT_MAX);
	}
}

static const struct ksk_cbor_field DOCUMENT[] = {
	{1, true, "hash"},
	{2, true, "operators"},
};

static void
read_document(struct ksk_cbor_in *in, struct ksk_record *out)
{
	uint64_t key;

	out->has_document = true;
	ksk_cbor_in_map(in, DOCUMENT, KSK_FIELD_COUNT(DOCUMENT));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		if (key == 1) {
			ksk_cbor_in_copy(in, out->document, KSK_HASH_LEN);
			continue;
		}
		ksk_cbor_in_array(in, 0, KSK_OPERATOR_COUNT_MAX);
		while (ksk_cbor_in_item(in))
			ksk_cbor_in_copy(in,
				out->operator[out->operator_count++],
				KSK_PIN_LEN);
	}
}

static const struct ksk_cbor_field RESET[] = {
	{1, true, "provider"},
	{2, true, "before"},
	{3, true, "after"},
};

static void
read_reset(struct ksk_cbor_in *in, struct ksk_record *out)
{
	struct ksk_reset *reset = &out->reset;
	uint64_t key;

	out->has_reset = true;
	ksk_cbor_in_map(in, RESET, KSK_FIELD_COUNT(RESET));
	while ((key = ksk_cbor_in_key(in)) != 0) {
		if (key == 1)
			ksk_cbor_in_text(in, 1, reset->provider, KSK_LABEL_CAP);
		else if (key == 2)
			reset->before = ksk_cbor_in_uint(in, UINT64_MAX);
		else
			reset->after = ksk_cbor_in_uint(in, UINT64_MAX);
	}
}

/* Fields 1 to 3: every record has them. */
static void
read_head(struct ksk_cbor_in *in, uint64_t key, struct ksk_record *out)
{
	switch (key) {
	case 1:
		out->number = ksk_cbor_in_uint(in, UINT64_MAX);
		break;
	case 2:
		out->time = ksk_cbor_in_uint(in, UINT64_MAX);
		break;
	default:
		out->kind = ksk_cbor_in_uint(in, UINT64_MAX);
		if (!ksk_record_is_kind(out->kind))
			ksk_cbor_in_fail(in, KSK_ERR_MALFORMED,
				"a kind that this version does not know");
		break;
	}
}

/* What some kinds alone have. */
static void
read_of_kind(struct ksk_cbor_in *in, uint64_t key, struct ksk_record *out)
{
	switch (key) {
	case 14:
		read_attested(in, out);
		break;
	case 15:
		read_waits(in, out);
		break;
	case 16:
		read_proven(in, out);
		break;
	case 17:
		read_counted(in, out);
		break;
	case 18:
		read_pruned(in, out);
		break;
	case 19:
		read_announced(in, out);
		break;
	case 20:
		read_document(in, out);
		break;
	case 21:
		read_reset(in, out);
		break;
	default:
		read_head(in, key, out);
		break;
	}
}

static void
read_field(struct ksk_cbor_in *in, uint64_t key, struct ksk_record_room *room,
	struct ksk_record *out)
{
	switch (key) {
	case 4:
		out->has_pin = true;
		ksk_cbor_in_copy(in, out->pin, KSK_PIN_LEN);
		break;
	case 5:
		out->has_rrset = true;
		ksk_msg_rrset_read(in, false, &out->rrset);
		break;
	case 6:
		out->has_window = true;
		ksk_msg_window_read(in, &out->window);
		break;
	case 7:
		read_policy(in, out);
		break;
	case 8:
		out->has_about = true;
		out->about = ksk_cbor_in_uint(in, UINT64_MAX);
		break;
	case 9:
		read_signers(in, out);
		break;
	case 10:
		read_rrsigs(in, out);
		break;
	case 11:
		read_rules(in, room, out);
		break;
	case 12:
		ksk_cbor_in_text(in, 0, room->text, sizeof(room->text));
		out->text = room->text;
		break;
	case 13:
		out->has_owner = true;
		ksk_msg_name_read(in, &out->owner);
		break;
	default:
		read_of_kind(in, key, out);
		break;
	}
}

enum ksk_err
ksk_record_read(struct ksk_span encoded, struct ksk_record_room *room,
	struct ksk_record *out_record, struct ksk_fault *fault)
{
	struct ksk_cbor_in in = ksk_cbor_in_of(encoded, fault);
	uint64_t key;

	memset(out_record, 0, sizeof(*out_record));
	ksk_cbor_in_map(&in, RECORD, KSK_FIELD_COUNT(RECORD));
	while ((key = ksk_cbor_in_key(&in)) != 0)
		read_field(&in, key, room, out_record);
	return ksk_cbor_in_end(&in);
}
