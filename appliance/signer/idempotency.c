/* SPDX-License-Identifier: BSD-2-Clause */
/* idempotency - see idempotency.h. */
#include "appliance/signer/idempotency.h"

#include <string.h>

enum ksk_err
ksk_idempotency_begin(struct ksk_idempotency *idempotency,
	struct ksk_journal *journal, struct ksk_fault *fault)
{
	enum ksk_err err;

	/* The first that is staged removes what has grown old meanwhile. */
	*idempotency = (struct ksk_idempotency){
		.journal = journal, .staged = KSK_IDEMPOTENCY_EVERY};
	err = ksk_journal_statement(journal,
		"INSERT OR REPLACE INTO idempotency VALUES(?, ?, ?, ?, ?)",
		&idempotency->put, fault);
	if (err != KSK_OK)
		return err;
	/* Rows expire in the order of their records, but for steps of the
	 * clock: the oldest are looked at, twice as many as are added, and never
	 * all. */
	err = ksk_journal_statement(journal,
		"DELETE FROM idempotency WHERE expires <= ? AND record IN"
		" (SELECT record FROM idempotency ORDER BY record LIMIT 128)",
		&idempotency->purge, fault);
	if (err != KSK_OK)
		return err;
	return ksk_journal_statement(journal,
		"DELETE FROM idempotency WHERE record <= ?",
		&idempotency->bound, fault);
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

/* What finds no room now is removed the next time. */
static void
remove_old(struct ksk_idempotency *idempotency, uint64_t record, uint64_t now)
{
	const struct ksk_value old = number(now);
	const struct ksk_value far = number(record > KSK_IDEMPOTENCY_RECORDS
			? record - KSK_IDEMPOTENCY_RECORDS
			: 0);

	if (ksk_journal_stage_row(idempotency->journal, idempotency->purge,
		    &old, 1) == KSK_OK &&
		ksk_journal_stage_row(idempotency->journal, idempotency->bound,
			&far, 1) == KSK_OK)
		idempotency->staged = 0;
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
	enum ksk_err err;

	if (idempotency->staged >= KSK_IDEMPOTENCY_EVERY)
		remove_old(idempotency, record, now);
	err = ksk_journal_stage_row(
		idempotency->journal, idempotency->put, values, 5);
	if (err == KSK_OK && idempotency->staged < KSK_IDEMPOTENCY_EVERY)
		idempotency->staged++;
	return err;
}
