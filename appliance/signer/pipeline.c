/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pipeline - see pipeline.h. The steps of one request, in order, are the
 * functions of this file from top to bottom, steps 2 and 3 those of
 * pipeline_judge.c, for schedules all of pipeline_schedule.c; how each step is done stands elsewhere: messages in protocol/, rules in ../policy/, records in journal.c,
 * jobs in crew.c, signatures in check.c, replies in answer.c.
 */
#include "appliance/signer/pipeline_internal.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/signer/announce.h"
#include "appliance/signer/answer.h"
#include "appliance/signer/check.h"
#include "appliance/signer/journal_read.h"
#include "appliance/signer/past.h"
#include "appliance/signer/room.h"
#include "appliance/signer/show.h"
#include "appliance/signer/state.h"

#include <stdio.h>
#include <string.h>

/* Commit when so many wait … (DESIGN 3: group commit) */
#define INTENTS_DUE 16u
#define RESULTS_DUE 24u
/* … or the oldest has waited so long: a slow token never idles. */
#define STAGED_MS 5u
/* A signature whose record can't be written is given up after: */
#define RESULT_MS 5000u

/* ---- step 1: frame → message, client, op ---- */

void
ksk_pipeline_reply(struct ksk_ticket *ticket)
{
	ticket->stage = KSK_STAGE_REPLY;
}

static void
answer_malformed(struct ksk_signer *signer, struct ksk_ticket *ticket,
	enum ksk_err err, const char *why)
{
	bool large = err == KSK_ERR_TOO_LARGE;
	ksk_answer_plain(signer, ticket,
		large ? KSK_STATUS_TOO_LARGE : KSK_STATUS_MALFORMED, why);
	/* Too much of something is still a whole message. */
	ticket->close = !large;
	ksk_pipeline_reply(ticket);
}

const struct ksk_zone *
ksk_pipeline_zone_asked(
	const struct ksk_signer *signer, const struct ksk_ticket *ticket)
{
	const struct ksk_request *request = &ticket->request;
	const struct ksk_name *owner = &request->zone.owner;
	if (request->op == KSK_OP_SIGN)
		owner = &request->sign.rrset.owner;
	else if (request->op == KSK_OP_SIGN_SCHEDULE)
		owner = &request->schedule.owner;
	else if (request->op == KSK_OP_ADOPT)
		owner = &request->adopt.rrset.owner;
	else if (request->op == KSK_OP_LAST_ANSWER)
		owner = &request->last_answer.owner;
	return ksk_table_zone_find(&signer->inforce.table, owner);
}

/* Answers a request that may not read the zone; returns true then. */
static bool
may_not_read(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, const struct ksk_zone *zone)
{
	if ((client->may & KSK_MAY_READ) == 0)
		ksk_answer_plain(signer, ticket, KSK_STATUS_NOT_AUTHORISED,
			"the policy does not give this client the right read");
	else if (zone == NULL)
		ksk_answer_plain(signer, ticket, KSK_STATUS_UNKNOWN_ZONE,
			"the policy has no zone of this name");
	else if (!ksk_table_zone_has_client(
			 &signer->inforce.table, zone, client))
		ksk_answer_plain(signer, ticket, KSK_STATUS_NOT_AUTHORISED,
			"the policy does not list this client for the zone");
	else
		return false;
	ksk_pipeline_reply(ticket);
	return true;
}

static void
take_keys(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client)
{
	const struct ksk_zone *zone = ksk_pipeline_zone_asked(signer, ticket);
	if (may_not_read(signer, ticket, client, zone))
		return;
	ksk_answer_keys(signer, ticket, zone, ksk_clock_now());
	ksk_pipeline_reply(ticket);
}

/* The journal can't be read: what it is stands in fault. */
void
ksk_pipeline_no_past(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_fault *fault)
{
	ksk_answer_not_ready(
		signer, ticket, KSK_STATE_JOURNAL_FULL, fault->text);
	ksk_pipeline_reply(ticket);
}

