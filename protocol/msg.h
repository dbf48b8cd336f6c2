/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msg - the messages of ksk/1 as values (PROTOCOL.md 3 to 6). Reading and
 * writing of one message stand in one file: msg_request.c, msg_reply.c,
 * msg_sign.c, msg_schedule.c, msg_history.c, msg_keys.c, msg_status.c,
 * msg_journal.c, msg_announce.c. There is one encoding per message:
 * what a reader accepts, the writer gives back byte for byte.
 * Tests: tests/unit/test_msg.c, tests/unit/test_msg_history.c,
 * tests/unit/test_msg_schedule.c, tests/fuzz/
 */
#ifndef KSK_PROTOCOL_MSG_H
#define KSK_PROTOCOL_MSG_H

#include "protocol/dnskey.h"
#include "protocol/msg_announce.h"
#include "protocol/msg_document.h"
#include "protocol/msg_journal.h"
#include "protocol/tbs.h"

#define KSK_ALPN "ksk/1"

/* op, PROTOCOL.md 4. name, number, text */
#define KSK_OP_TABLE(X) \
	X(KSK_OP_STATUS, 1, "status") \
	X(KSK_OP_KEYS, 2, "keys") \
	X(KSK_OP_SIGN, 3, "sign") \
	X(KSK_OP_SIGN_SCHEDULE, 4, "sign-schedule") \
	X(KSK_OP_LAST_ANSWER, 5, "last-answer") \
	X(KSK_OP_POLICY_SHOW, 6, "policy-show") \
	X(KSK_OP_SUBMIT, 7, "submit") \
	X(KSK_OP_JOURNAL_READ, 8, "journal-read") \
	X(KSK_OP_ANNOUNCE, 9, "announce") \
	X(KSK_OP_ADOPT, 10, "adopt") \
	X(KSK_OP_PART, 11, "part")

enum ksk_op {
#define X(name, value, text) name = (value),
	KSK_OP_TABLE(X)
#undef X
};

/* status of a reply, PROTOCOL.md 5 */
#define KSK_STATUS_TABLE(X) \
	X(KSK_STATUS_DONE, 0, "done") \
	X(KSK_STATUS_MALFORMED, 1, "malformed") \
	X(KSK_STATUS_REFUSED, 2, "refused") \
	X(KSK_STATUS_NOT_AUTHORISED, 3, "not-authorised") \
	X(KSK_STATUS_UNKNOWN_ZONE, 4, "unknown-zone") \
	X(KSK_STATUS_NOT_READY, 5, "not-ready") \
	X(KSK_STATUS_BUSY, 6, "busy") \
	X(KSK_STATUS_TOO_LARGE, 7, "too-large") \
	X(KSK_STATUS_UNSUPPORTED, 8, "unsupported") \
	X(KSK_STATUS_INTERNAL, 9, "internal")

enum ksk_status {
#define X(name, value, text) name = (value),
	KSK_STATUS_TABLE(X)
#undef X
};

/* State of the appliance, of a token or of a zone (PROTOCOL.md 6). */
#define KSK_STATE_TABLE(X) \
	X(KSK_STATE_READY, 0, "ready") \
	X(KSK_STATE_TOKEN_DOWN, 1, "token-down") \
	X(KSK_STATE_LOCKED, 2, "locked") \
	X(KSK_STATE_KEY_MISSING, 3, "key-missing") \
	X(KSK_STATE_CLOCK_HOLD, 4, "clock-hold") \
	X(KSK_STATE_JOURNAL_FULL, 5, "journal-full") \
	X(KSK_STATE_RESTORED, 6, "restored") \
	X(KSK_STATE_NO_POLICY, 7, "no-policy")

enum ksk_state {
#define X(name, value, text) name = (value),
	KSK_STATE_TABLE(X)
#undef X
};

const char *ksk_op_text(unsigned op); /* "unknown" for others */
const char *ksk_status_text(unsigned status);
const char *ksk_state_text(unsigned state);

/* What ends a state, in words that go on from "ended by: "; "" for ready. */
const char *ksk_state_ended_by(unsigned state);

