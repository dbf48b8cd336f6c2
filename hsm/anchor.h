/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * anchor - the journal's mark in the token: a private CKO_DATA object with
 * journal id, record number, record hash and time. A new one is made and read
 * again before older ones are destroyed; none is ever changed: SoftHSM refuses
 * C_SetAttributeValue on it, and tpm2-pkcs11 says OK and keeps the old value.
 * After a crash between the two steps there are two: the newer one counts. A
 * call that fails or a process that ends at any moment leaves the old one or
 * the new one or both, and never more than can be read.
 * Tests: tests/token/test_audit.py, tests/token/test_anchor.py
 */
#ifndef KSK_HSM_ANCHOR_H
#define KSK_HSM_ANCHOR_H

#include "hsm/token.h"
#include "protocol/checkpoint.h"

/*
 * Reads all anchors.
 * out: room for max. KSK_ERR_MALFORMED with fault: objects with our label are
 * there and all have another form; one beside a good one is passed over.
 * KSK_ERR_TOO_LARGE: more than max. KSK_ERR_TOKEN.
 */
KSK_MUST_USE enum ksk_err ksk_anchor_read(const struct ksk_token *token,
	struct ksk_checkpoint *out, size_t max, size_t *out_count,
	struct ksk_fault *fault);

/*
 * Makes an anchor, reads it again, destroys the older ones.
 * The session must be writable (struct ksk_token_choice). KSK_ERR_TOKEN with
 * fault: the call and its CKR name; older anchors may still be there, and the
 * new one as well. KSK_ERR_UNSUPPORTED with fault: what was read again is not
 * what was written; the older ones are still there.
 */
KSK_MUST_USE enum ksk_err ksk_anchor_write(const struct ksk_token *token,
	const struct ksk_checkpoint *anchor, struct ksk_fault *fault);

#endif
