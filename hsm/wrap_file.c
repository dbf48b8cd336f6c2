/* SPDX-License-Identifier: BSD-2-Clause */
/* wrap_file - see wrap_file.h. */
#include "hsm/wrap_file.h"

#include "protocol/cbor_in.h"
#include "protocol/cbor_out.h"

#include <openssl/evp.h>
#include <string.h>

#define KIND_RECIPIENT "ksk-backup-recipient"
#define KIND_BACKUP "ksk-key-backup"
#define KIND_CAP 40u

#define KEY_WRAPPED 11u
#define KEY_DIGEST 12u

enum ksk_err
ksk_wrap_digest(struct ksk_span file, uint8_t out[KSK_WRAP_DIGEST_LEN])
{
	return EVP_Digest(file.data, file.len, out, NULL, EVP_sha256(), NULL) ==
			1
		? KSK_OK
		: KSK_ERR_CRYPTO;
}

/* ---- writing ---- */

static void
put_uint(struct ksk_cbor_out *o, uint64_t key, uint64_t value)
{
	ksk_cbor_out_uint(o, key);
	ksk_cbor_out_uint(o, value);
}

static void
put_bytes(struct ksk_cbor_out *o, uint64_t key, const void *data, size_t len)
{
	ksk_cbor_out_uint(o, key);
	ksk_cbor_out_bytes(o, ksk_span_of(data, len));
}

static void
put_head(struct ksk_cbor_out *o, size_t pairs, const char *kind)
{
	ksk_cbor_out_map(o, pairs);
	ksk_cbor_out_uint(o, 1);
	ksk_cbor_out_text(o, kind);
	put_uint(o, 2, KSK_WRAP_VERSION);
}

/* Writes the last pair: the string's head first, so that it is hashed too. */
static enum ksk_err
put_digest(struct ksk_cbor_out *o, size_t start)
{
	uint8_t digest[KSK_WRAP_DIGEST_LEN] = {0};
	struct ksk_buf *buf = o->buf;
	enum ksk_err r;

	put_bytes(o, KEY_DIGEST, digest, sizeof(digest));
	r = o->err;
	if (r == KSK_OK) {
		buf->len -= sizeof(digest);
		r = ksk_wrap_digest(
			ksk_span_of(buf->data + start, buf->len - start),
			digest);
	}
	if (r == KSK_OK)
		r = ksk_buf_put(buf, digest, sizeof(digest));
	if (r != KSK_OK)
		buf->len = start;
	return r;
}

enum ksk_err
ksk_wrap_recipient_write(
	const struct ksk_wrap_recipient *recipient, struct ksk_buf *out)
{
	struct ksk_cbor_out o = ksk_cbor_out_of(out);
	size_t start = out->len;

	put_head(&o, 8, KIND_RECIPIENT);
	put_bytes(&o, 3, recipient->label, strlen(recipient->label));
	put_bytes(&o, 4, recipient->modulus.data, recipient->modulus.len);
	put_bytes(&o, 5, recipient->exponent.data, recipient->exponent.len);
	put_uint(&o, 6, recipient->hash);
	put_uint(&o, 7, recipient->mechanism);
	return put_digest(&o, start);
}

enum ksk_err
ksk_wrap_backup_write(const struct ksk_wrap_backup *b, struct ksk_buf *out)
{
	struct ksk_cbor_out o = ksk_cbor_out_of(out);
	size_t start = out->len;

	put_head(&o, 12, KIND_BACKUP);
	put_bytes(&o, 3, b->zone.wire, b->zone.len);
	put_bytes(&o, 4, b->dnskey.data, b->dnskey.len);
	put_bytes(&o, 5, b->label, strlen(b->label));
	put_bytes(&o, 6, b->id, b->id_len);
	put_bytes(&o, 7, b->recipient, strlen(b->recipient));
	put_bytes(&o, 8, b->recipient_digest, sizeof(b->recipient_digest));
	put_uint(&o, 9, b->hash);
	put_uint(&o, 10, b->mechanism);
	ksk_cbor_out_uint(&o, KEY_WRAPPED);
	ksk_cbor_out_map(&o, 2);
	put_bytes(&o, 1, b->aes.data, b->aes.len);
	put_bytes(&o, 2, b->private.data, b->private.len);
	return put_digest(&o, start);
}

/* ---- reading ---- */

