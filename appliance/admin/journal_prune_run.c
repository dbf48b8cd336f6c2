/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_prune_run - which records stay, and the one transaction in which the
 * others leave. Contract: journal_prune.h
 */
#include "appliance/admin/journal_prune.h"
#include "appliance/policy/announced_body.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum ksk_err
fail(const struct ksk_prune *p, struct ksk_fault *fault)
{
	int code = sqlite3_errcode(p->check.db);

	ksk_fault_set(
		fault, "%s: %s", p->check.path, sqlite3_errmsg(p->check.db));
	return code == SQLITE_FULL ? KSK_ERR_NO_ROOM : KSK_ERR_IO;
}

/* Runs one statement with the number of the last record that leaves, if it has
 * a place for it. */
static enum ksk_err
execute(struct ksk_prune *p, const char *sql, struct ksk_fault *fault)
{
	sqlite3_stmt *st = NULL;
	enum ksk_err err = ksk_check_query(&p->check, sql, &st, fault);

	if (err != KSK_OK)
		return err;
	if (sqlite3_bind_parameter_count(st) > 0)
		(void)sqlite3_bind_int64(st, 1, (sqlite3_int64)p->through);
	if (sqlite3_bind_parameter_count(st) > 1)
		(void)sqlite3_bind_int64(st, 2, (sqlite3_int64)p->now);
	if (sqlite3_step(st) != SQLITE_DONE)
		err = fail(p, fault);
	(void)sqlite3_finalize(st);
	return err;
}

/* ---- what stays ---- */

/* Where the intents of records are looked up. */
struct staying {
	struct ksk_prune *prune;
	sqlite3_stmt *add, *find;
	struct ksk_timeline timeline;
};

static enum ksk_err
add(struct staying *s, uint64_t number, struct ksk_fault *fault)
{
	(void)sqlite3_reset(s->add);
	(void)sqlite3_bind_int64(s->add, 1, (sqlite3_int64)number);
	return sqlite3_step(s->add) == SQLITE_DONE ? KSK_OK
						   : fail(s->prune, fault);
}

/* A record that may be read again, and the intent that it ends. */
static enum ksk_err
add_answer(struct staying *s, uint64_t number, struct ksk_fault *fault)
{
	uint64_t about = UINT64_MAX;
	enum ksk_err err = add(s, number, fault);

	(void)sqlite3_reset(s->find);
	(void)sqlite3_bind_int64(s->find, 1, (sqlite3_int64)number);
	if (err == KSK_OK)
		err = ksk_check_row(&s->prune->check, s->find, fault);
	if (err != KSK_OK)
		return err;
	err = ksk_record_about_read(ksk_check_bytes(s->find, 0), &about);
	if (err == KSK_ERR_NOT_FOUND)
		return KSK_OK;
	return err == KSK_OK ? add(s, about, fault) : err;
}

static enum ksk_err
add_timeline(struct staying *s, sqlite3_stmt *row, struct ksk_fault *fault)
{
	struct ksk_timeline *t = &s->timeline;
	struct ksk_name zone;
	enum ksk_err err = ksk_name_from_wire(ksk_check_bytes(row, 0), &zone);

	if (err == KSK_OK) {
		ksk_timeline_clear(t, &zone);
		err = ksk_timeline_read(ksk_check_bytes(row, 1), t);
	}
	for (size_t i = 0; err == KSK_OK && i < t->history.answer_count; i++)
		if (!t->history.answer[i].ghost)
			err = add_answer(s, t->record[i], fault);
	return err;
}

/* The keys that it lists are read back from it. */
static enum ksk_err
add_announcement(struct staying *s, sqlite3_stmt *row, struct ksk_fault *fault)
{
	struct ksk_timeline *t = &s->timeline;
	struct ksk_name zone;
	enum ksk_err err = ksk_name_from_wire(ksk_check_bytes(row, 0), &zone);

	if (err == KSK_OK) {
		ksk_timeline_clear(t, &zone);
		err = ksk_announced_read(ksk_check_bytes(row, 1), t);
	}
	return err == KSK_OK ? add(s, t->announced[0].record, fault) : err;
}

/* Calls each for every row of a query. */
static enum ksk_err
each_row(struct staying *s, const char *sql,
	enum ksk_err (*each)(
		struct staying *, sqlite3_stmt *, struct ksk_fault *),
	struct ksk_fault *fault)
{
	struct ksk_check *check = &s->prune->check;
	sqlite3_stmt *st = NULL;
	enum ksk_err err = ksk_check_query(check, sql, &st, fault);

