/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * schedule - the set that a bundle of a schedule is; see msg.h. Apart from the
 * reading and writing of messages, for the rules, which know no CBOR.
 */
#include "protocol/msg.h"

void
ksk_schedule_rrset(const struct ksk_schedule *schedule, size_t bundle,
	struct ksk_rrset *out_rrset)
{
	const struct ksk_bundle *b = &schedule->bundle[bundle];

	out_rrset->owner = schedule->owner;
	out_rrset->type = b->type;
	out_rrset->ttl = b->ttl;
	out_rrset->count = b->count;
	for (size_t i = 0; i < b->count; i++)
		out_rrset->rdata[i] = schedule->rdata[b->index[i]];
}
