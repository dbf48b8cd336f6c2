/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_journal - writes a journal's export as a busy appliance's would be:
 * pairs of an intent over five P-256 keys and a result with one RRSIG, a
 * checkpoint every 1,000 records, a mark every 64 replies' worth.
 *
 *   bench_journal RECORDS EXPORT KEY-FILE
 */
#include "tests/bench/bench.h"

#include "protocol/export.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 5u
#define CHECKPOINT_EVERY 1000u
#define MARK_EVERY 8192u

struct writer {
	FILE *file;
	const char *path;
	EVP_PKEY *pkey;
	uint8_t key[4 + 64]; /* the audit key's RDATA */
	uint8_t dnskey[KEYS][4 + 64];
	uint8_t rrsig[18 + 1 + 64];
	uint8_t hash[KSK_HASH_LEN];
	uint8_t item[KSK_EXPORT_ITEM_MAX];
};

static void
make_key(struct writer *w)
{
	uint8_t point[65];
	size_t len = 0;

	w->pkey = EVP_EC_gen("P-256");
	if (w->pkey == NULL ||
		EVP_PKEY_get_octet_string_param(w->pkey,
			OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
			&len) != 1)
		bench_fail("no key");
	memcpy(w->key, "\0\0\3\x0d", 4);
	memcpy(w->key + 4, point + 1, 64);
}

static void
write_key(const struct writer *w, const char *path)
{
	char text[KSK_AUDIT_KEY_TEXT_CAP];
	FILE *file = fopen(path, "we");

	if (file == NULL ||
		ksk_audit_key_to_text(
			ksk_span_of(w->key, sizeof(w->key)), text) != KSK_OK ||
		fprintf(file, "%s\n", text) < 0 || fclose(file) != 0)
		bench_fail("%s: %s", path, strerror(errno));
}

static void
put(struct writer *w, const struct ksk_buf *item)
{
	if (fwrite(item->data, 1, item->len, w->file) != item->len)
		bench_fail("%s: %s", w->path, strerror(errno));
}

static struct ksk_record
intent(struct writer *w, uint64_t number)
{
	struct ksk_record r = {.number = number,
		.time = 1767225600 + number / 50,
		.kind = KSK_RECORD_INTENT,
		.has_pin = true,
		.has_rrset = true,
		.has_window = true,
		.window = {1767222000, 1768431600},
		.has_policy = true,
		.policy_version = 7,
		.signer_count = 1};

	r.rrset = (struct ksk_rrset){
		.owner = {.len = 1}, .type = 48, .ttl = 3600, .count = KEYS};
	for (size_t i = 0; i < KEYS; i++) {
		memset(w->dnskey[i], (int)i, sizeof(w->dnskey[i]));
		r.rrset.rdata[i] = ksk_span_of(
			w->dnskey[i], sizeof(w->dnskey[i]));
	}
	r.signer[0] = (struct ksk_ds){.algorithm = 13,
		.digest_type = KSK_DIGEST_SHA256,
		.digest_len = 32};
	return r;
}

static struct ksk_record
result(struct writer *w, uint64_t number)
{
	struct ksk_record r = {.number = number,
		.time = 1767225600 + number / 50,
		.kind = KSK_RECORD_RESULT,
		.has_pin = true,
		.has_about = true,
		.about = number - 1,
		.rrsig_count = 1};

	r.rrsig[0] = ksk_span_of(w->rrsig, sizeof(w->rrsig));
	return r;
}

static void
put_record(struct writer *w, struct ksk_record_hasher *hasher, uint64_t number)
{
	static uint8_t room[KSK_RECORD_MAX];
	struct ksk_buf body = ksk_buf_of(room, sizeof(room));
	struct ksk_buf item = ksk_buf_of(w->item, sizeof(w->item));
	struct ksk_record begin = {.kind = KSK_RECORD_BEGIN};
	struct ksk_record record = number == 0 ? begin
		: number % 2 == 1              ? intent(w, number)
					       : result(w, number);

	if (ksk_record_write(&record, &body) != KSK_OK ||
		ksk_record_hasher_run(hasher, w->hash, ksk_buf_span(&body),
			w->hash) != KSK_OK ||
		ksk_export_put(&item, KSK_EXPORT_RECORD, ksk_buf_span(&body)) !=
			KSK_OK)
		bench_fail("record %llu", (unsigned long long)number);
	put(w, &item);
}

static void
sign(struct writer *w, const uint8_t *bytes, size_t len, uint8_t out[64])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[80];
	const uint8_t *at = der;
	size_t der_len = sizeof(der);

	if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, w->pkey) != 1 ||
		EVP_DigestSign(ctx, der, &der_len, bytes, len) != 1)
		bench_fail("no signature");
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
	if (sig == NULL || BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32) != 32 ||
		BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32) != 32)
		bench_fail("no signature");
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
}

static void
put_checkpoint(struct writer *w, uint64_t number)
{
	struct ksk_buf item = ksk_buf_of(w->item, sizeof(w->item));
	uint8_t bytes[KSK_CHECKPOINT_BYTES], signature[64];
	struct ksk_signed_checkpoint c = {
		.value = {.number = number, .time = 1767225600},
		.key = ksk_span_of(w->key, sizeof(w->key)),
		.signature = ksk_span_of(signature, sizeof(signature))};

	memcpy(c.value.hash, w->hash, KSK_HASH_LEN);
	ksk_checkpoint_bytes(&c.value, bytes);
	sign(w, bytes, sizeof(bytes), signature);
	if (ksk_export_checkpoint_put(&item, &c) != KSK_OK)
		bench_fail("checkpoint");
	put(w, &item);
}

static void
put_mark(struct writer *w, uint64_t number)
{
	struct ksk_buf item = ksk_buf_of(w->item, sizeof(w->item));
	struct ksk_export_mark mark = {.number = number};

	memcpy(mark.hash, w->hash, KSK_HASH_LEN);
	if (ksk_export_mark_put(&item, &mark) != KSK_OK)
		bench_fail("mark");
	put(w, &item);
}

static void
write_export(struct writer *w, uint64_t count)
{
	struct ksk_buf item = ksk_buf_of(w->item, sizeof(w->item));
	struct ksk_export_header header = {.first = 0};
	struct ksk_record_hasher *hasher = NULL;

	if (ksk_export_header_put(&item, &header) != KSK_OK ||
		ksk_record_hasher_new(&hasher) != KSK_OK)
		bench_fail("no header");
	put(w, &item);
	for (uint64_t n = 0; n < count; n++) {
		put_record(w, hasher, n);
		if ((n + 1) % CHECKPOINT_EVERY == 0)
			put_checkpoint(w, n);
		if ((n + 1) % MARK_EVERY == 0)
			put_mark(w, n);
	}
	put_mark(w, count - 1);
	ksk_record_hasher_free(&hasher);
}

int
main(int argc, char **argv)
{
	struct writer w = {.path = argc == 4 ? argv[2] : NULL};
	unsigned long long count = argc == 4 ? strtoull(argv[1], NULL, 10) : 0;

	if (count == 0)
		bench_fail("usage: bench_journal RECORDS EXPORT KEY-FILE");
	w.file = fopen(w.path, "wbe");
	if (w.file == NULL)
		bench_fail("%s: %s", w.path, strerror(errno));
	make_key(&w);
	write_key(&w, argv[3]);
	write_export(&w, count);
	EVP_PKEY_free(w.pkey);
	if (fclose(w.file) != 0)
		bench_fail("%s: %s", w.path, strerror(errno));
	return 0;
}
