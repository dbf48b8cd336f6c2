/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object - handles of objects that change on command, objects that are gone,
 * attributes that are missing or odd. A handle of ours is the real one with
 * the number of the last change in its upper bits.
 */
#include "tests/fault/module.h"

#include <string.h>

#define HANDLE_BITS 40
#define REAL_MASK ((UINT64_C(1) << HANDLE_BITS) - 1)

static uint64_t
epoch_bits(void)
{
	return (uint64_t)fault.control->handle_epoch << HANDLE_BITS;
}

bool
fault_has_label(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, const char *label)
{
	char text[FAULT_LABEL_CAP];
	CK_ATTRIBUTE a = {CKA_LABEL, text, sizeof(text)};

	return fault.real->C_GetAttributeValue(s, o, &a, 1) == CKR_OK &&
		a.ulValueLen == strnlen(label, FAULT_LABEL_CAP) &&
		memcmp(text, label, a.ulValueLen) == 0;
}

static bool
is_dropped(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o)
{
	switch ((enum fault_drop)fault.control->drop) {
	case FAULT_DROP_NOTHING:
		return false;
	case FAULT_DROP_ALL:
		return true;
	case FAULT_DROP_LABEL:
		return fault_has_label(s, o, fault.control->drop_label);
	}
	return false;
}

CK_RV
fault_handle_in(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *o, CK_RV invalid)
{
	if (*o == CK_INVALID_HANDLE || !fault.initialized)
		return CKR_OK; /* the real module says what that means */
	if ((*o & ~REAL_MASK) != epoch_bits())
		return invalid;
	*o &= REAL_MASK;
	return is_dropped(s, *o) ? invalid : CKR_OK;
}

void
fault_handle_out(CK_RV rv, CK_OBJECT_HANDLE *o)
{
	if (rv == CKR_OK && o != NULL)
		*o |= epoch_bits();
}

/* ---- finding ---- */

static CK_ULONG
keep_present(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *list, CK_ULONG count)
{
	CK_ULONG kept = 0;

	for (CK_ULONG i = 0; i < count; i++) {
		if (!is_dropped(s, list[i]))
			list[kept++] = list[i] | epoch_bits();
	}
	return kept;
}

CK_RV
own_C_FindObjects(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *list, CK_ULONG max,
	CK_ULONG *count)
{
	CK_ULONG kept = 0;
	CK_ULONG n;
	CK_RV rv = fault_session_in(&s);

	if (rv != CKR_OK)
		return rv;
	if (list == NULL || count == NULL)
		return CKR_ARGUMENTS_BAD;
	/* None at all would tell the caller that the search is over. */
	do {
		n = 0;
		rv = fault.real->C_FindObjects(s, list, max, &n);
		if (rv == CKR_OK)
			kept = keep_present(s, list, n);
	} while (rv == CKR_OK && n != 0 && kept == 0);
	if (rv == CKR_OK)
		*count = kept;
	return rv;
}

/* ---- attributes ---- */

static CK_RV
give(CK_ATTRIBUTE *a, const CK_BYTE *bytes, CK_ULONG len)
{
	const CK_ULONG room = a->ulValueLen;

	a->ulValueLen = len;
	if (a->pValue == NULL)
		return CKR_OK;
	if (room < len) {
		a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		return CKR_BUFFER_TOO_SMALL;
	}
	memcpy(a->pValue, bytes, len);
	return CKR_OK;
}

/* Takes a DER OCTET STRING's head away; points have at most 255 bytes. */
static CK_ULONG
unwrap(const CK_BYTE **point, CK_ULONG len)
{
	const CK_BYTE *p = *point;
	const CK_ULONG head = len > 2 && p[1] == 0x81 ? 3 : 2;

	if (len <= head || p[0] != 0x04 || p[head - 1] != len - head)
		return len; /* raw already */
	*point += head;
	return len - head;
}

static CK_RV
bend_one(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a,
	enum fault_quirk quirk)
{
	CK_BYTE value[1024];
	CK_ATTRIBUTE real = {a->type, value, sizeof(value)};
	const CK_BYTE *point = value;
	CK_BBOOL flag = quirk == FAULT_ATTRIBUTE_TRUE ? CK_TRUE : CK_FALSE;
	CK_RV rv = fault.real->C_GetAttributeValue(s, o, &real, 1);

	if (rv == CKR_OK && quirk == FAULT_ATTRIBUTE_HIDE)
		rv = CKR_ATTRIBUTE_TYPE_INVALID;
	if (rv != CKR_OK) {
		a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		return rv;
	}
	switch (quirk) {
	case FAULT_ATTRIBUTE_HIDE:
	case FAULT_ATTRIBUTE_EMPTY:
		return give(a, value, 0);
	case FAULT_ATTRIBUTE_TRUE:
	case FAULT_ATTRIBUTE_FALSE:
		return give(a, &flag, sizeof(flag));
	case FAULT_ATTRIBUTE_RAW:
		real.ulValueLen = unwrap(&point, real.ulValueLen);
		return give(a, point, real.ulValueLen);
	}
	return CKR_GENERAL_ERROR;
}

