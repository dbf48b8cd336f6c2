/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of audit: when a checkpoint is due, what of it is believed, and which
 * nonces are answered. The worker is played at the other end of a link, its
 * audit key is OpenSSL's.
 */
#include "tests/unit/audit_pair.h"

#include "appliance/signer/journal_read.h"
#include "appliance/signer/outbox.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define START_MS 1000u

static const uint8_t appliance[KSK_ID_LEN] = "0123456789abcdef";

struct world {
	struct ksk_signer signer;
	struct ksk_link end; /* the worker's */
	struct audit_pair pair;
	char folder[64], path[96];
	uint8_t packet[KSK_PACKET_MAX];
	struct ksk_lnk_attest asked; /* what the worker was asked last */
};

static struct ksk_fault fault;

static void
open_journal(struct world *w)
{
	assert_int_equal(KSK_OK,
		ksk_journal_open(
			w->path, appliance, 1000, &w->signer.journal, &fault));
	assert_int_equal(
		KSK_OK, ksk_checkpoint_start(&w->signer, START_MS, &fault));
}

static void
answer(struct world *w, const struct ksk_buf *buf)
{
	assert_int_equal(
		KSK_OK, ksk_link_send(&w->end, ksk_buf_span(buf), NULL, 0));
	assert_int_equal(
		KSK_OK, ksk_crew_receive(&w->signer.crew, 0, START_MS));
}

/* The next packet at the worker's end; 0 if there is none. */
static uint16_t
next(struct world *w, struct ksk_wire *body)
{
	struct ksk_buf buf = ksk_buf_of(w->packet, sizeof(w->packet));
	size_t none;
	if (ksk_link_recv(&w->end, &buf, NULL, 0, &none) != KSK_OK)
		return 0;
	return ksk_packet_open(ksk_buf_span(&buf), body);
}

