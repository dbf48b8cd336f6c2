/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verdict - see verdict.h. The durable form is the policy's hash and, if zones
 * are held, one bit for each zone in the order of the table.
 */
#include "appliance/signer/verdict.h"

#include <stdlib.h>
#include <string.h>

static const char *const name[] = {
	[KSK_VERDICT_AHEAD] = "verdict-ahead",
	[KSK_VERDICT_IN_FORCE] = "verdict",
};

static size_t
bits_len(const struct ksk_inforce *policy)
{
	return (policy->table.zone_count + 7) / 8;
}

static bool
holds_any(const struct ksk_inforce *policy)
{
	return memchr(policy->held, 1, policy->table.zone_count) != NULL;
}

enum ksk_err
ksk_verdict_keep(struct ksk_journal *journal, enum ksk_verdict which,
	const struct ksk_inforce *policy)
{
	size_t len = KSK_HASH_LEN + (holds_any(policy) ? bits_len(policy) : 0);
	uint8_t *value = calloc(1, len);
	enum ksk_err err;

	if (value == NULL)
		return KSK_ERR_NO_MEMORY;
	memcpy(value, policy->table.hash, KSK_HASH_LEN);
	if (len > KSK_HASH_LEN)
		for (size_t z = 0; z < policy->table.zone_count; z++)
			if (policy->held[z] != 0)
				value[KSK_HASH_LEN + z / 8] |= (uint8_t)(1u
					<< z % 8);
	err = ksk_journal_state_set(
		journal, name[which], ksk_span_of(value, len));
	free(value);
	return err;
}

enum ksk_err
ksk_verdict_drop(struct ksk_journal *journal)
{
	return ksk_journal_state_set(
		journal, name[KSK_VERDICT_AHEAD], ksk_span_of("", 0));
}

static enum ksk_err
take(struct ksk_span value, struct ksk_inforce *policy, struct ksk_fault *fault)
{
	if (value.len == 0)
		return KSK_ERR_NOT_FOUND;
	if (value.len < KSK_HASH_LEN)
		goto damaged;
	if (memcmp(value.data, policy->table.hash, KSK_HASH_LEN) != 0)
		return KSK_ERR_NOT_FOUND;
	if (value.len == KSK_HASH_LEN)
		return KSK_OK;
	if (value.len != KSK_HASH_LEN + bits_len(policy))
		goto damaged;
	for (size_t z = 0; z < policy->table.zone_count; z++)
		policy->held[z] = (value.data[KSK_HASH_LEN + z / 8] >> z % 8) &
			1;
	return KSK_OK;
damaged:
	ksk_fault_set(fault, "what was found of the policy is damaged");
	return KSK_ERR_MALFORMED;
}

enum ksk_err
ksk_verdict_recall(struct ksk_journal *journal, enum ksk_verdict which,
	struct ksk_inforce *policy, struct ksk_fault *fault)
{
	size_t cap = KSK_HASH_LEN + bits_len(policy);
	uint8_t *room = malloc(cap);
	struct ksk_buf buf = ksk_buf_of(room, room == NULL ? 0 : cap);
	enum ksk_err err;

	if (room == NULL) {
		ksk_fault_set(fault, "no memory for the policy");
		return KSK_ERR_NO_MEMORY;
	}
	err = ksk_journal_state_get(journal, name[which], &buf, fault);
	if (err == KSK_OK)
		err = take(ksk_buf_span(&buf), policy, fault);
	if (err == KSK_ERR_NO_ROOM) /* it has more zones than this policy */
		err = KSK_ERR_NOT_FOUND;
	free(room);
	return err;
}
