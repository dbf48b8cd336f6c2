/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker - what kskd-token does once it is logged in: answers packets, one
 * after another, until it is told to stop, its peer breaks the format or the
 * token fails. Links come and go; the login stays.
 * Tests: tests/token/test_worker.py, tests/token/test_audit.py
 */
#ifndef KSK_HSM_WORKER_H
#define KSK_HSM_WORKER_H

#include "appliance/base/exit.h"
#include "appliance/base/start.h"
#include "hsm/key.h"
#include "hsm/keymap.h"
#include "hsm/token.h"

/* Opaque: one slot of the link (worker.c). */
struct ksk_worker_slot;

struct ksk_worker {
	struct ksk_start_worker start;
	struct ksk_link control;  /* owned */
	struct ksk_link link;     /* owned; fd -1: none */
	struct ksk_token *token;  /* owned, logged in */
	struct ksk_keymap keymap; /* owned */
	bool prepared;            /* a reload waits for its end */
	uint32_t prepared_number;
	struct ksk_keymap prepared_keymap; /* owned */
	struct ksk_worker_slot **slots;    /* owned, slot_count; may be NULL */
	size_t slot_count, slot_used;      /* length; not NULL */
	unsigned unsigned_count;           /* keys in a row that did not sign */
	bool has_audit; /* the audit key was looked up on this link */
	struct ksk_key audit;
	struct ksk_buf in;  /* KSK_PACKET_MAX, owned */
	struct ksk_buf out; /* KSK_PACKET_MAX, owned */
	struct ksk_buf tbs; /* KSK_TBS_MAX, owned */
};

/* Makes the buffers of a zeroed worker. KSK_ERR_NO_MEMORY. */
KSK_MUST_USE enum ksk_err ksk_worker_prepare(struct ksk_worker *worker);

/*
 * Answers packets until the end.
 * fault: out, why it ends; "" for an orderly stop.
 * Returns KSK_EXIT_OK (told to stop, or kskd is gone), KSK_EXIT_TOKEN (the
 * token failed while looking up or signing), KSK_EXIT_PEER,
 * KSK_EXIT_INTERNAL.
 */
enum ksk_exit ksk_worker_run(
	struct ksk_worker *worker, struct ksk_fault *fault);

/* Sends worker->out to the signer, waiting for room. KSK_ERR_CLOSED: it is
 * gone, or takes nothing. */
KSK_MUST_USE enum ksk_err ksk_worker_answer(struct ksk_worker *worker);

/* Each answers one packet of the link (worker_audit.c). KSK_ERR_MALFORMED: the
 * signer broke the format; KSK_ERR_TOKEN with fault: the token failed, and the
 * worker leaves. */
KSK_MUST_USE enum ksk_err ksk_worker_on_audit_ask(
	struct ksk_worker *worker, struct ksk_wire *body);
KSK_MUST_USE enum ksk_err ksk_worker_on_attest(struct ksk_worker *worker,
	struct ksk_wire *body, struct ksk_fault *fault);
KSK_MUST_USE enum ksk_err ksk_worker_on_anchor_read(struct ksk_worker *worker,
	struct ksk_wire *body, struct ksk_fault *fault);
KSK_MUST_USE enum ksk_err ksk_worker_on_anchor_write(struct ksk_worker *worker,
	struct ksk_wire *body, struct ksk_fault *fault);

/* Frees all but the token, which may hang. */
void ksk_worker_free(struct ksk_worker *worker);

#endif
