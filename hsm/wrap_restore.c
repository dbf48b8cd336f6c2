/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wrap_restore - see wrap.h. The key is unwrapped into the session first and
 * has to prove itself there; only then is anything written to the token.
 */
#include "hsm/wrap.h"

#include "hsm/sign.h"
#include "hsm/wrap_p11.h"
#include "protocol/verify.h"

#include <stdlib.h>
#include <string.h>

/* One second, long over, and read as such until 2038 (RFC 1982). After that
 * it is not yet begun. */
#define PROOF_INCEPTION 1u
#define PROOF_EXPIRATION 2u

#define ID_LEN 16u

struct restore {
	struct ksk_token *token;
	const struct ksk_wrap_backup *backup;
	CK_OBJECT_HANDLE aes;    /* of the session */
	CK_OBJECT_HANDLE public; /* on the token, 0 until it is there */
	bool extractable;
	uint8_t id[KSK_CKA_ID_MAX];
	size_t id_len;
};

static struct ksk_span
object_id(const struct ksk_object *o)
{
	return ksk_span_of(o->id, o->id_len);
}

static struct ksk_span
backup_field(const struct ksk_wrap_backup *b)
{
	return ksk_span_of(b->dnskey.data + KSK_DNSKEY_HEAD_LEN,
		b->dnskey.len - KSK_DNSKEY_HEAD_LEN);
}

static bool
has_private(const struct ksk_inventory *inventory, const struct ksk_object *of)
{
	for (size_t i = 0; i < inventory->count; i++) {
		const struct ksk_object *o = &inventory->objects[i];

		if (o->is_private &&
			(strcmp(o->label, of->label) == 0 ||
				ksk_span_equal(object_id(o), object_id(of))))
			return true;
	}
	return false;
}

/* The public half of this very key and no private one: that is what an earlier
 * restore leaves that was ended half way, and this one goes on from there. */
static void
find_begun(struct restore *x, const struct ksk_inventory *inventory)
{
	for (size_t i = 0; i < inventory->count && x->public == 0; i++) {
		const struct ksk_object *o = &inventory->objects[i];

		if (o->is_private || o->id_len == 0 ||
			strcmp(o->label, x->backup->label) != 0 ||
			!ksk_span_equal(ksk_span_of(o->field, o->field_len),
				backup_field(x->backup)) ||
			has_private(inventory, o))
			continue;
		x->public = o->handle;
		x->id_len = o->id_len;
		memcpy(x->id, o->id, o->id_len);
	}
}

/* The label and the key must be new; an id that is in use is replaced. */
static enum ksk_err
check_names(struct restore *x, const struct ksk_inventory *inventory,
	struct ksk_fault *fault)
{
	const struct ksk_wrap_backup *b = x->backup;
	bool used = b->id_len == 0;

	find_begun(x, inventory);
	for (size_t i = 0; i < inventory->count; i++) {
		const struct ksk_object *o = &inventory->objects[i];
		const char *what = NULL;

		if (o->handle == x->public)
			continue;
		if (strcmp(o->label, b->label) == 0)
			what = "a key of this label";
		if (ksk_span_equal(ksk_span_of(o->field, o->field_len),
			    backup_field(b)))
			what = "this key";
		if (what != NULL) {
			ksk_fault_set(fault,
				"%s (\"%s\") is on the token already; nothing "
				"was changed (kskadm key list shows it, kskadm "
				"key allow lets it sign)",
				what, b->label);
			return KSK_ERR_AMBIGUOUS;
		}
		used = used ||
			ksk_span_equal(
				object_id(o), ksk_span_of(b->id, b->id_len));
	}
	if (x->public != 0)
		return KSK_OK;
	if (used) {
		x->id_len = ID_LEN;
		return ksk_token_random(x->token, x->id, x->id_len, fault);
	}
	memcpy(x->id, b->id, b->id_len);
	x->id_len = b->id_len;
	return KSK_OK;
}

static enum ksk_err
check_mechanism(const struct restore *x, struct ksk_fault *fault)
{
	const struct ksk_wrap_backup *b = x->backup;

	if (ksk_wrap_known(b->hash, b->mechanism) &&
		ksk_wrap_offers(x->token, b->mechanism, CKF_UNWRAP))
		return KSK_OK;
	ksk_fault_set(fault,
		"the token does not unwrap with the mechanisms that this "
		"backup was made with (0x%x, 0x%x)",
		(unsigned)b->hash, (unsigned)b->mechanism);
	return KSK_ERR_UNSUPPORTED;
}

/* What is not for every module stands at the end of the template. */
#define OPTIONAL_COUNT 3u

