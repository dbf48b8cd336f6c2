/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of file: what is replaced, with which mode, and what is never: links,
 * pipes, folders, what can't be written. Nothing else is left in the folder.
 */
#include "client/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/ksk-file.XXXXXX";
static char path[64], other[64];

static size_t
count_files(void)
{
	DIR *dir = opendir(folder);
	size_t count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count - 2;
}

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/file", folder);
	(void)snprintf(other, sizeof(other), "%s/other", folder);
	return 0;
}

static int
clean(void **state)
{
	(void)state;
	(void)rmdir(path);
	(void)unlink(path);
	(void)unlink(other);
	return count_files() == 0 ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	return rmdir(folder);
}

static void
expect_content(const char *at, const char *want)
{
	struct ksk_fault fault = {""};
	uint8_t *data;
	size_t len;

	assert_int_equal(ksk_file_read(at, 100, &data, &len, &fault), KSK_OK);
	assert_string_equal((char *)data, want);
	free(data);
}

static void
expect_refused(const char *at, const char *why)
{
	struct ksk_fault fault = {""};

	assert_int_equal(ksk_file_check(at, &fault), KSK_ERR_IO);
	if (strstr(fault.text, why) == NULL)
		fail_msg("%s", fault.text);
	fault.text[0] = '\0';
	assert_int_equal(ksk_file_replace(at, "new", 3, &fault), KSK_ERR_IO);
	if (strstr(fault.text, why) == NULL)
		fail_msg("%s", fault.text);
	assert_int_equal(
		ksk_file_replace_private(at, "new", 3, &fault), KSK_ERR_IO);
}

static void
test_a_file_is_replaced_and_keeps_its_mode(void **state)
{
	struct ksk_fault fault = {""};
	struct stat st;

	(void)state;
	assert_int_equal(ksk_file_check(path, &fault), KSK_OK);
	assert_int_equal(count_files(), 0);
	assert_int_equal(ksk_file_replace(path, "old", 3, &fault), KSK_OK);
	assert_int_equal(chmod(path, 04640), 0);
	assert_int_equal(ksk_file_check(path, &fault), KSK_OK);
	expect_content(path, "old");
	assert_int_equal(ksk_file_replace(path, "new", 3, &fault), KSK_OK);
	expect_content(path, "new");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(
		ksk_file_replace_private(path, "own", 3, &fault), KSK_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(count_files(), 1);
}

static void
test_links_are_not_replaced(void **state)
{
	struct ksk_fault fault = {""};
	struct stat st;

	(void)state;
	assert_int_equal(ksk_file_replace(other, "old", 3, &fault), KSK_OK);
	assert_int_equal(symlink(other, path), 0);
	expect_refused(path, "a symbolic link");
	expect_content(other, "old");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/null", path), 0);
	expect_refused(path, "a symbolic link");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("nowhere", path), 0);
	expect_refused(path, "a symbolic link");
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(count_files(), 2);
}

static void
test_what_is_no_file_is_not_replaced(void **state)
{
	char deep[80];

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_refused(path, "no regular file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	expect_refused(path, "no regular file");
	expect_refused("/dev/null", "no regular file");
	(void)snprintf(deep, sizeof(deep), "%s/no/file", folder);
	expect_refused(deep, "No such file");
	assert_int_equal(count_files(), 1);
}

/* Replaces a file again and again until a signal ends it. */
static _Noreturn void
replace_for_ever(void)
{
	static const char content[4096];
	struct ksk_fault fault;

	for (;;) {
		if (ksk_file_replace(path, content, sizeof(content), &fault) !=
			KSK_OK)
			_exit(1);
	}
}

/* Counts and removes what stands beside the whole file. */
static int
drop_others(void)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, "file.", 5) != 0)
			continue;
		assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
		count++;
	}
	closedir(dir);
	return count;
}

/* Returns how many files stood beside the whole one. */
static int
kill_often(int how, int times)
{
	for (int i = 0; i < times; i++) {
		const struct timespec time = {.tv_nsec = 2000000 + i * 37000};
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (pid == 0)
			replace_for_ever();
		(void)nanosleep(&time, NULL);
		assert_int_equal(kill(pid, how), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == how);
	}
	return drop_others();
}

/* Where the file system knows files without a name there is one only for a
 * moment, and none at all for who is asked to end. */
static void
test_nothing_is_left_by_one_who_is_killed(void **state)
{
	int fd = open(folder, O_TMPFILE | O_WRONLY, 0600);

	(void)state;
	assert_int_equal(kill_often(SIGTERM, 40), 0);
	if (fd < 0)
		return;
	(void)close(fd);
	assert_in_range(kill_often(SIGKILL, 40), 0, 12);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			test_a_file_is_replaced_and_keeps_its_mode, clean),
		cmocka_unit_test_teardown(test_links_are_not_replaced, clean),
		cmocka_unit_test_teardown(
			test_what_is_no_file_is_not_replaced, clean),
		cmocka_unit_test_teardown(
			test_nothing_is_left_by_one_who_is_killed, clean),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
