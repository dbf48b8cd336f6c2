/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * submit_effect - what each kind of document demands once its text is read, and
 * what it does once it is durable. Contract: submit_internal.h
 */
#include "appliance/signer/submit_internal.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/policy/announced.h"
#include "appliance/signer/announce.h"
#include "appliance/signer/control.h"
#include "appliance/signer/hold.h"
#include "appliance/signer/loading.h"
#include "appliance/signer/office.h"
#include "appliance/signer/past.h"

#include <string.h>

static struct ksk_standing
what_stands(const struct ksk_signer *signer)
{
	struct ksk_standing standing = {
		.authority = &signer->office.authority, .now = ksk_clock_now()};

	memcpy(standing.appliance, signer->start.appliance, KSK_ID_LEN);
	if (!ksk_journal_policy(signer->journal, &standing.policy_version,
		    standing.policy_hash))
		standing.policy_version = 0;
	return standing;
}

/* ---- policy ---- */

static void
judge_lifts(const struct ksk_signer *signer, const struct ksk_table *table,
	struct ksk_refusals *refusals)
{
	char hex[2 * KSK_HASH_LEN + 1];

	for (size_t i = 0; i < table->lift_count; i++) {
		const uint8_t *hash = table->lifts + i * KSK_HASH_LEN;
		if (ksk_withdrawals_has(&signer->office.withdrawals, hash))
			continue;
		ksk_hex_write(
			ksk_span_of(hash, KSK_HASH_LEN), hex, sizeof(hex));
		ksk_approve_refuse(refusals, KSK_APPROVE_LIFTS,
			"no withdrawal stands with the hash %s", hex);
	}
}

/* What it claims; then its zones are judged. */
static enum ksk_err
judge_claims(struct ksk_signer *signer, struct ksk_refusals *refusals,
	struct ksk_fault *fault)
{
	const struct ksk_table *table = &signer->loading.next.table;
	const struct ksk_claim claim = ksk_claim_of_table(table);
	struct ksk_standing standing = what_stands(signer);

	memcpy(signer->submission.hash, table->hash, KSK_HASH_LEN);
	(void)ksk_approve_claim(&standing, &claim, refusals);
	judge_lifts(signer, table, refusals);
	return refusals->count > 0 ? KSK_ERR_BAD_INPUT
				   : ksk_loading_judge(signer, fault);
}

/* Each rule of each zone that can't go over, with its key and provider. */
static void
refuse_zones(struct ksk_signer *signer, struct ksk_refusals *refusals,
	const struct ksk_fault *fault)
{
	const struct ksk_refusals *zones = &signer->loading.refused;

	if (zones->count == 0)
		ksk_approve_refuse(
			refusals, KSK_APPROVE_POLICY, "%.390s", fault->text);
	for (size_t i = 0; i < zones->count; i++) {
		const struct ksk_refusal *from = &zones->list[i];
		struct ksk_refusal *to = &refusals->list[refusals->count];

		ksk_approve_refuse(
			refusals, KSK_APPROVE_POLICY, "%s", from->why);
		to->has_tag = from->has_tag;
		to->tag = from->tag;
		memcpy(to->provider, from->provider, sizeof(to->provider));
	}
	refusals->dropped += zones->dropped;
}

enum ksk_err
ksk_submit_judge_policy(struct ksk_signer *signer,
	struct ksk_refusals *refusals, struct ksk_fault *fault)
{
	enum ksk_err err = ksk_loading_run(signer, fault);

	if (err == KSK_OK && signer->loading.step == KSK_LOADING_READ) {
		err = judge_claims(signer, refusals, fault);
		if (err == KSK_OK)
			err = KSK_ERR_AGAIN;
	}
	if (err == KSK_ERR_BAD_INPUT && refusals->count == 0)
		refuse_zones(signer, refusals, fault);
	return err;
}

/* ---- authority ---- */

