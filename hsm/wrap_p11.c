/* SPDX-License-Identifier: BSD-2-Clause */
/* wrap_p11 - see wrap_p11.h. */
#include "hsm/wrap_p11.h"

#include <string.h>

#define AES_LEN 32u

/* In the order of choice. Both are AES key wrap with padding. Modules disagree
 * about the padding of the second; so the receiving token's choice counts, and
 * the files say which one it is. */
static const CK_MECHANISM_TYPE mechanisms[] = {
	KSK_CKM_AES_KEY_WRAP_KWP,
	CKM_AES_KEY_WRAP_PAD,
};

bool
ksk_wrap_offers(
	const struct ksk_token *token, CK_MECHANISM_TYPE type, CK_FLAGS flags)
{
	CK_MECHANISM_INFO info = {0};

	return token->module.f->C_GetMechanismInfo(
		       token->slot_id, type, &info) == CKR_OK &&
		(info.flags & flags) == flags;
}

CK_MECHANISM_TYPE
ksk_wrap_mechanism(const struct ksk_token *token, CK_FLAGS flags)
{
	for (size_t i = 0; i < KSK_ATTRIBUTE_COUNT(mechanisms); i++) {
		if (ksk_wrap_offers(token, mechanisms[i], flags))
			return mechanisms[i];
	}
	return 0;
}

bool
ksk_wrap_known(CK_MECHANISM_TYPE hash, CK_MECHANISM_TYPE mechanism)
{
	return (hash == CKM_SHA256 || hash == CKM_SHA_1) &&
		(mechanism == mechanisms[0] || mechanism == mechanisms[1]);
}

enum ksk_err
ksk_wrap_lacks(struct ksk_fault *fault, const char *what)
{
	ksk_fault_set(fault,
		"the token has no mechanism for %s: use the vendor's own "
		"backup",
		what);
	return KSK_ERR_UNSUPPORTED;
}

CK_MECHANISM
ksk_wrap_oaep(CK_MECHANISM_TYPE hash, CK_RSA_PKCS_OAEP_PARAMS *params)
{
	*params = (CK_RSA_PKCS_OAEP_PARAMS){
		.hashAlg = hash,
		.mgf = hash == CKM_SHA_1 ? CKG_MGF1_SHA1 : CKG_MGF1_SHA256,
		.source = CKZ_DATA_SPECIFIED,
	};
	return (CK_MECHANISM){
		.mechanism = CKM_RSA_PKCS_OAEP,
		.pParameter = params,
		.ulParameterLen = sizeof(*params),
	};
}

enum ksk_err
ksk_wrap_aes_make(const struct ksk_token *token, CK_OBJECT_HANDLE *out,
	struct ksk_fault *fault)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	CK_BBOOL yes = CK_TRUE;
	CK_BBOOL no = CK_FALSE;
	CK_ULONG len = AES_LEN;
	CK_ATTRIBUTE attributes[] = {
		KSK_ATTRIBUTE(CKA_CLASS, class),
		KSK_ATTRIBUTE(CKA_KEY_TYPE, type),
		KSK_ATTRIBUTE(CKA_VALUE_LEN, len),
		KSK_ATTRIBUTE(CKA_TOKEN, no),
		KSK_ATTRIBUTE(CKA_PRIVATE, yes),
		KSK_ATTRIBUTE(CKA_SENSITIVE, yes),
		KSK_ATTRIBUTE(CKA_EXTRACTABLE, yes),
		KSK_ATTRIBUTE(CKA_WRAP, yes),
		KSK_ATTRIBUTE(CKA_UNWRAP, no),
		KSK_ATTRIBUTE(CKA_ENCRYPT, no),
		KSK_ATTRIBUTE(CKA_DECRYPT, no),
	};
	CK_MECHANISM m = {.mechanism = CKM_AES_KEY_GEN};
	CK_RV rv;

	if (!ksk_wrap_offers(token, CKM_AES_KEY_GEN, CKF_GENERATE))
		return ksk_wrap_lacks(
			fault, "making AES keys (CKM_AES_KEY_GEN)");
	rv = token->module.f->C_GenerateKey(token->session, &m, attributes,
		KSK_ATTRIBUTE_COUNT(attributes), out);
	return rv == CKR_OK ? KSK_OK
			    : ksk_p11_fail(fault, "C_GenerateKey (AES)", rv);
}

