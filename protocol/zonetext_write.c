/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonetext_write - one record as a line of zone text; see zonetext.h. Every
 * value has one form: decimal numbers, lower-case hexadecimal, base64 without
 * blanks, times as YYYYMMDDHHmmSS.
 */
#include "protocol/zonetext.h"

#include "protocol/wire.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Writer of text; what does not fit marks it. KSK_ZONETEXT_RECORD_CAP has room
 * for all that a caller may ask for. */
struct line {
	char *text;
	size_t len;
	size_t cap;
};

static void put(struct line *line, const char *fmt, ...) KSK_FORMAT(2, 3);

static void
put(struct line *line, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(
		line->text + line->len, line->cap - line->len, fmt, args);
	va_end(args);
	if (len > 0 && (size_t)len < line->cap - line->len)
		line->len += (size_t)len;
}

static void
put_hex(struct line *line, struct ksk_span bytes)
{
	ksk_hex_write(bytes, line->text + line->len, line->cap - line->len);
	line->len += strlen(line->text + line->len);
}

static void
put_base64(struct line *line, struct ksk_span bytes)
{
	if (line->cap - line->len <= (bytes.len + 2) / 3 * 4)
		return;
	line->len += (size_t)EVP_EncodeBlock(
		(unsigned char *)line->text + line->len, bytes.data,
		(int)bytes.len);
}

/* RFC 4034 3.2 */
static void
put_time(struct line *line, uint32_t seconds)
{
	time_t time = (time_t)seconds;
	struct tm tm = {0};

	(void)gmtime_r(&time, &tm);
	put(line, " %04d%02d%02d%02d%02d%02d", tm.tm_year + 1900, tm.tm_mon + 1,
		tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* RFC 4034 2.2 */
static enum ksk_err
put_dnskey(struct line *line, struct ksk_span rdata)
{
	struct ksk_wire w = ksk_wire_of(rdata);
	unsigned flags = ksk_wire_u16(&w);
	unsigned protocol = ksk_wire_u8(&w);
	unsigned algorithm = ksk_wire_u8(&w);

	if (!ksk_wire_more(&w))
		return KSK_ERR_MALFORMED;
	put(line, " %u %u %u ", flags, protocol, algorithm);
	put_base64(line, w.rest);
	return KSK_OK;
}

/* RFC 4034 5.3 */
static enum ksk_err
put_ds(struct line *line, struct ksk_span rdata)
{
	struct ksk_wire w = ksk_wire_of(rdata);
	unsigned tag = ksk_wire_u16(&w);
	unsigned algorithm = ksk_wire_u8(&w);
	unsigned digest_type = ksk_wire_u8(&w);

	if (!ksk_wire_more(&w))
		return KSK_ERR_MALFORMED;
	put(line, " %u %u %u ", tag, algorithm, digest_type);
	put_hex(line, w.rest);
	return KSK_OK;
}

/* RFC 4034 3.2 */
static enum ksk_err
put_rrsig(struct line *line, struct ksk_span rdata)
{
	struct ksk_rrsig rrsig;
	char signer[KSK_NAME_TEXT_CAP], type[10];

	if (ksk_rrsig_read(rdata, &rrsig) != KSK_OK)
		return KSK_ERR_MALFORMED;
	ksk_name_to_text(&rrsig.signer, signer);
	put(line, " %s %u %u %u", ksk_type_text(rrsig.type, type),
		rrsig.algorithm, rrsig.labels, rrsig.ttl);
	put_time(line, rrsig.expiration);
	put_time(line, rrsig.inception);
	put(line, " %u %s ", rrsig.tag, signer);
	put_base64(line, rrsig.signature);
	return KSK_OK;
}

static enum ksk_err
put_rdata(struct line *line, uint16_t type, struct ksk_span rdata)
{
	switch (type) {
	case KSK_TYPE_DNSKEY:
	case KSK_TYPE_CDNSKEY:
		return put_dnskey(line, rdata);
	case KSK_TYPE_DS:
	case KSK_TYPE_CDS:
		return put_ds(line, rdata);
	case KSK_TYPE_RRSIG:
		return put_rrsig(line, rdata);
	default:
		put(line, " \\# %zu ", rdata.len);
		put_hex(line, rdata);
		return KSK_OK;
	}
}

enum ksk_err
ksk_zonetext_record(const struct ksk_name *owner, uint16_t type, uint32_t ttl,
	struct ksk_span rdata, char out[KSK_ZONETEXT_RECORD_CAP])
{
	char name[KSK_NAME_TEXT_CAP], mnemonic[10];
	char text[KSK_ZONETEXT_RECORD_CAP];
	struct line line = {.text = text, .cap = sizeof(text)};

	if (rdata.len > KSK_RDATA_MAX)
		return KSK_ERR_TOO_LARGE;
	ksk_name_to_text(owner, name);
	put(&line, "%s %u IN %s", name, ttl, ksk_type_text(type, mnemonic));
	if (put_rdata(&line, type, rdata) != KSK_OK)
		return KSK_ERR_MALFORMED;
	memcpy(out, text, line.len + 1);
	return KSK_OK;
}
