/* SPDX-License-Identifier: BSD-2-Clause */
/* flood - see flood.h. */
#include "appliance/signer/flood.h"

#include "protocol/msg_part.h"

#include <openssl/evp.h>
#include <string.h>

/* All that must be the same, in few bytes: pin and key are compared. */
static enum ksk_err
key_of(const struct ksk_record *record, struct ksk_buf scratch,
	uint8_t out_key[KSK_HASH_LEN])
{
	const struct ksk_name *owner = &record->rrset.owner;
	struct ksk_cbor_out c = ksk_cbor_out_of(&scratch);

	ksk_cbor_out_uint(&c, record->policy_version);
	ksk_cbor_out_uint(&c, record->rrset.type);
	ksk_cbor_out_bytes(&c, ksk_span_of(owner->wire, owner->len));
	/* One rule may fail for one key or for many. */
	for (size_t i = 0; i < record->rule_count; i++)
		if (i == 0 || strcmp(record->rule[i], record->rule[i - 1]) != 0)
			ksk_cbor_out_text(&c, record->rule[i]);
	if (c.err != KSK_OK)
		return c.err;
	return EVP_Digest(scratch.data, scratch.len, out_key, NULL,
		       EVP_sha256(), NULL) == 1
		? KSK_OK
		: KSK_ERR_CRYPTO;
}

/* The digest of the sets so far, and one more. out_len: of its encoding. */
static enum ksk_err
add_set(const uint8_t before[KSK_HASH_LEN], const struct ksk_rrset *rrset,
	struct ksk_buf scratch, uint8_t out_digest[KSK_HASH_LEN],
	size_t *out_len)
{
	enum ksk_err err = ksk_buf_put(&scratch, before, KSK_HASH_LEN);
	struct ksk_cbor_out c = ksk_cbor_out_of(&scratch);

	if (err != KSK_OK)
		return err;
	ksk_msg_rrset_write(&c, rrset);
	if (c.err != KSK_OK)
		return c.err;
	if (EVP_Digest(scratch.data, scratch.len, out_digest, NULL,
		    EVP_sha256(), NULL) != 1)
		return KSK_ERR_CRYPTO;
	*out_len = scratch.len - KSK_HASH_LEN;
	return KSK_OK;
}

struct found {
	struct ksk_flood_entry *same, *rest, *spare;
	size_t count, set_bytes; /* of this client */
};

static struct found
find(struct ksk_flood *flood, const uint8_t pin[KSK_PIN_LEN],
	const uint8_t key[KSK_HASH_LEN])
{
	static const uint8_t rest[KSK_HASH_LEN];
	struct found f = {.count = 0};

	for (size_t i = 0; i < KSK_FLOOD_MAX; i++) {
		struct ksk_flood_entry *e = &flood->entry[i];
		if (!e->open) {
			f.spare = e;
			continue;
		}
		if (memcmp(e->pin, pin, KSK_PIN_LEN) != 0)
			continue;
		f.set_bytes += e->set_bytes;
		if (memcmp(e->key, key, KSK_HASH_LEN) == 0)
			f.same = e;
		if (memcmp(e->key, rest, KSK_HASH_LEN) == 0)
			f.rest = e;
		else
			f.count++;
	}
	return f;
}

static bool
may_not_sign(const struct ksk_record *record)
{
	for (size_t i = 0; i < record->rule_count; i++)
		if (strcmp(record->rule[i], "zone") == 0 ||
			strcmp(record->rule[i], "client") == 0)
			return true;
	return false;
}

static void
leave_set_out(struct ksk_record *record, const char *why)
{
	record->has_owner = true;
	record->owner = record->rrset.owner;
	record->has_rrset = false;
	record->text = why;
}

/* What a REFUSALS record says: the rest stands in the one it counts on. */
static void
make_count(struct ksk_record *record, const uint8_t pin[KSK_PIN_LEN],
	uint64_t time, const struct ksk_counted *count)
{
	memset(record, 0, sizeof(*record));
	record->time = time;
	record->kind = KSK_RECORD_REFUSALS;
	record->has_pin = true;
	memcpy(record->pin, pin, KSK_PIN_LEN);
	record->has_counted = true;
	record->counted = *count;
}

static uint64_t
seconds_left(const struct ksk_flood_entry *entry, uint64_t now_ms)
{
	uint64_t age = now_ms - entry->begin_ms;
	return age >= KSK_FLOOD_MS ? 1 : (KSK_FLOOD_MS - age + 999) / 1000;
}

