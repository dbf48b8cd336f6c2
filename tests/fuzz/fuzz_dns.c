/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz entry of dns: what is taken from any message is canonical and within
 * its limits, and a negative answer that proves something has records.
 */
#include "client/denial.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(bool holds)
{
	if (!holds)
		abort();
}

static void
fuzz_denial(struct ksk_span wire, const struct ksk_name *apex)
{
	struct ksk_denial denial = {0};

	if (ksk_denial_read(wire, apex, "ksk-check-0", &denial, NULL) !=
		KSK_OK) {
		demand(denial.count == 0);
		return;
	}
	demand(denial.count <= KSK_DENIAL_SET_MAX);
	demand(!denial.proved || (!denial.positive && denial.count != 0));
	ksk_denial_wipe(&denial);
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
	fuzz_denial(ksk_span_of(data, size), &owner);
	return 0;
}
