/* SPDX-License-Identifier: BSD-2-Clause */
/* announce - see announce.h. */
#include "appliance/signer/announce.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/policy/rules_announce.h"
#include "appliance/signer/answer.h"
#include "appliance/signer/hold.h"
#include "appliance/signer/past.h"
#include "appliance/signer/pipeline_internal.h"
#include "appliance/signer/timeline_announced.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* One announcement on its way. */
struct arrival {
	struct ksk_signed document; /* owned */
	struct ksk_announcement text;
	struct ksk_announce announce;
	const struct ksk_zone *zone; /* NULL: the policy has none */
	struct ksk_timeline *timeline;
	struct ksk_announced_change change;
};

/* ---- refusing ---- */

static void
refuse(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_name *owner, uint64_t now_ms)
{
	const struct ksk_refusals *refusals = &signer->reply->refusals;
	struct ksk_record record = ksk_pipeline_record_of(
		ticket, KSK_RECORD_REFUSAL);

	record.has_policy = true;
	record.policy_version = signer->inforce.table.version;
	memcpy(record.policy_hash, signer->inforce.table.hash,
		sizeof(record.policy_hash));
	record.text = "an announcement";
	/* Refusals that repeat are known by their zone. */
	if (owner != NULL) {
		record.has_owner = true;
		record.owner = *owner;
		record.rrset.owner = *owner;
	}
	for (size_t i = 0; i < refusals->count; i++)
		record.rule[record.rule_count++] = refusals->list[i].rule;
	if (signer->journal_full ||
		!ksk_pipeline_refuse(signer, ticket, &record, now_ms))
		ksk_pipeline_hold(signer, ticket);
}

static void
refuse_text(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_faults *faults, uint64_t now_ms)
{
	ksk_rules_announce_faults(faults, &signer->reply->refusals);
	refuse(signer, ticket, NULL, now_ms);
}

/* ---- reading ---- */

/* Opens and reads the document. On failure the ticket is answered. */
static bool
read_document(struct ksk_signer *signer, struct ksk_ticket *ticket,
	struct arrival *a, uint64_t now_ms)
{
	struct ksk_faults faults = {.count = 1};
	enum ksk_err err = ksk_signed_open(ticket->request.announce.document,
		KSK_ANNOUNCEMENT_TEXT_MAX, &a->document, &faults.list[0]);

	if (err == KSK_ERR_NO_MEMORY) {
		ksk_answer_plain(signer, ticket, KSK_STATUS_INTERNAL,
			"no memory is left");
		ksk_pipeline_reply(ticket);
		return false;
	}
	if (err != KSK_OK ||
		ksk_announcement_read(a->document.content, &a->text, &faults) !=
			KSK_OK) {
		refuse_text(signer, ticket, &faults, now_ms);
		return false;
	}
	if (EVP_Digest(a->document.content.data, a->document.content.len,
		    a->announce.hash, NULL, EVP_sha256(), NULL) != 1)
		abort(); /* OpenSSL has SHA-256 */
	return true;
}

/* Finds the zone and what is known of it. On failure the ticket is answered.
 */
static bool
find_zone(struct ksk_signer *signer, struct ksk_ticket *ticket,
	struct arrival *a, uint64_t now_ms)
{
	struct ksk_fault fault = {.text = ""};
	enum ksk_err err;

	a->zone = ksk_table_zone_find(&signer->inforce.table, &a->text.zone);
	if (a->zone == NULL)
		return true;
	err = ksk_past_find(signer, &a->text.zone, &a->timeline, &fault);
	if (err == KSK_ERR_NO_ROOM && !signer->journal_full) {
		ksk_pipeline_commit(signer, now_ms);
		err = ksk_past_find(
			signer, &a->text.zone, &a->timeline, &fault);
	}
	if (err != KSK_OK) {
		ksk_pipeline_no_past(signer, ticket, &fault);
		return false;
	}
	a->announce.history = ksk_timeline_history(a->timeline);
	return true;
}

/* ---- accepting ---- */

