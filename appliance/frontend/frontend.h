/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frontend - the whole state of kskd-frontend. There is one; it lives in
 * main.c and everything is reached from it.
 */
#ifndef KSK_FRONTEND_FRONTEND_H
#define KSK_FRONTEND_FRONTEND_H

#include "appliance/base/start.h"
#include "appliance/frontend/conn.h"
#include "appliance/frontend/control.h"
#include "appliance/frontend/fold.h"
#include "appliance/frontend/listen.h"
#include "appliance/frontend/peers.h"
#include "appliance/frontend/pins.h"
#include "appliance/frontend/relay.h"

/* Priorities of the event loop. Strangers get the time that clients leave. */
enum ksk_frontend_priority {
	KSK_PRIORITY_CONTROL = 0,
	KSK_PRIORITY_CLIENT = 1, /* libevent's default of three */
	KSK_PRIORITY_STRANGER = 2,
	KSK_PRIORITY_COUNT = 3,
};

struct ksk_frontend {
	struct event_base *base;
	struct ksk_start_frontend limits;
	SSL_CTX *tls; /* for new connections */
	bool stopping;
	struct ksk_pins pins;
	struct ksk_fold fold;
	struct ksk_peers peers;
	struct ksk_conns conns;
	struct ksk_relay relay;
	struct ksk_listen listen;
	struct ksk_control control;
	uint8_t scratch[16384]; /* bytes to throw away */
};

#endif
