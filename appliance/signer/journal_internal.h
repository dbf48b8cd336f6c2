/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_internal - what journal.c and journal_open.c share. Nobody else
 * includes it.
 */
#ifndef KSK_SIGNER_JOURNAL_INTERNAL_H
#define KSK_SIGNER_JOURNAL_INTERNAL_H

#include "appliance/base/start.h"
#include "appliance/signer/journal.h"

#include <sqlite3.h>

/* Records of one transaction, and the room for their encodings: pages that
 * are never touched cost nothing. */
#define KSK_STAGED_MAX 512u
#define KSK_ARENA_CAP (64u * KSK_RECORD_MAX)

struct staged {
	uint64_t number;
	uint64_t time;
	uint64_t kind;
	uint64_t ends; /* the intent it ends, 0 for none */
	struct ksk_span encoded;
	uint8_t hash[KSK_HASH_LEN];
	bool has_policy;
	uint64_t policy_version;
	uint8_t policy_hash[KSK_HASH_LEN];
};

struct ksk_journal {
	sqlite3 *db;
	sqlite3_stmt *begin, *insert, *open_intent, *end_intent, *commit;
	char path[KSK_PATH_CAP];
	struct ksk_head head;
	bool has_policy;
	uint64_t policy_version;
	uint8_t policy_hash[KSK_HASH_LEN];
	size_t staged_count;
	struct staged staged[KSK_STAGED_MAX];
	struct ksk_buf arena;
};

#endif
