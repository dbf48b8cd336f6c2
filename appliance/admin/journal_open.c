/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_open - opens the journal's file to look at it. Contract:
 * journal_check.h
 *
 * SQLite reads a journal in WAL mode only if it may take locks in it, so the
 * file is opened for writing and told to write nothing: what a crash left in
 * the log beside it is read, and stays there.
 */
#include "appliance/admin/journal_check.h"
#include "protocol/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static enum ksk_err
fail(const struct ksk_check *check, struct ksk_fault *fault)
{
	int code = sqlite3_errcode(check->db);

	if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
		ksk_fault_set(fault,
			"%s: it is in use: stop kskd first, or check a copy",
			check->path);
		return KSK_ERR_AGAIN;
	}
	ksk_fault_set(fault, "%s: %s", check->path, sqlite3_errmsg(check->db));
	return code == SQLITE_NOTADB || code == SQLITE_CORRUPT
		? KSK_ERR_MALFORMED
		: KSK_ERR_IO;
}

enum ksk_err
ksk_check_query(struct ksk_check *check, const char *sql,
	sqlite3_stmt **out_statement, struct ksk_fault *fault)
{
	if (sqlite3_prepare_v2(check->db, sql, -1, out_statement, NULL) ==
		SQLITE_OK)
		return KSK_OK;
	return fail(check, fault);
}

enum ksk_err
ksk_check_row(struct ksk_check *check, sqlite3_stmt *statement,
	struct ksk_fault *fault)
{
	switch (sqlite3_step(statement)) {
	case SQLITE_ROW:
		return KSK_OK;
	case SQLITE_DONE:
		return KSK_ERR_NOT_FOUND;
	default:
		return fail(check, fault);
	}
}

uint64_t
ksk_check_number(sqlite3_stmt *statement, int column)
{
	return (uint64_t)sqlite3_column_int64(statement, column);
}

struct ksk_span
ksk_check_bytes(sqlite3_stmt *statement, int column)
{
	const void *data = sqlite3_column_blob(statement, column);
	return ksk_span_of(
		data, (size_t)sqlite3_column_bytes(statement, column));
}

static enum ksk_err
look(const struct ksk_check *check, struct ksk_fault *fault)
{
	struct stat st;

	if (stat(check->path, &st) != 0) {
		ksk_fault_set(fault, "%s: %s", check->path, strerror(errno));
		return errno == ENOENT ? KSK_ERR_NOT_FOUND : KSK_ERR_IO;
	}
	if (!S_ISREG(st.st_mode) || st.st_size == 0) {
		ksk_fault_set(
			fault, "%s: it is empty, or no file", check->path);
		return KSK_ERR_MALFORMED;
	}
	return KSK_OK;
}

static enum ksk_err
read_version(
	struct ksk_check *check, uint64_t *out_version, struct ksk_fault *fault)
{
	sqlite3_stmt *st = NULL;
	enum ksk_err err = ksk_check_query(
		check, "PRAGMA user_version", &st, fault);

	if (err == KSK_OK && (err = ksk_check_row(check, st, fault)) == KSK_OK)
		*out_version = ksk_check_number(st, 0);
	(void)sqlite3_finalize(st);
	return err;
}

static enum ksk_err
refuse_version(const struct ksk_check *check, uint64_t version,
	struct ksk_fault *fault)
{
	ksk_fault_set(fault,
		"%s: no journal of this version (schema %llu, this program "
		"knows %d)",
		check->path, (unsigned long long)version, KSK_CHECK_SCHEMA);
	return KSK_ERR_MALFORMED;
}

/* Whose journal it is. */
static enum ksk_err
read_meta(struct ksk_check *check, struct ksk_fault *fault)
{
	sqlite3_stmt *st = NULL;
	enum ksk_err err = ksk_check_query(check,
		"SELECT appliance, journal_id, open_from FROM meta", &st,
		fault);

	if (err == KSK_OK &&
		(err = ksk_check_row(check, st, fault)) == KSK_OK) {
		struct ksk_span appliance = ksk_check_bytes(st, 0);
		struct ksk_span journal = ksk_check_bytes(st, 1);
		check->open_from = ksk_check_number(st, 2);
		if (appliance.len != KSK_ID_LEN || journal.len != KSK_ID_LEN) {
			err = KSK_ERR_NOT_FOUND;
		} else {
			memcpy(check->appliance, appliance.data, KSK_ID_LEN);
			memcpy(check->journal, journal.data, KSK_ID_LEN);
		}
	}
	(void)sqlite3_finalize(st);
	if (err != KSK_ERR_NOT_FOUND)
		return err;
	ksk_fault_set(
		fault, "%s: it does not say whose journal it is", check->path);
	return KSK_ERR_MALFORMED;
}

