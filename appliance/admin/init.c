/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * init - makes what an appliance has exactly once: its id and the permission
 * to begin a journal. Run twice it would let a journal begin anew, so it
 * refuses whatever it finds.
 */
#include "appliance/admin/admin.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct places {
	char id[KSK_PATH_CAP + 16];
	char folder[KSK_PATH_CAP]; /* of the journal */
	char mark[KSK_PATH_CAP + 16];
};

static bool
is_there(const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0 && errno == ENOENT)
		return false;
	ksk_say("%s is there already: this appliance has been made before; "
		"nothing was changed",
		path);
	return true;
}

static bool
find_places(const struct ksk_config *config, struct places *out)
{
	if (!ksk_folder_of(config->journal, out->folder))
		return false;
	(void)snprintf(
		out->id, sizeof(out->id), "%s/appliance-id", config->state);
	(void)snprintf(out->mark, sizeof(out->mark), "%s/new", out->folder);
	return true;
}

/* The id comes last: it is there only when all else is. */
static enum ksk_err
make(const struct ksk_config *config, const struct places *places,
	const char *hex, struct ksk_fault *fault)
{
	const struct ksk_owner root = {0, 0};
	const struct ksk_owner signer = {
		config->signer.uid, config->signer.gid};
	char line[2 * KSK_ID_LEN + 2];
	struct ksk_span content;
	enum ksk_err r;

	(void)snprintf(line, sizeof(line), "%s\n", hex);
	content = ksk_span_of(line, strlen(line));
	/* A mark without an id is what an init left that was cut off. */
	(void)unlink(places->mark);
	if ((r = ksk_folder_make(config->state, 0755, root, fault)) != KSK_OK ||
		(r = ksk_folder_make(places->folder, 0700, signer, fault)) !=
			KSK_OK ||
		(r = ksk_file_make(
			 places->mark, content, 0600, signer, fault)) != KSK_OK)
		return r;
	return ksk_file_make(places->id, content, 0644, root, fault);
}

enum ksk_exit
ksk_verb_init(const char *config_path, int argc, char **argv)
{
	struct ksk_config config;
	struct places places;
	struct ksk_fault fault = {""};
	uint8_t id[KSK_ID_LEN];
	char hex[2 * KSK_ID_LEN + 1];
	enum ksk_exit code;
	enum ksk_err r;

	if (!ksk_args_read(argc, argv, NULL, 0, NULL, 0))
		return KSK_EXIT_USAGE;
	if ((code = ksk_admin_config(config_path, &config)) != KSK_EXIT_OK)
		return code;
	if (!find_places(&config, &places)) {
		ksk_say("%s: journal: path: must be absolute", config.file);
		return KSK_EXIT_CONFIG;
	}
	if (is_there(places.id) || is_there(config.journal))
		return KSK_EXIT_FILE;
	if (RAND_bytes(id, sizeof(id)) != 1) {
		ksk_say("no random bytes");
		return KSK_EXIT_INTERNAL;
	}
	ksk_hex_write(ksk_span_of(id, sizeof(id)), hex, sizeof(hex));
	if ((r = make(&config, &places, hex, &fault)) != KSK_OK)
		return ksk_fail(KSK_EXIT_FILE, r, &fault);
	(void)printf("%s\n", hex);
	ksk_say("made the state in %s; this is the appliance id, for "
		"`appliance:` in the policy",
		config.state);
	ksk_say("next: kskadm tls init, kskadm token init NAME, kskadm key "
		"generate");
	return KSK_EXIT_OK;
}
