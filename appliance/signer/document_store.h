/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * document_store - documents in the journal's file, in pieces: what is in force
 * is there after a restart, and what operators signed can be read back. A
 * document counts once a record or a small thing of the journal names it;
 * others are removed at the next start.
 * Tests: tests/unit/test_document_store.c
 */
#ifndef KSK_SIGNER_DOCUMENT_STORE_H
#define KSK_SIGNER_DOCUMENT_STORE_H

#include "appliance/signer/journal.h"

/* Bytes of one piece: a transaction takes a few of them beside records. */
#define KSK_STORE_PIECE (256u * 1024u)

/* Statements of the journal's. Zero it before _begin. */
struct ksk_store {
	struct ksk_journal *journal; /* borrowed */
	size_t put, drop;
};

/* Prepares the statements. KSK_ERR_IO with fault. */
KSK_MUST_USE enum ksk_err ksk_store_begin(struct ksk_store *store,
	struct ksk_journal *journal, struct ksk_fault *fault);

/* Returns how many pieces a document of so many bytes has. */
size_t ksk_store_pieces(size_t len);

/* Stages one piece. name: SHA-256 of the whole. KSK_ERR_NO_ROOM: commit
 * first. */
KSK_MUST_USE enum ksk_err ksk_store_put(struct ksk_store *store,
	const uint8_t name[KSK_HASH_LEN], struct ksk_span whole, size_t piece);

/* Stages the end of a document. KSK_ERR_NO_ROOM: commit first. */
KSK_MUST_USE enum ksk_err ksk_store_drop(
	struct ksk_store *store, const uint8_t name[KSK_HASH_LEN]);

/*
 * Reads a whole document.
 * out_data: owned, free(). KSK_ERR_NOT_FOUND: it is not there, or not what its
 * name says; KSK_ERR_NO_MEMORY, KSK_ERR_IO. All with fault; outputs unchanged
 * then.
 */
KSK_MUST_USE enum ksk_err ksk_store_read(struct ksk_store *store,
	const uint8_t name[KSK_HASH_LEN], uint8_t **out_data, size_t *out_len,
	struct ksk_fault *fault);

/* Appends bytes of a document from offset on, as many as there are and fit.
 * out_total: bytes of the whole. KSK_ERR_NOT_FOUND, KSK_ERR_IO with fault. */
KSK_MUST_USE enum ksk_err ksk_store_slice(struct ksk_store *store,
	const uint8_t name[KSK_HASH_LEN], uint64_t offset, struct ksk_buf *out,
	uint64_t *out_total, struct ksk_fault *fault);

/* Removes all documents but those named. KSK_ERR_IO with fault. */
KSK_MUST_USE enum ksk_err ksk_store_keep(struct ksk_store *store,
	const uint8_t (*names)[KSK_HASH_LEN], size_t count,
	struct ksk_fault *fault);

#endif
