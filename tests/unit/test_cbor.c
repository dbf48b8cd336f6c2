/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of cbor_item, cbor_in, cbor_out and utf8: exactly one encoding
 * (PROTOCOL 3, RFC 8949 4.2.1), and a few bytes that ask for gigabytes (C33).
 */
#include "tests/unit/vector.h"

#include <inttypes.h>
#include <malloc.h>

#include "protocol/cbor_in.h"
#include "protocol/cbor_item.h"
#include "protocol/cbor_out.h"
#include "protocol/utf8.h"

#define VECTORS "tests/vectors/protocol/"

static uint8_t bytes[16384];

static struct ksk_span
from_hex(const char *hex)
{
	size_t len = 0;

	assert_int_equal(KSK_OK,
		ksk_hex_read(hex, strlen(hex), bytes, sizeof(bytes), &len));
	return ksk_span_of(bytes, len);
}

/* Reads any one item; returns the verdict. */
static enum ksk_err
read_any(struct ksk_span span, struct ksk_fault *fault)
{
	struct ksk_cbor_in in = ksk_cbor_in_of(span, fault);
	struct ksk_span item = ksk_cbor_in_any(&in);
	enum ksk_err err = ksk_cbor_in_end(&in);

	if (err == KSK_OK)
		assert_true(ksk_span_equal(item, span));
	return err;
}

static void
test_what_is_taken(void **state)
{
	static const char *const GOOD[] = {"00", "17", "1818", "18ff", "190100",
		"19ffff", "1a00010000", "1affffffff", "1b0000000100000000",
		"1bffffffffffffffff", "f4", "f5", "40", "4161", "60", "6161",
		"80", "a0", "8100", "a10100", "a201000200", "818181818180",
		"a101a101a101a101a101a0", "62c3bc", "64f09f9880"};

	(void)state;
	for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
		struct ksk_fault fault = {""};
		if (read_any(from_hex(GOOD[i]), &fault) != KSK_OK)
			fail_msg("%s: %s", GOOD[i], fault.text);
	}
}

static const struct {
	const char *hex;
	const char *word;
} BAD[] = {
	/* longer heads than needed */
	{"1800", "longer head"},
	{"1817", "longer head"},
	{"190005", "longer head"},
	{"1900ff", "longer head"},
	{"1a0000ffff", "longer head"},
	{"1b00000000ffffffff", "longer head"},
	{"580161", "longer head"},
	{"59000161", "longer head"},
	{"780161", "longer head"},
	{"980100", "longer head"},
	{"b8010100", "longer head"},
	{"9b000000000000000100", "longer head"},
	{"a1180100", "longer head"},
	/* kinds */
	{"20", "not allowed"},
	{"3818", "not allowed"},
	{"3b7fffffffffffffff", "not allowed"},
	{"c000", "not allowed"},
	{"d8184100", "not allowed"},
	{"f6", "not allowed"},
	{"f7", "not allowed"},
	{"f93c00", "not allowed"},
	{"fa3f800000", "not allowed"},
	{"fb3ff0000000000000", "not allowed"},
	{"5fff", "not allowed"},
	{"5f4161ff", "not allowed"},
	{"7fff", "not allowed"},
	{"9fff", "not allowed"},
	{"bfff", "not allowed"},
	{"ff", "not allowed"},
	/* cut off, or no CBOR */
	{"", "cut off"},
	{"18", "cut off"},
	{"1b00000000000000", "cut off"},
	{"4261", "cut off"},
	{"6261", "cut off"},
	{"1c", "cut off"},
	{"5d", "cut off"},
	{"f8ff", "cut off"},
	{"f814", "cut off"},
	{"f815", "cut off"},
	{"e0", "cut off"},
	/* containers */
	{"81", "announced"},
	{"a101", "announced"},
	{"820000ff", "bytes follow"},
	{"82008200", "announced"},
	{"8181818181818100", "deeper"},
	{"a20100", "announced"},
	{"a2010001", "announced"},
	{"a20200010000", "ascending"},
	{"a2010001000000", "ascending"},
	{"a10000", "ascending"},
	{"a1616100", "unsigned key"},
	{"a1416100", "unsigned key"},
	{"a1f500", "unsigned key"},
	{"0000", "bytes follow"},
	/* texts */
	{"61ff", "UTF-8"},
	{"62c0af", "UTF-8"},
	{"63eda080", "UTF-8"},
	{"64f4908080", "UTF-8"},
	{"62c361", "UTF-8"},
	{"61c3", "UTF-8"},
	{"6100", "control"},
	{"611b", "control"},
	{"617f", "control"},
	{"62c29b", "control"},
};

