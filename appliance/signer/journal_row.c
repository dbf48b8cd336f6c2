/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_row - rows of other tables that belong to records: staged here,
 * written by journal.c in the records' transaction; and what is read back.
 */
#include "appliance/signer/journal.h"

#include "appliance/signer/journal_internal.h"

#include <stdlib.h>
#include <string.h>

bool
ksk_journal_bind(
	sqlite3_stmt *statement, const struct ksk_value *value, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct ksk_value *v = &value[i];
		int at = (int)i + 1, err = SQLITE_ERROR;
		/* A NULL pointer would bind NULL, not the empty string. */
		const void *bytes = v->bytes.data == NULL ? (const void *)""
							  : v->bytes.data;
		switch (v->kind) {
		case KSK_VALUE_NONE:
			err = sqlite3_bind_null(statement, at);
			break;
		case KSK_VALUE_NUMBER:
			err = sqlite3_bind_int64(
				statement, at, (sqlite3_int64)v->number);
			break;
		case KSK_VALUE_BYTES:
			err = sqlite3_bind_blob(statement, at, bytes,
				(int)v->bytes.len, SQLITE_STATIC);
			break;
		case KSK_VALUE_TEXT:
			err = sqlite3_bind_text(statement, at, bytes,
				(int)v->bytes.len, SQLITE_STATIC);
			break;
		}
		if (err != SQLITE_OK)
			return false;
	}
	return true;
}

static enum ksk_err
fail(const struct ksk_journal *journal, struct ksk_fault *fault,
	const char *doing)
{
	ksk_fault_set(fault, "the journal %s can't be used: %s: %s",
		journal->path, doing, sqlite3_errmsg(journal->db));
	return KSK_ERR_IO;
}

enum ksk_err
ksk_journal_statement(struct ksk_journal *journal, const char *sql,
	size_t *out_statement, struct ksk_fault *fault)
{
	if (journal->statement_count == KSK_STATEMENT_MAX) {
		ksk_fault_set(fault, "the journal has too many statements");
		return KSK_ERR_NO_ROOM;
	}
	size_t at = journal->statement_count;
	if (sqlite3_prepare_v3(journal->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
		    &journal->statement[at], NULL) != SQLITE_OK)
		return fail(journal, fault, "preparing");
	journal->statement_count++;
	*out_statement = at;
	return KSK_OK;
}

bool
ksk_journal_has_room(
	const struct ksk_journal *journal, size_t row_count, size_t byte_count)
{
	size_t room = journal->arena.cap - journal->arena.len;
	return journal->staged_count < KSK_STAGED_MAX &&
		row_count <= KSK_STAGED_ROW_MAX - journal->row_count &&
		row_count * KSK_ROW_VALUE_MAX <=
		KSK_STAGED_VALUE_MAX - journal->value_count &&
		room >= KSK_RECORD_MAX && room - KSK_RECORD_MAX >= byte_count;
}

bool
ksk_journal_has_record_room(
	const struct ksk_journal *journal, size_t record_count)
{
	return record_count <= KSK_STAGED_MAX - journal->staged_count &&
		record_count <= KSK_OPEN_MAX - journal->open_count &&
		record_count * KSK_RECORD_MAX <=
		journal->arena.cap - journal->arena.len;
}

enum ksk_err
ksk_journal_stage_row(struct ksk_journal *journal, size_t statement,
	const struct ksk_value *values, size_t count)
{
	size_t bytes = 0;
	if (statement >= journal->statement_count || count > KSK_ROW_VALUE_MAX)
		abort();
	for (size_t i = 0; i < count; i++)
		bytes += values[i].bytes.len;
	if (journal->row_count == KSK_STAGED_ROW_MAX ||
		count > KSK_STAGED_VALUE_MAX - journal->value_count ||
		bytes > journal->arena.cap - journal->arena.len)
		return KSK_ERR_NO_ROOM;

	struct staged_row row = {.statement = statement,
		.first = journal->value_count,
		.value_count = count};
	for (size_t i = 0; i < count; i++) {
		struct ksk_value v = values[i];
		size_t at = journal->arena.len;
		enum ksk_err err = ksk_buf_put(
			&journal->arena, v.bytes.data, v.bytes.len);
		if (err != KSK_OK)
			abort(); /* counted above */
		v.bytes = ksk_span_of(journal->arena.data + at, v.bytes.len);
		journal->value[journal->value_count++] = v;
	}
	journal->row[journal->row_count++] = row;
	return KSK_OK;
}

