/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_read - see journal_read.h.
 */
#include "appliance/signer/journal_read.h"

#include "appliance/base/log.h"
#include "appliance/signer/answer.h"

#include <string.h>

/* Bytes of a checkpoint's encoding besides key and signature. */
#define CHECKPOINT_OVERHEAD 104u

/* What is gathered. budget: bytes that still fit the frame. */
struct gathering {
	const struct ksk_journal_read *asked;
	struct ksk_buf *room;
	struct ksk_journal_reply *reply;
	size_t budget;
	size_t found;    /* checkpoints, those without room too */
	size_t taken;    /* of them, how many the reply is sure to hold */
	uint64_t before; /* records from this one on wait for the next reply */
	uint64_t first;  /* number of the first record */
	bool broken;     /* a row is not as the schema says */
};

/* Copies bytes of a row, which live no longer than its step. */
static struct ksk_span
keep(struct gathering *g, struct ksk_span bytes)
{
	size_t at = g->room->len;

	if (ksk_buf_put(g->room, bytes.data, bytes.len) != KSK_OK) {
		g->broken = true;
		return (struct ksk_span){NULL, 0};
	}
	return ksk_span_of(g->room->data + at, bytes.len);
}

static size_t
checkpoint_len(const struct ksk_signed_checkpoint *checkpoint)
{
	return CHECKPOINT_OVERHEAD + checkpoint->key.len +
		checkpoint->signature.len;
}

/* ---- checkpoints ---- */

/* number, hash, time, signature, key */
static bool
each_checkpoint(void *ctx, const struct ksk_value *column, size_t column_count)
{
	struct gathering *g = ctx;
	struct ksk_journal_reply *reply = g->reply;

	if (column_count != 5 || column[1].bytes.len != KSK_HASH_LEN ||
		column[3].bytes.len > KSK_SIGNATURE_MAX ||
		column[4].bytes.len > KSK_AUDIT_KEY_MAX) {
		g->broken = true;
		return false;
	}
	if (g->found == KSK_JOURNAL_CHECKPOINT_COUNT_MAX) {
		g->before = column[0].number;
		return false;
	}
	struct ksk_signed_checkpoint *checkpoint =
		&reply->checkpoint[g->found++];
	checkpoint->value.number = column[0].number;
	checkpoint->value.time = column[2].number;
	memcpy(checkpoint->value.hash, column[1].bytes.data, KSK_HASH_LEN);
	memcpy(checkpoint->value.journal, reply->journal, KSK_ID_LEN);
	checkpoint->signature = keep(g, column[3].bytes);
	checkpoint->key = keep(g, column[4].bytes);
	return !g->broken;
}

/* Those over records that the client has are sure of their place. */
static void
take_old_checkpoints(struct gathering *g)
{
	while (g->taken < g->found &&
		g->reply->checkpoint[g->taken].value.number < g->asked->from) {
		size_t len = checkpoint_len(&g->reply->checkpoint[g->taken]);
		if (len > g->budget) {
			/* No record then: the next reply begins with it. */
			g->before = 0;
			return;
		}
		g->budget -= len;
		g->taken++;
	}
}

/* Where the journal stands, and what proves it. */
static enum ksk_err
find_newest(struct ksk_journal *journal, struct gathering *g,
	struct ksk_fault *fault)
{
	enum ksk_err err = ksk_journal_query(journal,
		"SELECT number, hash, time, signature, key FROM checkpoint"
		" ORDER BY number DESC LIMIT 1",
		NULL, 0, each_checkpoint, g, fault);

	g->taken = g->found;
	return err;
}

static enum ksk_err
find_checkpoints(struct ksk_journal *journal, struct gathering *g,
	struct ksk_fault *fault)
{
	const struct ksk_journal_read *asked = g->asked;
	uint64_t least = asked->has_after ? asked->after : asked->from;

	if (asked->most == 0 && !asked->has_after)
		return find_newest(journal, g, fault);

	/* SQLite's numbers end there, and so do a journal's. */
	if (least >= INT64_MAX)
		return KSK_OK;
	if (asked->has_after)
		least++;
	const struct ksk_value values[] = {
		{.kind = KSK_VALUE_NUMBER, .number = least},
		{.kind = KSK_VALUE_NUMBER,
			.number = KSK_JOURNAL_CHECKPOINT_COUNT_MAX + 1},
	};
	return ksk_journal_query(journal,
		"SELECT number, hash, time, signature, key FROM checkpoint"
		" WHERE number >= ? ORDER BY number LIMIT ?",
		values, 2, each_checkpoint, g, fault);
}

