/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls - the appliance's TLS identity. Peers compare the SHA-256 of the public
 * key (the pin); names in the certificate are for people, and there is no
 * authority to sign it.
 */
#include "appliance/admin/admin.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAYS_DEFAULT 3650ul
#define DAYS_MAX 36500ul
#define SERIAL_LEN 16u
#define CERTIFICATE_MAX 65536u

static bool
set_serial(X509 *x)
{
	uint8_t bytes[SERIAL_LEN];
	BIGNUM *n = NULL;
	bool ok;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] &= 0x7f; /* positive */
	n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = n != NULL &&
		BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
	BN_free(n);
	return ok;
}

static X509 *
make_certificate(EVP_PKEY *key, unsigned long days)
{
	X509 *x = X509_new();
	X509_NAME *name;

	if (x == NULL)
		return NULL;
	name = X509_get_subject_name(x);
	if (X509_set_version(x, 2) == 1 && set_serial(x) &&
		X509_gmtime_adj(X509_getm_notBefore(x), -86400) != NULL &&
		X509_time_adj_ex(X509_getm_notAfter(x), (int)days, 0, NULL) !=
			NULL &&
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
			(const unsigned char *)"KSK appliance", -1, -1,
			0) == 1 &&
		X509_set_issuer_name(x, name) == 1 &&
		X509_set_pubkey(x, key) == 1 &&
		X509_sign(x, key, EVP_sha256()) > 0)
		return x;
	X509_free(x);
	return NULL;
}

/* Takes what a memory BIO holds as a file. */
static enum ksk_err
make_file(BIO *bio, const char *path, mode_t mode, struct ksk_fault *fault)
{
	const struct ksk_owner root = {0, 0};
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);

	return ksk_file_make(
		path, ksk_span_of(data, (size_t)len), mode, root, fault);
}

static enum ksk_err
write_pair(const struct ksk_config *config, EVP_PKEY *key, X509 *x,
	struct ksk_fault *fault)
{
	/* Secure memory where there is some: it wipes when freed. */
	BIO *key_bio = BIO_new(BIO_s_secmem());
	BIO *x_bio = BIO_new(BIO_s_mem());
	enum ksk_err r = KSK_ERR_CRYPTO;

	if (key_bio == NULL || x_bio == NULL ||
		PEM_write_bio_PrivateKey(
			key_bio, key, NULL, NULL, 0, NULL, NULL) != 1 ||
		PEM_write_bio_X509(x_bio, x) != 1)
		goto out;
	r = make_file(x_bio, config->tls_certificate, 0644, fault);
	if (r != KSK_OK)
		goto out;
	r = make_file(key_bio, config->tls_key, 0600, fault);
	if (r != KSK_OK)
		(void)unlink(config->tls_certificate); /* ours, new */
out:
	BIO_free(key_bio);
	BIO_free(x_bio);
	return r;
}

/* Prints the SHA-256 of the SubjectPublicKeyInfo. */
static bool
print_pin(X509 *x)
{
	uint8_t *der = NULL;
	uint8_t hash[EVP_MAX_MD_SIZE];
	char hex[2 * KSK_PIN_LEN + 1];
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	bool ok = len > 0 &&
		EVP_Digest(der, (size_t)len, hash, NULL, EVP_sha256(), NULL) ==
			1;

	OPENSSL_free(der);
	if (!ok)
		return false;
	ksk_hex_write(ksk_span_of(hash, KSK_PIN_LEN), hex, sizeof(hex));
	(void)printf("%s\n", hex);
	return true;
}

enum ksk_exit
ksk_verb_tls_init(const char *config_path, int argc, char **argv)
{
	const char *days_text = NULL;
	const struct ksk_option options[] = {{"days", &days_text, NULL, false}};
	unsigned long days = DAYS_DEFAULT;
	struct ksk_config config;
	struct ksk_fault fault = {""};
	EVP_PKEY *key = NULL;
	X509 *x = NULL;
	enum ksk_exit code;
	enum ksk_err r = KSK_ERR_CRYPTO;

	if (!ksk_args_read(argc, argv, options, 1, NULL, 0) ||
		(days_text != NULL &&
			!ksk_args_number(
				"days", days_text, 1, DAYS_MAX, &days)))
		return KSK_EXIT_USAGE;
	if ((code = ksk_admin_config(config_path, &config)) != KSK_EXIT_OK)
		return code;
	key = EVP_EC_gen("P-256");
	x = key != NULL ? make_certificate(key, days) : NULL;
	if (x != NULL)
		r = write_pair(&config, key, x, &fault);
	if (r != KSK_OK)
		code = ksk_fail(
			r == KSK_ERR_CRYPTO ? KSK_EXIT_INTERNAL : KSK_EXIT_FILE,
			r, &fault);
	else if (!print_pin(x))
		code = KSK_EXIT_INTERNAL;
	else
		ksk_say("made %s and %s, valid for %lu days; this is the "
			"server pin, for kskctl enroll",
			config.tls_key, config.tls_certificate, days);
	X509_free(x);
	EVP_PKEY_free(key);
	return code;
}

enum ksk_exit
ksk_verb_tls_pin(const char *config_path, int argc, char **argv)
{
	struct ksk_config config;
	struct ksk_fault fault = {""};
	uint8_t *pem = NULL;
	size_t len = 0;
	BIO *bio = NULL;
	X509 *x = NULL;
	enum ksk_exit code;
	enum ksk_err r;

	if (!ksk_args_read(argc, argv, NULL, 0, NULL, 0))
		return KSK_EXIT_USAGE;
	if ((code = ksk_admin_config(config_path, &config)) != KSK_EXIT_OK)
		return code;
	r = ksk_file_read(
		config.tls_certificate, CERTIFICATE_MAX, &pem, &len, &fault);
	if (r == KSK_ERR_NOT_FOUND) {
		ksk_say("%s is not there; kskadm tls init makes it",
			config.tls_certificate);
		return KSK_EXIT_TLS;
	}
	if (r != KSK_OK)
		return ksk_fail(KSK_EXIT_TLS, r, &fault);
	bio = BIO_new_mem_buf(pem, (int)len);
	x = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	if (x == NULL || !print_pin(x)) {
		ksk_say("%s holds no certificate", config.tls_certificate);
		code = KSK_EXIT_TLS;
	}
	X509_free(x);
	BIO_free(bio);
	free(pem);
	return code;
}
