/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record - one entry of the journal in its deterministic CBOR form, and the
 * hash that chains it to the one before. The signer writes it; whoever has an
 * export can compute it again (PROTOCOL.md 8). Reading stands in record_read.c.
 * Tests: tests/unit/test_record.c, tests/unit/test_record_read.c,
 * tests/fuzz/fuzz_record.c
 */
#ifndef KSK_PROTOCOL_RECORD_H
#define KSK_PROTOCOL_RECORD_H

#include "protocol/msg.h"

/* kind of a record */
#define KSK_RECORD_TABLE(X) \
	X(KSK_RECORD_BEGIN, 0, "begin")     /* first of a journal */ \
	X(KSK_RECORD_INTENT, 1, "intent")   /* a token is about to be asked */ \
	X(KSK_RECORD_RESULT, 2, "result")   /* signatures, verified */ \
	X(KSK_RECORD_REFUSAL, 3, "refusal") /* rules that said no */ \
	X(KSK_RECORD_FAILURE, 4, "failure") /* an intent got no signature */ \
	X(KSK_RECORD_ABANDONED, 5, "abandoned") /* intent cut off by an end */ \
	X(KSK_RECORD_POLICY, 6, "policy")       /* a policy came into force */ \
	X(KSK_RECORD_ADOPT, 7, "adopt")   /* an answer signed elsewhere */ \
	X(KSK_RECORD_ATTEST, 8, "attest") /* what a policy says of a zone's \
					   * parent and waits */ \
	X(KSK_RECORD_REFUSALS, 9, "refusals") /* how often one was repeated */ \
	X(KSK_RECORD_ACCEPT, 10, "accept")    /* a person ended a hold */ \
	X(KSK_RECORD_PRUNE, 11, "prune")      /* older records left it */ \
	X(KSK_RECORD_ANNOUNCE, 12, "announce") /* a provider's announcement \
						* came into force */ \
	X(KSK_RECORD_AUTHORITY, 13, "authority") /* who the operators are */ \
	X(KSK_RECORD_WITHDRAW, 14, "withdraw")   /* one operator took away */

enum ksk_record_kind {
#define X(name, value, text) name = (value),
	KSK_RECORD_TABLE(X)
#undef X
};

const char *ksk_record_text(unsigned kind); /* "unknown" for others */
bool ksk_record_is_kind(uint64_t kind);

/* One record's form: an RRset and its RRSIGs at their largest. */
#define KSK_RECORD_MAX (48u * 1024u + 8u * KSK_RRSIG_MAX)

/* Refusals that have no record of their own. */
struct ksk_counted {
	bool has_refusal;
	uint64_t refusal; /* number of the REFUSAL record that they repeat */
	uint64_t count;
	uint64_t first, last; /* seconds */
	/* SHA-256(… SHA-256(SHA-256(zeroes | set) | set) … | set), each set in
	 * its CBOR form */
	uint8_t digest[KSK_HASH_LEN];
};

/* Records that left the journal; PROTOCOL.md 8.4. */
struct ksk_pruned {
	uint64_t through;           /* number of the last one */
	uint8_t hash[KSK_HASH_LEN]; /* its chain hash */
	uint8_t stays
		[KSK_HASH_LEN]; /* digest of those that stay all the same */
};

/* What a provider announced, as it was signed. */
struct ksk_announced {
	char provider[KSK_LABEL_CAP];
	uint64_t serial;
	struct ksk_span document; /* KSK_ANNOUNCEMENT_MAX at most */
};

/* A provider's serial that operators set back. */
struct ksk_reset {
	char provider[KSK_LABEL_CAP];
	uint64_t before, after; /* after < before */
};

/* What each field is for depends on kind; has_… says which are there. All
 * spans are borrowed. */
