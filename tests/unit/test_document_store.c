/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of document_store: what is put in pieces is read back whole or from
 * anywhere; what is damaged, half there or dropped is not found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/signer/document_store.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEN (2u * KSK_STORE_PIECE + 1000u)

static char folder[64];
static struct ksk_journal *journal;
static struct ksk_store store;
static uint8_t whole[LEN], name[KSK_HASH_LEN];
static struct ksk_fault fault;

static void
path_of(const char *file, char out[96])
{
	(void)snprintf(out, 96, "%s/%s", folder, file);
}

static int
setup(void **state)
{
	static const uint8_t appliance[KSK_ID_LEN] = {1};
	char path[96];
	int fd;

	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/ksk store.XXXXXX");
	assert_non_null(mkdtemp(folder));
	path_of("new", path);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	path_of("journal.db", path);
	assert_int_equal(
		ksk_journal_open(path, appliance, 1000, &journal, &fault),
		KSK_OK);
	memset(&store, 0, sizeof(store));
	assert_int_equal(ksk_store_begin(&store, journal, &fault), KSK_OK);
	for (size_t i = 0; i < LEN; i++)
		whole[i] = (uint8_t)(i * 7 / 3);
	assert_int_equal(
		EVP_Digest(whole, LEN, name, NULL, EVP_sha256(), NULL), 1);
	return 0;
}

static int
teardown(void **state)
{
	static const char *const files[] = {
		"journal.db", "journal.db-wal", "journal.db-shm", "new"};
	char path[96];

	(void)state;
	ksk_journal_close(&journal);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		path_of(files[i], path);
		(void)unlink(path);
	}
	(void)rmdir(folder);
	return 0;
}

static void
put(size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		assert_int_equal(
			ksk_store_put(&store, name, ksk_span_of(whole, LEN), i),
			KSK_OK);
	assert_int_equal(ksk_journal_commit(journal, &fault), KSK_OK);
}

static enum ksk_err
read_whole(void)
{
	uint8_t *data = NULL;
	size_t len = 0;
	enum ksk_err err = ksk_store_read(&store, name, &data, &len, &fault);

	if (err == KSK_OK) {
		assert_int_equal(len, LEN);
		assert_memory_equal(data, whole, LEN);
	}
	free(data);
	return err;
}

static void
test_whole(void **state)
{
	(void)state;
	assert_int_equal(ksk_store_pieces(LEN), 3);
	assert_int_equal(ksk_store_pieces(KSK_STORE_PIECE), 1);
	assert_int_equal(read_whole(), KSK_ERR_NOT_FOUND);
	put(0, 2);
	assert_int_equal(read_whole(), KSK_ERR_NOT_FOUND);
	assert_non_null(strstr(fault.text, "damaged"));
	put(2, 3);
	assert_int_equal(read_whole(), KSK_OK);
	put(0, 3); /* once more changes nothing */
	assert_int_equal(read_whole(), KSK_OK);
}

static void
test_slices(void **state)
{
	static const size_t from[] = {0, 1, KSK_STORE_PIECE - 1,
		KSK_STORE_PIECE, LEN - 5, LEN, LEN + 9};
	uint8_t room[50];

	(void)state;
	put(0, 3);
	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
		size_t due = from[i] >= LEN            ? 0
			: LEN - from[i] < sizeof(room) ? LEN - from[i]
						       : sizeof(room);
		uint64_t total = 0;
		assert_int_equal(ksk_store_slice(&store, name, from[i], &buf,
					 &total, &fault),
			KSK_OK);
		assert_int_equal(total, LEN);
		assert_int_equal(buf.len, due);
		if (due > 0)
			assert_memory_equal(room, whole + from[i], due);
	}
}

static void
test_what_nobody_names_goes(void **state)
{
	uint8_t keep[1][KSK_HASH_LEN];

	(void)state;
	put(0, 3);
	memcpy(keep[0], name, KSK_HASH_LEN);
	assert_int_equal(
		ksk_store_keep(&store, (const uint8_t(*)[KSK_HASH_LEN])keep, 1,
			&fault),
		KSK_OK);
	assert_int_equal(read_whole(), KSK_OK);
	assert_int_equal(ksk_store_keep(&store, NULL, 0, &fault), KSK_OK);
	assert_int_equal(read_whole(), KSK_ERR_NOT_FOUND);
	put(0, 3);
	assert_int_equal(ksk_store_drop(&store, name), KSK_OK);
	assert_int_equal(ksk_journal_commit(journal, &fault), KSK_OK);
	assert_int_equal(read_whole(), KSK_ERR_NOT_FOUND);
}

static void
test_a_transaction_has_an_end(void **state)
{
	enum ksk_err err = KSK_OK;
	unsigned count = 0;

	(void)state;
	while ((err = ksk_store_put(&store, name, ksk_span_of(whole, LEN),
			count % 3)) == KSK_OK)
		count++;
	assert_int_equal(err, KSK_ERR_NO_ROOM);
	assert_true(count >= 4);
	assert_int_equal(ksk_journal_commit(journal, &fault), KSK_OK);
	assert_int_equal(read_whole(), KSK_OK);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_whole),
		TEST(test_slices),
		TEST(test_what_nobody_names_goes),
		TEST(test_a_transaction_has_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
