/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check - verifies every signature before anybody sees it, with the public key
 * that the policy pins, over bytes built here from the request: a token, a
 * worker or a link that lies is found out.
 * Tests: tests/unit/test_check.c, tests/integration/test_spine.py, tests/token/
 */
#ifndef KSK_SIGNER_CHECK_H
#define KSK_SIGNER_CHECK_H

#include "appliance/signer/signer.h"

/*
 * Verifies the signatures of a ticket that came and were not looked at. One
 * that does not verify is lost and logged, and its worker is reported to kskd
 * to be replaced. One by a key that has gone since is lost, and nobody's fault.
 */
void ksk_check_ticket(struct ksk_signer *signer, struct ksk_ticket *ticket);

/* Writes the RRSIG RDATA of a ticket whose jobs are all signed, into
 * signer->rrsig. out: borrowed until the next call. */
void ksk_check_rrsigs(struct ksk_signer *signer,
	const struct ksk_ticket *ticket,
	struct ksk_span out[KSK_RRSIG_COUNT_MAX]);

#endif
