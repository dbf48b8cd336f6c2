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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places_are_limited_and_come_back),
		cmocka_unit_test(test_a_frame_too_long_gets_no_place),
		cmocka_unit_test(test_jobs_over),
		cmocka_unit_test(test_bundles_have_places_of_their_own),
		cmocka_unit_test(test_who_waits_for_a_schedule),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
