/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * key_list - every key of the tokens in a line each, with the reason why one
 * can't be used: the same reasons that a worker would give.
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

static void
print_line(
	const struct ksk_config_token *token, const struct ksk_apart_key *key)
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
	(void)printf("%s\n", key->usable ? "usable" : key->why);
}

static enum ksk_exit
list_token(const struct ksk_config *config,
	const struct ksk_config_token *token, const char *pin_file)
{
	struct ksk_apart_result *result = NULL;
	enum ksk_exit code = ksk_key_ask(
		config, token, pin_file, 0, "", &result);

	if (code != KSK_EXIT_OK)
		return code;
	for (size_t i = 0; i < result->count; i++)
		print_line(token, &result->key[i]);
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
	const struct ksk_config_token *token;
	struct ksk_config config;
	enum ksk_exit first = KSK_EXIT_OK;
	enum ksk_exit code;

	if (!ksk_args_read(argc, argv, options, 2, NULL, 0))
		return KSK_EXIT_USAGE;
	if ((code = ksk_admin_config(config_path, &config)) != KSK_EXIT_OK)
		return code;
	if (name != NULL) {
		token = ksk_admin_token(&config, name);
		return token == NULL ? KSK_EXIT_USAGE
				     : list_token(&config, token, pin_file);
	}
	for (size_t i = 0; i < config.token_count; i++) {
		code = list_token(&config, &config.token[i], pin_file);
		if (first == KSK_EXIT_OK)
			first = code;
	}
	return first;
}
