/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_journal - what is durable, and which files are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/signer/journal.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t appliance[KSK_ID_LEN] = "0123456789abcdef";
static const uint8_t other[KSK_ID_LEN] = "fedcba9876543210";

struct place {
	char folder[64], path[96], mark[96];
};

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	assert_non_null(p);
	snprintf(p->folder, sizeof(p->folder), "/tmp/ksk journal.XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	snprintf(p->path, sizeof(p->path), "%s/journal.db", p->folder);
	snprintf(p->mark, sizeof(p->mark), "%s/new", p->folder);
	*state = p;
	return 0;
}

static void
remove_file(const struct place *p, const char *name)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", p->folder, name);
	(void)unlink(path);
}

static int
teardown(void **state)
{
	struct place *p = *state;
	remove_file(p, "journal.db");
	remove_file(p, "journal.db-wal");
	remove_file(p, "journal.db-shm");
	remove_file(p, "new");
	(void)rmdir(p->folder);
	free(p);
	return 0;
}

static void
make_mark(const struct place *p)
{
	int fd = open(p->mark, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static struct ksk_journal *
open_good(const struct place *p)
{
	struct ksk_journal *journal = NULL;
	struct ksk_fault fault = {.text = ""};
	enum ksk_err err = ksk_journal_open(
		p->path, appliance, 1000, &journal, &fault);
	if (err != KSK_OK)
		fail_msg("%s", fault.text);
	return journal;
}

static struct ksk_journal *
open_new(const struct place *p)
{
	make_mark(p);
	return open_good(p);
}

static void
refused(const struct place *p, const uint8_t id[KSK_ID_LEN], enum ksk_err want,
	const char *word)
{
	struct ksk_journal *journal = NULL;
	struct ksk_fault fault = {.text = ""};
	enum ksk_err err = ksk_journal_open(
		p->path, id, 1000, &journal, &fault);
	assert_int_equal(err, want);
	assert_null(journal);
	assert_non_null(strstr(fault.text, word));
	assert_non_null(strstr(fault.text, p->path));
}

static uint64_t
stage(struct ksk_journal *journal, enum ksk_record_kind kind, uint64_t about)
{
	struct ksk_record record = {.time = 1001, .kind = kind};
	if (about != 0) {
		record.has_about = true;
		record.about = about;
	}
	uint8_t hash[KSK_HASH_LEN];
	assert_int_equal(ksk_journal_stage(journal, &record, hash), KSK_OK);
	return record.number;
}

static void
commit(struct ksk_journal *journal)
{
	struct ksk_fault fault = {.text = ""};
	assert_int_equal(ksk_journal_commit(journal, &fault), KSK_OK);
}

static void
test_a_missing_file_is_never_a_fresh_start(void **state)
{
	refused(*state, appliance, KSK_ERR_NOT_FOUND, "kskadm init");
}

static void
test_made_once_with_the_mark(void **state)
{
	struct place *p = *state;
	struct ksk_journal *journal = open_new(p);
	assert_int_equal(ksk_journal_head(journal).number, 0);
	assert_int_not_equal(access(p->mark, F_OK), 0);
	ksk_journal_close(&journal);
	assert_null(journal);
	unlink(p->path);
	refused(p, appliance, KSK_ERR_NOT_FOUND, "kskadm init");
}

static void
test_records_last_and_are_chained(void **state)
{
	struct place *p = *state;
	struct ksk_journal *journal = open_new(p);
	uint64_t intent = stage(journal, KSK_RECORD_INTENT, 0);
	assert_int_equal(intent, 1);
	assert_int_equal(ksk_journal_staged(journal), 1);
	assert_int_equal(ksk_journal_head(journal).number, 0);
	commit(journal);
	assert_int_equal(stage(journal, KSK_RECORD_RESULT, intent), 2);
	commit(journal);
	struct ksk_head head = ksk_journal_head(journal);
	assert_int_equal(head.number, 2);
	ksk_journal_close(&journal);

	journal = open_good(p);
	struct ksk_head again = ksk_journal_head(journal);
	assert_int_equal(again.number, 2);
	assert_memory_equal(again.hash, head.hash, sizeof(head.hash));
	ksk_journal_close(&journal);
}

static void
test_what_is_not_committed_is_not_there(void **state)
{
	struct place *p = *state;
	struct ksk_journal *journal = open_new(p);
	stage(journal, KSK_RECORD_INTENT, 0);
	ksk_journal_close(&journal);
	journal = open_good(p);
	assert_int_equal(ksk_journal_head(journal).number, 0);
	ksk_journal_close(&journal);
}

static void
test_an_open_intent_is_abandoned_at_start(void **state)
{
	struct place *p = *state;
	struct ksk_journal *journal = open_new(p);
	stage(journal, KSK_RECORD_INTENT, 0);
	uint64_t second = stage(journal, KSK_RECORD_INTENT, 0);
	stage(journal, KSK_RECORD_FAILURE, second);
	commit(journal);
	assert_int_equal(ksk_journal_head(journal).number, 3);
	ksk_journal_close(&journal);
	journal = open_good(p);
	assert_int_equal(ksk_journal_head(journal).number, 4);
	ksk_journal_close(&journal);
	journal = open_good(p);
	assert_int_equal(ksk_journal_head(journal).number, 4);
	ksk_journal_close(&journal);
}

static void
test_the_last_policy_is_remembered(void **state)
{
	struct place *p = *state;
	struct ksk_journal *journal = open_new(p);
	uint64_t version;
	uint8_t hash[KSK_HASH_LEN];
	assert_false(ksk_journal_policy(journal, &version, hash));
	for (uint64_t v = 3; v < 5; v++) {
		struct ksk_record record = {.time = 5,
			.kind = KSK_RECORD_POLICY,
			.has_policy = true,
			.policy_version = v};
		memset(record.policy_hash, (int)v, KSK_HASH_LEN);
		assert_int_equal(
			ksk_journal_stage(journal, &record, hash), KSK_OK);
	}
	assert_false(ksk_journal_policy(journal, &version, hash));
	commit(journal);
	assert_true(ksk_journal_policy(journal, &version, hash));
	assert_int_equal(version, 4);
	ksk_journal_close(&journal);
	journal = open_good(p);
	assert_true(ksk_journal_policy(journal, &version, hash));
	assert_int_equal(version, 4);
	assert_int_equal(hash[0], 4);
	ksk_journal_close(&journal);
}

static void
test_another_appliance_is_refused(void **state)
{
	struct place *p = *state;
	struct ksk_journal *journal = open_new(p);
	ksk_journal_close(&journal);
	refused(p, other, KSK_ERR_MALFORMED, "another appliance");
}

static void
test_an_empty_file_is_refused(void **state)
{
	struct place *p = *state;
	int fd = open(p->path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	refused(p, appliance, KSK_ERR_MALFORMED, "empty");
}

static void
test_a_foreign_file_is_refused(void **state)
{
	struct place *p = *state;
	FILE *f = fopen(p->path, "w");
	assert_non_null(f);
	for (int i = 0; i < 1000; i++)
		fputs("this is no database\n", f);
	fclose(f);
	refused(p, appliance, KSK_ERR_MALFORMED, "journal");
	/* A database, but none of ours. */
	unlink(p->path);
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(p->path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "CREATE TABLE x(y)", NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	refused(p, appliance, KSK_ERR_MALFORMED, "no journal");
}

static void
alter(const struct place *p, const char *sql)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(p->path, &db), SQLITE_OK);
	char *error = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s", error);
	sqlite3_close(db);
}

static void
fill(struct ksk_journal *journal)
{
	for (int i = 0; i < 5; i++) {
		uint64_t intent = stage(journal, KSK_RECORD_INTENT, 0);
		stage(journal, KSK_RECORD_RESULT, intent);
	}
	commit(journal);
}

static void
test_changed_dropped_and_swapped_records_are_found(void **state)
{
	static const char *const changes[] = {
		"UPDATE record SET body = x'a0' WHERE number = 3",
		"UPDATE record SET hash = zeroblob(32) WHERE number = 4",
		"DELETE FROM record WHERE number = 5",
		"UPDATE record SET number = 99 WHERE number = 10",
		"UPDATE record SET body = x'a1' WHERE number = 2",
	};
	struct place *p = *state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct ksk_journal *journal = open_new(p);
		fill(journal);
		ksk_journal_close(&journal);
		journal = open_good(p);
		ksk_journal_close(&journal);
		alter(p, changes[i]);
		refused(p, appliance, KSK_ERR_MALFORMED, "damaged");
		remove_file(p, "journal.db");
	}
}

static void
test_a_newer_schema_is_refused(void **state)
{
	struct place *p = *state;
	struct ksk_journal *journal = open_new(p);
	ksk_journal_close(&journal);
	alter(p, "PRAGMA user_version = 5");
	refused(p, appliance, KSK_ERR_MALFORMED, "schema 5");
}

static void
test_a_failed_commit_loses_nothing(void **state)
{
	struct place *p = *state;
	struct ksk_journal *journal = open_new(p);
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	struct rlimit limit, none;
	sigaction(SIGXFSZ, &ignore, &before);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	none = limit;
	none.rlim_cur = 4096;
	uint64_t intent = stage(journal, KSK_RECORD_INTENT, 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	struct ksk_fault fault = {.text = ""};
	enum ksk_err err = ksk_journal_commit(journal, &fault);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	sigaction(SIGXFSZ, &before, NULL);
	assert_true(err == KSK_ERR_NO_ROOM || err == KSK_ERR_IO);
	assert_non_null(strstr(fault.text, p->path));
	assert_int_equal(ksk_journal_staged(journal), 1);
	assert_int_equal(ksk_journal_head(journal).number, 0);
	stage(journal, KSK_RECORD_FAILURE, intent);
	commit(journal);
	assert_int_equal(ksk_journal_head(journal).number, 2);
	ksk_journal_close(&journal);
	journal = open_good(p);
	assert_int_equal(ksk_journal_head(journal).number, 2);
	ksk_journal_close(&journal);
}

/* Nothing is recorded while it is away, and nothing is lost when it is back. */
static void
check_away(const char *path, struct ksk_journal *journal)
{
	const uint64_t head = ksk_journal_head(journal).number;
	struct ksk_fault fault = {.text = ""};
	char kept[128];
	int fd;
	snprintf(kept, sizeof(kept), "%s.kept", path);
	stage(journal, KSK_RECORD_INTENT, 0);
	assert_int_equal(rename(path, kept), 0);
	assert_int_equal(ksk_journal_commit(journal, &fault), KSK_ERR_IO);
	assert_non_null(strstr(fault.text, path));
	assert_non_null(strstr(fault.text, "removed or replaced"));
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(ksk_journal_commit(journal, &fault), KSK_ERR_IO);
	assert_int_equal(ksk_journal_head(journal).number, head);
	assert_int_equal(rename(kept, path), 0);
	commit(journal);
	assert_int_equal(ksk_journal_head(journal).number, head + 1);
}

static void
test_a_file_that_is_taken_away(void **state)
{
	struct place *p = *state;
	struct ksk_journal *journal = open_new(p);
	char log[128];
	snprintf(log, sizeof(log), "%s-wal", p->path);
	commit(journal);
	check_away(p->path, journal);
	check_away(log, journal);
	ksk_journal_close(&journal);
	journal = open_good(p);
	assert_true(ksk_journal_head(journal).number >= 2);
	ksk_journal_close(&journal);
}

static void
test_what_is_no_regular_file_is_refused(void **state)
{
	struct place *p = *state;
	char kept[128];
	assert_int_equal(mkdir(p->path, 0700), 0);
	refused(p, appliance, KSK_ERR_IO, "a folder");
	assert_int_equal(rmdir(p->path), 0);
	assert_int_equal(mkfifo(p->path, 0600), 0);
	refused(p, appliance, KSK_ERR_IO, "regular file");
	assert_int_equal(unlink(p->path), 0);
	struct ksk_journal *journal = open_new(p);
	ksk_journal_close(&journal);
	snprintf(kept, sizeof(kept), "%s.kept", p->path);
	assert_int_equal(rename(p->path, kept), 0);
	assert_int_equal(symlink(kept, p->path), 0);
	refused(p, appliance, KSK_ERR_IO, "a symbolic link");
	assert_int_equal(rename(kept, p->path), 0);
	journal = open_good(p);
	ksk_journal_close(&journal);
}

static void
test_staging_has_an_end(void **state)
{
	struct ksk_journal *journal = open_new(*state);
	struct ksk_record record = {.time = 1, .kind = KSK_RECORD_REFUSAL};
	uint8_t hash[KSK_HASH_LEN];
	enum ksk_err err = KSK_OK;
	size_t count = 0;
	while ((err = ksk_journal_stage(journal, &record, hash)) == KSK_OK)
		count++;
	assert_int_equal(err, KSK_ERR_NO_ROOM);
	assert_true(count >= 256);
	assert_int_equal(ksk_journal_staged(journal), count);
	commit(journal);
	assert_int_equal(ksk_journal_head(journal).number, count);
	ksk_journal_close(&journal);
}

/* ---- schema 1 ---- */

/* What the program of schema 1 left: its tables, and records that this one
 * chained, with intent 2 open. */
static void
make_schema_1(const struct place *p)
{
	struct ksk_journal *journal = open_new(p);
	uint64_t first = stage(journal, KSK_RECORD_INTENT, 0);
	stage(journal, KSK_RECORD_INTENT, 0);
	stage(journal, KSK_RECORD_RESULT, first);
	commit(journal);
	ksk_journal_close(&journal);
	alter(p,
		"CREATE TABLE old(id INTEGER PRIMARY KEY CHECK(id = 1),"
		" appliance BLOB NOT NULL);"
		"INSERT INTO old SELECT id, appliance FROM meta;"
		"DROP TABLE meta; ALTER TABLE old RENAME TO meta;"
		"DROP TABLE timeline; DROP TABLE idempotency;"
		"DROP TABLE checkpoint; DROP TABLE state;"
		"DROP TABLE announced;"
		"DROP TABLE document;"
		"CREATE TABLE open_intent(number INTEGER PRIMARY KEY);"
		"INSERT INTO open_intent VALUES(2);"
		"PRAGMA user_version = 1;");
}

static void
test_schema_1_is_upgraded(void **state)
{
	struct place *p = *state;
	make_schema_1(p);
	struct ksk_journal *journal = open_good(p);
	/* BEGIN, two intents, one result, and the other's end. */
	assert_int_equal(ksk_journal_head(journal).number, 4);
	uint8_t id[KSK_ID_LEN];
	memcpy(id, ksk_journal_id(journal), sizeof(id));
	assert_int_equal(
		ksk_journal_state_set(journal, "x", ksk_span_of("y", 1)),
		KSK_OK);
	commit(journal);
	ksk_journal_close(&journal);
	journal = open_good(p);
	assert_memory_equal(ksk_journal_id(journal), id, sizeof(id));
	assert_int_equal(ksk_journal_head(journal).number, 4);
	ksk_journal_close(&journal);
}

static bool
count_any(void *ctx, const struct ksk_value *column, size_t column_count)
{
	(void)column;
	assert_int_equal(column_count, 1);
	(*(size_t *)ctx)++;
	return true;
}

/* Version 3 adds a table and touches nothing else. */
static void
test_schema_2_is_upgraded(void **state)
{
	struct place *p = *state;
	struct ksk_journal *journal = open_new(p);
	struct ksk_fault fault = {.text = ""};
	uint8_t id[KSK_ID_LEN];
	size_t count = 0;
	fill(journal);
	struct ksk_head head = ksk_journal_head(journal);
	memcpy(id, ksk_journal_id(journal), sizeof(id));
	ksk_journal_close(&journal);
	alter(p,
		"DROP TABLE announced; DROP TABLE document;"
		"PRAGMA user_version = 2;");
	for (size_t i = 0; i < 2; i++) {
		journal = open_good(p);
		assert_memory_equal(ksk_journal_id(journal), id, sizeof(id));
		assert_true(ksk_journal_head(journal).number >= head.number);
		assert_int_equal(
			ksk_journal_query(journal, "SELECT zone FROM announced",
				NULL, 0, count_any, &count, &fault),
			KSK_OK);
		assert_int_equal(count, 0);
		ksk_journal_close(&journal);
	}
	alter(p,
		"DROP TABLE announced; DROP TABLE document;"
		"PRAGMA user_version = 2;");
	refused(p, other, KSK_ERR_MALFORMED, "another appliance");
}

static void
test_schema_3_is_upgraded(void **state)
{
	struct place *p = *state;
	struct ksk_journal *journal = open_new(p);
	uint8_t id[KSK_ID_LEN];
	size_t statement;
	struct ksk_fault fault = {.text = ""};
	memcpy(id, ksk_journal_id(journal), sizeof(id));
	ksk_journal_close(&journal);
	alter(p, "DROP TABLE document; PRAGMA user_version = 3;");
	journal = open_good(p);
	assert_memory_equal(ksk_journal_id(journal), id, sizeof(id));
	assert_int_equal(ksk_journal_statement(journal,
				 "INSERT INTO document VALUES(?, ?, ?)",
				 &statement, &fault),
		KSK_OK);
	ksk_journal_close(&journal);
	/* A name that is taken: the upgrade is all or nothing. */
	alter(p, "PRAGMA user_version = 3;");
	refused(p, appliance, KSK_ERR_IO, "making its tables");
}

static void
test_a_damaged_schema_1_is_not_upgraded(void **state)
{
	struct place *p = *state;
	make_schema_1(p);
	alter(p, "UPDATE record SET hash = zeroblob(32) WHERE number = 2");
	refused(p, appliance, KSK_ERR_MALFORMED, "damaged");
	alter(p, "INSERT INTO open_intent VALUES(7)"); /* still there */
	refused(p, other, KSK_ERR_MALFORMED, "another appliance");
}

/* ---- rows with records ---- */

static bool
count_row(void *ctx, const struct ksk_value *column, size_t column_count)
{
	size_t *count = ctx;
	assert_int_equal(column_count, 2);
	assert_int_equal(column[0].kind, KSK_VALUE_BYTES);
	assert_int_equal(column[1].kind, KSK_VALUE_BYTES);
	(*count)++;
	return true;
}

static size_t
count_timelines(struct ksk_journal *journal)
{
	size_t count = 0;
	struct ksk_fault fault = {.text = ""};
	assert_int_equal(
		ksk_journal_query(journal, "SELECT zone, body FROM timeline",
			NULL, 0, count_row, &count, &fault),
		KSK_OK);
	return count;
}

static size_t
timeline_statement(struct ksk_journal *journal)
{
	size_t statement = 0;
	struct ksk_fault fault = {.text = ""};
	assert_int_equal(ksk_journal_statement(journal,
				 "INSERT INTO timeline VALUES(?, 0, ?)",
				 &statement, &fault),
		KSK_OK);
	assert_int_equal(
		ksk_journal_statement(journal, "INSERT INTO nowhere VALUES(?)",
			&statement, &fault),
		KSK_ERR_IO);
	assert_non_null(strstr(fault.text, "nowhere"));
	return statement;
}

static enum ksk_err
stage_timeline(struct ksk_journal *journal, size_t statement, const char *zone)
{
	const struct ksk_value values[] = {
		{.kind = KSK_VALUE_BYTES,
			.bytes = ksk_span_of(zone, strlen(zone))},
		{.kind = KSK_VALUE_BYTES, .bytes = {0}},
	};
	return ksk_journal_stage_row(journal, statement, values, 2);
}

static void
test_rows_are_written_with_their_records(void **state)
{
	struct place *p = *state;
	struct ksk_journal *journal = open_new(p);
	size_t statement = timeline_statement(journal);
	assert_true(ksk_journal_has_room(journal, 2, 100));
	stage(journal, KSK_RECORD_INTENT, 0);
	assert_int_equal(stage_timeline(journal, statement, "a"), KSK_OK);
	assert_int_equal(stage_timeline(journal, statement, "b"), KSK_OK);
	assert_int_equal(ksk_journal_staged(journal), 3);
	assert_int_equal(count_timelines(journal), 0);
	commit(journal);
	assert_int_equal(ksk_journal_staged(journal), 0);
	assert_int_equal(count_timelines(journal), 2);
	/* What is not committed is lost with its record. */
	stage(journal, KSK_RECORD_INTENT, 0);
	assert_int_equal(stage_timeline(journal, statement, "c"), KSK_OK);
	ksk_journal_close(&journal);
	journal = open_good(p);
	assert_int_equal(count_timelines(journal), 2);
	ksk_journal_close(&journal);
}

static void
test_a_staged_row_takes_other_values(void **state)
{
	struct place *p = *state;
	struct ksk_journal *journal = open_new(p);
	size_t statement = timeline_statement(journal);
	struct ksk_value values[] = {
		{.kind = KSK_VALUE_BYTES, .bytes = ksk_span_of("zone", 4)},
		{.kind = KSK_VALUE_BYTES, .bytes = ksk_span_of("body", 4)},
	};
	stage(journal, KSK_RECORD_INTENT, 0);
	assert_int_equal(ksk_journal_rows(journal), 0);
	assert_int_equal(
		ksk_journal_stage_row(journal, statement, values, 2), KSK_OK);
	assert_int_equal(stage_timeline(journal, statement, "b"), KSK_OK);
	assert_int_equal(ksk_journal_rows(journal), 2);
	/* What is longer does not fit: nothing changes. */
	values[0].bytes = ksk_span_of("other", 5);
	assert_false(ksk_journal_restage_row(journal, 0, values, 2));
	/* As long, and shorter; with the old name it would clash. */
	values[0].bytes = ksk_span_of("b", 1);
	assert_true(ksk_journal_restage_row(journal, 0, values, 2));
	values[0].bytes = ksk_span_of("c", 1);
	assert_true(ksk_journal_restage_row(journal, 0, values, 2));
	assert_int_equal(ksk_journal_rows(journal), 2);
	commit(journal);
	assert_int_equal(count_timelines(journal), 2);
	assert_int_equal(ksk_journal_rows(journal), 0);
	/* Both names are taken, the first one that was staged is not. */
	stage(journal, KSK_RECORD_INTENT, 0);
	assert_int_equal(stage_timeline(journal, statement, "zone"), KSK_OK);
	commit(journal);
	stage(journal, KSK_RECORD_INTENT, 0);
	assert_int_equal(stage_timeline(journal, statement, "c"), KSK_OK);
	struct ksk_fault fault = {.text = ""};
	assert_int_not_equal(ksk_journal_commit(journal, &fault), KSK_OK);
	ksk_journal_close(&journal);
}

static void
test_a_row_that_fails_takes_all_back(void **state)
{
	struct place *p = *state;
	struct ksk_journal *journal = open_new(p);
	size_t statement = timeline_statement(journal);
	stage(journal, KSK_RECORD_INTENT, 0);
	assert_int_equal(stage_timeline(journal, statement, "a"), KSK_OK);
	assert_int_equal(stage_timeline(journal, statement, "a"), KSK_OK);
	struct ksk_fault fault = {.text = ""};
	assert_int_not_equal(ksk_journal_commit(journal, &fault), KSK_OK);
	assert_int_equal(ksk_journal_staged(journal), 3);
	assert_int_equal(ksk_journal_head(journal).number, 0);
	assert_int_equal(count_timelines(journal), 0);
	ksk_journal_close(&journal);
}

static void
test_rows_have_an_end(void **state)
{
	struct ksk_journal *journal = open_new(*state);
	size_t statement = timeline_statement(journal);
	char zone[16];
	size_t count = 0;
	enum ksk_err err = KSK_OK;
	do {
		snprintf(zone, sizeof(zone), "%zu", count);
		err = stage_timeline(journal, statement, zone);
	} while (err == KSK_OK && ++count < 100000);
	assert_int_equal(err, KSK_ERR_NO_ROOM);
	assert_false(ksk_journal_has_room(journal, 1, 0));
	commit(journal);
	assert_true(ksk_journal_has_room(journal, 1, 0));
	assert_false(ksk_journal_has_room(journal, 1, (size_t)1 << 30));
	assert_int_equal(count_timelines(journal), count);
	ksk_journal_close(&journal);
}

static void
test_small_things_are_kept_by_name(void **state)
{
	struct place *p = *state;
	struct ksk_journal *journal = open_new(p);
	struct ksk_fault fault = {.text = ""};
	uint8_t room[8];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	assert_int_equal(ksk_journal_state_get(journal, "a", &buf, &fault),
		KSK_ERR_NOT_FOUND);
	assert_int_equal(
		ksk_journal_state_set(journal, "a", ksk_span_of("one", 3)),
		KSK_OK);
	commit(journal);
	assert_int_equal(
		ksk_journal_state_set(journal, "a", ksk_span_of("second", 6)),
		KSK_OK);
	commit(journal);
	ksk_journal_close(&journal);
	journal = open_good(p);
	assert_int_equal(
		ksk_journal_state_get(journal, "a", &buf, &fault), KSK_OK);
	assert_int_equal(buf.len, 6);
	assert_memory_equal(room, "second", 6);
	assert_int_equal(ksk_journal_state_get(journal, "a", &buf, &fault),
		KSK_ERR_NO_ROOM);
	assert_int_equal(buf.len, 6);
	ksk_journal_close(&journal);
}

/* An intent stays open over more records than are looked through anew. */
static void
test_an_old_open_intent_is_still_found(void **state)
{
	struct place *p = *state;
	struct ksk_journal *journal = open_new(p);
	for (int i = 0; i < 2000; i++) {
		uint64_t intent = stage(journal, KSK_RECORD_INTENT, 0);
		stage(journal, KSK_RECORD_RESULT, intent);
		if (i % 100 == 99)
			commit(journal);
	}
	uint64_t lasting = stage(journal, KSK_RECORD_INTENT, 0);
	for (int i = 0; i < 2000; i++) {
		uint64_t intent = stage(journal, KSK_RECORD_INTENT, 0);
		stage(journal, KSK_RECORD_FAILURE, intent);
		if (i % 100 == 99)
			commit(journal);
	}
	commit(journal);
	assert_int_equal(ksk_journal_open_from(journal), lasting);
	uint64_t head = ksk_journal_head(journal).number;
	ksk_journal_close(&journal);
	journal = open_good(p);
	assert_int_equal(ksk_journal_head(journal).number, head + 1);
	assert_int_equal(ksk_journal_open_from(journal), head + 2);
	ksk_journal_close(&journal);
}

static void
test_a_journal_made_anew_has_another_id(void **state)
{
	struct place *p = *state;
	struct ksk_journal *journal = open_new(p);
	uint8_t id[KSK_ID_LEN];
	memcpy(id, ksk_journal_id(journal), sizeof(id));
	ksk_journal_close(&journal);
	remove_file(p, "journal.db");
	journal = open_new(p);
	assert_memory_not_equal(ksk_journal_id(journal), id, sizeof(id));
	ksk_journal_close(&journal);
	alter(p, "UPDATE meta SET journal_id = x''");
	refused(p, appliance, KSK_ERR_MALFORMED, "id");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_missing_file_is_never_a_fresh_start),
		TEST(test_made_once_with_the_mark),
		TEST(test_records_last_and_are_chained),
		TEST(test_what_is_not_committed_is_not_there),
		TEST(test_an_open_intent_is_abandoned_at_start),
		TEST(test_the_last_policy_is_remembered),
		TEST(test_another_appliance_is_refused),
		TEST(test_an_empty_file_is_refused),
		TEST(test_a_foreign_file_is_refused),
		TEST(test_changed_dropped_and_swapped_records_are_found),
		TEST(test_a_newer_schema_is_refused),
		TEST(test_a_failed_commit_loses_nothing),
		TEST(test_a_file_that_is_taken_away),
		TEST(test_what_is_no_regular_file_is_refused),
		TEST(test_staging_has_an_end),
		TEST(test_schema_1_is_upgraded),
		TEST(test_schema_2_is_upgraded),
		TEST(test_schema_3_is_upgraded),
		TEST(test_a_damaged_schema_1_is_not_upgraded),
		TEST(test_rows_are_written_with_their_records),
		TEST(test_a_staged_row_takes_other_values),
		TEST(test_a_row_that_fails_takes_all_back),
		TEST(test_rows_have_an_end),
		TEST(test_small_things_are_kept_by_name),
		TEST(test_an_old_open_intent_is_still_found),
		TEST(test_a_journal_made_anew_has_another_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
