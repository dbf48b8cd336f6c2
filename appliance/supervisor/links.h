/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * links - an edge has a link while both its ends are ready: made when the
 * second becomes ready, gone when one dies. Each link has a new generation.
 * Tests: tests/integration/test_supervisor.py
 */
#ifndef KSK_SUPERVISOR_LINKS_H
#define KSK_SUPERVISOR_LINKS_H

#include "appliance/supervisor/kskd.h"

/* Makes the links that are missing; those that the kernel gives no socket pair
 * for are tried again by ksk_links_run. */
void ksk_links_make(struct kskd *k);
void ksk_links_run(struct kskd *k, uint64_t now_ms);

/* Returns the moment at which ksk_links_run has something to do. */
uint64_t ksk_links_next(const struct kskd *k);

/* Takes note that the links of a dead process are gone, and tells the signer
 * that a worker is dead. Called after the process was waited for: only then
 * may a job be asked again. */
void ksk_links_cut(struct kskd *k, const struct ksk_proc *proc);

#endif
