/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listen - accepts connections within the limits: in all, per address, and
 * strangers at most a quarter of all. Where strangers fill their room the
 * oldest unfinished handshake gives way to the newcomer, first of the address
 * that has most of them: stalled sockets can't lock out an enrolled client.
 * Connections of clients never give way.
 * Tests: tests/integration/test_frontend.py
 */
#ifndef KSK_FRONTEND_LISTEN_H
#define KSK_FRONTEND_LISTEN_H

#include "protocol/err.h"

#include <event2/event.h>

struct ksk_frontend;

/* fd: -1 once stopped. */
struct ksk_listen {
	int fd;
	struct event *readable;
	struct event *timer;
};

/* Takes the listening socket; accepting begins with ksk_listen_start, or by
 * itself if the signer stays silent for as long as a handshake may take.
 * KSK_ERR_NO_MEMORY. */
KSK_MUST_USE enum ksk_err ksk_listen_init(struct ksk_frontend *front, int fd);

/* Begins to accept: the clients are known. */
void ksk_listen_start(struct ksk_frontend *front);

/* Closes the socket. */
void ksk_listen_stop(struct ksk_frontend *front);

#endif
