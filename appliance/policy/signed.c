/* SPDX-License-Identifier: BSD-2-Clause */
/* signed - see signed.h. */
#include "appliance/policy/signed.h"

#include "appliance/policy/certificate.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What CMS adds around a document: 16 signatures and their certificates. */
#define CMS_OVERHEAD_MAX (512u * 1024u)

/* OBJ_get: exactly one attribute with exactly one value (RFC 5652 11). */
#define EXACTLY_ONE (-3)

/* Errors of the library are judged by their results; what it queued is of no
 * use to anybody later. */
static enum ksk_err
fail(struct ksk_fault *fault, enum ksk_err err, const char *sentence)
{
	ERR_clear_error();
	ksk_fault_set(fault, "%s", sentence);
	return err;
}

static void
reject(struct ksk_signed_by *by, const char *why)
{
	(void)snprintf(by->why, sizeof(by->why), "%s", why);
}

/* ---- one signature ---- */

static X509 *
certificate_of(CMS_SignerInfo *info, STACK_OF(X509) * certificates)
{
	for (int i = 0; i < sk_X509_num(certificates); i++) {
		X509 *one = sk_X509_value(certificates, i);
		if (CMS_SignerInfo_cert_cmp(info, one) == 0)
			return one;
	}
	return NULL;
}

/* The digests that a signature may be made with; each is computed once, however
 * many signed. */
#define DIGEST_COUNT 3u

struct digest {
	EVP_MD_CTX *ctx; /* owned; NULL: no signature needs it, or it is over */
	uint8_t value[EVP_MAX_MD_SIZE];
	unsigned len; /* 0: it is not computed */
};

struct ksk_signed_work {
	CMS_ContentInfo *cms;    /* owned */
	struct ksk_span content; /* in it */
	size_t digested;
	struct digest digest[DIGEST_COUNT];
};

static const EVP_MD *
digest_at(size_t at)
{
	static const EVP_MD *(*const all[DIGEST_COUNT])(void) = {
		EVP_sha256, EVP_sha384, EVP_sha512};

	return all[at]();
}

/* Which one a signature is made with; DIGEST_COUNT: none of them. */
static size_t
digest_of(CMS_SignerInfo *info)
{
	X509_ALGOR *algorithm = NULL;
	const ASN1_OBJECT *object = NULL;

	CMS_SignerInfo_get0_algs(info, NULL, NULL, &algorithm, NULL);
	X509_ALGOR_get0(&object, NULL, NULL, algorithm);
	switch (OBJ_obj2nid(object)) {
	case NID_sha256:
		return 0;
	case NID_sha384:
		return 1;
	case NID_sha512:
		return 2;
	default:
		return DIGEST_COUNT;
	}
}

/* The signed attributes say what was signed: the type and the digest of the
 * document (RFC 5652 5.4, 11.1, 11.2). Without them a signature over some
 * other document's attributes could be passed off as one over a document. */
static const char *
attributes_trouble(const struct ksk_signed_work *work, CMS_SignerInfo *info)
{
	const size_t which = digest_of(info);
	const struct digest *digest;
	const ASN1_OBJECT *type;
	const ASN1_OCTET_STRING *stated;

	if (CMS_signed_get_attr_count(info) <= 0)
		return "it has no signed attributes: sign without -noattr";
	if (which == DIGEST_COUNT)
		return "the digest must be SHA-256, SHA-384 or SHA-512: sign "
		       "with -md sha256";
	type = CMS_signed_get0_data_by_OBJ(info,
		OBJ_nid2obj(NID_pkcs9_contentType), EXACTLY_ONE, V_ASN1_OBJECT);
	if (type == NULL || OBJ_obj2nid(type) != NID_pkcs7_data)
		return "its signed content type is not that of the document";
	stated = CMS_signed_get0_data_by_OBJ(info,
		OBJ_nid2obj(NID_pkcs9_messageDigest), EXACTLY_ONE,
		V_ASN1_OCTET_STRING);
	if (stated == NULL)
		return "it states no digest of the document";
	digest = &work->digest[which];
	if (digest->len == 0)
		return "the document's digest can't be computed";
	if (ASN1_STRING_length(stated) != (int)digest->len ||
		memcmp(ASN1_STRING_get0_data(stated), digest->value,
			digest->len) != 0)
		return "it was made over another document (were line ends "
		       "changed? sign with -binary)";
	return NULL;
}

