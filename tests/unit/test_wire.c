/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of wire: big-endian cursors that remember their first error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "protocol/wire.h"

/* Writes one of each. */
static size_t
write_all(uint8_t *room, size_t cap, enum ksk_err *out_err)
{
	struct ksk_buf buf = ksk_buf_of(room, cap);
	struct ksk_wire_out w = ksk_wire_out_of(&buf);

	ksk_wire_put_u8(&w, 0x01);
	ksk_wire_put_u16(&w, 0x0203);
	ksk_wire_put_u32(&w, 0x04050607);
	ksk_wire_put_u64(&w, 0x08090a0b0c0d0e0f);
	ksk_wire_put_bytes(&w, ksk_span_of("xy", 2));
	ksk_wire_put_block(&w, ksk_span_of("block", 5));
	ksk_wire_put_text(&w, "text");
	*out_err = w.err;
	return buf.len;
}

/* Reads one of each; returns the end's verdict. */
static enum ksk_err
read_all(struct ksk_span bytes)
{
	struct ksk_wire w = ksk_wire_of(bytes);
	uint8_t copy[2];
	char text[5];

	uint64_t sum = ksk_wire_u8(&w);
	sum += ksk_wire_u16(&w);
	sum += ksk_wire_u32(&w);
	sum += ksk_wire_u64(&w);
	ksk_wire_copy(&w, copy, sizeof(copy));
	struct ksk_span block = ksk_wire_block(&w, 5);
	ksk_wire_text(&w, text, sizeof(text));
	enum ksk_err err = ksk_wire_end(&w);
	if (err != KSK_OK)
		return err;
	assert_true(sum == 0x01 + 0x0203 + 0x04050607 + 0x08090a0b0c0d0e0f);
	assert_memory_equal("xy", copy, 2);
	assert_true(ksk_span_equal(block, ksk_span_of("block", 5)));
	assert_string_equal("text", text);
	return KSK_OK;
}

static void
test_round_trip_and_every_truncation(void **state)
{
	uint8_t room[64];
	enum ksk_err err;
	size_t len = write_all(room, sizeof(room), &err);

	(void)state;
	assert_int_equal(KSK_OK, err);
	assert_memory_equal("\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf", room, 15);
	assert_int_equal(KSK_OK, read_all(ksk_span_of(room, len)));
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(
			KSK_ERR_MALFORMED, read_all(ksk_span_of(room, cut)));
	/* One byte too many. */
	assert_int_equal(
		KSK_ERR_MALFORMED, read_all(ksk_span_of(room, len + 1)));
	for (size_t cap = 0; cap < len; cap++) {
		(void)write_all(room, cap, &err);
		assert_int_equal(KSK_ERR_NO_ROOM, err);
	}
}

static void
test_first_error_stays(void **state)
{
	struct ksk_wire w = ksk_wire_of(ksk_span_of("\0\4abcd", 6));

	(void)state;
	assert_true(ksk_wire_more(&w));
	assert_int_equal(0, ksk_wire_block(&w, 3).len);
	assert_int_equal(0, ksk_wire_u8(&w));
	assert_false(ksk_wire_more(&w));
	ksk_wire_fail(&w, KSK_ERR_MALFORMED);
	assert_int_equal(KSK_ERR_TOO_LARGE, ksk_wire_end(&w));
}

static void
test_copy_gives_zeroes_after_an_error(void **state)
{
	struct ksk_wire w = ksk_wire_of(ksk_span_of("a", 1));
	uint8_t out[2] = {1, 1};

	(void)state;
	ksk_wire_copy(&w, out, 2);
	assert_memory_equal("\0\0", out, 2);
	assert_int_equal(KSK_ERR_MALFORMED, ksk_wire_end(&w));
}

static void
test_text_refuses_a_zero_byte_and_what_does_not_fit(void **state)
{
	struct ksk_wire w = ksk_wire_of(ksk_span_of("\0\3a\0b", 5));
	char out[4] = "zzz";

	(void)state;
	ksk_wire_text(&w, out, sizeof(out));
	assert_string_equal("", out);
	assert_int_equal(KSK_ERR_MALFORMED, ksk_wire_end(&w));
	w = ksk_wire_of(ksk_span_of("\0\4abcd", 6));
	ksk_wire_text(&w, out, sizeof(out));
	assert_string_equal("", out);
	assert_int_equal(KSK_ERR_TOO_LARGE, ksk_wire_end(&w));
	w = ksk_wire_of(ksk_span_of("\0\3abc", 5));
	ksk_wire_text(&w, out, sizeof(out));
	assert_string_equal("abc", out);
	assert_int_equal(KSK_OK, ksk_wire_end(&w));
}

static void
test_block_of_64_kib_is_too_large_to_write(void **state)
{
	static uint8_t big[65536];
	static uint8_t room[70000];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	struct ksk_wire_out w = ksk_wire_out_of(&buf);

	(void)state;
	ksk_wire_put_block(&w, ksk_span_of(big, 65535));
	assert_int_equal(KSK_OK, w.err);
	assert_int_equal(65537, buf.len);
	buf.len = 0;
	ksk_wire_put_block(&w, ksk_span_of(big, 65536));
	assert_int_equal(KSK_ERR_TOO_LARGE, w.err);
	assert_int_equal(0, buf.len);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip_and_every_truncation),
		cmocka_unit_test(test_first_error_stays),
		cmocka_unit_test(test_copy_gives_zeroes_after_an_error),
		cmocka_unit_test(
			test_text_refuses_a_zero_byte_and_what_does_not_fit),
		cmocka_unit_test(test_block_of_64_kib_is_too_large_to_write),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
