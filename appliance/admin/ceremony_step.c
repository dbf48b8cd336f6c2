/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ceremony_step - one step in a process of its own: this same program, with
 * nothing on its standard input. What it prints is shown as it comes and
 * written down line by line.
 */
#include "appliance/admin/ceremony.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What one of the two outputs has said of its current line. */
struct stream {
	int fd; /* -1 when it has ended */
	int show;
	const char *mark;
	size_t len;
	char line[4096];
};

static void
flush_line(struct stream *s, struct ksk_transcript *t)
{
	ksk_transcript_output(t, s->mark, s->line, s->len);
	s->len = 0;
}

static void
take(struct stream *s, const char *bytes, size_t count,
	struct ksk_transcript *t)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] == '\n' || s->len == sizeof(s->line))
			flush_line(s, t);
		if (bytes[i] != '\n')
			s->line[s->len++] = bytes[i];
	}
}

static void
pump(struct stream *s, struct ksk_transcript *t)
{
	char bytes[4096];
	ssize_t n = read(s->fd, bytes, sizeof(bytes));

	if (n < 0 && errno == EINTR)
		return;
	if (n > 0) {
		/* The transcript counts; a screen that is gone does not. */
		if (write(s->show, bytes, (size_t)n) < 0)
			s->show = -1;
		take(s, bytes, (size_t)n, t);
		return;
	}
	if (s->len > 0)
		flush_line(s, t);
	(void)close(s->fd);
	s->fd = -1;
}

static void
listen_to(struct stream streams[2], struct ksk_transcript *t)
{
	while (streams[0].fd >= 0 || streams[1].fd >= 0) {
		struct pollfd fds[2] = {
			{.fd = streams[0].fd, .events = POLLIN},
			{.fd = streams[1].fd, .events = POLLIN},
		};

		if (poll(fds, 2, -1) < 0)
			continue;
		for (size_t i = 0; i < 2; i++) {
			if (fds[i].revents != 0)
				pump(&streams[i], t);
		}
	}
}

/* Signals that the parent ignores are the step's to die of. */
static _Noreturn void
become(const char *config, const struct ksk_step *step, int out, int err)
{
	char *argv[KSK_STEP_WORDS_MAX + 4] = {(char *)(uintptr_t) "kskadm",
		(char *)(uintptr_t) "-c", (char *)(uintptr_t)config};
	const struct sigaction normal = {.sa_handler = SIG_DFL};
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);

	memcpy(argv + 3, step->word, step->count * sizeof(argv[0]));
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 &&
		sigaction(SIGINT, &normal, NULL) == 0 &&
		sigaction(SIGPIPE, &normal, NULL) == 0 && in >= 0 &&
		dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
		dup2(err, STDERR_FILENO) >= 0)
		(void)execv("/proc/self/exe", argv);
	_exit(KSK_EXIT_INTERNAL);
}

static int
wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	return status;
}

static void
close_end(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

enum ksk_exit
ksk_step_run(const char *config, const struct ksk_step *step,
	struct ksk_transcript *t)
{
	int out[2] = {-1, -1};
	int err[2] = {-1, -1};
	struct stream streams[2] = {
		{.show = STDOUT_FILENO, .mark = "|"},
		{.show = STDERR_FILENO, .mark = "!"},
	};
	pid_t pid = -1;
	int status;

	if (pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0)
		pid = fork();
	if (pid == 0)
		become(config, step, out[1], err[1]);
	close_end(out[1]);
	close_end(err[1]);
	if (pid < 0) {
		ksk_transcript_put(
			t, "error", "no process: %s", strerror(errno));
		close_end(out[0]);
		close_end(err[0]);
		return KSK_EXIT_INTERNAL;
	}
	streams[0].fd = out[0];
	streams[1].fd = err[0];
	listen_to(streams, t);
	status = wait_for(pid);
	if (WIFEXITED(status))
		return (enum ksk_exit)WEXITSTATUS(status);
	ksk_transcript_put(t, "error", "ended by signal %d", WTERMSIG(status));
	return KSK_EXIT_INTERNAL;
}
