/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_timeline - what released answers leave behind, what folds, what is
 * forgotten, what a restart finds, and that the records say the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/signer/timeline_internal.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW 1800000000u
#define DAY 86400u
#define TTL 3600u

static const uint8_t appliance[KSK_ID_LEN] = "0123456789abcdef";
static const uint8_t some_pin[KSK_PIN_LEN] = {1, 2, 3};

static const struct ksk_zone policy = {.ttl = TTL,
	.validity = 14 * DAY,
	.refresh = 5 * DAY,
	.inception_offset = 3600,
	.zone_max_ttl = DAY,
	.propagation = 3600,
	.sign_delay = 3600,
	.parent_ds_ttl = DAY,
	.parent_propagation = 3600};

static struct {
	char folder[64], path[96], mark[96];
	struct ksk_journal *journal;
	struct ksk_timelines *all;
	struct ksk_name zone;
	struct ksk_timeline *timeline;
} t;

static void
open_all(void)
{
	struct ksk_fault fault = {.text = ""};
	assert_int_equal(
		ksk_journal_open(t.path, appliance, NOW, &t.journal, &fault),
		KSK_OK);
	assert_int_equal(ksk_timelines_new(t.journal, &t.all, &fault), KSK_OK);
	assert_int_equal(
		ksk_timelines_find(t.all, &t.zone, &t.timeline, &fault),
		KSK_OK);
}

static void
close_all(void)
{
	ksk_timelines_free(&t.all);
	ksk_journal_close(&t.journal);
}

static struct ksk_name
name_of(const char *text)
{
	struct ksk_name name;
	assert_int_equal(
		ksk_name_from_text(text, strlen(text), &name, NULL), KSK_OK);
	return name;
}

static int
setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	snprintf(t.folder, sizeof(t.folder), "/tmp/ksk timeline.XXXXXX");
	assert_non_null(mkdtemp(t.folder));
	snprintf(t.path, sizeof(t.path), "%s/journal.db", t.folder);
	snprintf(t.mark, sizeof(t.mark), "%s/new", t.folder);
	FILE *mark = fopen(t.mark, "w");
	assert_non_null(mark);
	fclose(mark);
	t.zone = name_of("lab.example.");
	open_all();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	static const char *const names[] = {"", "-wal", "-shm"};
	close_all();
	for (size_t i = 0; i < 3; i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s%s", t.path, names[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(t.folder), 0);
	return 0;
}

/* ---- keys and sets by letter: upper case for KSKs ---- */

static uint8_t rdata[256][68];

static struct ksk_span
key_of(char letter)
{
	uint8_t *at = rdata[(uint8_t)letter];
	memset(at, letter, 68);
	at[0] = 1;
	at[1] = letter >= 'A' && letter <= 'Z' ? 1 : 0;
	at[2] = 3;
	at[3] = 13;
	return ksk_span_of(at, 68);
}

static struct ksk_ds
ds_of(char letter)
{
	struct ksk_ds ds;
	assert_int_equal(
		ksk_ds_build(&t.zone, key_of(letter), KSK_DIGEST_SHA256, &ds),
		KSK_OK);
	return ds;
}

/* An answer as a record holds it; keys in upper case sign. */
struct made {
	struct ksk_rrset rrset;
	struct ksk_ds signer[KSK_RRSIG_COUNT_MAX];
	size_t signer_count;
	uint8_t cds[KSK_RDATA_COUNT_MAX][36];
	uint8_t hash[KSK_HASH_LEN];
	struct ksk_release release;
};

static void
make(struct made *m, uint16_t type, const char *letters, uint64_t record,
	uint64_t released)
{
	memset(m, 0, sizeof(*m));
	m->rrset = (struct ksk_rrset){
		.owner = t.zone, .type = type, .ttl = TTL};
	for (const char *l = letters; *l != '\0'; l++) {
		struct ksk_span key = key_of(*l);
		if (type == KSK_TYPE_CDS) {
			struct ksk_buf buf = ksk_buf_of(
				m->cds[m->rrset.count], 36);
			struct ksk_ds ds = ds_of(*l);
			assert_int_equal(ksk_ds_write(&ds, &buf), KSK_OK);
			key = ksk_buf_span(&buf);
		}
		m->rrset.rdata[m->rrset.count++] = key;
		if (type == KSK_TYPE_DNSKEY && *l >= 'A' && *l <= 'Z')
			m->signer[m->signer_count++] = ds_of(*l);
	}
	ksk_rrset_sort(&m->rrset);
	memset(m->hash, (int)record, sizeof(m->hash));
	m->release = (struct ksk_release){.rrset = &m->rrset,
		.window = {released - 3600, released - 3600 + 14 * DAY},
		.signer = m->signer,
		.signer_count = m->signer_count,
		.record = record,
		.hash = m->hash,
		.released = released};
}

