/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_errand - the audit key and the anchor as the crew asks for them: a
 * worker is played at the other end of a link.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/signer/crew.h"
#include "tests/unit/sample_table.h"

static struct ksk_start_signer start = {.job_ms = 2000,
	.token_count = 1,
	.token = {"main"},
	.worker_count = 2,
	.worker_token = {0, 0},
	.anchor_token = 0};

struct world {
	struct ksk_keyring *keyring;
	struct ksk_crew crew;
	struct ksk_link end[2]; /* the workers' ends */
	uint8_t packet[KSK_PACKET_MAX];
};

static void
link_worker(struct world *w, uint16_t index, uint32_t generation)
{
	int fds[2];
	assert_int_equal(ksk_link_pair(fds), KSK_OK);
	ksk_link_close(&w->end[index]);
	w->end[index] = (struct ksk_link){.fd = fds[1]};
	ksk_crew_link(&w->crew, index, generation, fds[0], 1);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	assert_int_equal(ksk_keyring_new(&start, &w->keyring), KSK_OK);
	assert_int_equal(ksk_crew_init(&w->crew, &start, w->keyring), KSK_OK);
	w->end[0].fd = w->end[1].fd = -1;
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	for (uint16_t i = 0; i < 2; i++) {
		ksk_link_close(&w->end[i]);
		ksk_link_close(&w->crew.worker[i].link);
	}
	free(w->crew.packet);
	ksk_keyring_free(&w->keyring);
	free(w);
	return 0;
}

/* The next packet at a worker's end; 0 if there is none. */
static uint16_t
next(struct world *w, uint16_t index, struct ksk_wire *body)
{
	struct ksk_buf buf = ksk_buf_of(w->packet, sizeof w->packet);
	size_t none;
	if (ksk_link_recv(&w->end[index], &buf, NULL, 0, &none) != KSK_OK)
		return 0;
	return ksk_packet_open(ksk_buf_span(&buf), body);
}

static enum ksk_err
answer(struct world *w, uint16_t index, const struct ksk_buf *buf)
{
	assert_int_equal(
		ksk_link_send(&w->end[index], ksk_buf_span(buf), NULL, 0),
		KSK_OK);
	return ksk_crew_receive(&w->crew, index, 2);
}

static void
tell_key(struct world *w, uint16_t index, bool there)
{
	uint8_t room[512];
	uint8_t key[sizeof sample_ksk];
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	struct ksk_lnk_audit_found found = {.why = ""};
	struct ksk_wire body;

	memcpy(key, sample_ksk, sizeof key);
	key[0] = key[1] = 0;
	if (there)
		found.key = ksk_span_of(key, sizeof key);
	else
		ksk_text_copy(found.why, sizeof found.why, "none here");
	ksk_crew_push(&w->crew, 1);
	assert_int_equal(next(w, index, &body), KSK_LNK_AUDIT_ASK);
	assert_int_equal(ksk_lnk_audit_found_write(&found, &buf), KSK_OK);
	assert_int_equal(answer(w, index, &buf), KSK_OK);
}

static const struct ksk_lnk_attest checkpoint = {
	.what = {.head = {.number = 7, .time = 9}}};

static void
test_the_key_is_asked_for_once_for_each_link(void **state)
{
	struct world *w = *state;
	struct ksk_wire body;
	const char *why;

	link_worker(w, 0, 1);
	assert_int_equal(ksk_errand_audit_key(&w->crew, &why).len, 0);
	assert_string_not_equal(why, "");
	tell_key(w, 0, false);
	assert_int_equal(ksk_errand_audit_key(&w->crew, &why).len, 0);
	assert_string_equal(why, "none here");
	ksk_crew_push(&w->crew, 3);
	assert_int_equal(next(w, 0, &body), 0);
	ksk_crew_look_again(&w->crew);
	tell_key(w, 0, true);
	assert_int_equal(
		ksk_errand_audit_key(&w->crew, &why).len, sizeof sample_ksk);
}

