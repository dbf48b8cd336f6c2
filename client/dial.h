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
 * out_lost: true if the last address took the connection and dropped it at
 * once: another try may do.
 * Returns a non-blocking descriptor, owned by the caller, or -1 with fault.
 */
int ksk_dial(const struct ksk_endpoint *endpoint, unsigned timeout_ms,
	bool *out_lost, struct ksk_fault *fault);

#endif
