/* SPDX-License-Identifier: BSD-2-Clause */
/* given_up - see given_up.h. */
#include "appliance/signer/given_up.h"

#include "protocol/wire.h"

#include <string.h>

static const char name[] = "given-up";

/* Journal, number, hash, time. */
#define ENTRY_LEN (KSK_ID_LEN + 8u + KSK_HASH_LEN + 8u)
#define VALUE_CAP (1u + KSK_ANCHOR_COUNT_MAX * ENTRY_LEN)

enum ksk_err
ksk_given_up_stage(struct ksk_journal *journal,
	const struct ksk_checkpoint *anchor, size_t count)
{
	uint8_t room[VALUE_CAP];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	struct ksk_wire_out w = ksk_wire_out_of(&buf);

	ksk_wire_put_u8(&w, (uint8_t)count);
	for (size_t i = 0; i < count; i++) {
		const struct ksk_checkpoint *a = &anchor[i];

		ksk_wire_put_bytes(&w, ksk_span_of(a->journal, KSK_ID_LEN));
		ksk_wire_put_u64(&w, a->number);
		ksk_wire_put_bytes(&w, ksk_span_of(a->hash, KSK_HASH_LEN));
		ksk_wire_put_u64(&w, a->time);
	}
	return w.err != KSK_OK
		? w.err
		: ksk_journal_state_set(journal, name, ksk_buf_span(&buf));
}

enum ksk_err
ksk_given_up_over(struct ksk_journal *journal)
{
	return ksk_journal_state_set(journal, name, ksk_span_of("", 0));
}

static bool
read_list(struct ksk_span value, struct ksk_given_up *out)
{
	struct ksk_wire w = ksk_wire_of(value);

	out->pending = true;
	out->count = ksk_wire_u8(&w);
	if (out->count > KSK_ANCHOR_COUNT_MAX)
		return false;
	for (size_t i = 0; i < out->count; i++) {
		struct ksk_checkpoint *a = &out->anchor[i];

		ksk_wire_copy(&w, a->journal, KSK_ID_LEN);
		a->number = ksk_wire_u64(&w);
		ksk_wire_copy(&w, a->hash, KSK_HASH_LEN);
		a->time = ksk_wire_u64(&w);
	}
	return ksk_wire_end(&w) == KSK_OK;
}

enum ksk_err
ksk_given_up_read(struct ksk_journal *journal, struct ksk_given_up *out,
	struct ksk_fault *fault)
{
	uint8_t room[VALUE_CAP];
	struct ksk_buf value = ksk_buf_of(room, sizeof(room));
	struct ksk_given_up list = {.pending = false};
	enum ksk_err err = ksk_journal_state_get(journal, name, &value, fault);

	if (err == KSK_ERR_NOT_FOUND)
		err = KSK_OK;
	if (err == KSK_OK && value.len != 0 &&
		!read_list(ksk_buf_span(&value), &list))
		err = KSK_ERR_NO_ROOM;
	if (err == KSK_ERR_NO_ROOM) {
		ksk_fault_set(fault,
			"the journal's list of anchors that were given up is "
			"damaged: restore the journal from a backup");
		return KSK_ERR_MALFORMED;
	}
	if (err == KSK_OK)
		*out = list;
	return err;
}

bool
ksk_given_up_has(
	const struct ksk_given_up *list, const struct ksk_checkpoint *anchor)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct ksk_checkpoint *a = &list->anchor[i];

		if (memcmp(a->journal, anchor->journal, KSK_ID_LEN) == 0 &&
			a->number == anchor->number &&
			memcmp(a->hash, anchor->hash, KSK_HASH_LEN) == 0 &&
			a->time == anchor->time)
			return true;
	}
	return false;
}
