/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reload - see reload.h.
 */
#include "appliance/supervisor/reload.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/supervisor/control.h"
#include "appliance/supervisor/notify.h"
#include "appliance/supervisor/procs.h"
#include "appliance/supervisor/unlock.h"
#include "appliance/supervisor/workers.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWERS_WITHIN_MS 10000u
/* The signer judges a policy of very many zones beside its work. */
#define SIGNER_WITHIN_MS 60000u
/* As many tries may a child's absence end; it is waited for, so that what it
 * can't use is not taken without it. A signer checks its journal first. */
#define ABSENCES_MAX 3u
#define BACK_WITHIN_MS 20000u
#define SIGNER_BACK_WITHIN_MS 60000u

static void
end_reload(struct kskd *k)
{
	const bool again = k->reload.again;

	ksk_settings_free(&k->reload.next);
	k->reload.phase = KSK_RELOAD_NONE;
	k->reload.again = false;
	if (!k->stop.on)
		ksk_notify("READY=1");
	if (again && !k->stop.on)
		ksk_reload_begin(k);
}

/* With a quorum the signer has the policy, and no other file of ours. */
static bool
is_concerned(const struct kskd *k, const struct ksk_proc *proc)
{
	return proc->kind != KSK_CHILD_SIGNER || !k->settings.config.quorum;
}

static void
tell_abort(struct kskd *k, struct ksk_proc *proc)
{
	proc->answer = KSK_ANSWER_NONE;
	if (proc->phase == KSK_PHASE_READY)
		ksk_control_number(k, proc, KSK_CTL_ABORT, k->reload.number);
}

/* Everything stays as it was. The signer comes last, whether it was asked or
 * not: what workers told it of keys by the keymap that is not to be is wrong
 * now. */
static void
abort_all(struct kskd *k)
{
	struct ksk_proc *signer = &k->proc[KSK_PROC_SIGNER];
	bool asked = signer->answer != KSK_ANSWER_NONE;

	for (size_t i = 0; i < k->proc_count; i++) {
		struct ksk_proc *proc = &k->proc[i];

		if (proc == signer || proc->answer == KSK_ANSWER_NONE)
			continue;
		tell_abort(k, proc);
		asked = true;
	}
	if (asked)
		tell_abort(k, signer);
}

static void
refuse(struct kskd *k, const char *why)
{
	ksk_log(KSK_LOG_ERROR, "reload-refused",
		"nothing is changed, the appliance goes on as before", "why",
		why, (const char *)NULL);
	k->reload.absences = 0;
	abort_all(k);
	end_reload(k);
}

/* Says little about the files, unless it comes again and again. what: the child
 * does, or is. */
static void
wait_for(struct kskd *k, const struct ksk_proc *absent, const char *what)
{
	struct ksk_fault fault;

	ksk_fault_set(&fault, "%s %s while the reload was prepared",
		ksk_proc_program(absent), what);
	if (++k->reload.absences == ABSENCES_MAX) {
		refuse(k, fault.text);
		return;
	}
	ksk_log(KSK_LOG_WARN, "reload-again",
		"the reload is begun anew when it is back", "why", fault.text,
		(const char *)NULL);
	abort_all(k);
	ksk_settings_free(&k->reload.next);
	k->reload.absent = absent;
	k->reload.phase = KSK_RELOAD_WAITING;
	k->reload.until_ms = ksk_clock_mono_ms() +
		(absent->kind == KSK_CHILD_SIGNER ? SIGNER_BACK_WITHIN_MS
						  : BACK_WITHIN_MS);
}

/* Loads the files. Returns false with the reason in fault. */
static bool
load_next(struct kskd *k, struct ksk_fault *fault)
{
	const char *fixed;

	if (ksk_settings_load(k->config_path, &k->reload.next, fault) !=
		KSK_EXIT_OK)
		return false;
	fixed = ksk_settings_fixed(&k->settings.config, &k->reload.next.config);
	if (fixed != NULL) {
		ksk_fault_set(fault,
			"%s: the key \"%s\" has changed, which takes a restart",
			k->config_path, fixed);
		return false;
	}
	if (memcmp(k->settings.appliance, k->reload.next.appliance,
		    KSK_ID_LEN) != 0) {
		ksk_fault_set(fault,
			"the appliance id has changed, which takes a restart");
		return false;
	}
	return k->reload.next.config.quorum ||
		ksk_policy_run_start(&k->reload.run, k->folder, &k->reload.next,
			-1, 0, fault) == KSK_OK;
}

static void ask_others(struct kskd *k);

