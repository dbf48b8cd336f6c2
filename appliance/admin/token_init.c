/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * token_init - makes the token that the configuration names. The folders that
 * its module writes to are given to the token's user first.
 */
#include "appliance/admin/apart.h"
#include "appliance/admin/pins.h"

#include "appliance/base/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIN_LEN 24u

/* Folders of `paths` with access rw belong to the token's user. */
static enum ksk_exit
prepare_paths(const struct ksk_config_token *token, struct ksk_config_user user)
{
	const struct ksk_owner owner = {user.uid, user.gid};
	struct ksk_fault fault = {""};

	for (size_t i = 0; i < token->path_count; i++) {
		struct stat st;
		bool there = stat(token->path[i], &st) == 0;
		enum ksk_err r;

		/* Some are there on some machines only: not an error. */
		if (!there && (token->path_access[i] & KSK_PATH_WRITE) == 0)
			ksk_say("%s, which tokens.paths names, does not exist",
				token->path[i]);
		if ((token->path_access[i] & KSK_PATH_WRITE) == 0 ||
			(there && !S_ISDIR(st.st_mode)) ||
			(there && st.st_uid == user.uid))
			continue;
		r = ksk_folder_make(token->path[i], 0700, owner, &fault);
		if (r != KSK_OK)
			return ksk_fail(KSK_EXIT_FILE, r, &fault);
		if (geteuid() == 0)
			ksk_say("%s now belongs to uid %u", token->path[i],
				(unsigned)user.uid);
	}
	return KSK_EXIT_OK;
}

/* The SO PIN stands beside the PIN's file. */
static bool
so_path(const struct ksk_config_token *token, char out[KSK_PATH_CAP + 4])
{
	if (token->pin_kind != KSK_PIN_FILE) {
		ksk_say("--generate-pin writes to pin: {file: …}, which token "
			"%s has not",
			token->name);
		return false;
	}
	(void)snprintf(out, KSK_PATH_CAP + 4, "%s.so", token->pin_source);
	return true;
}

static enum ksk_exit
write_pin(const char *path, const struct ksk_pin *pin)
{
	const struct ksk_owner root = {0, 0};
	struct ksk_fault fault = {""};
	enum ksk_err r = ksk_file_make(
		path, ksk_span_of(pin->text, pin->len), 0600, root, &fault);

	return r == KSK_OK ? KSK_EXIT_OK
			   : ksk_fail(KSK_EXIT_PIN_SOURCE, r, &fault);
}

struct pins {
	struct ksk_pin *pin, *so_pin;
	char so_path[KSK_PATH_CAP + 4];
	bool wrote_pin, wrote_so;
	bool begun; /* the token may have the SO PIN, ksk_token_init */
};

/* Random PINs are on the disk before the token has them: the other order
 * could leave a token whose PIN nobody knows. */
static enum ksk_exit
generate_pins(const struct ksk_config_token *token, const char *so_file,
	struct pins *out)
{
	enum ksk_exit code;

	if (!so_path(token, out->so_path))
		return KSK_EXIT_PIN_SOURCE;
	code = ksk_pins_random(PIN_LEN, &out->pin);
	if (code == KSK_EXIT_OK)
		code = so_file != NULL ? ksk_pins_file(so_file, &out->so_pin)
				       : ksk_pins_random(PIN_LEN, &out->so_pin);
	if (code != KSK_EXIT_OK)
		return code;
	code = write_pin(token->pin_source, out->pin);
	out->wrote_pin = code == KSK_EXIT_OK;
	if (code == KSK_EXIT_OK && so_file == NULL) {
		code = write_pin(out->so_path, out->so_pin);
		out->wrote_so = code == KSK_EXIT_OK;
	}
	return code;
}

