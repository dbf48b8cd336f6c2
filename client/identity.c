/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * identity - see identity.h.
 */
#include "client/identity.h"

#include "appliance/base/yaml.h"
#include "client/file.h"
#include "protocol/tls_key.h"

#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PEM_MAX 65536u

enum ksk_err
ksk_identity_pin(X509 *certificate, uint8_t out[KSK_PIN_LEN])
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);

	if (len <= 0)
		return KSK_ERR_CRYPTO;
	(void)SHA256(der, (size_t)len, out);
	OPENSSL_free(der);
	return KSK_OK;
}

static void
write_time(const ASN1_TIME *time, char out[KSK_TIME_CAP])
{
	struct tm tm;
	time_t seconds = -1;

	if (ASN1_TIME_to_tm(time, &tm) == 1)
		seconds = timegm(&tm);
	if (seconds < 0)
		(void)snprintf(out, KSK_TIME_CAP, "?");
	else
		(void)ksk_time_text(out, (uint64_t)seconds);
}

void
ksk_identity_dates(X509 *certificate, char out[96])
{
	char from[KSK_TIME_CAP], to[KSK_TIME_CAP];

	write_time(X509_get0_notBefore(certificate), from);
	write_time(X509_get0_notAfter(certificate), to);
	(void)snprintf(out, 96, "valid from %s to %s", from, to);
}

const char *
ksk_identity_date_fault(X509 *certificate)
{
	/* 0 is an error of the comparison: taken as wrong dates. */
	if (X509_cmp_current_time(X509_get0_notBefore(certificate)) >= 0)
		return "is not valid yet";
	if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0)
		return "has expired";
	return NULL;
}

/* A key with a passphrase is no use to a script: never ask for one. */
static int
no_passphrase(char *buf, int size, int writing, void *ctx)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)ctx;
	return 0;
}

static enum ksk_err
load_key(const char *path, EVP_PKEY **out_key, struct ksk_fault *fault)
{
	uint8_t *pem = NULL;
	size_t len = 0;
	BIO *bio;
	enum ksk_err err = ksk_file_read_secret(
		path, PEM_MAX, &pem, &len, fault);

	if (err != KSK_OK)
		return err;
	bio = BIO_new_mem_buf(pem, (int)len);
	if (bio != NULL)
		*out_key = PEM_read_bio_PrivateKey(
			bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	ksk_wipe(pem, len);
	free(pem);
	if (*out_key != NULL)
		return KSK_OK;
	ksk_fault_set(
		fault, "%s: no private key in PEM without passphrase", path);
	return KSK_ERR_BAD_INPUT;
}

static enum ksk_err
load_certificate(const char *path, X509 **out_cert, struct ksk_fault *fault)
{
	uint8_t *pem = NULL;
	size_t len = 0;
	BIO *bio;
	enum ksk_err err = ksk_file_read(path, PEM_MAX, &pem, &len, fault);

	if (err != KSK_OK)
		return err;
	bio = BIO_new_mem_buf(pem, (int)len);
	if (bio != NULL)
		*out_cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	free(pem);
	if (*out_cert != NULL)
		return KSK_OK;
	ksk_fault_set(fault, "%s: no certificate in PEM", path);
	return KSK_ERR_BAD_INPUT;
}

static enum ksk_err
check_pair(const struct ksk_identity *identity, const char *key_path,
	struct ksk_fault *fault)
{
	if (X509_check_private_key(identity->certificate, identity->key) == 1)
		return KSK_OK;
	ksk_fault_set(fault, "%s is not the certificate of the key %s",
		identity->path, key_path);
	return KSK_ERR_BAD_INPUT;
}

enum ksk_err
ksk_identity_load(const struct ksk_profile *profile,
	struct ksk_identity *out_identity, struct ksk_fault *fault)
{
	struct ksk_identity identity = {0};
	char key_path[2 * KSK_PROFILE_PATH_CAP];
	enum ksk_err err;

	ksk_profile_file(profile, profile->key, key_path);
	ksk_profile_file(profile, profile->certificate, identity.path);
	if ((err = load_key(key_path, &identity.key, fault)) != KSK_OK ||
		(err = load_certificate(identity.path, &identity.certificate,
			 fault)) != KSK_OK ||
		(err = check_pair(&identity, key_path, fault)) != KSK_OK)
		goto out;
	err = ksk_identity_pin(identity.certificate, identity.pin);
	if (err != KSK_OK) {
		ksk_fault_set(
			fault, "%s: its key can't be read", identity.path);
		goto out;
	}
	if (!ksk_tls_key_is_usable(identity.key)) {
		ksk_fault_set(fault,
			"%.400s: a key of a kind that is not used; it must "
			"be " KSK_TLS_KEY_KINDS,
			key_path);
		err = KSK_ERR_BAD_INPUT;
		goto out;
	}
	ksk_identity_dates(identity.certificate, identity.dates);
	*out_identity = identity;
	return KSK_OK;
out:
	ksk_identity_wipe(&identity);
	return err;
}

void
ksk_identity_wipe(struct ksk_identity *identity)
{
	EVP_PKEY_free(identity->key);
	X509_free(identity->certificate);
	*identity = (struct ksk_identity){0};
}
