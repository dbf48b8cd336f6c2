/* SPDX-License-Identifier: BSD-2-Clause */
/* load - see load.h. */
#include "appliance/signer/load.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/signer/loading.h"
#include "appliance/signer/past.h"

#include <stdio.h>
#include <string.h>

/* ---- unchanged entries ---- */

static bool
same_entries(const void *a, struct ksk_run ra, const void *b, struct ksk_run rb,
	size_t size)
{
	return ra.count == rb.count &&
		(ra.count == 0 ||
			memcmp((const char *)a + ra.first * size,
				(const char *)b + rb.first * size,
				ra.count * size) == 0);
}

static bool
same_providers(const struct ksk_table *a, struct ksk_run ra,
	const struct ksk_table *b, struct ksk_run rb)
{
	if (ra.count != rb.count)
		return false;
	for (uint32_t i = 0; i < ra.count; i++) {
		struct ksk_policy_provider x = a->providers[ra.first + i];
		struct ksk_policy_provider y = b->providers[rb.first + i];

		if (!same_entries(a->keys, x.keys, b->keys, y.keys,
			    sizeof(a->keys[0])))
			return false;
		/* Where the arrays lie is no difference. */
		x.keys = y.keys = (struct ksk_run){0, 0};
		if (memcmp(&x, &y, sizeof(x)) != 0)
			return false;
	}
	return true;
}

/* True if nothing that the rules with history look at differs. Structs are
 * zeroed before they are filled, so that bytes can be compared. */
static bool
is_same(const struct ksk_table *a, const struct ksk_zone *za,
	const struct ksk_table *b, const struct ksk_zone *zb)
{
	return za->ttl == zb->ttl && za->validity == zb->validity &&
		za->inception_offset == zb->inception_offset &&
		za->zone_max_ttl == zb->zone_max_ttl &&
		za->propagation == zb->propagation &&
		za->sign_delay == zb->sign_delay &&
		za->parent_ds_ttl == zb->parent_ds_ttl &&
		za->parent_propagation == zb->parent_propagation &&
		za->parent_seen == zb->parent_seen &&
		za->has_parent == zb->has_parent &&
		za->accept_outage == zb->accept_outage &&
		same_entries(a->ksks, za->ksks, b->ksks, zb->ksks,
			sizeof(a->ksks[0])) &&
		same_entries(a->ds, za->parent_ds, b->ds, zb->parent_ds,
			sizeof(a->ds[0])) &&
		same_entries(a->cosigners, za->cosigners, b->cosigners,
			zb->cosigners, sizeof(a->cosigners[0])) &&
		same_providers(a, za->providers, b, zb->providers);
}

/* True if a zone's entry in the new policy says something new. */
static bool
is_changed(const struct ksk_table *before, const struct ksk_table *next,
	const struct ksk_zone *zone, const struct ksk_name *name)
{
	const struct ksk_zone *old = before == NULL
		? NULL
		: ksk_table_zone_find(before, name);

	return old == NULL || !is_same(before, old, next, zone);
}

/* ---- judging ---- */

/* Ids of the rules behind the first, each once. */
#define IDS_CAP 160u
static const char *
list_others(const struct ksk_refusals *refusals, char out[IDS_CAP])
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 1; i < refusals->count; i++) {
		const char *rule = refusals->list[i].rule;
		bool new = true;
		for (size_t k = 0; k < i; k++)
			new = new &&strcmp(refusals->list[k].rule, rule) != 0;
		if (new &&len + strlen(rule) + 16 < IDS_CAP)
			len += (size_t)snprintf(out + len, IDS_CAP - len,
				"%s%s", len == 0 ? "; also " : ", ", rule);
	}
	return out;
}

