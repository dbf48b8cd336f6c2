/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outbox - see outbox.h.
 */
#include "appliance/signer/outbox.h"

#include <string.h>

/* One that became ready after this turn's look for proofs gets its own in the
 * next. */
static bool
is_ready(const struct ksk_ticket *ticket)
{
	return ticket->stage == KSK_STAGE_REPLY && !ticket->wants_proof;
}

/* Drops ready replies whose frontend is gone. */
static void
drop_stale(struct ksk_signer *signer)
{
	struct ksk_tickets *tickets = signer->tickets;
	for (size_t i = 0; i < tickets->active_count;) {
		struct ksk_ticket *ticket = tickets->active[i];
		if (is_ready(ticket) &&
			(signer->frontend.fd < 0 ||
				ticket->generation !=
					signer->frontend.generation))
			ksk_ticket_free(tickets, ticket);
		else
			i++;
	}
}

/* Fills one packet; returns how many replies are in it. */
static size_t
fill(struct ksk_signer *signer, struct ksk_buf *buf,
	struct ksk_ticket *packed[KSK_CREDIT_REQUESTS])
{
	struct ksk_wire_out w = ksk_packet_begin(buf, KSK_LNK_REPLIES);
	size_t count = 0;
	for (size_t i = 0; i < signer->tickets->active_count; i++) {
		struct ksk_ticket *ticket = signer->tickets->active[i];
		if (!is_ready(ticket))
			continue;
		struct ksk_lnk_reply item = {.conn = ticket->conn,
			.close = ticket->close,
			.frame = ksk_span_of(ticket->frame, ticket->frame_len)};
		size_t before = buf->len;
		ksk_lnk_reply_put(&w, &item);
		if (w.err != KSK_OK) {
			buf->len = before;
			break;
		}
		packed[count++] = ticket;
	}
	return count;
}

bool
ksk_outbox_flush(struct ksk_signer *signer)
{
	drop_stale(signer);
	for (;;) {
		struct ksk_ticket *packed[KSK_CREDIT_REQUESTS];
		struct ksk_buf buf = ksk_buf_of(signer->packet, KSK_PACKET_MAX);
		size_t count = fill(signer, &buf, packed);
		if (count == 0)
			return false;
		enum ksk_err err = ksk_link_send(
			&signer->frontend, ksk_buf_span(&buf), NULL, 0);
		if (err == KSK_ERR_AGAIN)
			return true;
		if (err != KSK_OK) {
			ksk_link_close(&signer->frontend);
			drop_stale(signer);
			return false;
		}
		signer->owed -= count;
		for (size_t i = 0; i < count; i++)
			ksk_ticket_free(signer->tickets, packed[i]);
	}
}

bool
ksk_outbox_pins(struct ksk_signer *signer)
{
	const struct ksk_table *table = &signer->inforce.table;
	struct ksk_buf buf = ksk_buf_of(signer->packet, KSK_PACKET_MAX);
	struct ksk_wire_out w = ksk_packet_begin(&buf, KSK_LNK_PINS);
	for (size_t i = 0; i < table->client_count; i++)
		if (table->clients[i].may != 0) /* else withdrawn */
			ksk_wire_put_bytes(&w,
				ksk_span_of(
					table->clients[i].pin, KSK_PIN_LEN));
	for (uint16_t i = 0; i < signer->start.bootstrap_count; i++)
		ksk_wire_put_bytes(&w,
			ksk_span_of(signer->start.bootstrap[i], KSK_PIN_LEN));
	return w.err == KSK_OK &&
		ksk_link_send(&signer->frontend, ksk_buf_span(&buf), NULL, 0) !=
		KSK_ERR_AGAIN;
}
