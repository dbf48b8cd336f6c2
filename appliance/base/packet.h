/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet - every packet that two of our processes exchange: one row in
 * KSK_PACKET_TABLE, one struct, one writer, one reader. A packet is its number
 * (16 bits) and a body. Requests are even, answers odd. Numbers are big
 * endian, blocks have 16-bit lengths (protocol/wire.h). A reader accepts what
 * its writer writes and nothing else.
 *
 * No packet carries bytes to be signed: SIGN carries an RRset, and the worker
 * builds the bytes itself.
 * Tests: tests/unit/test_packet.c
 */
#ifndef KSK_BASE_PACKET_H
#define KSK_BASE_PACKET_H

#include "appliance/base/link.h"
#include "protocol/checkpoint.h"
#include "protocol/dnskey.h"
#include "protocol/limits.h"
#include "protocol/tbs.h"
#include "protocol/wire.h"

/*         name                  nr    from → to                 descriptors */
#define KSK_PACKET_TABLE(X) \
	X(KSK_CTL_START, 0x00)    /* kskd → child           see start.h */ \
	X(KSK_CTL_READY, 0x01)    /* child → kskd                       */ \
	X(KSK_CTL_LINK, 0x02)     /* kskd → child           the link    */ \
	X(KSK_CTL_PREPARE, 0x04)  /* kskd → child           by kind     */ \
	X(KSK_CTL_PREPARED, 0x05) /* child → kskd                       */ \
	X(KSK_CTL_COMMIT, 0x06)   /* kskd → child                       */ \
	X(KSK_CTL_ABORT, 0x08)    /* kskd → child                       */ \
	X(KSK_CTL_STOP, 0x0a)     /* kskd → child                       */ \
	X(KSK_CTL_DEAD, 0x0c)     /* kskd → signer                      */ \
	X(KSK_CTL_TOKEN_STATE, 0x0e) /* kskd → signer                      */ \
	X(KSK_CTL_COMPILED, 0x10)    /* kskd → signer        the result  */ \
	X(KSK_CTL_OVERDUE, 0x11)    /* signer → kskd                      */ \
	X(KSK_CTL_LOGIN, 0x13)      /* worker → kskd                      */ \
	X(KSK_CTL_STATE, 0x15)      /* signer → kskd                      */ \
	X(KSK_CTL_COMPILE, 0x17)    /* signer → kskd        the text   */ \
	X(KSK_LNK_REQUESTS, 0x20)   /* frontend → signer                  */ \
	X(KSK_LNK_REPLIES, 0x21)    /* signer → frontend                  */ \
	X(KSK_LNK_PINS, 0x23)       /* signer → frontend                  */ \
	X(KSK_LNK_KEYS_SET, 0x30)   /* signer → worker                    */ \
	X(KSK_LNK_KEYS_FOUND, 0x31) /* worker → signer                    */ \
	X(KSK_LNK_SIGN, 0x32)       /* signer → worker                    */ \
	X(KSK_LNK_SIGNED, 0x33)     /* worker → signer                    */ \
	X(KSK_LNK_AUDIT_ASK, 0x34)  /* signer → worker                */ \
	X(KSK_LNK_AUDIT_FOUND, 0x35)    /* worker → signer                */ \
	X(KSK_LNK_ATTEST, 0x36)         /* signer → worker                */ \
	X(KSK_LNK_ATTESTED, 0x37)       /* worker → signer                */ \
	X(KSK_LNK_ANCHOR_READ, 0x38)    /* signer → worker                */ \
	X(KSK_LNK_ANCHOR_FOUND, 0x39)   /* worker → signer                */ \
	X(KSK_LNK_ANCHOR_WRITE, 0x3a)   /* signer → worker                */ \
	X(KSK_LNK_ANCHOR_WRITTEN, 0x3b) /* worker → signer                */ \
	X(KSK_ADM_UNLOCK, 0x40)         /* kskadm → kskd packet_unlock.h  */ \
	X(KSK_ADM_UNLOCKED, 0x41)       /* kskd → kskadm                  */

enum ksk_packet {
#define X(name, nr) name = (nr),
	KSK_PACKET_TABLE(X)
#undef X
};

/* Reads the number in front; the cursor then stands at the body. An unknown
 * number is KSK_ERR_MALFORMED (sticky) and 0xffff. */
uint16_t ksk_packet_open(struct ksk_span packet, struct ksk_wire *out_body);

