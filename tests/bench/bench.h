/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench - what the programs of `make bench` share: the clock, the end in case
 * of failure, rates of several processes at once, and durable commits in the
 * journal's way. They print numbers; bench.py compares them.
 */
#ifndef KSK_BENCH_H
#define KSK_BENCH_H

#include "protocol/span.h"

/* Seconds of the monotonic clock. */
double bench_now(void);

/* Says what failed and ends the process; printf's arguments. */
_Noreturn void bench_fail(const char *fmt, ...) KSK_FORMAT(1, 2);

/* Reads a positive decimal number, or fails. */
double bench_number(const char *text);

/* Sorts the values and returns the one at a fraction of them (0.5: median). */
double bench_quantile(double *values, size_t count, double fraction);

/* What one process does: makes itself ready (out_work may be used for it),
 * and then one unit of work per call. */
struct bench_work {
	void (*begin)(void *ctx);
	void (*once)(void *ctx);
	void *ctx;
};

/*
 * Runs work in so many processes for so many seconds, all at the same moment,
 * and returns the units per second of all together.
 */
double bench_rate(
	const struct bench_work *work, unsigned processes, double seconds);

/* An SQLite file with WAL and synchronous=FULL, as the journal has it. */
struct bench_store;

/* Makes path; *out_store is never freed: the process ends. */
void bench_store_open(const char *path, struct bench_store **out_store);

/* Makes so many records of a typical size durable in one transaction. */
void bench_store_commit(struct bench_store *store, unsigned records);

#endif
