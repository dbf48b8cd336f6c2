/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of span: comparing, appending, wiping, hexadecimal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "protocol/span.h"

static void
test_equal(void **state)
{
	struct ksk_span empty = {0};

	(void)state;
	assert_true(ksk_span_equal(ksk_span_of("ab", 2), ksk_span_of("ab", 2)));
	assert_false(
		ksk_span_equal(ksk_span_of("ab", 2), ksk_span_of("ac", 2)));
	assert_false(
		ksk_span_equal(ksk_span_of("ab", 2), ksk_span_of("ab", 1)));
	assert_true(ksk_span_equal(empty, ksk_span_of("ab", 0)));
}

static void
test_put_fills_to_the_last_byte_and_no_further(void **state)
{
	uint8_t room[4] = {0};
	struct ksk_buf buf = ksk_buf_of(room, 3);

	(void)state;
	assert_int_equal(KSK_OK, ksk_buf_put(&buf, "abc", 3));
	assert_int_equal(KSK_OK, ksk_buf_put(&buf, NULL, 0));
	assert_int_equal(KSK_ERR_NO_ROOM, ksk_buf_put(&buf, "d", 1));
	assert_int_equal(KSK_ERR_NO_ROOM, ksk_buf_put(&buf, "d", SIZE_MAX));
	assert_int_equal(3, buf.len);
	assert_memory_equal("abc", room, 4);
}

static void
test_wipe_and_constant_time_comparison(void **state)
{
	uint8_t secret[4] = {1, 2, 3, 4};

	(void)state;
	assert_true(ksk_ct_equal(secret, "\1\2\3\4", 4));
	assert_false(ksk_ct_equal(secret, "\1\2\3\5", 4));
	ksk_wipe(secret, 3);
	assert_memory_equal("\0\0\0\4", secret, 4);
	ksk_wipe(NULL, 0);
}

static void
test_hex_write_is_cut_at_whole_bytes(void **state)
{
	char out[7];

	(void)state;
	ksk_hex_write(ksk_span_of("\x00\xab\xff", 3), out, sizeof(out));
	assert_string_equal("00abff", out);
	ksk_hex_write(ksk_span_of("\x00\xab\xff", 3), out, 6);
	assert_string_equal("00ab", out);
	ksk_hex_write(ksk_span_of("\x00\xab\xff", 3), out, 1);
	assert_string_equal("", out);
}

static void
test_hex_read(void **state)
{
	uint8_t out[2] = {9, 9};
	size_t len = 99;

	(void)state;
	assert_int_equal(
		KSK_ERR_BAD_INPUT, ksk_hex_read("abc", 3, out, 2, &len));
	assert_int_equal(
		KSK_ERR_BAD_INPUT, ksk_hex_read("00 1", 4, out, 2, &len));
	assert_int_equal(
		KSK_ERR_BAD_INPUT, ksk_hex_read("00g0", 4, out, 2, &len));
	assert_int_equal(
		KSK_ERR_NO_ROOM, ksk_hex_read("001122", 6, out, 2, &len));
	assert_int_equal(99, len);
	assert_int_equal(9, out[0]);
	assert_int_equal(KSK_OK, ksk_hex_read("aB0f", 4, out, 2, &len));
	assert_int_equal(2, len);
	assert_memory_equal("\xab\x0f", out, 2);
	assert_int_equal(KSK_OK, ksk_hex_read("", 0, out, 2, &len));
	assert_int_equal(0, len);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),
		cmocka_unit_test(
			test_put_fills_to_the_last_byte_and_no_further),
		cmocka_unit_test(test_wipe_and_constant_time_comparison),
		cmocka_unit_test(test_hex_write_is_cut_at_whole_bytes),
		cmocka_unit_test(test_hex_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
