/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_token - what the texts of one entry of `tokens` mean.
 */
#include "appliance/base/config_schema.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define KEY_CAP 64
#define WORKERS_MAX 16u

/* The place in the file: "tokens[2].pin". */
static const char *
key_of(char buf[KEY_CAP], unsigned index, const char *field)
{
	snprintf(buf, KEY_CAP, "tokens[%u].%s", index, field);
	return buf;
}

static enum ksk_err
check_name(const struct ksk_config_reader *r, unsigned index, const char *text,
	char out[KSK_LABEL_CAP])
{
	const size_t len = strlen(text);
	char key[KEY_CAP];

	/* It becomes part of file names. */
	if (len == 0 || len >= KSK_LABEL_CAP || text[0] == '-' ||
		strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != len) {
		ksk_yaml_fault(r->yaml, r->fault, key_of(key, index, "name"),
			"\"%s\" is no name: small letters, digits and hyphens, "
			"1 to %u of them, no hyphen in front",
			text, KSK_LABEL_CAP - 1);
		return KSK_ERR_BAD_INPUT;
	}
	memcpy(out, text, len + 1);
	return KSK_OK;
}

static enum ksk_err
check_digest(const struct ksk_config_reader *r, unsigned index,
	const char *text, struct ksk_config_token *t)
{
	uint8_t digest[KSK_HASH_LEN];
	char key[KEY_CAP];
	size_t len = 0;

	if (text == NULL)
		return KSK_OK;
	if (ksk_hex_read(text, strlen(text), digest, sizeof digest, &len) !=
			KSK_OK ||
		len != sizeof digest) {
		ksk_yaml_fault(r->yaml, r->fault, key_of(key, index, "sha256"),
			"this is no SHA-256: 64 hexadecimal digits, as "
			"sha256sum(1) prints them for the module");
		return KSK_ERR_BAD_INPUT;
	}
	memcpy(t->sha256, digest, sizeof digest);
	t->has_sha256 = true;
	return KSK_OK;
}

static enum ksk_err
check_uri(const struct ksk_config_reader *r, unsigned index, const char *text,
	char out[KSK_PATH_CAP])
{
	char key[KEY_CAP];

	/* A PIN in here would be in a file that others may read. */
	if (strcasestr(text, "pin-value") != NULL ||
		strcasestr(text, "pin-source") != NULL) {
		ksk_yaml_fault(r->yaml, r->fault, key_of(key, index, "uri"),
			"pin-value and pin-source do not belong here; the key "
			"\"pin\" says where the PIN is");
		return KSK_ERR_BAD_INPUT;
	}
	if (strncmp(text, "pkcs11:", 7) != 0 || strlen(text) == 7) {
		/* Not shown: people have written a PIN in here too. */
		ksk_yaml_fault(r->yaml, r->fault, key_of(key, index, "uri"),
			"this names no token; write it like "
			"\"pkcs11:token=ksk\" (RFC 7512)");
		return KSK_ERR_BAD_INPUT;
	}
	snprintf(out, KSK_PATH_CAP, "%s", text);
	return KSK_OK;
}

static enum ksk_err
check_credential(const struct ksk_config_reader *r, unsigned index,
	const char *text, char out[KSK_PATH_CAP])
{
	char key[KEY_CAP];

	if (text[0] == '\0' || text[0] == '.' || strchr(text, '/') != NULL) {
		/* Not shown, as below. */
		ksk_yaml_fault(r->yaml, r->fault,
			key_of(key, index, "pin.credential"),
			"this is no credential's name; write NAME of "
			"LoadCredential=NAME:... in the unit");
		return KSK_ERR_BAD_INPUT;
	}
	snprintf(out, KSK_PATH_CAP, "%s", text);
	return KSK_OK;
}

static enum ksk_err
check_pin(const struct ksk_config_reader *r, unsigned index,
	const struct ksk_config_text_pin *text, struct ksk_config_token *t)
{
	const int count = (text->file != NULL) + (text->credential != NULL) +
		(text->prompt != NULL);
	char key[KEY_CAP];
	bool prompt = true;

	if (count != 1 ||
		(text->prompt != NULL &&
			(ksk_text_bool(text->prompt, &prompt) != KSK_OK ||
				!prompt))) {
		ksk_yaml_fault(r->yaml, r->fault, key_of(key, index, "pin"),
			"the PIN has one source: {file: /path}, {credential: "
			"NAME} or {prompt: yes}");
		return KSK_ERR_BAD_INPUT;
	}
	if (text->file != NULL && text->file[0] != '/') {
		/* Not shown: people have written the PIN itself here. */
		ksk_yaml_fault(r->yaml, r->fault,
			key_of(key, index, "pin.file"),
			"this is no absolute path; write the path of the file "
			"that holds the PIN");
		return KSK_ERR_BAD_INPUT;
	}
	if (text->file != NULL) {
		t->pin_kind = KSK_PIN_FILE;
		return ksk_config_path(r, key_of(key, index, "pin.file"),
			text->file, t->pin_source);
	}
	if (text->credential != NULL) {
		t->pin_kind = KSK_PIN_CREDENTIAL;
		return check_credential(
			r, index, text->credential, t->pin_source);
	}
	t->pin_kind = KSK_PIN_PROMPT;
	return KSK_OK;
}

