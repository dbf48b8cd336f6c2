/* SPDX-License-Identifier: BSD-2-Clause */
/* announced_keys - see announced_keys.h. */
#include "appliance/signer/announced_keys.h"

#include "appliance/policy/announcement.h"
#include "appliance/policy/signed.h"

#include <stdlib.h>
#include <string.h>

/* Large: one announcement while it is read, and all keys that were found. A
 * reply that holds more than a frame leaves all of them out. */
struct reading {
	struct ksk_record record;
	struct ksk_record_room texts;
	struct ksk_announcement announcement;
	size_t body_len;
	uint8_t body[KSK_RECORD_MAX];
};

static bool
take_row(void *ctx, const struct ksk_value *column, size_t count)
{
	struct reading *r = ctx;

	if (count != 1 || column[0].bytes.len > KSK_RECORD_MAX)
		return false;
	memcpy(r->body, column[0].bytes.data, column[0].bytes.len);
	r->body_len = column[0].bytes.len;
	return false;
}

/* Reads the announcement of a record. It was judged when it was accepted, and
 * each key is compared with its digest again. */
static enum ksk_err
read_announcement(
	struct ksk_journal *journal, uint64_t number, struct reading *r)
{
	struct ksk_value key = {.kind = KSK_VALUE_NUMBER, .number = number};
	struct ksk_fault fault = {.text = ""};
	struct ksk_faults faults = {.count = 0};
	struct ksk_signed document = {.count = 0};
	enum ksk_err err;

	r->body_len = 0;
	err = ksk_journal_query(journal,
		"SELECT body FROM record WHERE number = ?", &key, 1, take_row,
		r, &fault);
	if (err == KSK_OK)
		err = ksk_record_read(ksk_span_of(r->body, r->body_len),
			&r->texts, &r->record, &fault);
	if (err == KSK_OK && !r->record.has_announced)
		err = KSK_ERR_NOT_FOUND;
	if (err == KSK_OK)
		err = ksk_signed_open(r->record.announced.document,
			KSK_ANNOUNCEMENT_TEXT_MAX, &document, &fault);
	if (err == KSK_OK)
		err = ksk_announcement_read(
			document.content, &r->announcement, &faults);
	ksk_signed_free(&document);
	return err;
}

static void
fill_key(const struct ksk_name *owner, const struct ksk_announcement *a,
	struct ksk_buf *room, struct ksk_provider_key_entry *entry)
{
	if (entry->source == KSK_KEY_FORMER)
		return;
	for (size_t i = 0; i < a->key_count; i++) {
		struct ksk_span rdata = a->key[i].rdata;
		size_t at = room->len;

		if (!ksk_ds_matches(&entry->ds, owner, rdata) ||
			ksk_buf_put(room, rdata.data, rdata.len) != KSK_OK)
			continue;
		entry->dnskey = ksk_span_of(room->data + at, rdata.len);
		return;
	}
}

static bool
some_announced(const struct ksk_keys_reply *body)
{
	for (size_t i = 0; i < body->provider_count; i++) {
		if (body->provider[i].has_announced &&
			body->provider[i].announced.state != KSK_ANNOUNCED_NONE)
			return true;
	}
	return false;
}

uint8_t *
ksk_announced_keys_fill(struct ksk_journal *journal,
	const struct ksk_name *owner, struct ksk_keys_reply *body)
{
	struct ksk_buf room = {0};
	struct reading *r;

	if (!some_announced(body))
		return NULL;
	r = malloc(sizeof(*r));
	room = ksk_buf_of(malloc(KSK_FRAME_MAX), KSK_FRAME_MAX);
	for (size_t i = 0;
		r != NULL && room.data != NULL && i < body->provider_count;
		i++) {
		struct ksk_provider_entry *p = &body->provider[i];

		if (!p->has_announced ||
			p->announced.state == KSK_ANNOUNCED_NONE ||
			read_announcement(journal, p->announced.record, r) !=
				KSK_OK)
			continue;
		for (size_t k = 0; k < p->key_count; k++)
			fill_key(owner, &r->announcement, &room, &p->key[k]);
	}
	free(r);
	return room.data;
}
