/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spawn - see spawn.h.
 */
#include "client/spawn.h"

#include "client/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How long a killed or finished program may hold a pipe open. */
#define STEP_MS 100

enum { IN, OUT, ERR, PIPES };

struct run {
	struct ksk_spawn *spawn;
	pid_t pid;
	int fd[PIPES]; /* our ends; -1 once closed */
	size_t sent;
	size_t cap; /* of spawn->out */
	size_t err_len;
	uint64_t deadline_ms;
	bool gone; /* the program has ended */
};

static void
close_end(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* ---- starting ---- */

/* In the child: only calls that are safe behind fork. */
static _Noreturn void
become(const struct ksk_spawn *spawn, const int theirs[PIPES], int failure,
	pid_t parent)
{
	int error;

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	if (dup2(theirs[IN], 0) >= 0 && dup2(theirs[OUT], 1) >= 0 &&
		dup2(theirs[ERR], 2) >= 0 &&
		(spawn->folder == NULL || chdir(spawn->folder) == 0)) {
		struct sigaction act = {.sa_handler = SIG_DFL};

		(void)sigaction(SIGPIPE, &act, NULL);
		(void)execvp(
			spawn->argv[0], (char *const *)(uintptr_t)spawn->argv);
	}
	error = errno;
	(void)!write(failure, &error, sizeof(error));
	_exit(127);
}

/* Returns 0, or the errno with which it could not be started. */
static int
fork_and_exec(struct run *r, const int theirs[PIPES])
{
	int failure[2], error = 0;
	pid_t parent = getpid();
	ssize_t got;

	if (pipe2(failure, O_CLOEXEC) != 0)
		return errno;
	r->pid = fork();
	if (r->pid == 0)
		become(r->spawn, theirs, failure[1], parent);
	error = r->pid < 0 ? errno : 0;
	(void)close(failure[1]);
	do {
		got = read(failure[0], &error, sizeof(error));
	} while (got < 0 && errno == EINTR);
	(void)close(failure[0]);
	if (r->pid > 0 && error != 0)
		(void)waitpid(r->pid, NULL, 0);
	return error;
}

static enum ksk_err
start(struct run *r, struct ksk_fault *fault)
{
	int theirs[PIPES] = {-1, -1, -1};
	int error = 0;

	for (int i = 0; i < PIPES && error == 0; i++) {
		int pair[2];

		if (pipe2(pair, O_CLOEXEC) != 0) {
			error = errno;
			break;
		}
		r->fd[i] = pair[i == IN ? 1 : 0];
		theirs[i] = pair[i == IN ? 0 : 1];
		(void)fcntl(r->fd[i], F_SETFL, O_NONBLOCK);
	}
	if (error == 0)
		error = fork_and_exec(r, theirs);
	for (int i = 0; i < PIPES; i++)
		close_end(&theirs[i]);
	if (error == 0)
		return KSK_OK;
	ksk_fault_set(fault, "%s can't be started: %s", r->spawn->argv[0],
		strerror(error));
	return error == ENOENT || error == EACCES ? KSK_ERR_NOT_FOUND
						  : KSK_ERR_IO;
}

/* ---- its pipes ---- */

static void
feed(struct run *r)
{
	struct ksk_span input = r->spawn->input;
	ssize_t n = 0;

	if (r->sent < input.len)
		n = write(r->fd[IN], input.data + r->sent, input.len - r->sent);
	if (n > 0)
		r->sent += (size_t)n;
	/* A program that does not want all of it has its reasons. */
	if (r->sent == input.len || (n < 0 && errno != EAGAIN))
		close_end(&r->fd[IN]);
}

static enum ksk_err
take_out(struct run *r)
{
	struct ksk_spawn *spawn = r->spawn;
	ssize_t n;

	if (r->cap - spawn->out_len < 2) {
		size_t cap = r->cap == 0 ? 16384 : 2 * r->cap;
		uint8_t *more = realloc(spawn->out, cap);

		if (more == NULL)
			return KSK_ERR_NO_MEMORY;
		spawn->out = more;
		r->cap = cap;
	}
	n = read(r->fd[OUT], spawn->out + spawn->out_len,
		r->cap - spawn->out_len - 1);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_end(&r->fd[OUT]);
	if (n > 0)
		spawn->out_len += (size_t)n;
	spawn->out[spawn->out_len] = 0;
	return spawn->out_len > KSK_SPAWN_OUT_MAX ? KSK_ERR_TOO_LARGE : KSK_OK;
}

/* What has no room is read and passed over. */
static void
take_err(struct run *r)
{
	char buf[4096];
	size_t room = KSK_SPAWN_ERR_CAP - 1 - r->err_len;
	ssize_t n = read(r->fd[ERR], buf, sizeof(buf));

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_end(&r->fd[ERR]);
	if (n <= 0)
		return;
	if ((size_t)n < room)
		room = (size_t)n;
	memcpy(r->spawn->err + r->err_len, buf, room);
	r->err_len += room;
	r->spawn->err[r->err_len] = '\0';
}

static void
look_for_end(struct run *r)
{
	int status;

	if (r->gone || waitpid(r->pid, &status, WNOHANG) != r->pid)
		return;
	r->gone = true;
	r->spawn->status = WIFEXITED(status) ? WEXITSTATUS(status)
					     : 128 + WTERMSIG(status);
}

/* One wait, and what came of it. out_idle: nothing came. */
static enum ksk_err
step(struct run *r, bool *out_idle)
{
	struct pollfd fds[PIPES];
	enum ksk_err err = KSK_OK;

	for (int i = 0; i < PIPES; i++)
		fds[i] = (struct pollfd){
			.fd = r->fd[i], .events = i == IN ? POLLOUT : POLLIN};
	*out_idle = poll(fds, PIPES, STEP_MS) <= 0;
	if (r->fd[IN] >= 0 && fds[IN].revents != 0)
		feed(r);
	if (r->fd[OUT] >= 0 && fds[OUT].revents != 0)
		err = take_out(r);
	if (r->fd[ERR] >= 0 && fds[ERR].revents != 0)
		take_err(r);
	return err;
}

/* A program that has ended may have left others behind that hold the pipes:
 * they are not waited for. */
static enum ksk_err
talk(struct run *r, struct ksk_fault *fault)
{
	for (;;) {
		bool idle;
		enum ksk_err err = step(r, &idle);

		if (err != KSK_OK) {
			ksk_fault_set(fault, "%s: %s", r->spawn->argv[0],
				err == KSK_ERR_TOO_LARGE
					? "it writes more than 4 MiB"
					: ksk_err_text(err));
			return err;
		}
		look_for_end(r);
		if (r->gone && (idle || (r->fd[OUT] < 0 && r->fd[ERR] < 0)))
			return KSK_OK;
		if (ksk_ctl_now_ms() < r->deadline_ms)
			continue;
		ksk_fault_set(fault, "%s takes more than %u s",
			r->spawn->argv[0], r->spawn->timeout_ms / 1000);
		return KSK_ERR_AGAIN;
	}
}

enum ksk_err
ksk_spawn_run(struct ksk_spawn *spawn, struct ksk_fault *fault)
{
	struct run r = {.spawn = spawn,
		.fd = {-1, -1, -1},
		.deadline_ms = ksk_ctl_now_ms() + spawn->timeout_ms};
	/* A program need not read what it is given. */
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct sigaction before;
	enum ksk_err err;

	(void)sigaction(SIGPIPE, &ignore, &before);
	err = start(&r, fault);
	if (err == KSK_OK) {
		err = talk(&r, fault);
		if (!r.gone) {
			(void)kill(-r.pid, SIGKILL);
			(void)kill(r.pid, SIGKILL);
			(void)waitpid(r.pid, NULL, 0);
		}
	}
	for (int i = 0; i < PIPES; i++)
		close_end(&r.fd[i]);
	(void)sigaction(SIGPIPE, &before, NULL);
	return err;
}
