/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * office_internal - what office.c and office_begin.c share: names of small
 * things in the journal, and the form of the authority there. Nobody else
 * includes it.
 */
#ifndef KSK_SIGNER_OFFICE_INTERNAL_H
#define KSK_SIGNER_OFFICE_INTERNAL_H

#include "appliance/signer/office.h"

#define KSK_STATE_AUTHORITY "authority"
#define KSK_STATE_POLICY_DOCUMENT "policy-document"
#define KSK_STATE_WITHDRAWN "withdrawn"
#define KSK_STATE_NONCES "nonces"

#define KSK_AUTHORITY_FORM_MAX 2048u

KSK_MUST_USE enum ksk_err ksk_office_write_authority(
	const struct ksk_authority *authority, const uint8_t name[KSK_HASH_LEN],
	bool is_signed, struct ksk_buf *out);

#endif
