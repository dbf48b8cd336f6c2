/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_crew - jobs and workers: a worker is played at the other end of a link.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/signer/crew.h"
#include "tests/unit/sample_keyring.h"
#include "tests/unit/sample_table.h"

static struct ksk_start_signer start = {.job_ms = 2000,
	.token_count = 1,
	.token = {"main"},
	.worker_count = 2,
	.worker_token = {0, 0}};

struct world {
	struct ksk_keyring *keyring;
	struct ksk_table table;
	uint32_t *map;
	struct ksk_crew crew;
	struct ksk_link end[2]; /* the workers' ends */
	struct ksk_ticket ticket[40];
	uint8_t packet[KSK_PACKET_MAX];
	size_t packet_len;
};

static void
link_worker(struct world *w, uint16_t index, uint32_t generation)
{
	int fds[2];
	assert_int_equal(ksk_link_pair(fds), KSK_OK);
	ksk_link_close(&w->end[index]);
	w->end[index] = (struct ksk_link){.fd = fds[1]};
	ksk_crew_link(&w->crew, index, generation, fds[0], 1);
	/* test_errand.c has the audit key's packets. */
	w->crew.worker[index].audit_asked = true;
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	assert_int_equal(ksk_keyring_new(&start, &w->keyring), KSK_OK);
	int fd = sample_memfd(1, "main", "x");
	assert_int_equal(ksk_table_map(fd, &w->table, NULL), KSK_OK);
	close(fd);
	w->map = sample_keys(w->keyring, &w->table);
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
	free(w->map);
	ksk_table_unmap(&w->table);
	ksk_keyring_free(&w->keyring);
	free(w);
	return 0;
}

/* The next packet at a worker's end; false if there is none. */
static bool
next(struct world *w, uint16_t index, uint16_t want, struct ksk_wire *body)
{
	struct ksk_buf buf = ksk_buf_of(w->packet, sizeof w->packet);
	size_t none;
	enum ksk_err err = ksk_link_recv(&w->end[index], &buf, NULL, 0, &none);
	if (err != KSK_OK)
		return false;
	w->packet_len = buf.len;
	assert_int_equal(ksk_packet_open(ksk_buf_span(&buf), body), want);
	return true;
}

static void
answer(struct world *w, uint16_t index, const struct ksk_buf *buf)
{
	assert_int_equal(
		ksk_link_send(&w->end[index], ksk_buf_span(buf), NULL, 0),
		KSK_OK);
}

/* Answers an open look-up, at a time. why: NULL if the keys are there. */
static void
answer_why(struct world *w, uint16_t index, const char *why, bool forbidden,
	uint64_t now_ms)
{
	struct ksk_wire body;
	assert_true(next(w, index, KSK_LNK_KEYS_SET, &body));
	uint8_t room[4096];
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	struct ksk_wire_out out = ksk_packet_begin(&buf, KSK_LNK_KEYS_FOUND);
	while (ksk_wire_more(&body)) {
		struct ksk_lnk_key key;
		ksk_lnk_key_get(&body, &key);
		struct ksk_lnk_key_found found = {.slot = key.slot,
			.dnskey = ksk_span_of(sample_ksk, sizeof sample_ksk),
			.forbidden = forbidden};
		if (why != NULL) {
			found.dnskey.len = 0;
			ksk_text_copy(found.why, sizeof found.why, why);
		}
		ksk_lnk_key_found_put(&out, &found);
	}
	assert_int_equal(ksk_wire_end(&body), KSK_OK);
	answer(w, index, &buf);
	assert_int_equal(ksk_crew_receive(&w->crew, index, now_ms), KSK_OK);
}

static void
answer_keys(struct world *w, uint16_t index, bool there, uint64_t now_ms)
{
	answer_why(w, index, there ? NULL : "gone", false, now_ms);
}

/* Plays the look-up of all keys. */
static void
find_keys(struct world *w, uint16_t index)
{
	ksk_crew_push(&w->crew, 1);
	answer_keys(w, index, true, 1);
}

static void
both_up(struct world *w)
{
	link_worker(w, 0, 1);
	find_keys(w, 0);
	link_worker(w, 1, 1);
	find_keys(w, 1);
	assert_int_equal(ksk_crew_up(&w->crew, 0), 2);
}

static void
queue(struct world *w, size_t i, uint64_t now_ms)
{
	struct ksk_ticket *ticket = &w->ticket[i];
	static const uint8_t rdata[] = {1, 0, 3, 13, 5};
	memset(ticket, 0, sizeof *ticket);
	struct ksk_rrset *rrset = &ticket->request.sign.rrset;
	rrset->owner = sample_name("a.example.");
	rrset->type = KSK_TYPE_DNSKEY;
	rrset->count = 1;
	rrset->rdata[0] = ksk_span_of(rdata, sizeof rdata);
	ticket->window = (struct ksk_window){1, 2};
	ticket->job_count = 1;
	ticket->job[0].key = w->map[0];
	ksk_crew_queue(&w->crew, ticket, now_ms);
}

/* Reads all SIGN packets of a worker; returns how many jobs came, their
 * numbers in out, and how many packets. */
static size_t
jobs_of(struct world *w, uint16_t index, uint64_t out[64], size_t *packets)
{
	struct ksk_wire body;
	size_t count = 0;
	*packets = 0;
	while (next(w, index, KSK_LNK_SIGN, &body)) {
		size_t in_packet = 0;
		while (ksk_wire_more(&body)) {
			struct ksk_lnk_job job;
			ksk_lnk_job_get(&body, &job);
			out[count++] = job.job;
			in_packet++;
		}
		assert_int_equal(ksk_wire_end(&body), KSK_OK);
		assert_in_range(in_packet, 1, KSK_WORKER_JOBS);
		(*packets)++;
	}
	return count;
}

static void
say(struct world *w, uint16_t index, uint64_t job, uint8_t outcome)
{
	static const uint8_t signature[64] = {7};
	uint8_t room[1024];
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	struct ksk_wire_out out = ksk_packet_begin(&buf, KSK_LNK_SIGNED);
	struct ksk_lnk_signed item = {.job = job, .outcome = outcome};
	if (outcome == KSK_JOB_DONE)
		item.signature = ksk_span_of(signature, sizeof signature);
	else
		ksk_text_copy(item.why, sizeof item.why, "because");
	ksk_lnk_signed_put(&out, &item);
	answer(w, index, &buf);
}

