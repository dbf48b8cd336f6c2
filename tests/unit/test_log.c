/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of log: form of a line, escapes, levels, cut, priorities.
 */
#include "appliance/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int saved_stderr;
static int pipe_fds[2];

/* Standard error goes into a pipe while a test runs. */
static int
setup(void **state)
{
	(void)state;
	if (pipe(pipe_fds) != 0)
		return -1;
	saved_stderr = dup(STDERR_FILENO);
	if (saved_stderr < 0 || dup2(pipe_fds[1], STDERR_FILENO) < 0)
		return -1;
	unsetenv("JOURNAL_STREAM");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	return 0;
}

/* Gives what was written, as text. A mark ends it, so that nothing at all is
 * seen too. */
static const char *
written(char out[8192])
{
	ssize_t n;

	assert_int_equal(write(pipe_fds[1], "#", 1), 1);
	n = read(pipe_fds[0], out, 8191);
	assert_true(n > 0);
	assert_int_equal(out[n - 1], '#');
	out[n - 1] = '\0';
	return out;
}

static void
test_line(void **state)
{
	char out[8192];

	(void)state;
	ksk_log_init("prog", KSK_LOG_INFO);
	ksk_log(KSK_LOG_WARN, "thing-odd", "a thing is odd", "name", "x y",
		"none", (const char *)NULL, (const char *)NULL);
	assert_string_equal(written(out),
		"prog: warn thing-odd: a thing is odd name=\"x y\" none=-\n");
}

static void
test_forged_line_is_escaped(void **state)
{
	char out[8192];

	(void)state;
	ksk_log_init("prog", KSK_LOG_INFO);
	ksk_log(KSK_LOG_ERROR, "bad", "one\ntwo", "v",
		"a\"b\\c\nprog: error fake\x1b[0m\xc3\xa9\x7f",
		(const char *)NULL);
	assert_string_equal(written(out),
		"prog: error bad: one\\x0atwo v=\"a\\\"b\\\\c\\x0aprog: error "
		"fake\\x1b[0m\\xc3\\xa9\\x7f\"\n");
}

static void
test_level_below_is_dropped(void **state)
{
	char out[8192];

	(void)state;
	ksk_log_init("prog", KSK_LOG_WARN);
	ksk_log(KSK_LOG_INFO, "quiet", "not seen", (const char *)NULL);
	ksk_log(KSK_LOG_DEBUG, "quiet", "not seen", (const char *)NULL);
	assert_string_equal(written(out), "");
	ksk_log(KSK_LOG_WARN, "loud", "seen", (const char *)NULL);
	assert_string_equal(written(out), "prog: warn loud: seen\n");
}

/* One line stays one line of at most 2,048 bytes whatever the length, and no
 * escape is cut in two. */
static void
test_long_line_is_cut(void **state)
{
	static char value[5000];
	char out[8192];

	(void)state;
	ksk_log_init("prog", KSK_LOG_INFO);
	for (size_t len = 1900; len < 2100; len++) {
		const char *line;

		memset(value, 'a', len);
		memset(value + len, '\n', 1000);
		value[len + 1000] = '\0';
		ksk_log(KSK_LOG_INFO, "long", "s", "v", value,
			(const char *)NULL);
		line = written(out);
		assert_int_equal(strlen(line), 2048);
		assert_ptr_equal(strchr(line, '\n'), line + 2047);
	}
}

static void
test_priority_with_journal_stream(void **state)
{
	char out[8192];
	char stream[64];
	struct stat st;

	(void)state;
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev,
		(uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	ksk_log_init("prog", KSK_LOG_DEBUG);
	ksk_log(KSK_LOG_ERROR, "e", "s", (const char *)NULL);
	ksk_log(KSK_LOG_DEBUG, "e", "s", (const char *)NULL);
	assert_string_equal(
		written(out), "<3>prog: error e: s\n<7>prog: debug e: s\n");

	/* Another stream's name: standard error was sent elsewhere. */
	setenv("JOURNAL_STREAM", "1:1", 1);
	ksk_log_init("prog", KSK_LOG_INFO);
	ksk_log(KSK_LOG_ERROR, "e", "s", (const char *)NULL);
	assert_string_equal(written(out), "prog: error e: s\n");
}

static void
test_num(void **state)
{
	char buf[KSK_NUM_CAP];

	(void)state;
	assert_string_equal(ksk_num(buf, 0), "0");
	assert_string_equal(ksk_num(buf, UINT64_MAX), "18446744073709551615");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_line, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_forged_line_is_escaped, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_level_below_is_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_long_line_is_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_priority_with_journal_stream, setup, teardown),
		cmocka_unit_test(test_num),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
