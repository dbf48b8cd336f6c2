/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timeline - which zones' timelines are in memory, and their rows in the
 * journal. What changes one stands in timeline_change.c, _drop.c, _rate.c.
 */
#include "appliance/signer/timeline.h"

#include "appliance/signer/timeline_announced.h"
#include "appliance/signer/timeline_internal.h"

#include <stdlib.h>
#include <string.h>

/* Zones in memory: more than one commit can change, so that there is always
 * one to give up after it. Pages that are never touched cost nothing. */
#define PLACE_COUNT 256u
#define BUCKET_COUNT 512u

struct ksk_timelines {
	struct ksk_journal *journal; /* borrowed */
	size_t put;                  /* its statement */
	size_t announced_put, announced_drop;
	uint64_t used;              /* counts uses */
	struct ksk_timeline *place; /* PLACE_COUNT */
	struct ksk_timeline *bucket[BUCKET_COUNT];
	struct ksk_buf body; /* owned, room for the longest row */
	void (*watch)(void *ctx, const struct ksk_name *zone);
	void *watch_ctx;
};

/* The longest row: full arrays. */
static size_t
longest_body(struct ksk_timeline *timeline)
{
	timeline->history = (struct ksk_history){
		.key_count = KSK_TIMELINE_KEY_MAX,
		.answer_count = KSK_TIMELINE_ANSWER_MAX,
		.member_count = KSK_TIMELINE_MEMBER_MAX,
		.ds_count = KSK_TIMELINE_DS_MAX,
		.parent_count = KSK_TIMELINE_PARENT_MAX,
		.wait_count = KSK_TIMELINE_WAIT_MAX};
	timeline->rate_count = KSK_TIMELINE_RATE_MAX;
	return ksk_timeline_body_len(timeline);
}

enum ksk_err
ksk_timelines_new(struct ksk_journal *journal,
	struct ksk_timelines **out_timelines, struct ksk_fault *fault)
{
	struct ksk_timelines *t = calloc(1, sizeof(*t));
	enum ksk_err err = KSK_ERR_NO_MEMORY;
	if (t == NULL)
		goto out;
	t->journal = journal;
	t->place = calloc(PLACE_COUNT, sizeof(*t->place));
	if (t->place == NULL)
		goto out;
	size_t cap = longest_body(&t->place[0]);
	uint8_t *room = malloc(cap);
	if (room == NULL)
		goto out;
	t->body = ksk_buf_of(room, cap);
	err = ksk_journal_statement(journal,
		"INSERT INTO timeline VALUES(?, ?, ?) ON CONFLICT(zone) DO"
		" UPDATE SET expires = excluded.expires, body = excluded.body",
		&t->put, fault);
	if (err == KSK_OK)
		err = ksk_announced_begin(
			journal, &t->announced_put, &t->announced_drop, fault);
	if (err != KSK_OK)
		goto out;
	*out_timelines = t;
	return KSK_OK;
out:
	if (err == KSK_ERR_NO_MEMORY)
		ksk_fault_set(fault, "no memory for timelines");
	ksk_timelines_free(&t);
	return err;
}

void
ksk_timelines_free(struct ksk_timelines **timelines)
{
	if (timelines == NULL || *timelines == NULL)
		return;
	free((*timelines)->place);
	free((*timelines)->body.data);
	free(*timelines);
	*timelines = NULL;
}

struct ksk_journal *
ksk_timelines_journal(const struct ksk_timelines *timelines)
{
	return timelines->journal;
}

void
ksk_timelines_announced(const struct ksk_timelines *timelines, size_t *out_put,
	size_t *out_drop)
{
	*out_put = timelines->announced_put;
	*out_drop = timelines->announced_drop;
}

/* ---- which are in memory ---- */

/* FNV-1a: names are the policy's, nobody outside chooses them. */
static size_t
bucket_of(const struct ksk_name *zone)
{
	uint64_t hash = 14695981039346656037u;
	for (size_t i = 0; i < zone->len; i++)
		hash = (hash ^ zone->wire[i]) * 1099511628211u;
	return hash % BUCKET_COUNT;
}

bool
ksk_timelines_is_staged(const struct ksk_timelines *timelines,
	const struct ksk_timeline *timeline)
{
	return timeline->staged == ksk_journal_commits(timelines->journal) + 1;
}

