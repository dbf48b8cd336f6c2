/* SPDX-License-Identifier: BSD-2-Clause */
/* announced_body - see announced_body.h. There is one encoding. */
#include "appliance/policy/announced_body.h"

#include "protocol/wire.h"

#include <string.h>

#define BODY_VERSION 1u

enum ksk_err
ksk_announced_write(const struct ksk_history_announced *entry,
	const struct ksk_history_announced_key *keys, struct ksk_buf *out)
{
	struct ksk_wire_out w = ksk_wire_out_of(out);

	ksk_wire_put_u8(&w, BODY_VERSION);
	ksk_wire_put_text(&w, entry->provider);
	ksk_wire_put_bytes(&w, ksk_span_of(entry->pin, KSK_PIN_LEN));
	ksk_wire_put_u64(&w, entry->serial);
	ksk_wire_put_u64(&w, entry->not_before);
	ksk_wire_put_u64(&w, entry->not_after);
	ksk_wire_put_u64(&w, entry->accepted);
	ksk_wire_put_u64(&w, entry->record);
	ksk_wire_put_bytes(&w, ksk_span_of(entry->record_hash, KSK_HASH_LEN));
	ksk_wire_put_bytes(&w, ksk_span_of(entry->hash, KSK_HASH_LEN));
	ksk_wire_put_u16(&w, (uint16_t)entry->keys.count);
	for (uint32_t i = 0; i < entry->keys.count; i++) {
		const struct ksk_history_announced_key *k =
			&keys[entry->keys.first + i];

		ksk_ds_put(&w, &k->sha256);
		ksk_ds_put(&w, &k->sha384);
		ksk_wire_put_u64(&w, k->retired);
		ksk_wire_put_u8(&w, k->former ? 1 : 0);
	}
	return w.err;
}

static void
get_ds(struct ksk_wire *w, uint8_t digest_type, struct ksk_ds *out)
{
	ksk_ds_get(w, out);
	if (out->digest_type != digest_type ||
		out->digest_len != (digest_type == KSK_DIGEST_SHA256 ? 32 : 48))
		ksk_wire_fail(w, KSK_ERR_MALFORMED);
}

static void
get_key(struct ksk_wire *w, struct ksk_history_announced_key *out)
{
	uint8_t former;

	get_ds(w, KSK_DIGEST_SHA256, &out->sha256);
	get_ds(w, KSK_DIGEST_SHA384, &out->sha384);
	out->retired = ksk_wire_u64(w);
	former = ksk_wire_u8(w);
	out->former = former == 1;
	if (former > 1)
		ksk_wire_fail(w, KSK_ERR_MALFORMED);
}

static void
get_head(struct ksk_wire *w, struct ksk_history_announced *out)
{
	ksk_wire_text(w, out->provider, sizeof(out->provider));
	ksk_wire_copy(w, out->pin, KSK_PIN_LEN);
	out->serial = ksk_wire_u64(w);
	out->not_before = ksk_wire_u64(w);
	out->not_after = ksk_wire_u64(w);
	out->accepted = ksk_wire_u64(w);
	out->record = ksk_wire_u64(w);
	ksk_wire_copy(w, out->record_hash, KSK_HASH_LEN);
	ksk_wire_copy(w, out->hash, KSK_HASH_LEN);
	if (out->provider[0] == '\0' || out->not_before > out->not_after)
		ksk_wire_fail(w, KSK_ERR_MALFORMED);
}

enum ksk_err
ksk_announced_read(struct ksk_span body, struct ksk_timeline *timeline)
{
	struct ksk_history *h = &timeline->history;
	struct ksk_history_announced *out;
	struct ksk_wire w = ksk_wire_of(body);
	size_t room = KSK_TIMELINE_ANNOUNCED_KEY_MAX - h->announced_key_count;

	if (h->announced_count == KSK_TIMELINE_ANNOUNCED_MAX ||
		ksk_wire_u8(&w) != BODY_VERSION)
		return KSK_ERR_MALFORMED;
	out = &timeline->announced[h->announced_count];
	memset(out, 0, sizeof(*out));
	get_head(&w, out);
	out->keys.first = (uint32_t)h->announced_key_count;
	out->keys.count = ksk_wire_u16(&w);
	if (out->keys.count > KSK_ANNOUNCED_KEY_MAX || out->keys.count > room)
		return KSK_ERR_MALFORMED;
	for (uint32_t i = 0; i < out->keys.count; i++)
		get_key(&w, &timeline->announced_key[out->keys.first + i]);
	if (ksk_wire_end(&w) != KSK_OK)
		return KSK_ERR_MALFORMED;
	h->announced_count++;
	h->announced_key_count += out->keys.count;
	return KSK_OK;
}
