/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz entry: bytes as a policy table, as a compromised kskd-policy might make
 * it. What is accepted can be searched and judged with without harm.
 */
#include <stdlib.h>
#include <string.h>

#include "appliance/policy/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
judge(const struct ksk_table *table, const struct ksk_zone *zone)
{
	static const uint8_t rdata[] = {1, 0, 3, 13, 5, 6, 7};
	static struct ksk_refusals refusals;
	static struct ksk_permit permit;
	struct ksk_signer_key standing[KSK_RRSIG_COUNT_MAX];
	struct ksk_sign sign = {.rrset = {.type = KSK_TYPE_DNSKEY,
					.ttl = zone->ttl,
					.count = 1,
					.rdata = {{rdata, sizeof rdata}}}};
	struct ksk_candidate candidate = {.sign = &sign, .now = 1800000000};

	ksk_table_zone_name(table, zone, &sign.rrset.owner);
	if (ksk_table_zone_find(table, &sign.rrset.owner) != zone)
		abort();
	if (table->client_count > 0) {
		candidate.client = &table->clients[0];
		(void)ksk_table_zone_has_client(table, zone, candidate.client);
	}
	for (uint16_t type = KSK_TYPE_DNSKEY; type <= KSK_TYPE_CDNSKEY;
		type++) {
		sign.rrset.type = type;
		(void)ksk_rules_judge(
			table, zone, &candidate, &permit, &refusals);
	}
	(void)ksk_rules_standing(table, zone, NULL, candidate.now, 0, standing);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ksk_fault fault = {""};
	struct ksk_table table;
	void *copy = NULL;

	/* Tables are mapped: page-aligned. */
	if (size == 0 || posix_memalign(&copy, 64, size) != 0)
		return 0;
	memcpy(copy, data, size);
	if (ksk_table_open(ksk_span_of(copy, size), &table, &fault) == KSK_OK) {
		for (size_t z = 0; z < table.zone_count && z < 16; z++)
			judge(&table, &table.zones[z]);
	} else if (fault.text[0] == '\0') {
		abort();
	}
	free(copy);
	return 0;
}
