/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msg_part - the pieces of which messages are made: names, windows, RRsets, DS
 * records, refusals; and the contract between the msg_*.c files. Callers
 * outside use msg.h. Readers are sticky (cbor_in.h) and leave errors in the
 * cursor.
 * Tests: tests/unit/test_msg.c
 */
#ifndef KSK_PROTOCOL_MSG_PART_H
#define KSK_PROTOCOL_MSG_PART_H

#include "protocol/cbor_in.h"
#include "protocol/cbor_out.h"
#include "protocol/msg.h"

/* Number of fields in a static table. */
#define KSK_FIELD_COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A name: byte string, wire form, lower case. */
void ksk_msg_name_read(struct ksk_cbor_in *in, struct ksk_name *out);

/* window = { 1: inception, 2: expiration } */
void ksk_msg_window_read(struct ksk_cbor_in *in, struct ksk_window *out);
void ksk_msg_window_write(
	struct ksk_cbor_out *out, const struct ksk_window *window);

/* rrset = { 1: owner, 2: type, 3: ttl, 4: [+ rdata] }. signable: only DNSKEY,
 * CDS and CDNSKEY are let through. */
void ksk_msg_rrset_read(
	struct ksk_cbor_in *in, bool signable, struct ksk_rrset *out);
void ksk_msg_rrset_write(
	struct ksk_cbor_out *out, const struct ksk_rrset *rrset);

/* A DS: byte string of its RDATA, digest type 2 or 4. */
void ksk_msg_ds_read(struct ksk_cbor_in *in, struct ksk_ds *out);
void ksk_msg_ds_write(struct ksk_cbor_out *out, const struct ksk_ds *ds);

/* refusal = { 1: rule, 2: why, ? 3: key tag, ? 4: provider, ? 5: bundle } */
void ksk_msg_refusal_read(struct ksk_cbor_in *in, struct ksk_refusal *out);
void ksk_msg_refusal_write(
	struct ksk_cbor_out *out, const struct ksk_refusal *refusal);

/* A list of at most room refusals, at least one. */
void ksk_msg_refusals_read(struct ksk_cbor_in *in, size_t room,
	struct ksk_refusal *out, size_t *out_count);

/* A list of 1 to KSK_RRSIG_COUNT_MAX RRSIGs. */
void ksk_msg_rrsigs_read(struct ksk_cbor_in *in,
	struct ksk_span out[KSK_RRSIG_COUNT_MAX], size_t *out_count);
void ksk_msg_rrsigs_write(struct ksk_cbor_out *out,
	const struct ksk_span rrsig[KSK_RRSIG_COUNT_MAX], size_t count);

/* Warnings under a key of a map; nothing is written when there is none. */
void ksk_msg_warnings_write(struct ksk_cbor_out *out, uint64_t key,
	const struct ksk_refusal *warning, size_t count);

/* Record numbers, ascending, none twice, at least one. */
void ksk_msg_supersedes_read(struct ksk_cbor_in *in,
	uint64_t out[KSK_SUPERSEDE_COUNT_MAX], size_t *out_count);
/* Nothing is written when there is none. */
void ksk_msg_supersedes_write(struct ksk_cbor_out *out, uint64_t key,
	const uint64_t *supersede, size_t count);

/* The type of a set that may be signed: 48, 59 or 60. */
uint16_t ksk_msg_type_read(struct ksk_cbor_in *in);

/* An optional text: read as "" and not written when empty. */
void ksk_msg_why_write(struct ksk_cbor_out *out, uint64_t key, const char *why);

/* Bodies, a file each. */
void ksk_msg_sign_read(struct ksk_cbor_in *in, struct ksk_sign *out);
void ksk_msg_sign_write(struct ksk_cbor_out *out, const struct ksk_sign *sign);
void ksk_msg_sign_reply_read(
	struct ksk_cbor_in *in, struct ksk_sign_reply *out);
void ksk_msg_sign_reply_write(
	struct ksk_cbor_out *out, const struct ksk_sign_reply *reply);
void ksk_msg_schedule_read(struct ksk_cbor_in *in, struct ksk_schedule *out);
void ksk_msg_schedule_write(
	struct ksk_cbor_out *out, const struct ksk_schedule *schedule);
void ksk_msg_schedule_reply_read(
	struct ksk_cbor_in *in, struct ksk_schedule_reply *out);
void ksk_msg_schedule_reply_write(
	struct ksk_cbor_out *out, const struct ksk_schedule_reply *reply);
void ksk_msg_last_answer_read(
	struct ksk_cbor_in *in, struct ksk_last_answer *out);
void ksk_msg_last_answer_write(
	struct ksk_cbor_out *out, const struct ksk_last_answer *asked);
void ksk_msg_last_answer_reply_read(
	struct ksk_cbor_in *in, struct ksk_last_answer_reply *out);
void ksk_msg_last_answer_reply_write(
	struct ksk_cbor_out *out, const struct ksk_last_answer_reply *reply);
void ksk_msg_adopt_read(struct ksk_cbor_in *in, struct ksk_adopt *out);
void ksk_msg_adopt_write(
	struct ksk_cbor_out *out, const struct ksk_adopt *adopt);
void ksk_msg_adopt_reply_read(
	struct ksk_cbor_in *in, struct ksk_adopt_reply *out);
void ksk_msg_adopt_reply_write(
	struct ksk_cbor_out *out, const struct ksk_adopt_reply *reply);
void ksk_msg_keys_reply_read(
	struct ksk_cbor_in *in, struct ksk_keys_reply *out);

/* with_why: KSKs say why they can't sign. with_dnskey: announced keys are
 * there, not only their digests. */
void ksk_msg_keys_reply_write(struct ksk_cbor_out *out,
	const struct ksk_keys_reply *reply, bool with_why, bool with_dnskey);
void ksk_msg_status_reply_read(
	struct ksk_cbor_in *in, struct ksk_status_reply *out);

/* trouble_count: how many of the zones in trouble are written. */
void ksk_msg_status_reply_write(struct ksk_cbor_out *out,
	const struct ksk_status_reply *reply, size_t trouble_count);

#endif
