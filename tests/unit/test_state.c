/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_state - the state of the whole follows tokens and keys, also those that
 * could not be told while a token was away. A worker is played at the other end
 * of a link.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/signer/state.h"
#include "tests/unit/journal_fixture.h"
#include "tests/unit/sample_table.h"

struct world {
	struct ksk_test_journal *journal;
	struct ksk_signer signer;
	struct ksk_zone zone;
	struct ksk_link end; /* the worker's */
	uint8_t packet[KSK_PACKET_MAX];
};

/* One zone of two KSKs: the sample's, and one that no token has. */
static void
load_policy(struct world *w)
{
	struct ksk_signer *s = &w->signer;
	struct ksk_inforce_progress at = {.zone = 0};
	struct ksk_fault fault = {.text = ""};
	int fd = sample_memfd(1, "main", "x");

	assert_int_equal(KSK_OK, ksk_inforce_begin(fd, &s->inforce, &fault));
	close(fd);
	assert_int_equal(KSK_OK,
		ksk_inforce_some(
			s->keyring, &s->inforce, &at, SIZE_MAX, &fault));
	w->zone = s->inforce.table.zones[0];
	w->zone.ksks = (struct ksk_run){0, 2};
	s->inforce.table.zones = &w->zone;
	s->inforce.table.zone_count = 1;
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct ksk_signer *s = &w->signer;
	struct ksk_fault fault = {.text = ""};

	assert_non_null(w);
	assert_int_equal(0, journal_setup((void **)&w->journal));
	s->journal = w->journal->journal;
	s->control.fd = s->frontend.fd = w->end.fd = -1;
	s->start = (struct ksk_start_signer){.job_ms = 2000,
		.token_count = 1,
		.token = {"main"},
		.worker_count = 1,
		.anchor_token = KSK_TOKEN_NONE};
	assert_int_equal(
		KSK_OK, ksk_timelines_new(s->journal, &s->timelines, &fault));
	assert_int_equal(KSK_OK, ksk_keyring_new(&s->start, &s->keyring));
	assert_int_equal(
		KSK_OK, ksk_crew_init(&s->crew, &s->start, s->keyring));
	load_policy(w);
	journal_commit(w->journal);
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
	ksk_outlook_wipe(&s->outlook);
	ksk_inforce_wipe(&s->inforce);
	ksk_timelines_free(&s->timelines);
	ksk_keyring_free(&s->keyring);
	free(s->crew.packet);
	(void)journal_teardown((void **)&w->journal);
	free(w);
	return 0;
}

/* A worker that logs in and looks up its keys: the first is there. */
static void
worker_comes(struct world *w, uint32_t generation, bool second)
{
	struct ksk_crew *crew = &w->signer.crew;
	struct ksk_buf buf = ksk_buf_of(w->packet, sizeof(w->packet));
	uint8_t room[1024];
	struct ksk_buf answer = ksk_buf_of(room, sizeof(room));
	struct ksk_wire_out out = ksk_packet_begin(&answer, KSK_LNK_KEYS_FOUND);
	struct ksk_lnk_key_found first = {
		.slot = 0, .dnskey = ksk_span_of(sample_ksk, 68)};
	struct ksk_lnk_key_found other = {.slot = 1, .why = "not there"};
	struct ksk_wire body;
	size_t none = 0;
	int fds[2];

	if (second) {
		other.dnskey = first.dnskey;
		other.why[0] = '\0';
	}
	ksk_lnk_key_found_put(&out, &first);
	ksk_lnk_key_found_put(&out, &other);
	assert_int_equal(KSK_OK, out.err);
	ksk_link_close(&w->end);
	assert_int_equal(KSK_OK, ksk_link_pair(fds));
	w->end.fd = fds[1];
	ksk_crew_link(crew, 0, generation, fds[0], 1);
	crew->worker[0].audit_asked = true;
	ksk_crew_push(crew, 1);
	assert_int_equal(KSK_OK, ksk_link_recv(&w->end, &buf, NULL, 0, &none));
	assert_int_equal(
		KSK_LNK_KEYS_SET, ksk_packet_open(ksk_buf_span(&buf), &body));
	assert_int_equal(
		KSK_OK, ksk_link_send(&w->end, ksk_buf_span(&answer), NULL, 0));
	assert_int_equal(KSK_OK, ksk_crew_receive(crew, 0, 1));
}

static enum ksk_state
review(struct world *w, uint64_t now_ms)
{
	ksk_state_review(&w->signer, now_ms);
	return w->signer.told_state;
}

static void
test_ready_with_all_keys(void **state)
{
	struct world *w = *state;
	assert_int_equal(KSK_STATE_TOKEN_DOWN, review(w, 1000));
	worker_comes(w, 1, true);
	assert_int_equal(KSK_STATE_READY, review(w, 3000));
	ksk_crew_dead(&w->signer.crew, 0, 1, 3001);
	assert_int_equal(KSK_STATE_TOKEN_DOWN, review(w, 3002));
	worker_comes(w, 2, true);
	assert_int_equal(KSK_STATE_READY, review(w, 6000));
}

/* Zones are counted once a minute. While the token is away that hides what is
 * wrong with its keys, and a worker that comes says nothing new. */
static void
test_a_token_that_is_back_still_lacks_a_key(void **state)
{
	struct world *w = *state;
	worker_comes(w, 1, false);
	assert_int_equal(KSK_STATE_KEY_MISSING, review(w, 1000));
	ksk_crew_dead(&w->signer.crew, 0, 1, 1001);
	assert_int_equal(KSK_STATE_TOKEN_DOWN, review(w, 100000));
	worker_comes(w, 2, false);
	(void)review(w, 100100);
	assert_int_equal(KSK_STATE_KEY_MISSING, review(w, 102000));
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_ready_with_all_keys),
		CASE(test_a_token_that_is_back_still_lacks_a_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
