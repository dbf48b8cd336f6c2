/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crew_packets - what goes over the workers' links: keys to look up, jobs,
 * and their answers. A worker never has more unanswered than packet.h allows.
 */
#include "appliance/signer/crew.h"

#include <string.h>

/* A packet holds no more jobs than fit this part of limits.job, so that a slow
 * token is not taken for one that hangs. */
#define PACKET_PARTS 4u

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
ksk_crew_unqueue(struct ksk_crew *crew, struct ksk_queue *queue)
{
	queue->head = queue->head->next;
	if (queue->head == NULL)
		queue->tail = NULL;
	queue->count--;
	crew->queued--;
}

static uint64_t
bit_of(const struct ksk_crew *crew, const struct ksk_worker *worker)
{
	return UINT64_C(1) << (worker - crew->worker);
}

static bool
has_key(const struct ksk_crew *crew, const struct ksk_worker *worker,
	const struct ksk_keyring_key *key)
{
	return worker->token == key->token && worker->known > key->slot &&
		(key->lacks & bit_of(crew, worker)) == 0;
}

static bool
may_have(struct ksk_crew *crew, const struct ksk_worker *worker,
	const struct ksk_job *job)
{
	return has_key(crew, worker,
		       ksk_keyring_key(crew->keyring, job->key)) &&
		worker->born > job->after;
}

/* The worker with room that has the least to do and may have the job. */
static struct ksk_worker *
choose(struct ksk_crew *crew, const struct ksk_job *job)
{
	struct ksk_worker *best = NULL;
	for (uint16_t i = 0; i < crew->start->worker_count; i++) {
		struct ksk_worker *worker = &crew->worker[i];
		if (!has_room(worker) || !may_have(crew, worker, job))
			continue;
		if (best == NULL || worker->open_count < best->open_count)
			best = worker;
	}
	return best;
}

/* Queued jobs are spread over all packets of all workers, not poured into the
 * first: about half of them stay here, and whoever is done finds more at once
 * while the answers of others are still verified and written. No packet holds
 * more than the token signs in a moment; before its first signature nobody
 * knows how long that is. */
