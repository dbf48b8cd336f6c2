/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history - what the rules know of one zone's past, as plain arrays that the
 * keeper of the timeline fills and lends; and the questions that the past
 * alone answers: since when a key is in every cache, when it may leave, when
 * the parent's DS may change, which answers no rule can need any more. Pure:
 * no I/O, no clock, no heap.
 *
 * Times are seconds since 1970. KSK_SINCE_EVER stands for minus infinity and
 * KSK_NEVER for infinity; sums keep both. Intervals are half-open.
 *
 * DNSKEY, CDS and CDNSKEY are one sequence each: an answer is replaced by
 * later ones of its own type only, because servers go on serving the others.
 * A CDNSKEY is known by the DS of its key, so that a CDS and a CDNSKEY answer
 * with the same keys are the same DS set: the pair counts as one, held and
 * closed together. While only one of the two has changed, both sets may come
 * to be held: parents read either type.
 * Tests: tests/unit/test_history.c, test_history_more.c, tests/model/test_model.py
 */
#ifndef KSK_POLICY_HISTORY_H
#define KSK_POLICY_HISTORY_H

#include "appliance/policy/table.h"

#define KSK_SINCE_EVER 0u
#define KSK_HISTORY_NO_KEY UINT32_MAX
#define KSK_HISTORY_KEY_MAX 512u /* keys of one zone */

/*
 * One key that some answer lists or listed. A KSK is one entry in both its
 * forms: digests and flags are those without the REVOKE bit (RFC 5011 2.1).
 * Entries may be dropped when no kept answer lists them, unless `ours` or
 * `proven` is set or `exposed` is not past.
 */
struct ksk_history_key {
	struct ksk_ds sha256; /* of the DNSKEY at the zone's name */
	struct ksk_ds sha384; /* digest_len 0: not known */
	uint16_t flags;       /* 256, 257, … */
	bool ours;            /* it signed an answer, ever */
	bool proven;          /* its owner has proved possession, ever */
	uint64_t entered;     /* seq of the answer that began its present
	                       * unbroken run, if that answer was pruned (see
	                       * ksk_history_entered); else 0 */
	uint64_t exposed;     /* greatest expiration of all answers that list
	                       * it, pruned ones too; 0: none */
};

/* One key in one DNSKEY answer. */
struct ksk_history_member {
	uint32_t key; /* index into history.key */
	bool revoked; /* stands with REVOKE */
	bool signs;   /* an RRSIG of the answer is by it */
};

/* seq of an answer: number of its record times this; the one before is free
 * for the ghost of an adopted answer. */
#define KSK_SEQ_PER_RECORD 1024u

struct ksk_history_answer {
	uint64_t seq;        /* rises with each answer of the zone, whatever its
	               * type; > 0 */
	uint16_t type;       /* DNSKEY, CDS, CDNSKEY */
	bool ghost;          /* what an adopted zone served before */
	uint32_t ttl;        /* seconds */
	uint64_t inception;  /* of its RRSIGs */
	uint64_t expiration; /* KSK_NEVER: a ghost */
	uint64_t released;   /* when the reply left, or it was adopted */
	struct ksk_run content;     /* DNSKEY: of history.member;
	                             * CDS, CDNSKEY: of history.ds, SHA-256 DS
	                             * for CDNSKEY; empty: the delete form */
	uint8_t hash[KSK_HASH_LEN]; /* of its record, for `previous`; zeroes
	                             * for a ghost */
};

/*
 * What operators attested to have seen at the parent, in the order of
 * attestation; `seen` rises too. acted: the seq of the CDS and CDNSKEY answer
 * that the parent has acted on by then (ksk_history_acted, computed once when
 * the snapshot is added and kept with it), 0: none.
 */
struct ksk_history_parent {
	uint64_t seen;
	struct ksk_run ds; /* of history.ds */
	uint64_t acted_cds;
	uint64_t acted_cdnskey;
};

/* Waits of a policy that is no longer in force. May be dropped when both
 * unloaded + zone_max_ttl and unloaded + parent_ds_ttl are past. */
struct ksk_history_wait {
	uint64_t zone_max_ttl;
	uint64_t parent_ds_ttl;
	uint64_t unloaded; /* when the next policy was loaded */
};

/* One key that a provider announced, by the DS of either type. */
struct ksk_history_announced_key {
	struct ksk_ds sha256;
	struct ksk_ds sha384;
	uint64_t retired; /* as in the policy; KSK_NEVER if not stated */
	bool former;      /* an earlier announcement listed it, not this one */
};

/*
 * The announcement that was accepted last from a provider of the zone. It
 * counts while the policy has a provider of that name whose certificate has
 * this key (announced.h).
 */
struct ksk_history_announced {
	char provider[KSK_LABEL_CAP];
	uint8_t pin[KSK_PIN_LEN]; /* of the key that signed it */
	uint64_t serial;          /* the next one's must be higher */
	uint64_t not_before, not_after;
	uint64_t accepted; /* when, seconds */
	uint64_t record;   /* number of its record … */
	uint8_t record_hash[KSK_HASH_LEN];
	uint8_t hash[KSK_HASH_LEN]; /* SHA-256 of its text */
	struct ksk_run keys;        /* of history.announced_key */
};

/* All that is known of one zone; all pointers borrowed. Zeroed: an empty
 * timeline, which is not the same as none (a NULL history). */
