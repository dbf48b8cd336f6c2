/* SPDX-License-Identifier: BSD-2-Clause */
/* wrap_recipient - see wrap.h. What is found is found by the inventory, as for
 * KSKs: label and public key. */
#include "hsm/wrap.h"

#include "hsm/pair.h"
#include "hsm/wrap_p11.h"

#include <string.h>

#define RSA_BITS 3072u
#define ID_LEN 16u

/* OAEP's hashes in the order of choice. SoftHSM has but the second; what OAEP
 * needs of its hash SHA-1 still gives. */
static const CK_MECHANISM_TYPE hashes[] = {CKM_SHA256, CKM_SHA_1};

static enum ksk_err
check_label(
	const struct ksk_token *t, const char *label, struct ksk_fault *fault)
{
	struct ksk_inventory inventory = {0};
	enum ksk_err r;

	if (label[0] == '\0' || strlen(label) >= KSK_LABEL_CAP) {
		ksk_fault_set(
			fault, "a label has 1 to %u bytes", KSK_LABEL_CAP - 1);
		return KSK_ERR_BAD_INPUT;
	}
	r = ksk_inventory_read(t, &inventory, fault);
	for (size_t i = 0; r == KSK_OK && i < inventory.count; i++) {
		if (strcmp(inventory.objects[i].label, label) != 0)
			continue;
		ksk_fault_set(fault,
			"the label \"%s\" is in use on the token; choose "
			"another",
			label);
		r = KSK_ERR_AMBIGUOUS;
	}
	ksk_inventory_free(&inventory);
	return r;
}

static enum ksk_err
check_token(const struct ksk_token *t, struct ksk_fault *fault)
{
	if (!ksk_wrap_offers(
		    t, CKM_RSA_PKCS_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR))
		return ksk_wrap_lacks(
			fault, "making RSA keys (CKM_RSA_PKCS_KEY_PAIR_GEN)");
	if (!ksk_wrap_offers(t, CKM_RSA_PKCS_OAEP, CKF_WRAP | CKF_UNWRAP))
		return ksk_wrap_lacks(
			fault, "wrapping by RSA (CKM_RSA_PKCS_OAEP)");
	if (ksk_wrap_mechanism(t, CKF_UNWRAP) == 0)
		return ksk_wrap_lacks(fault,
			"AES key unwrap with padding (CKM_AES_KEY_WRAP_KWP or "
			"_PAD)");
	return KSK_OK;
}

static enum ksk_err
make_pair(struct ksk_token *t, const char *label, struct ksk_wrap_pair *out,
	struct ksk_fault *fault)
{
	CK_BBOOL yes = CK_TRUE;
	CK_BBOOL no = CK_FALSE;
	CK_ULONG bits = RSA_BITS;
	uint8_t exponent[] = {0x01, 0x00, 0x01};
	uint8_t id[ID_LEN];
	CK_ATTRIBUTE public[] = {
		KSK_ATTRIBUTE_BYTES(CKA_LABEL, label, strlen(label)),
		KSK_ATTRIBUTE(CKA_ID, id),
		KSK_ATTRIBUTE(CKA_TOKEN, yes),
		KSK_ATTRIBUTE(CKA_WRAP, yes),
		KSK_ATTRIBUTE(CKA_VERIFY, no),
		KSK_ATTRIBUTE(CKA_ENCRYPT, no),
		KSK_ATTRIBUTE(CKA_MODULUS_BITS, bits),
		KSK_ATTRIBUTE(CKA_PUBLIC_EXPONENT, exponent),
	};
	CK_ATTRIBUTE private[] = {
		KSK_ATTRIBUTE_BYTES(CKA_LABEL, label, strlen(label)),
		KSK_ATTRIBUTE(CKA_ID, id),
		KSK_ATTRIBUTE(CKA_TOKEN, yes),
		KSK_ATTRIBUTE(CKA_PRIVATE, yes),
		KSK_ATTRIBUTE(CKA_SENSITIVE, yes),
		KSK_ATTRIBUTE(CKA_EXTRACTABLE, no),
		KSK_ATTRIBUTE(CKA_UNWRAP, yes),
		KSK_ATTRIBUTE(CKA_SIGN, no),
		KSK_ATTRIBUTE(CKA_DECRYPT, no),
	};
	CK_MECHANISM m = {.mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN};
	enum ksk_err r = ksk_token_random(t, id, sizeof(id), fault);
	CK_RV rv;