void
ksk_reload_begin(struct kskd *k)
{
	struct ksk_fault fault = {""};

	if (k->reload.phase != KSK_RELOAD_NONE) {
		k->reload.again = true;
		return;
	}
	k->reload.number++;
	ksk_notify_reloading();
	ksk_settings_init(&k->reload.next);
	if (!load_next(k, &fault)) {
		refuse(k, fault.text);
		return;
	}
	if (k->reload.next.config.quorum) {
		ask_others(k);
		return;
	}
	k->reload.phase = KSK_RELOAD_READING;
	k->reload.until_ms = k->reload.run.until_ms;
}

/* Of what it was given nothing changes, but the workers have another keymap. */
static void
tell_unconcerned(struct kskd *k, struct ksk_proc *proc)
{
	ksk_control_number(k, proc, KSK_CTL_COMMIT, k->settings_number);
}

/* A frontend or worker that was starting when the answers were counted gets
 * both packets; if it can't use what all others could, COMMIT comes to it
 * unasked, it ends, and starts with the new settings. */
void
ksk_reload_catch_up(struct kskd *k, struct ksk_proc *proc)
{
	if (proc->phase != KSK_PHASE_READY ||
		proc->settings == k->settings_number)
		return;
	proc->settings = k->settings_number;
	if (!is_concerned(k, proc)) {
		tell_unconcerned(k, proc);
		return;
	}
	ksk_control_prepare(k, proc, &k->settings, k->settings_number);
	ksk_control_number(k, proc, KSK_CTL_COMMIT, k->settings_number);
}

static void
commit_to(struct kskd *k, struct ksk_proc *proc)
{
	if (proc->answer == KSK_ANSWER_NONE) {
		ksk_reload_catch_up(k, proc);
		return;
	}
	proc->answer = KSK_ANSWER_NONE;
	proc->settings = k->settings_number;
	ksk_control_number(k, proc, KSK_CTL_COMMIT, k->settings_number);
}

/* The signer comes last: it has the workers look up all keys, and by then they
 * must have the new keymap alone. */
static void
commit_to_all(struct kskd *k)
{
	for (size_t i = 0; i < k->proc_count; i++) {
		if (k->proc[i].kind != KSK_CHILD_SIGNER)
			commit_to(k, &k->proc[i]);
	}
	commit_to(k, &k->proc[KSK_PROC_SIGNER]);
}

/* All have agreed. */
static void
commit(struct kskd *k)
{
	char before[KSK_TOKEN_MAX][KSK_PIN_IDENTITY_CAP];
	struct ksk_fault fault = {""};

	for (size_t i = 0; i < KSK_TOKEN_MAX; i++)
		memcpy(before[i], k->settings.pin[i].identity,
			KSK_PIN_IDENTITY_CAP);
	ksk_settings_keep_typed(&k->settings, &k->reload.next);
	ksk_settings_free(&k->settings);
	k->settings = k->reload.next;
	ksk_settings_init(&k->reload.next);
	k->settings_number = k->reload.number;
	commit_to_all(k);
	ksk_workers_sources(k, before);
	if (ksk_unlock_open(k, &fault) != KSK_OK)
		ksk_log(KSK_LOG_ERROR, "unlock-closed", fault.text,
			(const char *)NULL);
	ksk_log(KSK_LOG_INFO, "reload-done", "the new files are in use",
		(const char *)NULL);
	k->reload.absences = 0;
	end_reload(k);
}

static void
ask(struct kskd *k, struct ksk_proc *proc)
{
	if (proc->phase != KSK_PHASE_READY || !is_concerned(k, proc))
		return;
	proc->answer = KSK_ANSWER_DUE;
	ksk_control_prepare(k, proc, &k->reload.next, k->reload.number);
}

/* What it would refuse must not become what its successor starts with: that
 * one could not start. */
static bool
is_signer_away(const struct kskd *k)
{
	const struct ksk_proc *signer = &k->proc[KSK_PROC_SIGNER];

	return is_concerned(k, signer) && signer->phase != KSK_PHASE_READY;
}

static void
go_on_if_all(struct kskd *k)
{
	for (size_t i = 0; i < k->proc_count; i++) {
		if (k->proc[i].answer == KSK_ANSWER_DUE)
			return;
	}
	if (k->reload.last) {
		commit(k);
		return;
	}
	if (is_signer_away(k)) {
		wait_for(k, &k->proc[KSK_PROC_SIGNER], "was not ready");
		return;
	}
	k->reload.last = true;
	k->reload.until_ms = ksk_clock_mono_ms() + SIGNER_WITHIN_MS;
	ask(k, &k->proc[KSK_PROC_SIGNER]);
	go_on_if_all(k);
}

