/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_chain - where a journal begins and where it ends, found when it is
 * opened: what is missing or changed at its end is damage. Contract:
 * journal_internal.h. Whether all of it is whole, `kskadm journal check` says.
 */
#include "appliance/signer/journal_internal.h"

#include "protocol/wire.h"

#include <stdio.h>
#include <string.h>

/* Records at the end whose chain is computed again at each start. */
#define CHAIN_CHECKED 1000u

static enum ksk_err
damaged(const struct ksk_journal *journal, const char *where,
	struct ksk_fault *fault)
{
	ksk_fault_set(fault,
		"the journal %s is damaged %s: restore it from a backup",
		journal->path, where);
	return KSK_ERR_MALFORMED;
}

/* ---- where it begins ---- */

struct beginning {
	bool there, good;
	struct ksk_oldest oldest;
};

static bool
take_oldest(void *ctx, const struct ksk_value *column, size_t column_count)
{
	struct beginning *b = ctx;
	struct ksk_wire w = ksk_wire_of(column[0].bytes);
	(void)column_count;
	b->there = true;
	b->oldest.number = ksk_wire_u64(&w) + 1;
	ksk_wire_copy(&w, b->oldest.before, KSK_HASH_LEN);
	b->good = ksk_wire_end(&w) == KSK_OK && b->oldest.number != 0;
	return false;
}

static bool
take_number(void *ctx, const struct ksk_value *column, size_t column_count)
{
	uint64_t *number = ctx;
	if (column_count == 1 && column[0].kind == KSK_VALUE_NUMBER)
		*number = column[0].number;
	return false;
}

/* A journal of version 1 keeps no small things, and was never pruned. */
static enum ksk_err
read_oldest(struct ksk_journal *journal, struct ksk_fault *fault)
{
	uint64_t tables = 0;
	struct beginning b = {.there = false};
	enum ksk_err err = ksk_journal_query(journal,
		"SELECT count(*) FROM sqlite_schema WHERE name = 'state'", NULL,
		0, take_number, &tables, fault);
	if (err != KSK_OK || tables == 0)
		return err;
	err = ksk_journal_query(journal,
		"SELECT value FROM state WHERE name = '" KSK_PRUNED_STATE "'",
		NULL, 0, take_oldest, &b, fault);
	if (err != KSK_OK || !b.there)
		return err;
	if (!b.good)
		return damaged(journal, "where it was pruned", fault);
	journal->oldest = b.oldest;
	return KSK_OK;
}

/* ---- and where it ends ---- */

struct walk {
	struct ksk_journal *journal;
	bool first, good;
};

/* number, body, hash. The head is the record before; the hash of the one before
 * the first is known if that is the oldest, and else taken at its word. */
static bool
follow(void *ctx, const struct ksk_value *column, size_t column_count)
{
	struct walk *w = ctx;
	struct ksk_journal *journal = w->journal;
	uint64_t number = column[0].number;
	uint8_t hash[KSK_HASH_LEN];
	const uint8_t *before = w->first ? journal->oldest.before
					 : journal->head.hash;
	bool known = !w->first || number == journal->oldest.number;
	(void)column_count;
	w->good = number == journal->head.number + 1 &&
		column[2].bytes.len == KSK_HASH_LEN &&
		(!known ||
			(ksk_record_hasher_run(journal->hasher, before,
				 column[1].bytes, hash) == KSK_OK &&
				memcmp(hash, column[2].bytes.data,
					KSK_HASH_LEN) == 0));
	if (!w->good)
		return false;
	journal->head.number = number;
	memcpy(journal->head.hash, column[2].bytes.data, KSK_HASH_LEN);
	w->first = false;
	return true;
}

enum ksk_err
ksk_journal_check_chain(struct ksk_journal *journal, struct ksk_fault *fault)
{
	uint64_t last = 0;
	char where[48];
	enum ksk_err err = read_oldest(journal, fault);
	if (err == KSK_OK)
		err = ksk_journal_query(journal,
			"SELECT max(number) FROM record", NULL, 0, take_number,
			&last, fault);
	if (err != KSK_OK)
		return err;
	uint64_t from = last > CHAIN_CHECKED ? last - CHAIN_CHECKED : 0;
	if (from < journal->oldest.number)
		from = journal->oldest.number;
	const struct ksk_value value = {
		.kind = KSK_VALUE_NUMBER, .number = from};
	struct walk w = {.journal = journal, .first = true, .good = true};
	journal->head.number = from - 1;
	err = ksk_journal_query(journal,
		"SELECT number, body, hash FROM record WHERE number >= ?"
		" ORDER BY number",
		&value, 1, follow, &w, fault);
	if (err != KSK_OK || (w.good && !w.first))
		return err;
	(void)snprintf(where, sizeof(where), "after record %llu",
		(unsigned long long)journal->head.number);
	return damaged(journal,
		w.first && from == 0 ? "at its first record" : where, fault);
}
