/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sign_order - see sign_order.h.
 */
#include "client/sign_order.h"

#include "appliance/base/yaml.h"
#include "client/output.h"

#include <string.h>

static bool
read_hex(const char *text, uint8_t *out, size_t len)
{
	size_t got = 0;

	return ksk_hex_read(text, strlen(text), out, len, &got) == KSK_OK &&
		got == len;
}

enum ksk_err
ksk_sign_take_previous(const char *value, struct ksk_sign_options *options)
{
	options->order = KSK_SIGN_PREVIOUS_GIVEN;
	if (strcmp(value, "auto") == 0) {
		options->order = KSK_SIGN_PREVIOUS_ASKED;
		return KSK_OK;
	}
	if (strcmp(value, "none") == 0) {
		memset(options->previous, 0, KSK_HASH_LEN);
		return KSK_OK;
	}
	if (read_hex(value, options->previous, KSK_HASH_LEN))
		return KSK_OK;
	ksk_say("--previous takes a record's hash of 64 hexadecimal digits, "
		"none, or auto, not %s",
		value);
	return KSK_ERR_BAD_INPUT;
}

/* Puts a number where it belongs. Returns false if it is there already. */
static bool
insert(uint64_t record, struct ksk_sign_options *options)
{
	uint64_t *list = options->supersede;
	size_t at = options->supersede_count;

	while (at > 0 && list[at - 1] >= record)
		at--;
	if (at < options->supersede_count && list[at] == record)
		return false;
	memmove(&list[at + 1], &list[at],
		(options->supersede_count - at) * sizeof(*list));
	list[at] = record;
	options->supersede_count++;
	return true;
}

enum ksk_err
ksk_sign_take_supersedes(const char *value, struct ksk_sign_options *options)
{
	const char *rest = value;

	for (;;) {
		size_t len = strcspn(rest, ",");
		char word[24];
		uint64_t record;

		ksk_text_copy(word, len < sizeof(word) ? len + 1 : sizeof(word),
			rest);
		if (len >= sizeof(word) ||
			options->supersede_count == KSK_SUPERSEDE_COUNT_MAX ||
			ksk_text_uint(word, 0, UINT64_MAX, &record) != KSK_OK ||
			!insert(record, options))
			break;
		if (rest[len] == '\0')
			return KSK_OK;
		rest += len + 1;
	}
	ksk_say("--supersedes takes up to %u numbers of records, each once, "
		"as in 44,45; not %s",
		KSK_SUPERSEDE_COUNT_MAX, value);
	return KSK_ERR_BAD_INPUT;
}

enum ksk_err
ksk_sign_take_idempotency(const char *value, struct ksk_sign_options *options)
{
	options->repeat = KSK_SIGN_REPEAT_GIVEN;
	if (strcmp(value, "auto") == 0) {
		options->repeat = KSK_SIGN_REPEAT_AUTO;
		return KSK_OK;
	}
	if (strcmp(value, "none") == 0) {
		options->repeat = KSK_SIGN_REPEAT_NONE;
		return KSK_OK;
	}
	if (read_hex(value, options->idempotency, KSK_ID_LEN))
		return KSK_OK;
	ksk_say("--idempotency takes a key of 32 hexadecimal digits, none, or "
		"auto, not %s",
		value);
	return KSK_ERR_BAD_INPUT;
}

bool
ksk_sign_order_fits(const struct ksk_sign_options *options, size_t sets)
{
	bool key = options->repeat == KSK_SIGN_REPEAT_GIVEN;

	if (sets > 1 && options->order == KSK_SIGN_PREVIOUS_GIVEN)
		ksk_say("--previous with a hash or none is for one file; auto "
			"is for any number");
	else if (sets > 1 && options->supersede_count != 0)
		ksk_say("--supersedes is for one file");
	else if (sets > 1 && key)
		ksk_say("--idempotency with a key is for one file: each "
			"request needs its own");
	else if (options->dry_run && key)
		ksk_say("--dry-run signs nothing that a key could give again");
	else
		return true;
	return false;
}
