/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls - who may speak with us: TLS 1.3, ALPN ksk/1, both sides with a
 * certificate. A client is let in if its key is in the list of pins and of a
 * kind that is used, and its certificate's dates hold; issuer, names, usages are not looked at. No
 * tickets, no resumption, no early data: every connection proves the key
 * anew (PROTOCOL.md 1).
 * Tests: tests/integration/test_frontend.py
 */
#ifndef KSK_FRONTEND_TLS_H
#define KSK_FRONTEND_TLS_H

#include "appliance/frontend/fold.h"
#include "appliance/frontend/pins.h"

#include <openssl/ssl.h>

/* One handshake: what it is judged by and what came out. Memory of the
 * connection; stays in place as long as the SSL object. */
struct ksk_tls_hello {
	const struct ksk_pins *pins; /* borrowed */
	enum ksk_fold_reason refused;
	uint8_t pin[KSK_PIN_LEN];
	struct ksk_fold_detail detail;
};

/* Makes OpenSSL ready so that nothing of it needs a file later on.
 * KSK_ERR_CRYPTO. */
KSK_MUST_USE enum ksk_err ksk_tls_init(void);

/* Makes a context with all rules above; NULL if key or certificate are not fit
 * for TLS 1.3. key, certificate: borrowed until return. The result is the
 * caller's, SSL_CTX_free. */
SSL_CTX *ksk_tls_context(EVP_PKEY *key, X509 *certificate);

/* Makes the server's end of one connection; NULL without memory. hello:
 * borrowed as long as the result. */
SSL *ksk_tls_accept(SSL_CTX *context, struct ksk_tls_hello *hello);

/* Returns why a handshake failed. err: OpenSSL's first error, 0 = none. */
enum ksk_fold_reason ksk_tls_reason(
	struct ksk_tls_hello *hello, unsigned long err);

#endif
