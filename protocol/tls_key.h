/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls_key - which keys may stand behind a pin, on either side (PROTOCOL.md 1):
 * those that TLS 1.3 has a signature for and that are not too weak. A key is
 * all that a peer is known by.
 * Tests: tests/unit/test_tls_key.c
 */
#ifndef KSK_PROTOCOL_TLS_KEY_H
#define KSK_PROTOCOL_TLS_KEY_H

#include <openssl/types.h>
#include <stdbool.h>

/* For messages. */
#define KSK_TLS_KEY_KINDS \
	"EC on P-256, P-384 or P-521, Ed25519, Ed448, or RSA of 2048 bits or " \
	"more"

/* Returns true if the key may be used (RFC 8446 4.2.3). key: NULL is none. */
bool ksk_tls_key_is_usable(const EVP_PKEY *key);

#endif
