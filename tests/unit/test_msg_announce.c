/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of msg_announce: op announce returns byte for byte in both directions,
 * so does what keys and status say of announcements; states without the fields
 * that belong to them are no messages. PROTOCOL 4.1, 4.2, 4.7.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/msg.h"

static uint8_t frame_room[KSK_FRAME_MAX];
static uint8_t again_room[KSK_FRAME_MAX];
static struct ksk_reply reply;

static unsigned
op_of(void *ctx, uint64_t number)
{
	(void)number;
	return *(const unsigned *)ctx;
}

/* Writes the reply, reads it back into it, and writes it again. */
static void
assert_reply_returns(unsigned op)
{
	struct ksk_buf out = ksk_buf_of(frame_room, sizeof(frame_room));
	struct ksk_buf again = ksk_buf_of(again_room, sizeof(again_room));
	struct ksk_fault fault = {""};

	reply.body = op;
	assert_int_equal(ksk_reply_write(&reply, &out), KSK_OK);
	if (ksk_reply_read(ksk_buf_span(&out), op_of, &op, &reply, &fault) !=
		KSK_OK)
		fail_msg("%s", fault.text);
	assert_int_equal(ksk_reply_write(&reply, &again), KSK_OK);
	assert_true(ksk_span_equal(ksk_buf_span(&out), ksk_buf_span(&again)));
	/* Every prefix is cut off. */
	for (size_t len = 0; len < out.len; len++)
		assert_int_not_equal(
			ksk_reply_read(ksk_span_of(frame_room, len), op_of, &op,
				&reply, &fault),
			KSK_OK);
	assert_int_equal(
		ksk_reply_read(ksk_buf_span(&out), op_of, &op, &reply, &fault),
		KSK_OK);
}

static void
assert_refused(unsigned op, const char *why)
{
	struct ksk_buf out = ksk_buf_of(frame_room, sizeof(frame_room));
	struct ksk_fault fault = {""};

	reply.body = op;
	assert_int_equal(ksk_reply_write(&reply, &out), KSK_OK);
	assert_int_equal(
		ksk_reply_read(ksk_buf_span(&out), op_of, &op, &reply, &fault),
		KSK_ERR_MALFORMED);
	assert_non_null(strstr(fault.text, why));
}

