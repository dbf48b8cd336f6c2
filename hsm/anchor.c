/* SPDX-License-Identifier: BSD-2-Clause */
/* anchor - see anchor.h. */
#include "hsm/anchor.h"

#include "hsm/p11.h"
#include "protocol/wire.h"

#include <stdlib.h>
#include <string.h>

static const char application[] = "ksk";
static const char label[] = "ksk-anchor";

/* Objects are found by their label; one that is not ours has another
 * application. The value begins with its form. */
#define VALUE_FORM 1u
#define VALUE_LEN (1u + KSK_ID_LEN + 8u + KSK_HASH_LEN + 8u)

static void
write_value(const struct ksk_checkpoint *a, uint8_t out[VALUE_LEN])
{
	struct ksk_buf buf = ksk_buf_of(out, VALUE_LEN);
	struct ksk_wire_out w = ksk_wire_out_of(&buf);

	ksk_wire_put_u8(&w, VALUE_FORM);
	ksk_wire_put_bytes(&w, ksk_span_of(a->journal, KSK_ID_LEN));
	ksk_wire_put_u64(&w, a->number);
	ksk_wire_put_bytes(&w, ksk_span_of(a->hash, KSK_HASH_LEN));
	ksk_wire_put_u64(&w, a->time);
}

static bool
read_value(struct ksk_span value, struct ksk_checkpoint *out)
{
	struct ksk_wire w = ksk_wire_of(value);
	bool form = ksk_wire_u8(&w) == VALUE_FORM;

	ksk_wire_copy(&w, out->journal, KSK_ID_LEN);
	out->number = ksk_wire_u64(&w);
	ksk_wire_copy(&w, out->hash, KSK_HASH_LEN);
	out->time = ksk_wire_u64(&w);
	return ksk_wire_end(&w) == KSK_OK && form;
}

static bool
is_text(const struct ksk_token *token, CK_OBJECT_HANDLE object,
	CK_ATTRIBUTE_TYPE type, const char *want)
{
	struct ksk_fault fault;
	char text[64];
	size_t len = 0;

	return ksk_p11_attribute(token, object, type, text, sizeof(text), &len,
		       &fault) == KSK_OK &&
		len == strlen(want) && memcmp(text, want, len) == 0;
}

static enum ksk_err
read_one(const struct ksk_token *token, CK_OBJECT_HANDLE object,
	struct ksk_checkpoint *out, struct ksk_fault *fault)
{
	uint8_t value[VALUE_LEN + 1];
	size_t len = 0;
	enum ksk_err r = ksk_p11_attribute(
		token, object, CKA_VALUE, value, sizeof(value), &len, fault);

	if (r == KSK_ERR_TOKEN)
		return r;
	if (r != KSK_OK || !read_value(ksk_span_of(value, len), out)) {
		ksk_fault_set(fault,
			"the data object \"%s\" is not one of this program; "
			"look at it with pkcs11-tool and remove it",
			label);
		return KSK_ERR_MALFORMED;
	}
	return KSK_OK;
}

/* Finds our objects. out_handles: owned. */
static enum ksk_err
find_ours(const struct ksk_token *token, CK_OBJECT_HANDLE **out_handles,
	size_t *out_count, struct ksk_fault *fault)
{
	CK_OBJECT_HANDLE *handles = NULL;
	size_t count = 0, ours = 0;
	enum ksk_err r = ksk_p11_find(token, CKO_DATA, &handles, &count, fault);

	if (r != KSK_OK)
		return r;
	for (size_t i = 0; i < count; i++) {
		if (is_text(token, handles[i], CKA_LABEL, label) &&
			is_text(token, handles[i], CKA_APPLICATION,
				application))
			handles[ours++] = handles[i];
	}
	*out_handles = handles;
	*out_count = ours;
	return KSK_OK;
}

enum ksk_err
ksk_anchor_read(const struct ksk_token *token, struct ksk_checkpoint *out,
	size_t max, size_t *out_count, struct ksk_fault *fault)
{
	CK_OBJECT_HANDLE *handles = NULL;
	size_t count = 0;
	enum ksk_err r = find_ours(token, &handles, &count, fault);

	if (r == KSK_OK && count > max) {
		ksk_fault_set(fault, "%zu objects \"%s\", at most %zu", count,
			label, max);
		r = KSK_ERR_TOO_LARGE;
	}
	for (size_t i = 0; i < count && r == KSK_OK; i++)
		r = read_one(token, handles[i], &out[i], fault);
	if (r == KSK_OK)
		*out_count = count;
	free(handles);
	return r;
}

static enum ksk_err
create(const struct ksk_token *token, const struct ksk_checkpoint *anchor,
	CK_OBJECT_HANDLE *out_handle, struct ksk_fault *fault)
{
	CK_OBJECT_CLASS object_class = CKO_DATA;
	CK_BBOOL yes = CK_TRUE;
	uint8_t value[VALUE_LEN];
	CK_ATTRIBUTE template[] = {
		{CKA_CLASS, &object_class, sizeof(object_class)},
		{CKA_TOKEN, &yes, sizeof(yes)},
		{CKA_PRIVATE, &yes, sizeof(yes)},
		{CKA_APPLICATION, (void *)(uintptr_t)application,
			sizeof(application) - 1},
		{CKA_LABEL, (void *)(uintptr_t)label, sizeof(label) - 1},
		{CKA_VALUE, value, sizeof(value)},
	};
	CK_RV rv;

	write_value(anchor, value);
	rv = token->module.f->C_CreateObject(token->session, template,
		sizeof(template) / sizeof(template[0]), out_handle);
	return rv == CKR_OK ? KSK_OK
			    : ksk_p11_fail(fault, "C_CreateObject", rv);
}

static enum ksk_err
check(const struct ksk_token *token, CK_OBJECT_HANDLE object,
	const struct ksk_checkpoint *anchor, struct ksk_fault *fault)
{
	struct ksk_checkpoint again;
	enum ksk_err r = read_one(token, object, &again, fault);

	if (r == KSK_ERR_TOKEN)
		return r;
	if (r != KSK_OK || memcmp(again.journal, anchor->journal, KSK_ID_LEN) ||
		again.number != anchor->number || again.time != anchor->time ||
		memcmp(again.hash, anchor->hash, KSK_HASH_LEN) != 0) {
		ksk_fault_set(fault,
			"the token does not keep the anchor as it was written");
		return KSK_ERR_UNSUPPORTED;
	}
	return KSK_OK;
}

enum ksk_err
ksk_anchor_write(const struct ksk_token *token,
	const struct ksk_checkpoint *anchor, struct ksk_fault *fault)
{
	CK_OBJECT_HANDLE *older = NULL;
	CK_OBJECT_HANDLE object = 0;
	size_t count = 0;
	enum ksk_err r = find_ours(token, &older, &count, fault);

	if (r == KSK_OK)
		r = create(token, anchor, &object, fault);
	if (r == KSK_OK)
		r = check(token, object, anchor, fault);
	for (size_t i = 0; i < count && r == KSK_OK; i++) {
		CK_RV rv = token->module.f->C_DestroyObject(
			token->session, older[i]);
		/* Somebody else has removed it: it is gone. */
		if (rv != CKR_OK && rv != CKR_OBJECT_HANDLE_INVALID)
			r = ksk_p11_fail(fault, "C_DestroyObject", rv);
	}
	free(older);
	return r;
}
