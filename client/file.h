/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file - whole files in and out. What is written appears under its name whole
 * or not at all.
 * Tests: tests/unit/test_file.c
 */
#ifndef KSK_CLIENT_FILE_H
#define KSK_CLIENT_FILE_H

#include "protocol/span.h"

/*
 * Reads a file, or standard input for "-".
 * max: a longer one is refused, never cut. out_data: owned, free(); has one
 * zero byte behind its end that out_len does not count.
 * KSK_ERR_NOT_FOUND, KSK_ERR_IO, KSK_ERR_TOO_LARGE, KSK_ERR_NO_MEMORY, with
 * fault. Outputs unchanged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_file_read(const char *path, size_t max,
	uint8_t **out_data, size_t *out_len, struct ksk_fault *fault);

/*
 * As above for a file that holds a secret: refused unless it is a regular
 * file of the caller or of root that nobody else can read.
 * KSK_ERR_PERMISSION with fault.
 */
KSK_MUST_USE enum ksk_err ksk_file_read_secret(const char *path, size_t max,
	uint8_t **out_data, size_t *out_len, struct ksk_fault *fault);

/*
 * Writes a file: under another name in the same folder, synced, then renamed.
 * On failure the old file stays and the other name is removed. A symbolic link
 * and what is no regular file are refused.
 * KSK_ERR_IO with fault.
 */
KSK_MUST_USE enum ksk_err ksk_file_replace(const char *path, const void *data,
	size_t len, struct ksk_fault *fault);

/* Writes all of it to a descriptor. Returns false with errno. */
bool ksk_file_write(int fd, const void *bytes, size_t len);

/* Finds out whether a file could be replaced, before work is done whose result
 * would be lost else. Errors as above. */
KSK_MUST_USE enum ksk_err ksk_file_check(
	const char *path, struct ksk_fault *fault);

/* As ksk_file_replace; the file has mode 0600 whatever it had before. */
KSK_MUST_USE enum ksk_err ksk_file_replace_private(const char *path,
	const void *data, size_t len, struct ksk_fault *fault);

/* Makes the name of a new file last, where the file system can. */
void ksk_file_sync_folder(const char *path);

/*
 * Writes a new file of mode 0600, synced. One that is there already is left as
 * it is. KSK_ERR_AMBIGUOUS: it is there; KSK_ERR_IO; with fault.
 */
KSK_MUST_USE enum ksk_err ksk_file_create(const char *path, const void *data,
	size_t len, struct ksk_fault *fault);

#endif
