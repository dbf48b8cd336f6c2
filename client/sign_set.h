/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sign_set - one RRset on its way through `sign`: the text that it comes from,
 * the request that is made of it, and the reply.
 */
#ifndef KSK_CLIENT_SIGN_SET_H
#define KSK_CLIENT_SIGN_SET_H

#include "protocol/msg.h"
#include "protocol/zonetext.h"

/* Sets of one call: all are asked for at once. */
#define KSK_SIGN_SET_MAX 64u

/* What must have been signed last. */
enum ksk_sign_order {
	KSK_SIGN_PREVIOUS_ANY,   /* whatever it was */
	KSK_SIGN_PREVIOUS_GIVEN, /* the answer with this hash */
	KSK_SIGN_PREVIOUS_ASKED, /* what is so when the keys are asked for */
};

/* What keeps a request that is repeated from being signed twice. */
enum ksk_sign_repeat {
	KSK_SIGN_REPEAT_AUTO, /* a random key for each request */
	KSK_SIGN_REPEAT_GIVEN,
	KSK_SIGN_REPEAT_NONE, /* it is signed again */
};

/* What the command line says about all sets. */
struct ksk_sign_options {
	bool exact;   /* add no KSK */
	bool dry_run; /* ask, sign nothing */
	bool has_inception;
	uint64_t inception;
	bool has_expiration;
	uint64_t expiration;
	const char *output; /* NULL: standard output */
	size_t evidence_count;
	const char *evidence[KSK_EVIDENCE_COUNT_MAX];
	enum ksk_sign_order order;
	uint8_t previous[KSK_HASH_LEN]; /* KSK_SIGN_PREVIOUS_GIVEN */
	size_t supersede_count;
	uint64_t supersede[KSK_SUPERSEDE_COUNT_MAX]; /* ascending */
	enum ksk_sign_repeat repeat;
	uint8_t idempotency[KSK_ID_LEN]; /* KSK_SIGN_REPEAT_GIVEN */
};

/* A file given with --evidence. */
struct ksk_sign_evidence {
	const char *path;
	struct ksk_zonetext zone;
};

struct ksk_sign_set {
	const char *path; /* of the text, for messages */
	uint8_t *text;
	size_t text_len;
	struct ksk_name owner;
	uint16_t type;
	bool lacks_ttl;              /* until the policy's is known */
	struct ksk_zonetext zone;    /* what the text holds */
	struct ksk_request ask;      /* for keys */
	struct ksk_request ask_last; /* for what was signed last */
	struct ksk_request request;  /* for the signatures; borrows from zone
				     * and from the keys reply */
};

/*
 * Reads the text of a file; all that is wrong is said on standard error. A
 * text without TTLs is read again when the zone's TTL is known.
 * set->path is given. KSK_ERR_BAD_INPUT and others.
 */
KSK_MUST_USE enum ksk_err ksk_sign_set_load(struct ksk_sign_set *set);

/* Reads a file of evidence; all that is wrong is said on standard error. */
KSK_MUST_USE enum ksk_err ksk_sign_evidence_load(
	struct ksk_sign_evidence *evidence);

/*
 * Makes the request: fills in the TTL, adds the KSKs that must stand, sorts,
 * sets the window, adds what evidence is about this zone.
 * keys: borrowed as long as the request is used. last: the answer that the
 * appliance holds, NULL for none; looked at for KSK_SIGN_PREVIOUS_ASKED.
 * KSK_ERR_BAD_INPUT; KSK_ERR_NOT_FOUND: a KSK that must stand is not there;
 * KSK_ERR_BAD_SIGNATURE: a KSK that is not the pinned one; KSK_ERR_CRYPTO: no
 * random bytes; with fault.
 */
KSK_MUST_USE enum ksk_err ksk_sign_set_build(struct ksk_sign_set *set,
	const struct ksk_keys_reply *keys,
	const struct ksk_last_answer_reply *last,
	const struct ksk_sign_options *options,
	const struct ksk_sign_evidence *evidence, uint64_t now,
	struct ksk_fault *fault);

/*
 * Checks what came back, with no trust in the appliance: every KSK that must
 * stand has signed this very set, nobody else has, and the window is the one
 * that was asked for or contains this moment.
 * keys: the reply that the set was built with.
 * KSK_ERR_BAD_SIGNATURE with fault.
 */
KSK_MUST_USE enum ksk_err ksk_sign_set_check(const struct ksk_sign_set *set,
	const struct ksk_keys_reply *keys, const struct ksk_sign_reply *reply,
	uint64_t now, struct ksk_fault *fault);

void ksk_sign_set_wipe(struct ksk_sign_set *set);

#endif
