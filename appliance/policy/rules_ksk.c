/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules about KSKs in a DNSKEY set: ksk-present, ksk-foreign.
 */
#include "appliance/base/yaml.h"
#include "appliance/policy/rules_case.h"
#include "appliance/policy/rules_held.h"

#include <stdio.h>

/* Why a KSK stands, and until when: it is in time, or a DS set that may be held
 * needs it, or ZSKs of its algorithm do. */
#define REASON_CAP 140
static const char *
reason_words(const struct ksk_case *c, const struct ksk_policy_ksk *k,
	char out[REASON_CAP])
{
	uint64_t until = 0;
	char text[KSK_TIME_CAP];
	struct ksk_held held;

	if (k->from <= c->start && c->start < k->until) {
		(void)snprintf(out, REASON_CAP, "until %s (`until`)",
			k->until == KSK_NEVER ? "a policy ends it"
					      : ksk_time_text(text, k->until));
		return out;
	}
	ksk_held_begin(&held, c->table, &c->past, c->start);
	while (ksk_held_next(&held)) {
		if (ksk_held_has(held.ds, held.count, &k->ds) &&
			held.until > until)
			until = held.until;
	}
	if (until == 0)
		(void)snprintf(out, REASON_CAP,
			"as long as ZSKs of its algorithm are in the set and "
			"no other KSK of it");
	else if (until == KSK_NEVER)
		(void)snprintf(out, REASON_CAP,
			"until operators attest a DS set without it "
			"(`parent-ds`) and caches have dropped this one");
	else
		(void)snprintf(out, REASON_CAP,
			"until %s, when no cache holds its DS any more",
			ksk_time_text(text, until));
	return out;
}

static void
refuse_missing(struct ksk_case *c, struct ksk_signer_key s)
{
	const struct ksk_policy_ksk *k = &c->table->ksks[s.ksk];
	char start[KSK_TIME_CAP], reason[REASON_CAP];

	/* In the set in its other form: key-form has said it. */
	for (size_t i = 0; i < c->key_count; i++) {
		if (c->key[i].own == s.ksk)
			return;
	}
	ksk_case_refuse(c, k->ds.tag, NULL,
		"the KSK \"%s\" of token %s stands at %s, when this set "
		"starts, and must be in it%s; add it (kskctl keys prints it), "
		"and keep it %s",
		k->label, k->token, ksk_time_text(start, c->start),
		s.revoked ? ", revoked (flags 385)" : "",
		reason_words(c, k, reason));
}

/* In time, but of an algorithm that is new to the zone (TIMING.md,
 * ksk-present: none of it before every needed provider has a ZSK of it). */
static void
refuse_waiting(struct ksk_case *c, const struct ksk_case_key *k)
{
	const struct ksk_policy_ksk *ksk = &c->table->ksks[k->own];
	const char *provider = ksk_case_lacks_algorithm(c, k->key.algorithm);
	char text[KSK_ALGORITHM_CAP];

	ksk_case_refuse(c, k->key.tag, provider,
		"the KSK \"%s\" must not be in the set yet: algorithm %s is "
		"new to the zone, and this provider has no ZSK of it in the "
		"set; remove the KSK, or add such a ZSK of each provider "
		"(RFC 4035 2.2, RFC 8901 4)",
		ksk->label, ksk_case_algorithm(text, k->key.algorithm));
}

static void
refuse_superfluous(struct ksk_case *c, const struct ksk_case_key *k)
{
	const struct ksk_policy_ksk *ksk = &c->table->ksks[k->own];
	char text[KSK_TIME_CAP], start[KSK_TIME_CAP];
	bool early = c->start < ksk->from;

	if (!early && c->start < ksk->until) {
		refuse_waiting(c, k);
		return;
	}
	ksk_case_refuse(c, k->key.tag, NULL,
		"the KSK \"%s\" does not stand at %s, when this set starts "
		"(`%s` is %s), and no DS needs it; remove it from the set%s",
		ksk->label, ksk_time_text(start, c->start),
		early ? "from" : "until",
		ksk_time_text(text, early ? ksk->from : ksk->until),
		early ? ", or let the set start then" : "");
}

void
ksk_rule_ksk_present(struct ksk_case *c)
{
	char text[KSK_TIME_CAP];

	if (c->standing_count == 0)
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"no KSK of the policy stands at %s, when this set "
			"starts; give one a `from` and `until` around it",
			ksk_time_text(text, c->start));
	for (size_t i = 0; i < c->standing_count; i++) {
		if (ksk_case_find_standing(c, c->standing[i]) == NULL)
			refuse_missing(c, c->standing[i]);
	}
	for (size_t i = 0; i < c->key_count; i++) {
		if (c->key[i].own != KSK_NOBODY &&
			!ksk_case_stands(c, c->key[i].own))
			refuse_superfluous(c, &c->key[i]);
	}
}

void
ksk_rule_ksk_foreign(struct ksk_case *c)
{
	for (size_t i = 0; i < c->key_count; i++) {
		const struct ksk_case_key *k = &c->key[i];

		if (!k->readable || k->own != KSK_NOBODY)
			continue;
		if (k->cosigner != KSK_NOBODY) {
			const struct ksk_policy_cosigner *co =
				&c->table->cosigners[k->cosigner];

			if (!ksk_case_is_cosigner(c, k))
				ksk_case_refuse(c, k->key.tag, co->provider,
					"this co-signer's `until` has passed; "
					"remove its key from the set");
			continue;
		}
		if ((k->key.flags & KSK_FLAG_SEP) != 0)
			ksk_case_refuse(c, k->key.tag, NULL,
				"this key has the SEP bit, but is no KSK of "
				"the policy and no pinned co-signer; remove it "
				"(RFC 8901 2.1.1)");
	}
}
