/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync_config - the file that `sync` and `check` work from: which providers
 * serve which zones, where each provider's servers are, how its ZSKs are
 * gathered and how the signed RRset is delivered to it. kskctl-sync(5) is its
 * description. Every error names line and column.
 * Tests: tests/unit/test_sync_config.c
 */
#ifndef KSK_CLIENT_SYNC_CONFIG_H
#define KSK_CLIENT_SYNC_CONFIG_H

#include "client/profile.h"
#include "client/silent.h"
#include "client/tsig.h"
#include "protocol/name.h"
#include "protocol/span.h"

#define KSK_SYNC_PROVIDER_MAX 64u /* of the file */
#define KSK_SYNC_ZONE_MAX 10000u
#define KSK_SYNC_MEMBER_MAX 16u /* of one zone */
#define KSK_SYNC_SERVER_MAX 8u
#define KSK_SYNC_FILE_MAX 8u
#define KSK_SYNC_WORD_MAX 24u

enum ksk_gather_by {
	KSK_GATHER_DNS,       /* what the servers show */
	KSK_GATHER_KEYS,      /* files of DNSKEY records */
	KSK_GATHER_EXEC,      /* a program prints them */
	KSK_GATHER_ANNOUNCED, /* the appliance tells what was announced */
};

enum ksk_deliver_by {
	KSK_DELIVER_UPDATE, /* RFC 2136, with TSIG */
	KSK_DELIVER_KNOT,   /* an SKR, by keymgr and knotc */
	KSK_DELIVER_FILES,  /* two fragments of a zone file, then a program */
	KSK_DELIVER_EXEC,   /* a program that is fed with JSON */
	KSK_DELIVER_NONE,   /* somebody else does it: only looked at */
};

/* A list of texts, borrowed from the file's. */
struct ksk_sync_list {
	char **word;
	unsigned count;
};

struct ksk_sync_provider {
	const char *name; /* the policy's */
	unsigned server_count;
	struct ksk_endpoint server[KSK_SYNC_SERVER_MAX];
	bool own_ksk; /* it signs DNSKEY itself, as a co-signer */
	bool has_tsig;
	struct ksk_tsig tsig; /* for questions */
	enum ksk_gather_by gather;
	struct ksk_sync_list gather_files;
	struct ksk_sync_list gather_command;
	struct ksk_sync_list proof_files; /* RRSIGs by new ZSKs */
	enum ksk_deliver_by deliver;
	struct ksk_endpoint primary; /* KSK_DELIVER_UPDATE */
	struct ksk_tsig update_tsig; /* KSK_DELIVER_UPDATE */
	struct ksk_sync_list keymgr; /* KSK_DELIVER_KNOT */
	struct ksk_sync_list knotc;  /* KSK_DELIVER_KNOT */
	const char *skr_path;        /* KSK_DELIVER_KNOT */
	const char *dnskey_path;     /* KSK_DELIVER_FILES */
	const char *rrsig_path;      /* KSK_DELIVER_FILES */
	struct ksk_sync_list deliver_command;
};

struct ksk_sync_zone {
	struct ksk_name owner;
	char text[KSK_NAME_TEXT_CAP];
	bool has_refresh;
	uint64_t refresh; /* seconds: sign again when less is left */
	unsigned count;
	unsigned provider[KSK_SYNC_MEMBER_MAX]; /* indices */
	unsigned parent_count;
	struct ksk_endpoint parent[KSK_SYNC_SERVER_MAX];
};

struct ksk_sync_config {
	char path[KSK_PROFILE_PATH_CAP];
	char folder[KSK_PROFILE_PATH_CAP]; /* of the file, absolute */
	const char *profile;               /* NULL: as --config says */
	const char *journal;               /* an export; NULL: none */
	unsigned timeout_ms;               /* of a server */
	unsigned command_ms;               /* of a program */
	unsigned settle_ms;                /* until a delivery shows */
	unsigned provider_count;
	struct ksk_sync_provider *provider;
	unsigned zone_count;
	struct ksk_sync_zone *zone;
	void *doc;                 /* owns the texts */
	struct ksk_silent *silent; /* of the run: set by the verb, borrowed */
};

/*
 * Reads the file and the TSIG keys that it names.
 * out_config: owned, ksk_sync_config_free; unchanged on failure.
 * KSK_ERR_NOT_FOUND, KSK_ERR_IO, KSK_ERR_PERMISSION, KSK_ERR_BAD_INPUT,
 * KSK_ERR_NO_MEMORY, with fault.
 */
KSK_MUST_USE enum ksk_err ksk_sync_config_load(const char *path,
	struct ksk_sync_config **out_config, struct ksk_fault *fault);

/* Wipes and frees; accepts a pointer to NULL, sets to NULL. */
void ksk_sync_config_free(struct ksk_sync_config **config);

/*
 * Fills in %z, the zone's name with its final dot, and %n, the name without;
 * %% is a per cent sign. out: owned, free().
 * KSK_ERR_BAD_INPUT with fault: another letter behind %. KSK_ERR_NO_MEMORY.
 */
KSK_MUST_USE enum ksk_err ksk_sync_fill(const char *text, const char *zone,
	char **out, struct ksk_fault *fault);

/* As ksk_sync_fill for a path, which is relative to the file's folder. A zone
 * whose name has a slash can't be part of it: KSK_ERR_BAD_INPUT. */
KSK_MUST_USE enum ksk_err ksk_sync_path(const struct ksk_sync_config *config,
	const char *text, const char *zone, char **out,
	struct ksk_fault *fault);

#endif
