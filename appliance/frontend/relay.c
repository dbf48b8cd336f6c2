/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * relay - see relay.h.
 */
#include "appliance/frontend/relay.h"

#include "appliance/frontend/frontend.h"
#include "appliance/frontend/stream.h"

#include <stdlib.h>
#include <string.h>

/* Packets read at a stretch, before others get their turn. */
#define RECV_MAX 16u

static void detach(struct ksk_frontend *front);

void
ksk_relay_offer(struct ksk_conn *conn)
{
	struct ksk_relay *relay = &conn->front->relay;

	if (!conn->queued) {
		conn->queued = true;
		TAILQ_INSERT_TAIL(&relay->ready, conn, ready);
	}
	/* Runs after the callbacks that are due now, so that what came at the
	 * same time goes in one packet. */
	event_active(relay->pump, 0, 0);
}

void
ksk_relay_forget(struct ksk_conn *conn)
{
	if (!conn->queued)
		return;
	conn->queued = false;
	TAILQ_REMOVE(&conn->front->relay.ready, conn, ready);
}

static bool
has_room(const struct ksk_relay *relay, size_t frame_len)
{
	return ksk_credit_has(&relay->credit, frame_len) &&
		frame_len + KSK_CREDIT_HEAD_LEN <=
		relay->out.cap - relay->out.len;
}

static void
take(struct ksk_relay *relay, struct ksk_conn *conn, struct ksk_span frame,
	struct ksk_wire_out *w)
{
	struct ksk_lnk_request item = {.conn = conn->id, .frame = frame};

	memcpy(item.pin, conn->hello.pin, sizeof item.pin);
	ksk_lnk_request_put(w, &item);
	ksk_credit_take(&relay->credit, conn->id, frame.len);
	ksk_relay_forget(conn);
	ksk_stream_taken(
		conn); /* back to the end of the queue, if it has one */
}

/* Fills a packet with one frame of each connection in turn. A frame too large
 * for what is left waits in front, so that small ones can't pass it for ever. */
static void
fill(struct ksk_relay *relay)
{
	struct ksk_wire_out w = ksk_packet_begin(&relay->out, KSK_LNK_REQUESTS);
	const size_t empty_len = relay->out.len;
	struct ksk_conn *conn;

	while ((conn = TAILQ_FIRST(&relay->ready)) != NULL) {
		struct ksk_span frame;

		if (!ksk_stream_ready(conn)) {
			ksk_relay_forget(conn);
			continue;
		}
		frame = ksk_stream_peek(conn);
		if (!has_room(relay, frame.len))
			break;
		take(relay, conn, frame, &w);
	}
	if (w.err != KSK_OK)
		abort();
	if (relay->out.len == empty_len)
		relay->out.len = 0;
}

static void
on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct ksk_frontend *front = (struct ksk_frontend *)arg;
	struct ksk_relay *relay = &front->relay;

	(void)fd;
	(void)what;
	while (relay->link.fd >= 0) {
		enum ksk_err err;

		if (relay->out.len == 0)
			fill(relay);
		if (relay->out.len == 0)
			return;
		err = ksk_link_send(
			&relay->link, ksk_buf_span(&relay->out), NULL, 0);
		if (err == KSK_ERR_AGAIN) {
			(void)event_add(relay->writable, NULL);
			return;
		}
		relay->out.len = 0;
		if (err != KSK_OK)
			detach(front);
	}
}

static enum ksk_err
check_replies(struct ksk_wire body)
{
	struct ksk_lnk_reply item;

	do
		ksk_lnk_reply_get(&body, &item);
	while (ksk_wire_more(&body));
	return ksk_wire_end(&body);
}

/* More replies than requests: the signer is not what it was. */
static enum ksk_err
read_replies(struct ksk_frontend *front, struct ksk_wire body)
{
	enum ksk_err err = check_replies(body);

	while (err == KSK_OK && ksk_wire_more(&body)) {
		struct ksk_lnk_reply item;
		struct ksk_conn *conn;

		ksk_lnk_reply_get(&body, &item);
		if (!ksk_credit_give(&front->relay.credit, item.conn))
			return KSK_ERR_MALFORMED;
		conn = ksk_conn_find(&front->conns, item.conn);
		if (conn != NULL && conn->outstanding > 0)
			ksk_stream_reply(
				conn, item.frame, body.rest.len, item.close);
	}
	event_active(front->relay.pump, 0, 0);
	return err;
}

