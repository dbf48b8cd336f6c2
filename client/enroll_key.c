/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * enroll_key - the key and the certificate of a client. The certificate is only
 * a wrapper of the key, which the policy pins: it is its own issuer, says what
 * it is for, and lasts ten years.
 */
#include "client/enroll.h"

#include "client/file.h"
#include "client/identity.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#define BACKDATE_SEC 3600L /* clocks differ */
#define DAYS 3650L

static bool
add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;
	bool good;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (extension == NULL)
		return false;
	good = X509_add_ext(cert, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return good;
}

static bool
set_serial(X509 *cert)
{
	BIGNUM *number = BN_new();
	bool good = number != NULL &&
		BN_rand(number, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) ==
			1 &&
		BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;

	BN_free(number);
	return good;
}

static X509 *
make_certificate(EVP_PKEY *key, const char *name)
{
	X509 *cert = X509_new();
	X509_NAME *subject = cert == NULL ? NULL : X509_get_subject_name(cert);

	if (cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 &&
		set_serial(cert) &&
		X509_gmtime_adj(X509_getm_notBefore(cert), -BACKDATE_SEC) !=
			NULL &&
		X509_time_adj_ex(
			X509_getm_notAfter(cert), (int)DAYS, 0, NULL) != NULL &&
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
			(const unsigned char *)name, -1, -1, 0) == 1 &&
		X509_set_issuer_name(cert, subject) == 1 &&
		X509_set_pubkey(cert, key) == 1 &&
		add_extension(
			cert, NID_basic_constraints, "critical,CA:FALSE") &&
		add_extension(
			cert, NID_key_usage, "critical,digitalSignature") &&
		add_extension(cert, NID_ext_key_usage, "clientAuth") &&
		X509_sign(cert, key, EVP_sha256()) > 0)
		return cert;
	X509_free(cert);
	return NULL;
}

/* Writes what a BIO holds to a new file. */
static enum ksk_err
write_bio(BIO *bio, const char *path, struct ksk_fault *fault)
{
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);

	return ksk_file_create(path, data, (size_t)len, fault);
}

static enum ksk_err
write_key(EVP_PKEY *key, const char *path, struct ksk_fault *fault)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	enum ksk_err err = KSK_ERR_CRYPTO;

	ksk_fault_set(fault, "the key can't be written");
	if (bio != NULL &&
		PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) ==
			1)
		err = write_bio(bio, path, fault);
	BIO_free(bio);
	return err;
}

static enum ksk_err
write_certificate(X509 *cert, const char *path, struct ksk_fault *fault)
{
	BIO *bio = BIO_new(BIO_s_mem());
	enum ksk_err err = KSK_ERR_CRYPTO;

	ksk_fault_set(fault, "the certificate can't be written");
	if (bio != NULL && PEM_write_bio_X509(bio, cert) == 1)
		err = write_bio(bio, path, fault);
	BIO_free(bio);
	return err;
}

enum ksk_err
ksk_enroll_key(const char *key_path, const char *certificate_path,
	const char *name, uint8_t out_pin[KSK_PIN_LEN], struct ksk_fault *fault)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = key == NULL ? NULL : make_certificate(key, name);
	enum ksk_err err = KSK_ERR_CRYPTO;

	ksk_fault_set(fault, "OpenSSL can't make a key and a certificate");
	if (cert == NULL || ksk_identity_pin(cert, out_pin) != KSK_OK)
		goto out;
	err = write_key(key, key_path, fault);
	if (err != KSK_OK)
		goto out;
	err = write_certificate(cert, certificate_path, fault);
	if (err != KSK_OK)
		(void)unlink(key_path); /* it was made here, a moment ago */
out:
	X509_free(cert);
	EVP_PKEY_free(key);
	return err;
}
