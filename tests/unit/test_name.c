/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of name: one form only, lower-case wire form (C01, C02). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "protocol/name.h"

static enum ksk_err
read_text(const char *text, struct ksk_name *out)
{
	return ksk_name_from_text(text, strlen(text), out, NULL);
}

static void
assert_text(const char *expected, const char *text)
{
	struct ksk_name name;
	char out[KSK_NAME_TEXT_CAP];

	assert_int_equal(KSK_OK, read_text(text, &name));
	ksk_name_to_text(&name, out);
	assert_string_equal(expected, out);
}

/* C01: names 1 and 2 are one name of two labels, 3 and 4 one of three. */
static void
test_c01_escaped_dot_is_no_boundary(void **state)
{
	struct ksk_name n[4];

	(void)state;
	assert_int_equal(KSK_OK, read_text("ops\\046lab.example.", &n[0]));
	assert_int_equal(KSK_OK, read_text("ops\\.lab.example.", &n[1]));
	assert_int_equal(KSK_OK, read_text("ops.lab.example.", &n[2]));
	assert_int_equal(KSK_OK, read_text("\\111ps.lab.example.", &n[3]));
	assert_true(ksk_name_equal(&n[0], &n[1]));
	assert_true(ksk_name_equal(&n[2], &n[3]));
	assert_false(ksk_name_equal(&n[0], &n[2]));
	assert_int_equal(2, ksk_name_labels(&n[0]));
	assert_int_equal(3, ksk_name_labels(&n[2]));
	/* A client of one zone is none of the other's. */
	assert_false(ksk_name_within(&n[0], &n[2]));
	assert_false(ksk_name_within(&n[2], &n[0]));
	struct ksk_name lab;
	assert_int_equal(KSK_OK, read_text("lab.example.", &lab));
	assert_true(ksk_name_within(&n[2], &lab));
	assert_false(ksk_name_within(&n[0], &lab));
	/* Logs print the escaped form. */
	assert_text("ops\\.lab.example.", "ops\\046lab.example");
}

/* C02 */
static void
test_c02_case_is_lost_on_the_way_in(void **state)
{
	struct ksk_name a, b;

	(void)state;
	assert_int_equal(KSK_OK, read_text("Lab.Example.", &a));
	assert_int_equal(KSK_OK, read_text("LAB.EXAMPLE", &b));
	assert_true(ksk_name_equal(&a, &b));
	assert_memory_equal("\3lab\7example", a.wire, 13);
	assert_text("a.", "\\065.");
	/* The wire form must be lower already: one encoding. */
	assert_int_equal(KSK_ERR_MALFORMED,
		ksk_name_from_wire(ksk_span_of("\3Lab", 5), &a));
}

static void
test_text_forms(void **state)
{
	(void)state;
	assert_text(".", ".");
	assert_text("example.", "example");
	assert_text("\\000\\255\\032.", "\\000\\255\\ .");
	assert_text("a\\;b\\@\\$\\\\\\\"\\(\\).", "a\\;b@$\\\\\"().");
	assert_text("*.example.", "*.example.");
	assert_text("_x-1.example.", "_X-1.example.");
}

static void
test_text_that_is_refused(void **state)
{
	static const char *const TEXTS[] = {"", "..", ".a", "a..b", "a\\",
		"a\\1", "a\\12", "a\\256.", "a\\1x3.", "a b.", "a\tb.",
		"gr\xc3\xbcn.example.", "a\\\n.", "\x7f."};
	struct ksk_name name = {.len = 1};
	struct ksk_fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
		fault.text[0] = '\0';
		assert_int_equal(KSK_ERR_BAD_INPUT,
			ksk_name_from_text(
				TEXTS[i], strlen(TEXTS[i]), &name, &fault));
		assert_int_not_equal(0, strlen(fault.text));
	}
	assert_int_equal(1, name.len);
	assert_int_equal(KSK_ERR_BAD_INPUT,
		ksk_name_from_text("b\xc3\xbc", 3, &name, &fault));
	assert_non_null(strstr(fault.text, "A-label"));
}

