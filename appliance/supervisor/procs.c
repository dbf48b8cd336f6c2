/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * procs - see procs.h. Deaths are told and weighed in death.c.
 */
#include "appliance/supervisor/procs.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/supervisor/compile.h"
#include "appliance/supervisor/control.h"
#include "appliance/supervisor/death.h"
#include "appliance/supervisor/files.h"
#include "appliance/supervisor/reload.h"
#include "appliance/supervisor/spawn.h"
#include "appliance/supervisor/workers.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* For a frontend. A signer checks its journal first, which may take long; the
 * limit of workers.c holds for workers. */
#define READY_WITHIN_MS 30000u

/* From the end of the control socket to the end of the process. */
#define CLOSED_WITHIN_MS 1000u

const char *
ksk_proc_program(const struct ksk_proc *proc)
{
	switch (proc->kind) {
	case KSK_CHILD_FRONTEND:
		return "kskd-frontend";
	case KSK_CHILD_SIGNER:
		return "kskd-signer";
	case KSK_CHILD_WORKER:
		return "kskd-token";
	}
	return "?";
}

static void
add_proc(struct kskd *k, enum ksk_child_kind kind, uint16_t index,
	uint16_t token)
{
	k->proc[k->proc_count++] = (struct ksk_proc){
		.kind = kind,
		.index = index,
		.token = token,
		.control = {.fd = -1},
		.pin_fd = -1,
	};
}

void
ksk_procs_init(struct kskd *k)
{
	const struct ksk_config *config = &k->settings.config;
	uint16_t index = 0;

	k->proc_count = 0;
	add_proc(k, KSK_CHILD_FRONTEND, 0, 0);
	add_proc(k, KSK_CHILD_SIGNER, 0, 0);
	for (uint16_t t = 0; t < config->token_count; t++) {
		for (uint16_t i = 0; i < config->token[t].workers; i++)
			add_proc(k, KSK_CHILD_WORKER, index++, t);
	}
	ksk_workers_init(k);
}

void
ksk_proc_kill(struct ksk_proc *proc, const char *why)
{
	if (proc->pid == 0 || proc->killed_for != NULL)
		return;
	proc->killed_for = why;
	/* Not waited for yet, so the number is still this process's. */
	(void)kill(proc->pid, SIGKILL);
}

void
ksk_proc_closed(struct ksk_proc *proc)
{
	ksk_link_close(&proc->control);
	proc->kill_ms = ksk_clock_mono_ms() + CLOSED_WITHIN_MS;
	proc->kill_why = "it closed its control socket";
}

static struct ksk_config_user
user_of(const struct kskd *k, const struct ksk_proc *proc)
{
	const struct ksk_config *config = &k->settings.config;

	switch (proc->kind) {
	case KSK_CHILD_FRONTEND:
		return config->frontend;
	case KSK_CHILD_SIGNER:
		return config->signer;
	case KSK_CHILD_WORKER:
		return config->token_user[proc->token];
	}
	return config->frontend;
}

/* Gives the process its control socket and executes it. */
static enum ksk_err
spawn_proc(const struct kskd *k, struct ksk_proc *proc)
{
	int fds[2];
	enum ksk_err err;

	err = ksk_link_pair(fds);
	if (err != KSK_OK)
		return err;
	const struct ksk_spawn spawn = {
		.folder = k->folder,
		.program = ksk_proc_program(proc),
		.user = user_of(k, proc),
		.fd = {KSK_SPAWN_NULL, KSK_SPAWN_NULL, STDERR_FILENO, fds[1]},
		.fd_count = 4,
	};
	err = ksk_spawn(&spawn, &proc->pid);
	close(fds[1]);
	proc->control = (struct ksk_link){.fd = fds[0]};
	if (err != KSK_OK)
		ksk_link_close(&proc->control);
	return err;
}

