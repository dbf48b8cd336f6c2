/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_ticket - places are given out once and come back clean.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/signer/ticket.h"

#include <string.h>

static struct ksk_ticket *
take(struct ksk_tickets *tickets, uint64_t conn)
{
	uint8_t frame[] = {1, 2, 3};
	struct ksk_lnk_request item = {
		.conn = conn, .frame = ksk_span_of(frame, sizeof(frame))};
	return ksk_ticket_take(tickets, &item, 7, 100);
}

static void
test_places_are_limited_and_come_back(void **state)
{
	(void)state;
	struct ksk_tickets *tickets = NULL;
	assert_int_equal(ksk_tickets_new(&tickets), KSK_OK);
	struct ksk_ticket *all[KSK_TICKET_COUNT];
	for (size_t i = 0; i < KSK_TICKET_COUNT; i++) {
		all[i] = take(tickets, i);
		assert_non_null(all[i]);
		assert_int_equal(all[i]->frame_len, 3);
		assert_int_equal(all[i]->generation, 7);
	}
	assert_null(take(tickets, 0));
	/* From the middle, so that the list of active ones is moved. */
	for (size_t i = 0; i < KSK_TICKET_COUNT; i += 2)
		ksk_ticket_free(tickets, all[i]);
	assert_int_equal(tickets->active_count, KSK_TICKET_COUNT / 2);
	for (size_t i = 0; i < tickets->active_count; i++) {
		assert_int_equal(tickets->active[i]->place, i);
		assert_int_equal(tickets->active[i]->conn % 2, 1);
	}
	for (size_t i = 1; i < KSK_TICKET_COUNT; i += 2)
		ksk_ticket_free(tickets, all[i]);
	assert_int_equal(tickets->active_count, 0);
	ksk_tickets_free(&tickets);
	assert_null(tickets);
	ksk_tickets_free(&tickets);
}

/* Frontends that die with all their credit in use, faster than the token signs:
 * the third is not read before there are places for all it may ask. */
static void
test_room_for_a_frontend(void **state)
{
	(void)state;
	struct ksk_tickets *tickets = NULL;
	struct ksk_ticket *all[2 * KSK_CREDIT_REQUESTS];
	const size_t credit = KSK_CREDIT_REQUESTS;
	assert_int_equal(ksk_tickets_new(&tickets), KSK_OK);
	for (size_t i = 0; i < 2 * credit; i++) {
		size_t owed = i % credit;
		assert_true(ksk_tickets_have_room(tickets, owed));
		all[i] = take(tickets, i);
		assert_non_null(all[i]);
	}
	assert_true(ksk_tickets_have_room(tickets, credit));
	assert_false(ksk_tickets_have_room(tickets, credit - 1));
	assert_false(ksk_tickets_have_room(tickets, 0));
	for (size_t i = 0; i < credit; i++) {
		assert_false(ksk_tickets_have_room(tickets, 0));
		ksk_ticket_free(tickets, all[i]);
	}
	assert_true(ksk_tickets_have_room(tickets, 0));
	ksk_tickets_free(&tickets);
}

static void
test_a_frame_too_long_gets_no_place(void **state)
{
	(void)state;
	static uint8_t frame[KSK_FRAME_MAX + 1];
	struct ksk_tickets *tickets = NULL;
	assert_int_equal(ksk_tickets_new(&tickets), KSK_OK);
	struct ksk_lnk_request item = {
		.frame = ksk_span_of(frame, sizeof(frame))};
	assert_null(ksk_ticket_take(tickets, &item, 1, 1));
	item.frame.len = KSK_FRAME_MAX;
	assert_non_null(ksk_ticket_take(tickets, &item, 1, 1));
	ksk_tickets_free(&tickets);
}

static void
test_jobs_over(void **state)
{
	(void)state;
	struct ksk_ticket ticket = {.job_count = 2};
	static const struct {
		enum ksk_job_stage stage;
		bool over;
	} cases[] = {{KSK_JOB_QUEUED, false}, {KSK_JOB_ASKED, false},
		{KSK_JOB_HELD, false}, {KSK_JOB_ANSWERED, false},
		{KSK_JOB_SIGNED, true}, {KSK_JOB_LOST, true}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ticket.job[0].stage = KSK_JOB_SIGNED;
		ticket.job[1].stage = cases[i].stage;
		assert_true(ksk_ticket_jobs_over(&ticket) == cases[i].over);
	}
}