size_t
ksk_journal_rows(const struct ksk_journal *journal)
{
	return journal->row_count;
}

bool
ksk_journal_restage_row(struct ksk_journal *journal, size_t row,
	const struct ksk_value *values, size_t count)
{
	if (row >= journal->row_count || count != journal->row[row].value_count)
		abort();
	struct ksk_value *staged = &journal->value[journal->row[row].first];
	for (size_t i = 0; i < count; i++)
		if (values[i].bytes.len > staged[i].bytes.len)
			return false;
	for (size_t i = 0; i < count; i++) {
		struct ksk_value v = values[i];
		size_t at = (size_t)(staged[i].bytes.data -
			journal->arena.data);
		if (v.bytes.len > 0)
			memcpy(journal->arena.data + at, v.bytes.data,
				v.bytes.len);
		v.bytes = ksk_span_of(journal->arena.data + at, v.bytes.len);
		staged[i] = v;
	}
	return true;
}

/* ---- reading ---- */

static struct ksk_value
column_of(sqlite3_stmt *st, int at)
{
	struct ksk_value v = {.kind = KSK_VALUE_NONE};
	int type = sqlite3_column_type(st, at);
	if (type == SQLITE_INTEGER) {
		v.kind = KSK_VALUE_NUMBER;
		v.number = (uint64_t)sqlite3_column_int64(st, at);
	} else if (type == SQLITE_BLOB || type == SQLITE_TEXT) {
		v.kind = type == SQLITE_BLOB ? KSK_VALUE_BYTES : KSK_VALUE_TEXT;
		const void *data = sqlite3_column_blob(st, at);
		v.bytes = ksk_span_of(
			data, (size_t)sqlite3_column_bytes(st, at));
	}
	return v;
}

enum ksk_err
ksk_journal_query(struct ksk_journal *journal, const char *sql,
	const struct ksk_value *values, size_t count,
	bool (*each)(
		void *ctx, const struct ksk_value *column, size_t column_count),
	void *ctx, struct ksk_fault *fault)
{
	sqlite3_stmt *st = NULL;
	int step = SQLITE_ERROR;
	bool more = true;
	if (sqlite3_prepare_v2(journal->db, sql, -1, &st, NULL) == SQLITE_OK &&
		ksk_journal_bind(st, values, count))
		step = SQLITE_ROW;
	while (step == SQLITE_ROW && more &&
		(step = sqlite3_step(st)) == SQLITE_ROW) {
		struct ksk_value column[KSK_ROW_VALUE_MAX];
		int columns = sqlite3_column_count(st);
		if (columns > (int)KSK_ROW_VALUE_MAX)
			abort();
		for (int i = 0; i < columns; i++)
			column[i] = column_of(st, i);
		more = each(ctx, column, (size_t)columns);
	}
	enum ksk_err err = KSK_OK;
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		err = fail(journal, fault, "reading");
	(void)sqlite3_finalize(st);
	return err;
}

/* ---- small things by name ---- */

enum ksk_err
ksk_journal_state_set(
	struct ksk_journal *journal, const char *name, struct ksk_span value)
{
	const struct ksk_value values[] = {
		{.kind = KSK_VALUE_TEXT,
			.bytes = ksk_span_of(name, strlen(name))},
		{.kind = KSK_VALUE_BYTES, .bytes = value},
	};
	return ksk_journal_stage_row(journal, journal->state_set, values, 2);
}

struct state_read {
	struct ksk_buf *out;
	enum ksk_err err;
};

static bool
take_state(void *ctx, const struct ksk_value *column, size_t column_count)
{
	struct state_read *read = ctx;
	if (column_count == 1)
		read->err = ksk_buf_put(
			read->out, column[0].bytes.data, column[0].bytes.len);
	return false;
}

enum ksk_err
ksk_journal_state_get(struct ksk_journal *journal, const char *name,
	struct ksk_buf *out, struct ksk_fault *fault)
{
	const struct ksk_value value = {.kind = KSK_VALUE_TEXT,
		.bytes = ksk_span_of(name, strlen(name))};
	struct state_read read = {.out = out, .err = KSK_ERR_NOT_FOUND};
	enum ksk_err err = ksk_journal_query(journal,
		"SELECT value FROM state WHERE name = ?", &value, 1, take_state,
		&read, fault);
	return err != KSK_OK ? err : read.err;
}
