/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock - the product's form of the clock. The test form is
 * tests/clock_test.c; it never gets into a product binary.
 */
#include "appliance/base/clock.h"

#include <stdlib.h>
#include <sys/timex.h>
#include <time.h>

static struct timespec
read_clock(clockid_t id)
{
	struct timespec ts;

	/* Both clocks exist on every kernel that this runs on. */
	if (clock_gettime(id, &ts) != 0)
		abort();
	return ts;
}

uint64_t
ksk_clock_now(void)
{
	const struct timespec ts = read_clock(CLOCK_REALTIME);

	/* A clock before 1970 is as good as none: the signer's clock guard
	 * refuses it, arithmetic on it must not wrap. */
	return ts.tv_sec < 0 ? 0 : (uint64_t)ts.tv_sec;
}

uint64_t
ksk_clock_mono_ms(void)
{
	const struct timespec ts = read_clock(CLOCK_BOOTTIME);

	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

bool
ksk_clock_synchronised(void)
{
	struct timex t = {.modes = 0}; /* reads, sets nothing */
	const int state = ntp_adjtime(&t);

	/* A kernel that gives no answer (-1) does not say so. */
	return state >= 0 && state != TIME_ERROR &&
		(t.status & STA_UNSYNC) == 0;
}
