/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timeline_body - see timeline_body.h. There is one encoding.
 */
#include "appliance/policy/timeline_body.h"

#include "protocol/wire.h"

#include <string.h>

#define BODY_VERSION 1u

enum {
	KEY_OURS = 1u,
	KEY_PROVEN = 2u,
	MEMBER_REVOKED = 1u,
	MEMBER_SIGNS = 2u,
};

/* Bytes of one entry at most. */
#define DS_BYTES (5u + KSK_DS_DIGEST_MAX)
#define KEY_BYTES (2u * DS_BYTES + 2u + 1u + 8u + 8u)
#define ANSWER_BYTES (8u + 2u + 1u + 4u + 4u * 8u + KSK_HASH_LEN + 2u)
#define MEMBER_BYTES 3u
#define PARENT_BYTES (3u * 8u + 2u)
#define WAIT_BYTES (3u * 8u)
#define RATE_BYTES (KSK_PIN_LEN + 8u + 4u + 4u)
#define HEAD_BYTES (1u + 1u + 2u * 8u + 5u * 2u)

void
ksk_timeline_clear(struct ksk_timeline *timeline, const struct ksk_name *zone)
{
	struct ksk_history *h = &timeline->history;
	timeline->zone = *zone;
	*h = (struct ksk_history){.key = timeline->key,
		.answer = timeline->answer,
		.member = timeline->member,
		.ds = timeline->ds,
		.parent = timeline->parent,
		.wait = timeline->wait,
		.announced = timeline->announced,
		.announced_key = timeline->announced_key};
	timeline->has_waits = false;
	timeline->zone_max_ttl = 0;
	timeline->parent_ds_ttl = 0;
	timeline->rate_count = 0;
	timeline->staged = 0;
	timeline->row_staged = 0;
}

size_t
ksk_timeline_body_len(const struct ksk_timeline *timeline)
{
	const struct ksk_history *h = &timeline->history;
	return HEAD_BYTES + h->key_count * KEY_BYTES +
		h->answer_count * ANSWER_BYTES +
		h->member_count * MEMBER_BYTES + h->ds_count * DS_BYTES +
		h->parent_count * PARENT_BYTES + h->wait_count * WAIT_BYTES +
		timeline->rate_count * RATE_BYTES;
}

/* ---- writing ---- */

void
ksk_ds_put(struct ksk_wire_out *w, const struct ksk_ds *ds)
{
	ksk_wire_put_u16(w, ds->tag);
	ksk_wire_put_u8(w, ds->algorithm);
	ksk_wire_put_u8(w, ds->digest_type);
	ksk_wire_put_u8(w, ds->digest_len);
	ksk_wire_put_bytes(w, ksk_span_of(ds->digest, ds->digest_len));
}

static void
put_keys(struct ksk_wire_out *w, const struct ksk_history *h)
{
	ksk_wire_put_u16(w, (uint16_t)h->key_count);
	for (size_t i = 0; i < h->key_count; i++) {
		const struct ksk_history_key *k = &h->key[i];
		ksk_ds_put(w, &k->sha256);
		ksk_ds_put(w, &k->sha384);
		ksk_wire_put_u16(w, k->flags);
		ksk_wire_put_u8(w,
			(uint8_t)((k->ours ? KEY_OURS : 0) |
				(k->proven ? KEY_PROVEN : 0)));
		ksk_wire_put_u64(w, k->entered);
		ksk_wire_put_u64(w, k->exposed);
	}
}

static void
put_content(struct ksk_wire_out *w, const struct ksk_history *h,
	const struct ksk_history_answer *a)
{
	ksk_wire_put_u16(w, (uint16_t)a->content.count);
	for (uint32_t i = 0; i < a->content.count; i++) {
		if (a->type != KSK_TYPE_DNSKEY) {
			ksk_ds_put(w, &h->ds[a->content.first + i]);
			continue;
		}
		const struct ksk_history_member *m =
			&h->member[a->content.first + i];
		ksk_wire_put_u16(w, (uint16_t)m->key);
		ksk_wire_put_u8(w,
			(uint8_t)((m->revoked ? MEMBER_REVOKED : 0) |
				(m->signs ? MEMBER_SIGNS : 0)));
	}
}

static void
put_answers(struct ksk_wire_out *w, const struct ksk_timeline *timeline)
{
	const struct ksk_history *h = &timeline->history;
	ksk_wire_put_u16(w, (uint16_t)h->answer_count);
	for (size_t i = 0; i < h->answer_count; i++) {
		const struct ksk_history_answer *a = &h->answer[i];
		ksk_wire_put_u64(w, a->seq);
		ksk_wire_put_u16(w, a->type);
		ksk_wire_put_u8(w, a->ghost ? 1 : 0);
		ksk_wire_put_u32(w, a->ttl);
		ksk_wire_put_u64(w, a->inception);
		ksk_wire_put_u64(w, a->expiration);
		ksk_wire_put_u64(w, a->released);
		ksk_wire_put_u64(w, timeline->record[i]);
		ksk_wire_put_bytes(w, ksk_span_of(a->hash, sizeof(a->hash)));
		put_content(w, h, a);
	}
}

