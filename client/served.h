/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * served - what each address of a provider's servers answers over TCP, and
 * where that differs from what it must be. That a server took something
 * (NOERROR, exit status 0) proves nothing: only what it serves counts.
 * Tests: tests/unit/test_served.c, tests/providers/
 */
#ifndef KSK_CLIENT_SERVED_H
#define KSK_CLIENT_SERVED_H

#include "client/dns.h"
#include "client/signed.h"
#include "client/sync_config.h"

#include <jansson.h>

/* Behind the signed sets: whose ZSK is active shows in the SOA's RRSIG. */
#define KSK_AT_SOA KSK_SIGNED_COUNT
#define KSK_SERVED_COUNT (KSK_SIGNED_COUNT + 1)

/* Addresses of one provider. */
#define KSK_SERVED_MAX (KSK_SYNC_SERVER_MAX * KSK_DNS_ADDRESS_MAX)

/* What one address answers. */
struct ksk_served {
	char address[sizeof(((struct ksk_endpoint *)0)->address)];
	bool reached;         /* all questions were answered */
	bool skipped;         /* not asked: it was silent before in this run */
	struct ksk_fault why; /* unless reached */
	struct ksk_dns_answer answer[KSK_SERVED_COUNT];
};

/* All addresses of one provider. Zero it before use. */
struct ksk_served_list {
	size_t count;
	struct ksk_served *list; /* owned: ksk_served_free */
};

/*
 * Asks every address of every server of a provider, each once whatever its
 * names are. What was there is freed first. One that can't be reached is in the list with the reason.
 * KSK_ERR_NO_MEMORY.
 */
KSK_MUST_USE enum ksk_err ksk_served_ask(const struct ksk_sync_config *config,
	const struct ksk_sync_provider *provider, const struct ksk_name *owner,
	struct ksk_served_list *served);

void ksk_served_free(struct ksk_served_list *served);

/*
 * Compares what an address serves with what must be served.
 * want: KSK_SIGNED_COUNT sets; one that is not there must not be served.
 * own_ksk: the provider signs these sets itself (RFC 8901 2.1.2): our KSKs and
 * our RRSIGs may be missing, an RRSIG by a key of its own must be there, and
 * the TTL may be lower.
 * faults: a list of texts, appended to.
 * Returns true if all is as it must be. An RRSIG beside ours is right if
 * ksk_signed_by_another says so.
 */
bool ksk_served_compare(const struct ksk_served *served,
	const struct ksk_signed *want, bool own_ksk, json_t *faults);

/* A key that signs zone data, as an RRSIG names it. */
struct ksk_active {
	uint16_t tag;
	uint8_t algorithm;
};

#define KSK_ACTIVE_MAX 8u

/* Finds the keys that signed the SOA at any address. Returns how many. */
size_t ksk_served_active(const struct ksk_served_list *served,
	struct ksk_active out[KSK_ACTIVE_MAX]);

/* Returns true if the set has a key with this tag and algorithm. */
bool ksk_active_in(
	const struct ksk_active *active, const struct ksk_rrset *dnskey);

/*
 * Returns true if what key `at` of the active ones signs does no harm with a
 * set: the set has it, or no key of its algorithm while it has another active
 * one. Signatures of an algorithm that comes are there before its keys are, and
 * those of one that goes after (RFC 6781 4.1.4).
 */
bool ksk_active_fits(const struct ksk_active *active, size_t count, size_t at,
	const struct ksk_rrset *dnskey);

#endif
