/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conn - the connections: a fixed table of slots, one state machine each.
 *
 *	free → handshake → open → ending → linger → free
 *
 * ending: nothing more is read; what is outstanding is answered and flushed.
 * linger: our end has said goodbye; what the client still sends is thrown
 * away for a moment, because closing over unread bytes makes TCP reset the
 * connection and may cost the client our last words (an alert, an error
 * reply). Handshakes and lingerers are *young*: strangers, who give way.
 * Tests: tests/integration/test_frontend.py
 */
#ifndef KSK_FRONTEND_CONN_H
#define KSK_FRONTEND_CONN_H

#include "appliance/frontend/peers.h"
#include "appliance/frontend/tls.h"
#include "protocol/msg.h"

#include <event2/bufferevent.h>
#include <sys/queue.h>

struct ksk_frontend;

enum ksk_conn_state {
	KSK_CONN_FREE,
	KSK_CONN_HANDSHAKE,
	KSK_CONN_OPEN,
	KSK_CONN_ENDING,
	KSK_CONN_LINGER,
};

struct ksk_conn {
	struct ksk_frontend *front;
	uint64_t id; /* never used again */
	enum ksk_conn_state state;
	int fd; /* closed by bev, by us only in linger */
	struct bufferevent *bev;
	struct event *linger;
	struct event *timer; /* lives as long as the slot */
	struct ksk_peer *peer;
	struct ksk_tls_hello hello;
	TAILQ_ENTRY(ksk_conn) young; /* handshake and linger */
	TAILQ_ENTRY(ksk_conn) ready; /* while queued */
	SLIST_ENTRY(ksk_conn) unused;

	uint32_t outstanding;    /* requests at the signer */
	size_t out_len;          /* bytes not yet written, as last counted */
	uint32_t lingered;       /* bytes thrown away */
	bool waiting;            /* a whole frame stands in the input */
	bool queued;             /* in the relay's queue for it */
	bool paused;             /* not reading */
	enum ksk_status goodbye; /* last reply while ending; DONE = none */

	uint64_t since_ms; /* begin of the state; open: of being idle */
	uint64_t frame_ms; /* when the frame in the input began, 0 = none */
	uint64_t write_ms; /* last time that output moved */
	uint64_t timer_ms; /* when the timer fires, if it is set */
};

TAILQ_HEAD(ksk_conn_list, ksk_conn);

struct ksk_conns {
	struct ksk_conn *slot;
	size_t cap;
	size_t count;
	uint64_t next;              /* part of the next id */
	struct ksk_conn_list young; /* oldest first */
	size_t young_count;
	size_t out_total; /* output of all connections */
	SLIST_HEAD(, ksk_conn) unused;
};

/* Allocates the table, once. KSK_ERR_NO_MEMORY. */
KSK_MUST_USE enum ksk_err ksk_conn_init(struct ksk_frontend *front, size_t cap);

/*
 * Begins a handshake in a free slot, of which there must be one.
 * fd: owned from here on, closed on failure too. peer: its entry.
 */
void ksk_conn_accept(struct ksk_frontend *front, int fd, struct ksk_peer *peer,
	const struct sockaddr_storage *address);

/* Returns the connection with this id, NULL if it is gone. */
struct ksk_conn *ksk_conn_find(struct ksk_conns *conns, uint64_t id);

/* Closes at once. All of these leave the slot in place, so that callers may
 * look at its state. */
void ksk_conn_drop(struct ksk_conn *conn);

/* As drop, but says goodbye in TLS if that can be done without waiting. */
void ksk_conn_close(struct ksk_conn *conn);

/* Closes and counts it in the log. */
void ksk_conn_refuse(struct ksk_conn *conn, enum ksk_fold_reason reason);

/* Says goodbye and lingers. */
void ksk_conn_linger(struct ksk_conn *conn);

/* Reads nothing more; answers, flushes, then lingers. status: of a last reply
 * by the frontend itself, KSK_STATUS_DONE = none. */
void ksk_conn_end(struct ksk_conn *conn, enum ksk_status status);

/* Goes on with ending once nothing is outstanding. */
void ksk_conn_settle(struct ksk_conn *conn);

/* Closes the connections whose pin is no longer listed. */
void ksk_conn_check_pins(struct ksk_frontend *front);

/* Ends all connections; those without a client are closed. */
void ksk_conn_end_all(struct ksk_frontend *front);

#endif
