/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * procs - the life of children: start when due, kill when hung, say how they
 * died, start again with back-off.
 * Tests: tests/integration/test_supervisor.py
 */
#ifndef KSK_SUPERVISOR_PROCS_H
#define KSK_SUPERVISOR_PROCS_H

#include "appliance/supervisor/kskd.h"

/* Fills the table of processes and tokens from the settings. */
void ksk_procs_init(struct kskd *k);

/* Starts what is due, kills what did not become ready in time. */
void ksk_procs_run(struct kskd *k, uint64_t now_ms);

/* Returns the moment at which ksk_procs_run has something to do. */
uint64_t ksk_procs_next(const struct kskd *k);

/* Waits for all that have died, policy runs included. */
void ksk_procs_reap(struct kskd *k);

/* Kills a child. why: static, for the log. */
void ksk_proc_kill(struct ksk_proc *proc, const char *why);

/* Takes note that a child's control socket has ended: it dies by itself, and
 * SIGCHLD will say how; if it does not, it is killed a little later. */
void ksk_proc_closed(struct ksk_proc *proc);

/* "kskd-frontend", … */
const char *ksk_proc_program(const struct ksk_proc *proc);

#endif
