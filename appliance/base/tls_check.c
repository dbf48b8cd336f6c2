/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls_check - see tls_check.h.
 */
#include "appliance/base/tls_check.h"

#include "protocol/tls_key.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A new pair has another pin, which clients must be told. */
#define REMEDY "move both files away and run: kskadm tls init"

/* OpenSSL's level 2, which Debian sets; SHA-1 and MD5 are below. */
#define SIGNATURE_BITS_MIN 112

/* A key that asks for a password can't be used by a service. */
static int
refuse_password(char *buf, int size, int rwflag, void *ctx)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	*(bool *)ctx = true;
	return -1;
}

static BIO *
open_bio(int fd)
{
	const int own = ksk_file_reopen(fd);
	BIO *bio;

	if (own < 0)
		return NULL;
	bio = BIO_new_fd(own, BIO_CLOSE);
	if (bio == NULL)
		close(own);
	return bio;
}

static EVP_PKEY *
read_key(const char *path, int fd, struct ksk_fault *fault)
{
	BIO *bio = open_bio(fd);
	bool encrypted = false;
	EVP_PKEY *key = NULL;

	if (bio != NULL)
		key = PEM_read_bio_PrivateKey(
			bio, NULL, refuse_password, &encrypted);
	BIO_free(bio);
	if (key == NULL)
		ksk_fault_set(fault, "TLS key %s %s; " REMEDY, path,
			encrypted ? "is encrypted, nobody is there to type "
				    "its password"
				  : "holds no private key in PEM form");
	return key;
}

static enum ksk_err
check_kind(const char *path, const EVP_PKEY *key, struct ksk_fault *fault)
{
	if (ksk_tls_key_is_usable(key))
		return KSK_OK;
	ksk_fault_set(fault,
		"TLS key %s is of a kind that is not used: it must "
		"be " KSK_TLS_KEY_KINDS "; " REMEDY,
		path);
	return KSK_ERR_BAD_INPUT;
}

static X509 *
read_certificate(const char *path, int fd, struct ksk_fault *fault)
{
	BIO *bio = open_bio(fd);
	X509 *certificate = NULL;

	if (bio != NULL)
		certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	if (certificate == NULL)
		ksk_fault_set(fault,
			"TLS certificate %s holds no certificate in PEM form; " REMEDY,
			path);
	return certificate;
}

/* OpenSSL looks at the signature on our own certificate, though nobody else
 * does: what it takes for too weak, no context is made with. */
static enum ksk_err
check_signature(const struct ksk_config *config, X509 *certificate,
	struct ksk_fault *fault)
{
	const uint32_t flags = X509_get_extension_flags(certificate);
	int bits = 0;

	if ((flags & EXFLAG_SS) != 0 ||
		X509_get_signature_info(certificate, NULL, NULL, &bits, NULL) !=
			1 ||
		bits >= SIGNATURE_BITS_MIN)
		return KSK_OK;
	ksk_fault_set(fault,
		"TLS certificate %s is signed with a hash that is too weak; "
		"make a new one for the same key, so that clients still know "
		"it: " KSK_TLS_RENEW,
		config->tls_certificate, config->tls_key,
		config->tls_certificate);
	return KSK_ERR_BAD_INPUT;
}

/* Writes a date of a certificate, or "?" if it can't be read. */
static void
date_text(const ASN1_TIME *date, char out[32])
{
	struct tm tm;

	if (ASN1_TIME_to_tm(date, &tm) != 1 ||
		strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
		out[0] = '?';
		out[1] = '\0';
	}
}

static enum ksk_err
check_dates(const struct ksk_config *config, const X509 *certificate,
	uint64_t now, struct ksk_fault *fault)
{
	const char *path = config->tls_certificate;
	const ASN1_TIME *first = X509_get0_notBefore(certificate);
	const ASN1_TIME *last = X509_get0_notAfter(certificate);
	time_t when = (time_t)now;
	char text[32];

	/* X509_cmp_time: -1 earlier than or equal to when, 1 later. */
	if (X509_cmp_time(first, &when) != -1) {
		date_text(first, text);
		ksk_fault_set(fault,
			"TLS certificate %s is not valid before %s; set the "
			"clock, or make a new one for the same key, so that "
			"clients still know it: " KSK_TLS_RENEW,
			path, text, config->tls_key, path);
		return KSK_ERR_BAD_INPUT;
	}
	if (X509_cmp_time(last, &when) != 1) {
		date_text(last, text);
		ksk_fault_set(fault,
			"TLS certificate %s is not valid after %s; set the "
			"clock, or make a new one for the same key, so that "
			"clients still know it: " KSK_TLS_RENEW,
			path, text, config->tls_key, path);
		return KSK_ERR_BAD_INPUT;
	}
	return KSK_OK;
}

static enum ksk_err
check_size(const char *path, int fd, struct ksk_fault *fault)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && (uintmax_t)st.st_size <= KSK_TLS_FILE_MAX)
		return KSK_OK;
	ksk_fault_set(
		fault, "%s is longer than %u bytes", path, KSK_TLS_FILE_MAX);
	return KSK_ERR_BAD_INPUT;
}

enum ksk_err
ksk_tls_check(const struct ksk_config *config, int key_fd, int certificate_fd,
	uint64_t now, struct ksk_fault *fault)
{
	EVP_PKEY *key = NULL;
	X509 *certificate = NULL;
	enum ksk_err err = KSK_ERR_BAD_INPUT;

	if (check_size(config->tls_key, key_fd, fault) != KSK_OK ||
		check_size(config->tls_certificate, certificate_fd, fault) !=
			KSK_OK)
		goto out;
	key = read_key(config->tls_key, key_fd, fault);
	if (key == NULL || check_kind(config->tls_key, key, fault) != KSK_OK)
		goto out;
	certificate = read_certificate(
		config->tls_certificate, certificate_fd, fault);
	if (certificate == NULL)
		goto out;
	if (X509_check_private_key(certificate, key) != 1) {
		ksk_fault_set(fault,
			"TLS key %s is not the key of certificate %s; put the "
			"two that belong together there, or " REMEDY,
			config->tls_key, config->tls_certificate);
		goto out;
	}
	err = check_signature(config, certificate, fault);
	if (err == KSK_OK)
		err = check_dates(config, certificate, now, fault);
out:
	X509_free(certificate);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return err;
}
