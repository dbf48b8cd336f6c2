/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_link - items of the packets between frontend, signer and workers
 * (packet.h). A writer leaves an item out as a whole when it fails.
 */
#include "appliance/base/packet.h"

/* Marks a writer as failed and takes back what it wrote of this item. */
static void
undo(struct ksk_wire_out *w, size_t mark, enum ksk_err err)
{
	if (w->err == KSK_OK)
		w->err = err;
	w->buf->len = mark;
}

/* Ends an item: whole, or not there. */
static void
finish(struct ksk_wire_out *w, size_t mark, bool valid)
{
	if (w->err != KSK_OK || !valid)
		undo(w, mark, KSK_ERR_MALFORMED);
}

static bool
get_bool(struct ksk_wire *w)
{
	const uint8_t v = ksk_wire_u8(w);

	if (v > 1)
		ksk_wire_fail(w, KSK_ERR_MALFORMED);
	return v == 1;
}

static void
get_name(struct ksk_wire *w, struct ksk_name *out)
{
	const struct ksk_span wire = ksk_wire_block(w, KSK_NAME_MAX);
	enum ksk_err err;

	*out = (struct ksk_name){.len = 0};
	if (w->err != KSK_OK)
		return;
	err = ksk_name_from_wire(wire, out);
	if (err != KSK_OK)
		ksk_wire_fail(w, err);
}

static size_t
digest_len(uint8_t digest_type)
{
	switch (digest_type) {
	case KSK_DIGEST_SHA256:
		return 32;
	case KSK_DIGEST_SHA384:
		return 48;
	default:
		return 0;
	}
}

static void
put_ds(struct ksk_wire_out *w, const struct ksk_ds *ds)
{
	ksk_wire_put_u16(w, ds->tag);
	ksk_wire_put_u8(w, ds->algorithm);
	ksk_wire_put_u8(w, ds->digest_type);
	ksk_wire_put_bytes(
		w, ksk_span_of(ds->digest, digest_len(ds->digest_type)));
}

static void
get_ds(struct ksk_wire *w, struct ksk_ds *out)
{
	struct ksk_ds ds = {.tag = ksk_wire_u16(w)};

	ds.algorithm = ksk_wire_u8(w);
	ds.digest_type = ksk_wire_u8(w);
	ds.digest_len = (uint8_t)digest_len(ds.digest_type);
	if (ds.digest_len == 0)
		ksk_wire_fail(w, KSK_ERR_MALFORMED);
	ksk_wire_copy(w, ds.digest, ds.digest_len);
	*out = ds;
}

void
ksk_lnk_request_put(struct ksk_wire_out *w, const struct ksk_lnk_request *item)
{
	const size_t mark = w->buf->len;

	ksk_wire_put_u64(w, item->conn);
	ksk_wire_put_bytes(w, ksk_span_of(item->pin, sizeof item->pin));
	ksk_wire_put_block(w, item->frame);
	finish(w, mark, item->frame.len > 0);
}

void
ksk_lnk_request_get(struct ksk_wire *body, struct ksk_lnk_request *out)
{
	out->conn = ksk_wire_u64(body);
	ksk_wire_copy(body, out->pin, sizeof out->pin);
	out->frame = ksk_wire_block(body, KSK_FRAME_MAX);
	if (out->frame.len == 0)
		ksk_wire_fail(body, KSK_ERR_MALFORMED);
}

void
ksk_lnk_reply_put(struct ksk_wire_out *w, const struct ksk_lnk_reply *item)
{
	const size_t mark = w->buf->len;

	ksk_wire_put_u64(w, item->conn);
	ksk_wire_put_u8(w, item->close ? 1 : 0);
	ksk_wire_put_block(w, item->frame);
	finish(w, mark, item->frame.len > 0);
}

void
ksk_lnk_reply_get(struct ksk_wire *body, struct ksk_lnk_reply *out)
{
	out->conn = ksk_wire_u64(body);
	out->close = get_bool(body);
	out->frame = ksk_wire_block(body, KSK_FRAME_MAX);
	if (out->frame.len == 0)
		ksk_wire_fail(body, KSK_ERR_MALFORMED);
}

void
ksk_lnk_key_put(struct ksk_wire_out *w, const struct ksk_lnk_key *item)
{
	const size_t mark = w->buf->len;
	const size_t len = digest_len(item->ds.digest_type);

	ksk_wire_put_u32(w, item->slot);
	ksk_wire_put_block(w, ksk_name_span(&item->zone));
	put_ds(w, &item->ds);
	ksk_wire_put_text(w, item->label);
	finish(w, mark,
		item->zone.len > 0 && len > 0 && len == item->ds.digest_len);
}

void
ksk_lnk_key_get(struct ksk_wire *body, struct ksk_lnk_key *out)
{
	out->slot = ksk_wire_u32(body);
	get_name(body, &out->zone);
	get_ds(body, &out->ds);
	ksk_wire_text(body, out->label, sizeof out->label);
}

