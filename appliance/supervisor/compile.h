/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compile - the signer has the text of a document that operators signed, and
 * no reader of YAML: kskd runs kskd-policy over it, in memory that the signer
 * sealed, and hands the result back. kskd looks at neither. One at a time: a new
 * request takes the place of one that is not answered yet.
 * Tests: tests/integration/test_quorum.py
 */
#ifndef KSK_SUPERVISOR_COMPILE_H
#define KSK_SUPERVISOR_COMPILE_H

#include "appliance/supervisor/kskd.h"

/* Makes the state empty. */
void ksk_compile_init(struct kskd *k);

/*
 * Takes the signer's request.
 * fd: the text, taken over whatever comes back. KSK_ERR_MALFORMED: the packet
 * is broken, or the memory is not sealed.
 */
KSK_MUST_USE enum ksk_err ksk_compile_take(
	struct kskd *k, struct ksk_wire *body, int fd);

/* Takes the end of kskd-policy. status: of waitpid. */
void ksk_compile_ended(struct kskd *k, int status);

/* The signer died: nobody waits for the run. */
void ksk_compile_died(struct kskd *k);

/* Kills a run that takes too long. */
void ksk_compile_run(struct kskd *k, uint64_t now_ms);

/* Returns the moment at which ksk_compile_run has something to do. */
uint64_t ksk_compile_next(const struct kskd *k);

#endif
