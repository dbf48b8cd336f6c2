/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sign_ask - see sign_ask.h.
 */
#include "client/sign_ask.h"

#include "appliance/base/yaml.h"

#include <time.h>

/* ---- which keys must stand ---- */

static void
keep_json(struct ksk_sign_run *s, json_t *value)
{
	(void)json_array_append_new(s->json, value);
}

/* One question per zone, however many sets of it there are. */
static size_t
list_zones(struct ksk_sign_run *s)
{
	size_t asked = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct ksk_sign_set *set = &s->sets[i];
		size_t at = 0;

		while (at < asked &&
			!ksk_name_equal(
				&s->requests[at]->zone.owner, &set->owner))
			at++;
		s->keys_of[i] = at;
		if (at < asked)
			continue;
		set->ask = (struct ksk_request){
			.op = KSK_OP_KEYS,
			.has_body = true,
			.zone = {.has_owner = true, .owner = set->owner},
		};
		s->requests[asked++] = &set->ask;
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
ask_keys(struct ksk_session *session, struct ksk_sign_run *s,
	struct ksk_fault *fault)
{
	size_t asked = list_zones(s);
	enum ksk_step step = ksk_ask(
		session, s->requests, asked, s->keys, fault);

	for (size_t i = 0; step == KSK_STEP_DONE && i < asked; i++) {
		const struct ksk_reply *reply = s->keys[i].reply;
		const struct ksk_name *owner = &s->requests[i]->zone.owner;

		step = ksk_answer_judge(session, reply, fault);
		if (step == KSK_STEP_OVER) {
			say_final(session, owner, reply);
			keep_json(s, ksk_sign_print_refused(owner, reply));
		}
		if (step != KSK_STEP_DONE ||
			ksk_name_equal(&reply->keys_body.owner, owner))
			continue;
		ksk_say("%s: the keys are those of another zone",
			session->address);
		session->exit = KSK_CTL_UNVERIFIED;
		step = KSK_STEP_OVER;
	}
	return step;
}

static const struct ksk_keys_reply *
keys_of(const struct ksk_sign_run *s, size_t i)
{
	return &s->keys[s->keys_of[i]].reply->keys_body;
}

static enum ksk_step
build(struct ksk_session *session, struct ksk_sign_run *s,
	struct ksk_fault *fault)
{
	for (size_t i = 0; i < s->count; i++) {
		enum ksk_err err = ksk_sign_set_build(&s->sets[i],
			keys_of(s, i), &s->options, s->evidence,
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
take_done(struct ksk_sign_run *s, size_t i, struct ksk_fault *fault)
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
		fate = take_done(s, i, fault);
		if (fate == KSK_SIGN_UNVERIFIED)
			session->exit = KSK_CTL_UNVERIFIED;
	}
	/* An answer that does not verify outweighs all else. */
	if (before == KSK_CTL_UNVERIFIED)
		session->exit = before;
	keep_json(
		s, ksk_sign_print_json(&s->sets[i], reply, fate, fault->text));
	return KSK_STEP_DONE;
}

/* Empties what an earlier connection may have left. */
static void
begin(struct ksk_sign_run *s)
{
	ksk_answers_free(s->keys, s->count);
	ksk_answers_free(s->answers, s->count);
	ksk_text_free(&s->text);
	(void)json_array_clear(s->json);
}

/* Sends all sets at once. A request that is too large is the input's fault. */
static enum ksk_step
ask_all(struct ksk_session *session, struct ksk_sign_run *s,
	struct ksk_fault *fault)
{
	enum ksk_step step = ksk_ask(
		session, s->requests, s->count, s->answers, fault);

	if (step == KSK_STEP_OVER)
		ksk_say("%s", fault->text);
	return step;
}

enum ksk_step
ksk_sign_work(struct ksk_session *session, void *ctx, struct ksk_fault *fault)
{
	struct ksk_sign_run *s = ctx;
	enum ksk_step step;

	begin(s);
	step = ask_keys(session, s, fault);
	if (step == KSK_STEP_DONE)
		step = build(session, s, fault);
	if (step == KSK_STEP_DONE)
		step = ask_all(session, s, fault);
	for (size_t i = 0; step == KSK_STEP_DONE && i < s->count; i++)
		step = judge(session, s, i, fault);
	return step;
}
