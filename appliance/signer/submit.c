/* SPDX-License-Identifier: BSD-2-Clause */
/* submit - see submit.h. What each kind demands and does: submit_effect.c. */
#include "appliance/signer/submit.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/signer/answer.h"
#include "appliance/signer/compiler.h"
#include "appliance/signer/office.h"
#include "appliance/signer/pipeline_internal.h"
#include "appliance/signer/submit_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MINUTE_MS 60000u

/* A document whose record can't be written is answered after so long; it takes
 * effect when it can all the same. */
#define ANSWER_MS 8000u

void
ksk_submit_wipe(struct ksk_signer *signer)
{
	struct ksk_submission *s = &signer->submission;

	/* A policy that is recorded goes its way without its document. */
	if (s->kind == KSK_DOCUMENT_POLICY && s->stage >= KSK_SUBMIT_JUDGING &&
		!s->staged)
		ksk_loading_drop(signer);
	if (s->stage == KSK_SUBMIT_ASKING)
		(void)close(s->text_fd);
	free(s->data);
	ksk_signed_free(&s->document);
	ksk_signed_drop(&s->work);
	s->data = NULL;
	s->ticket = NULL;
	s->stage = KSK_SUBMIT_NONE;
	s->staged = false;
}

void
ksk_submit_mark(const struct ksk_submission *s, struct ksk_record *record)
{
	record->has_document = true;
	memcpy(record->document, s->name, KSK_HASH_LEN);
	record->operator_count = s->who.count;
	memcpy(record->operator, s->who.pin, sizeof(record->operator));
}

bool
ksk_submit_is_policy(const struct ksk_submission *s)
{
	return s->stage == KSK_SUBMIT_RECORDING &&
		s->kind == KSK_DOCUMENT_POLICY;
}

void
ksk_submit_recorded(struct ksk_submission *s, const struct ksk_record *record,
	const uint8_t hash[KSK_HASH_LEN])
{
	if (!ksk_submit_is_policy(s))
		return;
	s->record = record->number;
	memcpy(s->record_hash, hash, KSK_HASH_LEN);
}

/* ---- answers ---- */

static void
answer_plain(struct ksk_signer *signer, struct ksk_ticket *ticket,
	enum ksk_status status, const char *text)
{
	ksk_answer_plain(signer, ticket, status, text);
	ksk_pipeline_reply(ticket);
}

/* A refused document has a durable record, like every refusal. */
static void
refuse(struct ksk_signer *signer, struct ksk_ticket *ticket, uint64_t now_ms)
{
	struct ksk_submission *s = &signer->submission;
	const struct ksk_refusals *refusals = &signer->reply->refusals;
	struct ksk_record record = ksk_pipeline_record_of(
		ticket, KSK_RECORD_REFUSAL);
	uint8_t hash[KSK_HASH_LEN];

	if (now_ms - s->minute_ms >= MINUTE_MS) {
		s->minute_ms = now_ms;
		s->refusals = 0;
	}
	if (s->refusals == KSK_SUBMIT_REFUSALS_MAX) {
		answer_plain(signer, ticket, KSK_STATUS_BUSY, "60");
		return;
	}
	record.has_document = true;
	memcpy(record.document, ticket->request.submit.hash, KSK_HASH_LEN);
	for (size_t i = 0; i < refusals->count; i++)
		record.rule[record.rule_count++] = refusals->list[i].rule;
	if (!ksk_pipeline_stage(signer, &record, hash, now_ms)) {
		ksk_pipeline_hold(signer, ticket);
		return;
	}
	s->refusals++;
	signer->staged_results++;
	ksk_log(KSK_LOG_WARN, "document-refused",
		"a signed document takes no effect", "rule",
		refusals->list[0].rule, "why", refusals->list[0].why, NULL);
	ksk_answer_refused(signer, ticket);
	ticket->stage = KSK_STAGE_REFUSAL;
}

static void
refuse_for(struct ksk_signer *signer, struct ksk_ticket *ticket,
	enum ksk_approve_rule rule, const char *why, uint64_t now_ms)
{
	signer->reply->refusals.count = signer->reply->refusals.dropped = 0;
	ksk_approve_refuse(&signer->reply->refusals, rule, "%s", why);
	refuse(signer, ticket, now_ms);
}

static bool
may_not_submit(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client)
{
	if (ksk_office_may_submit(signer, client, ticket->pin))
		return false;
	answer_plain(signer, ticket, KSK_STATUS_NOT_AUTHORISED,
		"the policy does not give this client the right submit");
	return true;
}

