/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ticket - see ticket.h.
 */
#include "appliance/signer/ticket.h"

#include <stdlib.h>
#include <string.h>

enum ksk_err
ksk_tickets_new(struct ksk_tickets **out_tickets)
{
	struct ksk_tickets *tickets = calloc(1, sizeof(*tickets));
	if (tickets == NULL)
		return KSK_ERR_NO_MEMORY;
	for (size_t i = 0; i < KSK_TICKET_COUNT; i++) {
		tickets->ticket[i].frame = malloc(KSK_FRAME_MAX);
		if (tickets->ticket[i].frame == NULL) {
			ksk_tickets_free(&tickets);
			return KSK_ERR_NO_MEMORY;
		}
		tickets->spare[tickets->spare_count++] = &tickets->ticket[i];
	}
	*out_tickets = tickets;
	return KSK_OK;
}

void
ksk_tickets_free(struct ksk_tickets **tickets)
{
	if (tickets == NULL || *tickets == NULL)
		return;
	for (size_t i = 0; i < KSK_TICKET_COUNT; i++)
		free((*tickets)->ticket[i].frame);
	free(*tickets);
	*tickets = NULL;
}

bool
ksk_tickets_have_room(const struct ksk_tickets *tickets, size_t owed)
{
	size_t kept = KSK_TICKET_BUNDLES - tickets->bundle_count;

	return tickets->spare_count >= kept + KSK_CREDIT_REQUESTS - owed;
}

struct ksk_ticket *
ksk_ticket_take(struct ksk_tickets *tickets, const struct ksk_lnk_request *item,
	uint32_t generation, uint64_t now_ms)
{
	if (tickets->spare_count == 0 || item->frame.len > KSK_FRAME_MAX)
		return NULL;
	struct ksk_ticket *ticket = tickets->spare[--tickets->spare_count];
	ticket->place = tickets->active_count;
	tickets->active[tickets->active_count++] = ticket;
	/* REPLY is a harmless stage until the pipeline sets the real one. */
	ticket->stage = KSK_STAGE_REPLY;
	ticket->conn = item->conn;
	ticket->generation = generation;
	memcpy(ticket->pin, item->pin, sizeof(ticket->pin));
	ticket->begin_ms = now_ms;
	memcpy(ticket->frame, item->frame.data, item->frame.len);
	ticket->frame_len = item->frame.len;
	ticket->order = ++tickets->taken;
	return ticket;
}

static struct ksk_ticket *
take_bundle(
	struct ksk_tickets *tickets, struct ksk_ticket *schedule, size_t bundle)
{
	struct ksk_ticket *ticket = tickets->spare[--tickets->spare_count];
	struct ksk_request *request = &ticket->request;
	ticket->place = tickets->active_count;
	tickets->active[tickets->active_count++] = ticket;
	tickets->bundle_count++;
	ticket->stage = KSK_STAGE_SIGNED;
	ticket->schedule = schedule;
	ticket->bundle = bundle;
	ticket->conn = schedule->conn;
	ticket->generation = schedule->generation;
	memcpy(ticket->pin, schedule->pin, sizeof(ticket->pin));
	ticket->begin_ms = schedule->begin_ms;
	ticket->order = schedule->order;
	memset(request, 0, sizeof(*request));
	request->number = schedule->request.number;
	request->op = KSK_OP_SIGN;
	ksk_schedule_rrset(
		&schedule->request.schedule, bundle, &request->sign.rrset);
	request->sign.has_window = true;
	request->sign.window = schedule->request.schedule.bundle[bundle].window;
	return ticket;
}

bool
ksk_ticket_take_bundles(struct ksk_tickets *tickets,
	struct ksk_ticket *schedule,
	struct ksk_ticket *out[KSK_SCHEDULE_BUNDLE_MAX])
{
	size_t count = schedule->request.schedule.bundle_count;
	if (count > KSK_TICKET_BUNDLES - tickets->bundle_count ||
		count > tickets->spare_count)
		return false;
	for (size_t i = 0; i < count; i++)
		out[i] = take_bundle(tickets, schedule, i);
	return true;
}

void
ksk_ticket_bundles(const struct ksk_tickets *tickets,
	const struct ksk_ticket *schedule,
	struct ksk_ticket *out[KSK_SCHEDULE_BUNDLE_MAX])
{
	for (size_t i = 0; i < tickets->active_count; i++)
		if (tickets->active[i]->schedule == schedule)
			out[tickets->active[i]->bundle] = tickets->active[i];
}

void
ksk_ticket_free(struct ksk_tickets *tickets, struct ksk_ticket *ticket)
{
	if (ticket->schedule != NULL)
		tickets->bundle_count--;
	ticket->schedule = NULL;
	ticket->ended = false;
	ticket->stage = KSK_STAGE_FREE;
	ticket->close = false;
	ticket->wants_proof = false;
	ticket->clash = false;
	ticket->lost = false;
	ticket->why[0] = '\0';
	ticket->job_count = 0;
	ticket->warning_count = 0;
	struct ksk_ticket *last = tickets->active[--tickets->active_count];
	last->place = ticket->place;
	tickets->active[last->place] = last;
	tickets->spare[tickets->spare_count++] = ticket;
}

