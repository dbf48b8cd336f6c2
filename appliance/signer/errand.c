/* SPDX-License-Identifier: BSD-2-Clause */
/* errand - see errand.h. */
#include "appliance/signer/errand.h"

#include "appliance/signer/crew.h"

#include <string.h>

static bool
has_room(const struct ksk_worker *worker)
{
	return worker->link.fd >= 0 && !worker->leaving && !worker->wrong &&
		!worker->overdue && worker->errand == 0;
}

/* Sends a packet that stands in the crew's room; its answer is awaited. */
static bool
send(struct ksk_crew *crew, struct ksk_worker *worker,
	const struct ksk_buf *packet, enum ksk_packet answer, uint64_t now_ms)
{
	if (ksk_link_send(&worker->link, ksk_buf_span(packet), NULL, 0) !=
		KSK_OK)
		return false;
	(void)crew;
	worker->errand = (uint16_t)answer;
	worker->errand_ms = now_ms;
	return true;
}

static bool
begin(struct ksk_crew *crew, struct ksk_worker *worker,
	enum ksk_errand_owner owner, enum ksk_packet answer,
	const struct ksk_buf *packet, uint64_t now_ms)
{
	struct ksk_errand *errand = &crew->errand;

	if (!send(crew, worker, packet, answer, now_ms))
		return false;
	memset(errand, 0, sizeof(*errand));
	errand->owner = owner;
	errand->answer = answer;
	errand->worker = (uint16_t)(worker - crew->worker);
	return true;
}

/* The worker of a token that has the least to do. */
static struct ksk_worker *
choose(struct ksk_crew *crew, uint16_t token, bool audit)
{
	struct ksk_worker *best = NULL;

	for (uint16_t i = 0; i < crew->start->worker_count; i++) {
		struct ksk_worker *worker = &crew->worker[i];
		if (worker->token != token || !has_room(worker) ||
			(audit && !worker->has_audit))
			continue;
		if (best == NULL || worker->open_count < best->open_count)
			best = worker;
	}
	return best;
}

bool
ksk_errand_free(const struct ksk_crew *crew)
{
	return crew->errand.owner == KSK_ERRAND_NOBODY;
}

bool
ksk_errand_attest(struct ksk_crew *crew, enum ksk_errand_owner owner,
	const struct ksk_lnk_attest *what, uint64_t now_ms)
{
	struct ksk_buf buf = ksk_buf_of(crew->packet, KSK_PACKET_MAX);
	struct ksk_worker *worker = choose(crew, crew->audit.token, true);

	return ksk_errand_free(crew) && worker != NULL &&
		ksk_lnk_attest_write(what, &buf) == KSK_OK &&
		begin(crew, worker, owner, KSK_LNK_ATTESTED, &buf, now_ms);
}

bool
ksk_errand_anchor_read(struct ksk_crew *crew, uint64_t now_ms)
{
	struct ksk_buf buf = ksk_buf_of(crew->packet, KSK_PACKET_MAX);
	struct ksk_worker *worker = choose(
		crew, crew->start->anchor_token, false);

	return ksk_errand_free(crew) && worker != NULL &&
		ksk_ctl_plain_write(KSK_LNK_ANCHOR_READ, &buf) == KSK_OK &&
		begin(crew, worker, KSK_ERRAND_ANCHOR, KSK_LNK_ANCHOR_FOUND,
			&buf, now_ms);
}

bool
ksk_errand_anchor_write(struct ksk_crew *crew,
	const struct ksk_checkpoint *anchor, uint64_t now_ms)
{
	struct ksk_buf buf = ksk_buf_of(crew->packet, KSK_PACKET_MAX);
	struct ksk_worker *worker = choose(
		crew, crew->start->anchor_token, false);

	return ksk_errand_free(crew) && worker != NULL &&
		ksk_lnk_anchor_write_write(anchor, &buf) == KSK_OK &&
		begin(crew, worker, KSK_ERRAND_ANCHOR, KSK_LNK_ANCHOR_WRITTEN,
			&buf, now_ms);
}

const struct ksk_errand *
ksk_errand_ended(const struct ksk_crew *crew, enum ksk_errand_owner owner)
{
	const struct ksk_errand *errand = &crew->errand;

	return errand->owner == owner && errand->stage != KSK_ERRAND_OPEN
		? errand
		: NULL;
}

void
ksk_errand_over(struct ksk_crew *crew)
{
	crew->errand.owner = KSK_ERRAND_NOBODY;
}

struct ksk_span
ksk_errand_audit_key(const struct ksk_crew *crew, const char **out_why)
{
	*out_why = crew->audit.len != 0 ? "" : crew->audit.why;
	return ksk_span_of(crew->audit.key, crew->audit.len);
}

