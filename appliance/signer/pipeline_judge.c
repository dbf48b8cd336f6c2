/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pipeline_judge - steps 2 and 3 of pipeline.h: whose turn it is, the verdict
 * of policy and timeline, the intent; and adoption, which needs no token.
 */
#include "appliance/signer/pipeline_internal.h"

#include "appliance/base/clock.h"
#include "appliance/signer/adopt.h"
#include "appliance/signer/answer.h"
#include "appliance/signer/hold.h"
#include "appliance/signer/load.h"
#include "appliance/signer/past.h"
#include "appliance/signer/room.h"
#include "appliance/signer/state.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* So long a request waits for another set of its zone. */
#define TURN_MS 5000u

/* ---- step 2: policy → permit or all refusals ---- */

/* Stages a record; if its transaction is full, commits and tries again. */
bool
ksk_pipeline_stage(struct ksk_signer *signer, struct ksk_record *record,
	uint8_t out_hash[KSK_HASH_LEN], uint64_t now_ms)
{
	enum ksk_err err = ksk_journal_stage(signer->journal, record, out_hash);
	if (err == KSK_ERR_NO_ROOM && ksk_room_may_commit(signer, now_ms)) {
		ksk_pipeline_commit(signer, now_ms);
		err = ksk_journal_stage(signer->journal, record, out_hash);
	}
	if (err != KSK_OK)
		return false;
	if (signer->staged_ms == 0)
		signer->staged_ms = now_ms;
	return true;
}

struct ksk_record
ksk_pipeline_record_of(
	const struct ksk_ticket *ticket, enum ksk_record_kind kind)
{
	struct ksk_record record = {
		.time = ksk_clock_now(), .kind = kind, .has_pin = true};
	memcpy(record.pin, ticket->pin, sizeof(record.pin));
	return record;
}

void
ksk_pipeline_hold(struct ksk_signer *signer, struct ksk_ticket *ticket)
{
	ksk_answer_not_ready(
		signer, ticket, KSK_STATE_JOURNAL_FULL, signer->journal_why);
	ksk_pipeline_reply(ticket);
}

/* The set that is refused; of a schedule, that of the first bundle that a
 * refusal names. */
static void
record_set(const struct ksk_ticket *ticket, const struct ksk_refusals *refusals,
	struct ksk_rrset *out)
{
	const struct ksk_request *request = &ticket->request;
	size_t bundle = 0;
	if (refusals->count > 0 && refusals->list[0].has_bundle)
		bundle = (size_t)refusals->list[0].bundle;
	if (request->op == KSK_OP_SIGN_SCHEDULE)
		ksk_schedule_rrset(&request->schedule, bundle, out);
	else
		*out = request->op == KSK_OP_ADOPT ? request->adopt.rrset
						   : request->sign.rrset;
}

void
ksk_pipeline_refused(
	struct ksk_signer *signer, struct ksk_ticket *ticket, uint64_t now_ms)
{
	struct ksk_record record = ksk_pipeline_record_of(
		ticket, KSK_RECORD_REFUSAL);
	const struct ksk_refusals *refusals = &signer->reply->refusals;
	record.has_rrset = true;
	record_set(ticket, refusals, &record.rrset);
	record.has_policy = true;
	record.policy_version = signer->inforce.table.version;
	memcpy(record.policy_hash, signer->inforce.table.hash,
		sizeof(record.policy_hash));
	for (size_t i = 0; i < refusals->count; i++)
		record.rule[record.rule_count++] = refusals->list[i].rule;
	if (ticket->request.op == KSK_OP_SIGN && ticket->request.sign.dry_run) {
		ksk_answer_refused(signer, ticket);
		ksk_pipeline_reply(ticket);
		return;
	}
	if (signer->journal_full ||
		!ksk_pipeline_refuse(signer, ticket, &record, now_ms))
		ksk_pipeline_hold(signer, ticket);
}

/* Keeps what the permit says in the ticket: the policy may change before the
 * token answers. */
void
ksk_pipeline_keep_permit(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_permit *permit)
{
	ticket->policy_version = signer->inforce.table.version;
	ticket->window = permit->window;
	ticket->proven = permit->proven;
	ticket->key_count = permit->key_count;
	memcpy(ticket->key, permit->key,
		permit->key_count * sizeof(permit->key[0]));
	ticket->warning_count = permit->warning_count;
	memcpy(ticket->warning, permit->warning,
		permit->warning_count * sizeof(permit->warning[0]));
	ticket->job_count = permit->signer_count;
	for (size_t i = 0; i < permit->signer_count; i++) {
		ticket->job[i].key =
			signer->inforce.key_of[permit->signer[i].ksk];
		ticket->job[i].revoked = permit->signer[i].revoked;
	}
}