static void
test_no_worker_no_state_ready(void **state)
{
	struct world *w = *state;
	const char *why;
	assert_int_equal(
		ksk_crew_token(&w->crew, 0, &why), KSK_STATE_TOKEN_DOWN);
	assert_string_not_equal(why, "");
	both_up(w);
	assert_int_equal(ksk_crew_token(&w->crew, 0, &why), KSK_STATE_READY);
}

static void
test_what_kskd_says_counts_while_no_worker_is_up(void **state)
{
	struct world *w = *state;
	const char *why;
	struct ksk_ctl_state told = {.state = KSK_STATE_LOCKED};
	ksk_text_copy(told.why, sizeof told.why, "wrong PIN");
	ksk_crew_token_state(&w->crew, &told);
	assert_int_equal(ksk_crew_token(&w->crew, 0, &why), KSK_STATE_LOCKED);
	assert_string_equal(why, "wrong PIN");
	both_up(w);
	assert_int_equal(ksk_crew_token(&w->crew, 0, &why), KSK_STATE_READY);
}

static void
test_jobs_are_spread_and_limited(void **state)
{
	struct world *w = *state;
	both_up(w);
	w->crew.token[0].job_us = 1000;
	for (size_t i = 0; i < 40; i++)
		queue(w, i, 10);
	ksk_crew_push(&w->crew, 10);
	uint64_t jobs[64];
	size_t packets;
	for (uint16_t i = 0; i < 2; i++) {
		size_t count = jobs_of(w, i, jobs, &packets);
		assert_in_range(count, 10, KSK_WORKER_OPEN_MAX);
		assert_in_range(packets, 1, KSK_WORKER_PACKETS);
	}
	assert_int_equal(w->crew.asked + w->crew.queued, 40);
	/* Whoever is done first finds more at once. */
	assert_in_range(w->crew.queued, 10, 20);
}

static void
test_few_jobs_go_to_different_workers(void **state)
{
	struct world *w = *state;
	both_up(w);
	queue(w, 0, 10);
	queue(w, 1, 10);
	ksk_crew_push(&w->crew, 10);
	uint64_t jobs[64];
	size_t packets;
	assert_int_equal(jobs_of(w, 0, jobs, &packets), 1);
	assert_int_equal(jobs_of(w, 1, jobs, &packets), 1);
}

static void
test_a_signature_is_answered_not_yet_signed(void **state)
{
	struct world *w = *state;
	both_up(w);
	queue(w, 0, 10);
	ksk_crew_push(&w->crew, 10);
	assert_true(ksk_crew_owes(&w->crew, 0));
	assert_false(ksk_crew_owes(&w->crew, 1));
	say(w, 0, w->ticket[0].job[0].number, KSK_JOB_DONE);
	assert_int_equal(ksk_crew_receive(&w->crew, 0, 1), KSK_OK);
	assert_int_equal(w->ticket[0].job[0].stage, KSK_JOB_ANSWERED);
	assert_int_equal(w->crew.asked, 0);
	assert_false(ksk_crew_owes(&w->crew, 0));
}

static void
test_an_answer_nobody_asked_for_breaks_the_format(void **state)
{
	struct world *w = *state;
	both_up(w);
	say(w, 0, 4711, KSK_JOB_DONE);
	assert_int_equal(ksk_crew_receive(&w->crew, 0, 1), KSK_ERR_MALFORMED);
	/* Neither may another worker answer. */
	queue(w, 0, 10);
	ksk_crew_push(&w->crew, 10);
	say(w, 1, w->ticket[0].job[0].number, KSK_JOB_DONE);
	assert_int_equal(ksk_crew_receive(&w->crew, 1, 1), KSK_ERR_MALFORMED);
	/* A packet without an answer would keep a worker alive for ever. */
	uint8_t room[16];
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	assert_int_equal(ksk_packet_begin(&buf, KSK_LNK_SIGNED).err, KSK_OK);
	answer(w, 0, &buf);
	assert_int_equal(ksk_crew_receive(&w->crew, 0, 1), KSK_ERR_MALFORMED);
}

static void
test_only_death_lets_a_job_be_asked_again(void **state)
{
	struct world *w = *state;
	both_up(w);
	queue(w, 0, 10);
	ksk_crew_push(&w->crew, 10);
	struct ksk_job *job = &w->ticket[0].job[0];
	assert_int_equal(job->worker, 0);
	ksk_link_close(&w->end[0]);
	assert_int_equal(ksk_crew_receive(&w->crew, 0, 1), KSK_ERR_CLOSED);
	ksk_crew_push(&w->crew, 20);
	assert_int_equal(job->stage, KSK_JOB_ASKED);
	ksk_crew_dead(&w->crew, 0, 99, 20); /* another generation */
	assert_int_equal(job->stage, KSK_JOB_ASKED);
	ksk_crew_dead(&w->crew, 0, 1, 20);
	assert_int_equal(job->stage, KSK_JOB_QUEUED);
	ksk_crew_push(&w->crew, 30);
	assert_int_equal(job->stage, KSK_JOB_ASKED);
	assert_int_equal(job->worker, 1);
	/* The other was asked to prove itself, and did. */
	answer_keys(w, 1, true, 30);
	/* A second death ends it. */
	ksk_crew_dead(&w->crew, 1, 1, 40);
	assert_int_equal(job->stage, KSK_JOB_LOST);
	assert_string_not_equal(w->ticket[0].why, "");
	assert_int_equal(w->crew.asked + w->crew.queued, 0);
}

/* However long a worker had a job before it was dead: another one may have it,
 * and it is waited for as long as by any job. */
