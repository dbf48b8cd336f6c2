/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fan - does many jobs that mostly wait, several at a time: each in a process
 * of its own, which hands its result over as bytes. They are taken in the order
 * of their numbers. A job that is killed loses its own result and no other. The
 * processes end with the one that started them.
 * Tests: tests/unit/test_fan.c, tests/providers/test_sync_many.py
 */
#ifndef KSK_CLIENT_FAN_H
#define KSK_CLIENT_FAN_H

#include "client/output.h"

/* Jobs at a time: they wait for others' servers. An appliance takes 64
 * connections of one address if it is not told otherwise. */
#define KSK_FAN_WIDTH 16u

/* What a job ended with if not with a status of its own. */
#define KSK_FAN_LOST (-1)

struct ksk_fan {
	size_t count;
	void *ctx; /* for both functions */
	/* Does job i in a process of its own: what it changes in memory is seen
	 * by nobody. Appends its result; returns its status, 0 to 100. */
	int (*work)(void *ctx, size_t i, struct ksk_text *result);
	/* Takes the result of job i. status: the job's, or KSK_FAN_LOST, then
	 * result is of no use. */
	void (*take)(void *ctx, size_t i, int status, struct ksk_span result);
};

/*
 * Does all jobs. One job alone, and one for which no process can be had, is
 * done in this process. KSK_ERR_NO_MEMORY: nothing was done.
 */
KSK_MUST_USE enum ksk_err ksk_fan_run(const struct ksk_fan *fan);

#endif
