/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record - see record.h.
 */
#include "protocol/record.h"

#include "protocol/msg_part.h"

#include <string.h>

/* Keys of the record's map. */
enum {
	FIELD_NUMBER = 1,
	FIELD_TIME = 2,
	FIELD_KIND = 3,
	FIELD_PIN = 4,
	FIELD_RRSET = 5,
	FIELD_WINDOW = 6,
	FIELD_POLICY = 7,
	FIELD_ABOUT = 8,
	FIELD_SIGNERS = 9,
	FIELD_RRSIGS = 10,
	FIELD_RULES = 11,
	FIELD_TEXT = 12,
	FIELD_OWNER = 13,
	FIELD_ATTESTED = 14,
	FIELD_WAITS = 15,
	FIELD_PROVEN = 16,
	FIELD_COUNTED = 17,
	FIELD_PRUNED = 18,
	FIELD_ANNOUNCED = 19,
	FIELD_DOCUMENT = 20,
	FIELD_RESET = 21,
};

const char *
ksk_record_text(unsigned kind)
{
	static const char *const text[] = {
#define X(name, value, word) [value] = (word),
		KSK_RECORD_TABLE(X)
#undef X
	};
	return ksk_record_is_kind(kind) ? text[kind] : "unknown";
}

bool
ksk_record_is_kind(uint64_t kind)
{
	switch (kind) {
#define X(name, value, word) case name:
		KSK_RECORD_TABLE(X)
#undef X
		return true;
	default:
		return false;
	}
}

static void
put_lists(struct ksk_cbor_out *out, const struct ksk_record *record)
{
	if (record->signer_count > 0) {
		ksk_cbor_out_uint(out, FIELD_SIGNERS);
		ksk_cbor_out_array(out, record->signer_count);
		for (size_t i = 0; i < record->signer_count; i++)
			ksk_msg_ds_write(out, &record->signer[i]);
	}
	if (record->rrsig_count > 0) {
		ksk_cbor_out_uint(out, FIELD_RRSIGS);
		ksk_cbor_out_array(out, record->rrsig_count);
		for (size_t i = 0; i < record->rrsig_count; i++)
			ksk_cbor_out_bytes(out, record->rrsig[i]);
	}
	if (record->rule_count > 0) {
		ksk_cbor_out_uint(out, FIELD_RULES);
		ksk_cbor_out_array(out, record->rule_count);
		for (size_t i = 0; i < record->rule_count; i++)
			ksk_cbor_out_text(out, record->rule[i]);
	}
}

/* What a policy that comes into force says of one zone. */
static void
put_attest(struct ksk_cbor_out *out, const struct ksk_record *record)
{
	if (record->has_owner) {
		ksk_cbor_out_uint(out, FIELD_OWNER);
		ksk_cbor_out_bytes(out,
			ksk_span_of(record->owner.wire, record->owner.len));
	}
	if (record->has_attested) {
		ksk_cbor_out_uint(out, FIELD_ATTESTED);
		ksk_cbor_out_map(out, 2);
		ksk_cbor_out_uint(out, 1);
		ksk_cbor_out_uint(out, record->seen);
		ksk_cbor_out_uint(out, 2);
		ksk_cbor_out_array(out, record->attested_count);
		for (size_t i = 0; i < record->attested_count; i++)
			ksk_msg_ds_write(out, &record->attested[i]);
	}
	if (record->has_waits) {
		ksk_cbor_out_uint(out, FIELD_WAITS);
		ksk_cbor_out_map(out, 2);
		ksk_cbor_out_uint(out, 1);
		ksk_cbor_out_uint(out, record->zone_max_ttl);
		ksk_cbor_out_uint(out, 2);
		ksk_cbor_out_uint(out, record->parent_ds_ttl);
	}
}

static void
put_proven(struct ksk_cbor_out *out, const struct ksk_record *record)
{
	if (record->proven_count == 0)
		return;
	ksk_cbor_out_uint(out, FIELD_PROVEN);
	ksk_cbor_out_array(out, record->proven_count);
	for (size_t i = 0; i < record->proven_count; i++)
		ksk_msg_ds_write(out, &record->proven[i]);
}

