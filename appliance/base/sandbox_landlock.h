/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sandbox_landlock - the Landlock step of ksk_sandbox_enter, and which Landlock
 * this kernel has. Tests: tests/unit/test_sandbox.c, tests/token/test_doctor.py
 */
#ifndef KSK_BASE_SANDBOX_LANDLOCK_H
#define KSK_BASE_SANDBOX_LANDLOCK_H

#include "appliance/base/sandbox.h"

/* Returns the ABI of the kernel's Landlock, 0 if it has none. */
int ksk_landlock_abi(void);

/*
 * Forbids this process all files except the listed ones and, unless
 * sandbox->network, TCP bind and connect. no_new_privs must be set.
 * out_abi: the kernel's ABI, 0 if it has no Landlock (then nothing is done).
 * KSK_ERR_IO with fault; out_abi unchanged then.
 */
KSK_MUST_USE enum ksk_err ksk_landlock_enter(const struct ksk_sandbox *sandbox,
	int *out_abi, struct ksk_fault *fault);

#endif