static enum ksk_err
unwrap(const struct restore *x, bool on_token, CK_OBJECT_HANDLE *out,
	struct ksk_fault *fault)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_KEY_TYPE type = ksk_wrap_key_type(x->backup->dnskey.data[3]);
	CK_BBOOL yes = CK_TRUE;
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE attributes[] = {
		KSK_ATTRIBUTE(CKA_CLASS, class),
		KSK_ATTRIBUTE(CKA_KEY_TYPE, type),
		{CKA_TOKEN, on_token ? &yes : &no, sizeof(yes)},
		KSK_ATTRIBUTE(CKA_PRIVATE, yes),
		KSK_ATTRIBUTE(CKA_SENSITIVE, yes),
		{CKA_EXTRACTABLE, x->extractable ? &yes : &no, sizeof(yes)},
		KSK_ATTRIBUTE(CKA_SIGN, yes),
		KSK_ATTRIBUTE_BYTES(
			CKA_LABEL, x->backup->label, strlen(x->backup->label)),
		KSK_ATTRIBUTE_BYTES(CKA_ID, x->id, x->id_len),
		KSK_ATTRIBUTE(CKA_DECRYPT, no),
		KSK_ATTRIBUTE(CKA_UNWRAP, no),
		KSK_ATTRIBUTE(CKA_DERIVE, no),
	};
	size_t count = KSK_ATTRIBUTE_COUNT(attributes);
	CK_MECHANISM m = {.mechanism = x->backup->mechanism};
	enum ksk_err r = ksk_wrap_in(x->token, &m, x->aes, x->backup->private,
		attributes, count, out, fault);

	if (r == KSK_ERR_UNSUPPORTED)
		r = ksk_wrap_in(x->token, &m, x->aes, x->backup->private,
			attributes, count - OPTIONAL_COUNT, out, fault);
	return r;
}

/* Makes a key for ksk_sign out of the public half of the file and the private
 * half in the session. */
static enum ksk_err
describe(const struct restore *x, CK_OBJECT_HANDLE private, struct ksk_key *out,
	struct ksk_fault *fault)
{
	char why[KSK_WHY_CAP] = "";
	struct ksk_dnskey dnskey;
	size_t bits;
	enum ksk_err r = ksk_dnskey_read(x->backup->dnskey, &dnskey);

	if (r != KSK_OK)
		return r;
	bits = ksk_dnskey_rsa_bits(&dnskey);
	*out = (struct ksk_key){
		.handle = private,
		.algorithm = dnskey.algorithm,
		.tag = dnskey.tag,
		.revoked_tag = dnskey.revoked_tag,
		.dnskey_len = x->backup->dnskey.len,
		.signature_len = bits != 0
			? (bits + 7) / 8
			: ksk_signature_len(dnskey.algorithm),
		.mechanism = ksk_mechanism_find(x->token->range,
			KSK_MECHANISM_ANY, dnskey.algorithm, bits, why,
			sizeof(why)),
	};
	memcpy(out->dnskey, x->backup->dnskey.data, x->backup->dnskey.len);
	if (out->mechanism != NULL)
		return KSK_OK;
	ksk_fault_set(fault, "%s", why);
	return KSK_ERR_UNSUPPORTED;
}

/* Signs and verifies. tbs: room of KSK_TBS_MAX bytes. */
static enum ksk_err
prove(const struct restore *x, const struct ksk_key *key,
	const struct ksk_rrset *set, struct ksk_buf *tbs,
	struct ksk_fault *fault)
{
	const struct ksk_window window = {PROOF_INCEPTION, PROOF_EXPIRATION};
	uint8_t bytes[KSK_SIGNATURE_MAX];
	struct ksk_buf signature = ksk_buf_of(bytes, sizeof(bytes));
	struct ksk_verify_key *public = NULL;
	struct ksk_rrsig rrsig;
	enum ksk_err r;

	ksk_rrsig_prepare(set, window, key->algorithm, key->tag, &rrsig);
	if ((r = ksk_tbs_build(set, &rrsig, tbs)) != KSK_OK ||
		(r = ksk_verify_key_new(x->backup->dnskey, &public)) !=
			KSK_OK ||
		(r = ksk_sign(x->token, key, ksk_buf_span(tbs), &signature,
			 fault)) != KSK_OK)
		goto out;
	r = ksk_verify_bytes(
		public, ksk_buf_span(tbs), ksk_buf_span(&signature));
	if (r == KSK_ERR_BAD_SIGNATURE) {
		ksk_fault_set(fault,
			"the private key in the backup is not that of its "
			"public key");
		r = KSK_ERR_MALFORMED;
	}
out:
	ksk_wipe(bytes, sizeof(bytes));
	ksk_verify_key_free(&public);
	return r;
}