/* A refusal unlike others. */
static void
begin(struct ksk_flood_entry *entry, struct ksk_record *record,
	const uint8_t key[KSK_HASH_LEN], const struct found *f, size_t set_len,
	uint64_t now_ms)
{
	*entry = (struct ksk_flood_entry){.begin_ms = now_ms};
	memcpy(entry->pin, record->pin, KSK_PIN_LEN);
	memcpy(entry->key, key, KSK_HASH_LEN);
	if (!record->has_rrset)
		return; /* there is none to be kept */
	if (may_not_sign(record))
		leave_set_out(record,
			"the set is left out: this client may not sign the "
			"zone");
	else if (f->set_bytes + set_len > KSK_FLOOD_SET_BYTES)
		leave_set_out(record,
			"the set is left out: this client has had many "
			"refusals within a minute");
	else
		entry->set_bytes = set_len;
}

/* One more of the same. */
static enum ksk_flood_verdict
count_one(struct ksk_flood_entry *entry, struct ksk_record *record,
	const uint8_t digest[KSK_HASH_LEN], uint64_t commits)
{
	struct ksk_counted next = entry->count;
	bool first = next.count == 0;

	if (first)
		next.first = record->time;
	next.count++;
	next.last = record->time;
	memcpy(next.digest, digest, KSK_HASH_LEN);
	if (first) {
		uint8_t pin[KSK_PIN_LEN];
		memcpy(pin, record->pin, sizeof(pin));
		make_count(record, pin, record->time, &next);
		return KSK_FLOOD_STAGE;
	}
	entry->count = next;
	return entry->commits == commits ? KSK_FLOOD_WAIT : KSK_FLOOD_KEPT;
}

enum ksk_err
ksk_flood_look(struct ksk_flood *flood, struct ksk_record *record,
	struct ksk_buf scratch, uint64_t commits, uint64_t now_ms,
	enum ksk_flood_verdict *out_verdict, struct ksk_flood_entry **out_entry,
	uint64_t *out_busy)
{
	static const uint8_t zeroes[KSK_HASH_LEN];
	uint8_t key[KSK_HASH_LEN], digest[KSK_HASH_LEN];
	size_t len = 0;
	enum ksk_err err = key_of(record, scratch, key);
	if (err != KSK_OK)
		return err;
	struct found f = find(flood, record->pin, key);
	struct ksk_flood_entry *entry = f.same;
	bool beyond = entry == NULL && f.count >= KSK_FLOOD_CLIENT_MAX;
	if (beyond)
		entry = f.rest;
	err = add_set(entry == NULL ? zeroes : entry->count.digest,
		&record->rrset, scratch, digest, &len);
	if (err != KSK_OK)
		return err;

	*out_busy = 0;
	if (entry == NULL && f.spare == NULL) {
		*out_verdict = KSK_FLOOD_NONE;
		*out_busy = KSK_FLOOD_MS / 1000;
		return KSK_OK;
	}
	*out_verdict = KSK_FLOOD_STAGE;
	if (entry == NULL) {
		entry = f.spare;
		begin(entry, record, beyond ? zeroes : key, &f,
			beyond ? 0 : len, now_ms);
		if (beyond)
			*out_verdict = count_one(
				entry, record, digest, commits);
	} else {
		*out_verdict = count_one(entry, record, digest, commits);
	}
	if (beyond)
		*out_busy = seconds_left(entry, now_ms);
	if (flood->due_ms > now_ms + KSK_FLOOD_MS)
		flood->due_ms = now_ms + KSK_FLOOD_MS;
	*out_entry = entry;
	return KSK_OK;
}

void
ksk_flood_staged(struct ksk_flood_entry *entry, const struct ksk_record *record,
	uint64_t commits)
{
	entry->open = true;
	if (record->kind == KSK_RECORD_REFUSAL) {
		entry->count.has_refusal = true;
		entry->count.refusal = record->number;
		return;
	}
	entry->count = record->counted;
	entry->told = record->counted.count;
	entry->commits = commits;
}

struct ksk_flood_entry *
ksk_flood_due(struct ksk_flood *flood, bool all, uint64_t now_ms, uint64_t now,
	struct ksk_record *out_record)
{
	uint64_t next_ms = UINT64_MAX;

	/* Asked in every turn of the loop, and the list is long. */
	if (!all && now_ms < flood->due_ms)
		return NULL;
	for (size_t i = 0; i < KSK_FLOOD_MAX; i++) {
		struct ksk_flood_entry *e = &flood->entry[i];
		bool over = now_ms - e->begin_ms >= KSK_FLOOD_MS;
		if (!e->open)
			continue;
		if ((over || all) && e->count.count > e->told) {
			make_count(out_record, e->pin, now, &e->count);
			return e;
		}
		if (over)
			e->open = false;
		else if (e->begin_ms + KSK_FLOOD_MS < next_ms)
			next_ms = e->begin_ms + KSK_FLOOD_MS;
	}
	flood->due_ms = next_ms;
	return NULL;
}

void
ksk_flood_told(struct ksk_flood_entry *entry, uint64_t now_ms)
{
	entry->told = entry->count.count;
	entry->begin_ms = now_ms;
	entry->set_bytes = 0;
}
