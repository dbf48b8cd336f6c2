/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz entry of ksr: what is read has rising times and canonical sets of one
 * zone, and written in the form of a response it keeps its times.
 */
#include "client/ksr.h"

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
demand_sound(const struct ksk_ksr *ksr)
{
	demand(ksr->count >= 1 && ksr->count <= KSK_KSR_SECTION_MAX);
	for (size_t i = 0; i < ksr->count; i++) {
		const struct ksk_ksr_section *section = &ksr->section[i];

		demand(i == 0 || section->time > section[-1].time);
		demand(section->time <= UINT32_MAX);
		demand(section->rrset.type == KSK_TYPE_DNSKEY);
		demand(section->rrset.ttl == ksr->ttl);
		demand(section->rrset.count >= 1);
		demand(ksk_name_equal(&section->rrset.owner, &ksr->owner));
		demand(ksk_rrset_is_canonical(&section->rrset));
	}
}

/* Written as a response, and read again as a request. */
static void
demand_again(const struct ksk_ksr *ksr, enum ksk_ksr_dialect dialect)
{
	static struct ksk_skr_bundle bundle[KSK_KSR_SECTION_MAX];
	struct ksk_zonetext_faults faults;
	struct ksk_text text = {0};
	struct ksk_ksr again = {0};

	for (size_t i = 0; i < ksr->count; i++)
		bundle[i] = (struct ksk_skr_bundle){
			.time = ksr->section[i].time,
			.dnskey = {.rrset = &ksr->section[i].rrset}};
	ksk_skr_write(bundle, ksr->count, dialect, 1800000000, &text);
	demand(!text.failed);
	for (char *at = text.data;
		(at = strstr(at, "SignedKeyResponse")) != NULL;)
		memcpy(at, "KeySigningRequest", strlen("KeySigningRequest"));
	demand(ksk_ksr_read(ksk_span_of(text.data, text.len), &again,
		       &faults) == KSK_OK);
	demand(again.count == ksr->count && again.dialect == dialect);
	for (size_t i = 0; i < ksr->count; i++) {
		const struct ksk_rrset *a = &ksr->section[i].rrset;
		const struct ksk_rrset *b = &again.section[i].rrset;

		demand(ksr->section[i].time == again.section[i].time);
		demand(a->count == b->count);
		for (size_t k = 0; k < a->count; k++)
			demand(ksk_span_equal(a->rdata[k], b->rdata[k]));
	}
	ksk_text_free(&text);
	ksk_ksr_wipe(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ksk_span text = ksk_span_of(data, size);
	struct ksk_zonetext_faults faults;
	struct ksk_ksr ksr = {0};
	enum ksk_err err = ksk_ksr_read(text, &ksr, &faults);

	demand((err == KSK_OK) == (faults.count == 0));
	if (err != KSK_OK)
		return 0;
	demand(ksk_ksr_is(text));
	demand_sound(&ksr);
	demand_again(&ksr, KSK_KSR_KNOT);
	demand_again(&ksr, KSK_KSR_BIND);
	ksk_ksr_wipe(&ksr);
	return 0;
}
