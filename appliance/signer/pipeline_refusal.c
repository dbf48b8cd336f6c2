/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pipeline_refusal - how a refusal becomes a durable record or a count in one
 * (flood.h), and only then a reply.
 */
#include "appliance/signer/pipeline_internal.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/signer/answer.h"

static void
answer_busy(
	struct ksk_signer *signer, struct ksk_ticket *ticket, uint64_t seconds)
{
	char text[KSK_NUM_CAP];
	ksk_answer_plain(
		signer, ticket, KSK_STATUS_BUSY, ksk_num(text, seconds));
}

bool
ksk_pipeline_refuse(struct ksk_signer *signer, struct ksk_ticket *ticket,
	struct ksk_record *record, uint64_t now_ms)
{
	uint8_t hash[KSK_HASH_LEN];
	uint64_t commits = ksk_journal_commits(signer->journal), busy = 0;
	enum ksk_flood_verdict verdict = KSK_FLOOD_STAGE;
	struct ksk_flood_entry *entry = NULL;
	if (ksk_flood_look(&signer->flood, record,
		    ksk_buf_of(signer->frame, KSK_FRAME_MAX), commits, now_ms,
		    &verdict, &entry, &busy) != KSK_OK)
		return false;
	if (verdict == KSK_FLOOD_STAGE) {
		if (!ksk_pipeline_stage(signer, record, hash, now_ms))
			return false;
		/* Staging may have committed what was staged before. */
		ksk_flood_staged(
			entry, record, ksk_journal_commits(signer->journal));
	}
	if (busy > 0)
		answer_busy(signer, ticket, busy);
	else
		ksk_answer_refused(signer, ticket);
	ticket->stage = KSK_STAGE_REPLY;
	if (verdict == KSK_FLOOD_STAGE || verdict == KSK_FLOOD_WAIT) {
		signer->staged_results++;
		ticket->stage = KSK_STAGE_REFUSAL;
	}
	return true;
}

void
ksk_pipeline_count_refusals(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_record record;
	struct ksk_flood_entry *entry;
	uint8_t hash[KSK_HASH_LEN];
	while (!signer->journal_full &&
		(entry = ksk_flood_due(&signer->flood, signer->stopping, now_ms,
			 ksk_clock_now(), &record)) != NULL) {
		if (!ksk_pipeline_stage(signer, &record, hash, now_ms))
			return;
		ksk_flood_told(entry, now_ms);
	}
}
