/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of timeline_announced and announced_body: what was accepted is there
 * again after a reopening, keys that still stand in a set are kept as former
 * ones, limits hold, and every damaged body is refused.
 */
#include "appliance/signer/timeline_announced.h"

#include "appliance/signer/announce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW 1800000000u

static struct {
	char folder[64], path[96], mark[96];
	struct ksk_journal *journal;
	struct ksk_timelines *timelines;
	struct ksk_timeline *timeline;
	struct ksk_name zone;
	struct ksk_table table;
	struct ksk_zone entry;
	struct ksk_announcement text;
	uint8_t pin[KSK_PIN_LEN], hash[KSK_HASH_LEN];
	struct ksk_accepted accepted;
	struct ksk_announced_change change;
} t;

static const uint8_t appliance[KSK_ID_LEN] = {1};

static void
find(void)
{
	struct ksk_fault fault = {""};

	if (ksk_timelines_find(t.timelines, &t.zone, &t.timeline, &fault) !=
		KSK_OK)
		fail_msg("%s", fault.text);
}

static void
open_all(void)
{
	struct ksk_fault fault = {""};

	if (ksk_journal_open(t.path, appliance, NOW, &t.journal, &fault) !=
			KSK_OK ||
		ksk_timelines_new(t.journal, &t.timelines, &fault) != KSK_OK)
		fail_msg("%s", fault.text);
	find();
}

static void
close_all(void)
{
	ksk_timelines_free(&t.timelines);
	ksk_journal_close(&t.journal);
}

static int
setup(void **state)
{
	FILE *mark;

	(void)state;
	memset(&t, 0, sizeof(t));
	snprintf(t.folder, sizeof(t.folder), "/tmp/ksk announced.XXXXXX");
	assert_non_null(mkdtemp(t.folder));
	snprintf(t.path, sizeof(t.path), "%s/journal.db", t.folder);
	snprintf(t.mark, sizeof(t.mark), "%s/new", t.folder);
	mark = fopen(t.mark, "w");
	assert_non_null(mark);
	fclose(mark);
	assert_int_equal(
		ksk_name_from_text("lab.example.", 12, &t.zone, NULL), KSK_OK);
	t.accepted = (struct ksk_accepted){.announcement = &t.text,
		.pin = t.pin,
		.hash = t.hash,
		.table = &t.table,
		.zone = &t.entry,
		.now = NOW};
	open_all();
	return 0;
}

static int
teardown(void **state)
{
	static const char *const names[] = {
		"journal.db", "journal.db-wal", "journal.db-shm", "new"};
	char path[128];

	(void)state;
	close_all();
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", t.folder, names[i]);
		(void)unlink(path);
	}
	return rmdir(t.folder);
}

/* Key number n: 256 3 13 and bytes. */
static struct ksk_span
key_number(unsigned n)
{
	static uint8_t keys[256][68];
	uint8_t *k = keys[n % 256];

	memset(k, (int)n, sizeof(keys[0]));
	memcpy(k, "\x01\x00\x03\x0d", 4);
	return ksk_span_of(k, sizeof(keys[0]));
}

static struct ksk_ds
ds_of(unsigned n)
{
	struct ksk_ds ds;

	assert_int_equal(
		ksk_ds_build(&t.zone, key_number(n), KSK_DIGEST_SHA256, &ds),
		KSK_OK);
	return ds;
}

/* An announcement of `count` keys from `first` on. */
static void
say(const char *provider, uint64_t serial, unsigned first, size_t count)
{
	memset(&t.text, 0, sizeof(t.text));
	t.text.zone = t.zone;
	snprintf(t.text.provider, sizeof(t.text.provider), "%s", provider);
	t.text.serial = serial;
	t.text.not_before = NOW - 10;
	t.text.not_after = NOW + 10;
	t.text.key_count = count;
	for (size_t i = 0; i < count; i++)
		t.text.key[i] = (struct ksk_announcement_key){
			.rdata = key_number(first + (unsigned)i),
			.retired = i == 0 ? NOW : KSK_NEVER};
	memset(t.pin, (int)serial, sizeof(t.pin));
	memset(t.hash, (int)serial + 1, sizeof(t.hash));
}

static enum ksk_err
build(void)
{
	return ksk_announced_build(t.timeline, &t.accepted, &t.change);
}

static void
take(void)
{
	struct ksk_fault fault = {""};

	assert_int_equal(build(), KSK_OK);
	t.change.entry.record = 70 + t.text.serial;
	ksk_announced_apply(t.timeline, &t.change);
	assert_true(ksk_announced_has_room(t.timelines));
	ksk_announced_stage(
		t.timelines, t.timeline, t.change.at, t.change.dropped);
	assert_true(ksk_timelines_is_staged(t.timelines, t.timeline));
	assert_int_equal(ksk_journal_commit(t.journal, &fault), KSK_OK);
	assert_true(ksk_history_is_sound(&t.timeline->history));
}

