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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places_are_limited_and_come_back),
		cmocka_unit_test(test_a_frame_too_long_gets_no_place),
		cmocka_unit_test(test_jobs_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
