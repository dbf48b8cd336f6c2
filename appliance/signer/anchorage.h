/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * anchorage - the journal's anchor in a token: a mark outside the journal of
 * how far the journal was. A journal that lacks the marked record, or has
 * another one in its place, was put back from an older copy: nothing is signed
 * then, because what was signed since is not known, until a person accepts it.
 *
 * Written when a policy came into force, at an orderly stop, and at most once
 * a minute while records are written. Between the last anchor and a copy that
 * is younger than it nothing shows; clients that remember the last record
 * they saw do.
 * Tests: tests/integration/test_restored.py
 */
#ifndef KSK_SIGNER_ANCHORAGE_H
#define KSK_SIGNER_ANCHORAGE_H

#include "appliance/signer/journal.h"
#include "protocol/checkpoint.h"
#include "protocol/msg.h"

struct ksk_signer;

/* In the journal's small things: the number of the record that was anchored
 * last (8 bytes, big endian). Nothing from it on may be pruned. */
#define KSK_ANCHORED_STATE "anchored"

enum ksk_anchorage_stage {
	KSK_ANCHORAGE_NONE = 0, /* no anchor is kept (kskd.yaml) */
	KSK_ANCHORAGE_UNREAD,   /* the token has not told it yet */
	KSK_ANCHORAGE_GOOD,
	KSK_ANCHORAGE_RESTORED,
};

struct ksk_anchorage {
	enum ksk_anchorage_stage stage;
	bool due;              /* to be written as soon as can be */
	bool writing;          /* an errand is under way */
	bool failed;           /* the last one was lost, and that was said */
	uint64_t next_ms;      /* not before */
	uint64_t written;      /* record of the last anchor written or read */
	uint64_t wanted;       /* of the errand under way */
	char why[KSK_WHY_CAP]; /* of UNREAD and RESTORED */
	/* The journal's when RESTORED began: the one a person accepts.
	 * Refusals that are recorded since do not change what is accepted. */
	struct ksk_head head;
};

/* Once the journal is open. KSK_ERR_IO with fault. */
KSK_MUST_USE enum ksk_err ksk_anchorage_begin(
	struct ksk_signer *signer, struct ksk_fault *fault);

/* Returns READY, RESTORED, or TOKEN_DOWN while it is not read. */
enum ksk_state ksk_anchorage_state(
	struct ksk_signer *signer, const char **out_why);

/* Returns where it is, as the status says it; "" while that is not known. */
const char *ksk_anchorage_where(const struct ksk_signer *signer);

/* Asks for it, writes it when it is due. */
void ksk_anchorage_run(struct ksk_signer *signer, uint64_t now_ms);

/* A policy came into force, or the signer is told to stop: write it now. */
void ksk_anchorage_hurry(struct ksk_signer *signer);

/* Returns true if an orderly stop should wait for it. */
bool ksk_anchorage_waits(const struct ksk_signer *signer);

/* A person accepts the journal as it is. */
void ksk_anchorage_accept(struct ksk_signer *signer);

#endif