/* A key that can't be used has a reason. */
static bool
is_key_found(const struct ksk_lnk_key_found *item)
{
	return item->dnskey.len <= KSK_RDATA_MAX &&
		(item->dnskey.len > 0 ? !item->forbidden
				      : item->why[0] != '\0');
}

void
ksk_lnk_key_found_put(
	struct ksk_wire_out *w, const struct ksk_lnk_key_found *item)
{
	const size_t mark = w->buf->len;

	ksk_wire_put_u32(w, item->slot);
	ksk_wire_put_block(w, item->dnskey);
	ksk_wire_put_text(w, item->why);
	ksk_wire_put_u8(w, item->forbidden);
	finish(w, mark, is_key_found(item));
}

void
ksk_lnk_key_found_get(struct ksk_wire *body, struct ksk_lnk_key_found *out)
{
	out->slot = ksk_wire_u32(body);
	out->dnskey = ksk_wire_block(body, KSK_RDATA_MAX);
	ksk_wire_text(body, out->why, sizeof out->why);
	out->forbidden = get_bool(body);
	if (!is_key_found(out))
		ksk_wire_fail(body, KSK_ERR_MALFORMED);
}

static bool
put_rrset(struct ksk_wire_out *w, const struct ksk_rrset *rrset)
{
	if (rrset->owner.len == 0 || rrset->count == 0 ||
		rrset->count > KSK_RDATA_COUNT_MAX)
		return false;
	ksk_wire_put_block(w, ksk_name_span(&rrset->owner));
	ksk_wire_put_u16(w, rrset->type);
	ksk_wire_put_u32(w, rrset->ttl);
	ksk_wire_put_u16(w, (uint16_t)rrset->count);
	for (size_t i = 0; i < rrset->count; i++) {
		if (rrset->rdata[i].len > KSK_RDATA_MAX)
			return false;
		ksk_wire_put_block(w, rrset->rdata[i]);
	}
	return true;
}

static void
get_rrset(struct ksk_wire *w, struct ksk_rrset *out)
{
	get_name(w, &out->owner);
	out->type = ksk_wire_u16(w);
	out->ttl = ksk_wire_u32(w);
	out->count = ksk_wire_u16(w);
	if (out->count == 0 || out->count > KSK_RDATA_COUNT_MAX) {
		ksk_wire_fail(w, KSK_ERR_MALFORMED);
		out->count = 0;
	}
	for (size_t i = 0; i < out->count; i++)
		out->rdata[i] = ksk_wire_block(w, KSK_RDATA_MAX);
}

void
ksk_lnk_job_put(struct ksk_wire_out *w, const struct ksk_lnk_job *item)
{
	const size_t mark = w->buf->len;

	ksk_wire_put_u64(w, item->job);
	ksk_wire_put_u32(w, item->slot);
	ksk_wire_put_u8(w, item->revoked ? 1 : 0);
	ksk_wire_put_u64(w, item->window.inception);
	ksk_wire_put_u64(w, item->window.expiration);
	finish(w, mark, put_rrset(w, &item->rrset));
}

void
ksk_lnk_job_get(struct ksk_wire *body, struct ksk_lnk_job *out)
{
	out->job = ksk_wire_u64(body);
	out->slot = ksk_wire_u32(body);
	out->revoked = get_bool(body);
	out->window.inception = ksk_wire_u64(body);
	out->window.expiration = ksk_wire_u64(body);
	get_rrset(body, &out->rrset);
}

/* A signature stands there if, and only if, the job is done. */
static bool
is_signed(uint8_t outcome, struct ksk_span signature)
{
	switch (outcome) {
	case KSK_JOB_DONE:
		return signature.len > 0 && signature.len <= KSK_SIGNATURE_MAX;
	case KSK_JOB_REFUSED:
	case KSK_JOB_FAILED:
		return signature.len == 0;
	default:
		return false;
	}
}

void
ksk_lnk_signed_put(struct ksk_wire_out *w, const struct ksk_lnk_signed *item)
{
	const size_t mark = w->buf->len;

	ksk_wire_put_u64(w, item->job);
	ksk_wire_put_u8(w, item->outcome);
	ksk_wire_put_block(w, item->signature);
	ksk_wire_put_text(w, item->why);
	finish(w, mark, is_signed(item->outcome, item->signature));
}

void
ksk_lnk_signed_get(struct ksk_wire *body, struct ksk_lnk_signed *out)
{
	out->job = ksk_wire_u64(body);
	out->outcome = ksk_wire_u8(body);
	out->signature = ksk_wire_block(body, KSK_SIGNATURE_MAX);
	ksk_wire_text(body, out->why, sizeof out->why);
	if (!is_signed(out->outcome, out->signature))
		ksk_wire_fail(body, KSK_ERR_MALFORMED);
}