static void
answer(struct ksk_signer *signer, struct ksk_ticket *ticket, bool known)
{
	struct ksk_reply *reply = ksk_answer_begin(
		signer, ticket, KSK_STATUS_DONE);
	struct ksk_announce_reply *body = &reply->announce_body;

	reply->body = KSK_OP_ANNOUNCE;
	body->record = ticket->record;
	memcpy(body->record_hash, ticket->record_hash, KSK_HASH_LEN);
	body->known = known;
	ksk_answer_encode(signer, ticket);
}

static void
answer_known(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct arrival *a)
{
	const struct ksk_history_announced *last = ksk_announced_find(
		a->announce.history, a->text.provider);

	ticket->record = last->record;
	memcpy(ticket->record_hash, last->record_hash, KSK_HASH_LEN);
	answer(signer, ticket, true);
	/* The record may be staged only: then its commit is waited for. */
	if (ksk_timelines_is_staged(signer->timelines, a->timeline)) {
		signer->staged_results++;
		ticket->stage = KSK_STAGE_REFUSAL;
		return;
	}
	ksk_pipeline_reply(ticket);
}

static bool
is_under_way(const struct ksk_signer *signer, const struct ksk_zone *zone)
{
	const struct ksk_tickets *tickets = signer->tickets;

	for (size_t i = 0; i < tickets->active_count; i++) {
		const struct ksk_ticket *t = tickets->active[i];

		if (ksk_ticket_is_signing(t) &&
			ksk_pipeline_zone_asked(signer, t) == zone)
			return true;
	}
	return false;
}

static void
log_accepted(const struct arrival *a)
{
	char name[KSK_NAME_TEXT_CAP], serial[KSK_NUM_CAP];

	ksk_name_to_text(&a->text.zone, name);
	ksk_log(KSK_LOG_INFO, "announcement", "an announcement is in force",
		"zone", name, "provider", a->text.provider, "serial",
		ksk_num(serial, a->text.serial), NULL);
}

static bool
stage(struct ksk_signer *signer, struct ksk_ticket *ticket, struct arrival *a,
	uint64_t now_ms)
{
	struct ksk_record record = ksk_pipeline_record_of(
		ticket, KSK_RECORD_ANNOUNCE);

	record.has_owner = true;
	record.owner = a->text.zone;
	record.has_policy = true;
	record.policy_version = signer->inforce.table.version;
	memcpy(record.policy_hash, signer->inforce.table.hash, KSK_HASH_LEN);
	record.has_announced = true;
	ksk_text_copy(
		record.announced.provider, KSK_LABEL_CAP, a->text.provider);
	record.announced.serial = a->text.serial;
	record.announced.document = ticket->request.announce.document;
	if (!ksk_announced_has_room(signer->timelines))
		ksk_pipeline_commit(signer, now_ms);
	if (signer->journal_full ||
		!ksk_announced_has_room(signer->timelines) ||
		ksk_journal_stage(signer->journal, &record,
			ticket->record_hash) != KSK_OK)
		return false;
	ticket->record = record.number;
	a->change.entry.record = record.number;
	memcpy(a->change.entry.record_hash, ticket->record_hash, KSK_HASH_LEN);
	ksk_announced_apply(a->timeline, &a->change);
	ksk_announced_stage(signer->timelines, a->timeline, a->change.at,
		a->change.dropped);
	if (signer->staged_ms == 0)
		signer->staged_ms = now_ms;
	return true;
}

static void
refuse_full(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct arrival *a, uint64_t now_ms)
{
	static const struct ksk_faults faults = {.count = 1,
		.list = {{"too many keys of older announcements still stand "
			  "in sets that are signed, or too many providers have "
			  "announced keys for this zone; wait until keys have "
			  "left"}}};

	ksk_rules_announce_faults(&faults, &signer->reply->refusals);
	refuse(signer, ticket, &a->text.zone, now_ms);
}

