/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sign - one signature by the token, in DNS form. The bytes come from
 * protocol/tbs.h and from nowhere else; nothing outside of hsm/ calls this.
 * Tests: tests/token/
 */
#ifndef KSK_HSM_SIGN_H
#define KSK_HSM_SIGN_H

#include "hsm/key.h"

/*
 * Signs.
 * bytes: borrowed, of any length. out: appended to on success only.
 * KSK_ERR_TOKEN with fault: the call and its CKR name. KSK_ERR_UNSUPPORTED with
 * fault: the same, but the token is in order and only this key does not sign.
 * KSK_ERR_MALFORMED with fault: the token's signature has a form that can't be
 * turned into DNS form. KSK_ERR_CRYPTO: hashing failed. KSK_ERR_NO_ROOM.
 */
KSK_MUST_USE enum ksk_err ksk_sign(struct ksk_token *token,
	const struct ksk_key *key, struct ksk_span bytes, struct ksk_buf *out,
	struct ksk_fault *fault);

#endif
