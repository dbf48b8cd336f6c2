/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * credit - see credit.h.
 */
#include "appliance/frontend/credit.h"

#include <stdlib.h>

bool
ksk_credit_has(const struct ksk_credit *credit, size_t frame_len)
{
	return credit->count < KSK_CREDIT_REQUESTS &&
		frame_len + KSK_CREDIT_HEAD_LEN <=
		KSK_CREDIT_BYTES - credit->bytes;
}

static struct ksk_credit_entry *
find_free(struct ksk_credit *credit)
{
	for (size_t i = 0; i < KSK_CREDIT_REQUESTS; i++) {
		if (credit->entry[i].len == 0)
			return &credit->entry[i];
	}
	return NULL;
}

void
ksk_credit_take(struct ksk_credit *credit, uint64_t conn, size_t frame_len)
{
	struct ksk_credit_entry *entry = find_free(credit);

	if (entry == NULL || !ksk_credit_has(credit, frame_len))
		abort();
	*entry = (struct ksk_credit_entry){
		.conn = conn,
		.len = (uint32_t)frame_len + KSK_CREDIT_HEAD_LEN,
	};
	credit->count++;
	credit->bytes += entry->len;
}

static struct ksk_credit_entry *
find_smallest(struct ksk_credit *credit, uint64_t conn)
{
	struct ksk_credit_entry *best = NULL;

	for (size_t i = 0; i < KSK_CREDIT_REQUESTS; i++) {
		struct ksk_credit_entry *entry = &credit->entry[i];

		if (entry->len == 0 || entry->conn != conn)
			continue;
		if (best == NULL || entry->len < best->len)
			best = entry;
	}
	return best;
}

bool
ksk_credit_give(struct ksk_credit *credit, uint64_t conn)
{
	struct ksk_credit_entry *entry = find_smallest(credit, conn);

	if (entry == NULL)
		return false;
	credit->count--;
	credit->bytes -= entry->len;
	*entry = (struct ksk_credit_entry){.len = 0};
	return true;
}

void
ksk_credit_clear(struct ksk_credit *credit)
{
	*credit = (struct ksk_credit){.count = 0};
}
