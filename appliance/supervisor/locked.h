/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * locked - tokens for which no login is tried: one whose PIN was refused,
 * durably so (mark.h), until its source changes; and one whose PIN a person
 * has yet to type. A typed PIN that was refused is forgotten.
 * Tests: tests/integration/test_supervisor.py, tests/integration/test_unlock.py
 */
#ifndef KSK_SUPERVISOR_LOCKED_H
#define KSK_SUPERVISOR_LOCKED_H

#include "appliance/supervisor/kskd.h"

/* Locks a token. word: of the mark, "pin-wrong", "pin-locked", "pin-unfit" or
 * "unknown". detail: what the worker said, or "". */
void ksk_locked_set(
	struct kskd *k, uint16_t index, const char *word, const char *detail);

/* Looks at a token whose source is new, or is seen for the first time: locks
 * it if a mark stands for that source, or if its PIN is to be typed; else
 * clears the mark of another source. */
void ksk_locked_look(struct kskd *k, uint16_t index);

/* Takes note that a person has typed another PIN: it may be tried once. */
void ksk_locked_typed(struct kskd *k, uint16_t index);

#endif
