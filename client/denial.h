/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * denial - negative answers: what a server says of a name that does not exist,
 * and whether that is proved (RFC 4035 5.4, RFC 5155 8, RFC 9824). A provider
 * whose positive answers validate may have a gap in its NSEC chain, and every
 * typing error then ends in SERVFAIL at a resolver.
 * Tests: tests/unit/test_denial.c, tests/providers/test_check.py
 */
#ifndef KSK_CLIENT_DENIAL_H
#define KSK_CLIENT_DENIAL_H

#include "client/dns.h"

/* SOA, three NSEC3, and what a server adds. */
#define KSK_DENIAL_SET_MAX 8u

/* What an answer says. */
struct ksk_denial {
	unsigned rcode;
	bool positive; /* the answer section has the name */
	bool proved;   /* the NSEC or NSEC3 records say that it is not there */
	struct ksk_fault why; /* unless proved: what is missing */
	size_t count;
	/* SOA, NSEC and NSEC3 RRsets of the authority section with their
	 * RRSIGs, which are not verified. */
	struct ksk_dns_answer set[KSK_DENIAL_SET_MAX];
};

/*
 * Takes what the answer to a question for an address below an apex says.
 * label: the question's only label below the apex.
 * out_denial: owned, ksk_denial_wipe; unchanged on failure. Errors of form as
 * ksk_dns_ask, with fault.
 */
KSK_MUST_USE enum ksk_err ksk_denial_read(struct ksk_span wire,
	const struct ksk_name *apex, const char *label,
	struct ksk_denial *out_denial, struct ksk_fault *fault);

/* Asks a server for a name that nobody has. Errors as ksk_dns_ask. */
KSK_MUST_USE enum ksk_err ksk_denial_ask(const struct ksk_dns_server *server,
	const struct ksk_name *apex, struct ksk_denial *out_denial,
	struct ksk_fault *fault);

/* Accepts a zeroed one; zeroes it. */
void ksk_denial_wipe(struct ksk_denial *denial);

#endif
