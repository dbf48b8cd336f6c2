/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock - the only source of time. Two link-time forms: clock.c in the
 * product, tests/clock_test.c in test binaries only.
 */
#ifndef KSK_BASE_CLOCK_H
#define KSK_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Returns seconds since 1970-01-01T00:00:00Z (CLOCK_REALTIME). */
uint64_t ksk_clock_now(void);

/* Returns milliseconds on a clock that never steps (CLOCK_BOOTTIME), for
 * deadlines and back-off. */
uint64_t ksk_clock_mono_ms(void);

/* Returns true if the kernel says that something keeps CLOCK_REALTIME right
 * (adjtimex without STA_UNSYNC). */
bool ksk_clock_synchronised(void);

#endif
