/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * approvals - the product's word on documents that operators sign, for
 * test_approvals.py: one line in, one line out.
 *
 *	begin TEXT              a new appliance with this first authority
 *	doc KIND TEXT SIGNERS HOW
 *
 * Texts are hexadecimal. SIGNERS: numbers of keys, "3,5", each perhaps with a
 * letter behind it: n without signed attributes, h with SHA-1. HOW: what
 * happens to the signed document on its way: - nothing, t cut off, b a byte
 * more, c other content, l other line ends. The first line out has the pins of
 * all keys.
 */
#include "appliance/policy/approve.h"
#include "appliance/policy/withdrawn.h"

#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 24
#define LINE_CAP (256 * 1024)
#define NOW 1800000000u

struct bench {
	EVP_PKEY *key[KEYS];
	X509 *certificate[KEYS];
	uint8_t pin[KEYS][KSK_PIN_LEN];
	struct ksk_authority authority;
	uint64_t policy_version;
	uint8_t policy_hash[KSK_HASH_LEN];
	struct ksk_withdrawals withdrawals;
	struct ksk_refusals refusals;
};

static const uint8_t appliance[KSK_ID_LEN] = {7};

static void
must(bool good)
{
	if (!good)
		abort();
}

static void
make_key(struct bench *b, int i)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	uint8_t *der = NULL;
	int len;

	b->key[i] = EVP_EC_gen("P-256");
	must(b->key[i] != NULL && x != NULL);
	must(ASN1_INTEGER_set(X509_get_serialNumber(x), i + 1) == 1);
	must(X509_gmtime_adj(X509_getm_notBefore(x), 0) != NULL);
	must(X509_gmtime_adj(X509_getm_notAfter(x), 86400) != NULL);
	must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		     (const unsigned char *)"operator", -1, -1, 0) == 1);
	must(X509_set_issuer_name(x, name) == 1);
	must(X509_set_pubkey(x, b->key[i]) == 1);
	must(X509_sign(x, b->key[i], EVP_sha256()) > 0);
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	must(len > 0 &&
		EVP_Digest(der, (size_t)len, b->pin[i], NULL, EVP_sha256(),
			NULL) == 1);
	OPENSSL_free(der);
	b->certificate[i] = x;
}

/* ---- what operators do ---- */

static struct ksk_span
sign(const struct bench *b, struct ksk_span text, const char *signers)
{
	const unsigned flags = CMS_BINARY | CMS_NOSMIMECAP | CMS_PARTIAL;
	BIO *in = BIO_new_mem_buf(text.data, (int)text.len);
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, in, flags);
	uint8_t *der = NULL;
	unsigned seen = 0;
	int len;

	must(cms != NULL);
	while (*signers != '\0') {
		char *end;
		long i = strtol(signers, &end, 10);
		unsigned more = *end == 'n' ? CMS_NOATTR : 0u;

		/* A certificate stands in a document once. */
		if ((seen & (1u << i)) != 0)
			more |= CMS_NOCERTS;
		seen |= 1u << i;
		const EVP_MD *md = *end == 'h' ? EVP_sha1() : EVP_sha256();

		must(i >= 0 && i < KEYS);
		must(CMS_add1_signer(cms, b->certificate[i], b->key[i], md,
			     flags | more) != NULL);
		while (*end != '\0' && *end != ',')
			end++;
		signers = *end == ',' ? end + 1 : end;
	}
	must(CMS_final(cms, in, NULL, flags) == 1);
	len = i2d_CMS_ContentInfo(cms, &der);
	must(len > 0);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	return ksk_span_of(der, (size_t)len);
}

/* Changes a document; returns its length. */
static size_t
spoil(uint8_t *der, size_t len, struct ksk_span text, char how)
{
	uint8_t *inside = memmem(der, len, text.data, text.len);

	must(inside != NULL);
	switch (how) {
	case 't':
		return len - 1;
	case 'b':
		der[len] = 0;
		return len + 1;
	case 'c':
		inside[text.len - 2] ^= 1;
		return len;
	case 'l': /* as many bytes, one line end another */
		for (size_t i = 0; i < text.len; i++) {
			if (inside[i] == '\n') {
				inside[i] = '\r';
				break;
			}
		}
		return len;
	default:
		return len;
	}
}

/* ---- what the signer does, in its order ---- */

static void
refuse_faults(struct bench *b, const struct ksk_faults *faults)
{
	ksk_approve_refuse(&b->refusals, KSK_APPROVE_DOCUMENT, "%.300s",
		faults->count > 0 ? faults->list[0].text : "?");
}

static struct ksk_standing
stands(const struct bench *b)
{
	struct ksk_standing s = {.authority = &b->authority,
		.now = NOW,
		.policy_version = b->policy_version};

	memcpy(s.appliance, appliance, sizeof(appliance));
	memcpy(s.policy_hash, b->policy_hash, KSK_HASH_LEN);
	return s;
}

static void
judge_policy(struct bench *b, struct ksk_span text)
{
	static struct ksk_faults faults;
	struct ksk_fault fault = {""};
	struct ksk_standing standing = stands(b);
	struct ksk_table table;
	struct ksk_claim claim;
	uint8_t *bytes = NULL;
	size_t len = 0;

	if (ksk_policy_compile(text, NULL, NOW, &bytes, &len, &faults) !=
		KSK_OK) {
		refuse_faults(b, &faults);
		return;
	}
	must(ksk_table_open(ksk_span_of(bytes, len), &table, &fault) == KSK_OK);
	claim = ksk_claim_of_table(&table);
	if (ksk_approve_claim(&standing, &claim, &b->refusals)) {
		b->policy_version = table.version;
		memcpy(b->policy_hash, table.hash, KSK_HASH_LEN);
	}
	free(bytes);
}

