/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * growth_file - the file in which growth.c keeps what was seen of each
 * appliance's journal: read whole, changed under a lock, replaced whole.
 * Tests: tests/integration/test_kskctl_growth.py
 */
#ifndef KSK_CLIENT_GROWTH_FILE_H
#define KSK_CLIENT_GROWTH_FILE_H

#include "client/growth.h"

/* Addresses, those included that the profile no longer has. */
#define KSK_GROWTH_COUNT_MAX 64u

struct ksk_growth_line {
	char address[sizeof(((struct ksk_endpoint *)0)->address)];
	struct ksk_growth_mark mark;
};

struct ksk_growth_table {
	size_t count;
	struct ksk_growth_line line[KSK_GROWTH_COUNT_MAX];
};

/*
 * Reads the file; one that is not there is empty. It must belong to the caller
 * or root and be writable and readable by nobody else.
 * KSK_ERR_BAD_INPUT, KSK_ERR_PERMISSION, KSK_ERR_IO, KSK_ERR_NO_MEMORY, with
 * fault.
 */
KSK_MUST_USE enum ksk_err ksk_growth_file_read(const char *path,
	struct ksk_growth_table *out_table, struct ksk_fault *fault);

/* Replaces the file, mode 0600. KSK_ERR_IO, KSK_ERR_NO_MEMORY, with fault. */
KSK_MUST_USE enum ksk_err ksk_growth_file_write(const char *path,
	const struct ksk_growth_table *table, struct ksk_fault *fault);

/* Waits for other processes that change the file. Returns a descriptor for
 * ksk_growth_file_unlock, or -1 where the file system has no locks. */
int ksk_growth_file_lock(const char *path);
void ksk_growth_file_unlock(int lock);

/* Returns the line of an address, or NULL. */
struct ksk_growth_line *ksk_growth_file_find(
	struct ksk_growth_table *table, const char *address);

#endif
