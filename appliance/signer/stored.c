/* SPDX-License-Identifier: BSD-2-Clause */
/* stored - see stored.h. */
#include "appliance/signer/stored.h"

#include <string.h>

struct row {
	uint8_t *room; /* KSK_RECORD_MAX */
	size_t len;
	uint8_t hash[KSK_HASH_LEN];
	bool there;
};

static bool
take_row(void *ctx, const struct ksk_value *column, size_t count)
{
	struct row *row = ctx;

	if (count != 2 || column[0].bytes.len > KSK_RECORD_MAX ||
		column[1].bytes.len != KSK_HASH_LEN)
		return false;
	memcpy(row->room, column[0].bytes.data, column[0].bytes.len);
	row->len = column[0].bytes.len;
	memcpy(row->hash, column[1].bytes.data, KSK_HASH_LEN);
	row->there = true;
	return false;
}

static enum ksk_err
read_record(struct ksk_journal *journal, uint64_t number, struct row *row,
	struct ksk_record *out, struct ksk_fault *fault)
{
	struct ksk_value key = {.kind = KSK_VALUE_NUMBER, .number = number};
	struct ksk_record_room texts;
	enum ksk_err err = ksk_journal_query(journal,
		"SELECT body, hash FROM record WHERE number = ?", &key, 1,
		take_row, row, fault);

	if (err != KSK_OK)
		return err;
	if (!row->there)
		return KSK_ERR_NOT_FOUND;
	/* The texts are of no use here. */
	return ksk_record_read(
		ksk_span_of(row->room, row->len), &texts, out, fault);
}

static void
take_intent(const struct ksk_record *intent, struct ksk_stored *out)
{
	out->rrset = intent->rrset;
	out->window = intent->window;
	out->policy_version = intent->has_policy ? intent->policy_version : 0;
}

enum ksk_err
ksk_stored_read(struct ksk_journal *journal, uint64_t record, uint8_t *room,
	struct ksk_stored *out, struct ksk_fault *fault)
{
	struct row row = {.room = room};
	struct row other = {.room = room + KSK_RECORD_MAX};
	struct ksk_stored stored = {.record = record};
	struct ksk_record r, intent;
	enum ksk_err err = read_record(journal, record, &row, &r, fault);

	if (err != KSK_OK)
		return err;
	memcpy(stored.hash, row.hash, sizeof(stored.hash));
	stored.released = r.time;
	stored.rrsig_count = r.rrsig_count;
	memcpy(stored.rrsig, r.rrsig, sizeof(stored.rrsig));
	stored.adopted = r.kind == KSK_RECORD_ADOPT;
	if (stored.adopted) {
		take_intent(&r, &stored);
	} else if (r.kind != KSK_RECORD_RESULT || !r.has_about) {
		return KSK_ERR_NOT_FOUND;
	} else {
		err = read_record(journal, r.about, &other, &intent, fault);
		if (err != KSK_OK)
			return err;
		take_intent(&intent, &stored);
	}
	*out = stored;
	return KSK_OK;
}
