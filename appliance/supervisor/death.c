/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * death - see death.h.
 */
#include "appliance/supervisor/death.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/supervisor/compile.h"
#include "appliance/supervisor/control.h"
#include "appliance/supervisor/links.h"
#include "appliance/supervisor/procs.h"
#include "appliance/supervisor/reload.h"
#include "appliance/supervisor/stop.h"
#include "appliance/supervisor/workers.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* So long a life wipes out earlier deaths. */
#define LONG_LIFE_MS 30000u

/* Somebody kills a child from outside, again and again: service must be back
 * within two seconds, and a login takes a part of them. */
#define KILLED_BACKOFF_MAX_MS 200u

/* A token that is back must be found within five seconds, so its workers never
 * wait for long. One that has logged in shows that the token is there: modules
 * that end each session after a while must not leave requests waiting. */
#define WORKER_BACKOFF_MAX_MS 3000u
#define LOGGED_IN_BACKOFF_MAX_MS 500u

/* Ends of one child before the first "started" that are tried again. */
#define TRIES_AT_START 3u

static const struct {
	int code;
	const char *meaning;
} meanings[] = {
	{KSK_EXIT_OK, "an orderly end"},
	{KSK_EXIT_INTERNAL, "a bug, or no memory"},
	{KSK_EXIT_USAGE, "wrong use"},
	{KSK_EXIT_CONFIG, "the configuration is wrong"},
	{KSK_EXIT_POLICY, "the policy is wrong"},
	{KSK_EXIT_TLS, "TLS key or certificate can't be used"},
	{KSK_EXIT_LISTEN, "the address can't be had"},
	{KSK_EXIT_FILE, "a file is missing or unsafe"},
	{KSK_EXIT_MODULE, "the PKCS#11 module can't be used"},
	{KSK_EXIT_TOKEN, "the token is not there or fails"},
	{KSK_EXIT_PIN, "the token refuses the PIN"},
	{KSK_EXIT_PIN_LOCKED, "the token has locked the PIN"},
	{KSK_EXIT_PIN_SOURCE, "the PIN can't be read"},
	{KSK_EXIT_KEY, "a key is missing or unfit"},
	{KSK_EXIT_JOURNAL, "the journal is missing, foreign or damaged"},
	{KSK_EXIT_PEER, "a peer broke its packet format"},
	{KSK_EXIT_SANDBOX, "the sandbox can't be entered"},
	{KSK_EXIT_LEAK, "memory leaked"},
};

static const char *
meaning_of(int code)
{
	for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
		if (meanings[i].code == code)
			return meanings[i].meaning;
	}
	return "no code of ours";
}

void
ksk_death_text(int status, char out[KSK_DEATH_TEXT_CAP])
{
	if (!WIFSIGNALED(status)) {
		snprintf(out, KSK_DEATH_TEXT_CAP, "exit %d: %s",
			WEXITSTATUS(status), meaning_of(WEXITSTATUS(status)));
		return;
	}
	snprintf(out, KSK_DEATH_TEXT_CAP, "SIG%s%s",
		sigabbrev_np(WTERMSIG(status)) != NULL
			? sigabbrev_np(WTERMSIG(status))
			: "?",
		WTERMSIG(status) == SIGSYS ? ": killed by its sandbox" : "");
}

/* Returns true if a worker could not log in and died like the one before it:
 * the token's state has been told, and an attempt is no event. */
static bool
is_no_news(struct kskd *k, const struct ksk_proc *proc,
	const char how[KSK_DEATH_TEXT_CAP])
{
	struct ksk_token_state *token = &k->token[proc->token];

	if (proc->kind != KSK_CHILD_WORKER || proc->logged_in || k->stop.on)
		return false;
	if (strcmp(token->died, how) == 0)
		return true;
	memcpy(token->died, how, KSK_DEATH_TEXT_CAP);
	return false;
}

static void
log_death(struct kskd *k, const struct ksk_proc *proc, int status)
{
	const bool orderly = k->stop.on && status == 0;
	char how[KSK_DEATH_TEXT_CAP];
	char pid[KSK_NUM_CAP], index[KSK_NUM_CAP];

	ksk_death_text(status, how);
	if (is_no_news(k, proc, how))
		return;
	ksk_log(orderly ? KSK_LOG_INFO : KSK_LOG_ERROR,
		orderly ? "child-ended" : "child-dead",
		orderly ? "a child has ended" : "a child has died", "program",
		ksk_proc_program(proc), "pid",
		ksk_num(pid, (uint64_t)proc->pid), "worker",
		proc->kind == KSK_CHILD_WORKER ? ksk_num(index, proc->index)
					       : NULL,
		"how", how, "killed-for", proc->killed_for, (const char *)NULL);
}

/* Before the appliance was up once, what a restart can't mend ends kskd: the
 * operator is there and reads. Later the rest goes on. */
static bool
is_fatal(const struct kskd *k, const struct ksk_proc *proc, int status)
{
	if (k->up || k->stop.on || proc->kind == KSK_CHILD_WORKER ||
		WIFSIGNALED(status))
		return false;
	if (proc->fails > TRIES_AT_START)
		return true;
	switch (WEXITSTATUS(status)) {
	case KSK_EXIT_USAGE:
	case KSK_EXIT_CONFIG:
	case KSK_EXIT_POLICY:
	case KSK_EXIT_TLS:
	case KSK_EXIT_LISTEN:
	case KSK_EXIT_FILE:
	case KSK_EXIT_JOURNAL:
	case KSK_EXIT_SANDBOX:
		return true;
	default:
		return false;
	}
}

uint64_t
ksk_backoff_ms(unsigned fails)
{
	if (fails == 0)
		return 0;
	return fails > 7 ? 10000 : UINT64_C(100) << (fails - 1);
}

static uint64_t
backoff_max_ms(const struct ksk_proc *proc)
{
	if (proc->kind != KSK_CHILD_WORKER)
		return KSK_NO_MS;
	return proc->logged_in ? LOGGED_IN_BACKOFF_MAX_MS
			       : WORKER_BACKOFF_MAX_MS;
}

static void
plan_restart(struct ksk_proc *proc, int status, uint64_t now_ms)
{
	const bool from_outside = WIFSIGNALED(status) &&
		WTERMSIG(status) == SIGKILL && proc->killed_for == NULL;
	uint64_t wait_ms;

	if (now_ms - proc->started_ms >= LONG_LIFE_MS)
		proc->fails = 0;
	wait_ms = ksk_backoff_ms(proc->fails++);
	if (wait_ms > backoff_max_ms(proc))
		wait_ms = backoff_max_ms(proc);
	if (from_outside && wait_ms > KILLED_BACKOFF_MAX_MS)
		wait_ms = KILLED_BACKOFF_MAX_MS;
	proc->due_ms = now_ms + wait_ms;
}

void
ksk_death(struct kskd *k, struct ksk_proc *proc, int status)
{
	const uint64_t now_ms = ksk_clock_mono_ms();

	ksk_control_last_words(k, proc);
	log_death(k, proc, status);
	plan_restart(proc, status, now_ms);
	proc->phase = KSK_PHASE_DOWN;
	ksk_link_close(&proc->control);
	ksk_links_cut(k, proc);
	if (proc->kind == KSK_CHILD_WORKER)
		ksk_workers_died(k, proc, status, now_ms);
	ksk_reload_died(k, proc);
	if (proc->kind == KSK_CHILD_SIGNER)
		ksk_compile_died(k);
	proc->pid = 0;
	if (is_fatal(k, proc, status))
		ksk_stop_begin(k, WEXITSTATUS(status));
}
