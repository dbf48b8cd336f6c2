/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_prune_bound - how far a journal may be pruned: what it says itself,
 * then what an export proves. Contract: journal_prune.h
 */
#include "appliance/admin/journal_prune.h"

#include "appliance/base/yaml.h"
#include "protocol/wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what the journal says ---- */

/* Nothing from a record on may leave. */
static void KSK_FORMAT(3, 4)
	stop_before(struct ksk_prune *p, uint64_t number, const char *fmt, ...)
{
	va_list list;

	if (number >= p->limit)
		return;
	p->limit = number;
	va_start(list, fmt);
	(void)vsnprintf(p->why, sizeof(p->why), fmt, list);
	va_end(list);
}

/* An anchor over a record that is gone would say that the journal is another
 * one. The number of the last is written beside each record's effects. */
static enum ksk_err
look_at_anchor(struct ksk_prune *p, struct ksk_fault *fault)
{
	uint64_t anchored = 0;
	sqlite3_stmt *st = NULL;

	if (!p->has_anchor)
		return KSK_OK;
	enum ksk_err err = ksk_check_query(&p->check,
		"SELECT value FROM state WHERE name = 'anchored'", &st, fault);
	if (err == KSK_OK &&
		(err = ksk_check_row(&p->check, st, fault)) == KSK_OK) {
		struct ksk_wire w = ksk_wire_of(ksk_check_bytes(st, 0));
		anchored = ksk_wire_u64(&w);
		if (ksk_wire_end(&w) != KSK_OK)
			anchored = 0;
	}
	(void)sqlite3_finalize(st);
	stop_before(p, anchored,
		"the journal's anchor is over record %" PRIu64
		": kskd moves it on while it runs, and when it stops",
		anchored);
	return err == KSK_ERR_NOT_FOUND ? KSK_OK : err;
}

/* Returns false at the first record that has to stay. number, body */
static bool
may_leave(struct ksk_prune *p, uint64_t number, const struct ksk_record *record)
{
	char when[KSK_TIME_CAP];

	if (record->has_window && record->window.expiration > p->now) {
		stop_before(p, number,
			"record %" PRIu64 " is about signatures that are valid "
			"until %s",
			number, ksk_time_text(when, record->window.expiration));
		return false;
	}
	if (p->younger != 0 && record->time > p->younger) {
		stop_before(p, number,
			"record %" PRIu64 " was written after %s", number,
			ksk_time_text(when, p->younger));
		return false;
	}
	return true;
}

static enum ksk_err
look_at_records(struct ksk_prune *p, struct ksk_fault *fault)
{
	static struct ksk_record record; /* large; within this call */
	static struct ksk_record_room room;
	sqlite3_stmt *st = NULL;
	bool more = true;
	enum ksk_err err = ksk_check_query(&p->check,
		"SELECT number, body FROM record WHERE number >= ?"
		" ORDER BY number",
		&st, fault);

	if (err == KSK_OK)
		(void)sqlite3_bind_int64(st, 1, (sqlite3_int64)p->check.oldest);
	while (err == KSK_OK && more &&
		(err = ksk_check_row(&p->check, st, fault)) == KSK_OK) {
		err = ksk_record_read(
			ksk_check_bytes(st, 1), &room, &record, fault);
		if (err == KSK_OK)
			more = may_leave(p, ksk_check_number(st, 0), &record);
	}
	(void)sqlite3_finalize(st);
	return err == KSK_ERR_NOT_FOUND ? KSK_OK : err;
}

enum ksk_err
ksk_prune_bound(struct ksk_prune *prune, struct ksk_fault *fault)
{
	const struct ksk_chain_state *state = ksk_chain_state(
		prune->check.chain);

	if (prune->check.intents_open > 0) {
		ksk_fault_set(fault,
			"%s: %" PRIu64
			" intents have no end yet: start kskd, which ends "
			"them, and stop it",
			prune->check.path, prune->check.intents_open);
		return KSK_ERR_AMBIGUOUS;
	}
	/* What has expired is judged by this machine's clock. */
	if (prune->now < KSK_RELEASED ||
		prune->now < ksk_chain_last(prune->check.chain)->time) {
		ksk_fault_set(fault,
			"this machine's clock is behind the journal's newest "
			"record: set it first");
		return KSK_ERR_AMBIGUOUS;
	}
	prune->limit = UINT64_MAX;
	stop_before(prune, state->head, "the last record stays");
	enum ksk_err err = look_at_anchor(prune, fault);
	return err == KSK_OK ? look_at_records(prune, fault) : err;
}

/* ---- what the export proves ---- */

/* Has the journal this record, and a checkpoint over it? */
static enum ksk_err
is_shared(struct ksk_prune *p, uint64_t number, const uint8_t *hash,
	struct ksk_fault *fault)
{
	sqlite3_stmt *st = NULL;
	enum ksk_err err = ksk_check_query(&p->check,
		"SELECT record.hash, checkpoint.hash FROM record JOIN"
		" checkpoint USING (number) WHERE number = ?",
		&st, fault);

