/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_token - what a PKCS#11 module gives, used as kskd-token uses it: one
 * process, one login, one session, C_SignInit and C_Sign.
 *
 *   bench_token raw MODULE URI PIN-FILE LABEL ALGORITHM PROCESSES SECONDS
 *   bench_token verify …    as raw, and each signature verified (P-256)
 *   bench_token parts … DATABASE    two commits, a signature, a verification
 *                           one after the other, in one process (P-256)
 *
 * raw and verify print units per second, parts the median in microseconds.
 */
#include "tests/bench/bench.h"

#include "hsm/key.h"
#include "hsm/p11.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PARTS_MAX 100000u

struct job {
	const char *module, *uri, *pin_file, *label;
	uint8_t algorithm;
	bool verifies;
	struct ksk_token *token;
	struct ksk_key key;
	CK_MECHANISM mechanism;
	uint8_t input[64]; /* what the mechanism is fed */
	size_t input_len;
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *verify;
	uint8_t signature[1024];
	size_t signature_len;
};

/* ---- what is done once ---- */

static void
log_in(struct job *j)
{
	const struct ksk_token_choice choice = {
		.module = j->module, .init = "", .uri = j->uri};
	struct ksk_fault fault = {""};
	struct ksk_pin *pin = NULL;
	int fd = open(j->pin_file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		bench_fail("%s: %s", j->pin_file, strerror(errno));
	if (ksk_pin_new(&pin) != KSK_OK ||
		ksk_pin_read_fd(pin, fd, 1000, &fault) != KSK_OK ||
		ksk_token_open(&choice, &j->token, &fault) != KSK_OK ||
		ksk_token_login(j->token, pin, &fault) != KSK_OK)
		bench_fail("token: %s", fault.text);
	(void)close(fd);
	ksk_pin_free(&pin);
}

static void
find_key(struct job *j)
{
	struct ksk_inventory all = {0};
	struct ksk_fault fault = {""};
	char why[KSK_WHY_CAP] = "no key has this label";
	bool found = false;

	if (ksk_inventory_read(j->token, &all, &fault) != KSK_OK)
		bench_fail("token: %s", fault.text);
	for (size_t i = 0; i < all.count && !found; i++)
		found = !all.objects[i].is_private &&
			strcmp(all.objects[i].label, j->label) == 0 &&
			ksk_key_of(&all, j->token, &all.objects[i],
				j->algorithm, &j->key, why) == KSK_OK;
	if (!found)
		bench_fail("key %s: %s", j->label, why);
	ksk_inventory_free(&all);
}

static void
fill_input(struct job *j)
{
	struct ksk_span head = ksk_span_of(NULL, 0);

	if (j->key.mechanism->feed == KSK_FEED_DIGEST_INFO)
		head = ksk_digest_info_head(j->algorithm);
	if (head.len + 32 > sizeof(j->input))
		bench_fail("algorithm %u is not measured", j->algorithm);
	if (head.len > 0)
		memcpy(j->input, head.data, head.len);
	memset(j->input + head.len, 0x2a, 32);
	j->input_len = head.len + 32;
	j->mechanism.mechanism = j->key.mechanism->type;
}

static void
prepare_verify(struct job *j)
{
	char group[] = "P-256";
	uint8_t point[65] = {0x04};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);

	if (j->key.dnskey_len != KSK_DNSKEY_HEAD_LEN + 64)
		bench_fail("only P-256 is verified");
	memcpy(point + 1, j->key.dnskey + KSK_DNSKEY_HEAD_LEN, 64);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(
			OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(
			OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
		OSSL_PARAM_construct_end(),
	};
	if (EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &j->pkey, EVP_PKEY_PUBLIC_KEY, params) !=
			1)
		bench_fail("the public key can't be imported");
	EVP_PKEY_CTX_free(ctx);
	j->verify = EVP_PKEY_CTX_new_from_pkey(NULL, j->pkey, NULL);
	if (EVP_PKEY_verify_init(j->verify) != 1)
		bench_fail("verification can't be prepared");
}

static void
begin(void *ctx)
{
	struct job *j = ctx;

	log_in(j);
	find_key(j);
	fill_input(j);
	if (j->verifies)
		prepare_verify(j);
}

/* ---- what is measured ---- */

static void
sign(struct job *j)
{
	CK_FUNCTION_LIST *f = j->token->module.f;
	CK_ULONG len = sizeof(j->signature);

	if (f->C_SignInit(j->token->session, &j->mechanism, j->key.handle) !=
			CKR_OK ||
		f->C_Sign(j->token->session, j->input, j->input_len,
			j->signature, &len) != CKR_OK)
		bench_fail("the token does not sign");
	j->signature_len = len;
}

static void
verify(struct job *j)
{
	uint8_t der[80];
	uint8_t *end = der;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	int half = (int)j->signature_len / 2;
	BIGNUM *r = BN_bin2bn(j->signature, half, NULL);
	BIGNUM *s = BN_bin2bn(j->signature + half, half, NULL);

	if (sig == NULL || ECDSA_SIG_set0(sig, r, s) != 1)
		bench_fail("no memory");
	int len = i2d_ECDSA_SIG(sig, &end);
	ECDSA_SIG_free(sig);
	if (len <= 0 ||
		EVP_PKEY_verify(j->verify, der, (size_t)len, j->input,
			j->input_len) != 1)
		bench_fail("the signature does not verify");
}

static void
once(void *ctx)
{
	struct job *j = ctx;

	sign(j);
	if (j->verifies)
		verify(j);
}

static double
measure_parts(struct job *j, const char *database, double seconds)
{
	static double took[PARTS_MAX];
	struct bench_store *store = NULL;
	size_t count = 0;

	begin(j);
	bench_store_open(database, &store);
	double end = bench_now() + seconds;
	double last = bench_now();
	while (last < end && count < PARTS_MAX) {
		bench_store_commit(store, 1);
		once(j);
		bench_store_commit(store, 1);
		double now = bench_now();
		took[count++] = now - last;
		last = now;
	}
	return bench_quantile(took, count, 0.5) * 1e6;
}

int
main(int argc, char **argv)
{
	if (argc < 9)
		bench_fail("usage: see the top of bench_token.c");
	bool parts = strcmp(argv[1], "parts") == 0;
	struct job j = {.module = argv[2],
		.uri = argv[3],
		.pin_file = argv[4],
		.label = argv[5],
		.algorithm = (uint8_t)bench_number(argv[6]),
		.verifies = parts || strcmp(argv[1], "verify") == 0};
	double seconds = bench_number(argv[8]);

	if (parts && argc == 10) {
		printf("%.3f\n", measure_parts(&j, argv[9], seconds));
		return 0;
	}
	const struct bench_work work = {
		.begin = begin, .once = once, .ctx = &j};
	printf("%.3f\n",
		bench_rate(&work, (unsigned)bench_number(argv[7]), seconds));
	return 0;
}
