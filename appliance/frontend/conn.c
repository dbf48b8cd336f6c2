/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conn - see conn.h. Here: slots, handshake, the ways to end. Deadlines are in
 * deadline.c, frames in stream.c.
 */
#include "appliance/frontend/conn.h"

#include "appliance/base/clock.h"
#include "appliance/frontend/deadline.h"
#include "appliance/frontend/frontend.h"
#include "appliance/frontend/stream.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* An id is a running number and the slot. */
#define SLOT_BITS 24u

/* What a lingering client may send before it is cut. */
#define LINGER_MAX (1024u * 1024u)

enum ksk_err
ksk_conn_init(struct ksk_frontend *front, size_t cap)
{
	struct ksk_conns *conns = &front->conns;

	*conns = (struct ksk_conns){.cap = cap};
	TAILQ_INIT(&conns->young);
	SLIST_INIT(&conns->unused);
	conns->slot = calloc(cap, sizeof *conns->slot);
	if (conns->slot == NULL)
		return KSK_ERR_NO_MEMORY;
	for (size_t i = 0; i < cap; i++) {
		struct ksk_conn *conn = &conns->slot[i];

		conn->front = front;
		conn->timer = evtimer_new(
			front->base, ksk_deadline_passed, conn);
		if (conn->timer == NULL)
			return KSK_ERR_NO_MEMORY;
		SLIST_INSERT_HEAD(&conns->unused, conn, unused);
	}
	return KSK_OK;
}

struct ksk_conn *
ksk_conn_find(struct ksk_conns *conns, uint64_t id)
{
	const size_t i = (size_t)(id & ((1u << SLOT_BITS) - 1));

	if (i >= conns->cap || conns->slot[i].state == KSK_CONN_FREE ||
		conns->slot[i].id != id)
		return NULL;
	return &conns->slot[i];
}

static void
add_young(struct ksk_conn *conn)
{
	TAILQ_INSERT_TAIL(&conn->front->conns.young, conn, young);
	conn->front->conns.young_count++;
	conn->peer->young++;
}

static void
remove_young(struct ksk_conn *conn)
{
	TAILQ_REMOVE(&conn->front->conns.young, conn, young);
	conn->front->conns.young_count--;
	conn->peer->young--;
}

static bool
is_young(const struct ksk_conn *conn)
{
	return conn->state == KSK_CONN_HANDSHAKE ||
		conn->state == KSK_CONN_LINGER;
}

/* Lets go of the TLS side. keep_fd: the descriptor stays open. */
static void
free_stream(struct ksk_conn *conn, bool keep_fd)
{
	SSL *ssl = bufferevent_openssl_get_ssl(conn->bev);

	ksk_relay_forget(conn);
	conn->front->conns.out_total -= conn->out_len;
	conn->out_len = 0;
	conn->outstanding = 0;
	conn->waiting = false;
	conn->frame_ms = 0;
	/* libevent closes what it finds in the SSL object. */
	if (keep_fd)
		(void)BIO_set_fd(SSL_get_wbio(ssl), -1, BIO_NOCLOSE);
	bufferevent_free(conn->bev);
	conn->bev = NULL;
	ERR_clear_error();
}

void
ksk_conn_drop(struct ksk_conn *conn)
{
	struct ksk_conns *conns = &conn->front->conns;

	if (conn->state == KSK_CONN_FREE)
		return;
	if (is_young(conn))
		remove_young(conn);
	if (conn->bev != NULL)
		free_stream(conn, false);
	if (conn->linger != NULL) {
		event_free(conn->linger);
		conn->linger = NULL;
		close(conn->fd);
	}
	(void)evtimer_del(conn->timer);
	conn->peer->count--;
	conn->peer = NULL;
	conn->state = KSK_CONN_FREE;
	conns->count--;
	SLIST_INSERT_HEAD(&conns->unused, conn, unused);
	ksk_control_conn_gone(conn->front);
}