/* Unwraps into the session and lets the key prove itself. */
static enum ksk_err
try_key(const struct restore *x, struct ksk_fault *fault)
{
	struct ksk_rrset *set = calloc(1, sizeof(*set));
	struct ksk_buf tbs = ksk_buf_of(malloc(KSK_TBS_MAX), KSK_TBS_MAX);
	CK_OBJECT_HANDLE handle = 0;
	struct ksk_key key;
	enum ksk_err r = KSK_ERR_NO_MEMORY;

	if (set == NULL || tbs.data == NULL)
		goto out;
	set->owner = x->backup->zone;
	set->type = KSK_TYPE_DNSKEY;
	set->count = 1;
	set->rdata[0] = x->backup->dnskey;
	if ((r = unwrap(x, false, &handle, fault)) != KSK_OK)
		goto out;
	r = describe(x, handle, &key, fault);
	if (r == KSK_OK)
		r = prove(x, &key, set, &tbs, fault);
	(void)x->token->module.f->C_DestroyObject(x->token->session, handle);
out:
	free(set);
	free(tbs.data);
	return r;
}

/* Reads the finished key back, as a worker would see it. */
static enum ksk_err
read_back(const struct restore *x, struct ksk_key *out_key,
	struct ksk_fault *fault)
{
	const struct ksk_wrap_backup *b = x->backup;
	struct ksk_inventory inventory = {0};
	char why[KSK_WHY_CAP] = "it is not on the token";
	struct ksk_key key;
	struct ksk_ds ds;
	enum ksk_err r = ksk_ds_build(
		&b->zone, b->dnskey, KSK_DIGEST_SHA256, &ds);

	if (r != KSK_OK ||
		(r = ksk_inventory_read(x->token, &inventory, fault)) != KSK_OK)
		return r;
	r = ksk_key_find(
		&inventory, x->token, &b->zone, &ds, b->label, &key, why);
	ksk_inventory_free(&inventory);
	if (r == KSK_OK && !x->extractable && key.extractable != NULL) {
		(void)snprintf(why, sizeof(why), "%s", key.extractable);
		r = KSK_ERR_UNSUPPORTED;
	}
	if (r != KSK_OK) {
		ksk_fault_set(fault, "the restored key can't be used: %s", why);
		return KSK_ERR_UNSUPPORTED;
	}
	*out_key = key;
	return KSK_OK;
}

/* Writes both halves, or none. The public one goes first: alone it does no
 * harm, and a restore that is ended in between can be done again. */
static enum ksk_err
write_key(const struct restore *x, struct ksk_key *out_key,
	struct ksk_fault *fault)
{
	CK_OBJECT_HANDLE public = x->public;
	CK_OBJECT_HANDLE private = 0;
	enum ksk_err r = KSK_OK;

	if (x->public == 0)
		r = ksk_wrap_public_make(x->token, x->backup->dnskey,
			x->backup->label, ksk_span_of(x->id, x->id_len),
			&public, fault);
	if (r != KSK_OK)
		return r;
	r = unwrap(x, true, &private, fault);
	if (r == KSK_OK && (r = read_back(x, out_key, fault)) != KSK_OK)
		ksk_wrap_destroy(x->token, private);
	if (r != KSK_OK && x->public == 0)
		ksk_wrap_destroy(x->token, public);
	return r;
}

/* What the token must have before anything is unwrapped. */
static enum ksk_err
prepare(struct restore *x, struct ksk_wrap_pair *out_pair,
	struct ksk_fault *fault)
{
	struct ksk_inventory inventory = {0};
	enum ksk_err r = ksk_inventory_read(x->token, &inventory, fault);

	if (r == KSK_OK && (r = check_names(x, &inventory, fault)) == KSK_OK &&
		(r = check_mechanism(x, fault)) == KSK_OK)
		r = ksk_wrap_recipient_find(
			&inventory, x->backup, out_pair, fault);
	ksk_inventory_free(&inventory);
	return r;
}

enum ksk_err
ksk_wrap_restore(struct ksk_token *token, const struct ksk_wrap_backup *backup,
	bool extractable, struct ksk_key *out_key,
	uint8_t out_id[KSK_CKA_ID_MAX], size_t *out_id_len,
	struct ksk_fault *fault)
{
	struct restore x = {
		.token = token,
		.backup = backup,
		.extractable = extractable,
	};
	struct ksk_wrap_pair pair;
	enum ksk_err r;

	if ((r = prepare(&x, &pair, fault)) != KSK_OK ||
		(r = ksk_wrap_aes_in(token, pair.private, backup->hash,
			 backup->aes, &x.aes, fault)) != KSK_OK)
		return r;
	if ((r = try_key(&x, fault)) == KSK_OK)
		r = write_key(&x, out_key, fault);
	ksk_wrap_destroy(token, x.aes);
	if (r != KSK_OK)
		return r;
	memcpy(out_id, x.id, x.id_len);
	*out_id_len = x.id_len;
	return KSK_OK;
}
