/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * key_backup - a KSK's way into a second token, in three verbs: the second
 * token's recipient, the backup, the restore. What can be refused is refused
 * before any PIN is asked for.
 */
#include "appliance/admin/key.h"
#include "appliance/admin/pins.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct wish {
	const char *token, *zone, *label, *algorithm, *pin_file;
	const char *to, *fingerprint, *output;
	bool extractable;
	const char *file; /* the backup */
	struct ksk_name zone_name;
	unsigned long algorithm_number;
};

/* ---- files ---- */

/* Refuses a file that is there before anything is made for it. */
static enum ksk_exit
check_output(const char *path)
{
	if (access(path, F_OK) == 0)
		ksk_say("%s is there already; nothing is overwritten", path);
	else if (errno != ENOENT)
		ksk_say("%s can't be made: %s", path, strerror(errno));
	else
		return KSK_EXIT_OK;
	return KSK_EXIT_FILE;
}

static enum ksk_exit
read_file(const char *path, uint8_t **out, struct ksk_span *out_span)
{
	struct ksk_fault fault = {""};
	size_t len = 0;
	enum ksk_err r = ksk_file_read(
		path, KSK_WRAP_FILE_MAX, out, &len, &fault);

	if (r != KSK_OK)
		return ksk_fail(KSK_EXIT_FILE, r, &fault);
	*out_span = ksk_span_of(*out, len);
	return KSK_EXIT_OK;
}

static enum ksk_exit
write_file(const char *path, const struct ksk_apart_result *result)
{
	const struct ksk_owner owner = {geteuid(), getegid()};
	struct ksk_fault fault = {""};
	enum ksk_err r = ksk_file_make(path,
		ksk_span_of(result->file, result->file_len), 0600, owner,
		&fault);

	return r == KSK_OK ? KSK_EXIT_OK : ksk_fail(KSK_EXIT_FILE, r, &fault);
}

static enum ksk_exit
fingerprint(struct ksk_span file, char out[2 * KSK_WRAP_DIGEST_LEN + 1])
{
	uint8_t digest[KSK_WRAP_DIGEST_LEN];

	if (ksk_wrap_digest(file, digest) != KSK_OK) {
		ksk_say("SHA-256 fails");
		return KSK_EXIT_INTERNAL;
	}
	ksk_hex_write(ksk_span_of(digest, sizeof(digest)), out,
		2 * KSK_WRAP_DIGEST_LEN + 1);
	return KSK_EXIT_OK;
}

/* A recipient that somebody put in place of the right one would get the key. */
static enum ksk_exit
check_fingerprint(const struct wish *w, struct ksk_span file)
{
	char own[2 * KSK_WRAP_DIGEST_LEN + 1];
	enum ksk_exit code = fingerprint(file, own);

	if (code != KSK_EXIT_OK || strcmp(own, w->fingerprint) == 0)
		return code;
	ksk_say("%s is not the recipient that is meant: its fingerprint is %s",
		w->to, own);
	return KSK_EXIT_KEY;
}

/* ---- what the verbs share ---- */

static bool
read_numbers(struct wish *w)
{
	if (w->zone != NULL && !ksk_admin_zone(w->zone, &w->zone_name))
		return false;
	w->algorithm_number = 8;
	return w->algorithm == NULL ||
		ksk_args_number("algorithm", w->algorithm, 1, 255,
			&w->algorithm_number);
}

/* Asks for the PIN and carries the order out. out_result: NULL on failure. */
static enum ksk_exit
run(const struct ksk_config *config, const struct ksk_config_token *token,
	const char *pin_file, struct ksk_apart_order *order,
	struct ksk_apart_result **out_result)
{
	enum ksk_exit code = ksk_pins_user(token, pin_file, false, &order->pin);

	if (code == KSK_EXIT_OK)
		code = ksk_apart_run(token,
			config->token_user[token - config->token], order,
			out_result);
	ksk_pin_free(&order->pin);
	return code;
}

static enum ksk_exit
configure(const char *path, const struct wish *w, struct ksk_config *config,
	const struct ksk_config_token **out_token)
{
	enum ksk_exit code = ksk_admin_config(path, config);

	if (code != KSK_EXIT_OK)
		return code;
	*out_token = ksk_admin_token(config, w->token);
	return *out_token == NULL ? KSK_EXIT_USAGE : KSK_EXIT_OK;
}

/* ---- the verbs ---- */

