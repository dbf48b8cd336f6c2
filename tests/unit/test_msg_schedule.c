/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of msg_schedule: the bodies of sign-schedule (PROTOCOL 4.11). Each
 * accepted message is written back byte for byte, each prefix and each wrong
 * field is refused. The files of tests/vectors are made with another encoder.
 */
#include "tests/unit/vector.h"

#include <stdlib.h>

#include "protocol/msg.h"

static struct ksk_request request, request_again;
static struct ksk_reply reply, reply_again;
static uint8_t room[2][KSK_FRAME_MAX + 1];
static uint8_t rdata[KSK_SCHEDULE_RDATA_MAX + 1][KSK_RDATA_MAX];

/* So many records, and bundles of the record of their number and the last. */
static struct ksk_schedule *
fill(size_t records, size_t bundles)
{
	struct ksk_schedule *s = &request.schedule;

	memset(&request, 0, sizeof(request));
	request.number = 9;
	request.op = KSK_OP_SIGN_SCHEDULE;
	s->owner = vector_name("lab.example.");
	s->rdata_count = records;
	for (size_t i = 0; i < records; i++) {
		memset(rdata[i], 0, KSK_RDATA_MAX);
		rdata[i][0] = (uint8_t)(i + 1);
		s->rdata[i] = ksk_span_of(rdata[i], 68);
	}
	s->bundle_count = bundles;
	for (size_t i = 0; i < bundles; i++)
		s->bundle[i] = (struct ksk_bundle){.type = KSK_TYPE_DNSKEY,
			.ttl = 3600,
			.count = 2,
			.index = {(uint8_t)i, (uint8_t)(records - 1)},
			.window = {i, UINT64_MAX - i}};
	return s;
}

static void
fill_reply(size_t bundles, size_t rrsigs, size_t len)
{
	memset(&reply, 0, sizeof(reply));
	reply.number = 9;
	reply.body = KSK_OP_SIGN_SCHEDULE;
	reply.schedule_body.bundle_count = bundles;
	reply.schedule_body.policy_version = 7;
	for (size_t i = 0; i < bundles; i++) {
		struct ksk_bundle_reply *b = &reply.schedule_body.bundle[i];

		b->rrsig_count = rrsigs;
		for (size_t k = 0; k < rrsigs; k++)
			b->rrsig[k] = ksk_span_of(rdata[0], len);
		b->window = (struct ksk_window){i, UINT64_MAX};
		b->record = 100 + i;
		memset(b->record_hash, (int)i, KSK_HASH_LEN);
	}
}

static struct ksk_span
write_request(uint8_t *out)
{
	struct ksk_buf buf = ksk_buf_of(out, KSK_FRAME_MAX);

	assert_int_equal(KSK_OK, ksk_request_write(&request, &buf));
	return ksk_buf_span(&buf);
}

static struct ksk_span
write_reply(uint8_t *out)
{
	struct ksk_buf buf = ksk_buf_of(out, KSK_FRAME_MAX);

	assert_int_equal(KSK_OK, ksk_reply_write(&reply, &buf));
	return ksk_buf_span(&buf);
}

static unsigned
op_of(void *ctx, uint64_t number)
{
	(void)number;
	return *(const unsigned *)ctx;
}

/* op 0: a request */
static enum ksk_err
read_frame(struct ksk_span frame, unsigned op, struct ksk_fault *fault)
{
	uint64_t number = 0;

	return op == 0 ? ksk_request_read(frame, &request_again, &number, fault)
		       : ksk_reply_read(frame, op_of, &op, &reply_again, fault);
}

static void
assert_returns(struct ksk_span frame, unsigned op)
{
	struct ksk_buf buf = ksk_buf_of(room[1], KSK_FRAME_MAX);
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
	assert_int_equal(KSK_OK,
		op == 0 ? ksk_request_write(&request_again, &buf)
			: ksk_reply_write(&reply_again, &buf));
	assert_true(ksk_span_equal(frame, ksk_buf_span(&buf)));
}

static void
assert_refused(unsigned op, enum ksk_err expected, const char *text)
{
	struct ksk_fault fault = {""};
	enum ksk_err err = read_frame(
		op == 0 ? write_request(room[0]) : write_reply(room[0]), op,
		&fault);

	if (err != expected || strcmp(text, fault.text) != 0)
		fail_msg("%d: \"%s\", not \"%s\"", err, fault.text, text);
}

