/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ask - see ask.h.
 */
#include "client/ask.h"

#include "client/clock.h"
#include "client/output.h"
#include "protocol/frame.h"

#include <stdlib.h>
#include <string.h>

/* One round of requests. */
struct round {
	struct ksk_session *session;
	struct ksk_request *const *requests;
	size_t count;
	struct ksk_answer *answers;
	size_t answered;
	uint64_t first; /* number of requests[0] */
	struct ksk_buf out;
	size_t sent;
	struct ksk_buf in; /* one frame, and what follows it */
	uint64_t begin_ms; /* when something began to come, 0 = nothing did */
};

/* ---- out ---- */

static enum ksk_step
write_request(struct round *r, struct ksk_request *request, uint64_t number,
	struct ksk_fault *fault)
{
	struct ksk_buf frame = ksk_buf_of(
		r->out.data + r->out.len + KSK_FRAME_HEAD_LEN, KSK_FRAME_MAX);

	request->number = number;
	if (ksk_request_write(request, &frame) != KSK_OK) {
		ksk_fault_set(
			fault, "the request exceeds %u bytes", KSK_FRAME_MAX);
		r->session->exit = KSK_CTL_BAD_INPUT;
		return KSK_STEP_OVER;
	}
	ksk_frame_head_write(frame.len, r->out.data + r->out.len);
	r->out.len += KSK_FRAME_HEAD_LEN + frame.len;
	return KSK_STEP_DONE;
}

static enum ksk_step
write_requests(struct round *r, struct ksk_fault *fault)
{
	for (size_t i = 0; i < r->count; i++) {
		enum ksk_step step = write_request(
			r, r->requests[i], r->first + i, fault);

		if (step != KSK_STEP_DONE)
			return step;
	}
	r->session->next_number += r->count;
	return KSK_STEP_DONE;
}

static void
send_some(struct round *r)
{
	size_t len = 0;

	ksk_connection_write(r->session->connection,
		ksk_span_of(r->out.data + r->sent, r->out.len - r->sent), &len);
	r->sent += len;
}

/* ---- in ---- */

/* The op that a number was asked with; 0 for any other number. */
static unsigned
op_of(void *ctx, uint64_t number)
{
	const struct round *r = ctx;

	if (number < r->first || number - r->first >= r->count)
		return 0;
	return (unsigned)r->requests[number - r->first]->op;
}

/* A reply that belongs to no request is one thing only: the complaint about a
 * frame whose number could not be read. */
static enum ksk_step
refuse_stray(const struct round *r, const struct ksk_reply *reply,
	struct ksk_fault *fault)
{
	if (reply->number == 0 && reply->status == KSK_STATUS_MALFORMED)
		ksk_fault_set(fault, "%s: it calls a request malformed: %.400s",
			r->session->address, reply->text);
	else
		ksk_fault_set(fault,
			"%s: a reply comes with number %llu, which is not "
			"waited for",
			r->session->address, (unsigned long long)reply->number);
	return KSK_STEP_NEXT;
}

/* Keeps a frame and reads it as a reply. */
static enum ksk_step
take_frame(struct round *r, struct ksk_span frame, struct ksk_fault *fault)
{
	struct ksk_answer answer = {
		.frame = malloc(frame.len),
		.reply = calloc(1, sizeof(*answer.reply)),
	};
	struct ksk_fault why = {0};
	enum ksk_step step = KSK_STEP_NEXT;
	struct ksk_answer *place;

	ksk_fault_set(fault, "no memory is left");
	if (answer.frame == NULL || answer.reply == NULL)
		goto out;
	memcpy(answer.frame, frame.data, frame.len);
	if (ksk_reply_read(ksk_span_of(answer.frame, frame.len), op_of, r,
		    answer.reply, &why) != KSK_OK) {
		ksk_fault_set(fault, "%s: the reply is malformed: %.400s",
			r->session->address, why.text);
		goto out;
	}
	if (op_of(r, answer.reply->number) == 0) {
		step = refuse_stray(r, answer.reply, fault);
		goto out;
	}
	place = &r->answers[answer.reply->number - r->first];
	if (place->reply != NULL) {
		step = refuse_stray(r, answer.reply, fault);
		goto out;
	}
	*place = answer;
	r->answered++;
	return KSK_STEP_DONE;
out:
	free(answer.frame);
	free(answer.reply);
	return step;
}

/* Takes all frames that are whole. */
static enum ksk_step
take_frames(struct round *r, struct ksk_fault *fault)
{
	for (;;) {
		uint32_t len;
		size_t whole;
		enum ksk_step step;

		if (r->in.len < KSK_FRAME_HEAD_LEN)
			return KSK_STEP_DONE;
		if (ksk_frame_head_read(r->in.data, &len) != KSK_OK) {
			ksk_fault_set(fault, "%s: the reply has no length",
				r->session->address);
			return KSK_STEP_NEXT;
		}
		whole = KSK_FRAME_HEAD_LEN + len;
		if (r->in.len < whole)
			return KSK_STEP_DONE;
		step = take_frame(r,
			ksk_span_of(r->in.data + KSK_FRAME_HEAD_LEN, len),
			fault);
		if (step != KSK_STEP_DONE)
			return step;
		r->in.len -= whole;
		memmove(r->in.data, r->in.data + whole, r->in.len);
	}
}

