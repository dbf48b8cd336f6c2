/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_signed - signed documents are opened or refused, and each signature is
 * judged alone. What other people's tools make is tried by
 * tests/integration/test_signed.py; here no byte of a document may change
 * unseen, and no prefix of one may pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/policy/signed.h"

#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static const char text[] = "kind: policy\nversion: 7\n";

struct signer {
	EVP_PKEY *key;
	X509 *certificate;
};

static struct signer
make_signer(long serial)
{
	struct signer s = {.key = EVP_EC_gen("P-256")};
	X509_NAME *name;

	s.certificate = X509_new();
	assert_non_null(s.key);
	assert_non_null(s.certificate);
	assert_true(
		ASN1_INTEGER_set(X509_get_serialNumber(s.certificate), serial));
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(s.certificate), 0));
	assert_non_null(
		X509_gmtime_adj(X509_getm_notAfter(s.certificate), 86400));
	name = X509_get_subject_name(s.certificate);
	assert_true(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		(const unsigned char *)"operator", -1, -1, 0));
	assert_true(X509_set_issuer_name(s.certificate, name));
	assert_true(X509_set_pubkey(s.certificate, s.key));
	assert_true(X509_sign(s.certificate, s.key, EVP_sha256()) > 0);
	return s;
}

static void
free_signer(struct signer *s)
{
	EVP_PKEY_free(s->key);
	X509_free(s->certificate);
}

/* Signs the text with each of count signers. Returns DER, owned. */
static struct ksk_span
sign(const struct signer *signers, size_t count, unsigned more)
{
	unsigned flags = CMS_BINARY | CMS_NOSMIMECAP | CMS_PARTIAL | more;
	BIO *in = BIO_new_mem_buf(text, sizeof(text) - 1);
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, in, flags);
	uint8_t *der = NULL;
	int len;

	assert_non_null(cms);
	for (size_t i = 0; i < count; i++)
		assert_non_null(CMS_add1_signer(cms, signers[i].certificate,
			signers[i].key, EVP_sha256(), flags));
	assert_int_equal(CMS_final(cms, in, NULL, flags), 1);
	len = i2d_CMS_ContentInfo(cms, &der);
	assert_true(len > 0);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	return ksk_span_of(der, (size_t)len);
}

static void
free_der(struct ksk_span der)
{
	OPENSSL_free((void *)(uintptr_t)der.data);
}

static void
each_signature_is_judged_alone(void **state)
{
	struct signer s[2] = {make_signer(1), make_signer(2)};
	struct ksk_span der = sign(s, 2, 0);
	struct ksk_signed document = {.count = 0};
	struct ksk_fault fault = {.text = ""};
	(void)state;

	assert_int_equal(ksk_signed_open(der, 1000, &document, &fault), KSK_OK);
	assert_int_equal(document.count, 2);
	assert_int_equal(document.content.len, sizeof(text) - 1);
	assert_memory_equal(document.content.data, text, sizeof(text) - 1);
	assert_true(document.by[0].good && document.by[1].good);
	assert_memory_not_equal(
		document.by[0].pin, document.by[1].pin, KSK_PIN_LEN);
	assert_true(ksk_signed_has(&document, document.by[1].pin));
	document.by[1].good = false;
	assert_false(ksk_signed_has(&document, document.by[1].pin));
	ksk_signed_free(&document);
	free_der(der);
	free_signer(&s[0]);
	free_signer(&s[1]);
}

/* Digested byte by byte, the signatures are the same ones. */
static void
in_parts_it_is_the_same(void **state)
{
	struct signer s[2] = {make_signer(1), make_signer(2)};
	struct ksk_span der = sign(s, 2, 0);
	struct ksk_signed whole = {.count = 0}, parts = {.count = 0};
	struct ksk_signed_work *work = NULL;
	struct ksk_fault fault = {.text = ""};
	size_t count = 0;
	enum ksk_err err;
	(void)state;

	assert_int_equal(ksk_signed_open(der, 1000, &whole, &fault), KSK_OK);
	assert_int_equal(ksk_signed_begin(der, 1000, &work, &fault), KSK_OK);
	while ((err = ksk_signed_digest(work, 1)) == KSK_ERR_AGAIN)
		count++;
	assert_int_equal(err, KSK_OK);
	assert_int_equal(count, whole.content.len - 1);
	ksk_signed_end(work, &parts);
	assert_int_equal(parts.count, 2);
	assert_memory_equal(parts.by, whole.by, sizeof(parts.by));
	assert_true(ksk_span_equal(ksk_signed_content(work), whole.content));
	assert_int_equal(parts.content.len, 0);
	ksk_signed_drop(&work);
	ksk_signed_drop(&work);
	/* What was not digested is not good. */
	assert_int_equal(ksk_signed_begin(der, 1000, &work, &fault), KSK_OK);
	ksk_signed_end(work, &parts);
	assert_false(parts.by[0].good || parts.by[1].good);
	ksk_signed_drop(&work);
	assert_int_equal(
		ksk_signed_begin(der, 10, &work, &fault), KSK_ERR_TOO_LARGE);
	assert_null(work);
	ksk_signed_free(&whole);
	ksk_signed_free(&parts);
	free_der(der);
	free_signer(&s[0]);
	free_signer(&s[1]);
}

