/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listen - the listening socket: taken from the service manager if it passes
 * one (LISTEN_FDS, sd_listen_fds(3)), else bound here. kskd never accepts; the
 * socket outlives every frontend, so connections wait while one restarts.
 * Tests: tests/integration/test_supervisor.py
 */
#ifndef KSK_SUPERVISOR_LISTEN_H
#define KSK_SUPERVISOR_LISTEN_H

#include "protocol/err.h"

/*
 * Gives the listening socket.
 * address: as in the configuration; not used with socket activation.
 * out_fd: owned, non-blocking, CLOEXEC. KSK_ERR_IO with fault.
 */
KSK_MUST_USE enum ksk_err ksk_listen_open(
	const char *address, int *out_fd, struct ksk_fault *fault);

#endif
