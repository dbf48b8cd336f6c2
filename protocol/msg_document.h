/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msg_document - documents that operators signed: sent by parts (op part),
 * handed in (submit), and what stands, read back (policy-show), PROTOCOL.md 4.8
 * to 4.10. msg.h includes it; callers use that.
 * Tests: tests/unit/test_msg_document.c, tests/fuzz/
 */
#ifndef KSK_PROTOCOL_MSG_DOCUMENT_H
#define KSK_PROTOCOL_MSG_DOCUMENT_H

#include "protocol/cbor_in.h"
#include "protocol/cbor_out.h"
#include "protocol/limits.h"

/* What a document is for. name, number, the word behind `kind:` */
#define KSK_DOCUMENT_TABLE(X) \
	X(KSK_DOCUMENT_POLICY, 1, "policy") \
	X(KSK_DOCUMENT_AUTHORITY, 2, "authority") \
	X(KSK_DOCUMENT_WITHDRAW, 3, "withdraw") \
	X(KSK_DOCUMENT_AUTHORISE, 4, "authorise")

enum ksk_document_kind {
#define X(name, value, text) name = (value),
	KSK_DOCUMENT_TABLE(X)
#undef X
};
#define KSK_DOCUMENT_KIND_MAX 4u

const char *ksk_document_kind_text(unsigned kind); /* "unknown" for others */

/* One part of what is too large for a frame. */
struct ksk_part {
	uint64_t total;             /* bytes of the whole */
	uint8_t hash[KSK_HASH_LEN]; /* SHA-256 of the whole */
	uint64_t offset;            /* where bytes belong */
	struct ksk_span bytes;      /* borrowed */
};

struct ksk_part_reply {
	uint64_t received; /* bytes that are here, from the first on */
};

/* Hands in what came by parts. */
struct ksk_submit {
	uint64_t kind; /* enum ksk_document_kind */
	uint8_t hash[KSK_HASH_LEN];
	bool has_dry_run; /* false, written out, is an encoding */
	bool dry_run;
};

struct ksk_submit_reply {
	uint8_t document[KSK_HASH_LEN]; /* of the text: what replaces names */
	bool has_record;                /* not of a dry run */
	uint64_t record;
	uint8_t record_hash[KSK_HASH_LEN];
};

/* Asks what stands, and for bytes of a document. */
struct ksk_show {
	bool has_kind; /* else only what stands */
	uint64_t kind; /* KSK_DOCUMENT_POLICY or _AUTHORITY */
	uint64_t offset;
};

/* Withdrawals that stand. */
#define KSK_WITHDRAWAL_COUNT_MAX 64u

/* What a next document must name. Versions 0: there is none. */
struct ksk_standing_reply {
	bool quorum; /* policies come as signed documents */
	uint64_t authority_version;
	uint8_t authority_hash[KSK_HASH_LEN];
	uint64_t policy_version;
	uint8_t policy_hash[KSK_HASH_LEN];
	uint8_t journal[KSK_ID_LEN];
	uint64_t record; /* the head that an authorise document names */
	uint8_t record_hash[KSK_HASH_LEN];
	size_t withdrawal_count;
	uint8_t withdrawal[KSK_WITHDRAWAL_COUNT_MAX][KSK_HASH_LEN];
};

struct ksk_show_reply {
	struct ksk_standing_reply standing;
	bool has_content;
	bool is_signed; /* CMS; else the text, of a first authority */
	uint64_t total;
	uint8_t hash[KSK_HASH_LEN]; /* SHA-256 of the whole */
	uint64_t offset;
	struct ksk_span bytes; /* borrowed */
};

/* The bodies. Readers leave errors in the cursor (cbor_in.h). */
void ksk_msg_part_read(struct ksk_cbor_in *in, struct ksk_part *out);
void ksk_msg_part_write(struct ksk_cbor_out *out, const struct ksk_part *part);
void ksk_msg_part_reply_read(
	struct ksk_cbor_in *in, struct ksk_part_reply *out);
void ksk_msg_part_reply_write(
	struct ksk_cbor_out *out, const struct ksk_part_reply *reply);
void ksk_msg_submit_read(struct ksk_cbor_in *in, struct ksk_submit *out);
void ksk_msg_submit_write(
	struct ksk_cbor_out *out, const struct ksk_submit *submit);
void ksk_msg_submit_reply_read(
	struct ksk_cbor_in *in, struct ksk_submit_reply *out);
void ksk_msg_submit_reply_write(
	struct ksk_cbor_out *out, const struct ksk_submit_reply *reply);
void ksk_msg_show_read(struct ksk_cbor_in *in, struct ksk_show *out);
void ksk_msg_show_write(struct ksk_cbor_out *out, const struct ksk_show *show);
void ksk_msg_show_reply_read(
	struct ksk_cbor_in *in, struct ksk_show_reply *out);
void ksk_msg_show_reply_write(
	struct ksk_cbor_out *out, const struct ksk_show_reply *reply);

#endif
