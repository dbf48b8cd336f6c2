/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_records - follows the journal's records and checkpoints in its file.
 * Contract: journal_check.h
 */
#include "appliance/admin/journal_check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Intents without an end: the signer has never more at once. */
#define OPEN_MAX 4096u

/* The walk over both tables, which are in step. */
struct walk {
	struct ksk_check *check;
	sqlite3_stmt *records, *checkpoints;
	bool checkpoint; /* checkpoints stands at a row */
	bool has_pruned;
	struct ksk_pruned pruned; /* of the newest prune record */
	size_t open_count;
	uint64_t open[OPEN_MAX];
};

/* number, hash, time, signature, key */
static struct ksk_signed_checkpoint
checkpoint_of(const struct walk *w)
{
	sqlite3_stmt *st = w->checkpoints;
	struct ksk_span hash = ksk_check_bytes(st, 1);
	struct ksk_signed_checkpoint c = {
		.value = {.number = ksk_check_number(st, 0),
			.time = ksk_check_number(st, 2)},
		.signature = ksk_check_bytes(st, 3),
		.key = ksk_check_bytes(st, 4)};

	memcpy(c.value.journal, w->check->journal, KSK_ID_LEN);
	if (hash.len == KSK_HASH_LEN)
		memcpy(c.value.hash, hash.data, KSK_HASH_LEN);
	return c;
}

static enum ksk_err
next_checkpoint(struct walk *w, struct ksk_fault *fault)
{
	enum ksk_err err = ksk_check_row(w->check, w->checkpoints, fault);

	w->checkpoint = err == KSK_OK;
	return err == KSK_ERR_NOT_FOUND ? KSK_OK : err;
}

/* ---- where it begins ---- */

/* Checkpoints of records that were pruned; the last one is over what the first
 * record follows. */
static enum ksk_err
pass_pruned(struct walk *w, struct ksk_fault *fault)
{
	const struct ksk_check *check = w->check;
	bool known = check->oldest == 0;

	while (w->checkpoint &&
		ksk_check_number(w->checkpoints, 0) < check->oldest) {
		struct ksk_signed_checkpoint c = checkpoint_of(w);
		enum ksk_err err = ksk_chain_signature(check->chain, &c, fault);
		if (err != KSK_OK)
			return err;
		known = c.value.number == check->oldest - 1 &&
			memcmp(c.value.hash, check->before, KSK_HASH_LEN) == 0;
		if ((err = next_checkpoint(w, fault)) != KSK_OK)
			return err;
	}
	if (known)
		return KSK_OK;
	ksk_fault_set(fault,
		"it was pruned up to record %" PRIu64
		", and no checkpoint says which one that was",
		check->oldest - 1);
	return KSK_ERR_MALFORMED;
}

static enum ksk_err
begin(struct walk *w, struct ksk_fault *fault)
{
	struct ksk_export_header header = {.first = w->check->oldest};
	enum ksk_err err = pass_pruned(w, fault);

	memcpy(header.journal, w->check->journal, KSK_ID_LEN);
	memcpy(header.before, w->check->before, KSK_HASH_LEN);
	if (err == KSK_OK)
		ksk_chain_start(w->check->chain, &header);
	return err;
}

/* ---- one record ---- */

/* The columns beside the body say what it says. number, time, kind, body,
 * hash */
static enum ksk_err
check_columns(const struct walk *w, struct ksk_fault *fault)
{
	const struct ksk_record *record = ksk_chain_last(w->check->chain);
	const struct ksk_chain_state *state = ksk_chain_state(w->check->chain);
	struct ksk_span hash = ksk_check_bytes(w->records, 4);
	const char *wrong = NULL;

	if (ksk_check_number(w->records, 0) != record->number)
		wrong = "number";
	else if (ksk_check_number(w->records, 1) != record->time)
		wrong = "time";
	else if (ksk_check_number(w->records, 2) != record->kind)
		wrong = "kind";
	else if (!ksk_span_equal(hash, ksk_span_of(state->hash, KSK_HASH_LEN)))
		wrong = "hash";
	if (wrong == NULL)
		return KSK_OK;
	ksk_fault_set(fault,
		"record %" PRIu64 ": its %s is not what its body says: it was "
		"changed, or one before it",
		record->number, wrong);
	return KSK_ERR_MALFORMED;
}

/* An intent is ended once, by a record that names it. */
static enum ksk_err
follow_intents(struct walk *w, struct ksk_fault *fault)
{
	const struct ksk_record *record = ksk_chain_last(w->check->chain);
	size_t i = 0;

	if (record->kind == KSK_RECORD_INTENT) {
		if (w->open_count == OPEN_MAX) {
			ksk_fault_set(fault, "more than %u intents have no end",
				OPEN_MAX);
			return KSK_ERR_MALFORMED;
		}
		w->open[w->open_count++] = record->number;
		return KSK_OK;
	}
	if (!record->has_about || record->kind == KSK_RECORD_INTENT)
		return KSK_OK;
	while (i < w->open_count && w->open[i] != record->about)
		i++;
	/* Its intent may have been pruned. */
	if (i == w->open_count &&
		record->about < ksk_chain_state(w->check->chain)->first)
		return KSK_OK;
	if (i == w->open_count) {
		ksk_fault_set(fault,
			"record %" PRIu64 " ends intent %" PRIu64
			", which is not open",
			record->number, record->about);
		return KSK_ERR_MALFORMED;
	}
	w->open_count--;
	memmove(&w->open[i], &w->open[i + 1],
		(w->open_count - i) * sizeof(w->open[0]));
	return KSK_OK;
}

