/* SPDX-License-Identifier: BSD-2-Clause */
/* past - see past.h. */
#include "appliance/signer/past.h"

#include "appliance/base/clock.h"

#include <stdlib.h>
#include <string.h>

enum ksk_err
ksk_past_find(struct ksk_signer *signer, const struct ksk_name *zone,
	struct ksk_timeline **out_timeline, struct ksk_fault *fault)
{
	return ksk_timelines_find(signer->timelines, zone, out_timeline, fault);
}

/* ---- before ---- */

/* What this client has under way for the zone counts as answered. */
static uint32_t
under_way(const struct ksk_signer *signer, const struct ksk_ticket *ticket)
{
	const struct ksk_tickets *tickets = signer->tickets;
	uint32_t count = 0;

	for (size_t i = 0; i < tickets->active_count; i++) {
		const struct ksk_ticket *t = tickets->active[i];
		if (t != ticket && ksk_ticket_is_signing(t) &&
			memcmp(t->pin, ticket->pin, KSK_PIN_LEN) == 0 &&
			ksk_name_equal(&t->request.sign.rrset.owner,
				&ticket->request.sign.rrset.owner))
			count++;
	}
	return count;
}

bool
ksk_past_judge(struct ksk_signer *signer, const struct ksk_ticket *ticket,
	const struct ksk_client *client, const struct ksk_zone *zone,
	const struct ksk_timeline *timeline, bool again,
	struct ksk_permit *out_permit)
{
	uint64_t now = ksk_clock_now();
	static struct ksk_sign sign; /* large; within this call */
	struct ksk_candidate candidate = {.sign = &ticket->request.sign,
		.client = client,
		.clash = ticket->clash,
		.now = now};

	if (timeline != NULL) {
		candidate.history = ksk_timeline_history(timeline);
		candidate.recent = ksk_timeline_recent(timeline, ticket->pin,
					   zone->rate_per, now) +
			under_way(signer, ticket);
		candidate.full = !ksk_timeline_has_room(timeline);
	}
	if (again) {
		sign = ticket->request.sign;
		sign.has_previous = false;
		sign.supersede_count = 0;
		candidate.sign = &sign;
		candidate.recent = 0;
		candidate.full = false;
	}
	return ksk_rules_judge(&signer->inforce.table, zone, &candidate,
		out_permit, &signer->reply->refusals);
}

bool
ksk_past_is_last(const struct ksk_signer *signer,
	const struct ksk_timeline *timeline, const struct ksk_stored *stored,
	const struct ksk_permit *permit)
{
	const struct ksk_history_answer *head = ksk_history_head(
		ksk_timeline_history(timeline), stored->rrset.type);
	struct ksk_ds signers[KSK_RRSIG_COUNT_MAX];

	if (head == NULL)
		return false;
	if (ksk_timeline_record(timeline, head) == stored->record)
		return true;
	for (size_t i = 0; i < permit->signer_count; i++)
		signers[i] =
			signer->inforce.table.ksks[permit->signer[i].ksk].ds;
	return ksk_timeline_same(timeline, &stored->rrset, signers,
		       permit->signer_count) != NULL;
}

/* ---- what a policy says ---- */

bool
ksk_past_attestation(const struct ksk_table *table, const struct ksk_zone *zone,
	const struct ksk_timeline *timeline, uint64_t now,
	struct ksk_attest *out)
{
	uint64_t zone_wait = 0, parent_wait = 0;

	*out = (struct ksk_attest){.time = now};
	if (ksk_history_attested(table, zone, ksk_timeline_history(timeline)) ==
		KSK_ATTESTED_NEW) {
		out->has_attested = true;
		out->seen = zone->parent_seen;
		out->ds = table->ds + zone->parent_ds.first;
		out->ds_count = zone->parent_ds.count;
	}
	if (!ksk_timeline_waits(timeline, &zone_wait, &parent_wait) ||
		zone_wait != zone->zone_max_ttl ||
		parent_wait != zone->parent_ds_ttl) {
		out->has_waits = true;
		out->zone_max_ttl = zone->zone_max_ttl;
		out->parent_ds_ttl = zone->parent_ds_ttl;
	}
	return out->has_attested || out->has_waits;
}