/* ---- bundles of schedules ---- */

/* A schedule's ticket with so many bundles of one record each. */
static struct ksk_ticket *
take_schedule(struct ksk_tickets *tickets, size_t bundles)
{
	static const uint8_t rdata[2] = {1, 2};
	struct ksk_ticket *ticket = take(tickets, 5);
	struct ksk_schedule *s = &ticket->request.schedule;
	assert_int_equal(
		ksk_name_from_text("lab.example.", 12, &s->owner, NULL),
		KSK_OK);
	ticket->request.op = KSK_OP_SIGN_SCHEDULE;
	s->rdata_count = 1;
	s->rdata[0] = ksk_span_of(rdata, 2);
	s->bundle_count = bundles;
	for (size_t i = 0; i < bundles; i++)
		s->bundle[i] = (struct ksk_bundle){.type = KSK_TYPE_DNSKEY,
			.ttl = 60,
			.count = 1,
			.window = {i, i + 100}};
	ticket->stage = KSK_STAGE_BUNDLES;
	return ticket;
}

static void
test_bundles_have_places_of_their_own(void **state)
{
	(void)state;
	struct ksk_tickets *tickets = NULL;
	struct ksk_ticket *bundle[KSK_SCHEDULE_BUNDLE_MAX];
	struct ksk_ticket *found[KSK_SCHEDULE_BUNDLE_MAX];
	assert_int_equal(ksk_tickets_new(&tickets), KSK_OK);
	struct ksk_ticket *ticket = take_schedule(
		tickets, KSK_SCHEDULE_BUNDLE_MAX);
	assert_true(ksk_ticket_take_bundles(tickets, ticket, bundle));
	ksk_ticket_bundles(tickets, ticket, found);
	for (size_t i = 0; i < KSK_SCHEDULE_BUNDLE_MAX; i++) {
		const struct ksk_sign *sign = &bundle[i]->request.sign;
		assert_ptr_equal(found[i], bundle[i]);
		assert_ptr_equal(bundle[i]->schedule, ticket);
		assert_int_equal(bundle[i]->request.op, KSK_OP_SIGN);
		assert_true(sign->has_window);
		assert_int_equal(sign->window.inception, i);
		assert_int_equal(sign->rrset.rdata[0].data[1], 2);
		assert_true(ksk_ticket_is_signing(bundle[i]));
	}
	assert_false(ksk_ticket_is_signing(ticket));
	/* A second one of that size, and no third; requests still find room. */
	struct ksk_ticket *second = take_schedule(
		tickets, KSK_SCHEDULE_BUNDLE_MAX);
	assert_true(ksk_ticket_take_bundles(tickets, second, found));
	struct ksk_ticket *third = take_schedule(tickets, 1);
	assert_false(ksk_ticket_take_bundles(tickets, third, found));
	for (size_t i = 3; i < 2 * KSK_CREDIT_REQUESTS; i++)
		assert_non_null(take(tickets, i));
	assert_null(take(tickets, 0));
	/* Given back, they serve the next. */
	for (size_t i = 0; i < KSK_SCHEDULE_BUNDLE_MAX; i++)
		ksk_ticket_free(tickets, bundle[i]);
	assert_int_equal(tickets->bundle_count, KSK_SCHEDULE_BUNDLE_MAX);
	assert_null(bundle[0]->schedule);
	assert_true(ksk_ticket_take_bundles(tickets, third, found));
	ksk_tickets_free(&tickets);
}

/* Where requests have taken places that are kept for bundles. */
static void
test_bundles_need_places(void **state)
{
	(void)state;
	struct ksk_tickets *tickets = NULL;
	struct ksk_ticket *bundle[KSK_SCHEDULE_BUNDLE_MAX];
	assert_int_equal(ksk_tickets_new(&tickets), KSK_OK);
	for (size_t i = 0; i < KSK_TICKET_COUNT - 3; i++)
		assert_non_null(take(tickets, i));
	struct ksk_ticket *ticket = take_schedule(tickets, 3);
	assert_false(ksk_ticket_take_bundles(tickets, ticket, bundle));
	ticket->request.schedule.bundle_count = 2;
	assert_true(ksk_ticket_take_bundles(tickets, ticket, bundle));
	assert_null(take(tickets, 0));
	ksk_tickets_free(&tickets);
}

