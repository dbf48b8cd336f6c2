/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clockguard - may the clock be believed? A signature made by a clock that
 * runs ahead is valid when nobody expects it, one made by a clock that was set
 * back replaces a newer one. Pure: readings in, verdict out; hold.c reads the
 * clocks.
 * Tests: tests/unit/test_clockguard.c, tests/integration/test_clock.py
 */
#ifndef KSK_SIGNER_CLOCKGUARD_H
#define KSK_SIGNER_CLOCKGUARD_H

#include "protocol/limits.h"

#include <stdbool.h>
#include <stdint.h>

/* What is written with the time of this second may be a little ahead. */
#define KSK_CLOCK_BACK_SECONDS 2u
/* Against a clock that never steps, realtime may move so much. */
#define KSK_CLOCK_JUMP_MS (5u * 60u * 1000u)
/* After a jump below the limit the clock is believed again once it has agreed
 * with itself for so long; after a longer jump a person must say so. */
#define KSK_CLOCK_AGREE_MS (60u * 1000u)
#define KSK_CLOCK_STEP_MS (60u * 60u * 1000u)

/* One look at all clocks. */
struct ksk_clock_reading {
	uint64_t now;      /* seconds since 1970, CLOCK_REALTIME */
	uint64_t boot_ms;  /* CLOCK_BOOTTIME */
	bool synchronised; /* the kernel says so (adjtimex) */
};

/* Zero it, then set the first four. */
struct ksk_clockguard {
	char accept[80];   /* the command by which a person ends a hold */
	bool need_sync;    /* kskd.yaml, clock */
	uint64_t released; /* no time before the program's release is right */
	uint64_t latest;   /* time of the newest record */

	bool has_reference;
	int64_t reference_ms; /* realtime − boottime when first believed */
	bool jumped;          /* the reference no longer holds */
	bool agrees;          /* since a jump or a step back … */
	int64_t agreed_ms;    /* … realtime − boottime is this … */
	uint64_t agreed_from; /* … since that boot_ms */
	bool back;            /* it was behind the newest record */
	bool held;
	char why[KSK_WHY_CAP]; /* "" unless held: what it is, what ends it */
};

/* Looks at a reading. Returns true if the clock is to be believed now. */
bool ksk_clockguard_look(
	struct ksk_clockguard *guard, const struct ksk_clock_reading *reading);

/* Somebody signs at this moment: no earlier one may follow. */
void ksk_clockguard_note(struct ksk_clockguard *guard, uint64_t now);

/* A person says that the clock is right as it is. */
void ksk_clockguard_accept(
	struct ksk_clockguard *guard, const struct ksk_clock_reading *reading);

#endif