static void
unlink_place(struct ksk_timelines *timelines, struct ksk_timeline *timeline)
{
	struct ksk_timeline **at =
		&timelines->bucket[bucket_of(&timeline->zone)];
	while (*at != timeline)
		at = &(*at)->next;
	*at = timeline->next;
	timeline->taken = false;
}

void
ksk_timelines_forget(
	struct ksk_timelines *timelines, struct ksk_timeline *timeline)
{
	if (!ksk_timelines_is_staged(timelines, timeline))
		unlink_place(timelines, timeline);
}

/* A free place, or that of the one longest unused; NULL if all are staged. */
static struct ksk_timeline *
take_place(struct ksk_timelines *timelines)
{
	struct ksk_timeline *oldest = NULL;
	for (size_t i = 0; i < PLACE_COUNT; i++) {
		struct ksk_timeline *t = &timelines->place[i];
		if (!t->taken)
			return t;
		if (!ksk_timelines_is_staged(timelines, t) &&
			(oldest == NULL || t->used < oldest->used))
			oldest = t;
	}
	if (oldest != NULL)
		unlink_place(timelines, oldest);
	return oldest;
}

/* ---- the row ---- */

struct read_row {
	struct ksk_timeline *timeline;
	enum ksk_err err;
};

static bool
take_row(void *ctx, const struct ksk_value *column, size_t column_count)
{
	struct read_row *read = ctx;
	(void)column_count;
	read->err = column[1].number == 0
		? ksk_timeline_read(column[0].bytes, read->timeline)
		: ksk_announced_read(column[0].bytes, read->timeline);
	return read->err == KSK_OK;
}

static enum ksk_err
read_row(struct ksk_timelines *timelines, const struct ksk_name *zone,
	struct ksk_timeline *out, struct ksk_fault *fault)
{
	const struct ksk_value key = {
		.kind = KSK_VALUE_BYTES, .bytes = ksk_name_span(zone)};
	struct read_row read = {.timeline = out, .err = KSK_OK};
	ksk_timeline_clear(out, zone);
	enum ksk_err err = ksk_journal_query(timelines->journal,
		"SELECT body, 0 FROM timeline WHERE zone = ?1 UNION ALL"
		" SELECT body, 1 FROM announced WHERE zone = ?1",
		&key, 1, take_row, &read, fault);
	if (err != KSK_OK || read.err == KSK_OK)
		return err;
	char text[KSK_NAME_TEXT_CAP];
	ksk_name_to_text(zone, text);
	ksk_fault_set(fault,
		"the journal %s: the timeline of %.300s is damaged: restore "
		"it from a backup",
		ksk_journal_path(timelines->journal), text);
	return KSK_ERR_MALFORMED;
}

enum ksk_err
ksk_timelines_find(struct ksk_timelines *timelines, const struct ksk_name *zone,
	struct ksk_timeline **out_timeline, struct ksk_fault *fault)
{
	struct ksk_timeline **bucket = &timelines->bucket[bucket_of(zone)];
	struct ksk_timeline *t = *bucket;
	while (t != NULL && !ksk_name_equal(&t->zone, zone))
		t = t->next;
	if (t == NULL) {
		t = take_place(timelines);
		if (t == NULL) {
			ksk_fault_set(fault,
				"too many zones have changes that are not "
				"durable yet");
			return KSK_ERR_NO_ROOM;
		}
		enum ksk_err err = read_row(timelines, zone, t, fault);
		if (err != KSK_OK)
			return err; /* the place stays free */
		t->taken = true;
		t->next = *bucket;
		*bucket = t;
	}
	t->used = ++timelines->used;
	*out_timeline = t;
	return KSK_OK;
}

bool
ksk_timelines_has_room(const struct ksk_timelines *timelines,
	const struct ksk_timeline *timeline, size_t extra)
{
	/* One answer more is at most 32 keys with their members. */
	const size_t more = 32u * 1024u;
	return ksk_journal_has_room(timelines->journal, 1 + extra,
		ksk_timeline_body_len(timeline) + KSK_NAME_MAX + more +
			extra * 1024u);
}

/* Of answers that are committed together only the last row is written. */
static void
stage_row(struct ksk_timelines *timelines, struct ksk_timeline *timeline,
	const struct ksk_value *values, size_t count)
{
	struct ksk_journal *journal = timelines->journal;
	const uint64_t next = ksk_journal_commits(journal) + 1;
	if (timeline->row_staged == next &&
		ksk_journal_restage_row(journal, timeline->row, values, count))
		return;
	timeline->row_staged = next;
	timeline->row = ksk_journal_rows(journal);
	if (ksk_journal_stage_row(journal, timelines->put, values, count) !=
		KSK_OK)
		abort(); /* ksk_timelines_has_room */
}

