/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * growth - a journal only grows. What this client has seen of each
 * appliance's journal is kept in a file beside the profile, and every later
 * reply must come from the same journal, at or behind that record: a journal
 * that was taken back (a restored backup, a copy, an attack) is noticed by
 * whoever talked to the appliance since. An appliance is known by its address
 * in the profile and by its id.
 *
 * The file, PROFILE.records, mode 0600, one line for each address:
 * RECORD HASH APPLIANCE-ID ADDRESS.
 * Tests: tests/integration/test_kskctl_growth.py
 */
#ifndef KSK_CLIENT_GROWTH_H
#define KSK_CLIENT_GROWTH_H

#include "client/profile.h"
#include "protocol/msg.h"

#define KSK_GROWTH_PATH_CAP (KSK_PROFILE_PATH_CAP + 16u)

/* A record of one appliance's journal. */
struct ksk_growth_mark {
	uint8_t appliance[KSK_ID_LEN];
	uint64_t record;
	uint8_t hash[KSK_HASH_LEN];
};

/* One conversation. */
struct ksk_growth {
	char path[KSK_GROWTH_PATH_CAP]; /* of the file */
	const char *address;            /* borrowed */
	bool known;                     /* seen is set */
	struct ksk_growth_mark seen;    /* before this conversation */
	bool has_head;                  /* head and newest are set */
	struct ksk_growth_mark head;    /* as status told it */
	struct ksk_growth_mark newest;  /* what will be remembered */
};

/*
 * Begins a conversation with what is remembered of an appliance.
 * address: borrowed as long as out_growth is used.
 * KSK_ERR_BAD_INPUT, KSK_ERR_PERMISSION, KSK_ERR_IO, KSK_ERR_NO_MEMORY, with
 * fault; out_growth unchanged then. No file: nothing is remembered.
 */
KSK_MUST_USE enum ksk_err ksk_growth_begin(const char *profile_path,
	const char *address, struct ksk_growth *out_growth,
	struct ksk_fault *fault);

/*
 * Takes the journal's head from a status reply, which comes before anything
 * else of the conversation.
 * KSK_ERR_AMBIGUOUS: another appliance, or its journal went back; said on
 * standard error, with what to do.
 */
KSK_MUST_USE enum ksk_err ksk_growth_head(
	struct ksk_growth *growth, const struct ksk_status_reply *status);

/*
 * Takes the record that another reply names.
 * fresh: it was made for this conversation, so that it must be behind the
 * head; else it may be an older one (an answer that is given again).
 * KSK_ERR_AMBIGUOUS as above.
 */
KSK_MUST_USE enum ksk_err ksk_growth_record(struct ksk_growth *growth,
	uint64_t record, const uint8_t hash[KSK_HASH_LEN], bool fresh);

/*
 * Remembers what is newest. What another process has remembered meanwhile is
 * never taken back. That it can't be written is said on standard error and
 * changes nothing else: the next conversation compares with what is there.
 */
void ksk_growth_keep(const struct ksk_growth *growth);

/*
 * Forgets an appliance's record, because a person says so.
 * out_mark: what was remembered. KSK_ERR_NOT_FOUND: nothing was; others as
 * ksk_growth_begin; with fault.
 */
KSK_MUST_USE enum ksk_err ksk_growth_forget(const char *profile_path,
	const char *address, struct ksk_growth_mark *out_mark,
	struct ksk_fault *fault);

#endif
