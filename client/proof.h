/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proof - asks with a nonce and checks the audit key's signature over it
 * (PROTOCOL.md 8.2): where the journal stands and what state the appliance is
 * in comes from the token then, and from now, not from whoever holds the TLS
 * key.
 * Tests: tests/integration/test_journal.py
 */
#ifndef KSK_CLIENT_PROOF_H
#define KSK_CLIENT_PROOF_H

#include "client/output.h"
#include "protocol/checkpoint.h"

/* An audit key to believe, and the proof that came. Zero it before use. */
struct ksk_proving {
	struct ksk_verify_key *key;
	uint8_t nonce[KSK_NONCE_LEN];
	struct ksk_signed_proof proof; /* once checked; signature is gone */
};

/* Reads the audit key's file. KSK_ERR_BAD_INPUT: said on standard error.
 * To be ended by ksk_proving_wipe. */
KSK_MUST_USE enum ksk_err ksk_proving_key(
	struct ksk_proving *proving, const char *path);
void ksk_proving_wipe(struct ksk_proving *proving);

/* Puts a fresh nonce into a request. KSK_ERR_CRYPTO: no random bytes. */
KSK_MUST_USE enum ksk_err ksk_proving_ask(
	struct ksk_proving *proving, struct ksk_request *request);

/*
 * Checks the proof of a status reply, and that the reply's own words agree
 * with it. KSK_ERR_BAD_SIGNATURE with fault: what is wrong.
 */
KSK_MUST_USE enum ksk_err ksk_proving_check(struct ksk_proving *proving,
	const struct ksk_reply *reply, struct ksk_fault *fault);

#endif
