/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reserve - space that is set aside for a full disk, in a file "reserve" beside
 * the journal. When the journal can't grow any more, the file is made shorter
 * piece by piece, and what was set aside takes what must be recorded: ends of
 * intents that are under way, operators' acts. A piece at a time, because
 * whoever filled the disk takes what is given back too. Nothing is read from
 * the file, and it may be left out of a backup.
 * Tests: tests/unit/test_reserve.c, tests/integration/test_full.py
 */
#ifndef KSK_SIGNER_RESERVE_H
#define KSK_SIGNER_RESERVE_H

#include "protocol/err.h"

#include <stdbool.h>
#include <stdint.h>

struct ksk_reserve {
	int fd;          /* -1: nothing is set aside */
	uint64_t wanted; /* bytes */
	uint64_t held;   /* bytes, wanted at most */
};

/*
 * Opens the file beside a journal, makes it if it is not there, and sets aside
 * what is missing if there is room for it.
 * journal: absolute path. out_reserve: whole, or as much as it was before.
 * KSK_ERR_IO with fault, and then out_reserve is unchanged.
 */
KSK_MUST_USE enum ksk_err ksk_reserve_open(const char *journal, uint64_t wanted,
	struct ksk_reserve *out_reserve, struct ksk_fault *fault);

/* What is set aside stays on the disk. */
void ksk_reserve_close(struct ksk_reserve *reserve);

/* Gives a piece back to the disk. Returns false if nothing is left. */
bool ksk_reserve_spend(struct ksk_reserve *reserve);

/* Sets aside again what was spent, if there is room for it and for a while of
 * the journal's growth. Returns true if all is set aside. */
bool ksk_reserve_fill(struct ksk_reserve *reserve);

/* Returns true if all is set aside, or nothing ever is. */
bool ksk_reserve_is_whole(const struct ksk_reserve *reserve);

/* Returns true if a failed call with this errno was for lack of space. */
bool ksk_reserve_is_lack(int error);

#endif
