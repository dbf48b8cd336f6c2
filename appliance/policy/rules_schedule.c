/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Judging of schedules (rules.h): each bundle is judged as a set that follows
 * the zone's past and the bundles before it, as if those were released at the
 * same moment.
 */
#include "appliance/base/yaml.h"
#include "appliance/policy/announced.h"
#include "appliance/policy/rules_case.h"
#include "appliance/policy/timeline_body.h"

#include <stdlib.h>
#include <string.h>

#define MARGIN 8u

struct ksk_schedule_room {
	struct ksk_timeline past; /* only its arrays are used */
	struct ksk_history history;
	struct ksk_sign sign;
	struct ksk_refusals refusals; /* of one bundle */
	struct ksk_permit permit[KSK_SCHEDULE_BUNDLE_MAX];
};

enum ksk_err
ksk_schedule_room_new(struct ksk_schedule_room **out_room)
{
	struct ksk_schedule_room *room = calloc(1, sizeof(*room));

	if (room == NULL)
		return KSK_ERR_NO_MEMORY;
	*out_room = room;
	return KSK_OK;
}

void
ksk_schedule_room_free(struct ksk_schedule_room **room)
{
	if (room == NULL)
		return;
	free(*room);
	*room = NULL;
}

/* ---- the rule ---- */

/*
 * Where a server is late by all that it may be, it still serves the bundle
 * before, and a cache that asks it then keeps that for its TTL: so long it must
 * be valid (TIMING.md, window, gap).
 */
static void
check_overlap(struct ksk_case *c, const struct ksk_history_answer *before)
{
	uint64_t least = ksk_history_add(c->by, before->ttl);
	char here[KSK_TIME_CAP], there[KSK_TIME_CAP], ends[KSK_TIME_CAP];
	char sooner[KSK_DURATION_CAP];

	ksk_time_text(here, c->window.inception);
	if (c->window.inception <= before->inception) {
		ksk_case_refuse(c, KSK_NO_TAG, NULL,
			"the bundle begins at %s, not later than the one "
			"before it of its type, at %s; let it begin later: "
			"bundles of one type rise",
			here, ksk_time_text(there, before->inception));
		return;
	}
	if (least <= before->expiration)
		return;
	ksk_case_refuse(c, KSK_NO_TAG, NULL,
		"the bundle begins at %s, but the one before it expires at "
		"%s, and caches may hold that one until %s (inception-offset, "
		"propagation and TTL behind the inception): let it expire then "
		"or later, or this one begin %s earlier",
		here, ksk_time_text(ends, before->expiration),
		ksk_time_text(there, least),
		ksk_duration_text(sooner, least - before->expiration));
}

void
ksk_rule_schedule_gap(struct ksk_case *c)
{
	const struct ksk_chain *chain = c->candidate->chain;
	struct ksk_walk w;

	if (chain == NULL)
		return;
	ksk_walk_begin(&w, &c->past, c->rrset->type);
	if (ksk_walk_next(&w) && w.answer->seq >= chain->first_seq)
		check_overlap(c, w.answer);
}

/* ---- the past with the bundles behind it ---- */

static void
copy_past(struct ksk_schedule_room *room, const struct ksk_history *history)
{
	static const struct ksk_history empty;
	const struct ksk_history *from = history == NULL ? &empty : history;
	struct ksk_timeline *to = &room->past;

	if (from->key_count > KSK_TIMELINE_KEY_MAX ||
		from->answer_count > KSK_TIMELINE_ANSWER_MAX ||
		from->member_count > KSK_TIMELINE_MEMBER_MAX ||
		from->ds_count > KSK_TIMELINE_DS_MAX)
		abort(); /* no timeline is longer */
	room->history = *from;
	if (from->key_count > 0)
		memcpy(to->key, from->key,
			from->key_count * sizeof(to->key[0]));
	if (from->answer_count > 0)
		memcpy(to->answer, from->answer,
			from->answer_count * sizeof(to->answer[0]));
	if (from->member_count > 0)
		memcpy(to->member, from->member,
			from->member_count * sizeof(to->member[0]));
	if (from->ds_count > 0)
		memcpy(to->ds, from->ds, from->ds_count * sizeof(to->ds[0]));
	room->history.key = to->key;
	room->history.answer = to->answer;
	room->history.member = to->member;
	room->history.ds = to->ds;
}

