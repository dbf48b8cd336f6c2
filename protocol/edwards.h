/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edwards - says whether bytes are a usable point on the curve of Ed25519 or
 * Ed448 (RFC 8032 5.1.3, 5.2.3). OpenSSL takes any 32 or 57 bytes as a public
 * key and finds out at the first verification.
 * Tests: tests/unit/test_dnskey.c
 */
#ifndef KSK_PROTOCOL_EDWARDS_H
#define KSK_PROTOCOL_EDWARDS_H

#include "protocol/span.h"

/*
 * Checks an encoded point.
 * bytes: 32 bytes for Ed25519, 57 for Ed448.
 * out_why: what is wrong with it, static; unchanged on success.
 * KSK_ERR_MALFORMED: y is not below the field's prime, no x belongs to it, x
 * is 0 with the sign bit set, or the point has a small order, so that anybody
 * can make signatures for it. KSK_ERR_CRYPTO: OpenSSL failed.
 */
KSK_MUST_USE enum ksk_err ksk_edwards_check(
	struct ksk_span bytes, const char **out_why);

#endif
