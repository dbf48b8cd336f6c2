/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dnskey - what can be computed from the RDATA of one DNSKEY: its fields, key
 * tag, form, DS, CDS and CDNSKEY. Pure; decides nothing about who may use it.
 * Tests: tests/unit/test_dnskey.c
 */
#ifndef KSK_PROTOCOL_DNSKEY_H
#define KSK_PROTOCOL_DNSKEY_H

#include "protocol/rrset.h"

#define KSK_FLAG_ZONE 0x0100u
#define KSK_FLAG_REVOKE 0x0080u
#define KSK_FLAG_SEP 0x0001u

#define KSK_DNSKEY_HEAD_LEN 4u
#define KSK_DS_DIGEST_MAX 48u

/* Digest types (RFC 4509, RFC 6605) */
#define KSK_DIGEST_SHA256 2u
#define KSK_DIGEST_SHA384 4u

struct ksk_dnskey {
	uint16_t flags;
	uint8_t protocol;
	uint8_t algorithm;
	struct ksk_span key;  /* borrowed from the RDATA */
	uint16_t tag;         /* RFC 4034 B */
	uint16_t revoked_tag; /* the tag of the same key with REVOKE set */
};

struct ksk_ds {
	uint16_t tag;
	uint8_t algorithm;
	uint8_t digest_type;
	uint8_t digest_len; /* 32 or 48 */
	uint8_t digest[KSK_DS_DIGEST_MAX];
};

/*
 * Reads the fields of a DNSKEY and computes its tags.
 * KSK_ERR_MALFORMED: shorter than 5 bytes. out_key: unchanged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_dnskey_read(
	struct ksk_span rdata, struct ksk_dnskey *out_key);

/*
 * Checks protocol 3 and the public key's form for its algorithm: RSA modulus
 * size (1024..4096), odd, no leading zero, exponent odd and 3..2^33 (RFC 3110
 * 2, RFC 5702); P-256/P-384 point length and on the curve (RFC 6605 4);
 * Ed25519/Ed448 length and valid point (RFC 8080 3).
 * fault: out, what is wrong with it. KSK_ERR_MALFORMED: the form is wrong.
 * KSK_ERR_UNSUPPORTED: an algorithm without a form known here.
 */
KSK_MUST_USE enum ksk_err ksk_dnskey_form(
	const struct ksk_dnskey *key, struct ksk_fault *fault);

/*
 * Finds exponent and modulus in an RSA public key, whatever the algorithm
 * field says. Outputs borrow from the key; unchanged on failure.
 * KSK_ERR_MALFORMED: cut off, empty, a leading zero, or a longer length than
 * needed (RFC 3110 2).
 */
KSK_MUST_USE enum ksk_err ksk_dnskey_rsa_split(const struct ksk_dnskey *key,
	struct ksk_span *out_exponent, struct ksk_span *out_modulus);

/* Returns the size of an RSA modulus in bits; 0 if not RSA or malformed. */
size_t ksk_dnskey_rsa_bits(const struct ksk_dnskey *key);

/*
 * Computes the DS of a key (RFC 4034 5.1.4).
 * KSK_ERR_UNSUPPORTED: another digest type than 2 or 4.
 */
KSK_MUST_USE enum ksk_err ksk_ds_build(const struct ksk_name *owner,
	struct ksk_span dnskey_rdata, uint8_t digest_type,
	struct ksk_ds *out_ds);

/* Reads DS or CDS RDATA of digest type 2 or 4. KSK_ERR_MALFORMED: wrong
 * length; KSK_ERR_UNSUPPORTED: other digest type. */
KSK_MUST_USE enum ksk_err ksk_ds_read(
	struct ksk_span rdata, struct ksk_ds *out_ds);

/* Appends DS RDATA. KSK_ERR_NO_ROOM. */
KSK_MUST_USE enum ksk_err ksk_ds_write(
	const struct ksk_ds *ds, struct ksk_buf *out);

bool ksk_ds_equal(const struct ksk_ds *a, const struct ksk_ds *b);

/* Returns true if the DS is that of this DNSKEY at this owner. False for any
 * error. */
bool ksk_ds_matches(const struct ksk_ds *ds, const struct ksk_name *owner,
	struct ksk_span dnskey_rdata);

/*
 * Reads "TAG ALGORITHM DIGESTTYPE HEX" as people write a DS; blanks inside
 * the hexadecimal are allowed. KSK_ERR_BAD_INPUT with fault.
 */
KSK_MUST_USE enum ksk_err ksk_ds_from_text(const char *text, size_t text_len,
	struct ksk_ds *out_ds, struct ksk_fault *fault);

/* Bytes of room for a DS as text, final zero included. */
#define KSK_DS_TEXT_CAP 120u
void ksk_ds_to_text(const struct ksk_ds *ds, char out[KSK_DS_TEXT_CAP]);

/* Returns the mnemonic ("ECDSAP256SHA256") or "unassigned"; static. */
const char *ksk_algorithm_text(uint8_t algorithm);

#endif