static void
put_counted(struct ksk_cbor_out *out, const struct ksk_record *record)
{
	const struct ksk_counted *counted = &record->counted;

	if (!record->has_counted)
		return;
	ksk_cbor_out_uint(out, FIELD_COUNTED);
	ksk_cbor_out_map(out, 4u + counted->has_refusal);
	if (counted->has_refusal) {
		ksk_cbor_out_uint(out, 1);
		ksk_cbor_out_uint(out, counted->refusal);
	}
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_uint(out, counted->count);
	ksk_cbor_out_uint(out, 3);
	ksk_cbor_out_uint(out, counted->first);
	ksk_cbor_out_uint(out, 4);
	ksk_cbor_out_uint(out, counted->last);
	ksk_cbor_out_uint(out, 5);
	ksk_cbor_out_bytes(
		out, ksk_span_of(counted->digest, sizeof(counted->digest)));
}

static void
put_pruned(struct ksk_cbor_out *out, const struct ksk_record *record)
{
	const struct ksk_pruned *pruned = &record->pruned;

	if (!record->has_pruned)
		return;
	ksk_cbor_out_uint(out, FIELD_PRUNED);
	ksk_cbor_out_map(out, 3);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_uint(out, pruned->through);
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_bytes(out, ksk_span_of(pruned->hash, KSK_HASH_LEN));
	ksk_cbor_out_uint(out, 3);
	ksk_cbor_out_bytes(out, ksk_span_of(pruned->stays, KSK_HASH_LEN));
}

static void
put_announced(struct ksk_cbor_out *out, const struct ksk_record *record)
{
	const struct ksk_announced *announced = &record->announced;

	if (!record->has_announced)
		return;
	ksk_cbor_out_uint(out, FIELD_ANNOUNCED);
	ksk_cbor_out_map(out, 3);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_text(out, announced->provider);
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_uint(out, announced->serial);
	ksk_cbor_out_uint(out, 3);
	ksk_cbor_out_bytes(out, announced->document);
}

static void
put_document(struct ksk_cbor_out *out, const struct ksk_record *record)
{
	if (!record->has_document)
		return;
	ksk_cbor_out_uint(out, FIELD_DOCUMENT);
	ksk_cbor_out_map(out, 2);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_bytes(out, ksk_span_of(record->document, KSK_HASH_LEN));
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_array(out, record->operator_count);
	for (size_t i = 0; i < record->operator_count; i++)
		ksk_cbor_out_bytes(
			out, ksk_span_of(record->operator[i], KSK_PIN_LEN));
}

static void
put_reset(struct ksk_cbor_out *out, const struct ksk_record *record)
{
	if (!record->has_reset)
		return;
	ksk_cbor_out_uint(out, FIELD_RESET);
	ksk_cbor_out_map(out, 3);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_text(out, record->reset.provider);
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_uint(out, record->reset.before);
	ksk_cbor_out_uint(out, 3);
	ksk_cbor_out_uint(out, record->reset.after);
}

static size_t
count_fields(const struct ksk_record *record)
{
	return 3u + record->has_pin + record->has_rrset + record->has_window +
		record->has_policy + record->has_about +
		(record->signer_count > 0) + (record->rrsig_count > 0) +
		(record->rule_count > 0) + (record->text != NULL) +
		record->has_owner + record->has_attested + record->has_waits +
		(record->proven_count > 0) + record->has_counted +
		record->has_pruned + record->has_announced +
		record->has_document + record->has_reset;
}

static void
put_policy(struct ksk_cbor_out *out, const struct ksk_record *record)
{
	ksk_cbor_out_uint(out, FIELD_POLICY);
	ksk_cbor_out_map(out, 2);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_uint(out, record->policy_version);
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_bytes(out,
		ksk_span_of(record->policy_hash, sizeof(record->policy_hash)));
}

static void
put_head(struct ksk_cbor_out *out, const struct ksk_record *record)
{
	ksk_cbor_out_map(out, count_fields(record));
	ksk_cbor_out_uint(out, FIELD_NUMBER);
	ksk_cbor_out_uint(out, record->number);
	ksk_cbor_out_uint(out, FIELD_TIME);
	ksk_cbor_out_uint(out, record->time);
	ksk_cbor_out_uint(out, FIELD_KIND);
	ksk_cbor_out_uint(out, record->kind);
}

