/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of hsm/pin.h: which bytes of a PIN source reach the token, and which
 * are refused before any login.
 */
#include "hsm/pin.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SOURCE(text) text, sizeof(text) - 1

static const struct {
	const char *bytes;
	size_t len;
	const char *pin; /* NULL: refused */
} sources[] = {
	{SOURCE("1234"), "1234"},
	{SOURCE("1234\n"), "1234"},
	{SOURCE("1234\r\n"), "1234"},
	{SOURCE(" 1234"), " 1234"},
	{SOURCE("1234 \n"), "1234 "},
	{SOURCE("1234\n\n"), NULL},
	{SOURCE("1234\r"), NULL},
	{SOURCE("12\n34"), NULL},
	{SOURCE("\n1234"), NULL},
	{SOURCE(""), NULL},
	{SOURCE("\n"), NULL},
	{SOURCE("\r\n"), NULL},
	{SOURCE("12\0034"), "12\0034"}, /* octal 003: no zero byte */
	{SOURCE("12\00034"), NULL},
};

static void
test_sources(void **state)
{
	struct ksk_pin *pin = NULL;

	(void)state;
	assert_int_equal(ksk_pin_new(&pin), KSK_OK);
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct ksk_fault fault = {""};
		enum ksk_err r = ksk_pin_set(pin,
			ksk_span_of(sources[i].bytes, sources[i].len), &fault);

		if (sources[i].pin == NULL) {
			assert_int_equal(r, KSK_ERR_BAD_INPUT);
			assert_int_equal(pin->len, 0);
			assert_true(fault.text[0] != '\0');
			assert_null(strstr(fault.text, "34"));
			continue;
		}
		assert_int_equal(r, KSK_OK);
		assert_int_equal(pin->len, strlen(sources[i].pin));
		assert_string_equal(pin->text, sources[i].pin);
	}
	ksk_pin_free(&pin);
	assert_null(pin);
	ksk_pin_free(&pin);
	ksk_pin_free(NULL);
}

static enum ksk_err
read_through_pipe(struct ksk_pin *pin, const char *bytes, size_t len)
{
	int fds[2];
	enum ksk_err r;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], bytes, len), (ssize_t)len);
	close(fds[1]);
	r = ksk_pin_read_fd(pin, fds[0], 1000, NULL);
	close(fds[0]);
	return r;
}

static void
test_lengths(void **state)
{
	char text[KSK_PIN_MAX + 301];
	struct ksk_pin *pin = NULL;

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(ksk_pin_new(&pin), KSK_OK);
	assert_int_equal(read_through_pipe(pin, text, KSK_PIN_MAX), KSK_OK);
	assert_int_equal(pin->len, KSK_PIN_MAX);
	text[KSK_PIN_MAX] = '\r';
	text[KSK_PIN_MAX + 1] = '\n';
	assert_int_equal(read_through_pipe(pin, text, KSK_PIN_MAX + 2), KSK_OK);
	assert_int_equal(pin->len, KSK_PIN_MAX);
	text[KSK_PIN_MAX] = 'x';
	text[KSK_PIN_MAX + 1] = 'x';
	assert_int_equal(read_through_pipe(pin, text, KSK_PIN_MAX + 1),
		KSK_ERR_TOO_LARGE);
	assert_int_equal(pin->len, 0);
	assert_int_equal(read_through_pipe(pin, text, KSK_PIN_MAX + 300),
		KSK_ERR_TOO_LARGE);
	ksk_pin_free(&pin);
}

/* A folder, and a pipe that nobody closes: refused, not waited for. */
static void
test_odd_sources(void **state)
{
	struct ksk_pin *pin = NULL;
	struct ksk_fault fault = {""};
	int fds[2];
	int folder = open("/", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(ksk_pin_new(&pin), KSK_OK);
	assert_int_equal(
		ksk_pin_read_fd(pin, folder, 1000, &fault), KSK_ERR_IO);
	assert_true(fault.text[0] != '\0');
	close(folder);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], "1234", 4), 4);
	assert_int_equal(ksk_pin_read_fd(pin, fds[0], 20, &fault), KSK_ERR_IO);
	assert_int_equal(pin->len, 0);
	close(fds[0]);
	close(fds[1]);
	ksk_pin_free(&pin);
}

static void
test_fits(void **state)
{
	struct ksk_pin *pin = NULL;
	struct ksk_fault fault = {""};

	(void)state;
	assert_int_equal(ksk_pin_new(&pin), KSK_OK);
	assert_int_equal(
		ksk_pin_set(pin, ksk_span_of("4711", 4), NULL), KSK_OK);
	assert_int_equal(ksk_pin_fits(pin, 4, 8, &fault), KSK_OK);
	assert_int_equal(ksk_pin_fits(pin, 0, 0, &fault), KSK_OK);
	assert_int_equal(ksk_pin_fits(pin, ~0UL, ~0UL, &fault), KSK_OK);
	assert_int_equal(ksk_pin_fits(pin, 5, 8, &fault), KSK_ERR_BAD_INPUT);
	assert_null(strstr(fault.text, "4711"));
	assert_int_equal(ksk_pin_fits(pin, 1, 3, &fault), KSK_ERR_BAD_INPUT);
	ksk_pin_free(&pin);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_odd_sources),
		cmocka_unit_test(test_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
