/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * announcement - see announcement.h. Lines become words; words become values
 * or faults. Each value is read by one function, whoever is to be told.
 */
#include "appliance/policy/announcement.h"

#include "appliance/base/yaml.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Words of one line: base64 may come in pieces. */
#define WORD_MAX 512u
/* The longest value: a name with every byte escaped. */
#define VALUE_CAP KSK_NAME_TEXT_CAP
/* Base64 of the largest key, final zero included. */
#define BASE64_CAP (4u * ((KSK_RDATA_MAX + 2u) / 3u) + 1u)

/* The keys above the records, as bits of `seen`. */
enum field {
	FIELD_KIND,
	FIELD_APPLIANCE,
	FIELD_ZONE,
	FIELD_PROVIDER,
	FIELD_SERIAL,
	FIELD_NOT_BEFORE,
	FIELD_NOT_AFTER,
	FIELD_COUNT,
};

static const char *const names[FIELD_COUNT] = {"kind", "appliance", "zone",
	"provider", "serial", "not-before", "not-after"};

struct reading {
	struct ksk_announcement *out;
	struct ksk_faults *faults;
	struct ksk_buf room; /* out->room */
	size_t line;
	uint32_t seen;
	uint32_t good; /* seen, and its value could be read */
	bool has_key;  /* the last record was read, and may be retired */
	size_t records;
};

struct words {
	size_t count;
	struct ksk_span word[WORD_MAX];
};

static void fault(struct reading *r, size_t line, const char *fmt, ...)
	KSK_FORMAT(3, 4);

