/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal - the signer's durable, chained list of records in one SQLite file
 * (WAL, synchronous=FULL). Records are staged and become durable together, in
 * one transaction, by ksk_journal_commit: only then may a token be asked or a
 * reply leave.
 * Tests: tests/unit/test_journal.c
 */
#ifndef KSK_SIGNER_JOURNAL_H
#define KSK_SIGNER_JOURNAL_H

#include "protocol/record.h"

/* Opaque. */
struct ksk_journal;

/* The last durable record. */
struct ksk_head {
	uint64_t number;
	uint8_t hash[KSK_HASH_LEN];
};

/*
 * Opens the journal of an appliance, checks that it is whole and its own, and
 * closes intents that an end cut off as ABANDONED. Where the file is missing
 * and `kskadm init` left the mark "new" beside it, makes it once and removes
 * the mark.
 * path: absolute. appliance: what the journal must belong to. now: seconds.
 * out_journal: owned, ksk_journal_close.
 * KSK_ERR_NOT_FOUND, KSK_ERR_MALFORMED (empty, truncated, foreign, newer
 * schema, chain broken at its end), KSK_ERR_IO, all with fault: what is wrong
 * and what to do.
 */
KSK_MUST_USE enum ksk_err ksk_journal_open(const char *path,
	const uint8_t appliance[KSK_ID_LEN], uint64_t now,
	struct ksk_journal **out_journal, struct ksk_fault *fault);

/* Accepts NULL and pointers to NULL; staged records are lost. */
void ksk_journal_close(struct ksk_journal **journal);

/*
 * Stages a record: gives it its number (record->number is overwritten) and
 * hash and keeps its encoding until commit.
 * out_hash: the record's. KSK_ERR_NO_ROOM: more than fits one transaction is
 * staged: commit first. KSK_ERR_CRYPTO. Nothing is staged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_journal_stage(struct ksk_journal *journal,
	struct ksk_record *record, uint8_t out_hash[KSK_HASH_LEN]);

/* Returns how many records are staged. */
size_t ksk_journal_staged(const struct ksk_journal *journal);

/*
 * Makes all staged records durable, or none.
 * KSK_ERR_NO_ROOM: the disk is full; KSK_ERR_IO: another failure; both with
 * fault, and the records stay staged so that commit can be tried again.
 */
KSK_MUST_USE enum ksk_err ksk_journal_commit(
	struct ksk_journal *journal, struct ksk_fault *fault);

/* Returns the last durable record. */
struct ksk_head ksk_journal_head(const struct ksk_journal *journal);

/* Returns the version and text hash of the policy last recorded; false if
 * none was. */
bool ksk_journal_policy(const struct ksk_journal *journal,
	uint64_t *out_version, uint8_t out_hash[KSK_HASH_LEN]);

#endif
