/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verdict - what was found when a policy was judged (load.h), made durable. A
 * policy is judged beside the one in force before it, which a later start does
 * not have any more: judged then, zones would be held that could go over when
 * it was loaded. So each policy is judged once, and a start recalls what was
 * found: of the policy last recorded, and of one whose record an end of the
 * signer cut off after it had been agreed to.
 * Tests: tests/unit/test_verdict.c, tests/crash/test_crash.py,
 * tests/integration/test_timeline.py
 */
#ifndef KSK_SIGNER_VERDICT_H
#define KSK_SIGNER_VERDICT_H

#include "appliance/signer/inforce.h"
#include "appliance/signer/journal.h"

enum ksk_verdict {
	KSK_VERDICT_AHEAD,    /* of a policy that may come into force */
	KSK_VERDICT_IN_FORCE, /* of the one that is recorded with it */
};

/*
 * Stages what was found of a policy: its hash, and the zones that it holds.
 * Replaces the verdict of another one. KSK_ERR_NO_ROOM: commit first.
 * KSK_ERR_NO_MEMORY.
 */
KSK_MUST_USE enum ksk_err ksk_verdict_keep(struct ksk_journal *journal,
	enum ksk_verdict which, const struct ksk_inforce *policy);

/* Stages that there is no policy ahead, for what is released from now on is not
 * known to its verdict. KSK_ERR_NO_ROOM: commit first. */
KSK_MUST_USE enum ksk_err ksk_verdict_drop(struct ksk_journal *journal);

/*
 * Fills policy->held from the durable verdict of this very policy.
 * KSK_ERR_NOT_FOUND: there is none; policy is unchanged. KSK_ERR_MALFORMED:
 * there is one, damaged. KSK_ERR_IO, KSK_ERR_NO_MEMORY, with fault.
 */
KSK_MUST_USE enum ksk_err ksk_verdict_recall(struct ksk_journal *journal,
	enum ksk_verdict which, struct ksk_inforce *policy,
	struct ksk_fault *fault);

#endif
