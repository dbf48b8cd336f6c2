/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_schema - the keys of kskd.yaml as data. Lengths are those of struct
 * ksk_config; what a text means is judged in config_check.c.
 */
#include "appliance/base/config_schema.h"

#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define NEEDED CYAML_FLAG_POINTER
#define PATH_MAX_LEN (KSK_PATH_CAP - 1)
#define LABEL_MAX_LEN (KSK_LABEL_CAP - 1)
#define NUMBER_MAX_LEN 32

#define TEXT(key, flags, type, field, max) \
	CYAML_FIELD_STRING_PTR(key, flags, type, field, 0, max)

static const cyaml_schema_field_t tls_fields[] = {
	TEXT("key", OPTIONAL, struct ksk_config_text_tls, key, PATH_MAX_LEN),
	TEXT("certificate", OPTIONAL, struct ksk_config_text_tls, certificate,
		PATH_MAX_LEN),
	CYAML_FIELD_END,
};

#define USER(key) \
	TEXT(#key, OPTIONAL, struct ksk_config_text_users, key, LABEL_MAX_LEN)

static const cyaml_schema_field_t users_fields[] = {
	USER(frontend),
	USER(signer),
	USER(token),
	USER(policy),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t authority_fields[] = {
	TEXT("mode", OPTIONAL, struct ksk_config_text_authority, mode,
		LABEL_MAX_LEN),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t clock_fields[] = {
	TEXT("synchronised", OPTIONAL, struct ksk_config_text_clock,
		synchronised, NUMBER_MAX_LEN),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t journal_fields[] = {
	TEXT("path", OPTIONAL, struct ksk_config_text_journal, path,
		PATH_MAX_LEN),
	TEXT("reserve", OPTIONAL, struct ksk_config_text_journal, reserve,
		NUMBER_MAX_LEN),
	CYAML_FIELD_END,
};

#define LIMIT(key, field) \
	TEXT(key, OPTIONAL, struct ksk_config_text_limits, field, \
		NUMBER_MAX_LEN)

static const cyaml_schema_field_t limits_fields[] = {
	LIMIT("connections", connections),
	LIMIT("connections-per-address", connections_per_address),
	LIMIT("handshake", handshake),
	LIMIT("idle", idle),
	LIMIT("frame", frame),
	LIMIT("job", job),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t pin_fields[] = {
	TEXT("file", OPTIONAL, struct ksk_config_text_pin, file, PATH_MAX_LEN),
	TEXT("credential", OPTIONAL, struct ksk_config_text_pin, credential,
		PATH_MAX_LEN),
	TEXT("prompt", OPTIONAL, struct ksk_config_text_pin, prompt,
		NUMBER_MAX_LEN),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t path_fields[] = {
	TEXT("path", NEEDED, struct ksk_config_text_path, path, PATH_MAX_LEN),
	TEXT("access", NEEDED, struct ksk_config_text_path, access,
		NUMBER_MAX_LEN),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t path_entry = {
	CYAML_VALUE_MAPPING(
		CYAML_FLAG_DEFAULT, struct ksk_config_text_path, path_fields),
};

static const cyaml_schema_value_t environment_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, PATH_MAX_LEN),
};

#define TOKEN_TEXT(key, flags, max) \
	TEXT(#key, flags, struct ksk_config_text_token, key, max)

static const cyaml_schema_field_t token_fields[] = {
	TOKEN_TEXT(name, NEEDED, LABEL_MAX_LEN),
	TOKEN_TEXT(module, NEEDED, PATH_MAX_LEN),
	TOKEN_TEXT(sha256, OPTIONAL, PATH_MAX_LEN),
	TOKEN_TEXT(uri, NEEDED, PATH_MAX_LEN),
	CYAML_FIELD_MAPPING_PTR("pin", CYAML_FLAG_POINTER | KSK_YAML_HIDDEN,
		struct ksk_config_text_token, pin, pin_fields),
	TOKEN_TEXT(workers, OPTIONAL, NUMBER_MAX_LEN),
	TOKEN_TEXT(network, OPTIONAL, NUMBER_MAX_LEN),
	TOKEN_TEXT(anchor, OPTIONAL, NUMBER_MAX_LEN),
	TOKEN_TEXT(init, OPTIONAL, PATH_MAX_LEN),
	CYAML_FIELD_SEQUENCE("environment", OPTIONAL,
		struct ksk_config_text_token, environment, &environment_entry,
		0, KSK_ENVIRONMENT_MAX),
	CYAML_FIELD_SEQUENCE("paths", OPTIONAL, struct ksk_config_text_token,
		paths, &path_entry, 0, KSK_MODULE_PATHS_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t token_entry = {
	CYAML_VALUE_MAPPING(
		CYAML_FLAG_DEFAULT, struct ksk_config_text_token, token_fields),
};

#define TOP_TEXT(key, flags, max) \
	TEXT(#key, flags, struct ksk_config_text, key, max)
#define TOP_PART(key, fields) \
	CYAML_FIELD_MAPPING_PTR( \
		#key, OPTIONAL, struct ksk_config_text, key, fields)

static const cyaml_schema_field_t top_fields[] = {
	TOP_TEXT(listen, NEEDED, LABEL_MAX_LEN),
	TOP_TEXT(state, OPTIONAL, PATH_MAX_LEN),
	TOP_TEXT(policy, OPTIONAL, PATH_MAX_LEN),
	TOP_TEXT(keymap, OPTIONAL, PATH_MAX_LEN),
	TOP_TEXT(accept, OPTIONAL, PATH_MAX_LEN),
	TOP_PART(tls, tls_fields),
	TOP_PART(users, users_fields),
	TOP_PART(authority, authority_fields),
	CYAML_FIELD_SEQUENCE("bootstrap-clients", OPTIONAL,
		struct ksk_config_text, bootstrap, &environment_entry, 0,
		KSK_BOOTSTRAP_MAX),
	TOP_PART(journal, journal_fields),
	TOP_PART(clock, clock_fields),
	TOP_PART(limits, limits_fields),
	CYAML_FIELD_SEQUENCE("tokens", CYAML_FLAG_POINTER,
		struct ksk_config_text, tokens, &token_entry, 1, KSK_TOKEN_MAX),
	CYAML_FIELD_END,
};

const cyaml_schema_value_t ksk_config_schema = {
	CYAML_VALUE_MAPPING(
		CYAML_FLAG_POINTER, struct ksk_config_text, top_fields),
};
