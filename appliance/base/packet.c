/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet - numbers, packets of the control sockets. The packets of the links
 * stand in packet_link.c.
 */
#include "appliance/base/packet.h"

#include "appliance/base/start.h"
#include "protocol/msg.h"

#include <stdlib.h>

/* The largest err in a state packet: the last one of KSK_ERR_TABLE. */
#define ERR_MAX (-KSK_ERR_TOKEN)

uint16_t
ksk_packet_open(struct ksk_span packet, struct ksk_wire *out_body)
{
	struct ksk_wire body = ksk_wire_of(packet);
	const uint16_t nr = ksk_wire_u16(&body);

	*out_body = body;
	if (body.err != KSK_OK)
		return 0xffff;
	switch (nr) {
#define X(name, value) case value:
		KSK_PACKET_TABLE(X)
#undef X
		return nr;
	default:
		ksk_wire_fail(out_body, KSK_ERR_MALFORMED);
		return 0xffff;
	}
}

struct ksk_wire_out
ksk_packet_begin(struct ksk_buf *buf, enum ksk_packet nr)
{
	struct ksk_wire_out w;

	buf->len = 0;
	w = ksk_wire_out_of(buf);
	ksk_wire_put_u16(&w, (uint16_t)nr);
	return w;
}

static bool
read_bool(struct ksk_wire *w)
{
	const uint8_t v = ksk_wire_u8(w);

	if (v > 1)
		ksk_wire_fail(w, KSK_ERR_MALFORMED);
	return v == 1;
}

enum ksk_err
ksk_ctl_plain_write(enum ksk_packet nr, struct ksk_buf *out)
{
	if (nr != KSK_CTL_READY && nr != KSK_CTL_STOP &&
		nr != KSK_LNK_AUDIT_ASK && nr != KSK_LNK_ANCHOR_READ)
		abort();
	return ksk_packet_begin(out, nr).err;
}

enum ksk_err
ksk_ctl_number_write(enum ksk_packet nr, uint32_t number, struct ksk_buf *out)
{
	struct ksk_wire_out w = ksk_packet_begin(out, nr);

	if (nr != KSK_CTL_PREPARE && nr != KSK_CTL_COMMIT &&
		nr != KSK_CTL_ABORT)
		abort();
	ksk_wire_put_u32(&w, number);
	return w.err;
}

enum ksk_err
ksk_ctl_number_read(struct ksk_wire *body, uint32_t *out_number)
{
	const uint32_t number = ksk_wire_u32(body);
	const enum ksk_err err = ksk_wire_end(body);

	if (err == KSK_OK)
		*out_number = number;
	return err;
}

enum ksk_err
ksk_ctl_prepared_write(const struct ksk_ctl_prepared *p, struct ksk_buf *out)
{
	struct ksk_wire_out w = ksk_packet_begin(out, KSK_CTL_PREPARED);

	ksk_wire_put_u32(&w, p->number);
	ksk_wire_put_u8(&w, p->ok ? 1 : 0);
	ksk_wire_put_text(&w, p->why);
	return w.err;
}

enum ksk_err
ksk_ctl_prepared_read(struct ksk_wire *body, struct ksk_ctl_prepared *out)
{
	struct ksk_ctl_prepared p;
	enum ksk_err err;

	p.number = ksk_wire_u32(body);
	p.ok = read_bool(body);
	ksk_wire_text(body, p.why, sizeof p.why);
	err = ksk_wire_end(body);
	if (err == KSK_OK)
		*out = p;
	return err;
}

static bool
is_link(const struct ksk_ctl_link *p)
{
	switch (p->edge) {
	case KSK_EDGE_FRONTEND_SIGNER:
		return p->index == 0;
	case KSK_EDGE_SIGNER_WORKER:
		return p->index < KSK_WORKER_COUNT_MAX;
	default:
		return false;
	}
}

enum ksk_err
ksk_ctl_link_write(const struct ksk_ctl_link *p, struct ksk_buf *out)
{
	struct ksk_wire_out w = ksk_packet_begin(out, KSK_CTL_LINK);

	if (!is_link(p))
		abort();
	ksk_wire_put_u8(&w, p->edge);
	ksk_wire_put_u16(&w, p->index);
	ksk_wire_put_u32(&w, p->generation);
	return w.err;
}

enum ksk_err
ksk_ctl_link_read(struct ksk_wire *body, struct ksk_ctl_link *out)
{
	struct ksk_ctl_link p;
	enum ksk_err err;

	p.edge = ksk_wire_u8(body);
	p.index = ksk_wire_u16(body);
	p.generation = ksk_wire_u32(body);
	if (!is_link(&p))
		ksk_wire_fail(body, KSK_ERR_MALFORMED);
	err = ksk_wire_end(body);
	if (err == KSK_OK)
		*out = p;
	return err;
}

