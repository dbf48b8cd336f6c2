/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonetext_ldns - the only place that calls ldns: mnemonics of types, and one
 * record a time, in the strict form of zonetext_field.h, to RDATA in canonical
 * form. What ldns makes of a key or a digest is written back and compared.
 * Only for zonetext.c and zonetext_field.c.
 * Tests: tests/unit/test_zonetext.c
 */
#ifndef KSK_PROTOCOL_ZONETEXT_LDNS_H
#define KSK_PROTOCOL_ZONETEXT_LDNS_H

#include "protocol/zonetext_scan.h"

/* Reads a record type: a mnemonic or TYPEn. KSK_ERR_NOT_FOUND: neither. */
KSK_MUST_USE enum ksk_err ksk_zonetext_type(
	const struct ksk_zonetext_word *word, uint16_t *out_type);

/* One record. All borrowed. */
struct ksk_zonetext_record {
	const struct ksk_name *owner;
	const struct ksk_name *origin; /* NULL: none; for names in RDATA */
	uint16_t type;
	uint32_t ttl;
	const char *strict; /* the RDATA in strict form */
};

/*
 * Reads the RDATA of a record.
 * want_len: bytes that it must have; 0: not known.
 * memory: the RDATA is appended to it. out_rdata: borrows from memory.
 * KSK_ERR_MALFORMED: ldns can't read it, or reads something else than is
 * written. KSK_ERR_TOO_LARGE: above KSK_RDATA_MAX. KSK_ERR_NO_MEMORY.
 */
KSK_MUST_USE enum ksk_err ksk_zonetext_ldns(
	const struct ksk_zonetext_record *record, size_t want_len,
	struct ksk_buf *memory, struct ksk_span *out_rdata);

#endif
