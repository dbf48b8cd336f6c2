/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * growth - see growth.h. The file is growth_file.c's.
 */
#include "client/growth.h"

#include "client/growth_file.h"
#include "client/output.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum ksk_err
make_path(const char *profile_path, char out[KSK_GROWTH_PATH_CAP],
	struct ksk_fault *fault)
{
	int len = snprintf(
		out, KSK_GROWTH_PATH_CAP, "%s.records", profile_path);

	if (len > 0 && (unsigned)len < KSK_GROWTH_PATH_CAP)
		return KSK_OK;
	ksk_fault_set(fault, "the profile's path is too long");
	return KSK_ERR_BAD_INPUT;
}

enum ksk_err
ksk_growth_begin(const char *profile_path, const char *address,
	struct ksk_growth *out_growth, struct ksk_fault *fault)
{
	struct ksk_growth growth = {.address = address};
	struct ksk_growth_table *table = malloc(sizeof(*table));
	const struct ksk_growth_line *line;
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	if (table == NULL) {
		ksk_fault_set(fault, "no memory is left");
		return err;
	}
	if ((err = make_path(profile_path, growth.path, fault)) != KSK_OK ||
		(err = ksk_growth_file_read(growth.path, table, fault)) !=
			KSK_OK)
		goto out;
	line = ksk_growth_file_find(table, address);
	if (line != NULL) {
		growth.known = true;
		growth.seen = line->mark;
	}
	*out_growth = growth;
out:
	free(table);
	return err;
}

/* ---- what is demanded ---- */

static bool
is_hash(const struct ksk_growth_mark *mark, const uint8_t hash[KSK_HASH_LEN])
{
	return memcmp(mark->hash, hash, KSK_HASH_LEN) == 0;
}

static void
say_way_out(const struct ksk_growth *growth)
{
	ksk_say("if a person knows why and it is right: kskctl enroll "
		"--forget-record %s",
		growth->address);
}

static enum ksk_err
refuse_appliance(const struct ksk_growth *growth, const uint8_t id[KSK_ID_LEN])
{
	char was[2 * KSK_ID_LEN + 1], is[2 * KSK_ID_LEN + 1];

	ksk_hex_write(ksk_span_of(growth->seen.appliance, KSK_ID_LEN), was,
		sizeof(was));
	ksk_hex_write(ksk_span_of(id, KSK_ID_LEN), is, sizeof(is));
	ksk_say("%s: appliance %s answers where appliance %s did before, whose "
		"journal had record %" PRIu64
		": a new appliance, or not yours: find out before anything is "
		"signed",
		growth->address, is, was, growth->seen.record);
	say_way_out(growth);
	return KSK_ERR_AMBIGUOUS;
}

static enum ksk_err
refuse_record(const struct ksk_growth *growth,
	const struct ksk_growth_mark *seen, uint64_t record,
	const uint8_t hash[KSK_HASH_LEN])
{
	char was[2 * KSK_HASH_LEN + 1], is[2 * KSK_HASH_LEN + 1];

	ksk_hex_write(ksk_span_of(seen->hash, KSK_HASH_LEN), was, sizeof(was));
	ksk_hex_write(ksk_span_of(hash, KSK_HASH_LEN), is, sizeof(is));
	ksk_say("%s: its journal is not the one that was seen before, or went "
		"back: it answers with record %" PRIu64
		", hash %s, after record %" PRIu64 ", hash %s",
		growth->address, record, is, seen->record, was);
	ksk_say("a restored backup, a copy of the appliance, or an attack: "
		"find out before anything is signed");
	say_way_out(growth);
	return KSK_ERR_AMBIGUOUS;
}

enum ksk_err
ksk_growth_head(
	struct ksk_growth *growth, const struct ksk_status_reply *status)
{
	const struct ksk_growth_mark *seen = &growth->seen;
	struct ksk_growth_mark head = {.record = status->record};

	if (growth->known &&
		memcmp(seen->appliance, status->appliance, KSK_ID_LEN) != 0)
		return refuse_appliance(growth, status->appliance);
	if (growth->known &&
		(status->record < seen->record ||
			(status->record == seen->record &&
				!is_hash(seen, status->record_hash))))
		return refuse_record(
			growth, seen, status->record, status->record_hash);
	memcpy(head.appliance, status->appliance, KSK_ID_LEN);
	memcpy(head.hash, status->record_hash, KSK_HASH_LEN);
	growth->head = head;
	growth->newest = head;
	growth->has_head = true;
	return KSK_OK;
}

