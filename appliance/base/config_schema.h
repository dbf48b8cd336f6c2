/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_schema - kskd.yaml as libcyaml maps it: texts only, NULL where a key
 * is absent. A new option is one field here, one row in config_schema.c, one
 * step in config_check.c and one paragraph in kskd.yaml(5).
 * Tests: tests/unit/test_config.c
 */
#ifndef KSK_BASE_CONFIG_SCHEMA_H
#define KSK_BASE_CONFIG_SCHEMA_H

#include "appliance/base/config.h"
#include "appliance/base/yaml.h"

struct ksk_config_text_tls {
	char *key;
	char *certificate;
};

struct ksk_config_text_users {
	char *frontend;
	char *signer;
	char *token;
	char *policy;
};

struct ksk_config_text_authority {
	char *mode;
};

struct ksk_config_text_clock {
	char *synchronised;
};

struct ksk_config_text_journal {
	char *path;
	char *reserve;
};

struct ksk_config_text_limits {
	char *connections;
	char *connections_per_address;
	char *handshake;
	char *idle;
	char *frame;
	char *job;
};

struct ksk_config_text_pin {
	char *file;
	char *credential;
	char *prompt;
};

struct ksk_config_text_path {
	char *path;
	char *access;
};

struct ksk_config_text_token {
	char *name;
	char *module;
	char *sha256;
	char *uri;
	struct ksk_config_text_pin *pin;
	char *workers;
	char *network;
	char *anchor;
	char *init;
	char **environment;
	unsigned environment_count;
	struct ksk_config_text_path *paths;
	unsigned paths_count;
};

struct ksk_config_text {
	char *listen;
	char *state;
	char *policy;
	char *keymap;
	char *accept;
	struct ksk_config_text_tls *tls;
	struct ksk_config_text_users *users;
	struct ksk_config_text_authority *authority;
	char **bootstrap;
	unsigned bootstrap_count;
	struct ksk_config_text_journal *journal;
	struct ksk_config_text_clock *clock;
	struct ksk_config_text_limits *limits;
	struct ksk_config_text_token *tokens;
	unsigned tokens_count;
};

extern const cyaml_schema_value_t ksk_config_schema;

/* Where a fault is to be set, and the text's index. */
struct ksk_config_reader {
	const struct ksk_yaml *yaml;
	struct ksk_fault *fault;
};

/*
 * Gives meaning to a mapped text: defaults, ranges, users, paths.
 * out_config: file is left alone; undefined after failure.
 * KSK_ERR_BAD_INPUT with fault "line L, column C: key: …".
 */
KSK_MUST_USE enum ksk_err ksk_config_check(const struct ksk_config_reader *r,
	const struct ksk_config_text *text, struct ksk_config *out_config);

/* The part for one token; index: its place in `tokens`. */
KSK_MUST_USE enum ksk_err ksk_config_check_token(
	const struct ksk_config_reader *r,
	const struct ksk_config_text_token *text, unsigned index,
	struct ksk_config_token *out_token);

/* Copies an absolute path without "." or ".." parts. key: of the fault. */
KSK_MUST_USE enum ksk_err ksk_config_path(const struct ksk_config_reader *r,
	const char *key, const char *text, char out[KSK_PATH_CAP]);

#endif
