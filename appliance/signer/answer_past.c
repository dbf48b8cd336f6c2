/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replies about what was signed before: see answer.h.
 */
#include "appliance/signer/answer.h"

#include <string.h>

void
ksk_answer_again(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_stored *stored)
{
	struct ksk_reply *reply = ksk_answer_begin(
		signer, ticket, KSK_STATUS_DONE);
	struct ksk_sign_reply *body = &reply->sign_body;

	reply->body = KSK_OP_SIGN;
	memset(body, 0, sizeof(*body));
	body->rrsig_count = stored->rrsig_count;
	memcpy(body->rrsig, stored->rrsig, sizeof(body->rrsig));
	body->has_record = true;
	body->record = stored->record;
	memcpy(body->record_hash, stored->hash, sizeof(body->record_hash));
	body->policy_version = stored->policy_version;
	body->window = stored->window;
	body->warning_count = ticket->warning_count;
	memcpy(body->warning, ticket->warning, sizeof(body->warning));
	ksk_answer_encode(signer, ticket);
}

/* What comes later than the answer in effect, and what `previous` must name. */
static void
fill_later(const struct ksk_timeline *timeline, uint16_t type, uint64_t now,
	struct ksk_last_answer_reply *body)
{
	const struct ksk_history *history = ksk_timeline_history(timeline);
	const struct ksk_history_answer *head = ksk_history_head(history, type);
	uint64_t newer = KSK_NEVER; /* least start of those passed */

	for (size_t i = history->answer_count; i > 0; i--) {
		const struct ksk_history_answer *a = &history->answer[i - 1];
		uint64_t start = a->inception > a->released ? a->inception
							    : a->released;
		if (a->type != type || a->ghost)
			continue;
		if (start > now && start < newer &&
			body->later_count < KSK_SUPERSEDE_COUNT_MAX)
			body->later[body->later_count++] =
				(struct ksk_later_answer){
					.record = ksk_timeline_record(
						timeline, a),
					.inception = a->inception};
		newer = start < newer ? start : newer;
	}
	/* Ascending, as supersedes names them. */
	for (size_t i = 0; i < body->later_count / 2; i++) {
		struct ksk_later_answer *a = &body->later[i];
		struct ksk_later_answer *b =
			&body->later[body->later_count - 1 - i];
		struct ksk_later_answer keep = *a;
		*a = *b;
		*b = keep;
	}
	body->has_head = head != NULL &&
		memcmp(head->hash, body->record_hash, KSK_HASH_LEN) != 0;
	if (body->has_head)
		memcpy(body->head_hash, head->hash, KSK_HASH_LEN);
}

void
ksk_answer_last(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_timeline *timeline, const struct ksk_stored *stored,
	uint64_t now)
{
	struct ksk_reply *reply = ksk_answer_begin(
		signer, ticket, KSK_STATUS_DONE);
	struct ksk_last_answer_reply *body = &reply->last_answer_body;

	if (stored != NULL) {
		reply->body = KSK_OP_LAST_ANSWER;
		memset(body, 0, sizeof(*body));
		body->rrset = stored->rrset;
		body->rrsig_count = stored->rrsig_count;
		memcpy(body->rrsig, stored->rrsig, sizeof(body->rrsig));
		body->record = stored->record;
		memcpy(body->record_hash, stored->hash, KSK_HASH_LEN);
		body->policy_version = stored->policy_version;
		body->window = stored->window;
		body->released = stored->released;
		body->adopted = stored->adopted;
		fill_later(timeline, stored->rrset.type, now, body);
	}
	ksk_answer_encode(signer, ticket);
}

void
ksk_answer_adopted(struct ksk_signer *signer, struct ksk_ticket *ticket)
{
	struct ksk_reply *reply = ksk_answer_begin(
		signer, ticket, KSK_STATUS_DONE);
	struct ksk_adopt_reply *body = &reply->adopt_body;

	reply->body = KSK_OP_ADOPT;
	memset(body, 0, sizeof(*body));
	body->record = ticket->record;
	memcpy(body->record_hash, ticket->record_hash, KSK_HASH_LEN);
	body->warning_count = ticket->warning_count;
	memcpy(body->warning, ticket->warning,
		ticket->warning_count * sizeof(ticket->warning[0]));
	ksk_answer_encode(signer, ticket);
}
