/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream - see stream.h.
 */
#include "appliance/frontend/stream.h"

#include "appliance/base/clock.h"
#include "appliance/frontend/deadline.h"
#include "appliance/frontend/frontend.h"
#include "protocol/frame.h"

#include <event2/buffer.h>
#include <event2/bufferevent_struct.h>
#include <stdlib.h>

/* Requests of one connection at the signer: a quarter of all credit. */
#define OUTSTANDING_MAX 64u

/* A client that leaves so many reply bytes unread gets no further ones. */
#define OUTPUT_MAX (1024u * 1024u)

/* The same for all clients together. */
#define OUTPUT_TOTAL_MAX (16u * 1024u * 1024u)

/* What a TLS record holds (RFC 8446 5.1). */
#define PIECE_MAX 16384u

static void
pause_reading(struct ksk_conn *conn)
{
	conn->paused = true;
	(void)bufferevent_disable(conn->bev, EV_READ);
}

static void
resume_reading(struct ksk_conn *conn)
{
	if (!conn->paused)
		return;
	conn->paused = false;
	(void)bufferevent_enable(conn->bev, EV_READ);
}

bool
ksk_stream_ready(const struct ksk_conn *conn)
{
	if (conn->state != KSK_CONN_OPEN || !conn->waiting)
		return false;
	return conn->outstanding < OUTSTANDING_MAX &&
		conn->out_len <= OUTPUT_MAX &&
		(conn->out_len == 0 ||
			conn->front->conns.out_total <= OUTPUT_TOTAL_MAX);
}

/* KSK_OK: a whole frame is there. KSK_ERR_AGAIN: not yet. Else: its length is
 * not allowed. */
static enum ksk_err
look(struct evbuffer *in, uint32_t *out_len)
{
	uint8_t head[KSK_FRAME_HEAD_LEN];
	enum ksk_err err;

	if (evbuffer_copyout(in, head, sizeof head) != (ev_ssize_t)sizeof head)
		return KSK_ERR_AGAIN;
	err = ksk_frame_head_read(head, out_len);
	if (err != KSK_OK)
		return err;
	return evbuffer_get_length(in) >= sizeof head + *out_len
		? KSK_OK
		: KSK_ERR_AGAIN;
}

static void
offer(struct ksk_conn *conn)
{
	conn->waiting = true;
	conn->frame_ms = 0;
	if (ksk_stream_ready(conn))
		ksk_relay_offer(conn);
}

static void
await(struct ksk_conn *conn, bool begun)
{
	if (!begun)
		conn->frame_ms = 0;
	else if (conn->frame_ms == 0)
		conn->frame_ms = ksk_clock_mono_ms();
	resume_reading(conn);
}

/* A length that is not allowed is never waited for, and what follows it can't
 * be told apart: one error reply, then the end (PROTOCOL.md 2). */
static void
reject(struct ksk_conn *conn, enum ksk_err err)
{
	ksk_fold_add(&conn->front->fold, KSK_FOLD_LENGTH, &conn->hello.detail);
	ksk_conn_end(conn,
		err == KSK_ERR_TOO_LARGE ? KSK_STATUS_TOO_LARGE
					 : KSK_STATUS_MALFORMED);
}

static void
find_frame(struct ksk_conn *conn)
{
	struct evbuffer *in = bufferevent_get_input(conn->bev);
	uint32_t len;
	const enum ksk_err err = look(in, &len);

	if (err == KSK_OK)
		offer(conn);
	else if (err == KSK_ERR_AGAIN)
		await(conn, evbuffer_get_length(in) > 0);
	else
		reject(conn, err);
}

void
ksk_stream_readable(struct bufferevent *bev, void *arg)
{
	struct ksk_conn *conn = (struct ksk_conn *)arg;

	(void)bev;
	if (conn->state != KSK_CONN_OPEN)
		return;
	conn->since_ms = ksk_clock_mono_ms();
	if (conn->waiting)
		pause_reading(conn);
	else
		find_frame(conn);
	ksk_deadline_arm(conn);
}

