/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rrset - canonical order of the records of one RRset. Contract: rrset.h
 */
#include "protocol/rrset.h"

#include <stdio.h>
#include <string.h>

int
ksk_rdata_compare(struct ksk_span a, struct ksk_span b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);

	if (order != 0)
		return order;
	/* RFC 4034 6.3: the absence of an octet sorts before a zero octet. */
	return a.len < b.len ? -1 : a.len > b.len;
}

bool
ksk_rrset_is_canonical(const struct ksk_rrset *rrset)
{
	if (rrset->count == 0 || rrset->count > KSK_RDATA_COUNT_MAX)
		return false;
	for (size_t i = 1; i < rrset->count; i++) {
		if (ksk_rdata_compare(rrset->rdata[i - 1], rrset->rdata[i]) >=
			0)
			return false;
	}
	return true;
}

void
ksk_rrset_sort(struct ksk_rrset *rrset)
{
	size_t count = 0;

	for (size_t i = 0; i < rrset->count; i++) {
		struct ksk_span next = rrset->rdata[i];
		size_t at = count;
		while (at > 0 &&
			ksk_rdata_compare(rrset->rdata[at - 1], next) > 0)
			at--;
		if (at > 0 && ksk_span_equal(rrset->rdata[at - 1], next))
			continue;
		memmove(&rrset->rdata[at + 1], &rrset->rdata[at],
			(count - at) * sizeof(next));
		rrset->rdata[at] = next;
		count++;
	}
	rrset->count = count;
}

bool
ksk_rrset_has(const struct ksk_rrset *rrset, struct ksk_span rdata)
{
	for (size_t i = 0; i < rrset->count; i++) {
		if (ksk_span_equal(rrset->rdata[i], rdata))
			return true;
	}
	return false;
}

const char *
ksk_type_text(uint16_t type, char buf[10])
{
	switch (type) {
	case 1:
		return "A";
	case 2:
		return "NS";
	case 5:
		return "CNAME";
	case KSK_TYPE_SOA:
		return "SOA";
	case 15:
		return "MX";
	case 16:
		return "TXT";
	case 28:
		return "AAAA";
	case KSK_TYPE_DS:
		return "DS";
	case KSK_TYPE_RRSIG:
		return "RRSIG";
	case 47:
		return "NSEC";
	case KSK_TYPE_DNSKEY:
		return "DNSKEY";
	case 50:
		return "NSEC3";
	case 51:
		return "NSEC3PARAM";
	case KSK_TYPE_CDS:
		return "CDS";
	case KSK_TYPE_CDNSKEY:
		return "CDNSKEY";
	default:
		/* RFC 3597 5 */
		(void)snprintf(buf, 10, "TYPE%u", (unsigned)type);
		return buf;
	}
}
