/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crew_packets - what goes over the workers' links: keys to look up, jobs,
 * and their answers. A worker never has more unanswered than packet.h allows.
 */
#include "appliance/signer/crew.h"

#include <string.h>

/* Keys of one KEYS_SET: their answers must fit one packet too. */
#define KEYS_PER_PACKET 24u

static bool
has_room(const struct ksk_worker *worker)
{
	if (worker->link.fd < 0 || worker->leaving || worker->wrong ||
		worker->overdue || worker->open_count >= KSK_WORKER_JOBS)
		return false;
	for (size_t p = 0; p < KSK_WORKER_PACKETS; p++)
		if (worker->packet_left[p] == 0)
			return true;
	return false;
}

static uint8_t
free_packet(const struct ksk_worker *worker)
{
	uint8_t p = 0;
	while (worker->packet_left[p] != 0)
		p++;
	return p;
}

void
ksk_crew_unqueue(struct ksk_crew *crew, struct ksk_token_view *view)
{
	view->head = view->head->next;
	if (view->head == NULL)
		view->tail = NULL;
	view->queued--;
	crew->queued--;
}

/* The worker with room that has the least to do and knows the key. */
static struct ksk_worker *
choose(struct ksk_crew *crew, const struct ksk_keyring_key *key)
{
	struct ksk_worker *best = NULL;
	for (uint16_t i = 0; i < crew->start->worker_count; i++) {
		struct ksk_worker *worker = &crew->worker[i];
		if (worker->token != key->token || !has_room(worker) ||
			worker->known <= key->slot)
			continue;
		if (best == NULL || worker->open_count < best->open_count)
			best = worker;
	}
	return best;
}

/* Queued jobs are spread over the workers, not poured into the first. */
static size_t
share(const struct ksk_crew *crew, uint16_t token)
{
	size_t up = ksk_crew_up(crew, token);
	size_t queued = crew->token[token].queued;
	size_t n = up == 0 ? queued : (queued + up - 1) / up;
	return n > KSK_WORKER_JOBS ? KSK_WORKER_JOBS : n;
}

static bool
put_job(struct ksk_crew *crew, const struct ksk_job *job, struct ksk_buf *buf)
{
	const struct ksk_keyring_key *key = ksk_keyring_key(
		crew->keyring, job->key);
	struct ksk_lnk_job item = {.job = job->number,
		.slot = key->slot,
		.revoked = job->revoked,
		.window = job->ticket->window,
		.rrset = job->ticket->request.sign.rrset};
	size_t before = buf->len;
	struct ksk_wire_out w = ksk_wire_out_of(buf);
	ksk_lnk_job_put(&w, &item);
	if (w.err == KSK_OK)
		return true;
	buf->len = before;
	return false;
}

/* Sends as many jobs as fit from the head of a queue; returns whether any
 * went. */
static bool
send_jobs(struct ksk_crew *crew, struct ksk_token_view *view,
	struct ksk_worker *worker, size_t most, uint64_t now_ms)
{
	struct ksk_buf buf = ksk_buf_of(crew->packet, KSK_PACKET_MAX);
	struct ksk_wire_out w = ksk_packet_begin(&buf, KSK_LNK_SIGN);
	size_t count = 0;
	if (most > KSK_WORKER_OPEN_MAX - worker->open_count)
		most = KSK_WORKER_OPEN_MAX - worker->open_count;
	for (struct ksk_job *job = view->head; job != NULL && count < most;
		job = job->next) {
		const struct ksk_keyring_key *key = ksk_keyring_key(
			crew->keyring, job->key);
		if (worker->known <= key->slot || !put_job(crew, job, &buf))
			break;
		count++;
	}
	if (w.err != KSK_OK || count == 0 ||
		ksk_link_send(&worker->link, ksk_buf_span(&buf), NULL, 0) !=
			KSK_OK)
		return false;
	uint8_t packet = free_packet(worker);
	for (size_t i = 0; i < count; i++) {
		struct ksk_job *job = view->head;
		ksk_crew_unqueue(crew, view);
		job->stage = KSK_JOB_ASKED;
		job->asked++;
		job->ask_ms = now_ms;
		job->worker = (uint16_t)(worker - crew->worker);
		job->packet = packet;
		worker->open[worker->open_count++] = job;
	}
	worker->packet_left[packet] = (uint32_t)count;
	crew->asked += count;
	return true;
}

static void
push_jobs(struct ksk_crew *crew, uint16_t token, uint64_t now_ms)
{
	struct ksk_token_view *view = &crew->token[token];
	while (view->head != NULL) {
		const struct ksk_keyring_key *key = ksk_keyring_key(
			crew->keyring, view->head->key);
		struct ksk_worker *worker = choose(crew, key);
		if (worker == NULL ||
			!send_jobs(
				crew, view, worker, share(crew, token), now_ms))
			return;
	}
}

