/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * submit_first - a withdrawal does not wait for a policy: what one operator
 * takes away is gone within a second, also while a policy of 100,000 zones is
 * read and judged. That one gives way, with nothing of it in force, and can be
 * handed in again. Only a withdrawal that an operator signed, and that does not
 * stand yet, goes first: who may only bring documents can hold nothing up so.
 */
#include "appliance/signer/submit_internal.h"

#include "appliance/base/log.h"
#include "appliance/signer/answer.h"
#include "appliance/signer/pipeline_internal.h"

#include <openssl/evp.h>

bool
ksk_submit_may_go_first(
	const struct ksk_signer *signer, const struct ksk_submit *body)
{
	const struct ksk_submission *s = &signer->submission;

	return body->kind == KSK_DOCUMENT_WITHDRAW && !body->dry_run &&
		s->kind == KSK_DOCUMENT_POLICY && s->stage != KSK_SUBMIT_NONE &&
		s->stage < KSK_SUBMIT_RECORDING;
}

/* Longest withdrawal that is looked at while another document is worked on: it
 * is digested in one go. A longer one waits. */
#define FIRST_MAX (1024u * 1024u)

/* It stands already: then it takes nothing away, and may come again for ever. */
static bool
is_standing(const struct ksk_signer *signer, struct ksk_span text)
{
	uint8_t hash[KSK_HASH_LEN];

	return EVP_Digest(text.data, text.len, hash, NULL, EVP_sha256(),
		       NULL) != 1 ||
		ksk_withdrawals_has(&signer->office.withdrawals, hash);
}

bool
ksk_submit_goes_first(struct ksk_signer *signer, struct ksk_span der)
{
	struct ksk_refusals *refusals = &signer->reply->refusals;
	struct ksk_signed document = {.count = 0};
	struct ksk_approvers who;
	struct ksk_fault fault;
	bool first;

	if (der.len > FIRST_MAX ||
		ksk_signed_open(der, FIRST_MAX, &document, &fault) != KSK_OK)
		return false;
	refusals->count = refusals->dropped = 0;
	first = ksk_document_kind_of(document.content) ==
			KSK_DOCUMENT_WITHDRAW &&
		!is_standing(signer, document.content) &&
		ksk_approve_signers(&signer->office.authority,
			KSK_DOCUMENT_WITHDRAW, &document, NULL, &who, refusals);
	ksk_signed_free(&document);
	return first;
}

void
ksk_submit_give_way(struct ksk_signer *signer)
{
	struct ksk_submission *s = &signer->submission;

	if (s->stage == KSK_SUBMIT_READING)
		signer->office.given_up = signer->office.compiled;
	ksk_log(KSK_LOG_INFO, "document-gives-way",
		"a policy that was being judged is given up for a withdrawal, "
		"and can be handed in again",
		NULL);
	ksk_answer_plain(signer, s->ticket, KSK_STATUS_BUSY, "1");
	ksk_pipeline_reply(s->ticket);
	ksk_submit_wipe(signer);
}
