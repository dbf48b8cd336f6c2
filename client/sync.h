/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync - one zone on its way through `kskctl sync`: gathered (sync_zone.c),
 * signed (sync_ask.c, sync_proof.c), delivered and read back (sync_zone.c), told
 * (sync_print.c). Only for these and sync.c.
 * Tests: tests/providers/test_providers.py, tests/providers/test_sync.py
 */
#ifndef KSK_CLIENT_SYNC_H
#define KSK_CLIENT_SYNC_H

#include "client/gather.h"
#include "client/held.h"
#include "client/output.h"
#include "client/sign_set.h"
#include "client/sync_choose.h"

/* Where a provider stands at the end. */
enum ksk_sync_state {
	KSK_SYNC_IN_ORDER,  /* all its addresses serve the answer */
	KSK_SYNC_DELIVERED, /* the same, and this run did it */
	KSK_SYNC_DIFFERS,   /* an address serves something else */
	KSK_SYNC_HELD_BACK, /* not delivered: it would break the provider */
	KSK_SYNC_FAILED,    /* its side did not take the delivery */
};

const char *ksk_sync_state_text(enum ksk_sync_state state);

/* One provider of one zone. */
struct ksk_sync_member {
	const struct ksk_sync_provider *provider;
	struct ksk_served_list served;
	struct ksk_gathered gathered;
	struct ksk_proofs proofs;
	enum ksk_sync_state state;
	struct ksk_fault why; /* HELD_BACK, FAILED */
	json_t *servers;      /* [{address, faults}], of the last look */
};

/* What became of the signing. */
enum ksk_sync_signing {
	KSK_SYNC_KEPT,     /* the last answer is still right */
	KSK_SYNC_SIGNED,   /* there is a new one */
	KSK_SYNC_WOULD,    /* a dry run: there would be a new one */
	KSK_SYNC_REFUSED,  /* the policy says no */
	KSK_SYNC_UNSIGNED, /* it could not be asked for */
};

struct ksk_sync_run {
	struct ksk_ctl ctl;
	const struct ksk_sync_config *config;
	const struct ksk_sync_zone *zone;
	bool dry_run;
	bool progress; /* a person watches */
	unsigned count;
	struct ksk_sync_member member[KSK_SYNC_MEMBER_MAX];
	/* From the appliance. */
	struct ksk_held held;
	struct ksk_offer offer[KSK_SYNC_MEMBER_MAX];
	struct ksk_choice choice;
	struct ksk_signed want[KSK_SIGNED_COUNT];
	enum ksk_sync_signing signing;
	bool own[KSK_SYNC_MEMBER_MAX]; /* the set has a key of this provider */
	json_t *changes;  /* ["+ 123 (alpha)", …] of the DNSKEY RRset */
	json_t *refusals; /* by type */
};

/* Makes the offer of a member out of what was gathered from it. */
void ksk_sync_offer(struct ksk_sync_run *run, unsigned i);

/* Adds to a request for a DNSKEY RRset what proves that providers hold the ZSKs
 * that are new in it. now: seconds since 1970. */
void ksk_sync_add_proofs(
	struct ksk_sync_run *run, uint64_t now, struct ksk_sign *sign);

/* A ksk_work_fn; ctx: struct ksk_sync_run with its offers. Fills in what is
 * from the appliance. */
enum ksk_step ksk_sync_ask(
	struct ksk_session *session, void *ctx, struct ksk_fault *fault);

/* Does one zone. config, zone, ctl, dry_run and progress are set, all else is
 * zero. Returns the exit code that this zone alone would have. */
enum ksk_ctl_exit ksk_sync_zone(struct ksk_sync_run *run);

/* The same for a zone that could not be done at all, and says why. */
enum ksk_ctl_exit ksk_sync_not_done(struct ksk_sync_run *run, const char *why);
void ksk_sync_wipe(struct ksk_sync_run *run);

/* One zone as text, and as JSON (owned by the caller). */
void ksk_sync_print_text(const struct ksk_sync_run *run, struct ksk_text *text);
json_t *ksk_sync_print_json(const struct ksk_sync_run *run);

#endif
