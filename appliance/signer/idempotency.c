/* SPDX-License-Identifier: BSD-2-Clause */
/* idempotency - see idempotency.h. */
#include "appliance/signer/idempotency.h"

#include <string.h>

/* Old entries are removed so often. */
#define PURGE_SECONDS 600u

enum ksk_err
ksk_idempotency_begin(struct ksk_idempotency *idempotency,
	struct ksk_journal *journal, struct ksk_fault *fault)
{
	enum ksk_err err;

	*idempotency = (struct ksk_idempotency){.journal = journal};
	err = ksk_journal_statement(journal,
		"INSERT OR REPLACE INTO idempotency VALUES(?, ?, ?, ?, ?)",
		&idempotency->put, fault);
	if (err != KSK_OK)
		return err;
	return ksk_journal_statement(journal,
		"DELETE FROM idempotency WHERE expires <= ?",
		&idempotency->purge, fault);
}

struct row {
	const uint8_t *digest;
	uint64_t now;
	enum ksk_repeat repeat;
	uint64_t record;
};

static bool
take_row(void *ctx, const struct ksk_value *column, size_t count)
{
	struct row *row = ctx;

	if (count != 3 || column[2].number <= row->now)
		return false;
	row->record = column[0].number;
	row->repeat = column[1].bytes.len == KSK_HASH_LEN &&
			memcmp(column[1].bytes.data, row->digest,
				KSK_HASH_LEN) == 0
		? KSK_REPEAT_SAME
		: KSK_REPEAT_OTHER;
	return false;
}

static struct ksk_value
bytes(const uint8_t *data, size_t len)
{
	return (struct ksk_value){
		.kind = KSK_VALUE_BYTES, .bytes = ksk_span_of(data, len)};
}

static struct ksk_value
number(uint64_t n)
{
	return (struct ksk_value){.kind = KSK_VALUE_NUMBER, .number = n};
}

enum ksk_err
ksk_idempotency_find(struct ksk_idempotency *idempotency,
	const uint8_t pin[KSK_PIN_LEN], const uint8_t key[KSK_ID_LEN],
	const uint8_t digest[KSK_HASH_LEN], uint64_t now, enum ksk_repeat *out,
	uint64_t *out_record, struct ksk_fault *fault)
{
	const struct ksk_value values[] = {
		bytes(pin, KSK_PIN_LEN), bytes(key, KSK_ID_LEN)};
	struct row row = {.digest = digest, .now = now};
	enum ksk_err err = ksk_journal_query(idempotency->journal,
		"SELECT record, digest, expires FROM idempotency"
		" WHERE pin = ? AND key = ?",
		values, 2, take_row, &row, fault);

	if (err != KSK_OK)
		return err;
	*out = row.repeat;
	*out_record = row.record;
	return KSK_OK;
}

enum ksk_err
ksk_idempotency_stage(struct ksk_idempotency *idempotency,
	const uint8_t pin[KSK_PIN_LEN], const uint8_t key[KSK_ID_LEN],
	const uint8_t digest[KSK_HASH_LEN], uint64_t record, uint64_t now)
{
	const struct ksk_value values[] = {number(record),
		bytes(pin, KSK_PIN_LEN), bytes(key, KSK_ID_LEN),
		bytes(digest, KSK_HASH_LEN),
		number(now + KSK_IDEMPOTENCY_SECONDS)};
	const struct ksk_value old = number(now);

	if (now - idempotency->purged >= PURGE_SECONDS &&
		ksk_journal_stage_row(idempotency->journal, idempotency->purge,
			&old, 1) == KSK_OK)
		idempotency->purged = now;
	return ksk_journal_stage_row(
		idempotency->journal, idempotency->put, values, 5);
}
