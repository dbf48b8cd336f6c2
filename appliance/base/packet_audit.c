/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_audit - the packets about the audit key and the anchor: see packet.h.
 */
#include "appliance/base/packet.h"

#include <string.h>

static void
put_head(struct ksk_wire_out *w, const struct ksk_checkpoint *c)
{
	ksk_wire_put_bytes(w, ksk_span_of(c->journal, sizeof(c->journal)));
	ksk_wire_put_u64(w, c->number);
	ksk_wire_put_bytes(w, ksk_span_of(c->hash, sizeof(c->hash)));
	ksk_wire_put_u64(w, c->time);
}

static void
get_head(struct ksk_wire *w, struct ksk_checkpoint *c)
{
	ksk_wire_copy(w, c->journal, sizeof(c->journal));
	c->number = ksk_wire_u64(w);
	ksk_wire_copy(w, c->hash, sizeof(c->hash));
	c->time = ksk_wire_u64(w);
}

static bool
get_bool(struct ksk_wire *w)
{
	uint8_t byte = ksk_wire_u8(w);

	if (byte > 1)
		ksk_wire_fail(w, KSK_ERR_MALFORMED);
	return byte == 1;
}

/* Something that failed says why; what succeeded has nothing to say. */
static void
check_why(struct ksk_wire *w, bool ok, const char *why)
{
	if (ok != (why[0] == '\0'))
		ksk_wire_fail(w, KSK_ERR_MALFORMED);
}

static enum ksk_err
end(struct ksk_wire *body, void *out, const void *value, size_t len)
{
	enum ksk_err err = ksk_wire_end(body);

	if (err == KSK_OK)
		memcpy(out, value, len);
	return err;
}

enum ksk_err
ksk_lnk_audit_found_write(
	const struct ksk_lnk_audit_found *p, struct ksk_buf *out)
{
	struct ksk_wire_out w = ksk_packet_begin(out, KSK_LNK_AUDIT_FOUND);

	if (p->key.len > KSK_AUDIT_KEY_MAX ||
		(p->key.len == 0) == (p->why[0] == '\0'))
		return KSK_ERR_MALFORMED;
	ksk_wire_put_block(&w, p->key);
	ksk_wire_put_text(&w, p->why);
	return w.err;
}

enum ksk_err
ksk_lnk_audit_found_read(struct ksk_wire *body, struct ksk_lnk_audit_found *out)
{
	struct ksk_lnk_audit_found p;

	p.key = ksk_wire_block(body, KSK_AUDIT_KEY_MAX);
	ksk_wire_text(body, p.why, sizeof(p.why));
	check_why(body, p.key.len != 0, p.why);
	return end(body, out, &p, sizeof(p));
}

enum ksk_err
ksk_lnk_attest_write(const struct ksk_lnk_attest *p, struct ksk_buf *out)
{
	struct ksk_wire_out w = ksk_packet_begin(out, KSK_LNK_ATTEST);

	ksk_wire_put_u8(&w, p->has_nonce ? 1 : 0);
	ksk_wire_put_bytes(
		&w, ksk_span_of(p->what.nonce, sizeof(p->what.nonce)));
	put_head(&w, &p->what.head);
	ksk_wire_put_u8(&w, p->what.state);
	return w.err;
}

enum ksk_err
ksk_lnk_attest_read(struct ksk_wire *body, struct ksk_lnk_attest *out)
{
	static const uint8_t none[KSK_NONCE_LEN];
	struct ksk_lnk_attest p = {0};

	p.has_nonce = get_bool(body);
	ksk_wire_copy(body, p.what.nonce, sizeof(p.what.nonce));
	get_head(body, &p.what.head);
	p.what.state = ksk_wire_u8(body);
	if (!p.has_nonce &&
		(p.what.state != 0 ||
			memcmp(p.what.nonce, none, sizeof(none)) != 0))
		ksk_wire_fail(body, KSK_ERR_MALFORMED);
	return end(body, out, &p, sizeof(p));
}

static bool
is_attested(const struct ksk_lnk_attested *p)
{
	bool done = p->outcome == KSK_JOB_DONE;

	return p->outcome <= KSK_JOB_FAILED && done == (p->signature.len > 0) &&
		done == (p->why[0] == '\0') &&
		p->signature.len <= KSK_SIGNATURE_MAX;
}

