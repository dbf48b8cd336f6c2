/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_announced - compares what the journal keeps of each provider's last
 * announcement with the record that has it, signature and text: nothing may
 * stand in it that the provider did not sign. Contract: journal_check.h
 *
 * Of keys that earlier announcements listed only their number is bounded: their
 * records may have been pruned.
 */
#include "appliance/admin/journal_check.h"
#include "appliance/policy/announced_body.h"
#include "appliance/policy/announcement.h"
#include "appliance/policy/signed.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* Between a look at the clock and the next one. */
#define SLACK_SEC 60u

struct comparison {
	struct ksk_check *check;
	struct ksk_timeline row; /* with this one announcement */
	struct ksk_name zone;
	char text[KSK_NAME_TEXT_CAP]; /* of the zone */
	uint8_t body[KSK_RECORD_MAX];
	struct ksk_record record;
	struct ksk_record_room room;
	struct ksk_announcement announcement;
};

static const struct ksk_history_announced *
entry_of(const struct comparison *c)
{
	return &c->row.announced[0];
}

/* The record of a number, in c->record. Returns false if there is none. */
static bool
read_record(struct comparison *c, uint64_t number, uint8_t out[KSK_HASH_LEN])
{
	struct ksk_fault fault = {""};
	sqlite3_stmt *st = NULL;
	bool found = false;

	if (number <= INT64_MAX &&
		ksk_check_query(c->check,
			"SELECT body, hash FROM record WHERE number = ?", &st,
			&fault) == KSK_OK &&
		sqlite3_bind_int64(st, 1, (sqlite3_int64)number) == SQLITE_OK &&
		ksk_check_row(c->check, st, &fault) == KSK_OK) {
		struct ksk_span bytes = ksk_check_bytes(st, 0);
		struct ksk_span hash = ksk_check_bytes(st, 1);

		found = bytes.len <= sizeof(c->body) &&
			hash.len == KSK_HASH_LEN;
		if (found) {
			memcpy(c->body, bytes.data, bytes.len);
			memcpy(out, hash.data, KSK_HASH_LEN);
			found = ksk_record_read(ksk_span_of(c->body, bytes.len),
					&c->room, &c->record, NULL) == KSK_OK;
		}
	}
	(void)sqlite3_finalize(st);
	return found;
}

/* What is searched for again stands in columns of its own. */
static const char *
compare_columns(const struct comparison *c, sqlite3_stmt *st)
{
	const struct ksk_history_announced *e = entry_of(c);

	if (!ksk_span_equal(ksk_check_bytes(st, 1),
		    ksk_span_of(e->provider, strlen(e->provider))) ||
		!ksk_span_equal(ksk_check_bytes(st, 2),
			ksk_span_of(e->pin, KSK_PIN_LEN)) ||
		ksk_check_number(st, 3) != e->not_before ||
		ksk_check_number(st, 4) != e->not_after)
		return "its provider, key or dates are others there";
	return NULL;
}

static const char *
compare_record(struct comparison *c)
{
	const struct ksk_history_announced *e = entry_of(c);
	const struct ksk_record *r = &c->record;
	uint8_t hash[KSK_HASH_LEN];

	if (!read_record(c, e->record, hash))
		return "there is no such record";
	if (memcmp(hash, e->record_hash, KSK_HASH_LEN) != 0)
		return "that record has another hash";
	if (r->kind != KSK_RECORD_ANNOUNCE || !r->has_announced ||
		!r->has_owner || !ksk_name_equal(&r->owner, &c->zone) ||
		strcmp(r->announced.provider, e->provider) != 0)
		return "that record is not this provider's announcement";
	if (e->accepted > r->time || r->time - e->accepted > SLACK_SEC)
		return "that record is of another time";
	return NULL;
}

/* Each key that is announced now stands in the text, and none is left out. */
static bool
has_same_keys(const struct comparison *c)
{
	const struct ksk_history_announced *e = entry_of(c);
	const struct ksk_announcement *a = &c->announcement;
	size_t present = 0;

	for (uint32_t i = 0; i < e->keys.count; i++) {
		const struct ksk_history_announced_key *k =
			&c->row.announced_key[e->keys.first + i];
		bool found = false;

		if (k->former)
			continue;
		for (size_t n = 0; n < a->key_count && !found; n++)
			found = k->retired == a->key[n].retired &&
				ksk_ds_matches(&k->sha256, &c->zone,
					a->key[n].rdata) &&
				ksk_ds_matches(
					&k->sha384, &c->zone, a->key[n].rdata);
		if (!found)
			return false;
		present++;
	}
	return present == a->key_count;
}

static const char *
compare_text(struct comparison *c, const struct ksk_signed *document)
{
	const struct ksk_history_announced *e = entry_of(c);
	const struct ksk_announcement *a = &c->announcement;
	static struct ksk_faults faults; /* large; within this call */
	uint8_t hash[KSK_HASH_LEN];

	if (!ksk_signed_has(document, e->pin))
		return "the document there is not signed by that key";
	if (EVP_Digest(document->content.data, document->content.len, hash,
		    NULL, EVP_sha256(), NULL) != 1 ||
		memcmp(hash, e->hash, KSK_HASH_LEN) != 0)
		return "the document there has another hash";
	if (ksk_announcement_read(
		    document->content, &c->announcement, &faults) != KSK_OK)
		return "the document there can't be read";
	if (!ksk_name_equal(&a->zone, &c->zone) ||
		strcmp(a->provider, e->provider) != 0 ||
		a->serial != c->record.announced.serial ||
		a->not_before != e->not_before || a->not_after != e->not_after)
		return "the document there says something else";
	return has_same_keys(c) ? NULL : "the document there lists other keys";
}