static void
test_a_job_that_hung_for_long_is_asked_again(void **state)
{
	struct world *w = *state;
	struct ksk_ctl_worker late;
	const uint64_t one_ms = 10 + 2 * KSK_QUEUE_MS;
	const uint64_t two_ms = one_ms + 2 * KSK_QUEUE_MS;
	both_up(w);
	queue(w, 0, 10);
	ksk_crew_push(&w->crew, 10);
	assert_int_equal(w->ticket[0].job[0].worker, 0);
	assert_true(ksk_crew_overdue(&w->crew, one_ms, &late));
	ksk_crew_dead(&w->crew, 0, 1, one_ms);
	assert_false(ksk_crew_overdue(&w->crew, one_ms, &late));
	ksk_crew_push(&w->crew, one_ms);
	assert_int_equal(w->ticket[0].job[0].stage, KSK_JOB_ASKED);
	assert_int_equal(w->ticket[0].job[0].worker, 1);
	say(w, 1, w->ticket[0].job[0].number, KSK_JOB_DONE);
	assert_int_equal(ksk_crew_receive(&w->crew, 1, one_ms), KSK_OK);
	/* Where there is no other one, its wait begins with the death. */
	queue(w, 1, one_ms);
	ksk_crew_push(&w->crew, one_ms);
	assert_int_equal(w->ticket[1].job[0].worker, 1);
	assert_true(ksk_crew_overdue(&w->crew, two_ms, &late));
	ksk_crew_dead(&w->crew, 1, 1, two_ms);
	assert_false(
		ksk_crew_overdue(&w->crew, two_ms + KSK_QUEUE_MS - 1, &late));
	assert_int_equal(w->ticket[1].job[0].stage, KSK_JOB_QUEUED);
	assert_false(ksk_crew_overdue(&w->crew, two_ms + KSK_QUEUE_MS, &late));
	assert_int_equal(w->ticket[1].job[0].stage, KSK_JOB_LOST);
}

static void
test_a_failed_job_waits_for_its_workers_death(void **state)
{
	struct world *w = *state;
	both_up(w);
	queue(w, 0, 10);
	ksk_crew_push(&w->crew, 10);
	struct ksk_job *job = &w->ticket[0].job[0];
	say(w, 0, job->number, KSK_JOB_FAILED);
	assert_int_equal(ksk_crew_receive(&w->crew, 0, 1), KSK_OK);
	assert_int_equal(job->stage, KSK_JOB_HELD);
	ksk_crew_push(&w->crew, 20);
	assert_int_equal(job->stage, KSK_JOB_HELD);
	ksk_crew_dead(&w->crew, 0, 1, 20);
	/* Not the one beside it: a process that starts after the failure. */
	ksk_crew_push(&w->crew, 30);
	assert_int_equal(job->stage, KSK_JOB_QUEUED);
	/* Other jobs do not wait for that. */
	queue(w, 1, 30);
	ksk_crew_push(&w->crew, 30);
	assert_int_equal(w->ticket[1].job[0].worker, 1);
	link_worker(w, 0, 2);
	find_keys(w, 0);
	ksk_crew_push(&w->crew, 40);
	assert_int_equal(job->stage, KSK_JOB_ASKED);
	assert_int_equal(job->worker, 0);
	assert_int_equal(job->asked, 2);
}

static void
test_what_stands_behind_a_failure_was_not_asked(void **state)
{
	struct world *w = *state;
	link_worker(w, 0, 1);
	find_keys(w, 0);
	w->crew.token[0].job_us = 1000;
	for (size_t i = 0; i < 20; i++)
		queue(w, i, 10);
	ksk_crew_push(&w->crew, 10);
	/* Two packets, 10 and 5, and 5 that were not sent. The worker fails at
	 * the first job, fails the rest of the packet untried and never reads
	 * the second. */
	for (size_t i = 0; i < 10; i++) {
		say(w, 0, w->ticket[i].job[0].number, KSK_JOB_FAILED);
		assert_int_equal(ksk_crew_receive(&w->crew, 0, 11), KSK_OK);
	}
	ksk_crew_dead(&w->crew, 0, 1, 12);
	assert_int_equal(w->ticket[0].job[0].asked, 1);
	for (size_t i = 1; i < 20; i++)
		assert_int_equal(w->ticket[i].job[0].asked, 0);
	assert_int_equal(w->crew.queued, 20);
	assert_int_equal(w->crew.asked, 0);
}

static void
test_the_others_prove_themselves(void **state)
{
	struct world *w = *state;
	struct ksk_wire body;
	both_up(w);
	queue(w, 0, 10);
	ksk_crew_push(&w->crew, 10);
	assert_false(next(w, 1, KSK_LNK_KEYS_SET, &body));
	say(w, 0, w->ticket[0].job[0].number, KSK_JOB_FAILED);
	assert_int_equal(ksk_crew_receive(&w->crew, 0, 11), KSK_OK);
	ksk_crew_push(&w->crew, 11);
	answer_keys(w, 1, true, 12);
	/* Once. */
	ksk_crew_push(&w->crew, 13);
	assert_false(next(w, 1, KSK_LNK_KEYS_SET, &body));
	assert_int_equal(ksk_crew_up(&w->crew, 0), 1);
}

static void
test_a_missing_key_is_looked_for_again(void **state)
{
	struct world *w = *state;
	struct ksk_ctl_worker late;
	uint64_t at[6];
	size_t count = 0;
	struct ksk_keyring_key *key = ksk_keyring_at(w->keyring, 0, 0);
	link_worker(w, 0, 1);
	ksk_crew_push(&w->crew, 1);
	answer_keys(w, 0, false, 1);
	link_worker(w, 1, 1);
	ksk_crew_push(&w->crew, 1);
	answer_keys(w, 1, false, 1);
	assert_int_equal(key->state, KSK_KEY_MISSING);
	/* By one worker, at growing intervals. */
	for (uint64_t now = 2; count < 6; now++) {
		assert_false(ksk_crew_overdue(&w->crew, now, &late));
		ksk_crew_push(&w->crew, now);
		assert_int_equal(w->crew.worker[1].setting, 0);
		if (w->crew.worker[0].setting == 0)
			continue;
		answer_keys(w, 0, false, now);
		at[count++] = now;
	}
	for (size_t i = 2; i < 6; i++) {
		assert_in_range(at[i] - at[i - 1], KSK_AGAIN_LEAST_MS,
			KSK_AGAIN_MOST_MS + 100);
		assert_true(at[i] - at[i - 1] >= at[i - 1] - at[i - 2]);
	}
	/* It is there: the other looks before it signs. */
	assert_false(ksk_crew_overdue(&w->crew, at[5] + 4000, &late));
	ksk_crew_push(&w->crew, at[5] + 4000);
	answer_keys(w, 0, true, at[5] + 4000);
	assert_int_equal(key->state, KSK_KEY_FOUND);
	assert_int_equal(ksk_crew_up(&w->crew, 0), 1);
	ksk_crew_push(&w->crew, at[5] + 4001);
	answer_keys(w, 1, true, at[5] + 4001);
	assert_int_equal(ksk_crew_up(&w->crew, 0), 2);
	/* And nobody looks any more. */
	for (uint64_t now = at[5] + 4002; now < at[5] + 20000; now += 100) {
		assert_false(ksk_crew_overdue(&w->crew, now, &late));
		ksk_crew_push(&w->crew, now);
		assert_int_equal(w->crew.worker[0].setting, 0);
		assert_int_equal(w->crew.worker[1].setting, 0);
	}
}

