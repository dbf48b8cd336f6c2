/* SPDX-License-Identifier: BSD-2-Clause */
/* wrap_public - the public half of a restored key: unwrapping gives the private
 * one alone. */
#include "hsm/wrap_p11.h"

#include "hsm/encoding.h"
#include "protocol/dnskey.h"

#include <string.h>

CK_KEY_TYPE
ksk_wrap_key_type(uint8_t algorithm)
{
	return ksk_alg_is_rsa(algorithm)      ? CKK_RSA
		: ksk_alg_is_ecdsa(algorithm) ? CKK_EC
					      : CKK_EC_EDWARDS;
}

struct half {
	const struct ksk_token *token;
	struct ksk_span dnskey;
	const char *label;
	struct ksk_span id;
};

/* CKA_EC_POINT in its OCTET STRING (PKCS#11 2.3.3). out: room for the head of
 * 3 bytes and the key. */
static void
put_point(struct ksk_span dnskey, struct ksk_buf *out)
{
	size_t len = dnskey.len - KSK_DNSKEY_HEAD_LEN;
	bool form = ksk_alg_is_ecdsa(dnskey.data[3]);
	/* 32 to 97 bytes: the key was checked against its algorithm. */
	uint8_t head[3] = {0x04, (uint8_t)(len + form), 0x04};

	memcpy(out->data, head, 2 + (size_t)form);
	memcpy(out->data + 2 + form, dnskey.data + KSK_DNSKEY_HEAD_LEN, len);
	out->len = 2 + form + len;
}

static CK_RV
create(const struct half *x, CK_ATTRIBUTE first, CK_ATTRIBUTE second,
	CK_OBJECT_HANDLE *out)
{
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	CK_KEY_TYPE type = ksk_wrap_key_type(x->dnskey.data[3]);
	CK_BBOOL yes = CK_TRUE;
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE attributes[] = {
		first,
		second,
		KSK_ATTRIBUTE(CKA_CLASS, class),
		KSK_ATTRIBUTE(CKA_KEY_TYPE, type),
		KSK_ATTRIBUTE(CKA_TOKEN, yes),
		KSK_ATTRIBUTE(CKA_PRIVATE, no),
		KSK_ATTRIBUTE(CKA_VERIFY, yes),
		KSK_ATTRIBUTE_BYTES(CKA_LABEL, x->label, strlen(x->label)),
		KSK_ATTRIBUTE_BYTES(CKA_ID, x->id.data, x->id.len),
	};

	return x->token->module.f->C_CreateObject(x->token->session, attributes,
		KSK_ATTRIBUTE_COUNT(attributes), out);
}

static CK_RV
create_rsa(const struct half *x, CK_OBJECT_HANDLE *out)
{
	struct ksk_span n = {NULL, 0};
	struct ksk_span e = {NULL, 0};
	struct ksk_dnskey dnskey;

	if (ksk_dnskey_read(x->dnskey, &dnskey) != KSK_OK ||
		ksk_dnskey_rsa_split(&dnskey, &e, &n) != KSK_OK)
		return CKR_ATTRIBUTE_VALUE_INVALID;
	return create(x,
		(CK_ATTRIBUTE)KSK_ATTRIBUTE_BYTES(CKA_MODULUS, n.data, n.len),
		(CK_ATTRIBUTE)KSK_ATTRIBUTE_BYTES(
			CKA_PUBLIC_EXPONENT, e.data, e.len),
		out);
}

/* The curve by OID, then by name, which Edwards curves may have. */
static CK_RV
create_point(const struct half *x, CK_OBJECT_HANDLE *out)
{
	uint8_t bytes[3 + KSK_KEY_FIELD_MAX];
	struct ksk_buf point = ksk_buf_of(bytes, sizeof(bytes));
	CK_RV rv = CKR_CURVE_NOT_SUPPORTED;

	put_point(x->dnskey, &point);
	for (unsigned i = 0; i < 2 && rv != CKR_OK; i++) {
		struct ksk_span p = ksk_curve_params(x->dnskey.data[3], i == 1);

		if (p.len != 0)
			rv = create(x,
				(CK_ATTRIBUTE)KSK_ATTRIBUTE_BYTES(
					CKA_EC_PARAMS, p.data, p.len),
				(CK_ATTRIBUTE)KSK_ATTRIBUTE_BYTES(
					CKA_EC_POINT, bytes, point.len),
				out);
	}
	return rv;
}

enum ksk_err
ksk_wrap_public_make(const struct ksk_token *token, struct ksk_span dnskey,
	const char *label, struct ksk_span id, CK_OBJECT_HANDLE *out,
	struct ksk_fault *fault)
{
	const struct half x = {token, dnskey, label, id};
	CK_RV rv = ksk_alg_is_rsa(dnskey.data[3]) ? create_rsa(&x, out)
						  : create_point(&x, out);

	return rv == CKR_OK
		? KSK_OK
		: ksk_p11_fail(fault, "C_CreateObject (public key)", rv);
}
