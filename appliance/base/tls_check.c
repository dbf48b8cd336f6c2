/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls_check - see tls_check.h.
 */
#include "appliance/base/tls_check.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <time.h>
#include <unistd.h>

#define REMEDY "run: kskadm tls init"

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
check_dates(const char *path, const X509 *certificate, uint64_t now,
	struct ksk_fault *fault)
{
	const ASN1_TIME *first = X509_get0_notBefore(certificate);
	const ASN1_TIME *last = X509_get0_notAfter(certificate);
	time_t when = (time_t)now;
	char text[32];

	/* X509_cmp_time: -1 earlier than or equal to when, 1 later. */
	if (X509_cmp_time(first, &when) != -1) {
		date_text(first, text);
		ksk_fault_set(fault,
			"TLS certificate %s is not valid before %s; set the "
			"clock, or " REMEDY,
			path, text);
		return KSK_ERR_BAD_INPUT;
	}
	if (X509_cmp_time(last, &when) != 1) {
		date_text(last, text);
		ksk_fault_set(fault,
			"TLS certificate %s is not valid after %s; set the "
			"clock, or " REMEDY,
			path, text);
		return KSK_ERR_BAD_INPUT;
	}
	return KSK_OK;
}

enum ksk_err
ksk_tls_check(const struct ksk_config *config, int key_fd, int certificate_fd,
	uint64_t now, struct ksk_fault *fault)
{
	EVP_PKEY *key = NULL;
	X509 *certificate = NULL;
	enum ksk_err err = KSK_ERR_BAD_INPUT;

	key = read_key(config->tls_key, key_fd, fault);
	if (key == NULL)
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
	err = check_dates(config->tls_certificate, certificate, now, fault);
out:
	X509_free(certificate);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return err;
}
