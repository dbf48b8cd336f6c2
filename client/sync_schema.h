/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync_schema - the file of `sync` as libcyaml reads it: all scalars are texts,
 * which sync_config.c gives a meaning. Only for sync_config.c.
 */
#ifndef KSK_CLIENT_SYNC_SCHEMA_H
#define KSK_CLIENT_SYNC_SCHEMA_H

#include "appliance/base/yaml.h"

struct ksk_sync_doc_gather {
	char *by;
	char **files;
	unsigned files_count;
	char **command;
	unsigned command_count;
	char **proofs;
	unsigned proofs_count;
};

struct ksk_sync_doc_deliver {
	char *by;
	char *server;
	char *tsig;
	char **keymgr;
	unsigned keymgr_count;
	char **knotc;
	unsigned knotc_count;
	char *skr;
	char *dnskey;
	char *rrsig;
	char **command;
	unsigned command_count;
};

struct ksk_sync_doc_provider {
	char *name;
	char **servers;
	unsigned servers_count;
	char *own_ksk;
	char *tsig;
	struct ksk_sync_doc_gather *gather;
	struct ksk_sync_doc_deliver *deliver;
};

struct ksk_sync_doc_zone {
	char *name;
	char **providers;
	unsigned providers_count;
	char *refresh;
	char **parent;
	unsigned parent_count;
};

struct ksk_sync_doc {
	char *profile;
	char *journal;
	char *timeout;
	char *command_timeout;
	char *settle;
	struct ksk_sync_doc_provider *providers;
	unsigned providers_count;
	struct ksk_sync_doc_zone *zones;
	unsigned zones_count;
};

extern const cyaml_schema_value_t ksk_sync_schema;

#endif
