/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unlock - where a person hands in a PIN: a socket in the state folder, there
 * while the configuration has a token whose PIN is typed. Only root and the
 * user who runs kskd may connect; a connection is one packet
 * (packet_unlock.h), received into locked memory, and one answer, given once
 * the first login has ended. Whoever is slow, says more, or sends anything
 * else is dropped; kskd waits for nobody.
 * Tests: tests/integration/test_unlock.py
 */
#ifndef KSK_SUPERVISOR_UNLOCK_H
#define KSK_SUPERVISOR_UNLOCK_H

#include "appliance/supervisor/kskd.h"

/* Descriptors that the desk polls at most. */
#define KSK_UNLOCK_POLL_MAX (KSK_UNLOCK_PEER_MAX + 1u)

/* Makes the desk empty. */
void ksk_unlock_init(struct kskd *k);

/* Opens the socket if the configuration needs it, else closes it. A socket
 * that is left over is replaced: the caller holds the state folder's lock.
 * KSK_ERR_IO, KSK_ERR_PERMISSION with fault: the socket is not there. */
KSK_MUST_USE enum ksk_err ksk_unlock_open(
	struct kskd *k, struct ksk_fault *fault);

/* Closes the socket and all connections and removes its file. */
void ksk_unlock_close(struct kskd *k);

/* Fills in what is to be polled: KSK_UNLOCK_POLL_MAX entries, -1 for none. */
void ksk_unlock_poll(const struct kskd *k, struct pollfd *out_fds);

/* Takes what poll found. fds: of ksk_unlock_poll. */
void ksk_unlock_receive(struct kskd *k, const struct pollfd *fds);

/* Answers who waits for a token, if there is somebody: its trouble is what has
 * just been learnt. */
void ksk_unlock_tell(struct kskd *k, uint16_t index);

/* Drops who is late. */
void ksk_unlock_run(struct kskd *k, uint64_t now_ms);

/* Returns the moment at which ksk_unlock_run has something to do. */
uint64_t ksk_unlock_next(const struct kskd *k);

#endif
