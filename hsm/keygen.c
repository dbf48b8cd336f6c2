/* SPDX-License-Identifier: BSD-2-Clause */
/* keygen - see keygen.h. */
#include "hsm/keygen.h"

#include "hsm/p11.h"
#include "hsm/wrap.h"

#include <string.h>

#define RSA_BITS_MIN 2048u
#define RSA_BITS_MAX 4096u

static enum ksk_err
check(const struct ksk_keygen *w, struct ksk_fault *fault)
{
	bool rsa = ksk_alg_is_rsa(w->algorithm);

	if (ksk_kind_of(w->algorithm) == KSK_KIND_OTHER) {
		ksk_fault_set(fault,
			"algorithm %u can't be made; choose 8, 10, 13, 14, 15 "
			"or 16",
			(unsigned)w->algorithm);
		return KSK_ERR_BAD_INPUT;
	}
	if (rsa &&
		(w->bits < RSA_BITS_MIN || w->bits > RSA_BITS_MAX ||
			w->bits % 8 != 0)) {
		ksk_fault_set(fault,
			"RSA keys have %u to %u bits, in whole bytes",
			RSA_BITS_MIN, RSA_BITS_MAX);
		return KSK_ERR_BAD_INPUT;
	}
	if (!rsa && w->bits != 0) {
		ksk_fault_set(fault, "only RSA keys have a choice of bits");
		return KSK_ERR_BAD_INPUT;
	}
	if (w->label[0] == '\0' || strlen(w->label) >= KSK_LABEL_CAP) {
		ksk_fault_set(
			fault, "a label has 1 to %u bytes", KSK_LABEL_CAP - 1);
		return KSK_ERR_BAD_INPUT;
	}
	return KSK_OK;
}

static enum ksk_err
refuse_used(const struct ksk_inventory *inventory, const char *label,
	struct ksk_fault *fault)
{
	for (size_t i = 0; i < inventory->count; i++) {
		if (strcmp(inventory->objects[i].label, label) == 0) {
			ksk_fault_set(fault,
				"the label \"%s\" is in use on the token; "
				"choose another",
				label);
			return KSK_ERR_AMBIGUOUS;
		}
	}
	return KSK_OK;
}

#define ATTRIBUTE(kind, variable) \
	{ \
		.type = (kind), .pValue = &(variable), \
		.ulValueLen = sizeof(variable) \
	}

/* How many attributes at the end of both templates a module may do without:
 * all are uses that are forbidden to the key. */
#define PUBLIC_OPTIONAL 4u
#define PRIVATE_OPTIONAL 4u

/* params: for curves. plain: without the optional attributes, which some
 * modules refuse to be told. on_token: for good, not of the session. */
struct form {
	struct ksk_span params;
	bool plain, on_token;
};