static void
put_parents(struct ksk_wire_out *w, const struct ksk_history *h)
{
	ksk_wire_put_u16(w, (uint16_t)h->parent_count);
	for (size_t i = 0; i < h->parent_count; i++) {
		const struct ksk_history_parent *p = &h->parent[i];
		ksk_wire_put_u64(w, p->seen);
		ksk_wire_put_u64(w, p->acted_cds);
		ksk_wire_put_u64(w, p->acted_cdnskey);
		ksk_wire_put_u16(w, (uint16_t)p->ds.count);
		for (uint32_t d = 0; d < p->ds.count; d++)
			ksk_ds_put(w, &h->ds[p->ds.first + d]);
	}
}

static void
put_rates(struct ksk_wire_out *w, const struct ksk_timeline *timeline)
{
	ksk_wire_put_u16(w, (uint16_t)timeline->rate_count);
	for (size_t i = 0; i < timeline->rate_count; i++) {
		const struct ksk_timeline_rate *r = &timeline->rate[i];
		ksk_wire_put_bytes(w, ksk_span_of(r->pin, sizeof(r->pin)));
		ksk_wire_put_u64(w, r->begin);
		ksk_wire_put_u32(w, r->present);
		ksk_wire_put_u32(w, r->before);
	}
}

enum ksk_err
ksk_timeline_write(const struct ksk_timeline *timeline, struct ksk_buf *out)
{
	const struct ksk_history *h = &timeline->history;
	struct ksk_wire_out w = ksk_wire_out_of(out);
	ksk_wire_put_u8(&w, BODY_VERSION);
	ksk_wire_put_u8(&w, timeline->has_waits ? 1 : 0);
	ksk_wire_put_u64(&w, timeline->zone_max_ttl);
	ksk_wire_put_u64(&w, timeline->parent_ds_ttl);
	put_keys(&w, h);
	put_answers(&w, timeline);
	put_parents(&w, h);
	ksk_wire_put_u16(&w, (uint16_t)h->wait_count);
	for (size_t i = 0; i < h->wait_count; i++) {
		ksk_wire_put_u64(&w, h->wait[i].zone_max_ttl);
		ksk_wire_put_u64(&w, h->wait[i].parent_ds_ttl);
		ksk_wire_put_u64(&w, h->wait[i].unloaded);
	}
	put_rates(&w, timeline);
	return w.err;
}

/* ---- reading ---- */

static bool
get_flag(struct ksk_wire *w)
{
	uint8_t flag = ksk_wire_u8(w);
	if (flag > 1)
		ksk_wire_fail(w, KSK_ERR_MALFORMED);
	return flag == 1;
}

/* A count that leaves the array in bounds, else 0 and a failed cursor. */
static size_t
get_count(struct ksk_wire *w, size_t room)
{
	size_t count = ksk_wire_u16(w);
	if (count <= room)
		return count;
	ksk_wire_fail(w, KSK_ERR_MALFORMED);
	return 0;
}

void
ksk_ds_get(struct ksk_wire *w, struct ksk_ds *out)
{
	memset(out, 0, sizeof(*out));
	out->tag = ksk_wire_u16(w);
	out->algorithm = ksk_wire_u8(w);
	out->digest_type = ksk_wire_u8(w);
	out->digest_len = ksk_wire_u8(w);
	if (out->digest_len > KSK_DS_DIGEST_MAX) {
		out->digest_len = 0;
		ksk_wire_fail(w, KSK_ERR_MALFORMED);
	}
	ksk_wire_copy(w, out->digest, out->digest_len);
}

static void
get_keys(struct ksk_wire *w, struct ksk_timeline *timeline)
{
	size_t count = get_count(w, KSK_TIMELINE_KEY_MAX);
	for (size_t i = 0; i < count; i++) {
		struct ksk_history_key *k = &timeline->key[i];
		ksk_ds_get(w, &k->sha256);
		ksk_ds_get(w, &k->sha384);
		k->flags = ksk_wire_u16(w);
		uint8_t bits = ksk_wire_u8(w);
		if (bits > (KEY_OURS | KEY_PROVEN))
			ksk_wire_fail(w, KSK_ERR_MALFORMED);
		k->ours = (bits & KEY_OURS) != 0;
		k->proven = (bits & KEY_PROVEN) != 0;
		k->entered = ksk_wire_u64(w);
		k->exposed = ksk_wire_u64(w);
	}
	timeline->history.key_count = count;
}