/* The first rule in its words, the others by name. */
static enum ksk_err
refuse(struct ksk_fault *fault, const struct ksk_name *name,
	const struct ksk_refusals *refusals)
{
	char text[KSK_NAME_TEXT_CAP], others[IDS_CAP];

	ksk_name_to_text(name, text);
	ksk_fault_set(fault,
		"zone %.200s: %s: %.300s%s (`accept-outage: yes` at the zone "
		"takes the policy as it is)",
		text, refusals->list[0].rule, refusals->list[0].why,
		list_others(refusals, others));
	return KSK_ERR_BAD_INPUT;
}

/* For what no rule over a set says. */
static void
refuse_parent(struct ksk_refusals *refusals, const char *why)
{
	struct ksk_refusal *one = &refusals->list[0];

	memset(one, 0, sizeof(*one));
	ksk_text_copy(one->rule, sizeof(one->rule), "parent-ds");
	ksk_text_copy(one->why, sizeof(one->why), why);
	refusals->count = 1;
	refusals->dropped = 0;
}

/* Lines of one zone in the log. */
#define LINES_MAX 16u

static void
tell(const char *event, const char *what, const struct ksk_name *name,
	const struct ksk_refusals *refusals)
{
	char zone[KSK_NAME_TEXT_CAP], tag[KSK_NUM_CAP], more[KSK_NUM_CAP];
	size_t lines = refusals->count < LINES_MAX ? refusals->count
						   : LINES_MAX;

	ksk_name_to_text(name, zone);
	for (size_t i = 0; i < lines; i++) {
		const struct ksk_refusal *r = &refusals->list[i];

		ksk_log(KSK_LOG_ERROR, event, what, "zone", zone, "rule",
			r->rule, "tag", r->has_tag ? ksk_num(tag, r->tag) : "",
			"provider", r->provider, "why", r->why, NULL);
	}
	if (refusals->count + refusals->dropped > lines)
		ksk_log(KSK_LOG_ERROR, event, "more reasons are not listed",
			"zone", zone, "more",
			ksk_num(more,
				refusals->count + refusals->dropped - lines),
			NULL);
}

/* Adds what refuses a zone to what refuses the policy, the zone named. */
static void
collect(struct ksk_refusals *all, const struct ksk_name *name,
	const struct ksk_refusals *refusals)
{
	char zone[KSK_NAME_TEXT_CAP];

	ksk_name_to_text(name, zone);
	all->dropped += refusals->dropped;
	for (size_t i = 0; i < refusals->count; i++) {
		struct ksk_refusal *r = &all->list[all->count];

		if (all->count == KSK_REFUSAL_COUNT_MAX) {
			all->dropped++;
			continue;
		}
		*r = refusals->list[i];
		(void)snprintf(r->why, sizeof(r->why),
			"zone %.100s: %s: %.270s", zone, refusals->list[i].rule,
			refusals->list[i].why);
		all->count++;
	}
}

static enum ksk_err
judge_zone(struct ksk_signer *signer, const struct ksk_name *name,
	struct ksk_load *load, struct ksk_refusals *refusals,
	struct ksk_fault *fault)
{
	struct ksk_timeline *timeline = NULL;
	struct ksk_attest attest;
	bool good;
	enum ksk_err err = ksk_past_find(signer, name, &timeline, fault);

	if (err != KSK_OK)
		return err;
	if (load->zone->accept_outage == 0 &&
		ksk_history_attested(load->table, load->zone,
			ksk_timeline_history(timeline)) == KSK_ATTESTED_BACK) {
		refuse_parent(refusals,
			"`seen` is not later than what was attested before, "
			"and the DS set is another one");
		return refuse(fault, name, refusals);
	}
	/* Changed in memory for the question only: what is staged is looked at
	 * once it is durable. */
	if (ksk_timelines_is_staged(signer->timelines, timeline)) {
		err = ksk_journal_commit(signer->journal, fault);
		if (err != KSK_OK)
			return err;
	}
	if (ksk_past_attestation(
		    load->table, load->zone, timeline, load->now, &attest) &&
		ksk_timeline_attest(timeline, &attest) != KSK_OK) {
		refuse_parent(refusals,
			"too many snapshots and waits are kept; wait a day");
		return refuse(fault, name, refusals);
	}
	load->history = ksk_timeline_history(timeline);
	good = ksk_rules_judge_load(load, refusals);
	ksk_timelines_forget(signer->timelines, timeline);
	return good ? KSK_OK : refuse(fault, name, refusals);
}

