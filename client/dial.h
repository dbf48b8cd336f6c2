/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dial - a TCP connection to the first address of an appliance that answers.
 */
#ifndef KSK_CLIENT_DIAL_H
#define KSK_CLIENT_DIAL_H

#include "client/profile.h"

/*
 * Connects to each address of the host in turn, timeout_ms each. The name is
 * looked up by the system, with the system's own limits.
 * Returns a non-blocking descriptor, owned by the caller, or -1 with fault.
 */
int ksk_dial(const struct ksk_endpoint *endpoint, unsigned timeout_ms,
	struct ksk_fault *fault);

#endif
