/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz entry of zonetext. The first byte chooses the form. What is read must
 * be canonical, and written back and read again it must be the same set.
 */
#include "protocol/zonetext.h"

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
append(char *text, size_t cap, const char *line)
{
	demand(strlen(text) + strlen(line) + 2 <= cap);
	strncat(text, line, cap - strlen(text) - 1);
	strncat(text, "\n", cap - strlen(text) - 1);
}

static void
write_all(const struct ksk_zonetext *zone, char *text, size_t cap)
{
	char line[KSK_ZONETEXT_RECORD_CAP];

	for (size_t i = 0; i < zone->rrset.count; i++) {
		demand(ksk_zonetext_record(&zone->rrset.owner, zone->rrset.type,
			       zone->rrset.ttl, zone->rrset.rdata[i],
			       line) == KSK_OK);
		append(text, cap, line);
	}
	for (size_t i = 0; i < zone->rrsig_count; i++) {
		demand(ksk_zonetext_record(&zone->rrset.owner, KSK_TYPE_RRSIG,
			       zone->rrset.ttl, zone->rrsig[i],
			       line) == KSK_OK);
		append(text, cap, line);
	}
}

static void
demand_equal(const struct ksk_zonetext *a, const struct ksk_zonetext *b)
{
	demand(ksk_name_equal(&a->rrset.owner, &b->rrset.owner));
	demand(a->rrset.type == b->rrset.type && a->rrset.ttl == b->rrset.ttl);
	demand(a->rrset.count == b->rrset.count);
	demand(a->rrsig_count == b->rrsig_count);
	for (size_t i = 0; i < a->rrset.count; i++)
		demand(ksk_span_equal(a->rrset.rdata[i], b->rrset.rdata[i]));
	for (size_t i = 0; i < a->rrsig_count; i++)
		demand(ksk_span_equal(a->rrsig[i], b->rrsig[i]));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[(KSK_RDATA_COUNT_MAX + KSK_RRSIG_COUNT_MAX) *
		KSK_ZONETEXT_RECORD_CAP];
	struct ksk_zonetext_options options = {0};
	struct ksk_zonetext_faults faults;
	struct ksk_zonetext zone, again;

	if (size == 0)
		return 0;
	options.form = data[0] % 2 == 0 ? KSK_ZONETEXT_SET : KSK_ZONETEXT_PROOF;
	options.has_ttl = data[0] % 4 < 2;
	options.ttl = 3600;
	if (ksk_zonetext_read(ksk_span_of(data + 1, size - 1), &options, &zone,
		    &faults) != KSK_OK) {
		demand(faults.count > 0);
		return 0;
	}
	demand(ksk_rrset_is_canonical(&zone.rrset));
	demand(zone.record_count >= zone.rrset.count);
	text[0] = '\0';
	write_all(&zone, text, sizeof(text));
	demand(ksk_zonetext_read(ksk_span_of(text, strlen(text)), &options,
		       &again, &faults) == KSK_OK);
	demand_equal(&zone, &again);
	ksk_zonetext_wipe(&zone);
	ksk_zonetext_wipe(&again);
	return 0;
}
