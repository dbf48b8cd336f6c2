/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonetext_field - see zonetext_field.h. A reader of RDATA walks over the
 * words with a cursor that remembers its first fault; after one, all it gives
 * is zero.
 */
#include "protocol/zonetext_field.h"

#include "protocol/dnskey.h"
#include "protocol/zonetext_ldns.h"

#include <stdio.h>
#include <string.h>

struct walk {
	const struct ksk_zonetext_rdata *rdata;
	size_t next;
	size_t rdata_len; /* bytes counted so far */
	struct ksk_buf *out;
	struct ksk_zonetext_fault fault; /* line 0: none */
};

/* Line of the word that is next, or of the last one there is. */
static size_t
line_of(const struct walk *w)
{
	const struct ksk_zonetext_rdata *rdata = w->rdata;

	if (w->next < rdata->count)
		return rdata->word[w->next].line;
	if (rdata->count > 0)
		return rdata->word[rdata->count - 1].line;
	return rdata->line;
}

static void fail(struct walk *w, const char *fmt, ...) KSK_FORMAT(2, 3);

static void
fail(struct walk *w, const char *fmt, ...)
{
	char text[KSK_FAULT_CAP];
	va_list args;

	if (w->fault.line != 0)
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	w->fault.line = line_of(w);
	ksk_fault_set(&w->fault.fault, "%s", text);
}

static bool
failed(const struct walk *w)
{
	return w->fault.line != 0;
}

static void
put(struct walk *w, struct ksk_span text)
{
	if (failed(w))
		return;
	if (ksk_buf_put(w->out, text.data, text.len) != KSK_OK)
		fail(w, "the record is too long");
}

static void
put_number(struct walk *w, uint64_t number)
{
	char text[24];
	int len = snprintf(
		text, sizeof(text), "%llu ", (unsigned long long)number);

	put(w, ksk_span_of(text, (size_t)len));
}

/* Returns the next word, or NULL with a fault that says what is missing. */
static const struct ksk_zonetext_word *
take(struct walk *w, const char *what)
{
	if (failed(w))
		return NULL;
	if (w->next == w->rdata->count) {
		fail(w, "the %s is missing", what);
		return NULL;
	}
	return &w->rdata->word[w->next];
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Reads a whole word of digits without leading zero. */
static bool
read_decimal(struct ksk_span text, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (text.len == 0 || text.len > 18)
		return false;
	if (text.len > 1 && text.data[0] == '0')
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!is_digit(text.data[i]))
			return false;
		n = n * 10 + (uint64_t)(text.data[i] - '0');
	}
	if (n > max)
		return false;
	*out = n;
	return true;
}

/* A number that does not fit is an error, never taken modulo: ldns reads
 * flags 65792 as 256. */
static uint64_t
take_number(struct walk *w, const char *what, uint64_t max, size_t bytes)
{
	char show[KSK_ZONETEXT_SHOW_CAP];
	const struct ksk_zonetext_word *word = take(w, what);
	uint64_t n = 0;

	if (word == NULL)
		return 0;
	if (!read_decimal(word->text, max, &n)) {
		fail(w, "the %s must be a number from 0 to %llu, not %s", what,
			(unsigned long long)max,
			ksk_zonetext_word_show(word, show));
		return 0;
	}
	put_number(w, n);
	w->next++;
	w->rdata_len += bytes;
	return n;
}

/* RFC 4034 A.1, RFC 5155, 5702, 5933, 6605, 8080. */
static const struct {
	const char *name;
	uint8_t number;
} algorithms[] = {
	{"RSAMD5", 1},
	{"DH", 2},
	{"DSA", 3},
	{"RSASHA1", 5},
	{"DSA-NSEC3-SHA1", 6},
	{"RSASHA1-NSEC3-SHA1", 7},
	{"RSASHA256", 8},
	{"RSASHA512", 10},
	{"ECC-GOST", 12},
	{"ECDSAP256SHA256", 13},
	{"ECDSAP384SHA384", 14},
	{"ED25519", 15},
	{"ED448", 16},
	{"INDIRECT", 252},
	{"PRIVATEDNS", 253},
	{"PRIVATEOID", 254},
};

