/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * answer - see answer.h.
 */
#include "appliance/signer/answer.h"

#include "appliance/base/clock.h"
#include "appliance/base/yaml.h"
#include "appliance/signer/anchorage.h"
#include "appliance/signer/announced_keys.h"
#include "appliance/signer/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ksk_reply *
ksk_answer_begin(struct ksk_signer *signer, const struct ksk_ticket *ticket,
	enum ksk_status status)
{
	struct ksk_reply *reply = signer->reply;
	reply->number = ticket->request.number;
	reply->status = status;
	reply->body = 0;
	reply->refusals.count = 0;
	reply->refusals.dropped = 0;
	reply->text[0] = '\0';
	reply->has_proof = false;
	return reply;
}

void
ksk_answer_encode(struct ksk_signer *signer, struct ksk_ticket *ticket)
{
	struct ksk_buf buf = ksk_buf_of(signer->frame, KSK_FRAME_MAX);
	if (ksk_reply_write(signer->reply, &buf) != KSK_OK)
		abort(); /* the writer leaves out what does not fit */
	memcpy(ticket->frame, buf.data, buf.len);
	ticket->frame_len = buf.len;
}

void
ksk_answer_plain(struct ksk_signer *signer, struct ksk_ticket *ticket,
	enum ksk_status status, const char *text)
{
	struct ksk_reply *reply = ksk_answer_begin(signer, ticket, status);
	ksk_text_copy(reply->text, sizeof(reply->text), text);
	ksk_answer_encode(signer, ticket);
}

/* How long there is time to mend things, for the zone that is to be signed; 0:
 * nothing is served, or that is not known. */
static uint64_t
served_until(struct ksk_signer *signer, const struct ksk_ticket *ticket)
{
	const struct ksk_zone *zone = NULL;
	if (ticket->request.op == KSK_OP_SIGN)
		zone = ksk_table_zone_find(&signer->inforce.table,
			&ticket->request.sign.rrset.owner);
	return zone == NULL
		? 0
		: ksk_outlook_expires(signer, zone, ksk_clock_now());
}

void
ksk_answer_not_ready(struct ksk_signer *signer, struct ksk_ticket *ticket,
	enum ksk_state state, const char *why)
{
	uint64_t expires = served_until(signer, ticket);
	char text[KSK_TEXT_CAP], when[KSK_TIME_CAP];
	(void)snprintf(text, sizeof(text), "%s: %.300s (ended by: %s%s%s)",
		ksk_state_text(state), why, ksk_state_ended_by(state),
		expires == 0 ? "" : "; what is served expires ",
		expires == 0 ? "" : ksk_time_text(when, expires));
	ksk_answer_plain(signer, ticket, KSK_STATUS_NOT_READY, text);
}

void
ksk_answer_refused(struct ksk_signer *signer, struct ksk_ticket *ticket)
{
	struct ksk_reply *reply = signer->reply;
	reply->number = ticket->request.number;
	reply->status = KSK_STATUS_REFUSED;
	for (size_t i = 0; i < reply->refusals.count; i++) {
		const char *rule = reply->refusals.list[i].rule;
		if (strcmp(rule, "zone") == 0)
			reply->status = KSK_STATUS_UNKNOWN_ZONE;
		else if (strcmp(rule, "client") == 0)
			reply->status = KSK_STATUS_NOT_AUTHORISED;
	}
	reply->body = 0;
	reply->text[0] = '\0';
	reply->has_proof = false;
	ksk_answer_encode(signer, ticket);
}

void
ksk_answer_signed(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_span *rrsigs)
{
	struct ksk_reply *reply = ksk_answer_begin(
		signer, ticket, KSK_STATUS_DONE);
	reply->body = KSK_OP_SIGN;
	struct ksk_sign_reply *body = &reply->sign_body;
	memset(body, 0, sizeof(*body));
	if (rrsigs != NULL) {
		body->rrsig_count = ticket->job_count;
		for (size_t i = 0; i < ticket->job_count; i++)
			body->rrsig[i] = rrsigs[i];
		body->has_record = true;
		body->record = ticket->record;
		memcpy(body->record_hash, ticket->record_hash,
			sizeof(body->record_hash));
	}
	body->policy_version = ticket->policy_version;
	body->window = ticket->window;
	body->warning_count = ticket->warning_count;
	memcpy(body->warning, ticket->warning,
		ticket->warning_count * sizeof(ticket->warning[0]));
	ksk_answer_encode(signer, ticket);
}