static void
test_a_token_that_signs_nothing_is_down_until_it_signs(void **state)
{
	struct world *w = *state;
	struct ksk_ctl_worker late;
	const char *why;
	both_up(w);
	queue(w, 0, 10);
	for (uint16_t i = 0; i < 2; i++) {
		ksk_crew_push(&w->crew, 10);
		assert_int_equal(w->ticket[0].job[0].worker, i);
		ksk_crew_dead(&w->crew, i, 1, 11);
	}
	assert_int_equal(w->ticket[0].job[0].stage, KSK_JOB_LOST);
	assert_false(ksk_crew_overdue(&w->crew, 12, &late));
	/* No worker: not worth a wait. */
	assert_false(ksk_crew_worth_a_try(&w->crew, 0));
	link_worker(w, 0, 2);
	find_keys(w, 0);
	/* A worker: down, but each request tries. */
	assert_int_equal(
		ksk_crew_token(&w->crew, 0, &why), KSK_STATE_TOKEN_DOWN);
	assert_non_null(strstr(why, "two workers"));
	assert_true(ksk_crew_worth_a_try(&w->crew, 0));
	queue(w, 1, 20);
	ksk_crew_push(&w->crew, 20);
	say(w, 0, w->ticket[1].job[0].number, KSK_JOB_DONE);
	assert_int_equal(ksk_crew_receive(&w->crew, 0, 21), KSK_OK);
	assert_int_equal(
		ksk_crew_token(&w->crew, 0, &why), KSK_STATE_TOKEN_DOWN);
	ksk_crew_judged(&w->crew, &w->ticket[1].job[0], true, 21);
	assert_int_equal(ksk_crew_token(&w->crew, 0, &why), KSK_STATE_READY);
	/* A wrong signature counts as none. */
	queue(w, 2, 30);
	ksk_crew_push(&w->crew, 30);
	say(w, 0, w->ticket[2].job[0].number, KSK_JOB_DONE);
	assert_int_equal(ksk_crew_receive(&w->crew, 0, 31), KSK_OK);
	ksk_crew_judged(&w->crew, &w->ticket[2].job[0], false, 31);
	assert_int_equal(w->ticket[2].job[0].stage, KSK_JOB_LOST);
	assert_true(ksk_crew_overdue(&w->crew, 31, &late));
	assert_int_equal(
		ksk_crew_token(&w->crew, 0, &why), KSK_STATE_TOKEN_DOWN);
	/* It is up no more, and nobody waits for the next one. */
	assert_int_equal(ksk_crew_up(&w->crew, 0), 0);
	assert_false(ksk_crew_worth_a_try(&w->crew, 0));
	/* With time it is worth its login again. */
	link_worker(w, 0, 3);
	find_keys(w, 0);
	assert_false(ksk_crew_overdue(&w->crew, 31 + KSK_BARREN_MS, &late));
	assert_int_equal(ksk_crew_token(&w->crew, 0, &why), KSK_STATE_READY);
}

/* Whoever tries a token that signs nothing has one try. */
static void
test_a_barren_token_is_asked_once(void **state)
{
	struct world *w = *state;
	both_up(w);
	queue(w, 0, 10);
	for (uint16_t i = 0; i < 2; i++) {
		ksk_crew_push(&w->crew, 10);
		ksk_crew_dead(&w->crew, i, 1, 11);
	}
	assert_true(ksk_crew_is_barren(&w->crew, 0));
	link_worker(w, 0, 2);
	find_keys(w, 0);
	queue(w, 1, 20);
	ksk_crew_push(&w->crew, 20);
	struct ksk_job *job = &w->ticket[1].job[0];
	say(w, 0, job->number, KSK_JOB_FAILED);
	assert_int_equal(ksk_crew_receive(&w->crew, 0, 21), KSK_OK);
	ksk_crew_dead(&w->crew, 0, 2, 22);
	assert_int_equal(job->stage, KSK_JOB_LOST);
	assert_non_null(strstr(w->ticket[1].why, "gives no other one"));
	assert_int_equal(w->crew.asked + w->crew.queued, 0);
}

/* One worker's lie is no reason not to ask the other. */
static void
test_what_a_liar_had_is_asked_elsewhere(void **state)
{
	struct world *w = *state;
	struct ksk_ctl_worker late;
	both_up(w);
	queue(w, 0, 10);
	queue(w, 1, 10);
	queue(w, 2, 10);
	ksk_crew_push(&w->crew, 10);
	assert_int_equal(w->ticket[0].job[0].worker, 0);
	assert_int_equal(w->ticket[2].job[0].worker, 0);
	say(w, 0, w->ticket[0].job[0].number, KSK_JOB_DONE);
	assert_int_equal(ksk_crew_receive(&w->crew, 0, 11), KSK_OK);
	ksk_crew_judged(&w->crew, &w->ticket[0].job[0], false, 11);
	assert_true(ksk_crew_is_barren(&w->crew, 0));
	assert_true(ksk_crew_overdue(&w->crew, 11, &late));
	assert_int_equal(ksk_crew_up(&w->crew, 0), 1);
	ksk_crew_dead(&w->crew, 0, 1, 12);
	assert_int_equal(w->ticket[2].job[0].stage, KSK_JOB_QUEUED);
	ksk_crew_push(&w->crew, 12);
	assert_int_equal(w->ticket[2].job[0].worker, 1);
}

static void
test_requests_do_not_wait_for_a_token_that_stays_away(void **state)
{
	struct world *w = *state;
	struct ksk_ctl_worker late;
	both_up(w);
	assert_false(ksk_crew_overdue(&w->crew, 10, &late));
	ksk_crew_dead(&w->crew, 0, 1, 11);
	ksk_crew_dead(&w->crew, 1, 1, 11);
	assert_false(ksk_crew_overdue(&w->crew, 12, &late));
	assert_true(ksk_crew_worth_a_try(&w->crew, 0));
	assert_false(ksk_crew_overdue(&w->crew, 10 + KSK_QUEUE_MS, &late));
	assert_false(ksk_crew_worth_a_try(&w->crew, 0));
}

static void
kill_both(struct world *w, uint32_t generation, uint64_t now_ms)
{
	ksk_crew_dead(&w->crew, 0, generation, now_ms);
	ksk_crew_dead(&w->crew, 1, generation, now_ms);
}

