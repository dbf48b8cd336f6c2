/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flood - keeps a client that is refused again and again from filling the
 * journal. A refusal that repeats one of the last minute (same client, zone,
 * type, rules and policy) is counted in a record REFUSALS; one client has so
 * many different ones in a minute, and is told `busy` beyond. No refusal leaves
 * without a durable trace: the first REFUSALS record is durable before the
 * first reply that it counts, and says that more may follow; the sum is
 * written once a minute and at an orderly stop.
 * Pure: what is to be written is handed back to pipeline_refusal.c.
 * Tests: tests/unit/test_flood.c, tests/integration/test_flood.py
 */
#ifndef KSK_SIGNER_FLOOD_H
#define KSK_SIGNER_FLOOD_H

#include "protocol/record.h"

/* A refusal is the same as one that is no older than this, or than the last
 * that repeated it. */
#define KSK_FLOOD_MS 60000u
/* Different refusals of one client in that time: one for each of many zones
 * with a mistake in all. */
#define KSK_FLOOD_CLIENT_MAX 64u
/* Of all clients. */
#define KSK_FLOOD_MAX 1024u
/* Bytes of sets kept with refusals of one client in that time. */
#define KSK_FLOOD_SET_BYTES 65536u

/* A refusal and those like it; or, with a key of zeroes, what one client had
 * beyond its number. */
struct ksk_flood_entry {
	bool open;
	uint8_t pin[KSK_PIN_LEN];
	uint8_t key[KSK_HASH_LEN];
	uint64_t begin_ms;        /* of its present minute */
	size_t set_bytes;         /* kept in that minute */
	struct ksk_counted count; /* 0: nothing is counted yet */
	uint64_t told;            /* count that was staged last */
	uint64_t commits;         /* of the journal at the first staging */
};

/* Zero it. */
struct ksk_flood {
	uint64_t due_ms; /* no entry's minute is over before */
	struct ksk_flood_entry entry[KSK_FLOOD_MAX];
};

enum ksk_flood_verdict {
	KSK_FLOOD_STAGE, /* the record is to be staged; then: _staged */
	KSK_FLOOD_WAIT,  /* counted; its trace waits for the next commit */
	KSK_FLOOD_KEPT,  /* counted; its trace is durable */
	KSK_FLOOD_NONE,  /* too many of all clients: it may only be put off */
};

/*
 * Looks at a refusal.
 * record: in, its REFUSAL record with pin, policy, rules and rrset (without one
 * the owner alone counts, and stands in record->rrset too); out, with
 * STAGE, what to stage: that, without its set where too much is kept or the
 * client may not sign the zone at all, or a REFUSALS record.
 * scratch: KSK_RECORD_MAX bytes at least. commits: ksk_journal_commits.
 * out_entry: borrowed, for ksk_flood_staged. out_busy: the client is told to
 * wait for so many seconds instead of the refusal; 0: it is told.
 * KSK_ERR_CRYPTO.
 */
KSK_MUST_USE enum ksk_err ksk_flood_look(struct ksk_flood *flood,
	struct ksk_record *record, struct ksk_buf scratch, uint64_t commits,
	uint64_t now_ms, enum ksk_flood_verdict *out_verdict,
	struct ksk_flood_entry **out_entry, uint64_t *out_busy);

/* The record was staged, and has its number. Without this call the entry is as
 * it was before. */
void ksk_flood_staged(struct ksk_flood_entry *entry,
	const struct ksk_record *record, uint64_t commits);

/*
 * Finds the next entry whose minute is over, or with all any, that has counted
 * what no record says: then out_record is to be staged and ksk_flood_told
 * called. Closes entries that nothing repeated. NULL: there is none.
 * now: seconds.
 */
struct ksk_flood_entry *ksk_flood_due(struct ksk_flood *flood, bool all,
	uint64_t now_ms, uint64_t now, struct ksk_record *out_record);

/* What _due gave is staged. */
void ksk_flood_told(struct ksk_flood_entry *entry, uint64_t now_ms);

#endif
