/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signed - a signed RRset that owns its bytes: what `sync` delivers and `check`
 * compares with. A zone has up to three: DNSKEY, CDS, CDNSKEY.
 * Tests: tests/unit/test_served.c
 */
#ifndef KSK_CLIENT_SIGNED_H
#define KSK_CLIENT_SIGNED_H

#include "protocol/msg.h"

/* Places in a list of signed sets. */
enum { KSK_AT_DNSKEY, KSK_AT_CDS, KSK_AT_CDNSKEY, KSK_SIGNED_COUNT };

/* The type at a place. */
uint16_t ksk_signed_type(unsigned at);

struct ksk_signed {
	bool there; /* false: the zone must not have this set */
	bool fresh; /* this run had it signed */
	struct ksk_rrset rrset;
	size_t rrsig_count;
	struct ksk_span rrsig[KSK_RRSIG_COUNT_MAX];
	struct ksk_window window;
	uint64_t record; /* of the journal, that holds it … */
	uint8_t record_hash[KSK_HASH_LEN]; /* … and its chain hash */
	uint8_t *memory;                   /* owned: ksk_signed_wipe */
};

/*
 * Copies a set with its RRSIGs. window, record and record_hash are the caller's
 * to set.
 * signed_set: emptied first. KSK_ERR_NO_MEMORY: it is empty then.
 */
KSK_MUST_USE enum ksk_err ksk_signed_copy(const struct ksk_rrset *rrset,
	const struct ksk_span *rrsig, size_t rrsig_count,
	struct ksk_signed *signed_set);

void ksk_signed_wipe(struct ksk_signed *signed_set);

/*
 * Returns true if an RRSIG is by a key of a signed DNSKEY RRset that is none of
 * the keys which signed that here: a provider's ZSK (BIND signs DNSKEY with its
 * own too), or the KSK of a co-signer. It stands beside ours by right.
 */
bool ksk_signed_by_another(
	const struct ksk_signed *dnskey, struct ksk_span rrsig);

/* Returns true if both are the same set: owner, type, TTL and records. */
bool ksk_rrsets_equal(const struct ksk_rrset *a, const struct ksk_rrset *b);

#endif
