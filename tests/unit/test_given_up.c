/* SPDX-License-Identifier: BSD-2-Clause */
/* test_given_up - the anchors that a person's word forgives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/signer/given_up.h"

#include "tests/unit/journal_fixture.h"

static const struct ksk_checkpoint two[] = {
	{.journal = "jjjjjjjjjjjjjjj", .number = 100, .hash = {1}, .time = 5},
	{.journal = "kkkkkkkkkkkkkkk", .number = 7, .hash = {2}, .time = 6},
};

static void
test_kept_until_it_is_over(void **state)
{
	struct ksk_test_journal *t = *state;
	struct ksk_given_up list = {.pending = true};

	assert_int_equal(
		ksk_given_up_read(t->journal, &list, &t->fault), KSK_OK);
	assert_false(list.pending);
	assert_int_equal(ksk_given_up_stage(t->journal, two, 2), KSK_OK);
	journal_commit(t);
	journal_reopen(t);
	assert_int_equal(
		ksk_given_up_read(t->journal, &list, &t->fault), KSK_OK);
	assert_true(list.pending);
	assert_int_equal(list.count, 2);
	assert_true(ksk_given_up_has(&list, &two[0]));
	assert_true(ksk_given_up_has(&list, &two[1]));
	assert_int_equal(ksk_given_up_over(t->journal), KSK_OK);
	journal_commit(t);
	assert_int_equal(
		ksk_given_up_read(t->journal, &list, &t->fault), KSK_OK);
	assert_false(list.pending);
	assert_false(ksk_given_up_has(&list, &two[0]));
}

static void
test_only_those_are_given_up(void **state)
{
	struct ksk_test_journal *t = *state;
	struct ksk_given_up list;
	struct ksk_checkpoint other;

	assert_int_equal(ksk_given_up_stage(t->journal, two, 1), KSK_OK);
	journal_commit(t);
	assert_int_equal(
		ksk_given_up_read(t->journal, &list, &t->fault), KSK_OK);
	assert_false(ksk_given_up_has(&list, &two[1]));
	other = two[0];
	other.number++;
	assert_false(ksk_given_up_has(&list, &other));
	other = two[0];
	other.hash[31] = 1;
	assert_false(ksk_given_up_has(&list, &other));
	other = two[0];
	other.journal[0] = 'x';
	assert_false(ksk_given_up_has(&list, &other));
	other = two[0];
	other.time++;
	assert_false(ksk_given_up_has(&list, &other));
}

/* An anchor that was taken away leaves an empty list. */
static void
test_none_at_all(void **state)
{
	struct ksk_test_journal *t = *state;
	struct ksk_given_up list;

	assert_int_equal(ksk_given_up_stage(t->journal, NULL, 0), KSK_OK);
	journal_commit(t);
	assert_int_equal(
		ksk_given_up_read(t->journal, &list, &t->fault), KSK_OK);
	assert_true(list.pending);
	assert_int_equal(list.count, 0);
}

static void
test_damaged(void **state)
{
	struct ksk_test_journal *t = *state;
	struct ksk_given_up list = {.count = 5};
	static const uint8_t bad[] = {1, 2, 3};

	assert_int_equal(ksk_journal_state_set(t->journal, "given-up",
				 ksk_span_of(bad, sizeof(bad))),
		KSK_OK);
	journal_commit(t);
	assert_int_equal(ksk_given_up_read(t->journal, &list, &t->fault),
		KSK_ERR_MALFORMED);
	assert_non_null(strstr(t->fault.text, "damaged"));
	assert_int_equal(list.count, 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_JOURNAL(test_kept_until_it_is_over),
		WITH_JOURNAL(test_only_those_are_given_up),
		WITH_JOURNAL(test_none_at_all),
		WITH_JOURNAL(test_damaged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
