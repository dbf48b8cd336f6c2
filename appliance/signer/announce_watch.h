/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * announce_watch - which announcements need somebody's attention: those that
 * expire soon, have expired, are void because the policy has another
 * certificate, or never came. For status replies and the log; decides nothing.
 * Tests: tests/integration/test_announce.py
 */
#ifndef KSK_SIGNER_ANNOUNCE_WATCH_H
#define KSK_SIGNER_ANNOUNCE_WATCH_H

#include "appliance/policy/table.h"
#include "protocol/msg.h"

struct ksk_signer;

/* What a provider of the policy announced last, as of the last reading. */
struct ksk_announce_watched {
	bool found; /* something was accepted … */
	bool match; /* … by the key that the policy has now */
	uint64_t not_before, not_after;
};

/* Zero it. */
struct ksk_announce_watch {
	const void *map; /* of the table that watched belongs to */
	bool some;       /* some provider of it announces its keys */
	struct ksk_announce_watched *watched; /* per table.providers; owned */
	uint64_t commits; /* of the journal when it was read */
	uint64_t read_ms; /* when, monotonic */
	uint64_t took_ms; /* so long that lasted */
	uint64_t told_ms; /* when the log was told; 0: never */
};

/* Fills the notices of a status reply: those of a client's zones. only: as of
 * ksk_answer_status. */
void ksk_announce_watch_status(struct ksk_signer *signer,
	const struct ksk_client *client, const struct ksk_zone *only,
	uint64_t now, struct ksk_status_reply *body);

/* Tells the log, once an hour while there is something to tell. To be called
 * once in a turn. */
void ksk_announce_watch_run(struct ksk_signer *signer, uint64_t now_ms);

/* Frees; accepts a zeroed one. */
void ksk_announce_watch_wipe(struct ksk_announce_watch *watch);

#endif
