/* SPDX-License-Identifier: BSD-2-Clause */
/* rules_announce - see rules_announce.h. */
#include "appliance/policy/rules_announce.h"

#include "appliance/base/yaml.h"
#include "appliance/policy/rules_case.h"

#include <string.h>

struct judging {
	const struct ksk_announce *announce;
	const struct ksk_policy_provider *provider; /* NULL: none */
	const struct ksk_history_announced *last;   /* NULL: none */
	struct ksk_case *c;
};

const struct ksk_policy_provider *
ksk_rules_announcer(const struct ksk_table *table, const struct ksk_zone *zone,
	const char *provider)
{
	for (uint32_t i = 0; i < zone->providers.count; i++) {
		const struct ksk_policy_provider *p =
			&table->providers[zone->providers.first + i];

		if (strcmp(p->name, provider) == 0)
			return p;
	}
	return NULL;
}

void
ksk_rules_announce_faults(
	const struct ksk_faults *faults, struct ksk_refusals *out_refusals)
{
	out_refusals->count = 0;
	out_refusals->dropped = 0;
	for (size_t i = 0; i < faults->count; i++) {
		struct ksk_refusal *r =
			&out_refusals->list[out_refusals->count++];

		memset(r, 0, sizeof(*r));
		ksk_text_copy(r->rule, sizeof(r->rule), "document");
		ksk_text_copy(r->why, sizeof(r->why), faults->list[i].text);
	}
}

/* ---- who brings it, for whom ---- */

static void
judge_client(const struct judging *j)
{
	const struct ksk_client *client = j->announce->client;

	j->c->rule = "client";
	if (j->announce->offline)
		return;
	if (client == NULL ||
		!ksk_table_zone_has_client(j->c->table, j->c->zone, client))
		ksk_case_refuse(j->c, KSK_NO_TAG, NULL,
			"this client is not listed for the zone; add it to the "
			"zone's `clients`");
	if (client == NULL ||
		(client->may & (KSK_MAY_SIGN | KSK_MAY_ANNOUNCE)) == 0)
		ksk_case_refuse(j->c, KSK_NO_TAG, NULL,
			"this client may not bring announcements; add announce "
			"to its `may`");
}

static void
judge_document(const struct judging *j)
{
	const struct ksk_announcement *a = j->announce->announcement;
	char theirs[2 * KSK_ID_LEN + 1], ours[2 * KSK_ID_LEN + 1];

	j->c->rule = "document";
	if (!a->has_appliance ||
		memcmp(a->appliance, j->c->table->appliance, KSK_ID_LEN) == 0)
		return;
	ksk_hex_write(
		ksk_span_of(a->appliance, KSK_ID_LEN), theirs, sizeof(theirs));
	ksk_hex_write(ksk_span_of(j->c->table->appliance, KSK_ID_LEN), ours,
		sizeof(ours));
	ksk_case_refuse(j->c, KSK_NO_TAG, a->provider,
		"it is for the appliance %s, this is %s", theirs, ours);
}

static void
judge_provider(const struct judging *j)
{
	const char *name = j->announce->announcement->provider;

	j->c->rule = "provider";
	if (j->provider == NULL)
		ksk_case_refuse(j->c, KSK_NO_TAG, name,
			"the zone has no provider of this name");
	else if (j->provider->announced == 0)
		ksk_case_refuse(j->c, KSK_NO_TAG, name,
			"the keys of this provider are pinned; for it to "
			"announce them, write `source: announced` and its "
			"`certificate` into the policy");
}

/* ---- who signed it, and is it the newest ---- */

/* One signature, exactly: with several, whose keys these are would depend on
 * who is believed. */
