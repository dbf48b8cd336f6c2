/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of flood: what is recorded, what is counted, and when a client is put
 * off.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/signer/flood.h"

#include <string.h>

static struct ksk_flood flood;
static struct ksk_record record;
static uint8_t scratch[KSK_RECORD_MAX];
static uint8_t rdata[KSK_RDATA_MAX];
static enum ksk_flood_verdict verdict;
static struct ksk_flood_entry *entry;
static uint64_t busy, number;

/* A refusal of a client; its RRset has count records of the largest size. */
static void
look(uint8_t client, const char *rule, size_t count, uint64_t commits,
	uint64_t now_ms)
{
	record = (struct ksk_record){.time = now_ms / 1000,
		.kind = KSK_RECORD_REFUSAL,
		.has_pin = true,
		.pin = {client},
		.has_rrset = true,
		.rrset = {.owner = {.len = 1}, .type = 48, .count = count},
		.rule_count = 1,
		.rule = {rule}};
	for (size_t i = 0; i < count; i++)
		record.rrset.rdata[i] = ksk_span_of(rdata, sizeof(rdata));
	assert_int_equal(KSK_OK,
		ksk_flood_look(&flood, &record,
			ksk_buf_of(scratch, sizeof(scratch)), commits, now_ms,
			&verdict, &entry, &busy));
	if (verdict != KSK_FLOOD_STAGE)
		return;
	record.number = ++number;
	ksk_flood_staged(entry, &record, commits);
}

static int
setup(void **state)
{
	(void)state;
	memset(&flood, 0, sizeof(flood));
	number = 0;
	return 0;
}

static void
test_a_repeated_one_is_counted(void **state)
{
	(void)state;
	look(1, "ttl", 1, 0, 1000);
	assert_int_equal(verdict, KSK_FLOOD_STAGE);
	assert_int_equal(record.kind, KSK_RECORD_REFUSAL);
	assert_true(record.has_rrset);
	look(1, "ttl", 1, 0, 2000);
	assert_int_equal(verdict, KSK_FLOOD_STAGE);
	assert_int_equal(record.kind, KSK_RECORD_REFUSALS);
	assert_int_equal(record.counted.refusal, 1);
	assert_int_equal(record.counted.count, 1);
	/* Its trace is durable after the next commit. */
	look(1, "ttl", 2, 0, 3000);
	assert_int_equal(verdict, KSK_FLOOD_WAIT);
	look(1, "ttl", 1, 1, 4000);
	assert_int_equal(verdict, KSK_FLOOD_KEPT);
	assert_int_equal(busy, 0);
	/* Another client's and another rule are other ones. */
	look(2, "ttl", 1, 1, 4000);
	assert_int_equal(record.kind, KSK_RECORD_REFUSAL);
	look(1, "window", 1, 1, 4000);
	assert_int_equal(record.kind, KSK_RECORD_REFUSAL);
}

static void
test_the_sum_follows(void **state)
{
	(void)state;
	struct ksk_record sum;
	look(1, "ttl", 1, 0, 1000);
	assert_null(ksk_flood_due(&flood, true, 1500, 1, &sum));
	for (unsigned i = 0; i < 5; i++)
		look(1, "ttl", 1, 0, 2000 + 1000 * i);
	assert_null(ksk_flood_due(&flood, false, 60999, 60, &sum));
	entry = ksk_flood_due(&flood, false, 61000, 61, &sum);
	assert_non_null(entry);
	assert_int_equal(sum.kind, KSK_RECORD_REFUSALS);
	assert_int_equal(sum.counted.refusal, 1);
	assert_int_equal(sum.counted.count, 5);
	assert_int_equal(sum.counted.first, 2);
	assert_int_equal(sum.counted.last, 6);
	ksk_flood_told(entry, 61000);
	assert_null(ksk_flood_due(&flood, true, 61000, 61, &sum));
	/* A minute without one ends it: then it is recorded anew. */
	assert_null(ksk_flood_due(&flood, false, 121000, 121, &sum));
	look(1, "ttl", 1, 0, 121000);
	assert_int_equal(record.kind, KSK_RECORD_REFUSAL);
}

static void
test_sets_are_left_out(void **state)
{
	(void)state;
	look(1, "client", 1, 0, 1000);
	assert_false(record.has_rrset);
	assert_true(record.has_owner && record.text != NULL);
	look(1, "ttl", 32, 0, 1000);
	assert_true(record.has_rrset);
	look(1, "window", 32, 0, 1000);
	assert_false(record.has_rrset);
	look(2, "window", 32, 0, 1000);
	assert_true(record.has_rrset);
}

static void
test_too_many_are_put_off(void **state)
{
	(void)state;
	char rule[] = "r00";
	for (unsigned i = 0; i <= KSK_FLOOD_CLIENT_MAX + 1; i++) {
		rule[1] = (char)('0' + i / 10);
		rule[2] = (char)('0' + i % 10);
		look(1, rule, 0, 0, 1000);
		assert_int_equal(busy > 0, i >= KSK_FLOOD_CLIENT_MAX);
		assert_int_equal(verdict,
			i > KSK_FLOOD_CLIENT_MAX ? KSK_FLOOD_WAIT
						 : KSK_FLOOD_STAGE);
	}
	assert_int_equal(busy, 60);
	assert_int_equal(entry->count.count, 2);
	assert_false(entry->count.has_refusal);
	/* What it was told before is told again; others are not put off. */
	look(1, "r00", 0, 0, 1000);
	assert_int_equal(busy, 0);
	look(2, "r99", 0, 0, 1000);
	assert_int_equal(busy, 0);
	/* Seats for all clients are finite. */
	for (unsigned c = 3; c < 3 + KSK_FLOOD_MAX; c++) {
		rule[1] = (char)('0' + c % 60);
		rule[2] = (char)('0' + c / 60);
		look((uint8_t)c, rule, 0, 0, 1000);
	}
	assert_int_equal(verdict, KSK_FLOOD_NONE);
	assert_true(busy > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_repeated_one_is_counted, setup),
		cmocka_unit_test_setup(test_the_sum_follows, setup),
		cmocka_unit_test_setup(test_sets_are_left_out, setup),
		cmocka_unit_test_setup(test_too_many_are_put_off, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
