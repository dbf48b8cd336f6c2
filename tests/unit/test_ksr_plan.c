/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of ksr_plan: when bundles begin, what they hold, and plans of providers
 * that would use a key too early.
 */
#include "client/ksr_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define DAY 86400u
#define NOW (100u * DAY)

/* Keys by letter: their RDATA differ in their last byte only. */
static uint8_t key[26][5];

static struct ksk_span
rdata(char letter)
{
	uint8_t *k = key[letter - 'a'];

	k[0] = 1;
	k[2] = 3;
	k[3] = 13;
	k[4] = (uint8_t)letter;
	return ksk_span_of(k, 5);
}

struct plan {
	struct ksk_ksr ksr;
	struct ksk_ksr_section section[16];
};

static void
add(struct plan *p, uint64_t time, const char *keys)
{
	struct ksk_ksr_section *section = &p->section[p->ksr.count++];

	p->ksr.section = p->section;
	*section = (struct ksk_ksr_section){.time = time, .line = p->ksr.count};
	for (; *keys != '\0'; keys++)
		section->rrset.rdata[section->rrset.count++] = rdata(*keys);
}

static const struct ksk_ksr_terms terms = {
	.now = NOW, .every = 7 * DAY, .ttl = 3600, .late = 3600};

static void
expect_plan(const struct ksk_ksr_source *source, size_t count,
	const uint64_t *times, size_t want)
{
	struct ksk_fault fault = {""};
	struct ksk_ksr_plan plan;

	if (ksk_ksr_plan_make(source, count, &terms, &plan, &fault) != KSK_OK)
		fail_msg("%s", fault.text);
	assert_int_equal(plan.count, want);
	for (size_t i = 0; i < want; i++)
		assert_int_equal(plan.time[i], times[i]);
}

static void
expect_no_plan(
	const struct ksk_ksr_source *source, size_t count, const char *why)
{
	struct ksk_fault fault = {""};
	struct ksk_ksr_plan plan = {.count = 77};

	assert_int_equal(
		ksk_ksr_plan_make(source, count, &terms, &plan, &fault),
		KSK_ERR_BAD_INPUT);
	assert_int_equal(plan.count, 77);
	if (strstr(fault.text, why) == NULL)
		fail_msg("%s", fault.text);
}

static void
test_sections_and_signatures_between(void **state)
{
	static struct plan p;
	const struct ksk_ksr_source source = {.path = "a", .ksr = &p.ksr};

	(void)state;
	add(&p, NOW, "a");
	add(&p, NOW + 16 * DAY, "ab");
	add(&p, NOW + 17 * DAY, "b");
	expect_plan(&source, 1,
		(uint64_t[]){NOW, NOW + 7 * DAY, NOW + 14 * DAY, NOW + 16 * DAY,
			NOW + 17 * DAY},
		5);
}

static void
test_what_is_past_is_left_out(void **state)
{
	static struct plan p;
	const struct ksk_ksr_source source = {.path = "a", .ksr = &p.ksr};

	(void)state;
	add(&p, NOW - 90 * DAY, "a");
	add(&p, NOW - 30 * DAY, "ab");
	add(&p, NOW + 3 * DAY, "b");
	/* Signed again every 7 days since it began: last 2 days ago. */
	expect_plan(&source, 1, (uint64_t[]){NOW - 2 * DAY, NOW + 3 * DAY}, 2);
	p.section[2].time = NOW;
	expect_no_plan(&source, 1, "nothing of it lies ahead");
}

static void
test_the_first_moment_there_is(void **state)
{
	static struct plan p;
	const struct ksk_ksr_source source = {.path = "a", .ksr = &p.ksr};

	(void)state;
	add(&p, 0, "a");
	expect_no_plan(&source, 1, "nothing of it lies ahead");
	add(&p, NOW + 3 * DAY, "b");
	/* 100 days hold 14 times 7. */
	expect_plan(&source, 1, (uint64_t[]){NOW - 2 * DAY, NOW + 3 * DAY}, 2);
}

