/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reload - SIGHUP: all files anew, all or nothing, without a gap in service.
 * kskd reads and checks everything; every child that is ready is given its
 * part and says whether it can use it, the signer last; only then all change
 * over.
 *
 *	NONE → READING (kskd-policy) → PREPARING (answers) → NONE
 *	          ↑                        ↓ one is away
 *	          └──────────────────── WAITING
 *
 * A frontend or worker that is starting meanwhile catches up when it becomes
 * ready. One that was asked and dies has the reload begun anew when it is back,
 * a few times: its end says little about the files, and nobody may be there to
 * ask again. A signer that is starting is waited for likewise, since no policy
 * is taken that it has not agreed to. One that is alive and silent refuses.
 * Tests: tests/integration/test_supervisor.py, test_reload.py
 */
#ifndef KSK_SUPERVISOR_RELOAD_H
#define KSK_SUPERVISOR_RELOAD_H

#include "appliance/supervisor/kskd.h"

/* Begins a reload, or remembers to begin another when this one is over. */
void ksk_reload_begin(struct kskd *k);

/* Takes the end of kskd-policy. status: of waitpid. */
void ksk_reload_policy_ended(struct kskd *k, int status);

/* Takes a child's answer. KSK_ERR_MALFORMED: about a
 * reload that never was. */
KSK_MUST_USE enum ksk_err ksk_reload_prepared(struct kskd *k,
	struct ksk_proc *proc, const struct ksk_ctl_prepared *answer);

/* Takes a child's death: if it was asked, the reload begins anew or is
 * given up. */
void ksk_reload_died(struct kskd *k, struct ksk_proc *proc);

/* Gives a child that has become ready what changed while it started. */
void ksk_reload_catch_up(struct kskd *k, struct ksk_proc *proc);

/* Begins anew, or gives up, what takes too long. */
void ksk_reload_run(struct kskd *k, uint64_t now_ms);

/* Returns the moment at which ksk_reload_run has something to do. */
uint64_t ksk_reload_next(const struct kskd *k);

/* Ends a reload that runs, because kskd stops. */
void ksk_reload_stop(struct kskd *k);

#endif
