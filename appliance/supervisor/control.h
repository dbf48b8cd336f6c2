/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control - packets between kskd and its children. A child whose control
 * socket takes no packet, or that breaks the format or speaks unasked, is
 * killed: kskd itself goes on.
 * Tests: tests/integration/test_supervisor.py
 */
#ifndef KSK_SUPERVISOR_CONTROL_H
#define KSK_SUPERVISOR_CONTROL_H

#include "appliance/supervisor/kskd.h"

/* Sends START with slice and descriptors. */
void ksk_control_start(struct kskd *k, struct ksk_proc *proc);

/* Sends LINK. fd: borrowed. */
void ksk_control_link(struct kskd *k, struct ksk_proc *proc,
	const struct ksk_ctl_link *link, int fd);

/* Sends DEAD to the signer, if it is ready. */
void ksk_control_dead(struct kskd *k, const struct ksk_ctl_worker *dead);

/* Sends TOKEN_STATE to the signer, if it is ready. */
void ksk_control_token(struct kskd *k, const struct ksk_ctl_state *state);

/* Sends COMPILED to the signer. table_fd: borrowed, with ok. */
void ksk_control_compiled(
	struct kskd *k, const struct ksk_ctl_compiled *answer, int table_fd);

/* Sends PREPARE with what a reload changes for this child. */
void ksk_control_prepare(struct kskd *k, struct ksk_proc *proc,
	const struct ksk_settings *settings, uint32_t number);

/* Sends COMMIT or ABORT. */
void ksk_control_number(struct kskd *k, struct ksk_proc *proc,
	enum ksk_packet nr, uint32_t number);

/* Sends STOP. */
void ksk_control_stop(struct kskd *k, struct ksk_proc *proc);

/* Takes what a child has sent, a few packets at most. */
void ksk_control_receive(struct kskd *k, struct ksk_proc *proc);

/* Takes the report of a login that a worker left in its control socket before
 * it died: a refused PIN must not count as unknown. */
void ksk_control_last_words(struct kskd *k, struct ksk_proc *proc);

#endif
