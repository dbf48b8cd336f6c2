/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules about KSKs in a DNSKEY set: ksk-present, ksk-foreign, ds-covered.
 */
#include "appliance/base/yaml.h"
#include "appliance/policy/rules_case.h"
#include "appliance/policy/rules_held.h"

static void
refuse_missing(struct ksk_case *c, struct ksk_signer_key s)
{
	const struct ksk_policy_ksk *k = &c->table->ksks[s.ksk];

	/* In the set in its other form: key-form has said it. */
	for (size_t i = 0; i < c->key_count; i++) {
		if (c->key[i].own == s.ksk)
			return;
	}
	ksk_case_refuse(c, k->ds.tag, NULL,
		"the KSK \"%s\" of token %s stands at that time and must be "
		"in the set%s; add it (kskctl keys prints it)",
		k->label, k->token, s.revoked ? ", revoked (flags 385)" : "");
}

static void
refuse_superfluous(struct ksk_case *c, const struct ksk_case_key *k)
{
	const struct ksk_policy_ksk *ksk = &c->table->ksks[k->own];
	char text[KSK_TIME_CAP];
	bool early = c->start < ksk->from;

	ksk_case_refuse(c, k->key.tag, NULL,
		"the KSK \"%s\" does not stand at that time (`%s` is %s) and "
		"no DS needs it; remove it from the set",
		ksk->label, early ? "from" : "until",
		ksk_time_text(text, early ? ksk->from : ksk->until));
}

void
ksk_rule_ksk_present(struct ksk_case *c)
{
	char text[KSK_TIME_CAP];

	if (c->standing_count == 0)
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"no KSK of the policy stands at %s; give one a `from` "
			"and `until` around it",
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

/* True if this DS is that of a KSK that is in the set and signs it. A revoked
 * key has another DS than the one it had (RFC 5011 2.1). */
static bool
is_covered(const struct ksk_case *c, const struct ksk_ds *ds)
{
	for (size_t i = 0; i < c->standing_count; i++) {
		const struct ksk_case_key *k = ksk_case_find_standing(
			c, c->standing[i]);

		if (k != NULL && !c->standing[i].revoked &&
			ksk_case_matches(c, k, ds))
			return true;
	}
	return false;
}

/* Ours: in the policy, or it has signed before. */
static bool
is_ours(const struct ksk_case *c, const struct ksk_ds *ds)
{
	const struct ksk_history *h = c->past.history;

	for (uint32_t i = 0; i < c->zone->ksks.count; i++) {
		if (ksk_held_same_key(
			    &c->table->ksks[c->zone->ksks.first + i].ds, ds))
			return true;
	}
	for (size_t i = 0; i < h->key_count; i++) {
		if (h->key[i].ours && ksk_times_key_is(&h->key[i], ds))
			return true;
	}
	return false;
}

/* The algorithms of a DS set that name KSKs of ours of which none signs. */
static uint32_t
uncovered_by(const struct ksk_case *c, const struct ksk_ds *ds, size_t count)
{
	uint32_t ours = 0, covered = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t bit = 1u << ds[i].algorithm % 32;

		if (!is_ours(c, &ds[i]))
			continue;
		ours |= bit;
		if (is_covered(c, &ds[i]))
			covered |= bit;
	}
	return ours & ~covered;
}

/* TIMING.md, ds-covered: per algorithm one of ours in each DS set that may be
 * held must sign; not each (double DS and standby DS are legitimate), and sets
 * of foreign keys are not judged. */
void
ksk_rule_ds_covered(struct ksk_case *c)
{
	char text[KSK_ALGORITHM_CAP];
	struct ksk_held held;
	uint32_t bad = 0;

	ksk_held_begin(&held, c->table, &c->past, c->start);
	while (ksk_held_next(&held))
		bad |= uncovered_by(c, held.ds, held.count);
	for (unsigned a = 0; a < 32; a++) {
		if ((bad & (1u << a)) == 0)
			continue;
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"a DS set that the parent serves, or that a resolver "
			"may still hold, names KSKs of algorithm %s, but none "
			"of them would sign this set: the zone would not "
			"validate; keep one in the set until the DS has "
			"changed and the old one is out of all caches "
			"(RFC 4035 5.2, RFC 6781 4.1.2)",
			ksk_case_algorithm(text, a));
	}
}
