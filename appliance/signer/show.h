/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * show - op policy-show: what stands, and documents in force, read back.
 * Tests: tests/integration/test_quorum.py
 */
#ifndef KSK_SIGNER_SHOW_H
#define KSK_SIGNER_SHOW_H

#include "appliance/signer/signer.h"

/* Answers the request. */
void ksk_show_take(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client);

#endif
