/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pipeline - see pipeline.h. The steps of one request, in order, are the
 * functions of this file from top to bottom; how each step is done stands
 * elsewhere: messages in protocol/, rules in ../policy/, records in journal.c,
 * jobs in crew.c, signatures in check.c, replies in answer.c.
 */
#include "appliance/signer/pipeline.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/signer/answer.h"
#include "appliance/signer/check.h"
#include "appliance/signer/hold.h"
#include "appliance/signer/journal_read.h"
#include "appliance/signer/state.h"

#include <stdio.h>
#include <string.h>

/* Commit when so many wait … (DESIGN 3: group commit) */
#define INTENTS_DUE 16u
#define RESULTS_DUE 24u
/* … or the oldest has waited so long: a slow token never idles. */
#define STAGED_MS 5u
/* A journal that can't be written is tried again so often; a signature whose
 * record can't be written is given up after: */
#define RETRY_MS 500u
#define RESULT_MS 5000u

/* ---- step 1: frame → message, client, op ---- */

static void
ready(struct ksk_ticket *ticket)
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
	ready(ticket);
}

static const struct ksk_zone *
zone_asked(const struct ksk_signer *signer, const struct ksk_ticket *ticket)
{
	const struct ksk_request *request = &ticket->request;
	const struct ksk_name *owner = request->op == KSK_OP_SIGN
		? &request->sign.rrset.owner
		: &request->zone.owner;
	return ksk_table_zone_find(&signer->inforce.table, owner);
}

static void
take_keys(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client)
{
	const struct ksk_zone *zone = zone_asked(signer, ticket);
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
		ksk_answer_keys(signer, ticket, zone, ksk_clock_now());
	ready(ticket);
}

static void
take_status(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client)
{
	if ((client->may & KSK_MAY_READ) == 0)
		ksk_answer_plain(signer, ticket, KSK_STATUS_NOT_AUTHORISED,
			"the policy does not give this client the right read");
	else
		ksk_answer_status(signer, ticket, client, ksk_clock_now());
	ready(ticket);
}

/* What a message may carry and this appliance does not do: said so, never
 * passed over. */
static const char *
unsupported(const struct ksk_request *request)
{
	if (request->op == KSK_OP_STATUS || request->op == KSK_OP_KEYS ||
		request->op == KSK_OP_JOURNAL_READ)
		return NULL;
	if (request->op != KSK_OP_SIGN)
		return "this appliance does not know this operation";
	if (request->sign.has_idempotency)
		return "this appliance keeps no answers to give again: leave "
		       "out the idempotency key (body field 3)";
	if (request->sign.has_previous)
		return "this appliance keeps no timeline to compare with: "
		       "leave out previous (body field 4)";
	if (request->sign.supersede_count > 0)
		return "this appliance keeps no timeline to replace answers "
		       "in: leave out supersedes (body field 7)";
	return NULL;
}

static void take_sign(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, uint64_t now_ms);