/* Looks at kind and version alone: a later version may have other fields. */
static enum ksk_err
read_head(struct ksk_span file, const char *kind, struct ksk_fault *fault)
{
	struct ksk_cbor_in in = ksk_cbor_in_of(file, NULL);
	char text[KIND_CAP] = "";
	uint64_t version = 0;

	ksk_cbor_in_map(&in, NULL, 0);
	if (ksk_cbor_in_key(&in) == 1) {
		ksk_cbor_in_text(&in, 1, text, sizeof(text));
		/* Only an open map may be asked for its next key. */
		if (ksk_cbor_in_key(&in) == 2)
			version = ksk_cbor_in_uint(&in, UINT32_MAX);
	}
	if (in.err != KSK_OK || strcmp(text, kind) != 0) {
		ksk_fault_set(fault, "no file of kind %s%s%s", kind,
			in.err == KSK_OK && text[0] != '\0' ? " but of kind "
							    : "",
			in.err == KSK_OK ? text : "");
		return KSK_ERR_UNSUPPORTED;
	}
	if (version != KSK_WRAP_VERSION) {
		ksk_fault_set(fault,
			"a file of version %u; this program reads version %u",
			(unsigned)version, KSK_WRAP_VERSION);
		return KSK_ERR_UNSUPPORTED;
	}
	return KSK_OK;
}

static void
skip_head(struct ksk_cbor_in *in, uint64_t key)
{
	char text[KIND_CAP];

	if (key == 1)
		ksk_cbor_in_text(in, 1, text, sizeof(text));
	else
		(void)ksk_cbor_in_uint(in, KSK_WRAP_VERSION);
}

static uint32_t
get_uint(struct ksk_cbor_in *in)
{
	return (uint32_t)ksk_cbor_in_uint(in, UINT32_MAX);
}

/* Labels are any bytes but zero: they stand in C strings. */
static void
get_label(struct ksk_cbor_in *in, char out[KSK_LABEL_CAP])
{
	struct ksk_span bytes = ksk_cbor_in_bytes(in, 1, KSK_LABEL_CAP - 1);

	if (bytes.len != 0 && memchr(bytes.data, 0, bytes.len) != NULL)
		ksk_cbor_in_fail(in, KSK_ERR_MALFORMED, "a zero byte inside");
	if (in->err != KSK_OK)
		return;
	memcpy(out, bytes.data, bytes.len);
	out[bytes.len] = '\0';
}

/* Ends reading: form first, then the digest. */
static enum ksk_err
end(struct ksk_cbor_in *in, struct ksk_span file,
	const uint8_t digest[KSK_WRAP_DIGEST_LEN], struct ksk_fault *fault)
{
	uint8_t own[KSK_WRAP_DIGEST_LEN];
	enum ksk_err r = ksk_cbor_in_end(in);

	if (r != KSK_OK) {
		struct ksk_fault where = *fault;

		ksk_fault_set(fault, "the file is cut off or changed: %.500s",
			where.text);
		return r;
	}
	r = ksk_wrap_digest(
		ksk_span_of(file.data, file.len - sizeof(own)), own);
	if (r == KSK_OK && memcmp(own, digest, sizeof(own)) != 0) {
		ksk_fault_set(fault,
			"the file is changed: its digest is another one");
		r = KSK_ERR_MALFORMED;
	}
	return r;
}

static const struct ksk_cbor_field recipient_fields[] = {
	{1, true, "kind"},
	{2, true, "version"},
	{3, true, "label"},
	{4, true, "modulus"},
	{5, true, "exponent"},
	{6, true, "hash"},
	{7, true, "mechanism"},
	{KEY_DIGEST, true, "digest"},
};
#define RECIPIENT_FIELDS \
	(sizeof(recipient_fields) / sizeof(recipient_fields[0]))

enum ksk_err
ksk_wrap_recipient_read(struct ksk_span file, struct ksk_wrap_recipient *out,
	struct ksk_fault *fault)
{
	struct ksk_cbor_in in = ksk_cbor_in_of(file, fault);
	uint8_t digest[KSK_WRAP_DIGEST_LEN] = {0};
	struct ksk_wrap_recipient x = {0};
	uint64_t key;
	enum ksk_err r = read_head(file, KIND_RECIPIENT, fault);

	if (r != KSK_OK)
		return r;
	ksk_cbor_in_map(&in, recipient_fields, RECIPIENT_FIELDS);
	while ((key = ksk_cbor_in_key(&in)) != 0) {
		if (key == 3)
			get_label(&in, x.label);
		else if (key == 4)
			x.modulus = ksk_cbor_in_bytes(&in, KSK_WRAP_MODULUS_MIN,
				KSK_WRAP_MODULUS_MAX);
		else if (key == 5)
			x.exponent = ksk_cbor_in_bytes(&in, 1, 8);
		else if (key == 6)
			x.hash = get_uint(&in);
		else if (key == 7)
			x.mechanism = get_uint(&in);
		else if (key == KEY_DIGEST)
			ksk_cbor_in_copy(&in, digest, sizeof(digest));
		else
			skip_head(&in, key);
	}
	r = end(&in, file, digest, fault);
	if (r == KSK_OK)
		*out = x;
	return r;
}

