/* SPDX-License-Identifier: BSD-2-Clause */
/* inventory - see inventory.h. */
#include "hsm/inventory.h"

#include "hsm/p11.h"

#include <stdlib.h>
#include <string.h>

/* RSA-8192 in bytes: what is larger does not fit a DNSKEY anyway. */
#define NUMBER_MAX 1024u

/* Mechanisms that one key allows; a longer list sets no limit. */
#define ALLOWED_MAX 256u

static const struct {
	enum ksk_key_kind kind;
	uint8_t algorithm;
	const char *text;
} kinds[] = {
	{KSK_KIND_RSA, KSK_ALG_RSASHA256, "RSA"},
	{KSK_KIND_RSA, KSK_ALG_RSASHA512, "RSA"},
	{KSK_KIND_P256, KSK_ALG_P256, "P-256"},
	{KSK_KIND_P384, KSK_ALG_P384, "P-384"},
	{KSK_KIND_ED25519, KSK_ALG_ED25519, "Ed25519"},
	{KSK_KIND_ED448, KSK_ALG_ED448, "Ed448"},
};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

enum ksk_key_kind
ksk_kind_of(uint8_t algorithm)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		if (kinds[i].algorithm == algorithm)
			return kinds[i].kind;
	}
	return KSK_KIND_OTHER;
}

uint8_t
ksk_kind_algorithm(enum ksk_key_kind kind)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		if (kinds[i].kind == kind)
			return kinds[i].algorithm;
	}
	return 0;
}

const char *
ksk_kind_text(enum ksk_key_kind kind)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		if (kinds[i].kind == kind)
			return kinds[i].text;
	}
	return "no DNSSEC key";
}

/* Reads an attribute that may be missing; then *out_len is 0. */
static enum ksk_err
optional(const struct ksk_token *t, CK_OBJECT_HANDLE object,
	CK_ATTRIBUTE_TYPE type, void *out, size_t cap, size_t *out_len,
	struct ksk_fault *fault)
{
	enum ksk_err r = ksk_p11_attribute(
		t, object, type, out, cap, out_len, fault);

	if (r == KSK_ERR_NOT_FOUND) {
		*out_len = 0;
		r = KSK_OK;
	}
	return r;
}

static enum ksk_err
read_told(const struct ksk_token *t, CK_OBJECT_HANDLE object,
	CK_ATTRIBUTE_TYPE type, enum ksk_told *out, struct ksk_fault *fault)
{
	CK_BBOOL value = CK_FALSE;
	size_t len = 0;
	enum ksk_err r = optional(
		t, object, type, &value, sizeof(value), &len, fault);

	if (r == KSK_OK && len == sizeof(value))
		*out = value == CK_FALSE ? KSK_TOLD_NO : KSK_TOLD_YES;
	return r;
}

/* A token that does not tell, or tells nothing, sets no limit. */
static unsigned
read_allowed(const struct ksk_token *t, CK_OBJECT_HANDLE object)
{
	CK_MECHANISM_TYPE list[ALLOWED_MAX];
	struct ksk_fault none = {""};
	unsigned allowed = 0;
	size_t len = 0;

	if (ksk_p11_attribute(t, object, CKA_ALLOWED_MECHANISMS, list,
		    sizeof(list), &len, &none) != KSK_OK ||
		len < sizeof(list[0]))
		return KSK_MECHANISM_ANY;
	for (size_t i = 0; i < len / sizeof(list[0]); i++) {
		for (unsigned k = 0; k < KSK_MECHANISM_COUNT; k++) {
			if (ksk_mechanisms[k].type == list[i])
				allowed |= 1u << k;
		}
	}
	return allowed;
}

static enum ksk_err
read_usage(const struct ksk_token *t, struct ksk_object *o,
	struct ksk_fault *fault)
{
	enum ksk_err r;

	o->allowed = read_allowed(t, o->handle);
	if ((r = read_told(t, o->handle, CKA_EXTRACTABLE, &o->extractable,
		     fault)) != KSK_OK ||
		(r = read_told(t, o->handle, CKA_SENSITIVE, &o->sensitive,
			 fault)) != KSK_OK ||
		(r = read_told(t, o->handle, CKA_SIGN, &o->signs, fault)) !=
			KSK_OK)
		return r;
	return read_told(t, o->handle, CKA_ALWAYS_AUTHENTICATE,
		&o->always_authenticate, fault);
}

static enum ksk_err
read_rsa(const struct ksk_token *t, struct ksk_object *o,
	struct ksk_fault *fault)
{
	uint8_t n[NUMBER_MAX];
	uint8_t e[NUMBER_MAX];
	size_t n_len = 0;
	size_t e_len = 0;
	struct ksk_buf field = ksk_buf_of(o->field, sizeof(o->field));
	enum ksk_err r;

	o->kind = KSK_KIND_RSA;
	if ((r = optional(t, o->handle, CKA_MODULUS, n, sizeof(n), &n_len,
		     fault)) != KSK_OK ||
		(r = optional(t, o->handle, CKA_PUBLIC_EXPONENT, e, sizeof(e),
			 &e_len, fault)) != KSK_OK)
		return r;
	if (ksk_rsa_to_dns(ksk_span_of(n, n_len), ksk_span_of(e, e_len),
		    &field) == KSK_OK)
		o->field_len = field.len;
	else
		(void)snprintf(o->odd, sizeof(o->odd),
			"the token shows no modulus and exponent of usable "
			"size");
	return KSK_OK;
}