struct ksk_span
ksk_stream_peek(struct ksk_conn *conn)
{
	struct evbuffer *in = bufferevent_get_input(conn->bev);
	uint32_t len;
	const uint8_t *frame;

	if (look(in, &len) != KSK_OK)
		abort();
	frame = evbuffer_pullup(in, (ev_ssize_t)(KSK_FRAME_HEAD_LEN + len));
	if (frame == NULL)
		abort();
	return ksk_span_of(frame + KSK_FRAME_HEAD_LEN, len);
}

void
ksk_stream_taken(struct ksk_conn *conn)
{
	struct evbuffer *in = bufferevent_get_input(conn->bev);
	uint32_t len;

	if (look(in, &len) != KSK_OK)
		abort();
	(void)evbuffer_drain(in, KSK_FRAME_HEAD_LEN + len);
	conn->outstanding++;
	conn->waiting = false;
	find_frame(conn);
	ksk_deadline_arm(conn);
}

static void
count_output(struct ksk_conn *conn)
{
	const size_t len = evbuffer_get_length(
		bufferevent_get_output(conn->bev));

	if (conn->out_len == 0 || len < conn->out_len)
		conn->write_ms = ksk_clock_mono_ms();
	conn->front->conns.out_total += len;
	conn->front->conns.out_total -= conn->out_len;
	conn->out_len = len;
}

/* A socket that took all before takes this too, most likely: it is written in
 * this turn of the loop, together with what else comes in it, and the kernel
 * is not asked first. */
static void
write_soon(struct ksk_conn *conn)
{
	event_active(&conn->bev->ev_write, EV_WRITE, 0);
}

/* What stands in one piece becomes one TLS record and one write. ahead: bytes
 * that may follow at once. */
static size_t
find_room(const struct ksk_conn *conn, size_t len, size_t ahead)
{
	size_t room = len + ahead < PIECE_MAX ? len + ahead : PIECE_MAX;

	return conn->out_len > 0 || room < len ? len : room;
}

static void
put_frame(struct ksk_conn *conn, struct ksk_span message, size_t ahead)
{
	struct evbuffer *out = bufferevent_get_output(conn->bev);
	uint8_t head[KSK_FRAME_HEAD_LEN];
	const size_t len = sizeof head + message.len;

	if (conn->out_len == 0)
		write_soon(conn);
	ksk_frame_head_write(message.len, head);
	if (evbuffer_expand(out, find_room(conn, len, ahead)) != 0 ||
		evbuffer_add(out, head, sizeof head) != 0 ||
		evbuffer_add(out, message.data, message.len) != 0)
		abort();
	count_output(conn);
}

static void
offer_again(struct ksk_conn *conn)
{
	if (!conn->queued && ksk_stream_ready(conn))
		ksk_relay_offer(conn);
}

void
ksk_stream_written(struct bufferevent *bev, void *arg)
{
	struct ksk_conn *conn = (struct ksk_conn *)arg;

	(void)bev;
	count_output(conn);
	conn->since_ms = ksk_clock_mono_ms();
	offer_again(conn);
	ksk_conn_settle(conn);
	ksk_deadline_arm(conn);
}

void
ksk_stream_reply(struct ksk_conn *conn, struct ksk_span message, size_t ahead,
	bool close)
{
	put_frame(conn, message, ahead);
	conn->outstanding--;
	if (close)
		ksk_conn_end(conn, KSK_STATUS_DONE);
	offer_again(conn);
	ksk_conn_settle(conn);
	ksk_deadline_arm(conn);
}

/* {1: 0, 2: status}: the number of a request that has none is 0
 * (PROTOCOL.md 3). */
void
ksk_stream_goodbye(struct ksk_conn *conn, enum ksk_status status)
{
	const uint8_t reply[] = {0xa2, 0x01, 0x00, 0x02, (uint8_t)status};

	put_frame(conn, ksk_span_of(reply, sizeof reply), 0);
}
