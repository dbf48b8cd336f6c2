/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * death - what follows when a child has died: one line in the log, its links
 * and its login, a reload that waited for it, and when it starts again.
 * Tests: tests/integration/test_supervisor.py
 */
#ifndef KSK_SUPERVISOR_DEATH_H
#define KSK_SUPERVISOR_DEATH_H

#include "appliance/supervisor/kskd.h"

/* Takes note of a death. status: of waitpid. */
void ksk_death(struct kskd *k, struct ksk_proc *proc, int status);

/* Writes how a process ended, for people: "exit 14: journal missing, …". */
void ksk_death_text(int status, char out[KSK_DEATH_TEXT_CAP]);

#endif
