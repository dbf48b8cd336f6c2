/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workers - logins. Of all workers of a token one at most logs in at a time,
 * so that a PIN that is wrong costs one try however many workers there are.
 * A refused PIN locks the token (locked.h); other trouble is tried again with
 * back-off.
 * Tests: tests/integration/test_supervisor.py
 */
#ifndef KSK_SUPERVISOR_WORKERS_H
#define KSK_SUPERVISOR_WORKERS_H

#include "appliance/supervisor/kskd.h"

/* Sets up the tokens; marks of earlier runs hold or are cleared. */
void ksk_workers_init(struct kskd *k);

/* Takes new PINs into account, after a reload: clears the lock of each token
 * whose source has changed. before: the identities until now. */
void ksk_workers_sources(
	struct kskd *k, char before[KSK_TOKEN_MAX][KSK_PIN_IDENTITY_CAP]);

/* Returns true if a worker may start, which means: log in. */
bool ksk_workers_may_login(
	const struct kskd *k, const struct ksk_proc *proc, uint64_t now_ms);

/* Returns the moment at which a worker that starts now must be ready. */
uint64_t ksk_workers_ready_until(
	const struct kskd *k, const struct ksk_proc *proc, uint64_t now_ms);

/* A worker was not ready in time. Returns true if it gets more: it has its
 * PIN, and cutting a login short leaves nobody knowing what became of it. */
bool ksk_workers_more_time(struct kskd *k, struct ksk_proc *proc);

/* Takes a worker's report of its login. */
void ksk_workers_login(struct kskd *k, struct ksk_proc *proc,
	const struct ksk_ctl_state *login);

/* Takes a worker's death. */
void ksk_workers_died(
	struct kskd *k, struct ksk_proc *proc, int status, uint64_t now_ms);

/* Returns true if a worker of the token is logged in. */
bool ksk_workers_has_login(const struct kskd *k, uint16_t index);

/* Takes what keeps a token's workers from logging in, or READY: the end of
 * that. why: copied. */
void ksk_workers_trouble(struct kskd *k, uint16_t index, enum ksk_state trouble,
	enum ksk_err err, const char *why);

/* Tells a new signer how the tokens are. */
void ksk_workers_tell_signer(struct kskd *k);

#endif