static void
dispatch(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, uint64_t now_ms)
{
	const char *text = unsupported(&ticket->request);
	if (text != NULL) {
		ksk_answer_plain(signer, ticket, KSK_STATUS_UNSUPPORTED, text);
		ready(ticket);
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
	default:
		take_sign(signer, ticket, client, now_ms);
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
	const struct ksk_client *client = ksk_table_client_find(
		&signer->inforce.table, ticket->pin);
	if (client == NULL) {
		ksk_answer_plain(signer, ticket, KSK_STATUS_NOT_AUTHORISED, "");
		ready(ticket);
		return KSK_OK;
	}
	dispatch(signer, ticket, client, now_ms);
	return KSK_OK;
}

/* ---- step 2: policy → permit or all refusals ---- */

static void commit(struct ksk_signer *signer, uint64_t now_ms);

/* Stages a record; if its transaction is full, commits and tries again. */
static bool
stage(struct ksk_signer *signer, struct ksk_record *record,
	uint8_t out_hash[KSK_HASH_LEN], uint64_t now_ms)
{
	enum ksk_err err = ksk_journal_stage(signer->journal, record, out_hash);
	if (err == KSK_ERR_NO_ROOM && !signer->journal_full) {
		commit(signer, now_ms);
		err = ksk_journal_stage(signer->journal, record, out_hash);
	}
	if (err != KSK_OK)
		return false;
	if (signer->staged_ms == 0)
		signer->staged_ms = now_ms;
	return true;
}

static struct ksk_record
record_of(const struct ksk_ticket *ticket, enum ksk_record_kind kind)
{
	struct ksk_record record = {
		.time = ksk_clock_now(), .kind = kind, .has_pin = true};
	memcpy(record.pin, ticket->pin, sizeof(record.pin));
	return record;
}

static void
hold(struct ksk_signer *signer, struct ksk_ticket *ticket)
{
	ksk_answer_not_ready(
		signer, ticket, KSK_STATE_JOURNAL_FULL, signer->journal_why);
	ready(ticket);
}

static void
refuse(struct ksk_signer *signer, struct ksk_ticket *ticket, uint64_t now_ms)
{
	struct ksk_record record = record_of(ticket, KSK_RECORD_REFUSAL);
	const struct ksk_refusals *refusals = &signer->reply->refusals;
	record.has_rrset = true;
	record.rrset = ticket->request.sign.rrset;
	record.has_policy = true;
	record.policy_version = signer->inforce.table.version;
	memcpy(record.policy_hash, signer->inforce.table.hash,
		sizeof(record.policy_hash));
	for (size_t i = 0; i < refusals->count; i++)
		record.rule[record.rule_count++] = refusals->list[i].rule;
	uint8_t hash[KSK_HASH_LEN];
	if (ticket->request.sign.dry_run) {
		ksk_answer_refused(signer, ticket);
		ready(ticket);
		return;
	}
	if (signer->journal_full || !stage(signer, &record, hash, now_ms)) {
		hold(signer, ticket);
		return;
	}
	signer->staged_results++;
	ksk_answer_refused(signer, ticket);
	ticket->stage = KSK_STAGE_REFUSAL;
}

/* Keeps what the permit says in the ticket: the policy may change before the
 * token answers. */
static void
keep_permit(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_permit *permit)
{
	ticket->policy_version = signer->inforce.table.version;
	ticket->window = permit->window;
	ticket->warning_count = permit->warning_count;
	memcpy(ticket->warning, permit->warning, sizeof(ticket->warning));
	ticket->job_count = permit->signer_count;
	for (size_t i = 0; i < permit->signer_count; i++) {
		ticket->job[i].key =
			signer->inforce.key_of[permit->signer[i].ksk];
		ticket->job[i].revoked = permit->signer[i].revoked;
	}
}

/* Answers at once what can't be signed now. */
static bool
not_ready(struct ksk_signer *signer, struct ksk_ticket *ticket)
{
	if (signer->journal_full) {
		hold(signer, ticket);
		return true;
	}
	const char *held;
	enum ksk_state whole = ksk_hold_state(signer, &held);
	if (whole != KSK_STATE_READY) {
		ksk_answer_not_ready(signer, ticket, whole, held);
		ready(ticket);
		return true;
	}
	for (size_t i = 0; i < ticket->job_count; i++) {
		const char *why;
		enum ksk_state state = ksk_state_key(
			signer, ticket->job[i].key, &why);
		/* Workers that are just being replaced are waited for; a
		 * token that gave no signature is asked by each request. */
		if (state == KSK_STATE_READY ||
			(state == KSK_STATE_TOKEN_DOWN &&
				ksk_state_worth_a_try(
					signer, ticket->job[i].key)))
			continue;
		ksk_answer_not_ready(signer, ticket, state, why);
		ready(ticket);
		return true;
	}
	return false;
}

/* ---- step 3: intent ---- */

static void
intend(struct ksk_signer *signer, struct ksk_ticket *ticket, uint64_t now_ms)
{
	struct ksk_record record = record_of(ticket, KSK_RECORD_INTENT);
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
	if (!stage(signer, &record, hash, now_ms)) {
		hold(signer, ticket);
		return;
	}
	ticket->intent = record.number;
	ticket->stage = KSK_STAGE_INTENT;
	signer->staged_intents++;
}

static void
take_sign(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, uint64_t now_ms)
{
	uint64_t now = ksk_clock_now();
	const struct ksk_table *table = &signer->inforce.table;
	const struct ksk_zone *zone = zone_asked(signer, ticket);
	struct ksk_candidate candidate = {
		.sign = &ticket->request.sign, .client = client, .now = now};
	if (zone != NULL)
		candidate.recent = ksk_inforce_recent(
			&signer->inforce, zone, client, now);
	struct ksk_permit permit = {0};
	if (!ksk_rules_judge(table, zone, &candidate, &permit,
		    &signer->reply->refusals)) {
		refuse(signer, ticket, now_ms);
		return;
	}
	keep_permit(signer, ticket, &permit);
	if (not_ready(signer, ticket))
		return;
	if (ticket->request.sign.dry_run) {
		ksk_answer_signed(signer, ticket, NULL);
		ready(ticket);
		return;
	}
	ksk_inforce_count(&signer->inforce, zone, client, now);
	intend(signer, ticket, now_ms);
}

/* ---- step 4: the token's answers, verified; result ---- */

/* No signature, or one by a key that the token has lost since: then that is
 * what the client is told. */
static bool
lost(struct ksk_signer *signer, struct ksk_ticket *ticket,
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

static void
stage_result(
	struct ksk_signer *signer, struct ksk_ticket *ticket, uint64_t now_ms)
{
	struct ksk_record record = record_of(ticket, KSK_RECORD_RESULT);
	record.has_about = true;
	record.about = ticket->intent;
	struct ksk_span rrsigs[KSK_RRSIG_COUNT_MAX];
	for (size_t i = 0; i < ticket->job_count && !ticket->lost; i++)
		ticket->lost = lost(signer, ticket, &ticket->job[i]);
	if (ticket->lost) {
		record.kind = KSK_RECORD_FAILURE;
		record.text = ticket->why;
	} else {
		ksk_check_rrsigs(signer, ticket, rrsigs);
		record.rrsig_count = ticket->job_count;
		memcpy(record.rrsig, rrsigs, sizeof(rrsigs));
	}
	if (!stage(signer, &record, ticket->record_hash, now_ms))
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
		if (ksk_ticket_jobs_over(ticket))
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
			ticket->stage = KSK_STAGE_TOKEN;
			ticket->state = KSK_STATE_READY;
			ksk_crew_queue(&signer->crew, ticket, now_ms);
			break;
		case KSK_STAGE_REFUSAL:
		case KSK_STAGE_RESULT:
			ready(ticket);
			break;
		case KSK_STAGE_FREE:
		case KSK_STAGE_TOKEN:
		case KSK_STAGE_PROOF:
		case KSK_STAGE_READ:
		case KSK_STAGE_REPLY:
			break;
		}
	}
	signer->staged_intents = 0;
	signer->staged_results = 0;
	signer->staged_ms = 0;
}

