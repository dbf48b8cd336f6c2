/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * key_list - every key of the tokens in a line each, with the reason why one
 * can't be used: the same reasons that a worker would give. A key that can
 * leave its token is usable where the keymap marks it.
 */
#include "appliance/admin/key.h"

#include <stdio.h>
#include <string.h>

/* Letters, digits and . _ - as they are, %XX for the rest, "-" for none: one
 * word per column whatever the label is. */
static void
print_label(const char *label)
{
	if (label[0] == '\0')
		(void)putchar('-');
	for (const char *c = label; *c != '\0'; c++) {
		bool plain = (*c >= 'a' && *c <= 'z') ||
			(*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
			strchr("._-", *c) != NULL;

		if (plain)
			(void)putchar(*c);
		else
			(void)printf("%%%02x", (unsigned)(unsigned char)*c);
	}
}

/* Is the key marked for any zone? */
static bool
is_marked(const struct ksk_keymap *map, const char *token,
	const struct ksk_apart_key *key)
{
	for (size_t i = 0; i < map->count; i++) {
		if (map->entries[i].extractable &&
			ksk_keymap_is_of(&map->entries[i], token, key))
			return true;
	}
	return false;
}

static void
print_state(const struct ksk_config_token *token, const struct ksk_keymap *map,
	const struct ksk_apart_key *key)
{
	if (!key->usable)
		(void)printf("%s\n", key->why);
	else if (!key->extractable)
		(void)printf("usable\n");
	else if (is_marked(map, token->name, key))
		(void)printf("usable (extractable, and marked so in the "
			     "keymap)\n");
	else
		(void)printf("%s\n", key->why);
}

static void
print_line(const struct ksk_config_token *token, const struct ksk_keymap *map,
	const struct ksk_apart_key *key)
{
	char id[2 * KSK_CKA_ID_MAX + 1] = "-";

	if (key->id_len != 0)
		ksk_hex_write(
			ksk_span_of(key->id, key->id_len), id, sizeof(id));
	(void)printf("%s ", token->name);
	print_label(key->label);
	(void)printf(" %s %u ", id, (unsigned)key->algorithm);
	if (key->dnskey_len != 0)
		(void)printf("%u ", (unsigned)key->tag);
	else
		(void)printf("- ");
	print_state(token, map, key);
}

static enum ksk_exit
list_token(const struct ksk_config *config,
	const struct ksk_config_token *token, const struct ksk_keymap *map,
	const char *pin_file)
{
	struct ksk_apart_result *result = NULL;
	enum ksk_exit code = ksk_key_ask(
		config, token, pin_file, 0, "", &result);

	if (code != KSK_EXIT_OK)
		return code;
	for (size_t i = 0; i < result->count; i++)
		print_line(token, map, &result->key[i]);
	if (result->more)
		ksk_say("token %s holds more keys than the %u listed",
			token->name, KSK_APART_KEYS);
	ksk_apart_free(&result);
	return KSK_EXIT_OK;
}

enum ksk_exit
ksk_verb_key_list(const char *config_path, int argc, char **argv)
{
	const char *name = NULL;
	const char *pin_file = NULL;
	const struct ksk_option options[] = {
		{"token", &name, NULL, false},
		{"pin-file", &pin_file, NULL, false},
	};
	const struct ksk_config_token *token = NULL;
	struct ksk_keymap map = {0};
	struct ksk_config config;
	enum ksk_exit first = KSK_EXIT_OK;
	enum ksk_exit code;

	if (!ksk_args_read(argc, argv, options, 2, NULL, 0))
		return KSK_EXIT_USAGE;
	if ((code = ksk_admin_config(config_path, &config)) != KSK_EXIT_OK)
		return code;
	if (name != NULL && (token = ksk_admin_token(&config, name)) == NULL)
		return KSK_EXIT_USAGE;
	/* A keymap that is wrong is said to be so, and marks nothing. */
	(void)ksk_keymap_load(&config, &map);
	for (size_t i = 0; i < config.token_count; i++) {
		if (token != NULL && token != &config.token[i])
			continue;
		code = list_token(&config, &config.token[i], &map, pin_file);
		if (first == KSK_EXIT_OK)
			first = code;
	}
	ksk_keymap_free(&map);
	return first;
}