/* Why one rule refuses, or warns. rule is an id of PROTOCOL.md 7. */
struct ksk_refusal {
	char rule[KSK_LABEL_CAP];
	char why[KSK_WHY_CAP]; /* what is wrong and what to change */
	bool has_tag;
	uint16_t tag;                 /* key tag */
	char provider[KSK_LABEL_CAP]; /* "" when none */
	bool has_bundle;
	uint64_t bundle; /* of a schedule, 0 is the first */
};

/* All that fail, in the order of the rules. Zero it before use. */
struct ksk_refusals {
	size_t count;
	size_t dropped; /* refusals beyond the room */
	struct ksk_refusal list[KSK_REFUSAL_COUNT_MAX];
};

/* Proof that somebody holds a ZSK: an RRSIG by it. kind 1: over the DNSKEY
 * RRset of this very request; 2: over zone data of the zone. */
#define KSK_EVIDENCE_DNSKEY 1u
#define KSK_EVIDENCE_DATA 2u

struct ksk_evidence {
	uint64_t kind;
	struct ksk_rrset rrset; /* any type for kind 2 */
	struct ksk_span rrsig;  /* RRSIG RDATA, borrowed */
};

struct ksk_sign {
	struct ksk_rrset rrset;
	bool has_window;
	struct ksk_window window;
	bool has_idempotency;
	uint8_t idempotency[KSK_ID_LEN];
	bool has_previous;
	uint8_t previous[KSK_HASH_LEN];
	bool has_evidence; /* an empty list has an encoding */
	size_t evidence_count;
	struct ksk_evidence evidence[KSK_EVIDENCE_COUNT_MAX];
	bool has_dry_run; /* false, written out, is an encoding */
	bool dry_run;
	/* Record numbers of the later answers that this one replaces,
	 * ascending; none when left out. */
	size_t supersede_count;
	uint64_t supersede[KSK_SUPERSEDE_COUNT_MAX];
};

/* One set of a schedule. */
struct ksk_bundle {
	uint16_t type; /* DNSKEY, CDS or CDNSKEY */
	uint32_t ttl;  /* seconds */
	size_t count;  /* 1..KSK_RDATA_COUNT_MAX */
	uint8_t index
		[KSK_RDATA_COUNT_MAX]; /* into ksk_schedule.rdata, rising */
	struct ksk_window window;
};

/* Sets of one zone for the time ahead: all are signed, or none. */
struct ksk_schedule {
	struct ksk_name owner;
	size_t rdata_count; /* 1..KSK_SCHEDULE_RDATA_MAX, canonical order, each
			     * in some bundle */
	struct ksk_span rdata[KSK_SCHEDULE_RDATA_MAX]; /* borrowed */
	size_t bundle_count; /* 1..KSK_SCHEDULE_BUNDLE_MAX */
	struct ksk_bundle bundle[KSK_SCHEDULE_BUNDLE_MAX];
	bool has_idempotency;
	uint8_t idempotency[KSK_ID_LEN];
	bool has_previous; /* newest answer of the first bundle's type */
	uint8_t previous[KSK_HASH_LEN];
	size_t supersede_count; /* as in ksk_sign, of all types together */
	uint64_t supersede[KSK_SUPERSEDE_COUNT_MAX];
};

/* Builds the set of one bundle; RDATA stay borrowed. */
void ksk_schedule_rrset(const struct ksk_schedule *schedule, size_t bundle,
	struct ksk_rrset *out_rrset);

/* What to give again: the answer of this zone and type that is in effect. */
struct ksk_last_answer {
	struct ksk_name owner;
	uint16_t type; /* DNSKEY, CDS or CDNSKEY */
};

/* A signed RRset that proves itself and becomes history. */
struct ksk_adopt {
	struct ksk_rrset rrset;
	size_t rrsig_count;
	struct ksk_span rrsig[KSK_RRSIG_COUNT_MAX]; /* borrowed RDATA */
};

/* A zone named in a request body: keys always, status if asked of one zone. */
struct ksk_zone_body {
	bool has_owner;
	struct ksk_name owner;
};

