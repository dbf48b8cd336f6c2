/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal - staging and committing of records. Opening and its checks stand in
 * journal_open.c.
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

enum ksk_err
ksk_journal_stage(struct ksk_journal *journal, struct ksk_record *record,
	uint8_t out_hash[KSK_HASH_LEN])
{
	if (journal->staged_count == KSK_STAGED_MAX ||
		journal->arena.cap - journal->arena.len < KSK_RECORD_MAX)
		return KSK_ERR_NO_ROOM;

	struct ksk_head before = staged_head(journal);
	struct staged next = {.time = record->time, .kind = record->kind};
	if (record->kind != KSK_RECORD_BEGIN)
		next.number = before.number + 1;
	if (ends_intent(record->kind) && record->has_about)
		next.ends = record->about;
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
		err = ksk_record_hash(before.hash, next.encoded, next.hash);
	}
	if (err != KSK_OK) {
		journal->arena.len = at;
		return err;
	}
	journal->staged[journal->staged_count++] = next;
	memcpy(out_hash, next.hash, sizeof(next.hash));
	return KSK_OK;
}

size_t
ksk_journal_staged(const struct ksk_journal *journal)
{
	return journal->staged_count;
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
	sqlite3_stmt *st = journal->insert;
	if (sqlite3_bind_int64(st, 1, (sqlite3_int64)s->number) != SQLITE_OK ||
		sqlite3_bind_int64(st, 2, (sqlite3_int64)s->time) !=
			SQLITE_OK ||
		sqlite3_bind_int64(st, 3, (sqlite3_int64)s->kind) !=
			SQLITE_OK ||
		sqlite3_bind_blob(st, 4, s->encoded.data, (int)s->encoded.len,
			SQLITE_STATIC) != SQLITE_OK ||
		sqlite3_bind_blob(st, 5, s->hash, sizeof(s->hash),
			SQLITE_STATIC) != SQLITE_OK ||
		!run(st))
		return false;
	if (s->kind == KSK_RECORD_INTENT) {
		st = journal->open_intent;
		return sqlite3_bind_int64(st, 1, (sqlite3_int64)s->number) ==
			SQLITE_OK &&
			run(st);
	}
	if (s->ends != 0) {
		st = journal->end_intent;
		return sqlite3_bind_int64(st, 1, (sqlite3_int64)s->ends) ==
			SQLITE_OK &&
			run(st);
	}
	return true;
}

static bool
insert_all(struct ksk_journal *journal)
{
	if (!run(journal->begin))
		return false;
	for (size_t i = 0; i < journal->staged_count; i++)
		if (!insert_one(journal, &journal->staged[i]))
			return false;
	return run(journal->commit);
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
	journal->staged_count = 0;
	journal->arena.len = 0;
}

enum ksk_err
ksk_journal_commit(struct ksk_journal *journal, struct ksk_fault *fault)
{
	if (journal->staged_count == 0)
		return KSK_OK;
	if (insert_all(journal)) {
		adopt_staged(journal);
		return KSK_OK;
	}

	int code = sqlite3_errcode(journal->db);
	ksk_fault_set(fault,
		"the journal %s can't be written: %s; nothing is signed until "
		"it can: free space or mend the disk",
		journal->path, sqlite3_errmsg(journal->db));
	/* The transaction may have been rolled back by SQLite itself. */
	if (sqlite3_get_autocommit(journal->db) == 0)
		(void)sqlite3_exec(journal->db, "ROLLBACK", NULL, NULL, NULL);
	return code == SQLITE_FULL ? KSK_ERR_NO_ROOM : KSK_ERR_IO;
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