/* What has begun to come is whole within the time, as PROTOCOL.md 1 demands it
 * of a client: who gives a byte now and then, inside a frame or inside a record
 * of TLS, does not hold a script for ever. */
static enum ksk_step
wait_for_more(struct round *r, struct ksk_fault *fault)
{
	const enum ksk_step step = ksk_connection_wait(r->session->connection,
		r->sent < r->out.len, r->begin_ms, fault);

	if (r->begin_ms == 0)
		r->begin_ms = ksk_ctl_now_ms();
	return step;
}

static enum ksk_step
talk(struct round *r, struct ksk_fault *fault)
{
	while (r->answered < r->count) {
		const size_t answered = r->answered, sent = r->sent;
		size_t before = r->in.len;
		enum ksk_step step;

		send_some(r);
		step = ksk_connection_read(
			r->session->connection, &r->in, fault);
		if (step == KSK_STEP_DONE)
			step = take_frames(r, fault);
		if (r->answered > answered || (r->sent > sent && before == 0))
			r->begin_ms = 0;
		if (step == KSK_STEP_DONE && r->in.len == before &&
			r->answered < r->count)
			step = wait_for_more(r, fault);
		if (step != KSK_STEP_DONE)
			return step;
	}
	if (r->in.len == 0)
		return KSK_STEP_DONE;
	ksk_fault_set(fault, "%s: more comes than was asked for",
		r->session->address);
	return KSK_STEP_NEXT;
}

enum ksk_step
ksk_ask(struct ksk_session *session, struct ksk_request *const *requests,
	size_t count, struct ksk_answer *out_answers, struct ksk_fault *fault)
{
	size_t in_cap = KSK_FRAME_HEAD_LEN + KSK_FRAME_MAX;
	size_t out_cap = count * (KSK_FRAME_HEAD_LEN + KSK_FRAME_MAX);
	struct round r = {
		.session = session,
		.requests = requests,
		.count = count,
		.answers = out_answers,
		.first = session->next_number,
		.out = ksk_buf_of(malloc(out_cap), out_cap),
		.in = ksk_buf_of(malloc(in_cap), in_cap),
	};
	enum ksk_step step = KSK_STEP_NEXT;

	if (r.out.data == NULL || r.in.data == NULL) {
		ksk_fault_set(fault, "no memory is left");
		goto out;
	}
	step = write_requests(&r, fault);
	if (step == KSK_STEP_DONE)
		step = talk(&r, fault);
out:
	free(r.out.data);
	free(r.in.data);
	return step;
}

void
ksk_answers_free(struct ksk_answer *answers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(answers[i].frame);
		free(answers[i].reply);
		answers[i] = (struct ksk_answer){0};
	}
}

/* ---- what a reply says ---- */

static enum ksk_step
over(struct ksk_session *session, enum ksk_ctl_exit exit)
{
	session->exit = exit;
	return KSK_STEP_OVER;
}

enum ksk_step
ksk_answer_judge(struct ksk_session *session, const struct ksk_reply *reply,
	struct ksk_fault *fault)
{
	if (reply->status == KSK_STATUS_DONE && reply->body != 0)
		return KSK_STEP_DONE;
	ksk_fault_set(fault, "%s: %s%s%.500s", session->address,
		ksk_status_text((unsigned)reply->status),
		reply->text[0] != '\0' ? ": " : "", reply->text);
	switch (reply->status) {
	case KSK_STATUS_DONE:
		ksk_fault_set(
			fault, "%s: the reply has no body", session->address);
		return KSK_STEP_NEXT;
	case KSK_STATUS_REFUSED:
	case KSK_STATUS_NOT_AUTHORISED:
	case KSK_STATUS_UNKNOWN_ZONE:
		return over(session, KSK_CTL_REFUSED);
	case KSK_STATUS_TOO_LARGE:
		return over(session, KSK_CTL_BAD_INPUT);
	case KSK_STATUS_NOT_READY:
	case KSK_STATUS_BUSY:
	case KSK_STATUS_INTERNAL:
		return KSK_STEP_LATER;
	default: /* malformed, unsupported: it speaks another dialect */
		return KSK_STEP_NEXT;
	}
}

enum ksk_step
ksk_answer_head(struct ksk_session *session, const struct ksk_reply *reply,
	struct ksk_fault *fault)
{
	enum ksk_step step = ksk_answer_judge(session, reply, fault);

	if (step == KSK_STEP_OVER)
		ksk_say("%s", fault->text);
	if (step != KSK_STEP_DONE)
		return step;
	if (ksk_growth_head(&session->growth, &reply->status_body) != KSK_OK)
		return over(session, KSK_CTL_UNREACHABLE);
	return KSK_STEP_DONE;
}

enum ksk_step
ksk_answer_record(struct ksk_session *session, uint64_t record,
	const uint8_t hash[KSK_HASH_LEN], bool fresh)
{
	if (ksk_growth_record(&session->growth, record, hash, fresh) == KSK_OK)
		return KSK_STEP_DONE;
	return over(session, KSK_CTL_UNREACHABLE);
}