struct ksk_request {
	uint64_t number;
	uint64_t op; /* enum ksk_op, or one unknown here */
	bool has_nonce;
	uint8_t nonce[KSK_NONCE_LEN];
	bool has_body;
	struct ksk_span raw_body;           /* the body's bytes, borrowed */
	struct ksk_zone_body zone;          /* KSK_OP_STATUS, KSK_OP_KEYS */
	struct ksk_sign sign;               /* KSK_OP_SIGN */
	struct ksk_schedule schedule;       /* KSK_OP_SIGN_SCHEDULE */
	struct ksk_last_answer last_answer; /* KSK_OP_LAST_ANSWER */
	struct ksk_adopt adopt;             /* KSK_OP_ADOPT */
	struct ksk_journal_read journal;    /* KSK_OP_JOURNAL_READ */
	struct ksk_announce_body announce;  /* KSK_OP_ANNOUNCE */
	struct ksk_part part;               /* KSK_OP_PART */
	struct ksk_submit submit;           /* KSK_OP_SUBMIT */
	struct ksk_show show;               /* KSK_OP_POLICY_SHOW */
};

/*
 * Reads one frame as a request. Bodies of ops without a reader here are
 * checked for form (one encoding, depth) and given as raw_body.
 * Spans of out_request borrow from frame.
 * KSK_ERR_MALFORMED, KSK_ERR_TOO_LARGE (a limit of limits.h), with fault: the
 * path of the field and what is wrong. *out_number is the request's number if
 * it could be read, else 0, also on failure. out_request is undefined after
 * failure; with a body, those of other ops are; without one all are empty.
 */
KSK_MUST_USE enum ksk_err ksk_request_read(struct ksk_span frame,
	struct ksk_request *out_request, uint64_t *out_number,
	struct ksk_fault *fault);

/* Appends the one encoding of a request. raw_body is written for ops without
 * a writer here. KSK_ERR_NO_ROOM. */
KSK_MUST_USE enum ksk_err ksk_request_write(
	const struct ksk_request *request, struct ksk_buf *out);

/* sign-reply. A dry run leaves out rrsigs, record and hash. */
struct ksk_sign_reply {
	size_t rrsig_count;
	struct ksk_span rrsig[KSK_RRSIG_COUNT_MAX]; /* borrowed RDATA */
	bool has_record;
	uint64_t record;
	uint8_t record_hash[KSK_HASH_LEN];
	uint64_t policy_version;
	struct ksk_window window;
	size_t warning_count;
	struct ksk_refusal warning[KSK_WARNING_COUNT_MAX];
};

/* One answer of a schedule, in the order of the bundles asked for. */
struct ksk_bundle_reply {
	size_t rrsig_count;
	struct ksk_span rrsig[KSK_RRSIG_COUNT_MAX]; /* borrowed RDATA */
	struct ksk_window window;
	uint64_t record;
	uint8_t record_hash[KSK_HASH_LEN];
};

/* schedule-reply */
struct ksk_schedule_reply {
	size_t bundle_count;
	struct ksk_bundle_reply bundle[KSK_SCHEDULE_BUNDLE_MAX];
	uint64_t policy_version;
	size_t warning_count;
	struct ksk_refusal warning[KSK_WARNING_COUNT_MAX];
};

/* An answer that starts later than the one in effect. */
struct ksk_later_answer {
	uint64_t record;    /* number; what supersedes names */
	uint64_t inception; /* seconds */
};

/* last-answer-reply. No body at all: nothing was released. */
struct ksk_last_answer_reply {
	struct ksk_rrset rrset;
	size_t rrsig_count;
	struct ksk_span rrsig[KSK_RRSIG_COUNT_MAX]; /* borrowed RDATA */
	uint64_t record;
	uint8_t record_hash[KSK_HASH_LEN];
	uint64_t policy_version;
	struct ksk_window window;
	uint64_t released; /* seconds; or when it was adopted */
	bool adopted;
	size_t later_count;
	struct ksk_later_answer later[KSK_SUPERSEDE_COUNT_MAX];
	/* Hash of the newest answer, which `previous` must name, where that is
	 * one of the later ones. */
	bool has_head;
	uint8_t head_hash[KSK_HASH_LEN];
};

