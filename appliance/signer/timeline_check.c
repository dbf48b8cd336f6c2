/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timeline_check - a zone's timeline computed again from the journal's records
 * alone. It reads every record, so only tests call it: after every kind of
 * crash both must agree.
 */
#include "appliance/signer/timeline_internal.h"

#include <stdlib.h>
#include <string.h>

/* The body of an intent of the zone that has no end yet. */
struct open_intent {
	struct open_intent *next;
	uint64_t number;
	size_t len;
	uint8_t body[];
};

struct replay {
	struct ksk_timeline *again; /* owned */
	const struct ksk_zone *zone;
	struct open_intent *open;
	struct ksk_record_room room, intent_room;
	struct ksk_record record, intent;
	uint64_t time; /* of the last record */
	bool good;
};

static bool
is_ours(const struct replay *r, const struct ksk_record *record)
{
	return record->has_rrset &&
		ksk_name_equal(&record->rrset.owner, &r->again->zone);
}

static bool
keep_intent(struct replay *r, struct ksk_span body)
{
	struct open_intent *open = malloc(sizeof(*open) + body.len);
	if (open == NULL)
		return false;
	open->number = r->record.number;
	open->len = body.len;
	memcpy(open->body, body.data, body.len);
	open->next = r->open;
	r->open = open;
	return true;
}

/* Takes the intent that a record ends out of the list; NULL if it is of
 * another zone. */
static struct open_intent *
take_intent(struct replay *r)
{
	struct open_intent **at = &r->open;
	while (*at != NULL && (*at)->number != r->record.about)
		at = &(*at)->next;
	struct open_intent *found = *at;
	if (found != NULL)
		*at = found->next;
	return found;
}

static void
release(struct replay *r, const struct ksk_record *what, const uint8_t *hash)
{
	const struct ksk_release release = {.rrset = &what->rrset,
		.window = what->window,
		.signer = what->signer,
		.signer_count = what->signer_count,
		.proven = r->record.proven,
		.proven_count = r->record.proven_count,
		.record = r->record.number,
		.hash = hash,
		.released = r->record.time,
		.adopted = r->record.kind == KSK_RECORD_ADOPT};
	ksk_timeline_add(r->again, r->zone, &release);
}

static bool
end_intent(struct replay *r, const uint8_t *hash)
{
	struct open_intent *open = take_intent(r);
	if (open == NULL)
		return true;
	bool good = ksk_record_read(ksk_span_of(open->body, open->len),
			    &r->intent_room, &r->intent, NULL) == KSK_OK;
	if (good && r->record.kind == KSK_RECORD_RESULT)
		release(r, &r->intent, hash);
	free(open);
	return good;
}

static bool
attest(struct replay *r)
{
	const struct ksk_record *record = &r->record;
	const struct ksk_attest attest = {.has_attested = record->has_attested,
		.seen = record->seen,
		.ds = record->attested,
		.ds_count = record->attested_count,
		.has_waits = record->has_waits,
		.zone_max_ttl = record->zone_max_ttl,
		.parent_ds_ttl = record->parent_ds_ttl,
		.time = record->time};
	return ksk_timeline_attest(r->again, &attest) == KSK_OK;
}

static bool
take_record(void *ctx, const struct ksk_value *column, size_t column_count)
{
	struct replay *r = ctx;
	(void)column_count;
	r->good = ksk_record_read(column[0].bytes, &r->room, &r->record,
			  NULL) == KSK_OK;
	if (!r->good)
		return false;
	r->time = r->record.time;
	switch (r->record.kind) {
	case KSK_RECORD_INTENT:
		if (is_ours(r, &r->record))
			r->good = keep_intent(r, column[0].bytes);
		break;
	case KSK_RECORD_RESULT:
	case KSK_RECORD_FAILURE:
	case KSK_RECORD_ABANDONED:
		if (r->record.has_about)
			r->good = end_intent(r, column[1].bytes.data);
		break;
	case KSK_RECORD_ADOPT:
		if (is_ours(r, &r->record))
			release(r, &r->record, column[1].bytes.data);
		break;
	case KSK_RECORD_ATTEST:
		if (r->record.has_owner &&
			ksk_name_equal(&r->record.owner, &r->again->zone))
			r->good = attest(r);
		break;
	default:
		break;
	}
	return r->good;
}