static void
accept(struct ksk_signer *signer, struct ksk_ticket *ticket, struct arrival *a,
	uint64_t now_ms)
{
	const struct ksk_accepted accepted = {.announcement = &a->text,
		.pin = a->document.by[0].pin,
		.hash = a->announce.hash,
		.table = &signer->inforce.table,
		.zone = a->zone,
		.now = a->announce.now,
		.under_way = is_under_way(signer, a->zone)};

	if (ksk_announced_build(a->timeline, &accepted, &a->change) != KSK_OK) {
		refuse_full(signer, ticket, a, now_ms);
		return;
	}
	if (signer->journal_full || !stage(signer, ticket, a, now_ms)) {
		ksk_pipeline_hold(signer, ticket);
		return;
	}
	log_accepted(a);
	signer->staged_results++;
	signer->review_due = true;
	answer(signer, ticket, false);
	ticket->stage = KSK_STAGE_REFUSAL;
}

/* ---- the whole ---- */

static void
judge(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, struct arrival *a, uint64_t now_ms)
{
	struct ksk_refusals *refusals = &signer->reply->refusals;
	bool known = false;

	if (!read_document(signer, ticket, a, now_ms) ||
		!find_zone(signer, ticket, a, now_ms))
		return;
	a->announce.document = &a->document;
	a->announce.announcement = &a->text;
	a->announce.client = client;
	a->announce.now = ksk_clock_now();
	if (!ksk_rules_judge_announce(&signer->inforce.table, a->zone,
		    &a->announce, &known, refusals))
		refuse(signer, ticket, &a->text.zone, now_ms);
	else if (known)
		answer_known(signer, ticket, a);
	else
		accept(signer, ticket, a, now_ms);
}

void
ksk_announce_take(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, uint64_t now_ms)
{
	static struct arrival arrival; /* large; within this call */
	const char *held;
	enum ksk_state state = ksk_hold_state(signer, &held);

	if ((client->may & (KSK_MAY_SIGN | KSK_MAY_ANNOUNCE)) == 0) {
		ksk_answer_plain(signer, ticket, KSK_STATUS_NOT_AUTHORISED,
			"the policy does not let this client bring "
			"announcements");
		ksk_pipeline_reply(ticket);
		return;
	}
	/* Its dates need a clock, its serial the newest journal. */
	if (state != KSK_STATE_READY) {
		ksk_answer_not_ready(signer, ticket, state, held);
		ksk_pipeline_reply(ticket);
		return;
	}
	memset(&arrival.document, 0, sizeof(arrival.document));
	memset(&arrival.announce, 0, sizeof(arrival.announce));
	arrival.timeline = NULL;
	judge(signer, ticket, client, &arrival, now_ms);
	ksk_signed_free(&arrival.document);
}

enum ksk_err
ksk_announce_reset_serial(struct ksk_signer *signer,
	const struct ksk_name *zone, const char *provider, uint64_t serial,
	uint64_t *out_before, struct ksk_fault *fault)
{
	struct ksk_timeline *timeline = NULL;
	size_t at = 0;
	enum ksk_err err = ksk_past_find(signer, zone, &timeline, fault);

	if (err != KSK_OK)
		return err;
	while (at < timeline->history.announced_count &&
		strcmp(timeline->announced[at].provider, provider) != 0)
		at++;
	if (at == timeline->history.announced_count) {
		ksk_fault_set(fault,
			"the provider %s has announced nothing for this zone",
			provider);
		return KSK_ERR_NOT_FOUND;
	}
	if (serial >= timeline->announced[at].serial) {
		ksk_fault_set(fault,
			"the serial of the provider %s is %llu; it can only "
			"be set to a lower one",
			provider,
			(unsigned long long)timeline->announced[at].serial);
		return KSK_ERR_BAD_INPUT;
	}
	if (!ksk_announced_has_room(signer->timelines)) {
		ksk_fault_set(fault, "too much is staged");
		return KSK_ERR_NO_ROOM;
	}
	*out_before = timeline->announced[at].serial;
	timeline->announced[at].serial = serial;
	ksk_announced_stage(signer->timelines, timeline, at, "");
	return KSK_OK;
}
