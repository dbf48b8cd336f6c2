/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather - the keys that a provider offers, by the way that the file of `sync`
 * names: what its servers show, files, what a program prints, or what it
 * announced to the appliance. A text is zone text, or a KSR of Knot or BIND, of
 * which the section of this moment counts.
 * Tests: tests/unit/test_gather.c, tests/providers/test_sync.py
 */
#ifndef KSK_CLIENT_GATHER_H
#define KSK_CLIENT_GATHER_H

#include "client/served.h"
#include "protocol/zonetext.h"

/* What was gathered. Zero it before use. */
struct ksk_gathered {
	bool failed;
	struct ksk_fault why; /* if failed */
	struct ksk_rrset rrset;
	uint8_t *memory; /* owned: ksk_gathered_wipe */
};

/*
 * Gathers from one provider.
 * served: what its servers answer just now; borrowed until return.
 * now: seconds since 1970.
 */
void ksk_gather(const struct ksk_sync_config *config,
	const struct ksk_sync_zone *zone,
	const struct ksk_sync_provider *provider,
	const struct ksk_served_list *served, uint64_t now,
	struct ksk_gathered *out);

/*
 * Gathers what a provider announced, as an appliance tells it; ksk_gather does
 * nothing for such a provider. A record that is not the one of its DS fails.
 */
void ksk_gather_announced(const struct ksk_keys_reply *keys,
	const struct ksk_sync_provider *provider, struct ksk_gathered *out);

/* What a provider shows its keys with. Zero it before use. */
struct ksk_proofs {
	bool failed;
	struct ksk_fault why; /* if failed */
	size_t count;
	struct ksk_zonetext zone[KSK_EVIDENCE_COUNT_MAX]; /* owned */
};

/* Reads the files that the provider's `proofs` names. What was there is freed
 * first. */
void ksk_gather_proofs(const struct ksk_sync_config *config,
	const struct ksk_sync_zone *zone,
	const struct ksk_sync_provider *provider, struct ksk_proofs *out);

/* Accepts a zeroed one; zeroes it. */
void ksk_proofs_wipe(struct ksk_proofs *proofs);

/* Accepts a zeroed one; zeroes it. */
void ksk_gathered_wipe(struct ksk_gathered *gathered);

/*
 * Adds the DNSKEY records of a text to what was gathered.
 * label: where the text is from, for messages. ttl: for records without one.
 * KSK_ERR_BAD_INPUT, KSK_ERR_NO_MEMORY, with fault.
 */
KSK_MUST_USE enum ksk_err ksk_gather_text(const struct ksk_name *owner,
	struct ksk_span text, const char *label, uint64_t now,
	struct ksk_gathered *out, struct ksk_fault *fault);

#endif