/* Starts a packet in an emptied buffer. */
struct ksk_wire_out ksk_packet_begin(struct ksk_buf *buf, enum ksk_packet nr);

/* ---- control: plain ones have these bodies ----
 * READY, STOP: empty.  COMMIT, ABORT: u32 reload number. A signer whose policy
 *   operators sign gets COMMIT alone: the workers have another keymap. ABORT
 *   also comes to a signer that was not asked.
 * PREPARE: u32 reload number, then by receiver: signer {policy memfd},
 *   frontend {key fd, certificate fd}, worker {keymap fd}.
 * PREPARED: u32 reload number, u8 ok, text why not.
 */
struct ksk_ctl_prepared {
	uint32_t number;
	bool ok;
	char why[KSK_FAULT_CAP];
};

/* Edges: what a link connects, seen from both ends. */
enum ksk_edge {
	KSK_EDGE_FRONTEND_SIGNER = 1,
	KSK_EDGE_SIGNER_WORKER = 2, /* index: the worker's */
};

struct ksk_ctl_link {
	uint8_t edge;
	uint16_t index; /* 0 for the frontend's */
	uint32_t generation;
};

/* DEAD, OVERDUE: which worker, in which generation of its link. */
struct ksk_ctl_worker {
	uint16_t index;
	uint32_t generation;
};

/* TOKEN_STATE (kskd tells the signer why a token has no worker), LOGIN (what
 * became of a worker's login; index is the worker's and err says which),
 * STATE (the signer's own, index 0). index < KSK_WORKER_COUNT_MAX. state: enum ksk_state. err: the enum
 * ksk_err negated, 0 = done. */
struct ksk_ctl_state {
	uint16_t index;
	uint8_t state;
	uint8_t err;
	char why[KSK_FAULT_CAP];
};

/* COMPILE: the signer has the text of a document, in sealed memory, for
 * kskd-policy to read; one at a time. kind: enum ksk_document_kind. */
struct ksk_ctl_compile {
	uint32_t number; /* of the request, rises */
	uint8_t kind;
};

/* COMPILED: what became of it. ok: the table or struct ksk_document is the
 * descriptor; else there is none, and faults has a line for each fault. */
#define KSK_COMPILE_FAULTS_CAP (20u * (KSK_FAULT_CAP + 1u) + 1u)
struct ksk_ctl_compiled {
	uint32_t number;
	bool ok;
	char faults[KSK_COMPILE_FAULTS_CAP];
};

KSK_MUST_USE enum ksk_err ksk_ctl_compile_write(
	const struct ksk_ctl_compile *p, struct ksk_buf *out);
KSK_MUST_USE enum ksk_err ksk_ctl_compile_read(
	struct ksk_wire *body, struct ksk_ctl_compile *out);
KSK_MUST_USE enum ksk_err ksk_ctl_compiled_write(
	const struct ksk_ctl_compiled *p, struct ksk_buf *out);
KSK_MUST_USE enum ksk_err ksk_ctl_compiled_read(
	struct ksk_wire *body, struct ksk_ctl_compiled *out);

KSK_MUST_USE enum ksk_err ksk_ctl_plain_write(enum ksk_packet nr,
	struct ksk_buf *out); /* READY STOP AUDIT_ASK ANCHOR_READ */
KSK_MUST_USE enum ksk_err ksk_ctl_number_write(enum ksk_packet nr,
	uint32_t number, struct ksk_buf *out); /* PREPARE COMMIT ABORT */
KSK_MUST_USE enum ksk_err ksk_ctl_number_read(
	struct ksk_wire *body, uint32_t *out_number);
KSK_MUST_USE enum ksk_err ksk_ctl_prepared_write(
	const struct ksk_ctl_prepared *p, struct ksk_buf *out);
KSK_MUST_USE enum ksk_err ksk_ctl_prepared_read(
	struct ksk_wire *body, struct ksk_ctl_prepared *out);
KSK_MUST_USE enum ksk_err ksk_ctl_link_write(
	const struct ksk_ctl_link *p, struct ksk_buf *out);
KSK_MUST_USE enum ksk_err ksk_ctl_link_read(
	struct ksk_wire *body, struct ksk_ctl_link *out);
KSK_MUST_USE enum ksk_err ksk_ctl_worker_write(enum ksk_packet nr,
	const struct ksk_ctl_worker *p, struct ksk_buf *out);
KSK_MUST_USE enum ksk_err ksk_ctl_worker_read(
	struct ksk_wire *body, struct ksk_ctl_worker *out);
