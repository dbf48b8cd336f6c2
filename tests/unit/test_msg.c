/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of msg: requests and replies of ksk/1 (PROTOCOL 4 to 6). Each accepted
 * message is written back byte for byte; each prefix of one is refused. The
 * examples of PROTOCOL.md, made with another encoder, are read here too.
 */
#include "tests/unit/vector.h"

#include <malloc.h>
#include <stdlib.h>

#include "protocol/frame.h"
#include "protocol/msg.h"
#include "protocol/msg_part.h"

static struct ksk_request request, request_again;
static struct ksk_reply reply, reply_again;
static uint8_t room[2][KSK_FRAME_MAX + 1];
static uint8_t rdata[KSK_RDATA_COUNT_MAX][KSK_RDATA_MAX];

static void
fill_rrset(struct ksk_rrset *set, size_t count, size_t len)
{
	*set = (struct ksk_rrset){.owner = vector_name("lab.example."),
		.type = KSK_TYPE_DNSKEY,
		.ttl = 3600,
		.count = count};
	for (size_t i = 0; i < count; i++) {
		memset(rdata[i], (int)i + 1, len);
		set->rdata[i] = ksk_span_of(rdata[i], len);
	}
}

/* A sign request with every field there is. */
static void
fill_sign(void)
{
	memset(&request, 0, sizeof(request));
	request.number = UINT64_MAX;
	request.op = KSK_OP_SIGN;
	request.has_nonce = true;
	memset(request.nonce, 0x0c, KSK_NONCE_LEN);
	struct ksk_sign *sign = &request.sign;
	fill_rrset(&sign->rrset, 3, 68);
	sign->has_window = true;
	sign->window = (struct ksk_window){1767225600, UINT64_MAX};
	sign->has_idempotency = true;
	memset(sign->idempotency, 0x1d, KSK_ID_LEN);
	sign->has_previous = true;
	memset(sign->previous, 0x9e, KSK_HASH_LEN);
	sign->has_evidence = true;
	sign->evidence_count = 2;
	for (size_t i = 0; i < 2; i++) {
		struct ksk_evidence *evidence = &sign->evidence[i];
		fill_rrset(&evidence->rrset, 2, 70);
		evidence->rrset.type = (uint16_t)(i == 0 ? 48 : 6);
		evidence->kind = i + 1;
		evidence->rrsig = ksk_span_of(rdata[9], 90);
	}
	sign->has_dry_run = true;
	sign->dry_run = true;
	sign->supersede_count = 2;
	sign->supersede[0] = 23;
	sign->supersede[1] = UINT64_MAX;
}

static struct ksk_span
write_request(const struct ksk_request *from, uint8_t *out)
{
	struct ksk_buf buf = ksk_buf_of(out, KSK_FRAME_MAX);

	assert_int_equal(KSK_OK, ksk_request_write(from, &buf));
	return ksk_buf_span(&buf);
}

/* Reads a request and asserts that it is written back as it was. */
static void
assert_request_returns(struct ksk_span frame)
{
	uint64_t number = 0;
	struct ksk_fault fault = {""};

	if (ksk_request_read(frame, &request_again, &number, &fault) != KSK_OK)
		fail_msg("refused: %s", fault.text);
	assert_true(number == request_again.number);
	assert_true(
		ksk_span_equal(frame, write_request(&request_again, room[1])));
}

static void
assert_request_refused(
	struct ksk_span frame, enum ksk_err expected, const char *text)
{
	uint64_t number = 0;
	struct ksk_fault fault = {""};
	enum ksk_err err = ksk_request_read(
		frame, &request_again, &number, &fault);

	if (err != expected || strcmp(text, fault.text) != 0)
		fail_msg("%d: \"%s\", not \"%s\"", err, fault.text, text);
}

static void
test_sign_request_returns_byte_for_byte(void **state)
{
	(void)state;
	fill_sign();
	assert_request_returns(write_request(&request, room[0]));
	assert_true(request_again.has_body);
	assert_int_equal(3, request_again.sign.rrset.count);
	assert_int_equal(2, request_again.sign.evidence_count);
	assert_true(request_again.sign.window.expiration == UINT64_MAX);
	assert_true(request_again.sign.dry_run);
	/* Its body alone, for digests over it. */
	assert_true(request_again.raw_body.data > room[0]);
	assert_true(request_again.raw_body.data[0] == 0xa7);
	/* Empty list and false have encodings of their own. */
	request.sign.evidence_count = 0;
	request.sign.dry_run = false;
	assert_request_returns(write_request(&request, room[0]));
	assert_true(request_again.sign.has_evidence);
	assert_true(request_again.sign.has_dry_run);
	request.sign = (struct ksk_sign){.rrset = request.sign.rrset};
	assert_request_returns(write_request(&request, room[0]));
	assert_false(request_again.sign.has_evidence);
}

static void
test_every_prefix_of_a_sign_request_is_refused(void **state)
{
	(void)state;
	fill_sign();
	struct ksk_span frame = write_request(&request, room[0]);
	for (size_t len = 0; len < frame.len; len++) {
		uint64_t number = 0;
		/* A copy of its own, so that a read behind it is seen. */
		uint8_t *prefix = malloc(len == 0 ? 1 : len);
		assert_non_null(prefix);
		memcpy(prefix, frame.data, len);
		assert_int_equal(KSK_ERR_MALFORMED,
			ksk_request_read(ksk_span_of(prefix, len),
				&request_again, &number, NULL));
		free(prefix);
		/* a3 01 1b ffffffffffffffff */
		assert_true(number == (len < 11 ? 0 : UINT64_MAX));
	}
	/* And one byte more. */
	room[0][frame.len] = 0;
	assert_request_refused(ksk_span_of(room[0], frame.len + 1),
		KSK_ERR_MALFORMED, "message: bytes follow the message");
}

