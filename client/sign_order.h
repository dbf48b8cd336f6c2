/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sign_order - the options of `sign` that tie a request to others: --previous,
 * --supersedes, --idempotency. Only for sign.c.
 * Tests: tests/integration/test_kskctl_history.py
 */
#ifndef KSK_CLIENT_SIGN_ORDER_H
#define KSK_CLIENT_SIGN_ORDER_H

#include "client/sign_set.h"

/* Each reads a value into options. KSK_ERR_BAD_INPUT: said on standard
 * error. */
KSK_MUST_USE enum ksk_err ksk_sign_take_previous(
	const char *value, struct ksk_sign_options *options);
KSK_MUST_USE enum ksk_err ksk_sign_take_supersedes(
	const char *value, struct ksk_sign_options *options);
KSK_MUST_USE enum ksk_err ksk_sign_take_idempotency(
	const char *value, struct ksk_sign_options *options);

/* Returns false if an option that means one set is given for several, or with
 * a dry run; said on standard error. */
bool ksk_sign_order_fits(const struct ksk_sign_options *options, size_t sets);

#endif
