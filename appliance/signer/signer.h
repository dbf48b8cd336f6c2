/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signer - the whole state of the process kskd-signer, handed from main.c to
 * the parts that work on it.
 */
#ifndef KSK_SIGNER_SIGNER_H
#define KSK_SIGNER_SIGNER_H

#include "appliance/signer/accept.h"
#include "appliance/signer/anchorage.h"
#include "appliance/signer/announce_watch.h"
#include "appliance/signer/audit.h"
#include "appliance/signer/clockguard.h"
#include "appliance/signer/crew.h"
#include "appliance/signer/exposed.h"
#include "appliance/signer/flood.h"
#include "appliance/signer/idempotency.h"
#include "appliance/signer/inforce.h"
#include "appliance/signer/journal.h"
#include "appliance/signer/loading.h"
#include "appliance/signer/needed.h"
#include "appliance/signer/office.h"
#include "appliance/signer/outlook.h"
#include "appliance/signer/submit.h"
#include "appliance/signer/ticket.h"
#include "appliance/signer/timeline.h"

/* A policy that kskd has committed, on its way into force (control.c). */
enum ksk_policy_step {
	KSK_POLICY_NONE = 0,  /* there is none */
	KSK_POLICY_COMMITTED, /* its record is not written yet */
	KSK_POLICY_RECORDED,  /* its record waits for the anchor */
};

/* The count of zones that can't be signed, while it is made (state.c). */
struct ksk_review {
	bool on;
	const void *map; /* of the policy whose zones are counted */
	size_t zone;     /* the next one */
	size_t trouble, held;
};

struct ksk_signer {
	struct ksk_link control;
	struct ksk_link frontend;
	size_t owed; /* replies the frontend still waits for */
	struct ksk_start_signer start;
	struct ksk_keyring *keyring;
	struct ksk_crew crew;
	struct ksk_inforce inforce;
	struct ksk_needed needed; /* by it */
	/* a policy on its way into force: loading.h */
	struct ksk_loading loading;
	bool preparing; /* it is kskd's, which waits for the verdict … */
	uint32_t prepared_number; /* … under this number … */
	bool commit_due;          /* … and has committed it already */
	bool policy_waits; /* the log was told that it can't be recorded */
	struct ksk_journal *journal;
	struct ksk_timelines *timelines;
	struct ksk_outlook outlook;
	struct ksk_announce_watch announce_watch;
	struct ksk_exposed exposed;
	struct ksk_idempotency idempotency;
	enum ksk_policy_step policy_step; /* of loading */
	uint64_t policy_record;           /* of the last one recorded here */
	struct ksk_tickets *tickets;
	bool stopping;
	bool pins_due; /* the frontend does not have the list in force */

	/* the journal's side of the pipeline */
	size_t staged_intents, staged_results;
	uint64_t staged_ms; /* when the oldest staged record came */
	/* room.h */
	bool journal_full;      /* nothing is signed … */
	bool journal_stuck;     /* … and nothing can be recorded */
	uint64_t stuck_commits; /* commits before the one that failed */
	uint64_t retry_ms;      /* when commit is tried again */
	uint64_t fill_ms;       /* when the reserve is filled next */
	char journal_why[KSK_WHY_CAP];
	struct ksk_flood flood;

	/* what holds the whole (hold.c) */
	struct ksk_clockguard clock;
	bool clock_held;               /* as the log was told */
	bool sync_asked, synchronised; /* in this turn of the loop */
	struct ksk_anchorage anchorage;
	struct ksk_accept accept;
	struct ksk_accept next_accept; /* between PREPARE and COMMIT */

	/* what operators decide (office.h, submit.h) */
	struct ksk_office office;
	struct ksk_submission submission;

	/* what status says */
	size_t trouble_count;       /* zones that can't be signed */
	size_t held_count;          /* zones that the policy holds */
	char held_why[KSK_WHY_CAP]; /* of the zone asked for last */
	uint64_t turn_ms;           /* when the last turn began its work */
	uint64_t review_ms;         /* when that was counted */
	bool review_due;
	uint32_t tokens_ready; /* a bit each, when that was looked at last */
	struct ksk_review review;
	enum ksk_state told_state; /* last told to kskd */
	bool told;

	size_t reads;     /* requests that wait to read the journal */
	uint64_t read_ms; /* when the last one was answered */
	struct ksk_audit audit;

	/* scratch, each used within one call */
	uint8_t *packet;  /* KSK_PACKET_MAX */
	uint8_t *frame;   /* KSK_FRAME_MAX */
	uint8_t *tbs;     /* KSK_TBS_MAX */
	uint8_t *stored;  /* KSK_STORED_ROOM */
	uint8_t *reading; /* KSK_JOURNAL_ROOM, of journal_read.h */
	uint8_t rrsig[KSK_RRSIG_COUNT_MAX][KSK_RRSIG_MAX];
	struct ksk_reply *reply;
	uint8_t *bundles; /* KSK_FRAME_MAX: RRSIGs of a schedule */
	struct ksk_schedule_room *schedule;
};

#endif
