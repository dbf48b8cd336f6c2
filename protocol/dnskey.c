/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dnskey - fields, tags and sizes of one DNSKEY. Contract: dnskey.h. The form
 * of the public key is judged in dnskey_form.c, DS records are made in ds.c.
 */
#include "protocol/dnskey.h"

#include "protocol/wire.h"

#define RSAMD5 1u

/*
 * RFC 4034 B: the RDATA summed as 16-bit numbers, here those behind the flags,
 * so that the tag of the revoked form needs no second pass.
 */
static uint32_t
sum_behind_flags(struct ksk_span rdata)
{
	uint32_t sum = 0;
	size_t i = 2;

	for (; i + 1 < rdata.len; i += 2)
		sum += (uint32_t)rdata.data[i] << 8 | rdata.data[i + 1];
	return i < rdata.len ? sum + ((uint32_t)rdata.data[i] << 8) : sum;
}

/* The carry is added once. */
static uint16_t
end_tag(uint32_t sum, uint16_t flags)
{
	sum += flags;
	return (uint16_t)(sum + (sum >> 16));
}

/* RFC 4034 B.1: bits of the modulus, whatever the flags are. */
static uint16_t
compute_md5_tag(struct ksk_span rdata)
{
	if (rdata.len < KSK_DNSKEY_HEAD_LEN + 3)
		return 0;
	return (uint16_t)(rdata.data[rdata.len - 3] << 8 |
		rdata.data[rdata.len - 2]);
}

enum ksk_err
ksk_dnskey_read(struct ksk_span rdata, struct ksk_dnskey *out_key)
{
	/* The sum of a tag fits 32 bits for all that a record holds. */
	if (rdata.len <= KSK_DNSKEY_HEAD_LEN || rdata.len > UINT16_MAX)
		return KSK_ERR_MALFORMED;
	struct ksk_wire w = ksk_wire_of(rdata);
	struct ksk_dnskey key = {
		.flags = ksk_wire_u16(&w),
		.protocol = ksk_wire_u8(&w),
		.algorithm = ksk_wire_u8(&w),
	};
	key.key = ksk_wire_bytes(&w, rdata.len - KSK_DNSKEY_HEAD_LEN);
	enum ksk_err err = ksk_wire_end(&w);
	if (err != KSK_OK)
		return err;
	if (key.algorithm == RSAMD5) {
		key.tag = compute_md5_tag(rdata);
		key.revoked_tag = key.tag;
	} else {
		uint32_t sum = sum_behind_flags(rdata);

		key.tag = end_tag(sum, key.flags);
		key.revoked_tag = end_tag(
			sum, (uint16_t)(key.flags | KSK_FLAG_REVOKE));
	}
	*out_key = key;
	return KSK_OK;
}

enum ksk_err
ksk_dnskey_rsa_split(const struct ksk_dnskey *key,
	struct ksk_span *out_exponent, struct ksk_span *out_modulus)
{
	struct ksk_wire w = ksk_wire_of(key->key);
	size_t len = ksk_wire_u8(&w);

	/* RFC 3110 2: one byte of length, or a zero and two bytes if longer
	 * than 255. */
	if (len == 0) {
		len = ksk_wire_u16(&w);
		if (len <= 255)
			return KSK_ERR_MALFORMED;
	}
	struct ksk_span exponent = ksk_wire_bytes(&w, len);
	struct ksk_span modulus = ksk_wire_bytes(&w, w.rest.len);
	if (ksk_wire_end(&w) != KSK_OK || modulus.len == 0)
		return KSK_ERR_MALFORMED;
	/* RFC 3110 2: leading zero octets are prohibited in both. */
	if (exponent.data[0] == 0 || modulus.data[0] == 0)
		return KSK_ERR_MALFORMED;
	*out_exponent = exponent;
	*out_modulus = modulus;
	return KSK_OK;
}

static bool
is_rsa(uint8_t algorithm)
{
	switch (algorithm) {
	case 5:
	case 7:
	case 8:
	case 10:
		return true;
	default:
		return false;
	}
}

size_t
ksk_dnskey_rsa_bits(const struct ksk_dnskey *key)
{
	struct ksk_span exponent, modulus;

	if (!is_rsa(key->algorithm) ||
		ksk_dnskey_rsa_split(key, &exponent, &modulus) != KSK_OK)
		return 0;
	size_t bits = (modulus.len - 1) * 8;
	for (uint8_t top = modulus.data[0]; top != 0; top >>= 1)
		bits++;
	return bits;
}

const char *
ksk_algorithm_text(uint8_t algorithm)
{
	switch (algorithm) {
	case RSAMD5:
		return "RSAMD5";
	case 2:
		return "DH";
	case 3:
		return "DSA";
	case 5:
		return "RSASHA1";
	case 6:
		return "DSA-NSEC3-SHA1";
	case 7:
		return "RSASHA1-NSEC3-SHA1";
	case 8:
		return "RSASHA256";
	case 10:
		return "RSASHA512";
	case 12:
		return "ECC-GOST";
	case 13:
		return "ECDSAP256SHA256";
	case 14:
		return "ECDSAP384SHA384";
	case 15:
		return "ED25519";
	case 16:
		return "ED448";
	default:
		return "unassigned";
	}
}
