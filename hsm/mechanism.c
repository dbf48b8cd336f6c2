/* SPDX-License-Identifier: BSD-2-Clause */
/* mechanism - see mechanism.h. */
#include "hsm/mechanism.h"

#include <p11-kit/pkcs11.h>
#include <stdio.h>

const struct ksk_mechanism ksk_mechanisms[KSK_MECHANISM_COUNT] = {
	{KSK_ALG_RSASHA256, CKM_RSA_PKCS, KSK_FEED_DIGEST_INFO},
	{KSK_ALG_RSASHA256, CKM_SHA256_RSA_PKCS, KSK_FEED_WHOLE},
	{KSK_ALG_RSASHA512, CKM_RSA_PKCS, KSK_FEED_DIGEST_INFO},
	{KSK_ALG_RSASHA512, CKM_SHA512_RSA_PKCS, KSK_FEED_WHOLE},
	{KSK_ALG_P256, CKM_ECDSA, KSK_FEED_HASH},
	{KSK_ALG_P256, CKM_ECDSA_SHA256, KSK_FEED_WHOLE},
	{KSK_ALG_P384, CKM_ECDSA, KSK_FEED_HASH},
	{KSK_ALG_P384, CKM_ECDSA_SHA384, KSK_FEED_WHOLE},
	{KSK_ALG_ED25519, CKM_EDDSA, KSK_FEED_WHOLE},
	{KSK_ALG_ED448, CKM_EDDSA, KSK_FEED_WHOLE},
};

const struct ksk_mechanism *
ksk_mechanism_find(const struct ksk_mechanism_range range[KSK_MECHANISM_COUNT],
	unsigned allowed, uint8_t algorithm, size_t bits, char *why, size_t cap)
{
	(void)snprintf(why, cap, "the token has no mechanism for algorithm %u",
		(unsigned)algorithm);
	for (size_t i = 0; i < KSK_MECHANISM_COUNT; i++) {
		const struct ksk_mechanism_range *r = &range[i];

		if (ksk_mechanisms[i].algorithm != algorithm || !r->signs)
			continue;
		if ((allowed & (1u << i)) == 0) {
			(void)snprintf(why, cap,
				"the private key may not be used with what "
				"signs algorithm %u on this token "
				"(CKA_ALLOWED_MECHANISMS)",
				(unsigned)algorithm);
			continue;
		}
		if (bits != 0 &&
			((r->min != 0 && bits < r->min) ||
				(r->max != 0 && bits > r->max))) {
			(void)snprintf(why, cap,
				"the token signs with RSA keys of %lu to %lu "
				"bits, this one has %zu",
				r->min, r->max, bits);
			continue;
		}
		return &ksk_mechanisms[i];
	}
	return NULL;
}
