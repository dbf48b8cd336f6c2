/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mark - the durable note that a token's PIN source was refused:
 * <state>/pin-refused.<token>. While the source is the same, no worker tries
 * again, also after a restart or a power cut: three wrong tries lock a token.
 * Tests: tests/integration/test_supervisor.py
 */
#ifndef KSK_SUPERVISOR_MARK_H
#define KSK_SUPERVISOR_MARK_H

#include "appliance/supervisor/pin_source.h"

/*
 * Writes a token's mark for a source, durable when this returns.
 * reason: one word, static. KSK_ERR_IO with fault.
 */
KSK_MUST_USE enum ksk_err ksk_mark_write(const char *state, const char *token,
	const char *identity, const char *reason, struct ksk_fault *fault);

/* Returns true if a mark stands for this very source; with
 * KSK_PIN_IDENTITY_TYPED, if it is of any PIN that was typed. out_reason: the
 * mark's word, or "". A mark that can't be read stands. */
bool ksk_mark_stands(const char *state, const char *token, const char *identity,
	char out_reason[KSK_LABEL_CAP]);

/* Removes a token's mark, if there is one. Returns true if there was. */
bool ksk_mark_clear(const char *state, const char *token);

#endif