static void
add(uint16_t type, const char *letters, uint64_t record, uint64_t released)
{
	static struct made m;
	make(&m, type, letters, record, released);
	ksk_timeline_add(t.timeline, &policy, &m.release);
	assert_true(ksk_history_is_sound(ksk_timeline_history(t.timeline)));
}

static const struct ksk_history *
history(void)
{
	return ksk_timeline_history(t.timeline);
}

static const struct ksk_history_key *
find(char letter)
{
	struct ksk_ds ds = ds_of(letter);
	uint32_t key = ksk_history_find(history(), &ds);
	return key == KSK_HISTORY_NO_KEY ? NULL : &history()->key[key];
}

/* ---- answers ---- */

static void
test_an_answer_is_kept(void **state)
{
	(void)state;
	add(KSK_TYPE_DNSKEY, "Kab", 5, NOW);
	const struct ksk_history *h = history();
	assert_int_equal(h->answer_count, 1);
	const struct ksk_history_answer *a = &h->answer[0];
	assert_int_equal(a->seq, 5 * KSK_SEQ_PER_RECORD);
	assert_int_equal(a->type, KSK_TYPE_DNSKEY);
	assert_int_equal(a->ttl, TTL);
	assert_int_equal(a->inception, NOW - 3600);
	assert_int_equal(a->expiration, NOW - 3600 + 14 * DAY);
	assert_int_equal(a->released, NOW);
	assert_int_equal(a->content.count, 3);
	assert_int_equal(a->hash[0], 5);
	assert_int_equal(ksk_timeline_record(t.timeline, a), 5);
	assert_true(find('K')->ours);
	assert_false(find('a')->ours);
	assert_int_equal(find('a')->exposed, a->expiration);
	assert_int_equal(find('a')->sha384.digest_len, 48);
	assert_null(find('c'));
	size_t signing = 0;
	for (size_t i = 0; i < h->member_count; i++)
		signing += h->member[i].signs;
	assert_int_equal(signing, 1);
	assert_int_equal(ksk_timeline_expires(t.timeline, NOW), a->expiration);
	assert_int_equal(ksk_timeline_expires(t.timeline, NOW - 1), 0);
}

/* Digests that came with the permit are taken for it, those that are missing
 * are made. */
static void
test_known_digests_are_not_made_again(void **state)
{
	static struct made m;
	struct ksk_ds known[3];
	(void)state;
	add(KSK_TYPE_DNSKEY, "Kab", 5, NOW);
	make(&m, KSK_TYPE_DNSKEY, "Kab", 9, NOW + DAY);
	for (size_t i = 0; i < m.rrset.count; i++)
		known[i] = ds_of((char)m.rrset.rdata[i].data[4]);
	known[1] = (struct ksk_ds){.digest_len = 0};
	m.release.key = known;
	ksk_timeline_add(t.timeline, &policy, &m.release);
	assert_int_equal(history()->answer_count, 1);
	assert_int_equal(history()->key_count, 3);
	/* It is believed: another digest is another key. */
	make(&m, KSK_TYPE_DNSKEY, "Kab", 11, NOW + 2 * DAY);
	known[1] = ds_of('c');
	m.release.key = known;
	ksk_timeline_add(t.timeline, &policy, &m.release);
	assert_int_equal(history()->answer_count, 2);
	assert_int_equal(history()->key_count, 4);
	assert_non_null(find('c'));
}

static void
test_a_refresh_folds(void **state)
{
	(void)state;
	add(KSK_TYPE_DNSKEY, "Kab", 5, NOW);
	add(KSK_TYPE_DNSKEY, "Kab", 9, NOW + 5 * DAY);
	assert_int_equal(history()->answer_count, 1);
	assert_int_equal(history()->member_count, 3);
	const struct ksk_history_answer *a = &history()->answer[0];
	assert_int_equal(a->seq, 5 * KSK_SEQ_PER_RECORD);
	assert_int_equal(a->released, NOW);
	assert_int_equal(a->inception, NOW - 3600);
	assert_int_equal(a->expiration, NOW + 19 * DAY - 3600);
	assert_int_equal(a->hash[0], 9);
	assert_int_equal(ksk_timeline_record(t.timeline, a), 9);
	assert_int_equal(find('b')->exposed, a->expiration);
	/* A shorter one takes nothing away. */
	static struct made m;
	make(&m, KSK_TYPE_DNSKEY, "Kab", 11, NOW + 6 * DAY);
	m.release.window.expiration = NOW + 7 * DAY;
	ksk_timeline_add(t.timeline, &policy, &m.release);
	assert_int_equal(
		history()->answer[0].expiration, NOW + 19 * DAY - 3600);
	assert_int_equal(history()->answer[0].hash[0], 11);
}