static void
reopen(void)
{
	close_all();
	open_all();
	assert_true(ksk_history_is_sound(&t.timeline->history));
}

/* A set that lists key number n is in effect. */
static void
stands(unsigned n)
{
	struct ksk_history *h = &t.timeline->history;
	size_t at = h->key_count++;

	memset(&t.timeline->key[at], 0, sizeof(t.timeline->key[at]));
	t.timeline->key[at].sha256 = ds_of(n);
	t.timeline->key[at].flags = 256;
	t.timeline->member[h->member_count] = (struct ksk_history_member){
		.key = (uint32_t)at};
	t.timeline->answer[h->answer_count++] = (struct ksk_history_answer){
		.seq = KSK_SEQ_PER_RECORD * (h->answer_count + 1),
		.type = KSK_TYPE_DNSKEY,
		.inception = NOW - 100,
		.expiration = NOW + 100,
		.released = NOW - 100,
		.content = {(uint32_t)h->member_count++, 1}};
}

static const struct ksk_history_announced_key *
key_at(const struct ksk_history_announced *entry, size_t i)
{
	return &t.timeline->history.announced_key[entry->keys.first + i];
}

static void
what_was_accepted_is_there_again(void **state)
{
	const struct ksk_history_announced *entry;

	(void)state;
	say("alpha", 7, 10, 3);
	take();
	say("beta", 8, 20, 1);
	take();
	say("alpha", 9, 30, 2);
	take();
	for (size_t i = 0; i < 2; i++, reopen()) {
		struct ksk_ds ds = ds_of(30);

		assert_int_equal(t.timeline->history.announced_count, 2);
		assert_int_equal(t.timeline->history.announced_key_count, 3);
		entry = ksk_announced_find(&t.timeline->history, "alpha");
		assert_int_equal(entry->serial, 9);
		assert_int_equal(entry->record, 79);
		assert_int_equal(entry->not_before, NOW - 10);
		assert_int_equal(entry->not_after, NOW + 10);
		assert_int_equal(entry->accepted, NOW);
		assert_int_equal(entry->pin[31], 9);
		assert_int_equal(entry->hash[0], 10);
		assert_int_equal(entry->keys.count, 2);
		assert_true(ksk_ds_equal(&key_at(entry, 0)->sha256, &ds));
		assert_int_equal(key_at(entry, 0)->sha384.digest_len, 48);
		assert_int_equal(key_at(entry, 0)->retired, NOW);
		assert_true(key_at(entry, 1)->retired == KSK_NEVER);
		entry = ksk_announced_find(&t.timeline->history, "beta");
		ds = ds_of(20);
		assert_true(ksk_ds_equal(&key_at(entry, 0)->sha256, &ds));
	}
	assert_null(ksk_announced_find(&t.timeline->history, "gamma"));
}

static void
keys_that_stand_in_a_set_are_kept(void **state)
{
	const struct ksk_history_announced *entry;
	struct ksk_ds ds = ds_of(11);

	(void)state;
	say("alpha", 1, 10, 2);
	take();
	stands(11);
	say("alpha", 2, 20, 1);
	take();
	entry = ksk_announced_find(&t.timeline->history, "alpha");
	assert_int_equal(entry->keys.count, 2);
	assert_false(key_at(entry, 0)->former);
	assert_true(key_at(entry, 1)->former);
	assert_true(ksk_ds_equal(&key_at(entry, 1)->sha256, &ds));
	/* Announced again it is no former one. */
	say("alpha", 3, 11, 1);
	take();
	entry = ksk_announced_find(&t.timeline->history, "alpha");
	assert_int_equal(entry->keys.count, 1);
	assert_false(key_at(entry, 0)->former);
	/* While a set is under way all are kept, over one more as well. */
	t.accepted.under_way = true;
	say("alpha", 4, 30, 1);
	take();
	say("alpha", 5, 40, 1);
	take();
	entry = ksk_announced_find(&t.timeline->history, "alpha");
	assert_int_equal(entry->keys.count, 3);
	t.accepted.under_way = false;
	say("alpha", 6, 50, 1);
	take();
	entry = ksk_announced_find(&t.timeline->history, "alpha");
	assert_int_equal(entry->keys.count, 2);
	assert_true(ksk_ds_equal(&key_at(entry, 1)->sha256, &ds));
}

static void
limits_hold(void **state)
{
	struct ksk_history_announced before;

	(void)state;
	t.accepted.under_way = true;
	say("alpha", 1, 0, KSK_PROVIDER_KEY_MAX);
	take();
	say("alpha", 2, 50, KSK_PROVIDER_KEY_MAX);
	take();
	before = t.timeline->announced[0];
	say("alpha", 3, 100, KSK_PROVIDER_KEY_MAX);
	assert_int_equal(build(), KSK_ERR_NO_ROOM);
	assert_memory_equal(&before, &t.timeline->announced[0], sizeof(before));
	t.accepted.under_way = false;
	take();
	reopen();
	assert_int_equal(
		t.timeline->announced[0].keys.count, KSK_PROVIDER_KEY_MAX);
}

