/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deliver - hands the signed sets of a zone to one provider, in the form that
 * its software takes: one function for each, in deliver_*.c. What a provider
 * says about it is not believed: the caller reads back what is served.
 * Tests: tests/unit/test_deliver.c, tests/providers/
 */
#ifndef KSK_CLIENT_DELIVER_H
#define KSK_CLIENT_DELIVER_H

#include "client/output.h"
#include "client/served.h"

/* One delivery. All borrowed. */
struct ksk_delivery {
	const struct ksk_sync_config *config;
	const struct ksk_sync_zone *zone;
	const struct ksk_sync_provider *provider;
	const struct ksk_signed *want; /* KSK_SIGNED_COUNT; DNSKEY is there */
	uint64_t now;                  /* seconds since 1970 */
};

/*
 * Delivers. KSK_DELIVER_NONE does nothing.
 * Any error: it was not taken, fault says what the provider's side said.
 */
KSK_MUST_USE enum ksk_err ksk_deliver(
	const struct ksk_delivery *delivery, struct ksk_fault *fault);

/* The ways. Only for deliver.c. */
KSK_MUST_USE enum ksk_err ksk_deliver_update(
	const struct ksk_delivery *delivery, struct ksk_fault *fault);
KSK_MUST_USE enum ksk_err ksk_deliver_knot(
	const struct ksk_delivery *delivery, struct ksk_fault *fault);
KSK_MUST_USE enum ksk_err ksk_deliver_files(
	const struct ksk_delivery *delivery, struct ksk_fault *fault);
KSK_MUST_USE enum ksk_err ksk_deliver_exec(
	const struct ksk_delivery *delivery, struct ksk_fault *fault);

/* The JSON that an exec adapter is fed with. Owned by the caller; NULL: no
 * memory. */
json_t *ksk_deliver_json(const struct ksk_delivery *delivery);

#endif
