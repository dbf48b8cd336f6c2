/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * credentials - see credentials.h.
 */
#include "appliance/frontend/credentials.h"

#include "appliance/base/tls_check.h"
#include "appliance/frontend/identity.h"
#include "appliance/frontend/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <unistd.h>

/* One byte more shows what is too long. */
#define PEM_CAP (KSK_TLS_FILE_MAX + 1)

#define REMEDY "once both files are away, `kskadm tls init` makes a new pair"

static enum ksk_err
read_all(int fd, struct ksk_buf *buf)
{
	ssize_t n;

	do {
		if (buf->len == buf->cap)
			return KSK_ERR_TOO_LARGE;
		n = read(fd, buf->data + buf->len, buf->cap - buf->len);
		if (n > 0)
			buf->len += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n == 0 ? KSK_OK : KSK_ERR_IO;
}

/* There is nobody to type a passphrase. */
static int
no_passphrase(char *out, int cap, int writing, void *arg)
{
	(void)out;
	(void)cap;
	(void)writing;
	(void)arg;
	return -1;
}

static BIO *
open_pem(int fd, const char *what, struct ksk_buf *buf, struct ksk_fault *fault)
{
	const enum ksk_err err = read_all(fd, buf);

	if (err != KSK_OK) {
		ksk_fault_set(fault, "TLS %s: the file can't be read: %s", what,
			err == KSK_ERR_IO ? strerror(errno)
					  : ksk_err_text(err));
		return NULL;
	}
	return BIO_new_mem_buf(buf->data, (int)buf->len);
}

static EVP_PKEY *
read_key(int fd, struct ksk_fault *fault)
{
	uint8_t pem[PEM_CAP];
	struct ksk_buf buf = ksk_buf_of(pem, sizeof pem);
	BIO *bio = open_pem(fd, "key", &buf, fault);
	EVP_PKEY *key = NULL;

	if (bio != NULL) {
		key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
		if (key == NULL)
			ksk_fault_set(fault,
				"TLS key: the file holds no private key in PEM "
				"without a passphrase; " REMEDY);
	}
	BIO_free(bio);
	ksk_wipe(pem, sizeof pem);
	ERR_clear_error();
	return key;
}

static X509 *
read_certificate(int fd, struct ksk_fault *fault)
{
	uint8_t pem[PEM_CAP];
	struct ksk_buf buf = ksk_buf_of(pem, sizeof pem);
	BIO *bio = open_pem(fd, "certificate", &buf, fault);
	X509 *certificate = NULL;

	if (bio != NULL) {
		certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
		if (certificate == NULL)
			ksk_fault_set(fault,
				"TLS certificate: the file holds no "
				"certificate in PEM; " REMEDY);
	}
	BIO_free(bio);
	ERR_clear_error();
	return certificate;
}

/* Clients look at our dates as we look at theirs. */
static bool
check_dates(X509 *certificate, bool strict, struct ksk_fault *fault)
{
	const enum ksk_fold_reason reason = ksk_identity_dates(certificate);
	struct ksk_fold_detail detail = {.address = ""};

	if (reason == KSK_FOLD_NONE)
		return true;
	ksk_identity_describe(certificate, &detail);
	if (strict) {
		ksk_fault_set(fault,
			"TLS certificate: it is not valid now, its end is %s; "
			"see the clock, or " REMEDY,
			detail.until);
		return false;
	}
	ksk_log(KSK_LOG_WARN, "certificate-dates",
		"our own TLS certificate is not valid now, clients will refuse "
		"it: see the clock, or " REMEDY,
		"not-after", detail.until, (const char *)NULL);
	return true;
}

enum ksk_err
ksk_credentials_load(int key_fd, int certificate_fd, bool strict,
	SSL_CTX **out_context, struct ksk_fault *fault)
{
	EVP_PKEY *key = read_key(key_fd, fault);
	X509 *certificate = NULL;
	SSL_CTX *context = NULL;
	enum ksk_err err = KSK_ERR_BAD_INPUT;

	if (key == NULL)
		goto out;
	certificate = read_certificate(certificate_fd, fault);
	if (certificate == NULL || !check_dates(certificate, strict, fault))
		goto out;
	if (X509_check_private_key(certificate, key) != 1) {
		ksk_fault_set(fault,
			"TLS key and certificate do not belong together; " REMEDY);
		goto out;
	}
	context = ksk_tls_context(key, certificate);
	if (context == NULL) {
		ksk_fault_set(fault,
			"TLS key or certificate is not strong enough for "
			"TLS 1.3; " REMEDY);
		goto out;
	}
	*out_context = context;
	err = KSK_OK;
out:
	ERR_clear_error();
	X509_free(certificate);
	EVP_PKEY_free(key);
	return err;
}