static void
take_effect(struct bench *b, const struct ksk_document *d)
{
	if (d->kind == KSK_DOCUMENT_AUTHORITY)
		b->authority = d->authority;
	if (d->kind != KSK_DOCUMENT_WITHDRAW)
		return;
	if (ksk_withdrawals_has(&b->withdrawals, d->hash) ||
		ksk_withdrawals_add(&b->withdrawals, d) != KSK_OK)
		ksk_approve_refuse(&b->refusals, KSK_APPROVE_WITHDRAW, "twice");
}

static void
judge_other(struct bench *b, unsigned kind, struct ksk_span text,
	const struct ksk_signed *document, struct ksk_approvers *who)
{
	static struct ksk_faults faults;
	static struct ksk_document d;
	struct ksk_standing standing = stands(b);
	struct ksk_claim claim;

	if (ksk_document_compile((enum ksk_document_kind)kind, text, NULL, &d,
		    &faults) != KSK_OK) {
		refuse_faults(b, &faults);
		return;
	}
	claim = ksk_claim_of_document(&d);
	(void)ksk_approve_claim(&standing, &claim, &b->refusals);
	if (kind == KSK_DOCUMENT_AUTHORITY)
		(void)ksk_approve_signers(&b->authority, kind, document,
			&d.authority, who, &b->refusals);
	if (b->refusals.count == 0)
		take_effect(b, &d);
}

static void
judge(struct bench *b, unsigned kind, struct ksk_span der)
{
	struct ksk_signed document = {.count = 0};
	struct ksk_approvers who;
	struct ksk_fault fault = {""};

	memset(&b->refusals, 0, sizeof(b->refusals));
	if (ksk_signed_open(der, KSK_DOCUMENT_TEXT_MAX, &document, &fault) !=
		KSK_OK) {
		ksk_approve_refuse(&b->refusals, KSK_APPROVE_DOCUMENT, "%.300s",
			fault.text);
		return;
	}
	if (ksk_document_kind_of(document.content) != kind)
		ksk_approve_refuse(&b->refusals, KSK_APPROVE_KIND, "other");
	if (ksk_approve_signers(
		    &b->authority, kind, &document, NULL, &who, &b->refusals) &&
		b->refusals.count == 0) {
		if (kind == KSK_DOCUMENT_POLICY)
			judge_policy(b, document.content);
		else
			judge_other(b, kind, document.content, &document, &who);
	}
	ksk_signed_free(&document);
}

/* ---- lines ---- */

static void
say(const struct bench *b)
{
	printf(b->refusals.count == 0 ? "accept" : "refuse");
	for (size_t i = 0; i < b->refusals.count; i++)
		printf(" %s", b->refusals.list[i].rule);
	printf("\n");
	fflush(stdout);
}

static struct ksk_span
read_text(const char *hex, uint8_t *room)
{
	size_t len = 0;

	must(ksk_hex_read(hex, strlen(hex), room, LINE_CAP, &len) == KSK_OK);
	return ksk_span_of(room, len);
}

static void
begin(struct bench *b, struct ksk_span text)
{
	static struct ksk_faults faults;
	static struct ksk_document d;

	must(ksk_document_compile(KSK_DOCUMENT_AUTHORITY, text, NULL, &d,
		     &faults) == KSK_OK);
	b->authority = d.authority;
	b->policy_version = 0;
	memset(b->policy_hash, 0, KSK_HASH_LEN);
	memset(&b->withdrawals, 0, sizeof(b->withdrawals));
	memset(&b->refusals, 0, sizeof(b->refusals));
}

static void
hand_in(struct bench *b, unsigned kind, struct ksk_span text,
	const char *signers, char how)
{
	struct ksk_span der = sign(b, text, signers);
	uint8_t *copy = malloc(der.len + 1);
	size_t len;

	must(copy != NULL);
	memcpy(copy, der.data, der.len);
	len = spoil(copy, der.len, text, how);
	judge(b, kind, ksk_span_of(copy, len));
	free(copy);
	OPENSSL_free((void *)(uintptr_t)der.data);
}

int
main(void)
{
	static struct bench b;
	static char line[LINE_CAP], hex[LINE_CAP], signers[1024];
	static uint8_t room[LINE_CAP];
	unsigned kind;
	char how;

	for (int i = 0; i < KEYS; i++) {
		char pin[2 * KSK_PIN_LEN + 1];
		make_key(&b, i);
		ksk_hex_write(
			ksk_span_of(b.pin[i], KSK_PIN_LEN), pin, sizeof(pin));
		printf("%s ", pin);
	}
	printf("\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (sscanf(line, "begin %262143s", hex) == 1)
			begin(&b, read_text(hex, room));
		else if (sscanf(line, "doc %u %262143s %1023s %c", &kind, hex,
				 signers, &how) == 4)
			hand_in(&b, kind, read_text(hex, room), signers, how);
		else
			abort();
		say(&b);
	}
	return 0;
}
