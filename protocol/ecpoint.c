/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ecpoint - the curve's equation, with OpenSSL's numbers. Contract: ecpoint.h
 *
 * Both curves are y² = x³ − 3·x + b modulo p.
 */
#include "protocol/ecpoint.h"

#include <openssl/bn.h>

#define FIELD_MAX 48u

struct curve {
	size_t len;                   /* bytes of a coordinate */
	const BIGNUM *(*prime)(void); /* constant of OpenSSL's */
	/* r = a modulo p, for 0 <= a < p² */
	int (*reduce)(BIGNUM *r, const BIGNUM *a, const BIGNUM *p, BN_CTX *ctx);
	uint8_t b[FIELD_MAX];
};

/* FIPS 186-4 D.1.2.3 and D.1.2.4 */
static const struct curve P256 = {
	.len = 32,
	.prime = BN_get0_nist_prime_256,
	.reduce = BN_nist_mod_256,
	.b = {0x5a, 0xc6, 0x35, 0xd8, 0xaa, 0x3a, 0x93, 0xe7, 0xb3, 0xeb, 0xbd,
		0x55, 0x76, 0x98, 0x86, 0xbc, 0x65, 0x1d, 0x06, 0xb0, 0xcc,
		0x53, 0xb0, 0xf6, 0x3b, 0xce, 0x3c, 0x3e, 0x27, 0xd2, 0x60,
		0x4b},
};

static const struct curve P384 = {
	.len = 48,
	.prime = BN_get0_nist_prime_384,
	.reduce = BN_nist_mod_384,
	.b = {0xb3, 0x31, 0x2f, 0xa7, 0xe2, 0x3e, 0xe7, 0xe4, 0x98, 0x8e, 0x05,
		0x6b, 0xe3, 0xf8, 0x2d, 0x19, 0x18, 0x1d, 0x9c, 0x6e, 0xfe,
		0x81, 0x41, 0x12, 0x03, 0x14, 0x08, 0x8f, 0x50, 0x13, 0x87,
		0x5a, 0xc6, 0x56, 0x39, 0x8d, 0x8a, 0x2e, 0xd1, 0x9d, 0x2a,
		0x85, 0xc8, 0xed, 0xd3, 0xec, 0x2a, 0xef},
};

/* The numbers of one check; all in ctx. */
struct work {
	BN_CTX *ctx;
	const BIGNUM *p;
	BIGNUM *x, *y, *b, *left, *right;
};

static bool
prepare(struct work *w, const struct curve *curve, const uint8_t *bytes)
{
	int len = (int)curve->len;

	w->p = curve->prime();
	w->x = BN_CTX_get(w->ctx);
	w->y = BN_CTX_get(w->ctx);
	w->b = BN_CTX_get(w->ctx);
	w->left = BN_CTX_get(w->ctx);
	w->right = BN_CTX_get(w->ctx);
	return w->right != NULL && BN_bin2bn(bytes, len, w->x) != NULL &&
		BN_bin2bn(bytes + len, len, w->y) != NULL &&
		BN_bin2bn(curve->b, len, w->b) != NULL;
}

/* left = y², right = (x² − 3)·x + b, modulo p. */
static bool
compute_sides(struct work *w, const struct curve *curve)
{
	BIGNUM *three = BN_CTX_get(w->ctx);

	return three != NULL && BN_set_word(three, 3) == 1 &&
		BN_sqr(w->left, w->y, w->ctx) == 1 &&
		curve->reduce(w->left, w->left, w->p, w->ctx) == 1 &&
		BN_sqr(w->right, w->x, w->ctx) == 1 &&
		curve->reduce(w->right, w->right, w->p, w->ctx) == 1 &&
		BN_mod_sub_quick(w->right, w->right, three, w->p) == 1 &&
		BN_mul(w->right, w->right, w->x, w->ctx) == 1 &&
		curve->reduce(w->right, w->right, w->p, w->ctx) == 1 &&
		BN_mod_add_quick(w->right, w->right, w->b, w->p) == 1;
}

static enum ksk_err
judge(struct work *w, const struct curve *curve, const char **out_why)
{
	if (BN_cmp(w->x, w->p) >= 0 || BN_cmp(w->y, w->p) >= 0) {
		*out_why = "a coordinate is not below the field's prime: "
			   "it is no point on the curve";
		return KSK_ERR_MALFORMED;
	}
	if (!compute_sides(w, curve))
		return KSK_ERR_CRYPTO;
	if (BN_cmp(w->left, w->right) != 0) {
		*out_why = "it is no point on the curve";
		return KSK_ERR_MALFORMED;
	}
	return KSK_OK;
}

enum ksk_err
ksk_ecpoint_check(struct ksk_span bytes, const char **out_why)
{
	const struct curve *curve = bytes.len == 2 * P256.len ? &P256 : &P384;
	enum ksk_err err = KSK_ERR_CRYPTO;

	if (bytes.len != 2 * curve->len) {
		*out_why = "its length is wrong";
		return KSK_ERR_MALFORMED;
	}
	struct work w = {.ctx = BN_CTX_new()};
	if (w.ctx == NULL)
		return KSK_ERR_CRYPTO;
	BN_CTX_start(w.ctx);
	if (prepare(&w, curve, bytes.data))
		err = judge(&w, curve, out_why);
	BN_CTX_end(w.ctx);
	BN_CTX_free(w.ctx);
	return err;
}
