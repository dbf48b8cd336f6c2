/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of msg_history: the bodies of last-answer and adopt (PROTOCOL 4.4,
 * 4.5). Each accepted message is written back byte for byte, each prefix and
 * each wrong field is refused. The files of tests/vectors are made with
 * another encoder.
 */
#include "tests/unit/vector.h"

#include <stdlib.h>

#include "protocol/msg.h"

static struct ksk_request request, request_again;
static struct ksk_reply reply, reply_again;
static uint8_t room[2][KSK_FRAME_MAX + 1];
static uint8_t rdata[KSK_RDATA_COUNT_MAX][KSK_RDATA_MAX];

static void
fill_rrset(struct ksk_rrset *set, size_t count, size_t len)
{
	*set = (struct ksk_rrset){.owner = vector_name("lab.example."),
		.type = KSK_TYPE_CDS,
		.ttl = 3600,
		.count = count};
	for (size_t i = 0; i < count; i++) {
		memset(rdata[i], (int)i + 1, KSK_RDATA_MAX);
		set->rdata[i] = ksk_span_of(rdata[i], len);
	}
}

static size_t
fill_rrsigs(struct ksk_span *rrsig, size_t count)
{
	for (size_t i = 0; i < count; i++)
		rrsig[i] = ksk_span_of(rdata[i], KSK_RRSIG_MAX);
	return count;
}

static void
fill_adopt(size_t rrsig_count)
{
	memset(&request, 0, sizeof(request));
	request.number = 9;
	request.op = KSK_OP_ADOPT;
	fill_rrset(&request.adopt.rrset, 3, 68);
	request.adopt.rrsig_count = fill_rrsigs(
		request.adopt.rrsig, rrsig_count);
}

static void
fill_last_answer(size_t later_count)
{
	struct ksk_last_answer_reply *body = &reply.last_answer_body;

	memset(&reply, 0, sizeof(reply));
	reply.number = 9;
	reply.body = KSK_OP_LAST_ANSWER;
	fill_rrset(&body->rrset, 2, 68);
	body->rrsig_count = fill_rrsigs(body->rrsig, 2);
	body->record = UINT64_MAX;
	memset(body->record_hash, 7, KSK_HASH_LEN);
	body->policy_version = 3;
	body->window = (struct ksk_window){1, UINT64_MAX};
	body->released = 1767229201;
	body->adopted = true;
	body->later_count = later_count;
	for (size_t i = 0; i < later_count; i++)
		body->later[i] = (struct ksk_later_answer){100 + i, i};
}

static struct ksk_span
write_request(const struct ksk_request *from, uint8_t *out)
{
	struct ksk_buf buf = ksk_buf_of(out, KSK_FRAME_MAX);

	assert_int_equal(KSK_OK, ksk_request_write(from, &buf));
	return ksk_buf_span(&buf);
}

static struct ksk_span
write_reply(const struct ksk_reply *from, uint8_t *out)
{
	struct ksk_buf buf = ksk_buf_of(out, KSK_FRAME_MAX);

	assert_int_equal(KSK_OK, ksk_reply_write(from, &buf));
	return ksk_buf_span(&buf);
}

static unsigned
op_of(void *ctx, uint64_t number)
{
	(void)number;
	return *(const unsigned *)ctx;
}

static enum ksk_err
read_frame(struct ksk_span frame, unsigned op, struct ksk_fault *fault)
{
	uint64_t number = 0;

	return op == 0 ? ksk_request_read(frame, &request_again, &number, fault)
		       : ksk_reply_read(frame, op_of, &op, &reply_again, fault);
}

/* Reads a request (op 0), or a reply to an op, and asserts that it is written
 * back as it was, and that no prefix of it is taken. */
static void
assert_returns(struct ksk_span frame, unsigned op)
{
	struct ksk_fault fault = {""};

	for (size_t len = 0; len < frame.len; len += 1 + frame.len / 1500) {
		/* A copy of its own, so that a read behind it is seen. */
		uint8_t *prefix = malloc(len == 0 ? 1 : len);
		assert_non_null(prefix);
		memcpy(prefix, frame.data, len);
		assert_int_equal(KSK_ERR_MALFORMED,
			read_frame(ksk_span_of(prefix, len), op, NULL));
		free(prefix);
	}
	if (read_frame(frame, op, &fault) != KSK_OK)
		fail_msg("refused: %s", fault.text);
	assert_true(ksk_span_equal(frame,
		op == 0 ? write_request(&request_again, room[1])
			: write_reply(&reply_again, room[1])));
}

static void
assert_refused(struct ksk_span frame, unsigned op, enum ksk_err expected,
	const char *text)
{
	struct ksk_fault fault = {""};
	enum ksk_err err = read_frame(frame, op, &fault);

	if (err != expected || strcmp(text, fault.text) != 0)
		fail_msg("%d: \"%s\", not \"%s\"", err, fault.text, text);
}

