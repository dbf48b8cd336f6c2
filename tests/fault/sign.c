/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sign - signatures: counted, and made wrong on command.
 */
#include "tests/fault/module.h"

#include <string.h>

/* P-521: two INTEGERs of 67 bytes with heads, and the SEQUENCE's. */
#define DER_CAP 160u

/* ---- another key ---- */

static CK_RV
find_private(CK_SESSION_HANDLE s, const char *label, CK_OBJECT_HANDLE *out)
{
	CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE t[] = {
		{CKA_CLASS, &private_key, sizeof(private_key)},
		{CKA_LABEL, (void *)(uintptr_t)label,
			strnlen(label, FAULT_LABEL_CAP)},
	};
	CK_ULONG n = 0;
	CK_RV rv = fault.real->C_FindObjectsInit(s, t, 2);

	if (rv != CKR_OK)
		return rv;
	rv = fault.real->C_FindObjects(s, out, 1, &n);
	(void)fault.real->C_FindObjectsFinal(s);
	return rv == CKR_OK && n == 0 ? CKR_KEY_HANDLE_INVALID : rv;
}

CK_RV
own_C_SignInit(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE o)
{
	const struct fault_rule *bend = fault.call->bend;
	struct fault_session *e = fault_session_find(s);
	CK_RV rv = fault_object_in(&s, &o, CKR_KEY_HANDLE_INVALID);

	if (rv != CKR_OK)
		return rv;
	if (m != NULL && fault_mechanism_is_hidden(m->mechanism))
		return CKR_MECHANISM_INVALID;
	if (m != NULL && e != NULL)
		e->mechanism = m->mechanism;
	if (bend != NULL && bend->action == FAULT_REFUSE_KEY &&
		fault_has_label(s, o, bend->label))
		return bend->value;
	if (bend != NULL && bend->action == FAULT_OTHER_KEY) {
		rv = find_private(s, bend->label, &o);
		if (rv != CKR_OK)
			return rv;
	}
	return fault.real->C_SignInit(s, m, o);
}

/* ---- the signature ---- */

/* Writes a positive INTEGER; returns the bytes written. */
static size_t
put_integer(const CK_BYTE *n, size_t len, CK_BYTE *out)
{
	size_t at = 2;

	while (len > 1 && n[0] == 0) {
		n++;
		len--;
	}
	if ((n[0] & 0x80) != 0)
		out[at++] = 0;
	memcpy(out + at, n, len);
	out[0] = 0x02;
	out[1] = (CK_BYTE)(at - 2 + len);
	return at + len;
}

static CK_RV
to_der(CK_BYTE *out, CK_ULONG *out_len, CK_ULONG room)
{
	const size_t half = *out_len / 2;
	CK_BYTE body[DER_CAP];
	CK_BYTE head[3] = {0x30};
	size_t head_len = 1;
	size_t len;

	if (*out_len % 2 != 0 || half > 66)
		return CKR_OK;
	len = put_integer(out, half, body);
	len += put_integer(out + half, half, body + len);
	if (len > 127)
		head[head_len++] = 0x81;
	head[head_len++] = (CK_BYTE)len;
	if (room < head_len + len)
		return CKR_BUFFER_TOO_SMALL;
	memcpy(out, head, head_len);
	memcpy(out + head_len, body, len);
	*out_len = head_len + len;
	return CKR_OK;
}

static CK_RV
bend(const struct fault_rule *rule, CK_MECHANISM_TYPE mechanism, CK_BYTE *out,
	CK_ULONG *out_len, CK_ULONG room)
{
	const uint64_t value = rule->value;

	if (*out_len == 0)
		return CKR_OK;
	if (rule->action == FAULT_FLIP)
		out[value / 8 % *out_len] ^= (CK_BYTE)(1u << value % 8);
	else if (rule->action == FAULT_SHORT)
		*out_len -= value < *out_len ? value : *out_len;
	else if (rule->action == FAULT_DER && mechanism >= CKM_ECDSA &&
		mechanism <= CKM_ECDSA_SHA512)
		return to_der(out, out_len, room);
	return CKR_OK;
}

/* Looks at what the real module gave; not at answers to "how long?". */
static CK_RV
finish(CK_RV rv, CK_MECHANISM_TYPE mechanism, CK_BYTE *out, CK_ULONG *out_len,
	CK_ULONG room)
{
	if (rv != CKR_OK || out == NULL)
		return rv;
	fault.call->is_signature = true;
	if (fault.call->bend == NULL)
		return CKR_OK;
	return bend(fault.call->bend, mechanism, out, out_len, room);
}

CK_RV
own_C_Sign(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG in_len, CK_BYTE *out,
	CK_ULONG *out_len)
{
	const struct fault_session *e = fault_session_find(s);
	const CK_ULONG room = out_len != NULL ? *out_len : 0;
	CK_RV rv = fault_session_in(&s);

	if (rv != CKR_OK)
		return rv;
	rv = fault.real->C_Sign(s, in, in_len, out, out_len);
	return finish(rv, e != NULL ? e->mechanism : 0, out, out_len, room);
}

CK_RV
own_C_SignFinal(CK_SESSION_HANDLE s, CK_BYTE *out, CK_ULONG *out_len)
{
	const struct fault_session *e = fault_session_find(s);
	const CK_ULONG room = out_len != NULL ? *out_len : 0;
	CK_RV rv = fault_session_in(&s);

	if (rv != CKR_OK)
		return rv;
	rv = fault.real->C_SignFinal(s, out, out_len);
	return finish(rv, e != NULL ? e->mechanism : 0, out, out_len, room);
}

void
fault_sign_end(CK_SESSION_HANDLE s, enum fault_call_number number, CK_RV rv)
{
	const struct fault_session *e = fault_session_find(s);
	CK_BYTE in[32] = {0};
	CK_BYTE out[1024];
	CK_ULONG out_len = sizeof(out);

	if (e == NULL || e->dead != CKR_OK || rv == CKR_BUFFER_TOO_SMALL)
		return;
	if (number == FAULT_C_Sign)
		(void)fault.real->C_Sign(
			e->real, in, sizeof(in), out, &out_len);
	else
		(void)fault.real->C_SignFinal(e->real, out, &out_len);
}
