/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sign_ask - see sign_ask.h.
 */
#include "client/sign_ask.h"

#include "appliance/base/yaml.h"

#include <string.h>
#include <time.h>

/* ---- which keys must stand ---- */

static void
keep_json(struct ksk_sign_run *s, json_t *value)
{
	(void)json_array_append_new(s->json, value);
}

/* One question per zone, however many sets of it there are. Place 0 is the
 * journal's head. Returns how many questions there are. */
static size_t
list_zones(struct ksk_sign_run *s)
{
	size_t asked = 1;

	for (size_t i = 0; i < s->count; i++) {
		struct ksk_sign_set *set = &s->sets[i];
		size_t at = 1;

		while (at < asked &&
			!ksk_name_equal(&s->asks[at]->zone.owner, &set->owner))
			at++;
		s->keys_of[i] = at;
		if (at < asked)
			continue;
		set->ask = (struct ksk_request){
			.op = KSK_OP_KEYS,
			.has_body = true,
			.zone = {.has_owner = true, .owner = set->owner},
		};
		s->asks[asked++] = &set->ask;
	}
	return asked;
}

static size_t
list_questions(struct ksk_sign_run *s)
{
	size_t asked;

	s->status = (struct ksk_request){.op = KSK_OP_STATUS};
	s->asks[0] = &s->status;
	asked = list_zones(s);
	s->last_at = asked;
	if (s->options.order != KSK_SIGN_PREVIOUS_ASKED)
		return asked;
	for (size_t i = 0; i < s->count; i++) {
		struct ksk_sign_set *set = &s->sets[i];

		set->ask_last = (struct ksk_request){
			.op = KSK_OP_LAST_ANSWER,
			.has_body = true,
			.last_answer = {.owner = set->owner, .type = set->type},
		};
		s->asks[asked++] = &set->ask_last;
	}
	return asked;
}

/* An answer that is final and no signature. */
static void
say_final(const struct ksk_session *session, const struct ksk_name *owner,
	const struct ksk_reply *reply)
{
	char name[KSK_NAME_TEXT_CAP];

	ksk_name_to_text(owner, name);
	ksk_say("%s: %s: %s%s%s", session->address, name,
		ksk_status_text((unsigned)reply->status),
		reply->text[0] != '\0' ? ": " : "", reply->text);
	ksk_say_refusals(&reply->refusals);
}

static enum ksk_step
judge_keys(struct ksk_session *session, struct ksk_sign_run *s, size_t i,
	struct ksk_fault *fault)
{
	const struct ksk_reply *reply = s->first[i].reply;
	const struct ksk_name *owner = &s->asks[i]->zone.owner;
	enum ksk_step step = ksk_answer_judge(session, reply, fault);

	if (step == KSK_STEP_OVER) {
		say_final(session, owner, reply);
		keep_json(s, ksk_sign_print_refused(owner, reply));
	}
	if (step != KSK_STEP_DONE ||
		ksk_name_equal(&reply->keys_body.owner, owner))
		return step;
	ksk_say("%s: the keys are those of another zone", session->address);
	session->exit = KSK_CTL_UNVERIFIED;
	return KSK_STEP_OVER;
}

static enum ksk_step
judge_last(struct ksk_session *session, struct ksk_sign_run *s, size_t i,
	struct ksk_fault *fault)
{
	const struct ksk_reply *reply = s->first[i].reply;
	const struct ksk_last_answer_reply *last = &reply->last_answer_body;
	enum ksk_step step = ksk_held_judge(session, reply, fault);

	if (step == KSK_STEP_OVER)
		say_final(session, &s->asks[i]->last_answer.owner, reply);
	if (step != KSK_STEP_DONE || reply->body == 0)
		return step;
	return ksk_answer_record(
		session, last->record, last->record_hash, false);
}

/* The first round. Nothing is signed by an appliance whose journal is not the
 * one that was seen before. */
static enum ksk_step
ask_first(struct ksk_session *session, struct ksk_sign_run *s,
	struct ksk_fault *fault)
{
	size_t asked = list_questions(s);
	enum ksk_step step = ksk_ask(session, s->asks, asked, s->first, fault);

	if (step == KSK_STEP_DONE)
		step = ksk_answer_head(session, s->first[0].reply, fault);
	for (size_t i = 1; step == KSK_STEP_DONE && i < asked; i++)
		step = i < s->last_at ? judge_keys(session, s, i, fault)
				      : judge_last(session, s, i, fault);
	return step;
}

/* On a further connection only the journal is asked for: keys and requests
 * stay as they were. */
static enum ksk_step
ask_head(struct ksk_session *session, struct ksk_sign_run *s,
	struct ksk_fault *fault)
{
	struct ksk_answer answer = {0};
	enum ksk_step step = ksk_ask(session, s->asks, 1, &answer, fault);

	if (step == KSK_STEP_DONE)
		step = ksk_answer_head(session, answer.reply, fault);
	ksk_answers_free(&answer, 1);
	return step;
}

static const struct ksk_keys_reply *
keys_of(const struct ksk_sign_run *s, size_t i)
{
	return &s->first[s->keys_of[i]].reply->keys_body;
}

static const struct ksk_last_answer_reply *
last_of(const struct ksk_sign_run *s, size_t i)
{
	const struct ksk_reply *reply;

	if (s->options.order != KSK_SIGN_PREVIOUS_ASKED)
		return NULL;
	reply = s->first[s->last_at + i].reply;
	return reply->body == 0 ? NULL : &reply->last_answer_body;
}

