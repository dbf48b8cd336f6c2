/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of msg_document: the bodies of part, submit and policy-show (PROTOCOL
 * 4.8 to 4.10). What is accepted is written back byte for byte; each prefix,
 * and each value out of range, is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "protocol/msg.h"

static struct ksk_request request, request_again;
static struct ksk_reply reply, reply_again;
static uint8_t room[2][KSK_FRAME_MAX + 1];
static uint8_t bytes[KSK_PART_MAX + 1];

static unsigned
op_of(void *ctx, uint64_t number)
{
	(void)number;
	return *(const unsigned *)ctx;
}

/* op 0: a request. */
static enum ksk_err
read_frame(struct ksk_span frame, unsigned op)
{
	struct ksk_fault fault = {""};
	uint64_t number = 0;

	return op == 0
		? ksk_request_read(frame, &request_again, &number, &fault)
		: ksk_reply_read(frame, op_of, &op, &reply_again, &fault);
}

static struct ksk_span
write_frame(
	const struct ksk_request *q, const struct ksk_reply *r, uint8_t *out)
{
	struct ksk_buf buf = ksk_buf_of(out, KSK_FRAME_MAX);

	assert_int_equal(KSK_OK,
		q != NULL ? ksk_request_write(q, &buf)
			  : ksk_reply_write(r, &buf));
	return ksk_buf_span(&buf);
}

static void
assert_returns(unsigned op)
{
	struct ksk_span frame = op == 0 ? write_frame(&request, NULL, room[0])
					: write_frame(NULL, &reply, room[0]);
	struct ksk_span again;

	for (size_t len = 0; len < frame.len; len += 1 + frame.len / 500) {
		uint8_t *prefix = malloc(len == 0 ? 1 : len);
		assert_non_null(prefix);
		memcpy(prefix, frame.data, len);
		assert_int_not_equal(
			KSK_OK, read_frame(ksk_span_of(prefix, len), op));
		free(prefix);
	}
	assert_int_equal(KSK_OK, read_frame(frame, op));
	again = op == 0 ? write_frame(&request_again, NULL, room[1])
			: write_frame(NULL, &reply_again, room[1]);
	assert_int_equal(again.len, frame.len);
	assert_memory_equal(again.data, frame.data, frame.len);
}

static void
assert_refused(unsigned op, enum ksk_err err)
{
	struct ksk_span frame = op == 0 ? write_frame(&request, NULL, room[0])
					: write_frame(NULL, &reply, room[0]);

	assert_int_equal(err, read_frame(frame, op));
}

static void
begin_request(enum ksk_op op)
{
	memset(&request, 0, sizeof(request));
	request.number = 7;
	request.op = op;
}

static void
begin_reply(enum ksk_op op)
{
	memset(&reply, 0, sizeof(reply));
	reply.number = 7;
	reply.body = op;
}

static void
test_part(void **state)
{
	(void)state;
	begin_request(KSK_OP_PART);
	request.part.total = KSK_DOCUMENT_MAX;
	request.part.offset = KSK_DOCUMENT_MAX - KSK_PART_MAX;
	request.part.bytes = ksk_span_of(bytes, KSK_PART_MAX);
	memset(request.part.hash, 3, KSK_HASH_LEN);
	assert_returns(0);
	assert_int_equal(request_again.part.bytes.len, KSK_PART_MAX);

	request.part.offset++;
	assert_refused(0, KSK_ERR_MALFORMED); /* beyond the whole */
	request.part.offset = KSK_DOCUMENT_MAX + 1;
	assert_refused(0, KSK_ERR_MALFORMED);
	request.part.offset = 0;
	request.part.bytes.len = 0;
	assert_refused(0, KSK_ERR_MALFORMED);
	request.part.bytes.len = KSK_PART_MAX + 1;
	assert_refused(0, KSK_ERR_TOO_LARGE);
	request.part.bytes.len = 1;
	request.part.total = (uint64_t)KSK_DOCUMENT_MAX + 1;
	assert_refused(0, KSK_ERR_TOO_LARGE);

	begin_reply(KSK_OP_PART);
	reply.part_body.received = UINT64_MAX;
	assert_returns(KSK_OP_PART);
	assert_refused(KSK_OP_STATUS, KSK_ERR_MALFORMED);
}

