/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msg_announce - op announce, and what keys and status replies say of
 * announcements (PROTOCOL.md 4.1, 4.2, 4.7). msg.h includes it; callers use
 * that.
 * Tests: tests/unit/test_msg_announce.c, tests/fuzz/
 */
#ifndef KSK_PROTOCOL_MSG_ANNOUNCE_H
#define KSK_PROTOCOL_MSG_ANNOUNCE_H

#include "protocol/cbor_in.h"
#include "protocol/cbor_out.h"
#include "protocol/name.h"

/* What the announcement accepted last is worth: name, number, text */
#define KSK_ANNOUNCED_TABLE(X) \
	X(KSK_ANNOUNCED_VALID, 0, "valid") \
	X(KSK_ANNOUNCED_EARLY, 1, "early")     /* before not-before */ \
	X(KSK_ANNOUNCED_EXPIRED, 2, "expired") /* not-after has come */ \
	X(KSK_ANNOUNCED_VOID, 3, "void") /* the certificate has another key */ \
	X(KSK_ANNOUNCED_NONE, 4, "none") /* nothing was ever accepted */

enum ksk_announced_state {
#define X(name, value, text) name = (value),
	KSK_ANNOUNCED_TABLE(X)
#undef X
};

const char *ksk_announced_text(uint64_t state); /* "unknown" for others */

/* Where a key of a provider comes from. */
enum ksk_announced_key {
	KSK_KEY_PINNED = 0,
	KSK_KEY_ANNOUNCED = 1, /* it may enter */
	KSK_KEY_KEPT = 2,      /* announced, but not in a way that is valid
	                        * now; it stands in a set and may stay */
	KSK_KEY_FORMER = 3,    /* no longer announced; it stands in a set */
};

/* announce-request: the signed document, borrowed. */
struct ksk_announce_body {
	struct ksk_span document; /* 1 to KSK_ANNOUNCEMENT_MAX bytes */
};

/* announce-reply */
struct ksk_announce_reply {
	uint64_t record; /* number of its record … */
	uint8_t record_hash[KSK_HASH_LEN];
	bool known; /* … which was there before */
};

/* Of one provider, in a keys reply. With state NONE all else is 0. */
struct ksk_announced_entry {
	uint64_t state; /* enum ksk_announced_state */
	uint64_t serial;
	uint64_t accepted; /* seconds */
	uint64_t not_before, not_after;
	uint64_t record; /* number */
};

/* In a status reply: one that needs somebody's attention. */
struct ksk_announced_notice {
	struct ksk_name owner;
	char provider[KSK_LABEL_CAP];
	uint64_t state;     /* VALID: it expires soon */
	uint64_t not_after; /* 0 with state NONE */
	uint64_t accepted;  /* seconds; 0: not known, and with state NONE */
};

#define KSK_ANNOUNCED_NOTICE_MAX 16u

/* The bodies. Readers leave errors in the cursor (cbor_in.h). */
void ksk_msg_announce_read(
	struct ksk_cbor_in *in, struct ksk_announce_body *out);
void ksk_msg_announce_write(
	struct ksk_cbor_out *out, const struct ksk_announce_body *body);
void ksk_msg_announce_reply_read(
	struct ksk_cbor_in *in, struct ksk_announce_reply *out);
void ksk_msg_announce_reply_write(
	struct ksk_cbor_out *out, const struct ksk_announce_reply *reply);
void ksk_msg_announced_read(
	struct ksk_cbor_in *in, struct ksk_announced_entry *out);
void ksk_msg_announced_write(
	struct ksk_cbor_out *out, const struct ksk_announced_entry *entry);
void ksk_msg_notices_read(struct ksk_cbor_in *in,
	struct ksk_announced_notice out[KSK_ANNOUNCED_NOTICE_MAX],
	size_t *out_count);
void ksk_msg_notices_write(struct ksk_cbor_out *out,
	const struct ksk_announced_notice *notice, size_t count);

#endif
