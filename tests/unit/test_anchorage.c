/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_anchorage - when an anchor is read and written, and what waits for it.
 * The worker is played at the other end of a link.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/signer/signer.h"
#include "tests/unit/journal_fixture.h"

#define START_MS 1000u

struct world {
	struct ksk_test_journal *journal;
	struct ksk_signer signer;
	struct ksk_link end; /* the worker's */
	uint8_t packet[KSK_PACKET_MAX];
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct ksk_signer *s = &w->signer;
	int fds[2];

	assert_non_null(w);
	assert_int_equal(0, journal_setup((void **)&w->journal));
	s->journal = w->journal->journal;
	s->start = (struct ksk_start_signer){.job_ms = 2000,
		.token_count = 1,
		.token = {"main"},
		.worker_count = 1,
		.anchor_token = 0};
	assert_int_equal(KSK_OK, ksk_keyring_new(&s->start, &s->keyring));
	assert_int_equal(
		KSK_OK, ksk_crew_init(&s->crew, &s->start, s->keyring));
	assert_int_equal(KSK_OK, ksk_link_pair(fds));
	w->end.fd = fds[1];
	ksk_crew_link(&s->crew, 0, 1, fds[0], START_MS);
	s->crew.worker[0].audit_asked = true;
	assert_int_equal(KSK_OK, ksk_anchorage_begin(s, &w->journal->fault));
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	struct ksk_signer *s = &w->signer;

	ksk_link_close(&w->end);
	ksk_link_close(&s->crew.worker[0].link);
	ksk_keyring_free(&s->keyring);
	free(s->crew.packet);
	(void)journal_teardown((void **)&w->journal);
	free(w);
	return 0;
}

/* A turn at a time; returns what the worker was asked, 0 for nothing, and the
 * record that it is to anchor. */
static uint16_t
turn(struct world *w, uint64_t now_ms, uint64_t *out_number)
{
	struct ksk_buf buf = ksk_buf_of(w->packet, sizeof(w->packet));
	struct ksk_checkpoint anchor = {.number = 0};
	struct ksk_wire body;
	size_t none = 0;
	uint16_t nr;

	ksk_anchorage_run(&w->signer, now_ms);
	*out_number = 0;
	if (ksk_link_recv(&w->end, &buf, NULL, 0, &none) != KSK_OK)
		return 0;
	nr = ksk_packet_open(ksk_buf_span(&buf), &body);
	if (nr == KSK_LNK_ANCHOR_WRITE)
		assert_int_equal(
			KSK_OK, ksk_lnk_anchor_write_read(&body, &anchor));
	*out_number = anchor.number;
	return nr;
}

static void
answer(struct world *w, const struct ksk_buf *buf)
{
	assert_int_equal(
		KSK_OK, ksk_link_send(&w->end, ksk_buf_span(buf), NULL, 0));
	assert_int_equal(
		KSK_OK, ksk_crew_receive(&w->signer.crew, 0, START_MS));
}

/* The token holds none yet. */
static void
found_none(struct world *w)
{
	struct ksk_lnk_anchor_found found = {.ok = true};
	uint8_t room[256];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	assert_int_equal(KSK_OK, ksk_lnk_anchor_found_write(&found, &buf));
	answer(w, &buf);
}

static void
written(struct world *w, const char *why)
{
	struct ksk_lnk_anchor_written done = {.ok = why[0] == '\0'};
	uint8_t room[256];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	ksk_text_copy(done.why, sizeof(done.why), why);
	assert_int_equal(KSK_OK, ksk_lnk_anchor_written_write(&done, &buf));
	answer(w, &buf);
}

/* Of a policy; returns its number. */
static uint64_t
add_record(struct world *w)
{
	struct ksk_record record = {.time = 2000, .kind = KSK_RECORD_POLICY};
	uint8_t hash[KSK_HASH_LEN];
	assert_int_equal(
		KSK_OK, ksk_journal_stage(w->signer.journal, &record, hash));
	journal_commit(w->journal);
	return record.number;
}

