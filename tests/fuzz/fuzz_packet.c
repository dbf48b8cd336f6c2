/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz entry: bytes as a packet between our processes, whichever it says it
 * is. What a reader accepts, its writer gives back byte for byte.
 */
#include <stdlib.h>
#include <string.h>

#include "appliance/base/packet_unlock.h"
#include "appliance/base/start.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t room[2 * KSK_PACKET_MAX];

static void
same(struct ksk_span packet, const struct ksk_buf *again)
{
	if (!ksk_span_equal(packet, ksk_buf_span(again)))
		abort();
}

static void
must(enum ksk_err err)
{
	if (err != KSK_OK)
		abort();
}

static void
try_control(uint16_t nr, struct ksk_span packet, struct ksk_wire body)
{
	struct ksk_buf out = ksk_buf_of(room, sizeof room);
	struct ksk_ctl_prepared prepared;
	struct ksk_ctl_link link;
	struct ksk_ctl_compile compile;
	static struct ksk_ctl_compiled compiled;
	struct ksk_ctl_worker worker;
	struct ksk_ctl_state state;
	uint32_t number;
	enum ksk_err err = KSK_ERR_UNSUPPORTED;

	switch (nr) {
	case KSK_CTL_PREPARE:
	case KSK_CTL_COMMIT:
	case KSK_CTL_ABORT:
		if ((err = ksk_ctl_number_read(&body, &number)) == KSK_OK)
			must(ksk_ctl_number_write(
				(enum ksk_packet)nr, number, &out));
		break;
	case KSK_CTL_PREPARED:
		if ((err = ksk_ctl_prepared_read(&body, &prepared)) == KSK_OK)
			must(ksk_ctl_prepared_write(&prepared, &out));
		break;
	case KSK_CTL_COMPILE:
		if ((err = ksk_ctl_compile_read(&body, &compile)) == KSK_OK)
			must(ksk_ctl_compile_write(&compile, &out));
		break;
	case KSK_CTL_COMPILED:
		if ((err = ksk_ctl_compiled_read(&body, &compiled)) == KSK_OK)
			must(ksk_ctl_compiled_write(&compiled, &out));
		break;
	case KSK_CTL_LINK:
		if ((err = ksk_ctl_link_read(&body, &link)) == KSK_OK)
			must(ksk_ctl_link_write(&link, &out));
		break;
	case KSK_CTL_DEAD:
	case KSK_CTL_OVERDUE:
		if ((err = ksk_ctl_worker_read(&body, &worker)) == KSK_OK)
			must(ksk_ctl_worker_write(
				(enum ksk_packet)nr, &worker, &out));
		break;
	case KSK_CTL_TOKEN_STATE:
	case KSK_CTL_LOGIN:
	case KSK_CTL_STATE:
		if ((err = ksk_ctl_state_read(&body, &state)) == KSK_OK)
			must(ksk_ctl_state_write(
				(enum ksk_packet)nr, &state, &out));
		break;
	default:
		break;
	}
	if (err == KSK_OK)
		same(packet, &out);
}

/* Reads one item and writes it to out; which one, the packet says. */
static void
copy_item(uint16_t nr, struct ksk_wire *body, struct ksk_wire_out *out)
{
	struct ksk_lnk_request request;
	struct ksk_lnk_reply reply;
	struct ksk_lnk_key key;
	struct ksk_lnk_key_found found;
	static struct ksk_lnk_job job;
	struct ksk_lnk_signed done;

	switch (nr) {
	case KSK_LNK_REQUESTS:
		ksk_lnk_request_get(body, &request);
		if (body->err == KSK_OK)
			ksk_lnk_request_put(out, &request);
		break;
	case KSK_LNK_REPLIES:
		ksk_lnk_reply_get(body, &reply);
		if (body->err == KSK_OK)
			ksk_lnk_reply_put(out, &reply);
		break;
	case KSK_LNK_KEYS_SET:
		ksk_lnk_key_get(body, &key);
		if (body->err == KSK_OK)
			ksk_lnk_key_put(out, &key);
		break;
	case KSK_LNK_KEYS_FOUND:
		ksk_lnk_key_found_get(body, &found);
		if (body->err == KSK_OK)
			ksk_lnk_key_found_put(out, &found);
		break;
	case KSK_LNK_SIGN:
		ksk_lnk_job_get(body, &job);
		if (body->err == KSK_OK)
			ksk_lnk_job_put(out, &job);
		break;
	case KSK_LNK_SIGNED:
		ksk_lnk_signed_get(body, &done);
		if (body->err == KSK_OK)
			ksk_lnk_signed_put(out, &done);
		break;
	default:
		ksk_wire_fail(body, KSK_ERR_MALFORMED);
		break;
	}
}

