/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify - tells the service manager how kskd is (sd_notify(3)), in thirty
 * lines of ours instead of a library. Without $NOTIFY_SOCKET it does nothing.
 * Tests: tests/integration/test_supervisor.py
 */
#ifndef KSK_SUPERVISOR_NOTIFY_H
#define KSK_SUPERVISOR_NOTIFY_H

/* Sends a state: lines "READY=1", "STATUS=…". Failure is nobody's loss. */
void ksk_notify(const char *state);

/* Sends STATUS= with a text of one line; other characters become blanks. */
void ksk_notify_status(const char *state, const char *why);

/* Sends RELOADING=1 with the moment it began. */
void ksk_notify_reloading(void);

#endif
