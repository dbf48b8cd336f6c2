/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksr_work - asks what stands, makes the schedule, has it signed, verifies each
 * RRSIG, writes the SKR; see ksr_work.h.
 */
#include "client/ksr_work.h"

#include "client/held.h"

#include "appliance/base/yaml.h"

#include <inttypes.h>
#include <openssl/rand.h>
#include <string.h>
#include <time.h>

enum { STATUS, KEYS, LAST, ASK_COUNT = KSK_KSR_ASK_COUNT };

static enum ksk_step
over(struct ksk_session *session, enum ksk_ctl_exit exit, const char *text)
{
	ksk_say("%s", text);
	session->exit = exit;
	return KSK_STEP_OVER;
}

static uint64_t
time_of(const struct ksk_ksr_run *run, size_t at)
{
	return run->plan.time[run->bundle[at].section];
}

/* An answer that is final and no signature: each refusal names its bundle. */
static void
say_final(const struct ksk_session *session, const struct ksk_ksr_run *run,
	const struct ksk_reply *reply)
{
	char from[KSK_TIME_CAP], type[10];
	bool later = false;

	ksk_say("%s: %s%s%s", session->address,
		ksk_status_text((unsigned)reply->status),
		reply->text[0] != '\0' ? ": " : "", reply->text);
	for (size_t i = 0; i < reply->refusals.count; i++) {
		const struct ksk_refusal *r = &reply->refusals.list[i];

		later = later || strcmp(r->rule, "supersedes") == 0;
		if (r->has_bundle && r->bundle < run->count)
			ksk_say_plain("the %s bundle of %s:",
				ksk_type_text(run->bundle[r->bundle].rrset.type,
					type),
				ksk_time_text(from, time_of(run, r->bundle)));
		ksk_say_refusal("refused", r);
	}
	if (later && !run->replace)
		ksk_say_plain("--replace has what was signed ahead replaced");
}

/* ---- what is so ---- */

static enum ksk_step
ask_first(struct ksk_session *session, struct ksk_ksr_run *run,
	struct ksk_fault *fault)
{
	const struct ksk_name *owner = &run->ksr[0].owner;
	struct ksk_request *list[ASK_COUNT];
	enum ksk_step step;

	run->ask[STATUS] = (struct ksk_request){.op = KSK_OP_STATUS};
	run->ask[KEYS] = (struct ksk_request){.op = KSK_OP_KEYS,
		.has_body = true,
		.zone = {.has_owner = true, .owner = *owner}};
	for (unsigned i = 0; i < KSK_SIGNED_COUNT; i++)
		run->ask[LAST + i] = (struct ksk_request){
			.op = KSK_OP_LAST_ANSWER,
			.has_body = true,
			.last_answer = {
				.owner = *owner, .type = ksk_signed_type(i)}};
	for (size_t i = 0; i < ASK_COUNT; i++)
		list[i] = &run->ask[i];
	step = ksk_ask(session, list, ASK_COUNT, run->first, fault);
	if (step == KSK_STEP_DONE)
		step = ksk_answer_head(
			session, run->first[STATUS].reply, fault);
	for (size_t i = KEYS; step == KSK_STEP_DONE && i < ASK_COUNT; i++) {
		const struct ksk_reply *reply = run->first[i].reply;

		step = i == KEYS ? ksk_answer_judge(session, reply, fault)
				 : ksk_held_judge(session, reply, fault);
		if (step == KSK_STEP_OVER)
			say_final(session, run, reply);
	}
	return step;
}

/* On a further connection only the journal is asked for. */
static enum ksk_step
ask_head(struct ksk_session *session, struct ksk_ksr_run *run,
	struct ksk_fault *fault)
{
	struct ksk_request *list[1] = {&run->ask[STATUS]};
	struct ksk_answer answer = {0};
	enum ksk_step step = ksk_ask(session, list, 1, &answer, fault);

	if (step == KSK_STEP_DONE)
		step = ksk_answer_head(session, answer.reply, fault);
	ksk_answers_free(&answer, 1);
	return step;
}

/* ---- the schedule ---- */

