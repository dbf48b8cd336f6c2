/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify - checks RRSIGs with OpenSSL. Every signature passes here before it
 * leaves the appliance, and again in the client before it is printed.
 * Tests: tests/unit/test_verify.c
 */
#ifndef KSK_PROTOCOL_VERIFY_H
#define KSK_PROTOCOL_VERIFY_H

#include "protocol/dnskey.h"
#include "protocol/tbs.h"

/* A public key made ready for many verifications. Opaque. */
struct ksk_verify_key;

/*
 * Prepares a DNSKEY (algorithms 8, 10, 13, 14, 15, 16).
 * out_key: owned by the caller, ksk_verify_key_free.
 * KSK_ERR_MALFORMED, KSK_ERR_UNSUPPORTED, KSK_ERR_CRYPTO, KSK_ERR_NO_MEMORY;
 * out_key unchanged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_verify_key_new(
	struct ksk_span dnskey_rdata, struct ksk_verify_key **out_key);

/* Accepts NULL and pointers to NULL; sets *key to NULL. */
void ksk_verify_key_free(struct ksk_verify_key **key);

/* Returns the bytes of a signature by this key. */
size_t ksk_verify_len(const struct ksk_verify_key *key);

/*
 * Checks one signature in DNS form (RFC 3110 3, RFC 6605 4: r and s at fixed
 * width, RFC 8080 4) over bytes.
 * KSK_ERR_BAD_SIGNATURE: wrong length or does not verify.
 * KSK_ERR_CRYPTO: OpenSSL failed for another reason.
 */
KSK_MUST_USE enum ksk_err ksk_verify_bytes(struct ksk_verify_key *key,
	struct ksk_span bytes, struct ksk_span signature);

/*
 * Checks an RRSIG over an RRset against a DNSKEY: algorithm and tag equal,
 * signer's name equals zone, labels right, bytes verify (RFC 4035 5.3).
 * now: seconds since 1970 for the validity period in serial arithmetic
 * (RFC 1982), or 0 to leave time aside.
 * KSK_ERR_BAD_SIGNATURE with fault says which of these failed. Errors of the
 * key itself as ksk_verify_key_new, with fault.
 */
KSK_MUST_USE enum ksk_err ksk_verify_rrsig(const struct ksk_rrset *rrset,
	const struct ksk_rrsig *rrsig, const struct ksk_name *zone,
	struct ksk_span dnskey_rdata, uint64_t now, struct ksk_fault *fault);

#endif
