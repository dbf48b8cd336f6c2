/* SPDX-License-Identifier: BSD-2-Clause */
/* certificate - see certificate.h. */
#include "appliance/policy/certificate.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192

const char *
ksk_certificate_key_trouble(EVP_PKEY *key)
{
	char group[32];
	size_t len = 0;
	int bits = EVP_PKEY_get_bits(key);

	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
			return "an RSA key must have 2048 to 8192 bits";
		return NULL;
	case EVP_PKEY_EC:
		if (EVP_PKEY_get_group_name(key, group, sizeof(group), &len) !=
				1 ||
			(strcmp(group, "prime256v1") != 0 &&
				strcmp(group, "secp384r1") != 0))
			return "an EC key must be on P-256 or P-384";
		return NULL;
	default:
		return "the key must be RSA, or EC on P-256 or P-384";
	}
}

bool
ksk_certificate_pin(X509 *certificate, uint8_t out_pin[KSK_PIN_LEN])
{
	uint8_t *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
	bool done = len > 0 &&
		EVP_Digest(der, (size_t)len, out_pin, NULL, EVP_sha256(),
			NULL) == 1;

	OPENSSL_free(der);
	return done;
}

/* The one certificate of a text; NULL if there is none, or another one. */
static X509 *
read_one(const char *text)
{
	BIO *bio = BIO_new_mem_buf(text, -1);
	X509 *first = NULL, *second = NULL;

	if (bio == NULL)
		return NULL;
	first = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (first != NULL)
		second = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (second != NULL) {
		X509_free(first);
		first = NULL;
	}
	X509_free(second);
	BIO_free(bio);
	return first;
}

enum ksk_err
ksk_certificate_read(
	const char *text, uint8_t out_pin[KSK_PIN_LEN], struct ksk_fault *fault)
{
	X509 *certificate = read_one(text);
	EVP_PKEY *key = certificate == NULL ? NULL
					    : X509_get0_pubkey(certificate);
	const char *trouble = NULL;

	if (certificate == NULL)
		trouble = "one X.509 certificate in PEM form is needed";
	else if (key == NULL)
		trouble = "the certificate's key can't be read";
	else
		trouble = ksk_certificate_key_trouble(key);
	if (trouble == NULL && !ksk_certificate_pin(certificate, out_pin))
		trouble = "the certificate's key can't be read";
	X509_free(certificate);
	ERR_clear_error();
	if (trouble == NULL)
		return KSK_OK;
	ksk_fault_set(fault, "%s", trouble);
	return KSK_ERR_BAD_INPUT;
}
