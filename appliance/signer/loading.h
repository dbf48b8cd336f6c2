/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loading - a policy's way from a sealed table into force, in slices of a few
 * milliseconds, so that signing goes on beside it:
 *
 *	read → (its claims hold) → judge every zone that was signed
 *	→ (it may come into force) → attest every zone → (its record) → in force
 *
 * Answers are released meanwhile, under the policy in force. A zone whose
 * timeline changes after it was judged is judged and attested again, and the
 * last few in the same turn of the loop as the policy's record: what comes into
 * force was judged against all that was released before it.
 *
 * What is attested becomes durable before the policy does. It is what operators
 * say of the world, not a right: more of it never permits what less of it would
 * refuse, so that a policy which in the end does not come into force leaves
 * nothing behind that could do harm.
 *
 * There is one at a time: of a document that was handed in (submit.h), or of a
 * file (control.h).
 * Tests: tests/integration/test_loading.py, tests/soak/policy.py
 */
#ifndef KSK_SIGNER_LOADING_H
#define KSK_SIGNER_LOADING_H

#include "appliance/signer/inforce.h"
#include "appliance/signer/needed.h"

struct ksk_signer;

/* Each is reached when ksk_loading_run has said KSK_OK in the one before. */
enum ksk_loading_step {
	KSK_LOADING_NONE = 0,  /* there is none */
	KSK_LOADING_READING,   /* the table is checked */
	KSK_LOADING_READ,      /* it is whole: its claims may be looked at */
	KSK_LOADING_JUDGING,   /* ksk_loading_judge */
	KSK_LOADING_JUDGED,    /* it may come into force */
	KSK_LOADING_ATTESTING, /* ksk_loading_attest */
	KSK_LOADING_ATTESTED,  /* it may come into force in this turn */
};

/* Zones that may be left for the turn in which the policy is recorded. */
#define KSK_LOADING_FEW 8u

/* After so many zones that can't go over no further one is looked for. */
#define KSK_LOADING_REFUSED_MAX 8u

/* Slices for which it is tried to get down to so few. */
#define KSK_LOADING_SLICES_MAX 4096u

struct ksk_loading {
	enum ksk_loading_step step;
	struct ksk_inforce next; /* of READ and later: whole */
	struct ksk_inforce_progress reading;
	struct ksk_name judged;   /* the zone of the journal judged last */
	size_t attested;          /* zones of next that were … */
	struct ksk_needed needed; /* … and what it needs of those */
	/* Zones of next that changed since they were judged: a mark each, and
	 * their numbers, both owned. NULL: nothing can have changed. */
	uint8_t *touched;
	uint32_t *again;
	size_t again_count;
	unsigned slices; /* since nothing else was left */
	bool attests;    /* what changes a timeline is this loading itself */
	bool may_refuse; /* a zone that can't go over refuses the policy: */
	size_t refused_count;         /* so many do … */
	struct ksk_fault refused_why; /* … the first one, in words, … */
	struct ksk_refusals refused;  /* … all of them, rule by rule */
};

/*
 * Maps a table; the one that was loading is given up.
 * fd: the sealed table, borrowed. KSK_ERR_MALFORMED, KSK_ERR_IO, KSK_ERR_NO_
 * MEMORY, with fault; there is no loading then.
 */
KSK_MUST_USE enum ksk_err ksk_loading_begin(
	struct ksk_signer *signer, int fd, struct ksk_fault *fault);

/*
 * Goes on for one slice; in JUDGED and ATTESTED looks after zones that changed
 * since.
 * KSK_ERR_AGAIN: there is more. KSK_OK: see enum ksk_loading_step.
 * KSK_ERR_BAD_INPUT: a zone can't go over; KSK_ERR_NO_ROOM: the journal can't be
 * written now, try again; KSK_ERR_MALFORMED, KSK_ERR_IO, KSK_ERR_NO_MEMORY. With
 * fault.
 */
KSK_MUST_USE enum ksk_err ksk_loading_run(
	struct ksk_signer *signer, struct ksk_fault *fault);

/* All the slices of a step at once: where nobody waits for signatures. */
KSK_MUST_USE enum ksk_err ksk_loading_run_all(
	struct ksk_signer *signer, struct ksk_fault *fault);

/*
 * READ: looks whether the policy may follow the one in force, takes away from
 * it what is withdrawn, and begins to judge. At start, what was found of this
 * policy in the last life is taken (verdict.h).
 * KSK_ERR_BAD_INPUT with fault: another appliance, or a version; others as
 * above.
 */
KSK_MUST_USE enum ksk_err ksk_loading_judge(
	struct ksk_signer *signer, struct ksk_fault *fault);

/* JUDGED: begins to attest. may_refuse: see there; false once the policy was
 * agreed to: a zone that can't go over any more is held. */
void ksk_loading_attest(struct ksk_signer *signer, bool may_refuse);

/* Something that a zone's verdict depends on has changed. */
void ksk_loading_touch(struct ksk_signer *signer, const struct ksk_name *zone);

/* What is withdrawn has changed: the policy is narrowed and judged again.
 * Errors as ksk_office_narrow. */
KSK_MUST_USE enum ksk_err ksk_loading_narrow(
	struct ksk_signer *signer, struct ksk_fault *fault);

/* Hands the policy over to be in force; there is no loading any more. */
void ksk_loading_take(struct ksk_signer *signer, struct ksk_inforce *out);

/* Gives it up. */
void ksk_loading_drop(struct ksk_signer *signer);

/* Returns true if there is work to do in this turn without waiting. */
bool ksk_loading_hurries(const struct ksk_signer *signer);

#endif
