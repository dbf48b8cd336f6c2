/* SPDX-License-Identifier: BSD-2-Clause */
/* show - see show.h. */
#include "appliance/signer/show.h"

#include "appliance/signer/answer.h"
#include "appliance/signer/pipeline_internal.h"

#include <string.h>

static void
fill_standing(struct ksk_signer *signer, struct ksk_standing_reply *out)
{
	const struct ksk_office *office = &signer->office;
	const char *why;
	bool restored = ksk_anchorage_state(signer, &why) == KSK_STATE_RESTORED;
	struct ksk_head head = restored ? signer->anchorage.head
					: ksk_journal_head(signer->journal);

	out->quorum = signer->start.quorum;
	out->authority_version = office->authority.version;
	memcpy(out->authority_hash, office->authority.hash, KSK_HASH_LEN);
	if (!ksk_journal_policy(
		    signer->journal, &out->policy_version, out->policy_hash))
		out->policy_version = 0;
	memcpy(out->journal, ksk_journal_id(signer->journal), KSK_ID_LEN);
	out->record = head.number;
	memcpy(out->record_hash, head.hash, KSK_HASH_LEN);
	out->withdrawal_count = ksk_withdrawals_documents(
		&office->withdrawals, out->withdrawal);
}

/* The document that is asked for; NULL if there is none. */
static const uint8_t *
find_name(const struct ksk_signer *signer, uint64_t kind)
{
	const struct ksk_office *office = &signer->office;

	if (kind == KSK_DOCUMENT_AUTHORITY)
		return office->authority.version == 0
			? NULL
			: office->authority_document;
	return office->has_policy_document && signer->start.quorum
		? office->policy_document
		: NULL;
}

/* room: KSK_PART_MAX bytes that live as long as the reply. */
static enum ksk_err
fill_content(struct ksk_signer *signer, const struct ksk_show *show,
	uint8_t *room, struct ksk_show_reply *out, struct ksk_fault *fault)
{
	const uint8_t *name = find_name(signer, show->kind);
	struct ksk_buf buf = ksk_buf_of(room, KSK_PART_MAX);
	uint64_t total = 0;
	enum ksk_err err;

	if (name == NULL)
		return KSK_OK;
	err = ksk_store_slice(
		&signer->office.store, name, show->offset, &buf, &total, fault);
	if (err != KSK_OK)
		return err;
	out->has_content = true;
	out->is_signed = show->kind == KSK_DOCUMENT_POLICY ||
		signer->office.authority_signed;
	memcpy(out->hash, name, KSK_HASH_LEN);
	out->total = total;
	out->offset = show->offset < total ? show->offset : total;
	out->bytes = ksk_buf_span(&buf);
	return KSK_OK;
}

void
ksk_show_take(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client)
{
	const struct ksk_show *show = &ticket->request.show;
	struct ksk_fault fault = {.text = ""};
	struct ksk_reply *reply;

	if (!ksk_office_may_submit(signer, client, ticket->pin)) {
		ksk_answer_plain(signer, ticket, KSK_STATUS_NOT_AUTHORISED,
			"the policy does not give this client the right "
			"submit");
		ksk_pipeline_reply(ticket);
		return;
	}
	reply = ksk_answer_begin(signer, ticket, KSK_STATUS_DONE);
	reply->body = KSK_OP_POLICY_SHOW;
	memset(&reply->show_body, 0, sizeof(reply->show_body));
	fill_standing(signer, &reply->show_body.standing);
	if (show->has_kind &&
		fill_content(signer, show, signer->packet, &reply->show_body,
			&fault) != KSK_OK) {
		ksk_pipeline_no_past(signer, ticket, &fault);
		return;
	}
	ksk_answer_encode(signer, ticket);
	ksk_pipeline_reply(ticket);
}