/* adopt-reply */
struct ksk_adopt_reply {
	uint64_t record;
	uint8_t record_hash[KSK_HASH_LEN];
	size_t warning_count;
	struct ksk_refusal warning[KSK_WARNING_COUNT_MAX];
};

#define KSK_KSK_COUNT_MAX 16u
#define KSK_PROVIDER_COUNT_MAX 16u
#define KSK_PROVIDER_KEY_MAX 24u

/* One KSK of a zone as the policy and the token have it. */
struct ksk_ksk_entry {
	struct ksk_span dnskey; /* RDATA; empty if not found */
	struct ksk_ds ds;       /* what the policy pins */
	uint64_t from;          /* stands from this second … */
	bool has_until;
	uint64_t until; /* … and before this one */
	bool cds;
	bool stands;           /* must be in a set that starts now */
	uint64_t state;        /* enum ksk_state */
	char why[KSK_WHY_CAP]; /* "" when ready */
	/* From then on no cache lacks it; absent: never yet in a set, or gone
	 * from it. */
	bool has_covered;
	uint64_t covered;
	/* The parent may name it from then on; absent: not known. */
	bool has_ds_from;
	uint64_t ds_from;
};

struct ksk_provider_key_entry {
	struct ksk_ds ds;
	bool has_retired;
	uint64_t retired;
	bool withdrawn;
	/* From then on no cache lacks it; absent as above. */
	bool has_covered;
	uint64_t covered;
	/* The earliest moment it may leave; absent: nothing stands in for
	 * it. */
	bool has_drop;
	uint64_t drop;
	/* Withdrawn, and answers with it may be in caches until then. */
	bool has_exposed;
	uint64_t exposed;
	uint64_t source; /* enum ksk_announced_key */
	/* RDATA, if the announcement accepted last lists it; empty: not
	 * told. */
	struct ksk_span dnskey;
};

struct ksk_provider_entry {
	char name[KSK_LABEL_CAP];
	uint64_t state; /* 0 joining, 1 serving, 2 leaving */
	size_t key_count;
	struct ksk_provider_key_entry key[KSK_PROVIDER_KEY_MAX];
	bool has_announced; /* it announces its keys */
	struct ksk_announced_entry announced;
};

/* A key of somebody else that stands in the set and signs elsewhere. */
struct ksk_cosigner_entry {
	struct ksk_ds ds;
	char provider[KSK_LABEL_CAP];
	bool csk; /* it is its provider's ZSK too */
	bool cds; /* CDS and CDNSKEY name it */
	bool has_until;
	uint64_t until; /* from this second on it must not be there */
};

/* keys-reply: what a client needs to build a set for one zone. */
struct ksk_keys_reply {
	struct ksk_name owner;
	uint32_t ttl;
	struct ksk_window window; /* what sign uses when none is given */
	size_t type_count;
	uint16_t type[3]; /* what may be signed, ascending */
	size_t ksk_count;
	struct ksk_ksk_entry ksk[KSK_KSK_COUNT_MAX];
	size_t provider_count;
	struct ksk_provider_entry provider[KSK_PROVIDER_COUNT_MAX];
	size_t cosigner_count;
	struct ksk_cosigner_entry cosigner[KSK_KSK_COUNT_MAX];
};

struct ksk_token_entry {
	char name[KSK_LABEL_CAP];
	uint64_t state;   /* enum ksk_state */
	uint64_t workers; /* logged in and signing */
	char why[KSK_WHY_CAP];
};

#define KSK_TOKEN_COUNT_MAX 8u
#define KSK_TROUBLE_COUNT_MAX 16u

struct ksk_zone_trouble {
	struct ksk_name owner;
	uint64_t state;
	char why[KSK_WHY_CAP];
};

/* Withdrawn keys that one status tells; the rest is in keys replies. */
#define KSK_EXPOSED_COUNT_MAX 16u

/* A key that was withdrawn, in sets whose signatures still verify. */
struct ksk_exposed_key {
	struct ksk_name owner;
	char provider[KSK_LABEL_CAP];
	struct ksk_ds ds;
	uint64_t until; /* the last of them expires, seconds */
};

