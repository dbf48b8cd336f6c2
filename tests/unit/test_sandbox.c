/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of sandbox: in a forked child each, what is listed works, what is not
 * kills, and Landlock keeps files and ports away.
 */
#include "appliance/base/sandbox.h"

#include "appliance/base/child.h"
#include "appliance/base/exit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/ksk-sandbox-XXXXXX";
static char inside[128], outside[128];

static const struct ksk_syscall base_calls[] = {
	KSK_ALLOW(openat),
	KSK_ALLOW(read),
	KSK_ALLOW(write),
	KSK_ALLOW(close),
	KSK_ALLOW(mmap),
	KSK_ALLOW(brk),
	KSK_ALLOW(socket),
	KSK_ALLOW(bind),
	KSK_ALLOW(capget),
	KSK_ALLOW(prctl),
	KSK_ALLOW(unlink),
	{SCMP_SYS(lseek), 2, SEEK_SET, 0},
	{SCMP_SYS(fchmod), 1, 0, 0022},
	{SCMP_SYS(dup), 0, 1, 0},
	{SCMP_SYS(dup), 0, 2, 0},
};

#define CALLS \
	.calls = base_calls, \
	.call_count = sizeof base_calls / sizeof base_calls[0]

static int
abi_of_kernel(void)
{
	const long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1u);

	return abi < 0 ? 0 : (int)abi;
}

/* Runs act in a child inside a sandbox. Returns its wait status. */
static int
run(const struct ksk_sandbox *sandbox, int (*act)(void))
{
	const struct rlimit no_core = {0, 0};
	struct ksk_fault fault = {""};
	int status, abi = -1;
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		if (ksk_sandbox_enter(sandbox, &abi, &fault) != KSK_OK) {
			dprintf(2, "%s\n", fault.text);
			_exit(100);
		}
		if (abi < 0)
			_exit(101);
		_exit(act());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
assert_code(int status, int code)
{
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), code);
}