static void
judge_authority(struct ksk_signer *signer, struct ksk_refusals *refusals)
{
	struct ksk_submission *s = &signer->submission;

	(void)ksk_approve_signers(&signer->office.authority, s->kind,
		&s->document, &s->value.authority, &s->who, refusals);
}

/* ---- withdraw ---- */

static void
judge_withdraw(struct ksk_signer *signer, struct ksk_refusals *refusals)
{
	const struct ksk_document *d = &signer->submission.value;
	const struct ksk_table *table = &signer->inforce.table;
	struct ksk_withdrawals *next = &signer->office.next;

	if (ksk_withdrawals_has(&signer->office.withdrawals, d->hash))
		ksk_approve_refuse(refusals, KSK_APPROVE_WITHDRAW,
			"this document stands already");
	for (uint32_t i = 0; i < d->taken_count; i++) {
		const char *why = ksk_withdrawals_trouble(&d->taken[i], table);
		if (why != NULL)
			ksk_approve_refuse(refusals, KSK_APPROVE_WITHDRAW,
				"%s %u: %s",
				d->taken[i].is_key == 1 ? "key" : "client",
				i + 1, why);
	}
	*next = signer->office.withdrawals;
	if (refusals->count == 0 && ksk_withdrawals_add(next, d) != KSK_OK)
		ksk_approve_refuse(refusals, KSK_APPROVE_WITHDRAW,
			"too much is withdrawn; a policy that lifts some of it "
			"makes room");
}

/* ---- authorise ---- */

static bool
compare(void *ctx, const struct ksk_value *column, size_t count)
{
	const struct ksk_authorise *a = ((void **)ctx)[0];
	bool *same = ((void **)ctx)[1];

	*same = count == 1 && column[0].bytes.len == KSK_HASH_LEN &&
		memcmp(column[0].bytes.data, a->record_hash, KSK_HASH_LEN) == 0;
	return false;
}

/* The journal has this record; a restored one had it last. */
static bool
is_of_journal(struct ksk_signer *signer, struct ksk_authorise *a)
{
	const struct ksk_value number = {
		.kind = KSK_VALUE_NUMBER, .number = a->record};
	struct ksk_fault fault = {.text = ""};
	bool same = false;
	void *ctx[] = {a, &same};

	if (a->act == KSK_ACT_RESTORE)
		return a->record == signer->anchorage.head.number &&
			memcmp(a->record_hash, signer->anchorage.head.hash,
				KSK_HASH_LEN) == 0;
	return ksk_journal_query(signer->journal,
		       "SELECT hash FROM record WHERE number = ?", &number, 1,
		       compare, ctx, &fault) == KSK_OK &&
		same;
}

static struct ksk_name
zone_of(const struct ksk_authorise *a)
{
	struct ksk_name name = {.len = a->zone[0]};

	memcpy(name.wire, a->zone + 1, a->zone[0]);
	return name;
}

/* A provider whose serials are to begin anew has announced something. */
static void
judge_serial(struct ksk_signer *signer, const struct ksk_authorise *a,
	struct ksk_refusals *refusals)
{
	const struct ksk_history_announced *last = NULL;
	struct ksk_timeline *timeline = NULL;
	struct ksk_fault fault = {.text = ""};
	struct ksk_name name = zone_of(a);

	if (ksk_table_zone_find(&signer->inforce.table, &name) != NULL &&
		ksk_past_find(signer, &name, &timeline, &fault) == KSK_OK)
		last = ksk_announced_find(
			ksk_timeline_history(timeline), a->provider);
	if (last == NULL)
		ksk_approve_refuse(refusals, KSK_APPROVE_AUTHORISE,
			"the provider %s has announced nothing for this zone",
			a->provider);
	else if (a->serial >= last->serial)
		ksk_approve_refuse(refusals, KSK_APPROVE_AUTHORISE,
			"the serial of the provider %s is %llu; it can only "
			"be set to a lower one",
			a->provider, (unsigned long long)last->serial);
}

