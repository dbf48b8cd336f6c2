/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stop - see stop.h.
 */
#include "appliance/supervisor/stop.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/supervisor/control.h"
#include "appliance/supervisor/files.h"
#include "appliance/supervisor/notify.h"
#include "appliance/supervisor/procs.h"
#include "appliance/supervisor/reload.h"
#include "appliance/supervisor/unlock.h"

/* Which kind stops at which stage, and when the next stage begins at the
 * latest, counted from the beginning. */
static const struct {
	enum ksk_child_kind kind;
	uint64_t until_ms;
} stages[] = {
	{KSK_CHILD_FRONTEND, 2500},
	{KSK_CHILD_SIGNER, 4000},
	{KSK_CHILD_WORKER, 5000},
};

#define STAGE_COUNT (sizeof stages / sizeof stages[0])

static bool
is_left(const struct kskd *k, enum ksk_child_kind kind)
{
	for (size_t i = 0; i < k->proc_count; i++) {
		if (k->proc[i].kind == kind && k->proc[i].pid != 0)
			return true;
	}
	return false;
}

static void
enter_stage(struct kskd *k, unsigned stage)
{
	k->stop.stage = stage;
	for (size_t i = 0; i < k->proc_count; i++) {
		struct ksk_proc *proc = &k->proc[i];

		if (proc->pid != 0 && proc->kind == stages[stage].kind)
			ksk_control_stop(k, proc);
	}
}

void
ksk_stop_begin(struct kskd *k, int code)
{
	if (k->stop.on)
		return;
	k->stop.on = true;
	k->stop.code = code;
	k->stop.begun_ms = ksk_clock_mono_ms();
	ksk_log(KSK_LOG_INFO, "stopping", "the appliance stops",
		(const char *)NULL);
	ksk_notify("STOPPING=1");
	ksk_file_close(&k->listen_fd);
	ksk_unlock_close(k);
	ksk_reload_stop(k);
	enter_stage(k, 0);
}

static void
kill_rest(struct kskd *k)
{
	for (size_t i = 0; i < k->proc_count; i++)
		ksk_proc_kill(&k->proc[i], "it did not stop in time");
}

bool
ksk_stop_run(struct kskd *k, uint64_t now_ms)
{
	while (k->stop.stage < STAGE_COUNT) {
		const unsigned stage = k->stop.stage;
		const bool left = is_left(k, stages[stage].kind);

		if (left && now_ms < k->stop.begun_ms + stages[stage].until_ms)
			return false;
		if (stage + 1 < STAGE_COUNT) {
			enter_stage(k, stage + 1);
			continue;
		}
		kill_rest(k);
		k->stop.stage = STAGE_COUNT;
	}
	for (size_t i = 0; i < k->proc_count; i++) {
		if (k->proc[i].pid != 0)
			return false;
	}
	return k->reload.phase != KSK_RELOAD_READING;
}

uint64_t
ksk_stop_next(const struct kskd *k)
{
	return k->stop.on && k->stop.stage < STAGE_COUNT
		? k->stop.begun_ms + stages[k->stop.stage].until_ms
		: KSK_NO_MS;
}