/* Room for one bundle more, and for what may come between verdict and release:
 * as much as the keeper wants for one set (KSK_TIMELINE_MARGIN). */
static bool
has_room(const struct ksk_history *h)
{
	const size_t most = MARGIN * KSK_RDATA_COUNT_MAX;

	return h->answer_count + 2 * MARGIN <= KSK_TIMELINE_ANSWER_MAX &&
		h->key_count + most <= KSK_TIMELINE_KEY_MAX &&
		h->member_count + 2 * most <= KSK_TIMELINE_MEMBER_MAX &&
		h->ds_count + most <= KSK_TIMELINE_DS_MAX;
}

/* What was judged becomes an answer; its new keys are numbered as they were
 * judged, behind those of the past. */
static void
append(struct ksk_schedule_room *room, const struct ksk_case *c, uint64_t seq)
{
	struct ksk_history *h = &room->history;
	struct ksk_timeline *past = &room->past;
	struct ksk_history_answer answer = c->ahead.answer;
	uint32_t count = answer.content.count;

	memcpy(past->key + h->key_count, c->ahead.key,
		c->ahead.key_count * sizeof(past->key[0]));
	h->key_count += c->ahead.key_count;
	answer.seq = seq;
	if (answer.type == KSK_TYPE_DNSKEY) {
		answer.content.first = (uint32_t)h->member_count;
		memcpy(past->member + h->member_count, c->ahead.member,
			count * sizeof(past->member[0]));
		h->member_count += count;
		for (uint32_t i = 0; i < count; i++) {
			if (c->ahead.member[i].signs)
				past->key[c->ahead.member[i].key].ours = true;
		}
	} else {
		answer.content.first = (uint32_t)h->ds_count;
		memcpy(past->ds + h->ds_count, c->ahead.ds,
			count * sizeof(past->ds[0]));
		h->ds_count += count;
	}
	past->answer[h->answer_count++] = answer;
}

/* ---- judging ---- */

/* A bundle as a request of its own. What orders the whole stands in the first
 * one; what it replaces, in each. */
static void
make_sign(const struct ksk_schedule *schedule, size_t bundle,
	struct ksk_sign *out)
{
	memset(out, 0, sizeof(*out));
	ksk_schedule_rrset(schedule, bundle, &out->rrset);
	out->has_window = true;
	out->window = schedule->bundle[bundle].window;
	if (bundle == 0) {
		out->has_previous = schedule->has_previous;
		memcpy(out->previous, schedule->previous, KSK_HASH_LEN);
	}
	out->supersede_count = schedule->supersede_count;
	memcpy(out->supersede, schedule->supersede, sizeof(out->supersede));
}

static void
add_refusals(const struct ksk_refusals *from, struct ksk_refusals *to)
{
	to->dropped += from->dropped;
	for (size_t i = 0; i < from->count; i++) {
		if (to->count == KSK_REFUSAL_COUNT_MAX)
			to->dropped++;
		else
			to->list[to->count++] = from->list[i];
	}
}

/* A whole schedule counts once for the client's rate, and its key stands for
 * the whole. */
static struct ksk_candidate
candidate_of(const struct ksk_candidate *whole, struct ksk_schedule_room *room,
	struct ksk_chain *chain)
{
	struct ksk_candidate one = *whole;

	one.sign = &room->sign;
	one.history = whole->history == NULL ? NULL : &room->history;
	one.chain = chain;
	if (chain->bundle > 0) {
		one.recent = 0;
		one.clash = false;
	}
	return one;
}

