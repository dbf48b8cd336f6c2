/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of msg_journal: journal-read and its reply (PROTOCOL 4.6) as whole
 * messages: written back byte for byte, refused when cut off or over a limit;
 * the room that the signer counts with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/msg.h"
#include "protocol/record.h"

#include <string.h>

static struct ksk_request request, request_again;
static struct ksk_reply reply, reply_again;
static uint8_t room[2][KSK_FRAME_MAX];
static uint8_t bytes[KSK_RECORD_MAX];

static unsigned
op_of(void *ctx, uint64_t number)
{
	(void)ctx;
	(void)number;
	return KSK_OP_JOURNAL_READ;
}

static struct ksk_span
write_request(const struct ksk_request *from, uint8_t *out)
{
	struct ksk_buf buf = ksk_buf_of(out, KSK_FRAME_MAX);
	assert_int_equal(ksk_request_write(from, &buf), KSK_OK);
	return ksk_buf_span(&buf);
}

static struct ksk_span
write_reply(const struct ksk_reply *from, uint8_t *out)
{
	struct ksk_buf buf = ksk_buf_of(out, KSK_FRAME_MAX);
	assert_int_equal(ksk_reply_write(from, &buf), KSK_OK);
	return ksk_buf_span(&buf);
}

static void
test_request(void **state)
{
	(void)state;
	for (unsigned after = 0; after < 2; after++) {
		uint64_t number = 0;
		struct ksk_fault fault = {""};
		memset(&request, 0, sizeof(request));
		request.number = 4;
		request.op = KSK_OP_JOURNAL_READ;
		request.journal = (struct ksk_journal_read){.from = UINT64_MAX,
			.most = 256,
			.has_after = after != 0,
			.after = 1000u * after};
		struct ksk_span frame = write_request(&request, room[0]);
		assert_int_equal(ksk_request_read(frame, &request_again,
					 &number, &fault),
			KSK_OK);
		assert_int_equal(request_again.journal.from, UINT64_MAX);
		assert_int_equal(request_again.journal.most, 256);
		assert_int_equal(request_again.journal.has_after, after != 0);
		assert_int_equal(request_again.journal.after, 1000u * after);
		assert_true(ksk_span_equal(
			frame, write_request(&request_again, room[1])));
		for (size_t len = 0; len < frame.len; len++)
			assert_int_equal(
				ksk_request_read(ksk_span_of(room[0], len),
					&request_again, &number, &fault),
				KSK_ERR_MALFORMED);
	}
}

static void
test_request_needs_its_body(void **state)
{
	(void)state;
	uint64_t number = 0;
	struct ksk_fault fault = {""};
	const uint8_t none[] = {0xa2, 1, 4, 2, 8};
	const uint8_t half[] = {0xa3, 1, 4, 2, 8, 3, 0xa1, 1, 0};

	assert_int_equal(ksk_request_read(ksk_span_of(none, sizeof(none)),
				 &request_again, &number, &fault),
		KSK_ERR_MALFORMED);
	assert_string_equal(fault.text, "message: body is missing");
	assert_int_equal(ksk_request_read(ksk_span_of(half, sizeof(half)),
				 &request_again, &number, &fault),
		KSK_ERR_MALFORMED);
	assert_string_equal(fault.text, "body: most is missing");
}

static void
fill_reply(size_t records, size_t checkpoints, bool key)
{
	memset(&reply, 0, sizeof(reply));
	memset(bytes, 9, sizeof(bytes));
	reply.number = 4;
	reply.body = KSK_OP_JOURNAL_READ;
	struct ksk_journal_reply *body = &reply.journal_body;
	body->record_count = records;
	for (size_t i = 0; i < records; i++)
		body->record[i] = ksk_span_of(bytes, 1 + i);
	body->checkpoint_count = checkpoints;
	for (size_t i = 0; i < checkpoints; i++)
		body->checkpoint[i] = (struct ksk_signed_checkpoint){
			.value = {.number = i, .time = 1767225600},
			.key = ksk_span_of(bytes, 68),
			.signature = ksk_span_of(bytes, 64)};
	body->head = 77;
	memset(body->head_hash, 1, KSK_HASH_LEN);
	memset(body->journal, 2, KSK_ID_LEN);
	memset(body->before, 3, KSK_HASH_LEN);
	body->has_first = key;
	body->first = key ? UINT64_MAX : 0;
	if (key)
		body->audit_key = ksk_span_of(bytes, 68);
}

