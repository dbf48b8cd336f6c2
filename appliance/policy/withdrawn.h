/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * withdrawn - what single operators took away: ZSKs, and rights of clients. It
 * lies over every policy, and only narrows it, until a policy that a quorum
 * signed lifts it by name (`lifts`).
 * Tests: tests/unit/test_withdrawn.c
 */
#ifndef KSK_POLICY_WITHDRAWN_H
#define KSK_POLICY_WITHDRAWN_H

#include "appliance/policy/document.h"

/* Things that are withdrawn at one time, of all documents. */
#define KSK_WITHDRAWN_MAX 256u

struct ksk_withdrawn {
	uint8_t document[KSK_HASH_LEN]; /* of the text */
	struct ksk_taken taken;
};

/* Zero it before use. */
struct ksk_withdrawals {
	size_t count;
	struct ksk_withdrawn list[KSK_WITHDRAWN_MAX];
};

/* Bytes that ksk_withdrawals_write writes at most. */
#define KSK_WITHDRAWALS_MAX (8u + KSK_WITHDRAWN_MAX * 512u)

/* Returns true if a document stands already. */
bool ksk_withdrawals_has(
	const struct ksk_withdrawals *all, const uint8_t hash[KSK_HASH_LEN]);

/* Returns how many documents stand; gives their hashes. */
size_t ksk_withdrawals_documents(const struct ksk_withdrawals *all,
	uint8_t out[KSK_WITHDRAWAL_COUNT_MAX][KSK_HASH_LEN]);

/* Adds what a document takes. KSK_ERR_NO_ROOM: nothing has changed. */
KSK_MUST_USE enum ksk_err ksk_withdrawals_add(
	struct ksk_withdrawals *all, const struct ksk_document *document);

/* Removes what a document took. Returns true if it stood. */
bool ksk_withdrawals_lift(
	struct ksk_withdrawals *all, const uint8_t hash[KSK_HASH_LEN]);

/* The form in which the journal keeps them. KSK_ERR_NO_ROOM. */
KSK_MUST_USE enum ksk_err ksk_withdrawals_write(
	const struct ksk_withdrawals *all, struct ksk_buf *out);

/* KSK_ERR_MALFORMED; out unchanged on failure. */
KSK_MUST_USE enum ksk_err ksk_withdrawals_read(
	struct ksk_span bytes, struct ksk_withdrawals *out);

/* Returns true if something of a policy would change. */
bool ksk_withdrawals_touch(
	const struct ksk_withdrawals *all, const struct ksk_table *table);

/*
 * Gives a policy with all that is withdrawn taken away, in memory of its own.
 * out: ksk_table_unmap. KSK_ERR_NO_MEMORY; KSK_ERR_MALFORMED: what came out is
 * no table.
 */
KSK_MUST_USE enum ksk_err ksk_withdrawals_narrow(
	const struct ksk_withdrawals *all, const struct ksk_table *table,
	struct ksk_table *out, struct ksk_fault *fault);

/*
 * Says what is wrong with taking something from a policy: NULL if nothing.
 * A key that no policy pins may be taken: it may be announced, or pinned
 * later; a KSK of ours may not.
 */
const char *ksk_withdrawals_trouble(
	const struct ksk_taken *taken, const struct ksk_table *table);

/* Returns true if a key of a zone is withdrawn by this DS. */
bool ksk_withdrawals_has_key(const struct ksk_withdrawals *all,
	const struct ksk_name *zone, const struct ksk_ds *ds);

#endif
