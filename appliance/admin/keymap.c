/* SPDX-License-Identifier: BSD-2-Clause */
/* keymap - the verbs' side of the keymap: read whole, replaced whole, see
 * key.h. */
#include "appliance/admin/key.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* Reads the keymap; a missing one is empty. */
static enum ksk_exit
read_keymap(const struct ksk_config *config, uint8_t **out_text,
	size_t *out_len, struct ksk_keymap *out_map)
{
	struct ksk_fault fault = {""};
	struct ksk_fault why = {""};
	enum ksk_err r = ksk_file_read(
		config->keymap, KSK_KEYMAP_TEXT_MAX, out_text, out_len, &fault);

	if (r == KSK_ERR_NOT_FOUND)
		return KSK_EXIT_OK;
	if (r == KSK_OK)
		r = ksk_keymap_read(
			ksk_span_of(*out_text, *out_len), out_map, &why);
	if (r == KSK_OK)
		return KSK_EXIT_OK;
	if (why.text[0] != '\0')
		ksk_fault_set(&fault, "%s: %.500s", config->keymap, why.text);
	return ksk_fail(KSK_EXIT_FILE, r, &fault);
}

enum ksk_exit
ksk_keymap_load(const struct ksk_config *config, struct ksk_keymap *out_map)
{
	uint8_t *text = NULL;
	size_t len = 0;
	enum ksk_exit code = read_keymap(config, &text, &len, out_map);

	free(text);
	return code;
}

enum ksk_exit
ksk_keymap_check(const struct ksk_config *config)
{
	struct ksk_keymap map = {0};
	enum ksk_exit code = ksk_keymap_load(config, &map);

	ksk_keymap_free(&map);
	return code;
}

bool
ksk_keymap_is_of(const struct ksk_keymap_entry *entry, const char *token,
	const struct ksk_apart_key *key)
{
	uint8_t dnskey[sizeof(key->dnskey)];

	if (strcmp(entry->token, token) != 0 ||
		key->dnskey_len <= KSK_DNSKEY_HEAD_LEN)
		return false;
	memcpy(dnskey, key->dnskey, key->dnskey_len);
	/* The token can't tell what an RSA key is for; the keymap can. */
	if (ksk_alg_is_rsa(key->algorithm) &&
		ksk_alg_is_rsa(entry->ds.algorithm))
		dnskey[3] = entry->ds.algorithm;
	return ksk_ds_matches(
		&entry->ds, &entry->zone, ksk_span_of(dnskey, key->dnskey_len));
}

#define KEYMAP_HEAD \
	"# Which key may sign for which zone. Written by kskadm key generate,\n" \
	"# allow and restore; the token's workers obey it. See kskadm(8).\n"

/* Takes out the lines that give this zone this key on this token, so that one
 * with a mark can take their place. */
static size_t
cut_line(const struct ksk_keymap_entry *entry, uint8_t *text, size_t len)
{
	size_t kept = 0;
	size_t start = 0;

	for (size_t i = 0; i < len; i++) {
		struct ksk_keymap one = {0};
		bool same = false;

		if (text[i] != '\n' && i + 1 < len)
			continue;
		if (ksk_keymap_read(ksk_span_of(text + start, i + 1 - start),
			    &one, NULL) == KSK_OK)
			same = one.count == 1 &&
				ksk_name_equal(
					&one.entries[0].zone, &entry->zone) &&
				ksk_ds_equal(&one.entries[0].ds, &entry->ds) &&
				strcmp(one.entries[0].token, entry->token) == 0;
		ksk_keymap_free(&one);
		if (!same) {
			memmove(text + kept, text + start, i + 1 - start);
			kept += i + 1 - start;
		}
		start = i + 1;
	}
	return kept;
}

static enum ksk_err
append(const char *path, const uint8_t *text, size_t len, const char *line,
	struct ksk_fault *fault)
{
	size_t cap = len + sizeof(KEYMAP_HEAD) + strlen(line) + 1;
	uint8_t *whole = malloc(cap);
	struct ksk_buf buf = ksk_buf_of(whole, cap);
	enum ksk_err r = KSK_ERR_NO_MEMORY;

	if (whole == NULL)
		return r;
	if (len == 0)
		r = ksk_buf_put(&buf, KEYMAP_HEAD, strlen(KEYMAP_HEAD));
	else
		r = ksk_buf_put(&buf, text, len);
	if (r == KSK_OK && len > 0 && text[len - 1] != '\n')
		r = ksk_buf_put(&buf, "\n", 1);
	if (r == KSK_OK)
		r = ksk_buf_put(&buf, line, strlen(line));
	if (r == KSK_OK)
		r = ksk_file_replace(path, ksk_buf_span(&buf), fault);
	free(whole);
	return r;
}