static void
test_a_checkpoint_goes_to_who_has_the_key(void **state)
{
	struct world *w = *state;
	uint8_t room[512];
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	struct ksk_lnk_attested done = {
		.outcome = KSK_JOB_DONE, .signature = ksk_span_of("sig", 3)};
	struct ksk_lnk_attest asked;
	const struct ksk_errand *errand;
	struct ksk_wire body;

	assert_false(ksk_errand_attest(
		&w->crew, KSK_ERRAND_CHECKPOINT, &checkpoint, 1));
	link_worker(w, 0, 1);
	link_worker(w, 1, 1);
	ksk_crew_push(&w->crew, 1);
	tell_key(w, 1, true);
	assert_true(ksk_errand_attest(
		&w->crew, KSK_ERRAND_CHECKPOINT, &checkpoint, 1));
	assert_false(
		ksk_errand_attest(&w->crew, KSK_ERRAND_PROOF, &checkpoint, 1));
	assert_int_equal(next(w, 1, &body), KSK_LNK_ATTEST);
	assert_int_equal(ksk_lnk_attest_read(&body, &asked), KSK_OK);
	assert_int_equal(asked.what.head.number, 7);
	assert_null(ksk_errand_ended(&w->crew, KSK_ERRAND_CHECKPOINT));
	assert_int_equal(ksk_lnk_attested_write(&done, &buf), KSK_OK);
	assert_int_equal(answer(w, 1, &buf), KSK_OK);
	assert_null(ksk_errand_ended(&w->crew, KSK_ERRAND_PROOF));
	errand = ksk_errand_ended(&w->crew, KSK_ERRAND_CHECKPOINT);
	assert_non_null(errand);
	assert_int_equal(errand->stage, KSK_ERRAND_DONE);
	assert_memory_equal(errand->signature, "sig", 3);
	ksk_errand_over(&w->crew);
	/* What nobody asked for breaks the format. */
	assert_int_equal(answer(w, 1, &buf), KSK_ERR_MALFORMED);
}

static void
test_death_loses_it(void **state)
{
	struct world *w = *state;
	const struct ksk_errand *errand;

	link_worker(w, 0, 1);
	tell_key(w, 0, true);
	assert_true(ksk_errand_attest(
		&w->crew, KSK_ERRAND_CHECKPOINT, &checkpoint, 1));
	ksk_crew_dead(&w->crew, 0, 1, 5);
	errand = ksk_errand_ended(&w->crew, KSK_ERRAND_CHECKPOINT);
	assert_non_null(errand);
	assert_int_equal(errand->stage, KSK_ERRAND_LOST);
	ksk_errand_over(&w->crew);
	/* The one in its place must find the key first. */
	link_worker(w, 0, 2);
	assert_false(ksk_errand_attest(
		&w->crew, KSK_ERRAND_CHECKPOINT, &checkpoint, 6));
	tell_key(w, 0, true);
	assert_true(ksk_errand_attest(
		&w->crew, KSK_ERRAND_CHECKPOINT, &checkpoint, 6));
}

static void
test_a_worker_that_hangs_over_it_is_overdue(void **state)
{
	struct world *w = *state;
	struct ksk_ctl_worker late;

	link_worker(w, 0, 1);
	tell_key(w, 0, true);
	assert_true(ksk_errand_anchor_read(&w->crew, 10));
	assert_false(ksk_crew_overdue(&w->crew, 2009, &late));
	assert_true(ksk_crew_overdue(&w->crew, 2011, &late));
	assert_int_equal(late.index, 0);
}

static void
test_the_anchor_is_read_and_written(void **state)
{
	struct world *w = *state;
	uint8_t room[1024];
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	struct ksk_lnk_anchor_found found = {
		.ok = true, .count = 1, .anchor = {{.number = 5}}};
	struct ksk_lnk_anchor_written no = {.why = "it is full"};
	const struct ksk_errand *errand;
	struct ksk_checkpoint asked;
	struct ksk_wire body;

	link_worker(w, 0, 1);
	tell_key(w, 0, false);
	assert_true(ksk_errand_anchor_read(&w->crew, 1));
	assert_int_equal(next(w, 0, &body), KSK_LNK_ANCHOR_READ);
	assert_int_equal(ksk_lnk_anchor_found_write(&found, &buf), KSK_OK);
	assert_int_equal(answer(w, 0, &buf), KSK_OK);
	errand = ksk_errand_ended(&w->crew, KSK_ERRAND_ANCHOR);
	assert_int_equal(errand->stage, KSK_ERRAND_DONE);
	assert_int_equal(errand->found.anchor[0].number, 5);
	ksk_errand_over(&w->crew);
	assert_true(
		ksk_errand_anchor_write(&w->crew, &checkpoint.what.head, 1));
	assert_int_equal(next(w, 0, &body), KSK_LNK_ANCHOR_WRITE);
	assert_int_equal(ksk_lnk_anchor_write_read(&body, &asked), KSK_OK);
	assert_int_equal(asked.number, 7);
	assert_int_equal(ksk_lnk_anchor_written_write(&no, &buf), KSK_OK);
	assert_int_equal(answer(w, 0, &buf), KSK_OK);
	errand = ksk_errand_ended(&w->crew, KSK_ERRAND_ANCHOR);
	assert_int_equal(errand->stage, KSK_ERRAND_LOST);
	assert_string_equal(errand->why, "it is full");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_the_key_is_asked_for_once_for_each_link),
		T(test_a_checkpoint_goes_to_who_has_the_key),
		T(test_death_loses_it),
		T(test_a_worker_that_hangs_over_it_is_overdue),
		T(test_the_anchor_is_read_and_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
