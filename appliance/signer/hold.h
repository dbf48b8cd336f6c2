/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hold - what keeps the whole appliance from signing though tokens and journal
 * work: a clock that can't be believed (clockguard.h), a journal that is older
 * than its anchor (anchorage.h). Both end by themselves or by a person's word
 * (accept.h). Reads and refusals go on.
 * Tests: tests/integration/test_clock.py, tests/integration/test_restored.py
 */
#ifndef KSK_SIGNER_HOLD_H
#define KSK_SIGNER_HOLD_H

#include "appliance/signer/signer.h"

/* Before the first request, once the journal is open. KSK_ERR_IO with fault. */
KSK_MUST_USE enum ksk_err ksk_hold_begin(
	struct ksk_signer *signer, struct ksk_fault *fault);

/* At the begin of each turn of the loop: whether the kernel's clock is
 * synchronised is asked once in it, at first need. */
void ksk_hold_turn(struct ksk_signer *signer);

/* Returns READY, RESTORED, CLOCK_HOLD, or TOKEN_DOWN while the anchor is not
 * read yet; looks at the clocks. out_why: borrowed, "" when ready. */
enum ksk_state ksk_hold_state(struct ksk_signer *signer, const char **out_why);

/* Operators say that the clock is right as it is. */
void ksk_hold_accept_clock(struct ksk_signer *signer);

/* Once in each turn of the loop: takes accept lines, keeps the anchor. */
void ksk_hold_run(struct ksk_signer *signer, uint64_t now_ms);

#endif
