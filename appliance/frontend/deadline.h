/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deadline - how long a connection may take for what it is doing: the
 * handshake as a whole, a frame that has begun, a write that does not move,
 * being idle. A client that waits for the signer has none: the signer owns
 * that one.
 * Tests: tests/integration/test_frontend.py
 */
#ifndef KSK_FRONTEND_DEADLINE_H
#define KSK_FRONTEND_DEADLINE_H

#include <event2/event.h>

struct ksk_conn;

/* Has the timer fire by the connection's next deadline. One that fires before
 * it is set again then: deadlines are put off with every frame. */
void ksk_deadline_arm(struct ksk_conn *conn);

/* The timer's callback; arg: the connection. */
void ksk_deadline_passed(evutil_socket_t fd, short what, void *arg);

#endif
