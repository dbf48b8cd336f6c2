/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exposed - for status: keys that are withdrawn and stand in sets whose
 * signatures still verify. Which keys are withdrawn is looked up once per
 * policy; most policies have none.
 * Tests: tests/integration/test_withdraw.py
 */
#ifndef KSK_SIGNER_EXPOSED_H
#define KSK_SIGNER_EXPOSED_H

#include "appliance/policy/table.h"
#include "protocol/msg.h"

struct ksk_signer;

/* A withdrawn key: numbers in the policy's arrays. */
struct ksk_withdrawn_key {
	uint32_t zone, provider, key;
};

/* Zero it before first use. */
struct ksk_exposed {
	const void *map;                /* of the policy that the list is of */
	struct ksk_withdrawn_key *list; /* owned */
	size_t count;
};

/* Fills what a client hears of its zones. What can't be read is left out.
 * only: as of ksk_answer_status. */
void ksk_exposed_status(struct ksk_signer *signer,
	const struct ksk_client *client, const struct ksk_zone *only,
	uint64_t now, struct ksk_status_reply *body);

/* Frees; accepts a zeroed one. */
void ksk_exposed_wipe(struct ksk_exposed *exposed);

#endif
