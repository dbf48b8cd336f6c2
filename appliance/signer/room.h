/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * room - is there room for the journal? The state journal-full begins when its
 * reserve is spent on or a commit fails, and ends by itself once the reserve is
 * whole again, so that the next full disk finds one. Until then nothing is
 * signed: what can still be recorded is kept for the ends of intents and for
 * operators' acts.
 * Tests: tests/integration/test_full.py
 */
#ifndef KSK_SIGNER_ROOM_H
#define KSK_SIGNER_ROOM_H

#include "appliance/signer/signer.h"

/* Says that a commit failed. fault: why. */
void ksk_room_failed(struct ksk_signer *signer, const struct ksk_fault *fault,
	uint64_t now_ms);

/* Looks, after commits, and fills the reserve when it can. To be called at
 * least once in each turn of the loop. */
void ksk_room_run(struct ksk_signer *signer, uint64_t now_ms);

/* Returns true if a commit may be tried now. */
bool ksk_room_may_commit(const struct ksk_signer *signer, uint64_t now_ms);

#endif
