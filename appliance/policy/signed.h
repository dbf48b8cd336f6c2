/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signed - a document that people signed with `openssl cms -sign -binary
 * -nodetach -nosmimecap -md sha256 -outform DER` and `-resign`: CMS SignedData
 * (RFC 5652) with the document inside. CMS_verify is all or nothing and asks a
 * certificate authority; here each signature is judged alone, and who signed is
 * a public key. Whose key that is, and how many are needed, is not known here.
 * Tests: tests/unit/test_signed.c, tests/integration/test_signed.py
 */
#ifndef KSK_POLICY_SIGNED_H
#define KSK_POLICY_SIGNED_H

#include "protocol/limits.h"
#include "protocol/span.h"

/* Signatures of one document: more than any authority has operators. */
#define KSK_SIGNATURE_COUNT_MAX 16u

/* One signature. */
struct ksk_signed_by {
	bool good;
	/* SHA-256 of the signer's SubjectPublicKeyInfo; zeroes if the document
	 * holds no certificate for this signature. */
	uint8_t pin[KSK_PIN_LEN];
	char why[KSK_WHY_CAP]; /* "" when good: what is wrong, what to do */
};

/* A document and its signatures, in the order they stand. */
struct ksk_signed {
	struct ksk_span content; /* owned */
	size_t count;
	struct ksk_signed_by by[KSK_SIGNATURE_COUNT_MAX];
};

/*
 * Opens a signed document.
 * der: borrowed, the whole file. max: bytes that the document may have.
 * out: owned, ksk_signed_free; a signature that is not good is no error.
 * KSK_ERR_MALFORMED: no SignedData, bytes behind it, no document inside,
 * another content type than id-data. KSK_ERR_TOO_LARGE: der or document, or
 * more than KSK_SIGNATURE_COUNT_MAX signatures. KSK_ERR_NO_MEMORY. All with
 * fault. out is unchanged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_signed_open(struct ksk_span der, size_t max,
	struct ksk_signed *out, struct ksk_fault *fault);

/* A large document is digested in parts, by a process that has other things to
 * do. Opaque. */
struct ksk_signed_work;

/*
 * Begins to open a signed document.
 * der, max: as ksk_signed_open. out_work: owned, ksk_signed_drop. Errors and
 * fault too.
 */
KSK_MUST_USE enum ksk_err ksk_signed_begin(struct ksk_span der, size_t max,
	struct ksk_signed_work **out_work, struct ksk_fault *fault);

/* Digests so many more bytes. KSK_ERR_AGAIN: there are more. KSK_ERR_CRYPTO. */
KSK_MUST_USE enum ksk_err ksk_signed_digest(
	struct ksk_signed_work *work, size_t count);

/* Judges the signatures, when all is digested. out: its content is empty; free
 * it all the same. */
void ksk_signed_end(struct ksk_signed_work *work, struct ksk_signed *out);

/* Returns the document, borrowed until ksk_signed_drop. */
struct ksk_span ksk_signed_content(const struct ksk_signed_work *work);

/* Accepts NULL and pointers to NULL. */
void ksk_signed_drop(struct ksk_signed_work **work);

/* Accepts a zeroed one. */
void ksk_signed_free(struct ksk_signed *document);

/*
 * Returns true if a key made a good signature.
 */
bool ksk_signed_has(
	const struct ksk_signed *document, const uint8_t pin[KSK_PIN_LEN]);

#endif
