/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idempotency - a request that is repeated with the same key and the same
 * bytes gets the answer that it had, and the token is not asked again; other
 * bytes under a key that was used are refused. A key is a client's own. What
 * was signed is kept for a day; failures and refusals are not kept: there the
 * request is tried anew.
 *
 * What is kept is bounded however much is signed in a day: an answer that lies
 * KSK_IDEMPOTENCY_RECORDS back is forgotten, and each answer takes two records
 * at least. A request that comes again after that is judged as a new one, and
 * leaves an intent and a result of its own. Nothing is kept in memory.
 * Tests: tests/unit/test_idempotency.c, tests/integration/test_timeline.py
 */
#ifndef KSK_SIGNER_IDEMPOTENCY_H
#define KSK_SIGNER_IDEMPOTENCY_H

#include "appliance/signer/journal.h"

/* How long an answer is given again. */
#define KSK_IDEMPOTENCY_SECONDS 86400u

/* … and after so many records no more: a day of 100,000 zones that are each
 * signed for three types, several times over; half as many rows, 100 MB. */
#define KSK_IDEMPOTENCY_RECORDS 2000000u

/* Old rows are removed each time that so many were staged. So many may be
 * there beyond the bound. */
#define KSK_IDEMPOTENCY_EVERY 64u

struct ksk_idempotency {
	struct ksk_journal *journal; /* borrowed */
	size_t put, purge, bound;    /* its statements */
	uint32_t staged;             /* since old rows were removed */
};

/* KSK_ERR_IO, KSK_ERR_NO_ROOM with fault. */
KSK_MUST_USE enum ksk_err ksk_idempotency_begin(
	struct ksk_idempotency *idempotency, struct ksk_journal *journal,
	struct ksk_fault *fault);

/* What is known of a key. */
enum ksk_repeat {
	KSK_REPEAT_NEW,   /* nothing */
	KSK_REPEAT_SAME,  /* the answer of *out_record */
	KSK_REPEAT_OTHER, /* it stands for another request */
};

/*
 * Looks a client's key up. digest: SHA-256 of the request's body.
 * KSK_ERR_IO with fault.
 */
KSK_MUST_USE enum ksk_err ksk_idempotency_find(
	struct ksk_idempotency *idempotency, const uint8_t pin[KSK_PIN_LEN],
	const uint8_t key[KSK_ID_LEN], const uint8_t digest[KSK_HASH_LEN],
	uint64_t now, enum ksk_repeat *out, uint64_t *out_record,
	struct ksk_fault *fault);

/* Stages what was answered, beside its record. KSK_ERR_NO_ROOM: commit first.
 */
KSK_MUST_USE enum ksk_err ksk_idempotency_stage(
	struct ksk_idempotency *idempotency, const uint8_t pin[KSK_PIN_LEN],
	const uint8_t key[KSK_ID_LEN], const uint8_t digest[KSK_HASH_LEN],
	uint64_t record, uint64_t now);

#endif