static void
test_what_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		struct ksk_fault fault = {""};
		if (read_any(from_hex(BAD[i].hex), &fault) !=
				KSK_ERR_MALFORMED ||
			strstr(fault.text, BAD[i].word) == NULL)
			fail_msg("%s: %s", BAD[i].hex, fault.text);
	}
}

/* C33: refused, and no memory is taken on the way. */
static void
test_c33_files_are_refused_and_memory_stays_flat(void **state)
{
	static const char *const FILES[] = {"c33-array-128m-elements.txt",
		"c33-array-2e60-elements.txt", "c33-array-4g-elements.txt",
		"c33-bytes-2e63.txt", "c33-bytes-one-short.txt",
		"c33-indefinite-bytes-5000-chunks.txt",
		"c33-map-2e63-pairs.txt", "c33-map-2e63-plus-1.txt",
		"c33-map-64m-pairs.txt", "c33-nested-arrays-5000.txt",
		"c33-nested-arrays-unclosed.txt", "c33-nested-tags-5000.txt"};
	char path[128];

	(void)state;
	for (size_t i = 0; i < 12; i++) {
		(void)snprintf(path, sizeof(path), VECTORS "%s", FILES[i]);
		size_t len = vector_hex(path, bytes, sizeof(bytes));
		assert_int_not_equal(0, len);
#ifndef KSK_SANITIZED
		struct mallinfo2 before = mallinfo2();
#endif
		assert_int_equal(KSK_ERR_MALFORMED,
			read_any(ksk_span_of(bytes, len), NULL));
#ifndef KSK_SANITIZED
		struct mallinfo2 after = mallinfo2();
		assert_int_equal(before.uordblks, after.uordblks);
		assert_int_equal(before.arena, after.arena);
		assert_int_equal(before.hblkhd, after.hblkhd);
#endif
	}
}

static const struct ksk_cbor_field OUTER[] = {
	{1, true, "first"},
	{2, false, "list"},
	{4, true, "last"},
};

/* Reads { 1: uint <= 9, ? 2: [1*2 bstr .size (1..2)], 4: tstr .size (1..3) }
 */
static enum ksk_err
read_outer(const char *hex, struct ksk_fault *fault)
{
	struct ksk_cbor_in in = ksk_cbor_in_of(from_hex(hex), fault);
	uint64_t key;
	char text[4];

	ksk_cbor_in_map(&in, OUTER, 3);
	while ((key = ksk_cbor_in_key(&in)) != 0) {
		if (key == 1)
			(void)ksk_cbor_in_uint(&in, 9);
		if (key == 4)
			ksk_cbor_in_text(&in, 1, text, sizeof(text));
		if (key != 2)
			continue;
		ksk_cbor_in_array(&in, 1, 2);
		while (ksk_cbor_in_item(&in))
			(void)ksk_cbor_in_bytes(&in, 1, 2);
	}
	enum ksk_err err = ksk_cbor_in_end(&in);
	if (err != KSK_OK)
		return err;
	assert_int_equal(0, in.depth);
	return KSK_OK;
}

