/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store - durable commits alone, without what the journal does around them:
 * the floor below which no appliance that keeps its promises can get.
 */
#include "tests/bench/bench.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

/* An intent or a result of a set with three keys. */
#define RECORD_LEN 450

struct bench_store {
	sqlite3 *db;
	sqlite3_stmt *begin, *insert, *commit;
	sqlite3_int64 next;
	unsigned char record[RECORD_LEN];
	unsigned char hash[32];
};

static void
must(struct bench_store *s, int got, int want)
{
	if (got != want)
		bench_fail("sqlite: %s", sqlite3_errmsg(s->db));
}

static sqlite3_stmt *
prepare(struct bench_store *s, const char *sql)
{
	sqlite3_stmt *statement = NULL;

	must(s,
		sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
			&statement, NULL),
		SQLITE_OK);
	return statement;
}

void
bench_store_open(const char *path, struct bench_store **out_store)
{
	struct bench_store *s = calloc(1, sizeof(*s));

	if (s == NULL)
		bench_fail("no memory");
	must(s, sqlite3_open(path, &s->db), SQLITE_OK);
	must(s,
		sqlite3_exec(s->db,
			"PRAGMA locking_mode=EXCLUSIVE;"
			"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
			"CREATE TABLE record (number INTEGER PRIMARY KEY,"
			" time INTEGER NOT NULL, kind INTEGER NOT NULL,"
			" body BLOB NOT NULL, hash BLOB NOT NULL);",
			NULL, NULL, NULL),
		SQLITE_OK);
	s->begin = prepare(s, "BEGIN IMMEDIATE");
	s->insert = prepare(s, "INSERT INTO record VALUES (?, ?, ?, ?, ?)");
	s->commit = prepare(s, "COMMIT");
	memset(s->record, 0x5a, sizeof(s->record));
	*out_store = s;
}

static void
run(struct bench_store *s, sqlite3_stmt *statement)
{
	must(s, sqlite3_step(statement), SQLITE_DONE);
	must(s, sqlite3_reset(statement), SQLITE_OK);
}

static void
insert(struct bench_store *s)
{
	s->next++;
	must(s, sqlite3_bind_int64(s->insert, 1, s->next), SQLITE_OK);
	must(s, sqlite3_bind_int64(s->insert, 2, s->next), SQLITE_OK);
	must(s, sqlite3_bind_int64(s->insert, 3, 1), SQLITE_OK);
	must(s,
		sqlite3_bind_blob(
			s->insert, 4, s->record, RECORD_LEN, SQLITE_STATIC),
		SQLITE_OK);
	must(s,
		sqlite3_bind_blob(
			s->insert, 5, s->hash, sizeof(s->hash), SQLITE_STATIC),
		SQLITE_OK);
	run(s, s->insert);
}

void
bench_store_commit(struct bench_store *store, unsigned records)
{
	run(store, store->begin);
	for (unsigned i = 0; i < records; i++)
		insert(store);
	run(store, store->commit);
}