static size_t
share(const struct ksk_crew *crew, uint16_t token, size_t queued)
{
	size_t packets = ksk_crew_up(crew, token) * KSK_WORKER_PACKETS;
	size_t n = packets == 0 ? queued : (queued + packets - 1) / packets;
	uint64_t job_us = crew->token[token].job_us;
	uint64_t part_us = crew->start->job_ms * UINT64_C(1000) / PACKET_PARTS;
	uint64_t most = job_us == 0 ? 1 : 1 + part_us / job_us;
	if (n > KSK_WORKER_JOBS)
		n = KSK_WORKER_JOBS;
	return n > most ? (size_t)most : n;
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
send_jobs(struct ksk_crew *crew, struct ksk_queue *queue,
	struct ksk_worker *worker, size_t most, uint64_t now_ms)
{
	struct ksk_buf buf = ksk_buf_of(crew->packet, KSK_PACKET_MAX);
	struct ksk_wire_out w = ksk_packet_begin(&buf, KSK_LNK_SIGN);
	size_t count = 0;
	if (most > KSK_WORKER_OPEN_MAX - worker->open_count)
		most = KSK_WORKER_OPEN_MAX - worker->open_count;
	for (struct ksk_job *job = queue->head; job != NULL && count < most;
		job = job->next) {
		if (!may_have(crew, worker, job) || !put_job(crew, job, &buf))
			break;
		count++;
	}
	if (w.err != KSK_OK || count == 0 ||
		ksk_link_send(&worker->link, ksk_buf_span(&buf), NULL, 0) !=
			KSK_OK)
		return false;
	uint8_t packet = free_packet(worker);
	for (size_t i = 0; i < count; i++) {
		struct ksk_job *job = queue->head;
		ksk_crew_unqueue(crew, queue);
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
push_jobs(struct ksk_crew *crew, uint16_t token, struct ksk_queue *queue,
	uint64_t now_ms)
{
	while (queue->head != NULL) {
		struct ksk_worker *worker = choose(crew, queue->head);
		if (worker == NULL ||
			!send_jobs(crew, queue, worker,
				share(crew, token, queue->count), now_ms))
			return;
	}
}

/* What it was not asked since the round began comes next. */
static void
end_round(struct ksk_worker *worker)
{
	worker->round = KSK_ROUND_ALL;
	worker->looked = worker->known;
}

/* The next slots of a worker's round, into worker->set; none: it is over. */
static uint32_t
choose_slots(struct ksk_crew *crew, struct ksk_worker *worker)
{
	uint32_t slots = ksk_keyring_slots(crew->keyring, worker->token);
	uint32_t count = 0;
	if (worker->round == KSK_ROUND_PROOF)
		slots = slots > 0 ? 1 : 0;
	else if (worker->round == KSK_ROUND_MISSING)
		slots = worker->known;
	for (uint32_t slot = worker->looked;
		slot < slots && count < KSK_KEYS_PER_PACKET; slot++) {
		const struct ksk_keyring_key *key = ksk_keyring_at(
			crew->keyring, worker->token, slot);
		if (worker->round == KSK_ROUND_MISSING &&
			(key->state == KSK_KEY_FOUND || key->named == 0))
			continue;
		worker->set[count++] = slot;
	}
	if (count == 0 && worker->round != KSK_ROUND_ALL)
		end_round(worker);
	return count;
}

/* Asks a worker about the next keys it has not been asked about. */
static void
push_keys(struct ksk_crew *crew, struct ksk_worker *worker, uint64_t now_ms)
{
	if (worker->link.fd < 0 || worker->leaving || worker->overdue ||
		worker->setting != 0)
		return;
	uint32_t count = choose_slots(crew, worker);
	if (count == 0)
		return;
	struct ksk_buf buf = ksk_buf_of(crew->packet, KSK_PACKET_MAX);
	struct ksk_wire_out w = ksk_packet_begin(&buf, KSK_LNK_KEYS_SET);
	for (uint32_t i = 0; i < count; i++) {
		const struct ksk_keyring_key *key = ksk_keyring_at(
			crew->keyring, worker->token, worker->set[i]);
		struct ksk_lnk_key item = {
			.slot = key->slot, .zone = key->zone, .ds = key->ds};
		memcpy(item.label, key->label, sizeof(item.label));
		ksk_lnk_key_put(&w, &item);
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
	ksk_errand_push(crew, now_ms);
	for (uint16_t t = 0; t < crew->start->token_count; t++) {
		push_jobs(crew, t, &crew->token[t].again, now_ms);
		push_jobs(crew, t, &crew->token[t].first, now_ms);
	}
}

/* A moving mean; one value counts at once if it is the first or the largest:
 * limits are made of it. */
static uint64_t
mean(uint64_t before, uint64_t now)
{
	if (now == 0)
		now = 1;
	return now > before ? now : (7 * before + now) / 8;
}

/* A worker that had found all keys and now misses one that was there: more
 * likely its session is a ruin than that the key is gone, and only a new
 * process can tell. SoftHSM has given wrong signatures in such a session. A
 * key that a worker sees, and may not use, says the contrary; one that no policy
 * names was most likely taken away on purpose. */
static bool
is_stale(const struct ksk_crew *crew, const struct ksk_worker *worker,
	const struct ksk_keyring_key *key, const struct ksk_lnk_key_found *item)
{
	return worker->veteran && item->dnskey.len == 0 && !item->forbidden &&
		(key->apart & bit_of(crew, worker)) == 0 && key->named > 0 &&
		key->state == KSK_KEY_FOUND;
}

/* The process before it, or it by some rule, could not use the key before, and
 * this one can't, while another worker can: a token that is not the same for each
 * process, say one half of a cluster. Whom one believed then the other would
 * contradict, for ever. Those sign with it that have it. */
static bool
is_known_to_lack(const struct ksk_crew *crew, const struct ksk_worker *worker,
	const struct ksk_keyring_key *key, const struct ksk_lnk_key_found *item)
{
	if (item->dnskey.len != 0 || key->state != KSK_KEY_FOUND ||
		(key->lacks & bit_of(crew, worker)) == 0)
		return false;
	for (uint16_t i = 0; i < crew->start->worker_count; i++) {
		const struct ksk_worker *other = &crew->worker[i];
		if (other->link.fd >= 0 && !other->leaving && !other->wrong &&
			!other->overdue && has_key(crew, other, key))
			return true;
	}
	return false;
}

static void
note_lack(struct ksk_keyring_key *key, uint64_t bit, bool lacks)
{
	key->lacks = lacks ? key->lacks | bit : key->lacks & ~bit;
	if (!lacks)
		key->apart &= ~bit;
}

/* Takes one answer; a key that comes or goes is more than this worker's, if a
 * policy names it. */
static void
take_key(struct ksk_crew *crew, struct ksk_worker *worker,
	const struct ksk_lnk_key_found *item)
{
	struct ksk_token_view *view = &crew->token[worker->token];
	struct ksk_keyring_key *key = ksk_keyring_at(
		crew->keyring, worker->token, item->slot);
	enum ksk_key_state before = key->state;
	if (is_stale(crew, worker, key, item)) {
		worker->wrong = true;
		return;
	}
	if (is_known_to_lack(crew, worker, key, item)) {
		key->apart |= bit_of(crew, worker);
		return;
	}
	note_lack(key, bit_of(crew, worker), item->dnskey.len == 0);
	if (!ksk_keyring_answer(key, item->dnskey, item->why))
		return;
	crew->keys_changed = true;
	if (before == KSK_KEY_MISSING && key->state == KSK_KEY_FOUND)
		ksk_crew_found_again(crew, worker);
	/* It tells why there was no signature. */
	if (before == KSK_KEY_FOUND && key->state == KSK_KEY_MISSING &&
		key->named > 0) {
		view->barren = false;
		if (item->forbidden)
			return;
		view->again_ms = 0;
		view->lost_born = crew->links;
	}
}

static void
end_look(struct ksk_crew *crew, struct ksk_worker *worker, uint64_t now_ms)
{
	struct ksk_token_view *view = &crew->token[worker->token];
	uint64_t from = worker->set_ms > worker->answer_ms ? worker->set_ms
							   : worker->answer_ms;
	view->look_ms = mean(view->look_ms, now_ms > from ? now_ms - from : 0);
	worker->looked = worker->set[worker->setting - 1] + 1;
	worker->setting = 0;
	if (worker->round == KSK_ROUND_ALL && worker->known < worker->looked)
		worker->known = worker->looked;
	if (worker->round == KSK_ROUND_ALL &&
		worker->looked >=
			ksk_keyring_slots(crew->keyring, worker->token))
		worker->veteran = true;
	if (worker->round == KSK_ROUND_PROOF ||
		(worker->round == KSK_ROUND_MISSING &&
			worker->looked >= worker->known))
		end_round(worker);
	if (worker->again) {
		worker->again = false;
		worker->round = KSK_ROUND_ALL;
		worker->looked = 0;
	}
}

static enum ksk_err
take_keys(struct ksk_crew *crew, struct ksk_worker *worker,
	struct ksk_wire *body, uint64_t now_ms)
{
	uint32_t count = 0;
	while (ksk_wire_more(body)) {
		struct ksk_lnk_key_found item = {0};
		ksk_lnk_key_found_get(body, &item);
		if (body->err != KSK_OK || count == worker->setting ||
			item.slot != worker->set[count])
			return KSK_ERR_MALFORMED;
		take_key(crew, worker, &item);
		count++;
	}
	if (ksk_wire_end(body) != KSK_OK || count == 0 ||
		count != worker->setting)
		return KSK_ERR_MALFORMED;
	end_look(crew, worker, now_ms);
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

/* The worker leaves; the job stays its until it is dead. After the first that
 * failed it asks its token no more: those behind it were not tried. */
static void
hold(struct ksk_crew *crew, struct ksk_worker *worker, struct ksk_job *job)
{
	if (worker->leaving)
		job->asked--;
	else
		ksk_crew_prove(crew, worker->token);
	worker->leaving = true;
	job->stage = KSK_JOB_HELD;
	worker->open[worker->open_count++] = job;
	crew->asked++;
	worker->packet_left[job->packet]++;
}

static enum ksk_err
take_one(struct ksk_crew *crew, struct ksk_worker *worker,
	const struct ksk_lnk_signed *item, uint64_t *out_ask_ms)
{
	struct ksk_job *job = take_open(crew, worker, item->job);
	if (job == NULL)
		return KSK_ERR_MALFORMED;
	*out_ask_ms = job->ask_ms;
	if (item->outcome == KSK_JOB_FAILED) {
		hold(crew, worker, job);
		return KSK_OK;
	}
	if (item->outcome == KSK_JOB_REFUSED) {
		job->stage = KSK_JOB_LOST;
		if (job->ticket->why[0] == '\0')
			ksk_text_copy(job->ticket->why,
				sizeof(job->ticket->why), item->why);
		ksk_crew_doubt(crew, worker);
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

/* Learns how long the token takes, from a packet that was answered. */
static void
learn(struct ksk_crew *crew, const struct ksk_worker *worker, uint64_t ask_ms,
	size_t count, uint64_t now_ms)
{
	struct ksk_token_view *view = &crew->token[worker->token];
	uint64_t from = ask_ms > worker->answer_ms ? ask_ms : worker->answer_ms;
	uint64_t took = now_ms > from ? now_ms - from : 0;
	if (count > 0)
		view->job_us = mean(view->job_us, took * 1000 / count);
}

static enum ksk_err
take_signed(struct ksk_crew *crew, struct ksk_worker *worker,
	struct ksk_wire *body, uint64_t now_ms)
{
	uint64_t ask_ms = 0;
	size_t count = 0;
	while (ksk_wire_more(body)) {
		struct ksk_lnk_signed item = {0};
		ksk_lnk_signed_get(body, &item);
		if (body->err != KSK_OK)
			break;
		enum ksk_err err = take_one(crew, worker, &item, &ask_ms);
		if (err != KSK_OK)
			return err;
		count++;
	}
	/* Packets that answer nothing could come for ever, and each would make
	 * the worker look alive. */
	if (count == 0)
		return KSK_ERR_MALFORMED;
	learn(crew, worker, ask_ms, count, now_ms);
	return ksk_wire_end(body);
}

static enum ksk_err
take_packet(struct ksk_crew *crew, struct ksk_worker *worker,
	struct ksk_span packet, uint64_t now_ms)
{
	struct ksk_wire body;
	uint16_t nr = ksk_packet_open(packet, &body);
	switch (nr) {
	case KSK_LNK_AUDIT_FOUND:
	case KSK_LNK_ATTESTED:
	case KSK_LNK_ANCHOR_FOUND:
	case KSK_LNK_ANCHOR_WRITTEN:
		return ksk_errand_take(
			crew, worker, (enum ksk_packet)nr, &body);
	case KSK_LNK_KEYS_FOUND:
		return take_keys(crew, worker, &body, now_ms);
	case KSK_LNK_SIGNED:
		return take_signed(crew, worker, &body, now_ms);
	default:
		return KSK_ERR_MALFORMED;
	}
}

bool
ksk_crew_owes(const struct ksk_crew *crew, uint16_t index)
{
	const struct ksk_worker *worker = &crew->worker[index];
	return worker->open_count > 0 || worker->setting != 0 ||
		worker->errand != 0;
}

enum ksk_err
ksk_crew_receive(struct ksk_crew *crew, uint16_t index, uint64_t now_ms)
{
	struct ksk_worker *worker = &crew->worker[index];
	struct ksk_buf buf = ksk_buf_of(crew->packet, KSK_PACKET_MAX);
	size_t none = 0;
	enum ksk_err err = ksk_link_recv(&worker->link, &buf, NULL, 0, &none);
	if (err != KSK_OK) {
		/* Its jobs wait for the word that it is dead. */
		if (err == KSK_ERR_CLOSED) {
			ksk_link_close(&worker->link);
			ksk_errand_drop(crew, worker);
			ksk_crew_prove(crew, worker->token);
		}
		return err;
	}
	err = take_packet(crew, worker, ksk_buf_span(&buf), now_ms);
	worker->answer_ms = now_ms;
	return err;
}
