/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of chain: a whole export is followed to its end; each flipped bit,
 * each record that is dropped, swapped, said twice or brought from another
 * journal is found.
 */
#include "tests/unit/audit_pair.h"

#include "protocol/chain.h"

#include <stdlib.h>

/* A small export of two appends: records 0..5, a checkpoint over 3 behind 4,
 * a mark; records 6..8, a checkpoint over 8, a mark. */
#define RECORDS 9u
#define ITEM_MAX 32u

struct sample {
	uint8_t bytes[16384];
	struct ksk_buf buf;
	size_t item_count;
	size_t at[ITEM_MAX + 1]; /* where each item begins, and the end */
	enum ksk_export_kind kind[ITEM_MAX];
	uint8_t before[KSK_HASH_LEN]; /* what the first record follows */
	uint8_t hash[RECORDS][KSK_HASH_LEN];
};

static struct audit_pair pair;
static struct sample sample, other, changed;

static void
note(struct sample *s, enum ksk_export_kind kind)
{
	s->kind[s->item_count++] = kind;
	s->at[s->item_count] = s->buf.len;
	assert_true(s->item_count < ITEM_MAX);
}

static struct ksk_checkpoint
checkpoint_over(const struct sample *s, uint64_t number, uint8_t journal)
{
	struct ksk_checkpoint value = {.number = number, .time = 1767225600};
	memset(value.journal, journal, sizeof(value.journal));
	memcpy(value.hash, s->hash[number], KSK_HASH_LEN);
	return value;
}

static void
put_checkpoint(struct sample *s, uint64_t number, uint8_t journal)
{
	uint8_t signature[64];
	struct ksk_checkpoint value = checkpoint_over(s, number, journal);
	struct ksk_signed_checkpoint c = audit_pair_checkpoint(
		&pair, &value, signature);
	assert_int_equal(KSK_OK, ksk_export_checkpoint_put(&s->buf, &c));
	note(s, KSK_EXPORT_CHECKPOINT);
}

static void
put_mark(struct sample *s, uint64_t number)
{
	struct ksk_export_mark mark = {.number = number};
	memcpy(mark.hash, s->hash[number], KSK_HASH_LEN);
	assert_int_equal(KSK_OK, ksk_export_mark_put(&s->buf, &mark));
	note(s, KSK_EXPORT_MARK);
}

static void
put_record(struct sample *s, uint64_t number, uint64_t time)
{
	uint8_t room[1024];
	struct ksk_buf body = ksk_buf_of(room, sizeof(room));
	struct ksk_record record = {.number = number,
		.time = time,
		.kind = number == 0 ? KSK_RECORD_BEGIN : KSK_RECORD_FAILURE,
		.has_about = number > 0,
		.about = number - 1,
		.text = "a sentence"};

	assert_int_equal(KSK_OK, ksk_record_write(&record, &body));
	assert_int_equal(KSK_OK,
		ksk_record_hash(number == 0 ? s->before : s->hash[number - 1],
			ksk_buf_span(&body), s->hash[number]));
	assert_int_equal(KSK_OK,
		ksk_export_put(
			&s->buf, KSK_EXPORT_RECORD, ksk_buf_span(&body)));
	note(s, KSK_EXPORT_RECORD);
}

static void
make_sample(struct sample *s, uint8_t journal, uint64_t time)
{
	struct ksk_export_header header = {.first = 0};

	memset(s, 0, sizeof(*s));
	s->buf = ksk_buf_of(s->bytes, sizeof(s->bytes));
	memset(header.journal, journal, sizeof(header.journal));
	assert_int_equal(KSK_OK, ksk_export_header_put(&s->buf, &header));
	note(s, KSK_EXPORT_HEADER);
	for (uint64_t n = 0; n < 5; n++)
		put_record(s, n, time);
	put_checkpoint(s, 3, journal);
	put_record(s, 5, time);
	put_mark(s, 5);
	for (uint64_t n = 6; n < RECORDS; n++)
		put_record(s, n, time);
	put_checkpoint(s, RECORDS - 1, journal);
	put_mark(s, RECORDS - 1);
}

static int
set_up(void **state)
{
	(void)state;
	pair = audit_pair_make();
	make_sample(&sample, 1, 1767225600);
	make_sample(&other, 2, 1767225601);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	EVP_PKEY_free(pair.pkey);
	return 0;
}

/* Follows bytes to their end; out_state may be NULL. */
static enum ksk_err
follow(struct ksk_span bytes, bool trust, struct ksk_chain_state *out_state,
	struct ksk_fault *fault)
{
	struct ksk_chain *chain = NULL;
	struct ksk_export_item item;
	enum ksk_err err = KSK_OK;