enum ksk_err
ksk_growth_record(struct ksk_growth *growth, uint64_t record,
	const uint8_t hash[KSK_HASH_LEN], bool fresh)
{
	const struct ksk_growth_mark *head = &growth->head;
	const struct ksk_growth_mark *seen = &growth->seen;

	if (growth->known && record == seen->record && !is_hash(seen, hash))
		return refuse_record(growth, seen, record, hash);
	if ((record == head->record && !is_hash(head, hash)) ||
		(fresh && record <= head->record))
		return refuse_record(growth, head, record, hash);
	if (record > growth->newest.record) {
		growth->newest.record = record;
		memcpy(growth->newest.hash, hash, KSK_HASH_LEN);
	}
	return KSK_OK;
}

/* ---- what is remembered ---- */

/* Puts a mark into the table. Returns false if what is there is as new. */
static bool
put_mark(struct ksk_growth_table *table, const char *address,
	const struct ksk_growth_mark *mark)
{
	struct ksk_growth_line *line = ksk_growth_file_find(table, address);

	if (line != NULL && line->mark.record >= mark->record)
		return false;
	if (line == NULL) {
		line = &table->line[table->count++];
		ksk_text_copy(line->address, sizeof(line->address), address);
	}
	line->mark = *mark;
	return true;
}

static enum ksk_err
keep(const struct ksk_growth *growth, struct ksk_growth_table *table,
	struct ksk_fault *fault)
{
	enum ksk_err err = ksk_growth_file_read(growth->path, table, fault);

	if (err != KSK_OK)
		return err;
	if (table->count == KSK_GROWTH_COUNT_MAX &&
		ksk_growth_file_find(table, growth->address) == NULL) {
		ksk_fault_set(fault, "%.400s: it has %u addresses already",
			growth->path, KSK_GROWTH_COUNT_MAX);
		return KSK_ERR_TOO_LARGE;
	}
	if (!put_mark(table, growth->address, &growth->newest))
		return KSK_OK;
	return ksk_growth_file_write(growth->path, table, fault);
}

void
ksk_growth_keep(const struct ksk_growth *growth)
{
	struct ksk_fault fault = {"no memory is left"};
	struct ksk_growth_table *table;
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	if (!growth->has_head ||
		(growth->known && growth->newest.record == growth->seen.record))
		return;
	table = malloc(sizeof(*table));
	if (table != NULL) {
		int lock = ksk_growth_file_lock(growth->path);
		err = keep(growth, table, &fault);
		ksk_growth_file_unlock(lock);
	}
	if (err != KSK_OK)
		ksk_say("record %" PRIu64 " of %s can't be remembered: %s",
			growth->newest.record, growth->address, fault.text);
	free(table);
}

static enum ksk_err
forget(const char *path, const char *address, struct ksk_growth_table *table,
	struct ksk_growth_mark *out_mark, struct ksk_fault *fault)
{
	struct ksk_growth_mark mark;
	struct ksk_growth_line *line;
	enum ksk_err err = ksk_growth_file_read(path, table, fault);

	if (err != KSK_OK)
		return err;
	line = ksk_growth_file_find(table, address);
	if (line == NULL) {
		ksk_fault_set(fault, "%.400s: no record of %s is remembered",
			path, address);
		return KSK_ERR_NOT_FOUND;
	}
	mark = line->mark;
	*line = table->line[--table->count];
	err = ksk_growth_file_write(path, table, fault);
	if (err == KSK_OK)
		*out_mark = mark;
	return err;
}

enum ksk_err
ksk_growth_forget(const char *profile_path, const char *address,
	struct ksk_growth_mark *out_mark, struct ksk_fault *fault)
{
	struct ksk_growth_table *table = malloc(sizeof(*table));
	char path[KSK_GROWTH_PATH_CAP];
	enum ksk_err err = KSK_ERR_NO_MEMORY;
	int lock;

	if (table == NULL) {
		ksk_fault_set(fault, "no memory is left");
		return err;
	}
	err = make_path(profile_path, path, fault);
	if (err == KSK_OK) {
		lock = ksk_growth_file_lock(path);
		err = forget(path, address, table, out_mark, fault);
		ksk_growth_file_unlock(lock);
	}
	free(table);
	return err;
}
