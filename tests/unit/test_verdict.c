/* SPDX-License-Identifier: BSD-2-Clause */
/* test_verdict - what was found of a policy, over ends of the signer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/signer/verdict.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ZONES 19u

static const uint8_t id[KSK_ID_LEN] = "0123456789abcdef";

struct world {
	char folder[64], path[96];
	struct ksk_journal *journal;
	uint8_t held[ZONES + 8];
	struct ksk_inforce policy;
};

/* As a start does; what is staged and not committed is lost. */
static void
open_again(struct world *w)
{
	struct ksk_fault fault = {.text = ""};

	ksk_journal_close(&w->journal);
	if (ksk_journal_open(w->path, id, 1000, &w->journal, &fault) != KSK_OK)
		fail_msg("%s", fault.text);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char mark[96];
	int fd;

	assert_non_null(w);
	snprintf(w->folder, sizeof(w->folder), "/tmp/ksk verdict.XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	snprintf(w->path, sizeof(w->path), "%s/journal.db", w->folder);
	snprintf(mark, sizeof(mark), "%s/new", w->folder);
	fd = open(mark, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	open_again(w);
	w->policy.held = w->held;
	w->policy.table.zone_count = ZONES;
	memset(w->policy.table.hash, 1, KSK_HASH_LEN);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	static const char *const names[] = {
		"journal.db", "journal.db-wal", "journal.db-shm", "new"};
	struct world *w = *state;

	ksk_journal_close(&w->journal);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s/%s", w->folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(w->folder);
	free(w);
	return 0;
}

static void
commit(struct world *w)
{
	struct ksk_fault fault = {.text = ""};

	assert_int_equal(ksk_journal_commit(w->journal, &fault), KSK_OK);
}

static enum ksk_err
recall(struct world *w, enum ksk_verdict which)
{
	struct ksk_fault fault = {.text = ""};

	memset(w->held, 0, sizeof(w->held));
	return ksk_verdict_recall(w->journal, which, &w->policy, &fault);
}

static void
test_kept(void **state)
{
	struct world *w = *state;

	assert_int_equal(recall(w, KSK_VERDICT_AHEAD), KSK_ERR_NOT_FOUND);
	w->held[0] = w->held[9] = w->held[ZONES - 1] = 1;
	assert_int_equal(
		ksk_verdict_keep(w->journal, KSK_VERDICT_AHEAD, &w->policy),
		KSK_OK);
	open_again(w);
	assert_int_equal(recall(w, KSK_VERDICT_AHEAD), KSK_ERR_NOT_FOUND);

	w->held[0] = w->held[9] = w->held[ZONES - 1] = 1;
	assert_int_equal(
		ksk_verdict_keep(w->journal, KSK_VERDICT_AHEAD, &w->policy),
		KSK_OK);
	commit(w);
	open_again(w);
	assert_int_equal(recall(w, KSK_VERDICT_IN_FORCE), KSK_ERR_NOT_FOUND);
	assert_int_equal(recall(w, KSK_VERDICT_AHEAD), KSK_OK);
	for (size_t z = 0; z < ZONES; z++)
		assert_int_equal(
			w->held[z], z == 0 || z == 9 || z == ZONES - 1);

	/* One that holds nothing, and another policy. */
	memset(w->held, 0, sizeof(w->held));
	assert_int_equal(
		ksk_verdict_keep(w->journal, KSK_VERDICT_AHEAD, &w->policy),
		KSK_OK);
	commit(w);
	assert_int_equal(recall(w, KSK_VERDICT_AHEAD), KSK_OK);
	assert_null(memchr(w->held, 1, ZONES));
	w->policy.table.hash[31] ^= 1;
	assert_int_equal(recall(w, KSK_VERDICT_AHEAD), KSK_ERR_NOT_FOUND);
}

static void
test_dropped(void **state)
{
	struct world *w = *state;

	assert_int_equal(
		ksk_verdict_keep(w->journal, KSK_VERDICT_IN_FORCE, &w->policy),
		KSK_OK);
	assert_int_equal(
		ksk_verdict_keep(w->journal, KSK_VERDICT_AHEAD, &w->policy),
		KSK_OK);
	commit(w);
	assert_int_equal(ksk_verdict_drop(w->journal), KSK_OK);
	commit(w);
	open_again(w);
	assert_int_equal(recall(w, KSK_VERDICT_AHEAD), KSK_ERR_NOT_FOUND);
	assert_int_equal(recall(w, KSK_VERDICT_IN_FORCE), KSK_OK);
}

static void
test_damaged(void **state)
{
	struct world *w = *state;

	w->held[3] = 1;
	assert_int_equal(
		ksk_verdict_keep(w->journal, KSK_VERDICT_IN_FORCE, &w->policy),
		KSK_OK);
	commit(w);
	/* A bit for each zone of the table, not of another one. */
	w->policy.table.zone_count = 8;
	assert_int_equal(recall(w, KSK_VERDICT_IN_FORCE), KSK_ERR_NOT_FOUND);
	w->policy.table.zone_count = ZONES + 8;
	assert_int_equal(recall(w, KSK_VERDICT_IN_FORCE), KSK_ERR_MALFORMED);
	assert_int_equal(ksk_journal_state_set(w->journal, "verdict",
				 ksk_span_of(w->policy.table.hash, 31)),
		KSK_OK);
	commit(w);
	assert_int_equal(recall(w, KSK_VERDICT_IN_FORCE), KSK_ERR_MALFORMED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
