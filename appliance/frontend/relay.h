/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * relay - the link to the signer: frames of all connections in turn, several
 * in a packet, never more unanswered than the credits allow; replies back to
 * their connections; the list of pins. When the signer dies, connections that
 * wait for it are closed, since nobody can say what became of their requests;
 * the others wait for the next link.
 * Tests: tests/integration/test_frontend.py
 */
#ifndef KSK_FRONTEND_RELAY_H
#define KSK_FRONTEND_RELAY_H

#include "appliance/frontend/conn.h"
#include "appliance/frontend/credit.h"

struct ksk_relay {
	struct ksk_link link;
	bool linked; /* there was a link: its generation counts */
	struct event *readable;
	struct event *writable;
	struct event *pump;         /* activated when there may be work */
	struct ksk_conn_list ready; /* connections with a frame, in turn */
	struct ksk_credit credit;
	struct ksk_buf out; /* one packet that waits for room, or empty */
	struct ksk_buf in;
	uint8_t out_data[KSK_PACKET_MAX];
	uint8_t in_data[KSK_PACKET_MAX];
};

/* Prepares a relay without a link. KSK_ERR_NO_MEMORY. */
KSK_MUST_USE enum ksk_err ksk_relay_init(struct ksk_frontend *front);

/* Takes a new link, in place of the one before. link.fd: owned from here on. A
 * generation that is not above the one before ends the process. */
void ksk_relay_attach(struct ksk_frontend *front, struct ksk_link link);

/* Puts a connection whose frame may be taken at the end of the queue. */
void ksk_relay_offer(struct ksk_conn *conn);

/* Takes a connection out of the queue, if it is there. */
void ksk_relay_forget(struct ksk_conn *conn);

#endif