/* Whoever would be judged by what is about to change waits. */
static void
test_who_waits_for_a_schedule(void **state)
{
	(void)state;
	struct ksk_tickets *tickets = NULL;
	struct ksk_ticket *bundle[KSK_SCHEDULE_BUNDLE_MAX];
	assert_int_equal(ksk_tickets_new(&tickets), KSK_OK);
	struct ksk_ticket *first = take_schedule(tickets, 2);
	struct ksk_ticket *second = take_schedule(tickets, 2);
	struct ksk_ticket *sign = take(tickets, 8);
	first->stage = second->stage = KSK_STAGE_REPLY;
	sign->request.op = KSK_OP_SIGN;
	assert_false(ksk_ticket_must_wait(tickets, second));
	assert_true(ksk_ticket_take_bundles(tickets, first, bundle));
	first->stage = KSK_STAGE_BUNDLES;
	assert_true(ksk_ticket_must_wait(tickets, second));
	/* Even for the very set and window of a bundle. */
	sign->request.sign = bundle[0]->request.sign;
	assert_true(ksk_ticket_must_wait(tickets, sign));
	/* Another zone's does not. */
	assert_int_equal(ksk_name_from_text("other.example.", 14,
				 &sign->request.sign.rrset.owner, NULL),
		KSK_OK);
	assert_false(ksk_ticket_must_wait(tickets, sign));
	/* A repeat waits for its answer until that has left. */
	ksk_ticket_free(tickets, bundle[0]);
	ksk_ticket_free(tickets, bundle[1]);
	assert_false(ksk_ticket_must_wait(tickets, second));
	first->request.schedule.has_idempotency = true;
	second->request.schedule.has_idempotency = true;
	assert_true(ksk_ticket_must_wait(tickets, second));
	first->stage = KSK_STAGE_RESULT;
	assert_true(ksk_ticket_must_wait(tickets, second));
	second->request.schedule.idempotency[0] = 1;
	assert_false(ksk_ticket_must_wait(tickets, second));
	ksk_tickets_free(&tickets);
}

static const uint8_t one_key[] = {1, 0, 3, 13, 1};
static const uint8_t other_key[] = {1, 0, 3, 13, 2};

/* A sign request at a stage: of lab.example., for one key. */
static struct ksk_ticket *
take_sign(struct ksk_tickets *tickets, const uint8_t *key, enum ksk_stage stage)
{
	struct ksk_ticket *t = take(tickets, 1);
	struct ksk_sign *sign = &t->request.sign;

	t->request.op = KSK_OP_SIGN;
	t->stage = stage;
	sign->rrset.type = KSK_TYPE_DNSKEY;
	sign->rrset.ttl = 3600;
	sign->rrset.count = 1;
	sign->rrset.rdata[0] = ksk_span_of(key, sizeof(one_key));
	assert_int_equal(ksk_name_from_text(
				 "lab.example.", 12, &sign->rrset.owner, NULL),
		KSK_OK);
	return t;
}

/* Only what would be judged against something that is about to change waits. */
static void
test_who_waits_for_a_set(void **state)
{
	(void)state;
	struct ksk_tickets *tickets = NULL;
	assert_int_equal(ksk_tickets_new(&tickets), KSK_OK);
	struct ksk_ticket *signing = take_sign(
		tickets, one_key, KSK_STAGE_TOKEN);
	struct ksk_ticket *t = take_sign(tickets, one_key, KSK_STAGE_REPLY);
	struct ksk_sign *sign = &t->request.sign;
	/* The same set runs beside it … */
	assert_false(ksk_ticket_must_wait(tickets, t));
	/* … but not one that must follow the last answer, … */
	sign->has_previous = true;
	assert_true(ksk_ticket_must_wait(tickets, t));
	sign->has_previous = false;
	/* … of another window, type, TTL, or content. */
	sign->has_window = true;
	assert_true(ksk_ticket_must_wait(tickets, t));
	sign->has_window = false;
	sign->rrset.type = KSK_TYPE_CDNSKEY;
	assert_true(ksk_ticket_must_wait(tickets, t));
	sign->rrset.type = KSK_TYPE_DNSKEY;
	sign->rrset.ttl++;
	assert_true(ksk_ticket_must_wait(tickets, t));
	sign->rrset.ttl--;
	sign->rrset.rdata[0] = ksk_span_of(other_key, sizeof(other_key));
	assert_true(ksk_ticket_must_wait(tickets, t));
	/* An adoption changes the same timeline. */
	t->request.op = KSK_OP_ADOPT;
	t->request.adopt.rrset = sign->rrset;
	assert_true(ksk_ticket_must_wait(tickets, t));
	t->request.op = KSK_OP_SIGN;
	sign->rrset = signing->request.sign.rrset;
	sign->rrset.rdata[0] = ksk_span_of(other_key, sizeof(other_key));
	/* Stages in which the timeline may still change, and those after. */
	signing->stage = KSK_STAGE_INTENT;
	assert_true(ksk_ticket_must_wait(tickets, t));
	signing->stage = KSK_STAGE_RESULT; /* what it adds is staged */
	assert_false(ksk_ticket_must_wait(tickets, t));
	signing->stage = KSK_STAGE_REPLY;
	assert_false(ksk_ticket_must_wait(tickets, t));
	ksk_tickets_free(&tickets);
}

