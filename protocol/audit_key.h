/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * audit_key - the public half of the key that signs checkpoints and proofs of
 * the journal, and no RRset. It is the RDATA of a DNSKEY with flags 0: a key
 * without the Zone Key bit must not be used to verify an RRSIG (RFC 4034
 * 2.1.1).
 * Tests: tests/unit/test_checkpoint.c
 */
#ifndef KSK_PROTOCOL_AUDIT_KEY_H
#define KSK_PROTOCOL_AUDIT_KEY_H

#include "protocol/verify.h"

#define KSK_AUDIT_FLAGS 0u

/* RDATA of the largest audit key: RSA of 4,096 bits with an exponent of 33
 * bits. */
#define KSK_AUDIT_KEY_MAX 522u

/*
 * Checks that RDATA can be an audit key's: flags 0, protocol 3, a key of a
 * known algorithm in its right form.
 * KSK_ERR_MALFORMED, KSK_ERR_UNSUPPORTED (algorithm), with fault.
 */
KSK_MUST_USE enum ksk_err ksk_audit_key_check(
	struct ksk_span rdata, struct ksk_fault *fault);

/* Bytes of room for an audit key as text, final zero included. */
#define KSK_AUDIT_KEY_TEXT_CAP 720u

/*
 * Writes an audit key as people keep it: "0 3 13 BASE64", as in a DNSKEY
 * record.
 * KSK_ERR_MALFORMED: it can't be one. out_text: unchanged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_audit_key_to_text(
	struct ksk_span rdata, char out_text[KSK_AUDIT_KEY_TEXT_CAP]);

/*
 * Reads the first line of a text that is not empty and no comment ("#", ";"),
 * in that form, and checks the key. Nothing but such lines may follow.
 * text, text_len: in. out_rdata: the key is appended; unchanged on failure.
 * KSK_ERR_BAD_INPUT with fault; KSK_ERR_NO_ROOM.
 */
KSK_MUST_USE enum ksk_err ksk_audit_key_from_text(const char *text,
	size_t text_len, struct ksk_buf *out_rdata, struct ksk_fault *fault);

#endif