	if (err == KSK_OK && sqlite3_bind_parameter_count(st) > 0)
		(void)sqlite3_bind_int64(st, 1, (sqlite3_int64)s->prune->now);
	while (err == KSK_OK &&
		(err = ksk_check_row(check, st, fault)) == KSK_OK)
		err = each(s, st, fault);
	(void)sqlite3_finalize(st);
	return err == KSK_ERR_NOT_FOUND ? KSK_OK : err;
}

static enum ksk_err
add_repeat(struct staying *s, sqlite3_stmt *row, struct ksk_fault *fault)
{
	return add_answer(s, ksk_check_number(row, 0), fault);
}

static enum ksk_err
add_policy(struct staying *s, sqlite3_stmt *row, struct ksk_fault *fault)
{
	return add(s, ksk_check_number(row, 0), fault);
}

static enum ksk_err
list_all(struct staying *s, struct ksk_fault *fault)
{
	enum ksk_err err = each_row(
		s, "SELECT zone, body FROM timeline", add_timeline, fault);

	if (err == KSK_OK)
		err = each_row(s,
			"SELECT record FROM idempotency WHERE expires > ?",
			add_repeat, fault);
	if (err == KSK_OK)
		err = each_row(s, "SELECT zone, body FROM announced",
			add_announcement, fault);
	if (err == KSK_OK)
		err = each_row(s,
			"SELECT number FROM policy ORDER BY number DESC"
			" LIMIT 1",
			add_policy, fault);
	return err;
}

/* Fills the table of those that stay; younger ones in it do no harm. */
static enum ksk_err
list_staying(struct ksk_prune *p, struct ksk_fault *fault)
{
	struct staying *s = calloc(1, sizeof(*s));
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	if (s == NULL)
		return err;
	s->prune = p;
	err = execute(p, "CREATE TEMP TABLE stays(number INTEGER PRIMARY KEY)",
		fault);
	if (err == KSK_OK)
		err = ksk_check_query(&p->check,
			"INSERT OR IGNORE INTO stays VALUES(?)", &s->add,
			fault);
	if (err == KSK_OK)
		err = ksk_check_query(&p->check,
			"SELECT body FROM record WHERE number = ?", &s->find,
			fault);
	if (err == KSK_OK)
		err = list_all(s, fault);
	(void)sqlite3_finalize(s->add);
	(void)sqlite3_finalize(s->find);
	free(s);
	return err;
}

/* ---- the record that says so ---- */

static enum ksk_err
insert(struct ksk_prune *p, const struct ksk_record *record,
	struct ksk_span body, const uint8_t hash[KSK_HASH_LEN],
	struct ksk_fault *fault)
{
	sqlite3_stmt *st = NULL;
	enum ksk_err err = ksk_check_query(&p->check,
		"INSERT INTO record VALUES(?, ?, ?, ?, ?)", &st, fault);

	if (err != KSK_OK)
		return err;
	if (sqlite3_bind_int64(st, 1, (sqlite3_int64)record->number) !=
			SQLITE_OK ||
		sqlite3_bind_int64(st, 2, (sqlite3_int64)record->time) !=
			SQLITE_OK ||
		sqlite3_bind_int64(st, 3, (sqlite3_int64)record->kind) !=
			SQLITE_OK ||
		sqlite3_bind_blob(st, 4, body.data, (int)body.len,
			SQLITE_STATIC) != SQLITE_OK ||
		sqlite3_bind_blob(st, 5, hash, (int)KSK_HASH_LEN,
			SQLITE_STATIC) != SQLITE_OK ||
		sqlite3_step(st) != SQLITE_DONE)
		err = fail(p, fault);
	(void)sqlite3_finalize(st);
	return err;
}

static enum ksk_err
write_record(struct ksk_prune *p, struct ksk_fault *fault)
{
	const struct ksk_chain_state *state = ksk_chain_state(p->check.chain);
	struct ksk_record record = {.number = state->head + 1,
		.time = p->now,
		.kind = KSK_RECORD_PRUNE,
		.has_pruned = true,
		.pruned = {.through = p->through}};
	uint8_t room[256], hash[KSK_HASH_LEN];
	struct ksk_buf body = ksk_buf_of(room, sizeof(room));
	uint64_t count;

	memcpy(record.pruned.hash, p->hash, KSK_HASH_LEN);
	enum ksk_err err = ksk_check_stays(&p->check,
		"SELECT hash, body FROM record WHERE number <= ? AND number IN"
		" stays ORDER BY number",
		p->through, record.pruned.stays, &count, fault);
	if (err == KSK_OK)
		err = ksk_record_write(&record, &body);
	if (err == KSK_OK)
		err = ksk_record_hash(state->hash, ksk_buf_span(&body), hash);
	return err == KSK_OK
		? insert(p, &record, ksk_buf_span(&body), hash, fault)
		: err;
}