	if (r != KSK_OK)
		return r;
	rv = t->module.f->C_GenerateKeyPair(t->session, &m, public,
		KSK_ATTRIBUTE_COUNT(public), private,
		KSK_ATTRIBUTE_COUNT(private), &out->public, &out->private);
	return rv == CKR_OK ? KSK_OK
			    : ksk_p11_fail(fault, "C_GenerateKeyPair", rv);
}

/* Sends a throw-away key from the public half to the private half by one
 * hash. */
static enum ksk_err
send_key(const struct ksk_token *t, const struct ksk_wrap_pair *pair,
	CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE hash, struct ksk_fault *fault)
{
	uint8_t bytes[KSK_WRAP_MODULUS_MAX];
	struct ksk_buf wrapped = ksk_buf_of(bytes, sizeof(bytes));
	CK_RSA_PKCS_OAEP_PARAMS params;
	CK_MECHANISM m = ksk_wrap_oaep(hash, &params);
	CK_OBJECT_HANDLE again = 0;
	enum ksk_err r;

	if ((r = ksk_wrap_out(t, &m, pair->public, key, &wrapped, fault)) !=
			KSK_OK ||
		(r = ksk_wrap_aes_in(t, pair->private, hash,
			 ksk_buf_span(&wrapped), &again, fault)) != KSK_OK)
		return r;
	ksk_wrap_destroy(t, again);
	return KSK_OK;
}

/* Finds the hash that works: modules offer OAEP, and then only one of them. */
static enum ksk_err
choose_hash(const struct ksk_token *t, const struct ksk_wrap_pair *pair,
	uint32_t *out_hash, struct ksk_fault *fault)
{
	CK_OBJECT_HANDLE key = 0;
	enum ksk_err r = ksk_wrap_aes_make(t, &key, fault);

	if (r != KSK_OK)
		return r;
	for (size_t i = 0; i < KSK_ATTRIBUTE_COUNT(hashes); i++) {
		r = send_key(t, pair, key, hashes[i], fault);
		if (r == KSK_OK) {
			*out_hash = (uint32_t)hashes[i];
			break;
		}
	}
	ksk_wrap_destroy(t, key);
	return r;
}

/* Finds the one public RSA key of a label. */
static enum ksk_err
find_public(const struct ksk_inventory *inventory, const char *label,
	const struct ksk_object **out, struct ksk_fault *fault)
{
	const struct ksk_object *found = NULL;
	size_t count = 0;

	for (size_t i = 0; i < inventory->count; i++) {
		const struct ksk_object *o = &inventory->objects[i];

		if (o->is_private || o->kind != KSK_KIND_RSA ||
			o->field_len == 0 || strcmp(o->label, label) != 0)
			continue;
		found = o;
		count++;
	}
	if (count != 1) {
		ksk_fault_set(fault,
			"the token has %zu RSA keys labelled \"%s\": the "
			"backup is for the one key of another token, or its "
			"key is gone",
			count, label);
		return KSK_ERR_NOT_FOUND;
	}
	*out = found;
	return KSK_OK;
}

/* Fills all but hash and mechanism; the numbers are borrowed. */
static enum ksk_err
describe(const struct ksk_object *object, struct ksk_wrap_recipient *out)
{
	const struct ksk_dnskey key = {
		.algorithm = KSK_ALG_RSASHA256,
		.key = ksk_span_of(object->field, object->field_len),
	};

	memcpy(out->label, object->label, sizeof(out->label));
	return ksk_dnskey_rsa_split(&key, &out->exponent, &out->modulus);
}

