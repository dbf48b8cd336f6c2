/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * key - see key.h. The sentences that say why a key can't be used are written
 * here; each names what to do.
 */
#include "hsm/key.h"

#include "hsm/p11.h"
#include "hsm/pair.h"

#include <string.h>

/* Room for a list of candidates inside a reason. */
#define LIST_CAP 200u

enum ksk_err
ksk_key_dnskey(const struct ksk_object *public_half, uint8_t algorithm,
	struct ksk_buf *out)
{
	/* flags 257: ZONE and SEP; protocol 3 (RFC 4034 2.1) */
	uint8_t head[KSK_DNSKEY_HEAD_LEN] = {0x01, 0x01, 3, algorithm};
	size_t before = out->len;
	enum ksk_err r;

	if (public_half->field_len == 0)
		return KSK_ERR_NOT_FOUND;
	if ((r = ksk_buf_put(out, head, sizeof(head))) != KSK_OK ||
		(r = ksk_buf_put(out, public_half->field,
			 public_half->field_len)) != KSK_OK)
		out->len = before;
	return r;
}

/* Labels are any bytes; a reason travels as text. */
static void
make_plain(char why[KSK_WHY_CAP])
{
	for (char *c = why; *c != '\0'; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
}

static bool
is_of_ds(const struct ksk_object *o, const struct ksk_name *zone,
	const struct ksk_ds *ds)
{
	uint8_t bytes[KSK_DNSKEY_HEAD_LEN + KSK_KEY_FIELD_MAX];
	struct ksk_buf rdata = ksk_buf_of(bytes, sizeof(bytes));
	struct ksk_dnskey key;

	return !o->is_private && o->kind == ksk_kind_of(ds->algorithm) &&
		ksk_key_dnskey(o, ds->algorithm, &rdata) == KSK_OK &&
		ksk_dnskey_read(ksk_buf_span(&rdata), &key) == KSK_OK &&
		key.tag == ds->tag &&
		ksk_ds_matches(ds, zone, ksk_buf_span(&rdata));
}

static bool
is_labelled(const struct ksk_object *o, const char *label)
{
	return label[0] == '\0' || strcmp(o->label, label) == 0;
}

/* Lists the public keys that the label selects: "12345/13 (P-256)". */
static size_t
list_candidates(const struct ksk_inventory *inventory, const char *label,
	uint8_t rsa_algorithm, char list[LIST_CAP])
{
	size_t count = 0;

	list[0] = '\0';
	for (size_t i = 0; i < inventory->count; i++) {
		const struct ksk_object *o = &inventory->objects[i];
		uint8_t algorithm = o->kind == KSK_KIND_RSA
			? rsa_algorithm
			: ksk_kind_algorithm(o->kind);
		uint8_t bytes[KSK_DNSKEY_HEAD_LEN + KSK_KEY_FIELD_MAX];
		struct ksk_buf rdata = ksk_buf_of(bytes, sizeof(bytes));
		struct ksk_dnskey key;
		size_t len = strlen(list);

		if (o->is_private || !is_labelled(o, label) ||
			ksk_key_dnskey(o, algorithm, &rdata) != KSK_OK ||
			ksk_dnskey_read(ksk_buf_span(&rdata), &key) != KSK_OK)
			continue;
		count++;
		(void)snprintf(list + len, LIST_CAP - len, "%s%u/%u (%s)",
			len == 0 ? "" : ", ", (unsigned)key.tag,
			(unsigned)algorithm, ksk_kind_text(o->kind));
	}
	if (strlen(list) == LIST_CAP - 1)
		memcpy(list + LIST_CAP - 4, "...", 4);
	return count;
}

/* A private key alone, or one whose public object can't be read. */
static bool
explain_half(const struct ksk_inventory *inventory, const struct ksk_ds *ds,
	const char *label, char why[KSK_WHY_CAP])
{
	for (size_t i = 0; i < inventory->count; i++) {
		const struct ksk_object *o = &inventory->objects[i];

		if (label[0] == '\0' || !is_labelled(o, label))
			continue;
		if (!o->is_private && o->odd[0] != '\0') {
			(void)snprintf(why, KSK_WHY_CAP,
				"public key object \"%s\" can't be read: %s",
				label, o->odd);
			return true;
		}
		if (o->is_private && o->kind == ksk_kind_of(ds->algorithm)) {
			(void)snprintf(why, KSK_WHY_CAP,
				"public half missing: the token has a private "
				"%s key \"%s\" but no public key object of "
				"it; write its public key to the token with "
				"the same CKA_ID",
				ksk_kind_text(o->kind), label);
			return true;
		}
	}
	return false;
}

/* No public key of this DS under this label: says what is there instead. */
static void
explain_missing(const struct ksk_inventory *inventory,
	const struct ksk_name *zone, const struct ksk_ds *ds, const char *label,
	char why[KSK_WHY_CAP])
{
	char list[LIST_CAP];
	uint8_t rsa = ksk_alg_is_rsa(ds->algorithm) ? ds->algorithm
						    : KSK_ALG_RSASHA256;

	for (size_t i = 0; i < inventory->count; i++) {
		const struct ksk_object *o = &inventory->objects[i];

		if (!is_of_ds(o, zone, ds))
			continue;
		(void)snprintf(why, KSK_WHY_CAP,
			"wrong label: the key of this DS is labelled \"%s\", "
			"not \"%s\"; correct label: in the policy",
			o->label, label);
		return;
	}
	if (list_candidates(inventory, label, rsa, list) > 0) {
		(void)snprintf(why, KSK_WHY_CAP,
			"not found: no key%s%s%s has DS %u %u %u; there are "
			"(tag/algorithm): %s; correct ds: or label: in the "
			"policy, or put the right token in place",
			label[0] == '\0' ? "" : " labelled \"", label,
			label[0] == '\0' ? "" : "\"", (unsigned)ds->tag,
			(unsigned)ds->algorithm, (unsigned)ds->digest_type,
			list);
		return;
	}
	if (explain_half(inventory, ds, label, why))
		return;
	(void)snprintf(why, KSK_WHY_CAP,
		"not found: the token has no key%s%s%s; make one with "
		"\"kskadm key generate\", or put the right token in place",
		label[0] == '\0' ? "" : " labelled \"", label,
		label[0] == '\0' ? "" : "\"");
}

/* Returns why a private object may leave its token, NULL if it can't. */
static const char *
leaves(const struct ksk_object *o)
{
	switch (o->extractable) {
	case KSK_TOLD_NO:
		return NULL;
	case KSK_TOLD_YES:
		return "extractable: the private key can be taken out of the "
		       "token (CKA_EXTRACTABLE is true); make a new key with "
		       "\"kskadm key generate\", or accept it with \"kskadm "
		       "key allow --extractable\"";
	case KSK_TOLD_NOT:
		return "extractable: the token does not say that the private "
		       "key stays inside (CKA_EXTRACTABLE); accept it with "
		       "\"kskadm key allow --extractable\"";
	}
	return "extractable";
}

/* Returns what forbids the use of a private object, NULL if nothing does. */
static const char *
usage_trouble(const struct ksk_object *o)
{
	if (o->sensitive == KSK_TOLD_NO)
		return "not sensitive: the private key can be read "
		       "(CKA_SENSITIVE is false); make a new key with "
		       "\"kskadm key generate\"";
	if (o->signs != KSK_TOLD_YES)
		return "not for signing: CKA_SIGN of the private key is not "
		       "true; make a new key with \"kskadm key generate\"";
	if (o->always_authenticate == KSK_TOLD_YES)
		return "the token wants the PIN for each signature "
		       "(CKA_ALWAYS_AUTHENTICATE); make a key without that";
	return NULL;
}

static enum ksk_err
find_private(const struct ksk_inventory *inventory,
	const struct ksk_object *public_half, const struct ksk_object **out,
	char why[KSK_WHY_CAP])
{
	char id[2 * sizeof(public_half->id) + 1];
	const char *trouble;
	size_t count = 0;
	enum ksk_err r;

	ksk_hex_write(ksk_span_of(public_half->id, public_half->id_len), id,
		sizeof(id));
	r = ksk_pair_find(inventory, public_half, out, &count);
	if (r == KSK_ERR_NOT_FOUND) {
		(void)snprintf(why, KSK_WHY_CAP,
			"private half missing: no private %s key with CKA_ID "
			"\"%s\" or label \"%s\" on the token; restore it, or "
			"give both halves one CKA_ID",
			ksk_kind_text(public_half->kind), id,
			public_half->label);
		return r;
	}
	if (r != KSK_OK) {
		(void)snprintf(why, KSK_WHY_CAP,
			"ambiguous: %zu private %s keys with CKA_ID \"%s\" and "
			"label \"%s\", and more than one key may be the owner; "
			"give each pair a CKA_ID of its own",
			count, ksk_kind_text(public_half->kind), id,
			public_half->label);
		return r;
	}
	trouble = usage_trouble(*out);
	if (trouble == NULL)
		return KSK_OK;
	(void)snprintf(why, KSK_WHY_CAP, "%s", trouble);
	return KSK_ERR_UNSUPPORTED;
}

/* Returns true unless it is an RSA key with another exponent than 65537: small
 * ones have let forged signatures through where a verifier was careless, and
 * with large ones some validators can't compute. */
static bool
is_exponent_fit(const struct ksk_dnskey *key)
{
	static const uint8_t f4[] = {0x01, 0x00, 0x01};
	struct ksk_span e = {NULL, 0};
	struct ksk_span n = {NULL, 0};

	return !ksk_alg_is_rsa(key->algorithm) ||
		(ksk_dnskey_rsa_split(key, &e, &n) == KSK_OK &&
			ksk_span_equal(e, ksk_span_of(f4, sizeof(f4))));
}

/* Fills the public side of a key: RDATA, tags, sizes. */
static enum ksk_err
fill_public(const struct ksk_object *public_half, uint8_t algorithm,
	struct ksk_key *key, size_t *out_bits, char why[KSK_WHY_CAP])
{
	struct ksk_buf rdata = ksk_buf_of(key->dnskey, sizeof(key->dnskey));
	struct ksk_fault fault = {""};
	struct ksk_dnskey dnskey;

	if (ksk_key_dnskey(public_half, algorithm, &rdata) != KSK_OK ||
		ksk_dnskey_read(ksk_buf_span(&rdata), &dnskey) != KSK_OK) {
		(void)snprintf(why, KSK_WHY_CAP, "public key unreadable: %s",
			public_half->odd);
		return KSK_ERR_UNSUPPORTED;
	}
	if (ksk_dnskey_form(&dnskey, &fault) != KSK_OK) {
		(void)snprintf(why, KSK_WHY_CAP, "public key unfit: %.300s",
			fault.text);
		return KSK_ERR_UNSUPPORTED;
	}
	if (!is_exponent_fit(&dnskey)) {
		(void)snprintf(why, KSK_WHY_CAP,
			"public key unfit: its RSA exponent is not 65537; make "
			"a new key with \"kskadm key generate\"");
		return KSK_ERR_UNSUPPORTED;
	}
	key->algorithm = algorithm;
	key->dnskey_len = rdata.len;
	key->tag = dnskey.tag;
	key->revoked_tag = dnskey.revoked_tag;
	*out_bits = ksk_dnskey_rsa_bits(&dnskey);
	key->signature_len = *out_bits != 0 ? (*out_bits + 7) / 8
					    : ksk_signature_len(algorithm);
	return KSK_OK;
}

enum ksk_err
ksk_key_of(const struct ksk_inventory *inventory, const struct ksk_token *token,
	const struct ksk_object *public_half, uint8_t algorithm,
	struct ksk_key *out_key, char out_why[KSK_WHY_CAP])
{
	const struct ksk_object *private_half = NULL;
	struct ksk_key key = {0};
	size_t bits = 0;
	enum ksk_err r;

	if ((r = fill_public(public_half, algorithm, &key, &bits, out_why)) !=
			KSK_OK ||
		(r = find_private(inventory, public_half, &private_half,
			 out_why)) != KSK_OK) {
		make_plain(out_why);
		return r;
	}
	key.mechanism = ksk_mechanism_find(token->range, private_half->allowed,
		algorithm, bits, out_why, KSK_WHY_CAP);
	if (key.mechanism == NULL)
		return KSK_ERR_UNSUPPORTED;
	key.handle = private_half->handle;
	key.extractable = leaves(private_half);
	*out_key = key;
	return KSK_OK;
}

enum ksk_err
ksk_key_find(const struct ksk_inventory *inventory,
	const struct ksk_token *token, const struct ksk_name *zone,
	const struct ksk_ds *ds, const char *label, struct ksk_key *out_key,
	char out_why[KSK_WHY_CAP])
{
	enum ksk_err r = KSK_ERR_NOT_FOUND;
	bool seen = false;

	/* Several public objects may hold the same key (an imported
	 * certificate leaves one); any that leads to its private half does. */
	for (size_t i = 0; i < inventory->count && r != KSK_OK; i++) {
		const struct ksk_object *o = &inventory->objects[i];

		if (!is_labelled(o, label) || !is_of_ds(o, zone, ds))
			continue;
		seen = true;
		r = ksk_key_of(
			inventory, token, o, ds->algorithm, out_key, out_why);
	}
	if (!seen) {
		explain_missing(inventory, zone, ds, label, out_why);
		make_plain(out_why);
	}
	return r;
}
