/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream - frames in and out of one open connection. What is inside a frame is
 * never looked at: the signer decodes. Reading stops while a whole frame waits
 * for credit, or while the client does not fetch its replies.
 * Tests: tests/integration/test_frontend.py
 */
#ifndef KSK_FRONTEND_STREAM_H
#define KSK_FRONTEND_STREAM_H

#include "appliance/frontend/conn.h"

/* libevent's callbacks; arg: the connection. */
void ksk_stream_readable(struct bufferevent *bev, void *arg);
void ksk_stream_written(struct bufferevent *bev, void *arg);

/* Returns true if a frame of this connection may be taken now. */
bool ksk_stream_ready(const struct ksk_conn *conn);

/* Returns the message of the frame that waits, borrowed until
 * ksk_stream_taken. Only if ksk_stream_ready. */
struct ksk_span ksk_stream_peek(struct ksk_conn *conn);

/* Removes that frame, counts it as outstanding and looks for the next. */
void ksk_stream_taken(struct ksk_conn *conn);

/* Writes the reply to one outstanding request. ahead: bytes of replies that
 * came with it and may be for this connection too. close: ends it. */
void ksk_stream_reply(struct ksk_conn *conn, struct ksk_span message,
	size_t ahead, bool close);

/* Writes a reply of the frontend's own, in answer to a frame that it can't
 * pass on. */
void ksk_stream_goodbye(struct ksk_conn *conn, enum ksk_status status);

#endif