static void
test_what_differs_does_not_fold(void **state)
{
	(void)state;
	static struct made m;
	add(KSK_TYPE_DNSKEY, "Kab", 5, NOW);
	add(KSK_TYPE_DNSKEY, "Kac", 6, NOW + 1);
	assert_int_equal(history()->answer_count, 2);
	add(KSK_TYPE_DNSKEY, "Kab", 7, NOW + 2);
	assert_int_equal(history()->answer_count, 3);
	make(&m, KSK_TYPE_DNSKEY, "Kab", 8, NOW + 3);
	m.rrset.ttl = TTL + 1;
	ksk_timeline_add(t.timeline, &policy, &m.release);
	assert_int_equal(history()->answer_count, 4);
	make(&m, KSK_TYPE_DNSKEY, "KLab", 9, NOW + 4);
	ksk_timeline_add(t.timeline, &policy, &m.release);
	m.release.signer_count = 1;
	m.release.record = 10;
	ksk_timeline_add(t.timeline, &policy, &m.release);
	assert_int_equal(history()->answer_count, 6);
	/* Ahead: it is not in effect yet. */
	make(&m, KSK_TYPE_DNSKEY, "KLab", 11, NOW + 5);
	m.release.window.inception = NOW + DAY;
	ksk_timeline_add(t.timeline, &policy, &m.release);
	assert_int_equal(history()->answer_count, 7);
	add(KSK_TYPE_DNSKEY, "KLab", 12, NOW + 6);
	assert_int_equal(history()->answer_count, 8);
	assert_int_equal(history()->key_count, 5);
}

static void
test_a_repeated_cds_becomes_the_later_one(void **state)
{
	(void)state;
	add(KSK_TYPE_CDS, "K", 5, NOW);
	add(KSK_TYPE_CDS, "K", 6, NOW + DAY);
	assert_int_equal(history()->answer_count, 2);
	add(KSK_TYPE_CDS, "K", 7, NOW + 2 * DAY);
	assert_int_equal(history()->answer_count, 2);
	const struct ksk_history_answer *a = history()->answer;
	assert_int_equal(a[0].inception, NOW - 3600);
	assert_int_equal(a[1].inception, NOW + 2 * DAY - 3600);
	assert_int_equal(a[1].released, NOW + 2 * DAY);
	assert_int_equal(a[1].seq, 6 * KSK_SEQ_PER_RECORD);
	assert_int_equal(ksk_timeline_record(t.timeline, &a[1]), 7);
	add(KSK_TYPE_CDS, "KL", 8, NOW + 3 * DAY);
	assert_int_equal(history()->answer_count, 3);
	assert_int_equal(history()->ds_count, 4);
}

static void
test_the_delete_form_names_no_key(void **state)
{
	(void)state;
	static struct made m;
	static uint8_t cds[] = {0, 0, 0, 0, 0}, cdnskey[] = {0, 0, 3, 0, 0};
	make(&m, KSK_TYPE_CDS, "", 5, NOW);
	m.rrset.count = 1;
	m.rrset.rdata[0] = ksk_span_of(cds, sizeof(cds));
	ksk_timeline_add(t.timeline, &policy, &m.release);
	m.rrset.type = KSK_TYPE_CDNSKEY;
	m.rrset.rdata[0] = ksk_span_of(cdnskey, sizeof(cdnskey));
	m.release.record = 6;
	ksk_timeline_add(t.timeline, &policy, &m.release);
	assert_int_equal(history()->answer_count, 2);
	assert_int_equal(history()->answer[0].content.count, 0);
	assert_int_equal(history()->answer[1].content.count, 0);
}

