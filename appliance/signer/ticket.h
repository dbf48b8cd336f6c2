/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ticket - one request on its way through the pipeline, from its frame to its
 * reply, with the jobs that ask the token for its signatures. Tickets are a
 * fixed number of places; nothing is allocated per request.
 * Tests: tests/unit/test_ticket.c
 */
#ifndef KSK_SIGNER_TICKET_H
#define KSK_SIGNER_TICKET_H

#include "appliance/base/packet.h"
#include "appliance/policy/rules.h"
#include "protocol/msg.h"

/* Bundles of schedules that are signed at the same time. */
#define KSK_TICKET_BUNDLES (2u * KSK_SCHEDULE_BUNDLE_MAX)

/* Twice the credits: requests of a dead frontend are finished while the next
 * one asks. Each bundle of a schedule has a ticket of its own. */
#define KSK_TICKET_COUNT (2u * KSK_CREDIT_REQUESTS + KSK_TICKET_BUNDLES)

enum ksk_stage {
	KSK_STAGE_FREE = 0,
	KSK_STAGE_TURN,     /* another set of its zone is being signed */
	KSK_STAGE_REFUSAL,  /* its reply waits for its record's commit */
	KSK_STAGE_INTENT,   /* its INTENT record waits for commit */
	KSK_STAGE_NEXT,     /* a bundle whose intent is durable: it is asked for
			    * when bundles before it are signed */
	KSK_STAGE_TOKEN,    /* its jobs are queued or asked */
	KSK_STAGE_SIGNED,   /* a bundle that waits for the others */
	KSK_STAGE_BUNDLES,  /* a schedule that waits for its bundles */
	KSK_STAGE_RESULT,   /* its RESULT or FAILURE record waits for commit */
	KSK_STAGE_PROOF,    /* its reply waits for the audit key */
	KSK_STAGE_READ,     /* it reads the journal when its turn comes */
	KSK_STAGE_DOCUMENT, /* its document is on its way (submit.h) */
	KSK_STAGE_REPLY,    /* its reply waits for the frontend */
};

enum ksk_job_stage {
	KSK_JOB_QUEUED = 0, /* in its token's queue */
	KSK_JOB_ASKED,      /* a worker has it */
	KSK_JOB_HELD,       /* its worker failed; waits until it is dead */
	KSK_JOB_ANSWERED,   /* a signature is there, not yet verified */
	KSK_JOB_SIGNED,     /* signature verified */
	KSK_JOB_LOST,       /* no signature to be had */
};

struct ksk_ticket;

/* One signature by one KSK. */
struct ksk_job {
	struct ksk_ticket *ticket;
	struct ksk_job *next; /* in its token's queue */
	uint64_t number;      /* never used twice in this process */
	enum ksk_job_stage stage;
	uint32_t key; /* number in the keyring */
	bool revoked;
	uint16_t worker; /* while asked or held */
	uint8_t packet;  /* which of the worker's open packets */
	uint8_t asked;   /* times a token was asked */
	uint64_t after;  /* only workers linked after that link may have it */
	uint64_t ask_ms; /* when it was asked last, monotonic */
	uint8_t signature[KSK_SIGNATURE_MAX];
	size_t signature_len;
};

