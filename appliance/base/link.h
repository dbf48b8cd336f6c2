/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link - one end of a non-blocking SOCK_SEQPACKET pair between two of our
 * processes. A packet arrives whole or not at all. Only control sockets carry
 * descriptors; a descriptor that comes over any other link, a cut packet or an
 * empty one means that the peer is compromised (KSK_ERR_MALFORMED: the caller
 * logs and exits).
 * Tests: tests/unit/test_link.c
 */
#ifndef KSK_BASE_LINK_H
#define KSK_BASE_LINK_H

#include "protocol/span.h"

/* One packet: a frame of 65,535 bytes and what stands around it. */
#define KSK_PACKET_MAX (66u * 1024u)

/* Descriptors of one packet. */
#define KSK_LINK_FD_MAX 4u

/* fd: -1 when there is no link. generation: counts the links of one edge
 * since kskd's start; a new one after each death of either end. */
struct ksk_link {
	int fd;
	uint32_t generation;
};

/* Makes a pair, CLOEXEC and non-blocking, with room for at least 1 MiB in
 * flight where the kernel allows it. KSK_ERR_IO (errno kept). */
KSK_MUST_USE enum ksk_err ksk_link_pair(int out_fds[2]);

/* Closes the descriptor and sets it to -1; accepts -1. */
void ksk_link_close(struct ksk_link *link);

/*
 * Sends one packet.
 * fds, fd_count: borrowed, 0..KSK_LINK_FD_MAX, control sockets only.
 * KSK_ERR_AGAIN: no room now, wait for POLLOUT. KSK_ERR_CLOSED: the peer is
 * gone, or there is no link. KSK_ERR_IO: else.
 */
KSK_MUST_USE enum ksk_err ksk_link_send(const struct ksk_link *link,
	struct ksk_span packet, const int *fds, size_t fd_count);

/*
 * Receives one packet into buf (cap >= KSK_PACKET_MAX; its len is set).
 * out_fds: out, fd_cap descriptors at most, owned by the caller, CLOEXEC; NULL
 * with fd_cap 0 on links that carry none.
 * KSK_ERR_AGAIN: nothing there. KSK_ERR_CLOSED: the peer is gone.
 * KSK_ERR_MALFORMED: cut off, empty, or unexpected descriptors (closed).
 */
KSK_MUST_USE enum ksk_err ksk_link_recv(const struct ksk_link *link,
	struct ksk_buf *buf, int *out_fds, size_t fd_cap, size_t *out_fd_count);

#endif