static void
answer_done(struct ksk_signer *signer, struct ksk_ticket *ticket)
{
	const struct ksk_submission *s = &signer->submission;
	struct ksk_reply *reply = ksk_answer_begin(
		signer, ticket, KSK_STATUS_DONE);

	reply->body = KSK_OP_SUBMIT;
	memset(&reply->submit_body, 0, sizeof(reply->submit_body));
	memcpy(reply->submit_body.document, s->hash, KSK_HASH_LEN);
	reply->submit_body.has_record = !s->dry_run;
	reply->submit_body.record = s->record;
	memcpy(reply->submit_body.record_hash, s->record_hash, KSK_HASH_LEN);
	ksk_answer_encode(signer, ticket);
	ksk_pipeline_reply(ticket);
}

/* ---- parts ---- */

void
ksk_submit_part(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, uint64_t now_ms)
{
	uint64_t received = 0;
	struct ksk_reply *reply;
	enum ksk_err err;

	if (may_not_submit(signer, ticket, client))
		return;
	err = ksk_upload_part(&signer->office.uploads, ticket->pin,
		&ticket->request.part, now_ms, &received);
	if (err != KSK_OK) {
		answer_plain(signer, ticket, KSK_STATUS_BUSY,
			err == KSK_ERR_AGAIN ? "60" : "10");
		return;
	}
	reply = ksk_answer_begin(signer, ticket, KSK_STATUS_DONE);
	reply->body = KSK_OP_PART;
	reply->part_body.received = received;
	ksk_answer_encode(signer, ticket);
	ksk_pipeline_reply(ticket);
}

/* ---- the bytes: one SignedData that enough operators signed ---- */

/* Bytes of one slice: a millisecond or two. */
#define DIGEST_SLICE (512u * 1024u)
#define WRITE_SLICE (1024u * 1024u)

static bool
look_at_bytes(struct ksk_signer *signer, struct ksk_refusals *refusals)
{
	struct ksk_submission *s = &signer->submission;
	unsigned kind = ksk_document_kind_of(ksk_signed_content(s->work));

	ksk_signed_end(s->work, &s->document);
	if (kind != s->kind)
		ksk_approve_refuse(refusals, KSK_APPROVE_KIND,
			"the text says `kind: %s`, and was handed in as %s",
			kind == 0 ? "(none of ours)"
				  : ksk_document_kind_text(kind),
			ksk_document_kind_text(s->kind));
	return ksk_approve_signers(&signer->office.authority, s->kind,
		       &s->document, NULL, &s->who, refusals) &&
		refusals->count == 0;
}

static void
fail(struct ksk_signer *signer, const char *why)
{
	answer_plain(
		signer, signer->submission.ticket, KSK_STATUS_INTERNAL, why);
	ksk_submit_wipe(signer);
}

/* The text is digested; then its signatures are looked at. */
static void
open_some(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_submission *s = &signer->submission;
	struct ksk_refusals *refusals = &signer->reply->refusals;
	struct ksk_fault fault = {.text = ""};
	enum ksk_err err = ksk_signed_digest(s->work, DIGEST_SLICE);

	if (err == KSK_ERR_AGAIN)
		return;
	if (err != KSK_OK) {
		fail(signer, "the document's digest can't be computed");
		return;
	}
	refusals->count = refusals->dropped = 0;
	if (!look_at_bytes(signer, refusals)) {
		refuse(signer, s->ticket, now_ms);
		ksk_submit_wipe(signer);
		return;
	}
	s->written = 0;
	if (ksk_compiler_open(&s->text_fd, &fault) == KSK_OK)
		s->stage = KSK_SUBMIT_ASKING;
	else
		fail(signer, fault.text);
}

/* Gives the text to kskd-policy. */
static void
ask_some(struct ksk_signer *signer)
{
	struct ksk_submission *s = &signer->submission;
	const struct ksk_span text = ksk_signed_content(s->work);
	const size_t left = text.len - s->written;
	const size_t len = left < WRITE_SLICE ? left : WRITE_SLICE;
	struct ksk_fault fault = {.text = ""};
	enum ksk_err err = ksk_compiler_add(
		s->text_fd, ksk_span_of(text.data + s->written, len), &fault);

	s->written += len;
	if (err == KSK_OK && s->written < text.len)
		return;
	if (err == KSK_OK) {
		s->stage = KSK_SUBMIT_READING; /* text_fd is taken over */
		ksk_signed_drop(&s->work);
		err = ksk_compiler_ask(signer, s->kind, s->text_fd, &fault);
	}
	if (err != KSK_OK)
		fail(signer, fault.text);
}

