/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock - time that only goes forward, for deadlines.
 * Tests: tests/unit/test_spawn.c
 */
#ifndef KSK_CLIENT_CLOCK_H
#define KSK_CLIENT_CLOCK_H

#include <stdint.h>

/* Returns milliseconds since some moment (CLOCK_MONOTONIC). */
uint64_t ksk_ctl_now_ms(void);

#endif
