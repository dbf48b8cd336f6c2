/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of rules and the judgement. Each row: id, what it demands, for
 * which types, its function. All run; all that fail come back. Rules that
 * compare a set with the answers released before it say nothing where no
 * timeline is kept (rules.h).
 */
#include "appliance/policy/rules.h"

#include "appliance/policy/announced.h"
#include "appliance/policy/rules_case.h"

#include <string.h>

#define ALL (KSK_SIGNS_DNSKEY | KSK_SIGNS_CDS | KSK_SIGNS_CDNSKEY)
#define SET KSK_SIGNS_DNSKEY
#define PARENT (KSK_SIGNS_CDS | KSK_SIGNS_CDNSKEY)
/* No set at all: rules_announce.c judges by them, and by some of those above. */
#define ANNOUNCEMENT 0u

struct rule {
	const char *id;
	const char *sentence;
	unsigned types; /* KSK_SIGNS_…; types we never sign run all of ALL */
	void (*judge)(struct ksk_case *c);
};

static const struct rule rules[] = {
	{"zone", "the owner is the apex of a zone of the policy", ALL,
		ksk_rule_zone},
	{"client", "the client is listed for the zone and may sign", ALL,
		ksk_rule_client},
	{"type", "the zone lets this type be signed", ALL, ksk_rule_type},
	{"ttl", "the TTL is the policy's", ALL, ksk_rule_ttl},
	{"key-form",
		"each key has flags 256, or is a KSK of ours in the form in "
		"which it stands, or a co-signer; protocol 3; a well-formed "
		"public key of allowed size",
		SET, ksk_rule_key_form},
	{"key-algorithm", "each key's algorithm is allowed for the zone", SET,
		ksk_rule_key_algorithm},
	{"key-allowed",
		"each ZSK is listed by exactly one provider and not withdrawn",
		SET, ksk_rule_key_allowed},
	{"provider-present",
		"each needed provider has between 1 and max-keys ZSKs of each "
		"algorithm",
		SET, ksk_rule_provider_present},
	{"ksk-present", "exactly the KSKs that stand at that time are there",
		SET, ksk_rule_ksk_present},
	{"ksk-foreign",
		"no other key has the SEP bit, except pinned co-signers", SET,
		ksk_rule_ksk_foreign},
	{"algorithm-complete",
		"each ZSK's algorithm has a signing KSK of ours, and each "
		"needed provider a ZSK of each such algorithm",
		SET, ksk_rule_algorithm_complete},
	{"tag-unique", "no two keys share algorithm and key tag", SET,
		ksk_rule_tag_unique},
	{"response-size", "the signed answer fits in 4,096 bytes", SET,
		ksk_rule_response_size},
	{"window", "inception and expiration are within what the policy allows",
		ALL, ksk_rule_window},
	{"idempotency", "an idempotency key stands for one request", ALL,
		ksk_rule_idempotency},
	{"previous", "`previous`, if given, is the hash of the last answer",
		ALL, ksk_rule_previous},
	{"supersedes", "a set names exactly the later answers that it replaces",
		ALL, ksk_rule_supersedes},
	{"schedule-gap",
		"bundles of one type rise and overlap until every cache has "
		"the next one",
		ALL, ksk_rule_schedule_gap},
	{"adopt", "a zone that is served already is adopted first", SET,
		ksk_rule_adopt},
	{"zsk-coverage",
		"each needed provider has a ZSK in the set that no cache can "
		"lack, or loses none",
		SET, ksk_rule_zsk_coverage},
	{"early-drop",
		"a ZSK leaves only when nothing that a cache may hold needs it",
		SET, ksk_rule_early_drop},
	{"ds-covered",
		"for each DS set that may be held and each algorithm of our "
		"KSKs in it, one of them is in the set and signs",
		SET, ksk_rule_ds_covered},
	{"early-ds",
		"CDS and CDNSKEY change the parent's DS set only when every "
		"cache is ready for it",
		PARENT, ksk_rule_early_ds},
	{"key-possession",
		"providers with proof one or all prove that they hold their "
		"ZSKs",
		SET, ksk_rule_key_possession},
	{"cds", "CDS and CDNSKEY hold exactly what the policy computes", PARENT,
		ksk_rule_cds},
	{"rate", "the client stays within the zone's rate", ALL, ksk_rule_rate},
	{"document", "an announcement can be read, and is for this appliance",
		ANNOUNCEMENT, NULL},
	{"provider", "the provider that announces is one of the zone that may",
		ANNOUNCEMENT, NULL},
	{"signature",
		"an announcement has one signature, by the key of the "
		"provider's certificate",
		ANNOUNCEMENT, NULL},
	{"serial", "each announcement has a higher serial than the last",
		ANNOUNCEMENT, NULL},
	{"dates", "an announcement has not expired", ANNOUNCEMENT, NULL},
};

