/* SPDX-License-Identifier: BSD-2-Clause */
/* key - see key.h. */
#include "appliance/admin/key.h"

#include "appliance/admin/pins.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static void
print_key(const char *zone, const char *type, const struct ksk_apart_key *key)
{
	unsigned char text[4 * (KSK_KEY_FIELD_MAX / 3 + 2)];
	const uint8_t *field = key->dnskey + KSK_DNSKEY_HEAD_LEN;

	(void)EVP_EncodeBlock(
		text, field, (int)(key->dnskey_len - KSK_DNSKEY_HEAD_LEN));
	(void)printf("%s IN %s 257 3 %u %s\n", zone, type,
		(unsigned)key->algorithm, (const char *)text);
}

static void
print_ds(const char *zone, const char *type, const struct ksk_name *owner,
	const struct ksk_apart_key *key, uint8_t digest_type)
{
	char text[KSK_DS_TEXT_CAP];
	struct ksk_ds ds;

	if (ksk_ds_build(owner, ksk_span_of(key->dnskey, key->dnskey_len),
		    digest_type, &ds) != KSK_OK)
		return;
	ksk_ds_to_text(&ds, text);
	(void)printf("%s IN %s %s\n", zone, type, text);
}

void
ksk_key_print(const struct ksk_apart_key *key, const struct ksk_name *zone,
	unsigned types)
{
	char name[KSK_NAME_TEXT_CAP];

	ksk_name_to_text(zone, name);
	if ((types & KSK_PRINT_DNSKEY) != 0)
		print_key(name, "DNSKEY", key);
	if ((types & KSK_PRINT_DS) != 0) {
		print_ds(name, "DS", zone, key, KSK_DIGEST_SHA256);
		print_ds(name, "DS", zone, key, KSK_DIGEST_SHA384);
	}
	if ((types & KSK_PRINT_CDS) != 0)
		print_ds(name, "CDS", zone, key, KSK_DIGEST_SHA256);
	if ((types & KSK_PRINT_CDNSKEY) != 0)
		print_key(name, "CDNSKEY", key);
}

/* Reads the keymap; a missing one is empty. */
static enum ksk_exit
read_keymap(const struct ksk_config *config, uint8_t **out_text,
	size_t *out_len, struct ksk_keymap *out_map)
{
	struct ksk_fault fault = {""};
	struct ksk_fault why = {""};
	enum ksk_err r = ksk_file_read(
		config->keymap, KSK_KEYMAP_FILE_MAX, out_text, out_len, &fault);

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
ksk_keymap_check(const struct ksk_config *config)
{
	struct ksk_keymap map = {0};
	uint8_t *text = NULL;
	size_t len = 0;
	enum ksk_exit code = read_keymap(config, &text, &len, &map);

	ksk_keymap_free(&map);
	free(text);
	return code;
}

#define KEYMAP_HEAD \
	"# Which key may sign for which zone. Written by kskadm key generate " \
	"and\n# kskadm key allow; the token's workers obey it. See " \
	"kskadm(8).\n"

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
	const struct ksk_apart_key *key, struct ksk_keymap_entry *out)
{
	*out = (struct ksk_keymap_entry){
		.zone = *zone,
		.id_len = key->id_len,
	};
	memcpy(out->id, key->id, key->id_len);
	memcpy(out->token, token->name, sizeof(out->token));
	memcpy(out->label, key->label, sizeof(out->label));
	return ksk_ds_build(zone, ksk_span_of(key->dnskey, key->dnskey_len),
		       KSK_DIGEST_SHA256, &out->ds) == KSK_OK;
}

enum ksk_exit
ksk_keymap_add(const struct ksk_config *config,
	const struct ksk_config_token *token, const struct ksk_name *zone,
	const struct ksk_apart_key *key)
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
	if (ksk_keymap_allows(&map, zone, token->name,
		    ksk_span_of(key->dnskey, key->dnskey_len))) {
		ksk_say("the keymap has this key for this zone already");
		goto out;
	}
	code = KSK_EXIT_INTERNAL;
	if (!fill_entry(token, zone, key, &entry) ||
		ksk_keymap_line(&entry, line) != KSK_OK)
		goto out;
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
ksk_key_ask(const struct ksk_config *config,
	const struct ksk_config_token *token, const char *pin_file,
	uint8_t rsa_algorithm, const char *label,
	struct ksk_apart_result **out_result)
{
	struct ksk_apart_order order = {
		.what = KSK_APART_LIST,
		.algorithm = rsa_algorithm,
		.label = label,
	};
	enum ksk_exit code = ksk_pins_user(token, pin_file, false, &order.pin);

	if (code != KSK_EXIT_OK)
		return code;
	code = ksk_apart_run(token, config->token_user[token - config->token],
		&order, out_result);
	ksk_pin_free(&order.pin);
	return code;
}
