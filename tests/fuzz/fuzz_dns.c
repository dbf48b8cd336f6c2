/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz entry of dns: what is taken from any message is canonical and within
 * its limits.
 */
#include "client/dns.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(bool holds)
{
	if (!holds)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = {
		KSK_TYPE_DNSKEY, KSK_TYPE_SOA, KSK_TYPE_CDS, KSK_TYPE_DS};
	struct ksk_name owner = {.len = 3, .wire = {1, 'z', 0}};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		struct ksk_dns_answer answer = {0};

		if (ksk_dns_read(ksk_span_of(data, size), &owner, types[i],
			    &answer, NULL) != KSK_OK) {
			demand(answer.memory == NULL);
			continue;
		}
		demand(answer.rrset.count <= KSK_RDATA_COUNT_MAX);
		demand(answer.rrsig_count <= KSK_DNS_RRSIG_MAX);
		demand(answer.rrset.count == 0 ||
			ksk_rrset_is_canonical(&answer.rrset));
		ksk_dns_answer_wipe(&answer);
	}
	return 0;
}
