/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mechanism - which Cryptoki mechanism makes the signatures of an algorithm,
 * and what it is fed: the DigestInfo, the hash or the whole text. Tokens
 * differ in what they offer; the first row of the table that a token has is
 * taken. Raw mechanisms come first: every token with the key type has them,
 * and several have nothing else.
 */
#ifndef KSK_HSM_MECHANISM_H
#define KSK_HSM_MECHANISM_H

#include "hsm/encoding.h"

enum ksk_feed { KSK_FEED_DIGEST_INFO, KSK_FEED_HASH, KSK_FEED_WHOLE };

struct ksk_mechanism {
	uint8_t algorithm;
	unsigned long type; /* CKM_ */
	enum ksk_feed feed;
};

#define KSK_MECHANISM_COUNT 10u
extern const struct ksk_mechanism ksk_mechanisms[KSK_MECHANISM_COUNT];

/* A key may limit the rows (CKA_ALLOWED_MECHANISMS): a bit for each that it
 * allows. */
#define KSK_MECHANISM_ANY (~0u)

/* What a token says about the mechanism of the same row. */
struct ksk_mechanism_range {
	bool signs;
	unsigned long min, max; /* bits of a key; 0: no limit known */
};

/*
 * Finds the row for a key.
 * allowed: KSK_MECHANISM_ANY, or the rows that the key allows.
 * bits: of an RSA modulus; 0 for other keys, which have but one size.
 * why: out, room for cap bytes, what is missing, when there is none.
 * Returns NULL if the token has no mechanism, or not for that size, or the key
 * allows none.
 */
const struct ksk_mechanism *ksk_mechanism_find(
	const struct ksk_mechanism_range range[KSK_MECHANISM_COUNT],
	unsigned allowed, uint8_t algorithm, size_t bits, char *why,
	size_t cap);

#endif