struct ksk_status_reply {
	uint8_t appliance[KSK_ID_LEN];
	char version[KSK_LABEL_CAP]; /* of the software */
	uint64_t time;               /* seconds, the appliance's clock */
	uint64_t state;              /* the worst of all */
	char why[KSK_WHY_CAP];       /* what it is and what ends it */
	uint64_t policy_version;
	uint8_t policy_hash[KSK_HASH_LEN];
	uint64_t record; /* head of the journal */
	uint8_t record_hash[KSK_HASH_LEN];
	uint64_t zone_count; /* zones this client may see */
	size_t token_count;
	struct ksk_token_entry token[KSK_TOKEN_COUNT_MAX];
	size_t trouble_count; /* zones that can't be signed */
	struct ksk_zone_trouble trouble[KSK_TROUBLE_COUNT_MAX];
	/* Of this client's zones, the answer in effect that expires first. */
	bool has_earliest;
	struct ksk_name earliest_owner;
	uint64_t earliest; /* seconds */
	/* Where the journal's anchor is; "" when not told. */
	char anchor[KSK_LABEL_CAP];
	bool has_checkpoint;
	uint64_t checkpoint; /* number of the last checkpointed record */
	/* Of this client's zones, announcements that need attention. */
	size_t notice_count;
	struct ksk_announced_notice notice[KSK_ANNOUNCED_NOTICE_MAX];
	/* Of this client's zones, withdrawn keys that can still be replayed. */
	size_t exposed_count;
	struct ksk_exposed_key exposed[KSK_EXPOSED_COUNT_MAX];
};

struct ksk_reply {
	uint64_t number;
	uint64_t status; /* enum ksk_status */
	/* 0 no body, else the op whose body this is: KSK_OP_STATUS, _KEYS,
	 * _SIGN, _SIGN_SCHEDULE, _LAST_ANSWER, _ADOPT, _JOURNAL_READ, _ANNOUNCE, _PART,
	 * _SUBMIT, _POLICY_SHOW. The reader needs it from the caller: bodies
	 * carry no op. */
	unsigned body;
	struct ksk_status_reply status_body;
	struct ksk_keys_reply keys_body;
	struct ksk_sign_reply sign_body;
	struct ksk_schedule_reply schedule_body;
	struct ksk_last_answer_reply last_answer_body;
	struct ksk_adopt_reply adopt_body;
	struct ksk_journal_reply journal_body;
	struct ksk_announce_reply announce_body;
	struct ksk_part_reply part_body;
	struct ksk_submit_reply submit_body;
	struct ksk_show_reply show_body;
	struct ksk_refusals refusals;
	char text[KSK_TEXT_CAP]; /* "" when none */
	bool has_proof;
	struct ksk_span proof; /* borrowed */
};

/*
 * Appends the one encoding of a reply. If it would exceed KSK_FRAME_MAX the
 * last refusals, then the last troubles, then the words on KSKs are left out.
 * KSK_ERR_NO_ROOM: out is smaller than what is left.
 */
KSK_MUST_USE enum ksk_err ksk_reply_write(
	const struct ksk_reply *reply, struct ksk_buf *out);

/*
 * Adds the proof to an encoded reply that has none.
 * frame: in/out, what ksk_reply_write wrote; unchanged on failure.
 * KSK_ERR_NO_ROOM: the frame is full. KSK_ERR_MALFORMED: this is no reply.
 */
KSK_MUST_USE enum ksk_err ksk_reply_prove(
	struct ksk_buf *frame, struct ksk_span proof);

/*
 * Reads one frame as a reply. op_of gives the op that the reply's number was
 * asked with (0: unknown, then a body is malformed); ctx is passed to it.
 * Errors as ksk_request_read. Spans borrow from frame. With a body, those of
 * other ops are undefined; without one all are empty.
 */
KSK_MUST_USE enum ksk_err ksk_reply_read(struct ksk_span frame,
	unsigned (*op_of)(void *ctx, uint64_t number), void *ctx,
	struct ksk_reply *out_reply, struct ksk_fault *fault);

#endif
