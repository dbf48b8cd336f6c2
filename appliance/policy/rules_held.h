/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules_held - the DS sets that a resolver may hold at a moment (TIMING.md,
 * KSKs and the parent): what operators saw at the parent, now and before, and
 * what was published as CDS or CDNSKEY for the parent to act on.
 */
#ifndef KSK_POLICY_RULES_HELD_H
#define KSK_POLICY_RULES_HELD_H

#include "appliance/policy/rules_times.h"

/* Where a DS set that may be held comes from. */
enum ksk_held_source {
	KSK_HELD_NEWEST,    /* the newest snapshot */
	KSK_HELD_OLDER,     /* one before it */
	KSK_HELD_PUBLISHED, /* a CDS or CDNSKEY answer */
};

struct ksk_held {
	const struct ksk_table *table;
	const struct ksk_times *times;
	uint64_t at;
	unsigned stage;
	size_t next; /* within a stage */
	struct ksk_walk walk;
	/* the present set; borrowed */
	const struct ksk_ds *ds;
	size_t count;
	enum ksk_held_source source;
	uint64_t since; /* when it was seen at the parent, or released */
	uint64_t until; /* from then on no cache holds it; KSK_NEVER: nobody
			 * has seen another one since */
};

/* Starts with the newest snapshot; without any the policy's parent-ds is
 * one, and without that the empty set. */
void ksk_held_begin(struct ksk_held *held, const struct ksk_table *table,
	const struct ksk_times *times, uint64_t at);
/* Steps to the next set; false when there is none. One set may come more than
 * once. */
bool ksk_held_next(struct ksk_held *held);

/* Returns true if the present set was published in an answer that begins later
 * than the moment: it may be held one day, but not yet. */
bool ksk_held_begins_later(const struct ksk_held *held);

/* Returns true if two DS name one key: equal, or of different digest types
 * with one tag and algorithm (a digest can't be turned into the other). */
bool ksk_held_same_key(const struct ksk_ds *a, const struct ksk_ds *b);

/* Returns true if the set has a DS of this key. */
bool ksk_held_has(
	const struct ksk_ds *set, size_t count, const struct ksk_ds *key);

/* Returns true if both sets name the same keys. */
bool ksk_held_equal(const struct ksk_ds *a, size_t a_count,
	const struct ksk_ds *b, size_t b_count);

/* The first snapshot that shows that the parent can't act on a CDS or CDNSKEY
 * answer any more; KSK_NEVER if none does. */
uint64_t ksk_held_closed(const struct ksk_walk *walk);

/* How long a DS set stays in caches once the next was seen. */
uint64_t ksk_held_grace(const struct ksk_times *times, uint64_t at);

#endif