static void
test_request(void **state)
{
	struct ksk_rrset set;

	(void)state;
	fill(4, 3);
	assert_returns(write_request(room[0]), 0);
	ksk_schedule_rrset(&request_again.schedule, 2, &set);
	assert_int_equal(set.count, 2);
	assert_int_equal(set.rdata[0].data[0], 3);
	assert_int_equal(set.rdata[1].data[0], 4);
	assert_true(ksk_rrset_is_canonical(&set));
	assert_int_equal(request_again.schedule.bundle[2].window.inception, 2);
	struct ksk_schedule *s = fill(4, 3);
	s->bundle[1].type = KSK_TYPE_CDNSKEY;
	s->has_idempotency = true;
	s->has_previous = true;
	s->supersede_count = 2;
	s->supersede[0] = 5;
	s->supersede[1] = UINT64_MAX;
	assert_returns(write_request(room[0]), 0);
	assert_true(request_again.schedule.has_previous);
	assert_int_equal(request_again.schedule.supersede_count, 2);
}

/* PROTOCOL 3: nothing of the largest schedule exceeds a frame, unless its
 * keys do. */
static void
test_the_largest_request(void **state)
{
	(void)state;
	struct ksk_schedule *s = fill(
		KSK_SCHEDULE_RDATA_MAX, KSK_SCHEDULE_BUNDLE_MAX);
	for (size_t i = 0; i < s->bundle_count; i++) {
		s->bundle[i].count = KSK_RDATA_COUNT_MAX;
		for (size_t k = 0; k < KSK_RDATA_COUNT_MAX; k++)
			s->bundle[i].index[k] = (uint8_t)(i % 2 == 0 ? k
								     : 128 + k);
	}
	for (size_t k = 0; k < KSK_RDATA_COUNT_MAX; k++) {
		s->bundle[1].index[k] = (uint8_t)(32 + k);
		s->bundle[3].index[k] = (uint8_t)(64 + k);
		s->bundle[5].index[k] = (uint8_t)(96 + k);
	}
	assert_returns(write_request(room[0]), 0);
	for (size_t i = 0; i < s->rdata_count; i++)
		s->rdata[i].len = 264;
	assert_returns(write_request(room[0]), 0);
	s->rdata[0].len = KSK_RDATA_MAX + 1;
	assert_refused(0, KSK_ERR_TOO_LARGE,
		"body.rdata[0]: 1281 bytes, at most 1280 are allowed");
}

static void
test_what_a_request_must_be(void **state)
{
	(void)state;
	fill(4, 2);
	assert_refused(
		0, KSK_ERR_MALFORMED, "body.bundles: a record is in no bundle");
	fill(4, 3)->bundle[1].index[1] = 4;
	assert_refused(0, KSK_ERR_MALFORMED,
		"body.bundles[1].records[1]: larger than 3");
	fill(4, 3)->bundle[1].index[1] = 1;
	assert_refused(0, KSK_ERR_MALFORMED,
		"body.bundles[1].records[1]: not ascending, or twice");
	fill(4, 3)->bundle[1].count = 0;
	assert_refused(0, KSK_ERR_MALFORMED,
		"body.bundles[1].records: 0 entries, at least 1 are due");
	fill(4, 3)->bundle[1].type = KSK_TYPE_SOA;
	assert_refused(0, KSK_ERR_MALFORMED,
		"body.bundles[1].type: not 48, 59 or 60 (DNSKEY, CDS, "
		"CDNSKEY)");
	fill(4, 3)->bundle_count = 0;
	assert_refused(0, KSK_ERR_MALFORMED,
		"body.bundles: 0 entries, at least 1 are due");
	fill(4, 3);
	rdata[1][0] = 1;
	assert_refused(0, KSK_ERR_MALFORMED,
		"body.rdata[1]: not in canonical order, or twice");
	struct ksk_schedule *s = fill(4, 3);
	s->supersede_count = 2;
	s->supersede[0] = s->supersede[1] = 5;
	assert_refused(0, KSK_ERR_MALFORMED,
		"body.supersedes[1]: not ascending, or twice");
}

/* One more of each than there may be; written by hand, for the arrays of the
 * struct end there. */
static void
test_too_many(void **state)
{
	struct ksk_fault fault = {""};
	struct ksk_span frame;
	uint8_t *at;

	(void)state;
	fill(4, 3);
	frame = write_request(room[0]);
	/* { 1: 9, 2: 4, 3: { 1: owner, 2: [… */
	at = room[0] + 1 + 2 + 2 + 1 + 1 + 1 + 1 + 13 + 1;
	assert_int_equal(*at, 0x84);
	memmove(at + 1, at, frame.len - (size_t)(at - room[0]));
	at[0] = 0x98;
	at[1] = KSK_SCHEDULE_RDATA_MAX + 1;
	assert_int_equal(KSK_ERR_TOO_LARGE,
		read_frame(ksk_span_of(room[0], frame.len + 1), 0, &fault));
	assert_string_equal(
		fault.text, "body.rdata: 161 entries, at most 160 are allowed");
}

