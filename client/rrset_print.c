/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rrset_print - see rrset_print.h.
 */
#include "client/rrset_print.h"

#include <stdlib.h>

static void
write_record(const struct ksk_rrset *rrset, uint16_t type,
	struct ksk_span rdata, char out[KSK_ZONETEXT_RECORD_CAP])
{
	if (ksk_zonetext_record(&rrset->owner, type, rrset->ttl, rdata, out) !=
		KSK_OK)
		abort();
}

void
ksk_rrset_print(const struct ksk_rrset *rrset, const struct ksk_span *rrsig,
	size_t rrsig_count, struct ksk_text *text)
{
	char line[KSK_ZONETEXT_RECORD_CAP];

	for (size_t i = 0; i < rrset->count; i++) {
		write_record(rrset, rrset->type, rrset->rdata[i], line);
		ksk_text_add(text, "%s\n", line);
	}
	for (size_t i = 0; i < rrsig_count; i++) {
		write_record(rrset, KSK_TYPE_RRSIG, rrsig[i], line);
		ksk_text_add(text, "%s\n", line);
	}
}

/* What did not verify may be no record: then null. */
static json_t *
json_record(const struct ksk_rrset *rrset, uint16_t type, struct ksk_span rdata)
{
	char line[KSK_ZONETEXT_RECORD_CAP];

	if (ksk_zonetext_record(&rrset->owner, type, rrset->ttl, rdata, line) !=
		KSK_OK)
		return json_null();
	return json_string(line);
}

json_t *
ksk_json_records(const struct ksk_rrset *rrset)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rrset->count; i++)
		(void)json_array_append_new(
			list, json_record(rrset, rrset->type, rrset->rdata[i]));
	return list;
}

json_t *
ksk_json_rrsigs(const struct ksk_rrset *rrset, const struct ksk_span *rrsig,
	size_t rrsig_count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rrsig_count; i++)
		(void)json_array_append_new(
			list, json_record(rrset, KSK_TYPE_RRSIG, rrsig[i]));
	return list;
}
