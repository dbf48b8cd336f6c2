/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of tbs: RRSIG RDATA and the bytes that an RRSIG signs (RFC 4034
 * 3.1.8.1). That they are the right ones is shown in test_verify.c, by
 * signatures of other signers.
 */
#include "tests/unit/vector.h"

#include "protocol/tbs.h"

static struct ksk_rrset
make_set(const char *owner)
{
	struct ksk_rrset set = {.owner = vector_name(owner),
		.type = KSK_TYPE_DNSKEY,
		.ttl = 3600,
		.count = 2};

	set.rdata[0] = ksk_span_of("aaaaa", 5);
	set.rdata[1] = ksk_span_of("bbbbb", 5);
	return set;
}

static void
test_bytes_by_hand(void **state)
{
	static const uint8_t EXPECTED[] = "\0\x30\x0d\x02\0\0\x0e\x10"
					  "\x65\x43\x21\x00\x12\x34\x56\x78"
					  "\xab\xcd\3lab\7example\0"
					  "\3lab\7example\0\0\x30\0\1"
					  "\0\0\x0e\x10\0\5aaaaa"
					  "\3lab\7example\0\0\x30\0\1"
					  "\0\0\x0e\x10\0\5bbbbb";
	struct ksk_rrset set = make_set("lab.example.");
	struct ksk_window window = {
		.inception = 0x12345678, .expiration = 0x165432100};
	uint8_t room[256];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	struct ksk_rrsig rrsig;

	(void)state;
	ksk_rrsig_prepare(&set, window, 13, 0xabcd, &rrsig);
	assert_int_equal(KSK_OK, ksk_tbs_build(&set, &rrsig, &buf));
	assert_int_equal(sizeof(EXPECTED) - 1, buf.len);
	assert_memory_equal(EXPECTED, room, buf.len);
}

/* C02: the bytes are the same whatever the spelling. */
static void
test_c02_same_bytes_for_any_case(void **state)
{
	struct ksk_rrset lower = make_set("lab.example.");
	struct ksk_rrset upper = make_set("LAB.Example.");
	struct ksk_window window = {.inception = 1, .expiration = 2};
	uint8_t room[2][256];
	struct ksk_buf a = ksk_buf_of(room[0], 256);
	struct ksk_buf b = ksk_buf_of(room[1], 256);
	struct ksk_rrsig rrsig;

	(void)state;
	ksk_rrsig_prepare(&lower, window, 8, 1, &rrsig);
	assert_int_equal(KSK_OK, ksk_tbs_build(&lower, &rrsig, &a));
	ksk_rrsig_prepare(&upper, window, 8, 1, &rrsig);
	assert_int_equal(KSK_OK, ksk_tbs_build(&upper, &rrsig, &b));
	assert_true(ksk_span_equal(ksk_buf_span(&a), ksk_buf_span(&b)));
}

/* C01: the labels field counts wire labels; RFC 4034 3.1.3: not "*". */
static void
test_labels(void **state)
{
	static const struct {
		const char *owner;
		uint8_t labels;
	} NAMES[] = {{".", 0}, {"ops\\.lab.example.", 2},
		{"ops.lab.example.", 3}, {"*.example.", 1}, {"*a.example.", 2}};
	struct ksk_window window = {.inception = 1, .expiration = 2};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct ksk_rrset set = make_set(NAMES[i].owner);
		struct ksk_rrsig rrsig;
		ksk_rrsig_prepare(&set, window, 13, 1, &rrsig);
		assert_int_equal(NAMES[i].labels, rrsig.labels);
	}
}