static const struct ksk_cbor_field backup_fields[] = {
	{1, true, "kind"},
	{2, true, "version"},
	{3, true, "zone"},
	{4, true, "dnskey"},
	{5, true, "label"},
	{6, true, "id"},
	{7, true, "recipient"},
	{8, true, "recipient-digest"},
	{9, true, "hash"},
	{10, true, "mechanism"},
	{KEY_WRAPPED, true, "wrapped"},
	{KEY_DIGEST, true, "digest"},
};
#define BACKUP_FIELDS (sizeof(backup_fields) / sizeof(backup_fields[0]))

static const struct ksk_cbor_field wrapped_fields[] = {
	{1, true, "aes"},
	{2, true, "private"},
};

static void
get_zone(struct ksk_cbor_in *in, struct ksk_name *out)
{
	struct ksk_span wire = ksk_cbor_in_bytes(in, 1, KSK_NAME_MAX);

	if (in->err == KSK_OK && ksk_name_from_wire(wire, out) != KSK_OK)
		ksk_cbor_in_fail(in, KSK_ERR_MALFORMED, "no domain name");
}

static void
get_id(struct ksk_cbor_in *in, struct ksk_wrap_backup *out)
{
	struct ksk_span bytes = ksk_cbor_in_bytes(in, 0, sizeof(out->id));

	if (bytes.len != 0)
		memcpy(out->id, bytes.data, bytes.len);
	out->id_len = bytes.len;
}

static void
get_wrapped(struct ksk_cbor_in *in, struct ksk_wrap_backup *b)
{
	uint64_t key;

	ksk_cbor_in_map(in, wrapped_fields, 2);
	while ((key = ksk_cbor_in_key(in)) != 0) {
		if (key == 1)
			b->aes = ksk_cbor_in_bytes(
				in, KSK_WRAP_MODULUS_MIN, KSK_WRAP_MODULUS_MAX);
		else
			b->private = ksk_cbor_in_bytes(
				in, 1, KSK_WRAP_BLOB_MAX);
	}
}

static void
get_backup_field(
	struct ksk_cbor_in *in, uint64_t key, struct ksk_wrap_backup *b)
{
	switch (key) {
	case 3:
		get_zone(in, &b->zone);
		break;
	case 4:
		b->dnskey = ksk_cbor_in_bytes(in, KSK_DNSKEY_HEAD_LEN + 1,
			KSK_DNSKEY_HEAD_LEN + KSK_KEY_FIELD_MAX);
		break;
	case 5:
		get_label(in, b->label);
		break;
	case 6:
		get_id(in, b);
		break;
	case 7:
		get_label(in, b->recipient);
		break;
	case 8:
		ksk_cbor_in_copy(
			in, b->recipient_digest, sizeof(b->recipient_digest));
		break;
	case 9:
		b->hash = get_uint(in);
		break;
	case 10:
		b->mechanism = get_uint(in);
		break;
	case KEY_WRAPPED:
		get_wrapped(in, b);
		break;
	default:
		skip_head(in, key);
	}
}

static enum ksk_err
judge_key(const struct ksk_wrap_backup *b, struct ksk_fault *fault)
{
	struct ksk_fault why = {""};
	struct ksk_dnskey key;

	if (ksk_dnskey_read(b->dnskey, &key) == KSK_OK &&
		key.flags == (KSK_FLAG_ZONE | KSK_FLAG_SEP) &&
		ksk_dnskey_form(&key, &why) == KSK_OK &&
		ksk_kind_of(key.algorithm) != KSK_KIND_OTHER)
		return KSK_OK;
	ksk_fault_set(
		fault, "the file's public key is no KSK: %.500s", why.text);
	return KSK_ERR_MALFORMED;
}

enum ksk_err
ksk_wrap_backup_read(struct ksk_span file, struct ksk_wrap_backup *out,
	struct ksk_fault *fault)
{
	struct ksk_cbor_in in = ksk_cbor_in_of(file, fault);
	uint8_t digest[KSK_WRAP_DIGEST_LEN] = {0};
	struct ksk_wrap_backup b = {0};
	uint64_t key;
	enum ksk_err r = read_head(file, KIND_BACKUP, fault);

	if (r != KSK_OK)
		return r;
	ksk_cbor_in_map(&in, backup_fields, BACKUP_FIELDS);
	while ((key = ksk_cbor_in_key(&in)) != 0) {
		if (key == KEY_DIGEST)
			ksk_cbor_in_copy(&in, digest, sizeof(digest));
		else
			get_backup_field(&in, key, &b);
	}
	if ((r = end(&in, file, digest, fault)) != KSK_OK ||
		(r = judge_key(&b, fault)) != KSK_OK)
		return r;
	*out = b;
	return KSK_OK;
}
