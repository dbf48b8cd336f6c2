/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crew - see crew.h. Packets to and from workers stand in crew_packets.c.
 */
#include "appliance/signer/crew.h"

#include <stdlib.h>
#include <string.h>

enum ksk_err
ksk_crew_init(struct ksk_crew *crew, const struct ksk_start_signer *start,
	struct ksk_keyring *keyring)
{
	crew->packet = malloc(KSK_PACKET_MAX);
	if (crew->packet == NULL)
		return KSK_ERR_NO_MEMORY;
	crew->start = start;
	crew->keyring = keyring;
	crew->next_job = 1;
	crew->audit.token = KSK_TOKEN_NONE;
	ksk_text_copy(crew->audit.why, sizeof(crew->audit.why),
		"no worker has looked for the audit key yet");
	for (size_t i = 0; i < KSK_WORKER_COUNT_MAX; i++)
		crew->worker[i].link.fd = -1;
	for (uint16_t i = 0; i < start->worker_count; i++)
		crew->worker[i].token = start->worker_token[i];
	return KSK_OK;
}

static void
append(struct ksk_crew *crew, struct ksk_job *job)
{
	uint16_t token = ksk_keyring_key(crew->keyring, job->key)->token;
	struct ksk_token_view *view = &crew->token[token];
	struct ksk_queue *queue = job->after == 0 ? &view->first : &view->again;
	job->next = NULL;
	if (queue->tail != NULL)
		queue->tail->next = job;
	else
		queue->head = job;
	queue->tail = job;
	queue->count++;
	crew->queued++;
	job->stage = KSK_JOB_QUEUED;
}

static void
lose(struct ksk_job *job, const char *why)
{
	job->stage = KSK_JOB_LOST;
	struct ksk_ticket *ticket = job->ticket;
	if (ticket->why[0] == '\0')
		ksk_text_copy(ticket->why, sizeof(ticket->why), why);
}

static void
set_barren(struct ksk_token_view *view, uint64_t now_ms)
{
	view->barren = true;
	view->barren_ms = now_ms;
}

/* It has looked up all keys, or had before a policy named more: those it knows
 * it signs with. */
static bool
is_up(const struct ksk_crew *crew, const struct ksk_worker *worker)
{
	return worker->link.fd >= 0 && !worker->leaving && !worker->wrong &&
		!worker->overdue &&
		((worker->veteran && worker->known > 0) ||
			worker->known >= ksk_keyring_slots(
						 crew->keyring, worker->token));
}

/* What a worker that is over had asked its token for. */
static void
end_job(struct ksk_crew *crew, const struct ksk_worker *worker,
	struct ksk_job *job, uint64_t now_ms)
{
	struct ksk_token_view *view = &crew->token[worker->token];
	bool waits = worker->leaving || ksk_crew_up(crew, worker->token) == 0;
	if (worker->leaving)
		job->after = crew->links;
	if (job->asked >= 2) {
		lose(job,
			"two workers in a row died over this signature; see "
			"the log for the reason");
		set_barren(view, now_ms);
	} else if (job->asked == 1 && view->barren && waits) {
		lose(job,
			"a worker died over this signature, and the token "
			"gives no other one either; see the log for the "
			"reason");
		set_barren(view, now_ms);
	} else {
		/* How long it was at a worker is no time in the queue. */
		job->ask_ms = now_ms;
		append(crew, job);
	}
}

/* What a worker had goes back to the queue, once. A worker takes packets in
 * order, and none after its token has failed: what came behind the failure, or
 * behind a look-up that it did not end, was not asked. */
static void
take_back(struct ksk_crew *crew, struct ksk_worker *worker, uint64_t now_ms)
{
	ksk_link_close(&worker->link); /* it is up no more */
	for (size_t i = 0; i < worker->open_count; i++) {
		struct ksk_job *job = worker->open[i];
		bool looked = worker->setting != 0 &&
			job->ask_ms > worker->set_ms;
		if (job->stage == KSK_JOB_ASKED && (worker->leaving || looked))
			job->asked--;
		end_job(crew, worker, job, now_ms);
	}
	crew->asked -= worker->open_count;
	worker->open_count = 0;
	memset(worker->packet_left, 0, sizeof(worker->packet_left));
}

