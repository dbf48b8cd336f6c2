/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal - staging and committing of records. Opening and its checks stand in
 * journal_open.c, rows of other tables in journal_row.c.
 */
#include "appliance/signer/journal.h"

#include "appliance/signer/journal_internal.h"

#include <string.h>

/* Returns true for kinds that end an intent. */
static bool
ends_intent(uint64_t kind)
{
	return kind == KSK_RECORD_RESULT || kind == KSK_RECORD_FAILURE ||
		kind == KSK_RECORD_ABANDONED;
}

static struct ksk_head
staged_head(const struct ksk_journal *journal)
{
	if (journal->staged_count == 0)
		return journal->head;
	const struct staged *last = &journal->staged[journal->staged_count - 1];
	struct ksk_head head = {.number = last->number};
	memcpy(head.hash, last->hash, sizeof(head.hash));
	return head;
}

/* Keeps the list of open intents: they come in rising order. */
static void
follow_intent(struct ksk_journal *journal, const struct ksk_record *record)
{
	if (record->kind == KSK_RECORD_INTENT) {
		journal->open[journal->open_count++] = record->number;
		return;
	}
	if (!ends_intent(record->kind) || !record->has_about)
		return;
	for (size_t i = 0; i < journal->open_count; i++) {
		if (journal->open[i] != record->about)
			continue;
		journal->open_count--;
		memmove(&journal->open[i], &journal->open[i + 1],
			(journal->open_count - i) * sizeof(journal->open[0]));
		return;
	}
}

enum ksk_err
ksk_journal_stage(struct ksk_journal *journal, struct ksk_record *record,
	uint8_t out_hash[KSK_HASH_LEN])
{
	if (!ksk_journal_has_room(journal, 0, 0) ||
		(record->kind == KSK_RECORD_INTENT &&
			journal->open_count == KSK_OPEN_MAX))
		return KSK_ERR_NO_ROOM;

	struct ksk_head before = staged_head(journal);
	struct staged next = {.time = record->time, .kind = record->kind};
	if (record->kind != KSK_RECORD_BEGIN)
		next.number = before.number + 1;
	if (record->kind == KSK_RECORD_POLICY) {
		next.has_policy = true;
		next.policy_version = record->policy_version;
		memcpy(next.policy_hash, record->policy_hash,
			sizeof(next.policy_hash));
	}
	record->number = next.number;

	size_t at = journal->arena.len;
	enum ksk_err err = ksk_record_write(record, &journal->arena);
	if (err == KSK_OK) {
		next.encoded = ksk_span_of(
			journal->arena.data + at, journal->arena.len - at);
		err = ksk_record_hasher_run(
			journal->hasher, before.hash, next.encoded, next.hash);
	}
	if (err != KSK_OK) {
		journal->arena.len = at;
		return err;
	}
	journal->staged[journal->staged_count++] = next;
	follow_intent(journal, record);
	memcpy(out_hash, next.hash, sizeof(next.hash));
	return KSK_OK;
}

size_t
ksk_journal_staged(const struct ksk_journal *journal)
{
	return journal->staged_count + journal->row_count;
}

/* Runs one prepared statement that returns no row. */
static bool
run(sqlite3_stmt *statement)
{
	int step = sqlite3_step(statement);
	return sqlite3_reset(statement) == SQLITE_OK && step == SQLITE_DONE;
}

static bool
insert_one(struct ksk_journal *journal, const struct staged *s)
{
	const struct ksk_value values[] = {
		{.kind = KSK_VALUE_NUMBER, .number = s->number},
		{.kind = KSK_VALUE_NUMBER, .number = s->time},
		{.kind = KSK_VALUE_NUMBER, .number = s->kind},
		{.kind = KSK_VALUE_BYTES, .bytes = s->encoded},
		{.kind = KSK_VALUE_BYTES,
			.bytes = ksk_span_of(s->hash, sizeof(s->hash))},
	};
	return ksk_journal_bind(journal->insert, values, 5) &&
		run(journal->insert);
}

static bool
insert_row(struct ksk_journal *journal, const struct staged_row *row)
{
	sqlite3_stmt *statement = journal->statement[row->statement];
	return ksk_journal_bind(statement, &journal->value[row->first],
		       row->value_count) &&
		run(statement);
}

