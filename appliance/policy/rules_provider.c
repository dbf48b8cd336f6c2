/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules about what each provider needs in the set: provider-present,
 * algorithm-complete, key-possession.
 */
#include "appliance/base/yaml.h"
#include "appliance/policy/announced.h"
#include "appliance/policy/rules_case.h"
#include "protocol/verify.h"

#include <stdio.h>

static size_t
count_data_keys(const struct ksk_case *c, uint32_t provider, unsigned algorithm)
{
	size_t count = 0;

	for (size_t i = 0; i < c->key_count; i++) {
		if (c->key[i].readable &&
			c->key[i].key.algorithm == algorithm &&
			ksk_case_is_data_key(c, &c->key[i], provider))
			count++;
	}
	return count;
}

/* A key that is withdrawn at once may be any announcing provider's: it is this
 * one's only if it has announced it. */
static bool
is_own_key(const struct ksk_case *c, const struct ksk_policy_provider *p,
	const struct ksk_ds *ds)
{
	const struct ksk_history *h = c->past.history;
	const struct ksk_history_announced *said;

	if (p->announced == 0)
		return true;
	said = ksk_announced_find(h, p->name);
	for (uint32_t i = 0; said != NULL && i < said->keys.count; i++) {
		const struct ksk_history_announced_key *key =
			&h->announced_key[said->keys.first + i];

		if (ksk_ds_equal(ds, &key->sha256) ||
			ksk_ds_equal(ds, &key->sha384))
			return true;
	}
	return false;
}

/* All keys withdrawn: operators have taken the provider out on purpose. One
 * without any key is no such decision. */
static bool
is_suspended(const struct ksk_case *c, const struct ksk_policy_provider *p)
{
	bool has_own = false;

	for (uint32_t i = 0; i < p->keys.count; i++) {
		const struct ksk_policy_key *key =
			&c->table->keys[p->keys.first + i];

		if (key->withdrawn == 0)
			return false;
		has_own = has_own || is_own_key(c, p, &key->ds);
	}
	return has_own;
}

static const char *
announcement_words(
	const struct ksk_case *c, const struct ksk_policy_provider *p)
{
	enum ksk_announced_state state;

	if (p->announced == 0)
		return "";
	state = ksk_announced_state_of(
		ksk_announced_find(c->past.history, p->name), p,
		c->candidate->now);
	return state == KSK_ANNOUNCED_NONE ? "has not come yet"
					   : ksk_announced_words(state);
}

/* Keys of the provider that may be added, as many as fit, and the first of
 * them; KSK_NO_TAG if the policy lists none of the algorithm. */
#define TAGS_CAP 64u
static uint32_t
list_addable(const struct ksk_case *c, const struct ksk_policy_provider *p,
	unsigned algorithm, char out[TAGS_CAP])
{
	uint32_t first = KSK_NO_TAG;
	size_t len = 0;

	for (uint32_t i = 0; i < p->keys.count; i++) {
		const struct ksk_policy_key *k =
			&c->table->keys[p->keys.first + i];

		if (k->withdrawn != 0 || k->ds.algorithm != algorithm)
			continue;
		first = first == KSK_NO_TAG ? k->ds.tag : first;
		if (len + 8 < TAGS_CAP)
			len += (size_t)snprintf(out + len, TAGS_CAP - len,
				"%s%u", len == 0 ? "" : ", ", k->ds.tag);
	}
	return first;
}

/* Until when a provider's keys must be there. */
#define NEED_CAP 96
static const char *
need_words(const struct ksk_case *c, const struct ksk_policy_provider *p,
	char out[NEED_CAP])
{
	char text[KSK_TIME_CAP];

	if (p->state != KSK_PROVIDER_LEAVING)
		(void)snprintf(out, NEED_CAP, "while it is %s",
			p->state == KSK_PROVIDER_SERVING ? "serving"
							 : "joining");
	else if (p->gone == KSK_NEVER)
		(void)snprintf(out, NEED_CAP,
			"until zone-max-ttl after the policy's `gone`, which "
			"is not stated yet");
	else
		(void)snprintf(out, NEED_CAP, "until %s",
			ksk_time_text(text,
				ksk_history_add(p->gone,
					ksk_times_zone_wait(
						&c->past, c->start))));
	return out;
}

static void
refuse_absent(struct ksk_case *c, const struct ksk_policy_provider *p,
	unsigned algorithm)
{
	char name[KSK_ALGORITHM_CAP], tags[TAGS_CAP] = "", need[NEED_CAP];
	uint32_t first = list_addable(c, p, algorithm, tags);

	ksk_case_algorithm(name, algorithm);
	need_words(c, p, need);
	if (first == KSK_NO_TAG)
		ksk_case_refuse(c, KSK_NO_TAG, p->name,
			"no ZSK of algorithm %s of this provider is in the "
			"set, and the policy lists none: its answers would not "
			"validate; list one and add it to the set %s "
			"(RFC 8901 2.1.1)%s%s",
			name, need,
			p->announced == 0 ? "" : "; its announcement ",
			announcement_words(c, p));
	else
		ksk_case_refuse(c, first, p->name,
			"no ZSK of algorithm %s of this provider is in the "
			"set: its answers would not validate; add one that the "
			"policy lists (%s) %s (RFC 8901 2.1.1)%s%s",
			name, tags, need,
			p->announced == 0 ? "" : "; its announcement ",
			announcement_words(c, p));
}

