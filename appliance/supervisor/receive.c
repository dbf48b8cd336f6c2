/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * receive - packets from children (control.h).
 */
#include "appliance/supervisor/control.h"

#include "appliance/base/log.h"
#include "appliance/supervisor/compile.h"
#include "appliance/supervisor/links.h"
#include "appliance/supervisor/notify.h"
#include "appliance/supervisor/procs.h"
#include "appliance/supervisor/reload.h"
#include "appliance/supervisor/workers.h"

#include <unistd.h>

/* A child that floods must not keep kskd from the others. */
#define PACKETS_AT_ONCE 16

static void
announce_up(struct kskd *k)
{
	if (k->up || k->proc[KSK_PROC_FRONTEND].phase != KSK_PHASE_READY ||
		k->proc[KSK_PROC_SIGNER].phase != KSK_PHASE_READY)
		return;
	k->up = true;
	ksk_log(KSK_LOG_INFO, "started", "the appliance answers requests",
		"listen", k->settings.config.listen, "version", KSK_VERSION,
		(const char *)NULL);
	ksk_notify("READY=1");
}

static enum ksk_err
take_ready(struct kskd *k, struct ksk_proc *proc, const struct ksk_wire *body)
{
	if (ksk_wire_end(body) != KSK_OK || proc->phase != KSK_PHASE_STARTING)
		return KSK_ERR_MALFORMED;
	if (proc->kind == KSK_CHILD_WORKER && !proc->login_known)
		return KSK_ERR_MALFORMED;
	proc->phase = KSK_PHASE_READY;
	proc->kill_ms = KSK_NO_MS;
	if (proc->kind == KSK_CHILD_SIGNER) {
		k->signer_seen = true;
		ksk_workers_tell_signer(k);
	}
	ksk_reload_catch_up(k, proc);
	ksk_links_make(k);
	announce_up(k);
	return KSK_OK;
}

static enum ksk_err
take_prepared(struct kskd *k, struct ksk_proc *proc, struct ksk_wire *body)
{
	struct ksk_ctl_prepared answer;
	const enum ksk_err err = ksk_ctl_prepared_read(body, &answer);

	return err != KSK_OK ? err : ksk_reload_prepared(k, proc, &answer);
}

/* Only about the present life of a worker: an older report is late. */
static enum ksk_err
take_overdue(struct kskd *k, struct ksk_wire *body)
{
	struct ksk_ctl_worker late;
	const enum ksk_err err = ksk_ctl_worker_read(body, &late);
	const struct ksk_edge_state *edge;

	if (err != KSK_OK)
		return err;
	if (KSK_PROC_WORKER + late.index >= k->proc_count)
		return KSK_ERR_MALFORMED;
	edge = &k->worker_edge[late.index];
	if (edge->up && edge->generation == late.generation)
		ksk_proc_kill(&k->proc[KSK_PROC_WORKER + late.index],
			"the signer has it replaced");
	return KSK_OK;
}

static enum ksk_err
take_login(struct kskd *k, struct ksk_proc *proc, struct ksk_wire *body)
{
	struct ksk_ctl_state login;
	const enum ksk_err err = ksk_ctl_state_read(body, &login);

	if (err != KSK_OK)
		return err;
	if (proc->phase != KSK_PHASE_STARTING || proc->login_known ||
		login.index != proc->index)
		return KSK_ERR_MALFORMED;
	ksk_workers_login(k, proc, &login);
	return KSK_OK;
}

static enum ksk_err
take_state(struct ksk_wire *body)
{
	struct ksk_ctl_state state;
	const enum ksk_err err = ksk_ctl_state_read(body, &state);

	if (err == KSK_OK)
		ksk_notify_status(ksk_kskd_state_text(state.state), state.why);
	return err;
}

/* fd: taken over, -1 if none came. */
static enum ksk_err
take_packet(
	struct kskd *k, struct ksk_proc *proc, struct ksk_span packet, int fd)
{
	struct ksk_wire body;
	const uint16_t nr = ksk_packet_open(packet, &body);

	if (nr == KSK_CTL_COMPILE && proc->kind == KSK_CHILD_SIGNER)
		return ksk_compile_take(k, &body, fd);
	if (fd >= 0) {
		close(fd);
		return KSK_ERR_MALFORMED;
	}
	if (nr == KSK_CTL_READY)
		return take_ready(k, proc, &body);
	if (nr == KSK_CTL_PREPARED)
		return take_prepared(k, proc, &body);
	if (nr == KSK_CTL_LOGIN && proc->kind == KSK_CHILD_WORKER)
		return take_login(k, proc, &body);
	if (nr == KSK_CTL_OVERDUE && proc->kind == KSK_CHILD_SIGNER)
		return take_overdue(k, &body);
	if (nr == KSK_CTL_STATE && proc->kind == KSK_CHILD_SIGNER)
		return take_state(&body);
	return KSK_ERR_MALFORMED;
}

static void
refuse(struct ksk_proc *proc)
{
	ksk_log(KSK_LOG_ERROR, "peer-broken",
		"a child broke its packet format and is taken for compromised",
		"program", ksk_proc_program(proc), (const char *)NULL);
	ksk_proc_kill(proc, "it broke its packet format");
}

void
ksk_control_last_words(struct kskd *k, struct ksk_proc *proc)
{
	struct ksk_buf buf = ksk_buf_of(k->packet, sizeof k->packet);

	while (proc->kind == KSK_CHILD_WORKER && !proc->login_known &&
		ksk_link_recv(&proc->control, &buf, NULL, 0, NULL) == KSK_OK) {
		struct ksk_wire body;

		if (ksk_packet_open(ksk_buf_span(&buf), &body) !=
				KSK_CTL_LOGIN ||
			take_login(k, proc, &body) != KSK_OK)
			return;
	}
}

void
ksk_control_receive(struct kskd *k, struct ksk_proc *proc)
{
	for (int i = 0; i < PACKETS_AT_ONCE && proc->killed_for == NULL; i++) {
		struct ksk_buf buf = ksk_buf_of(k->packet, sizeof k->packet);
		int fd = -1;
		size_t count = 0;
		enum ksk_err err = ksk_link_recv(&proc->control, &buf, &fd,
			proc->kind == KSK_CHILD_SIGNER ? 1 : 0, &count);

		if (err == KSK_ERR_AGAIN)
			return;
		if (err == KSK_ERR_CLOSED || err == KSK_ERR_IO) {
			ksk_proc_closed(proc);
			return;
		}
		if (err == KSK_OK)
			err = take_packet(k, proc, ksk_buf_span(&buf),
				count == 1 ? fd : -1);
		if (err != KSK_OK)
			refuse(proc);
	}
}
