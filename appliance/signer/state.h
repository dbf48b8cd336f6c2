/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state - can this appliance sign, and if not, why: the same words in replies,
 * in the log and towards the service manager.
 * Tests: tests/unit/test_state.c, tests/integration/test_states.py
 */
#ifndef KSK_SIGNER_STATE_H
#define KSK_SIGNER_STATE_H

#include "appliance/signer/signer.h"

/*
 * Finds the state of one KSK at a moment.
 * number: as ksk_inforce.key_of gives it. out_why: borrowed, "" when ready.
 */
enum ksk_state ksk_state_key(
	struct ksk_signer *signer, uint32_t number, const char **out_why);

/* Returns true if a request may be tried with a key that was found, though
 * its token is not ready. */
bool ksk_state_worth_a_try(struct ksk_signer *signer, uint32_t number);

/* Finds the state of a zone: of the first KSK that must stand and can't sign.
 */
enum ksk_state ksk_state_zone(struct ksk_signer *signer,
	const struct ksk_zone *zone, uint64_t now, const char **out_why);

/* Finds the state of the whole: the worst there is. out_why: KSK_WHY_CAP. */
enum ksk_state ksk_state_whole(
	struct ksk_signer *signer, char out_why[KSK_WHY_CAP]);

/* Counts the zones that can't be signed, if that is due, and tells kskd and
 * the log when the state of the whole has changed. */
void ksk_state_review(struct ksk_signer *signer, uint64_t now_ms);

#endif
