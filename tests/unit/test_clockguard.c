/* SPDX-License-Identifier: BSD-2-Clause */
/* test_clockguard - which clocks are believed, and when again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/signer/clockguard.h"

#include <string.h>

#define NOW UINT64_C(1800000000)

static struct ksk_clockguard guard;
static struct ksk_clock_reading at;

static int
setup(void **state)
{
	(void)state;
	memset(&guard, 0, sizeof(guard));
	guard.need_sync = true;
	memcpy(guard.accept, "kskadm accept clock", 20);
	guard.released = NOW - 1000;
	guard.latest = NOW - 10;
	at = (struct ksk_clock_reading){
		.now = NOW, .boot_ms = 5000, .synchronised = true};
	return 0;
}

/* Both clocks run for so many seconds; returns the verdict at the end. */
static bool
run(unsigned seconds)
{
	bool good = ksk_clockguard_look(&guard, &at);

	for (unsigned i = 0; i < seconds; i++) {
		at.now++;
		at.boot_ms += 1000;
		good = ksk_clockguard_look(&guard, &at);
	}
	return good;
}

static void
jump(int64_t seconds)
{
	at.now = (uint64_t)((int64_t)at.now + seconds);
}

static void
test_a_clock_that_runs_evenly_is_believed(void **state)
{
	(void)state;
	assert_true(run(0));
	assert_true(run(100000));
	assert_string_equal(guard.why, "");
	jump(299);
	assert_true(run(5));
}

static void
test_not_synchronised(void **state)
{
	(void)state;
	at.synchronised = false;
	assert_false(run(1000));
	assert_non_null(strstr(guard.why, "adjtimex"));
	at.synchronised = true;
	assert_true(run(0));
	at.synchronised = false;
	assert_false(run(0));
	guard.need_sync = false;
	assert_true(run(0));
}

static void
test_before_the_release(void **state)
{
	(void)state;
	guard.latest = 0;
	at.now = NOW - 1001;
	assert_false(ksk_clockguard_look(&guard, &at));
	assert_non_null(strstr(guard.why, "released"));
	at.now = NOW - 1000;
	assert_true(ksk_clockguard_look(&guard, &at));
}

static void
test_behind_the_journal(void **state)
{
	(void)state;
	at.now = NOW - 12;
	assert_true(run(0));
	at.now = NOW - 13;
	assert_false(run(0));
	assert_non_null(strstr(guard.why, "accept clock"));
	/* Right again, and steady for a minute. */
	at.now = NOW - 10;
	assert_false(run(59));
	assert_true(run(1));
	ksk_clockguard_note(&guard, at.now + 100);
	assert_false(run(0));
	ksk_clockguard_accept(&guard, &at);
	assert_true(run(0));
}

static void
test_a_jump_ends_by_itself(void **state)
{
	(void)state;
	assert_true(run(0));
	jump(301);
	assert_false(run(59));
	assert_non_null(strstr(guard.why, "five minutes"));
	assert_true(run(1));
	assert_true(run(1000));
	/* A clock that does not run evenly is not believed. */
	jump(400);
	for (int i = 0; i < 200; i++) {
		jump(5);
		assert_false(run(1));
	}
}

static void
test_a_long_jump_needs_a_person(void **state)
{
	(void)state;
	assert_true(run(0));
	jump(3600);
	assert_false(run(100000));
	assert_non_null(strstr(guard.why, "accept clock"));
	ksk_clockguard_accept(&guard, &at);
	assert_true(run(10));
	/* Or it is set back. */
	jump(7200);
	assert_false(run(0));
	guard.latest = 0;
	jump(-7200);
	assert_false(run(59));
	assert_true(run(1));
}

#define T(name) cmocka_unit_test_setup(name, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_clock_that_runs_evenly_is_believed),
		T(test_not_synchronised),
		T(test_before_the_release),
		T(test_behind_the_journal),
		T(test_a_jump_ends_by_itself),
		T(test_a_long_jump_needs_a_person),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
