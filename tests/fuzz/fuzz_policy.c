/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz entry of the policy. The first byte chooses: 'T' and a table of bytes
 * (ksk_table_open must be total), else a text (index, schema, compiler). What
 * compiles must open, and judging a request by it must stay in bounds.
 */
#include "appliance/policy/compile.h"
#include "appliance/policy/rules.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(bool holds)
{
	if (!holds)
		abort();
}

static void
judge_all(const struct ksk_table *table)
{
	static struct ksk_refusals refusals;
	static struct ksk_permit permit;
	static struct ksk_sign sign;
	static const uint8_t rdata[] = {1, 1, 3, 13, 1, 2, 3, 4};
	static const uint16_t types[] = {
		KSK_TYPE_DNSKEY, KSK_TYPE_CDS, KSK_TYPE_CDNSKEY};

	for (size_t i = 0; i < table->zone_count; i++) {
		const struct ksk_zone *zone = &table->zones[i];
		const struct ksk_candidate c = {
			.sign = &sign, .now = 1800000000u};

		ksk_table_zone_name(table, zone, &sign.rrset.owner);
		demand(ksk_table_zone_find(table, &sign.rrset.owner) == zone);
		sign.rrset.ttl = zone->ttl;
		sign.rrset.count = 1;
		sign.rrset.rdata[0] = ksk_span_of(rdata, sizeof(rdata));
		for (size_t t = 0; t < 3; t++) {
			sign.rrset.type = types[t];
			/* Nobody asks: at least `client` refuses. */
			demand(!ksk_rules_judge(
				table, zone, &c, &permit, &refusals));
			demand(refusals.count != 0);
		}
	}
}

static void
open_table(struct ksk_span bytes)
{
	/* malloc aligns, and its end is where the sanitizer looks. */
	uint8_t *copy = malloc(bytes.len == 0 ? 1 : bytes.len);
	struct ksk_table table;
	struct ksk_fault fault = {""};

	demand(copy != NULL);
	if (bytes.len != 0)
		memcpy(copy, bytes.data, bytes.len);
	if (ksk_table_open(ksk_span_of(copy, bytes.len), &table, &fault) ==
		KSK_OK)
		judge_all(&table);
	else
		demand(fault.text[0] != '\0');
	free(copy);
}

static void
check_faults(const struct ksk_faults *faults)
{
	demand(faults->count != 0 && faults->count <= KSK_POLICY_FAULT_MAX);
	for (size_t i = 0; i < faults->count; i++) {
		demand(strncmp(faults->list[i].text, "line ", 5) == 0);
		demand(strchr(faults->list[i].text, '\n') == NULL);
	}
}

static void
compile_text(struct ksk_span text)
{
	static struct ksk_faults faults;
	uint8_t *bytes = NULL;
	size_t len = 0;
	enum ksk_err err = ksk_policy_compile(
		text, NULL, 1800000000u, &bytes, &len, &faults);

	if (err == KSK_OK) {
		open_table(ksk_span_of(bytes, len));
		free(bytes);
		return;
	}
	demand(bytes == NULL && err == KSK_ERR_BAD_INPUT);
	check_faults(&faults);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size != 0 && data[0] == 'T')
		open_table(ksk_span_of(data + 1, size - 1));
	else
		compile_text(ksk_span_of(data, size));
	return 0;
}
