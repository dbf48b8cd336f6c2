/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pipeline - the one order in which a request becomes a reply:
 *
 *   frame → message → client may? → policy: permit, or all refusals
 *     → intent, durable → token → verify → result, durable → reply
 *
 * Only this module knows it. It keeps these promises: no token is asked
 * without a durable intent; no signature and no refusal leaves without its
 * durable record; no signature leaves unverified.
 * Tests: tests/integration/test_spine.py, test_kill.py
 */
#ifndef KSK_SIGNER_PIPELINE_H
#define KSK_SIGNER_PIPELINE_H

#include "appliance/signer/signer.h"

/*
 * Takes one request of the frontend as far as it goes without waiting.
 * KSK_ERR_TOO_LARGE: more requests than credits: the frontend is broken.
 */
KSK_MUST_USE enum ksk_err ksk_pipeline_take(struct ksk_signer *signer,
	const struct ksk_lnk_request *item, uint64_t now_ms);

/* Moves all requests on: verifies what came, makes durable what is due, asks
 * the token, readies replies. To be called after each turn of the loop. */
void ksk_pipeline_run(struct ksk_signer *signer, uint64_t now_ms);

/* Returns how long the loop may sleep, in milliseconds. */
int ksk_pipeline_wait(const struct ksk_signer *signer, uint64_t now_ms);

#endif
