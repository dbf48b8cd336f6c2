/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wrap_p11 - the Cryptoki calls that wrap and unwrap keys, with one sentence
 * per way a token says no. Included by hsm/wrap*.c only.
 */
#ifndef KSK_HSM_WRAP_P11_H
#define KSK_HSM_WRAP_P11_H

#include "hsm/p11.h"
#include "hsm/wrap_file.h"

/* PKCS#11 3.0, 2.14: RFC 5649; p11-kit's header does not have it. */
#define KSK_CKM_AES_KEY_WRAP_KWP 0x210bUL

#define KSK_ATTRIBUTE(kind, variable) \
	{ \
		.type = (kind), .pValue = &(variable), \
		.ulValueLen = sizeof(variable) \
	}
#define KSK_ATTRIBUTE_BYTES(kind, bytes, len) \
	{ \
		.type = (kind), .pValue = (void *)(uintptr_t)(bytes), \
		.ulValueLen = (len) \
	}
#define KSK_ATTRIBUTE_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A pair of RSA keys of the token. */
struct ksk_wrap_pair {
	CK_OBJECT_HANDLE public, private;
};

/* Returns true if the token offers the mechanism with all of these flags. */
bool ksk_wrap_offers(
	const struct ksk_token *token, CK_MECHANISM_TYPE type, CK_FLAGS flags);

/* Returns the mechanism that wraps private keys here, 0 if there is none.
 * flags: CKF_WRAP, CKF_UNWRAP or both. */
CK_MECHANISM_TYPE ksk_wrap_mechanism(
	const struct ksk_token *token, CK_FLAGS flags);

/* Returns true if a file's numbers are ones that keys are wrapped with. */
bool ksk_wrap_known(CK_MECHANISM_TYPE hash, CK_MECHANISM_TYPE mechanism);

/* Sets fault to what the token lacks and returns KSK_ERR_UNSUPPORTED. */
enum ksk_err ksk_wrap_lacks(struct ksk_fault *fault, const char *what);

/* Fills a mechanism for CKM_RSA_PKCS_OAEP; params must live as long as it. */
CK_MECHANISM ksk_wrap_oaep(
	CK_MECHANISM_TYPE hash, CK_RSA_PKCS_OAEP_PARAMS *params);

/* Makes an AES-256 key of the session that can do nothing but wrap, and can be
 * wrapped. KSK_ERR_UNSUPPORTED, KSK_ERR_TOKEN with fault. */
KSK_MUST_USE enum ksk_err ksk_wrap_aes_make(const struct ksk_token *token,
	CK_OBJECT_HANDLE *out, struct ksk_fault *fault);

/* Unwraps one into a key of the session that can do nothing but unwrap.
 * Errors as ksk_wrap_in. */
KSK_MUST_USE enum ksk_err ksk_wrap_aes_in(const struct ksk_token *token,
	CK_OBJECT_HANDLE by, CK_MECHANISM_TYPE hash, struct ksk_span wrapped,
	CK_OBJECT_HANDLE *out, struct ksk_fault *fault);

/*
 * Wraps an object by another. out: appended to on success only.
 * KSK_ERR_UNSUPPORTED with fault: the token does not let this key out, or not
 * this way. KSK_ERR_TOKEN with fault.
 */
KSK_MUST_USE enum ksk_err ksk_wrap_out(const struct ksk_token *token,
	CK_MECHANISM *mechanism, CK_OBJECT_HANDLE by, CK_OBJECT_HANDLE what,
	struct ksk_buf *out, struct ksk_fault *fault);

/*
 * Unwraps bytes into an object of a template.
 * KSK_ERR_MALFORMED with fault: the wrapped bytes are refused.
 * KSK_ERR_UNSUPPORTED with fault: the token makes no such key this way.
 * KSK_ERR_TOKEN with fault.
 */
KSK_MUST_USE enum ksk_err ksk_wrap_in(const struct ksk_token *token,
	CK_MECHANISM *mechanism, CK_OBJECT_HANDLE by, struct ksk_span wrapped,
	CK_ATTRIBUTE *attributes, size_t count, CK_OBJECT_HANDLE *out,
	struct ksk_fault *fault);

void ksk_wrap_destroy(const struct ksk_token *token, CK_OBJECT_HANDLE object);

/* ---- wrap_recipient.c ---- */

/*
 * Finds the recipient that a backup was made for.
 * KSK_ERR_NOT_FOUND: none of that label. KSK_ERR_MALFORMED: the one of that
 * label is another one. Both with fault; KSK_ERR_CRYPTO.
 */
KSK_MUST_USE enum ksk_err ksk_wrap_recipient_find(
	const struct ksk_inventory *inventory,
	const struct ksk_wrap_backup *backup, struct ksk_wrap_pair *out_pair,
	struct ksk_fault *fault);

/* ---- wrap_public.c ---- */

/* CKK_ of an algorithm that is known. */
CK_KEY_TYPE ksk_wrap_key_type(uint8_t algorithm);

/* Makes a public key object of the token. dnskey: RDATA of checked form.
 * KSK_ERR_TOKEN with fault. */
KSK_MUST_USE enum ksk_err ksk_wrap_public_make(const struct ksk_token *token,
	struct ksk_span dnskey, const char *label, struct ksk_span id,
	CK_OBJECT_HANDLE *out, struct ksk_fault *fault);

#endif