enum ksk_exit
ksk_verb_backup_recipient(const char *config_path, int argc, char **argv)
{
	struct wish w = {0};
	const struct ksk_option options[] = {
		{"token", &w.token, NULL, true},
		{"label", &w.label, NULL, true},
		{"output", &w.output, NULL, true},
		{"pin-file", &w.pin_file, NULL, false},
	};
	struct ksk_apart_order order = {.what = KSK_APART_RECIPIENT};
	struct ksk_apart_result *result = NULL;
	char text[2 * KSK_WRAP_DIGEST_LEN + 1];
	const struct ksk_config_token *token = NULL;
	struct ksk_config config;
	enum ksk_exit code;

	if (!ksk_args_read(argc, argv, options, 4, NULL, 0))
		return KSK_EXIT_USAGE;
	order.label = w.label;
	if ((code = configure(config_path, &w, &config, &token)) !=
			KSK_EXIT_OK ||
		(code = check_output(w.output)) != KSK_EXIT_OK ||
		(code = run(&config, token, w.pin_file, &order, &result)) !=
			KSK_EXIT_OK)
		return code;
	code = write_file(w.output, result);
	if (code == KSK_EXIT_OK)
		code = fingerprint(
			ksk_span_of(result->file, result->file_len), text);
	if (code == KSK_EXIT_OK) {
		(void)printf("%s\n", text);
		ksk_say("wrote %s; above is its fingerprint, for kskadm key "
			"backup",
			w.output);
	}
	ksk_apart_free(&result);
	return code;
}

static bool
read_backup(int argc, char **argv, struct wish *w)
{
	const struct ksk_option options[] = {
		{"token", &w->token, NULL, true},
		{"label", &w->label, NULL, true},
		{"zone", &w->zone, NULL, true},
		{"to", &w->to, NULL, true},
		{"fingerprint", &w->fingerprint, NULL, true},
		{"output", &w->output, NULL, true},
		{"algorithm", &w->algorithm, NULL, false},
		{"pin-file", &w->pin_file, NULL, false},
	};

	return ksk_args_read(argc, argv, options,
		       sizeof(options) / sizeof(options[0]), NULL, 0) &&
		read_numbers(w);
}

enum ksk_exit
ksk_verb_key_backup(const char *config_path, int argc, char **argv)
{
	struct wish w = {0};
	struct ksk_apart_order order = {.what = KSK_APART_BACKUP};
	struct ksk_apart_result *result = NULL;
	const struct ksk_config_token *token = NULL;
	struct ksk_config config;
	uint8_t *bytes = NULL;
	enum ksk_exit code;

	if (!read_backup(argc, argv, &w))
		return KSK_EXIT_USAGE;
	order.label = w.label;
	order.zone = &w.zone_name;
	order.algorithm = (uint8_t)w.algorithm_number;
	if ((code = configure(config_path, &w, &config, &token)) ==
			KSK_EXIT_OK &&
		(code = check_output(w.output)) == KSK_EXIT_OK &&
		(code = read_file(w.to, &bytes, &order.file)) == KSK_EXIT_OK &&
		(code = check_fingerprint(&w, order.file)) == KSK_EXIT_OK &&
		(code = run(&config, token, w.pin_file, &order, &result)) ==
			KSK_EXIT_OK)
		code = write_file(w.output, result);
	if (code == KSK_EXIT_OK)
		ksk_say("wrote %s: key \"%s\" for the token that made %s, and "
			"for no other",
			w.output, w.label, w.to);
	ksk_apart_free(&result);
	free(bytes);
	return code;
}

/* The key is on the token: now the keymap, then what people compare. */
static enum ksk_exit
finish(const struct ksk_config *config, const struct ksk_config_token *token,
	const struct wish *w, const struct ksk_apart_key *key)
{
	enum ksk_exit code = ksk_keymap_add(
		config, token, &w->zone_name, key, false);

	ksk_key_print(key, &w->zone_name, KSK_PRINT_DNSKEY | KSK_PRINT_DS);
	if (code != KSK_EXIT_OK) {
		ksk_say("the key is restored, but it is not in the keymap; "
			"mend that and run kskadm key allow");
		return code;
	}
	ksk_say("restored key \"%s\", tag %u, and allowed it for %s; compare "
		"the DS with the parent's",
		key->label, (unsigned)key->tag, w->zone);
	return KSK_EXIT_OK;
}

enum ksk_exit
ksk_verb_key_restore(const char *config_path, int argc, char **argv)
{
	struct wish w = {0};
	const struct ksk_option options[] = {
		{"token", &w.token, NULL, true},
		{"zone", &w.zone, NULL, true},
		{"extractable", NULL, &w.extractable, false},
		{"pin-file", &w.pin_file, NULL, false},
	};
	struct ksk_apart_order order = {.what = KSK_APART_RESTORE};
	struct ksk_apart_result *result = NULL;
	const struct ksk_config_token *token = NULL;
	struct ksk_config config;
	uint8_t *bytes = NULL;
	enum ksk_exit code;

	if (!ksk_args_read(argc, argv, options, 4, &w.file, 1) ||
		!read_numbers(&w))
		return KSK_EXIT_USAGE;
	order.zone = &w.zone_name;
	order.extractable = w.extractable;
	if ((code = configure(config_path, &w, &config, &token)) ==
			KSK_EXIT_OK &&
		(code = ksk_keymap_check(&config)) == KSK_EXIT_OK &&
		(code = read_file(w.file, &bytes, &order.file)) ==
			KSK_EXIT_OK &&
		(code = run(&config, token, w.pin_file, &order, &result)) ==
			KSK_EXIT_OK)
		code = finish(&config, token, &w, &result->key[0]);
	ksk_apart_free(&result);
	free(bytes);
	return code;
}