	assert_int_equal(KSK_OK, ksk_chain_new(&chain));
	if (trust)
		assert_int_equal(KSK_OK,
			ksk_chain_trust(chain,
				ksk_span_of(pair.rdata, sizeof(pair.rdata)),
				fault));
	while (err == KSK_OK && bytes.len > 0) {
		err = ksk_export_take(&bytes, &item);
		if (err == KSK_OK)
			err = ksk_chain_item(chain, &item, fault);
	}
	const struct ksk_chain_state *state = ksk_chain_state(chain);
	/* What a caller asks for at the end. */
	if (err == KSK_OK && (!state->marked || (trust && !state->proven)))
		err = KSK_ERR_MALFORMED;
	if (out_state != NULL)
		*out_state = *state;
	ksk_chain_free(&chain);
	return err;
}

static enum ksk_err
follow_changed(void)
{
	struct ksk_fault fault = {""};
	return follow(ksk_buf_span(&changed.buf), true, NULL, &fault);
}

static void
test_a_whole_export(void **state)
{
	(void)state;
	struct ksk_fault fault = {""};
	struct ksk_chain_state end;

	assert_int_equal(
		KSK_OK, follow(ksk_buf_span(&sample.buf), true, &end, &fault));
	assert_int_equal(RECORDS, end.count);
	assert_int_equal(0, end.first);
	assert_int_equal(RECORDS - 1, end.head);
	assert_memory_equal(sample.hash[RECORDS - 1], end.hash, KSK_HASH_LEN);
	assert_int_equal(2, end.checkpoint_count);
	assert_int_equal(RECORDS - 1, end.checkpoint);
	assert_int_equal(1767225600, end.checkpoint_time);
	assert_true(end.proven && end.marked);
	assert_int_equal(
		KSK_OK, follow(ksk_buf_span(&sample.buf), false, &end, &fault));
	assert_false(end.proven);
	assert_int_equal(2, end.checkpoint_count);
}

static void
copy_sample(void)
{
	changed = sample;
	changed.buf.data = changed.bytes;
}

static void
test_every_flipped_bit_is_found(void **state)
{
	(void)state;
	copy_sample();
	for (size_t i = 0; i < changed.buf.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			changed.bytes[i] ^= (uint8_t)(1u << bit);
			if (follow_changed() == KSK_OK)
				fail_msg("byte %zu, bit %u", i, bit);
			changed.bytes[i] ^= (uint8_t)(1u << bit);
		}
	}
	assert_int_equal(KSK_OK, follow_changed());
}

/* Without the audit key what chance does is found, if not what intent does. */
static void
test_a_flipped_bit_is_found_without_a_key(void **state)
{
	(void)state;
	struct ksk_fault fault = {""};

	copy_sample();
	for (size_t i = 0; i < changed.buf.len; i++) {
		/* Signatures, and keys, are not looked at. */
		bool unseen = false;
		for (size_t n = 0; n < changed.item_count; n++)
			if (changed.kind[n] == KSK_EXPORT_CHECKPOINT &&
				i >= changed.at[n] && i < changed.at[n + 1])
				unseen = true;
		if (unseen)
			continue;
		changed.bytes[i] ^= 0x10;
		if (follow(ksk_buf_span(&changed.buf), false, NULL, &fault) ==
			KSK_OK)
			fail_msg("byte %zu", i);
		changed.bytes[i] ^= 0x10;
	}
}

static void
append_item(const struct sample *from, size_t n)
{
	assert_int_equal(KSK_OK,
		ksk_buf_put(&changed.buf, from->bytes + from->at[n],
			from->at[n + 1] - from->at[n]));
}

static void
begin_changed(void)
{
	changed.buf = ksk_buf_of(changed.bytes, sizeof(changed.bytes));
}

static void
test_every_dropped_item_is_found(void **state)
{
	(void)state;
	for (size_t gone = 0; gone < sample.item_count; gone++) {
		begin_changed();
		for (size_t n = 0; n < sample.item_count; n++)
			if (n != gone)
				append_item(&sample, n);
		bool harmless = sample.kind[gone] == KSK_EXPORT_CHECKPOINT ||
			(sample.kind[gone] == KSK_EXPORT_MARK &&
				gone + 1 < sample.item_count);
		/* A checkpoint or a mark less proves as much, as long as one
		 * is left. */
		assert_int_equal(harmless, follow_changed() == KSK_OK);
	}
}

static void
test_every_item_said_twice_is_found(void **state)
{
	(void)state;
	for (size_t twice = 0; twice < sample.item_count; twice++) {
		begin_changed();
		for (size_t n = 0; n < sample.item_count; n++) {
			append_item(&sample, n);
			if (n == twice)
				append_item(&sample, n);
		}
		assert_int_equal(sample.kind[twice] == KSK_EXPORT_MARK,
			follow_changed() == KSK_OK);
	}
}

