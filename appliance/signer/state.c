/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state - see state.h.
 */
#include "appliance/signer/state.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/base/yaml.h"
#include "appliance/policy/rules.h"
#include "appliance/signer/hold.h"
#include "appliance/signer/load.h"

#include <stdio.h>
#include <string.h>

/* Counting goes over all zones: once a second at most, once a minute at least,
 * because KSKs come and go by time. */
#define REVIEW_LEAST_MS 1000u
#define REVIEW_MOST_MS 60000u

enum ksk_state
ksk_state_key(struct ksk_signer *signer, uint32_t number, const char **out_why)
{
	*out_why = "";
	if (number == KSK_NO_KEY) {
		*out_why = "the configuration has no token of the name that "
			   "the policy gives";
		return KSK_STATE_KEY_MISSING;
	}
	const struct ksk_keyring_key *key = ksk_keyring_key(
		signer->keyring, number);
	if (key->state == KSK_KEY_FOUND)
		return ksk_crew_token(&signer->crew, key->token, out_why);
	if (key->state == KSK_KEY_UNSEEN) {
		enum ksk_state state = ksk_crew_token(
			&signer->crew, key->token, out_why);
		if (state != KSK_STATE_READY)
			return state;
		*out_why = "the key is being looked up; ends by itself";
		return KSK_STATE_TOKEN_DOWN;
	}
	*out_why = key->why == NULL ? "the key is not found" : key->why;
	return KSK_STATE_KEY_MISSING;
}

/* A request on its way to the token, or at it. */
static bool
is_being_tried(struct ksk_signer *signer, uint16_t token)
{
	const struct ksk_tickets *tickets = signer->tickets;
	for (size_t i = 0; i < tickets->active_count; i++) {
		const struct ksk_ticket *ticket = tickets->active[i];
		if (ticket->stage != KSK_STAGE_INTENT &&
			ticket->stage != KSK_STAGE_NEXT &&
			ticket->stage != KSK_STAGE_TOKEN)
			continue;
		for (size_t j = 0; j < ticket->job_count; j++)
			if (ksk_keyring_key(signer->keyring, ticket->job[j].key)
					->token == token)
				return true;
	}
	return false;
}

bool
ksk_state_worth_a_try(struct ksk_signer *signer, uint32_t number)
{
	const struct ksk_keyring_key *key = ksk_keyring_key(
		signer->keyring, number);
	return key != NULL && key->state == KSK_KEY_FOUND &&
		ksk_crew_worth_a_try(&signer->crew, key->token) &&
		/* All others would wait for what that one meets. */
		!(ksk_crew_is_barren(&signer->crew, key->token) &&
			is_being_tried(signer, key->token));
}

enum ksk_state
ksk_state_zone(struct ksk_signer *signer, const struct ksk_zone *zone,
	uint64_t now, const char **out_why)
{
	struct ksk_signer_key standing[KSK_RRSIG_COUNT_MAX];
	size_t count = ksk_rules_standing(
		&signer->inforce.table, zone, NULL, now, 0, standing);
	*out_why = "";
	if (ksk_load_is_held(signer, zone, out_why))
		return KSK_STATE_NO_POLICY;
	for (size_t i = 0; i < count; i++) {
		enum ksk_state state = ksk_state_key(signer,
			signer->inforce.key_of[standing[i].ksk], out_why);
		if (state != KSK_STATE_READY)
			return state;
	}
	return KSK_STATE_READY;
}

/* The worst token: locked before down. */
static enum ksk_state
worst_token(struct ksk_signer *signer, char out_why[KSK_WHY_CAP])
{
	enum ksk_state worst = KSK_STATE_READY;
	for (uint16_t t = 0; t < signer->start.token_count; t++) {
		const char *why;
		enum ksk_state state = ksk_crew_token(&signer->crew, t, &why);
		if (state == KSK_STATE_READY || (worst == KSK_STATE_LOCKED) ||
			(worst != KSK_STATE_READY && state != KSK_STATE_LOCKED))
			continue;
		worst = state;
		(void)snprintf(out_why, KSK_WHY_CAP, "token %s: %.300s",
			signer->start.token[t], why);
	}
	return worst;
}

enum ksk_state
ksk_state_whole(struct ksk_signer *signer, char out_why[KSK_WHY_CAP])
{
	out_why[0] = '\0';
	if (signer->inforce.table.map == NULL)
		return KSK_STATE_NO_POLICY;
	/* Looked at whatever else there is: the clocks must be followed. */
	const char *why;
	enum ksk_state state = ksk_hold_state(signer, &why);
	if (signer->journal_full) {
		ksk_text_copy(out_why, KSK_WHY_CAP, signer->journal_why);
		return KSK_STATE_JOURNAL_FULL;
	}
	if (state != KSK_STATE_READY) {
		ksk_text_copy(out_why, KSK_WHY_CAP, why);
		return state;
	}
	state = worst_token(signer, out_why);
	if (state == KSK_STATE_READY && signer->trouble_count > 0) {
		(void)snprintf(out_why, KSK_WHY_CAP,
			"%zu zones can't be signed because a KSK can't be "
			"used; `kskctl keys ZONE` says which and why",
			signer->trouble_count);
		state = KSK_STATE_KEY_MISSING;
	} else if (state == KSK_STATE_READY && signer->held_count > 0) {
		(void)snprintf(out_why, KSK_WHY_CAP,
			"%zu zones are not signed because the policy leaves "
			"them no acceptable set; `kskctl status` says which "
			"and why",
			signer->held_count);
		state = KSK_STATE_NO_POLICY;
	}
	return state;
}