/* Answers at once what can't be signed now. */
bool
ksk_pipeline_not_ready(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_ticket *signs)
{
	if (signer->journal_full) {
		ksk_pipeline_hold(signer, ticket);
		return true;
	}
	const char *held;
	enum ksk_state whole = ksk_hold_state(signer, &held);
	if (whole != KSK_STATE_READY) {
		ksk_answer_not_ready(signer, ticket, whole, held);
		ksk_pipeline_reply(ticket);
		return true;
	}
	for (size_t i = 0; i < signs->job_count; i++) {
		const char *why;
		enum ksk_state state = ksk_state_key(
			signer, signs->job[i].key, &why);
		/* Workers that are just being replaced are waited for; a
		 * token that gave no signature is asked by one request at a
		 * time. */
		if (state == KSK_STATE_READY ||
			(state == KSK_STATE_TOKEN_DOWN &&
				ksk_state_worth_a_try(
					signer, signs->job[i].key)))
			continue;
		ksk_answer_not_ready(signer, ticket, state, why);
		ksk_pipeline_reply(ticket);
		return true;
	}
	return false;
}

/* ---- step 3: intent ---- */

/* Refuses for one reason, which no rule over the set can know. */
void
ksk_pipeline_refuse_for(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const char *rule, const char *why, uint64_t now_ms)
{
	struct ksk_refusals *refusals = &signer->reply->refusals;
	memset(&refusals->list[0], 0, sizeof(refusals->list[0]));
	ksk_text_copy(refusals->list[0].rule, KSK_LABEL_CAP, rule);
	ksk_text_copy(refusals->list[0].why, KSK_WHY_CAP, why);
	refusals->count = 1;
	refusals->dropped = 0;
	ksk_pipeline_refused(signer, ticket, now_ms);
}

/* Answers a client that may not change the zone's timeline. */
static bool
may_not_adopt(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, const struct ksk_zone *zone)
{
	if (zone == NULL)
		ksk_answer_plain(signer, ticket, KSK_STATUS_UNKNOWN_ZONE,
			"the policy has no zone of this name");
	else if ((client->may & KSK_MAY_SIGN) == 0 ||
		!ksk_table_zone_has_client(
			&signer->inforce.table, zone, client))
		ksk_answer_plain(signer, ticket, KSK_STATUS_NOT_AUTHORISED,
			"the policy does not let this client sign for the "
			"zone");
	else
		return false;
	ksk_pipeline_reply(ticket);
	return true;
}

bool
ksk_pipeline_intend(
	struct ksk_signer *signer, struct ksk_ticket *ticket, uint64_t now_ms)
{
	struct ksk_record record = ksk_pipeline_record_of(
		ticket, KSK_RECORD_INTENT);
	record.has_rrset = true;
	record.rrset = ticket->request.sign.rrset;
	record.has_window = true;
	record.window = ticket->window;
	record.has_policy = true;
	record.policy_version = ticket->policy_version;
	memcpy(record.policy_hash, signer->inforce.table.hash,
		sizeof(record.policy_hash));
	record.signer_count = ticket->job_count;
	for (size_t i = 0; i < ticket->job_count; i++)
		record.signer[i] = ksk_keyring_key(
			signer->keyring, ticket->job[i].key)
					   ->ds;
	uint8_t hash[KSK_HASH_LEN];
	if (!ksk_pipeline_stage(signer, &record, hash, now_ms))
		return false;
	ticket->intent = record.number;
	ticket->stage = KSK_STAGE_INTENT;
	signer->staged_intents++;
	return true;
}

/* Finds the timeline of the zone; commits if that makes room for it. On
 * failure the ticket is answered. */
bool
ksk_pipeline_find_past(struct ksk_signer *signer, struct ksk_ticket *ticket,
	struct ksk_timeline **out_timeline, uint64_t now_ms)
{
	const struct ksk_zone *zone = ksk_pipeline_zone_asked(signer, ticket);
	struct ksk_fault fault = {.text = ""};
	struct ksk_name name;
	ksk_table_zone_name(&signer->inforce.table, zone, &name);
	enum ksk_err err = ksk_past_find(signer, &name, out_timeline, &fault);
	if (err == KSK_ERR_NO_ROOM && ksk_room_may_commit(signer, now_ms)) {
		ksk_pipeline_commit(signer, now_ms);
		err = ksk_past_find(signer, &name, out_timeline, &fault);
	}
	if (err != KSK_OK)
		ksk_pipeline_no_past(signer, ticket, &fault);
	return err == KSK_OK;
}

