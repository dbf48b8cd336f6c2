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
	job->next = NULL;
	if (view->tail != NULL)
		view->tail->next = job;
	else
		view->head = job;
	view->tail = job;
	view->queued++;
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

/* What a worker had goes back to the queue, once. */
static void
take_back(struct ksk_crew *crew, struct ksk_worker *worker)
{
	for (size_t i = 0; i < worker->open_count; i++) {
		struct ksk_job *job = worker->open[i];
		if (job->asked < 2)
			append(crew, job);
		else
			lose(job,
				"two workers in a row died over this "
				"signature; see the log for the reason");
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
	worker->overdue = false;
	worker->known = 0;
	worker->looked = 0;
	worker->again = false;
	worker->setting = 0;
}

void
ksk_crew_link(
	struct ksk_crew *crew, uint16_t index, uint32_t generation, int fd)
{
	struct ksk_worker *worker = &crew->worker[index];
	take_back(crew, worker);
	reset_worker(worker);
	worker->link = (struct ksk_link){.fd = fd, .generation = generation};
	crew->token[worker->token].told = false;
}

void
ksk_crew_dead(struct ksk_crew *crew, uint16_t index, uint32_t generation)
{
	struct ksk_worker *worker = &crew->worker[index];
	if (generation != worker->link.generation)
		return;
	take_back(crew, worker);
	reset_worker(worker);
}

void
ksk_crew_token_state(struct ksk_crew *crew, const struct ksk_ctl_state *told)
{
	struct ksk_token_view *view = &crew->token[told->index];
	view->told = told->state != KSK_STATE_READY;
	view->state = (enum ksk_state)told->state;
	ksk_text_copy(view->why, sizeof(view->why), told->why);
}

void
ksk_crew_look_again(struct ksk_crew *crew)
{
	for (uint16_t i = 0; i < crew->start->worker_count; i++) {
		struct ksk_worker *worker = &crew->worker[i];
		/* An open KEYS_SET is answered first and then counts for the
		 * new round: its answers are as fresh. */
		if (worker->setting == 0)
			worker->looked = 0;
		else
			worker->again = true;
	}
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
		job->ask_ms = now_ms;
		append(crew, job);
	}
}

/* Jobs that no worker takes: the token is away for longer than a restart. */
static void
lose_waiting(struct ksk_crew *crew, uint16_t token, uint64_t now_ms)
{
	struct ksk_token_view *view = &crew->token[token];
	while (view->head != NULL) {
		struct ksk_job *job = view->head;
		if (now_ms - job->ask_ms < KSK_QUEUE_MS && !view->told)
			return;
		ksk_crew_unqueue(crew, view);
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

bool
ksk_crew_overdue(struct ksk_crew *crew, uint64_t now_ms,
	struct ksk_ctl_worker *out_worker)
{
	for (uint16_t t = 0; t < crew->start->token_count; t++)
		lose_waiting(crew, t, now_ms);
	for (uint16_t i = 0; i < crew->start->worker_count; i++) {
		struct ksk_worker *worker = &crew->worker[i];
		if (worker->overdue || worker->link.fd < 0)
			continue;
		bool late = worker->wrong ||
			(worker->setting != 0 &&
				now_ms - worker->set_ms > KSK_LOOK_MS);
		for (size_t j = 0; j < worker->open_count; j++)
			late = late ||
				now_ms - worker->open[j]->ask_ms >
					crew->start->job_ms;
		if (!late)
			continue;
		worker->overdue = true;
		*out_worker = (struct ksk_ctl_worker){
			.index = i, .generation = worker->link.generation};
		return true;
	}
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
	uint32_t slots = ksk_keyring_slots(crew->keyring, token);
	for (uint16_t i = 0; i < crew->start->worker_count; i++) {
		const struct ksk_worker *worker = &crew->worker[i];
		if (worker->token == token && worker->link.fd >= 0 &&
			!worker->leaving && worker->known >= slots)
			up++;
	}
	return up;
}

enum ksk_state
ksk_crew_token(
	const struct ksk_crew *crew, uint16_t token, const char **out_why)
{
	const struct ksk_token_view *view = &crew->token[token];
	*out_why = "";
	if (ksk_crew_up(crew, token) > 0)
		return KSK_STATE_READY;
	if (view->told) {
		*out_why = view->why;
		return view->state;
	}
	*out_why = "the token's workers are starting; ends by itself";
	return KSK_STATE_TOKEN_DOWN;
}
