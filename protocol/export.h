/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * export - the items of a journal's export, a file that can be appended to and
 * verified offline (PROTOCOL.md 8.3): one header, then records and checkpoints,
 * and a mark behind what was written at one time. Items are told apart by
 * their kind alone and carry their length in front, so that a reader needs no
 * more than one of them in memory. Whether they belong together is chain.h's.
 * Tests: tests/unit/test_export.c, tests/fuzz/fuzz_export.c
 */
#ifndef KSK_PROTOCOL_EXPORT_H
#define KSK_PROTOCOL_EXPORT_H

#include "protocol/checkpoint.h"
#include "protocol/record.h"

#define KSK_EXPORT_FORMAT "ksk-journal-1"

enum ksk_export_kind {
	KSK_EXPORT_HEADER = 0,     /* struct ksk_export_header */
	KSK_EXPORT_RECORD = 1,     /* a record's encoding */
	KSK_EXPORT_CHECKPOINT = 2, /* a checkpoint's encoding */
	KSK_EXPORT_MARK = 3,       /* struct ksk_export_mark */
};

/* The largest item: a record with its head. */
#define KSK_EXPORT_ITEM_MAX (KSK_RECORD_MAX + 7u)

struct ksk_export_item {
	enum ksk_export_kind kind;
	struct ksk_span body; /* one CBOR item, borrowed, not looked into */
};

struct ksk_export_header {
	uint8_t journal[KSK_ID_LEN];
	uint64_t first;               /* number of the first record */
	uint8_t before[KSK_HASH_LEN]; /* the hash that it follows */
};

/* The last record before it; what was written up to it is whole. */
struct ksk_export_mark {
	uint64_t number;
	uint8_t hash[KSK_HASH_LEN];
};

/*
 * Takes the next item.
 * rest: in/out, moved behind the item on success only.
 * KSK_ERR_AGAIN: the item goes on behind rest. KSK_ERR_MALFORMED: this is no
 * item. out_item: unchanged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_export_take(
	struct ksk_span *rest, struct ksk_export_item *out_item);

/* Appends an item. KSK_ERR_NO_ROOM. */
KSK_MUST_USE enum ksk_err ksk_export_put(
	struct ksk_buf *out, enum ksk_export_kind kind, struct ksk_span body);

/* Reads a body. KSK_ERR_MALFORMED; the output is unchanged on failure. */
KSK_MUST_USE enum ksk_err ksk_export_header_read(
	struct ksk_span body, struct ksk_export_header *out_header);
KSK_MUST_USE enum ksk_err ksk_export_mark_read(
	struct ksk_span body, struct ksk_export_mark *out_mark);
KSK_MUST_USE enum ksk_err ksk_export_checkpoint_read(
	struct ksk_span body, struct ksk_signed_checkpoint *out_checkpoint);

/* Append a whole item with that body. KSK_ERR_NO_ROOM. */
KSK_MUST_USE enum ksk_err ksk_export_header_put(
	struct ksk_buf *out, const struct ksk_export_header *header);
KSK_MUST_USE enum ksk_err ksk_export_mark_put(
	struct ksk_buf *out, const struct ksk_export_mark *mark);
KSK_MUST_USE enum ksk_err ksk_export_checkpoint_put(
	struct ksk_buf *out, const struct ksk_signed_checkpoint *checkpoint);

#endif