/* One C_GenerateKeyPair. out: public, private. */
static CK_RV
generate(struct ksk_token *t, const struct ksk_keygen *w,
	const struct form *form, uint8_t id[KSK_KEYGEN_ID_LEN],
	CK_OBJECT_HANDLE out[2])
{
	CK_BBOOL yes = CK_TRUE;
	CK_BBOOL no = CK_FALSE;
	CK_ULONG bits = w->bits;
	uint8_t exponent[] = {0x01, 0x00, 0x01};
	CK_ATTRIBUTE name[2] = {
		{CKA_LABEL, (void *)(uintptr_t)w->label, strlen(w->label)},
		{CKA_ID, id, KSK_KEYGEN_ID_LEN},
	};
	bool rsa = ksk_alg_is_rsa(w->algorithm);
	CK_ATTRIBUTE size = ATTRIBUTE(CKA_MODULUS_BITS, bits);
	CK_ATTRIBUTE e = ATTRIBUTE(CKA_PUBLIC_EXPONENT, exponent);
	CK_ATTRIBUTE curve = {CKA_EC_PARAMS,
		(void *)(uintptr_t)form->params.data, form->params.len};
	CK_ATTRIBUTE where = {
		CKA_TOKEN, form->on_token ? &yes : &no, sizeof(yes)};
	CK_ATTRIBUTE public[] = {
		name[0],
		name[1],
		where,
		ATTRIBUTE(CKA_VERIFY, yes),
		rsa ? size : curve,
		rsa ? e : (CK_ATTRIBUTE)ATTRIBUTE(CKA_PRIVATE, no),
		ATTRIBUTE(CKA_ENCRYPT, no),
		ATTRIBUTE(CKA_WRAP, no),
		ATTRIBUTE(CKA_VERIFY_RECOVER, no),
		ATTRIBUTE(CKA_DERIVE, no),
	};
	CK_ATTRIBUTE private[] = {
		name[0],
		name[1],
		where,
		ATTRIBUTE(CKA_PRIVATE, yes),
		ATTRIBUTE(CKA_SENSITIVE, yes),
		{CKA_EXTRACTABLE, w->extractable ? &yes : &no, sizeof(yes)},
		ATTRIBUTE(CKA_SIGN, yes),
		ATTRIBUTE(CKA_DECRYPT, no),
		ATTRIBUTE(CKA_UNWRAP, no),
		ATTRIBUTE(CKA_SIGN_RECOVER, no),
		ATTRIBUTE(CKA_DERIVE, no),
	};
	CK_ULONG public_count = sizeof(public) / sizeof(public[0]);
	CK_ULONG private_count = sizeof(private) / sizeof(private[0]);
	CK_MECHANISM m = {.mechanism = rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN
			: ksk_alg_is_ecdsa(w->algorithm)
			? CKM_EC_KEY_PAIR_GEN
			: CKM_EC_EDWARDS_KEY_PAIR_GEN};

	if (form->plain) {
		public_count -= PUBLIC_OPTIONAL;
		private_count -= PRIVATE_OPTIONAL;
	}
	return t->module.f->C_GenerateKeyPair(t->session, &m, public,
		public_count, private, private_count, &out[0], &out[1]);
}

/* Answers to a template that this module reads in another way; anything else
 * ends the tries. */
static bool
is_about_template(CK_RV rv)
{
	switch (rv) {
	case CKR_ATTRIBUTE_TYPE_INVALID:
	case CKR_ATTRIBUTE_VALUE_INVALID:
	case CKR_ATTRIBUTE_READ_ONLY:
	case CKR_TEMPLATE_INCONSISTENT:
	case CKR_DOMAIN_PARAMS_INVALID:
	case CKR_CURVE_NOT_SUPPORTED:
	case CKR_ARGUMENTS_BAD:
	case CKR_FUNCTION_FAILED:
	case CKR_GENERAL_ERROR:
		return true;
	default:
		return false;
	}
}

/* Curve by OID, then by name; each with and without the optional part. */
static enum ksk_err
try_forms(struct ksk_token *t, const struct ksk_keygen *w, bool on_token,
	uint8_t id[KSK_KEYGEN_ID_LEN], CK_OBJECT_HANDLE out[2],
	struct ksk_fault *fault)
{
	const unsigned first = t->quirk->plain_templates ? 1 : 0;
	CK_RV rv = CKR_GENERAL_ERROR;

	for (unsigned i = first; i < 4; i += 1 + first) {
		const struct form form = {
			.params = ksk_curve_params(w->algorithm, i >= 2),
			.plain = i % 2 == 1,
			.on_token = on_token,
		};

		if (!ksk_alg_is_rsa(w->algorithm) && form.params.len == 0)
			break;
		rv = generate(t, w, &form, id, out);
		if (rv == CKR_OK)
			return KSK_OK;
		if (!is_about_template(rv))
			break;
	}
	(void)ksk_p11_fail(fault, "C_GenerateKeyPair", rv);
	return rv == CKR_MECHANISM_INVALID || is_about_template(rv)
		? KSK_ERR_UNSUPPORTED
		: KSK_ERR_TOKEN;
}

/* A key that this token could not sign with is not made at all. */
static enum ksk_err
check_mechanism(const struct ksk_token *t, const struct ksk_keygen *w,
	struct ksk_fault *fault)
{
	char why[KSK_WHY_CAP] = "";