bool
ksk_ticket_jobs_over(const struct ksk_ticket *ticket)
{
	for (size_t i = 0; i < ticket->job_count; i++)
		if (ticket->job[i].stage != KSK_JOB_SIGNED &&
			ticket->job[i].stage != KSK_JOB_LOST)
			return false;
	return true;
}

bool
ksk_ticket_is_signing(const struct ksk_ticket *ticket)
{
	return ticket->stage == KSK_STAGE_INTENT ||
		ticket->stage == KSK_STAGE_NEXT ||
		ticket->stage == KSK_STAGE_TOKEN ||
		ticket->stage == KSK_STAGE_SIGNED;
}

static const struct ksk_name *
owner_of(const struct ksk_ticket *ticket)
{
	const struct ksk_request *request = &ticket->request;
	if (request->op == KSK_OP_ADOPT)
		return &request->adopt.rrset.owner;
	if (request->op == KSK_OP_SIGN_SCHEDULE)
		return &request->schedule.owner;
	return &request->sign.rrset.owner;
}

static bool
is_same_set(const struct ksk_rrset *a, const struct ksk_rrset *b)
{
	if (a->type != b->type || a->ttl != b->ttl || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!ksk_span_equal(a->rdata[i], b->rdata[i]))
			return false;
	return true;
}

/* One answer ahead and one for now are two answers, whatever they hold. */
static bool
is_same_window(const struct ksk_sign *a, const struct ksk_sign *b)
{
	return a->has_window == b->has_window &&
		(!a->has_window ||
			(a->window.inception == b->window.inception &&
				a->window.expiration == b->window.expiration));
}

/* The idempotency key of a request that has one, or NULL. */
static const uint8_t *
key_of(const struct ksk_ticket *ticket)
{
	const struct ksk_request *request = &ticket->request;
	if (request->op == KSK_OP_SIGN && request->sign.has_idempotency)
		return request->sign.idempotency;
	if (request->op == KSK_OP_SIGN_SCHEDULE &&
		request->schedule.has_idempotency)
		return request->schedule.idempotency;
	return NULL;
}

static bool
is_same_key(const struct ksk_ticket *a, const struct ksk_ticket *b)
{
	const uint8_t *x = key_of(a), *y = key_of(b);
	return x != NULL && y != NULL && memcmp(x, y, KSK_ID_LEN) == 0 &&
		memcmp(a->pin, b->pin, KSK_PIN_LEN) == 0;
}

/* The answer that both would get is one: neither changes what the other was
 * judged by. Requests of one zone that are signed at the same time are the same
 * but for what has no part in that, since each ran beside all before it: known,
 * one of them that this one may run beside, speaks for all. */
static bool
runs_beside(const struct ksk_ticket *other, const struct ksk_ticket *ticket,
	const struct ksk_ticket **known)
{
	const struct ksk_sign *x = &other->request.sign;
	const struct ksk_sign *y = &ticket->request.sign;
	if (other->request.op != KSK_OP_SIGN || other->schedule != NULL ||
		ticket->request.op != KSK_OP_SIGN || y->has_previous)
		return false;
	if (*known == NULL && is_same_set(&x->rrset, &y->rrset) &&
		is_same_window(x, y))
		*known = other;
	return *known != NULL;
}

static bool
blocks(const struct ksk_ticket *other, const struct ksk_ticket *ticket,
	const struct ksk_ticket **known)
{
	bool turn = other->stage == KSK_STAGE_TURN &&
		other->order < ticket->order;
	bool signing = ksk_ticket_is_signing(other);
	if ((turn || signing || other->stage == KSK_STAGE_BUNDLES ||
		    other->stage == KSK_STAGE_RESULT) &&
		is_same_key(other, ticket))
		return true;
	if ((!turn && !signing) ||
		!ksk_name_equal(owner_of(other), owner_of(ticket)))
		return false;
	return turn || !runs_beside(other, ticket, known);
}

bool
ksk_ticket_must_wait(
	const struct ksk_tickets *tickets, const struct ksk_ticket *ticket)
{
	const struct ksk_ticket *known = NULL;
	for (size_t i = 0; i < tickets->active_count; i++)
		if (tickets->active[i] != ticket &&
			blocks(tickets->active[i], ticket, &known))
			return true;
	return false;
}

struct ksk_ticket *
ksk_ticket_next_turn(
	const struct ksk_tickets *tickets, const struct ksk_ticket *after)
{
	struct ksk_ticket *first = NULL;
	for (size_t i = 0; i < tickets->active_count; i++) {
		struct ksk_ticket *t = tickets->active[i];
		if (t->stage == KSK_STAGE_TURN &&
			(after == NULL || t->order > after->order) &&
			(first == NULL || t->order < first->order))
			first = t;
	}
	return first;
}
