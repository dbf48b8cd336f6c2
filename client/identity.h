/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * identity - the client's key and certificate, and pins: the SHA-256 of a
 * SubjectPublicKeyInfo is who somebody is (PROTOCOL.md 1); a certificate only
 * carries it, with dates.
 */
#ifndef KSK_CLIENT_IDENTITY_H
#define KSK_CLIENT_IDENTITY_H

#include "client/profile.h"

#include <openssl/x509.h>

struct ksk_identity {
	EVP_PKEY *key;
	X509 *certificate;
	uint8_t pin[KSK_PIN_LEN];
	char path[2 * KSK_PROFILE_PATH_CAP]; /* of the certificate */
	char dates[96];                      /* "valid from … to …" */
};

/*
 * Loads key and certificate. The key must be readable by its owner alone, and
 * the certificate must be of it.
 * out_identity: owned, ksk_identity_wipe; unchanged on failure.
 * KSK_ERR_NOT_FOUND, KSK_ERR_PERMISSION, KSK_ERR_BAD_INPUT, KSK_ERR_IO, with
 * fault.
 */
KSK_MUST_USE enum ksk_err ksk_identity_load(const struct ksk_profile *profile,
	struct ksk_identity *out_identity, struct ksk_fault *fault);

/* Frees; accepts a zeroed one. */
void ksk_identity_wipe(struct ksk_identity *identity);

/* Computes the pin of a certificate. KSK_ERR_CRYPTO. */
KSK_MUST_USE enum ksk_err ksk_identity_pin(
	X509 *certificate, uint8_t out[KSK_PIN_LEN]);

/* Writes "valid from 2026-01-01T00:00:00Z to …". */
void ksk_identity_dates(X509 *certificate, char out[96]);

/* Returns NULL if the certificate is valid now, else what is wrong with its
 * dates. */
const char *ksk_identity_date_fault(X509 *certificate);

#endif
