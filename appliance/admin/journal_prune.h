/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal_prune - what the files of `kskadm journal prune` share. Records leave
 * a journal, oldest first, only if nobody needs them there any more: they are
 * in an export that the audit key proves, behind the anchor, their signatures
 * have expired, and no intent is open. Those that an answer may be given again
 * from, the policy in force, and announcements in force stay all the same. kskd must not run on it.
 * Tests: tests/integration/test_journal_prune.py
 */
#ifndef KSK_ADMIN_JOURNAL_PRUNE_H
#define KSK_ADMIN_JOURNAL_PRUNE_H

#include "appliance/admin/journal_check.h"

#define KSK_PRUNE_WHY_CAP 256u

struct ksk_prune {
	struct ksk_check check; /* as it is found */
	struct ksk_check after; /* as it is to be, on the same file */
	const char *export_path;
	int export_fd;
	struct ksk_chain *exported; /* trusts the audit key */
	bool has_anchor;            /* the configuration keeps one */
	uint64_t now,
		younger; /* seconds; younger records stay; 0: all may go */
	uint64_t limit;  /* no record from it on leaves … */
	char why[KSK_PRUNE_WHY_CAP]; /* … and why */
	bool found;                  /* through is set */
	uint64_t through;            /* last record that leaves */
	uint8_t hash[KSK_HASH_LEN];  /* its chain hash */
};

/* Finds limit and why. KSK_ERR_MALFORMED, KSK_ERR_IO, KSK_ERR_AMBIGUOUS (an
 * intent is open, or the clock is behind), with fault. */
KSK_MUST_USE enum ksk_err ksk_prune_bound(
	struct ksk_prune *prune, struct ksk_fault *fault);

/*
 * Verifies the export and finds through: the last checkpoint that it shares
 * with the journal, below limit.
 * KSK_ERR_MALFORMED, KSK_ERR_BAD_SIGNATURE, KSK_ERR_IO, with fault.
 */
KSK_MUST_USE enum ksk_err ksk_prune_export(
	struct ksk_prune *prune, struct ksk_fault *fault);

/*
 * Prunes in one transaction, which is not ended before what is left is whole.
 * KSK_ERR_NO_ROOM: the disk is full; KSK_ERR_IO, others as of
 * ksk_check_records; with fault. Nothing has changed then.
 */
KSK_MUST_USE enum ksk_err ksk_prune_run(
	struct ksk_prune *prune, struct ksk_fault *fault);

#endif