/* RFC 4034 2.2: a number or a mnemonic. */
static uint64_t
take_algorithm(struct walk *w)
{
	const struct ksk_zonetext_word *word = take(w, "algorithm");

	if (word == NULL)
		return 0;
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(*algorithms); i++) {
		if (!ksk_zonetext_word_is(word, algorithms[i].name))
			continue;
		put_number(w, algorithms[i].number);
		w->next++;
		w->rdata_len++;
		return algorithms[i].number;
	}
	return take_number(w, "algorithm", UINT8_MAX, 1);
}

/* Returns the value of a base64 digit (RFC 4648 4), or 64. */
static unsigned
base64_value(uint8_t c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz"
				     "0123456789+/";
	const char *at = c == 0 ? NULL : memchr(digits, c, 64);

	return at == NULL ? 64 : (unsigned)(at - digits);
}

struct base64 {
	size_t digits;
	size_t pads;
	unsigned last; /* value of the last digit */
};

/* Counts one word of base64. Nothing may follow the padding: words behind a
 * key would otherwise become part of it. */
static void
count_base64(struct walk *w, const struct ksk_zonetext_word *word,
	const char *what, struct base64 *b)
{
	char show[KSK_ZONETEXT_SHOW_CAP];

	if (b->pads != 0 && word->text.data[0] != '=') {
		fail(w, "%s stands after the end of the %s",
			ksk_zonetext_word_show(word, show), what);
		return;
	}
	for (size_t i = 0; i < word->text.len && !failed(w); i++) {
		uint8_t c = word->text.data[i];

		if (c == '=') {
			b->pads++;
			continue;
		}
		if (b->pads != 0 || base64_value(c) == 64)
			fail(w, "%s is no base64 of a %s",
				ksk_zonetext_word_show(word, show), what);
		b->last = base64_value(c);
		b->digits++;
	}
}

/* Joins the words that are left as base64; their end must be exact, with the
 * unused bits zero (RFC 4648 3.5). */
static void
take_base64(struct walk *w, const char *what)
{
	struct base64 b = {0};

	if (failed(w))
		return;
	if (w->next == w->rdata->count) {
		fail(w, "the %s is empty", what);
		return;
	}
	for (; w->next < w->rdata->count && !failed(w); w->next++) {
		count_base64(w, &w->rdata->word[w->next], what, &b);
		put(w, w->rdata->word[w->next].text);
		if (failed(w))
			return;
	}
	if ((b.digits + b.pads) % 4 != 0 || b.pads > 2 || b.digits == 0)
		fail(w, "the base64 of the %s is cut off or has wrong padding",
			what);
	else if ((b.pads == 1 && (b.last & 3) != 0) ||
		(b.pads == 2 && (b.last & 15) != 0))
		fail(w, "the base64 of the %s ends inside a byte", what);
	w->rdata_len += (b.digits + b.pads) / 4 * 3 - (b.pads % 3);
}

/* Joins the words that are left as hexadecimal; returns the bytes. */
static size_t
take_hex(struct walk *w, const char *what)
{
	char show[KSK_ZONETEXT_SHOW_CAP];
	size_t digits = 0;

	for (; w->next < w->rdata->count && !failed(w); w->next++) {
		const struct ksk_zonetext_word *word = &w->rdata->word[w->next];

		for (size_t i = 0; i < word->text.len; i++) {
			uint8_t c = word->text.data[i] | 0x20;

			if (is_digit(c) || (c >= 'a' && c <= 'f'))
				continue;
			fail(w, "%s is no hexadecimal of a %s",
				ksk_zonetext_word_show(word, show), what);
			return 0;
		}
		digits += word->text.len;
		put(w, word->text);
	}
	if (digits % 2 != 0)
		fail(w, "the hexadecimal of the %s has half a byte", what);
	w->rdata_len += digits / 2;
	return digits / 2;
}

