/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * identity - see identity.h.
 */
#include "appliance/frontend/identity.h"

#include "appliance/base/clock.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum ksk_err
ksk_identity_pin(X509 *certificate, uint8_t out_pin[KSK_PIN_LEN])
{
	uint8_t digest[KSK_PIN_LEN];
	unsigned char *der = NULL;
	const int len = i2d_X509_PUBKEY(
		X509_get_X509_PUBKEY(certificate), &der);
	enum ksk_err err = KSK_ERR_CRYPTO;

	if (len > 0 &&
		EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(),
			NULL) == 1) {
		memcpy(out_pin, digest, sizeof digest);
		err = KSK_OK;
	}
	OPENSSL_free(der);
	return err;
}

enum ksk_fold_reason
ksk_identity_dates(X509 *certificate)
{
	time_t now = (time_t)ksk_clock_now();
	const int begin = X509_cmp_time(X509_get0_notBefore(certificate), &now);
	const int end = X509_cmp_time(X509_get0_notAfter(certificate), &now);

	if (begin == 0 || end == 0)
		return KSK_FOLD_DATES;
	if (begin > 0)
		return KSK_FOLD_EARLY;
	return end < 0 ? KSK_FOLD_EXPIRED : KSK_FOLD_NONE;
}

/* Moves what a memory BIO holds into a text, cut to fit. */
static void
take_text(BIO *bio, char *out, size_t out_cap)
{
	const int n = BIO_read(bio, out, (int)out_cap - 1);

	out[n > 0 ? n : 0] = '\0';
	(void)BIO_reset(bio);
}

void
ksk_identity_describe(X509 *certificate, struct ksk_fold_detail *out_detail)
{
	BIO *bio = BIO_new(BIO_s_mem());

	if (bio == NULL)
		return;
	/* RFC 4514: control characters and zero bytes come out as \XX. */
	if (X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0,
		    XN_FLAG_RFC2253) >= 0)
		take_text(bio, out_detail->subject, sizeof out_detail->subject);
	if (i2a_ASN1_INTEGER(bio, X509_get0_serialNumber(certificate)) > 0)
		take_text(bio, out_detail->serial, sizeof out_detail->serial);
	if (ASN1_TIME_print(bio, X509_get0_notAfter(certificate)) == 1)
		take_text(bio, out_detail->until, sizeof out_detail->until);
	BIO_free(bio);
	/* A name that can't be printed is no error of the handshake. */
	ERR_clear_error();
}
