/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tbs - RRSIG RDATA and the bytes to be signed. Contract: tbs.h
 *
 * RDATA goes in as it is: of the types that are signed here none holds a
 * domain name (RFC 4034 6.2). Whoever gives zone data of other types lowers
 * the names inside first.
 */
#include "protocol/tbs.h"

#include "protocol/wire.h"

#define CLASS_IN 1u

/* RFC 4034 3.1.3: neither the root nor a leading "*" is counted. */
static uint8_t
count_labels(const struct ksk_name *owner)
{
	uint8_t count = ksk_name_labels(owner);

	if (owner->len >= 2 && owner->wire[0] == 1 && owner->wire[1] == '*')
		count--;
	return count;
}

void
ksk_rrsig_prepare(const struct ksk_rrset *rrset, struct ksk_window window,
	uint8_t algorithm, uint16_t tag, struct ksk_rrsig *out_rrsig)
{
	*out_rrsig = (struct ksk_rrsig){
		.type = rrset->type,
		.algorithm = algorithm,
		.labels = count_labels(&rrset->owner),
		.ttl = rrset->ttl,
		.expiration = (uint32_t)(window.expiration & UINT32_MAX),
		.inception = (uint32_t)(window.inception & UINT32_MAX),
		.tag = tag,
		.signer = rrset->owner,
	};
}

/* Takes a name that stands inside RDATA; a compressed one fails (RFC 4034
 * 3.1.7). */
static void
take_name(struct ksk_wire *w, struct ksk_name *out)
{
	struct ksk_wire ahead = *w;
	size_t len = 0;
	uint8_t label;

	do {
		label = ksk_wire_u8(&ahead);
		(void)ksk_wire_bytes(&ahead, label);
		len += 1u + label;
	} while (label != 0);
	struct ksk_span wire = ksk_wire_bytes(w, len);
	if (w->err == KSK_OK)
		ksk_wire_fail(w, ksk_name_from_wire(wire, out));
}

enum ksk_err
ksk_rrsig_read(struct ksk_span rdata, struct ksk_rrsig *out_rrsig)
{
	struct ksk_wire w = ksk_wire_of(rdata);
	struct ksk_rrsig rrsig = {
		.type = ksk_wire_u16(&w),
		.algorithm = ksk_wire_u8(&w),
		.labels = ksk_wire_u8(&w),
		.ttl = ksk_wire_u32(&w),
		.expiration = ksk_wire_u32(&w),
		.inception = ksk_wire_u32(&w),
		.tag = ksk_wire_u16(&w),
	};

	take_name(&w, &rrsig.signer);
	if (!ksk_wire_more(&w))
		return KSK_ERR_MALFORMED;
	rrsig.signature = ksk_wire_bytes(&w, w.rest.len);
	enum ksk_err err = ksk_wire_end(&w);
	if (err == KSK_OK)
		*out_rrsig = rrsig;
	return err;
}

static void
put_head(struct ksk_wire_out *w, const struct ksk_rrsig *rrsig)
{
	ksk_wire_put_u16(w, rrsig->type);
	ksk_wire_put_u8(w, rrsig->algorithm);
	ksk_wire_put_u8(w, rrsig->labels);
	ksk_wire_put_u32(w, rrsig->ttl);
	ksk_wire_put_u32(w, rrsig->expiration);
	ksk_wire_put_u32(w, rrsig->inception);
	ksk_wire_put_u16(w, rrsig->tag);
	ksk_wire_put_bytes(w, ksk_name_span(&rrsig->signer));
}

enum ksk_err
ksk_rrsig_write(const struct ksk_rrsig *rrsig, struct ksk_buf *out)
{
	size_t before = out->len;
	struct ksk_wire_out w = ksk_wire_out_of(out);

	put_head(&w, rrsig);
	ksk_wire_put_bytes(&w, rrsig->signature);
	if (w.err != KSK_OK)
		out->len = before;
	return w.err;
}

/* RFC 4034 3.1.8.1: owner | type | class | original TTL | length | RDATA */
static void
put_record(struct ksk_wire_out *w, const struct ksk_rrset *rrset,
	const struct ksk_rrsig *rrsig, struct ksk_span rdata)
{
	ksk_wire_put_bytes(w, ksk_name_span(&rrset->owner));
	ksk_wire_put_u16(w, rrset->type);
	ksk_wire_put_u16(w, CLASS_IN);
	ksk_wire_put_u32(w, rrsig->ttl);
	ksk_wire_put_block(w, rdata);
}

enum ksk_err
ksk_tbs_build(const struct ksk_rrset *rrset, const struct ksk_rrsig *rrsig,
	struct ksk_buf *out)
{
	size_t before = out->len;
	struct ksk_wire_out w = ksk_wire_out_of(out);

	if (rrset->type != rrsig->type || rrset->ttl != rrsig->ttl ||
		rrsig->labels != count_labels(&rrset->owner) ||
		!ksk_rrset_is_canonical(rrset))
		return KSK_ERR_MALFORMED;
	put_head(&w, rrsig);
	for (size_t i = 0; i < rrset->count; i++)
		put_record(&w, rrset, rrsig, rrset->rdata[i]);
	if (w.err != KSK_OK)
		out->len = before;
	return w.err;
}