enum ksk_err
ksk_load_judge(struct ksk_signer *signer, const struct ksk_inforce *before,
	struct ksk_inforce *next, const struct ksk_name *name, bool may_refuse,
	uint64_t now, struct ksk_refusals *refused, struct ksk_fault *fault)
{
	static struct ksk_refusals refusals; /* large; within this call */
	struct ksk_load load = {.table = &next->table,
		.zone = ksk_table_zone_find(&next->table, name),
		.now = now};

	if (load.zone == NULL)
		return KSK_OK;
	if (before != NULL) {
		load.old_table = &before->table;
		load.old_zone = ksk_table_zone_find(&before->table, name);
	}
	bool same = load.old_zone != NULL &&
		is_same(load.old_table, load.old_zone, load.table, load.zone);
	bool held = load.old_zone != NULL &&
		before->held[load.old_zone - before->table.zones] != 0;
	uint8_t *hold = &next->held[load.zone - next->table.zones];
	*hold = 0; /* it may be judged again */
	if (same && !held)
		return KSK_OK;
	if (held)
		load.old_zone = NULL; /* what it says never came into force */
	if (load.old_zone == NULL)
		load.needed = ksk_needed_of(
			&signer->needed, &next->table, load.zone);
	enum ksk_err err = judge_zone(signer, name, &load, &refusals, fault);
	if (err != KSK_ERR_BAD_INPUT)
		return err;
	if (may_refuse && !same) {
		tell("policy-refused", "a zone can't go over to the new policy",
			name, &refusals);
		collect(refused, name, &refusals);
		return err;
	}
	*hold = 1;
	tell("zone-held",
		"a zone is not signed: the policy leaves no acceptable set",
		name, &refusals);
	return KSK_OK;
}

/* ---- held zones ---- */

bool
ksk_load_is_held(struct ksk_signer *signer, const struct ksk_zone *zone,
	const char **out_why)
{
	const struct ksk_table *table = &signer->inforce.table;
	uint8_t *held = &signer->inforce.held[zone - table->zones];
	struct ksk_load load = {
		.table = table, .zone = zone, .now = ksk_clock_now()};
	static struct ksk_refusals refusals; /* large; within this call */
	struct ksk_fault fault = {.text = ""};
	struct ksk_name name;

	if (*held == 0)
		return false;
	load.needed = ksk_needed_of(&signer->needed, table, zone);
	ksk_table_zone_name(table, zone, &name);
	if (judge_zone(signer, &name, &load, &refusals, &fault) == KSK_OK) {
		*held = 0;
		signer->review_due = true;
		/* A policy that is being judged beside this one sees it. */
		ksk_loading_touch(signer, &name);
		return false;
	}
	(void)snprintf(signer->held_why, sizeof(signer->held_why), "%.390s",
		fault.text);
	*out_why = signer->held_why;
	return true;
}

/* ---- attesting ---- */

enum ksk_err
ksk_load_attest(struct ksk_signer *signer, const struct ksk_table *before,
	const struct ksk_table *next, const struct ksk_zone *zone, uint64_t now,
	struct ksk_fault *fault)
{
	struct ksk_timeline *timeline = NULL;
	struct ksk_name name;
	enum ksk_err err;

	ksk_table_zone_name(next, zone, &name);
	if (!is_changed(before, next, zone, &name))
		return KSK_OK;
	err = ksk_past_find(signer, &name, &timeline, fault);
	return err != KSK_OK
		? err
		: ksk_past_attest(signer, next, zone, timeline, now);
}
