/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rrset - one RRset in canonical form (RFC 4034 6.3): owner in lower case,
 * RDATA sorted as octet strings, no duplicates.
 * Tests: tests/unit/test_rrset.c
 */
#ifndef KSK_PROTOCOL_RRSET_H
#define KSK_PROTOCOL_RRSET_H

#include "protocol/name.h"

#define KSK_TYPE_SOA 6u
#define KSK_TYPE_DS 43u
#define KSK_TYPE_RRSIG 46u
#define KSK_TYPE_DNSKEY 48u
#define KSK_TYPE_CDS 59u
#define KSK_TYPE_CDNSKEY 60u

/* RFC 2181 8 */
#define KSK_TTL_MAX 2147483647u

struct ksk_rrset {
	struct ksk_name owner;
	uint16_t type;
	uint32_t ttl;                               /* seconds */
	size_t count;                               /* 1..KSK_RDATA_COUNT_MAX */
	struct ksk_span rdata[KSK_RDATA_COUNT_MAX]; /* borrowed */
};

/* Returns <0, 0, >0 in the order of RFC 4034 6.3. */
int ksk_rdata_compare(struct ksk_span a, struct ksk_span b);

/* Returns true if the RDATA are in canonical order without duplicates. */
bool ksk_rrset_is_canonical(const struct ksk_rrset *rrset);

/* Sorts the RDATA and drops duplicates. */
void ksk_rrset_sort(struct ksk_rrset *rrset);

/* Returns true if the set holds exactly this RDATA. */
bool ksk_rrset_has(const struct ksk_rrset *rrset, struct ksk_span rdata);

/* Returns "DNSKEY", "CDS", "CDNSKEY", "SOA", … or "TYPEn" (static or in
 * buf). */
const char *ksk_type_text(uint16_t type, char buf[10]);

#endif
