/* SPDX-License-Identifier: BSD-2-Clause */
/* document_store - see document_store.h. */
#include "appliance/signer/document_store.h"

#include "protocol/limits.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* Documents that may lie about after crashes while they were written. */
#define LEFT_MAX 64u

enum ksk_err
ksk_store_begin(struct ksk_store *store, struct ksk_journal *journal,
	struct ksk_fault *fault)
{
	enum ksk_err err = ksk_journal_statement(journal,
		"INSERT INTO document VALUES(?, ?, ?)"
		" ON CONFLICT(name, part) DO NOTHING",
		&store->put, fault);

	store->journal = journal;
	if (err == KSK_OK)
		err = ksk_journal_statement(journal,
			"DELETE FROM document WHERE name = ?", &store->drop,
			fault);
	return err;
}

size_t
ksk_store_pieces(size_t len)
{
	return (len + KSK_STORE_PIECE - 1) / KSK_STORE_PIECE;
}

static struct ksk_value
name_value(const uint8_t name[KSK_HASH_LEN])
{
	return (struct ksk_value){.kind = KSK_VALUE_BYTES,
		.bytes = ksk_span_of(name, KSK_HASH_LEN)};
}

enum ksk_err
ksk_store_put(struct ksk_store *store, const uint8_t name[KSK_HASH_LEN],
	struct ksk_span whole, size_t piece)
{
	size_t at = piece * KSK_STORE_PIECE;
	size_t len = whole.len - at < KSK_STORE_PIECE ? whole.len - at
						      : KSK_STORE_PIECE;
	const struct ksk_value values[] = {
		name_value(name),
		{.kind = KSK_VALUE_NUMBER, .number = piece},
		{.kind = KSK_VALUE_BYTES,
			.bytes = ksk_span_of(whole.data + at, len)},
	};

	if (!ksk_journal_has_room(store->journal, 1, len + KSK_HASH_LEN))
		return KSK_ERR_NO_ROOM;
	return ksk_journal_stage_row(store->journal, store->put, values, 3);
}

enum ksk_err
ksk_store_drop(struct ksk_store *store, const uint8_t name[KSK_HASH_LEN])
{
	const struct ksk_value value = name_value(name);

	return ksk_journal_stage_row(store->journal, store->drop, &value, 1);
}

/* ---- reading ---- */

static bool
take_total(void *ctx, const struct ksk_value *column, size_t count)
{
	uint64_t *total = ctx;

	if (count == 1 && column[0].kind == KSK_VALUE_NUMBER)
		*total = column[0].number;
	return false;
}

static enum ksk_err
find_total(struct ksk_store *store, const uint8_t name[KSK_HASH_LEN],
	uint64_t *out_total, struct ksk_fault *fault)
{
	const struct ksk_value value = name_value(name);
	uint64_t total = 0;
	enum ksk_err err = ksk_journal_query(store->journal,
		"SELECT sum(length(bytes)) FROM document WHERE name = ?",
		&value, 1, take_total, &total, fault);

	if (err != KSK_OK)
		return err;
	if (total == 0 || total > KSK_DOCUMENT_MAX) {
		ksk_fault_set(fault,
			"the journal does not hold the document that is in "
			"force");
		return KSK_ERR_NOT_FOUND;
	}
	*out_total = total;
	return KSK_OK;
}

/* Wanted: from skip on, as much as fits. */
struct slice {
	struct ksk_buf *out;
	uint64_t skip;
};

static bool
take_piece(void *ctx, const struct ksk_value *column, size_t count)
{
	struct slice *s = ctx;
	struct ksk_span bytes = column[0].bytes;
	size_t room = s->out->cap - s->out->len;

	(void)count;
	if (s->skip >= bytes.len) {
		s->skip -= bytes.len;
		return true;
	}
	bytes.data += s->skip;
	bytes.len -= (size_t)s->skip;
	s->skip = 0;
	if (bytes.len > room)
		bytes.len = room;
	return ksk_buf_put(s->out, bytes.data, bytes.len) == KSK_OK &&
		s->out->len < s->out->cap;
}

enum ksk_err
ksk_store_slice(struct ksk_store *store, const uint8_t name[KSK_HASH_LEN],
	uint64_t offset, struct ksk_buf *out, uint64_t *out_total,
	struct ksk_fault *fault)
{
	struct slice s = {.out = out, .skip = offset % KSK_STORE_PIECE};
	uint64_t total = 0;
	enum ksk_err err = find_total(store, name, &total, fault);
	const struct ksk_value values[] = {
		name_value(name),
		{.kind = KSK_VALUE_NUMBER, .number = offset / KSK_STORE_PIECE},
	};

	if (err == KSK_OK && offset < total)
		err = ksk_journal_query(store->journal,
			"SELECT bytes FROM document WHERE name = ?"
			" AND part >= ? ORDER BY part",
			values, 2, take_piece, &s, fault);
	if (err == KSK_OK)
		*out_total = total;
	return err;
}

enum ksk_err
ksk_store_read(struct ksk_store *store, const uint8_t name[KSK_HASH_LEN],
	uint8_t **out_data, size_t *out_len, struct ksk_fault *fault)
{
	uint8_t digest[KSK_HASH_LEN];
	uint64_t total = 0;
	uint8_t *data = NULL;
	struct ksk_buf buf;
	enum ksk_err err = find_total(store, name, &total, fault);

	if (err != KSK_OK)
		return err;
	data = malloc((size_t)total);
	if (data == NULL) {
		ksk_fault_set(fault, "no memory for the document");
		return KSK_ERR_NO_MEMORY;
	}
	buf = ksk_buf_of(data, (size_t)total);
	err = ksk_store_slice(store, name, 0, &buf, &total, fault);
	if (err == KSK_OK &&
		(buf.len != total ||
			EVP_Digest(data, buf.len, digest, NULL, EVP_sha256(),
				NULL) != 1 ||
			memcmp(digest, name, KSK_HASH_LEN) != 0)) {
		ksk_fault_set(
			fault, "the journal's copy of the document is damaged");
		err = KSK_ERR_NOT_FOUND;
	}
	if (err != KSK_OK) {
		free(data);
		return err;
	}
	*out_data = data;
	*out_len = (size_t)total;
	return KSK_OK;
}

/* ---- cleaning ---- */

struct left {
	const uint8_t (*keep)[KSK_HASH_LEN];
	size_t keep_count;
	size_t count;
	uint8_t name[LEFT_MAX][KSK_HASH_LEN];
};

static bool
take_left(void *ctx, const struct ksk_value *column, size_t count)
{
	struct left *l = ctx;
	bool keep = column[0].bytes.len != KSK_HASH_LEN;

	(void)count;
	for (size_t i = 0; i < l->keep_count && !keep; i++)
		keep = memcmp(l->keep[i], column[0].bytes.data, KSK_HASH_LEN) ==
			0;
	if (!keep)
		memcpy(l->name[l->count++], column[0].bytes.data, KSK_HASH_LEN);
	return l->count < LEFT_MAX;
}

enum ksk_err
ksk_store_keep(struct ksk_store *store, const uint8_t (*names)[KSK_HASH_LEN],
	size_t count, struct ksk_fault *fault)
{
	struct left l = {.keep = names, .keep_count = count};
	enum ksk_err err = ksk_journal_query(store->journal,
		"SELECT DISTINCT name FROM document", NULL, 0, take_left, &l,
		fault);

	for (size_t i = 0; i < l.count && err == KSK_OK; i++)
		err = ksk_store_drop(store, l.name[i]);
	return err == KSK_OK ? ksk_journal_commit(store->journal, fault) : err;
}
