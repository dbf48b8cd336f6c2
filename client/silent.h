/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * silent - who did not answer in this run: servers, appliances, programs. One
 * that costs its whole time limit again and again is not waited for any more,
 * so that a dead provider of many zones does not hold up the others. A first
 * silence may be a lost packet, and one that has answered gets more chances; an
 * answer ends it, and a silent one is tried again now and then. Shared by the
 * processes of a run (fan.h). Also the turns that these take.
 * Every function takes NULL for "nothing is remembered".
 * Tests: tests/unit/test_silent.c, tests/providers/test_sync_many.py
 */
#ifndef KSK_CLIENT_SILENT_H
#define KSK_CLIENT_SILENT_H

#include "protocol/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Silences in a row, of one that never answered, and of one that did. */
#define KSK_SILENT_NEVER 2u
#define KSK_SILENT_ONCE 8u

/* One that is silent is tried again so long after it was tried last. */
#define KSK_SILENT_AGAIN_MS 60000u

/* A failure that took less costs nothing and is not remembered. */
#define KSK_SILENT_MIN_MS 500u

/* Turns that can be taken. */
#define KSK_SILENT_TURNS 128u

struct ksk_silent;

/*
 * Makes an empty memory, for this process and those that it forks.
 * Returns NULL if the system gives none: all is waited for then.
 * Owned, ksk_silent_free.
 */
struct ksk_silent *ksk_silent_new(void);
void ksk_silent_free(struct ksk_silent **silent);

/*
 * Returns true if somebody is not to be waited for. False when it is to be
 * tried; what comes of it must be noted.
 * who: any text that is its own, as an address.
 * now_ms: of the monotonic clock.
 */
bool ksk_silent_is(struct ksk_silent *silent, const char *who, uint64_t now_ms);

/* Notes what came of a try. */
void ksk_silent_answered(struct ksk_silent *silent, const char *who);
void ksk_silent_failed(
	struct ksk_silent *silent, const char *who, uint64_t now_ms);

/* Notes that of a try from begin_ms to now_ms: a failure that was quick is
 * none. */
void ksk_silent_note(struct ksk_silent *silent, const char *who, bool answered,
	uint64_t begin_ms, uint64_t now_ms);

/* Writes what is said of somebody who is not waited for. */
void ksk_silent_say(struct ksk_fault *fault, const char *who);

/* Waits until no other process of the run has this turn, and takes it; gives it
 * back. A process that ends gives back what it has. */
void ksk_silent_take_turn(struct ksk_silent *silent, unsigned turn);
void ksk_silent_end_turn(struct ksk_silent *silent, unsigned turn);

#endif