static enum ksk_err
read_reply(struct ksk_span frame)
{
	struct ksk_fault fault = {""};
	return ksk_reply_read(frame, op_of, NULL, &reply_again, &fault);
}

static void
test_reply(void **state)
{
	(void)state;
	fill_reply(3, 2, true);
	struct ksk_span frame = write_reply(&reply, room[0]);
	assert_int_equal(read_reply(frame), KSK_OK);
	const struct ksk_journal_reply *got = &reply_again.journal_body;
	assert_int_equal(got->record_count, 3);
	assert_int_equal(got->record[2].len, 3);
	assert_int_equal(got->checkpoint_count, 2);
	assert_int_equal(got->checkpoint[1].value.number, 1);
	assert_int_equal(got->head, 77);
	assert_memory_equal(
		got->head_hash, reply.journal_body.head_hash, KSK_HASH_LEN);
	assert_memory_equal(
		got->journal, reply.journal_body.journal, KSK_ID_LEN);
	assert_memory_equal(
		got->before, reply.journal_body.before, KSK_HASH_LEN);
	assert_int_equal(got->audit_key.len, 68);
	assert_true(got->has_first && got->first == UINT64_MAX);
	assert_true(ksk_span_equal(frame, write_reply(&reply_again, room[1])));
	for (size_t len = 0; len < frame.len; len++)
		assert_int_equal(read_reply(ksk_span_of(room[0], len)),
			KSK_ERR_MALFORMED);
}

static void
test_reply_without_anything(void **state)
{
	(void)state;
	fill_reply(0, 0, false);
	struct ksk_span frame = write_reply(&reply, room[0]);
	assert_int_equal(read_reply(frame), KSK_OK);
	assert_int_equal(reply_again.journal_body.audit_key.len, 0);
	assert_int_equal(reply_again.journal_body.record_count, 0);
	assert_false(reply_again.journal_body.has_first);
	assert_true(ksk_span_equal(frame, write_reply(&reply_again, room[1])));
}

/* The signer counts with these, so that its reply fits one frame. */
static void
test_rooms(void **state)
{
	(void)state;
	fill_reply(0, 0, false);
	reply.number = UINT64_MAX;
	reply.journal_body.head = UINT64_MAX;
	reply.journal_body.has_first = true;
	reply.journal_body.first = UINT64_MAX;
	reply.journal_body.record_count = 1;
	reply.journal_body.record[0] = ksk_span_of(bytes, sizeof(bytes));
	struct ksk_span frame = write_reply(&reply, room[0]);
	assert_true(frame.len <= KSK_JOURNAL_REPLY_OVERHEAD +
			KSK_JOURNAL_RECORD_OVERHEAD + sizeof(bytes));

	fill_reply(KSK_JOURNAL_RECORD_COUNT_MAX, 0, false);
	for (size_t i = 0; i < KSK_JOURNAL_RECORD_COUNT_MAX; i++)
		reply.journal_body.record[i] = ksk_span_of(bytes, 100);
	frame = write_reply(&reply, room[0]);
	assert_true(frame.len <= KSK_JOURNAL_REPLY_OVERHEAD +
			KSK_JOURNAL_RECORD_COUNT_MAX *
				(KSK_JOURNAL_RECORD_OVERHEAD + 100));
	assert_int_equal(read_reply(frame), KSK_OK);
}

