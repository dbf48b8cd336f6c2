/* SPDX-License-Identifier: BSD-2-Clause */
/* apart_work - what the process apart does with the module; apart.h is the
 * contract. */
#ifndef KSK_ADMIN_APART_WORK_H
#define KSK_ADMIN_APART_WORK_H

#include "appliance/admin/apart.h"

/* Carries out an order and fills the result, its code included. out_token: the
 * open token, to be closed by the caller, or NULL. */
void ksk_apart_work(const struct ksk_config_token *token,
	const struct ksk_apart_order *order, struct ksk_apart_result *result,
	struct ksk_token **out_token);

/* Carries out the orders about backups, apart_wrap.c, and sets the result's
 * code where it is another one than the error's own. */
KSK_MUST_USE enum ksk_err ksk_apart_wrap(struct ksk_token *token,
	const struct ksk_apart_order *order, struct ksk_apart_result *result);

/* Fills a usable key. */
void ksk_apart_fill(struct ksk_apart_key *out, const char *label,
	struct ksk_span id, const struct ksk_key *key);

#endif