/* The signer comes last: it has the workers look up the keys that are new, and
 * those must know the new keymap by then. */
static void
ask_others(struct kskd *k)
{
	k->reload.phase = KSK_RELOAD_PREPARING;
	k->reload.until_ms = ksk_clock_mono_ms() + ANSWERS_WITHIN_MS;
	k->reload.last = false;
	for (size_t i = 0; i < k->proc_count; i++) {
		if (k->proc[i].kind != KSK_CHILD_SIGNER)
			ask(k, &k->proc[i]);
	}
	go_on_if_all(k);
}

/* The first fault, and that there are more: kskadm shows them all. */
static void
first_fault(const struct kskd *k, struct ksk_fault *fault)
{
	const char *faults = k->reload.run.faults;
	const size_t len = strcspn(faults, "\n");
	const bool more = faults[len] != '\0' && faults[len + 1] != '\0';

	ksk_fault_set(fault, "%s: %.*s%s", k->reload.next.config.policy,
		(int)len, faults,
		more ? " (and more: kskadm policy check)" : "");
}

void
ksk_reload_policy_ended(struct kskd *k, int status)
{
	struct ksk_fault fault = {""};
	const enum ksk_exit code = ksk_policy_run_finish(
		&k->reload.run, status, &k->reload.next.policy_table, &fault);

	if (k->stop.on) {
		end_reload(k);
		return;
	}
	if (code == KSK_EXIT_OK) {
		ask_others(k);
		return;
	}
	if (fault.text[0] == '\0')
		first_fault(k, &fault);
	refuse(k, fault.text);
}

enum ksk_err
ksk_reload_prepared(struct kskd *k, struct ksk_proc *proc,
	const struct ksk_ctl_prepared *answer)
{
	struct ksk_fault fault;

	/* About a reload that is over; or from one that caught up. */
	if (answer->number < k->reload.number ||
		answer->number == k->settings_number)
		return KSK_OK;
	if (answer->number != k->reload.number)
		return KSK_ERR_MALFORMED;
	/* This reload was refused before the child had answered. */
	if (k->reload.phase != KSK_RELOAD_PREPARING ||
		proc->answer != KSK_ANSWER_DUE)
		return KSK_OK;
	if (!answer->ok) {
		ksk_fault_set(
			&fault, "%s: %s", ksk_proc_program(proc), answer->why);
		refuse(k, fault.text);
		return KSK_OK;
	}
	proc->answer = KSK_ANSWER_OK;
	go_on_if_all(k);
	return KSK_OK;
}

void
ksk_reload_died(struct kskd *k, struct ksk_proc *proc)
{
	const bool asked = proc->answer != KSK_ANSWER_NONE;

	proc->answer = KSK_ANSWER_NONE;
	if (k->reload.phase == KSK_RELOAD_PREPARING && asked)
		wait_for(k, proc, "died");
}

static void
begin_anew(struct kskd *k)
{
	k->reload.phase = KSK_RELOAD_NONE;
	/* The files are read after every signal that has come. */
	k->reload.again = false;
	ksk_reload_begin(k);
}

void
ksk_reload_run(struct kskd *k, uint64_t now_ms)
{
	if (k->reload.phase == KSK_RELOAD_WAITING &&
		k->reload.absent->phase == KSK_PHASE_READY) {
		begin_anew(k);
		return;
	}
	if (now_ms < ksk_reload_next(k))
		return;
	if (k->reload.phase == KSK_RELOAD_WAITING) {
		refuse(k,
			k->reload.absent->kind == KSK_CHILD_SIGNER
				? "the signer is not back within 60 s"
				: "a process that died while the reload was "
				  "prepared is not back within 20 s");
		return;
	}
	if (k->reload.phase == KSK_RELOAD_READING) {
		/* Its death ends the reload. */
		(void)kill(k->reload.run.pid, SIGKILL);
		k->reload.until_ms = KSK_NO_MS;
		return;
	}
	refuse(k,
		k->reload.last ? "the signer did not answer within 60 s"
			       : "not every child answered within 10 s");
}

uint64_t
ksk_reload_next(const struct kskd *k)
{
	return k->reload.phase == KSK_RELOAD_NONE ? KSK_NO_MS
						  : k->reload.until_ms;
}

void
ksk_reload_stop(struct kskd *k)
{
	switch (k->reload.phase) {
	case KSK_RELOAD_NONE:
		break;
	case KSK_RELOAD_READING:
		(void)kill(k->reload.run.pid, SIGKILL);
		break;
	case KSK_RELOAD_PREPARING:
	case KSK_RELOAD_WAITING:
		refuse(k, "kskd stops");
		break;
	}
}