static enum ksk_err
read_pins(struct ksk_frontend *front, struct ksk_span body)
{
	const enum ksk_err err = ksk_pins_read(&front->pins, body);

	if (err != KSK_OK)
		return err;
	ksk_conn_check_pins(front);
	ksk_listen_start(front);
	return KSK_OK;
}

static enum ksk_err
read_packet(struct ksk_frontend *front, struct ksk_span packet)
{
	struct ksk_wire body;

	switch (ksk_packet_open(packet, &body)) {
	case KSK_LNK_REPLIES:
		return read_replies(front, body);
	case KSK_LNK_PINS:
		return read_pins(front, body.rest);
	default:
		return KSK_ERR_MALFORMED;
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct ksk_frontend *front = (struct ksk_frontend *)arg;
	struct ksk_relay *relay = &front->relay;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < RECV_MAX; i++) {
		enum ksk_err err = ksk_link_recv(
			&relay->link, &relay->in, NULL, 0, NULL);

		if (err == KSK_OK)
			err = read_packet(front, ksk_buf_span(&relay->in));
		else if (err == KSK_ERR_AGAIN)
			return;
		if (err == KSK_ERR_MALFORMED || err == KSK_ERR_TOO_LARGE)
			ksk_control_die("signer", err);
		if (err != KSK_OK) {
			detach(front);
			return;
		}
	}
}

static void
free_event(struct event **event)
{
	if (*event != NULL)
		event_free(*event);
	*event = NULL;
}

/* The signer is gone, and with it what it was asked. */
static void
detach(struct ksk_frontend *front)
{
	struct ksk_relay *relay = &front->relay;
	char lost[KSK_NUM_CAP];

	if (relay->link.fd < 0)
		return;
	free_event(&relay->readable);
	free_event(&relay->writable);
	ksk_link_close(&relay->link);
	ksk_log(KSK_LOG_WARN, "link-lost", "the signer is gone", "unanswered",
		ksk_num(lost, relay->credit.count), (const char *)NULL);
	relay->out.len = 0;
	ksk_credit_clear(&relay->credit);
	for (size_t i = 0; i < front->conns.cap; i++) {
		struct ksk_conn *conn = &front->conns.slot[i];

		if (conn->outstanding == 0)
			continue;
		conn->outstanding = 0;
		ksk_conn_end(conn, KSK_STATUS_DONE);
		ksk_conn_settle(conn);
	}
}

void
ksk_relay_attach(struct ksk_frontend *front, struct ksk_link link)
{
	struct ksk_relay *relay = &front->relay;

	if (relay->linked && link.generation <= relay->link.generation)
		ksk_control_die("kskd", KSK_ERR_MALFORMED);
	detach(front);
	relay->link = link;
	relay->linked = true;
	relay->readable = event_new(
		front->base, link.fd, EV_READ | EV_PERSIST, on_readable, front);
	relay->writable = event_new(
		front->base, link.fd, EV_WRITE, on_pump, front);
	if (relay->readable == NULL || relay->writable == NULL ||
		event_add(relay->readable, NULL) != 0)
		abort();
	event_active(relay->pump, 0, 0);
}

enum ksk_err
ksk_relay_init(struct ksk_frontend *front)
{
	struct ksk_relay *relay = &front->relay;

	relay->link = (struct ksk_link){.fd = -1};
	relay->out = ksk_buf_of(relay->out_data, sizeof relay->out_data);
	relay->in = ksk_buf_of(relay->in_data, sizeof relay->in_data);
	TAILQ_INIT(&relay->ready);
	relay->pump = event_new(front->base, -1, EV_PERSIST, on_pump, front);
	return relay->pump != NULL ? KSK_OK : KSK_ERR_NO_MEMORY;
}
