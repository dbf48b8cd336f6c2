/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_check - what the files of `kskadm journal check` and `kskadm journal
 * prune` share: the open file, and how a query's rows are walked. The former
 * changes nothing in it.
 * Tests: tests/integration/test_journal_check.py,
 * tests/integration/test_journal_prune.py
 */
#ifndef KSK_ADMIN_JOURNAL_CHECK_H
#define KSK_ADMIN_JOURNAL_CHECK_H

#include "appliance/admin/admin.h"
#include "protocol/chain.h"

#include <sqlite3.h>

/* The tables as appliance/signer/journal_schema.h makes them. */
#define KSK_CHECK_SCHEMA 4

struct ksk_check {
	const char *path;
	sqlite3 *db;
	struct ksk_chain *chain;
	uint8_t journal[KSK_ID_LEN];
	uint8_t appliance[KSK_ID_LEN];
	uint64_t open_from; /* every open intent has this number or more */
	uint64_t oldest;    /* record it begins with; 0: none was pruned */
	uint8_t before[KSK_HASH_LEN]; /* the hash that it follows */
	uint64_t stay_count;          /* older records that are there */
	bool keys_given;       /* else those of the file itself are believed */
	uint64_t intents_open; /* at the end */
};

/* Opens a journal that nobody else has open, and reads whose it is.
 * KSK_ERR_NOT_FOUND, KSK_ERR_AGAIN (in use), KSK_ERR_MALFORMED, KSK_ERR_IO,
 * with fault. */
KSK_MUST_USE enum ksk_err ksk_check_open(
	struct ksk_check *check, struct ksk_fault *fault);
/* As ksk_check_open, but does not look through the whole file, and takes a
 * journal of an earlier version too. It leaves the folder as it is; nobody else
 * may have the file open.
 * out_version: of its tables; unless it is KSK_CHECK_SCHEMA nothing else is
 * known. */
KSK_MUST_USE enum ksk_err ksk_check_peek(struct ksk_check *check,
	uint64_t *out_version, struct ksk_fault *fault);

void ksk_check_close(struct ksk_check *check);

/* Prepares a query. KSK_ERR_IO with fault. out_statement: owned,
 * sqlite3_finalize. */
KSK_MUST_USE enum ksk_err ksk_check_query(struct ksk_check *check,
	const char *sql, sqlite3_stmt **out_statement, struct ksk_fault *fault);

/* Takes the next row. KSK_ERR_NOT_FOUND: there is none; KSK_ERR_IO with
 * fault. */
KSK_MUST_USE enum ksk_err ksk_check_row(struct ksk_check *check,
	sqlite3_stmt *statement, struct ksk_fault *fault);

/* A column, borrowed until the next row. */
uint64_t ksk_check_number(sqlite3_stmt *statement, int column);
struct ksk_span ksk_check_bytes(sqlite3_stmt *statement, int column);

/* Trusts the audit key of a file; NULL: those that the file itself names.
 * KSK_ERR_NO_MEMORY, KSK_ERR_CRYPTO, KSK_ERR_BAD_INPUT, with fault. */
KSK_MUST_USE enum ksk_err ksk_check_trust(
	struct ksk_check *check, const char *key, struct ksk_fault *fault);

/* Opens it and checks everything. Errors as the functions below. */
KSK_MUST_USE enum ksk_err ksk_check_all(
	struct ksk_check *check, struct ksk_fault *fault);

/* Returns the exit code for an error of these functions. */
enum ksk_exit ksk_check_exit(enum ksk_err err);

/* Follows all records and checkpoints. KSK_ERR_MALFORMED,
 * KSK_ERR_BAD_SIGNATURE, with fault: what is wrong first. */
KSK_MUST_USE enum ksk_err ksk_check_records(
	struct ksk_check *check, struct ksk_fault *fault);

/* Compares the tables that follow from records with them. Errors as above. */
KSK_MUST_USE enum ksk_err ksk_check_tables(
	struct ksk_check *check, struct ksk_fault *fault);

/*
 * Computes the digest over records that stay though they were pruned, in a
 * prune record's form.
 * sql: gives hash and body of each, by rising number; through: its only value.
 * out_count: how many. KSK_ERR_IO, KSK_ERR_MALFORMED, KSK_ERR_CRYPTO, with
 * fault.
 */
KSK_MUST_USE enum ksk_err ksk_check_stays(struct ksk_check *check,
	const char *sql, uint64_t through, uint8_t out_digest[KSK_HASH_LEN],
	uint64_t *out_count, struct ksk_fault *fault);

/* Compares each zone's timeline with the records that it names. */
KSK_MUST_USE enum ksk_err ksk_check_timelines(
	struct ksk_check *check, struct ksk_fault *fault);

/* Compares what providers announced last with the records that have it, and
 * with what they signed. Errors as above. */
KSK_MUST_USE enum ksk_err ksk_check_announced(
	struct ksk_check *check, struct ksk_fault *fault);

#endif
