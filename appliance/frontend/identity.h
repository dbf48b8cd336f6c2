/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * identity - what a client's certificate says: the pin of its key, whether its
 * dates hold, and the words about it for the log.
 * Tests: tests/integration/test_frontend.py
 */
#ifndef KSK_FRONTEND_IDENTITY_H
#define KSK_FRONTEND_IDENTITY_H

#include "appliance/frontend/fold.h"
#include "protocol/limits.h"

#include <openssl/x509.h>

/* Takes the SHA-256 of the certificate's SubjectPublicKeyInfo in DER. A key
 * that can't be written down: KSK_ERR_CRYPTO. */
KSK_MUST_USE enum ksk_err ksk_identity_pin(
	X509 *certificate, uint8_t out_pin[KSK_PIN_LEN]);

/* Returns KSK_FOLD_NONE if the certificate is valid now, else what is wrong
 * (RFC 5280 4.1.2.5). */
enum ksk_fold_reason ksk_identity_dates(X509 *certificate);

/* Writes subject, serial number and end as text; none of it is trusted. */
void ksk_identity_describe(
	X509 *certificate, struct ksk_fold_detail *out_detail);

#endif
