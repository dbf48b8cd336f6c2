/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outbox - what goes to the frontend: replies that are ready, and the list of
 * clients that may connect.
 * Tests: tests/unit/test_audit.c, tests/integration/test_spine.py
 */
#ifndef KSK_SIGNER_OUTBOX_H
#define KSK_SIGNER_OUTBOX_H

#include "appliance/signer/signer.h"

/* Sends every ready reply, several to a packet, and gives their places back.
 * Replies to a frontend that is gone are dropped. Returns true if some are
 * left because the link is full: wait for POLLOUT. */
bool ksk_outbox_flush(struct ksk_signer *signer);

/* Sends the pins of the policy's clients. A full link is not expected right
 * after it was made; then it is tried again by the caller (returns false). */
bool ksk_outbox_pins(struct ksk_signer *signer);

#endif