static void
fill_tokens(struct ksk_signer *signer, struct ksk_status_reply *body)
{
	body->token_count = signer->start.token_count;
	for (uint16_t t = 0; t < signer->start.token_count; t++) {
		struct ksk_token_entry *entry = &body->token[t];
		const char *why;
		entry->state = ksk_crew_token(&signer->crew, t, &why);
		entry->workers = ksk_crew_up(&signer->crew, t);
		ksk_text_copy(entry->name, sizeof(entry->name),
			signer->start.token[t]);
		ksk_text_copy(entry->why, sizeof(entry->why), why);
	}
}

static void
fill_trouble(struct ksk_signer *signer, const struct ksk_client *client,
	const struct ksk_zone *only, uint64_t now,
	struct ksk_status_reply *body)
{
	const struct ksk_table *table = &signer->inforce.table;
	if (signer->trouble_count == 0 && signer->held_count == 0)
		return;
	for (size_t z = 0; z < table->zone_count &&
		body->trouble_count < KSK_TROUBLE_COUNT_MAX;
		z++) {
		const struct ksk_zone *zone = &table->zones[z];
		if ((only != NULL && zone != only) ||
			!ksk_table_zone_has_client(table, zone, client))
			continue;
		const char *why;
		enum ksk_state state = ksk_state_zone(signer, zone, now, &why);
		if (state == KSK_STATE_READY)
			continue;
		struct ksk_zone_trouble *entry =
			&body->trouble[body->trouble_count++];
		ksk_table_zone_name(table, zone, &entry->owner);
		entry->state = state;
		ksk_text_copy(entry->why, sizeof(entry->why), why);
	}
}

void
ksk_answer_status(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_client *client, const struct ksk_zone *only,
	uint64_t now)
{
	struct ksk_reply *reply = ksk_answer_begin(
		signer, ticket, KSK_STATUS_DONE);
	reply->body = KSK_OP_STATUS;
	struct ksk_status_reply *body = &reply->status_body;
	memset(body, 0, sizeof(*body));
	const struct ksk_table *table = &signer->inforce.table;
	memcpy(body->appliance, signer->start.appliance,
		sizeof(body->appliance));
	ksk_text_copy(body->version, sizeof(body->version), KSK_VERSION);
	body->time = now;
	body->state = ksk_state_whole(signer, body->why);
	body->policy_version = table->version;
	memcpy(body->policy_hash, table->hash, sizeof(body->policy_hash));
	struct ksk_head head = ksk_journal_head(signer->journal);
	body->record = head.number;
	memcpy(body->record_hash, head.hash, sizeof(body->record_hash));
	body->has_checkpoint = signer->audit.has_last;
	body->checkpoint = signer->audit.last;
	ksk_text_copy(body->anchor, sizeof(body->anchor),
		ksk_anchorage_where(signer));
	/* Those of kskd.yaml are listed for no zone. */
	if (client >= table->clients &&
		client < table->clients + table->client_count)
		body->zone_count =
			signer->inforce.zones_of[client - table->clients];
	fill_tokens(signer, body);
	fill_trouble(signer, client, only, now, body);
	ksk_outlook_status(signer, client, only, now, body);
	ksk_announce_watch_status(signer, client, only, now, body);
	ksk_exposed_status(signer, client, only, now, body);
	ksk_answer_encode(signer, ticket);
}

/* The form in which a KSK stands in the set: with REVOKE if the policy says so
 * (RFC 5011 2.1). room: KSK_RDATA_MAX bytes that live as long as the reply. */
static struct ksk_span
standing_form(const struct ksk_keyring_key *key, bool revoked, uint8_t *room)
{
	if (!revoked)
		return ksk_span_of(key->dnskey, key->dnskey_len);
	memcpy(room, key->dnskey, key->dnskey_len);
	room[1] |= KSK_FLAG_REVOKE;
	return ksk_span_of(room, key->dnskey_len);
}

