/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * job - what a worker demands of a job before the token sees it, whatever the
 * signer says. A signer that is taken over gets DNSKEY, CDS and CDNSKEY RRsets
 * signed at the apex of the zones in the keymap, with windows near to now, and
 * nothing else.
 * Tests: tests/token/test_worker.py
 */
#ifndef KSK_HSM_JOB_H
#define KSK_HSM_JOB_H

#include "appliance/base/packet.h"
#include "hsm/key.h"
#include "hsm/keymap.h"

#define KSK_JOB_NOT_GIVEN \
	"the keymap does not give this key to this zone; allow it with " \
	"\"kskadm key allow\""

/*
 * Checks a job and builds the bytes to be signed.
 * keymap, token: what this worker may do. zone: of the job's slot. key: the
 * slot's key. now: seconds, by the worker's own clock. out: emptied, room for KSK_TBS_MAX bytes. out_why: on failure,
 * which demand is not met.
 * KSK_ERR_BAD_INPUT: refused. Anything else is a broken invariant of ours.
 */
KSK_MUST_USE enum ksk_err ksk_job_build(const struct ksk_keymap *keymap,
	const char *token, const struct ksk_name *zone,
	const struct ksk_key *key, const struct ksk_lnk_job *job, uint64_t now,
	struct ksk_buf *out, char out_why[KSK_WHY_CAP]);

#endif
