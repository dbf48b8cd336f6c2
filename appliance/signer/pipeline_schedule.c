/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pipeline_schedule - schedules on their way through the pipeline: all bundles
 * or none. Each bundle has a ticket of its own, which waits in SIGNED until
 * the last is there; the schedule's ticket waits in BUNDLES meanwhile.
 *
 *   judged together → the intents of all, durable in one transaction → a few
 *     at a time to the token, verified → the results of all, durable in one
 *     transaction → one reply
 *
 * Where one signature fails, no further one is asked for, none is released, and
 * every intent ends in a FAILURE.
 * Tests: tests/integration/test_schedule.py, tests/crash/test_crash.py
 */
#include "appliance/signer/pipeline_internal.h"

#include "appliance/base/clock.h"
#include "appliance/signer/answer.h"
#include "appliance/signer/check.h"
#include "appliance/signer/hold.h"
#include "appliance/signer/load.h"
#include "appliance/signer/past.h"

#include <stdlib.h>
#include <string.h>

/* Bundles of one schedule that the token has at a time: its queue is for all
 * clients, and what waits there too long is given up. */
#define ASKED_MAX 8u

/* ---- a schedule that was signed before ---- */

/* Takes one stored answer into the reply. */
static bool
add_stored(const struct ksk_stored *stored, struct ksk_buf *room,
	struct ksk_schedule_reply *body)
{
	struct ksk_bundle_reply *out = &body->bundle[body->bundle_count];
	out->window = stored->window;
	out->record = stored->record;
	memcpy(out->record_hash, stored->hash, KSK_HASH_LEN);
	out->rrsig_count = stored->rrsig_count;
	for (size_t i = 0; i < stored->rrsig_count; i++) {
		struct ksk_span rrsig = stored->rrsig[i];
		out->rrsig[i] = ksk_span_of(room->data + room->len, rrsig.len);
		if (ksk_buf_put(room, rrsig.data, rrsig.len) != KSK_OK)
			return false;
	}
	body->policy_version = stored->policy_version;
	body->bundle_count++;
	return true;
}

/* What a repeat is answered with, while it is put together. */
struct again {
	uint64_t record;   /* of the first bundle; the others follow it */
	uint64_t released; /* all at once */
	uint64_t expires;  /* the last one */
};

/* The records of a schedule follow each other: they were staged together. */
static enum ksk_err
read_again(struct ksk_signer *signer, const struct ksk_schedule *schedule,
	struct again *again, struct ksk_fault *fault)
{
	struct ksk_schedule_reply *body = &signer->reply->schedule_body;
	struct ksk_buf room = ksk_buf_of(signer->bundles, KSK_FRAME_MAX);
	struct ksk_stored stored;
	memset(body, 0, sizeof(*body));
	for (size_t i = 0; i < schedule->bundle_count; i++) {
		enum ksk_err err = ksk_stored_read(signer->journal,
			again->record + i, signer->stored, &stored, fault);
		if (err != KSK_OK)
			return err;
		if (!add_stored(&stored, &room, body))
			return KSK_ERR_MALFORMED;
		again->released = stored.released;
		if (stored.window.expiration > again->expires)
			again->expires = stored.window.expiration;
	}
	return KSK_OK;
}

/* Judges each bundle anew, against the past that it followed then. */
static bool
is_permitted_again(struct ksk_signer *signer, const struct ksk_ticket *ticket,
	const struct ksk_client *client, const struct ksk_zone *zone,
	const struct ksk_timeline *timeline, const struct again *again)
{
	const struct ksk_schedule *schedule = &ticket->request.schedule;
	const struct ksk_candidate candidate = {.client = client,
		.history = ksk_timeline_history(timeline),
		.now = again->released};
	for (size_t i = 0; i < schedule->bundle_count; i++)
		if (!ksk_rules_judge_again(&signer->inforce.table, zone,
			    schedule, i,
			    (again->record + i) * KSK_SEQ_PER_RECORD,
			    &candidate, signer->schedule,
			    &signer->reply->refusals))
			return false;
	return true;
}

/* Whether the newest answer of a bundle's type holds the same as the bundle and
 * begins no earlier: then it overtakes none before. */
