/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * credit - what the signer has been asked and has not answered: at most
 * KSK_CREDIT_REQUESTS requests and KSK_CREDIT_BYTES bytes over all
 * connections, so that neither the link nor the signer can be flooded. It
 * outlives connections: a reply that nobody waits for gives its credit back
 * all the same.
 * Tests: tests/integration/test_frontend.py
 */
#ifndef KSK_FRONTEND_CREDIT_H
#define KSK_FRONTEND_CREDIT_H

#include "appliance/base/packet.h"

/* What a request costs besides its frame: its head in the packet. */
#define KSK_CREDIT_HEAD_LEN (8u + KSK_PIN_LEN + 2u)

/* len: bytes it is counted with, 0 = entry is free. */
struct ksk_credit_entry {
	uint64_t conn;
	uint32_t len;
};

struct ksk_credit {
	uint32_t count;
	uint32_t bytes;
	struct ksk_credit_entry entry[KSK_CREDIT_REQUESTS];
};

/* Returns true if a frame of frame_len bytes may be sent now. */
bool ksk_credit_has(const struct ksk_credit *credit, size_t frame_len);

/* Counts a request that is sent. Without room for it: a broken invariant
 * (abort). */
void ksk_credit_take(
	struct ksk_credit *credit, uint64_t conn, size_t frame_len);

/*
 * Takes one request of a connection as answered. Which one the reply answers
 * can't be seen here, so the smallest is taken: what is counted is never less
 * than what is open. Returns false if the connection has none.
 */
bool ksk_credit_give(struct ksk_credit *credit, uint64_t conn);

/* Forgets all requests: the signer that had them is gone. */
void ksk_credit_clear(struct ksk_credit *credit);

#endif