/* Returns true if something is held for the reason that the document ends. */
static bool
is_wanted(struct ksk_signer *signer, const struct ksk_authorise *a)
{
	const char *why;

	switch ((enum ksk_act)a->act) {
	case KSK_ACT_RESTORE:
		return ksk_anchorage_state(signer, &why) == KSK_STATE_RESTORED;
	case KSK_ACT_CLOCK:
		return signer->clock.held;
	case KSK_ACT_SERIAL:
		break;
	}
	return true;
}

static void
judge_authorise(struct ksk_signer *signer, struct ksk_refusals *refusals)
{
	struct ksk_authorise *a = &signer->submission.value.authorise;
	bool wanted = is_wanted(signer, a);

	if (!wanted)
		ksk_approve_refuse(refusals, KSK_APPROVE_AUTHORISE,
			"nothing waits for this: the appliance is not held for "
			"that reason");
	if (memcmp(a->journal, ksk_journal_id(signer->journal), KSK_ID_LEN) !=
		0)
		ksk_approve_refuse(refusals, KSK_APPROVE_AUTHORISE,
			"the document is about another journal");
	else if (wanted && !is_of_journal(signer, a))
		ksk_approve_refuse(refusals, KSK_APPROVE_AUTHORISE,
			"the document names another record; kskctl policy show "
			"prints the one it must name");
	if (ksk_office_knows_nonce(&signer->office, a->nonce))
		ksk_approve_refuse(refusals, KSK_APPROVE_AUTHORISE,
			"the nonce was used before; each document has its own");
	if (a->act == KSK_ACT_SERIAL)
		judge_serial(signer, a, refusals);
}

bool
ksk_submit_judge(struct ksk_signer *signer, int fd,
	struct ksk_refusals *refusals, struct ksk_fault *fault)
{
	struct ksk_submission *s = &signer->submission;
	struct ksk_standing standing = what_stands(signer);

	if (ksk_document_map(fd, &s->value, fault) != KSK_OK)
		return false;
	if (s->value.kind != s->kind) {
		ksk_fault_set(fault, "kskd-policy read another kind");
		return false;
	}
	const struct ksk_claim claim = ksk_claim_of_document(&s->value);
	memcpy(s->hash, s->value.hash, KSK_HASH_LEN);
	(void)ksk_approve_claim(&standing, &claim, refusals);
	if (s->kind == KSK_DOCUMENT_AUTHORITY)
		judge_authority(signer, refusals);
	else if (s->kind == KSK_DOCUMENT_WITHDRAW)
		judge_withdraw(signer, refusals);
	else
		judge_authorise(signer, refusals);
	return refusals->count == 0;
}

/* ---- staging ---- */

/* What narrows takes effect before it is durable: the other way round,
 * somebody could sign in between. */
static void
narrow_now(struct ksk_signer *signer)
{
	signer->office.withdrawals = signer->office.next;
	if (ksk_office_narrow_all(signer))
		return;
	ksk_log(KSK_LOG_ERROR, "no-policy",
		"there is no memory to take away what was withdrawn; no policy "
		"is in force until a restart",
		NULL);
	ksk_inforce_wipe(&signer->inforce);
}

static enum ksk_err
stage_authorise(struct ksk_signer *signer, struct ksk_record *record)
{
	static const char *const texts[] = {"restore", "clock", "serial"};
	const struct ksk_authorise *a = &signer->submission.value.authorise;
	struct ksk_fault fault = {.text = ""};
	enum ksk_err err;

	record->kind = KSK_RECORD_ACCEPT;
	record->text = texts[a->act];
	if (a->act == KSK_ACT_SERIAL) {
		record->has_owner = true;
		record->owner = zone_of(a);
		record->has_reset = true;
		record->reset.after = a->serial;
		ksk_text_copy(record->reset.provider,
			sizeof(record->reset.provider), a->provider);
		err = ksk_announce_reset_serial(signer, &record->owner,
			a->provider, a->serial, &record->reset.before, &fault);
		if (err != KSK_OK)
			return err;
	}
	if (a->act == KSK_ACT_RESTORE) {
		err = ksk_anchorage_give_up(signer);
		if (err != KSK_OK)
			return err;
	}
	return ksk_office_stage_nonce(signer, a->nonce);
}