enum ksk_err
ksk_ctl_worker_write(
	enum ksk_packet nr, const struct ksk_ctl_worker *p, struct ksk_buf *out)
{
	struct ksk_wire_out w = ksk_packet_begin(out, nr);

	if ((nr != KSK_CTL_DEAD && nr != KSK_CTL_OVERDUE) ||
		p->index >= KSK_WORKER_COUNT_MAX)
		abort();
	ksk_wire_put_u16(&w, p->index);
	ksk_wire_put_u32(&w, p->generation);
	return w.err;
}

enum ksk_err
ksk_ctl_worker_read(struct ksk_wire *body, struct ksk_ctl_worker *out)
{
	struct ksk_ctl_worker p;
	enum ksk_err err;

	p.index = ksk_wire_u16(body);
	p.generation = ksk_wire_u32(body);
	if (p.index >= KSK_WORKER_COUNT_MAX)
		ksk_wire_fail(body, KSK_ERR_MALFORMED);
	err = ksk_wire_end(body);
	if (err == KSK_OK)
		*out = p;
	return err;
}

static bool
is_state(const struct ksk_ctl_state *p)
{
	return p->index < KSK_WORKER_COUNT_MAX &&
		p->state <= KSK_STATE_NO_POLICY && p->err <= ERR_MAX;
}

enum ksk_err
ksk_ctl_state_write(
	enum ksk_packet nr, const struct ksk_ctl_state *p, struct ksk_buf *out)
{
	struct ksk_wire_out w = ksk_packet_begin(out, nr);

	if ((nr != KSK_CTL_TOKEN_STATE && nr != KSK_CTL_LOGIN &&
		    nr != KSK_CTL_STATE) ||
		!is_state(p))
		abort();
	ksk_wire_put_u16(&w, p->index);
	ksk_wire_put_u8(&w, p->state);
	ksk_wire_put_u8(&w, p->err);
	ksk_wire_put_text(&w, p->why);
	return w.err;
}

enum ksk_err
ksk_ctl_state_read(struct ksk_wire *body, struct ksk_ctl_state *out)
{
	struct ksk_ctl_state p;
	enum ksk_err err;

	p.index = ksk_wire_u16(body);
	p.state = ksk_wire_u8(body);
	p.err = ksk_wire_u8(body);
	ksk_wire_text(body, p.why, sizeof p.why);
	if (!is_state(&p))
		ksk_wire_fail(body, KSK_ERR_MALFORMED);
	err = ksk_wire_end(body);
	if (err == KSK_OK)
		*out = p;
	return err;
}

static bool
is_kind(uint8_t kind)
{
	return kind >= 1 && kind <= KSK_DOCUMENT_KIND_MAX;
}

enum ksk_err
ksk_ctl_compile_write(const struct ksk_ctl_compile *p, struct ksk_buf *out)
{
	struct ksk_wire_out w = ksk_packet_begin(out, KSK_CTL_COMPILE);

	if (!is_kind(p->kind))
		abort();
	ksk_wire_put_u32(&w, p->number);
	ksk_wire_put_u8(&w, p->kind);
	return w.err;
}

enum ksk_err
ksk_ctl_compile_read(struct ksk_wire *body, struct ksk_ctl_compile *out)
{
	struct ksk_ctl_compile p;
	enum ksk_err err;

	p.number = ksk_wire_u32(body);
	p.kind = ksk_wire_u8(body);
	if (!is_kind(p.kind))
		ksk_wire_fail(body, KSK_ERR_MALFORMED);
	err = ksk_wire_end(body);
	if (err == KSK_OK)
		*out = p;
	return err;
}

enum ksk_err
ksk_ctl_compiled_write(const struct ksk_ctl_compiled *p, struct ksk_buf *out)
{
	struct ksk_wire_out w = ksk_packet_begin(out, KSK_CTL_COMPILED);

	ksk_wire_put_u32(&w, p->number);
	ksk_wire_put_u8(&w, p->ok ? 1 : 0);
	ksk_wire_put_text(&w, p->faults);
	return w.err;
}

enum ksk_err
ksk_ctl_compiled_read(struct ksk_wire *body, struct ksk_ctl_compiled *out)
{
	enum ksk_err err;

	out->number = ksk_wire_u32(body);
	out->ok = read_bool(body);
	ksk_wire_text(body, out->faults, sizeof out->faults);
	err = ksk_wire_end(body);
	if (err != KSK_OK)
		*out = (struct ksk_ctl_compiled){.ok = false};
	return err;
}