static const struct ksk_keys_reply *
keys_of(const struct ksk_ksr_run *run)
{
	return &run->first[KEYS].reply->keys_body;
}

/* How long before they serve a set its signatures begin, as the appliance has
 * it in the window that it would choose now. */
static uint64_t
offset_of(const struct ksk_ksr_run *run)
{
	uint64_t now = run->first[STATUS].reply->status_body.time;
	uint64_t inception = keys_of(run)->window.inception;

	return now > inception ? now - inception : 0;
}

/* Gives a record its place in the schedule; there are at most so many. */
static enum ksk_err
add_record(struct ksk_schedule *schedule, struct ksk_span rdata)
{
	size_t at = 0, count = schedule->rdata_count;

	while (at < count && ksk_rdata_compare(schedule->rdata[at], rdata) < 0)
		at++;
	if (at < count && ksk_span_equal(schedule->rdata[at], rdata))
		return KSK_OK;
	if (count == KSK_SCHEDULE_RDATA_MAX)
		return KSK_ERR_TOO_LARGE;
	memmove(&schedule->rdata[at + 1], &schedule->rdata[at],
		(count - at) * sizeof(schedule->rdata[0]));
	schedule->rdata[at] = rdata;
	schedule->rdata_count++;
	return KSK_OK;
}

static void
add_bundle(
	const struct ksk_ksr_run *run, struct ksk_schedule *schedule, size_t at)
{
	struct ksk_bundle *bundle = &schedule->bundle[at];
	const struct ksk_rrset *rrset = &run->bundle[at].rrset;
	struct ksk_window window = keys_of(run)->window;
	uint64_t validity = window.expiration - window.inception;

	*bundle = (struct ksk_bundle){.type = rrset->type, .ttl = rrset->ttl};
	bundle->window.inception = time_of(run, at) - offset_of(run);
	bundle->window.expiration = bundle->window.inception + validity;
	for (size_t i = 0; i < schedule->rdata_count; i++) {
		if (ksk_rrset_has(rrset, schedule->rdata[i]))
			bundle->index[bundle->count++] = (uint8_t)i;
	}
}

/* Where the schedule begins for a type; KSK_NEVER if it has none of it. */
static uint64_t
start_of(const struct ksk_schedule *schedule, uint16_t type, uint64_t now)
{
	for (size_t i = 0; i < schedule->bundle_count; i++) {
		uint64_t start = schedule->bundle[i].window.inception;

		if (schedule->bundle[i].type == type)
			return start < now ? now : start;
	}
	return UINT64_MAX;
}

/* Adds a number in its order; those of all types are one list. */
static enum ksk_err
supersede(struct ksk_schedule *schedule, uint64_t record)
{
	size_t at = schedule->supersede_count;

	if (at == KSK_SUPERSEDE_COUNT_MAX)
		return KSK_ERR_TOO_LARGE;
	while (at > 0 && schedule->supersede[at - 1] > record) {
		schedule->supersede[at] = schedule->supersede[at - 1];
		at--;
	}
	schedule->supersede[at] = record;
	schedule->supersede_count++;
	return KSK_OK;
}

/* PROTOCOL 4.11: all that begins later than the first bundle of its type, if
 * wanted. */
static enum ksk_err
name_later(const struct ksk_ksr_run *run, struct ksk_schedule *schedule,
	uint64_t now, struct ksk_fault *fault)
{
	enum ksk_err err = KSK_OK;

	for (unsigned t = 0; run->replace && t < KSK_SIGNED_COUNT; t++) {
		const struct ksk_reply *reply = run->first[LAST + t].reply;
		const struct ksk_last_answer_reply *last =
			&reply->last_answer_body;
		uint64_t start = start_of(schedule, ksk_signed_type(t), now);

		for (size_t i = 0; err == KSK_OK && reply->body != 0 &&
			i < last->later_count;
			i++) {
			if (last->later[i].inception > start)
				err = supersede(
					schedule, last->later[i].record);
		}
	}
	if (err != KSK_OK)
		ksk_fault_set(fault,
			"more than %u answers that are signed ahead would be "
			"replaced",
			KSK_SUPERSEDE_COUNT_MAX);
	return err == KSK_OK ? KSK_OK : KSK_ERR_BAD_INPUT;
}

