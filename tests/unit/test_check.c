/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_check - which signatures are taken, and whose fault it is where one is
 * not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/signer/check.h"
#include "tests/unit/sample_keyring.h"
#include "tests/unit/sample_table.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

struct world {
	struct ksk_signer signer;
	struct ksk_table table;
	uint32_t *map;
	struct ksk_ticket ticket;
	uint8_t tbs[KSK_TBS_MAX];
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct ksk_signer *s = &w->signer;
	static const uint8_t rdata[] = {1, 0, 3, 13, 5};
	struct ksk_rrset *rrset;
	int fd;

	assert_non_null(w);
	s->start = (struct ksk_start_signer){.job_ms = 2000,
		.token_count = 1,
		.token = {"main"},
		.worker_count = 1};
	s->tbs = w->tbs;
	assert_int_equal(KSK_OK, ksk_keyring_new(&s->start, &s->keyring));
	assert_int_equal(
		KSK_OK, ksk_crew_init(&s->crew, &s->start, s->keyring));
	fd = sample_memfd(1, "main", "x");
	assert_int_equal(KSK_OK, ksk_table_map(fd, &w->table, NULL));
	close(fd);
	w->map = sample_keys(s->keyring, &w->table);
	rrset = &w->ticket.request.sign.rrset;
	rrset->owner = sample_name("a.example.");
	rrset->type = KSK_TYPE_DNSKEY;
	rrset->ttl = 3600;
	rrset->count = 1;
	rrset->rdata[0] = ksk_span_of(rdata, sizeof(rdata));
	w->ticket.window = (struct ksk_window){1800000000, 1800086400};
	w->ticket.job_count = 1;
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	free(w->map);
	ksk_table_unmap(&w->table);
	ksk_keyring_free(&w->signer.keyring);
	free(w->signer.crew.packet);
	free(w);
	return 0;
}

static struct ksk_keyring_key *
key_of(struct world *w)
{
	return ksk_keyring_key(w->signer.keyring, w->map[0]);
}

static void
find_key(struct world *w)
{
	assert_true(ksk_keyring_answer(
		key_of(w), ksk_span_of(sample_ksk, sizeof(sample_ksk)), ""));
}

/* The key whose public point is the curve's own: its private half is 1. */
static EVP_PKEY *
make_pkey(void)
{
	uint8_t point[65] = {4};
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	BIGNUM *one = BN_new();
	EVP_PKEY *pkey = NULL;
	OSSL_PARAM *params;

	memcpy(point + 1, sample_ksk + 4, 64);
	assert_true(build != NULL && ctx != NULL && one != NULL &&
		BN_set_word(one, 1) == 1 &&
		OSSL_PARAM_BLD_push_utf8_string(
			build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY,
			point, sizeof(point)) == 1 &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, one) ==
			1);
	params = OSSL_PARAM_BLD_to_param(build);
	assert_true(params != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
		EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) == 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	BN_free(one);
	return pkey;
}

/* r and s of a signature over what the job stands for. */
static void
sign(struct world *w, uint8_t out[64])
{
	struct ksk_rrsig rrsig;
	struct ksk_buf tbs = ksk_buf_of(w->tbs, sizeof(w->tbs));
	EVP_PKEY *pkey = make_pkey();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[80];
	const uint8_t *p = der;
	size_t len = sizeof(der);
	ECDSA_SIG *sig;

	ksk_rrsig_prepare(&w->ticket.request.sign.rrset, w->ticket.window, 13,
		key_of(w)->tag, &rrsig);
	assert_int_equal(KSK_OK,
		ksk_tbs_build(&w->ticket.request.sign.rrset, &rrsig, &tbs));
	assert_true(
		EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
		EVP_DigestSign(ctx, der, &len, tbs.data, tbs.len) == 1);
	sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
	assert_non_null(sig);
	assert_true(BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32) == 32 &&
		BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32) == 32);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
}

/* The worker has answered. */
static struct ksk_job *
answer(struct world *w, const uint8_t signature[64])
{
	struct ksk_job *job = &w->ticket.job[0];

	*job = (struct ksk_job){.ticket = &w->ticket,
		.stage = KSK_JOB_ANSWERED,
		.key = w->map[0],
		.signature_len = 64};
	memcpy(job->signature, signature, 64);
	ksk_check_ticket(&w->signer, &w->ticket);
	return job;
}

static void
test_a_right_signature_is_taken(void **state)
{
	struct world *w = *state;
	uint8_t signature[64];
	find_key(w);
	sign(w, signature);
	assert_int_equal(KSK_JOB_SIGNED, answer(w, signature)->stage);
	assert_false(w->signer.crew.worker[0].wrong);
}

static void
test_a_wrong_one_is_its_workers_fault(void **state)
{
	struct world *w = *state;
	uint8_t signature[64];
	find_key(w);
	sign(w, signature);
	signature[20] ^= 4;
	assert_int_equal(KSK_JOB_LOST, answer(w, signature)->stage);
	assert_true(w->signer.crew.worker[0].wrong);
	assert_true(ksk_crew_is_barren(&w->signer.crew, 0));
}

/* While it was at the worker another one told that the key is not there any
 * more, or not allowed. */
static void
test_a_key_that_went_meanwhile_is_nobodys_fault(void **state)
{
	struct world *w = *state;
	uint8_t signature[64];
	find_key(w);
	sign(w, signature);
	assert_true(ksk_keyring_answer(
		key_of(w), ksk_span_of(NULL, 0), "the keymap"));
	assert_int_equal(KSK_JOB_LOST, answer(w, signature)->stage);
	assert_false(w->signer.crew.worker[0].wrong);
	assert_false(ksk_crew_is_barren(&w->signer.crew, 0));
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_a_right_signature_is_taken),
		CASE(test_a_wrong_one_is_its_workers_fault),
		CASE(test_a_key_that_went_meanwhile_is_nobodys_fault),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