static bool
read_bool(const struct ksk_config_reader *r, unsigned index, const char *name,
	const char *text, bool *out)
{
	char key[KEY_CAP];

	if (text == NULL || ksk_text_bool(text, out) == KSK_OK)
		return true;
	ksk_yaml_fault(r->yaml, r->fault, key_of(key, index, name),
		"\"%s\" is neither yes nor no", text);
	return false;
}

static enum ksk_err
check_small(const struct ksk_config_reader *r, unsigned index,
	const struct ksk_config_text_token *text, struct ksk_config_token *t)
{
	uint64_t workers = 2;
	char key[KEY_CAP];

	if (text->workers != NULL &&
		ksk_text_uint(text->workers, 1, WORKERS_MAX, &workers) !=
			KSK_OK) {
		ksk_yaml_fault(r->yaml, r->fault, key_of(key, index, "workers"),
			"\"%s\" is no number from 1 to %u", text->workers,
			WORKERS_MAX);
		return KSK_ERR_BAD_INPUT;
	}
	t->workers = (uint16_t)workers;
	if (!read_bool(r, index, "network", text->network, &t->network) ||
		!read_bool(r, index, "anchor", text->anchor, &t->anchor))
		return KSK_ERR_BAD_INPUT;
	if (text->init != NULL)
		snprintf(t->init, sizeof t->init, "%s", text->init);
	return KSK_OK;
}

static bool
is_assignment(const char *text)
{
	const char *equal = strchr(text, '=');

	if (equal == NULL || equal == text ||
		isdigit((unsigned char)text[0]) != 0)
		return false;
	for (const char *p = text; p < equal; p++) {
		if (isalnum((unsigned char)*p) == 0 && *p != '_')
			return false;
	}
	return true;
}

static enum ksk_err
check_environment(const struct ksk_config_reader *r, unsigned index,
	const struct ksk_config_text_token *text, struct ksk_config_token *t)
{
	char field[KEY_CAP / 2], key[KEY_CAP];

	for (unsigned i = 0; i < text->environment_count; i++) {
		const char *entry = text->environment[i];

		snprintf(field, sizeof field, "environment[%u]", i);
		if (!is_assignment(entry)) {
			/* Not shown: some modules take a PIN from there. */
			ksk_yaml_fault(r->yaml, r->fault,
				key_of(key, index, field),
				"this is no NAME=value");
			return KSK_ERR_BAD_INPUT;
		}
		snprintf(t->environment[i], KSK_PATH_CAP, "%s", entry);
	}
	t->environment_count = (uint16_t)text->environment_count;
	return KSK_OK;
}

static uint8_t
access_of(const char *text)
{
	if (strcmp(text, "r") == 0)
		return KSK_PATH_READ;
	if (strcmp(text, "rx") == 0)
		return KSK_PATH_READ | KSK_PATH_EXECUTE;
	if (strcmp(text, "rw") == 0)
		return KSK_PATH_READ | KSK_PATH_WRITE;
	return 0;
}

static enum ksk_err
check_module_paths(const struct ksk_config_reader *r, unsigned index,
	const struct ksk_config_text_token *text, struct ksk_config_token *t)
{
	char field[KEY_CAP / 2], key[KEY_CAP];

	for (unsigned i = 0; i < text->paths_count; i++) {
		const struct ksk_config_text_path *entry = &text->paths[i];
		enum ksk_err err;

		snprintf(field, sizeof field, "paths[%u].path", i);
		err = ksk_config_path(
			r, key_of(key, index, field), entry->path, t->path[i]);
		if (err != KSK_OK)
			return err;
		t->path_access[i] = access_of(entry->access);
		if (t->path_access[i] != 0)
			continue;
		snprintf(field, sizeof field, "paths[%u].access", i);
		ksk_yaml_fault(r->yaml, r->fault, key_of(key, index, field),
			"\"%s\" is none of r (read), rx (read, execute), rw "
			"(read, write)",
			entry->access);
		return KSK_ERR_BAD_INPUT;
	}
	t->path_count = (uint16_t)text->paths_count;
	return KSK_OK;
}

enum ksk_err
ksk_config_check_token(const struct ksk_config_reader *r,
	const struct ksk_config_text_token *text, unsigned index,
	struct ksk_config_token *out_token)
{
	char key[KEY_CAP];
	enum ksk_err err;

	if ((err = check_name(r, index, text->name, out_token->name)) !=
			KSK_OK ||
		(err = ksk_config_path(r, key_of(key, index, "module"),
			 text->module, out_token->module)) != KSK_OK ||
		(err = check_digest(r, index, text->sha256, out_token)) !=
			KSK_OK ||
		(err = check_uri(r, index, text->uri, out_token->uri)) !=
			KSK_OK ||
		(err = check_pin(r, index, text->pin, out_token)) != KSK_OK ||
		(err = check_small(r, index, text, out_token)) != KSK_OK ||
		(err = check_environment(r, index, text, out_token)) != KSK_OK)
		return err;
	return check_module_paths(r, index, text, out_token);
}
