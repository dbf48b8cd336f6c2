/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile - see profile.h.
 */
#include "client/profile.h"

#include "appliance/base/yaml.h"
#include "client/file.h"
#include "client/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROFILE_MAX 65536u

struct yaml_endpoint {
	char *address;
	char **pins;
	unsigned pins_count;
};

struct yaml_profile {
	char *key;
	char *certificate;
	struct yaml_endpoint *appliances;
	unsigned appliances_count;
};

static const cyaml_schema_value_t pin_schema = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, CYAML_UNLIMITED),
};

static const cyaml_schema_field_t endpoint_fields[] = {
	CYAML_FIELD_STRING_PTR("address", CYAML_FLAG_POINTER,
		struct yaml_endpoint, address, 0, CYAML_UNLIMITED),
	CYAML_FIELD_SEQUENCE("server-pins", CYAML_FLAG_POINTER,
		struct yaml_endpoint, pins, &pin_schema, 1, KSK_SERVER_PIN_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t endpoint_schema = {
	CYAML_VALUE_MAPPING(
		CYAML_FLAG_DEFAULT, struct yaml_endpoint, endpoint_fields),
};

static const cyaml_schema_field_t profile_fields[] = {
	CYAML_FIELD_STRING_PTR("key", CYAML_FLAG_POINTER, struct yaml_profile,
		key, 1, CYAML_UNLIMITED),
	CYAML_FIELD_STRING_PTR("certificate", CYAML_FLAG_POINTER,
		struct yaml_profile, certificate, 1, CYAML_UNLIMITED),
	CYAML_FIELD_SEQUENCE("appliances", CYAML_FLAG_POINTER,
		struct yaml_profile, appliances, &endpoint_schema, 1,
		KSK_ENDPOINT_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t profile_schema = {
	CYAML_VALUE_MAPPING(
		CYAML_FLAG_POINTER, struct yaml_profile, profile_fields),
};

static enum ksk_err
join(char out[KSK_PROFILE_PATH_CAP], const char *a, const char *b,
	struct ksk_fault *fault)
{
	int len = snprintf(out, KSK_PROFILE_PATH_CAP, "%s%s", a, b);

	if (len >= 0 && (unsigned)len < KSK_PROFILE_PATH_CAP)
		return KSK_OK;
	ksk_fault_set(fault, "the profile's path is too long");
	return KSK_ERR_BAD_INPUT;
}

enum ksk_err
ksk_profile_path(const struct ksk_ctl *ctl, char out[KSK_PROFILE_PATH_CAP],
	struct ksk_fault *fault)
{
	const char *variable = getenv("KSKCTL_CONFIG");
	const char *xdg = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");

	if (ctl->config != NULL)
		return join(out, ctl->config, "", fault);
	if (variable != NULL && variable[0] != '\0')
		return join(out, variable, "", fault);
	if (xdg != NULL && xdg[0] == '/')
		return join(out, xdg, "/ksk/kskctl.yaml", fault);
	if (home != NULL && home[0] != '\0')
		return join(out, home, "/.config/ksk/kskctl.yaml", fault);
	ksk_fault_set(
		fault, "no profile: name one with --config or $KSKCTL_CONFIG");
	return KSK_ERR_NOT_FOUND;
}

static bool
is_port(const char *text)
{
	uint64_t n;

	return ksk_text_uint(text, 1, 65535, &n) == KSK_OK;
}

enum ksk_err
ksk_endpoint_read(const char *address, struct ksk_endpoint *endpoint,
	struct ksk_fault *fault)
{
	const char *colon = strrchr(address, ':');
	const char *host = address;
	size_t len;

	if (colon == NULL || !is_port(colon + 1))
		goto bad;
	len = (size_t)(colon - host);
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	} else if (memchr(host, ':', len) != NULL) {
		goto bad; /* an IPv6 address without brackets */
	}
	if (len == 0 || len >= sizeof(endpoint->host))
		goto bad;
	memcpy(endpoint->host, host, len);
	endpoint->host[len] = '\0';
	(void)snprintf(endpoint->port, sizeof(endpoint->port), "%s", colon + 1);
	(void)snprintf(
		endpoint->address, sizeof(endpoint->address), "%s", address);
	return KSK_OK;
bad:
	ksk_fault_set(
		fault, "%.200s is no HOST:PORT or [ADDRESS]:PORT", address);
	return KSK_ERR_BAD_INPUT;
}

enum ksk_err
ksk_pin_read(
	const char *text, uint8_t out[KSK_PIN_LEN], struct ksk_fault *fault)
{
	uint8_t pin[KSK_PIN_LEN];
	size_t len = 0;

	if (ksk_hex_read(text, strlen(text), pin, sizeof(pin), &len) !=
			KSK_OK ||
		len != sizeof(pin)) {
		ksk_fault_set(fault,
			"a pin is the SHA-256 of a public key, 64 hexadecimal "
			"digits, not %.100s",
			text);
		return KSK_ERR_BAD_INPUT;
	}
	memcpy(out, pin, sizeof(pin));
	return KSK_OK;
}

/* Says where in the file a value is wrong. */
static enum ksk_err
bad_value(const struct ksk_yaml *yaml, struct ksk_fault *fault,
	const char *path, const struct ksk_fault *why)
{
	ksk_yaml_fault(yaml, fault, path, "%s", why->text);
	return KSK_ERR_BAD_INPUT;
}

static enum ksk_err
take_endpoint(const struct ksk_yaml *yaml, const struct yaml_endpoint *from,
	unsigned index, struct ksk_endpoint *to, struct ksk_fault *fault)
{
	struct ksk_fault why = {0};
	char path[60];

	(void)snprintf(path, sizeof(path), "appliances[%u].address", index);
	if (ksk_endpoint_read(from->address, to, &why) != KSK_OK)
		return bad_value(yaml, fault, path, &why);
	for (unsigned i = 0; i < from->pins_count; i++) {
		(void)snprintf(path, sizeof(path),
			"appliances[%u].server-pins[%u]", index, i);
		if (ksk_pin_read(from->pins[i], to->pin[i], &why) != KSK_OK)
			return bad_value(yaml, fault, path, &why);
	}
	to->pin_count = from->pins_count;
	return KSK_OK;
}

static enum ksk_err
take_profile(const struct ksk_yaml *yaml, const struct yaml_profile *from,
	struct ksk_profile *to, struct ksk_fault *fault)
{
	enum ksk_err err = join(to->key, from->key, "", fault);

	if (err == KSK_OK)
		err = join(to->certificate, from->certificate, "", fault);
	for (unsigned i = 0; err == KSK_OK && i < from->appliances_count; i++)
		err = take_endpoint(
			yaml, &from->appliances[i], i, &to->endpoint[i], fault);
	to->endpoint_count = from->appliances_count;
	return err;
}

static enum ksk_err
read_yaml(struct ksk_span text, struct ksk_profile *to, struct ksk_fault *fault)
{
	struct ksk_yaml *yaml = NULL;
	void *data = NULL;
	enum ksk_err err = ksk_yaml_index(text, PROFILE_MAX, &yaml, fault);

	if (err == KSK_OK)
		err = ksk_yaml_load(yaml, &profile_schema, &data, fault);
	if (err == KSK_OK)
		err = take_profile(yaml, data, to, fault);
	if (data != NULL)
		ksk_yaml_release(&profile_schema, &data);
	ksk_yaml_free(&yaml);
	return err;
}

enum ksk_err
ksk_profile_load(const char *path, struct ksk_profile *out_profile,
	struct ksk_fault *fault)
{
	struct ksk_profile profile = {0};
	struct ksk_fault why = {0};
	uint8_t *text = NULL;
	size_t len = 0;
	enum ksk_err err = join(profile.path, path, "", fault);

	if (err != KSK_OK)
		return err;
	err = ksk_file_read(path, PROFILE_MAX, &text, &len, fault);
	if (err != KSK_OK)
		return err;
	err = read_yaml(ksk_span_of(text, len), &profile, &why);
	free(text);
	if (err != KSK_OK) {
		ksk_fault_set(fault, "%s:%s", path, why.text);
		return err;
	}
	*out_profile = profile;
	return KSK_OK;
}

/* A YAML text in double quotes: paths and hosts may hold anything. */
static void
add_quoted(struct ksk_text *text, const char *value)
{
	ksk_text_add(text, "\"");
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			ksk_text_add(text, "\\");
		ksk_text_add(text, "%c", *value);
	}
	ksk_text_add(text, "\"");
}

static void
add_endpoint(struct ksk_text *text, const struct ksk_endpoint *endpoint)
{
	char hex[2 * KSK_PIN_LEN + 1];

	ksk_text_add(text, "  - address: ");
	add_quoted(text, endpoint->address);
	ksk_text_add(text, "\n    server-pins:\n");
	for (unsigned i = 0; i < endpoint->pin_count; i++) {
		ksk_hex_write(ksk_span_of(endpoint->pin[i], KSK_PIN_LEN), hex,
			sizeof(hex));
		ksk_text_add(text, "      - \"%s\"\n", hex);
	}
}

enum ksk_err
ksk_profile_save(const struct ksk_profile *profile, struct ksk_fault *fault)
{
	struct ksk_text text = {0};
	enum ksk_err err = KSK_ERR_NO_MEMORY;

	ksk_text_add(
		&text, "# Written by kskctl enroll; see kskctl(1).\nkey: ");
	add_quoted(&text, profile->key);
	ksk_text_add(&text, "\ncertificate: ");
	add_quoted(&text, profile->certificate);
	ksk_text_add(&text, "\nappliances:\n");
	for (unsigned i = 0; i < profile->endpoint_count; i++)
		add_endpoint(&text, &profile->endpoint[i]);
	if (text.failed)
		ksk_fault_set(fault, "no memory is left");
	else
		err = ksk_file_replace(
			profile->path, text.data, text.len, fault);
	ksk_text_free(&text);
	return err;
}

void
ksk_profile_file(const struct ksk_profile *profile, const char *name,
	char out[2 * KSK_PROFILE_PATH_CAP])
{
	const char *slash = strrchr(profile->path, '/');
	int folder = 0;

	if (name[0] != '/' && slash != NULL)
		folder = (int)(slash - profile->path) + 1;
	(void)snprintf(out, 2 * KSK_PROFILE_PATH_CAP, "%.*s%s", folder,
		profile->path, name);
}