/* Once in many records: where to look for open intents after a crash. */
static bool
insert_open_from(struct ksk_journal *journal)
{
	if (staged_head(journal).number - journal->open_written <
		KSK_OPEN_EVERY)
		return true;
	const struct ksk_value value = {.kind = KSK_VALUE_NUMBER,
		.number = ksk_journal_open_from(journal)};
	return ksk_journal_bind(journal->open_from, &value, 1) &&
		run(journal->open_from);
}

static bool
insert_all(struct ksk_journal *journal)
{
	if (!run(journal->begin))
		return false;
	for (size_t i = 0; i < journal->staged_count; i++)
		if (!insert_one(journal, &journal->staged[i]))
			return false;
	for (size_t i = 0; i < journal->row_count; i++)
		if (!insert_row(journal, &journal->row[i]))
			return false;
	return insert_open_from(journal) && run(journal->commit);
}

static void
adopt_staged(struct ksk_journal *journal)
{
	for (size_t i = 0; i < journal->staged_count; i++) {
		const struct staged *s = &journal->staged[i];
		if (!s->has_policy)
			continue;
		journal->has_policy = true;
		journal->policy_version = s->policy_version;
		memcpy(journal->policy_hash, s->policy_hash,
			sizeof(journal->policy_hash));
	}
	journal->head = staged_head(journal);
	journal->commits++;
	if (journal->head.number - journal->open_written >= KSK_OPEN_EVERY)
		journal->open_written = journal->head.number;
	journal->staged_count = 0;
	journal->row_count = 0;
	journal->value_count = 0;
	journal->arena.len = 0;
}

/* One try. SQLite takes a quota for a broken disk. */
static enum ksk_err
write_staged(struct ksk_journal *journal, struct ksk_fault *fault)
{
	if (insert_all(journal))
		return KSK_OK;
	bool lack = sqlite3_errcode(journal->db) == SQLITE_FULL ||
		ksk_reserve_is_lack(sqlite3_system_errno(journal->db));
	ksk_fault_set(fault,
		"the journal %s can't be written: %s; free space or mend the "
		"disk; ends by itself when it can be written again",
		journal->path, sqlite3_errmsg(journal->db));
	/* The transaction may have been rolled back by SQLite itself. */
	if (sqlite3_get_autocommit(journal->db) == 0)
		(void)sqlite3_exec(journal->db, "ROLLBACK", NULL, NULL, NULL);
	return lack ? KSK_ERR_NO_ROOM : KSK_ERR_IO;
}

enum ksk_err
ksk_journal_commit(struct ksk_journal *journal, struct ksk_fault *fault)
{
	if (ksk_journal_staged(journal) == 0)
		return KSK_OK;
	enum ksk_err err = ksk_journal_check_place(journal, fault);
	if (err == KSK_OK)
		err = write_staged(journal, fault);
	while (err == KSK_ERR_NO_ROOM && ksk_reserve_spend(&journal->reserve))
		err = write_staged(journal, fault);
	if (err == KSK_OK)
		adopt_staged(journal);
	return err;
}

enum ksk_err
ksk_journal_keep_reserve(
	struct ksk_journal *journal, uint64_t bytes, struct ksk_fault *fault)
{
	return ksk_reserve_open(journal->path, bytes, &journal->reserve, fault);
}

bool
ksk_journal_is_low(const struct ksk_journal *journal)
{
	return !ksk_reserve_is_whole(&journal->reserve);
}

bool
ksk_journal_refill(struct ksk_journal *journal)
{
	return ksk_reserve_fill(&journal->reserve);
}

uint64_t
ksk_journal_open_from(const struct ksk_journal *journal)
{
	return journal->open_count > 0 ? journal->open[0]
				       : staged_head(journal).number + 1;
}

const char *
ksk_journal_path(const struct ksk_journal *journal)
{
	return journal->path;
}

uint64_t
ksk_journal_commits(const struct ksk_journal *journal)
{
	return journal->commits;
}

const uint8_t *
ksk_journal_id(const struct ksk_journal *journal)
{
	return journal->id;
}

struct ksk_oldest
ksk_journal_oldest(const struct ksk_journal *journal)
{
	return journal->oldest;
}

struct ksk_head
ksk_journal_head(const struct ksk_journal *journal)
{
	return journal->head;
}

bool
ksk_journal_policy(const struct ksk_journal *journal, uint64_t *out_version,
	uint8_t out_hash[KSK_HASH_LEN])
{
	if (!journal->has_policy)
		return false;
	*out_version = journal->policy_version;
	memcpy(out_hash, journal->policy_hash, KSK_HASH_LEN);
	return true;
}