static void
reset_worker(struct ksk_worker *worker)
{
	ksk_link_close(&worker->link);
	worker->leaving = false;
	worker->wrong = false;
	worker->veteran = false;
	worker->overdue = false;
	worker->known = 0;
	worker->looked = 0;
	worker->round = KSK_ROUND_ALL;
	worker->again = false;
	worker->setting = 0;
	worker->answer_ms = 0;
}

void
ksk_crew_link(struct ksk_crew *crew, uint16_t index, uint32_t generation,
	int fd, uint64_t now_ms)
{
	struct ksk_worker *worker = &crew->worker[index];
	take_back(crew, worker, now_ms);
	ksk_errand_drop(crew, worker);
	reset_worker(worker);
	worker->link = (struct ksk_link){.fd = fd, .generation = generation};
	worker->born = ++crew->links;
	crew->token[worker->token].told = false;
}

void
ksk_crew_dead(struct ksk_crew *crew, uint16_t index, uint32_t generation,
	uint64_t now_ms)
{
	struct ksk_worker *worker = &crew->worker[index];
	if (generation != worker->link.generation)
		return;
	take_back(crew, worker, now_ms);
	ksk_errand_drop(crew, worker);
	/* A replacement that does not get as far as to sign. */
	if (!worker->veteran && ksk_crew_up(crew, worker->token) == 0)
		crew->token[worker->token].down = true;
	reset_worker(worker);
}

void
ksk_crew_judged(
	struct ksk_crew *crew, struct ksk_job *job, bool right, uint64_t now_ms)
{
	struct ksk_worker *worker = &crew->worker[job->worker];
	if (right) {
		job->stage = KSK_JOB_SIGNED;
		crew->token[worker->token].barren = false;
		return;
	}
	lose(job, "the token's signature did not verify; nothing was released");
	worker->wrong = true;
	set_barren(&crew->token[worker->token], now_ms);
}

void
ksk_crew_token_state(struct ksk_crew *crew, const struct ksk_ctl_state *told)
{
	struct ksk_token_view *view = &crew->token[told->index];
	view->told = told->state != KSK_STATE_READY;
	if (view->told && ksk_crew_up(crew, told->index) == 0)
		view->down = true;
	view->state = (enum ksk_state)told->state;
	ksk_text_copy(view->why, sizeof(view->why), told->why);
}

/* A new round. An open KEYS_SET is answered first. */
static void
look_at_all(struct ksk_worker *worker)
{
	if (worker->setting != 0) {
		worker->again = true;
		return;
	}
	worker->round = KSK_ROUND_ALL;
	worker->looked = 0;
}

/* It has looked up all keys and waits for something to do. */
static bool
is_settled(const struct ksk_crew *crew, const struct ksk_worker *worker)
{
	uint32_t slots = ksk_keyring_slots(crew->keyring, worker->token);
	return worker->link.fd >= 0 && !worker->leaving && !worker->wrong &&
		!worker->overdue && worker->setting == 0 &&
		worker->round == KSK_ROUND_ALL && worker->looked >= slots;
}

static uint64_t
between(uint64_t n, uint64_t least, uint64_t most)
{
	if (n < least)
		return least;
	return n > most ? most : n;
}

void
ksk_crew_look_again(struct ksk_crew *crew)
{
	for (uint16_t i = 0; i < crew->start->worker_count; i++)
		look_at_all(&crew->worker[i]);
	ksk_errand_look_again(crew);
}

void
ksk_crew_doubt(struct ksk_crew *crew, struct ksk_worker *worker)
{
	if (is_settled(crew, worker))
		look_at_all(worker);
}

void
ksk_crew_found_again(struct ksk_crew *crew, const struct ksk_worker *finder)
{
	for (uint16_t i = 0; i < crew->start->worker_count; i++) {
		struct ksk_worker *worker = &crew->worker[i];
		if (worker == finder || worker->token != finder->token)
			continue;
		worker->known = 0;
		look_at_all(worker);
	}
}

void
ksk_crew_prove(struct ksk_crew *crew, uint16_t token)
{
	for (uint16_t i = 0; i < crew->start->worker_count; i++) {
		struct ksk_worker *worker = &crew->worker[i];
		/* One that signs or looks proves itself anyway. */
		if (worker->token != token || worker->open_count != 0 ||
			!is_settled(crew, worker))
			continue;
		worker->round = KSK_ROUND_PROOF;
		worker->looked = 0;
	}
}

