/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * start - see start.h.
 */
#include "appliance/base/start.h"

#include <stdlib.h>

static struct ksk_wire_out
begin(struct ksk_buf *out, enum ksk_child_kind kind)
{
	struct ksk_wire_out w = ksk_packet_begin(out, KSK_CTL_START);

	ksk_wire_put_u8(&w, (uint8_t)kind);
	return w;
}

static struct ksk_wire
open_start(struct ksk_span packet, enum ksk_child_kind kind)
{
	struct ksk_wire body;
	const uint16_t nr = ksk_packet_open(packet, &body);

	if (nr != KSK_CTL_START || ksk_wire_u8(&body) != (uint8_t)kind)
		ksk_wire_fail(&body, KSK_ERR_MALFORMED);
	return body;
}

static bool
read_bool(struct ksk_wire *w)
{
	const uint8_t v = ksk_wire_u8(w);

	if (v > 1)
		ksk_wire_fail(w, KSK_ERR_MALFORMED);
	return v == 1;
}

/* Reads a count; 0 after an error, so that loops over it end. */
static uint16_t
read_count(struct ksk_wire *w, uint16_t max)
{
	const uint16_t n = ksk_wire_u16(w);

	if (n > max)
		ksk_wire_fail(w, KSK_ERR_MALFORMED);
	return w->err == KSK_OK ? n : 0;
}

/* Writes a count of ours; above its maximum is a broken invariant. */
static void
put_count(struct ksk_wire_out *w, uint16_t n, uint16_t max)
{
	if (n > max)
		abort();
	ksk_wire_put_u16(w, n);
}

enum ksk_err
ksk_start_frontend_write(
	const struct ksk_start_frontend *s, struct ksk_buf *out)
{
	struct ksk_wire_out w = begin(out, KSK_CHILD_FRONTEND);

	ksk_wire_put_u32(&w, s->connections);
	ksk_wire_put_u32(&w, s->connections_per_address);
	ksk_wire_put_u32(&w, s->handshake_ms);
	ksk_wire_put_u32(&w, s->idle_ms);
	ksk_wire_put_u32(&w, s->frame_ms);
	return w.err;
}

enum ksk_err
ksk_start_frontend_read(struct ksk_span packet, struct ksk_start_frontend *out)
{
	struct ksk_wire body = open_start(packet, KSK_CHILD_FRONTEND);
	struct ksk_start_frontend s;
	enum ksk_err err;

	s.connections = ksk_wire_u32(&body);
	s.connections_per_address = ksk_wire_u32(&body);
	s.handshake_ms = ksk_wire_u32(&body);
	s.idle_ms = ksk_wire_u32(&body);
	s.frame_ms = ksk_wire_u32(&body);
	err = ksk_wire_end(&body);
	if (err == KSK_OK)
		*out = s;
	return err;
}

#define TOKEN_MAX \
	(sizeof((struct ksk_start_signer *)NULL)->token / KSK_LABEL_CAP)

enum ksk_err
ksk_start_signer_write(const struct ksk_start_signer *s, struct ksk_buf *out)
{
	struct ksk_wire_out w = begin(out, KSK_CHILD_SIGNER);

	ksk_wire_put_bytes(&w, ksk_span_of(s->appliance, KSK_ID_LEN));
	ksk_wire_put_text(&w, s->journal);
	ksk_wire_put_u32(&w, s->job_ms);
	ksk_wire_put_u64(&w, s->reserve);
	put_count(&w, s->token_count, TOKEN_MAX);
	for (size_t i = 0; i < s->token_count; i++)
		ksk_wire_put_text(&w, s->token[i]);
	put_count(&w, s->worker_count, KSK_WORKER_COUNT_MAX);
	for (size_t i = 0; i < s->worker_count; i++) {
		if (s->worker_token[i] >= s->token_count)
			abort();
		ksk_wire_put_u16(&w, s->worker_token[i]);
	}
	ksk_wire_put_u8(&w, s->need_sync ? 1 : 0);
	if (s->anchor_token != KSK_TOKEN_NONE &&
		s->anchor_token >= s->token_count)
		abort();
	ksk_wire_put_u16(&w, s->anchor_token);
	ksk_wire_put_u8(&w, s->quorum ? 1 : 0);
	put_count(&w, s->bootstrap_count, KSK_BOOTSTRAP_MAX);
	for (size_t i = 0; i < s->bootstrap_count; i++)
		ksk_wire_put_bytes(
			&w, ksk_span_of(s->bootstrap[i], KSK_PIN_LEN));
	return w.err;
}

