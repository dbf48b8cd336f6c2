/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_fixture - a new journal in a folder of its own, for tests of what is
 * kept in it. The state of a test is a struct ksk_test_journal.
 */
#ifndef KSK_TESTS_JOURNAL_FIXTURE_H
#define KSK_TESTS_JOURNAL_FIXTURE_H

#include "appliance/signer/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ksk_test_journal {
	char folder[64], path[96];
	struct ksk_journal *journal;
	struct ksk_fault fault;
};

static const uint8_t test_appliance[KSK_ID_LEN] = "0123456789abcdef";

static void
journal_reopen(struct ksk_test_journal *t)
{
	ksk_journal_close(&t->journal);
	if (ksk_journal_open(t->path, test_appliance, 1790000000, &t->journal,
		    &t->fault) != KSK_OK)
		fail_msg("%s", t->fault.text);
}

static void
journal_commit(struct ksk_test_journal *t)
{
	assert_int_equal(ksk_journal_commit(t->journal, &t->fault), KSK_OK);
}

static int
journal_setup(void **state)
{
	struct ksk_test_journal *t = calloc(1, sizeof(*t));
	char mark[96];
	int fd;

	assert_non_null(t);
	snprintf(t->folder, sizeof(t->folder), "/tmp/ksk unit.XXXXXX");
	assert_non_null(mkdtemp(t->folder));
	snprintf(t->path, sizeof(t->path), "%s/journal.db", t->folder);
	snprintf(mark, sizeof(mark), "%s/new", t->folder);
	fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	journal_reopen(t);
	*state = t;
	return 0;
}

static int
journal_teardown(void **state)
{
	static const char *const names[] = {
		"journal.db", "journal.db-wal", "journal.db-shm", "new"};
	struct ksk_test_journal *t = *state;
	char path[128];

	ksk_journal_close(&t->journal);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", t->folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(t->folder);
	free(t);
	return 0;
}

#define WITH_JOURNAL(name) \
	cmocka_unit_test_setup_teardown(name, journal_setup, journal_teardown)

#endif
