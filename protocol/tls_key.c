/* SPDX-License-Identifier: BSD-2-Clause */
/* tls_key - see tls_key.h. */
#include "protocol/tls_key.h"

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <string.h>

#define RSA_BITS_MIN 2048

/* Other curves load as well, and then every handshake fails. */
static bool
is_group_usable(const EVP_PKEY *key)
{
	char group[32];
	size_t len;

	return EVP_PKEY_get_group_name(key, group, sizeof(group), &len) == 1 &&
		(strcmp(group, SN_X9_62_prime256v1) == 0 ||
			strcmp(group, SN_secp384r1) == 0 ||
			strcmp(group, SN_secp521r1) == 0);
}

bool
ksk_tls_key_is_usable(const EVP_PKEY *key)
{
	if (key == NULL)
		return false;
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
	case EVP_PKEY_RSA_PSS:
		return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
	case EVP_PKEY_ED25519:
	case EVP_PKEY_ED448:
		return true;
	case EVP_PKEY_EC:
		return is_group_usable(key);
	default:
		return false;
	}
}
