/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edwards - decoding of points as far as is needed to know that it works.
 * Contract: edwards.h
 *
 * The curve is a·x² + y² = 1 + d·x²·y², so x² = (1 − y²) / (a − d·y²). There
 * is an x if that is a square; u/v is one exactly if u·v is. v is never zero:
 * d is no square and a is one.
 */
#include "protocol/edwards.h"

#include <openssl/bn.h>
#include <string.h>

#define POINT_MAX 57u

struct curve {
	size_t len;        /* bytes of an encoded point */
	const char *prime; /* p, hexadecimal */
	int a;             /* 1 or -1 */
	const char *d;     /* modulo p */
	/* y of the points whose order is 8 or 1, 2, 4: where x = 0 or y = 0
	 * nothing else is needed, the others are listed. */
	const char *small[2];
};

/* RFC 8032 5.1 and 5.2 */
static const struct curve ED25519 = {
	.len = 32,
	.prime = "7fffffffffffffffffffffffffffffff"
		 "ffffffffffffffffffffffffffffffed",
	.a = -1,
	.d = "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3",
	.small = {"05fc536d880238b13933c6d305acdfd5"
		  "f098eff289f4c345b027b2c28f95e826",
		"7a03ac9277fdc74ec6cc392cfa53202a"
		"0f67100d760b3cba4fd84d3d706a17c7"},
};

static const struct curve ED448 = {
	.len = 57,
	.prime = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffe"
		 "ffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	.a = 1,
	.d = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffe"
	     "ffffffffffffffffffffffffffffffffffffffffffffffffffff6756",
	.small = {NULL, NULL},
};

/* The numbers of one check; all in ctx. */
struct work {
	BN_CTX *ctx;
	BIGNUM *p, *d, *y, *u, *v;
};

static bool
prepare(struct work *w, const struct curve *curve)
{
	w->p = BN_CTX_get(w->ctx);
	w->d = BN_CTX_get(w->ctx);
	w->y = BN_CTX_get(w->ctx);
	w->u = BN_CTX_get(w->ctx);
	w->v = BN_CTX_get(w->ctx);
	return w->v != NULL && BN_hex2bn(&w->p, curve->prime) > 0 &&
		BN_hex2bn(&w->d, curve->d) > 0;
}

/* u = 1 − y², v = a − d·y², modulo p. */
static bool
compute_fraction(struct work *w, const struct curve *curve)
{
	BIGNUM *one = BN_CTX_get(w->ctx);
	BIGNUM *a = BN_CTX_get(w->ctx);

	if (a == NULL || BN_one(one) != 1 || BN_one(a) != 1)
		return false;
	BN_set_negative(a, curve->a < 0);
	return BN_mod_sqr(w->u, w->y, w->p, w->ctx) == 1 &&
		BN_mod_mul(w->v, w->d, w->u, w->p, w->ctx) == 1 &&
		BN_mod_sub(w->u, one, w->u, w->p, w->ctx) == 1 &&
		BN_mod_sub(w->v, a, w->v, w->p, w->ctx) == 1;
}

/* Returns 1 if y is that of a point of small order, 0 if not, -1 on error. */
static int
has_small_order(struct work *w, const struct curve *curve)
{
	if (BN_is_zero(w->y) || BN_is_zero(w->u))
		return 1;
	for (size_t i = 0; i < 2 && curve->small[i] != NULL; i++) {
		if (BN_hex2bn(&w->v, curve->small[i]) <= 0)
			return -1;
		if (BN_cmp(w->y, w->v) == 0)
			return 1;
	}
	return 0;
}

static enum ksk_err
judge(struct work *w, const struct curve *curve, bool sign,
	const char **out_why)
{
	if (BN_cmp(w->y, w->p) >= 0) {
		*out_why = "its y is not below the field's prime";
		return KSK_ERR_MALFORMED;
	}
	if (!compute_fraction(w, curve))
		return KSK_ERR_CRYPTO;
	if (BN_is_zero(w->u) && sign) {
		*out_why = "its x is zero with the sign bit set";
		return KSK_ERR_MALFORMED;
	}
	BIGNUM *product = BN_CTX_get(w->ctx);
	if (product == NULL ||
		BN_mod_mul(product, w->u, w->v, w->p, w->ctx) != 1)
		return KSK_ERR_CRYPTO;
	int square = BN_kronecker(product, w->p, w->ctx);
	if (square < -1)
		return KSK_ERR_CRYPTO;
	if (square == -1) {
		*out_why = "it is no point on the curve";
		return KSK_ERR_MALFORMED;
	}
	int small = has_small_order(w, curve);
	if (small < 0)
		return KSK_ERR_CRYPTO;
	if (small == 1) {
		*out_why = "it is a point of small order";
		return KSK_ERR_MALFORMED;
	}
	return KSK_OK;
}

enum ksk_err
ksk_edwards_check(struct ksk_span bytes, const char **out_why)
{
	const struct curve *curve = bytes.len == ED25519.len ? &ED25519
							     : &ED448;
	enum ksk_err err = KSK_ERR_CRYPTO;
	uint8_t y[POINT_MAX];

	if (bytes.len != curve->len) {
		*out_why = "its length is wrong";
		return KSK_ERR_MALFORMED;
	}
	memcpy(y, bytes.data, bytes.len);
	/* The top bit is the sign of x (RFC 8032 5.1.2, 5.2.2). */
	bool sign = (y[bytes.len - 1] & 0x80) != 0;
	y[bytes.len - 1] &= 0x7f;
	struct work w = {.ctx = BN_CTX_new()};
	if (w.ctx == NULL)
		return KSK_ERR_CRYPTO;
	BN_CTX_start(w.ctx);
	if (prepare(&w, curve) && BN_lebin2bn(y, (int)bytes.len, w.y) != NULL)
		err = judge(&w, curve, sign, out_why);
	BN_CTX_end(w.ctx);
	BN_CTX_free(w.ctx);
	return err;
}
