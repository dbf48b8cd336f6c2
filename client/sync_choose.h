/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync_choose - which keys the common DNSKEY RRset is to hold: what the
 * providers offer, as far as the policy lists it for them, and what must not
 * leave yet. Says what is wrong with an offer and what is waited for. Computes
 * only; our KSKs are added when the request is built.
 *
 * The rules: a key counts for the provider that the policy pins it for. One
 * that was signed and is offered no more stays until the appliance says that it
 * may leave, and so does every key of a provider that could not be asked. A
 * retired key leaves at that moment though it is offered. Neither leaves as long
 * as its provider signs with it, or an address of its servers does not show
 * what it signs with. A withdrawn key is never taken. A co-signer's key stands
 * from when its provider first offers it until the policy's `until`.
 * Tests: tests/unit/test_sync_choose.c
 */
#ifndef KSK_CLIENT_SYNC_CHOOSE_H
#define KSK_CLIENT_SYNC_CHOOSE_H

#include "client/served.h"

enum ksk_note_kind {
	KSK_NOTE_WAIT,  /* what is waited for */
	KSK_NOTE_FAULT, /* what a person should look at */
};

struct ksk_note {
	enum ksk_note_kind kind;
	char provider[KSK_LABEL_CAP]; /* "": the zone as a whole */
	char text[300];
};

#define KSK_NOTE_MAX 64u

/* Zero it before use. What has no room is counted. */
struct ksk_notes {
	size_t count;
	size_t dropped;
	struct ksk_note list[KSK_NOTE_MAX];
};

void ksk_note_add(struct ksk_notes *notes, enum ksk_note_kind kind,
	const char *provider, const char *fmt, ...) KSK_FORMAT(4, 5);

/* What one provider offers. All borrowed. */
struct ksk_offer {
	const char *provider; /* its name in the policy */
	bool failed;          /* it could not be asked */
	bool shown;           /* taken from its DNSKEY RRset, which holds the
			       * keys of all: nothing is missed there, and
			       * foreign keys are no fault */
	struct ksk_rrset rrset;
	bool unseen; /* an address does not show what signs its zone */
	size_t active_count;
	struct ksk_active active[KSK_ACTIVE_MAX]; /* what signs its zone */
};

struct ksk_choice {
	struct ksk_rrset rrset; /* sorted; borrows from offers and last */
	struct ksk_notes notes;
};

/*
 * Chooses.
 * last: the DNSKEY RRset that was signed last, NULL for none.
 * now: seconds since 1970.
 * out_choice: count 0 if there is no key at all.
 */
void ksk_sync_choose(const struct ksk_keys_reply *keys,
	const struct ksk_rrset *last, const struct ksk_offer *offer,
	size_t offer_count, uint64_t now, struct ksk_choice *out_choice);

/* Returns true if one of the provider's keys of the policy, or a CSK of its,
 * stands in a set. */
bool ksk_sync_has_own(const struct ksk_keys_reply *keys, const char *provider,
	const struct ksk_rrset *dnskey);

#endif