void
ksk_pipeline_digest(struct ksk_ticket *ticket)
{
	struct ksk_span body = ticket->request.raw_body;
	if (EVP_Digest(body.data, body.len, ticket->digest, NULL, EVP_sha256(),
		    NULL) != 1)
		abort(); /* OpenSSL has SHA-256 */
}

/* A request that has its answer already gets it, if the set would still be
 * permitted. Returns true if the ticket is done with. */
static bool
repeat(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, const struct ksk_zone *zone,
	const struct ksk_timeline *timeline, uint64_t now_ms)
{
	const struct ksk_sign *sign = &ticket->request.sign;
	uint64_t now = ksk_clock_now(), record = 0;
	enum ksk_repeat known = KSK_REPEAT_NEW;
	struct ksk_fault fault = {.text = ""};
	struct ksk_permit permit = {0};
	struct ksk_stored stored;
	ksk_pipeline_digest(ticket);
	enum ksk_err err = ksk_idempotency_find(&signer->idempotency,
		ticket->pin, sign->idempotency, ticket->digest, now, &known,
		&record, &fault);
	if (err == KSK_OK && known == KSK_REPEAT_SAME)
		err = ksk_stored_read(signer->journal, record, signer->stored,
			&stored, &fault);
	if (err != KSK_OK) {
		ksk_pipeline_no_past(signer, ticket, &fault);
		return true;
	}
	ticket->clash = known == KSK_REPEAT_OTHER;
	if (known != KSK_REPEAT_SAME || stored.window.expiration <= now)
		return false;
	if (!ksk_past_judge(
		    signer, ticket, client, zone, timeline, true, &permit)) {
		ksk_pipeline_refused(signer, ticket, now_ms);
		return true;
	}
	/* An older set, given again, would come back unseen. */
	if (!ksk_past_is_last(signer, timeline, &stored, &permit)) {
		ksk_pipeline_refuse_for(signer, ticket, "idempotency",
			"the answer that this request had was replaced by a "
			"later one: read the last answer (kskctl last-answer), "
			"and ask with another key for what is to follow it",
			now_ms);
		return true;
	}
	ksk_pipeline_keep_permit(signer, ticket, &permit);
	ksk_answer_again(signer, ticket, &stored);
	ksk_pipeline_reply(ticket);
	return true;
}

/* What the policy says of the zone's parent becomes history with the first
 * intent. Returns false if the journal can't take it now. */
bool
ksk_pipeline_attest(struct ksk_signer *signer, const struct ksk_zone *zone,
	struct ksk_timeline *timeline, uint64_t now_ms)
{
	const struct ksk_table *table = &signer->inforce.table;
	uint64_t now = ksk_clock_now();
	enum ksk_err err = ksk_past_attest(signer, table, zone, timeline, now);
	if (err == KSK_ERR_NO_ROOM && ksk_room_may_commit(signer, now_ms)) {
		ksk_pipeline_commit(signer, now_ms);
		err = ksk_past_attest(signer, table, zone, timeline, now);
	}
	return err == KSK_OK;
}

static void
take_sign(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, uint64_t now_ms)
{
	const struct ksk_zone *zone = ksk_pipeline_zone_asked(signer, ticket);
	struct ksk_timeline *timeline = NULL;
	struct ksk_permit permit = {0};
	if (zone != NULL &&
		!ksk_pipeline_find_past(signer, ticket, &timeline, now_ms))
		return;
	const char *held;
	if (zone != NULL && ksk_load_is_held(signer, zone, &held)) {
		ksk_answer_not_ready(signer, ticket, KSK_STATE_NO_POLICY, held);
		ksk_pipeline_reply(ticket);
		return;
	}
	/* By a clock or a past that is doubted no answer can be known to be
	 * the last one, and only the set itself can be judged. */
	bool doubted = ksk_hold_state(signer, &held) != KSK_STATE_READY;
	if (zone != NULL && !doubted && ticket->request.sign.has_idempotency &&
		!ticket->request.sign.dry_run &&
		repeat(signer, ticket, client, zone, timeline, now_ms))
		return;
	if (doubted)
		timeline = NULL;
	if (!ksk_past_judge(
		    signer, ticket, client, zone, timeline, false, &permit)) {
		ksk_pipeline_refused(signer, ticket, now_ms);
		return;
	}
	ksk_pipeline_keep_permit(signer, ticket, &permit);
	if (ksk_pipeline_not_ready(signer, ticket, ticket))
		return;
	if (ticket->request.sign.dry_run) {
		ksk_answer_signed(signer, ticket, NULL);
		ksk_pipeline_reply(ticket);
		return;
	}
	if (!ksk_pipeline_attest(signer, zone, timeline, now_ms) ||
		!ksk_pipeline_intend(signer, ticket, now_ms))
		ksk_pipeline_hold(signer, ticket);
}

