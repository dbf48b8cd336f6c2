/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control - what kskd orders: a link, a new TLS key and certificate in two
 * steps (prepare, then commit or abort), the stop. A packet that breaks its
 * format or comes unasked ends the process.
 * Tests: tests/integration/test_frontend.py
 */
#ifndef KSK_FRONTEND_CONTROL_H
#define KSK_FRONTEND_CONTROL_H

#include "appliance/base/packet.h"

#include <event2/event.h>
#include <openssl/ssl.h>

struct ksk_frontend;
struct ksk_conn;

/* next: prepared context for reload number `number`, NULL = none. */
struct ksk_control {
	struct ksk_link link;
	struct event *readable;
	struct event *stop_timer;
	SSL_CTX *next;
	uint32_t number;
	uint8_t data[KSK_PACKET_MAX];
};

/* Takes the control socket into the event loop. KSK_ERR_NO_MEMORY. */
KSK_MUST_USE enum ksk_err ksk_control_init(
	struct ksk_frontend *front, struct ksk_link link);

/* Tells kskd that this process is ready. */
void ksk_control_ready(struct ksk_frontend *front);

/* To be called when a connection is gone: the last one ends a stop. */
void ksk_control_conn_gone(struct ksk_frontend *front);

/* Logs that a peer broke its packets ("signer", "kskd"), and exits. */
_Noreturn void ksk_control_die(const char *peer, enum ksk_err err);

#endif