/* Which part of two timelines differs, or NULL. */
static const char *
difference(const struct ksk_history *a, const struct ksk_history *b)
{
	if (a->key_count != b->key_count)
		return "number of keys";
	if (a->answer_count != b->answer_count)
		return "number of answers";
	for (size_t i = 0; i < a->answer_count; i++)
		if (a->answer[i].seq != b->answer[i].seq ||
			memcmp(a->answer[i].hash, b->answer[i].hash,
				KSK_HASH_LEN) != 0)
			return "answers";
	if (a->parent_count != b->parent_count)
		return "number of parent snapshots";
	if (a->wait_count != b->wait_count)
		return "number of waits";
	return "content";
}

static bool
is_equal(struct ksk_timeline *a, struct ksk_timeline *b)
{
	size_t rates_a = a->rate_count, rates_b = b->rate_count;
	a->rate_count = 0;
	b->rate_count = 0;
	size_t cap = ksk_timeline_body_len(a) + ksk_timeline_body_len(b);
	uint8_t *room = malloc(cap);
	bool equal = false;
	if (room != NULL) {
		struct ksk_buf x = ksk_buf_of(room, ksk_timeline_body_len(a));
		struct ksk_buf y = ksk_buf_of(room + x.cap, cap - x.cap);
		equal = ksk_timeline_write(a, &x) == KSK_OK &&
			ksk_timeline_write(b, &y) == KSK_OK &&
			ksk_span_equal(ksk_buf_span(&x), ksk_buf_span(&y));
	}
	free(room);
	a->rate_count = rates_a;
	b->rate_count = rates_b;
	return equal;
}

static enum ksk_err
replay_all(struct ksk_journal *journal, struct replay *r,
	const struct ksk_name *name, struct ksk_fault *fault)
{
	ksk_timeline_clear(r->again, name);
	enum ksk_err err = ksk_journal_query(journal,
		"SELECT body, hash FROM record ORDER BY number", NULL, 0,
		take_record, r, fault);
	while (r->open != NULL) {
		struct open_intent *next = r->open->next;
		free(r->open);
		r->open = next;
	}
	if (err == KSK_OK && !r->good) {
		ksk_fault_set(fault, "record %llu can't be replayed",
			(unsigned long long)r->record.number);
		err = KSK_ERR_MALFORMED;
	}
	return err;
}

enum ksk_err
ksk_timelines_check(struct ksk_timelines *timelines,
	const struct ksk_name *name, const struct ksk_zone *zone,
	struct ksk_fault *fault)
{
	struct ksk_timeline *kept = NULL;
	struct replay *r = calloc(1, sizeof(*r));
	enum ksk_err err = KSK_ERR_NO_MEMORY;
	if (r == NULL)
		goto out;
	r->good = true;
	r->zone = zone;
	r->again = calloc(1, sizeof(*r->again));
	if (r->again == NULL)
		goto out;
	err = ksk_timelines_find(timelines, name, &kept, fault);
	if (err == KSK_OK)
		err = replay_all(
			ksk_timelines_journal(timelines), r, name, fault);
	if (err == KSK_OK && !is_equal(kept, r->again)) {
		char text[KSK_NAME_TEXT_CAP];
		ksk_name_to_text(name, text);
		ksk_fault_set(fault,
			"the timeline of %.300s is not what the records say: "
			"%s",
			text, difference(&kept->history, &r->again->history));
		err = KSK_ERR_MALFORMED;
	}
out:
	if (r != NULL)
		free(r->again);
	free(r);
	return err;
}
