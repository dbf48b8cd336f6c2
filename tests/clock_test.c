/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock_test - the test form of ksk_clock: time stands still until the test
 * moves it. A unit test includes this file, so that its own object has the
 * symbols and the library's clock.o is left out.
 */
#ifndef KSK_TESTS_CLOCK_TEST_C
#define KSK_TESTS_CLOCK_TEST_C

#include "appliance/base/clock.h"

/* What the two clocks show. The test sets them. */
static uint64_t test_clock_now = 1790000000;
static uint64_t test_clock_mono_ms = 1000;
static bool test_clock_synchronised = true;

uint64_t
ksk_clock_now(void)
{
	return test_clock_now;
}

uint64_t
ksk_clock_mono_ms(void)
{
	return test_clock_mono_ms;
}

bool
ksk_clock_synchronised(void)
{
	return test_clock_synchronised;
}

#endif
