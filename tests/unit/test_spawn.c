/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of spawn: input and output of a program, its status, and the limits:
 * one that is not there, that takes too long, that writes too much.
 */
#include "client/spawn.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SHELL(text) \
	{ \
		"/bin/sh", "-c", text, NULL \
	}

static enum ksk_err
run(const char *const *argv, const char *input, unsigned timeout_ms,
	struct ksk_spawn *out, struct ksk_fault *fault)
{
	*out = (struct ksk_spawn){.argv = argv,
		.folder = "/",
		.input = ksk_span_of(input, strlen(input)),
		.timeout_ms = timeout_ms};
	*fault = (struct ksk_fault){0};
	return ksk_spawn_run(out, fault);
}

static void
gives_input_and_takes_output(void **state)
{
	const char *const argv[] = SHELL("pwd; cat; echo bad >&2; exit 3");
	struct ksk_spawn spawn;
	struct ksk_fault fault;

	(void)state;
	assert_int_equal(run(argv, "some text", 10000, &spawn, &fault), KSK_OK);
	assert_string_equal((char *)spawn.out, "/\nsome text");
	assert_int_equal(spawn.out_len, 11);
	assert_string_equal(spawn.err, "bad\n");
	assert_int_equal(spawn.status, 3);
	free(spawn.out);
}

static void
moves_more_than_a_pipe_holds(void **state)
{
	const char *const argv[] = {"cat", NULL};
	size_t len = 1024 * 1024;
	char *text = malloc(len + 1);
	struct ksk_spawn spawn;
	struct ksk_fault fault;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', len);
	text[len] = '\0';
	assert_int_equal(run(argv, text, 30000, &spawn, &fault), KSK_OK);
	assert_int_equal(spawn.out_len, len);
	assert_int_equal(spawn.status, 0);
	free(spawn.out);
	free(text);
}

static void
need_not_read(void **state)
{
	const char *const argv[] = SHELL("exec 0<&-; sleep 0.2; exit 5");
	size_t len = 1024 * 1024;
	char *text = malloc(len + 1);
	struct ksk_spawn spawn;
	struct ksk_fault fault;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', len);
	text[len] = '\0';
	assert_int_equal(run(argv, text, 30000, &spawn, &fault), KSK_OK);
	assert_int_equal(spawn.status, 5);
	free(spawn.out);
	free(text);
}

static void
tells_a_signal(void **state)
{
	const char *const argv[] = SHELL("kill -9 $$");
	struct ksk_spawn spawn;
	struct ksk_fault fault;

	(void)state;
	assert_int_equal(run(argv, "", 10000, &spawn, &fault), KSK_OK);
	assert_int_equal(spawn.status, 128 + 9);
	free(spawn.out);
}

static void
refuses_a_program_that_is_not_there(void **state)
{
	const char *const argv[] = {"/nowhere/at-all", NULL};
	struct ksk_spawn spawn;
	struct ksk_fault fault;

	(void)state;
	assert_int_equal(
		run(argv, "", 10000, &spawn, &fault), KSK_ERR_NOT_FOUND);
	assert_non_null(strstr(fault.text, "/nowhere/at-all"));
	free(spawn.out);
}

/* What it started is killed with it: nobody holds the pipes for a minute. */
static void
kills_what_takes_too_long(void **state)
{
	const char *const argv[] = SHELL("sleep 60 & sleep 60");
	struct ksk_spawn spawn;
	struct ksk_fault fault;
	time_t begin = time(NULL);

	(void)state;
	assert_int_equal(run(argv, "", 1000, &spawn, &fault), KSK_ERR_AGAIN);
	assert_non_null(strstr(fault.text, "takes more than 1 s"));
	assert_true(time(NULL) - begin < 30);
	free(spawn.out);
}

static void
waits_for_nobody_who_was_left_behind(void **state)
{
	const char *const argv[] = SHELL("sleep 5 & echo done");
	struct ksk_spawn spawn;
	struct ksk_fault fault;
	time_t begin = time(NULL);

	(void)state;
	assert_int_equal(run(argv, "", 20000, &spawn, &fault), KSK_OK);
	assert_string_equal((char *)spawn.out, "done\n");
	assert_true(time(NULL) - begin < 5);
	free(spawn.out);
}

static void
refuses_too_much(void **state)
{
	const char *const argv[] = SHELL("exec cat /dev/zero");
	struct ksk_spawn spawn;
	struct ksk_fault fault;

	(void)state;
	assert_int_equal(
		run(argv, "", 60000, &spawn, &fault), KSK_ERR_TOO_LARGE);
	free(spawn.out);
}

/* Its own caller is gone: nobody would end it. */
static void
ends_with_its_caller(void **state)
{
	const char *const argv[] = SHELL("echo >&2; exec sleep 30");
	int ends[2], status;
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct ksk_spawn spawn;
		struct ksk_fault fault;

		/* The program has the writing end as long as it lives. */
		(void)close(ends[0]);
		(void)run(argv, "", 60000, &spawn, &fault);
		_exit(0);
	}
	(void)close(ends[1]);
	(void)usleep(300000);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	alarm(10);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	alarm(0);
	(void)close(ends[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_input_and_takes_output),
		cmocka_unit_test(moves_more_than_a_pipe_holds),
		cmocka_unit_test(need_not_read),
		cmocka_unit_test(tells_a_signal),
		cmocka_unit_test(refuses_a_program_that_is_not_there),
		cmocka_unit_test(kills_what_takes_too_long),
		cmocka_unit_test(waits_for_nobody_who_was_left_behind),
		cmocka_unit_test(refuses_too_much),
		cmocka_unit_test(ends_with_its_caller),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