static enum ksk_err
make_plan(struct ksk_ksr_run *run, uint64_t now, struct ksk_fault *fault)
{
	struct ksk_window window = keys_of(run)->window;
	struct ksk_ksr_terms terms = {.now = now,
		.every = run->every,
		.ttl = run->ksr[0].ttl,
		.late = offset_of(run)};
	enum ksk_err err;

	if (terms.every == 0)
		terms.every = (window.expiration - window.inception) / 2;
	if (terms.every == 0)
		terms.every = 1;
	if (run->ksr[0].ttl != keys_of(run)->ttl) {
		ksk_fault_set(fault,
			"the KSR's TTL is %u, the policy's %u: let the "
			"provider plan again with its DNSKEY TTL set to that",
			run->ksr[0].ttl, keys_of(run)->ttl);
		return KSK_ERR_BAD_INPUT;
	}
	for (size_t i = 0; i < run->source_count; i++) {
		if (run->source[i].ksr == NULL)
			continue;
		err = ksk_ksr_plan_check(run->source[i].ksr, &terms, fault);
		if (err == KSK_ERR_BAD_INPUT && !run->accept_gap)
			return err;
		if (err != KSK_OK)
			ksk_say_plain("warning: %s: %s", run->source[i].path,
				fault->text);
	}
	return ksk_ksr_plan_make(
		run->source, run->source_count, &terms, &run->plan, fault);
}

static enum ksk_err
build(struct ksk_ksr_run *run, struct ksk_fault *fault)
{
	struct ksk_schedule *schedule = &run->request.schedule;
	uint64_t now = run->first[STATUS].reply->status_body.time;
	enum ksk_err err = make_plan(run, now, fault);

	run->request = (struct ksk_request){
		.op = KSK_OP_SIGN_SCHEDULE, .has_body = true};
	schedule->owner = run->ksr[0].owner;
	if (err == KSK_OK)
		err = ksk_ksr_bundles(
			run, keys_of(run), offset_of(run), now, fault);
	schedule->bundle_count = run->count;
	for (size_t i = 0; err == KSK_OK && i < run->count; i++) {
		const struct ksk_rrset *rrset = &run->bundle[i].rrset;

		for (size_t k = 0; err == KSK_OK && k < rrset->count; k++)
			err = add_record(schedule, rrset->rdata[k]);
		if (err == KSK_ERR_TOO_LARGE)
			ksk_fault_set(fault,
				"the sets hold more than %u different keys; "
				"ask for a shorter KSR",
				KSK_SCHEDULE_RDATA_MAX);
	}
	if (err != KSK_OK)
		return err;
	for (size_t i = 0; i < run->count; i++)
		add_bundle(run, schedule, i);
	err = name_later(run, schedule, now, fault);
	if (err != KSK_OK)
		return err;
	schedule->has_idempotency = true;
	if (RAND_bytes(schedule->idempotency, KSK_ID_LEN) == 1)
		return KSK_OK;
	ksk_fault_set(fault, "OpenSSL gives no random bytes");
	return KSK_ERR_CRYPTO;
}

static enum ksk_step
prepare(struct ksk_session *session, struct ksk_ksr_run *run,
	struct ksk_fault *fault)
{
	enum ksk_step step = ask_first(session, run, fault);
	enum ksk_err err;

	if (step != KSK_STEP_DONE)
		return step;
	err = build(run, fault);
	if (err == KSK_OK)
		return KSK_STEP_DONE;
	if (err == KSK_ERR_NOT_FOUND)
		return KSK_STEP_LATER;
	return over(session,
		err == KSK_ERR_BAD_SIGNATURE ? KSK_CTL_UNVERIFIED
					     : KSK_CTL_BAD_INPUT,
		fault->text);
}

/* ---- the answers ---- */