void
ksk_errand_push(struct ksk_crew *crew, uint64_t now_ms)
{
	for (uint16_t i = 0; i < crew->start->worker_count; i++) {
		struct ksk_worker *worker = &crew->worker[i];
		struct ksk_buf buf = ksk_buf_of(crew->packet, KSK_PACKET_MAX);

		if (worker->audit_asked || !has_room(worker) ||
			ksk_ctl_plain_write(KSK_LNK_AUDIT_ASK, &buf) != KSK_OK)
			continue;
		worker->audit_asked = send(
			crew, worker, &buf, KSK_LNK_AUDIT_FOUND, now_ms);
	}
}

void
ksk_errand_look_again(struct ksk_crew *crew)
{
	for (uint16_t i = 0; i < crew->start->worker_count; i++)
		crew->worker[i].audit_asked = false;
}

static void
lose(struct ksk_crew *crew, const char *why)
{
	crew->errand.stage = KSK_ERRAND_LOST;
	ksk_text_copy(crew->errand.why, sizeof(crew->errand.why), why);
}

void
ksk_errand_drop(struct ksk_crew *crew, struct ksk_worker *worker)
{
	bool open = worker->errand != 0 &&
		worker->errand != KSK_LNK_AUDIT_FOUND;

	if (open)
		lose(crew, "the token's worker died over it; see the log");
	worker->errand = 0;
	worker->audit_asked = false;
	worker->has_audit = false;
}

/* The first key that is found counts for the life of this process: one journal
 * has one audit key at a time, and a new one is taken at a restart. */
static void
note_key(struct ksk_crew *crew, struct ksk_worker *worker,
	const struct ksk_lnk_audit_found *found)
{
	struct ksk_audit_view *audit = &crew->audit;
	struct ksk_span known = ksk_span_of(audit->key, audit->len);

	worker->has_audit = false;
	if (found->key.len == 0) {
		if (audit->len == 0)
			ksk_text_copy(
				audit->why, sizeof(audit->why), found->why);
		return;
	}
	if (audit->len == 0) {
		memcpy(audit->key, found->key.data, found->key.len);
		audit->len = found->key.len;
		audit->token = worker->token;
		known = found->key;
	}
	worker->has_audit = audit->token == worker->token &&
		ksk_span_equal(known, found->key);
}

static enum ksk_err
take_key(
	struct ksk_crew *crew, struct ksk_worker *worker, struct ksk_wire *body)
{
	struct ksk_lnk_audit_found found;
	struct ksk_fault fault;
	enum ksk_err err = ksk_lnk_audit_found_read(body, &found);

	if (err != KSK_OK)
		return err;
	if (found.key.len != 0 &&
		ksk_audit_key_check(found.key, &fault) != KSK_OK)
		return KSK_ERR_MALFORMED;
	note_key(crew, worker, &found);
	return KSK_OK;
}

static enum ksk_err
take_signature(struct ksk_crew *crew, struct ksk_wire *body)
{
	struct ksk_lnk_attested done;
	enum ksk_err err = ksk_lnk_attested_read(body, &done);

	if (err != KSK_OK)
		return err;
	if (done.outcome != KSK_JOB_DONE) {
		lose(crew, done.why);
		return KSK_OK;
	}
	memcpy(crew->errand.signature, done.signature.data, done.signature.len);
	crew->errand.signature_len = done.signature.len;
	crew->errand.stage = KSK_ERRAND_DONE;
	return KSK_OK;
}

static enum ksk_err
take_found(struct ksk_crew *crew, struct ksk_wire *body)
{
	enum ksk_err err = ksk_lnk_anchor_found_read(body, &crew->errand.found);

	if (err != KSK_OK)
		return err;
	crew->errand.stage = KSK_ERRAND_DONE;
	if (!crew->errand.found.ok)
		lose(crew, crew->errand.found.why);
	return KSK_OK;
}

static enum ksk_err
take_written(struct ksk_crew *crew, struct ksk_wire *body)
{
	struct ksk_lnk_anchor_written written;
	enum ksk_err err = ksk_lnk_anchor_written_read(body, &written);

	if (err != KSK_OK)
		return err;
	crew->errand.stage = KSK_ERRAND_DONE;
	if (!written.ok)
		lose(crew, written.why);
	return KSK_OK;
}

enum ksk_err
ksk_errand_take(struct ksk_crew *crew, struct ksk_worker *worker,
	enum ksk_packet nr, struct ksk_wire *body)
{
	if (worker->errand != nr)
		return KSK_ERR_MALFORMED;
	worker->errand = 0;
	switch (nr) {
	case KSK_LNK_AUDIT_FOUND:
		return take_key(crew, worker, body);
	case KSK_LNK_ATTESTED:
		return take_signature(crew, body);
	case KSK_LNK_ANCHOR_FOUND:
		return take_found(crew, body);
	default:
		return take_written(crew, body);
	}
}
