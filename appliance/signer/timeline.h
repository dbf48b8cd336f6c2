/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timeline - what was released for each zone, and what follows from it for the
 * next answer: the signer's copy of what the journal's records say. A zone's
 * timeline is one row of the journal's file, written in the same transaction
 * as the record that changes it, so that after any crash both agree. The copy
 * in memory is what the rules are lent; it is loaded when a zone is asked for,
 * and the one longest unused makes room.
 *
 * A change comes in two steps: change the copy (ksk_timeline_add, _attest),
 * then stage its row (ksk_timelines_stage) beside the record. A copy that is
 * staged and not yet durable stays in memory.
 *
 * Folding: a DNSKEY answer with the same keys, signers and TTL as the newest,
 * both having begun, adds nothing that a cache could tell apart: the newest
 * takes over the later expiration and the record. A CDS or CDNSKEY answer that
 * repeats the last two becomes the later of them, for its inception counts
 * (RFC 7344 6.2). So a zone that is refreshed for years has a short timeline.
 * Tests: tests/unit/test_timeline.c, tests/integration/test_timeline.py
 */
#ifndef KSK_SIGNER_TIMELINE_H
#define KSK_SIGNER_TIMELINE_H

#include "appliance/policy/rules.h"
#include "appliance/policy/timeline_body.h"
#include "appliance/signer/journal.h"

/* Answers that a judged request must leave room for: one of each type and an
 * adopted one with its ghost may come between verdict and release. */
#define KSK_TIMELINE_MARGIN 8u

/* Those in memory. Opaque. */
struct ksk_timelines;

/* An answer at the moment of its release or adoption. All borrowed. */
struct ksk_release {
	const struct ksk_rrset *rrset;
	struct ksk_window window;
	/* DNSKEY: of each record, without REVOKE, by SHA-256, or NULL */
	const struct ksk_ds *key;
	const struct ksk_ds *signer; /* KSKs that signed, in either digest */
	size_t signer_count;
	const struct ksk_ds *proven; /* keys that the request proved */
	size_t proven_count;
	uint64_t record;     /* number of its RESULT or ADOPT record … */
	const uint8_t *hash; /* … and its hash, KSK_HASH_LEN */
	uint64_t released;   /* the record's time */
	bool adopted;
};

/* What a policy that comes into force says of a zone. Borrowed. */
struct ksk_attest {
	bool has_attested;
	uint64_t seen;
	const struct ksk_ds *ds;
	size_t ds_count;
	bool has_waits;
	uint64_t zone_max_ttl, parent_ds_ttl;
	uint64_t time; /* the record's */
};

/* ---- those in memory ---- */

/*
 * Makes an empty set of timelines over a journal (borrowed as long as it).
 * out_timelines: owned, ksk_timelines_free. KSK_ERR_NO_MEMORY, KSK_ERR_IO,
 * with fault.
 */
KSK_MUST_USE enum ksk_err ksk_timelines_new(struct ksk_journal *journal,
	struct ksk_timelines **out_timelines, struct ksk_fault *fault);
void ksk_timelines_free(struct ksk_timelines **timelines);

/*
 * Finds a zone's timeline, reads it from the journal if it is not in memory;
 * one that the journal does not have is empty.
 * out_timeline: borrowed until the next call that finds another one.
 * KSK_ERR_NO_ROOM: all that are in memory are staged: commit first.
 * KSK_ERR_MALFORMED: the row is damaged; KSK_ERR_IO. All with fault.
 */
KSK_MUST_USE enum ksk_err ksk_timelines_find(struct ksk_timelines *timelines,
	const struct ksk_name *zone, struct ksk_timeline **out_timeline,
	struct ksk_fault *fault);

/* Returns true if a record, the row of the timeline after one more change, and
 * extra further rows of at most 1 KiB can be staged. */
bool ksk_timelines_has_room(const struct ksk_timelines *timelines,
	const struct ksk_timeline *timeline, size_t extra);

/* Stages the row of a changed timeline. There must be room. now: for what
 * ksk_timelines_expiries reads. */
void ksk_timelines_stage(struct ksk_timelines *timelines,
	struct ksk_timeline *timeline, uint64_t now);

/* Returns true if a change of the timeline is not durable yet. */
bool ksk_timelines_is_staged(const struct ksk_timelines *timelines,
	const struct ksk_timeline *timeline);

/* Forgets the copy in memory, which is not staged: its change was not wanted.
 */
void ksk_timelines_forget(
	struct ksk_timelines *timelines, struct ksk_timeline *timeline);

