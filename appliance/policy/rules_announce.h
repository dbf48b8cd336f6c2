/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules_announce - may an announcement count? All that is wrong comes back at
 * once, as with sets. Pure. An announcement that is refused changes nothing:
 * the one accepted before stands.
 * Tests: tests/unit/test_announced.c, tests/integration/test_announce.py
 */
#ifndef KSK_POLICY_RULES_ANNOUNCE_H
#define KSK_POLICY_RULES_ANNOUNCE_H

#include "appliance/policy/announced.h"
#include "appliance/policy/announcement.h"
#include "appliance/policy/rules.h"
#include "appliance/policy/signed.h"

/* What is to be judged. All borrowed. */
struct ksk_announce {
	const struct ksk_signed *document;
	const struct ksk_announcement *announcement; /* what it says */
	uint8_t hash[KSK_HASH_LEN];                  /* SHA-256 of its text */
	bool offline;                                /* by nobody, for nobody */
	const struct ksk_client *client;   /* who brings it; NULL: unknown */
	const struct ksk_history *history; /* NULL: not known (offline) */
	uint64_t now;
};

/*
 * Judges an announcement for a zone.
 * zone: NULL if the zone it names is not in the table (rule `zone`).
 * out_known: true if it is the one that was accepted last, again: nothing is to
 * be done then. out_refusals: emptied, then all that fail.
 * Returns true if it counts.
 */
bool ksk_rules_judge_announce(const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_announce *announce,
	bool *out_known, struct ksk_refusals *out_refusals);

/* Empties refusals and fills them with what is wrong with a text (rule
 * `document`). */
void ksk_rules_announce_faults(
	const struct ksk_faults *faults, struct ksk_refusals *out_refusals);

/* Finds the provider of a zone that an announcement names; NULL if there is
 * none. */
const struct ksk_policy_provider *ksk_rules_announcer(
	const struct ksk_table *table, const struct ksk_zone *zone,
	const char *provider);

#endif