static void
test_more_than_the_limit_is_too_large(void **state)
{
	(void)state;
	fill_reply(0, 0, false);
	struct ksk_span frame = write_reply(&reply, room[0]);
	/* a3 01 04 02 00 03 a6 01 80: the empty list of records becomes one of
	 * 257 */
	uint8_t *at = room[1];
	memcpy(at, frame.data, 8);
	memcpy(at + 8, "\x99\x01\x01", 3);
	memset(at + 11, 0x40, 257);
	memcpy(at + 11 + 257, frame.data + 9, frame.len - 9);
	assert_int_equal(frame.data[8], 0x80);
	assert_int_equal(read_reply(ksk_span_of(at, frame.len + 2 + 257)),
		KSK_ERR_TOO_LARGE);
}

/* PROTOCOL 5, 8.2: the proof is added to a reply that is encoded already. */
static void
test_a_proof_is_added(void **state)
{
	(void)state;
	fill_reply(2, 1, true);
	struct ksk_span without = write_reply(&reply, room[0]);
	struct ksk_buf buf = {
		.data = room[0], .len = without.len, .cap = KSK_FRAME_MAX};
	struct ksk_span proof = ksk_span_of(bytes, 300);

	assert_int_equal(KSK_OK, ksk_reply_prove(&buf, proof));
	assert_int_equal(read_reply(ksk_buf_span(&buf)), KSK_OK);
	assert_true(reply_again.has_proof);
	assert_true(ksk_span_equal(proof, reply_again.proof));
	assert_int_equal(reply_again.journal_body.record_count, 2);
	/* It is what the writer would have written. */
	reply.has_proof = true;
	reply.proof = proof;
	assert_true(ksk_span_equal(
		ksk_buf_span(&buf), write_reply(&reply, room[1])));
	/* A reply without body, and one with all fields but the proof. */
	memset(&reply, 0, sizeof(reply));
	for (unsigned full = 0; full < 2; full++) {
		reply.status = full ? KSK_STATUS_REFUSED : KSK_STATUS_BUSY;
		reply.refusals.count = full;
		ksk_text_copy(
			reply.refusals.list[0].rule, KSK_LABEL_CAP, "zone");
		ksk_text_copy(reply.text, sizeof(reply.text), full ? "x" : "");
		buf.len = write_reply(&reply, room[0]).len;
		assert_int_equal(KSK_OK, ksk_reply_prove(&buf, proof));
		assert_int_equal(read_reply(ksk_buf_span(&buf)), KSK_OK);
		assert_true(reply_again.has_proof);
	}
}

static void
test_where_no_proof_fits(void **state)
{
	(void)state;
	struct ksk_span proof = ksk_span_of(bytes, 300);
	fill_reply(1, 0, false);
	reply.journal_body.record[0] = ksk_span_of(bytes, KSK_RECORD_MAX);
	size_t len = write_reply(&reply, room[0]).len;
	struct ksk_buf buf = {.data = room[0], .len = len, .cap = len + 300};

	assert_int_equal(KSK_ERR_NO_ROOM, ksk_reply_prove(&buf, proof));
	assert_int_equal(len, buf.len);
	assert_int_equal(read_reply(ksk_buf_span(&buf)), KSK_OK);
	assert_false(reply_again.has_proof);
	buf.cap = KSK_FRAME_MAX;
	buf.len = 0;
	assert_int_equal(KSK_ERR_MALFORMED, ksk_reply_prove(&buf, proof));
	static const uint8_t heads[] = {0xa0, 0xa1, 0xa6, 0x80, 0x00};
	for (size_t i = 0; i < sizeof(heads); i++) {
		room[0][0] = heads[i];
		buf.len = 1;
		assert_int_equal(
			KSK_ERR_MALFORMED, ksk_reply_prove(&buf, proof));
		assert_int_equal(1, buf.len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_request_needs_its_body),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_reply_without_anything),
		cmocka_unit_test(test_rooms),
		cmocka_unit_test(test_more_than_the_limit_is_too_large),
		cmocka_unit_test(test_a_proof_is_added),
		cmocka_unit_test(test_where_no_proof_fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
