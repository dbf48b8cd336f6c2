/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules_times - when an answer is served and held, and since when a key is in
 * every cache: the definitions of TIMING.md, "Times of an answer and a key".
 * They look at the answers of a history and, behind them, at the candidate
 * that is judged just now. Read by rules_*.c and history.c; nobody else
 * includes it.
 */
#ifndef KSK_POLICY_RULES_TIMES_H
#define KSK_POLICY_RULES_TIMES_H

#include "appliance/policy/rules.h"

/* The answer that is judged now and not released yet. Numbers of its keys go
 * on where those of the history end. */
#define KSK_SEQ_AHEAD (KSK_NEVER - 1)
struct ksk_ahead {
	size_t key_count; /* that the history does not have */
	struct ksk_history_key key[KSK_RDATA_COUNT_MAX];
	bool has_answer; /* false: only its keys are known */
	struct ksk_history_answer answer;
	struct ksk_history_member member[KSK_RDATA_COUNT_MAX];
	struct ksk_ds ds[KSK_RDATA_COUNT_MAX];
};

/* A zone's answers, oldest first. history is never NULL here. */
struct ksk_times {
	const struct ksk_zone *zone;
	const struct ksk_history *history;
	const struct ksk_ahead *ahead; /* NULL: none */
};

/* Walks the answers of one type from the newest to the oldest, because the
 * end of one is known from those released after it. */
struct ksk_walk {
	const struct ksk_times *times;
	uint16_t type;
	size_t at;
	uint64_t replaced; /* least by() of those passed */
	/* the present one */
	const struct ksk_history_answer *answer;
	const struct ksk_history_member *member; /* its first, if DNSKEY */
	const struct ksk_ds *ds;                 /* its first, if CDS */
	uint64_t start;
	uint64_t by;
	uint64_t gone;
	bool served; /* somebody may have got it */
};

/* history: NULL counts as an empty one. ahead: NULL, or filled later: it
 * counts from the moment it has an answer. */
void ksk_times_init(struct ksk_times *times, const struct ksk_zone *zone,
	const struct ksk_history *history, const struct ksk_ahead *ahead);

void ksk_walk_begin(
	struct ksk_walk *walk, const struct ksk_times *times, uint16_t type);
/* Steps to the next older answer; false when there is none. */
bool ksk_walk_next(struct ksk_walk *walk);

/* Returns the present answer's member for a key, or NULL. */
const struct ksk_history_member *ksk_walk_find(
	const struct ksk_walk *walk, uint32_t key);

/* Steps to the answer of a type in effect at a moment; false if none. */
bool ksk_times_in_effect(const struct ksk_times *times, uint16_t type,
	uint64_t at, struct ksk_walk *out_walk);

/* Returns a key by number. */
const struct ksk_history_key *ksk_times_key(
	const struct ksk_times *times, uint32_t key);

/* Finds a key by its DS of either digest type. */
uint32_t ksk_times_find(const struct ksk_times *times, const struct ksk_ds *ds);

/* Returns true if the DS is that of the key. */
bool ksk_times_key_is(
	const struct ksk_history_key *key, const struct ksk_ds *ds);

/* cov(k) of DNSKEY answers. */
uint64_t ksk_times_cov(const struct ksk_times *times, uint32_t key);

/*
 * The answer that began the key's unbroken run, as seen at the answer `last`
 * (KSK_NEVER: the newest). Returns its seq, 0 if the key is in no run; out_by:
 * its by(), KSK_SINCE_EVER if it is not kept any more.
 */
uint64_t ksk_times_run(const struct ksk_times *times, uint32_t key,
	uint64_t last, uint64_t *out_by);

/* Both of a key of the set that is judged. */
struct ksk_since {
	uint64_t cov; /* cov(k) */
	uint64_t run; /* seq of the answer that began its run, as above */
};

/* Finds them for all keys of a set, KSK_RDATA_COUNT_MAX at most, in one walk.
 * A key KSK_HISTORY_NO_KEY is of no set. */
void ksk_times_since(const struct ksk_times *times, const uint32_t *key,
	size_t count, struct ksk_since *out);

/* zone-max-ttl and parent-ds-ttl: the largest of today's value and every older
 * value v that was unloaded at u with at < u + v. */
uint64_t ksk_times_zone_wait(const struct ksk_times *times, uint64_t at);
uint64_t ksk_times_parent_wait(const struct ksk_times *times, uint64_t at);

/* Returns true if answers signed by this provider may be in somebody's hands
 * (TIMING.md, needed). */
bool ksk_times_needed(const struct ksk_times *times,
	const struct ksk_policy_provider *p, uint64_t at);

/* Whose a ZSK is by the policy: provider and entry, or KSK_NOBODY. An entry
 * that withdraws the key counts before another with the same key. */
#define KSK_NOBODY UINT32_MAX
struct ksk_owner {
	uint32_t provider; /* index into table.providers */
	uint32_t entry;    /* index into table.keys */
};
struct ksk_owner ksk_times_owner(const struct ksk_times *times,
	const struct ksk_table *table, uint32_t key);

/* Returns true for a key that signs zone data: a ZSK, and no co-signer of the
 * zone. */
bool ksk_times_is_zsk(const struct ksk_times *times,
	const struct ksk_table *table, uint32_t key);

/* Whose zone data a key signs by the policy: a provider's ZSK, or its CSK among
 * the co-signers. Index into table.providers, or KSK_NOBODY. */
uint32_t ksk_times_data_key_of(const struct ksk_times *times,
	const struct ksk_table *table, uint32_t key);

/* prior(N): which answers a candidate follows. Filled once, asked for each
 * answer of a walk. */
struct ksk_prior {
	uint64_t start;  /* of the candidate */
	uint64_t by;     /* of the candidate */
	uint64_t effect; /* seq of the one in effect at start, 0: none */
};
void ksk_prior_init(struct ksk_prior *prior, const struct ksk_zone *zone,
	const struct ksk_history *history, uint64_t start, uint64_t by);
bool ksk_prior_has(const struct ksk_prior *prior, const struct ksk_walk *walk);

/*
 * The earliest moment at which caches could have held nothing but sets with
 * the key (TIMING.md, early-drop (b)): the least, over prior answers that list
 * it, of the greatest gone() of those before that lack it. KSK_NEVER: none
 * lists it.
 */
uint64_t ksk_times_usable(const struct ksk_times *times,
	const struct ksk_prior *prior, uint32_t key);

#endif
