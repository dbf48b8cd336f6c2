/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_timeline - compares each zone's timeline with the records that its
 * answers name. Contract: journal_check.h
 *
 * What a timeline has dropped depends on policies of the past and can't be told
 * from the file; but nothing may stand in it that no record says.
 */
#include "appliance/admin/journal_check.h"
#include "appliance/policy/timeline_body.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* An answer's record, and the intent that says what was signed. */
struct comparison {
	struct ksk_check *check;
	struct ksk_timeline timeline;
	char zone[KSK_NAME_TEXT_CAP];
	sqlite3_stmt *find;
	uint8_t body[KSK_RECORD_MAX], intent_body[KSK_RECORD_MAX];
	uint8_t hash[KSK_HASH_LEN];
	struct ksk_record record, intent;
	struct ksk_record_room room, intent_room;
};

/* Reads one record by number. */
static bool
read_record(struct comparison *c, uint64_t number, uint8_t *body,
	struct ksk_record_room *room, struct ksk_record *out)
{
	bool found = false;

	(void)sqlite3_reset(c->find);
	if (number <= INT64_MAX &&
		sqlite3_bind_int64(c->find, 1, (sqlite3_int64)number) ==
			SQLITE_OK &&
		sqlite3_step(c->find) == SQLITE_ROW) {
		struct ksk_span bytes = ksk_check_bytes(c->find, 0);
		struct ksk_span hash = ksk_check_bytes(c->find, 1);
		found = bytes.len <= KSK_RECORD_MAX && hash.len == KSK_HASH_LEN;
		if (found) {
			memcpy(body, bytes.data, bytes.len);
			memcpy(c->hash, hash.data, KSK_HASH_LEN);
			found = ksk_record_read(ksk_span_of(body, bytes.len),
					room, out, NULL) == KSK_OK;
		}
	}
	(void)sqlite3_reset(c->find);
	return found;
}

/* What was signed: an adopted answer says it itself, a result's intent does. */
static const struct ksk_record *
what_was_signed(struct comparison *c)
{
	if (c->record.kind == KSK_RECORD_ADOPT)
		return &c->record;
	if (c->record.kind != KSK_RECORD_RESULT || !c->record.has_about ||
		!read_record(c, c->record.about, c->intent_body,
			&c->intent_room, &c->intent) ||
		c->intent.kind != KSK_RECORD_INTENT)
		return NULL;
	return &c->intent;
}

/* Does the answer list this DNSKEY? A timeline knows a key without its REVOKE
 * bit. */
static bool
lists(const struct ksk_history *h, const struct ksk_history_answer *a,
	const struct ksk_name *owner, struct ksk_span rdata)
{
	uint8_t plain[KSK_RDATA_MAX];

	if (rdata.len < KSK_DNSKEY_HEAD_LEN)
		return false;
	memcpy(plain, rdata.data, rdata.len);
	plain[1] &= (uint8_t)~KSK_FLAG_REVOKE;
	for (uint32_t i = 0; i < a->content.count; i++) {
		const struct ksk_history_member *m =
			&h->member[a->content.first + i];
		if (ksk_ds_matches(&h->key[m->key].sha256, owner,
			    ksk_span_of(plain, rdata.len)))
			return true;
	}
	return false;
}

/* As many, and each of the set's, which are all different. */
static bool
has_same_keys(const struct ksk_history *h, const struct ksk_history_answer *a,
	const struct ksk_rrset *set)
{
	for (size_t r = 0; r < set->count; r++)
		if (!lists(h, a, &set->owner, set->rdata[r]))
			return false;
	return a->content.count == set->count;
}

static const char *
find_wrong(struct comparison *c, const struct ksk_history_answer *a,
	uint64_t number)
{
	const struct ksk_history *h = &c->timeline.history;

	if (!read_record(c, number, c->body, &c->room, &c->record))
		return "there is no such record";
	if (memcmp(c->hash, a->hash, KSK_HASH_LEN) != 0)
		return "that record has another hash";
	/* The intent is read into the same place. */
	const struct ksk_record *what = what_was_signed(c);
	if (what == NULL || !what->has_rrset || !what->has_window)
		return "that record is no answer";
	if (!ksk_name_equal(&what->rrset.owner, &c->timeline.zone) ||
		what->rrset.type != a->type || what->rrset.ttl != a->ttl)
		return "that record is of another zone, type or TTL";
	/* A folded answer was released first when its first record was, and
	 * keeps the later expiration. */
	if (c->record.time < a->released ||
		(a->seq / KSK_SEQ_PER_RECORD == number &&
			c->record.time != a->released))
		return "that record is of another time";
	if (what->window.expiration > a->expiration)
		return "that record's signatures expire later";
	if (a->type == KSK_TYPE_DNSKEY && !has_same_keys(h, a, &what->rrset))
		return "that record holds other keys";
	return NULL;
}

static enum ksk_err
check_answers(struct comparison *c, struct ksk_fault *fault)
{
	const struct ksk_history *h = &c->timeline.history;

	for (size_t i = 0; i < h->answer_count; i++) {
		const struct ksk_history_answer *a = &h->answer[i];
		uint64_t number = c->timeline.record[i];
		/* A ghost has no record. All others stay when others are
		 * pruned. */
		if (a->ghost)
			continue;
		const char *wrong = find_wrong(c, a, number);
		if (wrong == NULL)
			continue;
		ksk_fault_set(fault,
			"the timeline of %.250s names record %" PRIu64
			" for an answer, but %s",
			c->zone, number, wrong);
		return KSK_ERR_MALFORMED;
	}
	return KSK_OK;
}

/* zone, body */
static enum ksk_err
check_row(struct comparison *c, sqlite3_stmt *st, struct ksk_fault *fault)
{
	struct ksk_name zone;

	if (ksk_name_from_wire(ksk_check_bytes(st, 0), &zone) != KSK_OK) {
		ksk_fault_set(fault, "a timeline is of no zone");
		return KSK_ERR_MALFORMED;
	}
	ksk_name_to_text(&zone, c->zone);
	ksk_timeline_clear(&c->timeline, &zone);
	if (ksk_timeline_read(ksk_check_bytes(st, 1), &c->timeline) != KSK_OK) {
		ksk_fault_set(
			fault, "the timeline of %.250s can't be read", c->zone);
		return KSK_ERR_MALFORMED;
	}
	return check_answers(c, fault);
}

enum ksk_err
ksk_check_timelines(struct ksk_check *check, struct ksk_fault *fault)
{
	struct comparison *c = calloc(1, sizeof(*c));
	sqlite3_stmt *rows = NULL;
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	if (c == NULL) {
		ksk_fault_set(fault, "no memory is left");
		return err;
	}
	c->check = check;
	err = ksk_check_query(check,
		"SELECT body, hash FROM record WHERE number = ?", &c->find,
		fault);
	if (err == KSK_OK)
		err = ksk_check_query(
			check, "SELECT zone, body FROM timeline", &rows, fault);
	while (err == KSK_OK &&
		(err = ksk_check_row(check, rows, fault)) == KSK_OK)
		err = check_row(c, rows, fault);
	(void)sqlite3_finalize(rows);
	(void)sqlite3_finalize(c->find);
	free(c);
	return err == KSK_ERR_NOT_FOUND ? KSK_OK : err;
}