/* Moves a span's bytes into room. */
static enum ksk_err
keep(struct ksk_span *span, struct ksk_buf *room)
{
	size_t start = room->len;
	enum ksk_err r = ksk_buf_put(room, span->data, span->len);

	*span = ksk_span_of(room->data + start, room->len - start);
	return r;
}

static enum ksk_err
read_back(const struct ksk_token *t, const char *label, struct ksk_buf *room,
	struct ksk_wrap_recipient *out, struct ksk_fault *fault)
{
	struct ksk_inventory inventory = {0};
	const struct ksk_object *object = NULL;
	enum ksk_err r = ksk_inventory_read(t, &inventory, fault);

	if (r == KSK_OK &&
		(r = find_public(&inventory, label, &object, fault)) ==
			KSK_OK &&
		(r = describe(object, out)) == KSK_OK &&
		(r = keep(&out->modulus, room)) == KSK_OK)
		r = keep(&out->exponent, room);
	ksk_inventory_free(&inventory);
	return r;
}

enum ksk_err
ksk_wrap_recipient_make(struct ksk_token *token, const char *label,
	struct ksk_wrap_recipient *out_recipient, struct ksk_buf *room,
	struct ksk_fault *fault)
{
	struct ksk_wrap_recipient made = {
		.mechanism = (uint32_t)ksk_wrap_mechanism(token, CKF_UNWRAP),
	};
	struct ksk_wrap_pair pair = {0, 0};
	enum ksk_err r;

	if ((r = check_label(token, label, fault)) != KSK_OK ||
		(r = check_token(token, fault)) != KSK_OK ||
		(r = make_pair(token, label, &pair, fault)) != KSK_OK)
		return r;
	if ((r = choose_hash(token, &pair, &made.hash, fault)) != KSK_OK ||
		(r = read_back(token, label, room, &made, fault)) != KSK_OK) {
		ksk_wrap_destroy(token, pair.private);
		ksk_wrap_destroy(token, pair.public);
		return r;
	}
	*out_recipient = made;
	return KSK_OK;
}

/* A recipient's file can be written again out of the token and the backup. */
static enum ksk_err
digest_of(const struct ksk_object *object, const struct ksk_wrap_backup *backup,
	uint8_t out[KSK_WRAP_DIGEST_LEN])
{
	uint8_t bytes[KSK_WRAP_FILE_MAX];
	struct ksk_buf file = ksk_buf_of(bytes, sizeof(bytes));
	struct ksk_wrap_recipient x = {
		.hash = backup->hash,
		.mechanism = backup->mechanism,
	};
	enum ksk_err r = describe(object, &x);

	if (r == KSK_OK)
		r = ksk_wrap_recipient_write(&x, &file);
	return r == KSK_OK ? ksk_wrap_digest(ksk_buf_span(&file), out) : r;
}

enum ksk_err
ksk_wrap_recipient_find(const struct ksk_inventory *inventory,
	const struct ksk_wrap_backup *backup, struct ksk_wrap_pair *out_pair,
	struct ksk_fault *fault)
{
	const struct ksk_object *public = NULL;
	const struct ksk_object *private = NULL;
	uint8_t digest[KSK_WRAP_DIGEST_LEN];
	size_t count = 0;
	enum ksk_err r = find_public(
		inventory, backup->recipient, &public, fault);

	if (r != KSK_OK || (r = digest_of(public, backup, digest)) != KSK_OK)
		return r;
	if (memcmp(digest, backup->recipient_digest, sizeof(digest)) != 0) {
		ksk_fault_set(fault,
			"the backup is for another key than this token's "
			"\"%s\"",
			backup->recipient);
		return KSK_ERR_MALFORMED;
	}
	r = ksk_pair_find(inventory, public, &private, &count);
	if (r != KSK_OK) {
		ksk_fault_set(fault,
			"the private half of \"%s\" is not on this token",
			backup->recipient);
		return KSK_ERR_NOT_FOUND;
	}
	*out_pair = (struct ksk_wrap_pair){public->handle, private->handle};
	return KSK_OK;
}
