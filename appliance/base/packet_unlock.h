/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_unlock - what `kskadm unlock` and kskd say to each other: one packet
 * with a PIN, one with what became of it, over the socket KSK_UNLOCK_SOCKET in
 * the state folder (SOCK_SEQPACKET, root's alone). The numbers stand in
 * KSK_PACKET_TABLE. A PIN is never copied here: its writer leaves it to the
 * caller, who sends it out of locked memory behind the rest, and its reader
 * borrows it.
 * Tests: tests/unit/test_packet_unlock.c
 */
#ifndef KSK_BASE_PACKET_UNLOCK_H
#define KSK_BASE_PACKET_UNLOCK_H

#include "appliance/base/packet.h"

struct sockaddr_un;

#define KSK_UNLOCK_SOCKET "unlock"

/* Longest PIN in bytes, as everywhere. */
#define KSK_UNLOCK_PIN_MAX 256u

/* Room for any packet with a PIN, and for any answer. */
#define KSK_UNLOCK_ASK_CAP 512u
#define KSK_UNLOCK_ANSWER_CAP 1024u

/* UNLOCK. pin: 1 to KSK_UNLOCK_PIN_MAX bytes, no zero byte and no line end
 * among them; borrowed. pin_reset: a person says that the token's own lock has
 * been taken off since it refused. */
struct ksk_unlock {
	char token[KSK_LABEL_CAP];
	bool pin_reset;
	struct ksk_span pin;
};

/* What became of a PIN. The values are what goes over the socket. */
enum ksk_unlock_outcome {
	KSK_UNLOCK_DONE = 0,     /* a worker has logged in */
	KSK_UNLOCK_ALREADY = 1,  /* others had before; the PIN was not used */
	KSK_UNLOCK_WRONG = 2,    /* refused by the token; forgotten */
	KSK_UNLOCK_LOCKED = 3,   /* the token has locked it; forgotten */
	KSK_UNLOCK_UNFIT = 4,    /* no PIN for this token; forgotten */
	KSK_UNLOCK_UNKNOWN = 5,  /* logins ended without an answer; forgotten */
	KSK_UNLOCK_KEPT = 6,     /* the token is down; tried when it is back */
	KSK_UNLOCK_BUSY = 7,     /* another PIN is being tried; not used */
	KSK_UNLOCK_NO_TOKEN = 8, /* kskd has no such token */
	KSK_UNLOCK_NOT_TYPED = 9, /* its PIN comes from elsewhere */
	KSK_UNLOCK_FAILED = 10,   /* kskd can't take it; not used */
};
#define KSK_UNLOCK_OUTCOME_MAX KSK_UNLOCK_FAILED

/* UNLOCKED. why: for a person, "" when done. */
struct ksk_unlocked {
	enum ksk_unlock_outcome outcome;
	char why[KSK_FAULT_CAP];
};

/*
 * Writes all of a packet but the PIN's bytes, which the caller sends right
 * behind. ask: its pin's data is not looked at.
 * KSK_ERR_MALFORMED: its reader would refuse it; KSK_ERR_NO_ROOM.
 */
KSK_MUST_USE enum ksk_err ksk_unlock_write_head(
	const struct ksk_unlock *ask, struct ksk_buf *out);

/* Reads a whole packet. out: pin borrows from it; unchanged on failure.
 * KSK_ERR_MALFORMED, KSK_ERR_TOO_LARGE. */
KSK_MUST_USE enum ksk_err ksk_unlock_read(
	struct ksk_span packet, struct ksk_unlock *out);

KSK_MUST_USE enum ksk_err ksk_unlocked_write(
	const struct ksk_unlocked *answer, struct ksk_buf *out);

/* Errors as above; out: unchanged on failure. */
KSK_MUST_USE enum ksk_err ksk_unlocked_read(
	struct ksk_span packet, struct ksk_unlocked *out);

/*
 * Writes the address of the socket in a state folder, which may have any
 * length. state_fd: the open folder (O_PATH), needed until the address has
 * been used.
 */
void ksk_unlock_address(int state_fd, struct sockaddr_un *out);

#endif