static bool
is_unsupported(struct ksk_signer *signer, struct ksk_ticket *ticket)
{
	if (ticket->request.submit.kind != KSK_DOCUMENT_POLICY ||
		signer->start.quorum)
		return false;
	answer_plain(signer, ticket, KSK_STATUS_UNSUPPORTED,
		"the policy is a file at this appliance (authority: {mode: "
		"file})");
	return true;
}

void
ksk_submit_take(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, uint64_t now_ms)
{
	struct ksk_submission *s = &signer->submission;
	const struct ksk_submit *body = &ticket->request.submit;
	const bool free_desk = s->stage == KSK_SUBMIT_NONE;
	struct ksk_fault fault = {.text = ""};
	uint8_t *data = NULL;
	size_t len = 0;
	enum ksk_err err;

	if (may_not_submit(signer, ticket, client) ||
		is_unsupported(signer, ticket))
		return;
	if (!free_desk && !ksk_submit_may_go_first(signer, body)) {
		answer_plain(signer, ticket, KSK_STATUS_BUSY, "1");
		return;
	}
	err = ksk_upload_take(
		&signer->office.uploads, ticket->pin, body->hash, &data, &len);
	if (err != KSK_OK) {
		refuse_for(signer, ticket, KSK_APPROVE_DOCUMENT,
			err == KSK_ERR_MALFORMED
				? "what came by parts does not have this hash"
				: "no whole document with this hash came by "
				  "parts",
			now_ms);
		return;
	}
	if (!free_desk &&
		!ksk_submit_goes_first(signer, ksk_span_of(data, len))) {
		answer_plain(signer, ticket, KSK_STATUS_BUSY, "1");
		free(data);
		return;
	}
	if (!free_desk)
		ksk_submit_give_way(signer);
	s->data = data;
	s->len = len;
	s->kind = (enum ksk_document_kind)body->kind;
	s->dry_run = body->dry_run;
	memcpy(s->name, body->hash, KSK_HASH_LEN);
	if (ksk_signed_begin(ksk_span_of(s->data, s->len),
		    KSK_DOCUMENT_TEXT_MAX, &s->work, &fault) != KSK_OK) {
		refuse_for(signer, ticket, KSK_APPROVE_DOCUMENT, fault.text,
			now_ms);
		ksk_submit_wipe(signer);
		return;
	}
	s->stage = KSK_SUBMIT_OPENING;
	s->ticket = ticket;
	ticket->stage = KSK_STAGE_DOCUMENT;
}

/* ---- the text, read ---- */

/* One refusal for each line of kskd-policy's. */
static void
refuse_lines(const char *lines, struct ksk_refusals *refusals)
{
	while (*lines != '\0') {
		size_t len = strcspn(lines, "\n");
		char text[KSK_WHY_CAP];

		(void)snprintf(text, sizeof(text), "%.*s",
			(int)(len < sizeof(text) ? len : sizeof(text) - 1),
			lines);
		ksk_approve_refuse(refusals, KSK_APPROVE_DOCUMENT, "%s", text);
		lines += len;
		if (*lines == '\n')
			lines++;
	}
	if (refusals->count == 0)
		ksk_approve_refuse(refusals, KSK_APPROVE_DOCUMENT,
			"the text can't be read");
}

/* What kskd-policy made of the text was judged. */
static void
judged(struct ksk_signer *signer, bool good, const struct ksk_fault *fault,
	uint64_t now_ms)
{
	struct ksk_submission *s = &signer->submission;

	if (good && !s->dry_run) {
		s->stage = KSK_SUBMIT_STORING;
		s->piece = 0;
		return;
	}
	if (good)
		answer_done(signer, s->ticket);
	else if (signer->reply->refusals.count > 0)
		refuse(signer, s->ticket, now_ms);
	else
		answer_plain(
			signer, s->ticket, KSK_STATUS_INTERNAL, fault->text);
	ksk_submit_wipe(signer);
}

static void
take_result(struct ksk_signer *signer, const struct ksk_ctl_compiled *done,
	int fd, uint64_t now_ms)
{
	struct ksk_submission *s = &signer->submission;
	struct ksk_refusals *refusals = &signer->reply->refusals;
	struct ksk_fault fault = {.text = ""};
	bool good = false;

	refusals->count = refusals->dropped = 0;
	if (!done->ok) {
		refuse_lines(done->faults, refusals);
	} else if (s->kind == KSK_DOCUMENT_POLICY) {
		s->stage = KSK_SUBMIT_JUDGING;
		if (ksk_loading_begin(signer, fd, &fault) == KSK_OK)
			return;
	} else {
		good = ksk_submit_judge(signer, fd, refusals, &fault);
	}
	judged(signer, good, &fault, now_ms);
}