static void
assert_killed(int status)
{
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

static int
act_nothing(void)
{
	return 7;
}

static int
act_mkdir(void)
{
	mkdir("/tmp", 0700);
	return 0;
}

static int
act_no_rights(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 1;
	if (syscall(SYS_capget, &head, data) != 0)
		return 2;
	return (data[0].permitted | data[1].permitted | data[0].effective |
		       data[1].effective | data[0].inheritable) != 0
		? 3
		: 0;
}

static void
test_listed_lives_unlisted_dies(void **state)
{
	const struct ksk_sandbox sandbox = {CALLS};

	(void)state;
	assert_code(run(&sandbox, act_nothing), 7);
	assert_killed(run(&sandbox, act_mkdir));
}

static void
test_no_privileges_are_left(void **state)
{
	const struct ksk_sandbox sandbox = {CALLS};

	(void)state;
	assert_code(run(&sandbox, act_no_rights), 0);
}

static int
act_leave(void)
{
	ksk_child_exit(7);
}

static void *volatile lost;

static int
act_leave_with_leak(void)
{
	lost = malloc(77);
	lost = NULL;
	ksk_child_exit(7);
}

/* The leak check of sanitized builds works inside the sandbox, and changes
 * nothing elsewhere. */
static void
test_exit_inside(void **state)
{
	const struct ksk_sandbox sandbox = {CALLS};
#ifdef KSK_SANITIZED
	const int leaked = KSK_EXIT_LEAK;
#else
	const int leaked = 7;
#endif

	(void)state;
	assert_code(run(&sandbox, act_leave), 7);
	assert_code(run(&sandbox, act_leave_with_leak), leaked);
}

static int
act_dup_listed(void)
{
	return dup(1) >= 0 && dup(2) >= 0 ? 0 : 1;
}

static int
act_dup_other(void)
{
	return dup(0) >= 0 ? 0 : 1;
}

static int
act_chmod_masked(void)
{
	return fchmod(-1, 0700) == -1 && errno == EBADF ? 0 : 1;
}

static int
act_chmod_writable(void)
{
	fchmod(-1, 0722);
	return 0;
}

/* Rows with an argument: any of several suffices, all else kills. */
static void
test_arguments(void **state)
{
	const struct ksk_sandbox sandbox = {CALLS};

	(void)state;
	assert_code(run(&sandbox, act_dup_listed), 0);
	assert_killed(run(&sandbox, act_dup_other));
	assert_code(run(&sandbox, act_chmod_masked), 0);
	assert_killed(run(&sandbox, act_chmod_writable));
}

static int
act_read_inside(void)
{
	char c;
	const int fd = open(inside, O_RDONLY);

	return fd >= 0 && read(fd, &c, 1) == 1 ? 0 : errno;
}

static int
act_read_outside(void)
{
	return open(outside, O_RDONLY) >= 0 ? 0 : errno;
}

static int
act_write_inside(void)
{
	return open(inside, O_WRONLY | O_TRUNC) >= 0 ? 0 : errno;
}

static int
act_create_inside(void)
{
	char path[160];

	snprintf(path, sizeof path, "%s/in/new", folder);
	if (open(path, O_WRONLY | O_CREAT, 0600) < 0)
		return errno;
	return unlink(path) == 0 ? 0 : errno;
}

static void
skip_below(int abi)
{
	if (abi_of_kernel() < abi)
		skip();
}

static void
test_files(void **state)
{
	char below[160];
	struct ksk_path_rule rules[] = {
		{below, KSK_PATH_READ},
		{"/nonexistent/ksk", KSK_PATH_READ},
	};
	const struct ksk_sandbox none = {CALLS};
	const struct ksk_sandbox reading = {
		CALLS, .paths = rules, .path_count = 2};

	(void)state;
	skip_below(3);
	snprintf(below, sizeof below, "%s/in", folder);
	assert_code(run(&none, act_read_inside), EACCES);
	assert_code(run(&reading, act_read_inside), 0);
	assert_code(run(&reading, act_read_outside), EACCES);
	assert_code(run(&reading, act_write_inside), EACCES);
	assert_code(run(&reading, act_create_inside), EACCES);
	rules[0].access = KSK_PATH_READ | KSK_PATH_WRITE;
	assert_code(run(&reading, act_create_inside), 0);
	assert_code(run(&reading, act_read_outside), EACCES);
	/* A rule for one file. */
	rules[0].path = inside;
	assert_code(run(&reading, act_read_inside), 0);
	assert_code(run(&reading, act_write_inside), 0);
	assert_code(run(&reading, act_create_inside), EACCES);
}

static int
act_bind(void)
{
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	const struct sockaddr_in sin = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	if (fd < 0)
		return errno;
	return bind(fd, (const struct sockaddr *)&sin, sizeof sin) == 0 ? 0
									: errno;
}

static void
test_network(void **state)
{
	const struct ksk_sandbox without = {CALLS};
	const struct ksk_sandbox with = {CALLS, .network = true};

	(void)state;
	skip_below(4);
	assert_code(run(&with, act_bind), 0);
	assert_code(run(&without, act_bind), EACCES);
}

static int
make_files(void **state)
{
	char below[128];
	FILE *f;

	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(below, sizeof below, "%s/in", folder);
	if (mkdir(below, 0700) != 0)
		return -1;
	snprintf(inside, sizeof inside, "%s/in/file", folder);
	snprintf(outside, sizeof outside, "%s/file", folder);
	for (int i = 0; i < 2; i++) {
		f = fopen(i == 0 ? inside : outside, "w");
		if (f == NULL || fputs("x", f) < 0 || fclose(f) != 0)
			return -1;
	}
	return 0;
}

static int
remove_files(void **state)
{
	char below[128];

	(void)state;
	snprintf(below, sizeof below, "%s/in", folder);
	return unlink(inside) | unlink(outside) | rmdir(below) | rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listed_lives_unlisted_dies),
		cmocka_unit_test(test_no_privileges_are_left),
		cmocka_unit_test(test_exit_inside),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_network),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
