/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table - a policy as a flat table: what kskd-policy makes of the text, in one
 * sealed memfd that the signer maps read only. Every offset, count, index and
 * text is checked once, by ksk_table_open; afterwards accessors can't fail.
 * Same machine, same build: structs are stored as they are.
 * Tests: tests/unit/test_table.c
 */
#ifndef KSK_POLICY_TABLE_H
#define KSK_POLICY_TABLE_H

#include "protocol/dnskey.h"

/* rights of a client, `may:` */
#define KSK_MAY_READ 1u
#define KSK_MAY_SIGN 2u
#define KSK_MAY_SUBMIT 4u
#define KSK_MAY_JOURNAL 8u
#define KSK_MAY_ANNOUNCE 16u

/* bits of zone.types */
#define KSK_SIGNS_DNSKEY 1u
#define KSK_SIGNS_CDS 2u
#define KSK_SIGNS_CDNSKEY 4u

#define KSK_NEVER UINT64_MAX /* a moment that does not come */

enum ksk_provider_state {
	KSK_PROVIDER_JOINING = 0,
	KSK_PROVIDER_SERVING = 1,
	KSK_PROVIDER_LEAVING = 2,
};

enum ksk_proof { KSK_PROOF_NONE = 0, KSK_PROOF_ONE = 1, KSK_PROOF_ALL = 2 };

/* A run of entries in one of the table's arrays. */
struct ksk_run {
	uint32_t first;
	uint32_t count;
};

struct ksk_client {
	uint8_t pin[KSK_PIN_LEN];
	uint32_t may;
	char name[KSK_LABEL_CAP];
};

/* All times are seconds since 1970, all durations seconds. */
struct ksk_policy_ksk {
	struct ksk_ds ds;
	uint64_t from;
	uint64_t until;  /* KSK_NEVER if not stated */
	uint8_t cds;     /* bool: named in CDS/CDNSKEY */
	uint8_t revoked; /* bool: stands with REVOKE set */
	char token[KSK_LABEL_CAP];
	char label[KSK_LABEL_CAP];
};

struct ksk_policy_key {
	struct ksk_ds ds;
	uint64_t retired;  /* KSK_NEVER if not stated */
	uint8_t withdrawn; /* bool */
	/* enum ksk_announced_key; in a table 0, for its keys are pinned */
	uint8_t announced;
};

struct ksk_policy_provider {
	char name[KSK_LABEL_CAP];
	uint8_t state;       /* enum ksk_provider_state */
	uint8_t announced;   /* bool: source announced */
	uint8_t proof;       /* enum ksk_proof */
	uint8_t max_keys;    /* ZSKs of each algorithm */
	uint64_t gone;       /* KSK_NEVER if not stated */
	struct ksk_run keys; /* of table.keys */
	/* announced: whose signature over an announcement counts, the pin of
	 * its certificate's key; else zeroes */
	uint8_t announcer[KSK_PIN_LEN];
};

/* Model 2 partner: its key stands in the set, it signs elsewhere. */
struct ksk_policy_cosigner {
	char provider[KSK_LABEL_CAP];
	struct ksk_ds ds;
	uint8_t csk;       /* bool: counts as its provider's ZSK */
	uint8_t in_parent; /* bool: its DS is at the parent */
	uint64_t until;    /* KSK_NEVER if not stated */
};

struct ksk_zone {
	struct ksk_run name; /* of table.pool: wire form */
	uint32_t ttl;
	uint32_t types; /* KSK_SIGNS_… */
	uint64_t validity, refresh, inception_offset, horizon, min_validity;
	uint64_t zone_max_ttl, propagation, sign_delay;
	uint64_t parent_ds_ttl, parent_propagation;
	uint64_t parent_seen;      /* 0 with no parent-ds */
	uint64_t cds_delete_until; /* 0: delete form not allowed */
	uint32_t rate_count;       /* at most so many answers … */
	uint64_t rate_per;         /* … in so many seconds, per client */
	uint8_t has_parent;        /* bool: parent-ds is stated */
	uint8_t new_zone;          /* bool */
	uint8_t accept_outage;     /* bool */
	uint16_t rsa_min_bits;     /* of ZSKs; default 2048 */
	uint32_t algorithms;       /* bit n: algorithm n may be used */
	struct ksk_run clients;    /* of table.zone_clients */
	struct ksk_run ksks;       /* of table.ksks */
	struct ksk_run parent_ds;  /* of table.ds */
	struct ksk_run providers;  /* of table.providers */
	struct ksk_run cosigners;  /* of table.cosigners */
	struct ksk_run tag_pairs;  /* of table.tag_pairs */
};

