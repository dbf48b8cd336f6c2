/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keygen - makes a KSK in the token: sensitive, never extractable, private,
 * for signing only, with a random CKA_ID. Used by kskadm; the worker makes no
 * keys.
 *
 * Never extractable and a backup by wrapping exclude each other, so that is
 * chosen here, once.
 * Tests: tests/token/
 */
#ifndef KSK_HSM_KEYGEN_H
#define KSK_HSM_KEYGEN_H

#include "hsm/key.h"

#define KSK_KEYGEN_ID_LEN 16u

/* bits: of an RSA modulus, 2048..4096; 0 for other algorithms. label: not
 * empty, not in use on the token. extractable: made so that hsm/wrap.h can
 * back it up. */
struct ksk_keygen {
	uint8_t algorithm;
	unsigned bits;
	const char *label;
	bool extractable;
};

/*
 * Makes a key and reads it back from the token, judged as a worker would. An
 * extractable one is made only where a throw-away key of the same kind can be
 * wrapped.
 * token: open for writing and logged in. out_id: its CKA_ID.
 * KSK_ERR_BAD_INPUT: algorithm, bits or label are out of range.
 * KSK_ERR_AMBIGUOUS: the label is in use. KSK_ERR_UNSUPPORTED: the token makes
 * no such key, can't wrap it, or made one that is unfit. KSK_ERR_TOKEN. All with fault.
 */
KSK_MUST_USE enum ksk_err ksk_keygen(struct ksk_token *token,
	const struct ksk_keygen *wanted, struct ksk_key *out_key,
	uint8_t out_id[KSK_KEYGEN_ID_LEN], struct ksk_fault *fault);

#endif
