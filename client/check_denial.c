/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_denial - the negative answer of one address: a name that nobody has,
 * proved by records that a key of the signed set has signed; see check.h.
 */
#include "client/check.h"

#include "client/denial.h"

#include <stdio.h>

static const char *
type_text(uint16_t type)
{
	return type == (uint16_t)LDNS_RR_TYPE_SOA     ? "SOA"
		: type == (uint16_t)LDNS_RR_TYPE_NSEC ? "NSEC"
						      : "NSEC3";
}

/* Each kind of record once: there are several of them in a proof. */
static void
check_signed(struct ksk_check_zone *z, const char *provider,
	const char *address, const struct ksk_denial *denial)
{
	uint16_t said = 0;

	for (size_t i = 0; i < denial->count; i++) {
		const struct ksk_dns_answer *set = &denial->set[i];
		bool good = false;

		for (size_t k = 0; !good && k < set->rrsig_count; k++)
			good = ksk_check_is_signed(
				z, &set->rrset, set->rrsig[k]);
		if (good || set->rrset.type == said)
			continue;
		said = set->rrset.type;
		ksk_check_add(z, KSK_CHECK_CRITICAL, provider, address,
			"no key of the signed set has signed the %s of its "
			"negative answer",
			type_text(said));
	}
}

static void
judge(struct ksk_check_zone *z, const char *provider, const char *address,
	const struct ksk_denial *denial)
{
	char rcode[16];

	/* A wildcard at the apex: no name is missing. */
	if (denial->positive && denial->rcode == LDNS_RCODE_NOERROR)
		return;
	if (denial->rcode != LDNS_RCODE_NXDOMAIN &&
		denial->rcode != LDNS_RCODE_NOERROR) {
		ksk_check_add(z, KSK_CHECK_CRITICAL, provider, address,
			"it answers %s for a name that does not exist",
			ksk_dns_rcode_text(denial->rcode, rcode));
		return;
	}
	check_signed(z, provider, address, denial);
	if (!denial->proved)
		ksk_check_add(z, KSK_CHECK_CRITICAL, provider, address,
			"its negative answer proves nothing: %.200s",
			denial->why.text);
}

void
ksk_check_denial(struct ksk_check_zone *z,
	const struct ksk_sync_provider *provider, const char *address)
{
	struct ksk_endpoint endpoint = {0};
	struct ksk_dns_server server = {.endpoint = &endpoint,
		.tsig = provider->has_tsig ? &provider->tsig : NULL,
		.timeout_ms = z->config->timeout_ms,
		.silent = z->config->silent};
	struct ksk_denial denial = {0};
	struct ksk_fault fault = {0};

	if (ksk_endpoint_read(address, &endpoint, &fault) == KSK_OK &&
		ksk_denial_ask(&server, &z->zone->owner, &denial, &fault) ==
			KSK_OK)
		judge(z, provider->name, address, &denial);
	else
		ksk_check_add(z, KSK_CHECK_CRITICAL, provider->name, address,
			"%s", fault.text);
	ksk_denial_wipe(&denial);
}