enum ksk_err
ksk_past_attest(struct ksk_signer *signer, const struct ksk_table *table,
	const struct ksk_zone *zone, struct ksk_timeline *timeline,
	uint64_t now)
{
	struct ksk_record record = {
		.time = now, .kind = KSK_RECORD_ATTEST, .has_owner = true};
	uint8_t hash[KSK_HASH_LEN];
	struct ksk_attest attest;
	enum ksk_err err;

	if (!ksk_past_attestation(table, zone, timeline, now, &attest))
		return KSK_OK;
	if (!ksk_timelines_has_room(signer->timelines, timeline, 0))
		return KSK_ERR_NO_ROOM;
	ksk_table_zone_name(table, zone, &record.owner);
	record.has_attested = attest.has_attested;
	record.seen = attest.seen;
	record.attested_count = attest.ds_count;
	if (attest.ds_count > 0)
		memcpy(record.attested, attest.ds,
			attest.ds_count * sizeof(attest.ds[0]));
	record.has_waits = attest.has_waits;
	record.zone_max_ttl = attest.zone_max_ttl;
	record.parent_ds_ttl = attest.parent_ds_ttl;
	/* Room in the journal was looked for: only this can still say no. */
	if (ksk_timeline_attest(timeline, &attest) != KSK_OK)
		return KSK_ERR_TOO_LARGE;
	err = ksk_journal_stage(signer->journal, &record, hash);
	if (err == KSK_OK)
		ksk_timelines_stage(signer->timelines, timeline, now);
	else
		ksk_timelines_forget(signer->timelines, timeline);
	return err;
}

/* ---- after ---- */

static size_t
list_signers(const struct ksk_signer *signer, const struct ksk_ticket *ticket,
	struct ksk_ds out[KSK_RRSIG_COUNT_MAX])
{
	for (size_t i = 0; i < ticket->job_count; i++)
		out[i] = ksk_keyring_key(signer->keyring, ticket->job[i].key)
				 ->ds;
	return ticket->job_count;
}

/* The keys of which the request showed possession. */
static size_t
list_proven(const struct ksk_ticket *ticket, struct ksk_record *record)
{
	const struct ksk_rrset *rrset = &ticket->request.sign.rrset;

	for (size_t i = 0; i < rrset->count &&
		record->proven_count < KSK_EVIDENCE_COUNT_MAX;
		i++) {
		if ((ticket->proven & (1u << i)) != 0 &&
			ksk_ds_build(&rrset->owner, rrset->rdata[i],
				KSK_DIGEST_SHA256,
				&record->proven[record->proven_count]) ==
				KSK_OK)
			record->proven_count++;
	}
	return record->proven_count;
}

static void
leave_behind(struct ksk_signer *signer, const struct ksk_ticket *ticket,
	const struct ksk_record *record, struct ksk_timeline *timeline)
{
	const struct ksk_sign *sign = &ticket->request.sign;
	const struct ksk_zone *zone = ksk_table_zone_find(
		&signer->inforce.table, &sign->rrset.owner);
	struct ksk_ds signers[KSK_RRSIG_COUNT_MAX];
	struct ksk_release release = {.rrset = &sign->rrset,
		.window = ticket->window,
		.signer = signers,
		.signer_count = list_signers(signer, ticket, signers),
		.proven = record->proven,
		.proven_count = record->proven_count,
		.record = record->number,
		.hash = ticket->record_hash,
		.released = record->time};

	ksk_timeline_add(timeline, zone, &release);
	if (zone != NULL)
		ksk_timeline_count(
			timeline, ticket->pin, zone->rate_per, record->time);
	if (sign->has_idempotency &&
		ksk_idempotency_stage(&signer->idempotency, ticket->pin,
			sign->idempotency, ticket->digest, record->number,
			record->time) != KSK_OK)
		abort(); /* room was looked for */
	ksk_timelines_stage(signer->timelines, timeline, record->time);
}

enum ksk_err
ksk_past_release(struct ksk_signer *signer, struct ksk_ticket *ticket,
	struct ksk_record *record)
{
	struct ksk_fault fault = {.text = ""};
	struct ksk_timeline *timeline = NULL;
	enum ksk_err err = ksk_past_find(
		signer, &ticket->request.sign.rrset.owner, &timeline, &fault);

	if (err != KSK_OK)
		return err;
	/* The row of the timeline, an answer to give again, a purge. */
	if (!ksk_timelines_has_room(signer->timelines, timeline, 2))
		return KSK_ERR_NO_ROOM;
	(void)list_proven(ticket, record);
	err = ksk_journal_stage(signer->journal, record, ticket->record_hash);
	if (err == KSK_OK)
		leave_behind(signer, ticket, record, timeline);
	return err;
}