static void
test_last_answer_request(void **state)
{
	(void)state;
	memset(&request, 0, sizeof(request));
	request.number = 9;
	request.op = KSK_OP_LAST_ANSWER;
	request.last_answer.owner = vector_name("lab.example.");
	static const uint16_t TYPES[] = {
		KSK_TYPE_DNSKEY, KSK_TYPE_CDS, KSK_TYPE_CDNSKEY};
	for (size_t i = 0; i < 3; i++) {
		request.last_answer.type = TYPES[i];
		assert_returns(write_request(&request, room[0]), 0);
		assert_int_equal(TYPES[i], request_again.last_answer.type);
		assert_true(ksk_name_equal(&request.last_answer.owner,
			&request_again.last_answer.owner));
	}
	request.last_answer.type = KSK_TYPE_SOA;
	assert_refused(write_request(&request, room[0]), 0, KSK_ERR_MALFORMED,
		"body.type: not 48, 59 or 60 (DNSKEY, CDS, CDNSKEY)");
	assert_refused(ksk_span_of("\xa2\1\7\2\5", 5), 0, KSK_ERR_MALFORMED,
		"message: body is missing");
	assert_refused(ksk_span_of("\xa3\1\7\2\5\3\xa1\1\x41\0", 10), 0,
		KSK_ERR_MALFORMED, "body: type is missing");
	assert_refused(ksk_span_of("\xa3\1\7\2\5\3\xa1\2\x18\x30", 10), 0,
		KSK_ERR_MALFORMED, "body: owner is missing");
}

static void
test_last_answer_reply(void **state)
{
	const struct ksk_last_answer_reply *got = &reply_again.last_answer_body;

	(void)state;
	fill_last_answer(2);
	assert_returns(write_reply(&reply, room[0]), KSK_OP_LAST_ANSWER);
	assert_int_equal(2, got->rrset.count);
	assert_int_equal(2, got->rrsig_count);
	assert_true(got->record == UINT64_MAX && got->adopted);
	assert_int_equal(2, got->later_count);
	assert_true(
		got->later[1].record == 101 && got->later[1].inception == 1);
	assert_false(got->has_head);
	reply.last_answer_body.has_head = true;
	memset(reply.last_answer_body.head_hash, 9, KSK_HASH_LEN);
	assert_returns(write_reply(&reply, room[0]), KSK_OP_LAST_ANSWER);
	assert_true(got->has_head && got->head_hash[31] == 9);
	fill_last_answer(0);
	reply.last_answer_body.adopted = false;
	assert_returns(write_reply(&reply, room[0]), KSK_OP_LAST_ANSWER);
	assert_int_equal(0, got->later_count);
	assert_false(got->adopted);
	/* Nothing was released: done, without a body. */
	reply.body = 0;
	assert_returns(write_reply(&reply, room[0]), KSK_OP_LAST_ANSWER);
	assert_int_equal(0, reply_again.body);
}

/* The fullest one fits a frame. */
static void
test_the_fullest_last_answer_reply(void **state)
{
	(void)state;
	fill_last_answer(KSK_SUPERSEDE_COUNT_MAX);
	fill_rrset(&reply.last_answer_body.rrset, KSK_RDATA_COUNT_MAX,
		KSK_RDATA_MAX);
	reply.last_answer_body.rrsig_count = fill_rrsigs(
		reply.last_answer_body.rrsig, KSK_RRSIG_COUNT_MAX);
	for (size_t i = 0; i < KSK_SUPERSEDE_COUNT_MAX; i++)
		reply.last_answer_body.later[i] = (struct ksk_later_answer){
			UINT64_MAX, UINT64_MAX};
	assert_returns(write_reply(&reply, room[0]), KSK_OP_LAST_ANSWER);
	assert_int_equal(KSK_SUPERSEDE_COUNT_MAX,
		reply_again.last_answer_body.later_count);
}