/* Sends close_notify if the socket takes it (RFC 8446 6.1). */
static void
say_goodbye(struct ksk_conn *conn)
{
	if (conn->state != KSK_CONN_OPEN && conn->state != KSK_CONN_ENDING)
		return;
	(void)SSL_shutdown(bufferevent_openssl_get_ssl(conn->bev));
	ERR_clear_error();
}

void
ksk_conn_close(struct ksk_conn *conn)
{
	say_goodbye(conn);
	ksk_conn_drop(conn);
}

void
ksk_conn_refuse(struct ksk_conn *conn, enum ksk_fold_reason reason)
{
	ksk_fold_add(&conn->front->fold, reason, &conn->hello.detail);
	ksk_conn_close(conn);
}

static void
on_linger(evutil_socket_t fd, short what, void *arg)
{
	struct ksk_conn *conn = (struct ksk_conn *)arg;
	uint8_t *scratch = conn->front->scratch;
	const ssize_t n = read(fd, scratch, sizeof conn->front->scratch);

	(void)what;
	if (n > 0 && conn->lingered < LINGER_MAX) {
		conn->lingered += (uint32_t)n;
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	ksk_conn_drop(conn);
}

void
ksk_conn_linger(struct ksk_conn *conn)
{
	struct ksk_frontend *front = conn->front;

	say_goodbye(conn);
	if (!is_young(conn))
		add_young(conn);
	free_stream(conn, true);
	conn->state = KSK_CONN_LINGER;
	conn->since_ms = ksk_clock_mono_ms();
	conn->lingered = 0;
	(void)shutdown(conn->fd, SHUT_WR);
	conn->linger = event_new(
		front->base, conn->fd, EV_READ | EV_PERSIST, on_linger, conn);
	if (conn->linger == NULL)
		abort();
	(void)event_priority_set(conn->linger, KSK_PRIORITY_STRANGER);
	if (event_add(conn->linger, NULL) != 0)
		ksk_conn_drop(conn);
	else
		ksk_deadline_arm(conn);
}

void
ksk_conn_settle(struct ksk_conn *conn)
{
	if (conn->state != KSK_CONN_ENDING || conn->outstanding > 0)
		return;
	if (conn->goodbye != KSK_STATUS_DONE) {
		ksk_stream_goodbye(conn, conn->goodbye);
		conn->goodbye = KSK_STATUS_DONE;
	}
	if (conn->out_len == 0) {
		ksk_conn_linger(conn);
		return;
	}
	ksk_deadline_arm(conn);
}

void
ksk_conn_end(struct ksk_conn *conn, enum ksk_status status)
{
	if (conn->state != KSK_CONN_OPEN)
		return;
	conn->state = KSK_CONN_ENDING;
	conn->goodbye = status;
	conn->waiting = false;
	conn->frame_ms = 0;
	conn->since_ms = ksk_clock_mono_ms();
	ksk_relay_forget(conn);
	(void)bufferevent_disable(conn->bev, EV_READ);
	ksk_conn_settle(conn);
}

/* Without tickets the server has nothing to say at the handshake's end, and a
 * client that lets Nagle's algorithm hold back its first request would wait
 * for a delayed acknowledgement, 40 ms. */
static void
acknowledge(const struct ksk_conn *conn)
{
	const int on = 1;

	(void)setsockopt(conn->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

/* A list of pins may have come while the handshake went on. */
static void
open_conn(struct ksk_conn *conn)
{
	acknowledge(conn);
	if (!ksk_pins_has(&conn->front->pins, conn->hello.pin)) {
		ksk_conn_refuse(conn, KSK_FOLD_PIN);
		return;
	}
	remove_young(conn);
	conn->state = KSK_CONN_OPEN;
	conn->since_ms = ksk_clock_mono_ms();
	(void)bufferevent_priority_set(conn->bev, KSK_PRIORITY_CLIENT);
	ksk_deadline_arm(conn);
}

/* OpenSSL has sent its alert; it must not be lost to a reset. */
static void
fail_handshake(struct ksk_conn *conn)
{
	unsigned long err = 0;
	unsigned long next;
	enum ksk_fold_reason reason;

	/* libevent gives the newest first; the cause is the oldest that is an
	 * error of a library and not SSL_get_error's number. */
	while ((next = bufferevent_get_openssl_error(conn->bev)) != 0) {
		if (ERR_GET_LIB(next) != 0)
			err = next;
	}
	reason = ksk_tls_reason(&conn->hello, err);
	ksk_fold_add(&conn->front->fold, reason, &conn->hello.detail);
	if (reason == KSK_FOLD_LEFT || reason == KSK_FOLD_ALERT)
		ksk_conn_drop(conn);
	else
		ksk_conn_linger(conn);
}

/* The end of a stream without close_notify is no news: a frame says itself
 * where it ends. */
static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct ksk_conn *conn = (struct ksk_conn *)arg;

	(void)bev;
	if ((what & BEV_EVENT_CONNECTED) != 0)
		open_conn(conn);
	else if (conn->state == KSK_CONN_HANDSHAKE)
		fail_handshake(conn);
	else
		ksk_conn_drop(conn);
}

static struct bufferevent *
make_stream(struct ksk_conn *conn)
{
	SSL *ssl = ksk_tls_accept(conn->front->tls, &conn->hello);
	struct bufferevent *bev;

	if (ssl == NULL)
		return NULL;
	bev = bufferevent_openssl_socket_new(conn->front->base, conn->fd, ssl,
		BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (bev == NULL) {
		SSL_free(ssl);
		return NULL;
	}
	(void)bufferevent_priority_set(bev, KSK_PRIORITY_STRANGER);
	bufferevent_setcb(
		bev, ksk_stream_readable, ksk_stream_written, on_event, conn);
	/* Told about every write, not only about the last. */
	bufferevent_setwatermark(bev, EV_WRITE, SIZE_MAX, 0);
	return bev;
}

void
ksk_conn_accept(struct ksk_frontend *front, int fd, struct ksk_peer *peer,
	const struct sockaddr_storage *address)
{
	struct ksk_conns *conns = &front->conns;
	struct ksk_conn *conn = SLIST_FIRST(&conns->unused);
	struct event *timer = conn->timer;
	const uint64_t slot = (uint64_t)(conn - conns->slot);

	SLIST_REMOVE_HEAD(&conns->unused, unused);
	*conn = (struct ksk_conn){
		.front = front,
		.id = conns->next++ << SLOT_BITS | slot,
		.state = KSK_CONN_HANDSHAKE,
		.fd = fd,
		.timer = timer,
		.peer = peer,
		.hello = {.pins = &front->pins},
		.since_ms = ksk_clock_mono_ms(),
	};
	ksk_peers_text(address, conn->hello.detail.address,
		sizeof conn->hello.detail.address);
	conns->count++;
	peer->count++;
	add_young(conn);
	conn->bev = make_stream(conn);
	if (conn->bev == NULL) {
		close(fd);
		ksk_conn_drop(conn);
		return;
	}
	(void)bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
	ksk_deadline_arm(conn);
}

void
ksk_conn_check_pins(struct ksk_frontend *front)
{
	for (size_t i = 0; i < front->conns.cap; i++) {
		struct ksk_conn *conn = &front->conns.slot[i];

		if (conn->state != KSK_CONN_OPEN &&
			conn->state != KSK_CONN_ENDING)
			continue;
		if (!ksk_pins_has(&front->pins, conn->hello.pin))
			ksk_conn_refuse(conn, KSK_FOLD_REMOVED);
	}
}

void
ksk_conn_end_all(struct ksk_frontend *front)
{
	for (size_t i = 0; i < front->conns.cap; i++) {
		struct ksk_conn *conn = &front->conns.slot[i];

		if (conn->state == KSK_CONN_HANDSHAKE)
			ksk_conn_drop(conn);
		else
			ksk_conn_end(conn, KSK_STATUS_DONE);
	}
}
