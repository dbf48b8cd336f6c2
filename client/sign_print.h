/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sign_print - the answer as zone text and as JSON. Text is made for sets that
 * verified only.
 */
#ifndef KSK_CLIENT_SIGN_PRINT_H
#define KSK_CLIENT_SIGN_PRINT_H

#include "client/output.h"
#include "client/sign_set.h"

/* What became of a set. */
enum ksk_sign_fate {
	KSK_SIGN_DONE,
	KSK_SIGN_PERMITTED, /* a dry run */
	KSK_SIGN_REFUSED,
	KSK_SIGN_UNVERIFIED,
};

/* Adds the RRset and its RRSIGs, one record a line. */
void ksk_sign_print_text(const struct ksk_sign_set *set,
	const struct ksk_sign_reply *reply, struct ksk_text *text);

/* Returns an object; RRSIGs are in it for KSK_SIGN_DONE only. why: for
 * KSK_SIGN_UNVERIFIED. Owned by the caller. */
json_t *ksk_sign_print_json(const struct ksk_sign_set *set,
	const struct ksk_reply *reply, enum ksk_sign_fate fate,
	const char *why);

/* As above for a zone whose keys are not given. */
json_t *ksk_sign_print_refused(
	const struct ksk_name *owner, const struct ksk_reply *reply);

#endif
