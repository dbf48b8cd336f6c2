/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal - what the subcommands of `kskctl journal` share: their options, and
 * how an export is read. Each subcommand has its file: journal_export.c,
 * journal_verify.c, journal_show.c.
 * Tests: tests/integration/test_journal.py
 */
#ifndef KSK_CLIENT_JOURNAL_H
#define KSK_CLIENT_JOURNAL_H

#include "client/verb.h"
#include "protocol/chain.h"

#include <stdio.h>

struct ksk_journal_options {
	struct ksk_ctl *ctl;
	const char *out; /* --out */
	bool has_from;
	uint64_t from;    /* --from */
	const char *kept; /* --checkpoint */
	bool has_zone;
	struct ksk_name zone; /* --zone */
	size_t key_count;
	const char *key[KSK_CHAIN_KEY_MAX]; /* --audit-key */
};

/* The subcommands. path: the export. */
enum ksk_ctl_exit ksk_journal_export(const struct ksk_journal_options *options);
enum ksk_ctl_exit ksk_journal_checkpoint(
	const struct ksk_journal_options *options);
enum ksk_ctl_exit ksk_journal_verify(
	const struct ksk_journal_options *options, const char *path);
enum ksk_ctl_exit ksk_journal_show(
	const struct ksk_journal_options *options, const char *path);

/* Makes a chain that trusts the keys of the files named with --audit-key. NULL:
 * said on standard error. Owned, ksk_chain_free. */
struct ksk_chain *ksk_journal_chain(const struct ksk_journal_options *options);

/* A file that is read item by item through one buffer. Opaque. */
struct ksk_export_file;

/*
 * file: borrowed, read from where it stands. path: borrowed, for messages.
 * out_file: owned, ksk_export_file_free. KSK_ERR_NO_MEMORY.
 */
KSK_MUST_USE enum ksk_err ksk_export_file_new(
	FILE *file, const char *path, struct ksk_export_file **out_file);
void ksk_export_file_free(struct ksk_export_file **file);

/*
 * Takes the next item, borrowed until the next call.
 * KSK_ERR_NOT_FOUND: the file ends behind the item before. KSK_ERR_AGAIN: it
 * ends in the middle of an item. KSK_ERR_MALFORMED, KSK_ERR_IO. With fault but
 * for the first.
 */
KSK_MUST_USE enum ksk_err ksk_export_file_next(struct ksk_export_file *file,
	struct ksk_export_item *out_item, struct ksk_fault *fault);

/* Returns how many bytes all items taken so far have. */
uint64_t ksk_export_file_at(const struct ksk_export_file *file);

#endif
