/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * document - what operators sign besides policies, as a flat value: what
 * kskd-policy makes of the text, in one sealed memfd that the signer copies.
 * Everything in it is checked once by ksk_document_open. A policy is a table
 * (table.h). Who must have signed is judged in approve.h.
 * Tests: tests/unit/test_document.c, tests/fuzz/fuzz_document.c
 */
#ifndef KSK_POLICY_DOCUMENT_H
#define KSK_POLICY_DOCUMENT_H

#include "appliance/policy/compile.h"
#include "appliance/policy/table.h"
#include "protocol/msg_document.h"

#define KSK_DOCUMENT_MAGIC "kskdoc1" /* 8 bytes with the zero */

/* Text of one of these documents; a policy has its own limit. */
#define KSK_DOCUMENT_SMALL_MAX (256u * 1024u)

struct ksk_operator {
	char name[KSK_LABEL_CAP];
	uint8_t pin[KSK_PIN_LEN]; /* of the key that signs */
};

/* Who the operators are and how many must agree. version 0: nobody. */
struct ksk_authority {
	uint64_t version;
	uint8_t hash[KSK_HASH_LEN]; /* of the document's text */
	uint32_t operator_count;
	struct ksk_operator operator[KSK_OPERATOR_COUNT_MAX];
	/* By kind of document; one operator is enough to withdraw. */
	uint32_t threshold[KSK_DOCUMENT_KIND_MAX + 1];
};

/* One thing that a withdraw document takes away. */
#define KSK_TAKEN_MAX 64u
struct ksk_taken {
	uint8_t is_key;                 /* bool; else rights of a client */
	uint8_t zone[KSK_NAME_MAX + 1]; /* key: length, then wire form; length
	                               * 0: in every zone */
	struct ksk_ds ds;               /* key: a ZSK */
	uint8_t pin[KSK_PIN_LEN];       /* client */
	uint32_t may;                   /* client: KSK_MAY_… that are taken */
};

enum ksk_act {
	KSK_ACT_RESTORE = 0, /* sign by the journal as it is */
	KSK_ACT_CLOCK = 1,   /* believe the clock */
	KSK_ACT_SERIAL = 2,  /* take lower serials of a provider again */
};

struct ksk_authorise {
	uint32_t act; /* enum ksk_act */
	uint8_t journal[KSK_ID_LEN];
	uint64_t record;                   /* a record of this journal … */
	uint8_t record_hash[KSK_HASH_LEN]; /* … and its chain hash */
	uint8_t nonce[KSK_NONCE_LEN];      /* taken once */
	/* Of SERIAL: announcements of this provider for this zone must have a
	 * higher one. */
	uint8_t zone[KSK_NAME_MAX + 1]; /* length, then wire form */
	char provider[KSK_LABEL_CAP];
	uint64_t serial;
};

struct ksk_document {
	char magic[8];
	uint32_t kind; /* enum ksk_document_kind, not POLICY */
	uint8_t appliance[KSK_ID_LEN];
	uint8_t hash[KSK_HASH_LEN];     /* SHA-256 of the text */
	uint8_t replaces[KSK_HASH_LEN]; /* zeroes: nothing */
	uint64_t not_after;             /* seconds */
	struct ksk_authority authority;
	uint32_t taken_count;
	struct ksk_taken taken[KSK_TAKEN_MAX];
	struct ksk_authorise authorise;
};

/*
 * Reads the text of a document that is no policy.
 * text: borrowed. appliance: the id that it must name, or NULL to take any.
 * out: unchanged on failure. KSK_ERR_BAD_INPUT with faults;
 * KSK_ERR_NO_MEMORY, KSK_ERR_CRYPTO.
 */
KSK_MUST_USE enum ksk_err ksk_document_compile(enum ksk_document_kind kind,
	struct ksk_span text, const uint8_t *appliance,
	struct ksk_document *out, struct ksk_faults *faults);

/*
 * Checks a document in memory and copies it.
 * KSK_ERR_MALFORMED with fault: the first thing that is out of range.
 */
KSK_MUST_USE enum ksk_err ksk_document_open(struct ksk_span bytes,
	struct ksk_document *out, struct ksk_fault *fault);

/* The same from a sealed memfd, borrowed. KSK_ERR_IO with fault. */
KSK_MUST_USE enum ksk_err ksk_document_map(
	int fd, struct ksk_document *out, struct ksk_fault *fault);

/* Returns the kind that a text names in the line that begins with "kind:"; 0
 * if it names none of ours, or is no text but a signed document. Says nothing
 * about what follows that line. */
unsigned ksk_document_kind_of(struct ksk_span text);

#endif
