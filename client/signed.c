/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signed - see signed.h.
 */
#include "client/signed.h"

#include <stdlib.h>

uint16_t
ksk_signed_type(unsigned at)
{
	static const uint16_t type[KSK_SIGNED_COUNT] = {
		KSK_TYPE_DNSKEY, KSK_TYPE_CDS, KSK_TYPE_CDNSKEY};

	return type[at];
}

static struct ksk_span
keep(struct ksk_buf *memory, struct ksk_span bytes)
{
	uint8_t *at = memory->data + memory->len;

	ksk_ignore(ksk_buf_put(memory, bytes.data, bytes.len)); /* sized */
	return ksk_span_of(at, bytes.len);
}

enum ksk_err
ksk_signed_copy(const struct ksk_rrset *rrset, const struct ksk_span *rrsig,
	size_t rrsig_count, struct ksk_signed *signed_set)
{
	struct ksk_buf memory = {0};

	ksk_signed_wipe(signed_set);
	for (size_t i = 0; i < rrset->count; i++)
		memory.cap += rrset->rdata[i].len;
	for (size_t i = 0; i < rrsig_count; i++)
		memory.cap += rrsig[i].len;
	memory.data = malloc(memory.cap + 1);
	if (memory.data == NULL)
		return KSK_ERR_NO_MEMORY;
	signed_set->there = true;
	signed_set->rrset = *rrset;
	for (size_t i = 0; i < rrset->count; i++)
		signed_set->rrset.rdata[i] = keep(&memory, rrset->rdata[i]);
	signed_set->rrsig_count = rrsig_count;
	for (size_t i = 0; i < rrsig_count; i++)
		signed_set->rrsig[i] = keep(&memory, rrsig[i]);
	signed_set->memory = memory.data;
	return KSK_OK;
}

void
ksk_signed_wipe(struct ksk_signed *signed_set)
{
	free(signed_set->memory);
	*signed_set = (struct ksk_signed){0};
}

static bool
is_ours(const struct ksk_signed *dnskey, const struct ksk_rrsig *rrsig)
{
	struct ksk_rrsig ours;

	for (size_t i = 0; i < dnskey->rrsig_count; i++) {
		if (ksk_rrsig_read(dnskey->rrsig[i], &ours) == KSK_OK &&
			ours.tag == rrsig->tag &&
			ours.algorithm == rrsig->algorithm)
			return true;
	}
	return false;
}

bool
ksk_signed_by_another(const struct ksk_signed *dnskey, struct ksk_span rdata)
{
	struct ksk_rrsig rrsig;
	struct ksk_dnskey key;

	if (!dnskey->there || ksk_rrsig_read(rdata, &rrsig) != KSK_OK ||
		is_ours(dnskey, &rrsig))
		return false;
	for (size_t i = 0; i < dnskey->rrset.count; i++) {
		if (ksk_dnskey_read(dnskey->rrset.rdata[i], &key) == KSK_OK &&
			key.tag == rrsig.tag &&
			key.algorithm == rrsig.algorithm)
			return true;
	}
	return false;
}

bool
ksk_rrsets_equal(const struct ksk_rrset *a, const struct ksk_rrset *b)
{
	if (!ksk_name_equal(&a->owner, &b->owner) || a->type != b->type ||
		a->ttl != b->ttl || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (!ksk_span_equal(a->rdata[i], b->rdata[i]))
			return false;
	}
	return true;
}
