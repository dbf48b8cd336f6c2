/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * encoding - the forms in which PKCS#11 modules hand over points, curves and
 * signatures, and the one form that DNS takes. Pure: bytes in, value out; no
 * Cryptoki call, no heap. A form is told by its total length first and by its
 * bytes after that; what is left over or short is refused, never guessed.
 * Tests: tests/unit/test_encoding.c
 */
#ifndef KSK_HSM_ENCODING_H
#define KSK_HSM_ENCODING_H

#include "protocol/span.h"

/* DNSSEC algorithm numbers that can be signed with (RFC 8624 3.1). */
#define KSK_ALG_RSASHA256 8u
#define KSK_ALG_RSASHA512 10u
#define KSK_ALG_P256 13u
#define KSK_ALG_P384 14u
#define KSK_ALG_ED25519 15u
#define KSK_ALG_ED448 16u

static inline bool
ksk_alg_is_rsa(uint8_t algorithm)
{
	return algorithm == KSK_ALG_RSASHA256 || algorithm == KSK_ALG_RSASHA512;
}

static inline bool
ksk_alg_is_ecdsa(uint8_t algorithm)
{
	return algorithm == KSK_ALG_P256 || algorithm == KSK_ALG_P384;
}

static inline bool
ksk_alg_is_edwards(uint8_t algorithm)
{
	return algorithm == KSK_ALG_ED25519 || algorithm == KSK_ALG_ED448;
}

/* Returns the bytes of a signature in DNS form for algorithms 13 to 16, 0 for
 * any other (an RSA signature is as long as its modulus). */
size_t ksk_signature_len(uint8_t algorithm);

/*
 * Tells the algorithm (13, 14, 15, 16) from CKA_EC_PARAMS: a named curve's
 * OID, or a curve name as PrintableString (PKCS#11 3.0, 2.3.3).
 * Returns 0 for any other curve or form.
 */
uint8_t ksk_curve_algorithm(struct ksk_span params);

/* Returns CKA_EC_PARAMS for making a key of algorithm 13 to 16; an empty span
 * for any other. by_name: the curve's name instead of its OID, which exists
 * for Edwards curves only. Static. */
struct ksk_span ksk_curve_params(uint8_t algorithm, bool by_name);

/*
 * Turns CKA_EC_POINT into the key field of a DNSKEY (RFC 6605 4: x and y
 * without form byte; RFC 8080 3: the encoded point).
 * Taken: bare, in an OCTET STRING (also with a long-form length), in a BIT
 * STRING. Whether the point is on the curve is not judged here.
 * KSK_ERR_MALFORMED: any other length or form; KSK_ERR_UNSUPPORTED: a
 * compressed point, or an algorithm without points; both with fault.
 * KSK_ERR_NO_ROOM. out: appended to on success only.
 */
KSK_MUST_USE enum ksk_err ksk_point_to_dns(uint8_t algorithm,
	struct ksk_span attribute, struct ksk_buf *out,
	struct ksk_fault *fault);

/*
 * Turns CKA_MODULUS and CKA_PUBLIC_EXPONENT into the key field of a DNSKEY
 * (RFC 3110 2); zeroes in front are dropped.
 * KSK_ERR_MALFORMED: one of them is empty or zero. KSK_ERR_NO_ROOM.
 * out: appended to on success only.
 */
KSK_MUST_USE enum ksk_err ksk_rsa_to_dns(
	struct ksk_span modulus, struct ksk_span exponent, struct ksk_buf *out);

/*
 * Turns a token's ECDSA signature into r and s at fixed width (RFC 6605 4).
 * Taken: r and s at fixed width as they are; a DER SEQUENCE of two positive
 * INTEGERs. Anything shorter that is no DER is refused: r and s glued
 * together without their zeroes can't be split with certainty.
 * KSK_ERR_MALFORMED with fault: another form. KSK_ERR_NO_ROOM.
 * out: appended to on success only.
 */
KSK_MUST_USE enum ksk_err ksk_ecdsa_to_dns(uint8_t algorithm,
	struct ksk_span signature, struct ksk_buf *out,
	struct ksk_fault *fault);

/* DigestInfo of SHA-256 or SHA-512 without the hash (RFC 8017 9.2). */
#define KSK_DIGEST_INFO_HEAD_LEN 19u

/* Returns it for algorithm 8 or 10; an empty span for any other. Static. */
struct ksk_span ksk_digest_info_head(uint8_t algorithm);

#endif
