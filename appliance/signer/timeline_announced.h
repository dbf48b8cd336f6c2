/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timeline_announced - what providers announced, as part of a zone's timeline:
 * the newest accepted announcement of each, and keys of older ones that still
 * stand in a set. A change comes in three steps: build it, stage the record,
 * put it into the timeline and stage its row; then the two are durable
 * together.
 * Tests: tests/unit/test_timeline_announced.c
 */
#ifndef KSK_SIGNER_TIMELINE_ANNOUNCED_H
#define KSK_SIGNER_TIMELINE_ANNOUNCED_H

#include "appliance/policy/announced_body.h"
#include "appliance/policy/announcement.h"
#include "appliance/signer/timeline.h"

/* An announcement that counts. All borrowed. */
struct ksk_accepted {
	const struct ksk_announcement *announcement;
	const uint8_t *pin;  /* KSK_PIN_LEN, of the key that signed it */
	const uint8_t *hash; /* KSK_HASH_LEN, of its text */
	const struct ksk_table *table;
	const struct ksk_zone *zone;
	uint64_t now;
	/* A set of the zone is being signed that may hold keys of the
	 * announcement before: none is forgotten. */
	bool under_way;
};

/* What will be in place of what was announced before. */
struct ksk_announced_change {
	struct ksk_history_announced entry; /* keys.first is not set */
	struct ksk_history_announced_key key[KSK_ANNOUNCED_KEY_MAX];
	size_t at; /* of timeline->announced; its count: a new one */
	char dropped[KSK_LABEL_CAP]; /* whose row goes, "" for none */
};

/*
 * Builds the change. KSK_ERR_NO_ROOM: too many providers have announced
 * something for this zone, or too many keys of older announcements are still
 * in use. KSK_ERR_CRYPTO. out is undefined then.
 */
KSK_MUST_USE enum ksk_err ksk_announced_build(
	const struct ksk_timeline *timeline,
	const struct ksk_accepted *accepted, struct ksk_announced_change *out);

/* Puts a change in place: record and its hash are set by then. */
void ksk_announced_apply(struct ksk_timeline *timeline,
	const struct ksk_announced_change *change);

/* Returns true if a record and the rows of a change can be staged. */
bool ksk_announced_has_room(const struct ksk_timelines *timelines);

/* Stages the row of the entry at `at`; dropped: whose row goes, "" for none.
 * There must be room. */
void ksk_announced_stage(struct ksk_timelines *timelines,
	struct ksk_timeline *timeline, size_t at, const char *dropped);

/* Prepares the statements. Once, from ksk_timelines_new. KSK_ERR_IO,
 * KSK_ERR_NO_ROOM, with fault. */
KSK_MUST_USE enum ksk_err ksk_announced_begin(struct ksk_journal *journal,
	size_t *out_put, size_t *out_drop, struct ksk_fault *fault);

#endif
