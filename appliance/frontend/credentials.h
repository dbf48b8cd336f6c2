/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * credentials - our own TLS key and certificate, from descriptors to a
 * context. The key's text is wiped once it is read.
 * Tests: tests/integration/test_frontend.py
 */
#ifndef KSK_FRONTEND_CREDENTIALS_H
#define KSK_FRONTEND_CREDENTIALS_H

#include "protocol/err.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/*
 * Reads private key and certificate (PEM) and makes a context of them.
 * key_fd, certificate_fd: read to the end, not closed.
 * strict: refuse a certificate whose dates do not hold now; else that is
 * logged, since at start the clock may be what is wrong.
 * out_context: owned by the caller, SSL_CTX_free.
 * KSK_ERR_BAD_INPUT with fault. out_context: unchanged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_credentials_load(int key_fd, int certificate_fd,
	bool strict, SSL_CTX **out_context, struct ksk_fault *fault);

#endif
