/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command - a program of the file of `sync`, run for one zone: %z and %n are
 * filled in, it runs in the file's folder, and it must succeed. The programs of
 * one provider run one at a time, in all processes of a run: they share its
 * key database, its API and their own files. One that takes too long several
 * times is not run again.
 * Tests: tests/unit/test_gather.c
 */
#ifndef KSK_CLIENT_COMMAND_H
#define KSK_CLIENT_COMMAND_H

#include "client/sync_config.h"

/* Words that a caller may add behind those of the file. */
#define KSK_COMMAND_MORE_MAX 4u

struct ksk_command {
	const struct ksk_sync_config *config;     /* borrowed */
	const struct ksk_sync_provider *provider; /* one of config's */
	const char *zone;
	const struct ksk_sync_list *words;
	const char *more[KSK_COMMAND_MORE_MAX]; /* as they are; NULL ends */
	struct ksk_span input;
	/* Results: ksk_command_wipe. */
	uint8_t *out; /* a zero byte behind its end; NULL: nothing */
	size_t out_len;
	char *err; /* the head of standard error; never NULL when run */
};

/*
 * Runs it until its end. KSK_ERR_BAD_INPUT: it ends with another status than 0,
 * fault has the last line that it wrote to standard error, or to standard
 * output if there is none. Others as ksk_spawn_run.
 */
KSK_MUST_USE enum ksk_err ksk_command_run(
	struct ksk_command *command, struct ksk_fault *fault);

void ksk_command_wipe(struct ksk_command *command);

#endif
