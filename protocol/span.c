/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * span - comparing, appending, wiping, hexadecimal. Contract: span.h
 */
#include "protocol/span.h"

#include <openssl/crypto.h>
#include <string.h>

bool
ksk_span_equal(struct ksk_span a, struct ksk_span b)
{
	if (a.len != b.len)
		return false;
	return a.len == 0 || memcmp(a.data, b.data, a.len) == 0;
}

struct ksk_span
ksk_span_take_line(struct ksk_span *rest)
{
	const uint8_t *end = memchr(rest->data, '\n', rest->len);
	size_t len = end == NULL ? rest->len : (size_t)(end - rest->data);
	struct ksk_span line = ksk_span_of(rest->data, len);
	size_t taken = end == NULL ? len : len + 1;

	rest->data += taken;
	rest->len -= taken;
	return line;
}

enum ksk_err
ksk_buf_put(struct ksk_buf *buf, const void *data, size_t len)
{
	if (len > buf->cap - buf->len)
		return KSK_ERR_NO_ROOM;
	if (len > 0)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	return KSK_OK;
}

void
ksk_wipe(void *data, size_t len)
{
	if (len > 0)
		OPENSSL_cleanse(data, len);
}

bool
ksk_ct_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void
ksk_hex_write(struct ksk_span bytes, char *out, size_t out_cap)
{
	static const char DIGITS[] = "0123456789abcdef";

	if (out_cap == 0)
		return;
	size_t count = (out_cap - 1) / 2;
	if (count > bytes.len)
		count = bytes.len;
	for (size_t i = 0; i < count; i++) {
		out[2 * i] = DIGITS[bytes.data[i] >> 4];
		out[2 * i + 1] = DIGITS[bytes.data[i] & 0x0f];
	}
	out[2 * count] = '\0';
}

/* Returns the value of a hexadecimal digit, -1 for any other character. */
static int
read_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

enum ksk_err
ksk_hex_read(const char *text, size_t text_len, uint8_t *out, size_t out_cap,
	size_t *out_len)
{
	if (text_len % 2 != 0)
		return KSK_ERR_BAD_INPUT;
	/* First pass: nothing is written unless all of it is right. */
	for (size_t i = 0; i < text_len; i++) {
		if (read_digit(text[i]) < 0)
			return KSK_ERR_BAD_INPUT;
	}
	if (text_len / 2 > out_cap)
		return KSK_ERR_NO_ROOM;
	for (size_t i = 0; i < text_len / 2; i++) {
		int high = read_digit(text[2 * i]);
		int low = read_digit(text[2 * i + 1]);
		out[i] = (uint8_t)(high * 16 + low);
	}
	*out_len = text_len / 2;
	return KSK_OK;
}

void
ksk_text_copy(char *out, size_t out_cap, const char *text)
{
	size_t len = text == NULL ? 0 : strnlen(text, out_cap - 1);
	if (len > 0)
		memcpy(out, text, len);
	out[len] = '\0';
}
