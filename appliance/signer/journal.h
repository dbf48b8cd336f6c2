/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal - the signer's durable, chained list of records in one SQLite file
 * (WAL, synchronous=FULL). Records are staged and become durable together, in
 * one transaction, by ksk_journal_commit: only then may a token be asked or a
 * reply leave. What follows from a record (timeline, answers to give again) is
 * staged as rows of other tables and written in the same transaction.
 * Tests: tests/unit/test_journal.c
 */
#ifndef KSK_SIGNER_JOURNAL_H
#define KSK_SIGNER_JOURNAL_H

#include "protocol/record.h"

/* Opaque. */
struct ksk_journal;

/* One value of a row, or one that a statement is given. */
enum ksk_value_kind {
	KSK_VALUE_NONE = 0, /* NULL */
	KSK_VALUE_NUMBER,   /* < 2^63 */
	KSK_VALUE_BYTES,
	KSK_VALUE_TEXT, /* bytes, UTF-8 */
};

struct ksk_value {
	enum ksk_value_kind kind;
	uint64_t number;
	struct ksk_span bytes; /* borrowed */
};

/* Values of one row. */
#define KSK_ROW_VALUE_MAX 8u

/* The last durable record. */
struct ksk_head {
	uint64_t number;
	uint8_t hash[KSK_HASH_LEN];
};

/* Where it begins. Records below number are no part of the chain any more: those
 * that stay all the same may be looked up by their number. */
struct ksk_oldest {
	uint64_t number;              /* 0: none was pruned */
	uint8_t before[KSK_HASH_LEN]; /* the hash that it follows */
};

/* In the journal's small things, written by whoever prunes: the number of the
 * last record that left (8 bytes, big endian), and its hash. */
#define KSK_PRUNED_STATE "pruned"

/*
 * Opens the journal of an appliance, checks that it is whole and its own,
 * brings an older schema up to date, and closes intents that an end cut off as
 * ABANDONED; on a full disk that stays staged. Where the file is missing and `kskadm init` left the mark "new"
 * beside it, makes it once and removes the mark.
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
 * Keeps space in reserve beside the journal (reserve.h), which a commit spends
 * when the disk is full. Once, after it was opened. That there is no room for
 * it is no failure: ksk_journal_is_low.
 * KSK_ERR_IO with fault.
 */
KSK_MUST_USE enum ksk_err ksk_journal_keep_reserve(
	struct ksk_journal *journal, uint64_t bytes, struct ksk_fault *fault);

/* Returns true if some of the reserve is spent, or was never there. */
bool ksk_journal_is_low(const struct ksk_journal *journal);

/* Sets aside again what was spent. Returns true if all is there. */
bool ksk_journal_refill(struct ksk_journal *journal);

/*
 * Stages a record: gives it its number (record->number is overwritten) and
 * hash and keeps its encoding until commit.
 * out_hash: the record's. KSK_ERR_NO_ROOM: more than fits one transaction is
 * staged: commit first. KSK_ERR_CRYPTO. Nothing is staged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_journal_stage(struct ksk_journal *journal,
	struct ksk_record *record, uint8_t out_hash[KSK_HASH_LEN]);

/* Returns how many records and rows are staged. */
size_t ksk_journal_staged(const struct ksk_journal *journal);

/*
 * Makes all staged records and rows durable in one transaction, or none. Spends
 * of the reserve what it needs.
 * KSK_ERR_NO_ROOM: the disk is full; KSK_ERR_IO: another failure; both with
 * fault, and all stays staged so that commit can be tried again.
 */
KSK_MUST_USE enum ksk_err ksk_journal_commit(
	struct ksk_journal *journal, struct ksk_fault *fault);

/* ---- rows of other tables, written in the records' transaction ---- */

/*
 * Prepares a statement that staged rows run: an INSERT, UPDATE or DELETE.
 * To be called once for each, at start. out_statement: for
 * ksk_journal_stage_row. KSK_ERR_IO, KSK_ERR_NO_ROOM (too many), with fault.
 */
KSK_MUST_USE enum ksk_err ksk_journal_statement(struct ksk_journal *journal,
	const char *sql, size_t *out_statement, struct ksk_fault *fault);

/*
 * Returns true if one record and, with it, so many rows with so many bytes in
 * all their values can be staged: then ksk_journal_stage and that many
 * ksk_journal_stage_row find room. If not: commit first.
 */
bool ksk_journal_has_room(
	const struct ksk_journal *journal, size_t row_count, size_t byte_count);

/* Returns true if so many records can be staged, whatever they hold. */
bool ksk_journal_has_record_room(
	const struct ksk_journal *journal, size_t record_count);

/*
 * Stages a row for the next commit; its values are copied.
 * values: count of them, KSK_ROW_VALUE_MAX at most. KSK_ERR_NO_ROOM: commit
 * first. Nothing is staged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_journal_stage_row(struct ksk_journal *journal,
	size_t statement, const struct ksk_value *values, size_t count);

/* Returns how many rows are staged: the number of the next one. */
size_t ksk_journal_rows(const struct ksk_journal *journal);

/*
 * Gives a row that is staged, by its number, other values: as many as it has,
 * and they are copied. Returns false and changes nothing if one of them is
 * longer than what it replaces.
 */
bool ksk_journal_restage_row(struct ksk_journal *journal, size_t row,
	const struct ksk_value *values, size_t count);

/*
 * Runs a query over what is durable and gives each row to each, with its
 * column_count columns, borrowed for the call; it returns false to end early.
 * each: must not use the journal. KSK_ERR_IO with fault.
 */
KSK_MUST_USE enum ksk_err ksk_journal_query(struct ksk_journal *journal,
	const char *sql, const struct ksk_value *values, size_t count,
	bool (*each)(
		void *ctx, const struct ksk_value *column, size_t column_count),
	void *ctx, struct ksk_fault *fault);

/* Stages a small thing under a name; replaces what was there.
 * KSK_ERR_NO_ROOM: commit first. */
KSK_MUST_USE enum ksk_err ksk_journal_state_set(
	struct ksk_journal *journal, const char *name, struct ksk_span value);

/*
 * Appends the durable value of a name. KSK_ERR_NOT_FOUND; KSK_ERR_NO_ROOM: out
 * is too small; KSK_ERR_IO with fault. out unchanged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_journal_state_get(struct ksk_journal *journal,
	const char *name, struct ksk_buf *out, struct ksk_fault *fault);

/* ---- what it is ---- */

/* Returns the 16 random bytes that were made with the journal, borrowed: a
 * journal that was made anew has others. */
const uint8_t *ksk_journal_id(const struct ksk_journal *journal);

/* Returns its path, borrowed. */
const char *ksk_journal_path(const struct ksk_journal *journal);

/* Returns how many commits wrote something since it was opened: what was
 * staged at another count is durable. */
uint64_t ksk_journal_commits(const struct ksk_journal *journal);

/* Returns the number of the oldest record that an open intent needs: none
 * from it on may be pruned. */
uint64_t ksk_journal_open_from(const struct ksk_journal *journal);

/* Returns where it begins. */
struct ksk_oldest ksk_journal_oldest(const struct ksk_journal *journal);

/* Returns the last durable record. */
struct ksk_head ksk_journal_head(const struct ksk_journal *journal);

/* Returns the version and text hash of the policy last recorded; false if
 * none was. */
bool ksk_journal_policy(const struct ksk_journal *journal,
	uint64_t *out_version, uint8_t out_hash[KSK_HASH_LEN]);

#endif
