/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * links - see links.h.
 */
#include "appliance/supervisor/links.h"

#include "appliance/base/clock.h"
#include "appliance/base/log.h"
#include "appliance/supervisor/control.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define AGAIN_MS 1000u

/* Nobody becomes ready for it once more. Said once. */
static void
try_later(struct kskd *k)
{
	k->links_ms = ksk_clock_mono_ms() + AGAIN_MS;
	if (!k->links_failed)
		ksk_log(KSK_LOG_ERROR, "link-not-made",
			"the kernel gives no socket pair", "why",
			strerror(errno), (const char *)NULL);
	k->links_failed = true;
}

/* Makes a link between two ready processes and sends each its end. A process
 * that takes no packet is killed there, and its death cuts the edge. */
static void
make_link(struct kskd *k, struct ksk_edge_state *edge, struct ksk_proc *a,
	struct ksk_proc *b, struct ksk_ctl_link link)
{
	int fds[2];

	if (edge->up || a->phase != KSK_PHASE_READY ||
		b->phase != KSK_PHASE_READY || a->killed_for != NULL ||
		b->killed_for != NULL)
		return;
	if (ksk_link_pair(fds) != KSK_OK) {
		try_later(k);
		return;
	}
	edge->up = true;
	link.generation = ++edge->generation;
	ksk_control_link(k, a, &link, fds[0]);
	ksk_control_link(k, b, &link, fds[1]);
	close(fds[0]);
	close(fds[1]);
}

void
ksk_links_make(struct kskd *k)
{
	struct ksk_proc *signer = &k->proc[KSK_PROC_SIGNER];

	k->links_ms = 0;
	make_link(k, &k->frontend_edge, &k->proc[KSK_PROC_FRONTEND], signer,
		(struct ksk_ctl_link){.edge = KSK_EDGE_FRONTEND_SIGNER});
	for (size_t i = KSK_PROC_WORKER; i < k->proc_count; i++) {
		struct ksk_proc *worker = &k->proc[i];

		make_link(k, ksk_kskd_edge(k, worker), signer, worker,
			(struct ksk_ctl_link){.edge = KSK_EDGE_SIGNER_WORKER,
				.index = worker->index});
	}
	k->links_failed = k->links_ms != 0;
}

void
ksk_links_run(struct kskd *k, uint64_t now_ms)
{
	if (now_ms >= ksk_links_next(k))
		ksk_links_make(k);
}

uint64_t
ksk_links_next(const struct kskd *k)
{
	return k->links_ms == 0 ? KSK_NO_MS : k->links_ms;
}

static void
cut_worker(struct kskd *k, const struct ksk_proc *worker)
{
	struct ksk_edge_state *edge = ksk_kskd_edge(k, worker);
	const struct ksk_ctl_worker dead = {
		.index = worker->index, .generation = edge->generation};

	/* Not up: this life had no link, there is no job to free. */
	if (edge->up)
		ksk_control_dead(k, &dead);
	edge->up = false;
}

void
ksk_links_cut(struct kskd *k, const struct ksk_proc *proc)
{
	switch (proc->kind) {
	case KSK_CHILD_WORKER:
		cut_worker(k, proc);
		break;
	case KSK_CHILD_SIGNER:
		for (size_t i = 0; i < KSK_WORKER_COUNT_MAX; i++)
			k->worker_edge[i].up = false;
		k->frontend_edge.up = false;
		break;
	case KSK_CHILD_FRONTEND:
		k->frontend_edge.up = false;
		break;
	}
}