/* Verifies one bundle as an answer to a request of its own. */
static enum ksk_err
verify(struct ksk_ksr_run *run, size_t at, struct ksk_fault *fault)
{
	const struct ksk_bundle_reply *got =
		&run->answer.reply->schedule_body.bundle[at];
	struct ksk_sign *sign = &run->set.request.sign;

	memset(sign, 0, sizeof(*sign));
	sign->rrset = run->bundle[at].rrset;
	sign->has_window = true;
	sign->window = run->request.schedule.bundle[at].window;
	run->set.type = sign->rrset.type;
	run->reply = (struct ksk_sign_reply){
		.rrsig_count = got->rrsig_count, .window = got->window};
	memcpy(run->reply.rrsig, got->rrsig, sizeof(run->reply.rrsig));
	return ksk_sign_set_check(&run->set, keys_of(run), &run->reply,
		run->first[STATUS].reply->status_body.time, fault);
}

static enum ksk_step
judge(struct ksk_session *session, struct ksk_ksr_run *run, bool repeats,
	struct ksk_fault *fault)
{
	const struct ksk_reply *reply = run->answer.reply;
	const struct ksk_schedule_reply *body = &reply->schedule_body;
	enum ksk_step step = ksk_answer_judge(session, reply, fault);

	if (step == KSK_STEP_OVER)
		say_final(session, run, reply);
	if (step != KSK_STEP_DONE)
		return step;
	if (body->bundle_count != run->count)
		return over(session, KSK_CTL_UNVERIFIED,
			"the answer has another number of bundles than was "
			"asked for");
	for (size_t i = 0; i < body->bundle_count; i++) {
		if (verify(run, i, fault) != KSK_OK)
			return over(session, KSK_CTL_UNVERIFIED, fault->text);
		step = ksk_answer_record(session, body->bundle[i].record,
			body->bundle[i].record_hash, !repeats);
		if (step != KSK_STEP_DONE)
			return step;
	}
	for (size_t i = 0; i < body->warning_count; i++)
		ksk_say_refusal("warning", &body->warning[i]);
	return KSK_STEP_DONE;
}

static void
write_skr(struct ksk_ksr_run *run)
{
	struct ksk_skr_bundle bundle[KSK_SCHEDULE_BUNDLE_MAX] = {{0}};
	const struct ksk_schedule_reply *body =
		&run->answer.reply->schedule_body;

	for (size_t i = 0; i < run->count; i++) {
		const struct ksk_ksr_bundle *from = &run->bundle[i];
		struct ksk_skr_bundle *to = &bundle[from->section];
		struct ksk_skr_set *set = from->rrset.type == KSK_TYPE_DNSKEY
			? &to->dnskey
			: from->rrset.type == KSK_TYPE_CDS ? &to->cds
							   : &to->cdnskey;

		to->time = run->plan.time[from->section];
		*set = (struct ksk_skr_set){&from->rrset, body->bundle[i].rrsig,
			body->bundle[i].rrsig_count};
	}
	ksk_skr_write(bundle, run->plan.count,
		run->has_dialect ? run->dialect : run->ksr[0].dialect,
		(uint64_t)time(NULL), &run->text);
}

enum ksk_step
ksk_ksr_work(struct ksk_session *session, void *ctx, struct ksk_fault *fault)
{
	struct ksk_ksr_run *run = ctx;
	bool repeats = strcmp(run->sent_to, session->address) == 0;
	struct ksk_request *list[1] = {&run->request};
	enum ksk_step step;

	ksk_answers_free(&run->answer, 1);
	if (!repeats)
		ksk_answers_free(run->first, ASK_COUNT);
	step = repeats ? ask_head(session, run, fault)
		       : prepare(session, run, fault);
	if (step != KSK_STEP_DONE)
		return step;
	ksk_text_copy(run->sent_to, sizeof(run->sent_to), session->address);
	step = ksk_ask(session, list, 1, &run->answer, fault);
	if (step == KSK_STEP_OVER)
		ksk_say("%s", fault->text);
	if (step == KSK_STEP_DONE)
		step = judge(session, run, repeats, fault);
	if (step == KSK_STEP_DONE)
		write_skr(run);
	return step;
}
