/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * audit_key - see audit_key.h.
 */
#include "protocol/audit_key.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

enum ksk_err
ksk_audit_key_check(struct ksk_span rdata, struct ksk_fault *fault)
{
	struct ksk_dnskey key;

	if (rdata.len > KSK_AUDIT_KEY_MAX ||
		ksk_dnskey_read(rdata, &key) != KSK_OK) {
		ksk_fault_set(
			fault, "an audit key is not %zu bytes long", rdata.len);
		return KSK_ERR_MALFORMED;
	}
	/* RFC 4034 2.1.1: never a key that a resolver could take for a
	 * zone's. */
	if (key.flags != KSK_AUDIT_FLAGS) {
		ksk_fault_set(fault,
			"an audit key has flags 0, not %u: this key may "
			"belong to a zone",
			key.flags);
		return KSK_ERR_MALFORMED;
	}
	return ksk_dnskey_form(&key, fault);
}

enum ksk_err
ksk_audit_key_to_text(
	struct ksk_span rdata, char out_text[KSK_AUDIT_KEY_TEXT_CAP])
{
	struct ksk_dnskey key;

	if (ksk_audit_key_check(rdata, NULL) != KSK_OK ||
		ksk_dnskey_read(rdata, &key) != KSK_OK)
		return KSK_ERR_MALFORMED;
	int n = snprintf(out_text, KSK_AUDIT_KEY_TEXT_CAP, "%u %u %u ",
		key.flags, key.protocol, key.algorithm);
	(void)EVP_EncodeBlock(
		(unsigned char *)out_text + n, key.key.data, (int)key.key.len);
	return KSK_OK;
}

/* ---- reading ---- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Takes the next line without its end and the blanks around it. */
static struct ksk_span
take_line(struct ksk_span *rest)
{
	struct ksk_span line = ksk_span_take_line(rest);

	while (line.len > 0 && is_blank((char)line.data[0])) {
		line.data++;
		line.len--;
	}
	while (line.len > 0 && is_blank((char)line.data[line.len - 1]))
		line.len--;
	return line;
}

/* Takes one decimal number up to max and the blanks behind it. */
static bool
take_number(struct ksk_span *line, unsigned max, unsigned *out)
{
	unsigned value = 0;
	size_t digits = 0;

	while (digits < line->len && line->data[digits] >= '0' &&
		line->data[digits] <= '9') {
		value = 10 * value + (unsigned)(line->data[digits] - '0');
		digits++;
		if (value > max)
			return false;
	}
	size_t at = digits;
	while (at < line->len && is_blank((char)line->data[at]))
		at++;
	if (digits == 0 || at == digits)
		return false;
	line->data += at;
	line->len -= at;
	*out = value;
	return true;
}

/* Appends what a base64 text stands for; blanks inside it are passed over. */
static bool
put_base64(struct ksk_span text, struct ksk_buf *out)
{
	char chars[KSK_AUDIT_KEY_TEXT_CAP];
	uint8_t bytes[KSK_AUDIT_KEY_TEXT_CAP];
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (is_blank((char)text.data[i]))
			continue;
		if (len == sizeof(chars))
			return false;
		chars[len++] = (char)text.data[i];
	}
	if (len == 0 || len % 4 != 0)
		return false;
	int n = EVP_DecodeBlock(bytes, (unsigned char *)chars, (int)len);
	if (n < 0)
		return false;
	/* It counts the padding as zeroes. */
	for (size_t pad = 1; pad <= 2 && chars[len - pad] == '='; pad++)
		n--;
	return ksk_buf_put(out, bytes, (size_t)n) == KSK_OK;
}

static enum ksk_err
read_line(struct ksk_span line, struct ksk_buf *key, struct ksk_fault *fault)
{
	unsigned flags, protocol, algorithm;

	if (!take_number(&line, UINT16_MAX, &flags) ||
		!take_number(&line, UINT8_MAX, &protocol) ||
		!take_number(&line, UINT8_MAX, &algorithm)) {
		ksk_fault_set(fault,
			"not an audit key: it is one line \"0 3 ALGORITHM "
			"BASE64\"");
		return KSK_ERR_BAD_INPUT;
	}
	const uint8_t head[KSK_DNSKEY_HEAD_LEN] = {(uint8_t)(flags >> 8),
		(uint8_t)flags, (uint8_t)protocol, (uint8_t)algorithm};
	if (ksk_buf_put(key, head, sizeof(head)) != KSK_OK ||
		!put_base64(line, key)) {
		ksk_fault_set(fault, "the audit key is not base64");
		return KSK_ERR_BAD_INPUT;
	}
	return ksk_audit_key_check(ksk_buf_span(key), fault) == KSK_OK
		? KSK_OK
		: KSK_ERR_BAD_INPUT;
}

static bool
is_comment(struct ksk_span line)
{
	return line.len == 0 || line.data[0] == '#' || line.data[0] == ';';
}

enum ksk_err
ksk_audit_key_from_text(const char *text, size_t text_len,
	struct ksk_buf *out_rdata, struct ksk_fault *fault)
{
	uint8_t room[KSK_AUDIT_KEY_TEXT_CAP];
	struct ksk_buf key = ksk_buf_of(room, sizeof(room));
	struct ksk_span rest = ksk_span_of(text, text_len);

	while (rest.len > 0) {
		struct ksk_span line = take_line(&rest);
		if (is_comment(line))
			continue;
		if (key.len > 0) {
			ksk_fault_set(fault, "more than one audit key");
			return KSK_ERR_BAD_INPUT;
		}
		enum ksk_err err = read_line(line, &key, fault);
		if (err != KSK_OK)
			return err;
	}
	if (key.len == 0) {
		ksk_fault_set(fault,
			"no audit key: it is one line \"0 3 "
			"ALGORITHM BASE64\"");
		return KSK_ERR_BAD_INPUT;
	}
	return ksk_buf_put(out_rdata, key.data, key.len);
}
