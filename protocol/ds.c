/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ds - the DS of a DNSKEY: made, read, written, compared, as RDATA and as
 * text. Contract: dnskey.h
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "protocol/dnskey.h"
#include "protocol/wire.h"

/* Returns the bytes of a digest type's digest, 0 for a type not known here. */
static uint8_t
find_digest_len(uint8_t digest_type)
{
	if (digest_type == KSK_DIGEST_SHA256)
		return 32;
	return digest_type == KSK_DIGEST_SHA384 ? 48 : 0;
}

static bool
compute_digest(const EVP_MD *md, const struct ksk_name *owner,
	struct ksk_span rdata, uint8_t out[KSK_DS_DIGEST_MAX])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	/* RFC 4034 5.1.4: digest(owner in canonical form | DNSKEY RDATA) */
	bool done = ctx != NULL && EVP_DigestInit_ex(ctx, md, NULL) == 1 &&
		EVP_DigestUpdate(ctx, owner->wire, owner->len) == 1 &&
		EVP_DigestUpdate(ctx, rdata.data, rdata.len) == 1 &&
		EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return done;
}

enum ksk_err
ksk_ds_build(const struct ksk_name *owner, struct ksk_span dnskey_rdata,
	uint8_t digest_type, struct ksk_ds *out_ds)
{
	struct ksk_dnskey key;
	struct ksk_ds ds = {.digest_type = digest_type};

	ds.digest_len = find_digest_len(digest_type);
	if (ds.digest_len == 0)
		return KSK_ERR_UNSUPPORTED;
	enum ksk_err err = ksk_dnskey_read(dnskey_rdata, &key);
	if (err != KSK_OK)
		return err;
	ds.tag = key.tag;
	ds.algorithm = key.algorithm;
	const EVP_MD *md = digest_type == KSK_DIGEST_SHA256 ? EVP_sha256()
							    : EVP_sha384();
	if (!compute_digest(md, owner, dnskey_rdata, ds.digest))
		return KSK_ERR_CRYPTO;
	*out_ds = ds;
	return KSK_OK;
}

enum ksk_err
ksk_ds_read(struct ksk_span rdata, struct ksk_ds *out_ds)
{
	struct ksk_wire w = ksk_wire_of(rdata);
	struct ksk_ds ds = {
		.tag = ksk_wire_u16(&w),
		.algorithm = ksk_wire_u8(&w),
		.digest_type = ksk_wire_u8(&w),
	};

	if (w.err != KSK_OK || w.rest.len == 0)
		return KSK_ERR_MALFORMED;
	ds.digest_len = find_digest_len(ds.digest_type);
	if (ds.digest_len == 0)
		return KSK_ERR_UNSUPPORTED;
	ksk_wire_copy(&w, ds.digest, ds.digest_len);
	enum ksk_err err = ksk_wire_end(&w);
	if (err == KSK_OK)
		*out_ds = ds;
	return err;
}

enum ksk_err
ksk_ds_write(const struct ksk_ds *ds, struct ksk_buf *out)
{
	size_t before = out->len;
	struct ksk_wire_out w = ksk_wire_out_of(out);

	ksk_wire_put_u16(&w, ds->tag);
	ksk_wire_put_u8(&w, ds->algorithm);
	ksk_wire_put_u8(&w, ds->digest_type);
	ksk_wire_put_bytes(&w, ksk_span_of(ds->digest, ds->digest_len));
	if (w.err != KSK_OK)
		out->len = before;
	return w.err;
}

bool
ksk_ds_equal(const struct ksk_ds *a, const struct ksk_ds *b)
{
	return a->tag == b->tag && a->algorithm == b->algorithm &&
		a->digest_type == b->digest_type &&
		a->digest_len == b->digest_len &&
		memcmp(a->digest, b->digest, a->digest_len) == 0;
}

bool
ksk_ds_matches(const struct ksk_ds *ds, const struct ksk_name *owner,
	struct ksk_span dnskey_rdata)
{
	struct ksk_dnskey key;
	struct ksk_ds computed;