static void
test_request(void **state)
{
	static uint8_t document[KSK_ANNOUNCEMENT_MAX + 1];
	static struct ksk_request request, got;
	struct ksk_fault fault = {""};
	uint64_t number = 0;
	const struct {
		size_t len;
		enum ksk_err err;
	} cases[] = {
		{1, KSK_OK},
		{KSK_ANNOUNCEMENT_MAX, KSK_OK},
		{0, KSK_ERR_MALFORMED},
		{KSK_ANNOUNCEMENT_MAX + 1, KSK_ERR_TOO_LARGE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ksk_buf out = ksk_buf_of(frame_room, sizeof(frame_room));
		struct ksk_buf again = ksk_buf_of(
			again_room, sizeof(again_room));

		request = (struct ksk_request){.number = 9,
			.op = KSK_OP_ANNOUNCE,
			.announce = {ksk_span_of(document, cases[i].len)}};
		assert_int_equal(ksk_request_write(&request, &out), KSK_OK);
		assert_int_equal(ksk_request_read(ksk_buf_span(&out), &got,
					 &number, &fault),
			cases[i].err);
		assert_int_equal(number, 9);
		if (cases[i].err != KSK_OK)
			continue;
		assert_int_equal(got.announce.document.len, cases[i].len);
		assert_int_equal(ksk_request_write(&got, &again), KSK_OK);
		assert_true(ksk_span_equal(
			ksk_buf_span(&out), ksk_buf_span(&again)));
	}
	/* { 1: 9, 2: 9 }: the body is missing. */
	assert_int_equal(
		ksk_request_read(ksk_span_of("\xa2\x01\x09\x02\x09", 5), &got,
			&number, &fault),
		KSK_ERR_MALFORMED);
}

static void
test_reply(void **state)
{
	(void)state;
	memset(&reply, 0, sizeof(reply));
	reply.announce_body = (struct ksk_announce_reply){
		.record = 70000, .record_hash = {1, 2}, .known = true};
	assert_reply_returns(KSK_OP_ANNOUNCE);
	assert_int_equal(reply.announce_body.record, 70000);
	assert_int_equal(reply.announce_body.record_hash[1], 2);
	assert_true(reply.announce_body.known);
}

static struct ksk_provider_entry *
fill_keys(void)
{
	struct ksk_keys_reply *body = &reply.keys_body;
	struct ksk_provider_entry *p = &body->provider[0];

	memset(&reply, 0, sizeof(reply));
	assert_int_equal(
		ksk_name_from_text("a.example.", 10, &body->owner, NULL),
		KSK_OK);
	body->window = (struct ksk_window){1, 2};
	body->provider_count = 1;
	snprintf(p->name, sizeof(p->name), "alpha");
	p->key_count = 2;
	for (size_t i = 0; i < 2; i++)
		p->key[i].ds = (struct ksk_ds){.algorithm = 13,
			.digest_type = KSK_DIGEST_SHA256,
			.digest_len = 32};
	p->key[1].source = KSK_KEY_FORMER;
	p->has_announced = true;
	p->announced = (struct ksk_announced_entry){
		.state = KSK_ANNOUNCED_EXPIRED,
		.serial = 7,
		.accepted = 1,
		.not_before = 2,
		.not_after = 300,
		.record = 70000};
	return p;
}

static void
test_keys_reply(void **state)
{
	const struct ksk_provider_entry *p = fill_keys();

	(void)state;
	assert_reply_returns(KSK_OP_KEYS);
	assert_true(p->has_announced);
	assert_int_equal(p->announced.state, KSK_ANNOUNCED_EXPIRED);
	assert_int_equal(p->announced.serial, 7);
	assert_int_equal(p->announced.accepted, 1);
	assert_int_equal(p->announced.not_before, 2);
	assert_int_equal(p->announced.not_after, 300);
	assert_int_equal(p->announced.record, 70000);
	assert_int_equal(p->key[0].source, KSK_KEY_PINNED);
	assert_int_equal(p->key[1].source, KSK_KEY_FORMER);
	fill_keys()->announced = (struct ksk_announced_entry){
		.state = KSK_ANNOUNCED_NONE};
	assert_reply_returns(KSK_OP_KEYS);
	fill_keys()->announced.state = KSK_ANNOUNCED_NONE + 1;
	assert_refused(KSK_OP_KEYS, "announced");
	fill_keys()->key[0].source = KSK_KEY_FORMER + 1;
	assert_refused(KSK_OP_KEYS, "source");
}

static struct ksk_announced_notice *
fill_status(size_t count)
{
	struct ksk_status_reply *body = &reply.status_body;

	memset(&reply, 0, sizeof(reply));
	snprintf(body->version, sizeof(body->version), "1");
	body->notice_count = count;
	for (size_t i = 0; i < count; i++) {
		struct ksk_announced_notice *n = &body->notice[i];

		assert_int_equal(
			ksk_name_from_text("a.example.", 10, &n->owner, NULL),
			KSK_OK);
		snprintf(n->provider, sizeof(n->provider), "p%zu", i);
		n->state = i % 5;
		n->not_after = i % 5 == KSK_ANNOUNCED_NONE ? 0 : 100 + i;
		n->accepted = i % 5 == KSK_ANNOUNCED_NONE ? 0 : i;
	}
	return body->notice;
}

static void
test_status_reply(void **state)
{
	const struct ksk_announced_notice *n = fill_status(
		KSK_ANNOUNCED_NOTICE_MAX);

	(void)state;
	assert_reply_returns(KSK_OP_STATUS);
	assert_int_equal(
		reply.status_body.notice_count, KSK_ANNOUNCED_NOTICE_MAX);
	assert_string_equal(n[15].provider, "p15");
	assert_int_equal(n[15].not_after, 115);
	assert_int_equal(n[15].accepted, 15);
	assert_int_equal(n[0].accepted, 0);
	assert_int_equal(n[14].state, KSK_ANNOUNCED_NONE);
	fill_status(0);
	assert_reply_returns(KSK_OP_STATUS);
	fill_status(1)->state = KSK_ANNOUNCED_NONE + 1;
	assert_refused(KSK_OP_STATUS, "announcements");
	fill_status(1)->provider[0] = '\0';
	assert_refused(KSK_OP_STATUS, "provider");
}

/* Withdrawn keys stand behind the announcements. */
static void
test_status_tells_exposed_keys(void **state)
{
	struct ksk_status_reply *body = &reply.status_body;

	(void)state;
	fill_status(1);
	body->exposed_count = KSK_EXPOSED_COUNT_MAX;
	for (size_t i = 0; i < KSK_EXPOSED_COUNT_MAX; i++) {
		struct ksk_exposed_key *k = &body->exposed[i];

		k->owner = body->notice[0].owner;
		snprintf(k->provider, sizeof(k->provider), "p%zu", i);
		k->ds = (struct ksk_ds){.tag = 1,
			.algorithm = 13,
			.digest_type = KSK_DIGEST_SHA256,
			.digest_len = 32};
		k->until = 1000 - i;
	}
	assert_reply_returns(KSK_OP_STATUS);
	assert_int_equal(body->exposed_count, KSK_EXPOSED_COUNT_MAX);
	assert_int_equal(body->exposed[15].until, 985);
	body->exposed[0].provider[0] = '\0';
	assert_refused(KSK_OP_STATUS, "provider");
}

static void
test_states_have_words(void **state)
{
	(void)state;
	assert_string_equal(ksk_announced_text(KSK_ANNOUNCED_VALID), "valid");
	assert_string_equal(ksk_announced_text(KSK_ANNOUNCED_NONE), "none");
	assert_string_equal(ksk_announced_text(5), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_keys_reply),
		cmocka_unit_test(test_status_reply),
		cmocka_unit_test(test_status_tells_exposed_keys),
		cmocka_unit_test(test_states_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