static CK_RV
get_one(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a)
{
	const struct fault_control *c = fault.control;

	for (size_t i = 0; i < FAULT_ATTRIBUTES && i < c->attribute_count;
		i++) {
		if (c->attribute[i].type == a->type)
			return bend_one(s, o, a,
				(enum fault_quirk)c->attribute[i].quirk);
	}
	return fault.real->C_GetAttributeValue(s, o, a, 1);
}

CK_RV
own_C_GetAttributeValue(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o,
	CK_ATTRIBUTE *t, CK_ULONG count)
{
	CK_RV rv = fault_object_in(&s, &o, CKR_OBJECT_HANDLE_INVALID);

	if (rv != CKR_OK)
		return rv;
	if (fault.control->attribute_count == 0 || t == NULL)
		return fault.real->C_GetAttributeValue(s, o, t, count);
	for (CK_ULONG i = 0; i < count; i++) {
		const CK_RV one = get_one(s, o, &t[i]);

		if (rv == CKR_OK)
			rv = one;
	}
	return rv;
}

/* ---- what makes objects or takes two ---- */

CK_RV
own_C_CreateObject(CK_SESSION_HANDLE s, CK_ATTRIBUTE *t, CK_ULONG count,
	CK_OBJECT_HANDLE *out)
{
	CK_RV rv = fault_session_in(&s);

	if (rv == CKR_OK)
		rv = fault.real->C_CreateObject(s, t, count, out);
	fault_handle_out(rv, out);
	return rv;
}

CK_RV
own_C_CopyObject(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t,
	CK_ULONG count, CK_OBJECT_HANDLE *out)
{
	CK_RV rv = fault_object_in(&s, &o, CKR_OBJECT_HANDLE_INVALID);

	if (rv == CKR_OK)
		rv = fault.real->C_CopyObject(s, o, t, count, out);
	fault_handle_out(rv, out);
	return rv;
}

CK_RV
own_C_GenerateKey(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *t,
	CK_ULONG count, CK_OBJECT_HANDLE *out)
{
	CK_RV rv = fault_session_in(&s);

	if (rv == CKR_OK)
		rv = fault.real->C_GenerateKey(s, m, t, count, out);
	fault_handle_out(rv, out);
	return rv;
}

CK_RV
own_C_GenerateKeyPair(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *pub,
	CK_ULONG pub_count, CK_ATTRIBUTE *priv, CK_ULONG priv_count,
	CK_OBJECT_HANDLE *out_pub, CK_OBJECT_HANDLE *out_priv)
{
	CK_RV rv = fault_session_in(&s);

	if (rv == CKR_OK)
		rv = fault.real->C_GenerateKeyPair(s, m, pub, pub_count, priv,
			priv_count, out_pub, out_priv);
	fault_handle_out(rv, out_pub);
	fault_handle_out(rv, out_priv);
	return rv;
}

CK_RV
own_C_WrapKey(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE wrapper,
	CK_OBJECT_HANDLE o, CK_BYTE *out, CK_ULONG *out_len)
{
	CK_RV rv = fault_object_in(
		&s, &wrapper, CKR_WRAPPING_KEY_HANDLE_INVALID);

	if (rv == CKR_OK)
		rv = fault_handle_in(s, &o, CKR_KEY_HANDLE_INVALID);
	if (rv == CKR_OK)
		rv = fault.real->C_WrapKey(s, m, wrapper, o, out, out_len);
	return rv;
}

CK_RV
own_C_UnwrapKey(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE wrapper,
	CK_BYTE *in, CK_ULONG in_len, CK_ATTRIBUTE *t, CK_ULONG count,
	CK_OBJECT_HANDLE *out)
{
	CK_RV rv = fault_object_in(
		&s, &wrapper, CKR_UNWRAPPING_KEY_HANDLE_INVALID);

	if (rv == CKR_OK)
		rv = fault.real->C_UnwrapKey(
			s, m, wrapper, in, in_len, t, count, out);
	fault_handle_out(rv, out);
	return rv;
}

CK_RV
own_C_DeriveKey(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE o,
	CK_ATTRIBUTE *t, CK_ULONG count, CK_OBJECT_HANDLE *out)
{
	CK_RV rv = fault_object_in(&s, &o, CKR_KEY_HANDLE_INVALID);

	if (rv == CKR_OK)
		rv = fault.real->C_DeriveKey(s, m, o, t, count, out);
	fault_handle_out(rv, out);
	return rv;
}
