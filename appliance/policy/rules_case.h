/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules_case - what the rules look at: the request, the policy, and what was
 * computed from both once for all of them (which key is whose, which KSKs
 * stand). Built by rules_build.c, read by rules_*.c; nobody else includes it.
 *
 * A rule is a function that looks at a case and calls ksk_case_refuse once for
 * each thing that is wrong, or not at all.
 */
#ifndef KSK_POLICY_RULES_CASE_H
#define KSK_POLICY_RULES_CASE_H

#include "appliance/policy/rules_times.h"

/* The flags of the three kinds of key that a set may hold. */
#define KSK_FLAGS_ZSK KSK_FLAG_ZONE
#define KSK_FLAGS_KSK (KSK_FLAG_ZONE | KSK_FLAG_SEP)
#define KSK_FLAGS_REVOKED (KSK_FLAGS_KSK | KSK_FLAG_REVOKE)

/* One DNSKEY of the set and whose it is. Indexes are into the table's arrays,
 * KSK_NOBODY if none. */
struct ksk_case_key {
	struct ksk_span rdata; /* empty: known by its DS alone (a policy is
				* being loaded) */
	bool readable;         /* else nothing below means anything */
	struct ksk_dnskey key; /* flags, algorithm and tag if known by its DS */
	struct ksk_ds sha256;  /* of the record without REVOKE, computed once;
	                        * of a set's keys only, else zeroed */
	uint32_t number;       /* in the history and behind it */
	uint32_t own;          /* ksks: ours, the REVOKE bit aside */
	uint32_t cosigner;     /* cosigners: pinned, `until` aside */
	uint32_t provider;     /* providers: the first that lists it */
	uint32_t entry;        /* keys: its entry there */
	uint32_t owner_count;  /* providers that list it */
	struct ksk_since since; /* the candidate counted */
};

struct ksk_case {
	const struct ksk_table *table;
	const struct ksk_zone *zone;
	const struct ksk_candidate *candidate;
	const struct ksk_rrset *rrset;
	struct ksk_name name; /* of the zone */
	struct ksk_window window;
	uint64_t start; /* nobody serves it before: max(inception, now) */
	uint64_t by;    /* everybody serves it by then */
	bool has_history;
	struct ksk_times past;  /* what was released */
	struct ksk_times times; /* … and the candidate behind it */
	struct ksk_ahead ahead; /* the candidate */
	size_t key_count;       /* DNSKEY requests only */
	/* CDNSKEY requests: one for each record, read only */
	struct ksk_case_key key[KSK_RDATA_COUNT_MAX];
	size_t standing_count;
	struct ksk_signer_key standing[KSK_RRSIG_COUNT_MAX];
	/* bits 1 << algorithm, of KSKs that stand and are not revoked */
	uint32_t due_algorithms;     /* all of them */
	uint32_t signing_algorithms; /* those that are in the set */
	uint32_t proven;             /* keys of which possession was shown,
	                              * as bits */
	const char *rule;            /* id of the rule that runs */
	struct ksk_refusals *refusals;
	size_t warning_count;
	struct ksk_refusal warning[KSK_WARNING_COUNT_MAX];
};

/* Fills a case: ksk_case_begin, a key for each record, ksk_case_end.
 * refusals: emptied. */
void ksk_case_build(struct ksk_case *c, const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_candidate *candidate,
	struct ksk_refusals *refusals);

/* The parts of it, for a set of which only DS are known. A key by number in
 * the history, or by the DS that pins it. */
void ksk_case_begin(struct ksk_case *c, const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_candidate *candidate,
	struct ksk_refusals *refusals);
void ksk_case_add_known(struct ksk_case *c, uint32_t number);
void ksk_case_add_pinned(
	struct ksk_case *c, const struct ksk_ds *ds, uint16_t flags);
/* Adds the KSKs that stand and the co-signers as well. */
void ksk_case_end_whole(struct ksk_case *c);

/* Finds the KSKs that stand in a set that starts at a moment (TIMING.md,
 * ksk-present). zsk_algorithms: of the set, as bits; complete: those of which
 * every needed provider has a ZSK in it. As ksk_rules_standing otherwise. */
size_t ksk_case_find_standing_ksks(const struct ksk_table *table,
	const struct ksk_times *past, uint64_t start, uint32_t zsk_algorithms,
	uint32_t complete, struct ksk_signer_key out[KSK_RRSIG_COUNT_MAX]);

/* Returns true if a CDS or CDNSKEY set has the delete form (RFC 8078 4). */
bool ksk_case_has_delete(const struct ksk_case *c);

/* Returns true if the set says the same as the newest answer of its type. */
bool ksk_case_is_unchanged(const struct ksk_case *c);