/* The worker says what audit key it has. */
static void
tell_key(struct world *w, bool there)
{
	struct ksk_lnk_audit_found found = {.key = {NULL, 0}};
	uint8_t room[1024];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	struct ksk_wire body;

	ksk_crew_push(&w->signer.crew, START_MS);
	assert_int_equal(KSK_LNK_AUDIT_ASK, next(w, &body));
	if (there)
		found.key = ksk_span_of(w->pair.rdata, sizeof(w->pair.rdata));
	else
		ksk_text_copy(found.why, sizeof(found.why), "none here");
	assert_int_equal(KSK_OK, ksk_lnk_audit_found_write(&found, &buf));
	answer(w, &buf);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct ksk_signer *s = &w->signer;
	char mark[96];
	int fds[2];

	assert_non_null(w);
	s->start = (struct ksk_start_signer){.job_ms = 2000,
		.token_count = 1,
		.token = {"main"},
		.worker_count = 1,
		.anchor_token = KSK_TOKEN_NONE};
	w->pair = audit_pair_make();
	s->frame = malloc(KSK_FRAME_MAX);
	s->reply = calloc(1, sizeof(*s->reply));
	assert_true(s->frame != NULL && s->reply != NULL);
	assert_int_equal(KSK_OK, ksk_tickets_new(&s->tickets));
	assert_int_equal(KSK_OK, ksk_keyring_new(&s->start, &s->keyring));
	assert_int_equal(
		KSK_OK, ksk_crew_init(&s->crew, &s->start, s->keyring));
	assert_int_equal(KSK_OK, ksk_link_pair(fds));
	w->end.fd = fds[1];
	ksk_crew_link(&s->crew, 0, 1, fds[0], START_MS);
	(void)snprintf(w->folder, sizeof(w->folder), "/tmp/ksk-audit.XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	(void)snprintf(w->path, sizeof(w->path), "%s/journal.db", w->folder);
	(void)snprintf(mark, sizeof(mark), "%s/new", w->folder);
	int fd = open(mark, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	open_journal(w);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	static const char *const names[] = {
		"journal.db", "journal.db-wal", "journal.db-shm", "new"};
	struct world *w = *state;
	struct ksk_signer *s = &w->signer;

	ksk_journal_close(&s->journal);
	ksk_audit_wipe(&s->audit);
	ksk_link_close(&w->end);
	ksk_link_close(&s->crew.worker[0].link);
	ksk_keyring_free(&s->keyring);
	ksk_tickets_free(&s->tickets);
	free(s->crew.packet);
	free(s->frame);
	free(s->reply);
	EVP_PKEY_free(w->pair.pkey);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[128];
		(void)snprintf(
			path, sizeof(path), "%s/%s", w->folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(w->folder);
	free(w);
	return 0;
}

static void
add_records(struct world *w, size_t count)
{
	uint8_t hash[KSK_HASH_LEN];
	for (size_t i = 0; i < count; i++) {
		struct ksk_record record = {
			.time = 2000, .kind = KSK_RECORD_REFUSAL};
		if (ksk_journal_stage(w->signer.journal, &record, hash) ==
			KSK_OK)
			continue;
		assert_int_equal(
			KSK_OK, ksk_journal_commit(w->signer.journal, &fault));
		assert_int_equal(KSK_OK,
			ksk_journal_stage(w->signer.journal, &record, hash));
	}
	assert_int_equal(KSK_OK, ksk_journal_commit(w->signer.journal, &fault));
}

/* Was the worker asked for a signature? Of what stands in w->asked. */
static bool
is_asked(struct world *w)
{
	struct ksk_wire body;
	uint16_t nr = next(w, &body);
	if (nr == 0)
		return false;
	assert_int_equal(KSK_LNK_ATTEST, nr);
	assert_int_equal(KSK_OK, ksk_lnk_attest_read(&body, &w->asked));
	return true;
}

/* A turn at a time; returns whether the worker was asked. */
static bool
turn(struct world *w, uint64_t now_ms)
{
	ksk_checkpoint_run(&w->signer, now_ms);
	ksk_proof_run(&w->signer, now_ms);
	return is_asked(w);
}

/* The worker signs what it was asked, with a bit flipped if not right. */
static void
sign(struct world *w, bool right)
{
	uint8_t bytes[KSK_PROOF_BYTES], signature[64], room[1024];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	struct ksk_lnk_attested done = {.outcome = KSK_JOB_DONE,
		.signature = ksk_span_of(signature, sizeof(signature))};
	size_t len = w->asked.has_nonce ? KSK_PROOF_BYTES
					: KSK_CHECKPOINT_BYTES;

	if (w->asked.has_nonce)
		ksk_proof_bytes(&w->asked.what, bytes);
	else
		ksk_checkpoint_bytes(&w->asked.what.head, bytes);
	audit_pair_sign(&w->pair, bytes, len, signature);
	if (!right)
		signature[20] ^= 4;
	assert_int_equal(KSK_OK, ksk_lnk_attested_write(&done, &buf));
	answer(w, &buf);
}

static void
refuse(struct world *w)
{
	uint8_t room[1024];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	struct ksk_lnk_attested done = {
		.outcome = KSK_JOB_REFUSED, .why = "no"};
	assert_int_equal(KSK_OK, ksk_lnk_attested_write(&done, &buf));
	answer(w, &buf);
}

/* ---- checkpoints ---- */

static void
test_due_after_a_minute(void **state)
{
	struct world *w = *state;
	tell_key(w, true);
	assert_false(turn(w, START_MS + KSK_CHECKPOINT_MS - 1));
	assert_true(turn(w, START_MS + KSK_CHECKPOINT_MS));
	struct ksk_head head = ksk_journal_head(w->signer.journal);
	assert_false(w->asked.has_nonce);
	assert_int_equal(w->asked.what.head.number, head.number);
	assert_memory_equal(w->asked.what.head.hash, head.hash, KSK_HASH_LEN);
	assert_memory_equal(w->asked.what.head.journal,
		ksk_journal_id(w->signer.journal), KSK_ID_LEN);
	assert_true(w->asked.what.head.time > 1600000000);
	/* Not twice while it is open. */
	assert_false(turn(w, START_MS + 3 * KSK_CHECKPOINT_MS));
	sign(w, true);
	uint64_t now = START_MS + 3 * KSK_CHECKPOINT_MS;
	assert_false(turn(w, now));
	assert_true(w->signer.audit.has_last);
	assert_int_equal(w->signer.audit.last, head.number);
	/* Without a new record there is nothing to sign … */
	assert_false(turn(w, now + 10 * KSK_CHECKPOINT_MS));
	/* … with one there is. */
	add_records(w, 1);
	assert_true(turn(w, now + 10 * KSK_CHECKPOINT_MS));
}

static void
test_due_after_so_many_records(void **state)
{
	struct world *w = *state;
	tell_key(w, true);
	add_records(w, KSK_CHECKPOINT_RECORDS - 2);
	assert_false(turn(w, START_MS));
	add_records(w, 1);
	assert_true(turn(w, START_MS));
	sign(w, true);
	add_records(w, KSK_CHECKPOINT_RECORDS - 1);
	assert_false(turn(w, START_MS));
	add_records(w, 1);
	assert_true(turn(w, START_MS));
}

static void
test_the_row_outlives_a_restart(void **state)
{
	struct world *w = *state;
	tell_key(w, true);
	add_records(w, 3);
	assert_true(turn(w, START_MS + KSK_CHECKPOINT_MS));
	sign(w, true);
	assert_false(turn(w, START_MS + KSK_CHECKPOINT_MS));
	assert_int_equal(1, ksk_journal_staged(w->signer.journal));
	assert_int_equal(KSK_OK, ksk_journal_commit(w->signer.journal, &fault));
	ksk_journal_close(&w->signer.journal);
	w->signer.audit.has_last = false;
	open_journal(w);
	assert_true(w->signer.audit.has_last);
	assert_int_equal(w->signer.audit.last, 3);
	/* What journal-read gives verifies with the public key alone. */
	static uint8_t room[KSK_JOURNAL_ROOM];
	static struct ksk_journal_reply reply;
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	struct ksk_journal_read asked = {.from = 0, .most = 9};
	struct ksk_verify_key *key = NULL;
	assert_int_equal(KSK_OK,
		ksk_journal_read(w->signer.journal, &asked,
			ksk_span_of(NULL, 0), &buf, &reply, &fault));
	assert_int_equal(1, reply.checkpoint_count);
	assert_int_equal(KSK_OK,
		ksk_verify_key_new(
			ksk_span_of(w->pair.rdata, sizeof(w->pair.rdata)),
			&key));
	assert_int_equal(KSK_OK,
		ksk_checkpoint_verify(key, &reply.checkpoint[0].value,
			reply.checkpoint[0].signature));
	ksk_verify_key_free(&key);
}

static void
test_a_wrong_signature_is_not_kept(void **state)
{
	struct world *w = *state;
	uint64_t now = START_MS + KSK_CHECKPOINT_MS;
	tell_key(w, true);
	assert_true(turn(w, now));
	sign(w, false);
	assert_false(turn(w, now));
	assert_false(w->signer.audit.has_last);
	assert_int_equal(0, ksk_journal_staged(w->signer.journal));
	/* Its worker is replaced. */
	struct ksk_ctl_worker late;
	assert_true(ksk_crew_overdue(&w->signer.crew, now, &late));
	assert_int_equal(0, late.index);
}

static void
test_a_refused_one_is_tried_again(void **state)
{
	struct world *w = *state;
	uint64_t now = START_MS + KSK_CHECKPOINT_MS;
	tell_key(w, true);
	assert_true(turn(w, now));
	refuse(w);
	assert_false(turn(w, now));
	assert_false(turn(w, now + KSK_CHECKPOINT_RETRY_MS - 1));
	assert_true(turn(w, now + KSK_CHECKPOINT_RETRY_MS));
	sign(w, true);
	assert_false(turn(w, now + KSK_CHECKPOINT_RETRY_MS));
	assert_true(w->signer.audit.has_last);
}

static void
test_jobs_go_first_for_a_while(void **state)
{
	struct world *w = *state;
	uint64_t now = START_MS + KSK_CHECKPOINT_MS;
	tell_key(w, true);
	w->signer.crew.queued = 1;
	assert_false(turn(w, now));
	assert_false(turn(w, now + KSK_CHECKPOINT_HURRY_MS - 1));
	assert_true(turn(w, now + KSK_CHECKPOINT_HURRY_MS));
}

static void
test_no_key_no_checkpoint(void **state)
{
	struct world *w = *state;
	tell_key(w, false);
	add_records(w, 2 * KSK_CHECKPOINT_RECORDS);
	assert_false(turn(w, START_MS + 10 * KSK_CHECKPOINT_MS));
	assert_null(ksk_audit_key(&w->signer));
	assert_false(w->signer.audit.has_last);
}

static void
test_not_while_the_journal_is_full(void **state)
{
	struct world *w = *state;
	tell_key(w, true);
	w->signer.journal_full = true;
	assert_false(turn(w, START_MS + KSK_CHECKPOINT_MS));
	w->signer.journal_full = false;
	assert_true(turn(w, START_MS + KSK_CHECKPOINT_MS));
}

static void
test_not_over_a_journal_that_was_put_back(void **state)
{
	struct world *w = *state;
	tell_key(w, true);
	w->signer.anchorage.stage = KSK_ANCHORAGE_RESTORED;
	assert_false(turn(w, START_MS + KSK_CHECKPOINT_MS));
	w->signer.anchorage.stage = KSK_ANCHORAGE_GOOD;
	assert_true(turn(w, START_MS + KSK_CHECKPOINT_MS));
}

/* ---- proofs ---- */

/* A ticket whose reply is ready, with a nonce. */
static struct ksk_ticket *
make_ticket(struct world *w, uint64_t number)
{
	const uint8_t message[] = {0xa0};
	struct ksk_lnk_request item = {
		.frame = ksk_span_of(message, sizeof(message))};
	struct ksk_ticket *ticket = ksk_ticket_take(
		w->signer.tickets, &item, 1, START_MS);
	struct ksk_buf buf = ksk_buf_of(w->signer.frame, KSK_FRAME_MAX);

	assert_non_null(ticket);
	memset(&ticket->request, 0, sizeof(ticket->request));
	ticket->request.number = number;
	ticket->request.has_nonce = true;
	memset(ticket->request.nonce, (int)number, KSK_NONCE_LEN);
	memset(w->signer.reply, 0, sizeof(*w->signer.reply));
	w->signer.reply->number = number;
	assert_int_equal(KSK_OK, ksk_reply_write(w->signer.reply, &buf));
	memcpy(ticket->frame, buf.data, buf.len);
	ticket->frame_len = buf.len;
	return ticket;
}

/* Reads the reply that a ticket holds now. */
static const struct ksk_reply *
read_reply(struct world *w, const struct ksk_ticket *ticket)
{
	assert_int_equal(KSK_OK,
		ksk_reply_read(ksk_span_of(ticket->frame, ticket->frame_len),
			NULL, NULL, w->signer.reply, &fault));
	return w->signer.reply;
}

/* The token counts as up. */
static void
log_in(struct world *w)
{
	tell_key(w, true);
	assert_true(ksk_crew_up(&w->signer.crew, 0) == 1);
}

static void
test_a_nonce_is_answered(void **state)
{
	struct world *w = *state;
	struct ksk_signed_proof proof;
	struct ksk_verify_key *key = NULL;

	log_in(w);
	add_records(w, 5);
	struct ksk_ticket *ticket = make_ticket(w, 7);
	assert_true(ksk_proof_take(&w->signer, ticket));
	assert_true(turn(w, START_MS));
	assert_true(w->asked.has_nonce);
	assert_int_equal(KSK_STAGE_PROOF, ticket->stage);
	sign(w, true);
	assert_false(turn(w, START_MS));
	assert_int_equal(KSK_STAGE_REPLY, ticket->stage);
	const struct ksk_reply *reply = read_reply(w, ticket);
	assert_true(reply->has_proof);
	assert_int_equal(7, reply->number);
	assert_int_equal(KSK_OK, ksk_proof_read(reply->proof, &proof));
	struct ksk_nonce_proof said = {
		.head = proof.head, .state = proof.state};
	memset(said.nonce, 7, KSK_NONCE_LEN);
	assert_int_equal(KSK_OK,
		ksk_verify_key_new(
			ksk_span_of(w->pair.rdata, sizeof(w->pair.rdata)),
			&key));
	assert_int_equal(KSK_OK, ksk_proof_verify(key, &said, proof.signature));
	assert_int_equal(5, proof.head.number);
	assert_int_equal(KSK_STATE_NO_POLICY, proof.state);
	ksk_verify_key_free(&key);
	/* It is answered once. */
	assert_int_equal(0, w->signer.audit.nonces);
	assert_false(turn(w, START_MS + 1));
	assert_int_equal(KSK_STAGE_REPLY, ticket->stage);
}

static void
test_each_in_its_turn(void **state)
{
	struct world *w = *state;
	struct ksk_ticket *ticket[3];

	log_in(w);
	for (uint64_t i = 0; i < 3; i++) {
		ticket[i] = make_ticket(w, i + 1);
		assert_true(ksk_proof_take(&w->signer, ticket[i]));
	}
	assert_true(turn(w, START_MS));
	for (uint64_t i = 0; i < 3; i++) {
		uint8_t number = w->asked.what.nonce[0];
		assert_in_range(number, 1, 3);
		sign(w, true);
		assert_int_equal(i < 2, turn(w, START_MS + 1 + i));
		assert_int_equal(KSK_STAGE_REPLY, ticket[number - 1]->stage);
		assert_true(read_reply(w, ticket[number - 1])->has_proof);
	}
	assert_int_equal(0, w->signer.audit.nonces);
}

static void
test_a_late_proof_is_left_out(void **state)
{
	struct world *w = *state;
	log_in(w);
	struct ksk_ticket *ticket = make_ticket(w, 7);
	assert_true(ksk_proof_take(&w->signer, ticket));
	assert_true(turn(w, START_MS));
	assert_false(turn(w, START_MS + KSK_PROOF_MS));
	assert_int_equal(KSK_STAGE_PROOF, ticket->stage);
	assert_false(turn(w, START_MS + KSK_PROOF_MS + 1));
	assert_int_equal(KSK_STAGE_REPLY, ticket->stage);
	assert_false(read_reply(w, ticket)->has_proof);
	/* What comes after that is for nobody. */
	sign(w, true);
	assert_false(turn(w, START_MS + KSK_PROOF_MS + 2));
	assert_false(read_reply(w, ticket)->has_proof);
	assert_true(ksk_errand_free(&w->signer.crew));
}

static void
test_a_wrong_proof_is_not_given(void **state)
{
	struct world *w = *state;
	log_in(w);
	struct ksk_ticket *ticket = make_ticket(w, 7);
	assert_true(ksk_proof_take(&w->signer, ticket));
	assert_true(turn(w, START_MS));
	sign(w, false);
	assert_false(turn(w, START_MS));
	assert_int_equal(KSK_STAGE_PROOF, ticket->stage);
	assert_true(w->signer.crew.worker[0].wrong);
	assert_false(turn(w, START_MS + KSK_PROOF_MS + 1));
	assert_int_equal(KSK_STAGE_REPLY, ticket->stage);
	assert_false(read_reply(w, ticket)->has_proof);
}

static void
test_a_refused_proof_is_asked_again(void **state)
{
	struct world *w = *state;
	log_in(w);
	struct ksk_ticket *ticket = make_ticket(w, 7);
	assert_true(ksk_proof_take(&w->signer, ticket));
	assert_true(turn(w, START_MS));
	refuse(w);
	assert_true(turn(w, START_MS + 1));
	sign(w, true);
	assert_false(turn(w, START_MS + 2));
	assert_true(read_reply(w, ticket)->has_proof);
}

static void
test_nonces_without_a_key(void **state)
{
	struct world *w = *state;
	struct ksk_ticket *ticket = make_ticket(w, 7);
	/* Nobody has said yet. */
	assert_false(ksk_proof_take(&w->signer, ticket));
	assert_int_equal(KSK_STATUS_NOT_READY, read_reply(w, ticket)->status);
	assert_int_equal(KSK_STAGE_REPLY, ticket->stage);
	tell_key(w, false);
	ticket = make_ticket(w, 8);
	assert_false(ksk_proof_take(&w->signer, ticket));
	assert_int_equal(KSK_STATUS_UNSUPPORTED, read_reply(w, ticket)->status);
	assert_int_equal(0, w->signer.audit.nonces);
}

static void
test_nonces_while_the_token_is_away(void **state)
{
	struct world *w = *state;
	log_in(w);
	ksk_crew_dead(&w->signer.crew, 0, 1, START_MS);
	struct ksk_ticket *ticket = make_ticket(w, 7);
	assert_false(ksk_proof_take(&w->signer, ticket));
	assert_int_equal(KSK_STATUS_NOT_READY, read_reply(w, ticket)->status);
	assert_non_null(strstr(w->signer.reply->text, "token-down"));
}

static void
test_signatures_go_first(void **state)
{
	struct world *w = *state;
	log_in(w);
	struct ksk_ticket *ticket = make_ticket(w, 7);
	assert_true(ksk_proof_take(&w->signer, ticket));
	w->signer.crew.queued = 1;
	assert_false(turn(w, START_MS));
	w->signer.crew.queued = 0;
	assert_true(turn(w, START_MS));
}

/* How many replies come to the frontend. */
static size_t
flush_to(struct world *w, const struct ksk_link *front)
{
	struct ksk_buf buf = ksk_buf_of(w->packet, sizeof(w->packet));
	struct ksk_lnk_reply item;
	struct ksk_wire body;
	size_t count = 0, none = 0;

	assert_false(ksk_outbox_flush(&w->signer));
	if (ksk_link_recv(front, &buf, NULL, 0, &none) != KSK_OK)
		return 0;
	assert_int_equal(
		KSK_LNK_REPLIES, ksk_packet_open(ksk_buf_span(&buf), &body));
	for (; ksk_wire_more(&body); count++)
		ksk_lnk_reply_get(&body, &item);
	assert_int_equal(KSK_OK, ksk_wire_end(&body));
	return count;
}

/* A commit beside the pipeline's own makes replies ready when this turn's look
 * for proofs is over. */
static void
test_a_reply_does_not_leave_before_its_proof(void **state)
{
	struct world *w = *state;
	struct ksk_signer *s = &w->signer;
	struct ksk_ticket *ticket;
	struct ksk_link front;
	int fds[2];

	log_in(w);
	assert_int_equal(KSK_OK, ksk_link_pair(fds));
	s->frontend = (struct ksk_link){.fd = fds[0], .generation = 1};
	front = (struct ksk_link){.fd = fds[1]};
	s->packet = malloc(KSK_PACKET_MAX);
	assert_non_null(s->packet);
	s->owed = 3;
	ticket = make_ticket(w, 7);
	assert_true(ksk_proof_take(s, ticket));
	(void)make_ticket(w, 8);
	assert_int_equal(1, flush_to(w, &front));
	assert_int_equal(1, s->tickets->active_count);
	assert_true(turn(w, START_MS));
	assert_int_equal(0, flush_to(w, &front));
	sign(w, true);
	assert_false(turn(w, START_MS));
	assert_true(read_reply(w, ticket)->has_proof);
	assert_int_equal(1, flush_to(w, &front));
	assert_int_equal(1, s->owed);
	/* Nor is it forgotten that somebody waits for one. */
	assert_true(ksk_proof_take(s, make_ticket(w, 9)));
	ksk_link_close(&s->frontend);
	assert_int_equal(0, flush_to(w, &front));
	assert_true(turn(w, START_MS));
	assert_false(turn(w, START_MS + KSK_PROOF_MS + 1));
	assert_int_equal(0, flush_to(w, &front));
	assert_int_equal(0, s->tickets->active_count);
	assert_int_equal(0, s->audit.nonces);
	ksk_link_close(&front);
	free(s->packet);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_due_after_a_minute),
		CASE(test_due_after_so_many_records),
		CASE(test_the_row_outlives_a_restart),
		CASE(test_a_wrong_signature_is_not_kept),
		CASE(test_a_refused_one_is_tried_again),
		CASE(test_jobs_go_first_for_a_while),
		CASE(test_no_key_no_checkpoint),
		CASE(test_not_while_the_journal_is_full),
		CASE(test_not_over_a_journal_that_was_put_back),
		CASE(test_a_nonce_is_answered),
		CASE(test_each_in_its_turn),
		CASE(test_a_late_proof_is_left_out),
		CASE(test_a_wrong_proof_is_not_given),
		CASE(test_a_refused_proof_is_asked_again),
		CASE(test_nonces_without_a_key),
		CASE(test_nonces_while_the_token_is_away),
		CASE(test_signatures_go_first),
		CASE(test_a_reply_does_not_leave_before_its_proof),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
