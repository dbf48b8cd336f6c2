/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cbor_item - takes one head, and the payload of a string, from the front of a
 * run of bytes, if it is in its only permitted form (RFC 8949 4.2.1). Used by
 * cbor_in alone.
 * Tests: tests/unit/test_cbor.c
 */
#ifndef KSK_PROTOCOL_CBOR_ITEM_H
#define KSK_PROTOCOL_CBOR_ITEM_H

#include "protocol/span.h"

enum ksk_cbor_kind {
	KSK_CBOR_REFUSED, /* tag, float, null, negative, indefinite, … */
	KSK_CBOR_UINT,
	KSK_CBOR_BOOL,
	KSK_CBOR_BYTES,
	KSK_CBOR_TEXT,
	KSK_CBOR_ARRAY,
	KSK_CBOR_MAP,
};

/* value: the number, 0 or 1, bytes of a string, entries or pairs that follow.
 * payload: of a string, borrowed. */
struct ksk_cbor_item {
	enum ksk_cbor_kind kind;
	uint64_t value;
	struct ksk_span payload;
};

/*
 * Takes one item.
 * rest: in/out, moved behind the item on success only.
 * out_why: what is wrong, static; unchanged on success.
 * KSK_ERR_MALFORMED: cut off, no CBOR, a kind that is not allowed, or a longer
 * head than needed. out_item: unchanged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_cbor_item_take(struct ksk_span *rest,
	struct ksk_cbor_item *out_item, const char **out_why);

#endif
