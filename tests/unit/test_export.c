/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of export: the items of PROTOCOL 8.3, byte for byte, in any cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/export.h"

#include <string.h>

static uint8_t bytes[KSK_RECORD_MAX + 1];
static uint8_t room[KSK_EXPORT_ITEM_MAX];

static struct ksk_buf
new_buf(void)
{
	return ksk_buf_of(room, sizeof(room));
}

static void
test_known_bytes(void **state)
{
	(void)state;
	struct ksk_buf buf = new_buf();
	struct ksk_export_mark mark = {.number = 500};
	char hex[256];

	assert_int_equal(KSK_OK,
		ksk_export_put(
			&buf, KSK_EXPORT_RECORD, ksk_span_of("\xa0", 1)));
	ksk_hex_write(ksk_buf_span(&buf), hex, sizeof(hex));
	assert_string_equal("820141a0", hex);
	buf.len = 0;
	assert_int_equal(KSK_OK, ksk_export_mark_put(&buf, &mark));
	ksk_hex_write(ksk_span_of(room, 14), hex, sizeof(hex));
	assert_string_equal("82035828a2011901f4025820"
			    "0000",
		hex);
	assert_int_equal(4 + 40, buf.len);
}

/* Every length of a body, in every form of its head. */
static void
test_every_length_returns(void **state)
{
	(void)state;
	static const size_t lens[] = {
		1, 23, 24, 25, 255, 256, 257, 1000, KSK_RECORD_MAX};

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct ksk_buf buf = new_buf();
		struct ksk_export_item item = {.kind = KSK_EXPORT_MARK};
		assert_int_equal(KSK_OK,
			ksk_export_put(&buf, KSK_EXPORT_RECORD,
				ksk_span_of(bytes, lens[i])));
		struct ksk_span rest = ksk_buf_span(&buf);
		assert_int_equal(KSK_OK, ksk_export_take(&rest, &item));
		assert_int_equal(KSK_EXPORT_RECORD, item.kind);
		assert_int_equal(lens[i], item.body.len);
		assert_int_equal(0, rest.len);
		/* Cut off anywhere, it goes on. */
		for (size_t len = 0; len < buf.len; len += 1 + len / 50) {
			rest = ksk_span_of(room, len);
			assert_int_equal(
				KSK_ERR_AGAIN, ksk_export_take(&rest, &item));
			assert_int_equal(len, rest.len);
			assert_int_equal(lens[i], item.body.len);
		}
	}
}

static void
test_what_is_no_item(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"80",               /* another array */
		"8204",             /* unknown kind */
		"82014041",         /* nothing in it */
		"8201581701",       /* longer head than needed */
		"82015900ff01",     /* the same */
		"82015a0000010001", /* longer than any record */
		"820159ffff01",     /* the same */
		"82016161",         /* a text */
		"82015f4101ff",     /* indefinite */
		"9f014101ff",
		"a0",
		"00",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ksk_export_item item = {.kind = KSK_EXPORT_MARK};
		size_t len = 0;
		assert_int_equal(KSK_OK,
			ksk_hex_read(cases[i], strlen(cases[i]), room,
				sizeof(room), &len));
		struct ksk_span rest = ksk_span_of(room, len);
		assert_int_equal(
			KSK_ERR_MALFORMED, ksk_export_take(&rest, &item));
		assert_int_equal(len, rest.len);
	}
}

static void
test_header(void **state)
{
	(void)state;
	struct ksk_export_header header = {.first = 70000}, got = {.first = 1};
	struct ksk_export_item item;
	struct ksk_buf buf = new_buf();

	memset(header.journal, 1, sizeof(header.journal));
	memset(header.before, 2, sizeof(header.before));
	assert_int_equal(KSK_OK, ksk_export_header_put(&buf, &header));
	struct ksk_span rest = ksk_buf_span(&buf);
	assert_int_equal(KSK_OK, ksk_export_take(&rest, &item));
	assert_int_equal(KSK_EXPORT_HEADER, item.kind);
	for (size_t len = 0; len < item.body.len; len++)
		assert_int_equal(KSK_ERR_MALFORMED,
			ksk_export_header_read(
				ksk_span_of(item.body.data, len), &got));
	assert_int_equal(1, got.first);
	assert_int_equal(KSK_OK, ksk_export_header_read(item.body, &got));
	assert_memory_equal(&header, &got, sizeof(got));
	/* Another format is none of ours: "ksk-journal-1" → "ksk-journal-2" */
	uint8_t *one = memchr(room, '1', buf.len);
	assert_non_null(one);
	*one = '2';
	assert_int_equal(
		KSK_ERR_MALFORMED, ksk_export_header_read(item.body, &got));
	buf = ksk_buf_of(room, 20);
	assert_int_equal(KSK_ERR_NO_ROOM, ksk_export_header_put(&buf, &header));
	assert_int_equal(0, buf.len);
}

static void
test_mark(void **state)
{
	(void)state;
	struct ksk_export_mark mark = {.number = UINT64_MAX}, got = {0};
	struct ksk_export_item item;
	struct ksk_buf buf = new_buf();

	memset(mark.hash, 3, sizeof(mark.hash));
	assert_int_equal(KSK_OK, ksk_export_mark_put(&buf, &mark));
	struct ksk_span rest = ksk_buf_span(&buf);
	assert_int_equal(KSK_OK, ksk_export_take(&rest, &item));
	for (size_t len = 0; len < item.body.len; len++)
		assert_int_equal(KSK_ERR_MALFORMED,
			ksk_export_mark_read(
				ksk_span_of(item.body.data, len), &got));
	assert_int_equal(0, got.number);
	assert_int_equal(KSK_OK, ksk_export_mark_read(item.body, &got));
	assert_memory_equal(&mark, &got, sizeof(got));
}

static void
test_checkpoint(void **state)
{
	(void)state;
	struct ksk_signed_checkpoint checkpoint = {.value = {.number = 7},
		.key = ksk_span_of(bytes, KSK_AUDIT_KEY_MAX),
		.signature = ksk_span_of(bytes, KSK_SIGNATURE_MAX)};
	struct ksk_signed_checkpoint got = {.value = {.number = 1}};
	struct ksk_export_item item;
	struct ksk_buf buf = new_buf();

	assert_int_equal(KSK_OK, ksk_export_checkpoint_put(&buf, &checkpoint));
	struct ksk_span rest = ksk_buf_span(&buf);
	assert_int_equal(KSK_OK, ksk_export_take(&rest, &item));
	assert_int_equal(KSK_EXPORT_CHECKPOINT, item.kind);
	for (size_t len = 0; len < item.body.len; len++)
		assert_int_equal(KSK_ERR_MALFORMED,
			ksk_export_checkpoint_read(
				ksk_span_of(item.body.data, len), &got));
	assert_int_equal(1, got.value.number);
	assert_int_equal(KSK_OK, ksk_export_checkpoint_read(item.body, &got));
	assert_int_equal(7, got.value.number);
	assert_int_equal(KSK_SIGNATURE_MAX, got.signature.len);
	buf = ksk_buf_of(room, 100);
	assert_int_equal(
		KSK_ERR_NO_ROOM, ksk_export_checkpoint_put(&buf, &checkpoint));
	assert_int_equal(0, buf.len);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_bytes),
		cmocka_unit_test(test_every_length_returns),
		cmocka_unit_test(test_what_is_no_item),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_mark),
		cmocka_unit_test(test_checkpoint),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