/* The one of the provider's ZSKs in the set that has been there the longest. */
static const struct ksk_case_key *
oldest_of(const struct ksk_case *c, uint32_t provider, unsigned algorithm)
{
	const struct ksk_case_key *oldest = NULL;

	for (size_t i = 0; i < c->key_count; i++) {
		const struct ksk_case_key *k = &c->key[i];

		if (k->readable && k->key.algorithm == algorithm &&
			ksk_case_is_data_key(c, k, provider) &&
			(oldest == NULL || k->since.run < oldest->since.run))
			oldest = k;
	}
	return oldest;
}

/* When the oldest may leave is for early-drop to say, of the set in effect. */
static void
refuse_many(
	struct ksk_case *c, uint32_t provider, unsigned algorithm, size_t count)
{
	const struct ksk_policy_provider *p = &c->table->providers[provider];
	const struct ksk_case_key *k = oldest_of(c, provider, algorithm);
	char name[KSK_ALGORITHM_CAP], text[KSK_TIME_CAP];
	uint64_t from = c->start;

	if (k->number < c->past.history->key_count)
		from = ksk_history_first_drop(c->table, c->zone,
			c->candidate->history, c->start, k->number);
	ksk_case_refuse(c, k->key.tag, p->name,
		"%zu ZSKs of algorithm %s, at most %u (`max-keys`); remove "
		"those no longer used: this one has been there the longest, "
		"and may leave %s%s",
		count, ksk_case_algorithm(name, algorithm), p->max_keys,
		from == KSK_NEVER ? "once another has replaced it (`retired`)"
				  : "from ",
		from == KSK_NEVER ? "" : ksk_time_text(text, from));
}

static void
check_present(struct ksk_case *c, uint32_t provider, unsigned algorithm)
{
	const struct ksk_policy_provider *p = &c->table->providers[provider];
	size_t count = count_data_keys(c, provider, algorithm);

	if (count > p->max_keys)
		refuse_many(c, provider, algorithm, count);
	if (count == 0 && ksk_case_is_needed(c, p) && !is_suspended(c, p))
		refuse_absent(c, p, algorithm);
}

void
ksk_rule_provider_present(struct ksk_case *c)
{
	for (uint32_t i = 0; i < c->zone->providers.count; i++) {
		for (unsigned a = 0; a < 32; a++) {
			if ((c->due_algorithms & (1u << a)) != 0)
				check_present(
					c, c->zone->providers.first + i, a);
		}
	}
}

static bool
signs_data(const struct ksk_case *c, const struct ksk_case_key *k)
{
	return ksk_case_is_zsk(k) ||
		(ksk_case_is_cosigner(c, k) &&
			c->table->cosigners[k->cosigner].csk != 0);
}

/* A provider that has ZSKs, but not of every algorithm that a KSK promises. */
static void
check_mixed(struct ksk_case *c, uint32_t provider)
{
	const struct ksk_policy_provider *p = &c->table->providers[provider];
	char text[KSK_ALGORITHM_CAP];
	size_t all = 0;

	for (unsigned a = 0; a < 32; a++)
		all += count_data_keys(c, provider, a);
	if (all == 0 || !ksk_case_is_needed(c, p))
		return;
	for (unsigned a = 0; a < 32; a++) {
		if ((c->signing_algorithms & (1u << a)) == 0 ||
			count_data_keys(c, provider, a) != 0)
			continue;
		ksk_case_refuse(c, KSK_NO_TAG, p->name,
			"a KSK of algorithm %s signs, but this provider has "
			"no ZSK of it in the set; all sign with all algorithms "
			"(RFC 4035 2.2, RFC 8901 4)",
			ksk_case_algorithm(text, a));
	}
}

void
ksk_rule_algorithm_complete(struct ksk_case *c)
{
	char text[KSK_ALGORITHM_CAP];

	for (size_t i = 0; i < c->key_count; i++) {
		const struct ksk_case_key *k = &c->key[i];
		uint32_t bit = k->key.algorithm < 32 ? 1u << k->key.algorithm
						     : 0;

		if (!k->readable || !signs_data(c, k) ||
			(c->signing_algorithms & bit) != 0)
			continue;
		ksk_case_refuse(c, k->key.tag,
			k->provider == KSK_NOBODY
				? NULL
				: c->table->providers[k->provider].name,
			"no KSK of algorithm %s signs this set, so a ZSK of "
			"it must not be in it; remove it, or add a KSK of that "
			"algorithm to the policy and the set (RFC 4035 2.2, "
			"RFC 6840 5.11)",
			ksk_case_algorithm(text, k->key.algorithm));
	}
	for (uint32_t i = 0; i < c->zone->providers.count; i++)
		check_mixed(c, c->zone->providers.first + i);
}

