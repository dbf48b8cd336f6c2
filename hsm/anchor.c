/* SPDX-License-Identifier: BSD-2-Clause */
/* anchor - see anchor.h. */
#include "hsm/anchor.h"

#include "appliance/base/packet.h"
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

static enum ksk_err
compare_text(const struct ksk_token *token, CK_OBJECT_HANDLE object,
	CK_ATTRIBUTE_TYPE type, const char *want, bool *is_same,
	struct ksk_fault *fault)
{
	char text[64];
	size_t len = 0;
	enum ksk_err r = ksk_p11_attribute(
		token, object, type, text, sizeof(text), &len, fault);

	/* One that does not fit, or is not there, is another one. */
	*is_same = r == KSK_OK && len == strlen(want) &&
		memcmp(text, want, len) == 0;
	return r == KSK_ERR_NOT_FOUND ? KSK_OK : r;
}

/* A call that fails says nothing about whose the object is: an anchor that is
 * there must not be told as gone. */
static enum ksk_err
look_at(const struct ksk_token *token, CK_OBJECT_HANDLE object, bool *is_ours,
	struct ksk_fault *fault)
{
	enum ksk_err r = compare_text(
		token, object, CKA_LABEL, label, is_ours, fault);

	if (r != KSK_OK || !*is_ours)
		return r;
	return compare_text(
		token, object, CKA_APPLICATION, application, is_ours, fault);
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
	for (size_t i = 0; i < count && r == KSK_OK; i++) {
		bool is_ours = false;

		r = look_at(token, handles[i], &is_ours, fault);
		if (is_ours)
			handles[ours++] = handles[i];
	}
	if (r != KSK_OK) {
		free(handles);
		return r;
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
	size_t count = 0, good = 0;
	enum ksk_err r = find_ours(token, &handles, &count, fault);

	if (r == KSK_OK && count > max) {
		ksk_fault_set(fault, "%zu objects \"%s\", at most %zu", count,
			label, max);
		r = KSK_ERR_TOO_LARGE;
	}
	for (size_t i = 0; i < count && r == KSK_OK; i++) {
		r = read_one(token, handles[i], &out[good], fault);
		if (r == KSK_OK)
			good++;
		/* Cut off while it was made: the one before it counts. */
		if (r == KSK_ERR_MALFORMED && (good > 0 || i + 1 < count))
			r = KSK_OK;
	}
	if (r == KSK_OK && good == 0 && count > 0)
		r = KSK_ERR_MALFORMED;
	if (r == KSK_OK)
		*out_count = good;
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

static enum ksk_err
destroy(const struct ksk_token *token, CK_OBJECT_HANDLE object,
	struct ksk_fault *fault)
{
	CK_RV rv = token->module.f->C_DestroyObject(token->session, object);

	/* Somebody else has removed it: it is gone. */
	return rv == CKR_OK || rv == CKR_OBJECT_HANDLE_INVALID
		? KSK_OK
		: ksk_p11_fail(fault, "C_DestroyObject", rv);
}

/* Returns the place of the anchor of a journal that counts, 0 if none does. */
static size_t
find_newest(const struct ksk_token *token, const CK_OBJECT_HANDLE *handles,
	size_t count, const struct ksk_checkpoint *anchor)
{
	struct ksk_fault fault;
	uint64_t number = 0;
	size_t best = 0;

	for (size_t i = 0; i < count; i++) {
		struct ksk_checkpoint one;

		if (read_one(token, handles[i], &one, &fault) != KSK_OK ||
			memcmp(one.journal, anchor->journal, KSK_ID_LEN) != 0 ||
			one.number < number)
			continue;
		number = one.number;
		best = i;
	}
	return best;
}

/* After many ends between the making of one and the destroying of another, or
 * at a token that destroys nothing, no more are made than can be read. */
static enum ksk_err
make_room(const struct ksk_token *token, CK_OBJECT_HANDLE *handles,
	size_t *count, const struct ksk_checkpoint *anchor,
	struct ksk_fault *fault)
{
	size_t kept;
	enum ksk_err r = KSK_OK;

	if (*count < KSK_ANCHOR_COUNT_MAX)
		return KSK_OK;
	kept = find_newest(token, handles, *count, anchor);
	for (size_t i = 0; i < *count && r == KSK_OK; i++) {
		if (i != kept)
			r = destroy(token, handles[i], fault);
	}
	if (r == KSK_OK) {
		handles[0] = handles[kept];
		*count = 1;
	}
	return r;
}

enum ksk_err
ksk_anchor_write(const struct ksk_token *token,
	const struct ksk_checkpoint *anchor, struct ksk_fault *fault)
{
	CK_OBJECT_HANDLE *older = NULL;
	CK_OBJECT_HANDLE object = 0;
	struct ksk_fault other;
	size_t count = 0;
	enum ksk_err r = find_ours(token, &older, &count, fault);

	if (r == KSK_OK)
		r = make_room(token, older, &count, anchor, fault);
	if (r == KSK_OK)
		r = create(token, anchor, &object, fault);
	if (r == KSK_OK) {
		r = check(token, object, anchor, fault);
		/* The older one still counts. */
		if (r != KSK_OK)
			ksk_ignore(destroy(token, object, &other));
	}
	for (size_t i = 0; i < count && r == KSK_OK; i++)
		r = destroy(token, older[i], fault);
	free(older);
	return r;
}