static void
fill_ksk(struct ksk_signer *signer, uint32_t index, uint8_t *room,
	struct ksk_ksk_entry *entry)
{
	const struct ksk_policy_ksk *ksk = &signer->inforce.table.ksks[index];
	uint32_t number = signer->inforce.key_of[index];
	const char *why;
	memset(entry, 0, sizeof(*entry));
	entry->ds = ksk->ds;
	entry->from = ksk->from;
	entry->has_until = ksk->until != KSK_NEVER;
	entry->until = entry->has_until ? ksk->until : 0;
	entry->cds = ksk->cds != 0;
	entry->state = ksk_state_key(signer, number, &why);
	ksk_text_copy(entry->why, sizeof(entry->why), why);
	const struct ksk_keyring_key *key = ksk_keyring_key(
		signer->keyring, number);
	if (key != NULL && key->state == KSK_KEY_FOUND)
		entry->dnskey = standing_form(key, ksk->revoked != 0, room);
}

/* What stands is told by the policy alone: by the history, the KSK of an
 * algorithm that comes in or goes with the next set would not be in it or not
 * leave it with its ZSKs, and that set is refused. */
static void
fill_ksks(struct ksk_signer *signer, const struct ksk_zone *zone, uint64_t now,
	struct ksk_keys_reply *body)
{
	struct ksk_signer_key standing[KSK_RRSIG_COUNT_MAX];
	size_t count = ksk_rules_standing(
		&signer->inforce.table, zone, NULL, now, 0, standing);
	for (uint32_t i = 0;
		i < zone->ksks.count && body->ksk_count < KSK_KSK_COUNT_MAX;
		i++) {
		uint8_t *room = signer->tbs + body->ksk_count * KSK_RDATA_MAX;
		struct ksk_ksk_entry *entry = &body->ksk[body->ksk_count++];
		fill_ksk(signer, zone->ksks.first + i, room, entry);
		for (size_t s = 0; s < count; s++)
			if (standing[s].ksk == zone->ksks.first + i)
				entry->stands = true;
	}
}

static void
fill_types(const struct ksk_zone *zone, struct ksk_keys_reply *body)
{
	if ((zone->types & KSK_SIGNS_DNSKEY) != 0)
		body->type[body->type_count++] = KSK_TYPE_DNSKEY;
	if ((zone->types & KSK_SIGNS_CDS) != 0)
		body->type[body->type_count++] = KSK_TYPE_CDS;
	if ((zone->types & KSK_SIGNS_CDNSKEY) != 0)
		body->type[body->type_count++] = KSK_TYPE_CDNSKEY;
}

static void
fill_cosigners(const struct ksk_table *table, const struct ksk_zone *zone,
	struct ksk_keys_reply *body)
{
	for (uint32_t i = 0; i < zone->cosigners.count &&
		body->cosigner_count < KSK_KSK_COUNT_MAX;
		i++) {
		const struct ksk_policy_cosigner *from =
			&table->cosigners[zone->cosigners.first + i];
		struct ksk_cosigner_entry *to =
			&body->cosigner[body->cosigner_count++];
		to->ds = from->ds;
		ksk_text_copy(
			to->provider, sizeof(to->provider), from->provider);
		to->csk = from->csk != 0;
		to->cds = from->in_parent != 0;
		to->has_until = from->until != KSK_NEVER;
		to->until = to->has_until ? from->until : 0;
	}
}

void
ksk_answer_keys(struct ksk_signer *signer, struct ksk_ticket *ticket,
	const struct ksk_zone *zone, uint64_t now)
{
	struct ksk_reply *reply = ksk_answer_begin(
		signer, ticket, KSK_STATUS_DONE);
	reply->body = KSK_OP_KEYS;
	struct ksk_keys_reply *body = &reply->keys_body;
	memset(body, 0, sizeof(*body));
	const struct ksk_table *table = &signer->inforce.table;
	ksk_table_zone_name(table, zone, &body->owner);
	body->ttl = zone->ttl;
	ksk_rules_window(zone, now, &body->window);
	fill_types(zone, body);
	fill_ksks(signer, zone, now, body);
	fill_cosigners(table, zone, body);
	ksk_outlook_keys(signer, zone, now, body);
	uint8_t *announced = ksk_announced_keys_fill(
		signer->journal, &body->owner, body);
	ksk_answer_encode(signer, ticket);
	free(announced);
}
