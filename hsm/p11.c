/* SPDX-License-Identifier: BSD-2-Clause */
/* p11 - see p11.h. */
#include "hsm/p11.h"

#include <openssl/err.h>
#include <stdlib.h>

/* More objects than this on one token is not a KSK appliance's token; the
 * bound keeps a broken module from filling the memory. */
#define OBJECT_MAX 65536u
#define BATCH 64u

enum ksk_err
ksk_p11_fail(struct ksk_fault *fault, const char *call, CK_RV rv)
{
	char buf[KSK_CKR_CAP];

	ksk_fault_set(fault, "%s: %s", call, ksk_ckr_text(rv, buf));
	return KSK_ERR_TOKEN;
}

CK_RV
ksk_p11_last_error(void)
{
	unsigned long e = ERR_peek_last_error();
	CK_RV rv = CKR_GENERAL_ERROR;

	if (e != 0 && ERR_GET_LIB(e) == ERR_get_CKR_code())
		rv = (CK_RV)ERR_GET_REASON(e);
	ERR_clear_error();
	return rv;
}

void
ksk_p11_text(const unsigned char *field, size_t len, char *out)
{
	while (len > 0 && (field[len - 1] == ' ' || field[len - 1] == '\0'))
		len--;
	for (size_t i = 0; i < len; i++)
		out[i] = field[i] >= ' ' && field[i] <= '~' ? (char)field[i]
							    : '?';
	out[len] = '\0';
}

enum ksk_err
ksk_p11_attribute(const struct ksk_token *token, CK_OBJECT_HANDLE object,
	CK_ATTRIBUTE_TYPE type, void *out, size_t cap, size_t *out_len,
	struct ksk_fault *fault)
{
	CK_ATTRIBUTE a = {.type = type, .pValue = out, .ulValueLen = cap};
	CK_RV rv = token->module.f->C_GetAttributeValue(
		token->session, object, &a, 1);

	switch (rv) {
	case CKR_OK:
		break;
	case CKR_ATTRIBUTE_TYPE_INVALID:
	case CKR_ATTRIBUTE_SENSITIVE:
	case CKR_BUFFER_TOO_SMALL:
		return KSK_ERR_NOT_FOUND;
	default:
		return ksk_p11_fail(fault, "C_GetAttributeValue", rv);
	}
	if (a.ulValueLen > cap) /* also CK_UNAVAILABLE_INFORMATION */
		return KSK_ERR_NOT_FOUND;
	*out_len = a.ulValueLen;
	return KSK_OK;
}

/* Takes handles until the search gives no more. */
static enum ksk_err
collect(const struct ksk_token *token, CK_OBJECT_HANDLE **list, size_t *count,
	struct ksk_fault *fault)
{
	for (;;) {
		CK_OBJECT_HANDLE *more;
		CK_ULONG n = 0;
		CK_RV rv;

		if (*count >= OBJECT_MAX) {
			ksk_fault_set(fault, "more than %u objects on it",
				OBJECT_MAX);
			return KSK_ERR_TOO_LARGE;
		}
		more = realloc(*list, (*count + BATCH) * sizeof(*more));
		if (more == NULL)
			return KSK_ERR_NO_MEMORY;
		*list = more;
		rv = token->module.f->C_FindObjects(
			token->session, more + *count, BATCH, &n);
		if (rv != CKR_OK)
			return ksk_p11_fail(fault, "C_FindObjects", rv);
		if (n == 0)
			return KSK_OK;
		if (n > BATCH)
			return ksk_p11_fail(
				fault, "C_FindObjects", CKR_GENERAL_ERROR);
		*count += n;
	}
}

enum ksk_err
ksk_p11_find(const struct ksk_token *token, CK_OBJECT_CLASS object_class,
	CK_OBJECT_HANDLE **out_handles, size_t *out_count,
	struct ksk_fault *fault)
{
	CK_OBJECT_CLASS value = object_class;
	CK_ATTRIBUTE template = {.type = CKA_CLASS,
		.pValue = &value,
		.ulValueLen = sizeof(value)};
	CK_OBJECT_HANDLE *list = NULL;
	size_t count = 0;
	enum ksk_err r;
	CK_RV rv;

	rv = token->module.f->C_FindObjectsInit(token->session, &template, 1);
	if (rv != CKR_OK)
		return ksk_p11_fail(fault, "C_FindObjectsInit", rv);
	r = collect(token, &list, &count, fault);
	rv = token->module.f->C_FindObjectsFinal(token->session);
	if (r == KSK_OK && rv != CKR_OK)
		r = ksk_p11_fail(fault, "C_FindObjectsFinal", rv);
	if (r != KSK_OK) {
		free(list);
		return r;
	}
	*out_handles = list;
	*out_count = count;
	return KSK_OK;
}
