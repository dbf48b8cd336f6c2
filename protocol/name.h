/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * name - domain names in one form only: uncompressed wire form, lower case
 * (RFC 4034 6.2, RFC 4343). Every comparison, look-up, log line and signature
 * works on this form, never on text.
 * Tests: tests/unit/test_name.c
 */
#ifndef KSK_PROTOCOL_NAME_H
#define KSK_PROTOCOL_NAME_H

#include "protocol/limits.h"
#include "protocol/span.h"

/* len: bytes in use, 1 (the root) to 255; 0 only in a zeroed, unset name. */
struct ksk_name {
	uint8_t len;
	uint8_t wire[KSK_NAME_MAX];
};

/*
 * Takes a whole name in wire form; upper case is KSK_ERR_MALFORMED, because
 * PROTOCOL.md 4 allows one encoding only.
 * KSK_ERR_MALFORMED: label over 63 bytes, compression, cut off, bytes left
 * over, longer than 255, upper case. out_name: unchanged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_name_from_wire(
	struct ksk_span wire, struct ksk_name *out_name);

/*
 * Reads a name as people write it (RFC 1035 5.1: \. and \DDD), lowers it. A
 * missing final dot is added: every name here is absolute.
 * KSK_ERR_BAD_INPUT: empty or too long label, name too long, bad escape, or a
 * byte outside printable ASCII (fault: says to write the A-label, RFC 5891).
 */
KSK_MUST_USE enum ksk_err ksk_name_from_text(const char *text, size_t text_len,
	struct ksk_name *out_name, struct ksk_fault *fault);

/* Writes a name as absolute text, with \. \\ and \DDD escapes (RFC 4343 2.1);
 * always ends in a dot and a zero. */
void ksk_name_to_text(const struct ksk_name *name, char out[KSK_NAME_TEXT_CAP]);

bool ksk_name_equal(const struct ksk_name *a, const struct ksk_name *b);

/* Returns <0, 0, >0: byte order of the wire forms, for sorted tables. Not the
 * canonical order of RFC 4034 6.1. */
int ksk_name_compare(const struct ksk_name *a, const struct ksk_name *b);

/* Returns the number of labels, the root not counted (RFC 4034 3.1.3). */
uint8_t ksk_name_labels(const struct ksk_name *name);

/* Returns true if name is zone or below it. */
bool ksk_name_within(const struct ksk_name *name, const struct ksk_name *zone);

static inline struct ksk_span
ksk_name_span(const struct ksk_name *name)
{
	return ksk_span_of(name->wire, name->len);
}

#endif