void
ksk_timelines_stage(struct ksk_timelines *timelines,
	struct ksk_timeline *timeline, uint64_t now)
{
	timelines->body.len = 0;
	if (ksk_timeline_write(timeline, &timelines->body) != KSK_OK)
		abort(); /* room for the longest */
	const struct ksk_value values[] = {
		{.kind = KSK_VALUE_BYTES,
			.bytes = ksk_name_span(&timeline->zone)},
		{.kind = KSK_VALUE_NUMBER,
			.number = ksk_timeline_expires(timeline, now)},
		{.kind = KSK_VALUE_BYTES,
			.bytes = ksk_buf_span(&timelines->body)},
	};
	stage_row(timelines, timeline, values, 3);
	ksk_timelines_mark(timelines, timeline);
}

void
ksk_timelines_mark(
	const struct ksk_timelines *timelines, struct ksk_timeline *timeline)
{
	timeline->staged = ksk_journal_commits(timelines->journal) + 1;
	if (timelines->watch != NULL)
		timelines->watch(timelines->watch_ctx, &timeline->zone);
}

void
ksk_timelines_watch(struct ksk_timelines *timelines,
	void (*each)(void *ctx, const struct ksk_name *zone), void *ctx)
{
	timelines->watch = each;
	timelines->watch_ctx = ctx;
}

/* ---- all zones ---- */

struct expiries {
	void (*each)(void *ctx, const struct ksk_name *zone, uint64_t expires);
	void *ctx;
	bool good;
};

static bool
take_expiry(void *ctx, const struct ksk_value *column, size_t column_count)
{
	struct expiries *all = ctx;
	struct ksk_name zone;
	(void)column_count;
	all->good = ksk_name_from_wire(column[0].bytes, &zone) == KSK_OK;
	if (all->good)
		all->each(all->ctx, &zone, column[1].number);
	return all->good;
}

static enum ksk_err
no_name(const struct ksk_timelines *timelines, struct ksk_fault *fault)
{
	ksk_fault_set(fault,
		"the journal %s: a timeline has no zone: restore it from a "
		"backup",
		ksk_journal_path(timelines->journal));
	return KSK_ERR_MALFORMED;
}

enum ksk_err
ksk_timelines_expiries(struct ksk_timelines *timelines,
	void (*each)(void *ctx, const struct ksk_name *zone, uint64_t expires),
	void *ctx, struct ksk_fault *fault)
{
	struct expiries all = {.each = each, .ctx = ctx, .good = true};
	enum ksk_err err = ksk_journal_query(timelines->journal,
		"SELECT zone, expires FROM timeline", NULL, 0, take_expiry,
		&all, fault);
	return err == KSK_OK && !all.good ? no_name(timelines, fault) : err;
}

struct names {
	struct ksk_name *out;
	size_t count;
	bool good;
};

static bool
take_name(void *ctx, const struct ksk_value *column, size_t column_count)
{
	struct names *all = ctx;
	(void)column_count;
	all->good = all->count < KSK_TIMELINES_NAMES &&
		ksk_name_from_wire(column[0].bytes, &all->out[all->count]) ==
			KSK_OK;
	all->count += all->good;
	return all->good;
}

enum ksk_err
ksk_timelines_names(struct ksk_timelines *timelines,
	const struct ksk_name *after,
	struct ksk_name out_names[KSK_TIMELINES_NAMES], size_t *out_count,
	struct ksk_fault *fault)
{
	struct names all = {.out = out_names, .good = true};
	const struct ksk_value values[] = {
		{.kind = KSK_VALUE_BYTES, .bytes = ksk_name_span(after)},
		{.kind = KSK_VALUE_NUMBER, .number = KSK_TIMELINES_NAMES}};
	enum ksk_err err = ksk_journal_query(timelines->journal,
		"SELECT zone FROM timeline WHERE zone > ?1 ORDER BY zone"
		" LIMIT ?2",
		values, 2, take_name, &all, fault);
	if (err == KSK_OK && !all.good)
		err = no_name(timelines, fault);
	if (err == KSK_OK)
		*out_count = all.count;
	return err;
}
