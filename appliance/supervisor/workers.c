/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workers - see workers.h.
 */
#include "appliance/supervisor/workers.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/supervisor/control.h"
#include "appliance/supervisor/death.h"
#include "appliance/supervisor/files.h"
#include "appliance/supervisor/locked.h"
#include "appliance/supervisor/unlock.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

/* Logins in a row that nobody knows the outcome of: each may have been a wrong
 * PIN, and the third one locks a TPM. */
#define UNKNOWN_MAX 2u

/* A PKCS#11 module knows no time limits; these are the ones for a worker's
 * start: START_MOST_MS, or START_TIMES as long as it is known to take, though
 * never less than a job may (limits.job). */
#define START_MOST_MS 30000u
#define START_TIMES 8u

/* A token that is back must be found within five seconds. */
#define LOGIN_BACKOFF_MAX_MS 3000u

static const struct ksk_config_token *
config_of(const struct kskd *k, uint16_t token)
{
	return &k->settings.config.token[token];
}

static void
tell_signer(struct kskd *k, uint16_t index)
{
	const struct ksk_token_state *token = &k->token[index];
	struct ksk_ctl_state state = {
		.index = index,
		.state = (uint8_t)token->told,
		.err = token->told == KSK_STATE_READY ? 0 : token->err,
	};

	memcpy(state.why, token->told_why, sizeof state.why);
	ksk_control_token(k, &state);
}

void
ksk_workers_tell_signer(struct kskd *k)
{
	for (uint16_t i = 0; i < k->settings.config.token_count; i++)
		tell_signer(k, i);
}

bool
ksk_workers_has_login(const struct kskd *k, uint16_t index)
{
	for (size_t i = KSK_PROC_WORKER; i < k->proc_count; i++) {
		const struct ksk_proc *proc = &k->proc[i];

		if (proc->token == index && proc->logged_in)
			return true;
	}
	return false;
}

/* Trouble with a login is the token's state only while nobody is logged in.
 * One line per change, not per try. */
static void
review(struct kskd *k, uint16_t index)
{
	struct ksk_token_state *token = &k->token[index];
	const bool ready = ksk_workers_has_login(k, index) ||
		token->trouble == KSK_STATE_READY;
	const enum ksk_state state = ready ? KSK_STATE_READY : token->trouble;
	const char *why = ready ? "" : token->why;

	if (token->told == state && strcmp(token->told_why, why) == 0)
		return;
	token->told = state;
	memset(token->told_why, 0, sizeof token->told_why);
	memcpy(token->told_why, why, strlen(why));
	ksk_log(ready ? KSK_LOG_INFO : KSK_LOG_ERROR, "token-state",
		"a token has another state", "token", config_of(k, index)->name,
		"state", ksk_kskd_state_text(state), "why", ready ? NULL : why,
		(const char *)NULL);
	tell_signer(k, index);
}

void
ksk_workers_trouble(struct kskd *k, uint16_t index, enum ksk_state trouble,
	enum ksk_err err, const char *why)
{
	struct ksk_token_state *token = &k->token[index];

	token->trouble = trouble;
	token->err = (uint8_t)-err;
	snprintf(token->why, sizeof token->why, "%s", why);
	review(k, index);
	ksk_unlock_tell(k, index);
}

void
ksk_workers_init(struct kskd *k)
{
	for (uint16_t i = 0; i < k->settings.config.token_count; i++) {
		k->token[i] = (struct ksk_token_state){
			.trouble = KSK_STATE_TOKEN_DOWN,
			.err = (uint8_t)-KSK_ERR_AGAIN,
			.why = "no worker has logged in yet",
			.told = KSK_STATE_TOKEN_DOWN,
			.told_why = "no worker has logged in yet",
			.login = -1,
		};
		ksk_locked_look(k, i);
	}
}

void
ksk_workers_sources(
	struct kskd *k, char before[KSK_TOKEN_MAX][KSK_PIN_IDENTITY_CAP])
{
	for (uint16_t i = 0; i < k->settings.config.token_count; i++) {
		struct ksk_token_state *token = &k->token[i];

		if (strcmp(before[i], k->settings.pin[i].identity) == 0)
			continue;
		token->locked = false;
		token->unknown = token->fails = 0;
		token->next_try_ms = 0;
		ksk_locked_look(k, i);
	}
}

bool
ksk_workers_may_login(
	const struct kskd *k, const struct ksk_proc *proc, uint64_t now_ms)
{
	const struct ksk_token_state *token = &k->token[proc->token];

	return !token->locked && token->login < 0 &&
		now_ms >= token->next_try_ms;
}

uint64_t
ksk_workers_ready_until(
	const struct kskd *k, const struct ksk_proc *proc, uint64_t now_ms)
{
	const uint64_t least_ms = k->settings.config.job_ms;
	uint64_t ms = START_TIMES * k->token[proc->token].start_ms;

	if (ms == 0 || ms > START_MOST_MS)
		ms = START_MOST_MS;
	else if (ms < least_ms)
		ms = least_ms;
	return now_ms + ms;
}

/* A PIN that is still in the pipe was not tried. */
static bool
is_pin_taken(const struct ksk_proc *proc)
{
	int left = 0;

	return proc->pin_fd >= 0 &&
		(ioctl(proc->pin_fd, FIONREAD, &left) != 0 || left == 0);
}

