/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spawn - see spawn.h.
 */
#include "appliance/supervisor/spawn.h"

#include "appliance/base/exit.h"
#include "appliance/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Above every descriptor that a program is given, so that none is overwritten
 * before it is in its place. */
#define HIGH_FD 64

enum ksk_err
ksk_spawn_folder(char out[KSK_PATH_CAP], struct ksk_fault *fault)
{
	char path[KSK_PATH_CAP];
	const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	char *slash;

	if (n < 0) {
		ksk_fault_set(fault, "/proc/self/exe can't be read: %s",
			strerror(errno));
		return KSK_ERR_IO;
	}
	path[n] = '\0';
	slash = strrchr(path, '/');
	if ((size_t)n == sizeof path - 1 || slash == NULL) {
		ksk_fault_set(fault, "the path of kskd is too long");
		return KSK_ERR_TOO_LARGE;
	}
	*slash = '\0';
	memcpy(out, path, (size_t)(slash - path) + 1);
	return KSK_OK;
}

static bool
place_fds(const struct ksk_spawn *spawn)
{
	const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int high[KSK_SPAWN_FD_MAX];

	for (size_t i = 0; i < spawn->fd_count; i++) {
		const int from = spawn->fd[i] == KSK_SPAWN_NULL ? null_fd
								: spawn->fd[i];

		high[i] = fcntl(from, F_DUPFD_CLOEXEC, HIGH_FD);
		if (high[i] < 0)
			return false;
	}
	for (size_t i = 0; i < spawn->fd_count; i++) {
		if (dup2(high[i], (int)i) < 0)
			return false;
	}
	/* All else is CLOEXEC from birth; this is for what we were started
	 * with. */
	return close_range((unsigned)spawn->fd_count, ~0u,
		       CLOSE_RANGE_CLOEXEC) == 0;
}

/* Not root: one user for all, there is nothing to change. */
static bool
become_user(struct ksk_config_user user)
{
	if (geteuid() != 0)
		return true;
	return setgroups(0, NULL) == 0 &&
		setresgid(user.gid, user.gid, user.gid) == 0 &&
		setresuid(user.uid, user.uid, user.uid) == 0;
}

static bool
reset_signals(void)
{
	const struct sigaction standard = {.sa_handler = SIG_DFL};
	sigset_t none;

	return sigemptyset(&none) == 0 &&
		sigprocmask(SIG_SETMASK, &none, NULL) == 0 &&
		sigaction(SIGPIPE, &standard, NULL) == 0;
}

static _Noreturn void
fail(const struct ksk_spawn *spawn, const char *sentence)
{
	ksk_log(KSK_LOG_ERROR, "not-started", sentence, "program",
		spawn->program, "folder", spawn->folder, "why", strerror(errno),
		(const char *)NULL);
	_exit(KSK_EXIT_INTERNAL);
}

/* Above the descriptors that the program is given. */
static int
open_high(const char *path)
{
	const int low = open(path, O_PATH | O_CLOEXEC);
	const int high = low < 0 ? -1
				 : fcntl(low, F_DUPFD_CLOEXEC, 2 * HIGH_FD);

	if (low >= 0)
		close(low);
	return high;
}

static _Noreturn void
become(const struct ksk_spawn *spawn)
{
	char path[KSK_PATH_CAP + KSK_LABEL_CAP], name[KSK_LABEL_CAP];
	char *const argv[] = {name, NULL};
	char *const environment[] = {NULL};

	snprintf(path, sizeof path, "%s/%s", spawn->folder, spawn->program);
	snprintf(name, sizeof name, "%s", spawn->program);
	/* Opened as root: the child's user may not be able to walk to the
	 * folder, and need not be. */
	const int program = open_high(path);
	if (program < 0)
		fail(spawn, "the program can't be opened");
	if (!place_fds(spawn))
		fail(spawn, "descriptors can't be passed");
	if (!become_user(spawn->user))
		fail(spawn, "the user can't be changed");
	/* After the change of user, which takes it back. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || !reset_signals())
		fail(spawn, "signals can't be set");
	execveat(program, "", argv, environment, AT_EMPTY_PATH);
	fail(spawn, "the program can't be executed");
}

enum ksk_err
ksk_spawn(const struct ksk_spawn *spawn, pid_t *out_pid)
{
	const pid_t pid = fork();

	if (pid < 0)
		return KSK_ERR_IO;
	if (pid == 0)
		become(spawn);
	*out_pid = pid;
	return KSK_OK;
}