/* Where it begins, since older records were pruned. */
static enum ksk_err
read_oldest(struct ksk_check *check, struct ksk_fault *fault)
{
	sqlite3_stmt *st = NULL;
	enum ksk_err err = ksk_check_query(check,
		"SELECT value FROM state WHERE name = 'pruned'", &st, fault);

	if (err == KSK_OK &&
		(err = ksk_check_row(check, st, fault)) == KSK_OK) {
		struct ksk_wire w = ksk_wire_of(ksk_check_bytes(st, 0));
		check->oldest = ksk_wire_u64(&w) + 1;
		ksk_wire_copy(&w, check->before, KSK_HASH_LEN);
		err = ksk_wire_end(&w);
		if (err != KSK_OK || check->oldest == 0) {
			ksk_fault_set(fault,
				"%s: it does not say where it was pruned",
				check->path);
			err = KSK_ERR_MALFORMED;
		}
	}
	(void)sqlite3_finalize(st);
	return err == KSK_ERR_NOT_FOUND ? KSK_OK : err;
}

/* Each page, each index: what SQLite itself can find. */
static enum ksk_err
check_file(struct ksk_check *check, struct ksk_fault *fault)
{
	sqlite3_stmt *st = NULL;
	enum ksk_err err = ksk_check_query(
		check, "PRAGMA integrity_check(1)", &st, fault);

	if (err == KSK_OK &&
		(err = ksk_check_row(check, st, fault)) == KSK_OK) {
		struct ksk_span said = ksk_check_bytes(st, 0);
		if (!ksk_span_equal(said, ksk_span_of("ok", 2))) {
			ksk_fault_set(fault, "%s: the file is damaged: %.*s",
				check->path,
				(int)(said.len < 300 ? said.len : 300),
				(const char *)said.data);
			err = KSK_ERR_MALFORMED;
		}
	}
	(void)sqlite3_finalize(st);
	return err;
}

/* Each byte of a path in three, and what stands around them. */
#define URI_CAP (3u * KSK_PATH_CAP + 32u)

/* A name that SQLite opens as a file that nobody changes, with no lock and no
 * log beside it. */
static void
immutable_uri(const char *path, char out[URI_CAP])
{
	size_t len = (size_t)snprintf(out, URI_CAP, "file:");

	for (const char *p = path; *p != '\0' && len < URI_CAP - 32; p++)
		len += (size_t)snprintf(
			out + len, 4, "%%%02x", (unsigned)(unsigned char)*p);
	(void)snprintf(out + len, URI_CAP - len, "?immutable=1");
}

static bool
has_log(const char *path)
{
	char log[KSK_PATH_CAP + 8];
	struct stat st;

	(void)snprintf(log, sizeof(log), "%s-wal", path);
	return lstat(log, &st) == 0;
}

/* still: leave no log behind where there is none. Then another one that has the
 * file open would not be noticed: the caller knows that there is none. */
static enum ksk_err
open_file(struct ksk_check *check, bool still, struct ksk_fault *fault)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	char uri[URI_CAP];
	const char *name = check->path;
	enum ksk_err err = look(check, fault);

	if (err != KSK_OK)
		return err;
	if (still && !has_log(check->path)) {
		immutable_uri(check->path, uri);
		name = uri;
		flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI |
			SQLITE_OPEN_NOMUTEX;
	}
	if (sqlite3_open_v2(name, &check->db, flags, NULL) != SQLITE_OK ||
		/* What was written stays where it is when this ends. */
		sqlite3_db_config(check->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
			1, NULL) != SQLITE_OK ||
		/* As the signer has it: no index file beside the log. */
		sqlite3_exec(check->db,
			"PRAGMA locking_mode = EXCLUSIVE;"
			"PRAGMA query_only = ON;"
			"PRAGMA trusted_schema = OFF;"
			"BEGIN;"
			"SELECT count(*) FROM sqlite_schema;",
			NULL, NULL, NULL) != SQLITE_OK)
		return fail(check, fault);
	return KSK_OK;
}

enum ksk_err
ksk_check_open(struct ksk_check *check, struct ksk_fault *fault)
{
	uint64_t version = 0;
	enum ksk_err err;

	if ((err = open_file(check, false, fault)) != KSK_OK ||
		(err = check_file(check, fault)) != KSK_OK ||
		(err = read_version(check, &version, fault)) != KSK_OK)
		return err;
	if (version != KSK_CHECK_SCHEMA)
		return refuse_version(check, version, fault);
	err = read_meta(check, fault);
	return err == KSK_OK ? read_oldest(check, fault) : err;
}

enum ksk_err
ksk_check_peek(
	struct ksk_check *check, uint64_t *out_version, struct ksk_fault *fault)
{
	uint64_t version = 0;
	enum ksk_err err;

	if ((err = open_file(check, true, fault)) != KSK_OK ||
		(err = read_version(check, &version, fault)) != KSK_OK)
		return err;
	if (version == 0 || version > KSK_CHECK_SCHEMA)
		return refuse_version(check, version, fault);
	err = version == KSK_CHECK_SCHEMA ? read_meta(check, fault) : KSK_OK;
	if (err == KSK_OK)
		*out_version = version;
	return err;
}

void
ksk_check_close(struct ksk_check *check)
{
	ksk_chain_free(&check->chain);
	(void)sqlite3_close(check->db);
	check->db = NULL;
}
