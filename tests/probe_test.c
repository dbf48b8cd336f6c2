/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe_test - the test form of ksk_probe: from inside the sandbox it tries
 * what the sandbox must forbid. A child has no arguments and no environment,
 * and inside the sandbox no file, so the wish is read before main from the
 * file `probe` beside the program: one line "<program> <what>". A test expects
 * that the process dies with SIGSYS, or (where the system call is needed but
 * its object is not) that it logs probe-survived with EACCES or EPERM.
 */
#include "appliance/base/child.h"
#include "appliance/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char wished_program[64];
static char wished_what[64];
static pid_t parent;

/* Before main, so that the sandbox is not there yet. No file: no wish. */
__attribute__((constructor)) static void
read_wish(void)
{
	char path[PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 16);
	FILE *f;
	char *slash;

	parent = getppid();
	if (n <= 0)
		return;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL)
		return;
	memcpy(slash, "/probe", sizeof "/probe");
	f = fopen(path, "re");
	if (f == NULL)
		return;
	if (fscanf(f, "%63s %63s", wished_program, wished_what) != 2)
		wished_program[0] = '\0';
	fclose(f);
}

static int
try_open_passwd(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static int
try_socket_inet(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int
try_exec(void)
{
	char *const argv[] = {NULL};

	return execve("/bin/true", argv, argv);
}

static int
try_fork(void)
{
	const pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return (int)pid;
}

static int
try_ptrace(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int
try_write_file(void)
{
	return open("/tmp/ksk-probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static int
try_setuid(void)
{
	return setuid(0);
}

static int
try_kill_parent(void)
{
	return kill(parent, SIGTERM);
}

static const struct {
	const char *what;
	int (*try)(void);
} attempts[] = {
	{"open-passwd", try_open_passwd},
	{"socket-inet", try_socket_inet},
	{"exec", try_exec},
	{"fork", try_fork},
	{"ptrace", try_ptrace},
	{"write-file", try_write_file},
	{"setuid", try_setuid},
	{"kill-parent", try_kill_parent},
};

static void
attempt(size_t i)
{
	char num[KSK_NUM_CAP];
	int result;

	errno = 0;
	result = attempts[i].try();
	ksk_log(KSK_LOG_WARN, "probe-survived", "the sandbox let the call live",
		"what", attempts[i].what, "errno",
		ksk_num(num, (uint64_t)(result < 0 ? errno : 0)),
		(const char *)NULL);
}

void
ksk_probe(const char *program)
{
	if (strcmp(program, wished_program) != 0)
		return;
	for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
		if (strcmp(attempts[i].what, wished_what) == 0)
			attempt(i);
	}
}
