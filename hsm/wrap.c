/* SPDX-License-Identifier: BSD-2-Clause */
/* wrap - see wrap.h. Here: out of the token. wrap_restore.c: into another. */
#include "hsm/wrap.h"

#include "hsm/wrap_p11.h"

#include <string.h>

/* Finds the one key of a label that can sign. */
static enum ksk_err
find_key(const struct ksk_inventory *inventory, const struct ksk_token *t,
	const struct ksk_wrap_request *request, struct ksk_key *out_key,
	const struct ksk_object **out_object, struct ksk_fault *fault)
{
	char why[KSK_WHY_CAP] = "";
	size_t seen = 0;
	enum ksk_err r = KSK_ERR_NOT_FOUND;

	for (size_t i = 0; i < inventory->count; i++) {
		const struct ksk_object *o = &inventory->objects[i];

		if (o->is_private || strcmp(o->label, request->label) != 0)
			continue;
		seen++;
		*out_object = o;
		r = ksk_key_of(inventory, t, o,
			o->kind == KSK_KIND_RSA ? request->rsa_algorithm
						: ksk_kind_algorithm(o->kind),
			out_key, why);
	}
	if (seen != 1) {
		ksk_fault_set(fault,
			"%zu public keys are labelled \"%s\"; see kskadm key "
			"list",
			seen, request->label);
		return seen == 0 ? KSK_ERR_NOT_FOUND : KSK_ERR_AMBIGUOUS;
	}
	if (r != KSK_OK) {
		ksk_fault_set(fault, "the key can't be used: %s", why);
	} else if (out_key->extractable == NULL) {
		ksk_fault_set(fault,
			"this key never leaves its token (CKA_EXTRACTABLE is "
			"false): a key for backups is made with \"kskadm key "
			"generate --extractable\"");
		r = KSK_ERR_UNSUPPORTED;
	}
	return r;
}

/* Makes the recipient's public half an object of the session. */
static enum ksk_err
load_recipient(const struct ksk_token *t, const struct ksk_wrap_recipient *x,
	CK_OBJECT_HANDLE *out, struct ksk_fault *fault)
{
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	CK_KEY_TYPE type = CKK_RSA;
	CK_BBOOL yes = CK_TRUE;
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE attributes[] = {
		KSK_ATTRIBUTE(CKA_CLASS, class),
		KSK_ATTRIBUTE(CKA_KEY_TYPE, type),
		KSK_ATTRIBUTE(CKA_TOKEN, no),
		KSK_ATTRIBUTE(CKA_PRIVATE, no),
		KSK_ATTRIBUTE(CKA_WRAP, yes),
		KSK_ATTRIBUTE_BYTES(
			CKA_MODULUS, x->modulus.data, x->modulus.len),
		KSK_ATTRIBUTE_BYTES(
			CKA_PUBLIC_EXPONENT, x->exponent.data, x->exponent.len),
	};
	CK_RV rv = t->module.f->C_CreateObject(
		t->session, attributes, KSK_ATTRIBUTE_COUNT(attributes), out);

	return rv == CKR_OK
		? KSK_OK
		: ksk_p11_fail(fault, "C_CreateObject (recipient)", rv);
}

static enum ksk_err
wrap_aes(const struct ksk_token *t, const struct ksk_wrap_recipient *recipient,
	CK_OBJECT_HANDLE aes, struct ksk_buf *room, struct ksk_fault *fault)
{
	CK_RSA_PKCS_OAEP_PARAMS params;
	CK_MECHANISM m = ksk_wrap_oaep(recipient->hash, &params);
	CK_OBJECT_HANDLE public = 0;
	enum ksk_err r = load_recipient(t, recipient, &public, fault);

	if (r != KSK_OK)
		return r;
	r = ksk_wrap_out(t, &m, public, aes, room, fault);
	ksk_wrap_destroy(t, public);
	return r;
}

static enum ksk_err
check_recipient(const struct ksk_token *t, const struct ksk_wrap_recipient *x,
	struct ksk_fault *fault)
{
	if (!ksk_wrap_known(x->hash, x->mechanism)) {
		ksk_fault_set(fault,
			"the recipient asks for mechanisms that are not known "
			"here (0x%x, 0x%x)",
			(unsigned)x->hash, (unsigned)x->mechanism);
		return KSK_ERR_UNSUPPORTED;
	}
	if (!ksk_wrap_offers(t, x->mechanism, CKF_WRAP)) {
		ksk_fault_set(fault,
			"the token does not wrap with mechanism 0x%x, which "
			"the recipient unwraps with: use the vendor's own "
			"backup",
			(unsigned)x->mechanism);
		return KSK_ERR_UNSUPPORTED;
	}
	return ksk_wrap_check(t, fault);
}

