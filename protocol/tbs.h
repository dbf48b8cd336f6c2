/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tbs - RRSIG RDATA and the bytes that an RRSIG signs (RFC 4034 3.1.8.1). The
 * only place that builds them: the token's worker signs what this builds, the
 * signer and the client verify what this builds.
 * Tests: tests/unit/test_tbs.c
 */
#ifndef KSK_PROTOCOL_TBS_H
#define KSK_PROTOCOL_TBS_H

#include "protocol/rrset.h"

/* Seconds since 1970, 64 bits: RRSIG fields are their lower 32 bits
 * (RFC 4034 3.1.5). */
struct ksk_window {
	uint64_t inception;
	uint64_t expiration;
};

struct ksk_rrsig {
	uint16_t type; /* type covered */
	uint8_t algorithm;
	uint8_t labels;
	uint32_t ttl; /* original TTL */
	uint32_t expiration;
	uint32_t inception;
	uint16_t tag;
	struct ksk_name signer;
	struct ksk_span signature; /* borrowed; empty before signing */
};

/* Fills an RRSIG for an RRset at the zone's apex: signer = owner. */
void ksk_rrsig_prepare(const struct ksk_rrset *rrset, struct ksk_window window,
	uint8_t algorithm, uint16_t tag, struct ksk_rrsig *out_rrsig);

/* Reads RRSIG RDATA. KSK_ERR_MALFORMED: cut off, bad name, empty signature.
 * out_rrsig: unchanged on failure; signature borrows from rdata. */
KSK_MUST_USE enum ksk_err ksk_rrsig_read(
	struct ksk_span rdata, struct ksk_rrsig *out_rrsig);

/* Appends RRSIG RDATA, signature included. KSK_ERR_NO_ROOM. */
KSK_MUST_USE enum ksk_err ksk_rrsig_write(
	const struct ksk_rrsig *rrsig, struct ksk_buf *out);

/*
 * Appends the bytes to be signed: RRSIG RDATA without the signature, then
 * each record with the original TTL. out: room for KSK_TBS_MAX bytes always
 * suffices. KSK_ERR_NO_ROOM; KSK_ERR_MALFORMED: type, owner label count or TTL
 * of rrset and rrsig disagree, or the set is not canonical.
 */
KSK_MUST_USE enum ksk_err ksk_tbs_build(const struct ksk_rrset *rrset,
	const struct ksk_rrsig *rrsig, struct ksk_buf *out);

#endif