struct ksk_ticket {
	enum ksk_stage stage;
	size_t place; /* in ksk_tickets.active */
	uint64_t conn;
	uint32_t generation; /* of the frontend's link it came by */
	uint8_t pin[KSK_PIN_LEN];
	uint64_t begin_ms; /* when it came, monotonic */
	uint64_t order;    /* rises with each request */
	/* The request, then the reply. */
	uint8_t *frame; /* KSK_FRAME_MAX bytes, owned */
	size_t frame_len;
	bool close;        /* the frontend closes after the reply */
	bool wants_proof;  /* its nonce is to be answered */
	uint64_t proof_ms; /* since when it waits for that */
	/* A bundle: the ticket of its schedule, whose frame its request borrows
	 * from, and its place in it. Its own frame is not used. */
	struct ksk_ticket *schedule;
	size_t bundle;
	bool ended;                   /* a bundle: its intent has its end */
	struct ksk_request request;   /* borrows from frame */
	uint8_t digest[KSK_HASH_LEN]; /* of its body, with an idempotency key */
	bool clash;                   /* that key stands for another request */
	uint32_t proven;              /* as in struct ksk_permit … */
	size_t key_count;             /* … these too: what was judged once is
	                               * not computed again at the release */
	struct ksk_ds key[KSK_RDATA_COUNT_MAX];
	uint64_t policy_version;
	struct ksk_window window;
	size_t warning_count;
	struct ksk_refusal warning[KSK_WARNING_COUNT_MAX];
	size_t job_count;
	struct ksk_job job[KSK_RRSIG_COUNT_MAX];
	/* REFUSAL: frame holds the encoded reply already. */
	bool lost;             /* RESULT: it is a FAILURE */
	char why[KSK_WHY_CAP]; /* of the first job lost */
	enum ksk_state state;  /* what a lost one is answered with */
	uint64_t intent;       /* record number */
	uint64_t record;       /* of the result */
	uint8_t record_hash[KSK_HASH_LEN];
};

/* The places. active: those in use, in no order. */
struct ksk_tickets {
	struct ksk_ticket ticket[KSK_TICKET_COUNT];
	struct ksk_ticket *active[KSK_TICKET_COUNT];
	size_t active_count;
	struct ksk_ticket *spare[KSK_TICKET_COUNT];
	size_t spare_count;
	size_t bundle_count; /* those in use that are bundles */
	uint64_t taken;      /* so far */
};

/* out_tickets: owned, ksk_tickets_free. KSK_ERR_NO_MEMORY. */
KSK_MUST_USE enum ksk_err ksk_tickets_new(struct ksk_tickets **out_tickets);
void ksk_tickets_free(struct ksk_tickets **tickets);

/* Returns true if there are places for all that a frontend may ask which has
 * so many replies to come, beside those that are kept for bundles: not while
 * several that died left requests behind. */
bool ksk_tickets_have_room(const struct ksk_tickets *tickets, size_t owed);

/* Takes a free place for a request: copies its frame. NULL if none is free. */
struct ksk_ticket *ksk_ticket_take(struct ksk_tickets *tickets,
	const struct ksk_lnk_request *item, uint32_t generation,
	uint64_t now_ms);

/*
 * Takes places for all bundles of a schedule's ticket: sign requests, each with
 * the set and the window of its bundle. out: one for each bundle.
 * Returns false, and takes none, if too many bundles are being signed.
 */
bool ksk_ticket_take_bundles(struct ksk_tickets *tickets,
	struct ksk_ticket *schedule,
	struct ksk_ticket *out[KSK_SCHEDULE_BUNDLE_MAX]);

/* Finds the bundles of a schedule's ticket, in their order. */
void ksk_ticket_bundles(const struct ksk_tickets *tickets,
	const struct ksk_ticket *schedule,
	struct ksk_ticket *out[KSK_SCHEDULE_BUNDLE_MAX]);

/* Gives a place back. */
void ksk_ticket_free(struct ksk_tickets *tickets, struct ksk_ticket *ticket);

/* Returns true if it is to change its zone's timeline and has not yet. */
bool ksk_ticket_is_signing(const struct ksk_ticket *ticket);

/*
 * Returns true if a request must wait for one that came before: for another
 * set or window of its zone that is being signed, of any type, because it
 * would be judged against what is no longer so (a CDS set and a DNSKEY set
 * must agree); with `previous` for any; for one with the same idempotency key,
 * whose answer it is to get.
 */
bool ksk_ticket_must_wait(
	const struct ksk_tickets *tickets, const struct ksk_ticket *ticket);

/* Returns the request that waits and came first; NULL if none waits. after:
 * only later ones; NULL: from the first. */
struct ksk_ticket *ksk_ticket_next_turn(
	const struct ksk_tickets *tickets, const struct ksk_ticket *after);

/* Returns true when no job of it is queued, asked or held any more. */
bool ksk_ticket_jobs_over(const struct ksk_ticket *ticket);

#endif
