/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy_run - see policy_run.h.
 */
#include "appliance/supervisor/policy_run.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/supervisor/death.h"
#include "appliance/supervisor/files.h"
#include "appliance/supervisor/spawn.h"
#include "protocol/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUN_MS 20000u
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

void
ksk_policy_run_init(struct ksk_policy_run *run)
{
	memset(run, 0, sizeof *run);
	run->table_fd = run->fault_fd = -1;
}

/* A pipe that holds the appliance id, the time and the kind. */
static int
make_start_pipe(const struct ksk_settings *settings, uint8_t kind)
{
	uint8_t room[KSK_ID_LEN + 8 + 1];
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	struct ksk_wire_out w = ksk_wire_out_of(&buf);
	int fds[2];

	ksk_wire_put_bytes(&w, ksk_span_of(settings->appliance, KSK_ID_LEN));
	ksk_wire_put_u64(&w, ksk_clock_now());
	ksk_wire_put_u8(&w, kind);
	if (w.err != KSK_OK || pipe2(fds, O_CLOEXEC) != 0)
		return -1;
	if (write(fds[1], room, buf.len) != (ssize_t)buf.len)
		ksk_file_close(&fds[0]);
	close(fds[1]);
	return fds[0];
}

/* Gives the run its descriptors. out_child_fd: the writing end of the faults,
 * owned by the caller. */
static bool
open_run(struct ksk_policy_run *run, int *out_child_fd)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return false;
	run->fault_fd = fds[0];
	*out_child_fd = fds[1];
	if (fcntl(run->fault_fd, F_SETFL, O_NONBLOCK) != 0)
		return false;
	run->table_fd = memfd_create(
		"policy-table", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return run->table_fd >= 0;
}

enum ksk_err
ksk_policy_run_start(struct ksk_policy_run *run, const char *folder,
	const struct ksk_settings *settings, int text_fd, uint8_t kind,
	struct ksk_fault *fault)
{
	int start_fd = make_start_pipe(settings, kind);
	int own_fd = text_fd >= 0 ? -1 : ksk_file_reopen(settings->policy_text);
	int child_fd = -1;
	enum ksk_err err = KSK_ERR_IO;

	if (text_fd < 0)
		text_fd = own_fd;
	ksk_policy_run_init(run);
	if (start_fd >= 0 && text_fd >= 0 && open_run(run, &child_fd)) {
		const struct ksk_spawn spawn = {
			.folder = folder,
			.program = "kskd-policy",
			.user = settings->config.policy_user,
			.fd = {start_fd, KSK_SPAWN_NULL, STDERR_FILENO, text_fd,
				run->table_fd, child_fd},
			.fd_count = 6,
		};

		err = ksk_spawn(&spawn, &run->pid);
	}
	if (err != KSK_OK) {
		ksk_fault_set(fault, "kskd-policy can't be started: %s",
			strerror(errno));
		ksk_file_close(&run->table_fd);
		ksk_file_close(&run->fault_fd);
	}
	run->until_ms = ksk_clock_mono_ms() + RUN_MS;
	ksk_file_close(&child_fd);
	ksk_file_close(&own_fd);
	ksk_file_close(&start_fd);
	return err;
}

void
ksk_policy_run_read(struct ksk_policy_run *run)
{
	char room[1024];

	while (run->fault_fd >= 0) {
		const ssize_t n = read(run->fault_fd, room, sizeof room);
		size_t take;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			ksk_file_close(&run->fault_fd);
			return;
		}
		/* More than fits is not needed to mend the file. */
		take = KSK_POLICY_FAULTS_CAP - run->faults_len;
		if (take > (size_t)n)
			take = (size_t)n;
		memcpy(run->faults + run->faults_len, room, take);
		run->faults_len += take;
		run->faults[run->faults_len] = '\0';
	}
}

/* A table that could still change must not reach the signer. */
static bool
is_sealed(int fd)
{
	const int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	return seals >= 0 && (seals & SEALS) == SEALS && fstat(fd, &st) == 0 &&
		st.st_size > 0;
}

static enum ksk_exit
judge(struct ksk_policy_run *run, int status, struct ksk_fault *fault)
{
	char how[KSK_DEATH_TEXT_CAP];

	if (WIFSIGNALED(status)) {
		ksk_death_text(status, how);
		ksk_fault_set(fault,
			"kskd-policy ended before it had read the policy (%s)",
			how);
		return KSK_EXIT_INTERNAL;
	}
	if (WEXITSTATUS(status) == KSK_EXIT_POLICY && run->faults_len > 0)
		return KSK_EXIT_POLICY;
	if (WEXITSTATUS(status) != 0) {
		ksk_death_text(status, how);
		ksk_fault_set(fault, "kskd-policy failed (%s)", how);
		return KSK_EXIT_INTERNAL;
	}
	if (!is_sealed(run->table_fd)) {
		ksk_fault_set(fault, "kskd-policy left no sealed table");
		return KSK_EXIT_INTERNAL;
	}
	return KSK_EXIT_OK;
}

enum ksk_exit
ksk_policy_run_finish(struct ksk_policy_run *run, int status, int *out_table,
	struct ksk_fault *fault)
{
	enum ksk_exit code;

	ksk_policy_run_read(run);
	code = judge(run, status, fault);
	if (code == KSK_EXIT_OK) {
		*out_table = run->table_fd;
		run->table_fd = -1;
	}
	ksk_file_close(&run->table_fd);
	ksk_file_close(&run->fault_fd);
	run->pid = 0;
	return code;
}

enum ksk_exit
ksk_policy_run_wait(
	struct ksk_policy_run *run, int *out_table, struct ksk_fault *fault)
{
	uint64_t now_ms;
	int status = 0;

	while (run->fault_fd >= 0 &&
		(now_ms = ksk_clock_mono_ms()) < run->until_ms) {
		struct pollfd pfd = {.fd = run->fault_fd, .events = POLLIN};

		(void)poll(&pfd, 1, (int)(run->until_ms - now_ms));
		ksk_policy_run_read(run);
	}
	if (run->fault_fd >= 0)
		(void)kill(run->pid, SIGKILL);
	while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR)
		;
	return ksk_policy_run_finish(run, status, out_table, fault);
}

void
ksk_policy_run_log(const struct ksk_policy_run *run, const char *path)
{
	char line[KSK_PATH_CAP + KSK_FAULT_CAP + 4];
	const char *rest = run->faults;

	while (*rest != '\0') {
		const size_t len = strcspn(rest, "\n");

		snprintf(line, sizeof line, "%s: %.*s", path, (int)len, rest);
		ksk_log(KSK_LOG_ERROR, "policy-wrong", line,
			(const char *)NULL);
		rest += len;
		if (*rest == '\n')
			rest++;
	}
}