static bool
stands_on(struct ksk_signer *signer, const struct ksk_schedule *schedule,
	size_t bundle, const struct ksk_timeline *timeline)
{
	const struct ksk_permit *permit = ksk_schedule_permit(
		signer->schedule, bundle);
	struct ksk_ds signers[KSK_RRSIG_COUNT_MAX];
	struct ksk_rrset rrset;
	for (size_t i = 0; i < permit->signer_count; i++)
		signers[i] =
			signer->inforce.table.ksks[permit->signer[i].ksk].ds;
	ksk_schedule_rrset(schedule, bundle, &rrset);
	const struct ksk_history_answer *newest = ksk_timeline_same(
		timeline, &rrset, signers, permit->signer_count);
	return newest != NULL &&
		(newest->inception >=
				schedule->bundle[bundle].window.inception ||
			newest->released >=
				schedule->bundle[bundle].window.inception);
}

static bool
is_last_of_type(const struct ksk_schedule *schedule, size_t bundle)
{
	for (size_t i = bundle + 1; i < schedule->bundle_count; i++)
		if (schedule->bundle[i].type == schedule->bundle[bundle].type)
			return false;
	return true;
}

/* What was released since, of any type that the schedule has, left it as it
 * was. The permits are those of is_permitted_again. */
static bool
is_last(struct ksk_signer *signer, const struct ksk_ticket *ticket,
	const struct ksk_timeline *timeline, const struct again *again)
{
	const struct ksk_schedule *schedule = &ticket->request.schedule;
	for (size_t i = 0; i < schedule->bundle_count; i++) {
		const struct ksk_history_answer *head = ksk_history_head(
			ksk_timeline_history(timeline),
			schedule->bundle[i].type);
		if (!is_last_of_type(schedule, i) ||
			(head != NULL &&
				ksk_timeline_record(timeline, head) ==
					again->record + i))
			continue;
		if (!stands_on(signer, schedule, i, timeline))
			return false;
	}
	return true;
}

static void
answer_again(struct ksk_signer *signer, struct ksk_ticket *ticket)
{
	struct ksk_reply *reply = ksk_answer_begin(
		signer, ticket, KSK_STATUS_DONE);
	reply->body = KSK_OP_SIGN_SCHEDULE;
	ksk_answer_encode(signer, ticket);
	ksk_pipeline_reply(ticket);
}

/* A schedule that has its answer already gets it whole, if all of it would
 * still be permitted. Returns true if the ticket is done with. */
static bool
repeat(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, const struct ksk_zone *zone,
	const struct ksk_timeline *timeline, uint64_t now_ms)
{
	const struct ksk_schedule *schedule = &ticket->request.schedule;
	enum ksk_repeat known = KSK_REPEAT_NEW;
	struct ksk_fault fault = {.text = ""};
	struct again again = {.record = 0};
	uint64_t now = ksk_clock_now();
	ksk_pipeline_digest(ticket);
	enum ksk_err err = ksk_idempotency_find(&signer->idempotency,
		ticket->pin, schedule->idempotency, ticket->digest, now, &known,
		&again.record, &fault);
	if (err == KSK_OK && known == KSK_REPEAT_SAME)
		err = read_again(signer, schedule, &again, &fault);
	if (err != KSK_OK) {
		ksk_pipeline_no_past(signer, ticket, &fault);
		return true;
	}
	ticket->clash = known == KSK_REPEAT_OTHER;
	if (known != KSK_REPEAT_SAME || again.expires <= now)
		return false;
	if (!is_permitted_again(signer, ticket, client, zone, timeline, &again))
		ksk_pipeline_refused(signer, ticket, now_ms);
	else if (!is_last(signer, ticket, timeline, &again))
		ksk_pipeline_refuse_for(signer, ticket, "idempotency",
			"the schedule that this request had was changed by "
			"later answers: read the last answers (kskctl "
			"last-answer), and ask with another key for what is "
			"to follow them",
			now_ms);
	else
		answer_again(signer, ticket);
	return true;
}

/* ---- verdict ---- */

static bool
judge(struct ksk_signer *signer, const struct ksk_ticket *ticket,
	const struct ksk_client *client, const struct ksk_zone *zone,
	const struct ksk_timeline *timeline)
{
	struct ksk_candidate candidate = {.client = client,
		.clash = ticket->clash,
		.now = ksk_clock_now()};
	if (timeline != NULL) {
		candidate.history = ksk_timeline_history(timeline);
		candidate.recent = ksk_timeline_recent(
			timeline, ticket->pin, zone->rate_per, candidate.now);
		candidate.full = !ksk_timeline_has_room(timeline);
	}
	return ksk_rules_judge_schedule(&signer->inforce.table, zone,
		&ticket->request.schedule, &candidate, signer->schedule,
		&signer->reply->refusals);
}

