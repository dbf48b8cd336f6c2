/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reach - see reach.h.
 */
#include "client/reach.h"

#include "client/output.h"

#include <stdlib.h>
#include <time.h>

#define PAUSE_MS 500u
#define PAUSE_MAX_MS 8000u

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
try_once(const struct ksk_ctl *ctl, const struct ksk_identity *identity,
	const struct ksk_endpoint *endpoint, ksk_work_fn work, void *ctx,
	struct ksk_session *session, struct ksk_fault *fault)
{
	enum ksk_step step;

	*session = (struct ksk_session){
		.address = endpoint->address, .next_number = 1};
	step = ksk_connection_open(identity, endpoint, ctl->timeout_ms,
		&session->connection, fault);
	if (step != KSK_STEP_DONE)
		return step;
	step = work(session, ctx, fault);
	ksk_connection_close(&session->connection);
	return step;
}

static enum ksk_step
try_appliance(const struct ksk_ctl *ctl, const struct ksk_identity *identity,
	const struct ksk_endpoint *endpoint, ksk_work_fn work, void *ctx,
	struct ksk_session *session)
{
	unsigned pause = PAUSE_MS;

	for (unsigned i = 1;; i++) {
		struct ksk_fault fault = {0};
		enum ksk_step step = try_once(
			ctl, identity, endpoint, work, ctx, session, &fault);

		if (step == KSK_STEP_DONE || step == KSK_STEP_OVER)
			return step;
		ksk_say("%s", fault.text);
		if (step != KSK_STEP_AGAIN || i >= ctl->tries)
			return step;
		pause_ms(pause);
		pause = pause * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause * 2;
	}
}

static enum ksk_ctl_exit
try_all(const struct ksk_ctl *ctl, const struct ksk_profile *profile,
	const struct ksk_identity *identity, ksk_work_fn work, void *ctx)
{
	enum ksk_ctl_exit exit = KSK_CTL_UNREACHABLE;

	for (unsigned i = 0; i < profile->endpoint_count; i++) {
		struct ksk_session session;
		enum ksk_step step = try_appliance(ctl, identity,
			&profile->endpoint[i], work, ctx, &session);

		if (step == KSK_STEP_DONE || step == KSK_STEP_OVER)
			return session.exit;
		if (step == KSK_STEP_LATER)
			exit = KSK_CTL_LATER;
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
	return ksk_identity_load(profile, identity, fault);
}

enum ksk_ctl_exit
ksk_reach(const struct ksk_ctl *ctl, ksk_work_fn work, void *ctx)
{
	struct ksk_profile *profile = malloc(sizeof(*profile));
	struct ksk_identity identity = {0};
	struct ksk_fault fault = {"no memory is left"};
	enum ksk_ctl_exit exit = KSK_CTL_BAD_INPUT;
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	if (profile != NULL)
		err = load(ctl, profile, &identity, &fault);
	if (err == KSK_OK)
		exit = try_all(ctl, profile, &identity, work, ctx);
	else
		ksk_say("%s%s", fault.text,
			err == KSK_ERR_NOT_FOUND
				? " (kskctl enroll makes a profile)"
				: "");
	ksk_identity_wipe(&identity);
	free(profile);
	return exit;
}