static void
test_build_refuses_what_disagrees(void **state)
{
	struct ksk_rrset set = make_set("lab.example.");
	struct ksk_window window = {.inception = 1, .expiration = 2};
	uint8_t room[256];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	struct ksk_rrsig good, rrsig;

	(void)state;
	ksk_rrsig_prepare(&set, window, 13, 1, &good);
	rrsig = good;
	rrsig.type = KSK_TYPE_CDS;
	assert_int_equal(KSK_ERR_MALFORMED, ksk_tbs_build(&set, &rrsig, &buf));
	rrsig = good;
	rrsig.ttl++;
	assert_int_equal(KSK_ERR_MALFORMED, ksk_tbs_build(&set, &rrsig, &buf));
	rrsig = good;
	rrsig.labels++;
	assert_int_equal(KSK_ERR_MALFORMED, ksk_tbs_build(&set, &rrsig, &buf));
	struct ksk_rrset twice = set;
	twice.rdata[1] = twice.rdata[0];
	assert_int_equal(KSK_ERR_MALFORMED, ksk_tbs_build(&twice, &good, &buf));
	assert_int_equal(0, buf.len);
	assert_int_equal(KSK_OK, ksk_tbs_build(&set, &good, &buf));
	/* No byte is written when not all fit. */
	for (size_t cap = 0; cap < 87; cap++) {
		buf = ksk_buf_of(room, cap);
		assert_int_equal(
			KSK_ERR_NO_ROOM, ksk_tbs_build(&set, &good, &buf));
		assert_int_equal(0, buf.len);
	}
}

static void
test_the_largest_set_fits(void **state)
{
	static uint8_t rdata[KSK_RDATA_COUNT_MAX][KSK_RDATA_MAX];
	static uint8_t room[KSK_TBS_MAX];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	char text[254];
	struct ksk_window window = {.inception = 1, .expiration = 2};
	struct ksk_rrsig rrsig;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[63] = text[127] = text[191] = '.';
	text[253] = '\0';
	struct ksk_rrset set = make_set(text);
	set.count = KSK_RDATA_COUNT_MAX;
	for (size_t i = 0; i < set.count; i++) {
		rdata[i][0] = (uint8_t)i;
		set.rdata[i] = ksk_span_of(rdata[i], KSK_RDATA_MAX);
	}
	ksk_rrsig_prepare(&set, window, 8, 1, &rrsig);
	assert_int_equal(KSK_OK, ksk_tbs_build(&set, &rrsig, &buf));
	assert_int_equal(KSK_TBS_MAX, buf.len);
	set.count++;
	buf.len = 0;
	assert_int_equal(KSK_ERR_MALFORMED, ksk_tbs_build(&set, &rrsig, &buf));
}

static void
test_rrsig_round_trip_and_every_truncation(void **state)
{
	struct ksk_rrset set = make_set("lab.example.");
	struct ksk_window window = {.inception = 1, .expiration = 2};
	uint8_t room[256], second[256];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	struct ksk_buf again = ksk_buf_of(second, sizeof(second));
	struct ksk_rrsig rrsig, read = {.tag = 9};

	(void)state;
	ksk_rrsig_prepare(&set, window, 13, 0xabcd, &rrsig);
	rrsig.signature = ksk_span_of("s", 1);
	assert_int_equal(KSK_OK, ksk_rrsig_write(&rrsig, &buf));
	for (size_t len = 0; len < buf.len; len++)
		assert_int_equal(KSK_ERR_MALFORMED,
			ksk_rrsig_read(ksk_span_of(room, len), &read));
	assert_int_equal(9, read.tag);
	assert_int_equal(KSK_OK, ksk_rrsig_read(ksk_buf_span(&buf), &read));
	assert_int_equal(0xabcd, read.tag);
	assert_int_equal(2, read.expiration);
	assert_true(ksk_name_equal(&set.owner, &read.signer));
	assert_int_equal(KSK_OK, ksk_rrsig_write(&read, &again));
	assert_true(ksk_span_equal(ksk_buf_span(&buf), ksk_buf_span(&again)));
	again.cap = again.len + 5;
	assert_int_equal(KSK_ERR_NO_ROOM, ksk_rrsig_write(&read, &again));
	assert_int_equal(buf.len, again.len);
	/* RFC 4034 3.1.7: the signer's name is not compressed. */
	room[18] = 0xc0;
	assert_int_equal(
		KSK_ERR_MALFORMED, ksk_rrsig_read(ksk_buf_span(&buf), &read));
	room[18] = 3;
	room[19] = 'L';
	assert_int_equal(
		KSK_ERR_MALFORMED, ksk_rrsig_read(ksk_buf_span(&buf), &read));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_by_hand),
		cmocka_unit_test(test_c02_same_bytes_for_any_case),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_build_refuses_what_disagrees),
		cmocka_unit_test(test_the_largest_set_fits),
		cmocka_unit_test(test_rrsig_round_trip_and_every_truncation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
