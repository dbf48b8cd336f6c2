/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules - what may be signed. One function per rule in one table {id,
 * sentence, function}; all are evaluated and all that fail are returned. Pure:
 * request, policy, history and the moment in, verdict out.
 *
 * Rules that depend on what was signed before (marked H) take it from struct
 * ksk_history. Where it is absent (NULL) they judge by what the request and
 * the policy alone show, and refuse what only history could justify.
 * Tests: tests/unit/test_rules.c (one accept and one reject test per rule),
 * test_rules_words.c (what refusals say), test_rules_cost.c (what they cost)
 */
#ifndef KSK_POLICY_RULES_H
#define KSK_POLICY_RULES_H

#include "appliance/policy/history.h"
#include "protocol/msg.h"

/* Where a candidate stands among the bundles of its schedule. */
struct ksk_chain {
	size_t bundle;      /* its place, 0 is the first */
	uint64_t first_seq; /* answers of the history from this seq on are the
			     * bundles before it */
	uint64_t named;     /* those of `supersedes` that are later answers, as
			     * bits; of all bundles so far */
};

/* What is to be judged. All borrowed. */
struct ksk_candidate {
	const struct ksk_sign *sign;
	const struct ksk_client *client;   /* NULL: nobody known */
	const struct ksk_history *history; /* NULL: no timeline is kept */
	uint64_t now;
	uint32_t recent; /* answers to this client for this zone within
	                       * the last rate_per seconds */
	bool clash;      /* its idempotency key stands for another request */
	bool full;       /* the zone had so many changes that no more can be
			* remembered until older ones have passed */
	struct ksk_chain *chain; /* NULL: no schedule */
};

struct ksk_signer_key {
	uint32_t ksk; /* index into table.ksks */
	bool revoked; /* signs as its revoked form */
};

/* What a permit says beyond yes. */
struct ksk_permit {
	struct ksk_window window; /* as given, or by policy */
	size_t signer_count;      /* KSKs that must sign */
	struct ksk_signer_key signer[KSK_RRSIG_COUNT_MAX];
	size_t warning_count;
	struct ksk_refusal warning[KSK_WARNING_COUNT_MAX];
	/* Bit i: possession of the key rdata[i] was shown by this request. */
	uint32_t proven;
	/* DNSKEY: of each record, without REVOKE, by SHA-256. */
	size_t key_count;
	struct ksk_ds key[KSK_RDATA_COUNT_MAX];
};

/*
 * Judges a candidate for a zone.
 * zone: NULL if no such zone is in the table (rule `zone` then fails alone).
 * out_permit: written only when permitted. out_refusals: emptied, then all
 * failing rules in the order of the table.
 * Returns true if permitted.
 */
bool ksk_rules_judge(const struct ksk_table *table, const struct ksk_zone *zone,
	const struct ksk_candidate *candidate, struct ksk_permit *out_permit,
	struct ksk_refusals *out_refusals);

/* Room to judge a schedule in: the past with the bundles behind it. Large. */
struct ksk_schedule_room;

/* out_room: owned, ksk_schedule_room_free. KSK_ERR_NO_MEMORY. */
KSK_MUST_USE enum ksk_err ksk_schedule_room_new(
	struct ksk_schedule_room **out_room);
/* Accepts NULL and pointers to NULL; sets *room to NULL. */
void ksk_schedule_room_free(struct ksk_schedule_room **room);

/*
 * Judges the bundles of a schedule, each with those before it as answers that
 * are released now (TIMING.md, schedules), and together.
 * candidate: sign and chain are not looked at. room: changed; holds the
 * permits when all are permitted.
 * out_refusals: all failing rules of all bundles, each with its bundle.
 * Returns true if permitted.
 */
bool ksk_rules_judge_schedule(const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_schedule *schedule,
	const struct ksk_candidate *candidate, struct ksk_schedule_room *room,
	struct ksk_refusals *out_refusals);

/* Returns the permit of a bundle of the schedule that the room has judged last
 * and that was permitted. */
const struct ksk_permit *ksk_schedule_permit(
	const struct ksk_schedule_room *room, size_t bundle);

/*
 * Judges a bundle that was signed before against the past that it followed, by
 * today's policy: whether its answer may be given again.
 * candidate: history holds the whole schedule; now: when it was released.
 * seq: of the bundle's answer. room: the permit of this bundle is in it.
 * Otherwise as ksk_rules_judge_schedule.
 */
bool ksk_rules_judge_again(const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_schedule *schedule,
	size_t bundle, uint64_t seq, const struct ksk_candidate *candidate,
	struct ksk_schedule_room *room, struct ksk_refusals *out_refusals);

/* A policy that is about to replace another, seen by one zone. */
struct ksk_load {
	const struct ksk_table *table;     /* the new one … */
	const struct ksk_zone *zone;       /* … and its entry */
	const struct ksk_table *old_table; /* the one in force … */
	const struct ksk_zone *old_zone;   /* … or NULL: not in it */
	/* Where old_zone is NULL: the providers of zone that were needed, as
	 * bits, as far as that is known; an entry that was held says nothing. */
	uint32_t needed;
	/* With the snapshot that the new policy attests (ksk_history_attested)
	 * and the waits of the old one, unloaded now, at their ends. */
	const struct ksk_history *history;
	uint64_t now;
};

/*
 * Judges whether a zone may go over to a new policy (TIMING.md, Adopt, and
 * loading a policy): an acceptable set can follow the one in effect, providers
 * that become needed are covered, none goes whose keys are in use.
 * `accept-outage: yes` waives these. What needs the keys themselves (key-form,
 * tag-unique, response-size) is not judged: only their DS are known here.
 * Returns true if it may; else out_refusals has the rules of the set that
 * breaks fewest.
 */
bool ksk_rules_judge_load(
	const struct ksk_load *load, struct ksk_refusals *out_refusals);

/* Returns true if answers signed by a provider of the zone may be in somebody's
 * hands, by the policy's own waits. */
bool ksk_rules_needs(const struct ksk_zone *zone,
	const struct ksk_policy_provider *provider, uint64_t now);

/* Writes the window used when a request has none: inception = now −
 * inception-offset, expiration = inception + validity. */
void ksk_rules_window(const struct ksk_zone *zone, uint64_t now,
	struct ksk_window *out_window);

/*
 * Finds the KSKs that must stand in a set that starts at a moment (DESIGN:
 * ksk-present), for keys replies and clients.
 * zsk_algorithms: those of the set as bits 1 << n, as if every needed provider
 * had a ZSK of each; 0: as in the set in effect.
 * out: room for KSK_RRSIG_COUNT_MAX. Returns how many; more than the room is
 * refused at load.
 */
size_t ksk_rules_standing(const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_history *history,
	uint64_t start, uint32_t zsk_algorithms,
	struct ksk_signer_key out[KSK_RRSIG_COUNT_MAX]);

/* id and sentence of each rule, for documents and `kskctl policy rules`.
 * Returns NULL past the last. */
const char *ksk_rules_id(size_t index);
const char *ksk_rules_sentence(size_t index);

#endif
