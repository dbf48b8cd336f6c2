/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of fan: results in the order of their numbers, several jobs at a time,
 * what a job says that is killed, and work where no process can be had.
 */
#include "client/fan.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT 40u

struct scene {
	pid_t self;
	size_t next; /* to be taken */
	size_t lost;
	size_t here; /* jobs done by the process of the test */
};

static void
pause_ms(long ms)
{
	const struct timespec time = {.tv_nsec = ms * 1000000};

	(void)nanosleep(&time, NULL);
}

/* Later ones are done first. */
static int
say_number(void *ctx, size_t i, struct ksk_text *result)
{
	struct scene *s = ctx;

	if (getpid() == s->self)
		s->here++;
	pause_ms(i % 2 == 0 ? 50 : 1);
	ksk_text_add(result, "job %zu", i);
	ksk_text_add_bytes(result, "\0.", 2);
	return (int)(i % 7);
}

static void
expect_number(void *ctx, size_t i, int status, struct ksk_span result)
{
	struct scene *s = ctx;
	char want[20];

	assert_int_equal(i, s->next);
	s->next++;
	if (status == KSK_FAN_LOST) {
		s->lost++;
		return;
	}
	assert_int_equal(status, i % 7);
	(void)snprintf(want, sizeof(want), "job %zu%c.", i, '\0');
	assert_int_equal(result.len, strlen(want) + 2);
	assert_memory_equal(result.data, want, result.len);
}

static struct scene
run(size_t count, int (*work)(void *, size_t, struct ksk_text *),
	void (*take)(void *, size_t, int, struct ksk_span))
{
	struct scene s = {.self = getpid()};
	struct ksk_fan fan = {
		.count = count, .ctx = &s, .work = work, .take = take};

	assert_int_equal(ksk_fan_run(&fan), KSK_OK);
	assert_int_equal(s.next, count);
	return s;
}

static void
takes_in_order(void **state)
{
	struct scene s = run(COUNT, say_number, expect_number);

	(void)state;
	assert_int_equal(s.lost + s.here, 0);
	(void)run(0, say_number, expect_number);
	/* One alone needs no process. */
	s = run(1, say_number, expect_number);
	assert_int_equal(s.here, 1);
}

static int
wait_a_while(void *ctx, size_t i, struct ksk_text *result)
{
	(void)ctx;
	pause_ms(300);
	ksk_text_add(result, "job %zu", i);
	ksk_text_add_bytes(result, "\0.", 2);
	return (int)(i % 7);
}

static void
does_several_at_a_time(void **state)
{
	time_t begin = time(NULL);

	(void)state;
	(void)run(COUNT, wait_a_while, expect_number);
	/* One after the other they take 12 seconds. */
	assert_true(time(NULL) - begin < 6);
}

static int
die_sometimes(void *ctx, size_t i, struct ksk_text *result)
{
	if (i == 3)
		(void)raise(SIGKILL);
	if (i == 5)
		_exit(120);
	if (i == 7)
		result->failed = true;
	return say_number(ctx, i, result);
}

static void
loses_one_result_and_no_other(void **state)
{
	struct scene s = run(COUNT, die_sometimes, expect_number);

	(void)state;
	assert_int_equal(s.lost, 3);
}

static int
say_much(void *ctx, size_t i, struct ksk_text *result)
{
	(void)ctx;
	(void)i;
	for (int k = 0; k < 100000; k++)
		ksk_text_add(result, "0123456789");
	return 0;
}

static void
expect_much(void *ctx, size_t i, int status, struct ksk_span result)
{
	struct scene *s = ctx;

	(void)i;
	s->next++;
	assert_int_equal(status, 0);
	assert_int_equal(result.len, 1000000);
	assert_memory_equal(result.data + 999990, "0123456789", 10);
}

static void
moves_more_than_a_pipe_holds(void **state)
{
	(void)state;
	(void)run(3, say_much, expect_much);
}

/* No descriptor, no pipe. */
static void
works_without_processes(void **state)
{
	struct rlimit before, none;
	struct scene s;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	s = run(5, say_number, expect_number);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(s.here, 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_in_order),
		cmocka_unit_test(does_several_at_a_time),
		cmocka_unit_test(loses_one_result_and_no_other),
		cmocka_unit_test(moves_more_than_a_pipe_holds),
		cmocka_unit_test(works_without_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