static void
test_the_revoked_form_is_the_same_key(void **state)
{
	(void)state;
	static struct made m;
	uint8_t revoked[68];
	add(KSK_TYPE_DNSKEY, "KLa", 5, NOW);
	make(&m, KSK_TYPE_DNSKEY, "KLa", 6, NOW + 1);
	memcpy(revoked, key_of('L').data, sizeof(revoked));
	revoked[1] |= KSK_FLAG_REVOKE;
	for (size_t i = 0; i < m.rrset.count; i++)
		if (ksk_span_equal(m.rrset.rdata[i], key_of('L')))
			m.rrset.rdata[i] = ksk_span_of(revoked, 68);
	ksk_timeline_add(t.timeline, &policy, &m.release);
	assert_int_equal(history()->key_count, 3);
	assert_int_equal(history()->answer_count, 2);
	size_t count = 0;
	for (size_t i = 0; i < history()->member_count; i++)
		count += history()->member[i].revoked;
	assert_int_equal(count, 1);
}

static void
test_proofs_are_remembered(void **state)
{
	(void)state;
	static struct made m;
	struct ksk_ds proven[2] = {ds_of('a'), ds_of('z')};
	make(&m, KSK_TYPE_DNSKEY, "Kab", 5, NOW);
	m.release.proven = proven;
	m.release.proven_count = 2;
	ksk_timeline_add(t.timeline, &policy, &m.release);
	assert_true(find('a')->proven);
	assert_false(find('b')->proven);
	assert_null(find('z'));
}

static void
attest(const char *letters, uint64_t seen, uint64_t wait, uint64_t time)
{
	struct ksk_ds ds[4];
	struct ksk_attest a = {.has_attested = letters != NULL,
		.seen = seen,
		.ds = ds,
		.has_waits = wait != 0,
		.zone_max_ttl = wait,
		.parent_ds_ttl = wait,
		.time = time};
	for (; letters != NULL && *letters != '\0'; letters++)
		ds[a.ds_count++] = ds_of(*letters);
	assert_int_equal(ksk_timeline_attest(t.timeline, &a), KSK_OK);
}

static void
test_adoption_on_an_empty_timeline_has_a_ghost(void **state)
{
	(void)state;
	static struct made m;
	attest("K", NOW - DAY, 0, NOW);
	make(&m, KSK_TYPE_DNSKEY, "KLab", 5, NOW);
	m.release.adopted = true;
	ksk_timeline_add(t.timeline, &policy, &m.release);
	const struct ksk_history *h = history();
	assert_int_equal(h->answer_count, 2);
	assert_true(h->answer[0].ghost);
	assert_int_equal(h->answer[0].seq, 5 * KSK_SEQ_PER_RECORD - 1);
	assert_int_equal(h->answer[0].content.count, 1);
	assert_int_equal(ksk_timeline_record(t.timeline, &h->answer[0]), 0);
	assert_false(h->answer[1].ghost);
	/* A second one has none. */
	make(&m, KSK_TYPE_DNSKEY, "Kabc", 6, NOW + 1);
	m.release.adopted = true;
	ksk_timeline_add(t.timeline, &policy, &m.release);
	assert_int_equal(h->answer_count, 3);
}

static void
test_the_same_set_is_found(void **state)
{
	(void)state;
	static struct made m;
	make(&m, KSK_TYPE_DNSKEY, "Kab", 5, NOW);
	assert_null(ksk_timeline_same(
		t.timeline, &m.rrset, m.signer, m.signer_count));
	ksk_timeline_add(t.timeline, &policy, &m.release);
	assert_ptr_equal(ksk_timeline_same(t.timeline, &m.rrset, m.signer,
				 m.signer_count),
		&history()->answer[0]);
	assert_null(ksk_timeline_same(t.timeline, &m.rrset, m.signer, 0));
	add(KSK_TYPE_DNSKEY, "Kac", 6, NOW + 1);
	assert_null(ksk_timeline_same(
		t.timeline, &m.rrset, m.signer, m.signer_count));
}

/* ---- what a policy says ---- */

