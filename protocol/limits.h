/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limits - every maximum of the protocol, each with its reason.
 */
#ifndef KSK_PROTOCOL_LIMITS_H
#define KSK_PROTOCOL_LIMITS_H

/* One frame: the largest DNSKEY RRset allowed below fits, and two bytes of
 * length would say as much (PROTOCOL.md 2). */
#define KSK_FRAME_MAX 65535u

/* Containers inside containers of one message (PROTOCOL.md 3): request → body →
 * evidence → entry → rrset → rdata. */
#define KSK_CBOR_DEPTH_MAX 6u

/* A domain name in wire form (RFC 1035 2.3.4). */
#define KSK_NAME_MAX 255u

/* Its text form: every byte escaped as \DDD, dots, final zero. */
#define KSK_NAME_TEXT_CAP 1024u

/* Records of one RRset. Model 1 with six providers in a triple roll needs 20;
 * validators cap their work on more (KeyTrap). */
#define KSK_RDATA_COUNT_MAX 32u

/* One RDATA. RSA-4096 with a modulus-sized exponent is 1,031 bytes: such a
 * key is refused by a rule that can name it, not by the reader. */
#define KSK_RDATA_MAX 1280u

/* One signature: RSA-4096. */
#define KSK_SIGNATURE_MAX 512u

/* RRSIG RDATA: 18 bytes, the signer's name, the signature (RFC 4034 3.1). */
#define KSK_RRSIG_MAX (18u + KSK_NAME_MAX + KSK_SIGNATURE_MAX)

/* RRSIGs of one answer: one per KSK that stands, both sides of a roll of two
 * algorithms. */
#define KSK_RRSIG_COUNT_MAX 8u

/* From inception to expiration, and how far ahead an inception may be, in
 * seconds: a year's ceremonies. Workers demand it too, by their own clock. */
#define KSK_VALIDITY_MAX (366u * 86400u)

/* Bytes to be signed for the largest RRset: RRSIG prefix, then for each record
 * owner, 10 bytes, RDATA. */
#define KSK_TBS_MAX \
	(18u + KSK_NAME_MAX + \
		KSK_RDATA_COUNT_MAX * (KSK_NAME_MAX + 10u + KSK_RDATA_MAX))

/* Refusals of one reply: every rule may fail for every key, but a person
 * reads them. What does not fit is counted in the last one. */
#define KSK_REFUSAL_COUNT_MAX 64u

/* The sentence of a refusal or warning, final zero included. */
#define KSK_WHY_CAP 400u

/* Proofs of possession in one request: one per key that may be new. */
#define KSK_EVIDENCE_COUNT_MAX 8u

/* Later answers that one set may replace, and that last-answer names: weekly
 * ones of more than a year. */
#define KSK_SUPERSEDE_COUNT_MAX 64u

/* Bundles of one schedule: as many as later answers are told of one type, each
 * with its record. */
#define KSK_SCHEDULE_BUNDLE_MAX 64u

/* Different records in all sets of one schedule: a bundle may be changed by
 * two records from the one before, all of them of RSA-2048, and fit a frame. */
#define KSK_SCHEDULE_RDATA_MAX 160u

/* Warnings of one reply; those beyond are dropped, for they bind nobody. */
#define KSK_WARNING_COUNT_MAX 8u

/* Names of rules, providers, clients and tokens, final zero included. */
#define KSK_LABEL_CAP 64u

/* A signed announcement, and its record: the text of 24 KiB, a signature and
 * a certificate or two. */
#define KSK_ANNOUNCEMENT_MAX (40u * 1024u)

/* Free text of a reply, final zero included. */
#define KSK_TEXT_CAP 512u

/* The proof of a reply: one signature and what it says. */
#define KSK_PROOF_MAX 1024u

/* What is sent by parts: a policy of 100,000 zones takes 50 MiB; the rest is
 * what 16 signatures add. */
#define KSK_DOCUMENT_TEXT_MAX (64u * 1024u * 1024u)
#define KSK_DOCUMENT_MAX (KSK_DOCUMENT_TEXT_MAX + 512u * 1024u)

/* One part of it: a frame holds it and what stands around it. */
#define KSK_PART_MAX 49152u

/* Operators of one authority, and signatures of one document. */
#define KSK_OPERATOR_COUNT_MAX 16u

/* A keymap's text, and its lines: one for each key of 100,000 zones. */
#define KSK_KEYMAP_TEXT_MAX (64u * 1024u * 1024u)
#define KSK_KEYMAP_ENTRY_MAX 262144u

#define KSK_PIN_LEN 32u  /* SHA-256 of a SubjectPublicKeyInfo */
#define KSK_HASH_LEN 32u /* SHA-256 */
#define KSK_ID_LEN 16u   /* appliance id, idempotency key */
#define KSK_NONCE_LEN 32u

#endif
