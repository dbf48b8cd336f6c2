/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * errand - what the signer asks of a worker besides KSKs' signatures: a
 * checkpoint or a proof by the audit key, and the anchor. One errand at a time
 * is under way in the whole crew; whoever has one to run waits until there is
 * none, and takes its end. Part of the crew: crew.c calls it when links come
 * and go, crew_packets.c when packets come.
 * Tests: tests/unit/test_errand.c
 */
#ifndef KSK_SIGNER_ERRAND_H
#define KSK_SIGNER_ERRAND_H

#include "appliance/base/start.h"

struct ksk_crew;
struct ksk_worker;

/* Who runs it. */
enum ksk_errand_owner {
	KSK_ERRAND_NOBODY = 0, /* none is under way */
	KSK_ERRAND_CHECKPOINT,
	KSK_ERRAND_PROOF,
	KSK_ERRAND_ANCHOR,
};

enum ksk_errand_stage {
	KSK_ERRAND_OPEN = 0,
	KSK_ERRAND_DONE, /* what it is about stands below */
	KSK_ERRAND_LOST, /* why says so; may be tried again */
};

struct ksk_errand {
	enum ksk_errand_owner owner;
	enum ksk_errand_stage stage;
	enum ksk_packet answer; /* that ends it */
	uint16_t worker;
	char why[KSK_WHY_CAP];
	size_t signature_len; /* ATTESTED */
	uint8_t signature[KSK_SIGNATURE_MAX];
	struct ksk_lnk_anchor_found found; /* ANCHOR_FOUND */
};

/* What the crew knows of the audit key: of the first token that has one. */
struct ksk_audit_view {
	uint16_t token; /* KSK_TOKEN_NONE: no worker has told of one */
	size_t len;
	uint8_t key[KSK_AUDIT_KEY_MAX];
	char why[KSK_WHY_CAP]; /* why there is none */
};

/* Starts one. Each returns false if another is under way or no worker that
 * could do it has room now: try again later. now_ms: monotonic. */
bool ksk_errand_attest(struct ksk_crew *crew, enum ksk_errand_owner owner,
	const struct ksk_lnk_attest *what, uint64_t now_ms);
bool ksk_errand_anchor_read(struct ksk_crew *crew, uint64_t now_ms);
bool ksk_errand_anchor_write(struct ksk_crew *crew,
	const struct ksk_checkpoint *anchor, uint64_t now_ms);

/* Returns the errand of an owner once it has ended, or NULL; borrowed until
 * ksk_errand_over. */
const struct ksk_errand *ksk_errand_ended(
	const struct ksk_crew *crew, enum ksk_errand_owner owner);

/* Its end was seen: the next may start. */
void ksk_errand_over(struct ksk_crew *crew);

/* Returns true if none is under way, so that one may be started. */
bool ksk_errand_free(const struct ksk_crew *crew);

/* Returns the public half of the audit key (audit_key.h), borrowed; empty if
 * there is none, then *out_why says why. */
struct ksk_span ksk_errand_audit_key(
	const struct ksk_crew *crew, const char **out_why);

/* ---- for crew*.c ---- */

/* Asks new workers for their audit key. */
void ksk_errand_push(struct ksk_crew *crew, uint64_t now_ms);

/* Asks all of them again: the keymap may have changed. */
void ksk_errand_look_again(struct ksk_crew *crew);

/* The worker's link is gone, or new. */
void ksk_errand_drop(struct ksk_crew *crew, struct ksk_worker *worker);

/* Takes an answer. KSK_ERR_MALFORMED: nobody asked, or it breaks its form. */
KSK_MUST_USE enum ksk_err ksk_errand_take(struct ksk_crew *crew,
	struct ksk_worker *worker, enum ksk_packet nr, struct ksk_wire *body);

#endif