/* One that was there when a key was lost may never see it again (SoftHSM, whose
 * files went and came back): a new process looks in its place. */
static void
look_or_replace(const struct ksk_token_view *view, struct ksk_worker *worker)
{
	if (worker->born <= view->lost_born && worker->open_count == 0) {
		worker->wrong = true;
		return;
	}
	worker->round = KSK_ROUND_MISSING;
	worker->looked = 0;
}

/* Has one worker look for the keys that are missing, when it is time. */
static void
look_for_missing(struct ksk_crew *crew, uint16_t token, uint64_t now_ms)
{
	struct ksk_token_view *view = &crew->token[token];
	if (now_ms < view->again_ms)
		return;
	if (!ksk_keyring_misses(crew->keyring, token)) {
		view->again_wait_ms = KSK_AGAIN_LEAST_MS;
		view->again_ms = now_ms + view->again_wait_ms;
		return;
	}
	for (uint16_t i = 0; i < crew->start->worker_count; i++) {
		struct ksk_worker *worker = &crew->worker[i];
		if (worker->token != token || !is_settled(crew, worker))
			continue;
		look_or_replace(view, worker);
		break;
	}
	view->again_wait_ms = between(
		2 * view->again_wait_ms, KSK_AGAIN_LEAST_MS, KSK_AGAIN_MOST_MS);
	view->again_ms = now_ms + view->again_wait_ms + 10 * view->look_ms;
}

void
ksk_crew_queue(
	struct ksk_crew *crew, struct ksk_ticket *ticket, uint64_t now_ms)
{
	for (size_t i = 0; i < ticket->job_count; i++) {
		struct ksk_job *job = &ticket->job[i];
		job->ticket = ticket;
		job->number = crew->next_job++;
		job->asked = 0;
		job->after = 0;
		job->ask_ms = now_ms;
		append(crew, job);
	}
}

static bool
is_missing(const struct ksk_crew *crew, const struct ksk_job *job)
{
	return ksk_keyring_key(crew->keyring, job->key)->state ==
		KSK_KEY_MISSING;
}

/* Jobs that no worker takes: the token is away for longer than a restart, or
 * a replacement has found out that it lacks the key. */
static void
lose_waiting(struct ksk_crew *crew, uint16_t token, struct ksk_queue *queue,
	uint64_t now_ms)
{
	while (queue->head != NULL) {
		struct ksk_job *job = queue->head;
		if (now_ms - job->ask_ms < KSK_QUEUE_MS &&
			!crew->token[token].down && !is_missing(crew, job))
			return;
		ksk_crew_unqueue(crew, queue);
		const char *why;
		enum ksk_state state = ksk_crew_token(crew, token, &why);
		job->ticket->state = state == KSK_STATE_READY
			? KSK_STATE_TOKEN_DOWN
			: state;
		lose(job,
			state == KSK_STATE_READY
				? "the token's workers are too slow: no "
				  "worker took the signature in time"
				: why);
	}
}

/* What time does to a token: its jobs, and what is known of it. */
static void
age(struct ksk_crew *crew, uint16_t token, uint64_t now_ms)
{
	struct ksk_token_view *view = &crew->token[token];
	if (ksk_crew_up(crew, token) > 0) {
		view->up_ms = now_ms;
		view->down = false;
	} else if (view->told || now_ms - view->up_ms >= KSK_QUEUE_MS) {
		view->down = true;
	}
	if (view->barren && now_ms - view->barren_ms >= KSK_BARREN_MS)
		view->barren = false;
	lose_waiting(crew, token, &view->first, now_ms);
	lose_waiting(crew, token, &view->again, now_ms);
	look_for_missing(crew, token, now_ms);
}

/* A worker does one thing after the other: the clock of what it was given
 * starts with its last answer. */
static uint64_t
age_of(const struct ksk_worker *worker, uint64_t since_ms, uint64_t now_ms)
{
	uint64_t from = since_ms > worker->answer_ms ? since_ms
						     : worker->answer_ms;
	return now_ms > from ? now_ms - from : 0;
}