/* What a restart does not end is known as soon as one shows it. */
static void
test_nobody_waits_once_a_replacement_has_failed(void **state)
{
	struct world *w = *state;
	struct ksk_ctl_worker late;
	const char *why;
	both_up(w);
	assert_false(ksk_crew_overdue(&w->crew, 10, &late));
	kill_both(w, 1, 11);
	queue(w, 0, 12);
	link_worker(w, 0, 2);
	assert_false(ksk_crew_overdue(&w->crew, 13, &late));
	assert_true(ksk_crew_worth_a_try(&w->crew, 0));
	assert_int_equal(w->ticket[0].job[0].stage, KSK_JOB_QUEUED);
	/* It logged in and dies as it looks up its keys. */
	ksk_crew_push(&w->crew, 13);
	ksk_crew_dead(&w->crew, 0, 2, 14);
	assert_false(ksk_crew_worth_a_try(&w->crew, 0));
	assert_false(ksk_crew_overdue(&w->crew, 14, &late));
	assert_int_equal(w->ticket[0].job[0].stage, KSK_JOB_LOST);
	assert_int_equal(w->ticket[0].state, KSK_STATE_TOKEN_DOWN);
	/* While the next one tries nobody waits for it; then all is well. */
	link_worker(w, 0, 3);
	assert_false(ksk_crew_overdue(&w->crew, 15, &late));
	assert_false(ksk_crew_worth_a_try(&w->crew, 0));
	find_keys(w, 0);
	assert_int_equal(ksk_crew_token(&w->crew, 0, &why), KSK_STATE_READY);
	assert_false(ksk_crew_overdue(&w->crew, 16, &late));
	/* And the next time its replacement is waited for again. */
	ksk_crew_dead(&w->crew, 0, 3, 17);
	assert_false(ksk_crew_overdue(&w->crew, 17, &late));
	assert_true(ksk_crew_worth_a_try(&w->crew, 0));
}

static void
test_one_of_two_that_fails_to_start_is_no_outage(void **state)
{
	struct world *w = *state;
	both_up(w);
	ksk_crew_dead(&w->crew, 0, 1, 11);
	link_worker(w, 0, 2);
	ksk_crew_dead(&w->crew, 0, 2, 12);
	ksk_crew_dead(&w->crew, 1, 1, 13);
	assert_true(ksk_crew_worth_a_try(&w->crew, 0));
}

/* kskd's word ends with a login, which is no signature yet. */
static void
test_what_was_told_counts_until_a_worker_is_up(void **state)
{
	struct world *w = *state;
	struct ksk_ctl_worker late;
	struct ksk_ctl_state told = {.state = KSK_STATE_TOKEN_DOWN};
	both_up(w);
	assert_false(ksk_crew_overdue(&w->crew, 10, &late));
	kill_both(w, 1, 11);
	assert_true(ksk_crew_worth_a_try(&w->crew, 0));
	ksk_crew_token_state(&w->crew, &told);
	assert_false(ksk_crew_worth_a_try(&w->crew, 0));
	told.state = KSK_STATE_READY;
	ksk_crew_token_state(&w->crew, &told);
	link_worker(w, 0, 2);
	assert_false(ksk_crew_overdue(&w->crew, 12, &late));
	assert_false(ksk_crew_worth_a_try(&w->crew, 0));
	find_keys(w, 0);
	assert_true(ksk_crew_worth_a_try(&w->crew, 0));
}

/* Answers one job of a worker after some time. */
static void
sign_slowly(struct world *w, size_t i, uint64_t now_ms)
{
	say(w, 0, w->ticket[i].job[0].number, KSK_JOB_DONE);
	assert_int_equal(ksk_crew_receive(&w->crew, 0, now_ms), KSK_OK);
}

static void
test_a_slow_token_is_not_taken_for_a_hung_one(void **state)
{
	struct world *w = *state;
	struct ksk_ctl_worker late;
	link_worker(w, 0, 1);
	find_keys(w, 0);
	for (size_t i = 0; i < 10; i++)
		queue(w, i, 10);
	/* Nothing is known yet: one job per packet; then 900 ms for each. */
	for (uint64_t i = 0; i < 3; i++) {
		ksk_crew_push(&w->crew, 10 + 900 * i);
		assert_int_equal(w->crew.worker[0].open_count, 2);
		assert_false(
			ksk_crew_overdue(&w->crew, 10 + 900 * i + 899, &late));
		sign_slowly(w, i, 10 + 900 * i + 900);
	}
	/* The clock runs from the last answer. */
	assert_false(ksk_crew_overdue(&w->crew, 2710 + 2000, &late));
	assert_true(ksk_crew_overdue(&w->crew, 2710 + 2001, &late));
}

static void
test_a_look_up_has_as_long_as_it_is_known_to_take(void **state)
{
	struct world *w = *state;
	struct ksk_ctl_worker late;
	link_worker(w, 0, 1);
	ksk_crew_push(&w->crew, 1);
	/* Not known: a network HSM takes long. */
	assert_false(ksk_crew_overdue(&w->crew, KSK_LOOK_MS, &late));
	answer_keys(w, 0, true, 501);
	ksk_crew_look_again(&w->crew);
	ksk_crew_push(&w->crew, 600);
	queue(w, 0, 601);
	w->crew.token[0].job_us = 1000;
	ksk_crew_push(&w->crew, 601);
	/* 8 x 500 ms; the job behind it waits its turn. */
	assert_false(ksk_crew_overdue(&w->crew, 4600, &late));
	assert_true(ksk_crew_overdue(&w->crew, 4601, &late));
	ksk_crew_dead(&w->crew, 0, 1, 4602);
	assert_int_equal(w->ticket[0].job[0].asked, 0);
	/* The next one has longer. */
	link_worker(w, 0, 2);
	ksk_crew_push(&w->crew, 5000);
	assert_false(ksk_crew_overdue(&w->crew, 13000, &late));
	assert_true(ksk_crew_overdue(&w->crew, 13001, &late));
}

static void
test_a_refused_job_is_lost_at_once(void **state)
{
	struct world *w = *state;
	both_up(w);
	queue(w, 0, 10);
	ksk_crew_push(&w->crew, 10);
	say(w, 0, w->ticket[0].job[0].number, KSK_JOB_REFUSED);
	assert_int_equal(ksk_crew_receive(&w->crew, 0, 1), KSK_OK);
	assert_int_equal(w->ticket[0].job[0].stage, KSK_JOB_LOST);
	assert_string_equal(w->ticket[0].why, "because");
	/* It may know of a new keymap: its keys are asked for again. */
	ksk_crew_push(&w->crew, 12);
	assert_int_not_equal(w->crew.worker[0].setting, 0);
	assert_int_equal(w->crew.worker[1].setting, 0);
}

