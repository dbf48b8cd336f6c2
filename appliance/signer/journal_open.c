/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_open - opens the one file, and refuses every file that is not this
 * appliance's whole journal: a missing, empty, truncated, foreign or newer one
 * is never taken for a fresh start.
 */
#include "appliance/signer/journal.h"

#include "appliance/signer/journal_internal.h"
#include "appliance/signer/journal_schema.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum ksk_err
fail(const struct ksk_journal *journal, struct ksk_fault *fault,
	const char *doing)
{
	ksk_fault_set(fault, "the journal %s can't be used: %s: %s",
		journal->path, doing, sqlite3_errmsg(journal->db));
	return sqlite3_errcode(journal->db) == SQLITE_NOTADB ||
			sqlite3_errcode(journal->db) == SQLITE_CORRUPT
		? KSK_ERR_MALFORMED
		: KSK_ERR_IO;
}

/* Writes the path of the mark that allows a new journal. */
static bool
mark_path(const char *path, char out[KSK_PATH_CAP])
{
	const char *slash = strrchr(path, '/');
	if (slash == NULL)
		return false;
	int n = snprintf(
		out, KSK_PATH_CAP, "%.*s/new", (int)(slash - path), path);
	return n > 0 && (size_t)n < KSK_PATH_CAP;
}

/* SQLite's own words for these do not say what is wrong. */
static enum ksk_err
check_file(const char *path, const struct stat *st, struct ksk_fault *fault)
{
	if (!S_ISREG(st->st_mode)) {
		ksk_fault_set(fault,
			"the journal %s is %s; it must be a regular file", path,
			S_ISDIR(st->st_mode)           ? "a folder"
				: S_ISLNK(st->st_mode) ? "a symbolic link"
						       : "no file");
		return KSK_ERR_IO;
	}
	if (access(path, R_OK | W_OK) == 0)
		return KSK_OK;
	ksk_fault_set(fault,
		"the journal %s can't be read and written by the signer (uid "
		"%u): %s; it belongs to uid %u, mode %04o: give it back, with "
		"the files beside it",
		path, (unsigned)geteuid(), strerror(errno),
		(unsigned)st->st_uid, (unsigned)(st->st_mode & 07777));
	return KSK_ERR_IO;
}

/* Finds out whether the file is there, and if not, whether one may be made. */
static enum ksk_err
look(const char *path, const char *mark, bool *out_make,
	struct ksk_fault *fault)
{
	struct stat st;
	bool marked = access(mark, F_OK) == 0;
	if (lstat(path, &st) != 0) {
		if (errno != ENOENT) {
			ksk_fault_set(fault, "the journal %s can't be read: %s",
				path, strerror(errno));
			return KSK_ERR_IO;
		}
		if (!marked) {
			ksk_fault_set(fault,
				"there is no journal at %s: restore it, or run "
				"`kskadm init` once for a new appliance",
				path);
			return KSK_ERR_NOT_FOUND;
		}
		*out_make = true;
		return KSK_OK;
	}
	enum ksk_err err = check_file(path, &st, fault);
	if (err != KSK_OK)
		return err;
	/* The mark with a file: the making was cut off before its commit. */
	if (st.st_size == 0 && !marked) {
		ksk_fault_set(fault,
			"the journal %s is empty: restore it from a backup",
			path);
		return KSK_ERR_MALFORMED;
	}
	*out_make = marked;
	return KSK_OK;
}

static enum ksk_err
open_file(struct ksk_journal *journal, struct ksk_fault *fault)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
		SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
	if (sqlite3_open_v2(journal->path, &journal->db, flags, NULL) !=
		SQLITE_OK)
		return fail(journal, fault, "opening");
	/* One process only: the WAL index lives in its memory. */
	if (sqlite3_exec(journal->db,
		    "PRAGMA locking_mode = EXCLUSIVE;"
		    "PRAGMA journal_mode = WAL;"
		    "PRAGMA synchronous = FULL;"
		    "PRAGMA wal_autocheckpoint = 1000;"
		    "PRAGMA journal_size_limit = 8388608;"
		    "PRAGMA temp_store = MEMORY;"
		    "PRAGMA trusted_schema = OFF;",
		    NULL, NULL, NULL) != SQLITE_OK)
		return fail(journal, fault, "reading");
	return KSK_OK;
}

