/* SPDX-License-Identifier: BSD-2-Clause */
/* adopt - see adopt.h. */
#include "appliance/signer/adopt.h"

#include "appliance/base/clock.h"
#include "appliance/signer/past.h"
#include "protocol/verify.h"

#include <string.h>

/* RRSIG times are 32 bits in serial arithmetic (RFC 4034 3.1.5, RFC 1982):
 * the one meant lies nearest to now. */
static uint64_t
full_time(uint32_t serial, uint64_t now)
{
	int32_t ahead = (int32_t)(serial - (uint32_t)now);

	return (uint64_t)((int64_t)now + ahead);
}

/* The KSK of the policy that a key of the set is; NULL if none. */
static const struct ksk_policy_ksk *
find_ksk(const struct ksk_signer *signer, const struct ksk_zone *zone,
	const struct ksk_name *name, struct ksk_span rdata)
{
	for (uint32_t i = 0; i < zone->ksks.count; i++) {
		const struct ksk_policy_ksk *k =
			&signer->inforce.table.ksks[zone->ksks.first + i];
		if (ksk_ds_matches(&k->ds, name, rdata))
			return k;
	}
	return NULL;
}

/* Verifies one RRSIG by a KSK of ours that is in the set. */
static const struct ksk_policy_ksk *
find_signer(const struct ksk_signer *signer, const struct ksk_zone *zone,
	const struct ksk_rrset *rrset, const struct ksk_rrsig *rrsig,
	uint64_t now, struct ksk_fault *why)
{
	ksk_fault_set(why,
		"it is not by a KSK of the policy that is in the "
		"set");
	for (size_t i = 0; i < rrset->count; i++) {
		const struct ksk_policy_ksk *k = find_ksk(
			signer, zone, &rrset->owner, rrset->rdata[i]);
		if (k == NULL || k->ds.algorithm != rrsig->algorithm)
			continue;
		if (ksk_verify_rrsig(rrset, rrsig, &rrset->owner,
			    rrset->rdata[i], now, why) == KSK_OK)
			return k;
	}
	return NULL;
}

static const char *
check_rrsigs(struct ksk_signer *signer, const struct ksk_adopt *adopt,
	const struct ksk_zone *zone, uint64_t now, struct ksk_record *record)
{
	static struct ksk_fault why;
	struct ksk_window *window = &record->window;

	for (size_t i = 0; i < adopt->rrsig_count; i++) {
		const struct ksk_policy_ksk *k;
		struct ksk_rrsig rrsig;
		uint64_t inception, expiration;

		if (ksk_rrsig_read(adopt->rrsig[i], &rrsig) != KSK_OK)
			return "one of the RRSIGs is none (RFC 4034 3.1)";
		k = find_signer(signer, zone, &adopt->rrset, &rrsig, now, &why);
		if (k == NULL)
			return why.text;
		inception = full_time(rrsig.inception, now);
		expiration = full_time(rrsig.expiration, now);
		window->inception = i == 0 || inception > window->inception
			? inception
			: window->inception;
		window->expiration = expiration > window->expiration
			? expiration
			: window->expiration;
		record->signer[record->signer_count++] = k->ds;
		record->rrsig[record->rrsig_count++] = adopt->rrsig[i];
	}
	return adopt->rrsig_count == 0 ? "no RRSIG stands beside the set"
				       : NULL;
}

/* Each KSK signs once, so that what is recorded says who signed. */
static bool
has_twice(const struct ksk_record *record)
{
	for (size_t i = 0; i < record->signer_count; i++)
		for (size_t k = 0; k < i; k++)
			if (ksk_ds_equal(
				    &record->signer[i], &record->signer[k]))
				return true;
	return false;
}

static const char *
compare_with_head(const struct ksk_timeline *timeline,
	const struct ksk_record *record, uint64_t *out_known)
{
	const struct ksk_history *history = ksk_timeline_history(timeline);
	const struct ksk_history_answer *head = ksk_history_head(
		history, KSK_TYPE_DNSKEY);
	const struct ksk_history_answer *same = ksk_timeline_same(
		timeline, &record->rrset, record->signer, record->signer_count);

	if (head == NULL)
		return NULL;
	if (same != NULL && record->window.expiration <= same->expiration) {
		*out_known = ksk_timeline_record(timeline, same);
		return NULL;
	}
	if (record->window.inception < head->inception)
		return "the last answer known here is newer than this one: "
		       "give the set that is served now";
	return ksk_timeline_has_room(timeline)
		? NULL
		: "the zone has had too many changes lately; wait";
}

const char *
ksk_adopt_check(struct ksk_signer *signer, const struct ksk_ticket *ticket,
	const struct ksk_zone *zone, const struct ksk_timeline *timeline,
	struct ksk_record *out_record, uint64_t *out_known)
{
	const struct ksk_adopt *adopt = &ticket->request.adopt;
	uint64_t now = ksk_clock_now();
	const char *why;

	*out_known = 0;
	*out_record = (struct ksk_record){.time = now,
		.kind = KSK_RECORD_ADOPT,
		.has_pin = true,
		.has_rrset = true,
		.rrset = adopt->rrset,
		.has_window = true};
	memcpy(out_record->pin, ticket->pin, KSK_PIN_LEN);
	if (adopt->rrset.type != KSK_TYPE_DNSKEY)
		return "only a DNSKEY set is adopted";
	for (size_t i = 0; i < adopt->rrset.count; i++) {
		struct ksk_dnskey key;
		if (ksk_dnskey_read(adopt->rrset.rdata[i], &key) != KSK_OK)
			return "a record of the set is too short for a DNSKEY";
	}
	why = check_rrsigs(signer, adopt, zone, now, out_record);
	if (why == NULL && has_twice(out_record))
		why = "two RRSIGs are by one KSK";
	return why != NULL ? why
			   : compare_with_head(timeline, out_record, out_known);
}

enum ksk_err
ksk_adopt_stage(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_zone *zone, struct ksk_timeline *timeline,
	struct ksk_record *record)
{
	struct ksk_release release = {.rrset = &record->rrset,
		.window = record->window,
		.signer = record->signer,
		.signer_count = record->signer_count,
		.released = record->time,
		.adopted = true,
		.hash = ticket->record_hash};
	/* The snapshot first: the ghost is made of it. */
	enum ksk_err err = ksk_past_attest(
		signer, &signer->inforce.table, zone, timeline, record->time);

	if (err != KSK_OK)
		return err;
	if (!ksk_timelines_has_room(signer->timelines, timeline, 0))
		return KSK_ERR_NO_ROOM;
	err = ksk_journal_stage(signer->journal, record, ticket->record_hash);
	if (err != KSK_OK)
		return err;
	release.record = record->number;
	ticket->record = record->number;
	ksk_timeline_add(timeline, zone, &release);
	ksk_timelines_stage(signer->timelines, timeline, record->time);
	return KSK_OK;
}
