/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the text of a scalar to a value, or to a fault that says what would be
 * right.
 */
#include "appliance/policy/compile_work.h"

#include <stdio.h>
#include <string.h>

bool
ksk_value_uint(struct ksk_work *work, const struct ksk_at *at, const char *key,
	const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	if (text == NULL || ksk_text_uint(text, min, max, out) == KSK_OK)
		return true;
	ksk_work_fault(work, at, key,
		"\"%.40s\" is not right here; write a whole number from %llu "
		"to %llu, without sign or leading zero",
		text, (unsigned long long)min, (unsigned long long)max);
	return false;
}

bool
ksk_value_duration(struct ksk_work *work, const struct ksk_at *at,
	const char *key, const char *text, uint64_t max, uint64_t *out)
{
	uint64_t n;

	if (text == NULL)
		return true;
	if (ksk_text_duration(text, &n) != KSK_OK) {
		ksk_work_fault(work, at, key,
			"\"%.40s\" is no duration; write whole numbers with "
			"the units w d h m s in falling order, such as 14d or "
			"\"1h 30m\"",
			text);
		return false;
	}
	if (n > max) {
		ksk_work_fault(work, at, key,
			"\"%.40s\" is too long; at most %llu seconds", text,
			(unsigned long long)max);
		return false;
	}
	*out = n;
	return true;
}

bool
ksk_value_time(struct ksk_work *work, const struct ksk_at *at, const char *key,
	const char *text, uint64_t *out)
{
	if (text == NULL || ksk_text_time(text, out) == KSK_OK)
		return true;
	ksk_work_fault(work, at, key,
		"\"%.40s\" is no time; write it in UTC such as "
		"2026-11-01T00:00:00Z",
		text);
	return false;
}

bool
ksk_value_bool(struct ksk_work *work, const struct ksk_at *at, const char *key,
	const char *text, uint8_t *out)
{
	bool value;

	if (text == NULL)
		return true;
	if (ksk_text_bool(text, &value) != KSK_OK) {
		ksk_work_fault(work, at, key,
			"\"%.40s\" is not right here; write yes or no", text);
		return false;
	}
	*out = value ? 1 : 0;
	return true;
}

static bool
find_word(const char *text, const char *const *words, unsigned *out)
{
	for (unsigned i = 0; words[i] != NULL; i++) {
		if (strcmp(text, words[i]) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}

static void
fault_word(struct ksk_work *work, const struct ksk_at *at, const char *key,
	const char *text, const char *const *words)
{
	char list[160] = "";
	size_t len = 0;

	for (size_t i = 0; words[i] != NULL && len < sizeof(list); i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s %s",
			i == 0 ? "" : ",", words[i]);
	ksk_work_fault(work, at, key,
		"\"%.40s\" is not known here; write one of%s", text, list);
}

bool
ksk_value_word(struct ksk_work *work, const struct ksk_at *at, const char *key,
	const char *text, const char *const *words, unsigned *out)
{
	if (text == NULL || find_word(text, words, out))
		return true;
	fault_word(work, at, key, text, words);
	return false;
}

bool
ksk_value_words(struct ksk_work *work, const struct ksk_at *at, const char *key,
	char *const *texts, size_t count, const char *const *words,
	uint32_t *out)
{
	uint32_t bits = 0;
	bool good = true;

	for (size_t i = 0; i < count; i++) {
		struct ksk_at here = {.up = at, .key = key, .index = i};
		unsigned word = 0;

		if (!find_word(texts[i], words, &word)) {
			fault_word(work, &here, NULL, texts[i], words);
			good = false;
			continue;
		}
		if ((bits & (1u << word)) != 0) {
			ksk_work_fault(work, &here, NULL,
				"\"%s\" stands here twice; keep one", texts[i]);
			good = false;
		}
		bits |= 1u << word;
	}
	if (good && texts != NULL)
		*out = bits;
	return good;
}

bool
ksk_value_label(struct ksk_work *work, const struct ksk_at *at, const char *key,
	const char *text, char out[KSK_LABEL_CAP])
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	size_t len;

	if (text == NULL)
		return true;
	len = strlen(text);
	if (len == 0 || len >= KSK_LABEL_CAP || strspn(text, allowed) != len) {
		ksk_work_fault(work, at, key,
			"\"%.70s\" is not right here; write 1 to 63 letters, "
			"digits, dots, hyphens or underscores",
			text);
		return false;
	}
	memcpy(out, text, len + 1);
	return true;
}

bool
ksk_value_hex(struct ksk_work *work, const struct ksk_at *at, const char *key,
	const char *text, uint8_t *out, size_t len)
{
	uint8_t bytes[64];
	size_t got = 0;

	if (text == NULL)
		return true;
	if (len > sizeof(bytes) || strlen(text) != 2 * len ||
		ksk_hex_read(text, 2 * len, bytes, len, &got) != KSK_OK) {
		ksk_work_fault(work, at, key,
			"\"%.80s\" is not right here; write %zu hexadecimal "
			"digits",
			text, 2 * len);
		return false;
	}
	memcpy(out, bytes, len);
	return true;
}

bool
ksk_value_ds(struct ksk_work *work, const struct ksk_at *at, const char *key,
	const char *text, uint32_t algorithms, struct ksk_ds *out)
{
	struct ksk_fault why = {""};
	struct ksk_ds ds;

	if (text == NULL)
		return true;
	if (ksk_ds_from_text(text, strlen(text), &ds, &why) != KSK_OK) {
		ksk_work_fault(work, at, key, "%s", why.text);
		return false;
	}
	if (algorithms != 0 &&
		(ds.algorithm >= 32 ||
			(algorithms & (1u << ds.algorithm)) == 0)) {
		ksk_work_fault(work, at, key,
			"algorithm %u (%s) is not among the zone's "
			"`algorithms`; 8, 10, 13, 14, 15 and 16 can be listed "
			"there, others never (RFC 9904, RFC 9905)",
			ds.algorithm, ksk_algorithm_text(ds.algorithm));
		return false;
	}
	/* Field by field: no padding from the stack gets into the table. */
	memset(out, 0, sizeof(*out));
	out->tag = ds.tag;
	out->algorithm = ds.algorithm;
	out->digest_type = ds.digest_type;
	out->digest_len = ds.digest_len;
	memcpy(out->digest, ds.digest, ds.digest_len);
	return true;
}