/* ---- records ---- */

/* number, body */
static bool
each_record(void *ctx, const struct ksk_value *column, size_t column_count)
{
	struct gathering *g = ctx;
	struct ksk_journal_reply *reply = g->reply;
	size_t len, taken = g->taken;

	if (column_count != 2) {
		g->broken = true;
		return false;
	}
	len = column[1].bytes.len + KSK_JOURNAL_RECORD_OVERHEAD;
	while (taken < g->found &&
		reply->checkpoint[taken].value.number <= column[0].number)
		len += checkpoint_len(&reply->checkpoint[taken++]);
	if (len > g->budget || column[0].number >= g->before)
		return false;
	g->budget -= len;
	g->taken = taken;
	reply->record[reply->record_count] = keep(g, column[1].bytes);
	if (reply->record_count == 0)
		g->first = column[0].number;
	reply->record_count++;
	return !g->broken;
}

static enum ksk_err
find_records(struct ksk_journal *journal, struct gathering *g,
	struct ksk_fault *fault)
{
	uint64_t most = g->asked->most < KSK_JOURNAL_RECORD_COUNT_MAX
		? g->asked->most
		: KSK_JOURNAL_RECORD_COUNT_MAX;

	if (most == 0 || g->asked->from > INT64_MAX)
		return KSK_OK;
	const struct ksk_value values[] = {
		{.kind = KSK_VALUE_NUMBER, .number = g->asked->from},
		{.kind = KSK_VALUE_NUMBER, .number = most},
	};
	return ksk_journal_query(journal,
		"SELECT number, body FROM record WHERE number >= ?"
		" ORDER BY number LIMIT ?",
		values, 2, each_record, g, fault);
}

/* ---- what the first record follows ---- */

static bool
each_before(void *ctx, const struct ksk_value *column, size_t column_count)
{
	struct gathering *g = ctx;

	if (column_count == 1 && column[0].bytes.len == KSK_HASH_LEN)
		memcpy(g->reply->before, column[0].bytes.data, KSK_HASH_LEN);
	else
		g->broken = true;
	return false;
}

static enum ksk_err
find_before(struct ksk_journal *journal, struct gathering *g,
	struct ksk_fault *fault)
{
	struct ksk_journal_reply *reply = g->reply;
	struct ksk_oldest oldest = ksk_journal_oldest(journal);

	if (reply->record_count == 0) {
		memcpy(reply->before, reply->head_hash, KSK_HASH_LEN);
		return KSK_OK;
	}
	if (g->first == oldest.number) {
		memcpy(reply->before, oldest.before, KSK_HASH_LEN);
		return KSK_OK;
	}
	const struct ksk_value value = {
		.kind = KSK_VALUE_NUMBER, .number = g->first - 1};
	return ksk_journal_query(journal,
		"SELECT hash FROM record WHERE number = ?", &value, 1,
		each_before, g, fault);
}

enum ksk_err
ksk_journal_read(struct ksk_journal *journal,
	const struct ksk_journal_read *asked, struct ksk_span audit_key,
	struct ksk_buf *room, struct ksk_journal_reply *out_reply,
	struct ksk_fault *fault)
{
	struct ksk_head head = ksk_journal_head(journal);
	struct ksk_oldest oldest = ksk_journal_oldest(journal);
	struct gathering g = {.asked = asked,
		.room = room,
		.reply = out_reply,
		.budget = KSK_FRAME_MAX - KSK_JOURNAL_REPLY_OVERHEAD -
			audit_key.len,
		.before = UINT64_MAX};
	enum ksk_err err;

