/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_commit - durable commits alone: bench_commit DATABASE RECORDS SECONDS
 * prints the median time of one commit of so many records, in microseconds.
 */
#include "tests/bench/bench.h"

#include <stdio.h>

#define COUNT_MAX 100000u

int
main(int argc, char **argv)
{
	static double took[COUNT_MAX];
	struct bench_store *store = NULL;
	size_t count = 0;

	if (argc != 4)
		bench_fail("usage: bench_commit DATABASE RECORDS SECONDS");
	unsigned records = (unsigned)bench_number(argv[2]);
	double seconds = bench_number(argv[3]);
	bench_store_open(argv[1], &store);
	double begin = bench_now();
	double last = begin;
	while (last - begin < seconds && count < COUNT_MAX) {
		bench_store_commit(store, records);
		double now = bench_now();
		took[count++] = now - last;
		last = now;
	}
	printf("%.3f\n", bench_quantile(took, count, 0.5) * 1e6);
	return 0;
}