static void
test_overdue_is_reported_once(void **state)
{
	struct world *w = *state;
	struct ksk_ctl_worker late;
	both_up(w);
	queue(w, 0, 10);
	ksk_crew_push(&w->crew, 10);
	assert_false(ksk_crew_overdue(&w->crew, 2010, &late));
	assert_true(ksk_crew_overdue(&w->crew, 2011, &late));
	assert_int_equal(late.index, 0);
	assert_int_equal(late.generation, 1);
	assert_false(ksk_crew_overdue(&w->crew, 2012, &late));
	/* It gets nothing new. */
	queue(w, 1, 2012);
	ksk_crew_push(&w->crew, 2012);
	assert_int_equal(w->ticket[1].job[0].worker, 1);
}

static void
test_time_in_which_the_signer_slept_is_nobodys(void **state)
{
	struct world *w = *state;
	struct ksk_ctl_worker late;
	both_up(w);
	queue(w, 0, 10);
	ksk_crew_push(&w->crew, 10);
	ksk_crew_resumed(&w->crew, 900000);
	assert_false(ksk_crew_overdue(&w->crew, 900000, &late));
	assert_false(ksk_crew_overdue(&w->crew, 902000, &late));
	assert_true(ksk_crew_overdue(&w->crew, 902001, &late));
	assert_int_equal(late.index, 0);
}

static void
test_a_wrong_signature_makes_its_worker_overdue(void **state)
{
	struct world *w = *state;
	struct ksk_ctl_worker late;
	both_up(w);
	w->crew.worker[1].wrong = true;
	assert_true(ksk_crew_overdue(&w->crew, 20, &late));
	assert_int_equal(late.index, 1);
}

/* A session that lost what it had is a ruin; the key may well be there. */
static void
test_a_worker_that_loses_a_key_is_replaced(void **state)
{
	struct world *w = *state;
	struct ksk_ctl_worker late;
	both_up(w);
	ksk_crew_look_again(&w->crew);
	ksk_crew_push(&w->crew, 10);
	answer_keys(w, 0, false, 10);
	assert_int_equal(
		ksk_keyring_key(w->keyring, w->map[0])->state, KSK_KEY_FOUND);
	assert_true(ksk_crew_overdue(&w->crew, 11, &late));
	assert_int_equal(late.index, 0);
	/* What its successor does not find is missing. */
	ksk_crew_dead(&w->crew, 0, 1, 12);
	link_worker(w, 0, 2);
	ksk_crew_push(&w->crew, 13);
	answer_keys(w, 0, false, 13);
	assert_int_equal(
		ksk_keyring_key(w->keyring, w->map[0])->state, KSK_KEY_MISSING);
}

/* The KSK of a roll that is over is deleted: no worker is to blame, and nobody
 * looks for it. */
static void
test_a_key_that_no_policy_names_may_go(void **state)
{
	struct world *w = *state;
	struct ksk_ctl_worker late;
	struct ksk_keyring_key *key = ksk_keyring_key(w->keyring, w->map[0]);
	both_up(w);
	ksk_keyring_unname(w->keyring, w->map, w->table.ksk_count);
	ksk_crew_look_again(&w->crew);
	w->crew.worker[0].audit_asked = w->crew.worker[1].audit_asked = true;
	ksk_crew_push(&w->crew, 10);
	answer_keys(w, 0, false, 10);
	answer_keys(w, 1, false, 10);
	assert_int_equal(key->state, KSK_KEY_MISSING);
	for (uint64_t now = 11; now < 20000; now += 100) {
		assert_false(ksk_crew_overdue(&w->crew, now, &late));
		ksk_crew_push(&w->crew, now);
		assert_int_equal(w->crew.worker[0].setting, 0);
		assert_int_equal(w->crew.worker[1].setting, 0);
	}
	/* Named again it is looked for again, and found. */
	free(w->map);
	w->map = sample_keys(w->keyring, &w->table);
	assert_false(ksk_crew_overdue(&w->crew, 20000, &late));
	assert_false(ksk_crew_overdue(&w->crew, 24000, &late));
	ksk_crew_push(&w->crew, 24000);
	answer_keys(w, 0, true, 24000);
	assert_int_equal(key->state, KSK_KEY_FOUND);
	ksk_crew_push(&w->crew, 24001);
	answer_keys(w, 1, true, 24001);
	assert_int_equal(ksk_crew_up(&w->crew, 0), 2);
}

/* A narrower keymap, or an older one: nothing is wrong with its session. */
static void
test_a_worker_that_may_not_have_a_key_lives_on(void **state)
{
	struct world *w = *state;
	struct ksk_ctl_worker late;
	struct ksk_wire body;
	const uint32_t slot = w->map[0];
	both_up(w);
	ksk_crew_look_again(&w->crew);
	ksk_crew_push(&w->crew, 10);
	answer_why(w, 0, "the keymap", true, 10);
	assert_int_equal(
		ksk_keyring_key(w->keyring, slot)->state, KSK_KEY_MISSING);
	answer_why(w, 1, "the keymap", true, 10);
	assert_false(ksk_crew_overdue(&w->crew, 11, &late));
	assert_true(next(w, 0, KSK_LNK_AUDIT_ASK, &body));
	assert_true(next(w, 1, KSK_LNK_AUDIT_ASK, &body));
	/* The keymap is another one, of which the second knows later. */
	ksk_crew_push(&w->crew, 12);
	answer_keys(w, 0, true, 12);
	assert_int_equal(
		ksk_keyring_key(w->keyring, slot)->state, KSK_KEY_FOUND);
	ksk_crew_push(&w->crew, 13);
	answer_why(w, 1, "the keymap", true, 13);
	assert_false(ksk_crew_overdue(&w->crew, 14, &late));
}

/* All that were there when a key was lost may have the same ruin of a session:
 * one that is new must look. */