static void
judge_whole(struct ksk_case *c, const struct ksk_schedule *schedule,
	const struct ksk_chain *chain)
{
	size_t named = 0;

	for (size_t i = 0; i < schedule->supersede_count; i++)
		named += (size_t)(chain->named >> i & 1u);
	if (c->candidate->history == NULL || c->zone == NULL ||
		named == schedule->supersede_count)
		return;
	c->rule = "supersedes";
	ksk_case_refuse(c, KSK_NO_TAG, NULL,
		"`supersedes` names %zu answers, but %zu of them are later "
		"answers that the schedule replaces; name exactly those",
		schedule->supersede_count, named);
}

/* More than the timeline can keep is never released. */
static void
refuse_rest(struct ksk_case *c)
{
	c->rule = "rate";
	ksk_case_refuse(c, KSK_NO_TAG, NULL,
		"the zone had so many changes that this bundle and those "
		"behind it can't be remembered; ask for fewer bundles");
}

bool
ksk_rules_judge_schedule(const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_schedule *schedule,
	const struct ksk_candidate *candidate, struct ksk_schedule_room *room,
	struct ksk_refusals *out_refusals)
{
	struct ksk_chain chain = {.bundle = 0};
	struct ksk_view view;
	bool full = false;
	struct ksk_case c;

	ksk_view_take(&view, candidate->history, candidate->now, &table, &zone);
	copy_past(room, candidate->history);
	chain.first_seq = room->history.answer_count == 0
		? 1
		: room->past.answer[room->history.answer_count - 1].seq + 1;
	out_refusals->count = 0;
	out_refusals->dropped = 0;
	for (; !full && chain.bundle < schedule->bundle_count; chain.bundle++) {
		struct ksk_candidate one = candidate_of(
			candidate, room, &chain);

		make_sign(schedule, chain.bundle, &room->sign);
		ksk_case_build(&c, table, zone, &one, &room->refusals);
		ksk_rules_run(&c);
		full = zone == NULL || !has_room(&room->history);
		if (zone != NULL && full)
			refuse_rest(&c);
		if (chain.bundle + 1 == schedule->bundle_count)
			judge_whole(&c, schedule, &chain);
		add_refusals(&room->refusals, out_refusals);
		ksk_case_permit(&c, &room->permit[chain.bundle]);
		if (!full)
			append(room, &c, chain.first_seq + chain.bundle);
	}
	return out_refusals->count == 0;
}

const struct ksk_permit *
ksk_schedule_permit(const struct ksk_schedule_room *room, size_t bundle)
{
	return &room->permit[bundle];
}

/* How many answers there were before one of that seq. An answer that was
 * folded into an older one of the same content has taken over its seq and kept
 * its inception: then the older one is what was there. */
static size_t
count_before(const struct ksk_history *history, uint64_t seq,
	const struct ksk_window *window)
{
	size_t count = 0;

	while (count < history->answer_count &&
		history->answer[count].seq < seq)
		count++;
	if (count < history->answer_count &&
		history->answer[count].seq == seq &&
		history->answer[count].inception != window->inception)
		count++;
	return count;
}

bool
ksk_rules_judge_again(const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_schedule *schedule,
	size_t bundle, uint64_t seq, const struct ksk_candidate *candidate,
	struct ksk_schedule_room *room, struct ksk_refusals *out_refusals)
{
	struct ksk_chain chain = {.bundle = bundle, .first_seq = KSK_NEVER};
	struct ksk_candidate one;
	struct ksk_view view;
	struct ksk_case c;

	ksk_view_take(&view, candidate->history, candidate->now, &table, &zone);
	copy_past(room, candidate->history);
	room->history.answer_count = count_before(
		&room->history, seq, &schedule->bundle[bundle].window);
	make_sign(schedule, bundle, &room->sign);
	room->sign.has_previous = false;
	one = candidate_of(candidate, room, &chain);
	ksk_case_build(&c, table, zone, &one, out_refusals);
	ksk_rules_run(&c);
	ksk_case_permit(&c, &room->permit[bundle]);
	return out_refusals->count == 0;
}