static enum ksk_err
read_point(const struct ksk_token *t, struct ksk_object *o,
	struct ksk_fault *fault)
{
	uint8_t params[64];
	uint8_t point[160];
	size_t params_len = 0;
	size_t point_len = 0;
	struct ksk_buf field = ksk_buf_of(o->field, sizeof(o->field));
	struct ksk_fault why = {""};
	uint8_t algorithm;
	enum ksk_err r;

	if ((r = optional(t, o->handle, CKA_EC_PARAMS, params, sizeof(params),
		     &params_len, fault)) != KSK_OK ||
		(r = optional(t, o->handle, CKA_EC_POINT, point, sizeof(point),
			 &point_len, fault)) != KSK_OK)
		return r;
	algorithm = ksk_curve_algorithm(ksk_span_of(params, params_len));
	o->kind = ksk_kind_of(algorithm);
	if (o->kind == KSK_KIND_OTHER) {
		(void)snprintf(o->odd, sizeof(o->odd),
			"its curve is none that DNSSEC uses, or not named by "
			"its OID");
		return KSK_OK;
	}
	if (ksk_point_to_dns(algorithm, ksk_span_of(point, point_len), &field,
		    &why) == KSK_OK)
		o->field_len = field.len;
	else
		(void)snprintf(o->odd, sizeof(o->odd), "%.*s",
			(int)sizeof(o->odd) - 1, why.text);
	return KSK_OK;
}

static enum ksk_err
read_names(const struct ksk_token *t, struct ksk_object *o,
	struct ksk_fault *fault)
{
	size_t len = 0;
	enum ksk_err r;

	if ((r = optional(t, o->handle, CKA_ID, o->id, sizeof(o->id),
		     &o->id_len, fault)) != KSK_OK ||
		(r = optional(t, o->handle, CKA_LABEL, o->label,
			 sizeof(o->label) - 1, &len, fault)) != KSK_OK)
		return r;
	/* A label with a zero byte inside can't be written down; it counts as
	 * none. */
	if (memchr(o->label, 0, len) != NULL)
		len = 0;
	memset(o->label + len, 0, sizeof(o->label) - len);
	return KSK_OK;
}

static enum ksk_err
read_object(const struct ksk_token *t, struct ksk_object *o,
	struct ksk_fault *fault)
{
	CK_KEY_TYPE type = 0;
	size_t len = 0;
	enum ksk_err r;

	if ((r = read_names(t, o, fault)) != KSK_OK ||
		(r = optional(t, o->handle, CKA_KEY_TYPE, &type, sizeof(type),
			 &len, fault)) != KSK_OK)
		return r;
	(void)snprintf(o->odd, sizeof(o->odd),
		"its key type is none that DNSSEC uses");
	if (len != sizeof(type))
		return KSK_OK;
	if (type == CKK_RSA || type == CKK_EC || type == CKK_EC_EDWARDS)
		o->odd[0] = '\0';
	if (type == CKK_RSA)
		r = read_rsa(t, o, fault);
	else if (type == CKK_EC || type == CKK_EC_EDWARDS)
		r = read_point(t, o, fault);
	if (r == KSK_OK && o->is_private && o->kind != KSK_KIND_OTHER)
		r = read_usage(t, o, fault);
	return r;
}

static enum ksk_err
add_class(const struct ksk_token *t, CK_OBJECT_CLASS object_class,
	struct ksk_inventory *inventory, struct ksk_fault *fault)
{
	CK_OBJECT_HANDLE *handles = NULL;
	size_t count = 0;
	struct ksk_object *more = NULL;
	enum ksk_err r = ksk_p11_find(t, object_class, &handles, &count, fault);

	if (r != KSK_OK || count == 0)
		goto out;
	r = KSK_ERR_NO_MEMORY;
	more = realloc(
		inventory->objects, (inventory->count + count) * sizeof(*more));
	if (more == NULL)
		goto out;
	inventory->objects = more;
	r = KSK_OK;
	for (size_t i = 0; i < count && r == KSK_OK; i++) {
		struct ksk_object *o = &more[inventory->count];

		*o = (struct ksk_object){
			.handle = handles[i],
			.is_private = object_class == CKO_PRIVATE_KEY,
		};
		r = read_object(t, o, fault);
		/* Of what else lies about, a public key with a label may be
		 * the one that somebody looks for, and asks why it is not
		 * used. */
		if (r == KSK_OK &&
			(o->kind != KSK_KIND_OTHER ||
				(!o->is_private && o->label[0] != '\0')))
			inventory->count++;
	}
out:
	free(handles);
	return r;
}

enum ksk_err
ksk_inventory_read(const struct ksk_token *token,
	struct ksk_inventory *out_inventory, struct ksk_fault *fault)
{
	struct ksk_inventory inventory = {0};
	enum ksk_err r;

	if ((r = add_class(token, CKO_PUBLIC_KEY, &inventory, fault)) !=
			KSK_OK ||
		(r = add_class(token, CKO_PRIVATE_KEY, &inventory, fault)) !=
			KSK_OK) {
		ksk_inventory_free(&inventory);
		return r;
	}
	*out_inventory = inventory;
	return KSK_OK;
}

void
ksk_inventory_free(struct ksk_inventory *inventory)
{
	free(inventory->objects);
	*inventory = (struct ksk_inventory){0};
}