static void
take_last_answer(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, uint64_t now_ms)
{
	const struct ksk_zone *zone = ksk_pipeline_zone_asked(signer, ticket);
	uint16_t type = ticket->request.last_answer.type;
	uint64_t now = ksk_clock_now();
	struct ksk_fault fault = {.text = ""};
	struct ksk_timeline *timeline;
	struct ksk_stored stored;
	if (may_not_read(signer, ticket, client, zone) ||
		!ksk_pipeline_find_past(signer, ticket, &timeline, now_ms))
		return;
	const struct ksk_history *history = ksk_timeline_history(timeline);
	const struct ksk_history_answer *answer = ksk_history_in_effect(
		history, type, now);
	if (answer == NULL || answer->ghost)
		answer = ksk_history_head(history, type);
	if (answer == NULL) {
		ksk_answer_last(signer, ticket, timeline, NULL, now);
		ksk_pipeline_reply(ticket);
		return;
	}
	/* What is staged is not durable yet and can't be read. */
	if (ksk_timelines_is_staged(signer->timelines, timeline) &&
		ksk_room_may_commit(signer, now_ms))
		ksk_pipeline_commit(signer, now_ms);
	if (ksk_stored_read(signer->journal,
		    ksk_timeline_record(timeline, answer), signer->stored,
		    &stored, &fault) != KSK_OK) {
		ksk_pipeline_no_past(signer, ticket, &fault);
		return;
	}
	ksk_answer_last(signer, ticket, timeline, &stored, now);
	ksk_pipeline_reply(ticket);
}

static void
take_status(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client)
{
	const struct ksk_zone *only = NULL;
	if (ticket->request.zone.has_owner) {
		only = ksk_pipeline_zone_asked(signer, ticket);
		if (may_not_read(signer, ticket, client, only))
			return;
	} else if ((client->may & KSK_MAY_READ) == 0) {
		ksk_answer_plain(signer, ticket, KSK_STATUS_NOT_AUTHORISED,
			"the policy does not give this client the right read");
		ksk_pipeline_reply(ticket);
		return;
	}
	ksk_answer_status(signer, ticket, client, only, ksk_clock_now());
	ksk_pipeline_reply(ticket);
}

/* What a message may carry and this appliance does not do: said so, never
 * passed over. */
static const char *
unsupported(const struct ksk_request *request)
{
	switch (request->op) {
	case KSK_OP_STATUS:
	case KSK_OP_KEYS:
	case KSK_OP_SIGN:
	case KSK_OP_SIGN_SCHEDULE:
	case KSK_OP_LAST_ANSWER:
	case KSK_OP_JOURNAL_READ:
	case KSK_OP_ANNOUNCE:
	case KSK_OP_ADOPT:
	case KSK_OP_POLICY_SHOW:
	case KSK_OP_SUBMIT:
	case KSK_OP_PART:
		return NULL;
	default:
		return "this appliance does not know this operation";
	}
}

static void
dispatch(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, uint64_t now_ms)
{
	const char *text = unsupported(&ticket->request);
	if (text != NULL) {
		ksk_answer_plain(signer, ticket, KSK_STATUS_UNSUPPORTED, text);
		ksk_pipeline_reply(ticket);
		return;
	}
	if (ticket->request.has_nonce && !ksk_proof_take(signer, ticket))
		return;
	switch (ticket->request.op) {
	case KSK_OP_STATUS:
		take_status(signer, ticket, client);
		return;
	case KSK_OP_KEYS:
		take_keys(signer, ticket, client);
		return;
	case KSK_OP_JOURNAL_READ:
		ksk_journal_read_take(signer, ticket, client);
		return;
	case KSK_OP_LAST_ANSWER:
		take_last_answer(signer, ticket, client, now_ms);
		return;
	case KSK_OP_POLICY_SHOW:
		ksk_show_take(signer, ticket, client);
		return;
	case KSK_OP_SUBMIT:
		ksk_submit_take(signer, ticket, client, now_ms);
		return;
	case KSK_OP_PART:
		ksk_submit_part(signer, ticket, client, now_ms);
		return;
	case KSK_OP_ANNOUNCE:
		ksk_announce_take(signer, ticket, client, now_ms);
		return;
	default:
		ksk_pipeline_take_turn(signer, ticket, client, now_ms);
		return;
	}
}