static size_t
first_checkpoint(void)
{
	size_t n = 0;
	while (sample.kind[n] != KSK_EXPORT_CHECKPOINT)
		n++;
	return n;
}

static void
test_every_swapped_pair_is_found(void **state)
{
	(void)state;
	for (size_t a = 0; a < sample.item_count; a++) {
		for (size_t b = a + 1; b < sample.item_count; b++) {
			if (sample.kind[a] != KSK_EXPORT_RECORD &&
				sample.kind[b] != KSK_EXPORT_RECORD)
				continue;
			begin_changed();
			for (size_t n = 0; n < sample.item_count; n++)
				append_item(&sample,
					n == a           ? b
						: n == b ? a
							 : n);
			/* The first checkpoint may stand anywhere behind its
			 * record. */
			bool harmless = b == a + 1 &&
				(a == first_checkpoint() ||
					b == first_checkpoint());
			assert_int_equal(harmless, follow_changed() == KSK_OK);
		}
	}
}

/* From an export of another journal of the same key. */
static void
test_every_spliced_item_is_found(void **state)
{
	(void)state;
	for (size_t spliced = 0; spliced < sample.item_count; spliced++) {
		begin_changed();
		for (size_t n = 0; n < sample.item_count; n++)
			append_item(n == spliced ? &other : &sample, n);
		assert_int_not_equal(KSK_OK, follow_changed());
	}
	/* … and its tail as a whole. */
	for (size_t from = 1; from < sample.item_count; from++) {
		begin_changed();
		for (size_t n = 0; n < sample.item_count; n++)
			append_item(n >= from ? &other : &sample, n);
		assert_int_not_equal(KSK_OK, follow_changed());
	}
}

/* A cut at a mark is an earlier export: nothing in it says otherwise. Every
 * other cut is found. */
static void
test_every_cut_is_found(void **state)
{
	(void)state;
	size_t earlier = 0;

	copy_sample();
	for (size_t n = 0; n < sample.item_count; n++)
		if (sample.kind[n] == KSK_EXPORT_MARK && earlier == 0)
			earlier = sample.at[n + 1];
	for (size_t len = 0; len < sample.buf.len; len++) {
		changed.buf.len = len;
		assert_int_equal(len == earlier, follow_changed() == KSK_OK);
	}
}

static void
test_another_key_is_not_trusted(void **state)
{
	(void)state;
	struct audit_pair stranger = audit_pair_make();
	struct ksk_chain *chain = NULL;
	struct ksk_export_item item;
	struct ksk_fault fault = {""};
	struct ksk_span bytes = ksk_buf_span(&sample.buf);
	enum ksk_err err = KSK_OK;

	assert_int_equal(KSK_OK, ksk_chain_new(&chain));
	assert_int_equal(KSK_OK,
		ksk_chain_trust(chain,
			ksk_span_of(stranger.rdata, sizeof(stranger.rdata)),
			&fault));
	while (err == KSK_OK && ksk_export_take(&bytes, &item) == KSK_OK)
		err = ksk_chain_item(chain, &item, &fault);
	assert_int_equal(KSK_ERR_BAD_SIGNATURE, err);
	assert_non_null(strstr(fault.text, "another audit key"));
	ksk_chain_free(&chain);
	/* Beside the right one it does no harm. */
	assert_int_equal(KSK_OK, ksk_chain_new(&chain));
	assert_int_equal(KSK_OK,
		ksk_chain_trust(chain,
			ksk_span_of(stranger.rdata, sizeof(stranger.rdata)),
			&fault));
	assert_int_equal(KSK_OK,
		ksk_chain_trust(chain,
			ksk_span_of(pair.rdata, sizeof(pair.rdata)), &fault));
	bytes = ksk_buf_span(&sample.buf);
	err = KSK_OK;
	while (err == KSK_OK && ksk_export_take(&bytes, &item) == KSK_OK)
		err = ksk_chain_item(chain, &item, &fault);
	assert_int_equal(KSK_OK, err);
	assert_true(ksk_chain_state(chain)->proven);
	ksk_chain_free(&chain);
	EVP_PKEY_free(stranger.pkey);
}