static void
test_a_lost_key_is_looked_for_by_a_new_process(void **state)
{
	struct world *w = *state;
	struct ksk_ctl_worker late;
	const uint32_t slot = w->map[0];
	both_up(w);
	ksk_crew_dead(&w->crew, 0, 1, 9);
	link_worker(w, 0, 2);
	ksk_crew_push(&w->crew, 10);
	answer_keys(w, 0, false, 10);
	assert_int_equal(
		ksk_keyring_key(w->keyring, slot)->state, KSK_KEY_MISSING);
	/* The one that would look is replaced. */
	assert_true(ksk_crew_overdue(&w->crew, 11, &late));
	assert_int_equal(late.index, 0);
	assert_false(ksk_crew_overdue(&w->crew, 12, &late));
	ksk_crew_dead(&w->crew, 0, 2, 13);
	link_worker(w, 0, 3);
	ksk_crew_push(&w->crew, 14);
	answer_keys(w, 0, false, 14);
	/* The new one goes on looking: no process is lost for it any more. */
	assert_false(ksk_crew_overdue(&w->crew, 5000, &late));
	ksk_crew_push(&w->crew, 5000);
	answer_keys(w, 0, true, 5000);
	assert_int_equal(
		ksk_keyring_key(w->keyring, slot)->state, KSK_KEY_FOUND);
}

/* Some seconds of two workers: one finds its keys, the other does not, whatever
 * process it is. Returns how many of them were replaced. */
static size_t
live(struct world *w, const char *why, bool forbidden, uint64_t from_ms,
	uint64_t to_ms)
{
	struct ksk_ctl_worker late;
	size_t deaths = 0;
	for (uint64_t now = from_ms; now < to_ms; now += 10) {
		while (ksk_crew_overdue(&w->crew, now, &late)) {
			ksk_crew_dead(
				&w->crew, late.index, late.generation, now);
			link_worker(w, late.index, late.generation + 1);
			deaths++;
		}
		ksk_crew_push(&w->crew, now);
		for (uint16_t i = 0; i < 2; i++)
			if (w->crew.worker[i].setting != 0)
				answer_why(w, i, i == 1 ? why : NULL,
					i == 1 && forbidden, now);
	}
	return deaths;
}

static void
check_that_one_signs(struct world *w)
{
	assert_int_equal(
		ksk_keyring_key(w->keyring, w->map[0])->state, KSK_KEY_FOUND);
	assert_int_equal(ksk_crew_up(&w->crew, 0), 2);
	for (size_t i = 0; i < 3; i++) {
		uint64_t jobs[64];
		size_t packets;
		queue(w, i, 60000);
		ksk_crew_push(&w->crew, 60000);
		assert_int_equal(jobs_of(w, 0, jobs, &packets), 1);
		say(w, 0, w->ticket[i].job[0].number, KSK_JOB_DONE);
		assert_int_equal(ksk_crew_receive(&w->crew, 0, 60000), KSK_OK);
	}
}

static void
test_workers_that_disagree_come_to_rest(void **state)
{
	struct world *w = *state;
	both_up(w);
	ksk_crew_dead(&w->crew, 1, 1, 9);
	link_worker(w, 1, 2);
	assert_in_range(live(w, "not here", false, 10, 20000), 1, 4);
	assert_int_equal(live(w, "not here", false, 20000, 40000), 0);
	ksk_crew_look_again(&w->crew);
	w->crew.worker[0].audit_asked = w->crew.worker[1].audit_asked = true;
	assert_int_equal(live(w, "not here", false, 40000, 60000), 0);
	check_that_one_signs(w);
	/* Until it is there for both. */
	ksk_crew_look_again(&w->crew);
	w->crew.worker[0].audit_asked = w->crew.worker[1].audit_asked = true;
	assert_int_equal(live(w, NULL, false, 60000, 61000), 0);
	assert_int_equal(ksk_keyring_key(w->keyring, w->map[0])->apart, 0);
}

/* A process that started while the key was away may never see it: it is not
 * taken for one that can't have it. */
static void
test_a_session_of_when_it_was_away_is_replaced(void **state)
{
	struct world *w = *state;
	struct ksk_keyring_key *key = ksk_keyring_key(w->keyring, w->map[0]);
	both_up(w);
	ksk_crew_dead(&w->crew, 0, 1, 9);
	link_worker(w, 0, 2);
	ksk_crew_push(&w->crew, 10);
	answer_keys(w, 0, false, 10);
	assert_int_equal(key->state, KSK_KEY_MISSING);
	ksk_crew_dead(&w->crew, 1, 1, 11);
	link_worker(w, 1, 2);
	ksk_crew_push(&w->crew, 12);
	answer_keys(w, 1, false, 12);
	/* It comes back; a new process sees it, and then another. */
	ksk_crew_dead(&w->crew, 0, 2, 13);
	link_worker(w, 0, 3);
	ksk_crew_push(&w->crew, 14);
	answer_keys(w, 0, true, 14);
	ksk_crew_push(&w->crew, 15);
	answer_keys(w, 1, false, 15);
	assert_true(w->crew.worker[1].wrong);
	ksk_crew_dead(&w->crew, 1, 2, 16);
	link_worker(w, 1, 3);
	ksk_crew_push(&w->crew, 17);
	answer_keys(w, 1, true, 17);
	assert_int_equal(ksk_crew_up(&w->crew, 0), 2);
	assert_int_equal(key->lacks, 0);
}

static void
test_a_key_that_one_may_not_have_is_the_others(void **state)
{
	struct world *w = *state;
	size_t turns = 0;
	struct ksk_keyring_key *key = ksk_keyring_key(w->keyring, w->map[0]);
	both_up(w);
	ksk_crew_dead(&w->crew, 1, 1, 9);
	link_worker(w, 1, 2);
	for (uint64_t now = 10; now < 60000; now += 100) {
		const enum ksk_key_state before = key->state;
		assert_int_equal(live(w, "too many", true, now, now + 100), 0);
		turns += key->state != before ? 1u : 0u;
	}
	assert_in_range(turns, 0, 2);
	check_that_one_signs(w);
}

static void
test_nobody_waits_for_a_key_that_is_missing(void **state)
{
	struct world *w = *state;
	struct ksk_ctl_worker late;
	both_up(w);
	queue(w, 0, 10);
	ksk_crew_push(&w->crew, 10);
	say(w, 0, w->ticket[0].job[0].number, KSK_JOB_FAILED);
	assert_int_equal(ksk_crew_receive(&w->crew, 0, 11), KSK_OK);
	ksk_crew_dead(&w->crew, 0, 1, 12);
	assert_int_equal(w->ticket[0].job[0].stage, KSK_JOB_QUEUED);
	ksk_crew_dead(&w->crew, 1, 1, 12);
	link_worker(w, 1, 2);
	ksk_crew_push(&w->crew, 13);
	assert_false(ksk_crew_overdue(&w->crew, 13, &late));
	assert_int_equal(w->ticket[0].job[0].stage, KSK_JOB_QUEUED);
	answer_keys(w, 1, false, 14);
	(void)ksk_crew_overdue(&w->crew, 14, &late);
	assert_int_equal(w->ticket[0].job[0].stage, KSK_JOB_LOST);
	assert_int_equal(w->crew.queued, 0);
}