/* The same warning about several bundles is given once, for the first. */
static void
add_warnings(struct ksk_ticket *ticket, const struct ksk_permit *permit)
{
	for (size_t i = 0; i < permit->warning_count; i++) {
		const struct ksk_refusal *w = &permit->warning[i];
		size_t at = 0;
		while (at < ticket->warning_count &&
			(strcmp(ticket->warning[at].rule, w->rule) != 0 ||
				strcmp(ticket->warning[at].why, w->why) != 0))
			at++;
		if (at < ticket->warning_count || at == KSK_WARNING_COUNT_MAX)
			continue;
		ticket->warning[at] = *w;
		ticket->warning_count++;
	}
}

/* Bytes that the reply has for a bundle, at most: heads, window, record and
 * hash, and each RRSIG (RFC 4034 3.1). */
static size_t
reply_len(const struct ksk_signer *signer, const struct ksk_ticket *bundle)
{
	size_t len = 96;
	for (size_t i = 0; i < bundle->job_count; i++) {
		const struct ksk_keyring_key *key = ksk_keyring_key(
			signer->keyring, bundle->job[i].key);
		size_t signature = key->state == KSK_KEY_FOUND
			? ksk_verify_len(key->verify)
			: KSK_SIGNATURE_MAX;
		len += 3 + 18 + bundle->request.sign.rrset.owner.len +
			signature;
	}
	return len;
}

/* A reply that does not fit its frame would be signed for nothing. */
static bool
fits(const struct ksk_signer *signer, struct ksk_ticket *const *bundle,
	size_t count)
{
	size_t len = 64 + KSK_WARNING_COUNT_MAX * sizeof(struct ksk_refusal) +
		KSK_PROOF_MAX;
	for (size_t i = 0; i < count; i++)
		len += reply_len(signer, bundle[i]);
	return len <= KSK_FRAME_MAX;
}

static void
free_bundles(struct ksk_signer *signer, struct ksk_ticket *const *bundle,
	size_t count)
{
	for (size_t i = 0; i < count; i++)
		ksk_ticket_free(signer->tickets, bundle[i]);
}

/* Returns true after it answered what can't be signed now. */
static bool
not_ready(struct ksk_signer *signer, struct ksk_ticket *ticket,
	struct ksk_ticket *const *bundle, size_t count)
{
	if (!fits(signer, bundle, count)) {
		ksk_answer_plain(signer, ticket, KSK_STATUS_TOO_LARGE,
			"the signatures of all bundles do not fit one reply; "
			"ask for fewer bundles at a time");
		ksk_pipeline_reply(ticket);
		return true;
	}
	for (size_t i = 0; i < count; i++)
		if (ksk_pipeline_not_ready(signer, ticket, bundle[i]))
			return true;
	return false;
}

/* ---- intents ---- */

/* All in one transaction: what is staged already is made durable before. */
static bool
make_room(struct ksk_signer *signer, size_t count, uint64_t now_ms)
{
	if (!ksk_journal_has_record_room(signer->journal, count + 1) ||
		!ksk_journal_has_room(
			signer->journal, 1, (count + 1) * KSK_RECORD_MAX))
		ksk_pipeline_commit(signer, now_ms);
	return !signer->journal_full &&
		ksk_journal_has_record_room(signer->journal, count + 1);
}

static void
intend(struct ksk_signer *signer, struct ksk_ticket *ticket,
	struct ksk_ticket *const *bundle, struct ksk_timeline *timeline,
	const struct ksk_zone *zone, uint64_t now_ms)
{
	size_t count = ticket->request.schedule.bundle_count, staged = 0;
	if (!make_room(signer, count, now_ms) ||
		!ksk_pipeline_attest(signer, zone, timeline, now_ms)) {
		free_bundles(signer, bundle, count);
		ksk_pipeline_hold(signer, ticket);
		return;
	}
	while (staged < count &&
		ksk_pipeline_intend(signer, bundle[staged], now_ms))
		staged++;
	/* Those without an intent need no end; the others get one. */
	for (size_t i = staged; i < count; i++) {
		bundle[i]->lost = true;
		bundle[i]->ended = true;
		bundle[i]->stage = KSK_STAGE_SIGNED;
	}
	ticket->stage = KSK_STAGE_BUNDLES;
}