/* Reads one number; -1 when the statement fails or has no row. */
static sqlite3_int64
number_of(struct ksk_journal *journal, const char *sql)
{
	sqlite3_stmt *st = NULL;
	sqlite3_int64 n = -1;
	if (sqlite3_prepare_v2(journal->db, sql, -1, &st, NULL) == SQLITE_OK &&
		sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	return n;
}

/* Runs a script and one statement with values in one transaction. */
static enum ksk_err
change_schema(struct ksk_journal *journal, const char *script, const char *row,
	const struct ksk_value *values, size_t count, struct ksk_fault *fault)
{
	sqlite3_stmt *st = NULL;
	enum ksk_err err = KSK_OK;
	if (sqlite3_exec(journal->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) !=
			SQLITE_OK ||
		sqlite3_exec(journal->db, script, NULL, NULL, NULL) !=
			SQLITE_OK ||
		sqlite3_prepare_v2(journal->db, row, -1, &st, NULL) !=
			SQLITE_OK ||
		!ksk_journal_bind(st, values, count) ||
		sqlite3_step(st) != SQLITE_DONE ||
		sqlite3_exec(journal->db, "COMMIT", NULL, NULL, NULL) !=
			SQLITE_OK)
		err = fail(journal, fault, "making its tables");
	(void)sqlite3_finalize(st);
	return err;
}

/* Makes a journal id: a journal made anew is known by it. */
static enum ksk_err
make_id(uint8_t id[KSK_ID_LEN], struct ksk_fault *fault)
{
	if (RAND_bytes(id, KSK_ID_LEN) == 1)
		return KSK_OK;
	ksk_fault_set(fault, "no random bytes for the journal's id");
	return KSK_ERR_CRYPTO;
}

static enum ksk_err
make_tables(struct ksk_journal *journal, const uint8_t appliance[KSK_ID_LEN],
	struct ksk_fault *fault)
{
	uint8_t id[KSK_ID_LEN];
	const struct ksk_value values[] = {
		{.kind = KSK_VALUE_BYTES,
			.bytes = ksk_span_of(appliance, KSK_ID_LEN)},
		{.kind = KSK_VALUE_BYTES, .bytes = ksk_span_of(id, sizeof(id))},
	};
	enum ksk_err err = make_id(id, fault);
	return err != KSK_OK ? err
			     : change_schema(journal, KSK_SCHEMA_MAKE,
				       "INSERT INTO meta VALUES(1, ?, ?, 0)",
				       values, 2, fault);
}

/* Brings an older schema up to date, in one transaction. */
static enum ksk_err
upgrade(struct ksk_journal *journal, struct ksk_fault *fault)
{
	uint8_t id[KSK_ID_LEN];
	const struct ksk_value value = {
		.kind = KSK_VALUE_BYTES, .bytes = ksk_span_of(id, sizeof(id))};
	sqlite3_int64 version = number_of(journal, "PRAGMA user_version");
	if (version == 2 || version == 3)
		return change_schema(journal,
			version == 2 ? KSK_SCHEMA_FROM_2 : KSK_SCHEMA_FROM_3,
			"UPDATE meta SET id = id", NULL, 0, fault);
	if (version != 1)
		return KSK_OK;
	enum ksk_err err = make_id(id, fault);
	return err != KSK_OK
		? err
		: change_schema(journal, KSK_SCHEMA_FROM_1,
			  "UPDATE meta SET journal_id = ?", &value, 1, fault);
}

static enum ksk_err
check_owner(struct ksk_journal *journal, const uint8_t appliance[KSK_ID_LEN],
	struct ksk_fault *fault)
{
	sqlite3_int64 version = number_of(journal, "PRAGMA user_version");
	if (version < 1 || version > KSK_SCHEMA_VERSION) {
		ksk_fault_set(fault,
			"the file %s is no journal of this version (schema "
			"%lld, this program writes %d): restore the right "
			"file or install the program that wrote it",
			journal->path, (long long)version, KSK_SCHEMA_VERSION);
		return KSK_ERR_MALFORMED;
	}
	sqlite3_stmt *st = NULL;
	bool ours = sqlite3_prepare_v2(journal->db,
			    "SELECT appliance FROM meta", -1, &st,
			    NULL) == SQLITE_OK &&
		sqlite3_step(st) == SQLITE_ROW &&
		sqlite3_column_bytes(st, 0) == (int)KSK_ID_LEN &&
		memcmp(sqlite3_column_blob(st, 0), appliance, KSK_ID_LEN) == 0;
	(void)sqlite3_finalize(st);
	if (ours)
		return KSK_OK;
	ksk_fault_set(fault,
		"the journal %s belongs to another appliance: restore this "
		"appliance's own journal",
		journal->path);
	return KSK_ERR_MALFORMED;
}

/* Takes over the id and where open intents begin. */
static enum ksk_err
read_meta(struct ksk_journal *journal, uint64_t *out_open_from,
	struct ksk_fault *fault)
{
	sqlite3_stmt *st = NULL;
	bool good = sqlite3_prepare_v2(journal->db,
			    "SELECT journal_id, open_from FROM meta", -1, &st,
			    NULL) == SQLITE_OK &&
		sqlite3_step(st) == SQLITE_ROW &&
		sqlite3_column_bytes(st, 0) == (int)KSK_ID_LEN;
	if (good) {
		memcpy(journal->id, sqlite3_column_blob(st, 0), KSK_ID_LEN);
		*out_open_from = (uint64_t)sqlite3_column_int64(st, 1);
	}
	(void)sqlite3_finalize(st);
	if (good)
		return KSK_OK;
	ksk_fault_set(fault,
		"the journal %s has lost its own id: restore it from a backup",
		journal->path);
	return KSK_ERR_MALFORMED;
}

static enum ksk_err
prepare(struct ksk_journal *journal, struct ksk_fault *fault)
{
	const struct {
		sqlite3_stmt **statement;
		const char *sql;
	} all[] = {
		{&journal->begin, "BEGIN IMMEDIATE"},
		{&journal->insert, "INSERT INTO record VALUES(?,?,?,?,?)"},
		{&journal->open_from, "UPDATE meta SET open_from = ?"},
		{&journal->commit, "COMMIT"},
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (sqlite3_prepare_v3(journal->db, all[i].sql, -1,
			    SQLITE_PREPARE_PERSISTENT, all[i].statement,
			    NULL) != SQLITE_OK)
			return fail(journal, fault, "preparing");
	return ksk_journal_statement(journal,
		"INSERT INTO state VALUES(?, ?)"
		" ON CONFLICT(name) DO UPDATE SET value = excluded.value",
		&journal->state_set, fault);
}

/* One record from open_from on: an intent opens, its end closes. */
static bool
follow_open(void *ctx, const struct ksk_value *column, size_t column_count)
{
	struct ksk_journal *journal = ctx;
	uint64_t about;
	(void)column_count;
	if (column[1].number == KSK_RECORD_INTENT) {
		if (journal->open_count == KSK_OPEN_MAX)
			return false;
		journal->open[journal->open_count++] = column[0].number;
		return true;
	}
	if (ksk_record_about_read(column[2].bytes, &about) != KSK_OK)
		return true;
	for (size_t i = 0; i < journal->open_count; i++) {
		if (journal->open[i] != about)
			continue;
		journal->open_count--;
		memmove(&journal->open[i], &journal->open[i + 1],
			(journal->open_count - i) * sizeof(journal->open[0]));
		break;
	}
	return true;
}

/* An intent without an end was cut off by a crash; what became of its
 * signature nobody knows, and none was released. */
static enum ksk_err
close_intents(
	struct ksk_journal *journal, uint64_t now, struct ksk_fault *fault)
{
	struct ksk_value from = {.kind = KSK_VALUE_NUMBER};
	enum ksk_err err = read_meta(journal, &from.number, fault);
	if (err != KSK_OK)
		return err;
	err = ksk_journal_query(journal,
		"SELECT number, kind, body FROM record WHERE number >= ?"
		" AND kind IN (1, 2, 4, 5) ORDER BY number",
		&from, 1, follow_open, journal, fault);
	journal->open_written = from.number;
	while (err == KSK_OK && journal->open_count > 0) {
		struct ksk_record record = {.time = now,
			.kind = KSK_RECORD_ABANDONED,
			.has_about = true,
			.about = journal->open[0]};
		uint8_t hash[KSK_HASH_LEN];
		err = ksk_journal_stage(journal, &record, hash);
		if (err == KSK_ERR_NO_ROOM)
			err = ksk_journal_commit(journal, fault);
	}
	if (err == KSK_OK)
		err = ksk_journal_commit(journal, fault);
	/* Reads and operators' acts go on: it is written with the next. */
	return err == KSK_ERR_NO_ROOM ? KSK_OK : err;
}

static enum ksk_err
write_first(struct ksk_journal *journal, uint64_t now,
	const uint8_t appliance[KSK_ID_LEN], struct ksk_fault *fault)
{
	char text[2 * KSK_ID_LEN + 1];
	ksk_hex_write(ksk_span_of(appliance, KSK_ID_LEN), text, sizeof(text));
	struct ksk_record record = {
		.time = now, .kind = KSK_RECORD_BEGIN, .text = text};
	uint8_t hash[KSK_HASH_LEN];
	enum ksk_err err = ksk_journal_stage(journal, &record, hash);
	if (err == KSK_OK)
		err = ksk_journal_commit(journal, fault);
	return err;
}

/* The policy last recorded: its record's body is read again. */
static enum ksk_err
read_policy(struct ksk_journal *journal, struct ksk_fault *fault)
{
	sqlite3_stmt *st = NULL;
	if (sqlite3_prepare_v2(journal->db,
		    "SELECT body FROM record WHERE number ="
		    " (SELECT max(number) FROM policy)",
		    -1, &st, NULL) != SQLITE_OK)
		return fail(journal, fault, "reading the last policy");
	enum ksk_err err = KSK_OK;
	if (sqlite3_step(st) == SQLITE_ROW) {
		struct ksk_span body = ksk_span_of(sqlite3_column_blob(st, 0),
			(size_t)sqlite3_column_bytes(st, 0));
		err = ksk_record_policy_read(
			body, &journal->policy_version, journal->policy_hash);
		journal->has_policy = err == KSK_OK;
		if (err != KSK_OK)
			ksk_fault_set(fault,
				"the journal %s: its last policy record is "
				"damaged: restore it from a backup",
				journal->path);
	}
	(void)sqlite3_finalize(st);
	return err;
}

static enum ksk_err
sync_folder(const char *mark)
{
	char folder[KSK_PATH_CAP];
	size_t len = strlen(mark) - strlen("/new");
	memcpy(folder, mark, len);
	folder[len] = '\0';
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return KSK_ERR_IO;
	enum ksk_err err = fsync(fd) == 0 ? KSK_OK : KSK_ERR_IO;
	(void)close(fd);
	return err;
}

static enum ksk_err
make_new(struct ksk_journal *journal, const char *mark,
	const uint8_t appliance[KSK_ID_LEN], uint64_t now,
	struct ksk_fault *fault)
{
	/* The switch to WAL used a rollback journal. Were its end not durable,
	 * it could come back and roll back all that the WAL holds. */
	enum ksk_err err = sync_folder(mark);
	if (err != KSK_OK) {
		ksk_fault_set(fault, "the folder of %s can't be synced: %s",
			mark, strerror(errno));
		return err;
	}
	/* The tables exist already if an earlier making was cut off. */
	if (number_of(journal, "PRAGMA user_version") == 0)
		err = make_tables(journal, appliance, fault);
	if (err != KSK_OK || (err = check_owner(journal, appliance, fault)) ||
		(err = upgrade(journal, fault)) ||
		(err = prepare(journal, fault)))
		return err;
	if (number_of(journal, "SELECT count(*) FROM record") == 0 &&
		(err = write_first(journal, now, appliance, fault)))
		return err;
	if (unlink(mark) != 0 || sync_folder(mark) != KSK_OK) {
		ksk_fault_set(fault, "the mark %s can't be removed: %s", mark,
			strerror(errno));
		return KSK_ERR_IO;
	}
	return KSK_OK;
}

enum ksk_err
ksk_journal_open(const char *path, const uint8_t appliance[KSK_ID_LEN],
	uint64_t now, struct ksk_journal **out_journal, struct ksk_fault *fault)
{
	char mark[KSK_PATH_CAP];
	bool make = false;
	if (strlen(path) >= KSK_PATH_CAP || !mark_path(path, mark)) {
		ksk_fault_set(fault, "the journal's path is too long");
		return KSK_ERR_BAD_INPUT;
	}
	enum ksk_err err = look(path, mark, &make, fault);
	if (err != KSK_OK)
		return err;

	struct ksk_journal *journal = calloc(1, sizeof(*journal));
	uint8_t *arena = malloc(KSK_ARENA_CAP);
	if (journal == NULL || arena == NULL ||
		ksk_record_hasher_new(&journal->hasher) != KSK_OK) {
		free(journal);
		free(arena);
		ksk_fault_set(fault, "no memory for the journal");
		return KSK_ERR_NO_MEMORY;
	}
	journal->arena = ksk_buf_of(arena, KSK_ARENA_CAP);
	journal->reserve.fd = -1;
	memcpy(journal->path, path, strlen(path) + 1);
	if ((err = open_file(journal, fault)) != KSK_OK)
		goto out;
	/* A damaged file is refused as it is, never upgraded. */
	if (make)
		err = make_new(journal, mark, appliance, now, fault);
	else
		err = check_owner(journal, appliance, fault);
	if (err != KSK_OK ||
		(err = ksk_journal_check_chain(journal, fault)) != KSK_OK ||
		(!make &&
			((err = upgrade(journal, fault)) != KSK_OK ||
				(err = prepare(journal, fault)) != KSK_OK)) ||
		(err = close_intents(journal, now, fault)) != KSK_OK ||
		(err = read_policy(journal, fault)) != KSK_OK)
		goto out;
	*out_journal = journal;
	journal = NULL;
out:
	ksk_journal_close(&journal);
	return err;
}

void
ksk_journal_close(struct ksk_journal **journal)
{
	if (journal == NULL || *journal == NULL)
		return;
	struct ksk_journal *j = *journal;
	(void)sqlite3_finalize(j->begin);
	(void)sqlite3_finalize(j->insert);
	(void)sqlite3_finalize(j->open_from);
	(void)sqlite3_finalize(j->commit);
	for (size_t i = 0; i < j->statement_count; i++)
		(void)sqlite3_finalize(j->statement[i]);
	(void)sqlite3_close(j->db);
	ksk_reserve_close(&j->reserve);
	ksk_record_hasher_free(&j->hasher);
	free(j->arena.data);
	free(j);
	*journal = NULL;
}