static void
try_link(uint16_t nr, struct ksk_span packet, struct ksk_wire body)
{
	struct ksk_buf out = ksk_buf_of(room, sizeof room);
	struct ksk_wire_out w = ksk_packet_begin(&out, (enum ksk_packet)nr);

	while (ksk_wire_more(&body))
		copy_item(nr, &body, &w);
	if (ksk_wire_end(&body) != KSK_OK)
		return;
	must(w.err);
	same(packet, &out);
}

/* Reads one of the packets that hold one thing and writes it again. */
static void
try_audit(uint16_t nr, struct ksk_span packet, struct ksk_wire body)
{
	struct ksk_buf out = ksk_buf_of(room, sizeof room);
	enum ksk_err err = KSK_ERR_MALFORMED;

#define TRY(NR, type, name) \
	if (nr == KSK_LNK_##NR) { \
		type value; \
		err = ksk_lnk_##name##_read(&body, &value); \
		if (err == KSK_OK) \
			must(ksk_lnk_##name##_write(&value, &out)); \
	}
	TRY(AUDIT_FOUND, struct ksk_lnk_audit_found, audit_found)
	TRY(ATTEST, struct ksk_lnk_attest, attest)
	TRY(ATTESTED, struct ksk_lnk_attested, attested)
	TRY(ANCHOR_FOUND, struct ksk_lnk_anchor_found, anchor_found)
	TRY(ANCHOR_WRITE, struct ksk_checkpoint, anchor_write)
	TRY(ANCHOR_WRITTEN, struct ksk_lnk_anchor_written, anchor_written)
#undef TRY
	if (err == KSK_OK)
		same(packet, &out);
}

/* What comes from kskadm, and what goes back. */
static void
try_unlock(struct ksk_span packet)
{
	struct ksk_buf out = ksk_buf_of(room, sizeof room);
	struct ksk_unlock ask;
	struct ksk_unlocked answer;

	if (ksk_unlock_read(packet, &ask) == KSK_OK) {
		must(ksk_unlock_write_head(&ask, &out));
		must(ksk_buf_put(&out, ask.pin.data, ask.pin.len));
		same(packet, &out);
	} else if (ksk_unlocked_read(packet, &answer) == KSK_OK) {
		must(ksk_unlocked_write(&answer, &out));
		same(packet, &out);
	}
}

static void
try_start(struct ksk_span packet)
{
	struct ksk_buf out = ksk_buf_of(room, sizeof room);
	struct ksk_start_frontend frontend;
	static struct ksk_start_signer signer;
	static struct ksk_start_worker worker;

	if (ksk_start_frontend_read(packet, &frontend) == KSK_OK) {
		must(ksk_start_frontend_write(&frontend, &out));
		same(packet, &out);
	} else if (ksk_start_signer_read(packet, &signer) == KSK_OK) {
		must(ksk_start_signer_write(&signer, &out));
		same(packet, &out);
	} else if (ksk_start_worker_read(packet, &worker) == KSK_OK) {
		must(ksk_start_worker_write(&worker, &out));
		same(packet, &out);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ksk_span packet = ksk_span_of(data, size);
	struct ksk_wire body;

	if (size > KSK_PACKET_MAX)
		return 0;
	uint16_t nr = ksk_packet_open(packet, &body);
	if (body.err != KSK_OK)
		return 0;
	if (nr == KSK_CTL_START)
		try_start(packet);
	else if (nr >= KSK_ADM_UNLOCK)
		try_unlock(packet);
	else if (nr >= KSK_LNK_AUDIT_ASK)
		try_audit(nr, packet, body);
	else if (nr >= KSK_LNK_REQUESTS && nr != KSK_LNK_PINS)
		try_link(nr, packet, body);
	else
		try_control(nr, packet, body);
	return 0;
}