enum ksk_err
ksk_pipeline_take(struct ksk_signer *signer, const struct ksk_lnk_request *item,
	uint64_t now_ms)
{
	if (signer->owed == KSK_CREDIT_REQUESTS)
		return KSK_ERR_TOO_LARGE;
	struct ksk_ticket *ticket = ksk_ticket_take(
		signer->tickets, item, signer->frontend.generation, now_ms);
	if (ticket == NULL)
		return KSK_ERR_TOO_LARGE;
	signer->owed++;

	struct ksk_fault fault = {.text = ""};
	uint64_t number = 0;
	enum ksk_err err = ksk_request_read(
		ksk_span_of(ticket->frame, ticket->frame_len), &ticket->request,
		&number, &fault);
	ticket->request.number = number;
	if (err != KSK_OK) {
		answer_malformed(signer, ticket, err, fault.text);
		return KSK_OK;
	}
	/* The list may have changed since the handshake. */
	const struct ksk_client *client = ksk_office_client(
		signer, ticket->pin);
	if (client == NULL) {
		ksk_answer_plain(signer, ticket, KSK_STATUS_NOT_AUTHORISED, "");
		ksk_pipeline_reply(ticket);
		return KSK_OK;
	}
	dispatch(signer, ticket, client, now_ms);
	return KSK_OK;
}

/* ---- step 4: the token's answers, verified; result ---- */

/* No signature, or one by a key that the token has lost since: then that is
 * what the client is told. */
bool
ksk_pipeline_lost(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_job *job)
{
	const struct ksk_keyring_key *key = ksk_keyring_key(
		signer->keyring, job->key);
	if (key->state == KSK_KEY_MISSING) {
		ticket->state = KSK_STATE_KEY_MISSING;
		ksk_text_copy(ticket->why, sizeof(ticket->why),
			key->why == NULL ? "the key is not found" : key->why);
	}
	return job->stage == KSK_JOB_LOST || key->state != KSK_KEY_FOUND;
}

/* A failure is a record alone; a result leaves an answer behind. */
static bool
stage_end(struct ksk_signer *signer, struct ksk_ticket *ticket,
	struct ksk_record *record, uint64_t now_ms)
{
	if (ticket->lost)
		return ksk_pipeline_stage(
			signer, record, ticket->record_hash, now_ms);
	enum ksk_err err = ksk_past_release(signer, ticket, record);
	if (err == KSK_ERR_NO_ROOM && ksk_room_may_commit(signer, now_ms)) {
		ksk_pipeline_commit(signer, now_ms);
		err = ksk_past_release(signer, ticket, record);
	}
	if (err == KSK_OK && signer->staged_ms == 0)
		signer->staged_ms = now_ms;
	return err == KSK_OK;
}

