/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of reserve: what is set aside has blocks behind it, is given back piece
 * by piece, and is filled again only where there is room. What lack of room
 * does is tried on a real disk by tests/integration/test_full.py; here the
 * limit of a file's size stands for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/signer/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (1024u * 1024u)

static char folder[64], journal[96], file[96];

static int
setup(void **state)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/ksk reserve.XXXXXX");
	if (mkdtemp(folder) == NULL || sigaction(SIGXFSZ, &ignore, NULL) != 0)
		return -1;
	(void)snprintf(journal, sizeof(journal), "%s/journal.db", folder);
	(void)snprintf(file, sizeof(file), "%s/reserve", folder);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	(void)unlink(file);
	return rmdir(folder);
}

static struct ksk_reserve
open_good(uint64_t wanted)
{
	struct ksk_reserve r = {.fd = -1};
	struct ksk_fault fault = {""};
	enum ksk_err err = ksk_reserve_open(journal, wanted, &r, &fault);
	if (err != KSK_OK)
		fail_msg("%s", fault.text);
	return r;
}

/* Bytes that the disk has behind the file. */
static uint64_t
on_disk(void)
{
	struct stat st;
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true((uint64_t)st.st_blocks * 512 >= (uint64_t)st.st_size);
	return (uint64_t)st.st_size;
}

static void
limit_files(rlim_t bytes)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
test_it_is_on_the_disk(void **state)
{
	(void)state;
	struct ksk_reserve r = open_good(2 * MIB);
	assert_true(ksk_reserve_is_whole(&r));
	assert_int_equal(on_disk(), 2 * MIB);
	ksk_reserve_close(&r);
	ksk_reserve_close(&r);
	/* It is found again. */
	r = open_good(2 * MIB);
	assert_true(ksk_reserve_is_whole(&r));
	ksk_reserve_close(&r);
	/* Another size in the configuration. */
	r = open_good(1 * MIB);
	assert_true(ksk_reserve_is_whole(&r));
	assert_int_equal(on_disk(), 1 * MIB);
	ksk_reserve_close(&r);
}

static void
test_spent_piece_by_piece(void **state)
{
	(void)state;
	struct ksk_reserve r = open_good(4 * MIB);
	uint64_t before = on_disk();
	unsigned pieces = 0;
	while (ksk_reserve_spend(&r)) {
		assert_false(ksk_reserve_is_whole(&r));
		assert_true(on_disk() < before);
		before = on_disk();
		assert_int_equal(before, r.held);
		pieces++;
	}
	assert_int_equal(pieces, 8);
	assert_int_equal(before, 0);
	assert_false(ksk_reserve_spend(&r));
	assert_true(ksk_reserve_fill(&r));
	assert_true(ksk_reserve_is_whole(&r));
	assert_int_equal(on_disk(), 4 * MIB);
	ksk_reserve_close(&r);
}

static void
test_it_is_not_filled_without_room(void **state)
{
	(void)state;
	struct ksk_reserve r = open_good(1 * MIB);
	assert_true(ksk_reserve_spend(&r));
	uint64_t held = r.held;
	limit_files(held);
	assert_false(ksk_reserve_fill(&r));
	assert_false(ksk_reserve_is_whole(&r));
	/* What was held still is. */
	assert_int_equal(on_disk(), held);
	limit_files(RLIM_INFINITY);
	assert_true(ksk_reserve_fill(&r));
	ksk_reserve_close(&r);
	/* A start without room is no failure. */
	assert_int_equal(unlink(file), 0);
	limit_files(4096);
	r = open_good(1 * MIB);
	assert_false(ksk_reserve_is_whole(&r));
	limit_files(RLIM_INFINITY);
	assert_true(ksk_reserve_fill(&r));
	ksk_reserve_close(&r);
}

/* A file with a length and nothing behind it holds nothing. */
static void
test_a_hole_is_no_reserve(void **state)
{
	(void)state;
	int fd = open(file, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 1 * MIB), 0);
	close(fd);
	struct ksk_reserve r = open_good(1 * MIB);
	assert_true(ksk_reserve_is_whole(&r));
	assert_int_equal(on_disk(), 1 * MIB);
	ksk_reserve_close(&r);
}

static void
test_what_is_no_file_is_refused(void **state)
{
	(void)state;
	struct ksk_reserve r = {.fd = -1, .wanted = 7};
	struct ksk_fault fault = {""};
	assert_int_equal(symlink("/nowhere", file), 0);
	assert_int_equal(
		ksk_reserve_open(journal, MIB, &r, &fault), KSK_ERR_IO);
	assert_non_null(strstr(fault.text, file));
	assert_int_equal(r.wanted, 7);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(mkfifo(file, 0600), 0);
	assert_int_equal(
		ksk_reserve_open(journal, MIB, &r, &fault), KSK_ERR_IO);
	assert_int_equal(
		ksk_reserve_open("journal.db", MIB, &r, &fault), KSK_ERR_IO);
}

/* Without one there is nothing to give and nothing missing. */
static void
test_none(void **state)
{
	(void)state;
	struct ksk_reserve r = {.fd = -1};
	assert_true(ksk_reserve_is_whole(&r));
	assert_true(ksk_reserve_fill(&r));
	assert_false(ksk_reserve_spend(&r));
	assert_true(ksk_reserve_is_lack(ENOSPC));
	assert_true(ksk_reserve_is_lack(EDQUOT));
	assert_false(ksk_reserve_is_lack(EIO));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_it_is_on_the_disk),
		TEST(test_spent_piece_by_piece),
		TEST(test_it_is_not_filled_without_room),
		TEST(test_a_hole_is_no_reserve),
		TEST(test_what_is_no_file_is_refused),
		cmocka_unit_test(test_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