static void
judge_signature(const struct judging *j)
{
	const struct ksk_signed *d = j->announce->document;
	const char *name = j->announce->announcement->provider;
	char pin[2 * KSK_PIN_LEN + 1];

	j->c->rule = "signature";
	if (d->count != 1) {
		ksk_case_refuse(j->c, KSK_NO_TAG, name,
			"it has %zu signatures; an announcement has exactly "
			"one, by the key of the provider's certificate",
			d->count);
		return;
	}
	if (!d->by[0].good)
		ksk_case_refuse(j->c, KSK_NO_TAG, name,
			"its signature is not good: %.300s", d->by[0].why);
	if (j->provider == NULL || j->provider->announced == 0 ||
		memcmp(d->by[0].pin, j->provider->announcer, KSK_PIN_LEN) == 0)
		return;
	ksk_hex_write(ksk_span_of(d->by[0].pin, KSK_PIN_LEN), pin, sizeof(pin));
	ksk_case_refuse(j->c, KSK_NO_TAG, name,
		"it is signed by the key %s, which is not that of the "
		"provider's certificate in the policy",
		pin);
}

static bool
is_known(const struct judging *j)
{
	const struct ksk_history_announced *last = j->last;

	return last != NULL &&
		memcmp(last->hash, j->announce->hash, KSK_HASH_LEN) == 0 &&
		j->provider != NULL &&
		memcmp(last->pin, j->provider->announcer, KSK_PIN_LEN) == 0;
}

static void
judge_serial(const struct judging *j)
{
	const struct ksk_announcement *a = j->announce->announcement;

	j->c->rule = "serial";
	if (j->last == NULL || a->serial > j->last->serial)
		return;
	ksk_case_refuse(j->c, KSK_NO_TAG, a->provider,
		a->serial == j->last->serial
			? "the serial %llu was used for another text; give "
			  "each announcement a higher one than the last, %llu"
			: "the serial %llu is lower than %llu, which was "
			  "accepted: an old announcement is never taken again",
		(unsigned long long)a->serial,
		(unsigned long long)j->last->serial);
}

static void
judge_dates(const struct judging *j)
{
	const struct ksk_announcement *a = j->announce->announcement;
	char text[KSK_TIME_CAP];

	j->c->rule = "dates";
	if (a->not_after <= j->announce->now)
		ksk_case_refuse(j->c, KSK_NO_TAG, a->provider,
			"it expired at %s; the provider must announce again",
			ksk_time_text(text, a->not_after));
}

/* ---- its keys ---- */

/* True if another provider of the zone announced the key, in whatever way:
 * what does not count now may count again. */
static bool
is_announced_by(const struct judging *j, const struct ksk_policy_provider *p,
	const struct ksk_ds *sha256)
{
	const struct ksk_history *h = j->announce->history;
	const struct ksk_history_announced *a = ksk_announced_find(h, p->name);

	if (p->announced == 0 || a == NULL)
		return false;
	for (uint32_t i = 0; i < a->keys.count; i++) {
		const struct ksk_history_announced_key *key =
			&h->announced_key[a->keys.first + i];

		if (!key->former && ksk_ds_equal(&key->sha256, sha256))
			return true;
	}
	return false;
}

/* Whether a provider of the view lists a key; out_withdrawn: as withdrawn. */
static bool
is_listed_by(const struct ksk_case *c, const struct ksk_policy_provider *p,
	const struct ksk_case_key *k, bool *out_withdrawn)
{
	bool found = false;

	*out_withdrawn = false;
	for (uint32_t i = 0; i < p->keys.count; i++) {
		const struct ksk_policy_key *entry =
			&c->table->keys[p->keys.first + i];

		if (!ksk_case_matches(c, k, &entry->ds))
			continue;
		found = true;
		*out_withdrawn = *out_withdrawn || entry->withdrawn != 0;
	}
	return found;
}

