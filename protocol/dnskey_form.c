/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dnskey_form - judges the public key inside a DNSKEY by its algorithm's own
 * rules, with lengths first and libraries second: a record that a library
 * accepts by accident must not reach a signature. Contract: dnskey.h
 */
#include "protocol/dnskey.h"
#include "protocol/ecpoint.h"
#include "protocol/edwards.h"

#define RSA_BITS_MIN 1024u
#define RSA_BITS_MAX 4096u
#define EXPONENT_MAX ((uint64_t)1 << 33)

static enum ksk_err
refuse(struct ksk_fault *fault, const char *what)
{
	ksk_fault_set(fault, "%s", what);
	return KSK_ERR_MALFORMED;
}

/* Returns the exponent as a number, UINT64_MAX if it has more bytes. */
static uint64_t
read_exponent(struct ksk_span exponent)
{
	uint64_t value = 0;

	if (exponent.len >= sizeof(value))
		return UINT64_MAX;
	for (size_t i = 0; i < exponent.len; i++)
		value = value << 8 | exponent.data[i];
	return value;
}

static enum ksk_err
check_rsa(const struct ksk_dnskey *key, struct ksk_fault *fault)
{
	struct ksk_span exponent, modulus;

	if (ksk_dnskey_rsa_split(key, &exponent, &modulus) != KSK_OK)
		return refuse(fault,
			"the RSA key's exponent length, or a leading zero, is "
			"wrong (RFC 3110 2)");
	size_t bits = ksk_dnskey_rsa_bits(key);
	if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX) {
		ksk_fault_set(fault,
			"the RSA modulus has %zu bits, not %u to %u "
			"(RFC 5702 2)",
			bits, RSA_BITS_MIN, RSA_BITS_MAX);
		return KSK_ERR_MALFORMED;
	}
	if ((modulus.data[modulus.len - 1] & 1) == 0)
		return refuse(fault, "the RSA modulus is even");
	uint64_t e = read_exponent(exponent);
	if (e % 2 == 0)
		return refuse(fault, "the RSA exponent is even");
	if (e < 3 || e > EXPONENT_MAX)
		return refuse(fault, "the RSA exponent is not 3 to 2^33");
	return KSK_OK;
}

/* rfc: where the length and the form of the key are laid down. */
static enum ksk_err
check_point(const struct ksk_dnskey *key, size_t len,
	enum ksk_err (*check)(struct ksk_span bytes, const char **out_why),
	const char *rfc, struct ksk_fault *fault)
{
	const char *why = "OpenSSL failed";

	if (key->key.len != len) {
		ksk_fault_set(fault,
			"the public key has %zu bytes, not %zu (%s)",
			key->key.len, len, rfc);
		return KSK_ERR_MALFORMED;
	}
	/* A point that could not be judged is refused too: callers pass over
	 * what is not MALFORMED. */
	if (check(key->key, &why) != KSK_OK) {
		ksk_fault_set(fault, "the public key is unusable: %s", why);
		return KSK_ERR_MALFORMED;
	}
	return KSK_OK;
}

enum ksk_err
ksk_dnskey_form(const struct ksk_dnskey *key, struct ksk_fault *fault)
{
	if (key->protocol != 3) {
		ksk_fault_set(fault,
			"the protocol is %u, not 3 (RFC 4034 2.1.2)",
			(unsigned)key->protocol);
		return KSK_ERR_MALFORMED;
	}
	switch (key->algorithm) {
	case 5:
	case 7:
	case 8:
	case 10:
		return check_rsa(key, fault);
	case 13:
		return check_point(
			key, 64, ksk_ecpoint_check, "RFC 6605 4", fault);
	case 14:
		return check_point(
			key, 96, ksk_ecpoint_check, "RFC 6605 4", fault);
	case 15:
		return check_point(
			key, 32, ksk_edwards_check, "RFC 8080 3", fault);
	case 16:
		return check_point(
			key, 57, ksk_edwards_check, "RFC 8080 3", fault);
	default:
		ksk_fault_set(fault, "algorithm %u (%s) is not known here",
			(unsigned)key->algorithm,
			ksk_algorithm_text(key->algorithm));
		return KSK_ERR_UNSUPPORTED;
	}
}