/* Zones that are counted between two looks at the clock, and for how long in
 * one turn: very many are counted beside signing. */
#define COUNT_ZONES 64u
#define COUNT_MS 2u

/* Goes on counting. Returns true when all zones are counted. */
static bool
count_some(struct ksk_signer *signer)
{
	const uint64_t now = ksk_clock_now(), begin_ms = ksk_clock_mono_ms();
	const struct ksk_table *table = &signer->inforce.table;
	struct ksk_review *r = &signer->review;

	while (r->zone < table->zone_count) {
		const char *why;
		enum ksk_state state = ksk_state_zone(
			signer, &table->zones[r->zone], now, &why);
		if (state == KSK_STATE_KEY_MISSING)
			r->trouble++;
		else if (state == KSK_STATE_NO_POLICY)
			r->held++;
		r->zone++;
		if (r->zone % COUNT_ZONES == 0 &&
			ksk_clock_mono_ms() - begin_ms >= COUNT_MS)
			return false;
	}
	signer->trouble_count = r->trouble;
	signer->held_count = r->held;
	return true;
}

/* Begins anew with another policy. */
static void
count_trouble(struct ksk_signer *signer, uint64_t now_ms)
{
	struct ksk_review *r = &signer->review;

	if (!r->on || r->map != signer->inforce.table.map) {
		*r = (struct ksk_review){
			.on = true, .map = signer->inforce.table.map};
		signer->review_due = false;
	}
	if (!count_some(signer))
		return;
	r->on = false;
	signer->review_ms = now_ms;
}

/* What ends it, and how long there is time for that. */
static void
log_state(struct ksk_signer *signer, enum ksk_state state, const char *why)
{
	char zone[KSK_NAME_TEXT_CAP], when[KSK_TIME_CAP];
	struct ksk_name name;
	uint64_t expires = 0;
	if (ksk_outlook_first(signer, NULL, ksk_clock_now(), &name, &expires))
		ksk_name_to_text(&name, zone);
	bool ready = state == KSK_STATE_READY;
	ksk_log(ready ? KSK_LOG_INFO : KSK_LOG_WARN, "state",
		"the state of the appliance has changed", "state",
		ksk_state_text(state), "why", ready ? NULL : why, "ended-by",
		ready ? NULL : ksk_state_ended_by(state), "first-to-expire",
		expires == 0 ? NULL : zone, "expires",
		expires == 0 ? NULL : ksk_time_text(when, expires), NULL);
}

static void
tell(struct ksk_signer *signer, enum ksk_state state, const char *why)
{
	signer->told_state = state;
	signer->told = true;
	log_state(signer, state, why);

	uint8_t room[1024];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	struct ksk_ctl_state told = {.state = (uint8_t)state};
	ksk_text_copy(told.why, sizeof(told.why), why);
	if (ksk_ctl_state_write(KSK_CTL_STATE, &told, &buf) == KSK_OK)
		/* The log has it; a full control socket must not hold up
		 * signing. */
		ksk_ignore(ksk_link_send(
			&signer->control, ksk_buf_span(&buf), NULL, 0));
}

/* While a token is away, a zone's state is that, whatever is wrong with its
 * keys: it is counted anew when the token comes or goes. */
static bool
tokens_changed(struct ksk_signer *signer)
{
	uint32_t ready = 0;
	for (uint16_t t = 0; t < signer->start.token_count; t++) {
		const char *why;
		if (ksk_crew_token(&signer->crew, t, &why) == KSK_STATE_READY)
			ready |= UINT32_C(1) << t;
	}
	bool changed = ready != signer->tokens_ready;
	signer->tokens_ready = ready;
	return changed;
}

void
ksk_state_review(struct ksk_signer *signer, uint64_t now_ms)
{
	uint64_t age = now_ms - signer->review_ms;
	if (tokens_changed(signer))
		signer->review_due = true;
	if (signer->crew.keys_changed) {
		signer->crew.keys_changed = false;
		signer->review_due = true;
	}
	if (signer->review.on ||
		(signer->review_due && age >= REVIEW_LEAST_MS) ||
		age >= REVIEW_MOST_MS || signer->review_ms == 0)
		count_trouble(signer, now_ms);
	/* The first word to anybody is said when all zones are counted. */
	if (!signer->told && signer->review.on)
		return;
	char why[KSK_WHY_CAP];
	enum ksk_state state = ksk_state_whole(signer, why);
	if (!signer->told || state != signer->told_state)
		tell(signer, state, why);
}
