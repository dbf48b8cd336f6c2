/* SPDX-License-Identifier: BSD-2-Clause */
/* bench - see bench.h. */
#include "tests/bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES_MAX 16u

/* Work done before the clock is looked at again, and before it counts. */
#define WARM_UP 50u

double
bench_now(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
		abort();
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void
bench_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	_exit(1);
}

double
bench_number(const char *text)
{
	char *end = NULL;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || !(value > 0))
		bench_fail("%s is no positive number", text);
	return value;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double
bench_quantile(double *values, size_t count, double fraction)
{
	if (count == 0)
		bench_fail("nothing was measured");
	qsort(values, count, sizeof(*values), compare);
	size_t at = (size_t)((double)count * fraction);
	return values[at < count ? at : count - 1];
}

static void
must_write(int fd, const void *data, size_t len)
{
	if (write(fd, data, len) != (ssize_t)len)
		bench_fail("write: %s", strerror(errno));
}

static void
must_read(int fd, void *data, size_t len)
{
	if (read(fd, data, len) != (ssize_t)len)
		bench_fail("another process of this measurement has ended");
}

static _Noreturn void
measure(const struct bench_work *work, int fd, double seconds)
{
	char byte = 0;
	unsigned long count = 0;

	work->begin(work->ctx);
	for (unsigned i = 0; i < WARM_UP; i++)
		work->once(work->ctx);
	must_write(fd, &byte, 1);
	must_read(fd, &byte, 1);
	double begin = bench_now();
	double end = begin;
	for (; end - begin < seconds; end = bench_now()) {
		work->once(work->ctx);
		count++;
	}
	double rate = (double)count / (end - begin);
	must_write(fd, &rate, sizeof(rate));
	_exit(0);
}

/* Returns the parent's end of a socket to a new process. If either side dies
 * the other reads an end, and none is left waiting. */
static int
begin_process(const struct bench_work *work, double seconds)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) != 0)
		bench_fail("socketpair: %s", strerror(errno));
	pid_t pid = fork();
	if (pid < 0)
		bench_fail("fork: %s", strerror(errno));
	if (pid == 0) {
		(void)close(fd[0]);
		measure(work, fd[1], seconds);
	}
	(void)close(fd[1]);
	return fd[0];
}

double
bench_rate(const struct bench_work *work, unsigned processes, double seconds)
{
	int fd[PROCESSES_MAX];
	char byte = 0;
	double sum = 0;

	if (processes == 0 || processes > PROCESSES_MAX)
		bench_fail("1 to %u processes", PROCESSES_MAX);
	/* One after the other: SoftHSM's C_Initialize fails now and then when
	 * another process reads the same files for the first time. */
	for (unsigned i = 0; i < processes; i++) {
		fd[i] = begin_process(work, seconds);
		must_read(fd[i], &byte, 1);
	}
	for (unsigned i = 0; i < processes; i++)
		must_write(fd[i], &byte, 1);
	for (unsigned i = 0; i < processes; i++) {
		double rate = 0;

		must_read(fd[i], &rate, sizeof(rate));
		sum += rate;
	}
	while (wait(NULL) > 0)
		;
	return sum;
}