static const char *
compare_document(struct comparison *c)
{
	struct ksk_signed document = {.count = 0};
	struct ksk_fault fault = {""};
	const char *wrong;

	if (ksk_signed_open(c->record.announced.document,
		    KSK_ANNOUNCEMENT_TEXT_MAX, &document, &fault) != KSK_OK)
		return "the document there is no signed one";
	wrong = compare_text(c, &document);
	ksk_signed_free(&document);
	return wrong;
}

/* What came after the announcement: a later one would stand in its place, and
 * operators may have set its serial back. */
struct since {
	uint64_t later; /* record of a later one, 0: none */
	uint64_t serial;
};

static void
take_since(const struct comparison *c, const struct ksk_record *r,
	struct since *out)
{
	const struct ksk_history_announced *e = entry_of(c);

	if (!r->has_owner || !ksk_name_equal(&r->owner, &c->zone))
		return;
	if (r->has_reset && strcmp(r->reset.provider, e->provider) == 0)
		out->serial = r->reset.after;
	if (r->has_announced && strcmp(r->announced.provider, e->provider) == 0)
		out->later = r->number;
}

static enum ksk_err
find_since(struct comparison *c, struct since *out, struct ksk_fault *fault)
{
	static struct ksk_record record; /* large; within this call */
	sqlite3_stmt *st = NULL;
	enum ksk_err err = ksk_check_query(c->check,
		"SELECT body FROM record WHERE number > ? AND kind IN (10, 12)"
		" ORDER BY number",
		&st, fault);

	*out = (struct since){.serial = c->record.announced.serial};
	if (err == KSK_OK &&
		sqlite3_bind_int64(st, 1, (sqlite3_int64)entry_of(c)->record) !=
			SQLITE_OK)
		err = KSK_ERR_IO;
	while (err == KSK_OK &&
		(err = ksk_check_row(c->check, st, fault)) == KSK_OK)
		if (ksk_record_read(ksk_check_bytes(st, 0), &c->room, &record,
			    NULL) == KSK_OK)
			take_since(c, &record, out);
	(void)sqlite3_finalize(st);
	return err == KSK_ERR_NOT_FOUND ? KSK_OK : err;
}

/* The record that set it back may have been pruned. */
static bool
is_right_serial(const struct comparison *c, uint64_t serial)
{
	const uint64_t kept = entry_of(c)->serial;

	return kept == serial || (c->check->oldest > 0 && kept < serial);
}

static enum ksk_err
fail(const struct comparison *c, const char *wrong, struct ksk_fault *fault)
{
	const struct ksk_history_announced *e = entry_of(c);

	ksk_fault_set(fault,
		"what %s announced for %.250s names record %" PRIu64 ", but %s",
		e->provider, c->text, e->record, wrong);
	return KSK_ERR_MALFORMED;
}

/* zone, provider, pin, not_before, not_after, body */
static enum ksk_err
check_row(struct comparison *c, sqlite3_stmt *st, struct ksk_fault *fault)
{
	const char *wrong;
	struct since since;
	enum ksk_err err;

	if (ksk_name_from_wire(ksk_check_bytes(st, 0), &c->zone) != KSK_OK) {
		ksk_fault_set(fault, "an announcement is of no zone");
		return KSK_ERR_MALFORMED;
	}
	ksk_name_to_text(&c->zone, c->text);
	ksk_timeline_clear(&c->row, &c->zone);
	if (ksk_announced_read(ksk_check_bytes(st, 5), &c->row) != KSK_OK) {
		ksk_fault_set(fault, "an announcement for %.250s can't be read",
			c->text);
		return KSK_ERR_MALFORMED;
	}
	wrong = compare_columns(c, st);
	if (wrong == NULL)
		wrong = compare_record(c);
	if (wrong == NULL)
		wrong = compare_document(c);
	if (wrong != NULL)
		return fail(c, wrong, fault);
	err = find_since(c, &since, fault);
	if (err != KSK_OK)
		return err;
	if (since.later != 0)
		return fail(c, "a later one is there", fault);
	return is_right_serial(c, since.serial)
		? KSK_OK
		: fail(c, "its serial is another one there", fault);
}

enum ksk_err
ksk_check_announced(struct ksk_check *check, struct ksk_fault *fault)
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
		"SELECT zone, provider, pin, not_before, not_after, body FROM"
		" announced",
		&rows, fault);
	while (err == KSK_OK &&
		(err = ksk_check_row(check, rows, fault)) == KSK_OK)
		err = check_row(c, rows, fault);
	(void)sqlite3_finalize(rows);
	free(c);
	return err == KSK_ERR_NOT_FOUND ? KSK_OK : err;
}
