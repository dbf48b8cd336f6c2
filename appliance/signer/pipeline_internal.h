/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pipeline_internal - what pipeline.c, pipeline_judge.c, pipeline_refusal.c
 * and the ops with a way of their own (submit.c, show.c) share. Nobody else
 * includes it.
 */
#ifndef KSK_SIGNER_PIPELINE_INTERNAL_H
#define KSK_SIGNER_PIPELINE_INTERNAL_H

#include "appliance/signer/pipeline.h"
#include "protocol/record.h"

/* The ticket's reply is ready to leave. */
void ksk_pipeline_reply(struct ksk_ticket *ticket);

/* Returns the zone that a request names, or NULL. */
const struct ksk_zone *ksk_pipeline_zone_asked(
	const struct ksk_signer *signer, const struct ksk_ticket *ticket);

/* Answers that the journal can't be read. fault: what it is. */
void ksk_pipeline_no_past(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_fault *fault);

/* Answers that the journal can't be written. */
void ksk_pipeline_hold(struct ksk_signer *signer, struct ksk_ticket *ticket);

/* Returns a record of a ticket's client and this moment. */
struct ksk_record ksk_pipeline_record_of(
	const struct ksk_ticket *ticket, enum ksk_record_kind kind);

/* Stages a record; if its transaction is full, commits and tries again.
 * Returns false if it could not. */
bool ksk_pipeline_stage(struct ksk_signer *signer, struct ksk_record *record,
	uint8_t out_hash[KSK_HASH_LEN], uint64_t now_ms);

/*
 * Records a refusal, or counts it (flood.h), and readies its reply, which
 * waits until its trace is durable.
 * record: its REFUSAL record; changed. Returns false if the journal takes
 * nothing: the caller answers.
 */
bool ksk_pipeline_refuse(struct ksk_signer *signer, struct ksk_ticket *ticket,
	struct ksk_record *record, uint64_t now_ms);

/* Stages the counts of refusals that are due. */
void ksk_pipeline_count_refusals(struct ksk_signer *signer, uint64_t now_ms);

/* Makes durable what is staged, and acts on it. */
void ksk_pipeline_commit(struct ksk_signer *signer, uint64_t now_ms);

/* Refuses for what signer->reply->refusals holds. */
void ksk_pipeline_refused(
	struct ksk_signer *signer, struct ksk_ticket *ticket, uint64_t now_ms);

/* Refuses for one reason, which no rule over the set can know. */
void ksk_pipeline_refuse_for(struct ksk_signer *signer,
	struct ksk_ticket *ticket, const char *rule, const char *why,
	uint64_t now_ms);

/* Keeps in a ticket what the permit says: the policy may change before the
 * token answers. */
void ksk_pipeline_keep_permit(struct ksk_signer *signer,
	struct ksk_ticket *ticket, const struct ksk_permit *permit);

/* Answers at once what can't be signed now. signs: whose jobs they are, the
 * ticket itself or one of its bundles. Returns true if it did. */
bool ksk_pipeline_not_ready(struct ksk_signer *signer,
	struct ksk_ticket *ticket, const struct ksk_ticket *signs);

/* Stages the intent of a ticket. Returns false if the journal takes nothing:
 * the caller answers. */
bool ksk_pipeline_intend(
	struct ksk_signer *signer, struct ksk_ticket *ticket, uint64_t now_ms);

/* Sets the digest of a ticket's body. */
void ksk_pipeline_digest(struct ksk_ticket *ticket);

/* Stages what the policy says of the zone's parent. Returns false if the
 * journal can't take it now. */
bool ksk_pipeline_attest(struct ksk_signer *signer, const struct ksk_zone *zone,
	struct ksk_timeline *timeline, uint64_t now_ms);

/* Returns true if a job has no signature, or one by a key that the token has
 * lost since; the ticket then knows what the client is told. */
bool ksk_pipeline_lost(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_job *job);

/* Judges a schedule whose turn it is, and stages the intents of its bundles. */
void ksk_pipeline_take_schedule(struct ksk_signer *signer,
	struct ksk_ticket *ticket, const struct ksk_client *client,
	uint64_t now_ms);

/* Moves schedules on: asks for further bundles, ends those whose bundles are
 * all signed or where one can't be. */
void ksk_pipeline_run_schedules(struct ksk_signer *signer, uint64_t now_ms);

/* Finds the timeline of the zone asked for, which the policy has; commits if
 * that makes room for it. Returns false after it answered the ticket. */
bool ksk_pipeline_find_past(struct ksk_signer *signer,
	struct ksk_ticket *ticket, struct ksk_timeline **out_timeline,
	uint64_t now_ms);

/* Judges a sign or adopt request, or lets it wait for its turn. */
void ksk_pipeline_take_turn(struct ksk_signer *signer,
	struct ksk_ticket *ticket, const struct ksk_client *client,
	uint64_t now_ms);

/* Judges those whose turn has come. */
void ksk_pipeline_wake(struct ksk_signer *signer, uint64_t now_ms);

#endif
