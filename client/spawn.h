/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spawn - runs a program that a person named in a file: no shell, bytes on its
 * standard input, what it writes kept, with limits of size and time. A program
 * that takes longer is killed, together with what it started; one whose caller
 * is killed ends too.
 * Tests: tests/unit/test_spawn.c
 */
#ifndef KSK_CLIENT_SPAWN_H
#define KSK_CLIENT_SPAWN_H

#include "protocol/span.h"

/* Bytes of standard output, and of the head of standard error, that are
 * kept: a KSR of a year has some hundred KiB. */
#define KSK_SPAWN_OUT_MAX (4u * 1024u * 1024u)
#define KSK_SPAWN_ERR_CAP 2048u

struct ksk_spawn {
	const char *const *argv; /* NULL at its end; argv[0] by PATH */
	const char *folder;      /* to run in; NULL: this one's */
	struct ksk_span input;   /* for its standard input */
	unsigned timeout_ms;
	/* Results; zero them before use. */
	uint8_t *out; /* owned, free(); a zero byte behind its end */
	size_t out_len;
	char err[KSK_SPAWN_ERR_CAP]; /* the head of standard error */
	int status;                  /* exit status, 128 + n for a signal */
};

/*
 * Runs a program until its end. It need not read what it is given: SIGPIPE is
 * ignored meanwhile.
 * KSK_ERR_NOT_FOUND: it can't be started; KSK_ERR_TOO_LARGE: it writes too
 * much; KSK_ERR_AGAIN: the time was up; KSK_ERR_IO, KSK_ERR_NO_MEMORY; with
 * fault. Any exit status is KSK_OK: it is the caller's to judge. What is in the
 * results after a failure is to be freed all the same.
 */
KSK_MUST_USE enum ksk_err ksk_spawn_run(
	struct ksk_spawn *spawn, struct ksk_fault *fault);

#endif