static void
take_dnskey(struct walk *w)
{
	const struct ksk_zonetext_word *word = w->rdata->word;

	/* RFC 8078 4 writes the delete form this way; erratum 5049 has it. */
	if (w->rdata->type == KSK_TYPE_CDNSKEY && w->rdata->count == 4 &&
		ksk_zonetext_word_is(&word[2], "0") &&
		ksk_zonetext_word_is(&word[3], "0"))
		fail(w, "the delete form of a CDNSKEY is 0 3 0 AA==");
	(void)take_number(w, "flags field", UINT16_MAX, 2);
	(void)take_number(w, "protocol", UINT8_MAX, 1);
	(void)take_algorithm(w);
	take_base64(w, "public key");
}

/* Returns the bytes of a digest (RFC 3658, 4509, 5933, 6605); 0: unknown. */
static size_t
digest_len(uint64_t digest_type)
{
	switch (digest_type) {
	case 1:
		return 20;
	case KSK_DIGEST_SHA256:
	case 3:
		return 32;
	case KSK_DIGEST_SHA384:
		return 48;
	default:
		return 0;
	}
}

static void
take_ds(struct walk *w)
{
	uint64_t tag = take_number(w, "key tag", UINT16_MAX, 2);
	uint64_t algorithm = take_algorithm(w);
	uint64_t digest_type = take_number(w, "digest type", UINT8_MAX, 1);
	size_t want = digest_len(digest_type);
	size_t have;

	if (!failed(w) && w->rdata->count - w->next == 1 && tag == 0 &&
		algorithm == 0 && digest_type == 0 &&
		ksk_zonetext_word_is(&w->rdata->word[w->next], "0"))
		fail(w, "the delete form of a CDS is 0 0 0 00");
	have = take_hex(w, "digest");
	if (failed(w))
		return;
	if (have == 0)
		fail(w, "the digest is empty");
	else if (want != 0 && have != want)
		fail(w, "a digest of type %llu has %zu bytes, not %zu",
			(unsigned long long)digest_type, want, have);
}

/* Returns the number of two digits. */
static unsigned
two(const uint8_t *digits)
{
	return (unsigned)(digits[0] - '0') * 10 + (unsigned)(digits[1] - '0');
}