static void
stage_result(
	struct ksk_signer *signer, struct ksk_ticket *ticket, uint64_t now_ms)
{
	struct ksk_record record = ksk_pipeline_record_of(
		ticket, KSK_RECORD_RESULT);
	record.has_about = true;
	record.about = ticket->intent;
	struct ksk_span rrsigs[KSK_RRSIG_COUNT_MAX];
	for (size_t i = 0; i < ticket->job_count && !ticket->lost; i++)
		ticket->lost = ksk_pipeline_lost(
			signer, ticket, &ticket->job[i]);
	if (ticket->lost) {
		record.kind = KSK_RECORD_FAILURE;
		record.text = ticket->why;
	} else {
		ksk_check_rrsigs(signer, ticket, rrsigs);
		record.rrsig_count = ticket->job_count;
		memcpy(record.rrsig, rrsigs, sizeof(rrsigs));
	}
	if (!stage_end(signer, ticket, &record, now_ms))
		return; /* tried again at the next turn */
	signer->staged_results++;
	ticket->record = record.number;
	ticket->stage = KSK_STAGE_RESULT;
	if (ticket->lost)
		ksk_answer_not_ready(signer, ticket,
			ticket->state == KSK_STATE_READY ? KSK_STATE_TOKEN_DOWN
							 : ticket->state,
			ticket->why);
	else
		ksk_answer_signed(signer, ticket, rrsigs);
}

static void
collect(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_tickets *tickets = signer->tickets;
	for (size_t i = 0; i < tickets->active_count; i++) {
		struct ksk_ticket *ticket = tickets->active[i];
		if (ticket->stage != KSK_STAGE_TOKEN)
			continue;
		ksk_check_ticket(signer, ticket);
		if (!ksk_ticket_jobs_over(ticket))
			continue;
		if (ticket->schedule != NULL)
			ticket->stage = KSK_STAGE_SIGNED;
		else
			stage_result(signer, ticket, now_ms);
	}
}

/* ---- step 5: durable → the token is asked, replies may leave ---- */

static void
act_on_commit(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_tickets *tickets = signer->tickets;
	for (size_t i = 0; i < tickets->active_count; i++) {
		struct ksk_ticket *ticket = tickets->active[i];
		switch (ticket->stage) {
		case KSK_STAGE_INTENT:
			ticket->state = KSK_STATE_READY;
			if (ticket->schedule != NULL) {
				ticket->stage = KSK_STAGE_NEXT;
				break;
			}
			ticket->stage = KSK_STAGE_TOKEN;
			ksk_crew_queue(&signer->crew, ticket, now_ms);
			break;
		case KSK_STAGE_REFUSAL:
		case KSK_STAGE_RESULT:
			ksk_pipeline_reply(ticket);
			break;
		case KSK_STAGE_FREE:
		case KSK_STAGE_TURN:
		case KSK_STAGE_NEXT:
		case KSK_STAGE_TOKEN:
		case KSK_STAGE_SIGNED:
		case KSK_STAGE_BUNDLES:
		case KSK_STAGE_PROOF:
		case KSK_STAGE_READ:
		case KSK_STAGE_DOCUMENT:
		case KSK_STAGE_REPLY:
			break;
		}
	}
	signer->staged_intents = 0;
	signer->staged_results = 0;
	signer->staged_ms = 0;
}

/* A bundle that can't be signed ends its schedule, which is answered once. */
static void
give_up(struct ksk_signer *signer, struct ksk_ticket *ticket)
{
	if (ticket->schedule == NULL) {
		ksk_pipeline_hold(signer, ticket);
		return;
	}
	ticket->lost = true;
	ticket->ended = true;
	ticket->stage = KSK_STAGE_SIGNED;
}

static void
journal_failed(struct ksk_signer *signer, const struct ksk_fault *fault,
	uint64_t now_ms)
{
	ksk_room_failed(signer, fault, now_ms);
	struct ksk_tickets *tickets = signer->tickets;
	for (size_t i = 0; i < tickets->active_count; i++) {
		struct ksk_ticket *ticket = tickets->active[i];
		bool late = now_ms - ticket->begin_ms > RESULT_MS;
		if (ticket->stage == KSK_STAGE_INTENT) {
			/* Its record becomes durable later, and this end of
			 * it too: no token was asked. */
			struct ksk_record record = ksk_pipeline_record_of(
				ticket, KSK_RECORD_FAILURE);
			uint8_t hash[KSK_HASH_LEN];
			record.has_about = true;
			record.about = ticket->intent;
			record.text = "the journal could not be written";
			ksk_ignore(ksk_journal_stage(
				signer->journal, &record, hash));
			give_up(signer, ticket);
		} else if (ticket->stage == KSK_STAGE_REFUSAL ||
			(ticket->stage == KSK_STAGE_RESULT && late)) {
			ksk_pipeline_hold(signer, ticket);
		}
	}
}

