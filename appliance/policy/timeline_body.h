/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timeline_body - one zone's timeline in memory, and as the body of its row in
 * the journal. Who changes it is the signer alone (appliance/signer/timeline.h);
 * whoever checks a journal's file reads it too. What does not fit the arrays or
 * contradicts itself is damage.
 * Tests: tests/unit/test_timeline.c, tests/integration/test_journal_check.py
 */
#ifndef KSK_POLICY_TIMELINE_BODY_H
#define KSK_POLICY_TIMELINE_BODY_H

#include "appliance/policy/announced.h"
#include "appliance/policy/history.h"
#include "protocol/wire.h"

/* What one zone may have. Answers leave 31 days after no cache can hold them
 * (ksk_history_droppable): about 16 changes a day fit. */
#define KSK_TIMELINE_ANSWER_MAX 512u
#define KSK_TIMELINE_MEMBER_MAX 8192u
#define KSK_TIMELINE_KEY_MAX KSK_HISTORY_KEY_MAX
#define KSK_TIMELINE_DS_MAX 2048u
#define KSK_TIMELINE_PARENT_MAX 64u
#define KSK_TIMELINE_WAIT_MAX 32u
#define KSK_TIMELINE_RATE_MAX 64u
/* Providers that announced something, of the policy and of older ones, and the
 * keys of so many as a zone may have. */
#define KSK_TIMELINE_ANNOUNCED_MAX 32u
#define KSK_TIMELINE_ANNOUNCED_KEY_MAX \
	(KSK_PROVIDER_COUNT_MAX * KSK_ANNOUNCED_KEY_MAX)

/* A rate is kept in two fixed periods, the present and the one before, which
 * counts in proportion to the part of it that is still looked at. */
struct ksk_timeline_rate {
	uint8_t pin[KSK_PIN_LEN];
	uint64_t begin; /* of the present period */
	uint32_t present, before;
};

struct ksk_timeline {
	struct ksk_name zone;
	struct ksk_history history; /* the arrays below, and how full */
	struct ksk_history_key key[KSK_TIMELINE_KEY_MAX];
	struct ksk_history_answer answer[KSK_TIMELINE_ANSWER_MAX];
	uint64_t record[KSK_TIMELINE_ANSWER_MAX]; /* of answer[i] */
	struct ksk_history_member member[KSK_TIMELINE_MEMBER_MAX];
	struct ksk_ds ds[KSK_TIMELINE_DS_MAX];
	struct ksk_history_parent parent[KSK_TIMELINE_PARENT_MAX];
	struct ksk_history_wait wait[KSK_TIMELINE_WAIT_MAX];
	/* Rows of their own, announced_body.h. */
	struct ksk_history_announced announced[KSK_TIMELINE_ANNOUNCED_MAX];
	struct ksk_history_announced_key
		announced_key[KSK_TIMELINE_ANNOUNCED_KEY_MAX];
	bool has_waits; /* those in force are known */
	uint64_t zone_max_ttl, parent_ds_ttl;
	size_t rate_count;
	struct ksk_timeline_rate rate[KSK_TIMELINE_RATE_MAX];
	/* its place among those in memory */
	struct ksk_timeline *next; /* with the same hash */
	uint64_t used;             /* rises */
	uint64_t staged;           /* commits when it was staged, plus one */
	uint64_t row_staged;       /* the same of its row … */
	size_t row;                /* … and that row's number */
	bool taken;
};

/* Empties it for a zone. */
void ksk_timeline_clear(
	struct ksk_timeline *timeline, const struct ksk_name *zone);

/* Appends the row's body; ksk_timeline_body_len bytes suffice. */
KSK_MUST_USE enum ksk_err ksk_timeline_write(
	const struct ksk_timeline *timeline, struct ksk_buf *out);

/* Reads a body into a cleared timeline. KSK_ERR_MALFORMED, and then it is
 * undefined. */
KSK_MUST_USE enum ksk_err ksk_timeline_read(
	struct ksk_span body, struct ksk_timeline *timeline);

/* Returns no less than what ksk_timeline_write appends. */
size_t ksk_timeline_body_len(const struct ksk_timeline *timeline);

/* A DS in a body. get: out is defined whatever comes; a digest that is too long
 * fails the reader with KSK_ERR_MALFORMED. */
void ksk_ds_put(struct ksk_wire_out *w, const struct ksk_ds *ds);
void ksk_ds_get(struct ksk_wire *w, struct ksk_ds *out);

#endif
