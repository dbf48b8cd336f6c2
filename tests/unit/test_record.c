/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_record - one encoding, the chain, and what a policy record gives back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/record.h"

#include <string.h>

static uint8_t room[KSK_RECORD_MAX];

static struct ksk_buf
encode(const struct ksk_record *record)
{
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	assert_int_equal(ksk_record_write(record, &buf), KSK_OK);
	return buf;
}

/* The bytes are what python3-cbor2's canonical form of the same map is. */
static void
test_known_bytes(void **state)
{
	(void)state;
	struct ksk_record record = {.number = 7,
		.time = 1700000000,
		.kind = KSK_RECORD_FAILURE,
		.has_about = true,
		.about = 300,
		.text = "why"};
	struct ksk_buf buf = encode(&record);
	char hex[128];
	ksk_hex_write(ksk_buf_span(&buf), hex, sizeof(hex));
	assert_string_equal(hex,
		"a50107021a6553f100030408"
		"19012c0c63776879");
}

/* As above, by the same tool. */
static void
test_known_bytes_of_an_attest_record(void **state)
{
	(void)state;
	struct ksk_ds ds = {.tag = 1,
		.algorithm = 13,
		.digest_type = KSK_DIGEST_SHA256,
		.digest_len = 32};
	struct ksk_record record = {.number = 8,
		.time = 1700000000,
		.kind = KSK_RECORD_ATTEST,
		.has_owner = true,
		.has_attested = true,
		.seen = 1600000000,
		.has_waits = true,
		.zone_max_ttl = 86400,
		.parent_ds_ttl = 3600};
	record.owner.len = 1;
	struct ksk_buf buf = encode(&record);
	char hex[256];
	ksk_hex_write(ksk_buf_span(&buf), hex, sizeof(hex));
	assert_string_equal(hex,
		"a60108021a6553f10003080d41000ea2011a5f5e100002800fa2011a00015"
		"18002190e10");
	record.has_waits = false;
	record.attested[0] = ds;
	record.attested_count = 1;
	record.proven_count = 1;
	record.proven[0] = ds;
	buf = encode(&record);
	ksk_hex_write(ksk_buf_span(&buf), hex, sizeof(hex));
	assert_string_equal(hex,
		"a60108021a6553f10003080d41000ea2011a5f5e1000028158240001"
		"0d0200000000000000000000000000000000000000000000000000000000"
		"000000001081582400010d02000000000000000000000000000000000000"
		"0000000000000000000000000000");
}

static void
test_the_largest_fits(void **state)
{
	(void)state;
	static uint8_t bytes[KSK_RDATA_MAX];
	struct ksk_record record = {.kind = KSK_RECORD_RESULT,
		.has_pin = true,
		.has_rrset = true,
		.has_window = true,
		.has_policy = true,
		.has_about = true,
		.signer_count = KSK_RRSIG_COUNT_MAX,
		.rrsig_count = KSK_RRSIG_COUNT_MAX};
	record.rrset.owner.len = KSK_NAME_MAX;
	record.rrset.count = KSK_RDATA_COUNT_MAX;
	for (size_t i = 0; i < KSK_RDATA_COUNT_MAX; i++)
		record.rrset.rdata[i] = ksk_span_of(bytes, sizeof(bytes));
	for (size_t i = 0; i < KSK_RRSIG_COUNT_MAX; i++) {
		record.signer[i].digest_len = KSK_DS_DIGEST_MAX;
		record.rrsig[i] = ksk_span_of(bytes, KSK_RRSIG_MAX);
	}
	(void)encode(&record);
	struct ksk_buf small = ksk_buf_of(room, 1000);
	assert_int_equal(ksk_record_write(&record, &small), KSK_ERR_NO_ROOM);
	assert_int_equal(small.len, 0);
}

/* Computed with Python's hashlib. */
static void
test_chain(void **state)
{
	(void)state;
	uint8_t before[KSK_HASH_LEN] = {0}, hash[KSK_HASH_LEN];
	const uint8_t encoded[] = {0xa0};
	char hex[2 * KSK_HASH_LEN + 1];
	assert_int_equal(
		ksk_record_hash(before, ksk_span_of(encoded, 1), hash), KSK_OK);
	ksk_hex_write(ksk_span_of(hash, sizeof(hash)), hex, sizeof(hex));
	assert_string_equal(hex,
		"44012988bc6d2e7448868a2864b1c9f5"
		"15bac09c5b5f325884e301afa81ca1d2");
	uint8_t again[KSK_HASH_LEN];
	before[31] = 1;
	assert_int_equal(
		ksk_record_hash(before, ksk_span_of(encoded, 1), again),
		KSK_OK);
	assert_memory_not_equal(hash, again, sizeof(hash));
}

static void
test_policy_record_gives_back_version_and_hash(void **state)
{
	(void)state;
	struct ksk_record record = {.number = 9,
		.kind = KSK_RECORD_POLICY,
		.has_policy = true,
		.policy_version = 77};
	memset(record.policy_hash, 0x5a, sizeof(record.policy_hash));
	struct ksk_buf buf = encode(&record);
	uint64_t version = 0;
	uint8_t hash[KSK_HASH_LEN];
	assert_int_equal(
		ksk_record_policy_read(ksk_buf_span(&buf), &version, hash),
		KSK_OK);
	assert_int_equal(version, 77);
	assert_memory_equal(hash, record.policy_hash, sizeof(hash));
}

static void
test_other_records_give_no_policy(void **state)
{
	(void)state;
	struct ksk_record record = {.kind = KSK_RECORD_INTENT,
		.has_policy = true,
		.policy_version = 77};
	struct ksk_buf buf = encode(&record);
	uint64_t version = 5;
	uint8_t hash[KSK_HASH_LEN];
	assert_int_equal(
		ksk_record_policy_read(ksk_buf_span(&buf), &version, hash),
		KSK_ERR_MALFORMED);
	record.kind = KSK_RECORD_POLICY;
	record.has_policy = false;
	buf = encode(&record);
	assert_int_equal(
		ksk_record_policy_read(ksk_buf_span(&buf), &version, hash),
		KSK_ERR_MALFORMED);
	record.has_policy = true;
	buf = encode(&record);
	for (size_t len = 0; len < buf.len; len++)
		assert_int_not_equal(
			ksk_record_policy_read(
				ksk_span_of(buf.data, len), &version, hash),
			KSK_OK);
	assert_int_equal(version, 5);
}

static void
test_a_record_says_which_intent_it_ends(void **state)
{
	(void)state;
	struct ksk_record record = {.number = 9,
		.kind = KSK_RECORD_RESULT,
		.has_about = true,
		.about = 7};
	struct ksk_buf buf = encode(&record);
	uint64_t about = 0;
	assert_int_equal(
		ksk_record_about_read(ksk_buf_span(&buf), &about), KSK_OK);
	assert_int_equal(about, 7);
	for (size_t len = 0; len < buf.len; len++)
		assert_int_not_equal(
			ksk_record_about_read(
				ksk_span_of(buf.data, len), &about),
			KSK_OK);
	record.has_about = false;
	buf = encode(&record);
	assert_int_equal(ksk_record_about_read(ksk_buf_span(&buf), &about),
		KSK_ERR_NOT_FOUND);
	assert_int_equal(about, 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_bytes),
		cmocka_unit_test(test_known_bytes_of_an_attest_record),
		cmocka_unit_test(test_the_largest_fits),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(
			test_policy_record_gives_back_version_and_hash),
		cmocka_unit_test(test_other_records_give_no_policy),
		cmocka_unit_test(test_a_record_says_which_intent_it_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