	if (ksk_mechanism_find(t->range, KSK_MECHANISM_ANY, w->algorithm,
		    w->bits, why, sizeof(why)) != NULL)
		return KSK_OK;
	ksk_fault_set(fault, "%s", why);
	return KSK_ERR_UNSUPPORTED;
}

/* Wraps a throw-away key of the session, and so finds out whether a backup
 * will work before a key is made for one: modules differ per kind of key
 * (SoftHSM 2.6.1 wraps no Edwards keys). */
static enum ksk_err
try_backup(struct ksk_token *t, const struct ksk_keygen *w,
	struct ksk_fault *fault)
{
	uint8_t id[KSK_KEYGEN_ID_LEN] = {0};
	CK_OBJECT_HANDLE pair[2] = {0, 0};
	struct ksk_fault why = {""};
	enum ksk_err r = ksk_wrap_check(t, &why);

	if (r == KSK_OK &&
		(r = try_forms(t, w, false, id, pair, &why)) == KSK_OK) {
		r = ksk_wrap_try(t, pair[1], &why);
		(void)t->module.f->C_DestroyObject(t->session, pair[0]);
		(void)t->module.f->C_DestroyObject(t->session, pair[1]);
	}
	if (r != KSK_OK)
		ksk_fault_set(fault,
			"a key of algorithm %u can't be backed up from this "
			"token, and none was made: %.300s",
			(unsigned)w->algorithm, why.text);
	return r;
}

/* Reads the new key back: what counts is what the token holds now. */
static enum ksk_err
read_back(struct ksk_token *t, const struct ksk_keygen *w,
	const uint8_t id[KSK_KEYGEN_ID_LEN], struct ksk_key *out_key,
	struct ksk_fault *fault)
{
	struct ksk_inventory inventory = {0};
	char why[KSK_WHY_CAP] = "it is not on the token";
	enum ksk_err r = ksk_inventory_read(t, &inventory, fault);

	if (r != KSK_OK)
		return r;
	r = KSK_ERR_UNSUPPORTED;
	for (size_t i = 0; i < inventory.count; i++) {
		const struct ksk_object *o = &inventory.objects[i];

		if (o->is_private || o->id_len != KSK_KEYGEN_ID_LEN ||
			memcmp(o->id, id, KSK_KEYGEN_ID_LEN) != 0)
			continue;
		r = ksk_key_of(&inventory, t, o, w->algorithm, out_key, why);
		break;
	}
	ksk_inventory_free(&inventory);
	if (r == KSK_OK && !w->extractable && out_key->extractable != NULL) {
		(void)snprintf(why, sizeof(why), "%s", out_key->extractable);
		r = KSK_ERR_UNSUPPORTED;
	}
	if (r == KSK_OK)
		return r;
	ksk_fault_set(fault, "a key was made but can't be used: %s", why);
	return KSK_ERR_UNSUPPORTED;
}

enum ksk_err
ksk_keygen(struct ksk_token *token, const struct ksk_keygen *wanted,
	struct ksk_key *out_key, uint8_t out_id[KSK_KEYGEN_ID_LEN],
	struct ksk_fault *fault)
{
	struct ksk_inventory inventory = {0};
	uint8_t id[KSK_KEYGEN_ID_LEN];
	CK_OBJECT_HANDLE pair[2] = {0, 0};
	struct ksk_key key;
	enum ksk_err r;

	if ((r = check(wanted, fault)) != KSK_OK ||
		(r = check_mechanism(token, wanted, fault)) != KSK_OK ||
		(r = ksk_inventory_read(token, &inventory, fault)) != KSK_OK)
		return r;
	r = refuse_used(&inventory, wanted->label, fault);
	ksk_inventory_free(&inventory);
	if (r == KSK_OK && wanted->extractable)
		r = try_backup(token, wanted, fault);
	if (r != KSK_OK ||
		(r = ksk_token_random(token, id, sizeof(id), fault)) !=
			KSK_OK ||
		(r = try_forms(token, wanted, true, id, pair, fault)) !=
			KSK_OK ||
		(r = read_back(token, wanted, id, &key, fault)) != KSK_OK)
		return r;
	*out_key = key;
	memcpy(out_id, id, sizeof(id));
	return KSK_OK;
}
