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
 * records it if it is new. Errors as ksk_inforce_load, and the journal's.
 */
KSK_MUST_USE enum ksk_err ksk_control_first_policy(
	struct ksk_signer *signer, int fd, struct ksk_fault *fault);

/*
 * Loads a policy that may follow the one in force: what is withdrawn is taken
 * away, and every zone that was signed must have an acceptable next set.
 * fd: the sealed table, borrowed. out: ksk_inforce_wipe; unchanged on failure.
 * KSK_ERR_BAD_INPUT: it may not; and the errors of ksk_inforce_load. With
 * fault.
 */
KSK_MUST_USE enum ksk_err ksk_control_load(struct ksk_signer *signer, int fd,
	struct ksk_inforce *out, struct ksk_fault *fault);

/* Brings a policy that was loaded so into force, once its record is durable.
 * next: handed over. */
void ksk_control_submitted(struct ksk_signer *signer, struct ksk_inforce *next);

/*
 * Takes one packet of kskd.
 * KSK_ERR_AGAIN: none is there. KSK_ERR_CLOSED: kskd is dead.
 * KSK_ERR_MALFORMED: it broke its format.
 */
KSK_MUST_USE enum ksk_err ksk_control_receive(struct ksk_signer *signer);

/*
 * Once in each turn of the loop: a committed policy is recorded, if that could
 * not be done yet, and comes into force once the journal's anchor covers its
 * record (anchorage.h). Until then the one before it is in force.
 */
void ksk_control_run(struct ksk_signer *signer, uint64_t now_ms);

#endif