	if (err == KSK_OK)
		(void)sqlite3_bind_int64(st, 1, (sqlite3_int64)number);
	if (err == KSK_OK)
		err = ksk_check_row(&p->check, st, fault);
	if (err == KSK_OK &&
		!ksk_span_equal(ksk_check_bytes(st, 0),
			ksk_span_of(hash, KSK_HASH_LEN))) {
		ksk_fault_set(fault,
			"%s: record %" PRIu64
			" in it is not the one of the journal",
			p->export_path, number);
		err = KSK_ERR_MALFORMED;
	}
	(void)sqlite3_finalize(st);
	return err;
}

/* A checkpoint of the export that was just verified. */
static enum ksk_err
take_checkpoint(struct ksk_prune *p, struct ksk_fault *fault)
{
	const struct ksk_chain_state *state = ksk_chain_state(p->exported);
	uint64_t number = state->checkpoint;
	const uint8_t *hash = ksk_chain_hash(p->exported, number);

	if (hash == NULL || number < p->check.oldest || number >= p->limit)
		return KSK_OK;
	enum ksk_err err = is_shared(p, number, hash, fault);
	if (err != KSK_OK)
		return err == KSK_ERR_NOT_FOUND ? KSK_OK : err;
	p->found = true;
	p->through = number;
	memcpy(p->hash, hash, KSK_HASH_LEN);
	return KSK_OK;
}

static enum ksk_err
check_header(const struct ksk_prune *p, struct ksk_fault *fault)
{
	const struct ksk_chain_state *state = ksk_chain_state(p->exported);

	if (memcmp(state->journal, p->check.journal, KSK_ID_LEN) != 0)
		ksk_fault_set(
			fault, "%s is of another journal", p->export_path);
	else if (state->first > p->check.oldest)
		ksk_fault_set(fault,
			"%s begins with record %" PRIu64
			", and the journal with %" PRIu64
			": what is between would be lost",
			p->export_path, state->first, p->check.oldest);
	else
		return KSK_OK;
	return KSK_ERR_MALFORMED;
}

static enum ksk_err
take_item(struct ksk_prune *p, const struct ksk_export_item *item,
	struct ksk_fault *fault)
{
	struct ksk_fault why = {""};
	enum ksk_err err = ksk_chain_item(p->exported, item, &why);

	if (err != KSK_OK) {
		ksk_fault_set(fault, "%s: %.560s", p->export_path, why.text);
		return err;
	}
	if (item->kind == KSK_EXPORT_HEADER)
		return check_header(p, fault);
	return item->kind == KSK_EXPORT_CHECKPOINT ? take_checkpoint(p, fault)
						   : KSK_OK;
}

static enum ksk_err
check_export(struct ksk_prune *p, struct ksk_span rest, struct ksk_fault *fault)
{
	struct ksk_export_item item;
	enum ksk_err err = KSK_OK;

	while (rest.len > 0 && err == KSK_OK) {
		err = ksk_export_take(&rest, &item);
		if (err != KSK_OK) {
			ksk_fault_set(fault,
				"%s: it is damaged, or its end is cut off: "
				"export again",
				p->export_path);
			return KSK_ERR_MALFORMED;
		}
		err = take_item(p, &item, fault);
	}
	if (err != KSK_OK || ksk_chain_state(p->exported)->marked)
		return err;
	ksk_fault_set(
		fault, "%s: its end is cut off: export again", p->export_path);
	return KSK_ERR_MALFORMED;
}

enum ksk_err
ksk_prune_export(struct ksk_prune *prune, struct ksk_fault *fault)
{
	struct stat st = {.st_size = -1};
	void *map = MAP_FAILED;

	/* It outlives what is about to leave. */
	if (fsync(prune->export_fd) != 0 || fstat(prune->export_fd, &st) != 0 ||
		st.st_size == 0 ||
		(map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE,
			 prune->export_fd, 0)) == MAP_FAILED) {
		ksk_fault_set(fault, "%s: it can't be read: %s",
			prune->export_path,
			st.st_size == 0 ? "it is empty" : strerror(errno));
		return KSK_ERR_IO;
	}
	enum ksk_err err = check_export(
		prune, ksk_span_of(map, (size_t)st.st_size), fault);
	(void)munmap(map, (size_t)st.st_size);
	const struct ksk_chain_state *state = ksk_chain_state(prune->exported);
	if (err == KSK_OK && !state->proven)
		(void)snprintf(prune->why, sizeof(prune->why),
			"the export has no checkpoint");
	else if (err == KSK_OK && !prune->found &&
		state->checkpoint < prune->limit)
		(void)snprintf(prune->why, sizeof(prune->why),
			"the export's last checkpoint is over record %" PRIu64,
			state->checkpoint);
	return err;
}