static void
test_reply(void **state)
{
	(void)state;
	fill(4, 3);
	fill_reply(2, 2, 95);
	assert_returns(write_reply(room[0]), KSK_OP_SIGN_SCHEDULE);
	assert_int_equal(reply_again.schedule_body.bundle[1].record, 101);
	reply.schedule_body.warning_count = 1;
	reply.schedule_body.warning[0] = (struct ksk_refusal){
		.rule = "response-size",
		.why = "1300 bytes",
		.has_bundle = true,
		.bundle = 63};
	assert_returns(write_reply(room[0]), KSK_OP_SIGN_SCHEDULE);
	assert_int_equal(reply_again.schedule_body.warning[0].bundle, 63);
	/* Two KSKs of 2,048 bits fit in every bundle. */
	fill_reply(KSK_SCHEDULE_BUNDLE_MAX, 2, 18 + 13 + 256);
	assert_returns(write_reply(room[0]), KSK_OP_SIGN_SCHEDULE);
	assert_int_equal(reply_again.schedule_body.bundle_count,
		KSK_SCHEDULE_BUNDLE_MAX);
}

static void
test_what_a_reply_must_be(void **state)
{
	struct ksk_buf buf = ksk_buf_of(room[0], KSK_FRAME_MAX);

	(void)state;
	fill(4, 3);
	fill_reply(0, 1, 95);
	assert_refused(KSK_OP_SIGN_SCHEDULE, KSK_ERR_MALFORMED,
		"body.bundles: 0 entries, at least 1 are due");
	fill_reply(1, 0, 95);
	assert_refused(KSK_OP_SIGN_SCHEDULE, KSK_ERR_MALFORMED,
		"body.bundles[0].rrsigs: 0 entries, at least 1 are due");
	/* The body of another op. */
	fill_reply(1, 1, 95);
	assert_refused(KSK_OP_ADOPT, KSK_ERR_MALFORMED,
		"body.record: not an unsigned number");
	/* What does not fit a frame is not written. */
	fill_reply(KSK_SCHEDULE_BUNDLE_MAX, KSK_RRSIG_COUNT_MAX, 300);
	assert_int_equal(KSK_ERR_NO_ROOM, ksk_reply_write(&reply, &buf));
	assert_int_equal(buf.len, 0);
}

static void
test_refusals_name_bundles(void **state)
{
	(void)state;
	memset(&reply, 0, sizeof(reply));
	reply.number = 9;
	reply.status = KSK_STATUS_REFUSED;
	reply.refusals.count = 2;
	reply.refusals.list[0] = (struct ksk_refusal){
		.rule = "ttl", .why = "it is", .has_bundle = true};
	reply.refusals.list[1] = (struct ksk_refusal){.rule = "early-drop",
		.why = "it is",
		.has_tag = true,
		.provider = "alpha",
		.has_bundle = true,
		.bundle = 63};
	assert_returns(write_reply(room[0]), KSK_OP_SIGN_SCHEDULE);
	assert_true(reply_again.refusals.list[0].has_bundle);
	assert_int_equal(reply_again.refusals.list[1].bundle, 63);
	reply.refusals.list[1].bundle = KSK_SCHEDULE_BUNDLE_MAX;
	assert_refused(KSK_OP_SIGN_SCHEDULE, KSK_ERR_MALFORMED,
		"refusals[1].bundle: larger than 63");
}

static void
test_vectors_of_another_encoder(void **state)
{
	size_t len = vector_hex("tests/vectors/protocol/msg-schedule-request."
				"txt",
		room[0], KSK_FRAME_MAX);

	(void)state;
	assert_returns(ksk_span_of(room[0], len), 0);
	assert_int_equal(request_again.schedule.bundle_count, 2);
	assert_int_equal(request_again.schedule.bundle[1].count, 3);
	len = vector_hex("tests/vectors/protocol/msg-schedule-reply.txt",
		room[0], KSK_FRAME_MAX);
	assert_returns(ksk_span_of(room[0], len), KSK_OP_SIGN_SCHEDULE);
	assert_int_equal(reply_again.schedule_body.bundle[1].record, 46);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_the_largest_request),
		cmocka_unit_test(test_what_a_request_must_be),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_what_a_reply_must_be),
		cmocka_unit_test(test_refusals_name_bundles),
		cmocka_unit_test(test_vectors_of_another_encoder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
