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
add_answer(struct ksk_signer *signer, const struct ksk_ticket *ticket,
	const struct ksk_record *record, struct ksk_timeline *timeline)
{
	const struct ksk_sign *sign = &ticket->request.sign;
	const struct ksk_zone *zone = ksk_table_zone_find(
		&signer->inforce.table, &sign->rrset.owner);
	struct ksk_ds signers[KSK_RRSIG_COUNT_MAX];
	struct ksk_release release = {.rrset = &sign->rrset,
		.window = ticket->window,
		.key = ticket->key_count == sign->rrset.count ? ticket->key
							      : NULL,
		.signer = signers,
		.signer_count = list_signers(signer, ticket, signers),
		.proven = record->proven,
		.proven_count = record->proven_count,
		.record = record->number,
		.hash = ticket->record_hash,
		.released = record->time};

	ksk_timeline_add(timeline, zone, &release);
}

/* What a request leaves behind besides its answers: it counts for the client's
 * rate, and a repeat finds its first record. idempotency: NULL for no key. */
static void
leave_behind(struct ksk_signer *signer, const struct ksk_ticket *ticket,
	const uint8_t *idempotency, const struct ksk_record *record,
	struct ksk_timeline *timeline)
{
	const struct ksk_zone *zone = ksk_table_zone_find(
		&signer->inforce.table, &timeline->zone);

	if (zone != NULL)
		ksk_timeline_count(
			timeline, ticket->pin, zone->rate_per, record->time);
	if (idempotency != NULL &&
		ksk_idempotency_stage(&signer->idempotency, ticket->pin,
			idempotency, ticket->digest, record->number,
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
	if (err != KSK_OK)
		return err;
	add_answer(signer, ticket, record, timeline);
	leave_behind(signer, ticket,
		ticket->request.sign.has_idempotency
			? ticket->request.sign.idempotency
			: NULL,
		record, timeline);
	return KSK_OK;
}

/* The result of one bundle; its number and hash go into the reply. */
static enum ksk_err
release_bundle(struct ksk_signer *signer, struct ksk_ticket *bundle,
	struct ksk_timeline *timeline, struct ksk_bundle_reply *out,
	uint64_t now)
{
	struct ksk_record record = {.time = now,
		.kind = KSK_RECORD_RESULT,
		.has_pin = true,
		.has_about = true,
		.about = bundle->intent,
		.rrsig_count = out->rrsig_count};
	enum ksk_err err;

	memcpy(record.pin, bundle->pin, sizeof(record.pin));
	memcpy(record.rrsig, out->rrsig, sizeof(record.rrsig));
	err = ksk_journal_stage(signer->journal, &record, bundle->record_hash);
	if (err != KSK_OK)
		return err;
	out->record = record.number;
	memcpy(out->record_hash, bundle->record_hash, KSK_HASH_LEN);
	add_answer(signer, bundle, &record, timeline);
	return KSK_OK;
}

enum ksk_err
ksk_past_release_schedule(struct ksk_signer *signer,
	struct ksk_ticket *schedule, struct ksk_ticket *const *bundle,
	struct ksk_schedule_reply *body)
{
	const struct ksk_schedule *asked = &schedule->request.schedule;
	struct ksk_record first = {.time = ksk_clock_now()};
	struct ksk_fault fault = {.text = ""};
	struct ksk_timeline *timeline = NULL;
	enum ksk_err err = ksk_past_find(
		signer, &asked->owner, &timeline, &fault);
	/* The timeline's row grows by what the bundles hold. */
	const size_t more = asked->bundle_count * 32u * 1024u;

	if (err != KSK_OK)
		return err;
	if (!ksk_journal_has_record_room(
		    signer->journal, asked->bundle_count) ||
		!ksk_journal_has_room(signer->journal, 3,
			asked->bundle_count * KSK_RECORD_MAX + more +
				ksk_timeline_body_len(timeline)))
		return KSK_ERR_NO_ROOM;
	for (size_t i = 0; i < asked->bundle_count; i++)
		if (release_bundle(signer, bundle[i], timeline,
			    &body->bundle[i], first.time) != KSK_OK)
			abort(); /* room was looked for */
	first.number = body->bundle[0].record;
	leave_behind(signer, schedule,
		asked->has_idempotency ? asked->idempotency : NULL, &first,
		timeline);
	return KSK_OK;
}