static uint64_t
ready_until(const struct kskd *k, const struct ksk_proc *proc, uint64_t now_ms)
{
	switch (proc->kind) {
	case KSK_CHILD_FRONTEND:
		return now_ms + READY_WITHIN_MS;
	case KSK_CHILD_SIGNER:
		break;
	case KSK_CHILD_WORKER:
		return ksk_workers_ready_until(k, proc, now_ms);
	}
	return KSK_NO_MS;
}

/* The time of a process is over. */
static void
end_time(struct kskd *k, struct ksk_proc *proc)
{
	if (proc->kind == KSK_CHILD_WORKER &&
		proc->phase == KSK_PHASE_STARTING &&
		ksk_workers_more_time(k, proc))
		return;
	ksk_proc_kill(proc, proc->kill_why);
}

static void
start_proc(struct kskd *k, struct ksk_proc *proc, uint64_t now_ms)
{
	if (spawn_proc(k, proc) != KSK_OK) {
		ksk_log(KSK_LOG_ERROR, "child-not-started",
			"the kernel gives no process", "program",
			ksk_proc_program(proc), "why", strerror(errno),
			(const char *)NULL);
		proc->fails++;
		proc->due_ms = now_ms + 1000;
		return;
	}
	proc->phase = KSK_PHASE_STARTING;
	proc->started_ms = now_ms;
	proc->killed_for = NULL;
	proc->kill_ms = ready_until(k, proc, now_ms);
	proc->kill_why = "it was not ready in time";
	proc->settings = k->settings_number;
	proc->answer = KSK_ANSWER_NONE;
	proc->login_known = proc->logged_in = false;
	ksk_control_start(k, proc);
}

/* The signer comes first: what is wrong with the journal shows before a PIN
 * is tried. */
static bool
may_start(const struct kskd *k, const struct ksk_proc *proc, uint64_t now_ms)
{
	if (proc->phase != KSK_PHASE_DOWN || k->stop.on ||
		now_ms < proc->due_ms)
		return false;
	if (proc->kind == KSK_CHILD_SIGNER)
		return true;
	if (!k->signer_seen)
		return false;
	return proc->kind != KSK_CHILD_WORKER ||
		ksk_workers_may_login(k, proc, now_ms);
}

static uint64_t
kill_at(const struct ksk_proc *proc)
{
	return proc->phase != KSK_PHASE_DOWN && proc->killed_for == NULL
		? proc->kill_ms
		: KSK_NO_MS;
}

void
ksk_procs_run(struct kskd *k, uint64_t now_ms)
{
	for (size_t i = 0; i < k->proc_count; i++) {
		struct ksk_proc *proc = &k->proc[i];

		if (now_ms >= kill_at(proc))
			end_time(k, proc);
		if (may_start(k, proc, now_ms))
			start_proc(k, proc, now_ms);
	}
}

/* When a process that is down may start; KSK_NO_MS while something else than
 * time is missing. */
static uint64_t
start_at(const struct kskd *k, const struct ksk_proc *proc)
{
	const struct ksk_token_state *token = &k->token[proc->token];
	uint64_t at = proc->due_ms;

	if (proc->kind == KSK_CHILD_WORKER && token->next_try_ms > at)
		at = token->next_try_ms;
	return may_start(k, proc, at) ? at : KSK_NO_MS;
}

uint64_t
ksk_procs_next(const struct kskd *k)
{
	uint64_t next = KSK_NO_MS;

	for (size_t i = 0; i < k->proc_count; i++) {
		const struct ksk_proc *proc = &k->proc[i];
		const uint64_t at = proc->phase == KSK_PHASE_DOWN
			? start_at(k, proc)
			: kill_at(proc);

		if (at < next)
			next = at;
	}
	return next;
}

void
ksk_procs_reap(struct kskd *k)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (k->reload.phase == KSK_RELOAD_READING &&
			pid == k->reload.run.pid) {
			ksk_reload_policy_ended(k, status);
			continue;
		}
		if (pid == k->compile.run.pid) {
			ksk_compile_ended(k, status);
			continue;
		}
		for (size_t i = 0; i < k->proc_count; i++) {
			if (k->proc[i].pid == pid)
				ksk_death(k, &k->proc[i], status);
		}
	}
}
