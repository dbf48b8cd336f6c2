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

static const EVP_MD *
digest_of(CMS_SignerInfo *info)
{
	X509_ALGOR *algorithm = NULL;
	const ASN1_OBJECT *object = NULL;

	CMS_SignerInfo_get0_algs(info, NULL, NULL, &algorithm, NULL);
	X509_ALGOR_get0(&object, NULL, NULL, algorithm);
	switch (OBJ_obj2nid(object)) {
	case NID_sha256:
		return EVP_sha256();
	case NID_sha384:
		return EVP_sha384();
	case NID_sha512:
		return EVP_sha512();
	default:
		return NULL;
	}
}

/* The signed attributes say what was signed: the type and the digest of the
 * document (RFC 5652 5.4, 11.1, 11.2). Without them a signature over some
 * other document's attributes could be passed off as one over a document. */
static const char *
attributes_trouble(CMS_SignerInfo *info, struct ksk_span content)
{
	const EVP_MD *md = digest_of(info);
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	const ASN1_OBJECT *type;
	const ASN1_OCTET_STRING *stated;

	if (CMS_signed_get_attr_count(info) <= 0)
		return "it has no signed attributes: sign without -noattr";
	if (md == NULL)
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
	if (EVP_Digest(content.data, content.len, digest, &len, md, NULL) != 1)
		return "the document's digest can't be computed";
	if (ASN1_STRING_length(stated) != (int)len ||
		memcmp(ASN1_STRING_get0_data(stated), digest, len) != 0)
		return "it was made over another document (were line ends "
		       "changed? sign with -binary)";
	return NULL;
}

static void
judge(CMS_SignerInfo *info, STACK_OF(X509) * certificates,
	struct ksk_span content, struct ksk_signed_by *by)
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
		trouble = attributes_trouble(info, content);
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
judge_all(CMS_ContentInfo *cms, struct ksk_signed *document,
	struct ksk_fault *fault)
{
	STACK_OF(CMS_SignerInfo) *infos = CMS_get0_SignerInfos(cms);
	int count = sk_CMS_SignerInfo_num(infos);
	STACK_OF(X509) * certificates;

	if (count > (int)KSK_SIGNATURE_COUNT_MAX)
		return fail(fault, KSK_ERR_TOO_LARGE,
			"the document has more than 16 signatures: leave out "
			"those that are not needed");
	certificates = CMS_get1_certs(cms);
	for (int i = 0; i < count; i++)
		judge(sk_CMS_SignerInfo_value(infos, i), certificates,
			document->content, &document->by[i]);
	document->count = count < 0 ? 0 : (size_t)count;
	sk_X509_pop_free(certificates, X509_free);
	ERR_clear_error();
	return KSK_OK;
}

static enum ksk_err
take_content(CMS_ContentInfo *cms, size_t max, struct ksk_signed *document,
	struct ksk_fault *fault)
{
	ASN1_OCTET_STRING **inside = NULL;
	uint8_t *copy;
	size_t len;

	if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed)
		return fail(fault, KSK_ERR_MALFORMED,
			"this is CMS, but not signed data: sign the document "
			"with `openssl cms -sign`");
	if (OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_pkcs7_data)
		return fail(fault, KSK_ERR_MALFORMED,
			"the content type of the signed document is not "
			"id-data");
	inside = CMS_get0_content(cms);
	if (inside == NULL || *inside == NULL)
		return fail(fault, KSK_ERR_MALFORMED,
			"the signed file does not hold the document: sign "
			"with -nodetach");
	len = (size_t)ASN1_STRING_length(*inside);
	if (len > max)
		return fail(fault, KSK_ERR_TOO_LARGE,
			"the signed document is larger than is allowed");
	copy = malloc(len == 0 ? 1 : len);
	if (copy == NULL)
		return fail(fault, KSK_ERR_NO_MEMORY,
			"no memory for the signed document");
	memcpy(copy, ASN1_STRING_get0_data(*inside), len);
	document->content = ksk_span_of(copy, len);
	return KSK_OK;
}

enum ksk_err
ksk_signed_open(struct ksk_span der, size_t max, struct ksk_signed *out,
	struct ksk_fault *fault)
{
	struct ksk_signed document = {.count = 0};
	const uint8_t *at = der.data;
	CMS_ContentInfo *cms;
	enum ksk_err err;

	if (der.len > max + CMS_OVERHEAD_MAX)
		return fail(fault, KSK_ERR_TOO_LARGE,
			"the signed file is larger than is allowed");
	cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
	if (cms == NULL)
		return fail(fault, KSK_ERR_MALFORMED,
			"this is not a signed document in CMS (DER): sign it "
			"with `openssl cms -sign -outform DER`");
	if (at != der.data + der.len)
		err = fail(fault, KSK_ERR_MALFORMED,
			"bytes follow the signed document");
	else
		err = take_content(cms, max, &document, fault);
	if (err == KSK_OK)
		err = judge_all(cms, &document, fault);
	CMS_ContentInfo_free(cms);
	if (err != KSK_OK)
		ksk_signed_free(&document);
	else
		*out = document;
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
