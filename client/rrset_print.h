/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rrset_print - an RRset and its RRSIGs as zone text, one record a line, and as
 * JSON. What is printed was read and verified before: it can be written.
 */
#ifndef KSK_CLIENT_RRSET_PRINT_H
#define KSK_CLIENT_RRSET_PRINT_H

#include "client/output.h"
#include "protocol/zonetext.h"

/* Adds the RRset and its RRSIGs. */
void ksk_rrset_print(const struct ksk_rrset *rrset,
	const struct ksk_span *rrsig, size_t rrsig_count,
	struct ksk_text *text);

/* Returns lists of lines of zone text. Owned by the caller. */
json_t *ksk_json_records(const struct ksk_rrset *rrset);
json_t *ksk_json_rrsigs(const struct ksk_rrset *rrset,
	const struct ksk_span *rrsig, size_t rrsig_count);

#endif
