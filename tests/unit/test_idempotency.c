/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_idempotency - what is known of a key: over a day, over a restart, and
 * at the bound of what is kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/signer/idempotency.h"
#include "tests/unit/journal_fixture.h"

#define NOW 1790000000u

static const uint8_t client[KSK_PIN_LEN] = {1}, other[KSK_PIN_LEN] = {2};
static const uint8_t body[KSK_HASH_LEN] = {3}, changed[KSK_HASH_LEN] = {4};

static struct ksk_idempotency keys;

static void
begin(struct ksk_test_journal *t)
{
	assert_int_equal(
		ksk_idempotency_begin(&keys, t->journal, &t->fault), KSK_OK);
}

/* Keys are numbers. */
static void
answered(struct ksk_test_journal *t, const uint8_t *pin, uint32_t key,
	uint64_t record, uint64_t now)
{
	uint8_t bytes[KSK_ID_LEN] = {0};

	memcpy(bytes, &key, sizeof(key));
	assert_int_equal(
		ksk_idempotency_stage(&keys, pin, bytes, body, record, now),
		KSK_OK);
	journal_commit(t);
}

static enum ksk_repeat
find(struct ksk_test_journal *t, const uint8_t *pin, uint32_t key,
	const uint8_t *digest, uint64_t now, uint64_t *out_record)
{
	uint8_t bytes[KSK_ID_LEN] = {0};
	enum ksk_repeat repeat = KSK_REPEAT_OTHER;

	memcpy(bytes, &key, sizeof(key));
	assert_int_equal(ksk_idempotency_find(&keys, pin, bytes, digest, now,
				 &repeat, out_record, &t->fault),
		KSK_OK);
	return repeat;
}

static bool
take_count(void *ctx, const struct ksk_value *column, size_t count)
{
	assert_int_equal(count, 1);
	*(uint64_t *)ctx = column[0].number;
	return false;
}

static uint64_t
rows(struct ksk_test_journal *t)
{
	uint64_t count = 0;

	assert_int_equal(ksk_journal_query(t->journal,
				 "SELECT count(*) FROM idempotency", NULL, 0,
				 take_count, &count, &t->fault),
		KSK_OK);
	return count;
}

static void
test_what_a_key_stands_for(void **state)
{
	struct ksk_test_journal *t = *state;
	uint64_t record = 0;

	begin(t);
	assert_int_equal(
		find(t, client, 7, body, NOW, &record), KSK_REPEAT_NEW);
	answered(t, client, 7, 42, NOW);
	for (int life = 0; life < 2; life++) {
		record = 0;
		assert_int_equal(find(t, client, 7, body, NOW, &record),
			KSK_REPEAT_SAME);
		assert_int_equal(record, 42);
		assert_int_equal(find(t, client, 7, changed, NOW, &record),
			KSK_REPEAT_OTHER);
		/* Each client's keys are its own. */
		assert_int_equal(find(t, other, 7, changed, NOW, &record),
			KSK_REPEAT_NEW);
		assert_int_equal(
			find(t, client, 8, body, NOW, &record), KSK_REPEAT_NEW);
		journal_reopen(t);
		begin(t);
	}
}

static void
test_what_is_staged_is_not_known(void **state)
{
	struct ksk_test_journal *t = *state;
	uint8_t key[KSK_ID_LEN] = {9};
	uint64_t record = 0;

	begin(t);
	assert_int_equal(
		ksk_idempotency_stage(&keys, client, key, body, 5, NOW),
		KSK_OK);
	journal_reopen(t);
	begin(t);
	assert_int_equal(
		find(t, client, 9, body, NOW, &record), KSK_REPEAT_NEW);
}

static void
test_a_day(void **state)
{
	struct ksk_test_journal *t = *state;
	uint64_t record = 0, end = NOW + KSK_IDEMPOTENCY_SECONDS;

	begin(t);
	answered(t, client, 7, 42, NOW);
	assert_int_equal(
		find(t, client, 7, body, end - 1, &record), KSK_REPEAT_SAME);
	assert_int_equal(
		find(t, client, 7, changed, end, &record), KSK_REPEAT_NEW);
	/* The key stands for another request then. */
	answered(t, client, 7, 50, end);
	assert_int_equal(
		find(t, client, 7, body, end, &record), KSK_REPEAT_SAME);
	assert_int_equal(record, 50);
	assert_int_equal(rows(t), 1);
}

static void
test_old_rows_go(void **state)
{
	struct ksk_test_journal *t = *state;
	uint64_t record = 0;
	uint32_t key = 0;

	begin(t);
	for (; key < 100; key++)
		answered(t, client, key, 2 + 2 * key, NOW);
	assert_int_equal(rows(t), 100);
	/* A day later all are old: they go as new ones come. */
	for (; key < 100 + KSK_IDEMPOTENCY_EVERY; key++)
		answered(t, client, key, 2 + 2 * key,
			NOW + KSK_IDEMPOTENCY_SECONDS);
	assert_int_equal(rows(t), KSK_IDEMPOTENCY_EVERY);
	/* After a restart the first one looks. */
	journal_reopen(t);
	begin(t);
	answered(
		t, client, key, 2 + 2 * key, NOW + 2 * KSK_IDEMPOTENCY_SECONDS);
	assert_int_equal(rows(t), 1);
	assert_int_equal(find(t, client, key, body,
				 NOW + 2 * KSK_IDEMPOTENCY_SECONDS, &record),
		KSK_REPEAT_SAME);
}

static void
test_the_bound(void **state)
{
	struct ksk_test_journal *t = *state;
	const uint32_t step = KSK_IDEMPOTENCY_RECORDS / 100;
	uint64_t record = 0;
	uint32_t key = 0;

	begin(t);
	for (; key < 5 * KSK_IDEMPOTENCY_EVERY; key++) {
		answered(t, client, key, 2 + (uint64_t)step * key, NOW);
		assert_true(rows(t) <= 100 + KSK_IDEMPOTENCY_EVERY);
	}
	/* All within one day: the oldest are forgotten, the newest are not. */
	assert_int_equal(
		find(t, client, 0, body, NOW, &record), KSK_REPEAT_NEW);
	assert_int_equal(
		find(t, client, 0, changed, NOW, &record), KSK_REPEAT_NEW);
	assert_int_equal(find(t, client, key - 100, body, NOW, &record),
		KSK_REPEAT_SAME);
	/* Exactly at the bound. */
	journal_reopen(t);
	begin(t);
	assert_int_equal(keys.staged, KSK_IDEMPOTENCY_EVERY);
	answered(t, client, key, 2 + (uint64_t)step * key, NOW);
	assert_int_equal(rows(t), 100);
	assert_int_equal(
		find(t, client, key - 100, body, NOW, &record), KSK_REPEAT_NEW);
	assert_int_equal(
		find(t, client, key - 99, body, NOW, &record), KSK_REPEAT_SAME);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_JOURNAL(test_what_a_key_stands_for),
		WITH_JOURNAL(test_what_is_staged_is_not_known),
		WITH_JOURNAL(test_a_day),
		WITH_JOURNAL(test_old_rows_go),
		WITH_JOURNAL(test_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
