/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * held - see held.h.
 */
#include "client/held.h"

#include "client/output.h"

#include <strings.h>

enum { STATUS, KEYS, DNSKEY, OTHER };

static size_t
fill_requests(struct ksk_held *held)
{
	held->request[STATUS] = (struct ksk_request){.op = KSK_OP_STATUS};
	held->request[KEYS] = (struct ksk_request){.op = KSK_OP_KEYS,
		.has_body = true,
		.zone = {.has_owner = true, .owner = held->owner}};
	for (size_t i = DNSKEY; i <= OTHER; i++)
		held->request[i] = (struct ksk_request){
			.op = KSK_OP_LAST_ANSWER,
			.has_body = true,
			.last_answer = {.owner = held->owner,
				.type = i == DNSKEY ? KSK_TYPE_DNSKEY
						    : held->type}};
	return held->type == KSK_TYPE_DNSKEY ? OTHER : KSK_HELD_ROUND;
}

enum ksk_step
ksk_held_judge(struct ksk_session *session, const struct ksk_reply *reply,
	struct ksk_fault *fault)
{
	if (reply->status == KSK_STATUS_DONE && reply->body == 0)
		return KSK_STEP_DONE;
	return ksk_answer_judge(session, reply, fault);
}

static enum ksk_step
judge(struct ksk_session *session, struct ksk_held *held, size_t count,
	struct ksk_fault *fault)
{
	enum ksk_step step = ksk_answer_head(
		session, held->answer[STATUS].reply, fault);

	if (step != KSK_STEP_DONE)
		return step;
	for (size_t i = KEYS; i < count; i++) {
		const struct ksk_reply *reply = held->answer[i].reply;

		step = i == KEYS ? ksk_answer_judge(session, reply, fault)
				 : ksk_held_judge(session, reply, fault);
		if (step == KSK_STEP_DONE)
			continue;
		if (step == KSK_STEP_OVER) {
			ksk_say("%s", fault->text);
			ksk_say_refusals(&reply->refusals);
		}
		return step;
	}
	held->keys = &held->answer[KEYS].reply->keys_body;
	if (ksk_name_equal(&held->keys->owner, &held->owner))
		return KSK_STEP_DONE;
	ksk_say("%s: the keys are those of another zone", session->address);
	session->exit = KSK_CTL_UNVERIFIED;
	return KSK_STEP_OVER;
}

/* The body of a reply to last-answer; NULL: nothing was released. */
static const struct ksk_last_answer_reply *
body_of(const struct ksk_held *held, size_t i)
{
	const struct ksk_reply *reply = held->answer[i].reply;

	return reply->body == 0 ? NULL : &reply->last_answer_body;
}

/* RFC 4034 3.1.5: the lower 32 bits of the seconds. */
static enum ksk_err
check_window(const struct ksk_last_answer_reply *last, struct ksk_fault *fault)
{
	for (size_t i = 0; i < last->rrsig_count; i++) {
		struct ksk_rrsig rrsig;

		if (ksk_rrsig_read(last->rrsig[i], &rrsig) == KSK_OK &&
			rrsig.inception == (uint32_t)last->window.inception &&
			rrsig.expiration == (uint32_t)last->window.expiration)
			continue;
		ksk_fault_set(fault,
			"an RRSIG has another window than the reply says");
		return KSK_ERR_BAD_SIGNATURE;
	}
	return KSK_OK;
}

static enum ksk_err
check(const struct ksk_held *held, const struct ksk_pool *pool, uint16_t type,
	const struct ksk_last_answer_reply *last, uint64_t now,
	struct ksk_fault *fault)
{
	enum ksk_err err = check_window(last, fault);

	if (err == KSK_OK &&
		(!ksk_name_equal(&last->rrset.owner, &held->owner) ||
			last->rrset.type != type)) {
		ksk_fault_set(fault, "it is of another zone or type");
		err = KSK_ERR_BAD_SIGNATURE;
	}
	if (err == KSK_OK)
		err = ksk_pool_check_all(pool, &last->rrset, last->rrsig,
			last->rrsig_count, now, fault);
	return err;
}

