/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of frame: the length in front of each message (PROTOCOL 2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "protocol/frame.h"

static void
test_round_trip(void **state)
{
	static const size_t LENGTHS[] = {1, 255, 256, KSK_FRAME_MAX};
	uint8_t head[KSK_FRAME_HEAD_LEN];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		uint32_t len = 0;
		ksk_frame_head_write(LENGTHS[i], head);
		assert_int_equal(KSK_OK, ksk_frame_head_read(head, &len));
		assert_int_equal(LENGTHS[i], len);
	}
	assert_memory_equal("\0\0\xff\xff", head, 4);
}

static void
test_zero_and_above_the_limit(void **state)
{
	uint32_t len = 77;

	(void)state;
	assert_int_equal(KSK_ERR_MALFORMED,
		ksk_frame_head_read((const uint8_t *)"\0\0\0\0", &len));
	assert_int_equal(KSK_ERR_TOO_LARGE,
		ksk_frame_head_read((const uint8_t *)"\0\1\0\0", &len));
	/* C33: 4 GiB announced. */
	assert_int_equal(KSK_ERR_TOO_LARGE,
		ksk_frame_head_read((const uint8_t *)"\xff\xff\xff\xff", &len));
	assert_int_equal(77, len);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_zero_and_above_the_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
