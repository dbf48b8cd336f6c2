/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * submit - the one way in which a signed document takes effect:
 *
 *	bytes by parts → one SignedData → enough operators signed → text read by
 *	kskd-policy → its claims hold → kept, recorded, durable → effect → reply
 *
 * One document at a time, in slices of a few milliseconds, so that signing goes
 * on beside a large one. What stands changes only at the end; until then, and
 * after every refusal, everything is as it was.
 * Tests: tests/integration/test_quorum.py, tests/integration/test_withdraw.py
 */
#ifndef KSK_SIGNER_SUBMIT_H
#define KSK_SIGNER_SUBMIT_H

#include "appliance/policy/approve.h"
#include "protocol/record.h"
#include "protocol/wire.h"

struct ksk_signer;
struct ksk_ticket;

enum ksk_submit_stage {
	KSK_SUBMIT_NONE = 0,
	KSK_SUBMIT_OPENING,   /* its text is digested */
	KSK_SUBMIT_ASKING,    /* its text is written out for kskd-policy … */
	KSK_SUBMIT_READING,   /* … which has it */
	KSK_SUBMIT_JUDGING,   /* a policy is loaded: loading.h */
	KSK_SUBMIT_STORING,   /* its pieces are being staged */
	KSK_SUBMIT_RECORDING, /* its record is to become durable */
};

/* Refusals of documents that get a record in a minute; each took an upload. */
#define KSK_SUBMIT_REFUSALS_MAX 256u

struct ksk_submission {
	enum ksk_submit_stage stage;
	struct ksk_ticket *ticket; /* waits in KSK_STAGE_DOCUMENT */
	enum ksk_document_kind kind;
	bool dry_run;
	uint8_t *data; /* what was handed in, owned */
	size_t len;
	uint8_t name[KSK_HASH_LEN]; /* SHA-256 of it */
	struct ksk_signed_work
		*work;              /* OPENING, ASKING: with its text, owned */
	struct ksk_signed document; /* then: its signatures */
	int text_fd;                /* ASKING: owned; else -1 or not used */
	size_t written;             /* bytes of the text */
	struct ksk_approvers who;
	uint8_t hash[KSK_HASH_LEN]; /* of the text */
	struct ksk_document value;  /* of a kind that is no policy */
	size_t piece;               /* that is staged next */
	bool staged;                /* the record is */
	uint64_t commits;           /* of the journal when it was */
	uint64_t begin_ms;          /* when it was */
	uint64_t record;
	uint8_t record_hash[KSK_HASH_LEN];
	/* refusals of the minute that began then */
	uint64_t minute_ms;
	unsigned refusals;
};

/* Takes a request of one of the three ops. */
void ksk_submit_part(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, uint64_t now_ms);
void ksk_submit_take(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, uint64_t now_ms);

/* Takes kskd's answer. fd: taken over, -1 if none. KSK_ERR_MALFORMED: it was
 * not asked, or is broken. */
KSK_MUST_USE enum ksk_err ksk_submit_compiled(
	struct ksk_signer *signer, struct ksk_wire *body, int fd);

/* Moves a document on: once in each turn of the loop. */
void ksk_submit_run(struct ksk_signer *signer, uint64_t now_ms);

/* Returns true while a submitted policy waits for its record. */
bool ksk_submit_is_policy(const struct ksk_submission *s);

/* The policy's record was staged. */
void ksk_submit_recorded(struct ksk_submission *s,
	const struct ksk_record *record, const uint8_t hash[KSK_HASH_LEN]);

/* Puts into a record which document it follows from, and who signed. */
void ksk_submit_mark(const struct ksk_submission *s, struct ksk_record *record);

/* Returns true if the loop must not sleep long. */
bool ksk_submit_hurries(const struct ksk_signer *signer);

/* At the end of the process. */
void ksk_submit_wipe(struct ksk_signer *signer);

#endif