static void
test_paths_and_limits_of_fields(void **state)
{
	static const struct {
		const char *hex;
		enum ksk_err err;
		const char *fault;
	} CASES[] = {
		{"a20109046161", KSK_OK, ""},
		{"a3010002814161046161", KSK_OK, ""},
		{"00", KSK_ERR_MALFORMED, "message: not a map"},
		{"a0", KSK_ERR_MALFORMED, "message: first is missing"},
		{"a1046161", KSK_ERR_MALFORMED, "message: first is missing"},
		{"a10100", KSK_ERR_MALFORMED, "message: last is missing"},
		{"a2010a046161", KSK_ERR_MALFORMED, "first: larger than 9"},
		{"a201f4046161", KSK_ERR_MALFORMED,
			"first: not an unsigned number"},
		{"a20100046401020304", KSK_ERR_TOO_LARGE,
			"last: 4 bytes, at most 3 are allowed"},
		{"a201000460", KSK_ERR_MALFORMED,
			"last: 0 bytes, at least 1 are due"},
		{"a201000441", KSK_ERR_MALFORMED, "last: cut off, or not CBOR"},
		{"a20100044161", KSK_ERR_MALFORMED, "last: not a text string"},
		{"a201000500", KSK_ERR_MALFORMED, "message: last is missing"},
		{"a30100046161051800", KSK_ERR_MALFORMED, "5: unknown key"},
		{"a20100030046", KSK_ERR_MALFORMED, "3: unknown key"},
		{"a3010002804161046161", KSK_ERR_MALFORMED,
			"list: 0 entries, at least 1 are due"},
		{"a301000283416141624163046161", KSK_ERR_TOO_LARGE,
			"list: 3 entries, at most 2 are allowed"},
		{"a3010002824161f5046161", KSK_ERR_MALFORMED,
			"list[1]: not a byte string"},
		{"a30100028143616263046161", KSK_ERR_TOO_LARGE,
			"list[0]: 3 bytes, at most 2 are allowed"},
		{"a3010002a0046161", KSK_ERR_MALFORMED, "list: not an array"},
		{"a2010904616100", KSK_ERR_MALFORMED,
			"message: bytes follow the message"},
		{"a201090461ff", KSK_ERR_MALFORMED,
			"last: not UTF-8, or a control character in it"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct ksk_fault fault = {""};
		enum ksk_err err = read_outer(CASES[i].hex, &fault);
		if (err != CASES[i].err ||
			strcmp(fault.text, CASES[i].fault) != 0)
			fail_msg(
				"%s: %d \"%s\"", CASES[i].hex, err, fault.text);
	}
}

static void
test_first_error_stays_and_loops_end(void **state)
{
	struct ksk_fault fault = {""};
	struct ksk_cbor_in in = ksk_cbor_in_of(from_hex("81f6"), &fault);
	uint8_t copy[2] = {7, 7};
	char text[3] = "zz";

	(void)state;
	ksk_cbor_in_array(&in, 1, 1);
	assert_true(ksk_cbor_in_item(&in));
	assert_int_equal(0, ksk_cbor_in_uint(&in, UINT64_MAX));
	assert_int_equal(KSK_ERR_MALFORMED, in.err);
	assert_false(ksk_cbor_in_item(&in));
	assert_int_equal(0, ksk_cbor_in_key(&in));
	ksk_cbor_in_copy(&in, copy, sizeof(copy));
	assert_int_equal(0, copy[0] + copy[1]);
	ksk_cbor_in_text(&in, 0, text, sizeof(text));
	assert_string_equal("", text);
	assert_int_equal(0, ksk_cbor_in_bytes(&in, 0, 9).len);
	assert_int_equal(0, ksk_cbor_in_any(&in).len);
	assert_false(ksk_cbor_in_bool(&in));
	ksk_cbor_in_fail(&in, KSK_ERR_TOO_LARGE, "later");
	assert_int_equal(KSK_ERR_MALFORMED, ksk_cbor_in_end(&in));
	assert_non_null(strstr(fault.text, "[0]: tags"));
}

static void
test_copy_wants_the_exact_length(void **state)
{
	uint8_t copy[2];
	struct ksk_fault fault;
	struct ksk_cbor_in in = ksk_cbor_in_of(from_hex("420102"), &fault);

	(void)state;
	ksk_cbor_in_copy(&in, copy, 2);
	assert_int_equal(KSK_OK, ksk_cbor_in_end(&in));
	assert_memory_equal("\1\2", copy, 2);
	in = ksk_cbor_in_of(from_hex("43010203"), &fault);
	ksk_cbor_in_copy(&in, copy, 2);
	assert_int_equal(KSK_ERR_MALFORMED, ksk_cbor_in_end(&in));
	assert_memory_equal("\0\0", copy, 2);
}

/* Every number that stands at a border of two heads. */
static void
test_numbers_are_written_shortest(void **state)
{
	static const uint64_t VALUES[] = {0, 23, 24, 255, 256, 65535, 65536,
		UINT32_MAX, (uint64_t)UINT32_MAX + 1, UINT64_MAX};
	uint8_t room[16];

	(void)state;
	for (size_t i = 0; i < sizeof(VALUES) / sizeof(VALUES[0]); i++) {
		struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
		struct ksk_cbor_out out = ksk_cbor_out_of(&buf);
		struct ksk_cbor_out count = ksk_cbor_out_of(NULL);
		ksk_cbor_out_uint(&out, VALUES[i]);
		ksk_cbor_out_uint(&count, VALUES[i]);
		assert_int_equal(buf.len, count.len);
		struct ksk_cbor_in in = ksk_cbor_in_of(
			ksk_buf_span(&buf), NULL);
		assert_true(ksk_cbor_in_uint(&in, UINT64_MAX) == VALUES[i]);
		assert_int_equal(KSK_OK, ksk_cbor_in_end(&in));
	}
}

static void
write_sample(struct ksk_cbor_out *out)
{
	ksk_cbor_out_map(out, 2);
	ksk_cbor_out_uint(out, 1);
	ksk_cbor_out_array(out, 2);
	ksk_cbor_out_bool(out, true);
	ksk_cbor_out_bytes(out, ksk_span_of("ab", 2));
	ksk_cbor_out_uint(out, 2);
	ksk_cbor_out_text(out, "grün");
}

static void
test_writer(void **state)
{
	uint8_t room[64];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	struct ksk_cbor_out out = ksk_cbor_out_of(&buf);

	(void)state;
	write_sample(&out);
	assert_int_equal(KSK_OK, out.err);
	struct ksk_span expected = from_hex("a20182f54261620265"
					    "6772c3bc6e");
	assert_true(ksk_span_equal(expected, ksk_buf_span(&buf)));
	assert_int_equal(KSK_OK, read_any(ksk_buf_span(&buf), NULL));
	for (size_t cap = 0; cap < expected.len; cap++) {
		buf = ksk_buf_of(room, cap);
		out = ksk_cbor_out_of(&buf);
		write_sample(&out);
		assert_int_equal(KSK_ERR_NO_ROOM, out.err);
	}
}

/* A text that was cut inside a character, or holds an escape sequence, must
 * not make a reply that its reader refuses. */
static void
test_writer_mends_texts(void **state)
{
	uint8_t room[64];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	struct ksk_cbor_out out = ksk_cbor_out_of(&buf);
	char text[16];

	(void)state;
	ksk_cbor_out_text(&out, "a\x1b[0m\xe2\x80");
	struct ksk_cbor_in in = ksk_cbor_in_of(ksk_buf_span(&buf), NULL);
	ksk_cbor_in_text(&in, 0, text, sizeof(text));
	assert_int_equal(KSK_OK, ksk_cbor_in_end(&in));
	assert_string_equal("a?[0m??", text);
}

static void
test_utf8(void **state)
{
	static const char MIXED[] = "a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80";

	(void)state;
	assert_int_equal(10, ksk_utf8_valid_len(MIXED, 10));
	assert_int_equal(6, ksk_utf8_valid_len(MIXED, 9));
	assert_int_equal(3, ksk_utf8_valid_len(MIXED, 5));
	assert_int_equal(1, ksk_utf8_valid_len(MIXED, 2));
	assert_int_equal(0, ksk_utf8_valid_len(NULL, 0));
	assert_int_equal(0, ksk_utf8_valid_len("\x80", 1));
	assert_int_equal(0, ksk_utf8_valid_len("\xe0\x9f\xbf", 3));
	assert_int_equal(0, ksk_utf8_valid_len("\xf0\x8f\xbf\xbf", 4));
	assert_int_equal(0, ksk_utf8_valid_len("\xf5\x80\x80\x80", 4));
	assert_int_equal(3, ksk_utf8_valid_len("\xee\x80\x80", 3));
	assert_int_equal(4, ksk_utf8_valid_len("\xf4\x8f\xbf\xbf", 4));
	assert_int_equal(1, ksk_utf8_printable_len("a", 1));
	assert_int_equal(2, ksk_utf8_printable_len("\xc2\xa0", 2));
	assert_int_equal(0, ksk_utf8_printable_len("\xc2\x9f", 2));
	assert_int_equal(0, ksk_utf8_printable_len("\n", 1));
	assert_int_equal(0, ksk_utf8_printable_len(NULL, 0));
}

/* Every string of one and two bytes, and many of three: what is accepted is
 * what the writer would write. */
static void
test_every_short_item(void **state)
{
	size_t taken = 0;

	(void)state;
	for (uint32_t n = 0; n < 0x1000000; n += n < 0x20000 ? 1 : 97) {
		const uint8_t three[3] = {(uint8_t)(n & 0xff),
			(uint8_t)(n >> 8 & 0xff), (uint8_t)(n >> 16)};
		struct ksk_span rest = ksk_span_of(three, 3);
		struct ksk_cbor_item item = {.kind = KSK_CBOR_REFUSED};
		const char *why = "";
		if (ksk_cbor_item_take(&rest, &item, &why) != KSK_OK) {
			assert_int_equal(3, rest.len);
			continue;
		}
		uint8_t room[16];
		struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
		struct ksk_cbor_out out = ksk_cbor_out_of(&buf);
		if (item.kind == KSK_CBOR_UINT)
			ksk_cbor_out_uint(&out, item.value);
		else if (item.kind == KSK_CBOR_BOOL)
			ksk_cbor_out_bool(&out, item.value != 0);
		else if (item.kind == KSK_CBOR_BYTES)
			ksk_cbor_out_bytes(&out, item.payload);
		else
			continue;
		taken++;
		assert_int_equal(3 - rest.len, buf.len);
		assert_memory_equal(three, room, buf.len);
	}
	assert_in_range(taken, 1000, SIZE_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_taken),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(
			test_c33_files_are_refused_and_memory_stays_flat),
		cmocka_unit_test(test_paths_and_limits_of_fields),
		cmocka_unit_test(test_first_error_stays_and_loops_end),
		cmocka_unit_test(test_copy_wants_the_exact_length),
		cmocka_unit_test(test_numbers_are_written_shortest),
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_writer_mends_texts),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_every_short_item),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