static void
providers_that_are_gone_make_room(void **state)
{
	char name[16];

	(void)state;
	for (unsigned i = 0; i < KSK_TIMELINE_ANNOUNCED_MAX; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		say(name, 1, i, 1);
		take();
	}
	/* Theirs could be brought again, were they forgotten. */
	say("more", 1, 200, 1);
	assert_int_equal(build(), KSK_ERR_NO_ROOM);
	t.accepted.now = NOW + 10;
	take();
	assert_string_equal(t.change.dropped, "p0");
	reopen();
	assert_int_equal(t.timeline->history.announced_count,
		KSK_TIMELINE_ANNOUNCED_MAX);
	assert_null(ksk_announced_find(&t.timeline->history, "p0"));
	assert_non_null(ksk_announced_find(&t.timeline->history, "more"));
}

/* Lower only, durable, and nothing else of what was announced changes. */
static void
a_serial_begins_anew(void **state)
{
	struct ksk_signer *signer = calloc(1, sizeof(*signer));
	struct ksk_fault fault = {""};
	const struct ksk_history_announced *entry;
	uint64_t before = 9;

	(void)state;
	assert_non_null(signer);
	signer->journal = t.journal;
	signer->timelines = t.timelines;
	assert_int_equal(ksk_announce_reset_serial(
				 signer, &t.zone, "alpha", 0, &before, &fault),
		KSK_ERR_NOT_FOUND);
	say("alpha", 7, 10, 2);
	take();
	assert_int_equal(ksk_announce_reset_serial(
				 signer, &t.zone, "alpha", 7, &before, &fault),
		KSK_ERR_BAD_INPUT);
	assert_non_null(strstr(fault.text, "lower"));
	assert_int_equal(ksk_journal_staged(t.journal), 0);
	assert_int_equal(ksk_announce_reset_serial(
				 signer, &t.zone, "alpha", 3, &before, &fault),
		KSK_OK);
	assert_int_equal(before, 7);
	assert_int_equal(ksk_journal_commit(t.journal, &fault), KSK_OK);
	free(signer);
	reopen();
	entry = ksk_announced_find(&t.timeline->history, "alpha");
	assert_int_equal(entry->serial, 3);
	assert_int_equal(entry->keys.count, 2);
	assert_int_equal(entry->record, 77);
}

static void
damaged_bodies_are_refused(void **state)
{
	static struct ksk_timeline other;
	static uint8_t room[KSK_ANNOUNCED_BODY_MAX], copy[sizeof(room)];
	struct ksk_buf body = ksk_buf_of(room, sizeof(room));
	struct ksk_buf again = ksk_buf_of(copy, sizeof(copy));
	size_t same = 0;

	(void)state;
	say("alpha", 7, 10, 2);
	take();
	assert_int_equal(ksk_announced_write(&t.timeline->announced[0],
				 t.timeline->announced_key, &body),
		KSK_OK);
	ksk_timeline_clear(&other, &t.zone);
	assert_int_equal(
		ksk_announced_read(ksk_buf_span(&body), &other), KSK_OK);
	assert_int_equal(ksk_announced_write(&other.announced[0],
				 other.announced_key, &again),
		KSK_OK);
	assert_true(ksk_span_equal(ksk_buf_span(&body), ksk_buf_span(&again)));
	for (size_t len = 0; len < body.len; len++) {
		ksk_timeline_clear(&other, &t.zone);
		assert_int_equal(
			ksk_announced_read(ksk_span_of(room, len), &other),
			KSK_ERR_MALFORMED);
	}
	/* What is read with a flipped bit is written back as it is. */
	for (size_t i = 0; i < body.len; i++) {
		room[i] ^= 1;
		ksk_timeline_clear(&other, &t.zone);
		again.len = 0;
		if (ksk_announced_read(ksk_buf_span(&body), &other) == KSK_OK) {
			assert_int_equal(
				ksk_announced_write(&other.announced[0],
					other.announced_key, &again),
				KSK_OK);
			assert_true(ksk_span_equal(
				ksk_buf_span(&body), ksk_buf_span(&again)));
			same++;
		}
		room[i] ^= 1;
	}
	assert_true(same > 0 && same < body.len);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_was_accepted_is_there_again),
		TEST(keys_that_stand_in_a_set_are_kept),
		TEST(limits_hold),
		TEST(providers_that_are_gone_make_room),
		TEST(a_serial_begins_anew),
		TEST(damaged_bodies_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