	memset(out_reply, 0, sizeof(*out_reply));
	out_reply->has_first = oldest.number > 0;
	out_reply->first = oldest.number;
	if (asked->most > 0 && asked->from < oldest.number) {
		ksk_fault_set(fault,
			"the journal was pruned: its oldest record is %llu",
			(unsigned long long)oldest.number);
		return KSK_ERR_NOT_FOUND;
	}
	out_reply->head = head.number;
	memcpy(out_reply->head_hash, head.hash, KSK_HASH_LEN);
	memcpy(out_reply->journal, ksk_journal_id(journal), KSK_ID_LEN);
	out_reply->audit_key = audit_key;
	err = find_checkpoints(journal, &g, fault);
	if (err == KSK_OK)
		take_old_checkpoints(&g);
	if (err != KSK_OK || (err = find_records(journal, &g, fault)) ||
		(err = find_before(journal, &g, fault)))
		return err;
	if (g.broken) {
		ksk_fault_set(fault,
			"the journal has a row that this version never "
			"writes");
		return KSK_ERR_IO;
	}
	out_reply->checkpoint_count = g.taken;
	return KSK_OK;
}

/* ---- requests ---- */

void
ksk_journal_read_take(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client)
{
	if ((client->may & KSK_MAY_JOURNAL) != 0) {
		ticket->stage = KSK_STAGE_READ;
		signer->reads++;
		return;
	}
	ksk_answer_plain(signer, ticket, KSK_STATUS_NOT_AUTHORISED,
		"the policy does not give this client the right journal");
	ticket->stage = KSK_STAGE_REPLY;
}

/* They are nobody's to give but his who has an export of them. */
static void
answer_pruned(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_fault *fault)
{
	struct ksk_reply *reply = ksk_answer_begin(
		signer, ticket, KSK_STATUS_REFUSED);
	struct ksk_refusal *refusal = &reply->refusals.list[0];

	memset(refusal, 0, sizeof(*refusal));
	ksk_text_copy(refusal->rule, sizeof(refusal->rule), "pruned");
	ksk_text_copy(refusal->why, sizeof(refusal->why), fault->text);
	ksk_text_copy(reply->text, sizeof(reply->text), fault->text);
	reply->refusals.count = 1;
	ksk_answer_encode(signer, ticket);
}

static void
answer(struct ksk_signer *signer, struct ksk_ticket *ticket)
{
	struct ksk_buf room = ksk_buf_of(signer->reading, KSK_JOURNAL_ROOM);
	struct ksk_fault fault = {.text = ""};
	struct ksk_reply *reply = ksk_answer_begin(
		signer, ticket, KSK_STATUS_DONE);
	const char *why;
	enum ksk_err err = ksk_journal_read(signer->journal,
		&ticket->request.journal,
		ksk_errand_audit_key(&signer->crew, &why), &room,
		&reply->journal_body, &fault);

	ticket->stage = KSK_STAGE_REPLY;
	if (err == KSK_ERR_NOT_FOUND) {
		answer_pruned(signer, ticket, &fault);
		return;
	}
	if (err != KSK_OK) {
		ksk_log(KSK_LOG_ERROR, "journal-read", fault.text, NULL);
		ksk_answer_plain(signer, ticket, KSK_STATUS_INTERNAL,
			"the journal can't be read; see the appliance's log");
		return;
	}
	reply->body = KSK_OP_JOURNAL_READ;
	ksk_answer_encode(signer, ticket);
}

static bool
is_signing(const struct ksk_signer *signer)
{
	return signer->crew.asked > 0 || signer->crew.queued > 0 ||
		ksk_journal_staged(signer->journal) > 0;
}

uint64_t
ksk_journal_read_wait(const struct ksk_signer *signer, uint64_t now_ms)
{
	uint64_t next_ms = signer->read_ms + KSK_JOURNAL_READ_MS;

	if (signer->reads == 0)
		return UINT64_MAX;
	return is_signing(signer) && now_ms < next_ms ? next_ms - now_ms : 0;
}

void
ksk_journal_read_run(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_tickets *tickets = signer->tickets;
	struct ksk_ticket *oldest = NULL;

	if (ksk_journal_read_wait(signer, now_ms) > 0)
		return;
	for (size_t i = 0; i < tickets->active_count; i++) {
		struct ksk_ticket *ticket = tickets->active[i];
		if (ticket->stage == KSK_STAGE_READ &&
			(oldest == NULL || ticket->begin_ms < oldest->begin_ms))
			oldest = ticket;
	}
	if (oldest == NULL)
		return;
	signer->reads--;
	signer->read_ms = now_ms;
	answer(signer, oldest);
}