	/* The tag first: it spares a digest for almost every other key. */
	if (ksk_dnskey_read(dnskey_rdata, &key) != KSK_OK ||
		key.tag != ds->tag || key.algorithm != ds->algorithm)
		return false;
	return ksk_ds_build(owner, dnskey_rdata, ds->digest_type, &computed) ==
		KSK_OK &&
		ksk_ds_equal(ds, &computed);
}

/* Text in work; the first error stays. */
struct scanner {
	const char *text;
	size_t len;
	struct ksk_fault *fault;
	enum ksk_err err;
};

static void
fail(struct scanner *s, const char *what)
{
	if (s->err != KSK_OK)
		return;
	ksk_fault_set(s->fault,
		"%s; a DS is written TAG ALGORITHM DIGESTTYPE HEX, such as "
		"\"12345 13 2 0f1e…\"",
		what);
	s->err = KSK_ERR_BAD_INPUT;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void
skip_blanks(struct scanner *s)
{
	while (s->len > 0 && is_blank(s->text[0])) {
		s->text++;
		s->len--;
	}
}

/* Returns the next number, up to max, 0 after an error. Leading zeros are
 * refused: other tools read them as octal. */
static uint16_t
scan_number(struct scanner *s, uint32_t max, const char *what)
{
	uint32_t value = 0;
	size_t n = 0;

	skip_blanks(s);
	while (n < s->len && s->text[n] >= '0' && s->text[n] <= '9' && n < 6) {
		value = value * 10 + (uint32_t)(s->text[n] - '0');
		n++;
	}
	bool ended = n < s->len && is_blank(s->text[n]);
	if (n == 0 || !ended || value > max || (n > 1 && s->text[0] == '0'))
		fail(s, what);
	if (s->err != KSK_OK)
		return 0;
	s->text += n;
	s->len -= n;
	return (uint16_t)value;
}

/* Reads the digest to the end of the text, blanks inside it left out. */
static void
scan_digest(struct scanner *s, struct ksk_ds *ds)
{
	char digits[2 * KSK_DS_DIGEST_MAX];
	size_t count = 0;
	size_t len = 0;

	for (; s->len > 0; s->text++, s->len--) {
		if (is_blank(s->text[0]))
			continue;
		if (count == sizeof(digits)) {
			fail(s, "the digest is too long");
			return;
		}
		digits[count++] = s->text[0];
	}
	if (ksk_hex_read(digits, count, ds->digest, sizeof(ds->digest), &len) !=
		KSK_OK)
		fail(s, "the digest is not hexadecimal");
	else if (len != ds->digest_len)
		fail(s,
			"the digest's length does not fit its type "
			"(2: 64 digits, 4: 96)");
}

enum ksk_err
ksk_ds_from_text(const char *text, size_t text_len, struct ksk_ds *out_ds,
	struct ksk_fault *fault)
{
	struct scanner s = {.text = text, .len = text_len, .fault = fault};
	struct ksk_ds ds = {0};

	ds.tag = scan_number(&s, UINT16_MAX, "the key tag is not 0 to 65535");
	ds.algorithm = (uint8_t)scan_number(
		&s, UINT8_MAX, "the algorithm is not 0 to 255");
	ds.digest_type = (uint8_t)scan_number(
		&s, UINT8_MAX, "the digest type is not a number");
	ds.digest_len = find_digest_len(ds.digest_type);
	if (ds.digest_len == 0)
		fail(&s, "the digest type is not 2 (SHA-256) or 4 (SHA-384)");
	if (s.err == KSK_OK)
		scan_digest(&s, &ds);
	if (s.err == KSK_OK)
		*out_ds = ds;
	return s.err;
}

void
ksk_ds_to_text(const struct ksk_ds *ds, char out[KSK_DS_TEXT_CAP])
{
	char digest[2 * KSK_DS_DIGEST_MAX + 1];

	ksk_hex_write(ksk_span_of(ds->digest, ds->digest_len), digest,
		sizeof(digest));
	(void)snprintf(out, KSK_DS_TEXT_CAP, "%u %u %u %s", (unsigned)ds->tag,
		(unsigned)ds->algorithm, (unsigned)ds->digest_type, digest);
}
