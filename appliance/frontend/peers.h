/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peers - how many connections each address has. An address is an IPv4 /32 or
 * an IPv6 /64: one customer's line, as networks are handed out. The table is
 * searched from the front, so nothing that a peer chooses can make it slow.
 * Tests: tests/integration/test_frontend.py
 */
#ifndef KSK_FRONTEND_PEERS_H
#define KSK_FRONTEND_PEERS_H

#include "protocol/err.h"

#include <stdbool.h>
#include <sys/socket.h>

/* count: connections, 0 = entry is free. young: those of them that the peer
 * has not been authenticated on. */
struct ksk_peer {
	uint8_t family; /* 4, 6; 0 = neither */
	uint8_t net[8];
	uint32_t count;
	uint32_t young;
};

/* Room for one entry per connection; allocated once. */
struct ksk_peers {
	struct ksk_peer *entry;
	size_t cap;
};

/* Prepares an empty table for so many connections. KSK_ERR_NO_MEMORY. */
KSK_MUST_USE enum ksk_err ksk_peers_init(struct ksk_peers *peers, size_t cap);

/* Returns the address's entry, NULL if the table is full. An entry stays where
 * it is while its count is not 0; one with count 0 is given away again by the
 * next call. */
struct ksk_peer *ksk_peers_find(
	struct ksk_peers *peers, const struct sockaddr_storage *address);

/* Returns the address with the most young connections, NULL if there are
 * none. */
struct ksk_peer *ksk_peers_busiest(struct ksk_peers *peers);

/* Writes address and port as text. */
void ksk_peers_text(
	const struct sockaddr_storage *address, char *out, size_t out_cap);

#endif