/* A policy, a slice at a time. */
static void
judge_some(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_refusals *refusals = &signer->reply->refusals;
	struct ksk_fault fault = {.text = ""};
	enum ksk_err err;

	refusals->count = refusals->dropped = 0;
	err = ksk_submit_judge_policy(signer, refusals, &fault);
	if (err != KSK_ERR_AGAIN)
		judged(signer, err == KSK_OK, &fault, now_ms);
}

enum ksk_err
ksk_submit_compiled(struct ksk_signer *signer, struct ksk_wire *body, int fd)
{
	struct ksk_ctl_compiled done;
	enum ksk_err err = ksk_ctl_compiled_read(body, &done);
	bool given_up = err == KSK_OK && signer->office.given_up != 0 &&
		done.number == signer->office.given_up;

	if (given_up)
		signer->office.given_up = 0;
	else if (err == KSK_OK &&
		(signer->submission.stage != KSK_SUBMIT_READING ||
			done.number != signer->office.compiled))
		err = KSK_ERR_MALFORMED;
	if (err == KSK_OK && done.ok != (fd >= 0))
		err = KSK_ERR_MALFORMED;
	if (err == KSK_OK && !given_up)
		take_result(signer, &done, fd, ksk_clock_mono_ms());
	if (fd >= 0)
		(void)close(fd);
	return err;
}

/* ---- kept, recorded, durable ---- */

/* Documents that stay in force are kept whole. */
static bool
is_kept(const struct ksk_submission *s)
{
	return s->kind == KSK_DOCUMENT_POLICY ||
		s->kind == KSK_DOCUMENT_AUTHORITY;
}

/* One piece a turn, so that signing goes on between them. */
static void
store(struct ksk_signer *signer)
{
	struct ksk_submission *s = &signer->submission;

	if (is_kept(s) && s->piece < ksk_store_pieces(s->len)) {
		if (ksk_store_put(&signer->office.store, s->name,
			    ksk_span_of(s->data, s->len), s->piece) == KSK_OK)
			s->piece++;
		return;
	}
	s->stage = KSK_SUBMIT_RECORDING;
}

static bool
is_durable(const struct ksk_signer *signer)
{
	const struct ksk_submission *s = &signer->submission;

	return s->kind == KSK_DOCUMENT_POLICY
		? memcmp(signer->inforce.table.hash, s->hash, KSK_HASH_LEN) == 0
		: ksk_journal_commits(signer->journal) != s->commits;
}

static void
record(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_submission *s = &signer->submission;

	if (!s->staged && signer->journal_stuck)
		return;
	if (!s->staged) {
		struct ksk_fault fault = {.text = ""};
		enum ksk_err err = ksk_submit_stage(signer, &fault);
		if (err == KSK_ERR_NO_ROOM)
			ksk_pipeline_commit(signer, now_ms);
		if (err == KSK_ERR_BAD_INPUT) {
			refuse_for(signer, s->ticket, KSK_APPROVE_POLICY,
				fault.text, now_ms);
			ksk_submit_wipe(signer);
		}
		if (err != KSK_OK)
			return; /* tried again at the next turn */
		s->staged = true;
		s->commits = ksk_journal_commits(signer->journal);
		s->begin_ms = now_ms;
		if (signer->staged_ms == 0)
			signer->staged_ms = now_ms;
		return;
	}
	if (!is_durable(signer)) {
		if (s->ticket != NULL && now_ms - s->begin_ms > ANSWER_MS) {
			ksk_pipeline_hold(signer, s->ticket);
			s->ticket = NULL;
		}
		return;
	}
	ksk_submit_effect(signer);
	if (s->ticket != NULL)
		answer_done(signer, s->ticket);
	ksk_submit_wipe(signer);
}

void
ksk_submit_run(struct ksk_signer *signer, uint64_t now_ms)
{
	ksk_uploads_run(&signer->office.uploads, now_ms);
	switch (signer->submission.stage) {
	case KSK_SUBMIT_NONE:
	case KSK_SUBMIT_READING:
		break;
	case KSK_SUBMIT_OPENING:
		open_some(signer, now_ms);
		break;
	case KSK_SUBMIT_ASKING:
		ask_some(signer);
		break;
	case KSK_SUBMIT_JUDGING:
		if (!signer->journal_stuck)
			judge_some(signer, now_ms);
		break;
	case KSK_SUBMIT_STORING:
		store(signer);
		break;
	case KSK_SUBMIT_RECORDING:
		record(signer, now_ms);
		break;
	}
}

bool
ksk_submit_hurries(const struct ksk_signer *signer)
{
	return !signer->journal_stuck &&
		signer->submission.stage != KSK_SUBMIT_NONE &&
		signer->submission.stage != KSK_SUBMIT_READING;
}
