/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * audit - the worker's side of the audit key: finds the key that the keymap
 * gives this token, and signs checkpoints and proofs with it, whose bytes it
 * builds itself (protocol/checkpoint.h). A key that the keymap also gives to a
 * zone is refused: one key, one purpose.
 * Tests: tests/token/test_audit.py
 */
#ifndef KSK_HSM_AUDIT_H
#define KSK_HSM_AUDIT_H

#include "appliance/base/packet.h"
#include "hsm/key.h"
#include "hsm/keymap.h"

/*
 * Looks the audit key up.
 * out_key: written on success only. out_why: on failure, for a person.
 * KSK_ERR_NOT_FOUND: the keymap names none, or it is not on the token.
 * KSK_ERR_UNSUPPORTED: it can't be used. KSK_ERR_TOKEN: the token fails.
 */
KSK_MUST_USE enum ksk_err ksk_audit_find(struct ksk_token *token,
	const struct ksk_keymap *keymap, const char *name,
	struct ksk_key *out_key, char out_why[KSK_WHY_CAP]);

/* Writes its public half as audit_key.h has it: the RDATA with flags 0. */
void ksk_audit_public(const struct ksk_key *key, struct ksk_buf *out);

/*
 * Signs a checkpoint or a proof.
 * out: the signature is appended on success. Errors as ksk_sign.
 */
KSK_MUST_USE enum ksk_err ksk_audit_sign(struct ksk_token *token,
	const struct ksk_key *key, const struct ksk_lnk_attest *what,
	struct ksk_buf *out, struct ksk_fault *fault);

#endif
