/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * certificate - whose signatures count is a public key, and a certificate is
 * the form in which it is handed over: neither who issued it nor its dates are
 * looked at. What kinds of keys may sign a document is decided here alone.
 * Tests: tests/unit/test_signed.c, tests/unit/test_compile.c
 */
#ifndef KSK_POLICY_CERTIFICATE_H
#define KSK_POLICY_CERTIFICATE_H

#include "protocol/limits.h"
#include "protocol/span.h"

#include <openssl/x509.h>

/* Returns NULL if a key may sign documents (RSA of 2048 to 8192 bits, EC on
 * P-256 or P-384), else why not; static. */
const char *ksk_certificate_key_trouble(EVP_PKEY *key);

/* Writes the pin, SHA-256 of the SubjectPublicKeyInfo. Returns false, and
 * writes nothing, if OpenSSL fails. */
bool ksk_certificate_pin(X509 *certificate, uint8_t out_pin[KSK_PIN_LEN]);

/*
 * Reads exactly one certificate in PEM form, whose key may sign documents.
 * text: zero-terminated. KSK_ERR_BAD_INPUT with fault. out_pin: unchanged on
 * failure.
 */
KSK_MUST_USE enum ksk_err ksk_certificate_read(const char *text,
	uint8_t out_pin[KSK_PIN_LEN], struct ksk_fault *fault);

#endif