static void
begin(struct ksk_signer *signer, struct ksk_ticket *ticket,
	struct ksk_timeline *timeline, const struct ksk_zone *zone,
	uint64_t now_ms)
{
	struct ksk_ticket *bundle[KSK_SCHEDULE_BUNDLE_MAX];
	size_t count = ticket->request.schedule.bundle_count;
	if (!ksk_ticket_take_bundles(signer->tickets, ticket, bundle)) {
		ksk_answer_plain(signer, ticket, KSK_STATUS_BUSY,
			"other schedules are being signed; ask again in 1 "
			"second");
		ksk_pipeline_reply(ticket);
		return;
	}
	ticket->warning_count = 0;
	for (size_t i = 0; i < count; i++) {
		const struct ksk_permit *permit = ksk_schedule_permit(
			signer->schedule, i);
		ksk_pipeline_keep_permit(signer, bundle[i], permit);
		add_warnings(ticket, permit);
	}
	ticket->policy_version = signer->inforce.table.version;
	if (not_ready(signer, ticket, bundle, count))
		free_bundles(signer, bundle, count);
	else
		intend(signer, ticket, bundle, timeline, zone, now_ms);
}

void
ksk_pipeline_take_schedule(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, uint64_t now_ms)
{
	const struct ksk_zone *zone = ksk_pipeline_zone_asked(signer, ticket);
	struct ksk_timeline *timeline = NULL;
	const char *held;
	if (zone != NULL &&
		!ksk_pipeline_find_past(signer, ticket, &timeline, now_ms))
		return;
	if (zone != NULL && ksk_load_is_held(signer, zone, &held)) {
		ksk_answer_not_ready(signer, ticket, KSK_STATE_NO_POLICY, held);
		ksk_pipeline_reply(ticket);
		return;
	}
	/* By a clock or a past that is doubted only the sets are judged. */
	bool doubted = ksk_hold_state(signer, &held) != KSK_STATE_READY;
	if (zone != NULL && !doubted &&
		ticket->request.schedule.has_idempotency &&
		repeat(signer, ticket, client, zone, timeline, now_ms))
		return;
	if (!judge(signer, ticket, client, zone, doubted ? NULL : timeline)) {
		ksk_pipeline_refused(signer, ticket, now_ms);
		return;
	}
	begin(signer, ticket, timeline, zone, now_ms);
}

/* ---- results ---- */

/* Returns true if every intent has its end; what could not be staged is tried
 * again at the next turn. */
static bool
stage_failures(struct ksk_signer *signer, struct ksk_ticket *const *bundle,
	size_t count, const char *why, uint64_t now_ms)
{
	for (size_t i = 0; i < count; i++) {
		struct ksk_record record = ksk_pipeline_record_of(
			bundle[i], KSK_RECORD_FAILURE);
		uint8_t hash[KSK_HASH_LEN];
		if (bundle[i]->ended)
			continue;
		record.has_about = true;
		record.about = bundle[i]->intent;
		record.text = bundle[i]->why[0] != '\0' ? bundle[i]->why : why;
		if (!ksk_pipeline_stage(signer, &record, hash, now_ms))
			return false;
		bundle[i]->ended = true;
		bundle[i]->stage = KSK_STAGE_SIGNED;
		signer->staged_results++;
	}
	return true;
}

/* One is lost: the client is told why, and all others end with it. */
static void
fail(struct ksk_signer *signer, struct ksk_ticket *ticket,
	struct ksk_ticket *const *bundle, size_t count, uint64_t now_ms)
{
	const struct ksk_ticket *first = NULL;
	bool staged = false;
	for (size_t i = 0; i < count; i++) {
		staged = staged || bundle[i]->why[0] != '\0' ||
			!bundle[i]->ended;
		if (first == NULL && bundle[i]->lost &&
			bundle[i]->why[0] != '\0')
			first = bundle[i];
	}
	if (!stage_failures(signer, bundle, count,
		    "another bundle of its schedule could not be signed",
		    now_ms))
		return;
	if (first == NULL)
		ksk_pipeline_hold(signer, ticket);
	else
		ksk_answer_not_ready(signer, ticket,
			first->state == KSK_STATE_READY ? KSK_STATE_TOKEN_DOWN
							: first->state,
			first->why);
	ticket->stage = staged ? KSK_STAGE_RESULT : KSK_STAGE_REPLY;
	free_bundles(signer, bundle, count);
}

/* Takes a verified bundle into the reply; its RRSIGs stay in the room. */
static void
add_bundle(struct ksk_signer *signer, const struct ksk_ticket *bundle,
	struct ksk_buf *room, struct ksk_bundle_reply *out)
{
	struct ksk_span rrsig[KSK_RRSIG_COUNT_MAX];
	ksk_check_rrsigs(signer, bundle, rrsig);
	out->window = bundle->window;
	out->rrsig_count = bundle->job_count;
	for (size_t i = 0; i < bundle->job_count; i++) {
		out->rrsig[i] = ksk_span_of(
			room->data + room->len, rrsig[i].len);
		if (ksk_buf_put(room, rrsig[i].data, rrsig[i].len) != KSK_OK)
			abort(); /* looked at before the token was asked */
	}
}