enum ksk_err
ksk_start_signer_read(struct ksk_span packet, struct ksk_start_signer *out)
{
	struct ksk_wire body = open_start(packet, KSK_CHILD_SIGNER);
	struct ksk_start_signer s = {.token_count = 0};
	enum ksk_err err;

	ksk_wire_copy(&body, s.appliance, sizeof s.appliance);
	ksk_wire_text(&body, s.journal, sizeof s.journal);
	s.job_ms = ksk_wire_u32(&body);
	s.reserve = ksk_wire_u64(&body);
	s.token_count = read_count(&body, TOKEN_MAX);
	for (size_t i = 0; i < s.token_count; i++)
		ksk_wire_text(&body, s.token[i], sizeof s.token[i]);
	s.worker_count = read_count(&body, KSK_WORKER_COUNT_MAX);
	for (size_t i = 0; i < s.worker_count; i++) {
		s.worker_token[i] = ksk_wire_u16(&body);
		if (s.worker_token[i] >= s.token_count)
			ksk_wire_fail(&body, KSK_ERR_MALFORMED);
	}
	s.need_sync = read_bool(&body);
	s.anchor_token = ksk_wire_u16(&body);
	if (s.anchor_token != KSK_TOKEN_NONE && s.anchor_token >= s.token_count)
		ksk_wire_fail(&body, KSK_ERR_MALFORMED);
	s.quorum = read_bool(&body);
	s.bootstrap_count = read_count(&body, KSK_BOOTSTRAP_MAX);
	for (size_t i = 0; i < s.bootstrap_count; i++)
		ksk_wire_copy(&body, s.bootstrap[i], KSK_PIN_LEN);
	err = ksk_wire_end(&body);
	if (err == KSK_OK)
		*out = s;
	return err;
}

static bool
is_access(uint8_t access)
{
	return access >= KSK_PATH_READ &&
		access <= (KSK_PATH_READ | KSK_PATH_EXECUTE | KSK_PATH_WRITE);
}

enum ksk_err
ksk_start_worker_write(const struct ksk_start_worker *s, struct ksk_buf *out)
{
	struct ksk_wire_out w = begin(out, KSK_CHILD_WORKER);

	if (s->index >= KSK_WORKER_COUNT_MAX)
		abort();
	ksk_wire_put_u16(&w, s->index);
	ksk_wire_put_text(&w, s->token);
	ksk_wire_put_text(&w, s->module);
	ksk_wire_put_u8(&w, s->has_sha256 ? 1 : 0);
	if (s->has_sha256)
		ksk_wire_put_bytes(&w, ksk_span_of(s->sha256, KSK_HASH_LEN));
	ksk_wire_put_text(&w, s->uri);
	ksk_wire_put_text(&w, s->init);
	ksk_wire_put_u8(&w, s->network ? 1 : 0);
	ksk_wire_put_u8(&w, s->anchor ? 1 : 0);
	put_count(&w, s->environment_count, KSK_ENVIRONMENT_MAX);
	for (size_t i = 0; i < s->environment_count; i++)
		ksk_wire_put_text(&w, s->environment[i]);
	put_count(&w, s->path_count, KSK_MODULE_PATHS_MAX);
	for (size_t i = 0; i < s->path_count; i++) {
		if (!is_access(s->path_access[i]))
			abort();
		ksk_wire_put_text(&w, s->path[i]);
		ksk_wire_put_u8(&w, s->path_access[i]);
	}
	return w.err;
}

static void
read_worker_lists(struct ksk_wire *body, struct ksk_start_worker *s)
{
	s->environment_count = read_count(body, KSK_ENVIRONMENT_MAX);
	for (size_t i = 0; i < s->environment_count; i++)
		ksk_wire_text(body, s->environment[i], KSK_PATH_CAP);
	s->path_count = read_count(body, KSK_MODULE_PATHS_MAX);
	for (size_t i = 0; i < s->path_count; i++) {
		ksk_wire_text(body, s->path[i], KSK_PATH_CAP);
		s->path_access[i] = ksk_wire_u8(body);
		if (!is_access(s->path_access[i]))
			ksk_wire_fail(body, KSK_ERR_MALFORMED);
	}
}

enum ksk_err
ksk_start_worker_read(struct ksk_span packet, struct ksk_start_worker *out)
{
	struct ksk_wire body = open_start(packet, KSK_CHILD_WORKER);
	struct ksk_start_worker s = {.index = ksk_wire_u16(&body)};
	enum ksk_err err;

	if (s.index >= KSK_WORKER_COUNT_MAX)
		ksk_wire_fail(&body, KSK_ERR_MALFORMED);
	ksk_wire_text(&body, s.token, sizeof s.token);
	ksk_wire_text(&body, s.module, sizeof s.module);
	s.has_sha256 = read_bool(&body);
	if (s.has_sha256)
		ksk_wire_copy(&body, s.sha256, sizeof s.sha256);
	ksk_wire_text(&body, s.uri, sizeof s.uri);
	ksk_wire_text(&body, s.init, sizeof s.init);
	s.network = read_bool(&body);
	s.anchor = read_bool(&body);
	read_worker_lists(&body, &s);
	err = ksk_wire_end(&body);
	if (err == KSK_OK)
		*out = s;
	return err;
}
