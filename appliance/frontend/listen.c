/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listen - see listen.h.
 */
#include "appliance/frontend/listen.h"

#include "appliance/frontend/frontend.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Accepted at a stretch, before others get their turn. */
#define ACCEPT_MAX 16u

/* How long accepting rests when descriptors run out. */
#define REST_MS 100u

static void
start_in(struct ksk_listen *listen, uint32_t ms)
{
	const struct timeval wait = {
		.tv_sec = (time_t)(ms / 1000u),
		.tv_usec = (suseconds_t)(ms % 1000u * 1000u),
	};

	(void)evtimer_add(listen->timer, &wait);
}

/* Strangers' share of all connections. */
static size_t
young_max(const struct ksk_frontend *front)
{
	return front->conns.cap >= 4 ? front->conns.cap / 4 : 1;
}

static struct ksk_conn *
oldest_young(struct ksk_frontend *front, const struct ksk_peer *peer)
{
	struct ksk_conn *conn;

	TAILQ_FOREACH(conn, &front->conns.young, young)
	{
		if (conn->peer == peer)
			return conn;
	}
	return NULL;
}

/* Returns why a newcomer of this address needs another one's place. */
static enum ksk_fold_reason
find_lack(const struct ksk_frontend *front, const struct ksk_peer *peer)
{
	if (peer != NULL &&
		peer->count >= front->limits.connections_per_address)
		return KSK_FOLD_ADDRESS;
	if (front->conns.count >= front->conns.cap)
		return KSK_FOLD_FULL;
	if (front->conns.young_count >= young_max(front))
		return KSK_FOLD_DISPLACED;
	return KSK_FOLD_NONE;
}

/* A lingerer has had its answer. */
static void
give_way(struct ksk_conn *conn)
{
	if (conn->state == KSK_CONN_LINGER)
		ksk_conn_drop(conn);
	else
		ksk_conn_refuse(conn, KSK_FOLD_DISPLACED);
}

/* Returns false if there is no room and nobody to give way. */
static bool
make_room(struct ksk_frontend *front, const struct sockaddr_storage *address)
{
	const struct ksk_peer *peer = ksk_peers_find(&front->peers, address);
	const enum ksk_fold_reason lack = find_lack(front, peer);
	struct ksk_fold_detail detail = {.address = ""};
	struct ksk_conn *victim;

	if (lack == KSK_FOLD_NONE)
		return true;
	if (lack != KSK_FOLD_ADDRESS)
		peer = ksk_peers_busiest(&front->peers);
	victim = oldest_young(front, peer);
	if (victim != NULL) {
		give_way(victim);
		return true;
	}
	ksk_peers_text(address, detail.address, sizeof detail.address);
	ksk_fold_add(&front->fold, lack, &detail);
	return false;
}

static void
admit(struct ksk_frontend *front, int fd,
	const struct sockaddr_storage *address)
{
	const int on = 1;
	struct ksk_peer *peer;

	if (!make_room(front, address)) {
		close(fd);
		return;
	}
	peer = ksk_peers_find(&front->peers, address);
	if (peer == NULL) {
		close(fd);
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	ksk_conn_accept(front, fd, peer, address);
}

/* Out of descriptors or memory: the kernel's queue holds the rest. */
static void
rest(struct ksk_frontend *front, int number)
{
	struct ksk_fold_detail detail = {.address = ""};

	snprintf(detail.what, sizeof detail.what, "%s", strerror(number));
	ksk_fold_add(&front->fold, KSK_FOLD_DESCRIPTORS, &detail);
	(void)event_del(front->listen.readable);
	start_in(&front->listen, REST_MS);
}

static bool
is_shortage(int number)
{
	return number == EMFILE || number == ENFILE || number == ENOBUFS ||
		number == ENOMEM;
}

static void
on_readable(evutil_socket_t listen_fd, short what, void *arg)
{
	struct ksk_frontend *front = (struct ksk_frontend *)arg;

	(void)what;
	for (size_t i = 0; i < ACCEPT_MAX; i++) {
		struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
		socklen_t len = sizeof address;
		const int fd = accept4(listen_fd, (struct sockaddr *)&address,
			&len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			admit(front, fd, &address);
			continue;
		}
		if (is_shortage(errno)) {
			rest(front, errno);
			return;
		}
		/* All else is about one connection that is already gone. */
		if (errno == EAGAIN)
			return;
	}
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	ksk_listen_start((struct ksk_frontend *)arg);
}

enum ksk_err
ksk_listen_init(struct ksk_frontend *front, int fd)
{
	struct ksk_listen *listen = &front->listen;

	listen->fd = fd;
	listen->readable = event_new(
		front->base, fd, EV_READ | EV_PERSIST, on_readable, front);
	listen->timer = evtimer_new(front->base, on_timer, front);
	if (listen->readable == NULL || listen->timer == NULL)
		return KSK_ERR_NO_MEMORY;
	(void)event_priority_set(listen->readable, KSK_PRIORITY_STRANGER);
	start_in(listen, front->limits.handshake_ms);
	return KSK_OK;
}

void
ksk_listen_start(struct ksk_frontend *front)
{
	struct ksk_listen *listen = &front->listen;

	if (listen->fd >= 0)
		(void)event_add(listen->readable, NULL);
}

void
ksk_listen_stop(struct ksk_frontend *front)
{
	struct ksk_listen *listen = &front->listen;

	if (listen->fd < 0)
		return;
	(void)event_del(listen->readable);
	(void)evtimer_del(listen->timer);
	close(listen->fd);
	listen->fd = -1;
}