static unsigned
days_of(unsigned year, unsigned month)
{
	static const uint8_t days[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

/* RFC 4034 3.2: YYYYMMDDHHmmSS, or seconds since 1970. ldns makes the 1st of
 * March of a 29th of February that is not. */
static bool
is_time(struct ksk_span text)
{
	uint64_t n;
	unsigned month;

	if (text.len <= 10)
		return read_decimal(text, UINT32_MAX, &n);
	if (text.len != 14 || !read_decimal(text, 21060207062815, &n))
		return false;
	month = two(text.data + 4);
	return n >= 19700101000000 && month >= 1 && month <= 12 &&
		two(text.data + 6) >= 1 &&
		two(text.data + 6) <=
		days_of((unsigned)(n / 10000000000u), month) &&
		two(text.data + 8) < 24 && two(text.data + 10) < 60 &&
		two(text.data + 12) < 60;
}

static void
take_time(struct walk *w, const char *what)
{
	char show[KSK_ZONETEXT_SHOW_CAP];
	const struct ksk_zonetext_word *word = take(w, what);

	if (word == NULL)
		return;
	if (!is_time(word->text)) {
		fail(w,
			"the %s must be YYYYMMDDHHmmSS or seconds since 1970, "
			"not %s",
			what, ksk_zonetext_word_show(word, show));
		return;
	}
	put(w, word->text);
	put(w, ksk_span_of(" ", 1));
	w->next++;
	w->rdata_len += 4;
}

static void
take_name(struct walk *w, const char *what)
{
	struct ksk_fault why = {0};
	struct ksk_name name;
	char text[KSK_NAME_TEXT_CAP];
	const struct ksk_zonetext_word *word = take(w, what);

	if (word == NULL)
		return;
	if (ksk_zonetext_name(word, w->rdata->origin, &name, &why) != KSK_OK) {
		fail(w, "the %s: %s", what, why.text);
		return;
	}
	ksk_name_to_text(&name, text);
	put(w, ksk_span_of(text, strlen(text)));
	put(w, ksk_span_of(" ", 1));
	w->next++;
	w->rdata_len += name.len;
}

static void
take_rrsig(struct walk *w)
{
	char text[10], show[KSK_ZONETEXT_SHOW_CAP];
	const struct ksk_zonetext_word *word = take(w, "type covered");
	uint16_t type = 0;

	if (word == NULL)
		return;
	if (ksk_zonetext_type(word, &type) != KSK_OK)
		fail(w, "%s is no record type",
			ksk_zonetext_word_show(word, show));
	put(w,
		ksk_span_of(ksk_type_text(type, text),
			strlen(ksk_type_text(type, text))));
	put(w, ksk_span_of(" ", 1));
	w->next++;
	w->rdata_len += 2;
	(void)take_algorithm(w);
	(void)take_number(w, "label count", UINT8_MAX, 1);
	(void)take_number(w, "original TTL", KSK_TTL_MAX, 4);
	take_time(w, "expiration");
	take_time(w, "inception");
	(void)take_number(w, "key tag", UINT16_MAX, 2);
	take_name(w, "signer's name");
	take_base64(w, "signature");
}

/* RFC 3597 5: \# LENGTH HEX */
static void
take_generic(struct walk *w)
{
	uint64_t len;
	size_t have;

	put(w, w->rdata->word[0].text);
	put(w, ksk_span_of(" ", 1));
	w->next++;
	len = take_number(w, "RDATA length", UINT16_MAX, 0);
	have = take_hex(w, "record");
	if (!failed(w) && have != len)
		fail(w, "%llu bytes of RDATA are announced, %zu follow",
			(unsigned long long)len, have);
	if (!failed(w) && have == 4 &&
		(w->rdata->type == KSK_TYPE_DNSKEY ||
			w->rdata->type == KSK_TYPE_CDNSKEY))
		fail(w, "the public key is empty");
	if (!failed(w) && have == 0)
		fail(w, "the RDATA is empty");
}

/* Types whose form only ldns knows: one word after the other. */
static void
take_other(struct walk *w)
{
	if (w->rdata->count == 0)
		fail(w, "the RDATA is missing");
	for (; w->next < w->rdata->count && !failed(w); w->next++) {
		put(w, w->rdata->word[w->next].text);
		put(w, ksk_span_of(" ", 1));
	}
}

enum ksk_err
ksk_zonetext_strict(const struct ksk_zonetext_rdata *rdata, struct ksk_buf *out,
	size_t *out_len, struct ksk_zonetext_fault *out_fault)
{
	struct walk w = {.rdata = rdata, .out = out};
	bool generic = rdata->count > 0 &&
		ksk_zonetext_word_is(&rdata->word[0], "\\#");

	if (generic)
		take_generic(&w);
	else if (rdata->type == KSK_TYPE_DNSKEY ||
		rdata->type == KSK_TYPE_CDNSKEY)
		take_dnskey(&w);
	else if (rdata->type == KSK_TYPE_DS || rdata->type == KSK_TYPE_CDS)
		take_ds(&w);
	else if (rdata->type == KSK_TYPE_RRSIG)
		take_rrsig(&w);
	else
		take_other(&w);
	if (failed(&w)) {
		*out_fault = w.fault;
		return KSK_ERR_BAD_INPUT;
	}
	*out_len = w.rdata_len;
	return KSK_OK;
}