/* Asks a worker about the next keys it has not been asked about. */
static void
push_keys(struct ksk_crew *crew, struct ksk_worker *worker, uint64_t now_ms)
{
	uint32_t slots = ksk_keyring_slots(crew->keyring, worker->token);
	if (worker->link.fd < 0 || worker->leaving || worker->setting != 0 ||
		worker->looked >= slots)
		return;
	struct ksk_buf buf = ksk_buf_of(crew->packet, KSK_PACKET_MAX);
	struct ksk_wire_out w = ksk_packet_begin(&buf, KSK_LNK_KEYS_SET);
	uint32_t count = 0;
	while (count < KEYS_PER_PACKET && worker->looked + count < slots) {
		const struct ksk_keyring_key *key = ksk_keyring_at(
			crew->keyring, worker->token, worker->looked + count);
		struct ksk_lnk_key item = {
			.slot = key->slot, .zone = key->zone, .ds = key->ds};
		memcpy(item.label, key->label, sizeof(item.label));
		ksk_lnk_key_put(&w, &item);
		count++;
	}
	if (w.err != KSK_OK ||
		ksk_link_send(&worker->link, ksk_buf_span(&buf), NULL, 0) !=
			KSK_OK)
		return;
	worker->setting = count;
	worker->set_ms = now_ms;
}

void
ksk_crew_push(struct ksk_crew *crew, uint64_t now_ms)
{
	for (uint16_t i = 0; i < crew->start->worker_count; i++)
		push_keys(crew, &crew->worker[i], now_ms);
	for (uint16_t t = 0; t < crew->start->token_count; t++)
		push_jobs(crew, t, now_ms);
}

static enum ksk_err
take_keys(
	struct ksk_crew *crew, struct ksk_worker *worker, struct ksk_wire *body)
{
	uint32_t count = 0;
	while (ksk_wire_more(body)) {
		struct ksk_lnk_key_found item = {0};
		ksk_lnk_key_found_get(body, &item);
		if (body->err != KSK_OK || count == worker->setting ||
			item.slot != worker->looked + count)
			return KSK_ERR_MALFORMED;
		struct ksk_keyring_key *key = ksk_keyring_at(
			crew->keyring, worker->token, item.slot);
		if (ksk_keyring_answer(key, item.dnskey, item.why))
			crew->keys_changed = true;
		count++;
	}
	if (ksk_wire_end(body) != KSK_OK || count == 0 ||
		count != worker->setting)
		return KSK_ERR_MALFORMED;
	worker->looked += count;
	worker->setting = 0;
	if (worker->known < worker->looked)
		worker->known = worker->looked;
	if (worker->again) {
		worker->again = false;
		worker->looked = 0;
	}
	return KSK_OK;
}

static struct ksk_job *
take_open(struct ksk_crew *crew, struct ksk_worker *worker, uint64_t number)
{
	for (size_t i = 0; i < worker->open_count; i++) {
		struct ksk_job *job = worker->open[i];
		if (job->number != number || job->stage != KSK_JOB_ASKED)
			continue;
		worker->open[i] = worker->open[--worker->open_count];
		worker->packet_left[job->packet]--;
		crew->asked--;
		return job;
	}
	return NULL;
}

static enum ksk_err
take_one(struct ksk_crew *crew, struct ksk_worker *worker,
	const struct ksk_lnk_signed *item)
{
	struct ksk_job *job = take_open(crew, worker, item->job);
	if (job == NULL)
		return KSK_ERR_MALFORMED;
	if (item->outcome == KSK_JOB_FAILED) {
		/* The worker leaves; the job stays its until it is dead. */
		worker->leaving = true;
		job->stage = KSK_JOB_HELD;
		worker->open[worker->open_count++] = job;
		crew->asked++;
		worker->packet_left[job->packet]++;
		return KSK_OK;
	}
	if (item->outcome == KSK_JOB_REFUSED) {
		job->stage = KSK_JOB_LOST;
		if (job->ticket->why[0] == '\0')
			ksk_text_copy(job->ticket->why,
				sizeof(job->ticket->why), item->why);
		return KSK_OK;
	}
	if (item->signature.len == 0 ||
		item->signature.len > sizeof(job->signature))
		return KSK_ERR_MALFORMED;
	memcpy(job->signature, item->signature.data, item->signature.len);
	job->signature_len = item->signature.len;
	job->stage = KSK_JOB_ANSWERED;
	return KSK_OK;
}

static enum ksk_err
take_signed(
	struct ksk_crew *crew, struct ksk_worker *worker, struct ksk_wire *body)
{
	while (ksk_wire_more(body)) {
		struct ksk_lnk_signed item = {0};
		ksk_lnk_signed_get(body, &item);
		if (body->err != KSK_OK)
			break;
		enum ksk_err err = take_one(crew, worker, &item);
		if (err != KSK_OK)
			return err;
	}
	return ksk_wire_end(body);
}

enum ksk_err
ksk_crew_receive(struct ksk_crew *crew, uint16_t index)
{
	struct ksk_worker *worker = &crew->worker[index];
	struct ksk_buf buf = ksk_buf_of(crew->packet, KSK_PACKET_MAX);
	size_t none = 0;
	enum ksk_err err = ksk_link_recv(&worker->link, &buf, NULL, 0, &none);
	if (err != KSK_OK) {
		/* Its jobs wait for the word that it is dead. */
		if (err == KSK_ERR_CLOSED)
			ksk_link_close(&worker->link);
		return err;
	}
	struct ksk_wire body;
	switch (ksk_packet_open(ksk_buf_span(&buf), &body)) {
	case KSK_LNK_KEYS_FOUND:
		return take_keys(crew, worker, &body);
	case KSK_LNK_SIGNED:
		return take_signed(crew, worker, &body);
	default:
		return KSK_ERR_MALFORMED;
	}
}
