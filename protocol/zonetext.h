/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonetext - zone text as people write it (RFC 1035 5.1, RFC 2308 4, RFC 3597
 * 5) to one RRset in canonical form, and back to text. Our own scan reads the
 * layout and checks what ldns lets through (it reads flags 65792 as 256 and an
 * absent TTL as 3600); ldns, in zonetext.c only, turns each record into RDATA.
 *
 * All or nothing: one wrong record and nothing comes back but the list of all
 * that is wrong, each with its line. Refused: bytes of zero, names outside
 * ASCII, unbalanced parentheses, a record without TTL where no $TTL stands
 * above it, a TTL above 2147483647, different TTLs, owners, classes or types,
 * numbers outside their field, empty or malformed keys, words after the key,
 * more than KSK_RDATA_COUNT_MAX records, $INCLUDE, $GENERATE, key signing
 * requests and responses, PEM.
 *
 * TTLs may have units: digits with w, d, h, m, s, each at most once, in this
 * order ("1h30m"); a number alone means seconds. Records with the same content
 * are folded, and a note says so. A file's byte-order mark (UTF-8), CRLF and a
 * missing last newline are fine.
 *
 * Used by the client and by tests; takes heap memory.
 * Tests: tests/unit/test_zonetext.c, tests/unit/test_zonetext_foreign.c,
 * tests/fuzz/fuzz_zonetext.c
 */
#ifndef KSK_PROTOCOL_ZONETEXT_H
#define KSK_PROTOCOL_ZONETEXT_H

#include "protocol/tbs.h"

/* A file of 32 records needs a few tens of KiB; all work is linear in it. */
#define KSK_ZONETEXT_MAX (1024u * 1024u)

/* A person mends a few, then runs it again. */
#define KSK_ZONETEXT_FAULT_MAX 20u

/* line: 1 is the first; 0 when the text as a whole is meant. */
struct ksk_zonetext_fault {
	size_t line;
	struct ksk_fault fault; /* a sentence without the line */
};

/*
 * All that is wrong with a text, in its order; also used for notes. Zero it
 * before use.
 * lacks_ttl: nothing is wrong but that records have no TTL; then owner and
 * type are those of the set, and another try with the zone's TTL succeeds.
 */
struct ksk_zonetext_faults {
	size_t count;
	size_t dropped; /* beyond the room */
	struct ksk_zonetext_fault list[KSK_ZONETEXT_FAULT_MAX];
	bool lacks_ttl;
	struct ksk_name owner;
	uint16_t type;
};

/* Adds one to a list, or counts it where there is no room. line: 0 for none. */
void ksk_zonetext_note(struct ksk_zonetext_faults *list, size_t line,
	const char *fmt, ...) KSK_FORMAT(3, 4);

enum ksk_zonetext_form {
	/* One RRset of type DNSKEY, CDS or CDNSKEY. */
	KSK_ZONETEXT_SET,
	/* One RRset of any type with RRSIGs that cover it. */
	KSK_ZONETEXT_PROOF,
};

struct ksk_zonetext_options {
	enum ksk_zonetext_form form;
	/* The text is part of a larger one: no byte-order mark, and no
	 * directives, on whose reach programs disagree. */
	bool section;
	/* The zone's TTL from the policy: taken for records that have none,
	 * and said so in a note. */
	bool has_ttl;
	uint32_t ttl;
};

/* What a text holds. Owns the RDATA: ksk_zonetext_wipe. */
struct ksk_zonetext {
	struct ksk_rrset rrset; /* canonical; RDATA in memory */
	size_t record_count;    /* records of the RRset in the text */
	size_t rrsig_count;     /* KSK_ZONETEXT_PROOF only */
	struct ksk_span rrsig[KSK_RRSIG_COUNT_MAX];
	struct ksk_zonetext_faults notes; /* what was folded or filled in */
	uint8_t *memory;
};

/*
 * Reads a text.
 * text: borrowed until return.
 * out_zone: owned by the caller, ksk_zonetext_wipe; unchanged on failure.
 * KSK_ERR_BAD_INPUT with faults; KSK_ERR_TOO_LARGE: above KSK_ZONETEXT_MAX,
 * with faults; KSK_ERR_NO_MEMORY.
 */
KSK_MUST_USE enum ksk_err ksk_zonetext_read(struct ksk_span text,
	const struct ksk_zonetext_options *options,
	struct ksk_zonetext *out_zone, struct ksk_zonetext_faults *faults);

/* Frees what a text holds and zeroes it; accepts a zeroed one. */
void ksk_zonetext_wipe(struct ksk_zonetext *zone);

/* Bytes of room that any record of ours fits as text, final zero included:
 * names escaped, the rest hexadecimal. */
#define KSK_ZONETEXT_RECORD_CAP \
	(2u * KSK_NAME_TEXT_CAP + 2u * KSK_RDATA_MAX + 128u)

/*
 * Writes one record as a line without newline. DNSKEY, CDNSKEY, DS, CDS and
 * RRSIG have their own form, all others that of RFC 3597 5.
 * out: unchanged on failure. KSK_ERR_MALFORMED: RDATA shorter than its fields;
 * KSK_ERR_TOO_LARGE: RDATA above KSK_RDATA_MAX.
 */
KSK_MUST_USE enum ksk_err ksk_zonetext_record(const struct ksk_name *owner,
	uint16_t type, uint32_t ttl, struct ksk_span rdata,
	char out[KSK_ZONETEXT_RECORD_CAP]);

#endif