/* Two keys with one tag and algorithm that the policy lets pass. */
struct ksk_tag_pair {
	uint16_t tag;
	uint8_t algorithm;
};

/* An open table. All pointers borrow from the mapping. */
struct ksk_table {
	const void *map;
	size_t map_len;
	uint64_t version;
	uint8_t appliance[KSK_ID_LEN];
	uint8_t hash[KSK_HASH_LEN]; /* SHA-256 of the policy's text */
	/* What a signed policy is bound to (approve.h); a file need not say. */
	bool has_replaces;
	uint8_t replaces[KSK_HASH_LEN]; /* zeroes: nothing */
	uint64_t not_after;             /* KSK_NEVER if not stated */
	/* Withdrawals that it ends: hashes of their texts, KSK_HASH_LEN each. */
	const uint8_t *lifts;
	size_t lift_count;
	const struct ksk_client *clients;
	size_t client_count;
	const struct ksk_zone *zones;
	size_t zone_count;
	const uint32_t *zone_clients;
	size_t zone_client_count;
	const struct ksk_policy_ksk *ksks;
	size_t ksk_count;
	const struct ksk_ds *ds;
	size_t ds_count;
	const struct ksk_policy_provider *providers;
	size_t provider_count;
	const struct ksk_policy_key *keys;
	size_t key_count;
	const struct ksk_policy_cosigner *cosigners;
	size_t cosigner_count;
	const struct ksk_tag_pair *tag_pairs;
	size_t tag_pair_count;
	const uint8_t *pool;
	size_t pool_len;
};

/*
 * Checks a whole table in memory and gives a view of it.
 * bytes: borrowed for as long as out_table is in use, 8-byte aligned.
 * KSK_ERR_MALFORMED with fault: the first thing that is out of bounds, out of
 * order or out of range. out_table unchanged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_table_open(struct ksk_span bytes,
	struct ksk_table *out_table, struct ksk_fault *fault);

/*
 * Maps a sealed memfd (F_SEAL_WRITE, SHRINK and GROW are demanded) and opens
 * it. fd: borrowed. KSK_ERR_IO, KSK_ERR_MALFORMED with fault.
 */
KSK_MUST_USE enum ksk_err ksk_table_map(
	int fd, struct ksk_table *out_table, struct ksk_fault *fault);

/* Where a check of a table's entries stands. Zero it to begin. */
struct ksk_table_checker {
	unsigned kind; /* of entries */
	size_t entry;  /* of this kind, the next one */
};

/*
 * ksk_table_map in parts, for a process that has other things to do: maps the
 * memory; no function but ksk_table_check_some and ksk_table_unmap may be given
 * the table before the former has said KSK_OK. Errors as ksk_table_map.
 */
KSK_MUST_USE enum ksk_err ksk_table_map_unchecked(
	int fd, struct ksk_table *out_table, struct ksk_fault *fault);

/*
 * Checks the next entries of a table.
 * count: at most so many. KSK_OK: all are good. KSK_ERR_AGAIN: there are more.
 * KSK_ERR_MALFORMED with fault.
 */
KSK_MUST_USE enum ksk_err ksk_table_check_some(const struct ksk_table *table,
	struct ksk_table_checker *at, size_t count, struct ksk_fault *fault);

/* Unmaps a mapped table and zeroes the view; accepts a zeroed view. */
void ksk_table_unmap(struct ksk_table *table);

/* Each returns a borrowed entry or NULL. Zones are sorted: O(log n). */
const struct ksk_zone *ksk_table_zone_find(
	const struct ksk_table *table, const struct ksk_name *name);
const struct ksk_client *ksk_table_client_find(
	const struct ksk_table *table, const uint8_t pin[KSK_PIN_LEN]);

/* Returns true if the client is listed for the zone. */
bool ksk_table_zone_has_client(const struct ksk_table *table,
	const struct ksk_zone *zone, const struct ksk_client *client);

/* Writes the zone's name. */
void ksk_table_zone_name(const struct ksk_table *table,
	const struct ksk_zone *zone, struct ksk_name *out_name);

#endif
