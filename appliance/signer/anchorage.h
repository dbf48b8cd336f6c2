/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * anchorage - the journal's anchor in a token: a mark outside the journal of
 * how far the journal was. A journal that lacks the marked record, or has
 * another one in its place, was put back from an older copy: nothing is signed
 * then, because what was signed since is not known, until a person accepts it.
 *
 * Written when a policy is recorded, at an orderly stop, and at most once a
 * minute while records are written. Between the last anchor and a copy that is
 * younger than it nothing shows; clients that remember the last record they
 * saw do.
 *
 * A policy's record comes first, then the anchor, then its effect: a copy of
 * the journal from before a policy that was in force never looks like the
 * right one. After a start, and after a person's word, nothing is signed
 * before the anchor was read and written. A policy that is loaded later comes
 * into force once the anchor is written (control.c). A token that can't write
 * it now holds up neither: a policy that takes a key away must not wait for
 * it. That is logged, and told by the status as late, until it is written.
 * Tests: tests/unit/test_anchorage.c, tests/integration/test_restored.py,
 * test_anchor_order.py
 */
#ifndef KSK_SIGNER_ANCHORAGE_H
#define KSK_SIGNER_ANCHORAGE_H

#include "appliance/base/packet.h"
#include "appliance/signer/journal.h"
#include "protocol/msg.h"

struct ksk_signer;

/* In the journal's small things: the number of the record that was anchored
 * last (8 bytes, big endian). Nothing from it on may be pruned. */
#define KSK_ANCHORED_STATE "anchored"

enum ksk_anchorage_stage {
	KSK_ANCHORAGE_NONE = 0, /* no anchor is kept (kskd.yaml) */
	KSK_ANCHORAGE_UNREAD,   /* the token has not told it yet */
	KSK_ANCHORAGE_READ,     /* it fits; the next one is to be written */
	KSK_ANCHORAGE_GOOD,     /* that was tried at least */
	KSK_ANCHORAGE_RESTORED,
};

struct ksk_anchorage {
	enum ksk_anchorage_stage stage;
	bool due;              /* to be written as soon as can be … */
	uint64_t due_ms;       /* … since then, monotonic */
	bool writing;          /* an errand is under way */
	bool failed;           /* the last one was lost, and that was said */
	uint64_t next_ms;      /* not before */
	uint64_t written;      /* record of the last anchor written or read */
	uint64_t wanted;       /* of the errand under way */
	char why[KSK_WHY_CAP]; /* of UNREAD, READ and RESTORED */
	char locked[KSK_WHY_CAP]; /* in place of that, as it was last told */
	/* What a person accepts: the journal's head when RESTORED began, its
	 * hash taken together with the anchors that the token holds. Refusals
	 * that are recorded since do not change what is accepted. */
	struct ksk_head head;
	/* What the token held then: given up with that. */
	size_t found_count;
	struct ksk_checkpoint found[KSK_ANCHOR_COUNT_MAX];
};

/* Once the journal is open. KSK_ERR_IO with fault. */
KSK_MUST_USE enum ksk_err ksk_anchorage_begin(
	struct ksk_signer *signer, struct ksk_fault *fault);

/* Returns READY, RESTORED, or TOKEN_DOWN while it is not read, or not written
 * since; LOCKED if that is because no login is tried. */
enum ksk_state ksk_anchorage_state(
	struct ksk_signer *signer, const char **out_why);

/* Returns where it is, as the status says it; "" while that is not known. */
const char *ksk_anchorage_where(const struct ksk_signer *signer);

/* Asks for it, writes it when it is due. */
void ksk_anchorage_run(struct ksk_signer *signer, uint64_t now_ms);

/* A policy is recorded, or the signer is told to stop: write it now. */
void ksk_anchorage_hurry(struct ksk_signer *signer, uint64_t now_ms);

/* Returns true if what follows from the journal's record of that number may
 * take effect: an anchor of it is written, or can't be now, or nothing is
 * signed before it is. */
bool ksk_anchorage_covers(const struct ksk_signer *signer, uint64_t number);

/* Returns true if an orderly stop should wait for it. */
bool ksk_anchorage_waits(const struct ksk_signer *signer);

/* Stages, beside the record of a person's word, what it gives up.
 * KSK_ERR_NO_ROOM: commit first. */
KSK_MUST_USE enum ksk_err ksk_anchorage_give_up(struct ksk_signer *signer);

/* A person has accepted the journal as it is. */
void ksk_anchorage_accept(struct ksk_signer *signer, uint64_t now_ms);

#endif