/* The AES key lives for as long as this function. */
static enum ksk_err
wrap_key(struct ksk_token *t, const struct ksk_key *key,
	const struct ksk_wrap_recipient *recipient, struct ksk_wrap_backup *b,
	struct ksk_buf *room, struct ksk_fault *fault)
{
	CK_MECHANISM m = {.mechanism = recipient->mechanism};
	CK_OBJECT_HANDLE aes = 0;
	size_t start = room->len;
	enum ksk_err r = ksk_wrap_aes_make(t, &aes, fault);

	if (r != KSK_OK)
		return r;
	r = ksk_wrap_out(t, &m, aes, key->handle, room, fault);
	b->private = ksk_span_of(room->data + start, room->len - start);
	start = room->len;
	if (r == KSK_OK)
		r = wrap_aes(t, recipient, aes, room, fault);
	b->aes = ksk_span_of(room->data + start, room->len - start);
	ksk_wrap_destroy(t, aes);
	return r;
}

enum ksk_err
ksk_wrap_check(const struct ksk_token *token, struct ksk_fault *fault)
{
	if (!ksk_wrap_offers(token, CKM_RSA_PKCS_OAEP, CKF_WRAP))
		return ksk_wrap_lacks(
			fault, "wrapping by RSA (CKM_RSA_PKCS_OAEP)");
	if (ksk_wrap_mechanism(token, CKF_WRAP) == 0)
		return ksk_wrap_lacks(fault,
			"AES key wrap with padding (CKM_AES_KEY_WRAP_KWP or "
			"_PAD)");
	return KSK_OK;
}

enum ksk_err
ksk_wrap_try(struct ksk_token *token, unsigned long private_key,
	struct ksk_fault *fault)
{
	uint8_t bytes[KSK_WRAP_BLOB_MAX];
	struct ksk_buf wrapped = ksk_buf_of(bytes, sizeof(bytes));
	CK_MECHANISM m = {.mechanism = ksk_wrap_mechanism(token, CKF_WRAP)};
	CK_OBJECT_HANDLE aes = 0;
	enum ksk_err r;

	if ((r = ksk_wrap_check(token, fault)) != KSK_OK ||
		(r = ksk_wrap_aes_make(token, &aes, fault)) != KSK_OK)
		return r;
	r = ksk_wrap_out(token, &m, aes, private_key, &wrapped, fault);
	ksk_wrap_destroy(token, aes);
	return r;
}

enum ksk_err
ksk_wrap_backup_make(struct ksk_token *token,
	const struct ksk_wrap_request *request, struct ksk_wrap_backup *out,
	struct ksk_buf *room, struct ksk_fault *fault)
{
	const struct ksk_wrap_recipient *recipient = request->recipient;
	struct ksk_inventory inventory = {0};
	const struct ksk_object *object = NULL;
	struct ksk_wrap_backup b = {
		.zone = *request->zone,
		.hash = recipient->hash,
		.mechanism = recipient->mechanism,
	};
	struct ksk_key key;
	size_t start = room->len;
	enum ksk_err r = check_recipient(token, recipient, fault);

	if (r != KSK_OK ||
		(r = ksk_inventory_read(token, &inventory, fault)) != KSK_OK)
		return r;
	if ((r = find_key(&inventory, token, request, &key, &object, fault)) !=
			KSK_OK ||
		(r = ksk_buf_put(room, key.dnskey, key.dnskey_len)) != KSK_OK ||
		(r = wrap_key(token, &key, recipient, &b, room, fault)) !=
			KSK_OK)
		goto out;
	b.dnskey = ksk_span_of(room->data + start, key.dnskey_len);
	memcpy(b.label, object->label, sizeof(b.label));
	memcpy(b.id, object->id, object->id_len);
	b.id_len = object->id_len;
	memcpy(b.recipient, recipient->label, sizeof(b.recipient));
	memcpy(b.recipient_digest, request->recipient_digest,
		sizeof(b.recipient_digest));
	*out = b;
out:
	ksk_inventory_free(&inventory);
	return r;
}
