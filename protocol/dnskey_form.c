/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dnskey_form - judges the public key inside a DNSKEY by its algorithm's own
 * rules, with lengths first and libraries second: a record that a library
 * accepts by accident must not reach a signature. Contract: dnskey.h
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "protocol/dnskey.h"
#include "protocol/edwards.h"

#define RSA_BITS_MIN 1024u
#define RSA_BITS_MAX 4096u
#define EXPONENT_MAX ((uint64_t)1 << 33)
#define EC_POINT_MAX 97u

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

/* Asks OpenSSL whether an uncompressed point is on its curve. */
static bool
is_on_curve(const char *group, uint8_t *point, size_t len)
{
	char name[16] = "";
	EVP_PKEY *pkey = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);

	(void)memccpy(name, group, 0, sizeof(name) - 1);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(
			OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
		OSSL_PARAM_construct_octet_string(
			OSSL_PKEY_PARAM_PUB_KEY, point, len),
		OSSL_PARAM_construct_end(),
	};
	/* Import decodes the point, which fails off the curve and for
	 * coordinates not below the prime. Both curves have cofactor 1, so
	 * every such point has the full order. */
	bool good = ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
		EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) == 1;
	EVP_PKEY_free(pkey);
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

static enum ksk_err
check_ec(const struct ksk_dnskey *key, const char *group, size_t len,
	struct ksk_fault *fault)
{
	uint8_t point[EC_POINT_MAX];

	if (key->key.len != len) {
		ksk_fault_set(fault,
			"the public key has %zu bytes, not %zu (RFC 6605 4)",
			key->key.len, len);
		return KSK_ERR_MALFORMED;
	}
	point[0] = 0x04; /* uncompressed (SEC 1 2.3.4) */
	memcpy(point + 1, key->key.data, len);
	if (!is_on_curve(group, point, len + 1))
		return refuse(fault, "the public key is no point on the curve");
	return KSK_OK;
}

static enum ksk_err
check_edwards(const struct ksk_dnskey *key, size_t len, struct ksk_fault *fault)
{
	const char *why = "OpenSSL failed";

	if (key->key.len != len) {
		ksk_fault_set(fault,
			"the public key has %zu bytes, not %zu (RFC 8080 3)",
			key->key.len, len);
		return KSK_ERR_MALFORMED;
	}
	enum ksk_err err = ksk_edwards_check(key->key, &why);
	if (err != KSK_OK)
		ksk_fault_set(fault, "the public key is unusable: %s", why);
	return err;
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
		return check_ec(key, "P-256", 64, fault);
	case 14:
		return check_ec(key, "P-384", 96, fault);
	case 15:
		return check_edwards(key, 32, fault);
	case 16:
		return check_edwards(key, 57, fault);
	default:
		ksk_fault_set(fault, "algorithm %u (%s) is not known here",
			(unsigned)key->algorithm,
			ksk_algorithm_text(key->algorithm));
		return KSK_ERR_UNSUPPORTED;
	}
}