static void
test_keys_that_are_none(void **state)
{
	(void)state;
	struct ksk_chain *chain = NULL;
	struct ksk_fault fault = {""};
	uint8_t zone_key[68];

	memcpy(zone_key, pair.rdata, sizeof(zone_key));
	zone_key[0] = 1; /* flags 256 */
	assert_int_equal(KSK_OK, ksk_chain_new(&chain));
	assert_int_equal(KSK_ERR_MALFORMED,
		ksk_chain_trust(chain, ksk_span_of(zone_key, sizeof(zone_key)),
			&fault));
	for (unsigned i = 0; i < KSK_CHAIN_KEY_MAX; i++)
		assert_int_equal(KSK_OK,
			ksk_chain_trust(chain,
				ksk_span_of(pair.rdata, sizeof(pair.rdata)),
				&fault));
	assert_int_equal(KSK_ERR_TOO_LARGE,
		ksk_chain_trust(chain,
			ksk_span_of(pair.rdata, sizeof(pair.rdata)), &fault));
	ksk_chain_free(&chain);
	ksk_chain_free(&chain);
	ksk_chain_free(NULL);
}

/* A chain can begin in the middle, if it is told what it follows. */
static void
test_a_part(void **state)
{
	(void)state;
	struct ksk_export_header header = {.first = 6};
	struct ksk_fault fault = {""};
	struct ksk_chain_state end;

	memset(header.journal, 1, sizeof(header.journal));
	memcpy(header.before, sample.hash[5], KSK_HASH_LEN);
	for (unsigned wrong = 0; wrong < 2; wrong++) {
		size_t n = 0;
		begin_changed();
		header.before[0] ^= (uint8_t)wrong;
		assert_int_equal(
			KSK_OK, ksk_export_header_put(&changed.buf, &header));
		while (sample.kind[n] != KSK_EXPORT_MARK)
			n++;
		for (n++; n < sample.item_count; n++)
			append_item(&sample, n);
		assert_int_equal(wrong == 0,
			follow(ksk_buf_span(&changed.buf), true, &end,
				&fault) == KSK_OK);
	}
}

/* A checkpoint over a record that is further back than hashes are kept. */
static void
test_how_far_back_a_checkpoint_may_be(void **state)
{
	(void)state;
	struct ksk_chain *chain = NULL;
	struct ksk_fault fault = {""};
	struct ksk_export_header header = {.first = 0};
	uint8_t before[KSK_HASH_LEN] = {0}, first[KSK_HASH_LEN];

	assert_int_equal(KSK_OK, ksk_chain_new(&chain));
	ksk_chain_start(chain, &header);
	assert_null(ksk_chain_hash(chain, 0));
	for (uint64_t n = 0; n <= KSK_CHAIN_KEPT; n++) {
		uint8_t room[64];
		struct ksk_buf body = ksk_buf_of(room, sizeof(room));
		struct ksk_record record = {.number = n,
			.kind = n == 0 ? KSK_RECORD_BEGIN : KSK_RECORD_FAILURE};
		assert_int_equal(KSK_OK, ksk_record_write(&record, &body));
		assert_int_equal(KSK_OK,
			ksk_record_hash(before, ksk_buf_span(&body), before));
		if (n == 0)
			memcpy(first, before, sizeof(first));
		assert_int_equal(KSK_OK,
			ksk_chain_record(chain, ksk_buf_span(&body), &fault));
		if (n < KSK_CHAIN_KEPT)
			assert_memory_equal(
				first, ksk_chain_hash(chain, 0), sizeof(first));
	}
	assert_memory_equal(
		ksk_chain_state(chain)->hash, before, sizeof(before));
	assert_null(ksk_chain_hash(chain, 0));
	assert_non_null(ksk_chain_hash(chain, 1));
	assert_null(ksk_chain_hash(chain, KSK_CHAIN_KEPT + 1));
	struct ksk_signed_checkpoint late = {.value = {.number = 0}};
	memcpy(late.value.hash, first, sizeof(first));
	assert_int_equal(
		KSK_ERR_MALFORMED, ksk_chain_checkpoint(chain, &late, &fault));
	assert_non_null(strstr(fault.text, "too far back"));
	ksk_chain_free(&chain);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_whole_export),
		cmocka_unit_test(test_every_flipped_bit_is_found),
		cmocka_unit_test(test_a_flipped_bit_is_found_without_a_key),
		cmocka_unit_test(test_every_dropped_item_is_found),
		cmocka_unit_test(test_every_item_said_twice_is_found),
		cmocka_unit_test(test_every_swapped_pair_is_found),
		cmocka_unit_test(test_every_spliced_item_is_found),
		cmocka_unit_test(test_every_cut_is_found),
		cmocka_unit_test(test_another_key_is_not_trusted),
		cmocka_unit_test(test_keys_that_are_none),
		cmocka_unit_test(test_a_part),
		cmocka_unit_test(test_how_far_back_a_checkpoint_may_be),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