static void
fault(struct reading *r, size_t line, const char *fmt, ...)
{
	char text[320];
	va_list ap;

	if (r->faults->count == KSK_POLICY_FAULT_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (line == 0)
		ksk_fault_set(&r->faults->list[r->faults->count++], "%s", text);
	else
		ksk_fault_set(&r->faults->list[r->faults->count++],
			"line %zu: %s", line, text);
}

/* ---- lines and words ---- */

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* Returns false for a byte that people can't see and would sign unknowingly: a
 * carriage return, too, lets a terminal show another line than there is.
 * Comments may be in any language. */
static bool
is_text(struct ksk_span line)
{
	for (size_t i = 0; i < line.len; i++) {
		if (line.data[i] < 0x20 && !is_blank(line.data[i]))
			return false;
		if (line.data[i] == 0x7f)
			return false;
	}
	return true;
}

/* A comment ends a line, from a word that begins it. Returns false if there
 * are too many words. */
static bool
split(struct ksk_span line, struct words *out)
{
	size_t at = 0;

	out->count = 0;
	while (at < line.len) {
		size_t from;

		while (at < line.len && is_blank(line.data[at]))
			at++;
		if (at == line.len || line.data[at] == ';' ||
			line.data[at] == '#')
			break;
		from = at;
		while (at < line.len && !is_blank(line.data[at]) &&
			line.data[at] != ';')
			at++;
		if (out->count == WORD_MAX)
			return false;
		out->word[out->count++] = ksk_span_of(
			line.data + from, at - from);
	}
	return true;
}

static bool
is_word(struct ksk_span word, const char *text)
{
	return word.len == strlen(text) &&
		memcmp(word.data, text, word.len) == 0;
}

/* A word as a text; false if it is too long or not ASCII. */
static bool
copy_word(struct ksk_span word, char *out, size_t out_cap)
{
	if (word.len >= out_cap)
		return false;
	for (size_t i = 0; i < word.len; i++) {
		if (word.data[i] < 0x21 || word.data[i] > 0x7e)
			return false;
	}
	memcpy(out, word.data, word.len);
	out[word.len] = '\0';
	return true;
}

/* ---- the values above the records ---- */

static bool
read_provider(const char *text, char out[KSK_LABEL_CAP])
{
	size_t len = strlen(text);

	if (len == 0 || len >= KSK_LABEL_CAP)
		return false;
	memcpy(out, text, len + 1);
	return true;
}

static bool
read_appliance(const char *text, struct ksk_announcement *out)
{
	size_t len = 0;

	out->has_appliance = ksk_hex_read(text, strlen(text), out->appliance,
				     KSK_ID_LEN, &len) == KSK_OK &&
		len == KSK_ID_LEN;
	return out->has_appliance;
}

/* Returns NULL, or what would be right. */
static const char *
read_value(enum field field, const char *text, struct ksk_announcement *out)
{
	switch (field) {
	case FIELD_KIND:
		return strcmp(text, "announcement") == 0 ? NULL
							 : "announcement";
	case FIELD_APPLIANCE:
		return read_appliance(text, out)
			? NULL
			: "the 32 hexadecimal digits of an appliance's id";
	case FIELD_ZONE:
		return ksk_name_from_text(
			       text, strlen(text), &out->zone, NULL) == KSK_OK
			? NULL
			: "the zone's name";
	case FIELD_PROVIDER:
		return read_provider(text, out->provider)
			? NULL
			: "the provider's name in the policy";
	case FIELD_SERIAL:
		return ksk_text_uint(text, 1, INT64_MAX, &out->serial) == KSK_OK
			? NULL
			: "a number from 1 on, higher than the last one";
	case FIELD_NOT_BEFORE:
		return ksk_text_time(text, &out->not_before) == KSK_OK
			? NULL
			: "a time as in 2026-11-01T00:00:00Z";
	case FIELD_NOT_AFTER:
		return ksk_text_time(text, &out->not_after) == KSK_OK
			? NULL
			: "a time as in 2026-11-01T00:00:00Z";
	case FIELD_COUNT:
		break;
	}
	abort();
}

static void
take_value(struct reading *r, enum field field, const struct words *words)
{
	char text[VALUE_CAP];
	const char *right;

	if (r->records != 0) {
		fault(r, r->line, "`%s` stands above the first DNSKEY record",
			names[field]);
		return;
	}
	if ((r->seen & 1u << field) != 0) {
		fault(r, r->line, "`%s` stands twice", names[field]);
		return;
	}
	r->seen |= 1u << field;
	right = words->count == 2 &&
			copy_word(words->word[1], text, sizeof(text))
		? read_value(field, text, r->out)
		: "one value";
	if (right == NULL)
		r->good |= 1u << field;
	else
		fault(r, r->line, "`%s` needs %s", names[field], right);
}

static void
take_retired(struct reading *r, const struct words *words)
{
	struct ksk_announcement *a = r->out;
	char text[VALUE_CAP];
	uint64_t *retired;

	if (r->records == 0) {
		fault(r, r->line,
			"`retired` stands below the record of the key that is "
			"retired");
		return;
	}
	if (!r->has_key)
		return; /* its record has a fault of its own */
	retired = &a->key[a->key_count - 1].retired;
	if (*retired != KSK_NEVER)
		fault(r, r->line, "`retired` stands twice for one key");
	else if (words->count != 2 ||
		!copy_word(words->word[1], text, sizeof(text)) ||
		ksk_text_time(text, retired) != KSK_OK)
		fault(r, r->line,
			"`retired` needs a time as in 2026-11-01T00:00:00Z");
}

/* ---- records ---- */

static bool
is_base64(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		(c >= '0' && c <= '9') || c == '+' || c == '/';
}

/* Joins words to one text; false: too long, or other characters. */
static bool
join(const struct words *words, size_t from, char out[BASE64_CAP],
	size_t *out_len)
{
	size_t len = 0, pad = 0;

	for (size_t w = from; w < words->count; w++) {
		for (size_t i = 0; i < words->word[w].len; i++) {
			uint8_t c = words->word[w].data[i];

			pad += c == '=' ? 1 : 0;
			if ((c != '=' && (!is_base64(c) || pad != 0)) ||
				pad > 2 || len == BASE64_CAP - 1)
				return false;
			out[len++] = (char)c;
		}
	}
	out[len] = '\0';
	*out_len = len;
	return len != 0 && len % 4 == 0;
}

/* Appends what words of base64 stand for. What is read is written back and
 * compared: there is one text for a key. */
static bool
put_base64(const struct words *words, size_t from, struct ksk_buf *out)
{
	unsigned char again[BASE64_CAP], bytes[BASE64_CAP];
	char text[BASE64_CAP];
	size_t len = 0;
	int n;

	if (!join(words, from, text, &len))
		return false;
	n = EVP_DecodeBlock(bytes, (unsigned char *)text, (int)len);
	if (n < 0)
		return false;
	/* It counts the padding as zeroes. */
	for (size_t pad = 1; pad <= 2 && text[len - pad] == '='; pad++)
		n--;
	return EVP_EncodeBlock(again, bytes, n) == (int)len &&
		memcmp(again, text, len) == 0 &&
		ksk_buf_put(out, bytes, (size_t)n) == KSK_OK;
}

static bool
read_number(struct ksk_span word, uint64_t max, uint64_t *out)
{
	char text[24];

	return copy_word(word, text, sizeof(text)) &&
		ksk_text_uint(text, 0, max, out) == KSK_OK;
}

/* Which word is the type: behind the owner come a TTL and a class, or one of
 * them, or none (RFC 1035 5.1). 0: no DNSKEY record. */
static size_t
find_type(const struct words *words)
{
	uint64_t ttl;
	size_t at = 1;

	for (; at < words->count && at < 3; at++) {
		if (!is_word(words->word[at], "IN") &&
			!read_number(words->word[at], 2147483647u, &ttl))
			break;
	}
	return at < words->count && is_word(words->word[at], "DNSKEY") ? at : 0;
}

static bool
has_parenthesis(const struct words *words)
{
	for (size_t i = 0; i < words->count; i++) {
		if (memchr(words->word[i].data, '(', words->word[i].len) !=
				NULL ||
			memchr(words->word[i].data, ')', words->word[i].len) !=
				NULL)
			return true;
	}
	return false;
}

/* Appends the RDATA; NULL, or what is wrong. */
static const char *
put_rdata(const struct words *words, size_t at, struct ksk_buf *out)
{
	uint64_t flags, protocol, algorithm;
	uint8_t head[KSK_DNSKEY_HEAD_LEN];

	if (words->count < at + 4 ||
		!read_number(words->word[at], UINT16_MAX, &flags) ||
		!read_number(words->word[at + 1], UINT8_MAX, &protocol) ||
		!read_number(words->word[at + 2], UINT8_MAX, &algorithm))
		return "behind DNSKEY stand flags, protocol, algorithm as "
		       "numbers, and the key in base64";
	head[0] = (uint8_t)(flags >> 8);
	head[1] = (uint8_t)flags;
	head[2] = (uint8_t)protocol;
	head[3] = (uint8_t)algorithm;
	if (ksk_buf_put(out, head, sizeof(head)) != KSK_OK ||
		!put_base64(words, at + 3, out))
		return "the key is not base64";
	return NULL;
}

/* Only ZSKs are announced: who holds the zone's KSK is for the policy. */
static void
check_key(struct reading *r, struct ksk_span rdata)
{
	struct ksk_dnskey key;
	struct ksk_fault why = {""};
	enum ksk_err form = ksk_dnskey_read(rdata, &key);

	if (form != KSK_OK) {
		fault(r, r->line, "the record is too short for a DNSKEY");
		return;
	}
	if (key.flags != KSK_FLAG_ZONE)
		fault(r, r->line,
			"flags %u: only ZSKs are announced, their flags are "
			"256",
			key.flags);
	form = ksk_dnskey_form(&key, &why);
	if (form != KSK_OK && form != KSK_ERR_UNSUPPORTED)
		fault(r, r->line, "the key is malformed: %.250s", why.text);
	for (size_t i = 0; i < r->out->key_count; i++) {
		if (ksk_span_equal(r->out->key[i].rdata, rdata))
			fault(r, r->line, "this key stands already in line %zu",
				r->out->key[i].line);
	}
}

static void
check_owner(struct reading *r, struct ksk_span word)
{
	struct ksk_name owner;
	char text[VALUE_CAP];

	if (!copy_word(word, text, sizeof(text)) ||
		ksk_name_from_text(text, strlen(text), &owner, NULL) != KSK_OK)
		fault(r, r->line, "the record begins with the zone's name");
	else if ((r->good & 1u << FIELD_ZONE) != 0 &&
		!ksk_name_equal(&owner, &r->out->zone))
		fault(r, r->line, "this record is not of the zone above");
}

static void
take_record(struct reading *r, const struct words *words)
{
	struct ksk_announcement *a = r->out;
	size_t type = find_type(words), from = r->room.len;
	size_t before = r->faults->count;
	const char *why;

	r->has_key = false;
	r->records++;
	if (has_parenthesis(words)) {
		fault(r, r->line,
			"write the record in one line, without parentheses");
		return;
	}
	if (type == 0) {
		fault(r, r->line,
			"this is neither `key: value` nor a DNSKEY record");
		return;
	}
	if (a->key_count == KSK_PROVIDER_KEY_MAX) {
		fault(r, r->line, "more than %u keys", KSK_PROVIDER_KEY_MAX);
		return;
	}
	check_owner(r, words->word[0]);
	why = put_rdata(words, type + 1, &r->room);
	if (why == NULL)
		check_key(r,
			ksk_span_of(r->room.data + from, r->room.len - from));
	else
		fault(r, r->line, "%s", why);
	if (r->faults->count != before) {
		r->room.len = from;
		return;
	}
	r->has_key = true;
	a->key[a->key_count++] = (struct ksk_announcement_key){
		.rdata = ksk_span_of(r->room.data + from, r->room.len - from),
		.retired = KSK_NEVER,
		.line = r->line};
}

/* ---- the whole ---- */

static void
take_words(struct reading *r, const struct words *words)
{
	struct ksk_span first = words->word[0];

	if (first.data[first.len - 1] != ':') {
		take_record(r, words);
		return;
	}
	first.len--;
	for (unsigned i = 0; i < FIELD_COUNT; i++) {
		if (is_word(first, names[i])) {
			take_value(r, (enum field)i, words);
			return;
		}
	}
	if (is_word(first, "retired"))
		take_retired(r, words);
	else
		fault(r, r->line,
			"this key is not known; known are kind, appliance, "
			"zone, provider, serial, not-before, not-after, and "
			"retired below a record");
}

static void
check_whole(struct reading *r)
{
	const struct ksk_announcement *a = r->out;
	const uint32_t times = 1u << FIELD_NOT_BEFORE | 1u << FIELD_NOT_AFTER;

	for (unsigned i = 0; i < FIELD_COUNT; i++) {
		if (i != FIELD_APPLIANCE && (r->seen & 1u << i) == 0)
			fault(r, 0, "the line `%s:` is missing", names[i]);
	}
	if (r->records == 0)
		fault(r, 0,
			"no key is listed: below the other lines stand the "
			"DNSKEY records of all ZSKs in use");
	if ((r->good & times) != times)
		return;
	if (a->not_before >= a->not_after)
		fault(r, 0, "`not-after` must be later than `not-before`");
	else if (a->not_after - a->not_before > KSK_ANNOUNCEMENT_SECONDS_MAX)
		fault(r, 0,
			"from `not-before` to `not-after` are more than 366 "
			"days");
}

enum ksk_err
ksk_announcement_read(struct ksk_span text, struct ksk_announcement *out,
	struct ksk_faults *faults)
{
	struct reading r = {.out = out, .faults = faults};
	struct words words;

	faults->count = 0;
	out->has_appliance = false;
	out->key_count = 0;
	r.room = ksk_buf_of(out->room, sizeof(out->room));
	if (text.len > KSK_ANNOUNCEMENT_TEXT_MAX) {
		fault(&r, 0, "more than %u bytes", KSK_ANNOUNCEMENT_TEXT_MAX);
		return KSK_ERR_BAD_INPUT;
	}
	/* Some editors put a byte-order mark in front. */
	if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
		text = ksk_span_of(text.data + 3, text.len - 3);
	while (text.len > 0) {
		struct ksk_span line = ksk_span_take_line(&text);

		r.line++;
		if (line.len > 0 && line.data[line.len - 1] == '\r')
			line.len--;
		if (!is_text(line))
			fault(&r, r.line, "a byte that is no text");
		else if (!split(line, &words))
			fault(&r, r.line, "too many words");
		else if (words.count > 0)
			take_words(&r, &words);
	}
	check_whole(&r);
	return faults->count == 0 ? KSK_OK : KSK_ERR_BAD_INPUT;
}