static uint64_t
look_limit(const struct ksk_crew *crew, const struct ksk_worker *worker)
{
	uint64_t look_ms = crew->token[worker->token].look_ms;
	return look_ms == 0 ? KSK_LOOK_MS
			    : between(KSK_LOOK_TIMES * look_ms,
				      crew->start->job_ms, KSK_LOOK_MS);
}

static bool
is_late(const struct ksk_crew *crew, const struct ksk_worker *worker,
	uint64_t now_ms)
{
	bool looks = worker->setting != 0;
	if (worker->wrong)
		return true;
	if (looks &&
		age_of(worker, worker->set_ms, now_ms) >
			look_limit(crew, worker))
		return true;
	if (worker->errand != 0 && !looks &&
		age_of(worker, worker->errand_ms, now_ms) > crew->start->job_ms)
		return true;
	for (size_t i = 0; i < worker->open_count; i++) {
		uint64_t ask_ms = worker->open[i]->ask_ms;
		/* Not its turn before the look-up is over. */
		if (looks && ask_ms >= worker->set_ms)
			continue;
		if (age_of(worker, ask_ms, now_ms) > crew->start->job_ms)
			return true;
	}
	return false;
}

void
ksk_crew_resumed(struct ksk_crew *crew, uint64_t now_ms)
{
	for (uint16_t i = 0; i < crew->start->worker_count; i++)
		crew->worker[i].answer_ms = now_ms;
}

bool
ksk_crew_overdue(struct ksk_crew *crew, uint64_t now_ms,
	struct ksk_ctl_worker *out_worker)
{
	for (uint16_t t = 0; t < crew->start->token_count; t++)
		age(crew, t, now_ms);
	for (uint16_t i = 0; i < crew->start->worker_count; i++) {
		struct ksk_worker *worker = &crew->worker[i];
		if (worker->overdue || worker->link.fd < 0 ||
			!is_late(crew, worker, now_ms))
			continue;
		worker->overdue = true;
		/* It may have been only slow: the next one has longer. */
		if (worker->setting != 0)
			crew->token[worker->token].look_ms *= 2;
		*out_worker = (struct ksk_ctl_worker){
			.index = i, .generation = worker->link.generation};
		return true;
	}
	return false;
}

bool
ksk_crew_looks(const struct ksk_crew *crew)
{
	for (uint16_t i = 0; i < crew->start->worker_count; i++)
		if (crew->worker[i].link.fd >= 0 &&
			crew->worker[i].setting != 0)
			return true;
	return false;
}

bool
ksk_crew_idle(const struct ksk_crew *crew)
{
	if (crew->queued != 0)
		return false;
	for (uint16_t i = 0; i < crew->start->worker_count; i++)
		if (crew->worker[i].link.fd >= 0 &&
			crew->worker[i].open_count == 0)
			return true;
	return false;
}

size_t
ksk_crew_up(const struct ksk_crew *crew, uint16_t token)
{
	size_t up = 0;
	for (uint16_t i = 0; i < crew->start->worker_count; i++)
		if (crew->worker[i].token == token &&
			is_up(crew, &crew->worker[i]))
			up++;
	return up;
}

enum ksk_state
ksk_crew_token(
	const struct ksk_crew *crew, uint16_t token, const char **out_why)
{
	const struct ksk_token_view *view = &crew->token[token];
	bool up = ksk_crew_up(crew, token) > 0;
	*out_why = "";
	if (up && !view->barren)
		return KSK_STATE_READY;
	if (view->told && !up) {
		*out_why = view->why;
		return view->state;
	}
	*out_why = view->barren
		? "the token takes the login, but two workers in a row gave no "
		  "signature; see the log; ends with the next signature"
		: "the token's workers are starting; ends by itself";
	return KSK_STATE_TOKEN_DOWN;
}

bool
ksk_crew_worth_a_try(const struct ksk_crew *crew, uint16_t token)
{
	const struct ksk_token_view *view = &crew->token[token];
	return ksk_crew_up(crew, token) > 0 || (!view->down && !view->barren);
}

bool
ksk_crew_is_barren(const struct ksk_crew *crew, uint16_t token)
{
	return crew->token[token].barren;
}
