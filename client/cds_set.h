/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cds_set - what CDS and CDNSKEY must hold (RFC 7344), by what a keys reply
 * says: the KSKs of ours and the co-signers that the parent is to name. None is
 * named before every cache has it. Computes only.
 * Tests: tests/unit/test_cds_set.c
 */
#ifndef KSK_CLIENT_CDS_SET_H
#define KSK_CLIENT_CDS_SET_H

#include "protocol/msg.h"

/* Where the DS RDATA of a set stands; a place for each key of the reply, so
 * that sets of one reply may share it. */
struct ksk_cds_room {
	uint8_t ds[2 * KSK_KSK_COUNT_MAX][KSK_DS_DIGEST_MAX + 4];
};

/*
 * Builds the set that begins at a moment.
 * type: KSK_TYPE_CDS or KSK_TYPE_CDNSKEY. dnskey: the DNSKEY RRset beside it,
 * in which co-signers' keys stand. start: the set's inception, 0 for now; now:
 * seconds since 1970. out_rrset: canonical, borrows from keys, dnskey and
 * room; without records if nobody is to be named; undefined after failure.
 * KSK_ERR_AGAIN: the parent may not have the DS of a KSK yet;
 * KSK_ERR_NOT_FOUND: a co-signer's key does not stand in dnskey;
 * KSK_ERR_TOO_LARGE: too many records; with fault.
 */
KSK_MUST_USE enum ksk_err ksk_cds_set_build(const struct ksk_keys_reply *keys,
	uint16_t type, const struct ksk_rrset *dnskey, uint64_t start,
	uint64_t now, struct ksk_cds_room *room, struct ksk_rrset *out_rrset,
	struct ksk_fault *fault);

/* Returns true if the zone is to have a set of this type: the policy lets it be
 * signed and wants a KSK, or a co-signer, at the parent. */
bool ksk_cds_set_is_wanted(
	const struct ksk_keys_reply *keys, uint16_t type, uint64_t now);

/* Returns true if a co-signer's key must no longer stand. */
bool ksk_cosigner_is_over(
	const struct ksk_cosigner_entry *cosigner, uint64_t now);

#endif