KSK_MUST_USE enum ksk_err ksk_ctl_state_write(
	enum ksk_packet nr, const struct ksk_ctl_state *p, struct ksk_buf *out);
KSK_MUST_USE enum ksk_err ksk_ctl_state_read(
	struct ksk_wire *body, struct ksk_ctl_state *out);

/* ---- frontend ↔ signer. Arrays: the item readers are called while
 * ksk_wire_more(body), then ksk_wire_end(body) once. Item writers are all or
 * nothing: one that fails (KSK_ERR_NO_ROOM; KSK_ERR_MALFORMED: a value its
 * reader would refuse) leaves the buffer as it was and the cursor failed; what
 * was written before may be sent. ---- */

/* A frontend has at most this much unanswered at the signer. */
#define KSK_CREDIT_REQUESTS 256u
#define KSK_CREDIT_BYTES (1024u * 1024u)

/* conn: chosen by the frontend, never used again while it runs. pin: of the
 * client's certificate. frame: the message, without its length. */
struct ksk_lnk_request {
	uint64_t conn;
	uint8_t pin[KSK_PIN_LEN];
	struct ksk_span frame;
};

/* Each request has exactly one reply, in any order. close: the frontend
 * closes the connection after sending it (malformed). */
struct ksk_lnk_reply {
	uint64_t conn;
	bool close;
	struct ksk_span frame;
};

void ksk_lnk_request_put(
	struct ksk_wire_out *w, const struct ksk_lnk_request *item);
void ksk_lnk_request_get(struct ksk_wire *body, struct ksk_lnk_request *out);
void ksk_lnk_reply_put(
	struct ksk_wire_out *w, const struct ksk_lnk_reply *item);
void ksk_lnk_reply_get(struct ksk_wire *body, struct ksk_lnk_reply *out);

/* PINS: the whole list of clients that may connect, sent after each new link
 * and each policy change; replaces the one before. Body: the pins, 32 bytes
 * each, none or more. */
#define KSK_CLIENT_COUNT_MAX 1024u
/* … and those of kskd.yaml (start.h). */
#define KSK_PIN_COUNT_MAX (KSK_CLIENT_COUNT_MAX + 8u)

/* ---- signer ↔ worker ---- */

/* A worker has at most this much unanswered. */
#define KSK_WORKER_PACKETS 2u
#define KSK_WORKER_JOBS 16u

/* Slots of one token: each line of the longest keymap, and as many keys that
 * earlier policies named. A worker takes memory only for keys that it finds and
 * that its keymap gives. */
#define KSK_SLOT_COUNT_MAX (2u * KSK_KEYMAP_ENTRY_MAX)

/* KEYS_SET: slots to look up; a slot number stands for one (label, ds, zone)
 * for the life of the link, and may be set again to look again. label: of the
 * objects in the token, "" = any. */
struct ksk_lnk_key {
	uint32_t slot;
	struct ksk_name zone;
	struct ksk_ds ds;
	char label[KSK_LABEL_CAP];
};

/* KEYS_FOUND: one item per item of KEYS_SET, same order. dnskey: the key's
 * RDATA with flags 257, empty if it can't be used; then why says so and what
 * to do. forbidden: the token has it, a rule of the worker's keeps it from this
 * zone, most likely its keymap. */
struct ksk_lnk_key_found {
	uint32_t slot;
	struct ksk_span dnskey;
	char why[KSK_WHY_CAP];
	bool forbidden;
};

/* SIGN: one RRSIG by one key. The worker refuses all but DNSKEY, CDS and
 * CDNSKEY at the apex of a zone that its keymap gives the key, with the key's
 * own tag. tag and flags of a revoked key differ from its DS: revoked says
 * so. */
struct ksk_lnk_job {
	uint64_t job;
	uint32_t slot;
	bool revoked;
	struct ksk_window window;
	struct ksk_rrset rrset;
};

/* outcome of a job */
enum ksk_job_outcome {
	KSK_JOB_DONE = 0,    /* signature holds it */
	KSK_JOB_REFUSED = 1, /* the keymap, the job's form or the token forbids
				it to this key */
	KSK_JOB_FAILED = 2,  /* the token could not; the worker leaves */
};

struct ksk_lnk_signed {
	uint64_t job;
	uint8_t outcome;
	struct ksk_span signature; /* DNS form, empty unless done */
	char why[KSK_WHY_CAP];     /* "" when done */
};