/* Something waits for its record. It may be durable already, written together
 * with a policy's. */
static bool
waits_for_commit(const struct ksk_signer *signer)
{
	return ksk_journal_staged(signer->journal) > 0 ||
		signer->staged_intents > 0 || signer->staged_results > 0;
}

static bool
commit_due(const struct ksk_signer *signer, uint64_t now_ms)
{
	if (!waits_for_commit(signer) || !ksk_room_may_commit(signer, now_ms))
		return false;
	if (signer->journal_stuck)
		return true;
	return signer->staged_intents >= INTENTS_DUE ||
		signer->staged_results >= RESULTS_DUE ||
		(signer->crew.asked == 0 && signer->crew.queued == 0) ||
		(signer->staged_intents > 0 && ksk_crew_idle(&signer->crew)) ||
		now_ms - signer->staged_ms >= STAGED_MS;
}

void
ksk_pipeline_commit(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_fault fault = {.text = ""};
	if (ksk_journal_commit(signer->journal, &fault) != KSK_OK) {
		journal_failed(signer, &fault, now_ms);
		return;
	}
	ksk_room_run(signer, now_ms);
	act_on_commit(signer, now_ms);
}

void
ksk_pipeline_run(struct ksk_signer *signer, uint64_t now_ms)
{
	ksk_room_run(signer, now_ms);
	/* Whoever is done signs on while what it signed is verified. */
	if (signer->crew.queued > 0)
		ksk_crew_push(&signer->crew, now_ms);
	collect(signer, now_ms);
	ksk_pipeline_run_schedules(signer, now_ms);
	ksk_journal_read_run(signer, now_ms);
	ksk_pipeline_count_refusals(signer, now_ms);
	ksk_pipeline_wake(signer, now_ms);
	if (commit_due(signer, now_ms)) {
		ksk_pipeline_commit(signer, now_ms);
		ksk_pipeline_run_schedules(signer, now_ms);
		ksk_pipeline_wake(signer, now_ms);
	}
	ksk_crew_push(&signer->crew, now_ms);
	ksk_submit_run(signer, now_ms);
	ksk_checkpoint_run(signer, now_ms);
	ksk_proof_run(signer, now_ms);
}

/* The oldest staged record waits for STAGED_MS at most. */
static int
until_due(const struct ksk_signer *signer, uint64_t now_ms)
{
	uint64_t due_ms = signer->staged_ms + STAGED_MS;
	return due_ms > now_ms ? (int)(due_ms - now_ms) : 1;
}

static int
wait_for_answers(const struct ksk_signer *signer, uint64_t now_ms)
{
	if (signer->journal_stuck)
		return signer->retry_ms > now_ms
			? (int)(signer->retry_ms - now_ms)
			: 1;
	if (waits_for_commit(signer))
		return until_due(signer, now_ms);
	if (signer->crew.queued > 0)
		return 10;
	if (signer->crew.asked > 0 || ksk_crew_looks(&signer->crew) ||
		signer->audit.nonces > 0 || !ksk_errand_free(&signer->crew))
		return 50;
	return 1000;
}

int
ksk_pipeline_wait(const struct ksk_signer *signer, uint64_t now_ms)
{
	int wait = wait_for_answers(signer, now_ms);
	uint64_t read = ksk_journal_read_wait(signer, now_ms);
	if (ksk_submit_hurries(signer))
		wait = 1;
	if (ksk_loading_hurries(signer) || signer->review.on)
		wait = 0;
	return read < (uint64_t)wait ? (int)read : wait;
}