enum ksk_err
ksk_record_write(const struct ksk_record *record, struct ksk_buf *out)
{
	size_t before = out->len;
	struct ksk_cbor_out c = ksk_cbor_out_of(out);
	put_head(&c, record);
	if (record->has_pin) {
		ksk_cbor_out_uint(&c, FIELD_PIN);
		ksk_cbor_out_bytes(
			&c, ksk_span_of(record->pin, sizeof(record->pin)));
	}
	if (record->has_rrset) {
		ksk_cbor_out_uint(&c, FIELD_RRSET);
		ksk_msg_rrset_write(&c, &record->rrset);
	}
	if (record->has_window) {
		ksk_cbor_out_uint(&c, FIELD_WINDOW);
		ksk_msg_window_write(&c, &record->window);
	}
	if (record->has_policy)
		put_policy(&c, record);
	if (record->has_about) {
		ksk_cbor_out_uint(&c, FIELD_ABOUT);
		ksk_cbor_out_uint(&c, record->about);
	}
	put_lists(&c, record);
	if (record->text != NULL) {
		ksk_cbor_out_uint(&c, FIELD_TEXT);
		ksk_cbor_out_text(&c, record->text);
	}
	put_attest(&c, record);
	put_proven(&c, record);
	put_counted(&c, record);
	put_pruned(&c, record);
	put_announced(&c, record);
	put_document(&c, record);
	put_reset(&c, record);
	if (c.err != KSK_OK)
		out->len = before;
	return c.err;
}

/* The policy's field; true if it was that. */
static bool
read_policy(struct ksk_cbor_in *in, uint64_t *out_version,
	uint8_t out_hash[KSK_HASH_LEN])
{
	static const struct ksk_cbor_field fields[] = {
		{1, true, "version"},
		{2, true, "hash"},
	};
	ksk_cbor_in_map(in, fields, 2);
	for (uint64_t key; (key = ksk_cbor_in_key(in)) != 0;) {
		if (key == 1)
			*out_version = ksk_cbor_in_uint(in, UINT64_MAX);
		else
			ksk_cbor_in_copy(in, out_hash, KSK_HASH_LEN);
	}
	return true;
}

enum ksk_err
ksk_record_policy_read(struct ksk_span encoded, uint64_t *out_version,
	uint8_t out_hash[KSK_HASH_LEN])
{
	struct ksk_cbor_in in = ksk_cbor_in_of(encoded, NULL);
	uint64_t kind = KSK_RECORD_BEGIN, version = 0;
	uint8_t hash[KSK_HASH_LEN];
	bool found = false;
	ksk_cbor_in_map(&in, NULL, 0);
	for (uint64_t key; (key = ksk_cbor_in_key(&in)) != 0;) {
		if (key == FIELD_KIND)
			kind = ksk_cbor_in_uint(&in, UINT64_MAX);
		else if (key == FIELD_POLICY)
			found = read_policy(&in, &version, hash);
		else
			(void)ksk_cbor_in_any(&in);
	}
	enum ksk_err err = ksk_cbor_in_end(&in);
	if (err != KSK_OK)
		return err;
	if (kind != KSK_RECORD_POLICY || !found)
		return KSK_ERR_MALFORMED;
	*out_version = version;
	memcpy(out_hash, hash, sizeof(hash));
	return KSK_OK;
}

enum ksk_err
ksk_record_about_read(struct ksk_span encoded, uint64_t *out_about)
{
	struct ksk_cbor_in in = ksk_cbor_in_of(encoded, NULL);
	uint64_t about = 0;
	bool found = false;
	ksk_cbor_in_map(&in, NULL, 0);
	for (uint64_t key; (key = ksk_cbor_in_key(&in)) != 0;) {
		if (key == FIELD_ABOUT) {
			about = ksk_cbor_in_uint(&in, UINT64_MAX);
			found = true;
		} else {
			(void)ksk_cbor_in_any(&in);
		}
	}
	enum ksk_err err = ksk_cbor_in_end(&in);
	if (err != KSK_OK)
		return err;
	if (!found)
		return KSK_ERR_NOT_FOUND;
	*out_about = about;
	return KSK_OK;
}
