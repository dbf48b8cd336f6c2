/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fan - see fan.h.
 */
#include "client/fan.h"

#include "client/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Statuses above this are not a job's. */
#define STATUS_MAX 100
#define NO_RESULT 101

struct job {
	pid_t pid;
	int fd; /* its result comes here; -1: it is not running */
	bool over;
	int status;
	struct ksk_text result;
};

struct run {
	const struct ksk_fan *fan;
	struct job *job;
	size_t next;  /* to be started */
	size_t taken; /* all before were taken */
	size_t count; /* running */
	size_t running[KSK_FAN_WIDTH];
};

/* ---- in the process of a job ---- */

/* Nothing of the other process's is flushed or cleaned up here. */
static _Noreturn void
be_job(const struct ksk_fan *fan, size_t i, pid_t parent, int fd)
{
	struct ksk_text result = {0};
	int status;

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(NO_RESULT);
	status = fan->work(fan->ctx, i, &result);
	if (result.failed || !ksk_file_write(fd, result.data, result.len))
		status = NO_RESULT;
	_exit(status);
}

/* ---- in the other ---- */

static bool
start(struct run *r, size_t i)
{
	struct job *job = &r->job[i];
	pid_t parent = getpid();
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	job->pid = fork();
	if (job->pid == 0)
		be_job(r->fan, i, parent, ends[1]);
	(void)close(ends[1]);
	if (job->pid < 0) {
		(void)close(ends[0]);
		return false;
	}
	job->fd = ends[0];
	r->running[r->count++] = i;
	return true;
}

static void
do_here(struct run *r, size_t i)
{
	struct job *job = &r->job[i];

	job->status = r->fan->work(r->fan->ctx, i, &job->result);
	if (job->result.failed)
		job->status = KSK_FAN_LOST;
	job->over = true;
}

/* Starts what there is room for. Without any process the work goes on here; as
 * long as one is there, it is waited for. */
static void
start_more(struct run *r)
{
	while (r->next < r->fan->count && r->count < KSK_FAN_WIDTH) {
		if (r->fan->count > 1 && start(r, r->next)) {
			r->next++;
			continue;
		}
		if (r->count == 0)
			do_here(r, r->next++);
		return;
	}
}

static void
finish(struct job *job)
{
	int status;
	pid_t got;

	(void)close(job->fd);
	job->fd = -1;
	do {
		got = waitpid(job->pid, &status, 0);
	} while (got < 0 && errno == EINTR);
	job->over = true;
	job->status = got == job->pid && WIFEXITED(status) &&
			WEXITSTATUS(status) <= STATUS_MAX && !job->result.failed
		? WEXITSTATUS(status)
		: KSK_FAN_LOST;
}

/* Returns true when the job is over. */
static bool
receive(struct job *job)
{
	char room[16384];
	ssize_t n = read(job->fd, room, sizeof(room));

	if (n > 0)
		ksk_text_add_bytes(&job->result, room, (size_t)n);
	if (n > 0 || (n < 0 && errno == EINTR))
		return false;
	finish(job);
	return true;
}

static void
wait_and_receive(struct run *r)
{
	struct pollfd fds[KSK_FAN_WIDTH];

	for (size_t i = 0; i < r->count; i++)
		fds[i] = (struct pollfd){
			.fd = r->job[r->running[i]].fd, .events = POLLIN};
	if (poll(fds, (nfds_t)r->count, -1) <= 0)
		return;
	/* From behind: the last one takes the place of one that is over. */
	for (size_t i = r->count; i-- > 0;) {
		if (fds[i].revents != 0 && receive(&r->job[r->running[i]]))
			r->running[i] = r->running[--r->count];
	}
}

static void
take_in_order(struct run *r)
{
	for (; r->taken < r->fan->count && r->job[r->taken].over; r->taken++) {
		struct job *job = &r->job[r->taken];

		r->fan->take(r->fan->ctx, r->taken, job->status,
			ksk_span_of(job->result.data, job->result.len));
		ksk_text_free(&job->result);
	}
}

enum ksk_err
ksk_fan_run(const struct ksk_fan *fan)
{
	struct run r = {.fan = fan, .job = calloc(fan->count, sizeof(*r.job))};

	if (r.job == NULL && fan->count != 0)
		return KSK_ERR_NO_MEMORY;
	while (r.taken < fan->count) {
		start_more(&r);
		if (r.count != 0)
			wait_and_receive(&r);
		take_in_order(&r);
	}
	free(r.job);
	return KSK_OK;
}