static void
test_what_a_last_answer_reply_must_be(void **state)
{
	(void)state;
	fill_last_answer(1);
	reply.last_answer_body.rrset.type = KSK_TYPE_SOA;
	assert_refused(write_reply(&reply, room[0]), KSK_OP_LAST_ANSWER,
		KSK_ERR_MALFORMED,
		"body.rrset.type: not 48, 59 or 60 (DNSKEY, CDS, CDNSKEY)");
	fill_last_answer(1);
	reply.last_answer_body.rrsig_count = 0;
	assert_refused(write_reply(&reply, room[0]), KSK_OP_LAST_ANSWER,
		KSK_ERR_MALFORMED,
		"body.rrsigs: 0 entries, at least 1 are due");
	/* The body of another op. */
	fill_last_answer(1);
	assert_refused(write_reply(&reply, room[0]), KSK_OP_ADOPT,
		KSK_ERR_MALFORMED, "body.record: not an unsigned number");
	/* { …, 9: [{ 1: 1, 3: 1 }] }, and an empty list of later answers */
	struct ksk_span frame = write_reply(&reply, room[0]);
	assert_int_equal(0xa2, room[0][frame.len - 6]);
	room[0][frame.len - 2] = 3;
	assert_refused(frame, KSK_OP_LAST_ANSWER, KSK_ERR_MALFORMED,
		"body.later[0]: inception is missing");
	room[0][frame.len - 7] = 0x80;
	assert_refused(ksk_span_of(room[0], frame.len - 6), KSK_OP_LAST_ANSWER,
		KSK_ERR_MALFORMED, "body.later: 0 entries, at least 1 are due");
}

static void
test_adopt_request(void **state)
{
	(void)state;
	fill_adopt(KSK_RRSIG_COUNT_MAX);
	assert_returns(write_request(&request, room[0]), 0);
	assert_int_equal(3, request_again.adopt.rrset.count);
	assert_int_equal(KSK_RRSIG_COUNT_MAX, request_again.adopt.rrsig_count);
	assert_refused(ksk_span_of("\xa2\1\7\2\x0a", 5), 0, KSK_ERR_MALFORMED,
		"message: body is missing");
	fill_adopt(0);
	assert_refused(write_request(&request, room[0]), 0, KSK_ERR_MALFORMED,
		"body.rrsigs: 0 entries, at least 1 are due");
	fill_adopt(1);
	request.adopt.rrsig[0].len++;
	assert_refused(write_request(&request, room[0]), 0, KSK_ERR_TOO_LARGE,
		"body.rrsigs[0]: 786 bytes, at most 785 are allowed");
	fill_adopt(1);
	request.adopt.rrset.rdata[2] = request.adopt.rrset.rdata[1];
	assert_refused(write_request(&request, room[0]), 0, KSK_ERR_MALFORMED,
		"body.rrset.rdata[2]: not in canonical order, or twice");
}

static void
test_adopt_reply(void **state)
{
	struct ksk_adopt_reply *body = &reply.adopt_body;

	(void)state;
	memset(&reply, 0, sizeof(reply));
	reply.number = 9;
	reply.body = KSK_OP_ADOPT;
	body->record = 77;
	memset(body->record_hash, 7, KSK_HASH_LEN);
	assert_returns(write_reply(&reply, room[0]), KSK_OP_ADOPT);
	assert_true(reply_again.adopt_body.record == 77);
	body->warning_count = KSK_WARNING_COUNT_MAX;
	for (size_t i = 0; i < KSK_WARNING_COUNT_MAX; i++)
		body->warning[i] = (struct ksk_refusal){
			.rule = "response-size", .why = "1300 bytes"};
	assert_returns(write_reply(&reply, room[0]), KSK_OP_ADOPT);
	assert_int_equal(
		KSK_WARNING_COUNT_MAX, reply_again.adopt_body.warning_count);
	assert_refused(ksk_span_of("\xa3\1\7\2\0\3\xa1\1\1", 9), KSK_OP_ADOPT,
		KSK_ERR_MALFORMED, "body: record-hash is missing");
}

static void
test_vectors_of_another_encoder(void **state)
{
	static const struct {
		const char *name;
		unsigned op; /* 0: a request */
	} FILES[] = {{"last-answer-request", 0},
		{"last-answer-reply", KSK_OP_LAST_ANSWER},
		{"last-answer-nothing", KSK_OP_LAST_ANSWER},
		{"adopt-request", 0}, {"adopt-reply", KSK_OP_ADOPT},
		{"sign-supersedes", 0}, {"keys-moments", KSK_OP_KEYS},
		{"status-journal", KSK_OP_STATUS}};
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(FILES) / sizeof(FILES[0]); i++) {
		(void)snprintf(path, sizeof(path),
			"tests/vectors/protocol/msg-%s.txt", FILES[i].name);
		size_t len = vector_hex(path, room[0], KSK_FRAME_MAX);
		assert_true(len > 3);
		assert_returns(ksk_span_of(room[0], len), FILES[i].op);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_answer_request),
		cmocka_unit_test(test_last_answer_reply),
		cmocka_unit_test(test_the_fullest_last_answer_reply),
		cmocka_unit_test(test_what_a_last_answer_reply_must_be),
		cmocka_unit_test(test_adopt_request),
		cmocka_unit_test(test_adopt_reply),
		cmocka_unit_test(test_vectors_of_another_encoder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