struct ksk_record {
	uint64_t number; /* 0 for BEGIN, then one more each */
	uint64_t time;   /* seconds since 1970 */
	uint64_t kind;
	bool has_pin;
	uint8_t pin[KSK_PIN_LEN]; /* the client's */
	bool has_rrset;
	struct ksk_rrset rrset;
	bool has_window;
	struct ksk_window window;
	bool has_policy;
	uint64_t policy_version;
	uint8_t policy_hash[KSK_HASH_LEN];
	bool has_about;
	uint64_t about; /* the intent that this one ends */
	size_t signer_count;
	struct ksk_ds signer[KSK_RRSIG_COUNT_MAX]; /* KSKs asked */
	size_t rrsig_count;
	struct ksk_span rrsig[KSK_RRSIG_COUNT_MAX]; /* RDATA */
	size_t rule_count;
	const char *rule[KSK_REFUSAL_COUNT_MAX]; /* ids that refused */
	const char *text; /* NULL or a sentence, KSK_TEXT_CAP at most */
	bool has_owner;
	struct ksk_name owner; /* of an ATTEST */
	bool has_attested;     /* operators saw this DS set at the parent */
	uint64_t seen;         /* when, seconds */
	size_t attested_count;
	struct ksk_ds attested[KSK_KSK_COUNT_MAX];
	bool has_waits; /* of the policy, where they are new or others */
	uint64_t zone_max_ttl, parent_ds_ttl; /* seconds */
	size_t proven_count;
	/* keys whose possession the request proved, SHA-256 */
	struct ksk_ds proven[KSK_EVIDENCE_COUNT_MAX];
	bool has_counted;
	struct ksk_counted counted; /* of a REFUSALS */
	bool has_pruned;
	struct ksk_pruned pruned; /* of a PRUNE */
	bool has_announced;
	struct ksk_announced announced; /* of an ANNOUNCE */
	/* The document that it follows from: SHA-256 of all its bytes, and the
	 * pins of the operators whose signatures counted. */
	bool has_document;
	uint8_t document[KSK_HASH_LEN];
	size_t operator_count;
	uint8_t operator[KSK_OPERATOR_COUNT_MAX][KSK_PIN_LEN];
	bool has_reset;
	struct ksk_reset reset; /* of an ACCEPT */
};

/* Appends the one encoding. KSK_ERR_NO_ROOM: KSK_RECORD_MAX always suffices. */
KSK_MUST_USE enum ksk_err ksk_record_write(
	const struct ksk_record *record, struct ksk_buf *out);

/*
 * Computes the hash of a record: SHA-256 over "ksk-record-1", the hash of the
 * record before (zeroes for BEGIN), and the record's encoding.
 * KSK_ERR_CRYPTO.
 */
KSK_MUST_USE enum ksk_err ksk_record_hash(const uint8_t before[KSK_HASH_LEN],
	struct ksk_span encoded, uint8_t out_hash[KSK_HASH_LEN]);

/* The same for many records in a row. Opaque. out_hasher: owned,
 * ksk_record_hasher_free. KSK_ERR_NO_MEMORY, KSK_ERR_CRYPTO. */
struct ksk_record_hasher;
KSK_MUST_USE enum ksk_err ksk_record_hasher_new(
	struct ksk_record_hasher **out_hasher);

/* Accepts NULL and pointers to NULL; sets *hasher to NULL. */
void ksk_record_hasher_free(struct ksk_record_hasher **hasher);

/* As ksk_record_hash; before and out_hash may be the same. */
KSK_MUST_USE enum ksk_err ksk_record_hasher_run(
	struct ksk_record_hasher *hasher, const uint8_t before[KSK_HASH_LEN],
	struct ksk_span encoded, uint8_t out_hash[KSK_HASH_LEN]);

/*
 * Reads version and text hash out of the encoding of a POLICY record.
 * KSK_ERR_MALFORMED: it is none. Outputs unchanged on failure.
 */
KSK_MUST_USE enum ksk_err ksk_record_policy_read(struct ksk_span encoded,
	uint64_t *out_version, uint8_t out_hash[KSK_HASH_LEN]);

/*
 * Reads which intent a record ends, out of its encoding.
 * KSK_ERR_NOT_FOUND: it ends none. KSK_ERR_MALFORMED. Output unchanged on
 * failure.
 */
KSK_MUST_USE enum ksk_err ksk_record_about_read(
	struct ksk_span encoded, uint64_t *out_about);

/* Where the texts of a record that is read are kept, with final zeros. */
struct ksk_record_room {
	char rule[KSK_REFUSAL_COUNT_MAX][KSK_LABEL_CAP];
	char text[KSK_TEXT_CAP];
};

/*
 * Reads the encoding of a record; there is one, and ksk_record_write gives it
 * back byte for byte.
 * encoded: borrowed as long as the record. room: holds its texts, as long.
 * fault: out, may be NULL: the field and what is wrong.
 * KSK_ERR_MALFORMED (an unknown kind too), KSK_ERR_TOO_LARGE. out_record and
 * room are undefined after failure.
 */
KSK_MUST_USE enum ksk_err ksk_record_read(struct ksk_span encoded,
	struct ksk_record_room *room, struct ksk_record *out_record,
	struct ksk_fault *fault);

#endif
