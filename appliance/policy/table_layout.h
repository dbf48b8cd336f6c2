/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table_layout - the bytes of a table: a head, then one section per array, in
 * this order, each starting at the next multiple of 8 behind the one before,
 * the last one ending the table. Written by compile_table.c, read by table.c;
 * nobody else includes it.
 */
#ifndef KSK_POLICY_TABLE_LAYOUT_H
#define KSK_POLICY_TABLE_LAYOUT_H

#include "appliance/policy/table.h"
#include "protocol/msg.h"

#define KSK_TABLE_MAGIC "kskpol1" /* 8 bytes with the zero */

enum ksk_table_section {
	KSK_SECTION_CLIENTS,
	KSK_SECTION_ZONES,
	KSK_SECTION_ZONE_CLIENTS,
	KSK_SECTION_KSKS,
	KSK_SECTION_DS,
	KSK_SECTION_PROVIDERS,
	KSK_SECTION_KEYS,
	KSK_SECTION_COSIGNERS,
	KSK_SECTION_TAG_PAIRS,
	KSK_SECTION_LIFTS,
	KSK_SECTION_POOL,
	KSK_SECTION_COUNT,
};

/* size: of one entry, so that a table of another build is noticed. */
struct ksk_table_part {
	uint64_t offset;
	uint64_t count;
	uint64_t size;
};

struct ksk_table_head {
	char magic[8];
	uint64_t total_len;
	uint64_t version;
	uint8_t appliance[KSK_ID_LEN];
	uint8_t hash[KSK_HASH_LEN];
	uint64_t has_replaces; /* 0, 1 */
	uint8_t replaces[KSK_HASH_LEN];
	uint64_t not_after;
	struct ksk_table_part part[KSK_SECTION_COUNT];
};

/* Bounds that the compiler keeps and the reader checks. Replies must hold
 * what a zone has (msg.h). */
#define KSK_ZONE_COUNT_MAX 1000000u
#define KSK_ZONE_CLIENT_MAX 64u
#define KSK_TAG_PAIR_MAX 16u
#define KSK_DURATION_MAX (36500ull * 86400ull)
#define KSK_TIME_MAX 253402300799ull /* 9999-12-31T23:59:59Z */
#define KSK_RATE_MAX 1000000u

/* Algorithms that can be allowed at all: RFC 9904, 9905. Bit n: algorithm
 * n. */
#define KSK_ALGORITHMS_KNOWN \
	((1u << 8) | (1u << 10) | (1u << 13) | (1u << 14) | (1u << 15) | \
		(1u << 16))
#define KSK_ALGORITHMS_DEFAULT ((1u << 8) | (1u << 13) | (1u << 15))

/* Returns the size of one entry of a section. */
size_t ksk_table_entry_size(enum ksk_table_section section);

#endif