/* A repeat with the key of one that is being signed gets that one's answer. */
static void
test_who_waits_for_a_key(void **state)
{
	(void)state;
	struct ksk_tickets *tickets = NULL;
	assert_int_equal(ksk_tickets_new(&tickets), KSK_OK);
	struct ksk_ticket *signing = take_sign(
		tickets, one_key, KSK_STAGE_TOKEN);
	struct ksk_ticket *t = take_sign(tickets, one_key, KSK_STAGE_REPLY);
	signing->request.sign.has_idempotency = true;
	assert_false(ksk_ticket_must_wait(tickets, t));
	t->request.sign.has_idempotency = true;
	assert_true(ksk_ticket_must_wait(tickets, t));
	signing->stage = KSK_STAGE_RESULT;
	assert_true(ksk_ticket_must_wait(tickets, t));
	/* Another client's key is another key. */
	t->pin[0] ^= 1;
	assert_false(ksk_ticket_must_wait(tickets, t));
	t->pin[0] ^= 1;
	signing->stage = KSK_STAGE_REPLY;
	assert_false(ksk_ticket_must_wait(tickets, t));
	ksk_tickets_free(&tickets);
}

/* Turns come in the order of the requests; who waits is not overtaken. */
static void
test_turns(void **state)
{
	(void)state;
	struct ksk_tickets *tickets = NULL;
	assert_int_equal(ksk_tickets_new(&tickets), KSK_OK);
	struct ksk_ticket *signing = take_sign(
		tickets, one_key, KSK_STAGE_TOKEN);
	assert_null(ksk_ticket_next_turn(tickets, NULL));
	struct ksk_ticket *first = take_sign(
		tickets, other_key, KSK_STAGE_TURN);
	struct ksk_ticket *second = take_sign(tickets, one_key, KSK_STAGE_TURN);
	/* Given back and taken anew, places are in another order. */
	ksk_ticket_free(tickets, take(tickets, 9));
	struct ksk_ticket *third = take_sign(
		tickets, other_key, KSK_STAGE_TURN);
	assert_ptr_equal(ksk_ticket_next_turn(tickets, NULL), first);
	assert_ptr_equal(ksk_ticket_next_turn(tickets, first), second);
	assert_ptr_equal(ksk_ticket_next_turn(tickets, second), third);
	assert_null(ksk_ticket_next_turn(tickets, third));
	/* It could run beside what is being signed, but came later. */
	assert_true(ksk_ticket_must_wait(tickets, second));
	ksk_ticket_free(tickets, signing);
	assert_false(ksk_ticket_must_wait(tickets, first));
	assert_true(ksk_ticket_must_wait(tickets, second));
	/* Of another zone nobody is in the way. */
	assert_int_equal(ksk_name_from_text("other.example.", 14,
				 &second->request.sign.rrset.owner, NULL),
		KSK_OK);
	assert_false(ksk_ticket_must_wait(tickets, second));
	ksk_tickets_free(&tickets);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places_are_limited_and_come_back),
		cmocka_unit_test(test_a_frame_too_long_gets_no_place),
		cmocka_unit_test(test_jobs_over),
		cmocka_unit_test(test_bundles_have_places_of_their_own),
		cmocka_unit_test(test_bundles_need_places),
		cmocka_unit_test(test_room_for_a_frontend),
		cmocka_unit_test(test_who_waits_for_a_schedule),
		cmocka_unit_test(test_who_waits_for_a_set),
		cmocka_unit_test(test_who_waits_for_a_key),
		cmocka_unit_test(test_turns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
