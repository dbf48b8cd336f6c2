/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ask - requests and their replies over one connection, pipelined: all
 * requests are sent at once, replies come in any order and carry the number of
 * their request (PROTOCOL.md 3). Only whole frames count. A reply to nothing
 * that was asked, or a second one, ends the connection.
 * Tests: tests/integration/test_kskctl.py
 */
#ifndef KSK_CLIENT_ASK_H
#define KSK_CLIENT_ASK_H

#include "client/connect.h"
#include "client/growth.h"

/* A conversation with one appliance. */
struct ksk_session {
	struct ksk_connection *connection;
	const char *address; /* for messages */
	uint64_t next_number;
	struct ksk_growth growth; /* kept when the work is over */
	enum ksk_ctl_exit exit;   /* set by the work: see reach.h */
};

/* One reply, with the frame that its spans borrow from. */
struct ksk_answer {
	uint8_t *frame;
	struct ksk_reply *reply; /* NULL: not here yet */
};

/*
 * Asks and waits for all replies.
 * requests: count of them; their numbers are set here.
 * out_answers: zeroed by the caller, count of them, in the order of the
 * requests; owned, ksk_answers_free, whatever comes back.
 * Returns DONE, AGAIN, NEXT, or OVER (a request is too large for a frame: exit
 * is set); with fault unless DONE.
 */
KSK_MUST_USE enum ksk_step ksk_ask(struct ksk_session *session,
	struct ksk_request *const *requests, size_t count,
	struct ksk_answer *out_answers, struct ksk_fault *fault);

void ksk_answers_free(struct ksk_answer *answers, size_t count);

/*
 * Sorts what a reply says as a whole: DONE for `done`; OVER with the exit code
 * in session for an answer that is final, `refused` included (its refusals are
 * the caller's to print); LATER, NEXT. fault: set unless DONE.
 */
KSK_MUST_USE enum ksk_step ksk_answer_judge(struct ksk_session *session,
	const struct ksk_reply *reply, struct ksk_fault *fault);

/*
 * Takes the reply to the status request that every conversation about records
 * asks first: judges it, and demands that the journal has grown. Steps as
 * ksk_answer_judge; OVER was said on standard error.
 */
KSK_MUST_USE enum ksk_step ksk_answer_head(struct ksk_session *session,
	const struct ksk_reply *reply, struct ksk_fault *fault);

/* Demands the same of a record that a reply names (ksk_growth_record): DONE,
 * or OVER with the exit code, said on standard error. */
KSK_MUST_USE enum ksk_step ksk_answer_record(struct ksk_session *session,
	uint64_t record, const uint8_t hash[KSK_HASH_LEN], bool fresh);

#endif