struct ksk_history {
	const struct ksk_history_key *key;
	size_t key_count; /* KSK_HISTORY_KEY_MAX at most */
	const struct ksk_history_answer *answer; /* rising seq, all types */
	size_t answer_count;
	const struct ksk_history_member *member;
	size_t member_count;
	const struct ksk_ds *ds;
	size_t ds_count;
	const struct ksk_history_parent *parent;
	size_t parent_count;
	const struct ksk_history_wait *wait;
	size_t wait_count;
	const struct ksk_history_announced *announced; /* one per provider */
	size_t announced_count;
	const struct ksk_history_announced_key *announced_key;
	size_t announced_key_count;
};

/* What fills it must keep to these: runs inside their arrays, key indexes
 * below key_count, rising seq. Returns false if one is broken. */
bool ksk_history_is_sound(const struct ksk_history *history);

/* Returns a + b: infinities stay, an overflow is KSK_NEVER. */
uint64_t ksk_history_add(uint64_t a, uint64_t b);

/* Finds a key by its DS of either digest type; KSK_HISTORY_NO_KEY if none. */
uint32_t ksk_history_find(
	const struct ksk_history *history, const struct ksk_ds *ds);

/* Returns the newest answer of a type, ghosts aside, or NULL: the head that
 * `previous` must name. */
const struct ksk_history_answer *ksk_history_head(
	const struct ksk_history *history, uint16_t type);

/* Returns the answer of a type in effect at a moment, or NULL. */
const struct ksk_history_answer *ksk_history_in_effect(
	const struct ksk_history *history, uint16_t type, uint64_t at);

/*
 * True if the zone's first signing needs an adopted set: its policy states a
 * DS set at the parent and not `new-zone: yes`, and no DNSKEY answer is
 * known, so that nobody here knows what caches hold (DESIGN, adopt).
 */
bool ksk_history_needs_adoption(
	const struct ksk_zone *zone, const struct ksk_history *history);

/* ---- what status and keys show ---- */

/*
 * cov(k): from this moment on nobody can hold a set without the key, as far as
 * the released answers go. KSK_SINCE_EVER: no cache ever lacked it. A key
 * that the head lacks is covered at no moment: KSK_NEVER.
 */
uint64_t ksk_history_covered(const struct ksk_zone *zone,
	const struct ksk_history *history, uint32_t key);

/*
 * The earliest moment, not before now, at which early-drop lets a ZSK of the
 * set in effect leave, if nothing else is signed before. The only one of its
 * provider and algorithm leaves with all ZSKs of that algorithm. KSK_NEVER: not
 * without another key of its provider, a `retired`, or a policy change.
 */
uint64_t ksk_history_first_drop(const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_history *history,
	uint64_t now, uint32_t key);

/*
 * The earliest moment, not before now, at which early-ds lets a CDS name this
 * KSK alone of its algorithm (and a hand-made DS may change to it). ksk: index
 * into table.ksks. KSK_NEVER: it is not in the newest set, or a provider lacks
 * a ZSK of its algorithm.
 */
uint64_t ksk_history_ds_change(const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_history *history,
	uint64_t now, uint32_t ksk);

/* exposed-until: the last expiration of any released signature over a set
 * with the key; 0 if none. Until then a withdrawn key can be replayed. */
uint64_t ksk_history_exposed(const struct ksk_history *history, uint32_t key);

/* ---- what the keeper of the timeline asks ---- */

/* How the policy's parent-ds compares with the newest snapshot. */
enum ksk_attested {
	KSK_ATTESTED_NOTHING, /* none stated, or the same again */
	KSK_ATTESTED_NEW,     /* a snapshot to add */
	KSK_ATTESTED_BACK,    /* another set, seen before the newest: refused
	                       * at load */
};
enum ksk_attested ksk_history_attested(const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_history *history);

/*
 * The seq of the answer of a type (CDS or CDNSKEY) that the parent has acted
 * on when `count` DS at `ds` were seen at `seen`: for a snapshot that is to be
 * added behind those of the history.
 */
uint64_t ksk_history_acted(const struct ksk_history *history, uint16_t type,
	const struct ksk_ds *ds, size_t count, uint64_t seen);

/*
 * Builds the ghost of an adopted answer, for an empty timeline: listed and
 * signed only by the adopted answer's signers that are in the newest snapshot.
 * history: holds the snapshots and the adopted answer's keys; adopted: not in
 * it yet, `released` = now. out_ghost: seq = adopted.seq − 1, content = the
 * first members of out_members. Returns how many members it has.
 */
size_t ksk_history_ghost(const struct ksk_history *history,
	const struct ksk_history_answer *adopted,
	const struct ksk_history_member *adopted_members,
	struct ksk_history_answer *out_ghost,
	struct ksk_history_member out_members[KSK_RDATA_COUNT_MAX]);

/*
 * How many of the oldest answers of a type no rule can need any more, by
 * today's waits: replaced, and gone from caches for as long as the longest
 * wait that counts from it; of CDS and CDNSKEY, closed and its DS set out of
 * every cache. The answer in effect, those ahead and the head always stay.
 * Before DNSKEY answers are dropped, `entered` of every key must be set from
 * ksk_history_entered and `exposed` kept.
 */
size_t ksk_history_droppable(const struct ksk_zone *zone,
	const struct ksk_history *history, uint16_t type, uint64_t now);

/*
 * What `entered` of a key must be once the oldest `count` DNSKEY answers are
 * dropped: where its run at the newest of those began. An answer that is kept
 * and lacks the key ends that run by itself; one that is still ahead may be
 * superseded and then ends nothing.
 */
uint64_t ksk_history_entered(const struct ksk_zone *zone,
	const struct ksk_history *history, uint32_t key, size_t count);

/* How many of the oldest snapshots are no longer held by any cache. */
size_t ksk_history_parents_droppable(const struct ksk_zone *zone,
	const struct ksk_history *history, uint64_t now);

#endif
