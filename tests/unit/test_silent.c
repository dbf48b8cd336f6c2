/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of silent: when somebody is no longer waited for and when again, that
 * all processes know it, and turns.
 */
#include "client/silent.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define WHO "192.0.2.1:53"
#define LATER (KSK_SILENT_AGAIN_MS + 1)

static int
setup(void **state)
{
	struct ksk_silent *s = ksk_silent_new();

	*state = s;
	return s == NULL;
}

static int
teardown(void **state)
{
	struct ksk_silent *s = *state;

	ksk_silent_free(&s);
	assert_null(s);
	ksk_silent_free(&s);
	return 0;
}

static void
fail_times(struct ksk_silent *s, unsigned times, uint64_t now_ms)
{
	for (unsigned i = 0; i < times; i++) {
		assert_false(ksk_silent_is(s, WHO, now_ms));
		ksk_silent_failed(s, WHO, now_ms);
	}
}

static void
is_not_waited_for_again(void **state)
{
	struct ksk_silent *s = *state;
	struct ksk_fault fault;

	fail_times(s, KSK_SILENT_NEVER, 5);
	assert_true(ksk_silent_is(s, WHO, 5));
	assert_true(ksk_silent_is(s, WHO, 5 + KSK_SILENT_AGAIN_MS - 1));
	assert_false(ksk_silent_is(s, "192.0.2.2:53", 5));
	ksk_silent_say(&fault, WHO);
	assert_string_equal(fault.text,
		WHO ": no answer before in this run: not waited for again");
	assert_false(ksk_silent_is(NULL, WHO, 5));
	ksk_silent_failed(NULL, WHO, 5);
	ksk_silent_answered(NULL, WHO);
}

static void
is_tried_again_now_and_then(void **state)
{
	struct ksk_silent *s = *state;

	fail_times(s, KSK_SILENT_NEVER, 0);
	/* By one, while the others go on without. */
	assert_false(ksk_silent_is(s, WHO, LATER));
	assert_true(ksk_silent_is(s, WHO, LATER));
	ksk_silent_failed(s, WHO, LATER + 100);
	assert_true(ksk_silent_is(s, WHO, 2 * LATER));
	assert_false(ksk_silent_is(s, WHO, 2 * LATER + 100));
	ksk_silent_answered(s, WHO);
	assert_false(ksk_silent_is(s, WHO, 2 * LATER + 100));
}

/* One zone that a server says nothing to is not all of them. */
static void
has_more_chances_if_it_answered(void **state)
{
	struct ksk_silent *s = *state;

	ksk_silent_answered(s, WHO);
	fail_times(s, KSK_SILENT_ONCE, 0);
	assert_true(ksk_silent_is(s, WHO, 0));
}

static void
quick_failures_cost_nothing(void **state)
{
	struct ksk_silent *s = *state;

	for (unsigned i = 0; i < 2 * KSK_SILENT_ONCE; i++)
		ksk_silent_note(s, WHO, false, 100, 99 + KSK_SILENT_MIN_MS);
	assert_false(ksk_silent_is(s, WHO, 0));
	for (unsigned i = 0; i < KSK_SILENT_NEVER; i++)
		ksk_silent_note(s, WHO, false, 100, 100 + KSK_SILENT_MIN_MS);
	assert_true(ksk_silent_is(s, WHO, 1000));
	ksk_silent_note(s, WHO, true, 100, 5000);
	assert_false(ksk_silent_is(s, WHO, 1000));
}

/* More than there is room for are waited for as ever. */
static void
forgets_rather_than_fails(void **state)
{
	struct ksk_silent *s = *state;
	char who[20];

	for (unsigned i = 0; i < 2000; i++) {
		(void)snprintf(who, sizeof(who), "server %u", i);
		ksk_silent_failed(s, who, 0);
		ksk_silent_failed(s, who, 0);
	}
	assert_true(ksk_silent_is(s, "server 0", 0));
	assert_false(ksk_silent_is(s, "server 1999", 0));
}

static pid_t
start(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	return pid;
}

static void
all_processes_know(void **state)
{
	struct ksk_silent *s = *state;
	pid_t pid = start();
	int status;

	if (pid == 0) {
		ksk_silent_failed(s, WHO, 0);
		ksk_silent_failed(s, WHO, 0);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(ksk_silent_is(s, WHO, 0));
}

static void
one_has_a_turn_until_it_ends(void **state)
{
	struct ksk_silent *s = *state;
	int ready[2], done[2], status;
	pid_t first, second;
	char byte;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(done), 0);
	first = start();
	if (first == 0) {
		ksk_silent_take_turn(s, 3);
		(void)!write(ready[1], "", 1);
		(void)pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	second = start();
	if (second == 0) {
		ksk_silent_take_turn(s, 4);
		ksk_silent_take_turn(s, 3);
		(void)!write(done[1], "", 1);
		_exit(0);
	}
	(void)usleep(100000);
	assert_int_equal(waitpid(second, &status, WNOHANG), 0);
	/* One that is killed gives it back. */
	assert_int_equal(kill(first, SIGKILL), 0);
	assert_int_equal(read(done[0], &byte, 1), 1);
	assert_int_equal(waitpid(first, &status, 0), first);
	assert_int_equal(waitpid(second, &status, 0), second);
	ksk_silent_take_turn(s, 3);
	ksk_silent_end_turn(s, 3);
	ksk_silent_take_turn(s, KSK_SILENT_TURNS); /* none: no wait */
	ksk_silent_take_turn(NULL, 0);
	ksk_silent_end_turn(NULL, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(is_not_waited_for_again),
		TEST(is_tried_again_now_and_then),
		TEST(has_more_chances_if_it_answered),
		TEST(quick_failures_cost_nothing),
		TEST(forgets_rather_than_fails),
		TEST(all_processes_know),
		TEST(one_has_a_turn_until_it_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