static void
judge(const struct ksk_signed_work *work, CMS_SignerInfo *info,
	STACK_OF(X509) * certificates, struct ksk_signed_by *by)
{
	X509 *certificate = certificate_of(info, certificates);
	EVP_PKEY *key = NULL;
	const char *trouble;

	memset(by, 0, sizeof(*by));
	if (certificate == NULL) {
		reject(by,
			"its certificate is not in the document: sign without "
			"-nocerts");
		return;
	}
	key = X509_get0_pubkey(certificate);
	if (key == NULL || !ksk_certificate_pin(certificate, by->pin)) {
		reject(by, "its certificate's key can't be read");
		return;
	}
	trouble = ksk_certificate_key_trouble(key);
	if (trouble == NULL)
		trouble = attributes_trouble(work, info);
	if (trouble == NULL) {
		CMS_SignerInfo_set1_signer_cert(info, certificate);
		if (CMS_SignerInfo_verify(info) != 1)
			trouble = "the signature does not verify";
	}
	if (trouble != NULL)
		reject(by, trouble);
	by->good = trouble == NULL;
}

/* ---- the document ---- */

static enum ksk_err
take_content(struct ksk_signed_work *work, size_t max, struct ksk_fault *fault)
{
	ASN1_OCTET_STRING **inside = NULL;
	size_t len;

	if (OBJ_obj2nid(CMS_get0_type(work->cms)) != NID_pkcs7_signed)
		return fail(fault, KSK_ERR_MALFORMED,
			"this is CMS, but not signed data: sign the document "
			"with `openssl cms -sign`");
	if (OBJ_obj2nid(CMS_get0_eContentType(work->cms)) != NID_pkcs7_data)
		return fail(fault, KSK_ERR_MALFORMED,
			"the content type of the signed document is not "
			"id-data");
	inside = CMS_get0_content(work->cms);
	if (inside == NULL || *inside == NULL)
		return fail(fault, KSK_ERR_MALFORMED,
			"the signed file does not hold the document: sign "
			"with -nodetach");
	len = (size_t)ASN1_STRING_length(*inside);
	if (len > max)
		return fail(fault, KSK_ERR_TOO_LARGE,
			"the signed document is larger than is allowed");
	work->content = ksk_span_of(ASN1_STRING_get0_data(*inside), len);
	return KSK_OK;
}

/* Begins the digests that its signatures need. */
static enum ksk_err
take_digests(struct ksk_signed_work *work, struct ksk_fault *fault)
{
	STACK_OF(CMS_SignerInfo) *infos = CMS_get0_SignerInfos(work->cms);
	int count = sk_CMS_SignerInfo_num(infos);

	if (count > (int)KSK_SIGNATURE_COUNT_MAX)
		return fail(fault, KSK_ERR_TOO_LARGE,
			"the document has more than 16 signatures: leave out "
			"those that are not needed");
	for (int i = 0; i < count; i++) {
		size_t at = digest_of(sk_CMS_SignerInfo_value(infos, i));
		struct digest *digest;

		if (at == DIGEST_COUNT)
			continue;
		digest = &work->digest[at];
		if (digest->ctx != NULL)
			continue;
		digest->ctx = EVP_MD_CTX_new();
		if (digest->ctx == NULL ||
			EVP_DigestInit_ex(digest->ctx, digest_at(at), NULL) !=
				1)
			return fail(fault, KSK_ERR_NO_MEMORY,
				"no memory for the signed document");
	}
	return KSK_OK;
}

enum ksk_err
ksk_signed_begin(struct ksk_span der, size_t max,
	struct ksk_signed_work **out_work, struct ksk_fault *fault)
{
	struct ksk_signed_work *work;
	const uint8_t *at = der.data;
	enum ksk_err err;