static void
test_waiting_without_a_worker_ends(void **state)
{
	struct world *w = *state;
	struct ksk_ctl_worker late;
	queue(w, 0, 10);
	ksk_crew_push(&w->crew, 10);
	assert_false(ksk_crew_overdue(&w->crew, KSK_QUEUE_MS - 1, &late));
	assert_int_equal(w->ticket[0].job[0].stage, KSK_JOB_QUEUED);
	assert_false(ksk_crew_overdue(&w->crew, 10 + KSK_QUEUE_MS, &late));
	assert_int_equal(w->ticket[0].job[0].stage, KSK_JOB_LOST);
	assert_int_equal(w->ticket[0].state, KSK_STATE_TOKEN_DOWN);
	/* With a known reason it ends at once, with that reason. */
	struct ksk_ctl_state told = {.state = KSK_STATE_LOCKED};
	ksk_text_copy(told.why, sizeof told.why, "wrong PIN");
	ksk_crew_token_state(&w->crew, &told);
	queue(w, 1, 5000);
	assert_false(ksk_crew_overdue(&w->crew, 5001, &late));
	assert_int_equal(w->ticket[1].job[0].stage, KSK_JOB_LOST);
	assert_int_equal(w->ticket[1].state, KSK_STATE_LOCKED);
	assert_string_equal(w->ticket[1].why, "wrong PIN");
}

static void
test_looking_again_leaves_no_gap(void **state)
{
	struct world *w = *state;
	both_up(w);
	ksk_crew_look_again(&w->crew);
	queue(w, 0, 10);
	struct ksk_wire body;
	ksk_crew_push(&w->crew, 10);
	assert_int_equal(w->ticket[0].job[0].stage, KSK_JOB_ASKED);
	assert_int_equal(ksk_crew_up(&w->crew, 0), 2);
	assert_true(next(w, 0, KSK_LNK_KEYS_SET, &body));
}

/* A policy that names one key more: what signed before signs on, and the new
 * key is looked up beside it. */
static void
test_a_further_key_leaves_no_gap(void **state)
{
	struct world *w = *state;
	struct ksk_policy_ksk further = w->table.ksks[0];
	struct ksk_table table = w->table;
	struct ksk_zone zone = w->table.zones[0];
	struct ksk_wire body;
	const char *why;
	uint32_t number;
	both_up(w);
	ksk_text_copy(further.label, sizeof further.label, "further");
	table.ksks = &further;
	zone.ksks = (struct ksk_run){0, 1};
	assert_int_equal(
		ksk_keyring_load_zone(w->keyring, &table, &zone, &number),
		KSK_OK);
	assert_int_equal(
		ksk_keyring_key(w->keyring, number)->state, KSK_KEY_UNSEEN);
	assert_int_equal(ksk_crew_up(&w->crew, 0), 2);
	assert_int_equal(ksk_crew_token(&w->crew, 0, &why), KSK_STATE_READY);
	queue(w, 0, 10);
	ksk_crew_push(&w->crew, 10);
	assert_int_equal(w->ticket[0].job[0].stage, KSK_JOB_ASKED);
	assert_true(next(w, 0, KSK_LNK_KEYS_SET, &body));
	/* One that has not looked up anything yet is not up. */
	ksk_crew_dead(&w->crew, 0, 1, 11);
	ksk_crew_dead(&w->crew, 1, 1, 11);
	link_worker(w, 0, 2);
	assert_int_equal(ksk_crew_up(&w->crew, 0), 0);
	assert_int_equal(
		ksk_crew_token(&w->crew, 0, &why), KSK_STATE_TOKEN_DOWN);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_worker_no_state_ready),
		TEST(test_what_kskd_says_counts_while_no_worker_is_up),
		TEST(test_jobs_are_spread_and_limited),
		TEST(test_few_jobs_go_to_different_workers),
		TEST(test_a_signature_is_answered_not_yet_signed),
		TEST(test_an_answer_nobody_asked_for_breaks_the_format),
		TEST(test_only_death_lets_a_job_be_asked_again),
		TEST(test_a_job_that_hung_for_long_is_asked_again),
		TEST(test_a_failed_job_waits_for_its_workers_death),
		TEST(test_what_stands_behind_a_failure_was_not_asked),
		TEST(test_the_others_prove_themselves),
		TEST(test_a_missing_key_is_looked_for_again),
		TEST(test_a_token_that_signs_nothing_is_down_until_it_signs),
		TEST(test_a_barren_token_is_asked_once),
		TEST(test_what_a_liar_had_is_asked_elsewhere),
		TEST(test_requests_do_not_wait_for_a_token_that_stays_away),
		TEST(test_nobody_waits_once_a_replacement_has_failed),
		TEST(test_one_of_two_that_fails_to_start_is_no_outage),
		TEST(test_what_was_told_counts_until_a_worker_is_up),
		TEST(test_a_slow_token_is_not_taken_for_a_hung_one),
		TEST(test_a_look_up_has_as_long_as_it_is_known_to_take),
		TEST(test_a_refused_job_is_lost_at_once),
		TEST(test_overdue_is_reported_once),
		TEST(test_time_in_which_the_signer_slept_is_nobodys),
		TEST(test_a_wrong_signature_makes_its_worker_overdue),
		TEST(test_a_worker_that_loses_a_key_is_replaced),
		TEST(test_a_key_that_no_policy_names_may_go),
		TEST(test_a_worker_that_may_not_have_a_key_lives_on),
		TEST(test_a_lost_key_is_looked_for_by_a_new_process),
		TEST(test_workers_that_disagree_come_to_rest),
		TEST(test_a_session_of_when_it_was_away_is_replaced),
		TEST(test_a_key_that_one_may_not_have_is_the_others),
		TEST(test_nobody_waits_for_a_key_that_is_missing),
		TEST(test_waiting_without_a_worker_ends),
		TEST(test_looking_again_leaves_no_gap),
		TEST(test_a_further_key_leaves_no_gap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
