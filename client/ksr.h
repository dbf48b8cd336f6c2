/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ksr - key signing requests (KSR) and signed key responses (SKR), the texts
 * by which an offline KSK is asked and answers. Two programs write them:
 *
 *   Knot DNS:  ;; KeySigningRequest 1.0 1800000000 (2027-01-15T08:00:00Z) ====
 *              records of many lines, without a class
 *   BIND 9.20: ;; KeySigningRequest 1.0 20270115080000 (Fri Jan 15 …)
 *              one record a line
 *
 * Both end with ";; KeySigningRequest 1.0 generated …"; an SKR has the word
 * SignedKeyResponse. Each reads the other's times wrongly or not at all, so an
 * SKR is written in the form that is asked for.
 *
 * Reading is all or nothing: one wrong line and nothing comes back but all
 * that is wrong, each with its line. Refused: a text that is cut off (no last
 * line), no section or an empty one, records outside of sections, another
 * version, times that do not rise or that mix both forms, several zones or
 * TTLs, directives, records that are no ZSKs, and what zonetext.h refuses.
 *
 * Used by the client and by tests; takes heap memory.
 * Tests: tests/unit/test_ksr.c, tests/fuzz/fuzz_ksr.c
 */
#ifndef KSK_CLIENT_KSR_H
#define KSK_CLIENT_KSR_H

#include "client/output.h"
#include "protocol/zonetext.h"

/* Years of changes at one provider: a longer one is a mistake. */
#define KSK_KSR_SECTION_MAX 256u

enum ksk_ksr_dialect {
	KSK_KSR_KNOT, /* seconds since 1970 */
	KSK_KSR_BIND, /* YYYYMMDDhhmmss */
};

/* Returns "knot" or "bind". */
const char *ksk_ksr_dialect_text(enum ksk_ksr_dialect dialect);

/* Reads "knot" or "bind". KSK_ERR_BAD_INPUT, out unchanged. */
KSK_MUST_USE enum ksk_err ksk_ksr_dialect_read(
	const char *text, enum ksk_ksr_dialect *out_dialect);

/* What is to be served from a moment on. */
struct ksk_ksr_section {
	uint64_t time;          /* seconds since 1970, below 2^32 */
	size_t line;            /* of its header */
	struct ksk_rrset rrset; /* the provider's ZSKs, canonical */
	uint8_t *memory;        /* of the RDATA */
};

/* A KSR. Owns its sections: ksk_ksr_wipe. */
struct ksk_ksr {
	enum ksk_ksr_dialect dialect;
	struct ksk_name owner;
	uint32_t ttl;
	size_t count; /* 1..KSK_KSR_SECTION_MAX, times rise */
	struct ksk_ksr_section *section;
};

/*
 * Reads the text of a KSR of either form.
 * text: borrowed until return. out_ksr: owned by the caller, ksk_ksr_wipe;
 * unchanged on failure.
 * KSK_ERR_BAD_INPUT with faults; KSK_ERR_TOO_LARGE: above KSK_ZONETEXT_MAX,
 * with faults; KSK_ERR_NO_MEMORY.
 */
KSK_MUST_USE enum ksk_err ksk_ksr_read(struct ksk_span text,
	struct ksk_ksr *out_ksr, struct ksk_zonetext_faults *faults);

/* Returns true if a text has a line that begins as the header of a KSR does:
 * it is to be read as one, and not as zone text. */
bool ksk_ksr_is(struct ksk_span text);

/* Frees what a KSR holds and zeroes it; accepts a zeroed one. */
void ksk_ksr_wipe(struct ksk_ksr *ksr);

/* A signed RRset. All borrowed. */
struct ksk_skr_set {
	const struct ksk_rrset *rrset; /* NULL: not there */
	const struct ksk_span *rrsig;
	size_t rrsig_count;
};

/* What is to be served from a moment on. Both programs want a DNSKEY set in
 * each, and its signatures valid at that moment. */
struct ksk_skr_bundle {
	uint64_t time;
	struct ksk_skr_set dnskey, cdnskey, cds;
};

/*
 * Adds an SKR with its last line, in the order that the program writes itself.
 * bundle: count of them, times rise; what they hold was verified before and
 * can be written. generated: seconds since 1970, for the last line.
 */
void ksk_skr_write(const struct ksk_skr_bundle *bundle, size_t count,
	enum ksk_ksr_dialect dialect, uint64_t generated,
	struct ksk_text *text);

#endif