bool
ksk_workers_more_time(struct kskd *k, struct ksk_proc *proc)
{
	const uint64_t most_ms = proc->started_ms + START_MOST_MS;

	if (is_pin_taken(proc) && proc->kill_ms < most_ms) {
		proc->kill_ms = most_ms;
		return true;
	}
	/* It may have been only slow: the next one has longer. */
	k->token[proc->token].start_ms *= 2;
	return false;
}

/* The longest counts at once, then it fades: a limit is made of it. */
static void
learn_start(struct ksk_token_state *token, const struct ksk_proc *proc)
{
	const uint64_t ms = ksk_clock_mono_ms() - proc->started_ms + 1;

	token->start_ms = ms > token->start_ms ? ms
					       : (7 * token->start_ms + ms) / 8;
}

/* What came of a login says nothing about a PIN that a reload has brought in
 * the meantime. */
static bool
is_of_this_pin(const struct kskd *k, const struct ksk_proc *proc)
{
	return strcmp(proc->pin_identity,
		       k->settings.pin[proc->token].identity) == 0;
}

/* The PIN's own fault, and that of one that is gone; the next is tried. */
static bool
is_of_past_pin(const struct kskd *k, const struct ksk_proc *proc,
	const struct ksk_ctl_state *login)
{
	return login->state == KSK_STATE_LOCKED &&
		login->err != -KSK_ERR_PIN_LOCKED && !is_of_this_pin(k, proc);
}

static void
login_failed(struct kskd *k, uint16_t index, const struct ksk_ctl_state *login)
{
	struct ksk_token_state *token = &k->token[index];
	uint64_t wait_ms;

	if (login->err == -KSK_ERR_PIN_WRONG) {
		ksk_locked_set(k, index, "pin-wrong", login->why);
		return;
	}
	if (login->err == -KSK_ERR_PIN_LOCKED) {
		ksk_locked_set(k, index, "pin-locked", login->why);
		return;
	}
	if (login->state == KSK_STATE_LOCKED) {
		ksk_locked_set(k, index, "pin-unfit", login->why);
		return;
	}
	wait_ms = ksk_backoff_ms(++token->fails);
	if (wait_ms > LOGIN_BACKOFF_MAX_MS)
		wait_ms = LOGIN_BACKOFF_MAX_MS;
	token->next_try_ms = ksk_clock_mono_ms() + wait_ms;
	ksk_workers_trouble(k, index, KSK_STATE_TOKEN_DOWN,
		(enum ksk_err) - (int)login->err, login->why);
}

void
ksk_workers_login(struct kskd *k, struct ksk_proc *proc,
	const struct ksk_ctl_state *login)
{
	struct ksk_token_state *token = &k->token[proc->token];
	char index[KSK_NUM_CAP];

	proc->login_known = true;
	ksk_file_close(&proc->pin_fd);
	token->login = -1;
	token->unknown = 0;
	if (is_of_past_pin(k, proc, login)) {
		ksk_log(KSK_LOG_WARN, "pin-was-wrong",
			"the PIN before this one was refused", "token",
			config_of(k, proc->token)->name, (const char *)NULL);
		return;
	}
	if (login->err != 0) {
		login_failed(k, proc->token, login);
		return;
	}
	token->fails = 0;
	token->died[0] = '\0';
	learn_start(token, proc);
	proc->logged_in = true;
	ksk_log(KSK_LOG_INFO, "worker-login", "a worker has logged in", "token",
		config_of(k, proc->token)->name, "worker",
		ksk_num(index, proc->index), (const char *)NULL);
	ksk_workers_trouble(k, proc->token, KSK_STATE_READY, KSK_OK, "");
}

static bool
was_pin_taken(struct ksk_proc *proc)
{
	const bool taken = is_pin_taken(proc);

	ksk_file_close(&proc->pin_fd);
	return taken;
}

static void
died_in_login(
	struct kskd *k, struct ksk_proc *proc, int status, uint64_t now_ms)
{
	struct ksk_token_state *token = &k->token[proc->token];
	char how[KSK_DEATH_TEXT_CAP], why[KSK_FAULT_CAP];

	token->login = -1;
	/* The other workers would fare no better. */
	token->next_try_ms = proc->due_ms;
	if (was_pin_taken(proc) && is_of_this_pin(k, proc) &&
		++token->unknown >= UNKNOWN_MAX) {
		ksk_locked_set(k, proc->token, "unknown", "");
		return;
	}
	if (now_ms == proc->due_ms)
		return;
	ksk_death_text(status, how);
	snprintf(why, sizeof why, "workers die before they have logged in (%s)",
		proc->killed_for != NULL ? proc->killed_for : how);
	ksk_workers_trouble(
		k, proc->token, KSK_STATE_TOKEN_DOWN, KSK_ERR_TOKEN, why);
}

void
ksk_workers_died(
	struct kskd *k, struct ksk_proc *proc, int status, uint64_t now_ms)
{
	if (k->stop.on)
		return;
	if (!proc->login_known)
		died_in_login(k, proc, status, now_ms);
	/* Its end after a login that failed follows the token's back-off, not
	 * a second one of its own. */
	if (proc->login_known && !proc->logged_in) {
		proc->fails = 0;
		proc->due_ms = now_ms;
	}
	proc->logged_in = false;
	review(k, proc->token);
}