static void
get_member(struct ksk_wire *w, struct ksk_history_member *out)
{
	out->key = ksk_wire_u16(w);
	uint8_t bits = ksk_wire_u8(w);
	if (bits > (MEMBER_REVOKED | MEMBER_SIGNS))
		ksk_wire_fail(w, KSK_ERR_MALFORMED);
	out->revoked = (bits & MEMBER_REVOKED) != 0;
	out->signs = (bits & MEMBER_SIGNS) != 0;
}

/* DS behind those that are there. */
static struct ksk_run
get_list(struct ksk_wire *w, struct ksk_timeline *timeline)
{
	struct ksk_history *h = &timeline->history;
	struct ksk_run run = {.first = (uint32_t)h->ds_count};
	run.count = (uint32_t)get_count(w, KSK_TIMELINE_DS_MAX - h->ds_count);
	for (uint32_t i = 0; i < run.count; i++)
		ksk_ds_get(w, &timeline->ds[h->ds_count++]);
	return run;
}

static struct ksk_run
get_content(struct ksk_wire *w, struct ksk_timeline *timeline, uint16_t type)
{
	struct ksk_history *h = &timeline->history;
	if (type != KSK_TYPE_DNSKEY)
		return get_list(w, timeline);
	struct ksk_run run = {.first = (uint32_t)h->member_count};
	run.count = (uint32_t)get_count(
		w, KSK_TIMELINE_MEMBER_MAX - h->member_count);
	for (uint32_t i = 0; i < run.count; i++)
		get_member(w, &timeline->member[h->member_count++]);
	return run;
}

static void
get_answers(struct ksk_wire *w, struct ksk_timeline *timeline)
{
	size_t count = get_count(w, KSK_TIMELINE_ANSWER_MAX);
	for (size_t i = 0; i < count; i++) {
		struct ksk_history_answer *a = &timeline->answer[i];
		a->seq = ksk_wire_u64(w);
		a->type = ksk_wire_u16(w);
		a->ghost = get_flag(w);
		a->ttl = ksk_wire_u32(w);
		a->inception = ksk_wire_u64(w);
		a->expiration = ksk_wire_u64(w);
		a->released = ksk_wire_u64(w);
		timeline->record[i] = ksk_wire_u64(w);
		ksk_wire_copy(w, a->hash, sizeof(a->hash));
		a->content = get_content(w, timeline, a->type);
	}
	timeline->history.answer_count = count;
}

static void
get_parents(struct ksk_wire *w, struct ksk_timeline *timeline)
{
	size_t count = get_count(w, KSK_TIMELINE_PARENT_MAX);
	for (size_t i = 0; i < count; i++) {
		struct ksk_history_parent *p = &timeline->parent[i];
		p->seen = ksk_wire_u64(w);
		p->acted_cds = ksk_wire_u64(w);
		p->acted_cdnskey = ksk_wire_u64(w);
		p->ds = get_list(w, timeline);
	}
	timeline->history.parent_count = count;
}

static void
get_waits(struct ksk_wire *w, struct ksk_timeline *timeline)
{
	size_t count = get_count(w, KSK_TIMELINE_WAIT_MAX);
	for (size_t i = 0; i < count; i++) {
		timeline->wait[i].zone_max_ttl = ksk_wire_u64(w);
		timeline->wait[i].parent_ds_ttl = ksk_wire_u64(w);
		timeline->wait[i].unloaded = ksk_wire_u64(w);
	}
	timeline->history.wait_count = count;
}

static void
get_rates(struct ksk_wire *w, struct ksk_timeline *timeline)
{
	timeline->rate_count = get_count(w, KSK_TIMELINE_RATE_MAX);
	for (size_t i = 0; i < timeline->rate_count; i++) {
		struct ksk_timeline_rate *r = &timeline->rate[i];
		ksk_wire_copy(w, r->pin, sizeof(r->pin));
		r->begin = ksk_wire_u64(w);
		r->present = ksk_wire_u32(w);
		r->before = ksk_wire_u32(w);
	}
}

enum ksk_err
ksk_timeline_read(struct ksk_span body, struct ksk_timeline *timeline)
{
	struct ksk_wire w = ksk_wire_of(body);
	if (ksk_wire_u8(&w) != BODY_VERSION)
		ksk_wire_fail(&w, KSK_ERR_MALFORMED);
	timeline->has_waits = get_flag(&w);
	timeline->zone_max_ttl = ksk_wire_u64(&w);
	timeline->parent_ds_ttl = ksk_wire_u64(&w);
	get_keys(&w, timeline);
	get_answers(&w, timeline);
	get_parents(&w, timeline);
	get_waits(&w, timeline);
	get_rates(&w, timeline);
	if (ksk_wire_end(&w) != KSK_OK ||
		!ksk_history_is_sound(&timeline->history))
		return KSK_ERR_MALFORMED;
	return KSK_OK;
}