static enum ksk_err
follow_record(struct walk *w, struct ksk_fault *fault)
{
	enum ksk_err err = ksk_chain_record(
		w->check->chain, ksk_check_bytes(w->records, 3), fault);

	if (err == KSK_OK)
		err = check_columns(w, fault);
	if (err == KSK_OK)
		err = follow_intents(w, fault);
	if (ksk_chain_last(w->check->chain)->has_pruned) {
		w->has_pruned = true;
		w->pruned = ksk_chain_last(w->check->chain)->pruned;
	}
	while (err == KSK_OK && w->checkpoint &&
		ksk_check_number(w->checkpoints, 0) <=
			ksk_chain_state(w->check->chain)->head) {
		struct ksk_signed_checkpoint c = checkpoint_of(w);
		err = ksk_chain_checkpoint(w->check->chain, &c, fault);
		if (err == KSK_OK)
			err = next_checkpoint(w, fault);
	}
	return err;
}

/* ---- all of them ---- */

/* What was pruned is what the newest prune record says, and what stays of it
 * is unchanged. */
static enum ksk_err
check_pruned(struct walk *w, struct ksk_fault *fault)
{
	struct ksk_check *check = w->check;
	uint8_t digest[KSK_HASH_LEN];
	const char *wrong = NULL;

	if (check->oldest == 0 && !w->has_pruned)
		return KSK_OK;
	enum ksk_err err = ksk_check_stays(check,
		"SELECT hash, body FROM record WHERE number <= ?"
		" ORDER BY number",
		check->oldest - 1, digest, &check->stay_count, fault);
	if (err != KSK_OK)
		return err;
	if (!w->has_pruned || w->pruned.through != check->oldest - 1 ||
		memcmp(w->pruned.hash, check->before, KSK_HASH_LEN) != 0)
		wrong = "no prune record says so";
	else if (memcmp(w->pruned.stays, digest, KSK_HASH_LEN) != 0)
		wrong = "the older records that are there are not those that "
			"stayed";
	if (wrong == NULL)
		return KSK_OK;
	ksk_fault_set(fault, "it begins with record %" PRIu64 ", but %s",
		check->oldest, wrong);
	return KSK_ERR_MALFORMED;
}

static enum ksk_err
check_end(struct walk *w, struct ksk_fault *fault)
{
	if (w->checkpoint) {
		ksk_fault_set(fault,
			"there is a checkpoint over record %" PRIu64
			", but no such record: the end of the journal is cut "
			"off",
			ksk_check_number(w->checkpoints, 0));
		return KSK_ERR_MALFORMED;
	}
	w->check->intents_open = w->open_count;
	if (w->open_count > 0 && w->open[0] < w->check->open_from) {
		ksk_fault_set(fault,
			"intent %" PRIu64
			" has no end, but open ones are said to begin with "
			"%" PRIu64,
			w->open[0], w->check->open_from);
		return KSK_ERR_MALFORMED;
	}
	return check_pruned(w, fault);
}

static enum ksk_err
follow_all(struct walk *w, struct ksk_fault *fault)
{
	enum ksk_err err = ksk_check_row(w->check, w->records, fault);

	if (err == KSK_ERR_NOT_FOUND) {
		ksk_fault_set(fault, "it holds no record");
		return KSK_ERR_MALFORMED;
	}
	if (err == KSK_OK && (err = next_checkpoint(w, fault)) == KSK_OK)
		err = begin(w, fault);
	while (err == KSK_OK && (err = follow_record(w, fault)) == KSK_OK)
		err = ksk_check_row(w->check, w->records, fault);
	return err == KSK_ERR_NOT_FOUND ? check_end(w, fault) : err;
}

/* Where no key was given those in the file are taken at their word. */
static enum ksk_err
trust_own(struct ksk_check *check, struct ksk_fault *fault)
{
	sqlite3_stmt *st = NULL;
	enum ksk_err err = ksk_check_query(
		check, "SELECT DISTINCT key FROM checkpoint", &st, fault);

	while (err == KSK_OK &&
		(err = ksk_check_row(check, st, fault)) == KSK_OK)
		err = ksk_chain_trust(
			check->chain, ksk_check_bytes(st, 0), fault);
	(void)sqlite3_finalize(st);
	return err == KSK_ERR_NOT_FOUND ? KSK_OK : err;
}

enum ksk_err
ksk_check_records(struct ksk_check *check, struct ksk_fault *fault)
{
	struct walk *w = calloc(1, sizeof(*w));
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	if (w == NULL) {
		ksk_fault_set(fault, "no memory is left");
		return err;
	}
	w->check = check;
	err = check->keys_given ? KSK_OK : trust_own(check, fault);
	if (err == KSK_OK)
		err = ksk_check_query(check,
			"SELECT number, time, kind, body, hash FROM record"
			" WHERE number >= ? ORDER BY number",
			&w->records, fault);
	if (err == KSK_OK)
		(void)sqlite3_bind_int64(
			w->records, 1, (sqlite3_int64)check->oldest);
	if (err == KSK_OK)
		err = ksk_check_query(check,
			"SELECT number, hash, time, signature, key"
			" FROM checkpoint ORDER BY number",
			&w->checkpoints, fault);
	if (err == KSK_OK)
		err = follow_all(w, fault);
	(void)sqlite3_finalize(w->records);
	(void)sqlite3_finalize(w->checkpoints);
	free(w);
	return err;
}
