/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy_submit - a signed document to the appliance: by parts, then handed
 * in. Contract: policy_signed.h
 */
#include "client/policy_signed.h"

#include "client/file.h"
#include "client/output.h"

#include "appliance/policy/document.h"
#include "appliance/policy/signed.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* Parts on their way at one time. */
#define PARTS 4u

/* kskd-policy may take its time with 100,000 zones. */
#define TIMEOUT_MS 60000u

struct submit {
	const struct ksk_policy_words *words;
	unsigned kind;
	uint8_t *data;
	size_t len;
	uint8_t hash[KSK_HASH_LEN];
	struct ksk_request *request; /* PARTS of them */
};

/* ---- parts ---- */

static enum ksk_step
judge_part(struct ksk_session *session, const struct ksk_answer *answer,
	struct ksk_fault *fault)
{
	enum ksk_step step = ksk_answer_judge(session, answer->reply, fault);

	if (step == KSK_STEP_OVER)
		ksk_say("%s", fault->text);
	return step;
}

static size_t
fill_parts(struct submit *s, size_t at)
{
	size_t count = 0;

	while (count < PARTS && at < s->len) {
		struct ksk_request *q = &s->request[count++];
		size_t len = s->len - at < KSK_PART_MAX ? s->len - at
							: KSK_PART_MAX;

		memset(q, 0, sizeof(*q));
		q->op = KSK_OP_PART;
		q->has_body = true;
		q->part.total = s->len;
		q->part.offset = at;
		q->part.bytes = ksk_span_of(s->data + at, len);
		memcpy(q->part.hash, s->hash, KSK_HASH_LEN);
		at += len;
	}
	return count;
}

static enum ksk_step
send_parts(
	struct submit *s, struct ksk_session *session, struct ksk_fault *fault)
{
	enum ksk_step step = KSK_STEP_DONE;

	for (size_t at = 0; at < s->len && step == KSK_STEP_DONE;
		at += (size_t)PARTS * KSK_PART_MAX) {
		struct ksk_answer answer[PARTS] = {{0}};
		struct ksk_request *request[PARTS];
		size_t count = fill_parts(s, at);

		for (size_t i = 0; i < count; i++)
			request[i] = &s->request[i];
		step = ksk_ask(session, request, count, answer, fault);
		if (step == KSK_STEP_OVER)
			ksk_say("%s", fault->text);
		for (size_t i = 0; i < count && step == KSK_STEP_DONE; i++)
			step = judge_part(session, &answer[i], fault);
		ksk_answers_free(answer, PARTS);
	}
	return step;
}

/* ---- handing in ---- */

static enum ksk_err
print(const struct submit *s, const struct ksk_session *session,
	const struct ksk_submit_reply *body)
{
	const char *kind = ksk_document_kind_text(s->kind);
	char hex[2 * KSK_HASH_LEN + 1];
	struct ksk_text text = {0};
	enum ksk_err err = KSK_ERR_NO_MEMORY;
	json_t *json;

	ksk_hex_write(
		ksk_span_of(body->document, KSK_HASH_LEN), hex, sizeof(hex));
	if (s->words->ctl->json) {
		json = json_pack("{s:s, s:s, s:s, s:s}", "address",
			session->address, "kind", kind, "document", hex,
			"status", body->has_record ? "done" : "would-be");
		if (json != NULL && body->has_record)
			(void)json_object_update_new(json,
				json_pack("{s:I, s:o}", "record",
					(json_int_t)body->record, "record-hash",
					ksk_json_hex(body->record_hash,
						KSK_HASH_LEN)));
		return ksk_out_json(json);
	}
	ksk_text_add(&text, "%s %s", kind, hex);
	if (body->has_record)
		ksk_text_add(&text, " record %" PRIu64, body->record);
	ksk_text_add(&text, "\n");
	if (!text.failed)
		err = ksk_out_text(text.data, text.len);
	ksk_text_free(&text);
	return err;
}

static enum ksk_step
take_reply(struct submit *s, struct ksk_session *session,
	const struct ksk_reply *reply, struct ksk_fault *fault)
{
	const struct ksk_submit_reply *body = &reply->submit_body;
	enum ksk_step step = ksk_answer_judge(session, reply, fault);

	if (step == KSK_STEP_OVER) {
		ksk_say("%s", fault->text);
		ksk_say_refusals(&reply->refusals);
	}
	if (step != KSK_STEP_DONE)
		return step;
	session->exit = print(s, session, body) == KSK_OK ? KSK_CTL_DONE
							  : KSK_CTL_BAD_INPUT;
	return KSK_STEP_DONE;
}

static enum ksk_step
work(struct ksk_session *session, void *ctx, struct ksk_fault *fault)
{
	struct submit *s = ctx;
	struct ksk_request *q = &s->request[0];
	struct ksk_answer answer = {0};
	enum ksk_step step = send_parts(s, session, fault);

	if (step != KSK_STEP_DONE)
		return step;
	memset(q, 0, sizeof(*q));
	q->op = KSK_OP_SUBMIT;
	q->has_body = true;
	q->submit.kind = s->kind;
	q->submit.has_dry_run = q->submit.dry_run = s->words->dry_run;
	memcpy(q->submit.hash, s->hash, KSK_HASH_LEN);
	step = ksk_ask(session, &q, 1, &answer, fault);
	if (step == KSK_STEP_OVER)
		ksk_say("%s", fault->text);
	if (step == KSK_STEP_DONE)
		step = take_reply(s, session, answer.reply, fault);
	ksk_answers_free(&answer, 1);
	return step;
}

/* Reads the file; what it is stands in the text inside. */
static enum ksk_err
load(struct submit *s, struct ksk_fault *fault)
{
	struct ksk_signed document = {.count = 0};
	enum ksk_err err = ksk_file_read(
		s->words->file, KSK_DOCUMENT_MAX, &s->data, &s->len, fault);

	if (err == KSK_OK)
		err = ksk_signed_open(ksk_span_of(s->data, s->len),
			KSK_DOCUMENT_TEXT_MAX, &document, fault);
	if (err != KSK_OK)
		return err;
	s->kind = ksk_document_kind_of(document.content);
	ksk_signed_free(&document);
	if (s->kind == 0) {
		ksk_fault_set(fault,
			"the text inside has no line `kind: policy`, "
			"authority, withdraw or authorise");
		return KSK_ERR_BAD_INPUT;
	}
	if (EVP_Digest(s->data, s->len, s->hash, NULL, EVP_sha256(), NULL) != 1)
		return KSK_ERR_CRYPTO;
	s->request = calloc(PARTS, sizeof(*s->request));
	return s->request == NULL ? KSK_ERR_NO_MEMORY : KSK_OK;
}

enum ksk_ctl_exit
ksk_policy_submit(const struct ksk_policy_words *words)
{
	struct submit s = {.words = words};
	struct ksk_ctl ctl = *words->ctl;
	struct ksk_fault fault = {.text = ""};
	enum ksk_ctl_exit exit = KSK_CTL_BAD_INPUT;
	enum ksk_err err = load(&s, &fault);

	if (ctl.timeout_ms < TIMEOUT_MS)
		ctl.timeout_ms = TIMEOUT_MS;
	if (err != KSK_OK)
		ksk_say("%s: %s", words->file,
			fault.text[0] != '\0' ? fault.text : ksk_err_text(err));
	else
		exit = ksk_reach(&ctl, work, &s);
	free(s.request);
	free(s.data);
	return exit;
}
