/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connect - one TLS connection to one appliance: TLS 1.3 only, ALPN ksk/1,
 * both sides known by their pin, certificates' dates checked, no chains, no
 * resumption, no early data. Moves bytes, knows no messages. Every wait has a
 * limit.
 *
 * In TLS 1.3 the client's handshake ends before the server has judged the
 * client's certificate: the refusal comes as an alert with a later read. It is
 * looked for even when a write has failed.
 * Tests: tests/integration/test_kskctl.py
 */
#ifndef KSK_CLIENT_CONNECT_H
#define KSK_CLIENT_CONNECT_H

#include "client/identity.h"
#include "protocol/span.h"

/* What to do after a step. */
enum ksk_step {
	KSK_STEP_DONE,
	KSK_STEP_AGAIN, /* the connection was lost without a reason given: the
			 * same appliance may answer at the next try */
	KSK_STEP_NEXT,  /* can't be reached, not trusted, or it refuses this
			 * client: another appliance may do */
	KSK_STEP_LATER, /* not ready: another appliance, or later */
	KSK_STEP_OVER,  /* an answer that no other appliance would better */
};

/* Opaque. */
struct ksk_connection;

/*
 * Connects and shakes hands.
 * identity, endpoint: borrowed as long as the connection lives.
 * out_connection: owned, ksk_connection_close; unchanged unless DONE.
 * Returns DONE, AGAIN or NEXT; with fault unless DONE.
 */
KSK_MUST_USE enum ksk_step ksk_connection_open(
	const struct ksk_identity *identity,
	const struct ksk_endpoint *endpoint, unsigned timeout_ms,
	struct ksk_connection **out_connection, struct ksk_fault *fault);

/*
 * Writes what can be written without waiting.
 * out_len: bytes taken, may be 0. A connection that no longer takes bytes
 * counts as having taken all: what it has to say comes with the next read.
 */
void ksk_connection_write(struct ksk_connection *connection,
	struct ksk_span bytes, size_t *out_len);

/*
 * Reads what is there without waiting, at most out->cap - out->len bytes.
 * Returns DONE (nothing may have come), AGAIN or NEXT; with fault unless DONE.
 */
KSK_MUST_USE enum ksk_step ksk_connection_read(
	struct ksk_connection *connection, struct ksk_buf *out,
	struct ksk_fault *fault);

/*
 * Waits until something can be read, or written if writing.
 * begin_ms: when the time began (ksk_ctl_now_ms), 0 = now.
 * Returns DONE, or NEXT with fault when the time is up.
 */
KSK_MUST_USE enum ksk_step ksk_connection_wait(
	struct ksk_connection *connection, bool writing, uint64_t begin_ms,
	struct ksk_fault *fault);

/* Says goodbye without waiting, frees; accepts NULL, sets to NULL. */
void ksk_connection_close(struct ksk_connection **connection);

#endif
