/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cbor_in - a sticky cursor over one CBOR item that accepts exactly one
 * encoding (RFC 8949 4.2.1, PROTOCOL.md 3): definite lengths, shortest heads,
 * maps with ascending unsigned keys, printable UTF-8 in texts. Tags, floats,
 * null, undefined, negative numbers and bytes behind the item are refused.
 *
 * It allocates nothing, never recurses and looks at each byte once; a declared
 * length or count must fit the bytes that are left. The first error stays,
 * with the path of the field in the fault; afterwards numbers are 0, texts ""
 * and loops end. It is checked once, by ksk_cbor_in_end, before any value is
 * used.
 * Tests: tests/unit/test_cbor.c, tests/fuzz/fuzz_request.c
 */
#ifndef KSK_PROTOCOL_CBOR_IN_H
#define KSK_PROTOCOL_CBOR_IN_H

#include "protocol/limits.h"
#include "protocol/span.h"

/* One field of a map. A table of them is sorted by key; keys are 1 or more. */
struct ksk_cbor_field {
	uint64_t key;
	bool must; /* the map is malformed without it */
	const char *name;
};

/* An open container. at: the current key of a map, the current index of an
 * array. */
struct ksk_cbor_level {
	const struct ksk_cbor_field *fields; /* NULL: any unsigned key */
	size_t field_count;
	bool map;
	bool begun; /* at holds a key or index */
	uint64_t at;
	uint64_t left;
};

/* Borrows its bytes for as long as the cursor and the spans it gave are in
 * use, and the fault until ksk_cbor_in_end. */
struct ksk_cbor_in {
	struct ksk_span rest;
	enum ksk_err err;
	struct ksk_fault *fault;
	size_t depth;
	struct ksk_cbor_level level[KSK_CBOR_DEPTH_MAX];
};

/* Starts at the first byte of an item. fault: may be NULL. */
struct ksk_cbor_in ksk_cbor_in_of(
	struct ksk_span bytes, struct ksk_fault *fault);

/*
 * Opens a map. Then ksk_cbor_in_key until it gives 0, and after each key
 * exactly one value.
 * fields: borrowed until the map is closed; NULL accepts any unsigned key.
 */
void ksk_cbor_in_map(struct ksk_cbor_in *in,
	const struct ksk_cbor_field *fields, size_t field_count);

/* Returns the next key; 0 when the map has ended (it is closed then) or after
 * an error. */
uint64_t ksk_cbor_in_key(struct ksk_cbor_in *in);

/*
 * Opens an array of min..max entries. Then ksk_cbor_in_item until it gives
 * false, and after each true exactly one value. More than max is
 * KSK_ERR_TOO_LARGE.
 */
void ksk_cbor_in_array(struct ksk_cbor_in *in, size_t min, size_t max);

/* Returns true if an entry follows; false when the array has ended (it is
 * closed then) or after an error. */
bool ksk_cbor_in_item(struct ksk_cbor_in *in);

/* Returns an unsigned number up to max; a larger one is malformed. */
uint64_t ksk_cbor_in_uint(struct ksk_cbor_in *in, uint64_t max);

bool ksk_cbor_in_bool(struct ksk_cbor_in *in);

/* Returns a byte string, borrowed. Fewer than min bytes is malformed, more
 * than max KSK_ERR_TOO_LARGE. */
struct ksk_span ksk_cbor_in_bytes(
	struct ksk_cbor_in *in, size_t min, size_t max);

/* Copies a byte string of exactly len bytes; zeroes after an error. */
void ksk_cbor_in_copy(struct ksk_cbor_in *in, void *out, size_t len);

/* Copies a text with a final zero. Fewer than min bytes is malformed, more
 * than out_cap - 1 KSK_ERR_TOO_LARGE; out is "" after an error. */
void ksk_cbor_in_text(
	struct ksk_cbor_in *in, size_t min, char *out, size_t out_cap);

/* Returns the bytes of the next item, whatever it is, borrowed, after checking
 * its form. */
struct ksk_span ksk_cbor_in_any(struct ksk_cbor_in *in);

/* Marks the cursor as failed at the current field; the first error stays. For
 * readers that find a value out of range. */
void ksk_cbor_in_fail(struct ksk_cbor_in *in, enum ksk_err err, const char *fmt,
	...) KSK_FORMAT(3, 4);

/* Ends reading. Returns the first error; KSK_ERR_MALFORMED if bytes are left;
 * else KSK_OK. */
KSK_MUST_USE enum ksk_err ksk_cbor_in_end(struct ksk_cbor_in *in);

#endif
