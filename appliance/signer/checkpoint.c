/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * checkpoint - the audit key's signatures over the journal's head. Contract:
 * audit.h
 */
#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/signer/signer.h"

#include <string.h>

static bool
each_last(void *ctx, const struct ksk_value *column, size_t column_count)
{
	struct ksk_audit *audit = ctx;

	audit->has_last = column_count == 1;
	audit->last = column[0].number;
	return false;
}

enum ksk_err
ksk_checkpoint_start(
	struct ksk_signer *signer, uint64_t now_ms, struct ksk_fault *fault)
{
	struct ksk_audit *audit = &signer->audit;
	enum ksk_err err = ksk_journal_statement(signer->journal,
		"INSERT OR REPLACE INTO checkpoint VALUES(?,?,?,?,?)",
		&audit->insert, fault);

	audit->last_ms = now_ms;
	if (err != KSK_OK)
		return err;
	return ksk_journal_query(signer->journal,
		"SELECT number FROM checkpoint ORDER BY number DESC LIMIT 1",
		NULL, 0, each_last, audit, fault);
}

void
ksk_audit_wipe(struct ksk_audit *audit)
{
	ksk_verify_key_free(&audit->key);
}

struct ksk_verify_key *
ksk_audit_key(struct ksk_signer *signer)
{
	struct ksk_audit *audit = &signer->audit;
	const char *why;
	struct ksk_span rdata = ksk_errand_audit_key(&signer->crew, &why);

	/* The crew takes one key for the life of this process, and looked at
	 * its form. */
	if (audit->key == NULL && rdata.len > 0 &&
		ksk_verify_key_new(rdata, &audit->key) == KSK_OK) {
		struct ksk_dnskey key;
		char tag[KSK_NUM_CAP] = "";
		if (ksk_dnskey_read(rdata, &key) == KSK_OK)
			(void)ksk_num(tag, key.tag);
		ksk_log(KSK_LOG_INFO, "audit-key",
			"the journal gets checkpoints by the audit key", "tag",
			tag, "token",
			signer->start.token[signer->crew.audit.token], NULL);
	}
	return audit->key;
}

/* ---- asking ---- */

/* Head, if a checkpoint over it is due. */
static bool
is_due(const struct ksk_signer *signer, const struct ksk_head *head,
	uint64_t now_ms)
{
	const struct ksk_audit *audit = &signer->audit;
	uint64_t fresh = audit->has_last ? head->number - audit->last
					 : head->number + 1;

	return now_ms >= audit->retry_ms && fresh > 0 &&
		(fresh >= KSK_CHECKPOINT_RECORDS ||
			now_ms - audit->last_ms >= KSK_CHECKPOINT_MS);
}

/* Jobs that wait go first, for a while: under a load that never ends the
 * journal is proven too. */
static bool
may_ask(const struct ksk_signer *signer, uint64_t now_ms)
{
	return signer->crew.queued == 0 ||
		now_ms - signer->audit.last_ms >=
		KSK_CHECKPOINT_MS + KSK_CHECKPOINT_HURRY_MS;
}

static void
ask(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_audit *audit = &signer->audit;
	struct ksk_head head = ksk_journal_head(signer->journal);
	struct ksk_lnk_attest what = {.has_nonce = false};
	const char *why;

	/* A journal that was put back may have had another future already:
	 * two checkpoints that don't chain would say that it lies. */
	if (ksk_anchorage_state(signer, &why) != KSK_STATE_READY)
		return;
	if (!is_due(signer, &head, now_ms) || !may_ask(signer, now_ms) ||
		!ksk_errand_free(&signer->crew) ||
		ksk_audit_key(signer) == NULL)
		return;
	what.what.head.number = head.number;
	what.what.head.time = ksk_clock_now();
	memcpy(what.what.head.hash, head.hash, KSK_HASH_LEN);
	memcpy(what.what.head.journal, ksk_journal_id(signer->journal),
		KSK_ID_LEN);
	if (!ksk_errand_attest(
		    &signer->crew, KSK_ERRAND_CHECKPOINT, &what, now_ms))
		return;
	audit->asked = true;
	audit->open = what.what.head;
}

/* ---- taking ---- */

static void
fail(struct ksk_signer *signer, const char *why, uint64_t now_ms)
{
	struct ksk_audit *audit = &signer->audit;

	audit->retry_ms = now_ms + KSK_CHECKPOINT_RETRY_MS;
	if (!audit->failed)
		ksk_log(KSK_LOG_WARN, "checkpoint",
			"the audit key gave no checkpoint of the journal; it is "
			"tried again",
			"why", why, NULL);
	audit->failed = true;
}

/* Stages the row; it becomes durable with the next commit. */
static void
keep(struct ksk_signer *signer, struct ksk_span signature, uint64_t now_ms)
{
	struct ksk_audit *audit = &signer->audit;
	const char *why;
	const struct ksk_value values[] = {
		{.kind = KSK_VALUE_NUMBER, .number = audit->open.number},
		{.kind = KSK_VALUE_BYTES,
			.bytes = ksk_span_of(audit->open.hash, KSK_HASH_LEN)},
		{.kind = KSK_VALUE_NUMBER, .number = audit->open.time},
		{.kind = KSK_VALUE_BYTES, .bytes = signature},
		{.kind = KSK_VALUE_BYTES,
			.bytes = ksk_errand_audit_key(&signer->crew, &why)},
	};

	if (ksk_journal_stage_row(signer->journal, audit->insert, values, 5) !=
		KSK_OK) {
		fail(signer, "the journal has no room now", now_ms);
		return;
	}
	if (signer->staged_ms == 0)
		signer->staged_ms = now_ms;
	if (audit->failed)
		ksk_log(KSK_LOG_INFO, "checkpoint",
			"the journal gets checkpoints again", NULL);
	audit->failed = false;
	audit->has_last = true;
	audit->last = audit->open.number;
	audit->last_ms = now_ms;
}

static void
take(struct ksk_signer *signer, const struct ksk_errand *errand,
	uint64_t now_ms)
{
	struct ksk_audit *audit = &signer->audit;
	struct ksk_span signature = ksk_span_of(
		errand->signature, errand->signature_len);
	struct ksk_verify_key *key = ksk_audit_key(signer);

	audit->asked = false;
	if (errand->stage == KSK_ERRAND_LOST) {
		fail(signer, errand->why, now_ms);
		return;
	}
	if (key == NULL ||
		ksk_checkpoint_verify(key, &audit->open, signature) != KSK_OK) {
		signer->crew.worker[errand->worker].wrong = true;
		fail(signer, "the signature does not verify", now_ms);
		return;
	}
	keep(signer, signature, now_ms);
}

void
ksk_checkpoint_run(struct ksk_signer *signer, uint64_t now_ms)
{
	const struct ksk_errand *errand = ksk_errand_ended(
		&signer->crew, KSK_ERRAND_CHECKPOINT);

	if (errand != NULL) {
		take(signer, errand, now_ms);
		ksk_errand_over(&signer->crew);
	}
	if (!signer->audit.asked && !signer->journal_full)
		ask(signer, now_ms);
}
