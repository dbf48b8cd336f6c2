/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonetext_field - the fields of a record as words: names, numbers, TTLs,
 * base64, hexadecimal, times. Everything that ldns reads too generously is
 * checked here, and each record is rewritten in one strict form that ldns
 * then reads. Only for zonetext.c.
 * Tests: tests/unit/test_zonetext.c
 */
#ifndef KSK_PROTOCOL_ZONETEXT_FIELD_H
#define KSK_PROTOCOL_ZONETEXT_FIELD_H

#include "protocol/zonetext_scan.h"

/* The words of a record's RDATA, and what they are read with. */
struct ksk_zonetext_rdata {
	uint16_t type;
	const struct ksk_zonetext_word *word; /* borrowed */
	size_t count;
	size_t line;                   /* of the record */
	const struct ksk_name *origin; /* NULL: none stated */
};

/* Bytes of room for RDATA in the strict form: escapes of names and texts, or
 * hexadecimal. */
#define KSK_ZONETEXT_STRICT_CAP 16384u

/*
 * Reads a name; one without final dot is completed by the origin.
 * KSK_ERR_BAD_INPUT with fault: as ksk_name_from_text, or no origin.
 */
KSK_MUST_USE enum ksk_err ksk_zonetext_name(
	const struct ksk_zonetext_word *word, const struct ksk_name *origin,
	struct ksk_name *out_name, struct ksk_fault *fault);

/* Reads a TTL with or without units. KSK_ERR_BAD_INPUT with fault: no TTL, or
 * above 2147483647 (RFC 2181 8). */
KSK_MUST_USE enum ksk_err ksk_zonetext_ttl(const struct ksk_zonetext_word *word,
	uint32_t *out_ttl, struct ksk_fault *fault);

/* Reads TYPEn or CLASSn (RFC 3597 5): prefix "TYPE" or "CLASS".
 * KSK_ERR_NOT_FOUND: not of this form. KSK_ERR_BAD_INPUT: n above 65535. */
KSK_MUST_USE enum ksk_err ksk_zonetext_numbered(
	const struct ksk_zonetext_word *word, const char *prefix,
	uint16_t *out_number);

/* Reads a class. Returns false if the word is none. */
bool ksk_zonetext_class(
	const struct ksk_zonetext_word *word, uint16_t *out_class);

/*
 * Checks the RDATA of a record and appends it in strict form.
 * out: the text, not ended by zero. out_len: bytes of the RDATA, 0 if only
 * ldns can tell. KSK_ERR_BAD_INPUT with out_fault.
 */
KSK_MUST_USE enum ksk_err ksk_zonetext_strict(
	const struct ksk_zonetext_rdata *rdata, struct ksk_buf *out,
	size_t *out_len, struct ksk_zonetext_fault *out_fault);

#endif