enum ksk_err
ksk_wrap_aes_in(const struct ksk_token *token, CK_OBJECT_HANDLE by,
	CK_MECHANISM_TYPE hash, struct ksk_span wrapped, CK_OBJECT_HANDLE *out,
	struct ksk_fault *fault)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	CK_BBOOL yes = CK_TRUE;
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE attributes[] = {
		KSK_ATTRIBUTE(CKA_CLASS, class),
		KSK_ATTRIBUTE(CKA_KEY_TYPE, type),
		KSK_ATTRIBUTE(CKA_TOKEN, no),
		KSK_ATTRIBUTE(CKA_PRIVATE, yes),
		KSK_ATTRIBUTE(CKA_SENSITIVE, yes),
		KSK_ATTRIBUTE(CKA_EXTRACTABLE, no),
		KSK_ATTRIBUTE(CKA_UNWRAP, yes),
		KSK_ATTRIBUTE(CKA_WRAP, no),
		KSK_ATTRIBUTE(CKA_ENCRYPT, no),
		KSK_ATTRIBUTE(CKA_DECRYPT, no),
	};
	CK_RSA_PKCS_OAEP_PARAMS params;
	CK_MECHANISM m = ksk_wrap_oaep(hash, &params);

	return ksk_wrap_in(token, &m, by, wrapped, attributes,
		KSK_ATTRIBUTE_COUNT(attributes), out, fault);
}

enum ksk_err
ksk_wrap_out(const struct ksk_token *token, CK_MECHANISM *mechanism,
	CK_OBJECT_HANDLE by, CK_OBJECT_HANDLE what, struct ksk_buf *out,
	struct ksk_fault *fault)
{
	uint8_t bytes[KSK_WRAP_BLOB_MAX];
	CK_ULONG len = sizeof(bytes);
	char buf[KSK_CKR_CAP];
	CK_RV rv = token->module.f->C_WrapKey(
		token->session, mechanism, by, what, bytes, &len);

	switch (rv) {
	case CKR_OK:
		return len > sizeof(bytes) ? KSK_ERR_TOO_LARGE
					   : ksk_buf_put(out, bytes, len);
	case CKR_KEY_NOT_WRAPPABLE:
	case CKR_KEY_UNEXTRACTABLE:
	case CKR_MECHANISM_INVALID:
	case CKR_MECHANISM_PARAM_INVALID:
	case CKR_ARGUMENTS_BAD:
	case CKR_WRAPPING_KEY_TYPE_INCONSISTENT:
	case CKR_WRAPPING_KEY_SIZE_RANGE:
	case CKR_KEY_SIZE_RANGE:
	case CKR_KEY_FUNCTION_NOT_PERMITTED:
	case CKR_FUNCTION_NOT_SUPPORTED:
		ksk_fault_set(fault,
			"the token does not wrap this kind of key (C_WrapKey: "
			"%s)",
			ksk_ckr_text(rv, buf));
		return KSK_ERR_UNSUPPORTED;
	default:
		return ksk_p11_fail(fault, "C_WrapKey", rv);
	}
}

enum ksk_err
ksk_wrap_in(const struct ksk_token *token, CK_MECHANISM *mechanism,
	CK_OBJECT_HANDLE by, struct ksk_span wrapped, CK_ATTRIBUTE *attributes,
	size_t count, CK_OBJECT_HANDLE *out, struct ksk_fault *fault)
{
	char buf[KSK_CKR_CAP];
	CK_RV rv = token->module.f->C_UnwrapKey(token->session, mechanism, by,
		(CK_BYTE_PTR)(uintptr_t)wrapped.data, wrapped.len, attributes,
		count, out);

	switch (rv) {
	case CKR_OK:
		return KSK_OK;
	case CKR_WRAPPED_KEY_INVALID:
	case CKR_WRAPPED_KEY_LEN_RANGE:
	case CKR_ENCRYPTED_DATA_INVALID:
	case CKR_ENCRYPTED_DATA_LEN_RANGE:
	case CKR_GENERAL_ERROR: /* SoftHSM */
	case CKR_FUNCTION_FAILED:
		ksk_fault_set(fault,
			"the token refuses the wrapped key (C_UnwrapKey: %s): "
			"it has changed, or was wrapped by another key",
			ksk_ckr_text(rv, buf));
		return KSK_ERR_MALFORMED;
	case CKR_MECHANISM_INVALID:
	case CKR_MECHANISM_PARAM_INVALID:
	case CKR_ARGUMENTS_BAD:
	case CKR_TEMPLATE_INCONSISTENT:
	case CKR_TEMPLATE_INCOMPLETE:
	case CKR_ATTRIBUTE_TYPE_INVALID:
	case CKR_ATTRIBUTE_VALUE_INVALID:
	case CKR_ATTRIBUTE_READ_ONLY:
	case CKR_KEY_FUNCTION_NOT_PERMITTED:
	case CKR_FUNCTION_NOT_SUPPORTED:
		ksk_fault_set(fault,
			"the token makes no such key out of wrapped bytes "
			"(C_UnwrapKey: %s)",
			ksk_ckr_text(rv, buf));
		return KSK_ERR_UNSUPPORTED;
	default:
		return ksk_p11_fail(fault, "C_UnwrapKey", rv);
	}
}

void
ksk_wrap_destroy(const struct ksk_token *token, CK_OBJECT_HANDLE object)
{
	/* An object that stays behind is of the session, or is named by what
	 * the caller reports. */
	(void)token->module.f->C_DestroyObject(token->session, object);
}