static void
test_limits_of_length(void **state)
{
	char text[300];
	struct ksk_name name;

	(void)state;
	memset(text, 'a', sizeof(text));
	/* Label of 63 and 64. */
	assert_int_equal(KSK_OK, ksk_name_from_text(text, 63, &name, NULL));
	assert_int_equal(65, name.len);
	assert_int_equal(
		KSK_ERR_BAD_INPUT, ksk_name_from_text(text, 64, &name, NULL));
	/* Name of 255 (63.63.63.61) and 256 bytes. */
	text[63] = text[127] = text[191] = '.';
	assert_int_equal(KSK_OK, ksk_name_from_text(text, 253, &name, NULL));
	assert_int_equal(255, name.len);
	struct ksk_name again;
	assert_int_equal(
		KSK_OK, ksk_name_from_wire(ksk_name_span(&name), &again));
	assert_true(ksk_name_equal(&name, &again));
	assert_int_equal(
		KSK_ERR_BAD_INPUT, ksk_name_from_text(text, 254, &name, NULL));
	text[253] = '.';
	assert_int_equal(KSK_OK, ksk_name_from_text(text, 254, &name, NULL));
	assert_int_equal(
		KSK_ERR_BAD_INPUT, ksk_name_from_text(text, 255, &name, NULL));
	/* The longest text: every byte escaped. */
	memset(name.wire, 0xff, sizeof(name.wire));
	name.wire[0] = name.wire[64] = name.wire[128] = 63;
	name.wire[192] = 61;
	name.wire[254] = 0;
	name.len = 255;
	char out[KSK_NAME_TEXT_CAP];
	ksk_name_to_text(&name, out);
	assert_int_equal(250 * 4 + 4, strlen(out));
}

static void
test_wire_truncation_and_forms(void **state)
{
	static const uint8_t WIRE[] = "\3lab\7example";
	struct ksk_name name = {.len = 1};

	(void)state;
	for (size_t len = 0; len < sizeof(WIRE); len++)
		assert_int_equal(KSK_ERR_MALFORMED,
			ksk_name_from_wire(ksk_span_of(WIRE, len), &name));
	assert_int_equal(1, name.len);
	assert_int_equal(KSK_OK,
		ksk_name_from_wire(ksk_span_of(WIRE, sizeof(WIRE)), &name));
	assert_int_equal(sizeof(WIRE), name.len);
	/* Bytes left over, compression, a label of 64. */
	assert_int_equal(KSK_ERR_MALFORMED,
		ksk_name_from_wire(ksk_span_of("\1a\0\0", 4), &name));
	assert_int_equal(KSK_ERR_MALFORMED,
		ksk_name_from_wire(ksk_span_of("\xc0\0", 2), &name));
	uint8_t big[66] = {64};
	assert_int_equal(KSK_ERR_MALFORMED,
		ksk_name_from_wire(ksk_span_of(big, sizeof(big)), &name));
	assert_int_equal(
		KSK_OK, ksk_name_from_wire(ksk_span_of("\0", 1), &name));
	assert_int_equal(0, ksk_name_labels(&name));
}

static void
test_within_and_compare(void **state)
{
	struct ksk_name root, zone, below, beside;

	(void)state;
	assert_int_equal(KSK_OK, read_text(".", &root));
	assert_int_equal(KSK_OK, read_text("example.", &zone));
	assert_int_equal(KSK_OK, read_text("a.example.", &below));
	assert_int_equal(KSK_OK, read_text("aexample.", &beside));
	assert_true(ksk_name_within(&zone, &zone));
	assert_true(ksk_name_within(&below, &zone));
	assert_true(ksk_name_within(&below, &root));
	assert_false(ksk_name_within(&zone, &below));
	assert_false(ksk_name_within(&beside, &zone));
	assert_int_equal(0, ksk_name_compare(&zone, &zone));
	assert_true(ksk_name_compare(&below, &zone) < 0);
	assert_true(ksk_name_compare(&zone, &below) > 0);
	assert_true(ksk_name_compare(&root, &zone) < 0);
	struct ksk_name unset = {0};
	assert_false(ksk_name_within(&zone, &unset));
	assert_false(ksk_name_within(&unset, &zone));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_c01_escaped_dot_is_no_boundary),
		cmocka_unit_test(test_c02_case_is_lost_on_the_way_in),
		cmocka_unit_test(test_text_forms),
		cmocka_unit_test(test_text_that_is_refused),
		cmocka_unit_test(test_limits_of_length),
		cmocka_unit_test(test_wire_truncation_and_forms),
		cmocka_unit_test(test_within_and_compare),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