static void
journal_failed(struct ksk_signer *signer, const struct ksk_fault *fault,
	uint64_t now_ms)
{
	if (!signer->journal_full)
		ksk_log(KSK_LOG_ERROR, "journal-full", fault->text, NULL);
	signer->journal_full = true;
	signer->retry_ms = now_ms + RETRY_MS;
	ksk_text_copy(
		signer->journal_why, sizeof(signer->journal_why), fault->text);
	struct ksk_tickets *tickets = signer->tickets;
	for (size_t i = 0; i < tickets->active_count; i++) {
		struct ksk_ticket *ticket = tickets->active[i];
		bool late = now_ms - ticket->begin_ms > RESULT_MS;
		if (ticket->stage == KSK_STAGE_INTENT) {
			/* Its record becomes durable later, and this end of
			 * it too: no token was asked. */
			struct ksk_record record = record_of(
				ticket, KSK_RECORD_FAILURE);
			uint8_t hash[KSK_HASH_LEN];
			record.has_about = true;
			record.about = ticket->intent;
			record.text = "the journal could not be written";
			ksk_ignore(ksk_journal_stage(
				signer->journal, &record, hash));
			hold(signer, ticket);
		} else if (ticket->stage == KSK_STAGE_REFUSAL ||
			(ticket->stage == KSK_STAGE_RESULT && late)) {
			hold(signer, ticket);
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
	if (!waits_for_commit(signer))
		return false;
	if (signer->journal_full)
		return now_ms >= signer->retry_ms;
	return signer->staged_intents >= INTENTS_DUE ||
		signer->staged_results >= RESULTS_DUE ||
		(signer->crew.asked == 0 && signer->crew.queued == 0) ||
		(signer->staged_intents > 0 && ksk_crew_idle(&signer->crew)) ||
		now_ms - signer->staged_ms >= STAGED_MS;
}

static void
commit(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_fault fault = {.text = ""};
	if (ksk_journal_commit(signer->journal, &fault) != KSK_OK) {
		journal_failed(signer, &fault, now_ms);
		return;
	}
	if (signer->journal_full) {
		signer->journal_full = false;
		ksk_log(KSK_LOG_INFO, "journal-back",
			"the journal can be written again", NULL);
	}
	act_on_commit(signer, now_ms);
}

void
ksk_pipeline_run(struct ksk_signer *signer, uint64_t now_ms)
{
	collect(signer, now_ms);
	ksk_journal_read_run(signer, now_ms);
	if (commit_due(signer, now_ms))
		commit(signer, now_ms);
	ksk_crew_push(&signer->crew, now_ms);
	ksk_checkpoint_run(signer, now_ms);
	ksk_proof_run(signer, now_ms);
}

static int
wait_for_answers(const struct ksk_signer *signer, uint64_t now_ms)
{
	if (signer->journal_full)
		return signer->retry_ms > now_ms
			? (int)(signer->retry_ms - now_ms)
			: 1;
	if (waits_for_commit(signer))
		return 1;
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
	return read < (uint64_t)wait ? (int)read : wait;
}
