/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outlook - what the timelines say for people: since when a key is in every
 * cache, when it may leave, when the parent's DS may change, and which answer
 * expires first. Fills fields of keys and status replies; decides nothing.
 * Tests: tests/integration/test_timeline.py
 */
#ifndef KSK_SIGNER_OUTLOOK_H
#define KSK_SIGNER_OUTLOOK_H

#include "appliance/policy/history.h"
#include "protocol/msg.h"

struct ksk_signer;

/* Per zone of the policy in force, the expiration of its answer that expires
 * first; read from the journal when a status is asked for. */
struct ksk_outlook {
	const void *map;   /* of the table that expires belongs to */
	uint64_t *expires; /* owned; 0: the zone has no answer */
	uint64_t commits;  /* of the journal when it was read */
	uint64_t read_ms;  /* when, monotonic */
	uint64_t took_ms;  /* so long that lasted */
};

/* Fills the providers of a keys reply, and what the history says into it. Its
 * KSKs are those of the zone, in its order. What can't be read stays left out.
 */
void ksk_outlook_keys(struct ksk_signer *signer, const struct ksk_zone *zone,
	uint64_t now, struct ksk_keys_reply *body);

/* Returns a zone's history, or NULL if it can't be read now: what stands is told
 * by the policy alone then. Borrowed until the next zone is asked for. */
const struct ksk_history *ksk_outlook_history(
	struct ksk_signer *signer, const struct ksk_zone *zone);

/*
 * Finds the zone whose answer in effect expires first, as far as that can be
 * read now. client: among its zones; NULL: among all. Returns false if there is
 * none; outputs unchanged then.
 */
bool ksk_outlook_first(struct ksk_signer *signer,
	const struct ksk_client *client, uint64_t now,
	struct ksk_name *out_zone, uint64_t *out_expires);

/* Returns when the answer in effect of a zone expires; 0: it has none, or that
 * can't be read now. */
uint64_t ksk_outlook_expires(
	struct ksk_signer *signer, const struct ksk_zone *zone, uint64_t now);

/* Finds the zone of a client whose answer in effect expires first, or that of
 * one zone. only: as of ksk_answer_status. */
void ksk_outlook_status(struct ksk_signer *signer,
	const struct ksk_client *client, const struct ksk_zone *only,
	uint64_t now, struct ksk_status_reply *body);

/* Frees; accepts a zeroed one. */
void ksk_outlook_wipe(struct ksk_outlook *outlook);

#endif
