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
	return ticket;
}

void
ksk_ticket_free(struct ksk_tickets *tickets, struct ksk_ticket *ticket)
{
	ticket->stage = KSK_STAGE_FREE;
	ticket->close = false;
	ticket->wants_proof = false;
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
