/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * key_show - prints records of one key, and allows one key of a token for a
 * zone. Both look for exactly one key of a label.
 */
#include "appliance/admin/key.h"

#include <stdio.h>
#include <string.h>

struct wish {
	const char *token, *label, *zone, *algorithm, *pin_file;
	bool extractable;
	struct ksk_name zone_name;
	unsigned long algorithm_number; /* 0: not given */
};

/* allows: the verb knows --extractable. */
static bool
read_wish(int argc, char **argv, bool allows, struct wish *w)
{
	const struct ksk_option options[] = {
		{"token", &w->token, NULL, true},
		{"label", &w->label, NULL, true},
		{"zone", &w->zone, NULL, true},
		{"algorithm", &w->algorithm, NULL, false},
		{"pin-file", &w->pin_file, NULL, false},
		{"extractable", NULL, &w->extractable, false},
	};
	size_t count = sizeof(options) / sizeof(options[0]);

	if (!ksk_args_read(
		    argc, argv, options, allows ? count : count - 1, NULL, 0) ||
		!ksk_admin_zone(w->zone, &w->zone_name))
		return false;
	return w->algorithm == NULL ||
		ksk_args_number("algorithm", w->algorithm, 1, 255,
			&w->algorithm_number);
}

/* Chooses the one key that is meant; says which there are if it is not one. */
static const struct ksk_apart_key *
choose(const struct ksk_apart_result *all, const struct wish *w)
{
	const struct ksk_apart_key *found = NULL;
	size_t count = 0;

	for (size_t i = 0; i < all->count; i++) {
		const struct ksk_apart_key *key = &all->key[i];

		if (key->dnskey_len <= KSK_DNSKEY_HEAD_LEN ||
			(w->algorithm_number != 0 &&
				key->algorithm != w->algorithm_number))
			continue;
		found = key;
		count++;
	}
	if (count == 1)
		return found;
	ksk_say("%zu keys labelled \"%s\" on token %s show their public key%s",
		count, w->label, w->token,
		count == 0 ? "; see kskadm key list" : ":");
	for (size_t i = 0; i < all->count && count > 1; i++)
		(void)fprintf(stderr, "  tag %u, algorithm %u\n",
			(unsigned)all->key[i].tag,
			(unsigned)all->key[i].algorithm);
	return NULL;
}

/* Finds the key of a wish. out_all: owned, out_key borrows from it. */
static enum ksk_exit
find_key(const struct ksk_config *config, const struct wish *w,
	const struct ksk_config_token **out_token,
	struct ksk_apart_result **out_all, const struct ksk_apart_key **out_key)
{
	uint8_t rsa = w->algorithm_number == 10 ? 10 : 0;
	enum ksk_exit code;

	*out_token = ksk_admin_token(config, w->token);
	if (*out_token == NULL)
		return KSK_EXIT_USAGE;
	code = ksk_key_ask(
		config, *out_token, w->pin_file, rsa, w->label, out_all);
	if (code != KSK_EXIT_OK)
		return code;
	*out_key = choose(*out_all, w);
	return *out_key != NULL ? KSK_EXIT_OK : KSK_EXIT_KEY;
}

static enum ksk_exit
show(const char *config_path, int argc, char **argv, unsigned types)
{
	struct wish w = {0};
	struct ksk_config config;
	const struct ksk_config_token *token;
	const struct ksk_apart_key *key = NULL;
	struct ksk_apart_result *all = NULL;
	enum ksk_exit code;

	if (!read_wish(argc, argv, false, &w))
		return KSK_EXIT_USAGE;
	if ((code = ksk_admin_config(config_path, &config)) != KSK_EXIT_OK)
		return code;
	code = find_key(&config, &w, &token, &all, &key);
	if (code == KSK_EXIT_OK) {
		ksk_key_print(key, &w.zone_name, types);
		if (!key->usable)
			ksk_say("this key can't be used: %s", key->why);
	}
	ksk_apart_free(&all);
	return code;
}

enum ksk_exit
ksk_verb_key_dnskey(const char *config_path, int argc, char **argv)
{
	return show(config_path, argc, argv, KSK_PRINT_DNSKEY);
}

enum ksk_exit
ksk_verb_key_ds(const char *config_path, int argc, char **argv)
{
	return show(config_path, argc, argv, KSK_PRINT_DS);
}

enum ksk_exit
ksk_verb_key_cds(const char *config_path, int argc, char **argv)
{
	return show(config_path, argc, argv, KSK_PRINT_CDS | KSK_PRINT_CDNSKEY);
}

/* An extractable key is allowed by those who say that they mean one. */
static enum ksk_exit
judge(const struct wish *w, const struct ksk_apart_key *key)
{
	if (!key->usable || (key->extractable && !w->extractable)) {
		ksk_say("this key can't be used: %s", key->why);
		return KSK_EXIT_KEY;
	}
	if (w->extractable && !key->extractable) {
		ksk_say("this key never leaves its token; --extractable is "
			"not for it");
		return KSK_EXIT_KEY;
	}
	return KSK_EXIT_OK;
}

enum ksk_exit
ksk_verb_key_allow(const char *config_path, int argc, char **argv)
{
	struct wish w = {0};
	struct ksk_config config;
	const struct ksk_config_token *token;
	const struct ksk_apart_key *key = NULL;
	struct ksk_apart_result *all = NULL;
	enum ksk_exit code;

	if (!read_wish(argc, argv, true, &w))
		return KSK_EXIT_USAGE;
	if ((code = ksk_admin_config(config_path, &config)) != KSK_EXIT_OK)
		return code;
	code = find_key(&config, &w, &token, &all, &key);
	if (code == KSK_EXIT_OK)
		code = judge(&w, key);
	if (code == KSK_EXIT_OK)
		code = ksk_keymap_add(&config, token, &w.zone_name, key, false);
	if (code == KSK_EXIT_OK)
		ksk_say("key \"%s\" (tag %u) may sign for %s after the next "
			"reload of kskd",
			w.label, (unsigned)key->tag, w.zone);
	ksk_apart_free(&all);
	return code;
}