/* An answer that others signed or that was signed elsewhere. */
static void
take_adopt(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, uint64_t now_ms)
{
	const struct ksk_zone *zone = ksk_pipeline_zone_asked(signer, ticket);
	struct ksk_timeline *timeline;
	struct ksk_record record;
	struct ksk_fault fault = {.text = ""};
	struct ksk_stored stored;
	uint64_t known = 0;
	if (may_not_adopt(signer, ticket, client, zone) ||
		!ksk_pipeline_find_past(signer, ticket, &timeline, now_ms))
		return;
	const char *why = ksk_adopt_check(
		signer, ticket, zone, timeline, &record, &known);
	if (why != NULL) {
		ksk_pipeline_refuse_for(signer, ticket, "adopt", why, now_ms);
		return;
	}
	ticket->warning_count = ksk_adopt_warn(&signer->inforce.table, zone,
		ksk_timeline_history(timeline), &ticket->request.adopt.rrset,
		ksk_clock_now(), ticket->warning);
	if (signer->journal_full) {
		ksk_pipeline_hold(signer, ticket);
		return;
	}
	if (known != 0) {
		if (ksk_stored_read(signer->journal, known, signer->stored,
			    &stored, &fault) != KSK_OK) {
			ksk_pipeline_no_past(signer, ticket, &fault);
			return;
		}
		ticket->record = stored.record;
		memcpy(ticket->record_hash, stored.hash, KSK_HASH_LEN);
		ksk_answer_adopted(signer, ticket);
		ksk_pipeline_reply(ticket);
		return;
	}
	enum ksk_err err = ksk_adopt_stage(
		signer, ticket, zone, timeline, &record);
	if (err == KSK_ERR_NO_ROOM) {
		ksk_pipeline_commit(signer, now_ms);
		err = ksk_adopt_stage(signer, ticket, zone, timeline, &record);
	}
	if (err != KSK_OK) {
		ksk_pipeline_hold(signer, ticket);
		return;
	}
	signer->staged_results++;
	ksk_answer_adopted(signer, ticket);
	ticket->stage = KSK_STAGE_REFUSAL;
}

/* What changes a zone's timeline comes one after the other. */
void
ksk_pipeline_take_turn(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, uint64_t now_ms)
{
	if (ksk_ticket_must_wait(signer->tickets, ticket))
		ticket->stage = KSK_STAGE_TURN;
	else if (ticket->request.op == KSK_OP_ADOPT)
		take_adopt(signer, ticket, client, now_ms);
	else if (ticket->request.op == KSK_OP_SIGN_SCHEDULE)
		ksk_pipeline_take_schedule(signer, ticket, client, now_ms);
	else
		take_sign(signer, ticket, client, now_ms);
}

/* Those whose turn has come, in the order in which they came. The policy may
 * have changed since. */
void
ksk_pipeline_wake(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_ticket *ticket = NULL;
	while ((ticket = ksk_ticket_next_turn(signer->tickets, ticket)) !=
		NULL) {
		const struct ksk_client *client = ksk_office_client(
			signer, ticket->pin);
		if (client == NULL) {
			ksk_answer_plain(
				signer, ticket, KSK_STATUS_NOT_AUTHORISED, "");
			ksk_pipeline_reply(ticket);
		} else if (now_ms - ticket->begin_ms > TURN_MS) {
			ksk_answer_plain(signer, ticket, KSK_STATUS_BUSY,
				"another set of this zone is being signed; ask "
				"again in 1 second");
			ksk_pipeline_reply(ticket);
		} else {
			/* Back in its place in the order if it must wait. */
			ticket->stage = KSK_STAGE_REPLY;
			ksk_pipeline_take_turn(signer, ticket, client, now_ms);
		}
	}
}