/* Adds a refusal of the running rule. tag: of the key, or KSK_NO_TAG.
 * provider: its name, or NULL. */
#define KSK_NO_TAG UINT32_MAX
void ksk_case_refuse(struct ksk_case *c, uint32_t tag, const char *provider,
	const char *fmt, ...) KSK_FORMAT(4, 5);
void ksk_case_warn(struct ksk_case *c, uint32_t tag, const char *provider,
	const char *fmt, ...) KSK_FORMAT(4, 5);

/* Returns true if the DS is that of the key. Its tag is compared first: that
 * spares nearly all digests. */
bool ksk_case_matches(const struct ksk_case *c, const struct ksk_case_key *k,
	const struct ksk_ds *ds);

/* Returns true for a flags-256 key. */
bool ksk_case_is_zsk(const struct ksk_case_key *k);

/* Returns true for a pinned co-signer whose `until` is not past. */
bool ksk_case_is_cosigner(
	const struct ksk_case *c, const struct ksk_case_key *k);

/* Returns true if the key signs zone data for the provider: a ZSK that it
 * lists and has not withdrawn, or its csk. */
bool ksk_case_is_data_key(const struct ksk_case *c,
	const struct ksk_case_key *k, uint32_t provider);

/* Finds the first needed provider that lists no ZSK of the algorithm in the set;
 * its name, or NULL if all do. */
const char *ksk_case_lacks_algorithm(
	const struct ksk_case *c, unsigned algorithm);

/* Returns true if answers signed by this provider may be in somebody's hands
 * (TIMING.md, needed). */
bool ksk_case_is_needed(
	const struct ksk_case *c, const struct ksk_policy_provider *p);

/* A ZSK that an answer which the candidate follows lists, and the set does not.
 */
struct ksk_leaver {
	uint32_t key;
	uint64_t last; /* seq of the newest such answer */
	struct ksk_owner owner;
};

/* Finds them all, each once. Returns how many. */
size_t ksk_case_leavers(const struct ksk_case *c, const struct ksk_prior *prior,
	struct ksk_leaver out[KSK_HISTORY_KEY_MAX]);

/* Returns true if the policy withdraws the key. */
bool ksk_case_is_withdrawn(const struct ksk_case *c, struct ksk_owner owner);

/* Finds a standing KSK in the set, in the form in which it stands. */
const struct ksk_case_key *ksk_case_find_standing(
	const struct ksk_case *c, struct ksk_signer_key standing);

/* Returns true if the KSK is among the standing ones. */
bool ksk_case_stands(const struct ksk_case *c, uint32_t ksk);

/* Writes an algorithm: "13 (ECDSAP256SHA256)". Returns buf. */
#define KSK_ALGORITHM_CAP 40
const char *ksk_case_algorithm(char buf[KSK_ALGORITHM_CAP], unsigned algorithm);

/* Runs all rules over a case; its refusals are what fails. */
void ksk_rules_run(struct ksk_case *c);

/* Writes the permit of a case that no rule refuses. */
void ksk_case_permit(const struct ksk_case *c, struct ksk_permit *out);

/* The rules, in the order of DESIGN; rules.c has id and sentence of each. */
void ksk_rule_zone(struct ksk_case *c);
void ksk_rule_client(struct ksk_case *c);
void ksk_rule_type(struct ksk_case *c);
void ksk_rule_ttl(struct ksk_case *c);
void ksk_rule_key_form(struct ksk_case *c);
void ksk_rule_key_algorithm(struct ksk_case *c);
void ksk_rule_key_allowed(struct ksk_case *c);
void ksk_rule_provider_present(struct ksk_case *c);
void ksk_rule_ksk_present(struct ksk_case *c);
void ksk_rule_ksk_foreign(struct ksk_case *c);
void ksk_rule_algorithm_complete(struct ksk_case *c);
void ksk_rule_tag_unique(struct ksk_case *c);
void ksk_rule_response_size(struct ksk_case *c);
void ksk_rule_window(struct ksk_case *c);
void ksk_rule_idempotency(struct ksk_case *c);
void ksk_rule_previous(struct ksk_case *c);
void ksk_rule_supersedes(struct ksk_case *c);
void ksk_rule_schedule_gap(struct ksk_case *c);
void ksk_rule_adopt(struct ksk_case *c);
void ksk_rule_zsk_coverage(struct ksk_case *c);
void ksk_rule_early_drop(struct ksk_case *c);
void ksk_rule_ds_covered(struct ksk_case *c);
void ksk_rule_early_ds(struct ksk_case *c);
void ksk_rule_key_possession(struct ksk_case *c);
void ksk_rule_cds(struct ksk_case *c);
void ksk_rule_rate(struct ksk_case *c);

#endif