static void
no_changed_byte_passes_unseen(void **state)
{
	struct signer s = make_signer(1);
	struct ksk_span der = sign(&s, 1, 0);
	uint8_t *copy = malloc(der.len);
	size_t opened = 0;
	(void)state;

	assert_non_null(copy);
	for (size_t i = 0; i < der.len; i++) {
		struct ksk_signed document = {.count = 0};
		struct ksk_fault fault = {.text = ""};
		memcpy(copy, der.data, der.len);
		copy[i] ^= 1;
		if (ksk_signed_open(ksk_span_of(copy, der.len), 1000, &document,
			    &fault) != KSK_OK) {
			assert_string_not_equal(fault.text, "");
			continue;
		}
		opened++;
		/* What still counts as good says what was signed. */
		for (size_t k = 0; k < document.count; k++)
			if (document.by[k].good)
				assert_memory_equal(document.content.data, text,
					sizeof(text) - 1);
			else
				assert_string_not_equal(document.by[k].why, "");
		ksk_signed_free(&document);
	}
	assert_true(opened > 0);
	free(copy);
	free_der(der);
	free_signer(&s);
}

static void
no_prefix_passes(void **state)
{
	struct signer s = make_signer(1);
	struct ksk_span der = sign(&s, 1, 0);
	struct ksk_signed document = {.count = 0};
	struct ksk_fault fault;
	uint8_t *longer = calloc(1, der.len + 1);
	(void)state;

	for (size_t len = 0; len < der.len; len++)
		assert_int_equal(ksk_signed_open(ksk_span_of(der.data, len),
					 1000, &document, &fault),
			KSK_ERR_MALFORMED);
	assert_non_null(longer);
	memcpy(longer, der.data, der.len);
	assert_int_equal(ksk_signed_open(ksk_span_of(longer, der.len + 1), 1000,
				 &document, &fault),
		KSK_ERR_MALFORMED);
	assert_int_equal(
		ksk_signed_open(der, 10, &document, &fault), KSK_ERR_TOO_LARGE);
	assert_null(document.content.data);
	free(longer);
	free_der(der);
	free_signer(&s);
}

static void
without_attributes_or_certificate_none_is_good(void **state)
{
	const unsigned flags[] = {CMS_NOATTR, CMS_NOCERTS};
	const char *const words[] = {"-noattr", "-nocerts"};
	struct signer s = make_signer(1);
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		struct ksk_span der = sign(&s, 1, flags[i]);
		struct ksk_signed document = {.count = 0};
		struct ksk_fault fault;
		assert_int_equal(
			ksk_signed_open(der, 1000, &document, &fault), KSK_OK);
		assert_int_equal(document.count, 1);
		assert_false(document.by[0].good);
		assert_non_null(strstr(document.by[0].why, words[i]));
		ksk_signed_free(&document);
		free_der(der);
	}
	free_signer(&s);
}

static void
seventeen_are_too_many(void **state)
{
	struct signer s[17];
	struct ksk_signed document = {.count = 0};
	struct ksk_fault fault;
	struct ksk_span der;
	(void)state;

	for (size_t i = 0; i < 17; i++)
		s[i] = make_signer((long)i + 1);
	der = sign(s, 17, 0);
	assert_int_equal(ksk_signed_open(der, 1000, &document, &fault),
		KSK_ERR_TOO_LARGE);
	free_der(der);
	der = sign(s, 16, 0);
	assert_int_equal(ksk_signed_open(der, 1000, &document, &fault), KSK_OK);
	assert_int_equal(document.count, 16);
	ksk_signed_free(&document);
	free_der(der);
	for (size_t i = 0; i < 17; i++)
		free_signer(&s[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_signature_is_judged_alone),
		cmocka_unit_test(in_parts_it_is_the_same),
		cmocka_unit_test(no_changed_byte_passes_unseen),
		cmocka_unit_test(no_prefix_passes),
		cmocka_unit_test(
			without_attributes_or_certificate_none_is_good),
		cmocka_unit_test(seventeen_are_too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