void ksk_lnk_key_put(struct ksk_wire_out *w, const struct ksk_lnk_key *item);
void ksk_lnk_key_get(struct ksk_wire *body, struct ksk_lnk_key *out);
void ksk_lnk_key_found_put(
	struct ksk_wire_out *w, const struct ksk_lnk_key_found *item);
void ksk_lnk_key_found_get(
	struct ksk_wire *body, struct ksk_lnk_key_found *out);
void ksk_lnk_job_put(struct ksk_wire_out *w, const struct ksk_lnk_job *item);
void ksk_lnk_job_get(struct ksk_wire *body, struct ksk_lnk_job *out);
void ksk_lnk_signed_put(
	struct ksk_wire_out *w, const struct ksk_lnk_signed *item);
void ksk_lnk_signed_get(struct ksk_wire *body, struct ksk_lnk_signed *out);

/* ---- signer ↔ worker: audit key and anchor (packet_audit.c). One request of
 * these at a time is open at a worker. AUDIT_ASK, ANCHOR_READ: empty. ---- */

/* AUDIT_FOUND: the audit key that the keymap gives this token. key: as
 * audit_key.h has it, empty if there is none; then why says so. */
struct ksk_lnk_audit_found {
	struct ksk_span key;
	char why[KSK_WHY_CAP];
};

/* ATTEST: the worker builds the bytes itself (protocol/checkpoint.h), so that
 * its audit key signs checkpoints and proofs and nothing else. */
struct ksk_lnk_attest {
	bool has_nonce; /* a proof; else a checkpoint, state 0 */
	struct ksk_nonce_proof what;
};

/* ATTESTED: as SIGNED. */
struct ksk_lnk_attested {
	uint8_t outcome; /* enum ksk_job_outcome */
	struct ksk_span signature;
	char why[KSK_WHY_CAP];
};

/* Objects that a worker reports: one, or two after a crash between the making
 * of the new one and the end of the old. */
#define KSK_ANCHOR_COUNT_MAX 8u

/* ANCHOR_FOUND: what the token holds. ok: it could be read. */
struct ksk_lnk_anchor_found {
	bool ok;
	size_t count;
	struct ksk_checkpoint anchor[KSK_ANCHOR_COUNT_MAX];
	char why[KSK_WHY_CAP]; /* "" if ok */
};

/* ANCHOR_WRITTEN: ok: it is there, read again, and older ones are gone. */
struct ksk_lnk_anchor_written {
	bool ok;
	char why[KSK_WHY_CAP];
};

KSK_MUST_USE enum ksk_err ksk_lnk_audit_found_write(
	const struct ksk_lnk_audit_found *p, struct ksk_buf *out);
KSK_MUST_USE enum ksk_err ksk_lnk_audit_found_read(
	struct ksk_wire *body, struct ksk_lnk_audit_found *out);
KSK_MUST_USE enum ksk_err ksk_lnk_attest_write(
	const struct ksk_lnk_attest *p, struct ksk_buf *out);
KSK_MUST_USE enum ksk_err ksk_lnk_attest_read(
	struct ksk_wire *body, struct ksk_lnk_attest *out);
KSK_MUST_USE enum ksk_err ksk_lnk_attested_write(
	const struct ksk_lnk_attested *p, struct ksk_buf *out);
KSK_MUST_USE enum ksk_err ksk_lnk_attested_read(
	struct ksk_wire *body, struct ksk_lnk_attested *out);
KSK_MUST_USE enum ksk_err ksk_lnk_anchor_found_write(
	const struct ksk_lnk_anchor_found *p, struct ksk_buf *out);
KSK_MUST_USE enum ksk_err ksk_lnk_anchor_found_read(
	struct ksk_wire *body, struct ksk_lnk_anchor_found *out);
KSK_MUST_USE enum ksk_err ksk_lnk_anchor_write_write(
	const struct ksk_checkpoint *p, struct ksk_buf *out);
KSK_MUST_USE enum ksk_err ksk_lnk_anchor_write_read(
	struct ksk_wire *body, struct ksk_checkpoint *out);
KSK_MUST_USE enum ksk_err ksk_lnk_anchor_written_write(
	const struct ksk_lnk_anchor_written *p, struct ksk_buf *out);
KSK_MUST_USE enum ksk_err ksk_lnk_anchor_written_read(
	struct ksk_wire *body, struct ksk_lnk_anchor_written *out);

#endif
