/* SPDX-License-Identifier: BSD-2-Clause */
/* clock - see clock.h. */
#include "client/clock.h"

#include <time.h>

uint64_t
ksk_ctl_now_ms(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}
