/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * adopt_ask - see adopt.h.
 */
#include "client/adopt.h"

#include <inttypes.h>
#include <time.h>

/* ---- who has it ---- */

static bool
is_newer(const struct ksk_last_answer_reply *a,
	const struct ksk_last_answer_reply *b)
{
	return b == NULL || a->window.inception > b->window.inception ||
		(a->window.inception == b->window.inception &&
			a->window.expiration > b->window.expiration);
}

enum ksk_step
ksk_adopt_find(struct ksk_session *session, void *ctx, struct ksk_fault *fault)
{
	struct ksk_adopt_run *a = ctx;
	uint64_t now = (uint64_t)time(NULL), first;
	enum ksk_step step = ksk_held_ask(session, &a->held, now, fault);

	if (step != KSK_STEP_DONE || a->held.last == NULL ||
		ksk_held_is_ahead(&a->held, now, &first))
		return step;
	if (ksk_held_check(&a->held, now, fault) != KSK_OK) {
		ksk_say("%s: its answer does not verify: %s", session->address,
			fault->text);
		session->exit = KSK_CTL_UNVERIFIED;
		return KSK_STEP_OVER;
	}
	if (!is_newer(a->held.last, a->source.last))
		return KSK_STEP_DONE;
	ksk_held_free(&a->source);
	a->source = a->held;
	a->held = (struct ksk_held){
		.owner = a->source.owner, .type = a->source.type};
	a->rrset = &a->source.last->rrset;
	a->rrsig = a->source.last->rrsig;
	a->rrsig_count = a->source.last->rrsig_count;
	return KSK_STEP_DONE;
}

/* ---- who lacks it ---- */

static bool
is_same_set(const struct ksk_rrset *a, const struct ksk_rrset *b)
{
	if (a->ttl != b->ttl || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (!ksk_span_equal(a->rdata[i], b->rdata[i]))
			return false;
	}
	return true;
}

/* The window of the first RRSIG that is sent, against what is held:
 * <0 earlier, 0 the same, >0 later (RFC 1982: serial arithmetic). */
static int
compare_window(struct ksk_span rdata, const struct ksk_last_answer_reply *held)
{
	struct ksk_rrsig rrsig;
	uint32_t inception = (uint32_t)held->window.inception;

	if (ksk_rrsig_read(rdata, &rrsig) != KSK_OK)
		return 1;
	if (rrsig.inception != inception)
		return (int32_t)(rrsig.inception - inception) < 0 ? -1 : 1;
	return rrsig.expiration == (uint32_t)held->window.expiration ? 0 : 1;
}

static void
note(struct ksk_adopt_run *a, const struct ksk_session *session,
	const char *status, const char *words, uint64_t record,
	const uint8_t hash[KSK_HASH_LEN])
{
	char hex[2 * KSK_HASH_LEN + 1];

	ksk_hex_write(ksk_span_of(hash, KSK_HASH_LEN), hex, sizeof(hex));
	ksk_text_add(&a->text, "%s: %s record %" PRIu64 ", hash %s\n",
		session->address, words, record, hex);
	(void)json_array_append_new(a->json,
		json_pack("{s:s, s:s, s:I, s:s}", "address", session->address,
			"status", status, "record", (json_int_t)record,
			"record-hash", hex));
}

/* Returns true if nothing is to be adopted, which was noted. */
static bool
has_it(struct ksk_adopt_run *a, const struct ksk_session *session)
{
	const struct ksk_last_answer_reply *held = a->held.last;
	int order;

	if (held == NULL)
		return false;
	order = compare_window(a->request.adopt.rrsig[0], held);
	if (order == 0 && is_same_set(a->rrset, &held->rrset)) {
		note(a, session, "present", "has it already:", held->record,
			held->record_hash);
		return true;
	}
	if (!a->all || order >= 0)
		return false;
	note(a, session, "later", "holds a later one:", held->record,
		held->record_hash);
	return true;
}

/* ---- the request ---- */

/* Takes the RRSIGs that count for this appliance: by KSKs that its policy
 * pins. Those of others are left out. */