/* Where it begins from now on: number and hash of the last one that left. */
static enum ksk_err
write_state(struct ksk_prune *p, struct ksk_fault *fault)
{
	uint8_t value[8 + KSK_HASH_LEN];
	sqlite3_stmt *st = NULL;
	enum ksk_err err = ksk_check_query(&p->check,
		"INSERT INTO state VALUES('pruned', ?) ON CONFLICT(name)"
		" DO UPDATE SET value = excluded.value",
		&st, fault);

	for (size_t i = 0; i < 8; i++)
		value[i] = (uint8_t)(p->through >> (56u - 8u * i));
	memcpy(value + 8, p->hash, KSK_HASH_LEN);
	if (err == KSK_OK &&
		(sqlite3_bind_blob(st, 1, value, (int)sizeof(value),
			 SQLITE_STATIC) != SQLITE_OK ||
			sqlite3_step(st) != SQLITE_DONE))
		err = fail(p, fault);
	(void)sqlite3_finalize(st);
	return err;
}

/* ---- the transaction ---- */

static enum ksk_err
change(struct ksk_prune *p, struct ksk_fault *fault)
{
	static const char *const steps[] = {
		"DELETE FROM record WHERE number <= ? AND number NOT IN stays",
		"DELETE FROM policy WHERE number <= ? AND number NOT IN stays",
		"DELETE FROM checkpoint WHERE number < ?",
		"DELETE FROM idempotency WHERE record <= ?1 AND expires <= ?2",
		"UPDATE meta SET open_from = max(open_from, ? + 1)",
	};
	enum ksk_err err = list_staying(p, fault);

	if (err == KSK_OK)
		err = write_record(p, fault);
	if (err == KSK_OK)
		err = write_state(p, fault);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (err == KSK_OK)
			err = execute(p, steps[i], fault);
	return err;
}

/* What is left is looked at before it counts. */
static enum ksk_err
check_after(struct ksk_prune *p, struct ksk_fault *fault)
{
	struct ksk_check *after = &p->after;
	const struct ksk_check *before = &p->check;

	after->db = before->db;
	after->oldest = p->through + 1;
	memcpy(after->before, p->hash, KSK_HASH_LEN);
	memcpy(after->journal, before->journal, KSK_ID_LEN);
	memcpy(after->appliance, before->appliance, KSK_ID_LEN);
	after->open_from = before->open_from > after->oldest ? before->open_from
							     : after->oldest;
	enum ksk_err err = ksk_check_records(after, fault);
	if (err == KSK_OK)
		err = ksk_check_tables(after, fault);
	if (err == KSK_OK)
		err = ksk_check_timelines(after, fault);
	return err == KSK_OK ? ksk_check_announced(after, fault) : err;
}

/* A full disk is why many prune: the signer's reserve is there for that, and
 * kskd fills it again. */
static bool
spend_reserve(const struct ksk_prune *p)
{
	char folder[KSK_PATH_CAP], path[KSK_PATH_CAP + sizeof("/reserve")];

	if (!ksk_folder_of(p->check.path, folder))
		return false;
	(void)snprintf(path, sizeof(path), "%s/reserve", folder);
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	off_t held = lseek(fd, 0, SEEK_END);
	bool spent = held > 0 && ftruncate(fd, 0) == 0 && fsync(fd) == 0;
	(void)close(fd);
	return spent;
}

static enum ksk_err
try_once(struct ksk_prune *p, struct ksk_fault *fault)
{
	sqlite3 *db = p->check.db;

	/* The lock on the file is kept from the check on. */
	if (sqlite3_exec(db,
		    "PRAGMA query_only = OFF;"
		    "PRAGMA synchronous = FULL;"
		    "BEGIN IMMEDIATE;",
		    NULL, NULL, NULL) != SQLITE_OK)
		return fail(p, fault);
	enum ksk_err err = change(p, fault);
	if (err == KSK_OK)
		err = check_after(p, fault);
	if (err == KSK_OK &&
		sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		err = fail(p, fault);
	if (sqlite3_get_autocommit(db) == 0)
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return err;
}

enum ksk_err
ksk_prune_run(struct ksk_prune *prune, struct ksk_fault *fault)
{
	/* The check's own. */
	if (sqlite3_exec(prune->check.db, "COMMIT", NULL, NULL, NULL) !=
		SQLITE_OK)
		return fail(prune, fault);
	enum ksk_err err = try_once(prune, fault);
	if (err == KSK_ERR_NO_ROOM && spend_reserve(prune))
		err = try_once(prune, fault);
	return err;
}