static bool
is_same_rrset(const struct ksk_rrset *a, const struct ksk_rrset *b)
{
	if (a->type != b->type || a->ttl != b->ttl || a->count != b->count ||
		!ksk_name_equal(&a->owner, &b->owner))
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (!ksk_span_equal(a->rdata[i], b->rdata[i]))
			return false;
	}
	return true;
}

/* What the RRSIG covers must be something that only the holder of a ZSK of
 * this zone has a reason to sign. */
static const char *
check_subject(const struct ksk_case *c, const struct ksk_evidence *e)
{
	const struct ksk_rrset *r = &e->rrset;

	if (e->kind == KSK_EVIDENCE_DNSKEY)
		return is_same_rrset(r, c->rrset)
			? NULL
			: "it must be over exactly the set of this request";
	if (e->kind != KSK_EVIDENCE_DATA)
		return "its kind is not known";
	if (r->type == KSK_TYPE_DNSKEY || r->type == KSK_TYPE_CDS ||
		r->type == KSK_TYPE_CDNSKEY)
		return "zone data of another type than DNSKEY, CDS and "
		       "CDNSKEY is needed";
	if (!ksk_name_within(&r->owner, &c->name))
		return "its owner is not in the zone";
	return NULL;
}

/* Only what operators have listed proves anything. The others would cost time:
 * whoever asks can make 32 keys of one tag. */
static bool
may_prove(const struct ksk_case *c, const struct ksk_case_key *k)
{
	if (ksk_case_is_cosigner(c, k))
		return c->table->cosigners[k->cosigner].csk != 0;
	return k->owner_count == 1 && c->table->keys[k->entry].withdrawn == 0;
}

/* Verifies one RRSIG with the ZSKs that have its tag; sets bits of proven. */
static void
check_evidence(struct ksk_case *c, size_t number, uint32_t *proven)
{
	const struct ksk_evidence *e = &c->candidate->sign->evidence[number];
	const char *wrong = check_subject(c, e);
	struct ksk_fault why = {"no listed ZSK of the set has its key tag"};
	struct ksk_rrsig rrsig;

	if (ksk_rrsig_read(e->rrsig, &rrsig) != KSK_OK) {
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"proof %zu is no RRSIG (RFC 4034 3.1)", number + 1);
		return;
	}
	for (size_t i = 0; wrong == NULL && i < c->key_count; i++) {
		const struct ksk_case_key *k = &c->key[i];

		if (!k->readable || k->key.tag != rrsig.tag ||
			k->key.algorithm != rrsig.algorithm || !may_prove(c, k))
			continue;
		if (ksk_verify_rrsig(&e->rrset, &rrsig, &c->name, k->rdata,
			    c->candidate->now, &why) == KSK_OK) {
			*proven |= 1u << i;
			return;
		}
	}
	ksk_case_refuse(c, rrsig.tag, NULL,
		"proof %zu does not prove anything: %.280s", number + 1,
		wrong != NULL ? wrong : why.text);
}

/* Proven before, or listed in the set in effect: then it does not appear for
 * the first time. */
static bool
is_known(const struct ksk_case *c, const struct ksk_case_key *k)
{
	struct ksk_walk w;

	if (k->number >= c->past.history->key_count)
		return false;
	if (c->past.history->key[k->number].proven)
		return true;
	return ksk_times_in_effect(&c->past, KSK_TYPE_DNSKEY, c->start, &w) &&
		ksk_walk_find(&w, k->number) != NULL;
}

static void
check_proof(struct ksk_case *c, uint32_t provider, uint32_t proven)
{
	const struct ksk_policy_provider *p = &c->table->providers[provider];
	size_t keys = 0, good = 0;

	for (size_t i = 0; i < c->key_count; i++) {
		if (!ksk_case_is_data_key(c, &c->key[i], provider))
			continue;
		keys++;
		if ((proven & (1u << i)) != 0 || is_known(c, &c->key[i]))
			good++;
		else if (p->proof == KSK_PROOF_ALL)
			ksk_case_refuse(c, c->key[i].key.tag, p->name,
				"this provider must prove that it holds each "
				"ZSK (`proof: all`); send an RRSIG by this key "
				"over the set or over zone data");
	}
	if (p->proof == KSK_PROOF_ONE && keys != 0 && good == 0)
		ksk_case_refuse(c, KSK_NO_TAG, p->name,
			"this provider must prove that it holds one of its "
			"ZSKs (`proof: one`); send an RRSIG by it over the set "
			"or over zone data");
}

void
ksk_rule_key_possession(struct ksk_case *c)
{
	uint32_t proven = 0;

	for (size_t i = 0; i < c->candidate->sign->evidence_count; i++)
		check_evidence(c, i, &proven);
	for (uint32_t i = 0; i < c->zone->providers.count; i++)
		check_proof(c, c->zone->providers.first + i, proven);
	c->proven = proven;
}