static void
test_merged_by_time(void **state)
{
	static struct plan a, b;
	struct ksk_rrset still = {.count = 1};
	struct ksk_ksr_source source[] = {{.path = "a", .ksr = &a.ksr},
		{.path = "b", .ksr = &b.ksr}, {.path = "c", .set = &still}};
	struct ksk_rrset set = {.count = 0};

	(void)state;
	still.rdata[0] = rdata('z');
	add(&a, NOW, "a");
	add(&a, NOW + 6 * DAY, "ab");
	add(&b, NOW - DAY, "m");
	add(&b, NOW + 2 * DAY, "mn");
	/* Behind the end of the first one: not planned. */
	add(&b, NOW + 9 * DAY, "n");
	expect_plan(
		source, 3, (uint64_t[]){NOW, NOW + 2 * DAY, NOW + 6 * DAY}, 3);
	assert_int_equal(
		ksk_ksr_plan_keys(source, 3, NOW + 2 * DAY, &set), KSK_OK);
	assert_int_equal(set.count, 4);
	assert_true(ksk_rrset_has(&set, rdata('a')));
	assert_true(ksk_rrset_has(&set, rdata('n')));
	assert_true(ksk_rrset_has(&set, rdata('z')));
	set.count = 0;
	assert_int_equal(
		ksk_ksr_plan_keys(source, 3, NOW + 2 * DAY - 1, &set), KSK_OK);
	assert_false(ksk_rrset_has(&set, rdata('n')));
	/* What b signs with before its KSR begins, nobody knows. */
	b.section[0].time = NOW + 1;
	expect_no_plan(source, 3, "b begins at");
}

static void
test_too_much(void **state)
{
	static struct plan p;
	const struct ksk_ksr_source source = {.path = "a", .ksr = &p.ksr};
	struct ksk_rrset set = {.count = KSK_RDATA_COUNT_MAX};

	(void)state;
	add(&p, NOW, "ab");
	add(&p, NOW + 1000 * DAY, "a");
	expect_no_plan(&source, 1, "more than 64 bundles");
	for (size_t i = 0; i < set.count; i++)
		set.rdata[i] = rdata('q');
	assert_int_equal(
		ksk_ksr_plan_keys(&source, 1, NOW, &set), KSK_ERR_TOO_LARGE);
}

static void
test_keys_that_are_used_too_early(void **state)
{
	static struct plan p;
	struct ksk_fault fault = {""};

	(void)state;
	add(&p, NOW - DAY, "a");
	add(&p, NOW + DAY, "ab");
	add(&p, NOW + DAY + 7200, "ab");
	add(&p, NOW + 2 * DAY, "b");
	assert_int_equal(ksk_ksr_plan_check(&p.ksr, &terms, &fault), KSK_OK);
	p.section[2].time--;
	assert_int_equal(
		ksk_ksr_plan_check(&p.ksr, &terms, &fault), KSK_ERR_AGAIN);
	assert_non_null(strstr(fault.text, "servers may be late"));
	p.section[2].time = NOW + DAY + 3599;
	assert_int_equal(
		ksk_ksr_plan_check(&p.ksr, &terms, &fault), KSK_ERR_BAD_INPUT);
	assert_non_null(strstr(fault.text, "line 2: key "));
	assert_non_null(strstr(fault.text, "3599 seconds before"));
	/* What is past can't be mended, and a key that goes harms nobody. */
	p.section[2].time = NOW;
	p.section[1].time = NOW - 1;
	assert_int_equal(ksk_ksr_plan_check(&p.ksr, &terms, &fault), KSK_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sections_and_signatures_between),
		cmocka_unit_test(test_what_is_past_is_left_out),
		cmocka_unit_test(test_the_first_moment_there_is),
		cmocka_unit_test(test_merged_by_time),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_keys_that_are_used_too_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
