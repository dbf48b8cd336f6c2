/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * files - what kskd passes to its children is a snapshot: a trusted file is
 * read once into a sealed memory file. What was checked is what every child
 * gets, also one that starts a month later, until a reload takes a new
 * snapshot. A child gets its own open file, so offsets are not shared.
 * Tests: tests/integration/test_supervisor.py
 */
#ifndef KSK_SUPERVISOR_FILES_H
#define KSK_SUPERVISOR_FILES_H

#include "appliance/base/config.h"

/* A file to be read: all borrowed. */
struct ksk_file {
	const char *path;
	const char *what; /* its role, for faults: "TLS key" */
	bool secret;      /* must not be readable by others */
	size_t max_len;   /* longer is refused */
};

/* Makes the sealed memory file of a file that is not there. out_fd: owned.
 * KSK_ERR_IO with fault. */
KSK_MUST_USE enum ksk_err ksk_file_empty(
	const struct ksk_file *file, int *out_fd, struct ksk_fault *fault);

/*
 * Reads a trusted file into a sealed memory file.
 * out_fd: owned. Errors as ksk_open_trusted; KSK_ERR_TOO_LARGE with fault.
 */
KSK_MUST_USE enum ksk_err ksk_file_snapshot(
	const struct ksk_file *file, int *out_fd, struct ksk_fault *fault);

/* Closes *fd if it is one, and sets it to -1. */
void ksk_file_close(int *fd);

#endif
