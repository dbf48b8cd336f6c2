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
	alter(p, "PRAGMA user_version = 2");
	refused(p, appliance, KSK_ERR_MALFORMED, "schema 2");
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
		TEST(test_staging_has_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
