/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control - see control.h.
 */
#include "appliance/frontend/control.h"

#include "appliance/base/child.h"
#include "appliance/base/exit.h"
#include "appliance/frontend/credentials.h"
#include "appliance/frontend/frontend.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is outstanding at a stop has so long to be answered and flushed. */
#define STOP_SEC 4

_Noreturn void
ksk_control_die(const char *peer, enum ksk_err err)
{
	ksk_log(KSK_LOG_ERROR, "peer-broken",
		"a packet breaks its format or comes unasked", "peer", peer,
		"error", ksk_err_text(err), (const char *)NULL);
	ksk_child_exit(KSK_EXIT_PEER);
}

static _Noreturn void
leave(struct ksk_frontend *front)
{
	ksk_fold_flush(&front->fold);
	ksk_child_exit(KSK_EXIT_OK);
}

/* The control socket never fills: kskd reads it, and there is little to say. */
static void
send_packet(struct ksk_frontend *front, const struct ksk_buf *packet)
{
	const enum ksk_err err = ksk_link_send(
		&front->control.link, ksk_buf_span(packet), NULL, 0);

	if (err == KSK_ERR_CLOSED)
		leave(front);
	if (err != KSK_OK)
		ksk_control_die("kskd", err);
}

void
ksk_control_ready(struct ksk_frontend *front)
{
	uint8_t data[64];
	struct ksk_buf packet = ksk_buf_of(data, sizeof data);

	if (ksk_ctl_plain_write(KSK_CTL_READY, &packet) != KSK_OK)
		abort();
	send_packet(front, &packet);
}

static enum ksk_err
read_link(struct ksk_frontend *front, struct ksk_wire *body, const int *fds,
	size_t fd_count)
{
	struct ksk_ctl_link p;
	const enum ksk_err err = ksk_ctl_link_read(body, &p);

	if (err != KSK_OK)
		return err;
	if (p.edge != KSK_EDGE_FRONTEND_SIGNER || fd_count != 1)
		return KSK_ERR_MALFORMED;
	ksk_relay_attach(front,
		(struct ksk_link){.fd = fds[0], .generation = p.generation});
	return KSK_OK;
}

static void
drop_next(struct ksk_control *control)
{
	SSL_CTX_free(control->next);
	control->next = NULL;
}

static enum ksk_err
read_prepare(struct ksk_frontend *front, struct ksk_wire *body, const int *fds,
	size_t fd_count)
{
	struct ksk_control *control = &front->control;
	struct ksk_ctl_prepared answer = {.ok = false};
	struct ksk_fault fault = {.text = ""};
	uint8_t data[KSK_FAULT_CAP + 64];
	struct ksk_buf packet = ksk_buf_of(data, sizeof data);
	enum ksk_err err = ksk_ctl_number_read(body, &answer.number);

	if (err == KSK_OK && fd_count != 2)
		err = KSK_ERR_MALFORMED;
	if (err != KSK_OK)
		return err;
	drop_next(control);
	control->number = answer.number;
	answer.ok = ksk_credentials_load(fds[0], fds[1], true, &control->next,
			    &fault) == KSK_OK;
	close(fds[0]);
	close(fds[1]);
	memcpy(answer.why, fault.text, sizeof answer.why);
	if (ksk_ctl_prepared_write(&answer, &packet) != KSK_OK)
		abort();
	send_packet(front, &packet);
	return KSK_OK;
}

/* Connections that are open keep the context they began with. */
static enum ksk_err
read_commit(struct ksk_frontend *front, struct ksk_wire *body)
{
	struct ksk_control *control = &front->control;
	uint32_t number;
	const enum ksk_err err = ksk_ctl_number_read(body, &number);

	if (err != KSK_OK)
		return err;
	if (control->next == NULL || control->number != number)
		return KSK_ERR_MALFORMED;
	SSL_CTX_free(front->tls);
	front->tls = control->next;
	control->next = NULL;
	return KSK_OK;
}

/* Comes also when nothing could be prepared here. */
static enum ksk_err
read_abort(struct ksk_frontend *front, struct ksk_wire *body)
{
	uint32_t number;
	const enum ksk_err err = ksk_ctl_number_read(body, &number);

	if (err == KSK_OK)
		drop_next(&front->control);
	return err;
}

static void
on_stop_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ksk_frontend *front = (struct ksk_frontend *)arg;
	char count[KSK_NUM_CAP];

	(void)fd;
	(void)what;
	ksk_log(KSK_LOG_WARN, "stop-cut",
		"connections did not end in time, they are cut", "connections",
		ksk_num(count, front->conns.count), (const char *)NULL);
	leave(front);
}

static enum ksk_err
read_stop(struct ksk_frontend *front, const struct ksk_wire *body)
{
	const struct timeval wait = {.tv_sec = STOP_SEC};
	const enum ksk_err err = ksk_wire_end(body);

	if (err != KSK_OK)
		return err;
	front->stopping = true;
	ksk_listen_stop(front);
	(void)evtimer_add(front->control.stop_timer, &wait);
	ksk_conn_end_all(front);
	ksk_control_conn_gone(front);
	return KSK_OK;
}

void
ksk_control_conn_gone(struct ksk_frontend *front)
{
	/* Descriptors close when libevent is done with this round; what was
	 * written is with the kernel already. */
	if (front->stopping && front->conns.count == 0)
		leave(front);
}

static enum ksk_err
read_packet(struct ksk_frontend *front, struct ksk_span packet, const int *fds,
	size_t fd_count)
{
	struct ksk_wire body;
	const uint16_t nr = ksk_packet_open(packet, &body);

	if (nr == KSK_CTL_LINK)
		return read_link(front, &body, fds, fd_count);
	if (nr == KSK_CTL_PREPARE)
		return read_prepare(front, &body, fds, fd_count);
	if (fd_count > 0)
		return KSK_ERR_MALFORMED;
	switch (nr) {
	case KSK_CTL_COMMIT:
		return read_commit(front, &body);
	case KSK_CTL_ABORT:
		return read_abort(front, &body);
	case KSK_CTL_STOP:
		return read_stop(front, &body);
	default:
		return KSK_ERR_MALFORMED;
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct ksk_frontend *front = (struct ksk_frontend *)arg;
	struct ksk_control *control = &front->control;
	struct ksk_buf buf = ksk_buf_of(control->data, sizeof control->data);
	int fds[KSK_LINK_FD_MAX];
	size_t fd_count = 0;
	enum ksk_err err;

	(void)fd;
	(void)what;
	err = ksk_link_recv(
		&control->link, &buf, fds, KSK_LINK_FD_MAX, &fd_count);
	if (err == KSK_ERR_AGAIN)
		return;
	if (err == KSK_OK)
		err = read_packet(front, ksk_buf_span(&buf), fds, fd_count);
	else if (err == KSK_ERR_CLOSED)
		leave(front); /* kskd is dead */
	if (err != KSK_OK)
		ksk_control_die("kskd", err);
}

enum ksk_err
ksk_control_init(struct ksk_frontend *front, struct ksk_link link)
{
	struct ksk_control *control = &front->control;

	control->link = link;
	control->readable = event_new(
		front->base, link.fd, EV_READ | EV_PERSIST, on_readable, front);
	control->stop_timer = evtimer_new(front->base, on_stop_timer, front);
	if (control->readable == NULL || control->stop_timer == NULL)
		return KSK_ERR_NO_MEMORY;
	(void)event_priority_set(control->readable, KSK_PRIORITY_CONTROL);
	return event_add(control->readable, NULL) == 0 ? KSK_OK : KSK_ERR_IO;
}
