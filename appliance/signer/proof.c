/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proof - answers a client's nonce with the audit key's signature over where
 * the journal stands and what state the appliance is in. Contract: audit.h
 *
 * A reply that is ready waits for its proof; one that can't be had in time is
 * left out, because the answer itself is good: its client sees that nothing
 * proves it.
 */
#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/signer/answer.h"
#include "appliance/signer/state.h"

#include <string.h>

/* Have all workers said whether they have an audit key? */
static bool
have_all_told(const struct ksk_crew *crew)
{
	bool any = false;

	for (uint16_t i = 0; i < crew->start->worker_count; i++) {
		const struct ksk_worker *worker = &crew->worker[i];
		if (worker->link.fd < 0)
			continue;
		if (!worker->audit_asked ||
			worker->errand == KSK_LNK_AUDIT_FOUND)
			return false;
		any = true;
	}
	return any;
}

bool
ksk_proof_take(struct ksk_signer *signer, struct ksk_ticket *ticket)
{
	const char *why;
	enum ksk_state state = KSK_STATE_READY;
	bool has_key = ksk_errand_audit_key(&signer->crew, &why).len > 0;

	if (has_key)
		state = ksk_crew_token(
			&signer->crew, signer->crew.audit.token, &why);
	if (has_key && state == KSK_STATE_READY) {
		ticket->wants_proof = true;
		signer->audit.nonces++;
		return true;
	}
	if (has_key)
		ksk_answer_not_ready(signer, ticket, state, why);
	else if (!have_all_told(&signer->crew))
		ksk_answer_not_ready(signer, ticket, KSK_STATE_TOKEN_DOWN,
			"not all workers have looked for the audit key yet; "
			"ends by itself");
	else
		ksk_answer_plain(signer, ticket, KSK_STATUS_UNSUPPORTED,
			"this appliance has no audit key to sign a nonce with: "
			"leave out the nonce (field 4)");
	ticket->stage = KSK_STAGE_REPLY;
	return false;
}

/* The reply goes out as it is now. */
static void
release(struct ksk_signer *signer, struct ksk_ticket *ticket)
{
	ticket->wants_proof = false;
	ticket->stage = KSK_STAGE_REPLY;
	signer->audit.nonces--;
	if (signer->audit.proving == ticket)
		signer->audit.proving = NULL;
}

/* ---- taking ---- */

static void
add(struct ksk_signer *signer, struct ksk_ticket *ticket,
	struct ksk_span signature)
{
	uint8_t room[KSK_PROOF_MAX];
	struct ksk_buf proof = ksk_buf_of(room, sizeof(room));
	struct ksk_buf frame = {.data = ticket->frame,
		.len = ticket->frame_len,
		.cap = KSK_FRAME_MAX};
	struct ksk_signed_proof value = {.head = signer->audit.proof.head,
		.state = signer->audit.proof.state,
		.signature = signature};

	/* A reply that fills its frame has no room for one. */
	if (ksk_proof_write(&value, &proof) == KSK_OK &&
		ksk_reply_prove(&frame, ksk_buf_span(&proof)) == KSK_OK)
		ticket->frame_len = frame.len;
}

static void
take(struct ksk_signer *signer, const struct ksk_errand *errand)
{
	struct ksk_audit *audit = &signer->audit;
	struct ksk_span signature = ksk_span_of(
		errand->signature, errand->signature_len);
	struct ksk_verify_key *key = ksk_audit_key(signer);

	/* The reply that it was for has gone without it. */
	if (audit->proving == NULL)
		return;
	/* Another worker may do better, until the time is up. */
	if (errand->stage == KSK_ERRAND_LOST) {
		audit->proving = NULL;
		return;
	}
	if (key == NULL ||
		ksk_proof_verify(key, &audit->proof, signature) != KSK_OK) {
		signer->crew.worker[errand->worker].wrong = true;
		audit->proving = NULL;
		ksk_log(KSK_LOG_WARN, "proof",
			"the audit key's signature does not verify", NULL);
		return;
	}
	add(signer, audit->proving, signature);
	release(signer, audit->proving);
}

/* ---- asking ---- */

/* Puts replies that are ready to those that wait; finds the one that has
 * waited longest. */
static struct ksk_ticket *
find_next(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_tickets *tickets = signer->tickets;
	struct ksk_ticket *next = NULL;

	for (size_t i = 0; i < tickets->active_count; i++) {
		struct ksk_ticket *ticket = tickets->active[i];
		if (!ticket->wants_proof)
			continue;
		if (ticket->stage == KSK_STAGE_REPLY) {
			ticket->stage = KSK_STAGE_PROOF;
			ticket->proof_ms = now_ms;
		}
		if (ticket->stage != KSK_STAGE_PROOF)
			continue;
		if (now_ms - ticket->proof_ms > KSK_PROOF_MS)
			release(signer, ticket);
		else if (next == NULL || ticket->proof_ms < next->proof_ms)
			next = ticket;
	}
	return next;
}

static void
ask(struct ksk_signer *signer, struct ksk_ticket *ticket, uint64_t now_ms)
{
	struct ksk_audit *audit = &signer->audit;
	struct ksk_head head = ksk_journal_head(signer->journal);
	struct ksk_lnk_attest what = {.has_nonce = true};
	char why[KSK_WHY_CAP];

	memcpy(what.what.nonce, ticket->request.nonce, KSK_NONCE_LEN);
	what.what.head.number = head.number;
	what.what.head.time = ksk_clock_now();
	memcpy(what.what.head.hash, head.hash, KSK_HASH_LEN);
	memcpy(what.what.head.journal, ksk_journal_id(signer->journal),
		KSK_ID_LEN);
	what.what.state = (uint8_t)ksk_state_whole(signer, why);
	if (!ksk_errand_attest(&signer->crew, KSK_ERRAND_PROOF, &what, now_ms))
		return;
	audit->proving = ticket;
	audit->proof = what.what;
}

void
ksk_proof_run(struct ksk_signer *signer, uint64_t now_ms)
{
	const struct ksk_errand *errand = ksk_errand_ended(
		&signer->crew, KSK_ERRAND_PROOF);

	if (errand != NULL) {
		take(signer, errand);
		ksk_errand_over(&signer->crew);
	}
	if (signer->audit.nonces == 0)
		return;
	struct ksk_ticket *next = find_next(signer, now_ms);
	/* Signatures that wait go first. */
	if (next != NULL && ksk_errand_free(&signer->crew) &&
		signer->crew.queued == 0)
		ask(signer, next, now_ms);
}