static void
test_waits_that_shrink_are_kept(void **state)
{
	(void)state;
	uint64_t zone_max_ttl, parent_ds_ttl;
	assert_false(
		ksk_timeline_waits(t.timeline, &zone_max_ttl, &parent_ds_ttl));
	attest("K", NOW, DAY, NOW);
	attest(NULL, 0, 2 * DAY, NOW + 1);
	assert_int_equal(history()->wait_count, 0);
	attest(NULL, 0, DAY / 2, NOW + 2);
	assert_int_equal(history()->wait_count, 1);
	assert_int_equal(history()->wait[0].zone_max_ttl, 2 * DAY);
	assert_int_equal(history()->wait[0].unloaded, NOW + 2);
	assert_int_equal(history()->parent_count, 1);
	assert_true(
		ksk_timeline_waits(t.timeline, &zone_max_ttl, &parent_ds_ttl));
	assert_int_equal(zone_max_ttl, DAY / 2);
	/* Until they have passed. */
	ksk_timeline_drop(t.timeline, &policy, NOW + 2 + 2 * DAY - 1);
	assert_int_equal(history()->wait_count, 1);
	ksk_timeline_drop(t.timeline, &policy, NOW + 2 + 2 * DAY);
	assert_int_equal(history()->wait_count, 0);
}

static void
test_snapshots_have_an_end(void **state)
{
	(void)state;
	struct ksk_ds ds = ds_of('K');
	struct ksk_attest a = {
		.has_attested = true, .ds = &ds, .ds_count = 1, .time = NOW};
	enum ksk_err err = KSK_OK;
	size_t count = 0;
	while (count < 10000 && err == KSK_OK) {
		a.seen = NOW + count;
		err = ksk_timeline_attest(t.timeline, &a);
		count += err == KSK_OK;
	}
	assert_int_equal(err, KSK_ERR_NO_ROOM);
	assert_int_equal(history()->parent_count, count);
	assert_true(ksk_history_is_sound(history()));
}

/* ---- what is forgotten ---- */

static void
test_old_answers_are_forgotten(void **state)
{
	(void)state;
	attest("K", NOW, DAY, NOW);
	attest("KL", NOW + 1, 0, NOW);
	add(KSK_TYPE_DNSKEY, "Kax", 5, NOW);
	add(KSK_TYPE_CDS, "K", 6, NOW);
	add(KSK_TYPE_DNSKEY, "Kay", 7, NOW + DAY);
	add(KSK_TYPE_DNSKEY, "Kab", 8, NOW + 2 * DAY);
	assert_int_equal(history()->answer_count, 4);
	add(KSK_TYPE_DNSKEY, "Kabc", 9, NOW + 100 * DAY);
	/* What was replaced long ago is gone, with keys that only it had and
	 * that no signature exposes any more. */
	const struct ksk_history *h = history();
	for (size_t i = 0; i < h->answer_count; i++)
		assert_true(h->answer[i].type == KSK_TYPE_CDS ||
			h->answer[i].seq >= 8 * KSK_SEQ_PER_RECORD);
	assert_int_equal(h->answer_count, 3);
	assert_null(find('x'));
	assert_null(find('y'));
	assert_non_null(find('a'));
	assert_non_null(find('K'));
	/* The run of a began in an answer that is forgotten. */
	assert_int_equal(find('a')->entered, 5 * KSK_SEQ_PER_RECORD);
	assert_int_equal(find('b')->entered, 0);
	assert_int_equal(h->parent_count, 1);
	assert_int_equal(h->parent[0].ds.count, 2);
	struct ksk_ds k = ds_of('K');
	assert_true(ksk_ds_equal(&h->ds[h->parent[0].ds.first], &k));
}

static void
test_nothing_is_forgotten_without_a_policy(void **state)
{
	(void)state;
	static struct made m;
	for (uint64_t i = 0; i < 4; i++) {
		make(&m, KSK_TYPE_DNSKEY, i % 2 == 0 ? "Ka" : "Kb", 5 + i,
			NOW + i * 100 * DAY);
		ksk_timeline_add(t.timeline, NULL, &m.release);
	}
	assert_int_equal(history()->answer_count, 4);
}

static void
test_room_is_told_before_it_ends(void **state)
{
	(void)state;
	uint64_t record = 5;
	while (record < 10000 && ksk_timeline_has_room(t.timeline)) {
		add(KSK_TYPE_DNSKEY, record % 2 == 0 ? "Ka" : "Kb", record,
			NOW + record);
		record++;
	}
	assert_true(record < 10000);
	assert_true(record > 400);
	/* What was judged before still fits. */
	for (unsigned i = 0; i < KSK_TIMELINE_MARGIN; i++) {
		add(KSK_TYPE_DNSKEY, record % 2 == 0 ? "Ka" : "Kb", record,
			NOW + record);
		record++;
	}
}

/* ---- the row ---- */

static void
stage(void)
{
	assert_true(ksk_timelines_has_room(t.all, t.timeline, 0));
	ksk_timelines_stage(t.all, t.timeline, NOW + 10 * DAY);
}

