/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ecpoint - says whether bytes are a point on P-256 or P-384 (FIPS 186-4
 * D.1.2). Importing a key into OpenSSL would say so too, but builds the whole
 * curve anew for each key: thirty times the work, in every judgement of a set.
 * Tests: tests/unit/test_ecpoint.c
 */
#ifndef KSK_PROTOCOL_ECPOINT_H
#define KSK_PROTOCOL_ECPOINT_H

#include "protocol/span.h"

/*
 * Checks an uncompressed point: x, then y, big-endian at the field's width
 * (RFC 6605 4). Both curves have cofactor 1: every point on them that can be
 * written so has the full order.
 * bytes: 64 bytes for P-256, 96 for P-384.
 * out_why: what is wrong with it, static; unchanged on success.
 * KSK_ERR_MALFORMED: another length, a coordinate that is not below the
 * field's prime, or not on the curve. KSK_ERR_CRYPTO: OpenSSL failed.
 */
KSK_MUST_USE enum ksk_err ksk_ecpoint_check(
	struct ksk_span bytes, const char **out_why);

#endif