	if (der.len > max + CMS_OVERHEAD_MAX)
		return fail(fault, KSK_ERR_TOO_LARGE,
			"the signed file is larger than is allowed");
	work = calloc(1, sizeof(*work));
	if (work == NULL)
		return fail(fault, KSK_ERR_NO_MEMORY,
			"no memory for the signed document");
	work->cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
	if (work->cms == NULL)
		err = fail(fault, KSK_ERR_MALFORMED,
			"this is not a signed document in CMS (DER): sign it "
			"with `openssl cms -sign -outform DER`");
	else if (at != der.data + der.len)
		err = fail(fault, KSK_ERR_MALFORMED,
			"bytes follow the signed document");
	else
		err = take_content(work, max, fault);
	if (err == KSK_OK)
		err = take_digests(work, fault);
	if (err != KSK_OK)
		ksk_signed_drop(&work);
	else
		*out_work = work;
	return err;
}

enum ksk_err
ksk_signed_digest(struct ksk_signed_work *work, size_t count)
{
	const size_t left = work->content.len - work->digested;
	const uint8_t *from = work->content.data + work->digested;
	const bool over = count >= left;

	if (over)
		count = left;
	for (size_t i = 0; i < DIGEST_COUNT; i++) {
		struct digest *d = &work->digest[i];
		if (d->ctx == NULL)
			continue;
		if (EVP_DigestUpdate(d->ctx, from, count) != 1)
			return KSK_ERR_CRYPTO;
		if (!over)
			continue;
		if (EVP_DigestFinal_ex(d->ctx, d->value, &d->len) != 1)
			return KSK_ERR_CRYPTO;
		EVP_MD_CTX_free(d->ctx);
		d->ctx = NULL;
	}
	work->digested += count;
	return over ? KSK_OK : KSK_ERR_AGAIN;
}

void
ksk_signed_end(struct ksk_signed_work *work, struct ksk_signed *out)
{
	STACK_OF(CMS_SignerInfo) *infos = CMS_get0_SignerInfos(work->cms);
	STACK_OF(X509) *certificates = CMS_get1_certs(work->cms);
	int count = sk_CMS_SignerInfo_num(infos);

	*out = (struct ksk_signed){.count = count < 0 ? 0 : (size_t)count};
	for (int i = 0; i < count; i++)
		judge(work, sk_CMS_SignerInfo_value(infos, i), certificates,
			&out->by[i]);
	sk_X509_pop_free(certificates, X509_free);
	ERR_clear_error();
}

struct ksk_span
ksk_signed_content(const struct ksk_signed_work *work)
{
	return work->content;
}

void
ksk_signed_drop(struct ksk_signed_work **work)
{
	if (work == NULL || *work == NULL)
		return;
	for (size_t i = 0; i < DIGEST_COUNT; i++)
		EVP_MD_CTX_free((*work)->digest[i].ctx);
	CMS_ContentInfo_free((*work)->cms);
	free(*work);
	*work = NULL;
}

enum ksk_err
ksk_signed_open(struct ksk_span der, size_t max, struct ksk_signed *out,
	struct ksk_fault *fault)
{
	struct ksk_signed_work *work = NULL;
	uint8_t *copy = NULL;
	enum ksk_err err = ksk_signed_begin(der, max, &work, fault);

	if (err != KSK_OK)
		return err;
	copy = malloc(work->content.len == 0 ? 1 : work->content.len);
	if (copy == NULL)
		err = fail(fault, KSK_ERR_NO_MEMORY,
			"no memory for the signed document");
	else if (ksk_signed_digest(work, SIZE_MAX) != KSK_OK)
		err = fail(fault, KSK_ERR_CRYPTO,
			"the document's digest can't be computed");
	if (err == KSK_OK) {
		if (work->content.len > 0)
			memcpy(copy, work->content.data, work->content.len);
		ksk_signed_end(work, out);
		out->content = ksk_span_of(copy, work->content.len);
		copy = NULL;
	}
	free(copy);
	ksk_signed_drop(&work);
	return err;
}

void
ksk_signed_free(struct ksk_signed *document)
{
	free((void *)(uintptr_t)document->content.data);
	*document = (struct ksk_signed){.count = 0};
}

bool
ksk_signed_has(
	const struct ksk_signed *document, const uint8_t pin[KSK_PIN_LEN])
{
	for (size_t i = 0; i < document->count; i++)
		if (document->by[i].good &&
			memcmp(document->by[i].pin, pin, KSK_PIN_LEN) == 0)
			return true;
	return false;
}