/* Rows first: a record without them would be one too many. */
static enum ksk_err
stage_rows(struct ksk_signer *signer, struct ksk_record *record)
{
	const struct ksk_submission *s = &signer->submission;

	switch (s->kind) {
	case KSK_DOCUMENT_AUTHORITY:
		record->kind = KSK_RECORD_AUTHORITY;
		return ksk_office_stage_authority(
			signer, &s->value.authority, s->name, true);
	case KSK_DOCUMENT_WITHDRAW:
		record->kind = KSK_RECORD_WITHDRAW;
		narrow_now(signer);
		return ksk_office_stage_withdrawals(
			signer, &signer->office.withdrawals);
	case KSK_DOCUMENT_AUTHORISE:
		return stage_authorise(signer, record);
	case KSK_DOCUMENT_POLICY:
		break;
	}
	return KSK_ERR_INTERNAL;
}

/* The policy goes on to what it says of each zone; once that is over, its
 * record follows in the same turn. */
static enum ksk_err
stage_policy(struct ksk_signer *signer, struct ksk_fault *fault)
{
	enum ksk_err err = KSK_OK;

	if (signer->loading.step == KSK_LOADING_JUDGED)
		ksk_loading_attest(signer, true);
	/* Its record may have been staged when the disk was full. */
	if (what_stands(signer).policy_version <
		signer->loading.next.table.version)
		err = ksk_loading_run(signer, fault);
	return err != KSK_OK ? err : ksk_control_submitted(signer, fault);
}

enum ksk_err
ksk_submit_stage(struct ksk_signer *signer, struct ksk_fault *fault)
{
	struct ksk_submission *s = &signer->submission;
	struct ksk_record record = {.time = ksk_clock_now()};
	enum ksk_err err;

	if (s->kind == KSK_DOCUMENT_POLICY)
		return stage_policy(signer, fault);
	if (!ksk_journal_has_room(signer->journal, 2, KSK_WITHDRAWALS_MAX))
		return KSK_ERR_NO_ROOM;
	ksk_submit_mark(s, &record);
	err = stage_rows(signer, &record);
	if (err == KSK_OK)
		err = ksk_journal_stage(
			signer->journal, &record, s->record_hash);
	s->record = record.number;
	return err;
}

/* ---- effect ---- */

static void
take_effect_authorise(struct ksk_signer *signer)
{
	switch ((enum ksk_act)signer->submission.value.authorise.act) {
	case KSK_ACT_RESTORE:
		ksk_anchorage_accept(signer, ksk_clock_mono_ms());
		break;
	case KSK_ACT_CLOCK:
		ksk_hold_accept_clock(signer);
		break;
	case KSK_ACT_SERIAL:
		break; /* the row that was written is what counts */
	}
}

void
ksk_submit_effect(struct ksk_signer *signer)
{
	struct ksk_submission *s = &signer->submission;
	struct ksk_office *office = &signer->office;

	switch (s->kind) {
	case KSK_DOCUMENT_POLICY:
		break; /* control.c brought it into force */
	case KSK_DOCUMENT_AUTHORITY:
		office->authority = s->value.authority;
		memcpy(office->authority_document, s->name, KSK_HASH_LEN);
		office->authority_signed = true;
		break;
	case KSK_DOCUMENT_WITHDRAW:
		break; /* at once, see above */
	case KSK_DOCUMENT_AUTHORISE:
		take_effect_authorise(signer);
		break;
	}
	ksk_anchorage_hurry(signer, ksk_clock_mono_ms());
	ksk_log(KSK_LOG_INFO, "document",
		"a document that operators signed has taken effect", "kind",
		ksk_document_kind_text(s->kind), NULL);
}