static void
judge_owner(const struct judging *j, const struct ksk_case_key *k)
{
	const struct ksk_case *c = j->c;
	const struct ksk_ds *sha256 =
		&ksk_times_key(&c->times, k->number)->sha256;
	const char *name = j->announce->announcement->provider;

	if (k->cosigner != KSK_NOBODY)
		ksk_case_refuse(j->c, k->key.tag, name,
			"this key is a co-signer's; it can't be announced");
	for (uint32_t i = 0; i < c->zone->providers.count; i++) {
		const struct ksk_policy_provider *p =
			&c->table->providers[c->zone->providers.first + i];
		bool withdrawn;
		bool listed = is_listed_by(c, p, k, &withdrawn);

		if (strcmp(p->name, name) == 0) {
			if (withdrawn)
				ksk_case_refuse(j->c, k->key.tag, name,
					"this ZSK is withdrawn by the policy; "
					"announce another one");
		} else if (listed || is_announced_by(j, p, sha256)) {
			ksk_case_refuse(j->c, k->key.tag, name,
				"the provider %s lists this ZSK; a key belongs "
				"to one",
				p->name);
		}
	}
}

static void
judge_count(const struct judging *j)
{
	char text[KSK_ALGORITHM_CAP];

	j->c->rule = "provider-present";
	for (unsigned a = 0; a < 256 && j->provider != NULL; a++) {
		size_t count = 0;

		for (size_t i = 0; i < j->c->key_count; i++)
			count += j->c->key[i].key.algorithm == a ? 1 : 0;
		if (count > j->provider->max_keys)
			ksk_case_refuse(j->c, KSK_NO_TAG, j->provider->name,
				"it lists %zu ZSKs of algorithm %s, at most %u "
				"may stand in a set (`max-keys`)",
				count, ksk_case_algorithm(text, a),
				j->provider->max_keys);
	}
}

static void
judge_keys(const struct judging *j)
{
	j->c->rule = "key-form";
	ksk_rule_key_form(j->c);
	j->c->rule = "key-algorithm";
	ksk_rule_key_algorithm(j->c);
	j->c->rule = "tag-unique";
	ksk_rule_tag_unique(j->c);
	j->c->rule = "key-allowed";
	for (size_t i = 0; i < j->c->key_count; i++) {
		if (j->c->key[i].readable)
			judge_owner(j, &j->c->key[i]);
	}
	judge_count(j);
}

/* ---- the whole ---- */

static void
refuse_zone(struct ksk_case *c, const struct ksk_announcement *a)
{
	char text[KSK_NAME_TEXT_CAP];

	c->rule = "zone";
	ksk_name_to_text(&a->zone, text);
	ksk_case_refuse(
		c, KSK_NO_TAG, NULL, "the policy has no zone %.200s", text);
}

bool
ksk_rules_judge_announce(const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_announce *announce,
	bool *out_known, struct ksk_refusals *out_refusals)
{
	const struct ksk_announcement *a = announce->announcement;
	struct ksk_sign sign = {.rrset = {.type = KSK_TYPE_DNSKEY}};
	const struct ksk_candidate candidate = {.sign = &sign,
		.client = announce->client,
		.history = announce->history,
		.now = announce->now};
	struct ksk_view view;
	struct ksk_case c;
	struct judging j = {.announce = announce, .c = &c};

	sign.rrset.owner = a->zone;
	for (size_t i = 0; i < a->key_count; i++)
		sign.rrset.rdata[sign.rrset.count++] = a->key[i].rdata;
	ksk_view_take(&view, announce->history, announce->now, &table, &zone);
	ksk_case_build(&c, table, zone, &candidate, out_refusals);
	*out_known = false;
	if (zone == NULL) {
		refuse_zone(&c, a);
		return false;
	}
	j.provider = ksk_rules_announcer(table, zone, a->provider);
	j.last = ksk_announced_find(announce->history, a->provider);
	judge_client(&j);
	judge_document(&j);
	judge_provider(&j);
	judge_signature(&j);
	*out_known = is_known(&j);
	if (!*out_known) {
		judge_serial(&j);
		judge_dates(&j);
		judge_keys(&j);
	}
	return out_refusals->count == 0;
}
