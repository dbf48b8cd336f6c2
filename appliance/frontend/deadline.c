/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deadline - see deadline.h.
 */
#include "appliance/frontend/deadline.h"

#include "appliance/base/clock.h"
#include "appliance/frontend/frontend.h"

/* Enough for the client to read our last words over a slow line. */
#define LINGER_MS 1000u
/* The same when kskd waits for us. */
#define LINGER_STOP_MS 250u

#define NEVER UINT64_MAX

struct deadline {
	uint64_t at_ms;
	enum ksk_fold_reason reason; /* NONE: nothing to log */
};

static void
sooner(struct deadline *best, uint64_t at_ms, enum ksk_fold_reason reason)
{
	if (at_ms < best->at_ms)
		*best = (struct deadline){at_ms, reason};
}

static void
find_stuck(const struct ksk_conn *conn, struct deadline *best)
{
	if (conn->out_len > 0)
		sooner(best, conn->write_ms + conn->front->limits.frame_ms,
			KSK_FOLD_STUCK);
}

static void
find_open(const struct ksk_conn *conn, struct deadline *best)
{
	const struct ksk_start_frontend *limits = &conn->front->limits;

	find_stuck(conn, best);
	if (conn->frame_ms != 0)
		sooner(best, conn->frame_ms + limits->frame_ms,
			KSK_FOLD_SLOW_FRAME);
	else if (conn->outstanding == 0 && !conn->waiting && conn->out_len == 0)
		sooner(best, conn->since_ms + limits->idle_ms, KSK_FOLD_NONE);
}

static struct deadline
find(const struct ksk_conn *conn)
{
	const struct ksk_start_frontend *limits = &conn->front->limits;
	struct deadline best = {NEVER, KSK_FOLD_NONE};

	switch (conn->state) {
	case KSK_CONN_FREE:
		break;
	case KSK_CONN_HANDSHAKE:
		sooner(&best, conn->since_ms + limits->handshake_ms,
			KSK_FOLD_SLOW_HANDSHAKE);
		break;
	case KSK_CONN_OPEN:
		find_open(conn, &best);
		break;
	case KSK_CONN_ENDING:
		find_stuck(conn, &best);
		break;
	case KSK_CONN_LINGER:
		sooner(&best,
			conn->since_ms +
				(conn->front->stopping ? LINGER_STOP_MS
						       : LINGER_MS),
			KSK_FOLD_NONE);
		break;
	}
	return best;
}

static void
set_timer(struct ksk_conn *conn, uint64_t at_ms, uint64_t now_ms)
{
	const uint64_t left_ms = at_ms > now_ms ? at_ms - now_ms : 0;
	const struct timeval left = {
		.tv_sec = (time_t)(left_ms / 1000u),
		.tv_usec = (suseconds_t)(left_ms % 1000u * 1000u),
	};

	conn->timer_ms = at_ms;
	(void)evtimer_add(conn->timer, &left);
}

void
ksk_deadline_arm(struct ksk_conn *conn)
{
	const struct deadline next = find(conn);

	if (next.at_ms == NEVER ||
		(conn->timer_ms <= next.at_ms &&
			evtimer_pending(conn->timer, NULL) != 0))
		return;
	set_timer(conn, next.at_ms, ksk_clock_mono_ms());
}

void
ksk_deadline_passed(evutil_socket_t fd, short what, void *arg)
{
	struct ksk_conn *conn = (struct ksk_conn *)arg;
	const struct deadline over = find(conn);
	const uint64_t now_ms = ksk_clock_mono_ms();

	(void)fd;
	(void)what;
	if (over.at_ms == NEVER)
		return;
	if (now_ms < over.at_ms)
		set_timer(conn, over.at_ms, now_ms);
	else if (over.reason != KSK_FOLD_NONE)
		ksk_conn_refuse(conn, over.reason);
	else if (conn->state == KSK_CONN_OPEN)
		ksk_conn_end(conn, KSK_STATUS_DONE); /* idle */
	else
		ksk_conn_drop(conn);
}