static void
commit(void)
{
	struct ksk_fault fault = {.text = ""};
	assert_int_equal(ksk_journal_commit(t.journal, &fault), KSK_OK);
}

static void
fill(void)
{
	attest("K", NOW - 5, DAY, NOW);
	attest("KL", NOW - 4, DAY / 2, NOW);
	add(KSK_TYPE_DNSKEY, "Kab", 5, NOW);
	add(KSK_TYPE_CDS, "K", 6, NOW);
	add(KSK_TYPE_DNSKEY, "KLabc", 7, NOW + DAY);
	ksk_timeline_count(t.timeline, some_pin, 60, NOW);
}

static void
test_a_restart_finds_the_same(void **state)
{
	(void)state;
	static uint8_t before[65536], after[65536];
	struct ksk_buf a = ksk_buf_of(before, sizeof(before));
	struct ksk_buf b = ksk_buf_of(after, sizeof(after));
	fill();
	assert_int_equal(ksk_timeline_write(t.timeline, &a), KSK_OK);
	assert_true(a.len <= ksk_timeline_body_len(t.timeline));
	stage();
	assert_true(ksk_timelines_is_staged(t.all, t.timeline));
	commit();
	assert_false(ksk_timelines_is_staged(t.all, t.timeline));
	close_all();
	open_all();
	assert_int_equal(ksk_timeline_write(t.timeline, &b), KSK_OK);
	assert_true(ksk_span_equal(ksk_buf_span(&a), ksk_buf_span(&b)));
	/* What was not committed is not there. */
	add(KSK_TYPE_DNSKEY, "Kq", 9, NOW + 2 * DAY);
	stage();
	close_all();
	open_all();
	b.len = 0;
	assert_int_equal(ksk_timeline_write(t.timeline, &b), KSK_OK);
	assert_true(ksk_span_equal(ksk_buf_span(&a), ksk_buf_span(&b)));
}

static void
test_a_change_that_is_not_wanted_is_forgotten(void **state)
{
	(void)state;
	struct ksk_fault fault = {.text = ""};
	fill();
	stage();
	commit();
	size_t count = history()->answer_count;
	add(KSK_TYPE_DNSKEY, "Kq", 9, NOW + 2 * DAY);
	ksk_timelines_forget(t.all, t.timeline);
	assert_int_equal(
		ksk_timelines_find(t.all, &t.zone, &t.timeline, &fault),
		KSK_OK);
	assert_int_equal(history()->answer_count, count);
}