/* Two kskadm at once must not lose each other's line: the folder is locked
 * while the keymap is read and replaced. Returns -1 if it can't be. */
static int
lock_folder(const char *path)
{
	char folder[KSK_PATH_CAP];
	int fd;

	if (!ksk_folder_of(path, folder))
		(void)snprintf(folder, sizeof(folder), ".");
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX) != 0) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

static bool
fill_entry(const struct ksk_config_token *token, const struct ksk_name *zone,
	const struct ksk_apart_key *key, bool audit,
	struct ksk_keymap_entry *out)
{
	*out = (struct ksk_keymap_entry){
		.zone = *zone,
		.audit = audit,
		.extractable = key->extractable,
		.id_len = key->id_len,
	};
	memcpy(out->id, key->id, key->id_len);
	memcpy(out->token, token->name, sizeof(out->token));
	memcpy(out->label, key->label, sizeof(out->label));
	return ksk_ds_build(zone, ksk_span_of(key->dnskey, key->dnskey_len),
		       KSK_DIGEST_SHA256, &out->ds) == KSK_OK;
}

static bool
is_there(const struct ksk_keymap *map, const struct ksk_name *zone,
	const char *token, const struct ksk_apart_key *key)
{
	struct ksk_span dnskey = ksk_span_of(key->dnskey, key->dnskey_len);

	return key->extractable
		? ksk_keymap_allows_extractable(map, zone, token, dnskey)
		: ksk_keymap_allows(map, zone, token, dnskey);
}

/* A key has one purpose, and a token one audit key. */
static bool
has_other_purpose(const struct ksk_keymap *map, const char *token,
	const struct ksk_apart_key *key, bool audit)
{
	if (ksk_keymap_has(map, token,
		    ksk_span_of(key->dnskey, key->dnskey_len), !audit)) {
		ksk_say("the keymap gives this key another purpose already: a "
			"KSK signs no checkpoints, the audit key no RRsets");
		return true;
	}
	if (audit && ksk_keymap_audit(map, token) != NULL) {
		ksk_say("token %s has an audit key in the keymap already",
			token);
		return true;
	}
	return false;
}

enum ksk_exit
ksk_keymap_add(const struct ksk_config *config,
	const struct ksk_config_token *token, const struct ksk_name *zone,
	const struct ksk_apart_key *key, bool audit)
{
	char line[KSK_KEYMAP_LINE_CAP];
	struct ksk_fault fault = {""};
	struct ksk_keymap_entry entry;
	struct ksk_keymap map = {0};
	uint8_t *text = NULL;
	size_t len = 0;
	int lock = lock_folder(config->keymap);
	enum ksk_exit code = read_keymap(config, &text, &len, &map);
	enum ksk_err r;

	if (code != KSK_EXIT_OK)
		goto out;
	if (has_other_purpose(&map, token->name, key, audit)) {
		code = KSK_EXIT_KEY;
		goto out;
	}
	if (!audit && is_there(&map, zone, token->name, key)) {
		ksk_say("the keymap has this key for this zone already");
		goto out;
	}
	code = KSK_EXIT_INTERNAL;
	if (!fill_entry(token, zone, key, audit, &entry) ||
		ksk_keymap_line(&entry, line) != KSK_OK)
		goto out;
	len = cut_line(&entry, text, len);
	code = KSK_EXIT_OK;
	r = append(config->keymap, text, len, line, &fault);
	if (r != KSK_OK)
		code = ksk_fail(KSK_EXIT_FILE, r, &fault);
out:
	ksk_keymap_free(&map);
	free(text);
	if (lock >= 0)
		(void)close(lock);
	return code;
}

enum ksk_exit
ksk_verb_keymap_show(const char *config_path, int argc, char **argv)
{
	struct ksk_keymap map = {0};
	struct ksk_config config;
	uint8_t *text = NULL;
	size_t len = 0;
	enum ksk_exit code;

	if (!ksk_args_read(argc, argv, NULL, 0, NULL, 0))
		return KSK_EXIT_USAGE;
	if ((code = ksk_admin_config(config_path, &config)) != KSK_EXIT_OK)
		return code;
	code = read_keymap(&config, &text, &len, &map);
	if (code == KSK_EXIT_OK && len != 0)
		(void)fwrite(text, 1, len, stdout);
	else if (code == KSK_EXIT_OK)
		ksk_say("the keymap is empty");
	ksk_keymap_free(&map);
	free(text);
	return code;
}