enum ksk_err
ksk_lnk_attested_write(const struct ksk_lnk_attested *p, struct ksk_buf *out)
{
	struct ksk_wire_out w = ksk_packet_begin(out, KSK_LNK_ATTESTED);

	if (!is_attested(p))
		return KSK_ERR_MALFORMED;
	ksk_wire_put_u8(&w, p->outcome);
	ksk_wire_put_block(&w, p->signature);
	ksk_wire_put_text(&w, p->why);
	return w.err;
}

enum ksk_err
ksk_lnk_attested_read(struct ksk_wire *body, struct ksk_lnk_attested *out)
{
	struct ksk_lnk_attested p;

	p.outcome = ksk_wire_u8(body);
	p.signature = ksk_wire_block(body, KSK_SIGNATURE_MAX);
	ksk_wire_text(body, p.why, sizeof(p.why));
	if (!is_attested(&p))
		ksk_wire_fail(body, KSK_ERR_MALFORMED);
	return end(body, out, &p, sizeof(p));
}

enum ksk_err
ksk_lnk_anchor_found_write(
	const struct ksk_lnk_anchor_found *p, struct ksk_buf *out)
{
	struct ksk_wire_out w = ksk_packet_begin(out, KSK_LNK_ANCHOR_FOUND);

	if (p->count > KSK_ANCHOR_COUNT_MAX || p->ok != (p->why[0] == '\0') ||
		(!p->ok && p->count != 0))
		return KSK_ERR_MALFORMED;
	ksk_wire_put_u8(&w, p->ok ? 1 : 0);
	ksk_wire_put_u8(&w, (uint8_t)p->count);
	for (size_t i = 0; i < p->count; i++)
		put_head(&w, &p->anchor[i]);
	ksk_wire_put_text(&w, p->why);
	return w.err;
}

enum ksk_err
ksk_lnk_anchor_found_read(
	struct ksk_wire *body, struct ksk_lnk_anchor_found *out)
{
	struct ksk_lnk_anchor_found p = {0};

	p.ok = get_bool(body);
	p.count = ksk_wire_u8(body);
	if (p.count > KSK_ANCHOR_COUNT_MAX || (!p.ok && p.count != 0)) {
		ksk_wire_fail(body, KSK_ERR_MALFORMED);
		p.count = 0;
	}
	for (size_t i = 0; i < p.count; i++)
		get_head(body, &p.anchor[i]);
	ksk_wire_text(body, p.why, sizeof(p.why));
	check_why(body, p.ok, p.why);
	return end(body, out, &p, sizeof(p));
}

enum ksk_err
ksk_lnk_anchor_write_write(const struct ksk_checkpoint *p, struct ksk_buf *out)
{
	struct ksk_wire_out w = ksk_packet_begin(out, KSK_LNK_ANCHOR_WRITE);

	put_head(&w, p);
	return w.err;
}

enum ksk_err
ksk_lnk_anchor_write_read(struct ksk_wire *body, struct ksk_checkpoint *out)
{
	struct ksk_checkpoint p;

	get_head(body, &p);
	return end(body, out, &p, sizeof(p));
}

enum ksk_err
ksk_lnk_anchor_written_write(
	const struct ksk_lnk_anchor_written *p, struct ksk_buf *out)
{
	struct ksk_wire_out w = ksk_packet_begin(out, KSK_LNK_ANCHOR_WRITTEN);

	if (p->ok != (p->why[0] == '\0'))
		return KSK_ERR_MALFORMED;
	ksk_wire_put_u8(&w, p->ok ? 1 : 0);
	ksk_wire_put_text(&w, p->why);
	return w.err;
}

enum ksk_err
ksk_lnk_anchor_written_read(
	struct ksk_wire *body, struct ksk_lnk_anchor_written *out)
{
	struct ksk_lnk_anchor_written p;

	p.ok = get_bool(body);
	ksk_wire_text(body, p.why, sizeof(p.why));
	check_why(body, p.ok, p.why);
	return end(body, out, &p, sizeof(p));
}