static enum ksk_state
state_of(struct world *w)
{
	const char *why;
	return ksk_anchorage_state(&w->signer, &why);
}

/* Up to where the first anchor of this life is being written. */
static void
begin_writing(struct world *w)
{
	uint64_t number;
	(void)add_record(w);
	assert_int_equal(KSK_LNK_ANCHOR_READ, turn(w, START_MS, &number));
	found_none(w);
	assert_int_equal(KSK_STATE_TOKEN_DOWN, state_of(w));
	(void)turn(w, START_MS, &number);
	if (number == 0)
		assert_int_equal(
			KSK_LNK_ANCHOR_WRITE, turn(w, START_MS + 1, &number));
	assert_int_equal(number, ksk_journal_head(w->signer.journal).number);
}

static void
test_nothing_is_signed_before_the_first_is_written(void **state)
{
	struct world *w = *state;
	uint64_t number;
	begin_writing(w);
	assert_int_equal(KSK_STATE_TOKEN_DOWN, state_of(w));
	written(w, "");
	assert_int_equal(0, turn(w, START_MS + 2, &number));
	assert_int_equal(KSK_STATE_READY, state_of(w));
	assert_false(ksk_anchorage_waits(&w->signer));
}

static void
test_a_policy_waits_for_its_anchor(void **state)
{
	struct world *w = *state;
	uint64_t number, record;
	begin_writing(w);
	written(w, "");
	(void)turn(w, START_MS + 2, &number);
	record = add_record(w);
	ksk_anchorage_hurry(&w->signer, START_MS + 3);
	assert_false(ksk_anchorage_covers(&w->signer, record));
	assert_int_equal(KSK_LNK_ANCHOR_WRITE, turn(w, START_MS + 3, &number));
	assert_int_equal(record, number);
	written(w, "");
	assert_int_equal(0, turn(w, START_MS + 4, &number));
	assert_true(ksk_anchorage_covers(&w->signer, record));
}

/* The first anchor is on its way to the token when a policy is recorded, so that
 * it does not cover it: the next follows at once, and then only is signed. */
static void
test_a_policy_during_the_first_anchor(void **state)
{
	struct world *w = *state;
	uint64_t number, record;
	begin_writing(w);
	record = add_record(w);
	ksk_anchorage_hurry(&w->signer, START_MS + 2);
	written(w, "");
	assert_int_equal(KSK_LNK_ANCHOR_WRITE, turn(w, START_MS + 3, &number));
	assert_int_equal(record, number);
	assert_int_equal(KSK_STATE_TOKEN_DOWN, state_of(w));
	assert_true(ksk_anchorage_waits(&w->signer));
	written(w, "");
	assert_int_equal(0, turn(w, START_MS + 4, &number));
	assert_int_equal(KSK_STATE_READY, state_of(w));
	assert_true(ksk_anchorage_covers(&w->signer, record));
}

/* A token that can't write holds nothing up; it is tried again. */
static void
test_a_token_that_cannot_write(void **state)
{
	struct world *w = *state;
	uint64_t number, record;
	begin_writing(w);
	record = add_record(w);
	ksk_anchorage_hurry(&w->signer, START_MS + 2);
	written(w, "no room");
	assert_int_equal(0, turn(w, START_MS + 3, &number));
	assert_int_equal(KSK_STATE_READY, state_of(w));
	assert_true(ksk_anchorage_covers(&w->signer, record));
	assert_string_equal(
		"token-object, late", ksk_anchorage_where(&w->signer));
	assert_int_equal(
		KSK_LNK_ANCHOR_WRITE, turn(w, START_MS + 1100, &number));
	assert_int_equal(record, number);
	written(w, "");
	assert_int_equal(0, turn(w, START_MS + 1101, &number));
	assert_string_equal("token-object", ksk_anchorage_where(&w->signer));
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_nothing_is_signed_before_the_first_is_written),
		CASE(test_a_policy_waits_for_its_anchor),
		CASE(test_a_policy_during_the_first_anchor),
		CASE(test_a_token_that_cannot_write),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
