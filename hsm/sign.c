/* SPDX-License-Identifier: BSD-2-Clause */
/* sign - see sign.h. */
#include "hsm/sign.h"

#include "hsm/p11.h"

#include <openssl/evp.h>
#include <string.h>

/* Larger than any signature: C_Sign is called once, with room enough. Asking
 * for the length first is a call more, and tokens have answered it wrongly. */
#define SIGNATURE_ROOM 1024u

/* PKCS#11 3.0, 2.3.14; p11-kit's header does not have it. */
struct eddsa_params {
	CK_BBOOL pre_hashed;
	CK_ULONG context_len;
	CK_BYTE *context;
};

static const EVP_MD *
hash_of(uint8_t algorithm)
{
	switch (algorithm) {
	case KSK_ALG_RSASHA256:
	case KSK_ALG_P256:
		return EVP_sha256();
	case KSK_ALG_P384:
		return EVP_sha384();
	case KSK_ALG_RSASHA512:
		return EVP_sha512();
	default:
		return NULL;
	}
}

/* Makes what the mechanism is fed: a view of bytes, or a hash in room. */
static enum ksk_err
feed(const struct ksk_key *key, struct ksk_span bytes,
	uint8_t room[KSK_DIGEST_INFO_HEAD_LEN + EVP_MAX_MD_SIZE],
	struct ksk_span *out)
{
	struct ksk_span head = ksk_span_of(NULL, 0);
	unsigned len = 0;

	if (key->mechanism->feed == KSK_FEED_WHOLE) {
		*out = bytes;
		return KSK_OK;
	}
	if (key->mechanism->feed == KSK_FEED_DIGEST_INFO) {
		head = ksk_digest_info_head(key->algorithm);
		memcpy(room, head.data, head.len);
	}
	if (EVP_Digest(bytes.data, bytes.len, room + head.len, &len,
		    hash_of(key->algorithm), NULL) != 1)
		return KSK_ERR_CRYPTO;
	*out = ksk_span_of(room, head.len + len);
	return KSK_OK;
}

/* CKM_EDDSA takes no parameter for pure Ed25519; some modules, and Ed448 by
 * the letter of PKCS#11 3.0, want an empty one. */
static CK_RV
init(struct ksk_token *token, const struct ksk_key *key)
{
	CK_FUNCTION_LIST *f = token->module.f;
	CK_MECHANISM m = {.mechanism = key->mechanism->type};
	struct eddsa_params params = {.pre_hashed = CK_FALSE};
	CK_RV rv = f->C_SignInit(token->session, &m, key->handle);

	if (ksk_alg_is_edwards(key->algorithm) &&
		(rv == CKR_MECHANISM_PARAM_INVALID ||
			rv == CKR_ARGUMENTS_BAD)) {
		m.pParameter = &params;
		m.ulParameterLen = sizeof(params);
		rv = f->C_SignInit(token->session, &m, key->handle);
	}
	return rv;
}

/* Answers that are about this key, not about the token: others sign on. */
static bool
is_about_key(CK_RV rv)
{
	switch (rv) {
	case CKR_ACTION_PROHIBITED:
	case CKR_KEY_FUNCTION_NOT_PERMITTED:
	case CKR_KEY_SIZE_RANGE:
	case CKR_KEY_TYPE_INCONSISTENT:
	case CKR_MECHANISM_INVALID:
	case CKR_MECHANISM_PARAM_INVALID:
		return true;
	default:
		return false;
	}
}

static enum ksk_err
fail(struct ksk_fault *fault, const char *call, CK_RV rv)
{
	const enum ksk_err r = ksk_p11_fail(fault, call, rv);

	return is_about_key(rv) ? KSK_ERR_UNSUPPORTED : r;
}

static enum ksk_err
convert(const struct ksk_key *key, struct ksk_span signature,
	struct ksk_buf *out, struct ksk_fault *fault)
{
	if (ksk_alg_is_ecdsa(key->algorithm))
		return ksk_ecdsa_to_dns(key->algorithm, signature, out, fault);
	if (signature.len != key->signature_len) {
		ksk_fault_set(fault,
			"signature form: %zu bytes from the token, must be %zu",
			signature.len, key->signature_len);
		return KSK_ERR_MALFORMED;
	}
	return ksk_buf_put(out, signature.data, signature.len);
}

enum ksk_err
ksk_sign(struct ksk_token *token, const struct ksk_key *key,
	struct ksk_span bytes, struct ksk_buf *out, struct ksk_fault *fault)
{
	uint8_t hash[KSK_DIGEST_INFO_HEAD_LEN + EVP_MAX_MD_SIZE];
	uint8_t raw[SIGNATURE_ROOM];
	CK_ULONG raw_len = sizeof(raw);
	struct ksk_span data;
	enum ksk_err r;
	CK_RV rv;

	if ((r = feed(key, bytes, hash, &data)) != KSK_OK) {
		ksk_fault_set(fault, "hashing fails");
		return r;
	}
	rv = init(token, key);
	/* Said twice it is no bad moment; nothing was signed yet. */
	if (is_about_key(rv))
		rv = init(token, key);
	if (rv != CKR_OK)
		return fail(fault, "C_SignInit", rv);
	/* Cryptoki's header knows no const. */
	rv = token->module.f->C_Sign(token->session,
		(CK_BYTE *)(uintptr_t)data.data, data.len, raw, &raw_len);
	if (rv != CKR_OK)
		return fail(fault, "C_Sign", rv);
	if (raw_len > sizeof(raw))
		return ksk_p11_fail(fault, "C_Sign", CKR_GENERAL_ERROR);
	return convert(key, ksk_span_of(raw, raw_len), out, fault);
}
