/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy_signers - `policy signers FILE`: who signed a document, judged as an
 * appliance judges it.
 * Tests: tests/integration/test_signed.py
 */
#ifndef KSK_CLIENT_POLICY_SIGNERS_H
#define KSK_CLIENT_POLICY_SIGNERS_H

#include "client/verb.h"

/* Prints each signature's key and whether it is good. KSK_CTL_BAD_INPUT: one
 * is not, there is none, or the file is no signed document. */
enum ksk_ctl_exit ksk_policy_signers(
	const struct ksk_ctl *ctl, const char *path);

#endif
