/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * child - what every child of kskd does first and last. Its control socket is
 * descriptor 3, standard error is the log, 0 and 1 are /dev/null.
 * Tests: tests/integration/
 */
#ifndef KSK_BASE_CHILD_H
#define KSK_BASE_CHILD_H

#include "appliance/base/link.h"

#define KSK_CONTROL_FD 3

/*
 * Sets up a freshly executed child: log, SIGPIPE and SIGXFSZ ignored (they are
 * errors of the call then), SIGTERM and SIGINT ignored (kskd orders the stop), SIGKILL when kskd dies, no core, not
 * dumpable, no descriptor above 3, and returns its control link. Exits with
 * KSK_EXIT_USAGE and one sentence if descriptor 3 is no socket: the program
 * was started by hand.
 */
struct ksk_link ksk_child_begin(const char *program);

/*
 * Waits (blocking, up to 10 s) for CTL_START.
 * buf: its packet. out_fds: owned by the caller.
 * Errors as ksk_link_recv; KSK_ERR_MALFORMED for any other packet.
 */
KSK_MUST_USE enum ksk_err ksk_child_start(const struct ksk_link *control,
	struct ksk_buf *buf, int out_fds[KSK_LINK_FD_MAX],
	size_t *out_fd_count);

/*
 * Ends the process with _exit, after the leak check in sanitized builds.
 * code: an exit code of exit.h.
 */
_Noreturn void ksk_child_exit(int code);

/* Test form only (tests/probe_test.c): tries what a sandbox must forbid, as
 * the test asks. The product's form (probe.c) does nothing. Called once, right
 * after ksk_sandbox_enter. */
void ksk_probe(const char *program);

#endif