static void
release(struct ksk_signer *signer, struct ksk_ticket *ticket,
	struct ksk_ticket *const *bundle, size_t count, uint64_t now_ms)
{
	struct ksk_reply *reply = ksk_answer_begin(
		signer, ticket, KSK_STATUS_DONE);
	struct ksk_schedule_reply *body = &reply->schedule_body;
	struct ksk_buf room = ksk_buf_of(signer->bundles, KSK_FRAME_MAX);
	memset(body, 0, sizeof(*body));
	body->bundle_count = count;
	for (size_t i = 0; i < count; i++)
		add_bundle(signer, bundle[i], &room, &body->bundle[i]);
	enum ksk_err err = ksk_past_release_schedule(
		signer, ticket, bundle, body);
	if (err == KSK_ERR_NO_ROOM && !signer->journal_full) {
		ksk_pipeline_commit(signer, now_ms);
		err = ksk_past_release_schedule(signer, ticket, bundle, body);
	}
	if (err != KSK_OK)
		return; /* tried again at the next turn */
	if (signer->staged_ms == 0)
		signer->staged_ms = now_ms;
	signer->staged_results += count;
	body->policy_version = ticket->policy_version;
	body->warning_count = ticket->warning_count;
	memcpy(body->warning, ticket->warning, sizeof(body->warning));
	reply->body = KSK_OP_SIGN_SCHEDULE;
	ksk_answer_encode(signer, ticket);
	ticket->stage = KSK_STAGE_RESULT;
	free_bundles(signer, bundle, count);
}

/* ---- on its way ---- */

struct tally {
	size_t asked; /* the token has them */
	size_t waits; /* for its intent's commit */
	size_t over;  /* signed, or never to be */
	bool lost;
};

static struct tally
count_bundles(struct ksk_signer *signer, struct ksk_ticket *const *bundle,
	size_t count)
{
	struct tally t = {.asked = 0};
	for (size_t i = 0; i < count; i++) {
		struct ksk_ticket *b = bundle[i];
		t.asked += b->stage == KSK_STAGE_TOKEN ? 1u : 0u;
		t.waits += b->stage == KSK_STAGE_INTENT ? 1u : 0u;
		if (b->stage != KSK_STAGE_SIGNED)
			continue;
		t.over++;
		/* Its key may have gone since. */
		for (size_t j = 0; j < b->job_count && !b->lost; j++)
			b->lost = ksk_pipeline_lost(signer, b, &b->job[j]);
		t.lost = t.lost || b->lost;
	}
	return t;
}

static void
ask_next(struct ksk_signer *signer, struct ksk_ticket *const *bundle,
	size_t count, size_t asked, uint64_t now_ms)
{
	for (size_t i = 0; i < count && asked < ASKED_MAX; i++) {
		if (bundle[i]->stage != KSK_STAGE_NEXT)
			continue;
		bundle[i]->stage = KSK_STAGE_TOKEN;
		ksk_crew_queue(&signer->crew, bundle[i], now_ms);
		asked++;
	}
}

/* A token that is asked can't be called back: its answers are waited for. */
static void
move_on(struct ksk_signer *signer, struct ksk_ticket *ticket, uint64_t now_ms)
{
	struct ksk_ticket *bundle[KSK_SCHEDULE_BUNDLE_MAX];
	size_t count = ticket->request.schedule.bundle_count;
	ksk_ticket_bundles(signer->tickets, ticket, bundle);
	struct tally t = count_bundles(signer, bundle, count);
	if (t.lost && t.asked == 0 && t.waits == 0)
		fail(signer, ticket, bundle, count, now_ms);
	else if (t.over == count)
		release(signer, ticket, bundle, count, now_ms);
	else if (!t.lost)
		ask_next(signer, bundle, count, t.asked, now_ms);
}

void
ksk_pipeline_run_schedules(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_tickets *tickets = signer->tickets;
	struct ksk_ticket *schedule[KSK_TICKET_BUNDLES];
	size_t count = 0;
	if (tickets->bundle_count == 0)
		return;
	/* Places move when bundles are given back. */
	for (size_t i = 0; i < tickets->active_count; i++)
		if (tickets->active[i]->stage == KSK_STAGE_BUNDLES)
			schedule[count++] = tickets->active[i];
	for (size_t i = 0; i < count; i++)
		move_on(signer, schedule[i], now_ms);
}
