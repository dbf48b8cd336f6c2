/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_internal - what the files journal*.c share. Nobody else includes it.
 */
#ifndef KSK_SIGNER_JOURNAL_INTERNAL_H
#define KSK_SIGNER_JOURNAL_INTERNAL_H

#include "appliance/base/start.h"
#include "appliance/signer/journal.h"
#include "appliance/signer/reserve.h"

#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>

/* Records of one transaction, rows of other tables with them, and the room for
 * all their bytes: pages that are never touched cost nothing. */
#define KSK_STAGED_MAX 512u
#define KSK_STAGED_ROW_MAX 4096u
#define KSK_STAGED_VALUE_MAX (4u * KSK_STAGED_ROW_MAX)
#define KSK_ARENA_CAP (128u * KSK_RECORD_MAX)

/* Statements that rows run: a few for each table. */
#define KSK_STATEMENT_MAX 48u

/* Intents that can be open at once: each belongs to a ticket, or its end is
 * staged. */
#define KSK_OPEN_MAX 2048u

/* meta.open_from is written once in so many records: that many are looked
 * through at start for intents that a crash left open. */
#define KSK_OPEN_EVERY 1024u

struct staged {
	uint64_t number;
	uint64_t time;
	uint64_t kind;
	struct ksk_span encoded;
	uint8_t hash[KSK_HASH_LEN];
	bool has_policy;
	uint64_t policy_version;
	uint8_t policy_hash[KSK_HASH_LEN];
};

/* A row of another table: value_count values from first on. */
struct staged_row {
	size_t statement;
	size_t first;
	size_t value_count;
};

/* Which file was opened at a path. */
struct ksk_place {
	uint32_t major, minor; /* of its device */
	uint64_t ino;
	bool seen;
};

struct ksk_journal {
	sqlite3 *db;
	sqlite3_stmt *begin, *insert, *open_from, *commit;
	sqlite3_stmt *statement[KSK_STATEMENT_MAX];
	size_t statement_count;
	size_t state_set; /* statement of ksk_journal_state_set */
	char path[KSK_PATH_CAP];
	struct ksk_place file, log; /* at path, and its WAL */
	struct ksk_reserve reserve;
	uint8_t id[KSK_ID_LEN];
	struct ksk_record_hasher *hasher; /* owned */
	struct ksk_head head;
	struct ksk_oldest oldest;
	uint64_t commits; /* that wrote something, since it was opened */
	bool has_policy;
	uint64_t policy_version;
	uint8_t policy_hash[KSK_HASH_LEN];
	/* staged and durable intents without an end, ascending */
	uint64_t open[KSK_OPEN_MAX];
	size_t open_count;
	uint64_t open_written; /* head when open_from was written */
	size_t staged_count;
	struct staged staged[KSK_STAGED_MAX];
	size_t row_count;
	struct staged_row row[KSK_STAGED_ROW_MAX];
	size_t value_count;
	struct ksk_value value[KSK_STAGED_VALUE_MAX];
	struct ksk_buf arena;
};

/*
 * Finds out where the journal begins, and follows its last records to its head.
 * KSK_ERR_MALFORMED, KSK_ERR_IO, with fault.
 */
KSK_MUST_USE enum ksk_err ksk_journal_check_chain(
	struct ksk_journal *journal, struct ksk_fault *fault);

/*
 * Finds out whether the files that are open are still those at their paths.
 * KSK_ERR_IO with fault: a record would be lost with the process.
 */
KSK_MUST_USE enum ksk_err ksk_journal_check_place(
	struct ksk_journal *journal, struct ksk_fault *fault);

/* Binds values to a statement's parameters from the first on. */
bool ksk_journal_bind(
	sqlite3_stmt *statement, const struct ksk_value *value, size_t count);

#endif