/*
 * Gives each zone of the journal with the expiration of its answer in effect
 * that expires first, as of its last change (0: it has none).
 */
KSK_MUST_USE enum ksk_err ksk_timelines_expiries(
	struct ksk_timelines *timelines,
	void (*each)(void *ctx, const struct ksk_name *zone, uint64_t expires),
	void *ctx, struct ksk_fault *fault);

/* Zones that one call of ksk_timelines_names gives. */
#define KSK_TIMELINES_NAMES 64u

/*
 * Gives the next zones of the journal, in the order of their bytes.
 * after: the last one that was given; empty: from the first on. out_count: less
 * than KSK_TIMELINES_NAMES: there is no further one. KSK_ERR_MALFORMED: a row
 * has no name; KSK_ERR_IO; with fault.
 */
KSK_MUST_USE enum ksk_err ksk_timelines_names(struct ksk_timelines *timelines,
	const struct ksk_name *after,
	struct ksk_name out_names[KSK_TIMELINES_NAMES], size_t *out_count,
	struct ksk_fault *fault);

/*
 * Has every change that is staged told, by its zone: from now on, instead of
 * whoever was told before. each: NULL for nobody; it must not change timelines.
 */
void ksk_timelines_watch(struct ksk_timelines *timelines,
	void (*each)(void *ctx, const struct ksk_name *zone), void *ctx);

/* ---- one zone ---- */

/* Returns what the rules are lent; valid as long as the timeline is. */
const struct ksk_history *ksk_timeline_history(
	const struct ksk_timeline *timeline);

/* Returns the number of the record that holds an answer of the history; 0 for
 * a ghost. */
uint64_t ksk_timeline_record(const struct ksk_timeline *timeline,
	const struct ksk_history_answer *answer);

/* Returns true while KSK_TIMELINE_MARGIN further answers fit. */
bool ksk_timeline_has_room(const struct ksk_timeline *timeline);

/*
 * Adds an answer, or folds it into the newest; drops what no rule can need.
 * zone: its entry in the policy in force, NULL if it has none: then nothing is
 * dropped. There must be room (ksk_timeline_has_room when it was judged).
 * An adopted answer on an empty timeline gets its ghost.
 */
void ksk_timeline_add(struct ksk_timeline *timeline,
	const struct ksk_zone *zone, const struct ksk_release *release);

/*
 * Adds what a policy says: a snapshot of the parent, and waits.
 * KSK_ERR_NO_ROOM: too many; nothing has changed.
 */
KSK_MUST_USE enum ksk_err ksk_timeline_attest(
	struct ksk_timeline *timeline, const struct ksk_attest *attest);

/* Drops what no rule can need any more. */
void ksk_timeline_drop(struct ksk_timeline *timeline,
	const struct ksk_zone *zone, uint64_t now);

/*
 * Finds the newest answer of a type that holds the same: keys, signers and
 * TTL. signer: as in ksk_release. NULL if the newest holds something else.
 */
const struct ksk_history_answer *ksk_timeline_same(
	const struct ksk_timeline *timeline, const struct ksk_rrset *rrset,
	const struct ksk_ds *signer, size_t signer_count);

/* Returns the waits last attested; false if none were. */
bool ksk_timeline_waits(const struct ksk_timeline *timeline,
	uint64_t *out_zone_max_ttl, uint64_t *out_parent_ds_ttl);

/* Returns the expiration of the answer in effect that expires first, 0 if
 * there is none. */
uint64_t ksk_timeline_expires(
	const struct ksk_timeline *timeline, uint64_t now);

/* ---- the rate of a client (rule `rate`) ---- */

/* Returns how many answers a client had in the last per seconds. */
uint32_t ksk_timeline_recent(const struct ksk_timeline *timeline,
	const uint8_t pin[KSK_PIN_LEN], uint64_t per, uint64_t now);

/* Counts one more. */
void ksk_timeline_count(struct ksk_timeline *timeline,
	const uint8_t pin[KSK_PIN_LEN], uint64_t per, uint64_t now);

/* ---- the records' word ---- */

/*
 * Computes a zone's timeline again from the journal's durable records and
 * compares: all that is kept is what they say, nothing is missing that may not
 * be dropped. Rates are not in the records. For tests: it reads every record.
 * zone: its entry in the policy, NULL if none. KSK_ERR_MALFORMED with fault:
 * the first difference.
 */
KSK_MUST_USE enum ksk_err ksk_timelines_check(struct ksk_timelines *timelines,
	const struct ksk_name *name, const struct ksk_zone *zone,
	struct ksk_fault *fault);

#endif
