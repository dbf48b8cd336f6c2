/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control - what kskd says to the signer: links, deaths, states of tokens, a
 * new policy in two steps, the stop.
 * Tests: tests/integration/test_reload.py, test_kill.py, test_anchor_order.py
 */
#ifndef KSK_SIGNER_CONTROL_H
#define KSK_SIGNER_CONTROL_H

#include "appliance/signer/signer.h"

/*
 * Loads the first policy, from the START packet's descriptor (borrowed), and
 * records it if it is new. Errors as those of loading.h, and the journal's.
 */
KSK_MUST_USE enum ksk_err ksk_control_first_policy(
	struct ksk_signer *signer, int fd, struct ksk_fault *fault);

/*
 * Records the policy that was loaded for a document and attested, in the turn
 * in which that was over; it comes into force when the record is durable and
 * anchored. The journal's errors, with fault: nothing has changed.
 */
KSK_MUST_USE enum ksk_err ksk_control_submitted(
	struct ksk_signer *signer, struct ksk_fault *fault);

/*
 * Takes one packet of kskd.
 * KSK_ERR_AGAIN: none is there. KSK_ERR_CLOSED: kskd is dead.
 * KSK_ERR_MALFORMED: it broke its format.
 */
KSK_MUST_USE enum ksk_err ksk_control_receive(struct ksk_signer *signer);

/*
 * Once in each turn of the loop: a policy that kskd has handed over is judged, a
 * slice of it; a committed one is recorded, and comes into force once the journal's anchor covers its
 * record (anchorage.h). Until then the one before it is in force.
 */
void ksk_control_run(struct ksk_signer *signer, uint64_t now_ms);

#endif