static enum ksk_exit
get_pins(const struct ksk_config_token *token, bool random,
	const char *pin_file, const char *so_file, struct pins *out)
{
	char what[KSK_LABEL_CAP + 16];
	enum ksk_exit code;

	if (random)
		return generate_pins(token, so_file, out);
	(void)snprintf(what, sizeof(what), "SO PIN of %s", token->name);
	code = so_file != NULL ? ksk_pins_file(so_file, &out->so_pin)
			       : ksk_pins_typed(what, true, &out->so_pin);
	if (code != KSK_EXIT_OK)
		return code;
	return ksk_pins_user(token, pin_file, true, &out->pin);
}

/* A token that was not made leaves no PIN files behind; one that was made in
 * part may be lost without its SO PIN. */
static void
forget_pins(const struct ksk_config_token *token, struct pins *pins,
	enum ksk_exit code)
{
	const bool unused = code != KSK_EXIT_OK && !pins->begun;

	if (unused && pins->wrote_pin)
		(void)unlink(token->pin_source);
	if (unused && pins->wrote_so)
		(void)unlink(pins->so_path);
	ksk_pin_free(&pins->pin);
	ksk_pin_free(&pins->so_pin);
}

static void
tell(const struct ksk_config_token *token, const struct pins *pins)
{
	ksk_say("made the token of \"%s\" (%s)", token->name, token->uri);
	if (pins->wrote_pin)
		ksk_say("its PIN is in %s", token->pin_source);
	if (pins->wrote_so)
		ksk_say("its SO PIN is in %s: keep that elsewhere, it resets "
			"the PIN",
			pins->so_path);
}

/* It has its label and SO PIN, and no PIN yet. */
static void
tell_half(const struct ksk_config_token *token, const struct pins *pins,
	const char *so_file)
{
	ksk_say("the token of \"%s\" may be made in part: do not lose its SO "
		"PIN%s%s; if it is, this sets its PIN: kskadm token init %s "
		"--so-pin-file %s",
		token->name, pins->wrote_so ? ", which is in " : "",
		pins->wrote_so ? pins->so_path : "", token->name,
		pins->wrote_so            ? pins->so_path
			: so_file != NULL ? so_file
					  : "FILE");
}

enum ksk_exit
ksk_verb_token_init(const char *config_path, int argc, char **argv)
{
	const char *name = NULL;
	const char *pin_file = NULL;
	const char *so_file = NULL;
	bool random = false;
	const struct ksk_option options[] = {
		{"pin-file", &pin_file, NULL, false},
		{"so-pin-file", &so_file, NULL, false},
		{"generate-pin", NULL, &random, false},
	};
	const struct ksk_config_token *token;
	struct ksk_apart_order order = {.what = KSK_APART_TOKEN_INIT};
	struct ksk_apart_result *result = NULL;
	struct ksk_config config;
	struct ksk_config_user user;
	struct pins pins = {0};
	enum ksk_exit code;

	if (!ksk_args_read(argc, argv, options, 3, &name, 1))
		return KSK_EXIT_USAGE;
	if (random && pin_file != NULL) {
		ksk_say("--generate-pin and --pin-file exclude each other");
		return KSK_EXIT_USAGE;
	}
	if ((code = ksk_admin_config(config_path, &config)) != KSK_EXIT_OK)
		return code;
	token = ksk_admin_token(&config, name);
	if (token == NULL)
		return KSK_EXIT_USAGE;
	user = config.token_user[token - config.token];
	code = get_pins(token, random, pin_file, so_file, &pins);
	if (code == KSK_EXIT_OK)
		code = prepare_paths(token, user);
	order.pin = pins.pin;
	order.so_pin = pins.so_pin;
	order.so_is_new = random && so_file == NULL;
	order.out_begun = &pins.begun;
	if (code == KSK_EXIT_OK)
		code = ksk_apart_run(token, user, &order, &result);
	if (code == KSK_EXIT_OK)
		tell(token, &pins);
	else if (pins.begun)
		tell_half(token, &pins, so_file);
	ksk_apart_free(&result);
	forget_pins(token, &pins, code);
	return code;
}
