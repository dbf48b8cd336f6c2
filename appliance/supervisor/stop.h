/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stop - the orderly end: the frontend first (it accepts no more, answers in
 * flight go out), then the signer, then the workers; 5 s in all, then SIGKILL.
 * Tests: tests/integration/test_supervisor.py
 */
#ifndef KSK_SUPERVISOR_STOP_H
#define KSK_SUPERVISOR_STOP_H

#include "appliance/supervisor/kskd.h"

/* Begins to stop. code: what kskd will exit with. A second call changes
 * nothing. */
void ksk_stop_begin(struct kskd *k, int code);

/* Goes on with the next stage when one is over or late. Returns true when no
 * child is left. */
bool ksk_stop_run(struct kskd *k, uint64_t now_ms);

/* Returns the moment at which ksk_stop_run has something to do. */
uint64_t ksk_stop_next(const struct kskd *k);

#endif