/* The keys of a DNSKEY answer are believed if it proves itself by a KSK that
 * the policy pins. Then they may have signed CDS and CDNSKEY answers, also
 * those that the token no longer has. */
static void
fill_pool(struct ksk_held *held, uint64_t now)
{
	const struct ksk_last_answer_reply *dnskey = body_of(held, DNSKEY);
	struct ksk_pool pool = {0};

	held->pool = pool;
	held->why.text[0] = '\0';
	ksk_pool_add_policy(&held->pool, held->keys);
	if (dnskey == NULL)
		return;
	pool = held->pool;
	ksk_pool_add_set(&pool, &dnskey->rrset, held->keys);
	if (check(held, &pool, KSK_TYPE_DNSKEY, dnskey, now, &held->why) !=
		KSK_OK)
		return;
	held->why.text[0] = '\0';
	held->pool = pool;
}

static enum ksk_step
take_records(
	struct ksk_session *session, const struct ksk_held *held, size_t count)
{
	for (size_t i = DNSKEY; i < count; i++) {
		const struct ksk_last_answer_reply *last = body_of(held, i);

		if (last != NULL &&
			ksk_answer_record(session, last->record,
				last->record_hash, false) != KSK_STEP_DONE)
			return KSK_STEP_OVER;
	}
	return KSK_STEP_DONE;
}

enum ksk_step
ksk_held_ask(struct ksk_session *session, struct ksk_held *held, uint64_t now,
	struct ksk_fault *fault)
{
	struct ksk_request *list[KSK_HELD_ROUND];
	size_t count = fill_requests(held);
	enum ksk_step step;

	ksk_held_free(held);
	for (size_t i = 0; i < count; i++)
		list[i] = &held->request[i];
	step = ksk_ask(session, list, count, held->answer, fault);
	if (step == KSK_STEP_DONE)
		step = judge(session, held, count, fault);
	if (step == KSK_STEP_DONE)
		step = take_records(session, held, count);
	if (step != KSK_STEP_DONE)
		return step;
	held->last = body_of(held, count - 1);
	fill_pool(held, now);
	return KSK_STEP_DONE;
}

enum ksk_err
ksk_held_check(
	const struct ksk_held *held, uint64_t now, struct ksk_fault *fault)
{
	if (held->type != KSK_TYPE_DNSKEY)
		return check(
			held, &held->pool, held->type, held->last, now, fault);
	if (held->why.text[0] == '\0')
		return KSK_OK;
	*fault = held->why;
	return KSK_ERR_BAD_SIGNATURE;
}

bool
ksk_held_is_ahead(
	const struct ksk_held *held, uint64_t now, uint64_t *out_first)
{
	const struct ksk_last_answer_reply *last = held->last;

	if (last == NULL || last->window.inception <= now)
		return false;
	*out_first = last->window.inception;
	for (size_t i = 0; i < last->later_count; i++) {
		if (last->later[i].inception < *out_first)
			*out_first = last->later[i].inception;
	}
	return true;
}

void
ksk_held_free(struct ksk_held *held)
{
	ksk_answers_free(held->answer, KSK_HELD_ROUND);
	held->keys = NULL;
	held->last = NULL;
	held->pool.count = 0;
}

enum ksk_err
ksk_held_type(const char *text, uint16_t *out)
{
	static const uint16_t types[] = {
		KSK_TYPE_DNSKEY, KSK_TYPE_CDS, KSK_TYPE_CDNSKEY};
	char buf[10];

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (strcasecmp(text, ksk_type_text(types[i], buf)) != 0)
			continue;
		*out = types[i];
		return KSK_OK;
	}
	ksk_say("the type is DNSKEY, CDS or CDNSKEY, not %s", text);
	return KSK_ERR_BAD_INPUT;
}
