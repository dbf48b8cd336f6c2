/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * announced - what providers announced, put beside what the policy pins: a
 * view of the table in which the providers of one zone have all keys that may
 * stand in its set. Rules look at the view and need not know where a key comes
 * from.
 *
 * An announcement lets keys enter only while it is valid (its dates, and a
 * certificate in the policy with the key that signed it). What it or an earlier
 * one listed stays permitted as long as the answer in effect or one ahead lists
 * it, for its owner must be known until it may leave: so neither time nor an
 * announcement nor another certificate ever leaves a zone without an
 * acceptable set.
 * Tests: tests/unit/test_announced.c, tests/integration/test_announce.py
 */
#ifndef KSK_POLICY_ANNOUNCED_H
#define KSK_POLICY_ANNOUNCED_H

#include "appliance/policy/history.h"
#include "protocol/msg.h"

/* Keys of one announcement, and former ones, which are as many at most; in a
 * view pinned ones beside them. */
#define KSK_ANNOUNCED_KEY_MAX (2u * KSK_PROVIDER_KEY_MAX)
#define KSK_VIEW_PROVIDER_KEY_MAX (KSK_PROVIDER_KEY_MAX + KSK_ANNOUNCED_KEY_MAX)
#define KSK_VIEW_KEY_MAX (KSK_PROVIDER_COUNT_MAX * KSK_VIEW_PROVIDER_KEY_MAX)

/* Large; used within one call. */
struct ksk_view {
	struct ksk_table table;
	struct ksk_zone zone;
	struct ksk_policy_provider provider[KSK_PROVIDER_COUNT_MAX];
	struct ksk_policy_key key[KSK_VIEW_KEY_MAX];
};

/*
 * Puts a view in place of a table and a zone of it, if providers of the zone
 * announced something.
 * history: of the zone, or NULL. view: filled then, borrowed as long as the
 * outputs are used. table, zone: in/out, borrowed; zone may be NULL. Indexes
 * of KSKs and clients stay those of the table, others do not.
 */
void ksk_view_take(struct ksk_view *view, const struct ksk_history *history,
	uint64_t now, const struct ksk_table **table,
	const struct ksk_zone **zone);

/* Finds what a provider announced last, whatever it is worth; NULL if nothing.
 */
const struct ksk_history_announced *ksk_announced_find(
	const struct ksk_history *history, const char *provider);

/* What that is worth to a provider of the policy. announced: may be NULL. */
enum ksk_announced_state ksk_announced_state_of(
	const struct ksk_history_announced *announced,
	const struct ksk_policy_provider *provider, uint64_t now);

/* Returns words for a state, to stand behind "its announcement": "has
 * expired"; "" for NONE; static. */
const char *ksk_announced_words(enum ksk_announced_state state);

/* Returns true if the answer in effect or one ahead lists the key. */
bool ksk_announced_is_listed(const struct ksk_zone *zone,
	const struct ksk_history *history, const struct ksk_ds *sha256,
	uint64_t now);

/* The moment from which people are told that an announcement is about to
 * expire: a quarter of its time before, 14 days at most. */
uint64_t ksk_announced_warn_from(const struct ksk_history_announced *announced);

#endif