static enum ksk_err
take_rrsigs(struct ksk_adopt_run *a, const struct ksk_pool *pool, uint64_t now,
	struct ksk_fault *fault)
{
	struct ksk_adopt *adopt = &a->request.adopt;

	adopt->rrsig_count = 0;
	for (size_t i = 0; i < a->rrsig_count; i++) {
		bool pinned = false;
		enum ksk_err err = ksk_pool_check(
			pool, a->rrset, a->rrsig[i], now, &pinned, fault);

		if (err == KSK_ERR_BAD_SIGNATURE)
			return err;
		if (err == KSK_OK && pinned)
			adopt->rrsig[adopt->rrsig_count++] = a->rrsig[i];
	}
	if (adopt->rrsig_count != 0)
		return KSK_OK;
	ksk_fault_set(fault,
		"no RRSIG is by a KSK that this appliance's policy pins");
	return KSK_ERR_BAD_SIGNATURE;
}

static enum ksk_err
build(struct ksk_adopt_run *a, uint64_t now, struct ksk_fault *fault)
{
	struct ksk_pool pool = {0};

	ksk_pool_add_set(&pool, a->rrset, a->held.keys);
	a->request = (struct ksk_request){.op = KSK_OP_ADOPT, .has_body = true};
	a->request.adopt.rrset = *a->rrset;
	return take_rrsigs(a, &pool, now, fault);
}

/* ---- the answer ---- */

static enum ksk_step
take_reply(struct ksk_adopt_run *a, struct ksk_session *session,
	const struct ksk_reply *reply, struct ksk_fault *fault)
{
	const struct ksk_adopt_reply *body = &reply->adopt_body;
	enum ksk_step step = ksk_answer_judge(session, reply, fault);

	if (step == KSK_STEP_OVER) {
		ksk_say("%s", fault->text);
		ksk_note_refused(a->json, session, reply);
	}
	if (step != KSK_STEP_DONE)
		return step;
	step = ksk_answer_record(
		session, body->record, body->record_hash, false);
	if (step != KSK_STEP_DONE)
		return step;
	for (size_t i = 0; i < body->warning_count; i++)
		ksk_say_refusal("warning", &body->warning[i]);
	/* An older record: what it has covers this answer, nothing was
	 * added. */
	if (body->record <= session->growth.head.record) {
		note(a, session, "present", "has it already:", body->record,
			body->record_hash);
		return KSK_STEP_DONE;
	}
	note(a, session, "adopted", "adopted as", body->record,
		body->record_hash);
	(void)json_object_set_new(
		json_array_get(a->json, json_array_size(a->json) - 1),
		"warnings",
		ksk_json_refusals(body->warning, body->warning_count));
	return KSK_STEP_DONE;
}

static enum ksk_step
send(struct ksk_adopt_run *a, struct ksk_session *session,
	struct ksk_fault *fault)
{
	struct ksk_request *request = &a->request;
	struct ksk_answer answer = {0};
	enum ksk_step step = ksk_ask(session, &request, 1, &answer, fault);

	if (step == KSK_STEP_OVER)
		ksk_say("%s", fault->text);
	if (step == KSK_STEP_DONE)
		step = take_reply(a, session, answer.reply, fault);
	ksk_answers_free(&answer, 1);
	return step;
}

enum ksk_step
ksk_adopt_feed(struct ksk_session *session, void *ctx, struct ksk_fault *fault)
{
	struct ksk_adopt_run *a = ctx;
	uint64_t now = (uint64_t)time(NULL);
	enum ksk_step step = ksk_held_ask(session, &a->held, now, fault);

	if (step != KSK_STEP_DONE)
		return step;
	if (build(a, now, fault) != KSK_OK) {
		ksk_say("%s: %s: %s", session->address, a->path, fault->text);
		session->exit = KSK_CTL_BAD_INPUT;
		return KSK_STEP_OVER;
	}
	if (has_it(a, session))
		return KSK_STEP_DONE;
	return send(a, session, fault);
}
