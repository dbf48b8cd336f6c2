/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * approve - may a signed document take effect? Pure: what stands and the
 * document in, a permit or all reasons out. Every signature must be good and
 * by an operator, each operator counts once, and one blemish refuses the
 * document: what operators hand in is made with care or made again.
 * Tests: tests/unit/test_approve.c, tests/model/test_approvals.py
 */
#ifndef KSK_POLICY_APPROVE_H
#define KSK_POLICY_APPROVE_H

#include "appliance/policy/document.h"
#include "appliance/policy/signed.h"
#include "protocol/msg.h"

/* Ids of PROTOCOL.md 7.1, and what each demands. */
#define KSK_APPROVE_TABLE(X) \
	X(KSK_APPROVE_DOCUMENT, "document", \
		"the file is one signed document, and its text is well formed") \
	X(KSK_APPROVE_SIGNATURE, "signature", "each signature is good") \
	X(KSK_APPROVE_OPERATOR, "operator", \
		"each signature is by an operator, and none signed twice") \
	X(KSK_APPROVE_QUORUM, "quorum", \
		"as many operators signed as the authority demands") \
	X(KSK_APPROVE_KIND, "kind", \
		"the text is of the kind that is handed in") \
	X(KSK_APPROVE_APPLIANCE, "appliance", "the text names this appliance") \
	X(KSK_APPROVE_NOT_AFTER, "not-after", \
		"the document's time is not over") \
	X(KSK_APPROVE_REPLACES, "replaces", \
		"the text names what is in force as what it replaces") \
	X(KSK_APPROVE_VERSION, "version", \
		"a policy's version is higher than the last, an authority's one " \
		"more") \
	X(KSK_APPROVE_LIFTS, "lifts", "what a policy lifts was withdrawn") \
	X(KSK_APPROVE_WITHDRAW, "withdraw", \
		"what is withdrawn is known, and there is room for it") \
	X(KSK_APPROVE_AUTHORISE, "authorise", \
		"an authorise document names this journal, a record of it, and " \
		"a nonce that was not used, and something waits for it") \
	X(KSK_APPROVE_POLICY, "policy", \
		"the policy leaves every zone an acceptable next set")

enum ksk_approve_rule {
#define X(name, id, sentence) name,
	KSK_APPROVE_TABLE(X)
#undef X
};

/* Operators whose good signatures a document has, each once. */
struct ksk_approvers {
	size_t count;
	uint8_t pin[KSK_OPERATOR_COUNT_MAX][KSK_PIN_LEN];
};

/* What documents are judged against. */
struct ksk_standing {
	const struct ksk_authority *authority; /* borrowed; version 0: none */
	uint8_t appliance[KSK_ID_LEN];
	uint64_t now;            /* seconds */
	uint64_t policy_version; /* of the last policy, 0: none */
	uint8_t policy_hash[KSK_HASH_LEN];
};

/* What any document says of itself. */
struct ksk_claim {
	unsigned kind;
	const uint8_t *appliance; /* KSK_ID_LEN, borrowed */
	bool has_not_after;
	uint64_t not_after;
	bool has_replaces;
	const uint8_t *replaces; /* KSK_HASH_LEN, borrowed */
	uint64_t version;        /* policy, authority */
	const uint8_t *hash;     /* of the text, KSK_HASH_LEN, borrowed */
};

/* Adds a refusal. */
void ksk_approve_refuse(struct ksk_refusals *refusals,
	enum ksk_approve_rule rule, const char *fmt, ...) KSK_FORMAT(3, 4);

/* Returns a rule's id and sentence; NULL beyond the last. */
const char *ksk_approve_id(size_t index);
const char *ksk_approve_sentence(size_t index);

/*
 * Judges the signatures of a document before its text is read.
 * kind: what it is handed in as; thresholds are by kind. next: of an authority
 * document, once its text is read: its operators are known too, and as many of
 * them must have signed as it demands itself. NULL before that: then signers
 * that are not known are left to the second look.
 * Returns true if enough signed; out: who. Else refusals has all reasons.
 */
bool ksk_approve_signers(const struct ksk_authority *authority, unsigned kind,
	const struct ksk_signed *document, const struct ksk_authority *next,
	struct ksk_approvers *out, struct ksk_refusals *refusals);

/* Judges what a text says of itself. Returns true if all of it is right; else
 * refusals has all reasons. */
bool ksk_approve_claim(const struct ksk_standing *standing,
	const struct ksk_claim *claim, struct ksk_refusals *refusals);

/* What the two forms of a document claim; borrows from it. */
struct ksk_claim ksk_claim_of_table(const struct ksk_table *table);
struct ksk_claim ksk_claim_of_document(const struct ksk_document *document);

#endif
