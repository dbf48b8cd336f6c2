/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * held - the answer in effect that an appliance holds for a zone and type: one
 * round of requests asks for it, for the zone's keys and for the journal's
 * head. Shared by last-answer and adopt.
 * Tests: tests/integration/test_kskctl_history.py
 */
#ifndef KSK_CLIENT_HELD_H
#define KSK_CLIENT_HELD_H

#include "client/pool.h"
#include "client/reach.h"

/* status, keys, last DNSKEY answer, last answer of another type */
#define KSK_HELD_ROUND 4u

struct ksk_held {
	struct ksk_name owner;
	uint16_t type;
	struct ksk_request request[KSK_HELD_ROUND];
	struct ksk_answer answer[KSK_HELD_ROUND]; /* owned: ksk_held_free */
	const struct ksk_keys_reply *keys;
	const struct ksk_last_answer_reply *last; /* NULL: nothing was
						   * released. Where nothing has
						   * begun yet, the newest of
						   * what lies ahead */
	struct ksk_pool pool; /* what may have signed an answer */
	struct ksk_fault why; /* why the DNSKEY answer does not verify */
};

/*
 * Asks. owner and type: set before. What is asked again replaces what was
 * there.
 * now: seconds since 1970; keys of a DNSKEY answer that is valid then join the
 * pool. Steps as ksk_answer_judge; OVER was said on standard error.
 */
KSK_MUST_USE enum ksk_step ksk_held_ask(struct ksk_session *session,
	struct ksk_held *held, uint64_t now, struct ksk_fault *fault);

/*
 * Verifies the answer: zone, type and window are those that it says, every
 * RRSIG verifies now, one is by a KSK of the policy or of a DNSKEY answer that
 * has one. last must be set. KSK_ERR_BAD_SIGNATURE with fault.
 */
KSK_MUST_USE enum ksk_err ksk_held_check(
	const struct ksk_held *held, uint64_t now, struct ksk_fault *fault);

/* Returns true if all answers lie ahead: none is in effect, last is the newest
 * of them. now: as in ksk_held_ask. out_first: when the first one begins. */
bool ksk_held_is_ahead(
	const struct ksk_held *held, uint64_t now, uint64_t *out_first);

void ksk_held_free(struct ksk_held *held);

/*
 * Judges a reply to last-answer, in which no body is an answer too. Steps as
 * ksk_answer_judge.
 */
KSK_MUST_USE enum ksk_step ksk_held_judge(struct ksk_session *session,
	const struct ksk_reply *reply, struct ksk_fault *fault);

/* Reads DNSKEY, CDS or CDNSKEY, any case. KSK_ERR_BAD_INPUT: said on standard
 * error. */
KSK_MUST_USE enum ksk_err ksk_held_type(const char *text, uint16_t *out);

#endif