static void
test_a_damaged_row_is_refused(void **state)
{
	(void)state;
	static uint8_t room[65536];
	struct ksk_buf body = ksk_buf_of(room, sizeof(room));
	struct ksk_timeline *other = calloc(1, sizeof(*other));
	assert_non_null(other);
	fill();
	assert_int_equal(ksk_timeline_write(t.timeline, &body), KSK_OK);
	for (size_t len = 0; len < body.len; len++) {
		ksk_timeline_clear(other, &t.zone);
		assert_int_equal(
			ksk_timeline_read(ksk_span_of(room, len), other),
			KSK_ERR_MALFORMED);
	}
	/* Whatever a byte is changed to, it is read as something sound or
	 * refused. */
	for (size_t i = 0; i < body.len; i++) {
		room[i] ^= 0xff;
		ksk_timeline_clear(other, &t.zone);
		if (ksk_timeline_read(ksk_buf_span(&body), other) == KSK_OK)
			assert_true(ksk_history_is_sound(&other->history));
		room[i] ^= 0xff;
	}
	free(other);

	stage();
	commit();
	close_all();
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(t.path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "UPDATE timeline SET body = x'01'",
				 NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	struct ksk_fault fault = {.text = ""};
	assert_int_equal(
		ksk_journal_open(t.path, appliance, NOW, &t.journal, &fault),
		KSK_OK);
	assert_int_equal(ksk_timelines_new(t.journal, &t.all, &fault), KSK_OK);
	assert_int_equal(
		ksk_timelines_find(t.all, &t.zone, &t.timeline, &fault),
		KSK_ERR_MALFORMED);
	assert_non_null(strstr(fault.text, "lab.example."));
}

static enum ksk_err
find_zone(unsigned number)
{
	char text[32];
	struct ksk_fault fault = {.text = ""};
	snprintf(text, sizeof(text), "zone%u.example.", number);
	struct ksk_name name = name_of(text);
	return ksk_timelines_find(t.all, &name, &t.timeline, &fault);
}

/* Thousands of zones need no more memory than a few hundred; what is staged
 * stays until it is durable. */
static void
test_many_zones_take_turns(void **state)
{
	(void)state;
	unsigned staged = 0;
	while (find_zone(staged) == KSK_OK) {
		attest("K", NOW + staged, 0, NOW);
		stage();
		staged++;
		assert_true(staged < 1000);
	}
	assert_true(staged >= 200);
	commit();
	for (unsigned i = 0; i < 3000; i++) {
		if (find_zone(i) != KSK_OK) {
			commit();
			assert_int_equal(find_zone(i), KSK_OK);
		}
		assert_int_equal(history()->parent_count, i < staged);
		if (i >= staged) {
			attest("K", NOW + i, 0, NOW);
			stage();
		}
	}
	commit();
	for (unsigned i = 0; i < 3000; i += 7) {
		assert_int_equal(find_zone(i), KSK_OK);
		assert_int_equal(history()->parent[0].seen, NOW + i);
	}
}

static void
note_expiry(void *ctx, const struct ksk_name *zone, uint64_t expires)
{
	uint64_t *sum = ctx;
	assert_true(ksk_name_equal(zone, &t.zone));
	*sum += expires;
}

static void
test_expiries_are_told(void **state)
{
	(void)state;
	uint64_t sum = 0;
	struct ksk_fault fault = {.text = ""};
	fill();
	stage();
	commit();
	assert_int_equal(
		ksk_timelines_expiries(t.all, note_expiry, &sum, &fault),
		KSK_OK);
	assert_int_equal(sum, NOW - 3600 + 14 * DAY); /* the CDS's */
}

/* ---- rates ---- */

static void
test_rates_move_on(void **state)
{
	(void)state;
	const uint64_t per = 3600, at = NOW - NOW % 3600;
	static const uint8_t other[KSK_PIN_LEN] = {7};
	static const uint8_t pin[KSK_PIN_LEN] = {8};
	for (int i = 0; i < 10; i++)
		ksk_timeline_count(t.timeline, pin, per, at + 100);
	assert_int_equal(
		ksk_timeline_recent(t.timeline, pin, per, at + 200), 10);
	assert_int_equal(
		ksk_timeline_recent(t.timeline, other, per, at + 200), 0);
	/* Half of the period before still counts. */
	assert_int_equal(
		ksk_timeline_recent(t.timeline, pin, per, at + per + per / 2),
		5);
	assert_int_equal(
		ksk_timeline_recent(t.timeline, pin, per, at + 2 * per), 0);
	stage();
	commit();
	close_all();
	open_all();
	assert_int_equal(
		ksk_timeline_recent(t.timeline, pin, per, at + 200), 10);
	/* A clock that went back forgives nothing. */
	assert_int_equal(
		ksk_timeline_recent(t.timeline, pin, per, at - 500), 10);
}

static void
test_more_clients_than_places_take_the_oldest(void **state)
{
	(void)state;
	uint8_t pin[KSK_PIN_LEN] = {0};
	for (unsigned i = 0; i < 100; i++) {
		pin[0] = (uint8_t)i;
		ksk_timeline_count(
			t.timeline, pin, 60, NOW + (uint64_t)i * 600);
	}
	assert_int_equal(
		ksk_timeline_recent(t.timeline, pin, 60, NOW + 99 * 600), 1);
	assert_int_equal(t.timeline->rate_count, KSK_TIMELINE_RATE_MAX);
}

/* ---- the records say the same ---- */

static void
record_attest(const char *letters, uint64_t seen, uint64_t wait, uint64_t time)
{
	struct ksk_record record = {.time = time,
		.kind = KSK_RECORD_ATTEST,
		.has_owner = true,
		.owner = t.zone,
		.has_attested = true,
		.seen = seen,
		.has_waits = true,
		.zone_max_ttl = wait,
		.parent_ds_ttl = wait};
	uint8_t hash[KSK_HASH_LEN];
	for (const char *l = letters; *l != '\0'; l++)
		record.attested[record.attested_count++] = ds_of(*l);
	assert_int_equal(ksk_journal_stage(t.journal, &record, hash), KSK_OK);
	attest(letters, seen, wait, time);
	stage();
}

static void
record_answer(uint16_t type, const char *letters, uint64_t time, bool adopted)
{
	static struct made m;
	make(&m, type, letters, 0, time);
	struct ksk_record record = {.time = time,
		.kind = adopted ? KSK_RECORD_ADOPT : KSK_RECORD_INTENT,
		.has_rrset = true,
		.rrset = m.rrset,
		.has_window = true,
		.window = m.release.window,
		.signer_count = m.signer_count};
	memcpy(record.signer, m.signer, sizeof(record.signer));
	assert_int_equal(ksk_journal_stage(t.journal, &record, m.hash), KSK_OK);
	struct ksk_record result = {.time = time,
		.kind = KSK_RECORD_RESULT,
		.has_about = true,
		.about = record.number};
	if (!adopted)
		assert_int_equal(
			ksk_journal_stage(t.journal, &result, m.hash), KSK_OK);
	m.release.record = adopted ? record.number : result.number;
	m.release.adopted = adopted;
	ksk_timeline_add(t.timeline, &policy, &m.release);
	stage();
}

static void
test_the_records_say_the_same(void **state)
{
	(void)state;
	struct ksk_fault fault = {.text = ""};
	record_attest("K", NOW - DAY, DAY, NOW);
	record_answer(KSK_TYPE_DNSKEY, "Kab", NOW, true);
	record_answer(KSK_TYPE_DNSKEY, "Kabc", NOW + DAY, false);
	record_answer(KSK_TYPE_DNSKEY, "Kabc", NOW + 2 * DAY, false);
	for (unsigned i = 0; i < 5; i++)
		record_answer(KSK_TYPE_CDS, "K", NOW + (3 + i) * DAY, false);
	record_attest("KL", NOW + 8 * DAY, DAY / 2, NOW + 9 * DAY);
	commit();
	record_answer(KSK_TYPE_DNSKEY, "KLac", NOW + 90 * DAY, false);
	record_answer(KSK_TYPE_DNSKEY, "Kac", NOW + 180 * DAY, false);
	commit();
	close_all();
	open_all();
	if (ksk_timelines_check(t.all, &t.zone, &policy, &fault) != KSK_OK)
		fail_msg("%s", fault.text);
	struct ksk_name other = name_of("other.example.");
	assert_int_equal(
		ksk_timelines_check(t.all, &other, &policy, &fault), KSK_OK);
}

static void
test_a_timeline_that_lies_is_found(void **state)
{
	(void)state;
	struct ksk_fault fault = {.text = ""};
	record_answer(KSK_TYPE_DNSKEY, "Kab", NOW, false);
	record_answer(KSK_TYPE_DNSKEY, "Kabc", NOW + DAY, false);
	commit();
	assert_int_equal(
		ksk_timelines_check(t.all, &t.zone, &policy, &fault), KSK_OK);
	add(KSK_TYPE_DNSKEY, "Kb", 99, NOW + 2 * DAY);
	assert_int_equal(ksk_timelines_check(t.all, &t.zone, &policy, &fault),
		KSK_ERR_MALFORMED);
	assert_non_null(strstr(fault.text, "number of answers"));
	ksk_timelines_forget(t.all, t.timeline);
	assert_int_equal(
		ksk_timelines_find(t.all, &t.zone, &t.timeline, &fault),
		KSK_OK);
	t.timeline->answer[0].released++;
	assert_int_equal(ksk_timelines_check(t.all, &t.zone, &policy, &fault),
		KSK_ERR_MALFORMED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_answer_is_kept),
		TEST(test_known_digests_are_not_made_again),
		TEST(test_a_refresh_folds),
		TEST(test_what_differs_does_not_fold),
		TEST(test_a_repeated_cds_becomes_the_later_one),
		TEST(test_the_delete_form_names_no_key),
		TEST(test_the_revoked_form_is_the_same_key),
		TEST(test_proofs_are_remembered),
		TEST(test_adoption_on_an_empty_timeline_has_a_ghost),
		TEST(test_the_same_set_is_found),
		TEST(test_waits_that_shrink_are_kept),
		TEST(test_snapshots_have_an_end),
		TEST(test_old_answers_are_forgotten),
		TEST(test_nothing_is_forgotten_without_a_policy),
		TEST(test_room_is_told_before_it_ends),
		TEST(test_a_restart_finds_the_same),
		TEST(test_a_change_that_is_not_wanted_is_forgotten),
		TEST(test_a_damaged_row_is_refused),
		TEST(test_many_zones_take_turns),
		TEST(test_expiries_are_told),
		TEST(test_rates_move_on),
		TEST(test_more_clients_than_places_take_the_oldest),
		TEST(test_the_records_say_the_same),
		TEST(test_a_timeline_that_lies_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