#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

const char *
ksk_rules_id(size_t index)
{
	return index < RULE_COUNT ? rules[index].id : NULL;
}

const char *
ksk_rules_sentence(size_t index)
{
	return index < RULE_COUNT ? rules[index].sentence : NULL;
}

void
ksk_rules_window(const struct ksk_zone *zone, uint64_t now,
	struct ksk_window *out_window)
{
	out_window->inception = now > zone->inception_offset
		? now - zone->inception_offset
		: 0;
	out_window->expiration = out_window->inception + zone->validity;
}

static unsigned
type_bit(uint16_t type)
{
	switch (type) {
	case KSK_TYPE_DNSKEY:
		return KSK_SIGNS_DNSKEY;
	case KSK_TYPE_CDS:
		return KSK_SIGNS_CDS;
	case KSK_TYPE_CDNSKEY:
		return KSK_SIGNS_CDNSKEY;
	default:
		return 0; /* the rule `type` refuses it */
	}
}

/* A revoked key proves nothing but its own revocation (RFC 5011 2.1): it signs
 * DNSKEY sets only. */
void
ksk_case_permit(const struct ksk_case *c, struct ksk_permit *out)
{
	bool set = c->rrset->type == KSK_TYPE_DNSKEY;

	out->window = c->window;
	out->signer_count = 0;
	for (size_t i = 0; i < c->standing_count; i++) {
		if (set || !c->standing[i].revoked)
			out->signer[out->signer_count++] = c->standing[i];
	}
	out->warning_count = c->warning_count;
	memcpy(out->warning, c->warning,
		c->warning_count * sizeof(c->warning[0]));
	out->proven = c->proven;
	out->key_count = set ? c->rrset->count : 0;
	for (size_t i = 0; i < out->key_count; i++)
		out->key[i] = c->key[i].sha256;
}

void
ksk_rules_run(struct ksk_case *c)
{
	unsigned bit = type_bit(c->rrset->type);

	for (size_t i = 0; i < RULE_COUNT; i++) {
		if (rules[i].judge == NULL ||
			(rules[i].types != ALL && (rules[i].types & bit) == 0))
			continue;
		c->rule = rules[i].id;
		rules[i].judge(c);
		/* Without a zone there is nothing more to compare with. */
		if (c->zone == NULL)
			break;
	}
}

bool
ksk_rules_judge(const struct ksk_table *table, const struct ksk_zone *zone,
	const struct ksk_candidate *candidate, struct ksk_permit *out_permit,
	struct ksk_refusals *out_refusals)
{
	struct ksk_view view;
	struct ksk_case c;

	ksk_view_take(&view, candidate->history, candidate->now, &table, &zone);
	ksk_case_build(&c, table, zone, candidate, out_refusals);
	ksk_rules_run(&c);
	if (out_refusals->count != 0)
		return false;
	ksk_case_permit(&c, out_permit);
	return true;
}