static void
test_submit(void **state)
{
	(void)state;
	begin_request(KSK_OP_SUBMIT);
	for (unsigned kind = 1; kind <= KSK_DOCUMENT_KIND_MAX; kind++) {
		request.submit.kind = kind;
		assert_returns(0);
		assert_string_not_equal(
			ksk_document_kind_text(kind), "unknown");
	}
	request.submit.has_dry_run = true;
	assert_returns(0);
	request.submit.dry_run = true;
	assert_returns(0);
	request.submit.kind = 0;
	assert_refused(0, KSK_ERR_MALFORMED);
	request.submit.kind = KSK_DOCUMENT_KIND_MAX + 1;
	assert_refused(0, KSK_ERR_MALFORMED);
	assert_string_equal(ksk_document_kind_text(0), "unknown");

	begin_reply(KSK_OP_SUBMIT);
	assert_returns(KSK_OP_SUBMIT);
	reply.submit_body.has_record = true;
	reply.submit_body.record = 41;
	assert_returns(KSK_OP_SUBMIT);
	assert_true(reply_again.submit_body.has_record);
}

static void
test_a_record_comes_with_its_hash(void **state)
{
	/* { 1: 7, 2: 0, 3: { 1: 32 bytes, 2: 41 } } */
	static const uint8_t head[] = {
		0xa3, 0x01, 0x07, 0x02, 0x00, 0x03, 0xa2, 0x01, 0x58, 0x20};
	static const uint8_t tail[] = {0x02, 0x18, 0x29};
	uint8_t frame[sizeof(head) + 32 + sizeof(tail)] = {0};

	(void)state;
	memcpy(frame, head, sizeof(head));
	memcpy(frame + sizeof(head) + 32, tail, sizeof(tail));
	assert_int_equal(KSK_ERR_MALFORMED,
		read_frame(ksk_span_of(frame, sizeof(frame)), KSK_OP_SUBMIT));
}

static void
test_policy_show(void **state)
{
	(void)state;
	begin_request(KSK_OP_POLICY_SHOW);
	assert_returns(0);
	assert_false(request_again.show.has_kind);
	request.show.has_kind = true;
	request.show.kind = KSK_DOCUMENT_AUTHORITY;
	request.show.offset = UINT64_MAX;
	assert_returns(0);
	request.show.kind = KSK_DOCUMENT_WITHDRAW;
	assert_refused(0, KSK_ERR_MALFORMED);

	begin_reply(KSK_OP_POLICY_SHOW);
	assert_returns(KSK_OP_POLICY_SHOW);
	reply.show_body.standing.quorum = true;
	reply.show_body.standing.withdrawal_count = KSK_WITHDRAWAL_COUNT_MAX;
	memset(reply.show_body.standing.withdrawal, 5,
		sizeof(reply.show_body.standing.withdrawal));
	reply.show_body.has_content = true;
	reply.show_body.total = KSK_PART_MAX;
	reply.show_body.bytes = ksk_span_of(bytes, KSK_PART_MAX);
	assert_returns(KSK_OP_POLICY_SHOW);
	assert_int_equal(reply_again.show_body.bytes.len, KSK_PART_MAX);
	reply.show_body.offset = 1;
	assert_refused(KSK_OP_POLICY_SHOW, KSK_ERR_MALFORMED);
	reply.show_body.total = (uint64_t)KSK_DOCUMENT_MAX + 1;
	assert_refused(KSK_OP_POLICY_SHOW, KSK_ERR_MALFORMED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_part),
		cmocka_unit_test(test_submit),
		cmocka_unit_test(test_a_record_comes_with_its_hash),
		cmocka_unit_test(test_policy_show),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