/* Every bit flipped: refused, or another message with its own encoding. */
static void
test_every_flipped_bit(void **state)
{
	size_t taken = 0, refused = 0;

	(void)state;
	fill_sign();
	struct ksk_span frame = write_request(&request, room[0]);
	for (size_t bit = 0; bit < frame.len * 8; bit++) {
		uint64_t number = 0;
		room[0][bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (ksk_request_read(frame, &request_again, &number, NULL) ==
			KSK_OK) {
			assert_true(ksk_span_equal(
				frame, write_request(&request_again, room[1])));
			taken++;
		} else {
			refused++;
		}
		room[0][bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_in_range(taken, 100, SIZE_MAX);
	assert_in_range(refused, 100, SIZE_MAX);
}

static void
test_status_and_keys_requests(void **state)
{
	(void)state;
	memset(&request, 0, sizeof(request));
	request.number = 7;
	request.op = KSK_OP_STATUS;
	assert_request_returns(write_request(&request, room[0]));
	assert_false(request_again.has_body);
	request.zone.has_owner = true;
	request.zone.owner = vector_name("lab.example.");
	assert_request_returns(write_request(&request, room[0]));
	assert_true(request_again.zone.has_owner);
	request.op = KSK_OP_KEYS;
	assert_request_returns(write_request(&request, room[0]));
	assert_true(
		ksk_name_equal(&request.zone.owner, &request_again.zone.owner));
	/* keys and sign need a body, the zone needs its owner. */
	assert_request_refused(ksk_span_of("\xa2\1\7\2\2", 5),
		KSK_ERR_MALFORMED, "message: body is missing");
	assert_request_refused(ksk_span_of("\xa2\1\7\2\3", 5),
		KSK_ERR_MALFORMED, "message: body is missing");
	assert_request_refused(ksk_span_of("\xa3\1\7\2\1\3\xa0", 7),
		KSK_ERR_MALFORMED, "body: owner is missing");
	assert_request_refused(ksk_span_of("\xa3\1\7\2\1\3\xa1\1\x42\1A", 11),
		KSK_ERR_MALFORMED,
		"body.owner: not a domain name in lower-case wire form");
}

/* A request is read into what held another one. */
static void
test_a_request_holds_nothing_of_the_last_one(void **state)
{
	static const struct ksk_request none;
	uint64_t number = 0;

	(void)state;
	memset(&request_again, 0x5a, sizeof(request_again));
	assert_request_returns(ksk_span_of("\xa2\1\7\2\1", 5));
	assert_false(request_again.zone.has_owner);
	assert_int_equal(request_again.sign.rrset.count, 0);
	assert_memory_equal(&request_again.show, &none.show, sizeof(none.show));
	/* Whoever signs looks at that body alone. */
	fill_sign();
	request.sign.has_window = false;
	request.sign.has_evidence = false;
	request.sign.evidence_count = 0;
	request.sign.supersede_count = 0;
	memset(&request_again, 0x5a, sizeof(request_again));
	assert_int_equal(ksk_request_read(write_request(&request, room[0]),
				 &request_again, &number, NULL),
		KSK_OK);
	assert_false(request_again.sign.has_window);
	assert_false(request_again.sign.has_evidence);
	assert_int_equal(request_again.sign.evidence_count, 0);
	assert_int_equal(request_again.sign.supersede_count, 0);
	/* Without its body it is refused, whatever stood there. */
	assert_request_refused(ksk_span_of("\xa2\1\7\2\3", 5),
		KSK_ERR_MALFORMED, "message: body is missing");
}

/* An op without a reader here is kept, its body read for form. */
static void
test_unknown_op(void **state)
{
	(void)state;
	assert_request_returns(ksk_span_of("\xa2\1\7\2\0", 5));
	assert_request_returns(ksk_span_of("\xa2\1\7\2\x18\x63", 6));
	assert_int_equal(99, request_again.op);
	assert_request_returns(
		ksk_span_of("\xa3\1\7\2\x0c\3\xa1\4\x81\xf4", 10));
	assert_int_equal(12, request_again.op);
	assert_int_equal(4, request_again.raw_body.len);
	assert_request_refused(
		ksk_span_of("\xa3\1\7\2\x0c\3\xa1\4\x81\xf6", 10),
		KSK_ERR_MALFORMED,
		"body.4[0]: tags, floats, null, undefined, negative numbers "
		"and indefinite lengths are not allowed");
	assert_request_refused(
		ksk_span_of("\xa3\1\7\2\x0c\3\x81\x81\x81\x81\x81\x81\0", 13),
		KSK_ERR_MALFORMED, "body[0][0][0][0][0]: nested deeper than 6");
}

static void
test_what_a_request_must_have(void **state)
{
	(void)state;
	assert_request_refused(ksk_span_of("\xa1\1\7", 3), KSK_ERR_MALFORMED,
		"message: op is missing");
	assert_request_refused(ksk_span_of("\xa1\2\1", 3), KSK_ERR_MALFORMED,
		"message: number is missing");
	assert_request_refused(ksk_span_of("\xa3\1\7\2\1\5\0", 7),
		KSK_ERR_MALFORMED, "5: unknown key");
	assert_request_refused(ksk_span_of("\xa3\1\7\2\1\4\x41x", 8),
		KSK_ERR_MALFORMED, "nonce: 1 bytes, exactly 32 are due");
	assert_request_refused(ksk_span_of("", 0), KSK_ERR_MALFORMED,
		"message: cut off, or not CBOR");
}

/* One wrong thing at a time in a sign request. */
static void
test_what_sign_refuses(void **state)
{
	struct ksk_rrset *set = &request.sign.rrset;
	static uint8_t big[KSK_RDATA_MAX + 1];

	(void)state;
#define REFUSED(err, text) \
	assert_request_refused(write_request(&request, room[0]), err, text); \
	fill_sign()
	fill_sign();
	struct ksk_span keep = set->rdata[1];
	set->rdata[1] = set->rdata[2];
	set->rdata[2] = keep;
	REFUSED(KSK_ERR_MALFORMED,
		"body.rrset.rdata[2]: not in canonical order, or twice");
	set->rdata[1] = set->rdata[0];
	REFUSED(KSK_ERR_MALFORMED,
		"body.rrset.rdata[1]: not in canonical order, or twice");
	set->count = 0;
	REFUSED(KSK_ERR_MALFORMED,
		"body.rrset.rdata: 0 entries, at least 1 are due");
	set->type = KSK_TYPE_SOA;
	REFUSED(KSK_ERR_MALFORMED,
		"body.rrset.type: not 48, 59 or 60 (DNSKEY, CDS, CDNSKEY)");
	set->ttl = KSK_TTL_MAX + 1;
	REFUSED(KSK_ERR_MALFORMED, "body.rrset.ttl: larger than 2147483647");
	set->owner.wire[1] = 'L';
	REFUSED(KSK_ERR_MALFORMED,
		"body.rrset.owner: not a domain name in lower-case wire form");
	set->owner.len = 0;
	REFUSED(KSK_ERR_MALFORMED,
		"body.rrset.owner: 0 bytes, at least 1 are due");
	memset(big, 0xff, sizeof(big));
	set->rdata[2] = ksk_span_of(big, sizeof(big));
	REFUSED(KSK_ERR_TOO_LARGE,
		"body.rrset.rdata[2]: 1281 bytes, at most 1280 are allowed");
	request.sign.evidence[1].kind = 3;
	REFUSED(KSK_ERR_MALFORMED, "body.evidence[1].kind: larger than 2");
	request.sign.evidence[1].kind = 0;
	REFUSED(KSK_ERR_MALFORMED, "body.evidence[1].kind: not 1 or 2");
	request.sign.evidence[0].rrset.rdata[1] = ksk_span_of("", 0);
	REFUSED(KSK_ERR_MALFORMED,
		"body.evidence[0].rrset.rdata[1]: not in canonical order, or "
		"twice");
	request.sign.evidence[0].rrsig = ksk_span_of(big, KSK_RRSIG_MAX + 1);
	REFUSED(KSK_ERR_TOO_LARGE,
		"body.evidence[0].rrsig: 786 bytes, at most 785 are allowed");
	request.sign.supersede[1] = 23;
	REFUSED(KSK_ERR_MALFORMED,
		"body.supersedes[1]: not ascending, or twice");
#undef REFUSED
}

/* Counts above limits.h: too large, not malformed. */
static void
test_counts_above_the_limits(void **state)
{
	struct ksk_buf buf = ksk_buf_of(room[0], KSK_FRAME_MAX);
	struct ksk_cbor_out out = ksk_cbor_out_of(&buf);

	(void)state;
	fill_sign();
	fill_rrset(&request.sign.rrset, KSK_RDATA_COUNT_MAX, 68);
	request.sign.evidence_count = KSK_EVIDENCE_COUNT_MAX;
	for (size_t i = 0; i < KSK_EVIDENCE_COUNT_MAX; i++)
		request.sign.evidence[i] = request.sign.evidence[0];
	assert_request_returns(write_request(&request, room[0]));
	/* { 1: 7, 2: 3, 3: { 1: { …, 4: [33 × h''] } } } */
	ksk_cbor_out_raw(&out,
		ksk_span_of("\xa3\1\7\2\3\3\xa1\1\xa4\1\x41\0\2"
			    "\x18\x30\3\0\4",
			18));
	ksk_cbor_out_array(&out, KSK_RDATA_COUNT_MAX + 1);
	for (size_t i = 0; i <= KSK_RDATA_COUNT_MAX; i++)
		ksk_cbor_out_bytes(&out, ksk_span_of("x", 1));
	assert_request_refused(ksk_buf_span(&buf), KSK_ERR_TOO_LARGE,
		"body.rrset.rdata: 33 entries, at most 32 are allowed");
}

/* C33: as bodies of requests with and without a reader; memory stays flat. */
static void
test_c33_request_bodies(void **state)
{
	static const char *const FILES[] = {"array-128m-elements",
		"array-2e60-elements", "array-4g-elements", "bytes-2e63",
		"bytes-one-short", "indefinite-bytes-5000-chunks",
		"map-2e63-pairs", "map-2e63-plus-1", "map-64m-pairs",
		"nested-arrays-5000", "nested-arrays-unclosed",
		"nested-tags-5000"};
	static const uint8_t OPS[] = {
		KSK_OP_STATUS, KSK_OP_KEYS, KSK_OP_SIGN, KSK_OP_SUBMIT, 23};
	char path[128];
	size_t tried = 0;

	(void)state;
	for (size_t i = 0; i < 12; i++) {
		(void)snprintf(path, sizeof(path),
			"tests/vectors/protocol/c33-%s.txt", FILES[i]);
		size_t len = vector_hex(path, room[0] + 6, 16000);
		for (size_t o = 0; o < sizeof(OPS); o++) {
			uint64_t number = 0;
			const uint8_t head[] = {0xa3, 1, 7, 2, OPS[o], 3};
			memcpy(room[0], head, sizeof(head));
#ifndef KSK_SANITIZED
			struct mallinfo2 before = mallinfo2();
#endif
			assert_int_equal(KSK_ERR_MALFORMED,
				ksk_request_read(ksk_span_of(room[0], len + 6),
					&request_again, &number, NULL));
#ifndef KSK_SANITIZED
			struct mallinfo2 after = mallinfo2();
			assert_int_equal(before.uordblks, after.uordblks);
			assert_int_equal(before.arena, after.arena);
			assert_int_equal(before.hblkhd, after.hblkhd);
#endif
			assert_true(number == 7);
			tried++;
		}
	}
	assert_int_equal(60, tried);
}

static uint64_t asked_number;

static unsigned
op_of(void *ctx, uint64_t number)
{
	asked_number = number;
	return *(const unsigned *)ctx;
}

static struct ksk_span
write_reply(const struct ksk_reply *from, uint8_t *out)
{
	struct ksk_buf buf = ksk_buf_of(out, KSK_FRAME_MAX);

	assert_int_equal(KSK_OK, ksk_reply_write(from, &buf));
	return ksk_buf_span(&buf);
}

/* Reads a reply as one to an op, and asserts that it is written back as it
 * was, and that no prefix of it is taken. */
static void
assert_reply_returns(struct ksk_span frame, unsigned op)
{
	struct ksk_fault fault = {""};

	for (size_t len = 0; len < frame.len; len += 1 + frame.len / 1500)
		assert_int_equal(KSK_ERR_MALFORMED,
			ksk_reply_read(ksk_span_of(frame.data, len), op_of, &op,
				&reply_again, NULL));
	if (ksk_reply_read(frame, op_of, &op, &reply_again, &fault) != KSK_OK)
		fail_msg("refused: %s", fault.text);
	if (reply_again.body != 0)
		assert_true(asked_number == reply_again.number);
	assert_true(ksk_span_equal(frame, write_reply(&reply_again, room[1])));
}

static void
assert_reply_refused(
	struct ksk_span frame, unsigned op, enum ksk_err err, const char *text)
{
	struct ksk_fault fault = {""};

	assert_int_equal(
		err, ksk_reply_read(frame, op_of, &op, &reply_again, &fault));
	if (strcmp(text, fault.text) != 0)
		fail_msg("\"%s\", not \"%s\"", fault.text, text);
}

static struct ksk_ds
make_ds(uint8_t digest_type)
{
	return (struct ksk_ds){.tag = 12345,
		.algorithm = 13,
		.digest_type = digest_type,
		.digest_len = digest_type == 2 ? 32 : 48,
		.digest = {1, 2, 3}};
}

static void
test_sign_reply(void **state)
{
	(void)state;
	memset(&reply, 0, sizeof(reply));
	reply.number = 7;
	reply.body = KSK_OP_SIGN;
	struct ksk_sign_reply *body = &reply.sign_body;
	body->policy_version = 3;
	body->window = (struct ksk_window){1, 2};
	/* A dry run has neither RRSIGs nor record. */
	assert_reply_returns(write_reply(&reply, room[0]), KSK_OP_SIGN);
	assert_false(reply_again.sign_body.has_record);
	body->has_record = true;
	body->record = UINT64_MAX;
	memset(body->record_hash, 7, KSK_HASH_LEN);
	body->rrsig_count = KSK_RRSIG_COUNT_MAX;
	for (size_t i = 0; i < KSK_RRSIG_COUNT_MAX; i++)
		body->rrsig[i] = ksk_span_of(rdata[i], KSK_RRSIG_MAX);
	body->warning_count = 8;
	for (size_t i = 0; i < 8; i++)
		body->warning[i] = (struct ksk_refusal){.rule = "response-size",
			.why = "the answer has 1300 bytes",
			.has_tag = i % 2 == 0,
			.tag = 65535,
			.provider = "alpha"};
	assert_reply_returns(write_reply(&reply, room[0]), KSK_OP_SIGN);
	assert_int_equal(8, reply_again.sign_body.warning_count);
	assert_int_equal(65535, reply_again.sign_body.warning[0].tag);
	/* RRSIGs and record come together. */
	assert_reply_refused(
		ksk_span_of("\xa3\1\7\2\0\3\xa3\2\1\4\1\5\xa2\1\0\2\0", 17),
		KSK_OP_SIGN, KSK_ERR_MALFORMED,
		"body: rrsigs, record and record-hash come together");
	/* A body that belongs to no request. */
	assert_reply_refused(write_reply(&reply, room[0]), 0, KSK_ERR_MALFORMED,
		"body: nothing was asked whose reply has a body");
	assert_reply_refused(write_reply(&reply, room[0]), 12,
		KSK_ERR_MALFORMED,
		"body: nothing was asked whose reply has a body");
}

static void
fill_keys_reply(struct ksk_keys_reply *body)
{
	body->owner = vector_name("lab.example.");
	body->ttl = 3600;
	body->window = (struct ksk_window){1, 2};
	body->type_count = 3;
	body->type[0] = 48;
	body->type[1] = 59;
	body->type[2] = 60;
	body->ksk_count = 2;
	body->ksk[0] = (struct ksk_ksk_entry){.has_covered = true,
		.covered = UINT64_MAX,
		.has_ds_from = true,
		.ds_from = UINT64_MAX,
		.dnskey = ksk_span_of(rdata[1], 68),
		.ds = make_ds(2),
		.from = 5,
		.has_until = true,
		.until = UINT64_MAX,
		.cds = true,
		.stands = true};
	body->ksk[1] = (struct ksk_ksk_entry){.ds = make_ds(4),
		.state = KSK_STATE_KEY_MISSING,
		.why = "no key with this label"};
	body->provider_count = 2;
	body->provider[0] = (struct ksk_provider_entry){
		.name = "alpha", .state = 2, .key_count = 2};
	body->provider[0].key[0] = (struct ksk_provider_key_entry){
		.ds = make_ds(2),
		.has_retired = true,
		.retired = UINT64_MAX,
		.has_covered = true,
		.covered = UINT64_MAX,
		.has_drop = true,
		.drop = UINT64_MAX - 1,
		.has_exposed = true,
		.exposed = UINT64_MAX};
	body->provider[0].key[1] = (struct ksk_provider_key_entry){
		.ds = make_ds(4), .withdrawn = true};
	body->provider[1] = (struct ksk_provider_entry){.name = "beta"};
	body->provider[1].key_count = 1;
	body->provider[1].key[0] = (struct ksk_provider_key_entry){
		.ds = make_ds(2),
		.source = KSK_KEY_ANNOUNCED,
		.dnskey = ksk_span_of(rdata[2], 68)};
	body->cosigner_count = 2;
	body->cosigner[0] = (struct ksk_cosigner_entry){.ds = make_ds(2),
		.provider = "beta",
		.csk = true,
		.cds = true,
		.has_until = true,
		.until = UINT64_MAX};
	body->cosigner[1] = (struct ksk_cosigner_entry){
		.ds = make_ds(4), .provider = "gamma"};
}

static void
test_keys_reply(void **state)
{
	(void)state;
	memset(&reply, 0, sizeof(reply));
	reply.number = 7;
	reply.body = KSK_OP_KEYS;
	fill_keys_reply(&reply.keys_body);
	assert_reply_returns(write_reply(&reply, room[0]), KSK_OP_KEYS);
	const struct ksk_keys_reply *body = &reply_again.keys_body;
	assert_int_equal(68, body->ksk[0].dnskey.len);
	assert_int_equal(0, body->ksk[1].dnskey.len);
	assert_string_equal("no key with this label", body->ksk[1].why);
	assert_true(body->ksk[0].has_covered && body->ksk[0].has_ds_from);
	assert_false(body->ksk[1].has_covered || body->ksk[1].has_ds_from);
	assert_true(body->provider[0].key[0].drop == UINT64_MAX - 1);
	assert_false(body->provider[0].key[1].has_drop);
	assert_true(body->provider[0].key[1].withdrawn);
	assert_int_equal(0, body->provider[0].key[0].dnskey.len);
	assert_int_equal(68, body->provider[1].key[0].dnskey.len);
	assert_true(body->cosigner[0].csk && body->cosigner[0].cds);
	assert_true(body->cosigner[0].until == UINT64_MAX);
	assert_string_equal("gamma", body->cosigner[1].provider);
	assert_false(body->cosigner[1].csk || body->cosigner[1].cds ||
		body->cosigner[1].has_until);
	reply.keys_body.type[1] = 48;
	assert_reply_refused(write_reply(&reply, room[0]), KSK_OP_KEYS,
		KSK_ERR_MALFORMED, "body.types[1]: not ascending");
	reply.keys_body.type[1] = 59;
	reply.keys_body.provider[1].state = 3;
	assert_reply_refused(write_reply(&reply, room[0]), KSK_OP_KEYS,
		KSK_ERR_MALFORMED, "body.providers[1].state: larger than 2");
	reply.keys_body.provider[1].state = 0;
	/* Clients divide by what its length gives. */
	reply.keys_body.window = (struct ksk_window){2, 2};
	assert_reply_refused(write_reply(&reply, room[0]), KSK_OP_KEYS,
		KSK_ERR_MALFORMED,
		"body.window: the expiration is not later than the inception");
	reply.keys_body.window = (struct ksk_window){1, 2};
	reply.keys_body.ksk[1].ds.digest_len = 47;
	assert_reply_refused(write_reply(&reply, room[0]), KSK_OP_KEYS,
		KSK_ERR_MALFORMED,
		"body.ksks[1].ds: not the RDATA of a DS with digest type 2 or "
		"4");
}

static void
fill_text(char *out, size_t cap)
{
	memset(out, 'w', cap - 1);
	out[cap - 1] = '\0';
}

/* The fullest reply of each kind fits a frame. */
static void
test_the_fullest_keys_reply_fits(void **state)
{
	(void)state;
	memset(&reply, 0, sizeof(reply));
	reply.number = 7;
	reply.body = KSK_OP_KEYS;
	struct ksk_keys_reply *body = &reply.keys_body;
	fill_keys_reply(body);
	body->ksk_count = KSK_KSK_COUNT_MAX;
	body->ksk[0].ds = make_ds(4);
	body->ksk[0].dnskey.len = 1035;
	fill_text(body->ksk[0].why, KSK_WHY_CAP);
	for (size_t i = 1; i < KSK_KSK_COUNT_MAX; i++)
		body->ksk[i] = body->ksk[0];
	fill_text(body->provider[0].name, KSK_LABEL_CAP);
	body->provider_count = KSK_PROVIDER_COUNT_MAX;
	body->provider[0].key_count = KSK_PROVIDER_KEY_MAX;
	for (size_t i = 0; i < KSK_PROVIDER_KEY_MAX; i++) {
		body->provider[0].key[i] = body->provider[0].key[0];
		body->provider[0].key[i].ds = make_ds(4);
		body->provider[0].key[i].source = KSK_KEY_FORMER;
		body->provider[0].key[i].dnskey = ksk_span_of(rdata[1], 68);
	}
	body->provider[0].has_announced = true;
	body->provider[0].announced = (struct ksk_announced_entry){
		.serial = UINT64_MAX,
		.accepted = UINT64_MAX,
		.not_before = UINT64_MAX,
		.not_after = UINT64_MAX,
		.record = UINT64_MAX};
	for (size_t i = 1; i < KSK_PROVIDER_COUNT_MAX; i++)
		body->provider[i] = body->provider[0];
	body->cosigner_count = KSK_KSK_COUNT_MAX;
	fill_text(body->cosigner[0].provider, KSK_LABEL_CAP);
	body->cosigner[0].ds = make_ds(4);
	for (size_t i = 1; i < KSK_KSK_COUNT_MAX; i++)
		body->cosigner[i] = body->cosigner[0];
	assert_reply_returns(write_reply(&reply, room[0]), KSK_OP_KEYS);
	assert_int_equal(KSK_KSK_COUNT_MAX, reply_again.keys_body.ksk_count);
	/* What a person reads goes before what a client needs, and what can be
	 * had elsewhere before what can't. */
	assert_string_equal(reply_again.keys_body.ksk[0].why, "");
	assert_int_equal(
		0, reply_again.keys_body.provider[0].key[0].dnskey.len);
	body->ksk_count = 2;
	body->provider_count = 13;
	assert_reply_returns(write_reply(&reply, room[0]), KSK_OP_KEYS);
	assert_int_equal(
		68, reply_again.keys_body.provider[0].key[0].dnskey.len);
	body->ksk_count = KSK_KSK_COUNT_MAX;
	for (size_t i = 0; i < KSK_PROVIDER_COUNT_MAX; i++) {
		for (size_t k = 0; k < KSK_PROVIDER_KEY_MAX; k++)
			body->provider[i].key[k].dnskey.len = 0;
	}
	assert_reply_returns(write_reply(&reply, room[0]), KSK_OP_KEYS);
	assert_int_equal(
		strlen(reply_again.keys_body.ksk[0].why), KSK_WHY_CAP - 1);
}

static void
fill_status_reply(struct ksk_status_reply *body)
{
	memset(body->appliance, 0xa1, KSK_ID_LEN);
	(void)snprintf(body->version, sizeof(body->version), "0.1.0");
	body->time = 1767225600;
	body->state = KSK_STATE_TOKEN_DOWN;
	(void)snprintf(body->why, sizeof(body->why), "no worker of token main");
	body->policy_version = 7;
	memset(body->policy_hash, 2, KSK_HASH_LEN);
	body->record = 99;
	memset(body->record_hash, 3, KSK_HASH_LEN);
	body->zone_count = 2;
	body->token_count = 1;
	(void)snprintf(body->token[0].name, KSK_LABEL_CAP, "main");
	body->token[0].state = KSK_STATE_TOKEN_DOWN;
	(void)snprintf(body->token[0].why, KSK_WHY_CAP, "exit code 8");
	body->trouble_count = 1;
	body->trouble[0] = (struct ksk_zone_trouble){
		.owner = vector_name("lab.example."),
		.state = KSK_STATE_KEY_MISSING,
		.why = "label main not found"};
	body->has_earliest = true;
	body->earliest_owner = vector_name("lab.example.");
	body->earliest = UINT64_MAX;
	(void)snprintf(body->anchor, KSK_LABEL_CAP, "token-object, late");
	body->has_checkpoint = true;
	body->checkpoint = 90;
}

static void
test_status_reply(void **state)
{
	(void)state;
	memset(&reply, 0, sizeof(reply));
	reply.number = 7;
	reply.body = KSK_OP_STATUS;
	fill_status_reply(&reply.status_body);
	assert_reply_returns(write_reply(&reply, room[0]), KSK_OP_STATUS);
	assert_string_equal("0.1.0", reply_again.status_body.version);
	assert_string_equal("main", reply_again.status_body.token[0].name);
	assert_string_equal(
		"token-object, late", reply_again.status_body.anchor);
	assert_true(reply_again.status_body.earliest == UINT64_MAX);
	assert_true(reply_again.status_body.checkpoint == 90);
	assert_int_equal(KSK_STATE_KEY_MISSING,
		reply_again.status_body.trouble[0].state);
	reply.status_body.why[0] = '\0';
	reply.status_body.token[0].why[0] = '\0';
	reply.status_body.trouble[0].why[0] = '\0';
	assert_reply_returns(write_reply(&reply, room[0]), KSK_OP_STATUS);
	reply.status_body.has_earliest = false;
	reply.status_body.anchor[0] = '\0';
	assert_reply_returns(write_reply(&reply, room[0]), KSK_OP_STATUS);
	assert_false(reply_again.status_body.has_earliest);
	reply.status_body.has_checkpoint = false;
	assert_reply_returns(write_reply(&reply, room[0]), KSK_OP_STATUS);
	assert_false(reply_again.status_body.has_checkpoint);
	reply.status_body.token_count = 0;
	reply.status_body.trouble_count = 0;
	assert_reply_returns(write_reply(&reply, room[0]), KSK_OP_STATUS);
	reply.status_body.state = KSK_STATE_NO_POLICY + 1;
	assert_reply_refused(write_reply(&reply, room[0]), KSK_OP_STATUS,
		KSK_ERR_MALFORMED, "body.state: larger than 7");
	/* The body of another op. */
	assert_reply_refused(write_reply(&reply, room[0]), KSK_OP_SIGN,
		KSK_ERR_MALFORMED, "body.rrsigs: not an array");
}

static void
fill_refusals(size_t count)
{
	reply.refusals.count = count;
	for (size_t i = 0; i < count; i++) {
		struct ksk_refusal *refusal = &reply.refusals.list[i];
		*refusal = (struct ksk_refusal){.rule = "key-allowed",
			.has_tag = true,
			.tag = (uint16_t)i,
			.provider = "alpha"};
		fill_text(refusal->why, KSK_WHY_CAP);
	}
}

static void
test_refusals_and_text(void **state)
{
	(void)state;
	memset(&reply, 0, sizeof(reply));
	reply.number = 7;
	reply.status = KSK_STATUS_REFUSED;
	(void)snprintf(reply.text, sizeof(reply.text), "2 rules refuse");
	fill_refusals(2);
	assert_reply_returns(write_reply(&reply, room[0]), 0);
	assert_int_equal(2, reply_again.refusals.count);
	assert_int_equal(1, reply_again.refusals.list[1].tag);
	assert_string_equal("2 rules refuse", reply_again.text);
	reply.has_proof = true;
	reply.proof = ksk_span_of(rdata[0], 64);
	assert_reply_returns(write_reply(&reply, room[0]), 0);
	fill_refusals(KSK_REFUSAL_COUNT_MAX);
	assert_reply_returns(write_reply(&reply, room[0]), 0);
	assert_int_equal(KSK_REFUSAL_COUNT_MAX, reply_again.refusals.count);
	assert_reply_refused(ksk_span_of("\xa3\1\7\2\2\4\x80", 7), 0,
		KSK_ERR_MALFORMED, "refusals: 0 entries, at least 1 are due");
	assert_reply_refused(ksk_span_of("\xa2\1\7\2\x0a", 5), 0,
		KSK_ERR_MALFORMED, "status: larger than 9");
	assert_reply_refused(ksk_span_of("\xa3\1\7\2\2\5\x60", 7), 0,
		KSK_ERR_MALFORMED, "text: 0 bytes, at least 1 are due");
}

/* What does not fit is counted in a last refusal "more". */
static void
test_refusals_that_do_not_fit_are_counted(void **state)
{
	(void)state;
	memset(&reply, 0, sizeof(reply));
	reply.number = 7;
	reply.status = KSK_STATUS_REFUSED;
	fill_refusals(KSK_REFUSAL_COUNT_MAX);
	reply.refusals.dropped = 3;
	assert_reply_returns(write_reply(&reply, room[0]), 0);
	const struct ksk_refusals *got = &reply_again.refusals;
	assert_int_equal(KSK_REFUSAL_COUNT_MAX, got->count);
	assert_string_equal("more", got->list[got->count - 1].rule);
	assert_string_equal(
		"4 more refusals do not fit", got->list[got->count - 1].why);
	assert_int_equal(62, got->list[got->count - 2].tag);

	reply.refusals.count = 1;
	reply.refusals.dropped = 1;
	assert_reply_returns(write_reply(&reply, room[0]), 0);
	assert_int_equal(2, got->count);
	assert_string_equal("1 more refusal does not fit", got->list[1].why);

	/* A frame that is too full: the body stays, refusals go. */
	reply.refusals.dropped = 0;
	reply.body = KSK_OP_KEYS;
	reply.status = KSK_STATUS_DONE;
	fill_keys_reply(&reply.keys_body);
	reply.keys_body.ksk_count = KSK_KSK_COUNT_MAX;
	for (size_t i = 0; i < KSK_KSK_COUNT_MAX; i++) {
		reply.keys_body.ksk[i].ds = make_ds(4);
		reply.keys_body.ksk[i].dnskey = ksk_span_of(
			rdata[1], KSK_RDATA_MAX);
		fill_text(reply.keys_body.ksk[i].why, KSK_WHY_CAP);
	}
	struct ksk_provider_entry *first = &reply.keys_body.provider[0];
	first->key_count = KSK_PROVIDER_KEY_MAX;
	for (size_t i = 0; i < KSK_PROVIDER_KEY_MAX; i++)
		first->key[i].ds = make_ds(4);
	reply.keys_body.provider_count = KSK_PROVIDER_COUNT_MAX;
	for (size_t i = 1; i < KSK_PROVIDER_COUNT_MAX; i++)
		reply.keys_body.provider[i] = reply.keys_body.provider[0];
	fill_refusals(KSK_REFUSAL_COUNT_MAX);
	assert_reply_returns(write_reply(&reply, room[0]), KSK_OP_KEYS);
	assert_in_range(got->count, 2, KSK_REFUSAL_COUNT_MAX - 1);
	char why[KSK_WHY_CAP];
	(void)snprintf(why, sizeof(why), "%zu more refusals do not fit",
		KSK_REFUSAL_COUNT_MAX - (got->count - 1));
	assert_string_equal(why, got->list[got->count - 1].why);
}

static void
test_writers_without_room_write_nothing(void **state)
{
	(void)state;
	fill_sign();
	struct ksk_span frame = write_request(&request, room[0]);
	for (size_t cap = 1; cap < frame.len; cap += 13) {
		struct ksk_buf buf = ksk_buf_of(room[1], cap);
		buf.len = 1;
		assert_int_equal(
			KSK_ERR_NO_ROOM, ksk_request_write(&request, &buf));
		assert_int_equal(1, buf.len);
	}
	memset(&reply, 0, sizeof(reply));
	reply.body = KSK_OP_STATUS;
	fill_status_reply(&reply.status_body);
	struct ksk_buf buf = ksk_buf_of(room[1], 100);
	assert_int_equal(KSK_ERR_NO_ROOM, ksk_reply_write(&reply, &buf));
	assert_int_equal(0, buf.len);
	/* A body alone that is larger than a frame is nobody's message. */
	static uint8_t proof[KSK_FRAME_MAX];
	reply.has_proof = true;
	reply.proof = ksk_span_of(proof, sizeof(proof));
	static uint8_t big[2 * KSK_FRAME_MAX];
	buf = ksk_buf_of(big, sizeof(big));
	assert_int_equal(KSK_ERR_NO_ROOM, ksk_reply_write(&reply, &buf));
	assert_int_equal(0, buf.len);
}

static void
test_texts(void **state)
{
	(void)state;
	assert_string_equal("sign-schedule", ksk_op_text(4));
	assert_string_equal("unknown", ksk_op_text(99));
	assert_string_equal("not-authorised", ksk_status_text(3));
	assert_string_equal("unknown", ksk_status_text(10));
	assert_string_equal("clock-hold", ksk_state_text(4));
	assert_string_equal("unknown", ksk_state_text(8));
}

/* The examples of PROTOCOL.md: lines of hexadecimal behind "```hex NAME". */
static size_t
read_example(const char *name, uint8_t *out, size_t cap)
{
	char line[512], fence[64];
	size_t len = 0;
	bool inside = false;
	FILE *file = fopen("protocol/PROTOCOL.md", "r");

	assert_non_null(file);
	(void)snprintf(fence, sizeof(fence), "```hex %s\n", name);
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strcmp(line, fence) == 0) {
			inside = true;
			continue;
		}
		if (inside && strncmp(line, "```", 3) == 0)
			break;
		for (char *c = line; inside && *c != '\n' && *c != '#';
			c += 2) {
			size_t got = 0;
			while (*c == ' ')
				c++;
			if (*c == '\n' || *c == '#')
				break;
			assert_int_equal(KSK_OK,
				ksk_hex_read(c, 2, out + len, cap - len, &got));
			len++;
		}
	}
	(void)fclose(file);
	return len;
}

static void
test_examples_of_the_protocol_document(void **state)
{
	static uint8_t example[2048];
	static const struct {
		const char *name;
		unsigned op;
	} REPLIES[] = {{"reply-sign", KSK_OP_SIGN}, {"reply-keys", KSK_OP_KEYS},
		{"reply-status", KSK_OP_STATUS}, {"reply-refused", KSK_OP_SIGN},
		{"reply-last-answer", KSK_OP_LAST_ANSWER},
		{"reply-adopt", KSK_OP_ADOPT}};
	static const char *const REQUESTS[] = {"request-status", "request-keys",
		"request-sign", "request-last-answer", "request-adopt"};
	uint32_t length = 0;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		size_t len = read_example(
			REQUESTS[i], example, sizeof(example));
		assert_true(len > KSK_FRAME_HEAD_LEN);
		assert_int_equal(KSK_OK, ksk_frame_head_read(example, &length));
		assert_int_equal(len - KSK_FRAME_HEAD_LEN, length);
		assert_request_returns(
			ksk_span_of(example + KSK_FRAME_HEAD_LEN, length));
	}
	for (size_t i = 0; i < 6; i++) {
		size_t len = read_example(
			REPLIES[i].name, example, sizeof(example));
		assert_true(len > KSK_FRAME_HEAD_LEN);
		assert_int_equal(KSK_OK, ksk_frame_head_read(example, &length));
		assert_int_equal(len - KSK_FRAME_HEAD_LEN, length);
		assert_reply_returns(
			ksk_span_of(example + KSK_FRAME_HEAD_LEN, length),
			REPLIES[i].op);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sign_request_returns_byte_for_byte),
		cmocka_unit_test(
			test_every_prefix_of_a_sign_request_is_refused),
		cmocka_unit_test(test_every_flipped_bit),
		cmocka_unit_test(test_status_and_keys_requests),
		cmocka_unit_test(test_a_request_holds_nothing_of_the_last_one),
		cmocka_unit_test(test_unknown_op),
		cmocka_unit_test(test_what_a_request_must_have),
		cmocka_unit_test(test_what_sign_refuses),
		cmocka_unit_test(test_counts_above_the_limits),
		cmocka_unit_test(test_c33_request_bodies),
		cmocka_unit_test(test_sign_reply),
		cmocka_unit_test(test_keys_reply),
		cmocka_unit_test(test_the_fullest_keys_reply_fits),
		cmocka_unit_test(test_status_reply),
		cmocka_unit_test(test_refusals_and_text),
		cmocka_unit_test(test_refusals_that_do_not_fit_are_counted),
		cmocka_unit_test(test_writers_without_room_write_nothing),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_examples_of_the_protocol_document),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
