/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of journal_read: what is read page by page is the whole journal, its
 * checkpoints stand behind their records, and every reply fits a frame.
 */
#include "tests/unit/audit_pair.h"

#include "appliance/signer/journal_read.h"
#include "protocol/chain.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t appliance[KSK_ID_LEN] = "0123456789abcdef";

struct place {
	char folder[64], path[96];
	struct ksk_journal *journal;
	size_t insert; /* statement that adds a checkpoint */
};

static struct ksk_reply reply, again;
static uint8_t room[KSK_JOURNAL_ROOM], frame[KSK_FRAME_MAX];
static uint8_t filler[KSK_AUDIT_KEY_MAX];
static struct ksk_fault fault;

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	char mark[96];
	assert_non_null(p);
	(void)snprintf(p->folder, sizeof(p->folder), "/tmp/ksk-read.XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	(void)snprintf(p->path, sizeof(p->path), "%s/journal.db", p->folder);
	(void)snprintf(mark, sizeof(mark), "%s/new", p->folder);
	int fd = open(mark, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(KSK_OK,
		ksk_journal_open(
			p->path, appliance, 1000, &p->journal, &fault));
	assert_int_equal(KSK_OK,
		ksk_journal_statement(p->journal,
			"INSERT INTO checkpoint VALUES(?,?,?,?,?)", &p->insert,
			&fault));
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	static const char *const names[] = {
		"journal.db", "journal.db-wal", "journal.db-shm", "new"};
	struct place *p = *state;
	ksk_journal_close(&p->journal);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[128];
		(void)snprintf(
			path, sizeof(path), "%s/%s", p->folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(p->folder);
	free(p);
	return 0;
}

/* Adds records; RSA makes them as large as they can be. */
static void
add_records(struct place *p, size_t count, bool large)
{
	static uint8_t bytes[KSK_RDATA_MAX];
	uint8_t hash[KSK_HASH_LEN];

	for (size_t i = 0; i < count; i++) {
		struct ksk_record record = {
			.time = 2000, .kind = KSK_RECORD_REFUSAL};
		if (large) {
			record.has_rrset = true;
			record.rrset.owner.len = 1;
			record.rrset.count = KSK_RDATA_COUNT_MAX;
			for (size_t n = 0; n < KSK_RDATA_COUNT_MAX; n++)
				record.rrset.rdata[n] = ksk_span_of(
					bytes, KSK_RDATA_MAX - 32 + n);
			record.rrsig_count = KSK_RRSIG_COUNT_MAX;
			for (size_t n = 0; n < KSK_RRSIG_COUNT_MAX; n++)
				record.rrsig[n] = ksk_span_of(
					bytes, KSK_RRSIG_MAX);
		}
		enum ksk_err err = ksk_journal_stage(p->journal, &record, hash);
		if (err == KSK_ERR_NO_ROOM) {
			assert_int_equal(
				KSK_OK, ksk_journal_commit(p->journal, &fault));
			err = ksk_journal_stage(p->journal, &record, hash);
		}
		assert_int_equal(KSK_OK, err);
	}
	assert_int_equal(KSK_OK, ksk_journal_commit(p->journal, &fault));
}

/* Over the journal's head; the signature is not looked at here. */
static void
add_checkpoint(struct place *p, size_t key_len, size_t signature_len)
{
	struct ksk_head head = ksk_journal_head(p->journal);
	const struct ksk_value values[] = {
		{.kind = KSK_VALUE_NUMBER, .number = head.number},
		{.kind = KSK_VALUE_BYTES,
			.bytes = ksk_span_of(head.hash, KSK_HASH_LEN)},
		{.kind = KSK_VALUE_NUMBER, .number = 3000},
		{.kind = KSK_VALUE_BYTES,
			.bytes = ksk_span_of(filler, signature_len)},
		{.kind = KSK_VALUE_BYTES,
			.bytes = ksk_span_of(filler, key_len)},
	};
	assert_int_equal(KSK_OK,
		ksk_journal_stage_row(p->journal, p->insert, values, 5));
	assert_int_equal(KSK_OK, ksk_journal_commit(p->journal, &fault));
}

/* Asks, and asserts that the reply fits a frame and comes back. */
static const struct ksk_journal_reply *
ask(struct place *p, struct ksk_journal_read asked, size_t key_len)
{
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	struct ksk_buf out = ksk_buf_of(frame, sizeof(frame));
	memset(&reply, 0, sizeof(reply));
	reply.number = UINT64_MAX;
	reply.body = KSK_OP_JOURNAL_READ;
	assert_int_equal(KSK_OK,
		ksk_journal_read(p->journal, &asked,
			ksk_span_of(filler, key_len), &buf, &reply.journal_body,
			&fault));
	assert_int_equal(KSK_OK, ksk_reply_write(&reply, &out));
	return &reply.journal_body;
}

struct tally {
	size_t replies, records, checkpoints;
};

/* Reads everything as a client does, and follows the chain. */
static struct tally
read_all(struct place *p, uint64_t from, size_t key_len)
{
	struct tally tally = {0};
	struct ksk_chain *chain = NULL;
	struct ksk_journal_read asked = {.from = from, .most = UINT64_MAX};

	assert_int_equal(KSK_OK, ksk_chain_new(&chain));
	for (;;) {
		const struct ksk_journal_reply *got = ask(p, asked, key_len);
		if (tally.replies++ == 0) {
			struct ksk_export_header header = {.first = from};
			memcpy(header.journal, got->journal, KSK_ID_LEN);
			memcpy(header.before, got->before, KSK_HASH_LEN);
			ksk_chain_start(chain, &header);
		}
		assert_memory_equal(got->before, ksk_chain_state(chain)->hash,
			KSK_HASH_LEN);
		for (size_t i = 0; i < got->record_count; i++)
			assert_int_equal(KSK_OK,
				ksk_chain_record(
					chain, got->record[i], &fault));
		for (size_t i = 0; i < got->checkpoint_count; i++) {
			assert_int_equal(KSK_OK,
				ksk_chain_checkpoint(
					chain, &got->checkpoint[i], &fault));
			asked.has_after = true;
			asked.after = got->checkpoint[i].value.number;
		}
		tally.records += got->record_count;
		tally.checkpoints += got->checkpoint_count;
		asked.from += got->record_count;
		if (got->record_count == 0 && got->checkpoint_count == 0)
			break;
	}
	assert_memory_equal(ksk_chain_state(chain)->hash,
		reply.journal_body.head_hash, KSK_HASH_LEN);
	ksk_chain_free(&chain);
	return tally;
}

static void
test_everything_in_pages(void **state)
{
	struct place *p = *state;
	add_records(p, 700, false);
	add_checkpoint(p, 68, 64);
	add_records(p, 100, false);
	struct tally tally = read_all(p, 0, 68);
	assert_int_equal(tally.records, 801);
	assert_int_equal(tally.checkpoints, 1);
	assert_int_equal(tally.replies, 5); /* 256 + 256 + 256 + 33 + none */
	/* From the middle: the checkpoint is behind record 700. */
	tally = read_all(p, 650, 0);
	assert_int_equal(tally.records, 151);
	assert_int_equal(tally.checkpoints, 1);
}

static void
test_the_largest_records_fit(void **state)
{
	struct place *p = *state;
	for (size_t i = 0; i < 40; i++) {
		add_records(p, 1, true);
		add_checkpoint(p, KSK_AUDIT_KEY_MAX, KSK_SIGNATURE_MAX);
	}
	struct tally tally = read_all(p, 0, KSK_AUDIT_KEY_MAX);
	assert_int_equal(tally.records, 41);
	assert_int_equal(tally.checkpoints, 40);
}

/* More checkpoints than a reply holds, over records that the client has. */
static void
test_many_old_checkpoints(void **state)
{
	struct place *p = *state;
	for (size_t i = 0; i < 80; i++) {
		add_records(p, 1, false);
		add_checkpoint(p, KSK_AUDIT_KEY_MAX, KSK_SIGNATURE_MAX);
	}
	add_records(p, 1, true);
	struct ksk_journal_read asked = {
		.from = 81, .most = 5, .has_after = true, .after = 10};
	size_t checkpoints = 0, records = 0, replies = 0;
	for (;;) {
		const struct ksk_journal_reply *got = ask(
			p, asked, KSK_AUDIT_KEY_MAX);
		for (size_t i = 0; i < got->checkpoint_count; i++)
			assert_int_equal(
				got->checkpoint[i].value.number, ++asked.after);
		checkpoints += got->checkpoint_count;
		records += got->record_count;
		asked.from += got->record_count;
		replies++;
		if (got->checkpoint_count == 0 && got->record_count == 0)
			break;
	}
	assert_int_equal(checkpoints, 70);
	assert_int_equal(records, 1);
	assert_true(replies <= 6);
}

static void
test_a_checkpoint_that_came_later(void **state)
{
	struct place *p = *state;
	add_records(p, 9, false);
	const struct ksk_journal_reply *got = ask(
		p, (struct ksk_journal_read){.from = 0, .most = 100}, 0);
	assert_int_equal(got->record_count, 10);
	assert_int_equal(got->checkpoint_count, 0);
	add_checkpoint(p, 68, 64);
	add_records(p, 1, false);
	/* Without `after` it is not asked for … */
	got = ask(p, (struct ksk_journal_read){.from = 10, .most = 100}, 0);
	assert_int_equal(got->record_count, 1);
	assert_int_equal(got->checkpoint_count, 0);
	/* … with it, it comes. */
	got = ask(p,
		(struct ksk_journal_read){
			.from = 10, .most = 100, .has_after = true, .after = 0},
		0);
	assert_int_equal(got->record_count, 1);
	assert_int_equal(got->checkpoint_count, 1);
	assert_int_equal(got->checkpoint[0].value.number, 9);
	assert_int_equal(got->checkpoint[0].value.time, 3000);
}

static void
test_none_ahead_of_the_records(void **state)
{
	struct place *p = *state;
	add_records(p, 9, false);
	add_checkpoint(p, 68, 64);
	const struct ksk_journal_reply *got = ask(
		p, (struct ksk_journal_read){.from = 0, .most = 9}, 0);
	assert_int_equal(got->record_count, 9);
	assert_int_equal(got->checkpoint_count, 0);
	got = ask(p, (struct ksk_journal_read){.from = 9, .most = 1}, 0);
	assert_int_equal(got->record_count, 1);
	assert_int_equal(got->checkpoint_count, 1);
}

static void
test_where_it_stands(void **state)
{
	struct place *p = *state;
	add_records(p, 4, false);
	add_checkpoint(p, 68, 64);
	struct ksk_head head = ksk_journal_head(p->journal);
	const uint64_t froms[] = {
		0, 5, 1000, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
	for (size_t i = 0; i < sizeof(froms) / sizeof(froms[0]); i++) {
		const struct ksk_journal_reply *got = ask(p,
			(struct ksk_journal_read){.from = froms[i],
				.most = i == 0 ? 0 : 9,
				.has_after = i == 0,
				.after = 0},
			68);
		assert_int_equal(got->record_count, 0);
		assert_int_equal(got->checkpoint_count, 0);
		assert_int_equal(got->head, 4);
		assert_memory_equal(got->head_hash, head.hash, KSK_HASH_LEN);
		assert_memory_equal(got->before, head.hash, KSK_HASH_LEN);
		assert_memory_equal(
			got->journal, ksk_journal_id(p->journal), KSK_ID_LEN);
		assert_int_equal(got->audit_key.len, 68);
	}
	const struct ksk_journal_reply *got = ask(p,
		(struct ksk_journal_read){.from = 0,
			.most = 9,
			.has_after = true,
			.after = UINT64_MAX},
		0);
	assert_int_equal(got->record_count, 5);
	assert_int_equal(got->checkpoint_count, 0);
	assert_int_equal(got->audit_key.len, 0);
}

/* A row that this version never writes is not passed on. */
static void
test_a_broken_row_is_an_error(void **state)
{
	struct place *p = *state;
	const struct ksk_value values[] = {
		{.kind = KSK_VALUE_NUMBER, .number = 0},
		{.kind = KSK_VALUE_BYTES, .bytes = ksk_span_of(filler, 31)},
		{.kind = KSK_VALUE_NUMBER, .number = 3000},
		{.kind = KSK_VALUE_BYTES, .bytes = ksk_span_of(filler, 64)},
		{.kind = KSK_VALUE_BYTES, .bytes = ksk_span_of(filler, 68)},
	};
	struct ksk_journal_read asked = {.from = 0, .most = 9};
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	assert_int_equal(KSK_OK,
		ksk_journal_stage_row(p->journal, p->insert, values, 5));
	assert_int_equal(KSK_OK, ksk_journal_commit(p->journal, &fault));
	fault.text[0] = '\0';
	assert_int_equal(KSK_ERR_IO,
		ksk_journal_read(p->journal, &asked, ksk_span_of(NULL, 0), &buf,
			&again.journal_body, &fault));
	assert_int_not_equal('\0', fault.text[0]);
}

static void
test_the_newest_checkpoint(void **state)
{
	struct place *p = *state;
	const struct ksk_journal_read asked = {.from = 0, .most = 0};
	assert_int_equal(ask(p, asked, 0)->checkpoint_count, 0);
	for (size_t i = 0; i < 3; i++) {
		add_records(p, 5, false);
		add_checkpoint(p, 68, 64);
	}
	add_records(p, 5, false);
	const struct ksk_journal_reply *got = ask(p, asked, 0);
	assert_int_equal(got->record_count, 0);
	assert_int_equal(got->checkpoint_count, 1);
	assert_int_equal(got->checkpoint[0].value.number, 15);
	assert_int_equal(got->head, 20);
}

/* While something is signed reads keep apart; else none waits. */
static void
test_when_the_next_is_read(void **state)
{
	struct place *p = *state;
	static struct ksk_signer signer;
	memset(&signer, 0, sizeof(signer));
	signer.journal = p->journal;
	signer.read_ms = 1000;
	signer.crew.asked = 1;
	assert_int_equal(UINT64_MAX, ksk_journal_read_wait(&signer, 1000));
	signer.reads = 2;
	assert_int_equal(
		KSK_JOURNAL_READ_MS, ksk_journal_read_wait(&signer, 1000));
	assert_int_equal(1,
		ksk_journal_read_wait(&signer, 1000 + KSK_JOURNAL_READ_MS - 1));
	assert_int_equal(
		0, ksk_journal_read_wait(&signer, 1000 + KSK_JOURNAL_READ_MS));
	signer.crew.asked = 0;
	assert_int_equal(0, ksk_journal_read_wait(&signer, 1000));
	signer.crew.queued = 1;
	assert_int_equal(
		KSK_JOURNAL_READ_MS, ksk_journal_read_wait(&signer, 1000));
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_everything_in_pages),
		CASE(test_the_largest_records_fit),
		CASE(test_many_old_checkpoints),
		CASE(test_a_checkpoint_that_came_later),
		CASE(test_none_ahead_of_the_records),
		CASE(test_where_it_stands),
		CASE(test_the_newest_checkpoint),
		CASE(test_when_the_next_is_read),
		CASE(test_a_broken_row_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
