/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * encoding - see encoding.h. The tables of curves stand first, then points,
 * RSA keys and signatures.
 */
#include "hsm/encoding.h"

#include <string.h>

#define DER_INTEGER 0x02u
#define DER_BIT_STRING 0x03u
#define DER_OCTET_STRING 0x04u
#define DER_SEQUENCE 0x30u

/* P-384 */
#define FIELD_MAX 48u

static const uint8_t oid_p256[] = {
	0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t oid_p384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
static const uint8_t oid_ed25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};
static const uint8_t oid_ed448[] = {0x06, 0x03, 0x2b, 0x65, 0x71};
/* The OID that GnuPG used for Ed25519 before RFC 8410; still on tokens. */
static const uint8_t oid_ed25519_old[] = {
	0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01};
/* PrintableString, the names of PKCS#11 3.0 */
static const uint8_t name_ed25519[] = {
	0x13, 0x0c, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9'};
static const uint8_t name_ed448[] = {
	0x13, 0x0a, 'e', 'd', 'w', 'a', 'r', 'd', 's', '4', '4', '8'};

/* The first row of an algorithm and form is the one that keys are made with. */
static const struct curve {
	uint8_t algorithm;
	bool by_name;
	uint8_t len;
	const uint8_t *params;
} curves[] = {
	{KSK_ALG_P256, false, sizeof(oid_p256), oid_p256},
	{KSK_ALG_P384, false, sizeof(oid_p384), oid_p384},
	{KSK_ALG_ED25519, false, sizeof(oid_ed25519), oid_ed25519},
	{KSK_ALG_ED25519, true, sizeof(name_ed25519), name_ed25519},
	{KSK_ALG_ED25519, false, sizeof(oid_ed25519_old), oid_ed25519_old},
	{KSK_ALG_ED448, false, sizeof(oid_ed448), oid_ed448},
	{KSK_ALG_ED448, true, sizeof(name_ed448), name_ed448},
};
#define CURVE_COUNT (sizeof(curves) / sizeof(curves[0]))

static const uint8_t digest_info_sha256[KSK_DIGEST_INFO_HEAD_LEN] = {0x30, 0x31,
	0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
	0x01, 0x05, 0x00, 0x04, 0x20};
static const uint8_t digest_info_sha512[KSK_DIGEST_INFO_HEAD_LEN] = {0x30, 0x51,
	0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
	0x03, 0x05, 0x00, 0x04, 0x40};

size_t
ksk_signature_len(uint8_t algorithm)
{
	switch (algorithm) {
	case KSK_ALG_P256:
	case KSK_ALG_ED25519:
		return 64;
	case KSK_ALG_P384:
		return 96;
	case KSK_ALG_ED448:
		return 114;
	default:
		return 0;
	}
}

uint8_t
ksk_curve_algorithm(struct ksk_span params)
{
	for (size_t i = 0; i < CURVE_COUNT; i++) {
		if (ksk_span_equal(params,
			    ksk_span_of(curves[i].params, curves[i].len)))
			return curves[i].algorithm;
	}
	return 0;
}

struct ksk_span
ksk_curve_params(uint8_t algorithm, bool by_name)
{
	for (size_t i = 0; i < CURVE_COUNT; i++) {
		if (curves[i].algorithm == algorithm &&
			curves[i].by_name == by_name)
			return ksk_span_of(curves[i].params, curves[i].len);
	}
	return ksk_span_of(NULL, 0);
}

/* Returns the bytes of a point as a token gives it when bare. */
static size_t
point_len(uint8_t algorithm)
{
	switch (algorithm) {
	case KSK_ALG_P256:
		return 65;
	case KSK_ALG_P384:
		return 97;
	case KSK_ALG_ED25519:
		return 32;
	case KSK_ALG_ED448:
		return 57;
	default:
		return 0;
	}
}

/*
 * Finds the bare value in an attribute. The total length decides: a bare
 * Ed25519 point may well begin like a DER header, and whoever looks at the
 * header first cuts it short.
 */
static bool
unwrap(struct ksk_span attribute, size_t len, struct ksk_span *out)
{
	const uint8_t *p = attribute.data;
	size_t head = attribute.len - len;

	if (attribute.len < len)
		return false;
	if (head == 2) {
		if (p[0] != DER_OCTET_STRING || p[1] != len)
			return false;
	} else if (head == 3) {
		bool long_form = p[0] == DER_OCTET_STRING && p[1] == 0x81 &&
			p[2] == len;
		bool bits = p[0] == DER_BIT_STRING && p[1] == len + 1 &&
			p[2] == 0;

		if (!long_form && !bits)
			return false;
	} else if (head != 0) {
		return false;
	}
	*out = ksk_span_of(p + head, len);
	return true;
}

static bool
is_compressed(uint8_t algorithm, struct ksk_span attribute)
{
	struct ksk_span point;

	return ksk_alg_is_ecdsa(algorithm) &&
		unwrap(attribute, (point_len(algorithm) + 1) / 2, &point) &&
		(point.data[0] == 0x02 || point.data[0] == 0x03);
}

enum ksk_err
ksk_point_to_dns(uint8_t algorithm, struct ksk_span attribute,
	struct ksk_buf *out, struct ksk_fault *fault)
{
	size_t len = point_len(algorithm);
	struct ksk_span point;

	if (len == 0) {
		ksk_fault_set(fault, "algorithm %u has no points",
			(unsigned)algorithm);
		return KSK_ERR_UNSUPPORTED;
	}
	if (is_compressed(algorithm, attribute)) {
		ksk_fault_set(fault, "the token gives the point compressed");
		return KSK_ERR_UNSUPPORTED;
	}
	if (!unwrap(attribute, len, &point)) {
		ksk_fault_set(fault,
			"the token gives the point in %zu bytes of unknown "
			"form",
			attribute.len);
		return KSK_ERR_MALFORMED;
	}
	if (!ksk_alg_is_ecdsa(algorithm))
		return ksk_buf_put(out, point.data, point.len);
	if (point.data[0] != 0x04) {
		ksk_fault_set(fault, "the point has form byte %02x, not 04",
			(unsigned)point.data[0]);
		return KSK_ERR_MALFORMED;
	}
	return ksk_buf_put(out, point.data + 1, point.len - 1);
}

static struct ksk_span
drop_zeroes(struct ksk_span number)
{
	size_t zeroes = 0;

	while (zeroes < number.len && number.data[zeroes] == 0)
		zeroes++;
	if (zeroes == number.len)
		return ksk_span_of(NULL, 0);
	return ksk_span_of(number.data + zeroes, number.len - zeroes);
}

enum ksk_err
ksk_rsa_to_dns(
	struct ksk_span modulus, struct ksk_span exponent, struct ksk_buf *out)
{
	struct ksk_span n = drop_zeroes(modulus);
	struct ksk_span e = drop_zeroes(exponent);
	uint8_t head[3] = {(uint8_t)e.len, 0, 0};
	size_t head_len = 1;
	size_t before = out->len;
	enum ksk_err r = KSK_ERR_INTERNAL;

	if (n.len == 0 || e.len == 0 || e.len > UINT16_MAX)
		return KSK_ERR_MALFORMED;
	if (e.len > UINT8_MAX) { /* RFC 3110 2: zero, then two bytes */
		head[0] = 0;
		head[1] = (uint8_t)(e.len >> 8);
		head[2] = (uint8_t)(e.len & 0xff);
		head_len = 3;
	}
	if ((r = ksk_buf_put(out, head, head_len)) != KSK_OK ||
		(r = ksk_buf_put(out, e.data, e.len)) != KSK_OK ||
		(r = ksk_buf_put(out, n.data, n.len)) != KSK_OK)
		out->len = before;
	return r;
}

/*
 * Takes one DER INTEGER off the front, as width bytes. Refuses what DER
 * forbids: negative, padded, zero, longer than the field.
 */
static bool
take_integer(struct ksk_span *rest, size_t width, uint8_t *out)
{
	const uint8_t *p = rest->data;
	size_t len;
	size_t skip;

	if (rest->len < 3 || p[0] != DER_INTEGER)
		return false;
	len = p[1];
	if (len == 0 || len > width + 1 || len > rest->len - 2)
		return false;
	if ((p[2] & 0x80) != 0)
		return false;
	skip = p[2] == 0 ? 1 : 0;
	if (skip == 1 && (len == 1 || (p[3] & 0x80) == 0))
		return false;
	if (len - skip > width)
		return false;
	memset(out, 0, width - (len - skip));
	memcpy(out + width - (len - skip), p + 2 + skip, len - skip);
	*rest = ksk_span_of(p + 2 + len, rest->len - 2 - len);
	return true;
}

/* P-384's SEQUENCE is at most 102 bytes: the short length form always does. */
static bool
read_der(struct ksk_span der, size_t width, uint8_t out[2 * FIELD_MAX])
{
	struct ksk_span rest;

	if (der.len < 8 || der.data[0] != DER_SEQUENCE ||
		der.data[1] != der.len - 2 || der.data[1] >= 0x80)
		return false;
	rest = ksk_span_of(der.data + 2, der.len - 2);
	return take_integer(&rest, width, out) &&
		take_integer(&rest, width, out + width) && rest.len == 0;
}

enum ksk_err
ksk_ecdsa_to_dns(uint8_t algorithm, struct ksk_span signature,
	struct ksk_buf *out, struct ksk_fault *fault)
{
	uint8_t fixed[2 * FIELD_MAX];
	size_t len;

	if (!ksk_alg_is_ecdsa(algorithm)) {
		ksk_fault_set(fault, "algorithm %u is not ECDSA",
			(unsigned)algorithm);
		return KSK_ERR_MALFORMED;
	}
	len = ksk_signature_len(algorithm);
	if (signature.len == len)
		return ksk_buf_put(out, signature.data, len);
	if (!read_der(signature, len / 2, fixed)) {
		ksk_fault_set(fault,
			"signature form: %zu bytes from the token, neither "
			"r and s in %zu bytes nor DER",
			signature.len, len);
		return KSK_ERR_MALFORMED;
	}
	return ksk_buf_put(out, fixed, len);
}

struct ksk_span
ksk_digest_info_head(uint8_t algorithm)
{
	if (algorithm == KSK_ALG_RSASHA256)
		return ksk_span_of(
			digest_info_sha256, sizeof(digest_info_sha256));
	if (algorithm == KSK_ALG_RSASHA512)
		return ksk_span_of(
			digest_info_sha512, sizeof(digest_info_sha512));
	return ksk_span_of(NULL, 0);
}
