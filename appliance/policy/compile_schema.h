/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compile_schema - the policy file as libcyaml gives it: every scalar a text,
 * NULL where it is missing. A new key of the file is one row in
 * compile_schema.c, one field here, one paragraph in kskd.policy(5). Needed
 * keys are marked KSK_YAML_REQUIRED and NULL only in a text that is already
 * faulty.
 */
#ifndef KSK_POLICY_COMPILE_SCHEMA_H
#define KSK_POLICY_COMPILE_SCHEMA_H

#include "appliance/base/yaml.h"

struct ksk_doc_client {
	char *name;
	char *pin;
	char **may;
	unsigned may_count;
};

struct ksk_doc_signature {
	char *validity;
	char *refresh;
	char *inception_offset;
	char *horizon;
	char *min_validity;
};

struct ksk_doc_waits {
	char *zone_max_ttl;
	char *propagation;
	char *sign_delay;
	char *parent_ds_ttl;
	char *parent_propagation;
};

struct ksk_doc_ksk {
	char *token;
	char *label;
	char *ds;
	char *from;
	char *until;
	char *cds;
	char *revoked;
};

struct ksk_doc_parent {
	char *seen;
	char **ds;
	unsigned ds_count;
};

struct ksk_doc_key {
	char *ds;
	char *retired;
	char *withdrawn;
};

struct ksk_doc_provider {
	char *name;
	char *state;
	char *gone;
	char *source;
	char *certificate;
	struct ksk_doc_key *keys;
	unsigned keys_count;
	char *max_keys;
	char *proof;
};

struct ksk_doc_cosigner {
	char *provider;
	char *role;
	char *ds;
	char *in_parent;
	char *until;
};

struct ksk_doc_delete {
	char *until;
};

struct ksk_doc_zone {
	char *name;
	char **clients;
	unsigned clients_count;
	char *ttl;
	char **sign;
	unsigned sign_count;
	char **algorithms;
	unsigned algorithms_count;
	char *rsa_min_bits;
	char *rate;
	char **tag_pairs;
	unsigned tag_pairs_count;
	char *new_zone;
	char *accept_outage;
	struct ksk_doc_delete *cds_delete;
	struct ksk_doc_signature *signature;
	struct ksk_doc_waits *waits;
	struct ksk_doc_ksk *ksk;
	unsigned ksk_count;
	struct ksk_doc_parent *parent;
	struct ksk_doc_provider *providers;
	unsigned providers_count;
	struct ksk_doc_cosigner *cosigners;
	unsigned cosigners_count;
};

struct ksk_doc {
	char *kind;
	char *appliance;
	char *version;
	char *replaces;
	char *not_after;
	char **lifts;
	unsigned lifts_count;
	struct ksk_doc_client *clients;
	unsigned clients_count;
	struct ksk_doc_zone *zones;
	unsigned zones_count;
};

extern const cyaml_schema_value_t ksk_doc_schema;

#endif