static enum ksk_step
build(struct ksk_session *session, struct ksk_sign_run *s,
	struct ksk_fault *fault)
{
	for (size_t i = 0; i < s->count; i++) {
		enum ksk_err err = ksk_sign_set_build(&s->sets[i],
			keys_of(s, i), last_of(s, i), &s->options, s->evidence,
			(uint64_t)time(NULL), fault);

		s->requests[i] = &s->sets[i].request;
		if (err == KSK_OK)
			continue;
		if (err == KSK_ERR_NOT_FOUND)
			return KSK_STEP_LATER;
		ksk_say("%s", fault->text);
		session->exit = err == KSK_ERR_BAD_SIGNATURE
			? KSK_CTL_UNVERIFIED
			: KSK_CTL_BAD_INPUT;
		return KSK_STEP_OVER;
	}
	return KSK_STEP_DONE;
}

/* ---- the answers ---- */

static void
say_permit(const struct ksk_sign_set *set, const struct ksk_sign_reply *reply)
{
	char name[KSK_NAME_TEXT_CAP], type[10];
	char from[KSK_TIME_CAP], to[KSK_TIME_CAP];

	ksk_name_to_text(&set->owner, name);
	for (size_t i = 0; i < reply->warning_count; i++)
		ksk_say_refusal("warning", &reply->warning[i]);
	if (set->request.sign.dry_run)
		ksk_say_plain("permitted: %s %s, valid from %s to %s", name,
			ksk_type_text(set->type, type),
			ksk_time_text(from, reply->window.inception),
			ksk_time_text(to, reply->window.expiration));
}

/* Verifies one answer that says done; takes it into what is printed. */
static enum ksk_sign_fate
verify_done(struct ksk_sign_run *s, size_t i, struct ksk_fault *fault)
{
	const struct ksk_sign_reply *reply = &s->answers[i].reply->sign_body;

	if (ksk_sign_set_check(&s->sets[i], keys_of(s, i), reply,
		    (uint64_t)time(NULL), fault) != KSK_OK) {
		ksk_say("%s: the answer does not verify: %s", s->sets[i].path,
			fault->text);
		return KSK_SIGN_UNVERIFIED;
	}
	say_permit(&s->sets[i], reply);
	if (s->options.dry_run)
		return KSK_SIGN_PERMITTED;
	ksk_sign_print_text(&s->sets[i], reply, &s->text);
	return KSK_SIGN_DONE;
}

/* A record that was made for this request is behind the head that was told
 * before. One that a repeat gets, or whose key somebody chose, may be older. */
static enum ksk_step
take_record(struct ksk_session *session, const struct ksk_sign_run *s,
	const struct ksk_reply *reply)
{
	const struct ksk_sign_reply *body = &reply->sign_body;

	if (!body->has_record)
		return KSK_STEP_DONE;
	return ksk_answer_record(session, body->record, body->record_hash,
		!s->repeats && s->options.repeat != KSK_SIGN_REPEAT_GIVEN);
}

/* Of an appliance whose journal is another one nothing is given on. */
static enum ksk_step
distrust(struct ksk_sign_run *s)
{
	(void)json_array_clear(s->json);
	return KSK_STEP_OVER;
}

static enum ksk_step
judge(struct ksk_session *session, struct ksk_sign_run *s, size_t i,
	struct ksk_fault *fault)
{
	const struct ksk_reply *reply = s->answers[i].reply;
	enum ksk_ctl_exit before = session->exit;
	enum ksk_sign_fate fate = KSK_SIGN_REFUSED;
	enum ksk_step step = ksk_answer_judge(session, reply, fault);

	if (step != KSK_STEP_DONE && step != KSK_STEP_OVER)
		return step;
	if (step == KSK_STEP_OVER) {
		say_final(session, &s->sets[i].owner, reply);
	} else {
		fate = verify_done(s, i, fault);
		if (fate == KSK_SIGN_UNVERIFIED)
			session->exit = KSK_CTL_UNVERIFIED;
		else if (take_record(session, s, reply) != KSK_STEP_DONE)
			return distrust(s);
	}
	/* An answer that does not verify outweighs all else. */
	if (before == KSK_CTL_UNVERIFIED)
		session->exit = before;
	keep_json(
		s, ksk_sign_print_json(&s->sets[i], reply, fate, fault->text));
	return KSK_STEP_DONE;
}

/* Empties what an earlier connection may have left. What was sent to this
 * appliance stays: it may have been signed, and is to be given again. */
static void
begin(struct ksk_sign_run *s, const struct ksk_session *session)
{
	s->repeats = strcmp(s->sent_to, session->address) == 0;
	ksk_answers_free(s->answers, s->count);
	ksk_text_free(&s->text);
	(void)json_array_clear(s->json);
	if (s->repeats)
		return;
	ksk_answers_free(s->first, 2 * s->count + 1);
	s->sent_to[0] = '\0';
}

/* Sends all sets at once. A request that is too large is the input's fault. */
static enum ksk_step
ask_all(struct ksk_session *session, struct ksk_sign_run *s,
	struct ksk_fault *fault)
{
	enum ksk_step step;

	ksk_text_copy(s->sent_to, sizeof(s->sent_to), session->address);
	step = ksk_ask(session, s->requests, s->count, s->answers, fault);
	if (step == KSK_STEP_OVER)
		ksk_say("%s", fault->text);
	return step;
}

enum ksk_step
ksk_sign_work(struct ksk_session *session, void *ctx, struct ksk_fault *fault)
{
	struct ksk_sign_run *s = ctx;
	enum ksk_step step;

	begin(s, session);
	step = s->repeats ? ask_head(session, s, fault)
			  : ask_first(session, s, fault);
	if (step == KSK_STEP_DONE && !s->repeats)
		step = build(session, s, fault);
	if (step == KSK_STEP_DONE)
		step = ask_all(session, s, fault);
	for (size_t i = 0; step == KSK_STEP_DONE && i < s->count; i++)
		step = judge(session, s, i, fault);
	return step;
}
