/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reach - see reach.h.
 */
#include "client/reach.h"

#include "client/clock.h"
#include "client/output.h"
#include "client/silent.h"

#include <stdlib.h>
#include <time.h>

#define PAUSE_MS 500u
#define PAUSE_MAX_MS 8000u

/* One work with the appliances of one profile. */
struct round {
	const struct ksk_ctl *ctl;
	const struct ksk_profile *profile;
	struct ksk_identity identity;
	ksk_work_fn work;
	void *ctx;
};

static void
pause_ms(unsigned ms)
{
	struct timespec time = {
		.tv_sec = ms / 1000,
		.tv_nsec = (long)(ms % 1000) * 1000000,
	};

	(void)nanosleep(&time, NULL);
}

/* One connection, one go. */
static enum ksk_step
try_once(const struct round *r, const struct ksk_endpoint *endpoint,
	struct ksk_session *session, struct ksk_fault *fault)
{
	enum ksk_step step;

	*session = (struct ksk_session){.address = endpoint->address,
		.next_number = 1,
		.exit = KSK_CTL_BAD_INPUT};
	if (ksk_growth_begin(r->profile->path, endpoint->address,
		    &session->growth, fault) != KSK_OK) {
		ksk_say("%s", fault->text);
		return KSK_STEP_OVER;
	}
	session->exit = KSK_CTL_DONE;
	step = ksk_connection_open(&r->identity, endpoint, r->ctl->timeout_ms,
		&session->connection, fault);
	if (step != KSK_STEP_DONE)
		return step;
	step = r->work(session, r->ctx, fault);
	ksk_connection_close(&session->connection);
	ksk_growth_keep(&session->growth);
	return step;
}

static enum ksk_step
try_again(const struct round *r, const struct ksk_endpoint *endpoint,
	struct ksk_session *session)
{
	unsigned pause = PAUSE_MS;

	for (unsigned i = 1;; i++) {
		struct ksk_fault fault = {0};
		enum ksk_step step = try_once(r, endpoint, session, &fault);

		if (step == KSK_STEP_DONE || step == KSK_STEP_OVER)
			return step;
		ksk_say("%s", fault.text);
		if (step != KSK_STEP_AGAIN || i >= r->ctl->tries)
			return step;
		pause_ms(pause);
		pause = pause * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause * 2;
	}
}

/* One that has been silent is not waited for. One that is not ready has
 * answered. */
static enum ksk_step
try_appliance(const struct round *r, const struct ksk_endpoint *endpoint,
	struct ksk_session *session)
{
	const char *who = endpoint->address;
	uint64_t begin = ksk_ctl_now_ms();
	struct ksk_fault fault;
	enum ksk_step step;

	if (ksk_silent_is(r->ctl->silent, who, begin)) {
		ksk_silent_say(&fault, who);
		ksk_say("%s", fault.text);
		return KSK_STEP_NEXT;
	}
	step = try_again(r, endpoint, session);
	ksk_silent_note(r->ctl->silent, who,
		step != KSK_STEP_NEXT && step != KSK_STEP_AGAIN, begin,
		ksk_ctl_now_ms());
	return step;
}

static enum ksk_ctl_exit
try_in_turn(const struct round *r)
{
	enum ksk_ctl_exit exit = KSK_CTL_UNREACHABLE;

	for (unsigned i = 0; i < r->profile->endpoint_count; i++) {
		struct ksk_session session;
		enum ksk_step step = try_appliance(
			r, &r->profile->endpoint[i], &session);

		if (step == KSK_STEP_DONE || step == KSK_STEP_OVER)
			return session.exit;
		if (step == KSK_STEP_LATER)
			exit = KSK_CTL_LATER;
	}
	return exit;
}

void
ksk_note_refused(json_t *list, const struct ksk_session *session,
	const struct ksk_reply *reply)
{
	ksk_say_refusals(&reply->refusals);
	(void)json_array_append_new(list,
		json_pack("{s:s, s:s, s:s, s:s, s:o}", "address",
			session->address, "status", "refused", "reply",
			ksk_status_text((unsigned)reply->status), "text",
			reply->text, "refusals",
			ksk_json_refusals(
				reply->refusals.list, reply->refusals.count)));
}

enum ksk_ctl_exit
ksk_ctl_worse(enum ksk_ctl_exit a, enum ksk_ctl_exit b)
{
	static const enum ksk_ctl_exit order[] = {KSK_CTL_UNVERIFIED,
		KSK_CTL_UNREACHABLE, KSK_CTL_BAD_INPUT, KSK_CTL_REFUSED,
		KSK_CTL_LATER};

	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		if (a == order[i] || b == order[i])
			return order[i];
	}
	return KSK_CTL_DONE;
}

static enum ksk_ctl_exit
try_each(const struct round *r)
{
	enum ksk_ctl_exit exit = KSK_CTL_DONE;

	for (unsigned i = 0; i < r->profile->endpoint_count; i++) {
		struct ksk_session session;
		enum ksk_step step = try_appliance(
			r, &r->profile->endpoint[i], &session);

		if (step == KSK_STEP_DONE || step == KSK_STEP_OVER)
			exit = ksk_ctl_worse(exit, session.exit);
		else
			exit = ksk_ctl_worse(exit,
				step == KSK_STEP_LATER ? KSK_CTL_LATER
						       : KSK_CTL_UNREACHABLE);
	}
	return exit;
}

static enum ksk_err
load(const struct ksk_ctl *ctl, struct ksk_profile *profile,
	struct ksk_identity *identity, struct ksk_fault *fault)
{
	char path[KSK_PROFILE_PATH_CAP];
	enum ksk_err err;

	if ((err = ksk_profile_path(ctl, path, fault)) != KSK_OK ||
		(err = ksk_profile_load(path, profile, fault)) != KSK_OK)
		return err;
	err = ksk_identity_load(profile, identity, fault);
	/* A profile that is there is no reason to make one. */
	return err == KSK_ERR_NOT_FOUND ? KSK_ERR_BAD_INPUT : err;
}

static enum ksk_ctl_exit
reach(struct round *r, enum ksk_ctl_exit (*all)(const struct round *r))
{
	struct ksk_profile *profile = malloc(sizeof(*profile));
	struct ksk_fault fault = {"no memory is left"};
	enum ksk_ctl_exit exit = KSK_CTL_BAD_INPUT;
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	if (profile != NULL)
		err = load(r->ctl, profile, &r->identity, &fault);
	r->profile = profile;
	if (err == KSK_OK)
		exit = all(r);
	else
		ksk_say("%s%s", fault.text,
			err == KSK_ERR_NOT_FOUND
				? " (kskctl enroll makes a profile)"
				: "");
	ksk_identity_wipe(&r->identity);
	free(profile);
	return exit;
}

enum ksk_ctl_exit
ksk_reach(const struct ksk_ctl *ctl, ksk_work_fn work, void *ctx)
{
	struct round r = {.ctl = ctl, .work = work, .ctx = ctx};

	return reach(&r, try_in_turn);
}

enum ksk_ctl_exit
ksk_reach_each(const struct ksk_ctl *ctl, ksk_work_fn work, void *ctx)
{
	struct round r = {.ctl = ctl, .work = work, .ctx = ctx};

	return reach(&r, try_each);
}
