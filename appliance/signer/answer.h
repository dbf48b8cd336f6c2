/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * answer - builds replies. Says what is; decides nothing.
 * Tests: tests/integration/test_spine.py
 */
#ifndef KSK_SIGNER_ANSWER_H
#define KSK_SIGNER_ANSWER_H

#include "appliance/signer/signer.h"
#include "appliance/signer/stored.h"

/* Starts a reply in signer->reply for a ticket. */
struct ksk_reply *ksk_answer_begin(struct ksk_signer *signer,
	const struct ksk_ticket *ticket, enum ksk_status status);

/* Encodes signer->reply into the ticket's frame; the request is gone then. */
void ksk_answer_encode(struct ksk_signer *signer, struct ksk_ticket *ticket);

/* Each fills a whole reply and encodes it. */
void ksk_answer_plain(struct ksk_signer *signer, struct ksk_ticket *ticket,
	enum ksk_status status, const char *text);
void ksk_answer_not_ready(struct ksk_signer *signer, struct ksk_ticket *ticket,
	enum ksk_state state, const char *why);
/* only: of all that is told of zones, what is of this one; NULL: of all that
 * the client is listed for. */
void ksk_answer_status(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, const struct ksk_zone *only,
	uint64_t now);
void ksk_answer_keys(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_zone *zone, uint64_t now);

/* The refusals stand in signer->reply->refusals already. */
void ksk_answer_refused(struct ksk_signer *signer, struct ksk_ticket *ticket);

/* rrsigs: NULL for a dry run. */
void ksk_answer_signed(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_span *rrsigs);

/* A sign-reply with an answer that was given before. */
void ksk_answer_again(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_stored *stored);

/* stored: NULL if nothing was released. */
void ksk_answer_last(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_timeline *timeline, const struct ksk_stored *stored,
	uint64_t now);

void ksk_answer_adopted(struct ksk_signer *signer, struct ksk_ticket *ticket);

#endif
