/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync_zone - one zone, step by step: look, gather, have signed, deliver, read
 * back. A provider that fails holds nobody else up. See sync.h.
 */
#include "client/sync.h"

#include "client/clock.h"
#include "client/deliver.h"
#include "client/reach.h"

#include <stdio.h>
#include <time.h>

/* Between two looks at what a delivery has become. */
#define LOOK_MS 500u

#define READING_CAP (KSK_LABEL_CAP + 20u)

const char *
ksk_sync_state_text(enum ksk_sync_state state)
{
	switch (state) {
	case KSK_SYNC_IN_ORDER:
		return "in order";
	case KSK_SYNC_DELIVERED:
		return "delivered";
	case KSK_SYNC_DIFFERS:
		return "differs";
	case KSK_SYNC_HELD_BACK:
		return "held back";
	case KSK_SYNC_FAILED:
		return "failed";
	}
	return "unknown";
}

static void
tell(const struct ksk_sync_run *run, const char *what, const char *whom)
{
	if (run->progress)
		ksk_say_plain("%s: %s %s …", run->zone->text, what, whom);
}

static void
pause_ms(unsigned ms)
{
	struct timespec time = {
		.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	(void)nanosleep(&time, NULL);
}

/* ---- looking ---- */

static enum ksk_err
look(const struct ksk_sync_run *run, struct ksk_sync_member *member)
{
	return ksk_served_ask(run->config, member->provider, &run->zone->owner,
		&member->served);
}

/* Compares what was seen with what must be. Returns true if all is right. */
static bool
compare(const struct ksk_sync_run *run, struct ksk_sync_member *member)
{
	bool right = member->served.count != 0;

	json_decref(member->servers);
	member->servers = json_array();
	for (size_t i = 0; i < member->served.count; i++) {
		const struct ksk_served *one = &member->served.list[i];
		json_t *faults = json_array();

		right &= ksk_served_compare(
			one, run->want, member->provider->own_ksk, faults);
		(void)json_array_append_new(member->servers,
			json_pack("{s:s, s:o}", "address", one->address,
				"faults", faults));
	}
	return right;
}

/* True if a delivery can mend something: an address that is reached serves
 * something else. One that can't be reached is not helped by the same delivery
 * every few minutes; where none can be, a new set is delivered once. */
static bool
needs_delivery(
	const struct ksk_sync_run *run, const struct ksk_sync_member *member)
{
	bool reached = false, wrong = false;
	json_t *faults = json_array();

	for (size_t i = 0; i < member->served.count; i++) {
		const struct ksk_served *one = &member->served.list[i];

		reached |= one->reached;
		wrong |= one->reached &&
			!ksk_served_compare(one, run->want,
				member->provider->own_ksk, faults);
	}
	json_decref(faults);
	return reached ? wrong : run->want[KSK_AT_DNSKEY].fresh;
}

/* ---- gathering ---- */

void
ksk_sync_offer(struct ksk_sync_run *run, unsigned i)
{
	struct ksk_sync_member *member = &run->member[i];
	struct ksk_offer *offer = &run->offer[i];

	offer->provider = member->provider->name;
	offer->failed = member->gathered.failed;
	offer->shown = member->provider->gather == KSK_GATHER_DNS;
	offer->rrset = member->gathered.rrset;
	offer->active_count = ksk_served_active(&member->served, offer->active);
	offer->unseen = member->served.count == 0;
	for (size_t k = 0; k < member->served.count; k++) {
		const struct ksk_served *one = &member->served.list[k];

		offer->unseen |= !one->reached ||
			one->answer[KSK_AT_SOA].rrset.count == 0;
	}
}

static enum ksk_err
gather(struct ksk_sync_run *run)
{
	uint64_t now = (uint64_t)time(NULL);

	for (unsigned i = 0; i < run->count; i++) {
		struct ksk_sync_member *member = &run->member[i];

		tell(run, "asking", member->provider->name);
		if (look(run, member) != KSK_OK)
			return KSK_ERR_NO_MEMORY;
		ksk_gather(run->config, run->zone, member->provider,
			&member->served, now, &member->gathered);
		ksk_gather_proofs(run->config, run->zone, member->provider,
			&member->proofs);
		ksk_sync_offer(run, i);
	}
	return KSK_OK;
}

/* ---- delivering ---- */

/* A provider whose zone is signed by a key that the set lacks would be bogus
 * with it, and so would one that has no key of its own in it. */
static bool
would_break(struct ksk_sync_run *run, unsigned i)
{
	const struct ksk_offer *offer = &run->offer[i];
	const struct ksk_rrset *dnskey = &run->want[KSK_AT_DNSKEY].rrset;
	struct ksk_fault *why = &run->member[i].why;

	for (size_t k = 0; k < offer->active_count; k++) {
		if (ksk_active_fits(
			    offer->active, offer->active_count, k, dnskey))
			continue;
		ksk_fault_set(why,
			"it signs its zone with key %u, which the signed set "
			"lacks: not delivered",
			offer->active[k].tag);
		return true;
	}
	if (run->own[i])
		return false;
	ksk_fault_set(
		why, "the signed set has no key of its own: not delivered");
	return true;
}

static void
deliver(struct ksk_sync_run *run, unsigned i)
{
	struct ksk_sync_member *member = &run->member[i];
	struct ksk_delivery delivery = {.config = run->config,
		.zone = run->zone,
		.provider = member->provider,
		.want = run->want,
		.now = (uint64_t)time(NULL)};
	struct ksk_fault why = {0};

	if (compare(run, member)) {
		member->state = KSK_SYNC_IN_ORDER;
		return;
	}
	member->state = KSK_SYNC_DIFFERS;
	if (!needs_delivery(run, member))
		return;
	if (would_break(run, i)) {
		member->state = KSK_SYNC_HELD_BACK;
		return;
	}
	if (run->dry_run || member->provider->deliver == KSK_DELIVER_NONE)
		return;
	tell(run, "delivering to", member->provider->name);
	member->state = KSK_SYNC_DELIVERED;
	if (ksk_deliver(&delivery, &why) != KSK_OK) {
		member->state = KSK_SYNC_FAILED;
		member->why = why;
	}
}

/* Those that took a delivery, and what was seen of it. */
struct reading {
	bool open[KSK_SYNC_MEMBER_MAX];   /* not seen everywhere yet */
	bool wanted[KSK_SYNC_MEMBER_MAX]; /* and waited for */
};

/* True if an address that may yet serve it does not. */
static bool
is_open(const struct ksk_sync_run *run, const struct ksk_sync_member *member)
{
	json_t *faults = json_array();
	bool open = false;

	for (size_t i = 0; i < member->served.count; i++) {
		const struct ksk_served *one = &member->served.list[i];

		open |= !one->skipped &&
			!ksk_served_compare(one, run->want,
				member->provider->own_ksk, faults);
	}
	json_decref(faults);
	return open;
}

/* Looks once. out_waiting: somebody who is waited for does not serve it yet. */
static enum ksk_err
look_again(struct ksk_sync_run *run, struct reading *r, bool *out_waiting)
{
	*out_waiting = false;
	for (unsigned i = 0; i < run->count; i++) {
		struct ksk_sync_member *member = &run->member[i];

		if (!r->open[i])
			continue;
		tell(run, "reading back from", member->provider->name);
		if (look(run, member) != KSK_OK)
			return KSK_ERR_NO_MEMORY;
		r->open[i] = !compare(run, member);
		*out_waiting |= r->open[i] && r->wanted[i] &&
			is_open(run, member);
	}
	return KSK_OK;
}

/* By which a provider is known for taking deliveries in vain. */
static const char *
name_reading(const struct ksk_sync_member *member, char buf[READING_CAP])
{
	(void)snprintf(
		buf, READING_CAP, "deliveries of %s", member->provider->name);
	return buf;
}

/* A provider that took deliveries of other zones in vain is looked at once. */
static void
begin_reading(struct ksk_sync_run *run, struct reading *r)
{
	char who[READING_CAP];

	for (unsigned i = 0; i < run->count; i++) {
		r->open[i] = run->member[i].state == KSK_SYNC_DELIVERED;
		r->wanted[i] = r->open[i] &&
			!ksk_silent_is(run->config->silent,
				name_reading(&run->member[i], who),
				ksk_ctl_now_ms());
	}
}

static void
end_reading(struct ksk_sync_run *run, const struct reading *r)
{
	struct ksk_silent *silent = run->config->silent;

	for (unsigned i = 0; i < run->count; i++) {
		struct ksk_sync_member *member = &run->member[i];
		char buf[READING_CAP];
		const char *name = name_reading(member, buf);

		if (member->state != KSK_SYNC_DELIVERED)
			continue;
		if (!r->open[i]) {
			ksk_silent_answered(silent, name);
			continue;
		}
		member->state = KSK_SYNC_DIFFERS;
		if (!is_open(run, member))
			continue;
		if (r->wanted[i])
			ksk_silent_failed(silent, name, ksk_ctl_now_ms());
		else
			ksk_fault_set(&member->why,
				"taken, but not served yet: not waited for, as "
				"other zones of it were in vain");
	}
}

/* Looks again at those that took a delivery until all of them serve it, or the
 * time is up. */
static enum ksk_err
read_back(struct ksk_sync_run *run)
{
	uint64_t end = ksk_ctl_now_ms() + run->config->settle_ms;
	struct reading r = {0};
	bool waiting;

	begin_reading(run, &r);
	for (;;) {
		if (look_again(run, &r, &waiting) != KSK_OK)
			return KSK_ERR_NO_MEMORY;
		if (!waiting || ksk_ctl_now_ms() >= end)
			break;
		pause_ms(LOOK_MS);
	}
	end_reading(run, &r);
	return KSK_OK;
}

/* Without an answer there is nothing to compare with: only who can be reached
 * is told. */
static void
hold_back_all(struct ksk_sync_run *run)
{
	for (unsigned i = 0; i < run->count; i++) {
		run->member[i].state = KSK_SYNC_HELD_BACK;
		run->member[i].servers = json_array();
		ksk_fault_set(&run->member[i].why,
			"there is no signed set to deliver");
	}
}

/* ---- the whole ---- */

/* What a person must look at, although the policy has nothing against it. */
static bool
has_trouble(const struct ksk_sync_run *run)
{
	for (unsigned i = 0; i < run->count; i++) {
		if (run->member[i].gathered.failed ||
			run->member[i].proofs.failed ||
			run->member[i].state > KSK_SYNC_DELIVERED)
			return true;
	}
	for (size_t i = 0; i < run->choice.notes.count; i++) {
		if (run->choice.notes.list[i].kind == KSK_NOTE_FAULT)
			return true;
	}
	return false;
}

static bool
prepare(struct ksk_sync_run *run)
{
	run->changes = json_array();
	run->refusals = json_object();
	run->count = run->zone->count;
	for (unsigned i = 0; i < run->count; i++)
		run->member[i].provider =
			&run->config->provider[run->zone->provider[i]];
	return run->changes != NULL && run->refusals != NULL;
}

enum ksk_ctl_exit
ksk_sync_zone(struct ksk_sync_run *run)
{
	enum ksk_ctl_exit exit;

	if (!prepare(run) || gather(run) != KSK_OK)
		goto no_memory;
	tell(run, "asking", "the appliance");
	run->signing = KSK_SYNC_UNSIGNED;
	exit = ksk_reach(&run->ctl, ksk_sync_ask, run);
	if (run->want[KSK_AT_DNSKEY].there && exit != KSK_CTL_UNVERIFIED) {
		for (unsigned i = 0; i < run->count; i++)
			deliver(run, i);
		if (read_back(run) != KSK_OK)
			goto no_memory;
	} else {
		hold_back_all(run);
	}
	if (exit == KSK_CTL_DONE && has_trouble(run))
		exit = KSK_CTL_LATER;
	return exit;
no_memory:
	ksk_say("no memory is left");
	return KSK_CTL_LATER;
}

enum ksk_ctl_exit
ksk_sync_not_done(struct ksk_sync_run *run, const char *why)
{
	run->changes = json_array();
	run->refusals = json_object();
	run->signing = KSK_SYNC_UNSIGNED;
	ksk_note_add(&run->choice.notes, KSK_NOTE_FAULT, "", "%s", why);
	return KSK_CTL_LATER;
}

void
ksk_sync_wipe(struct ksk_sync_run *run)
{
	for (unsigned i = 0; i < run->count; i++) {
		ksk_served_free(&run->member[i].served);
		ksk_gathered_wipe(&run->member[i].gathered);
		ksk_proofs_wipe(&run->member[i].proofs);
		json_decref(run->member[i].servers);
	}
	for (unsigned i = 0; i < KSK_SIGNED_COUNT; i++)
		ksk_signed_wipe(&run->want[i]);
	ksk_held_free(&run->held);
	json_decref(run->changes);
	json_decref(run->refusals);
}
