/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of appliance/base/yaml.h: what the strict reader takes, and each thing
 * that it refuses with the place and the words that it uses for it.
 */
#include "appliance/base/yaml.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct entry {
	char *name;
	char **words;
	unsigned words_count;
};

struct top {
	char *title;
	struct entry *list;
	unsigned list_count;
};

static const cyaml_schema_value_t word_schema = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, 8),
};
static const cyaml_schema_field_t entry_fields[] = {
	CYAML_FIELD_STRING_PTR(
		"name", CYAML_FLAG_POINTER, struct entry, name, 0, 16),
	CYAML_FIELD_SEQUENCE("words", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct entry, words, &word_schema, 0, 2),
	CYAML_FIELD_END};
static const cyaml_schema_value_t entry_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct entry, entry_fields),
};
static const cyaml_schema_field_t top_fields[] = {
	CYAML_FIELD_STRING_PTR("title",
		CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL | KSK_YAML_REQUIRED,
		struct top, title, 0, 16),
	CYAML_FIELD_SEQUENCE("list", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct top, list, &entry_schema, 0, CYAML_UNLIMITED),
	CYAML_FIELD_END};
static const cyaml_schema_value_t top_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct top, top_fields),
};

static struct ksk_span
text_span(const char *text)
{
	return ksk_span_of(text, strlen(text));
}

static void
expect_text(const struct ksk_fault *fault, const char *text)
{
	if (strncmp(fault->text, text, strlen(text)) != 0)
		fail_msg("fault \"%s\" does not begin with \"%s\"", fault->text,
			text);
}

/* Indexing a text fails with a fault that begins so. */
static void
expect_refused(const char *text, const char *fault_text)
{
	struct ksk_yaml *yaml = NULL;
	struct ksk_fault fault = {""};

	if (ksk_yaml_index(text_span(text), 4096, &yaml, &fault) !=
		KSK_ERR_BAD_INPUT)
		fail_msg("accepted: %s", text);
	assert_null(yaml);
	expect_text(&fault, fault_text);
}

static void
expect_load_refused(const char *text, const char *fault_text)
{
	struct ksk_yaml *yaml = NULL;
	struct ksk_fault fault = {""};
	void *data = NULL;

	assert_int_equal(
		ksk_yaml_index(text_span(text), 4096, &yaml, &fault), KSK_OK);
	assert_int_equal(ksk_yaml_load(yaml, &top_schema, &data, &fault),
		KSK_ERR_BAD_INPUT);
	assert_null(data);
	expect_text(&fault, fault_text);
	ksk_yaml_free(&yaml);
}

static void
test_load_reads_texts(void **state)
{
	static const char text[] = "# comment\n"
				   "title: 010\n"
				   "list:\n"
				   "  - {name: \"a b\", words: [x, y]}\n"
				   "  - name: é\n";
	struct ksk_yaml *yaml = NULL;
	struct ksk_fault fault = {""};
	void *data = NULL;
	const struct top *top;

	(void)state;
	assert_int_equal(
		ksk_yaml_index(text_span(text), 4096, &yaml, &fault), KSK_OK);
	assert_int_equal(
		ksk_yaml_load(yaml, &top_schema, &data, &fault), KSK_OK);
	top = data;
	assert_string_equal(top->title, "010");
	assert_int_equal(top->list_count, 2);
	assert_string_equal(top->list[0].name, "a b");
	assert_int_equal(top->list[0].words_count, 2);
	assert_string_equal(top->list[0].words[1], "y");
	assert_string_equal(top->list[1].name, "é");
	ksk_yaml_release(&top_schema, &data);
	assert_null(data);
	ksk_yaml_release(&top_schema, &data);
	ksk_yaml_free(&yaml);
	assert_null(yaml);
	ksk_yaml_free(&yaml);
}

static void
test_index_refuses_form(void **state)
{
	(void)state;
	expect_refused("", "line 1, column 1: the text is empty");
	expect_refused("# only\n", "line 1, column 1: the text is empty");
	expect_refused("a: &x 1\n", "line 1, column 4: a: anchors");
	expect_refused("a: 1\nb: *a\n", "line 2, column 4: b: aliases");
	expect_refused("*a : 1\n", "line 1, column 1: aliases");
	expect_refused("a: !!str 1\n", "line 1, column 4: a: tags");
	expect_refused("a: ! 1\n", "line 1, column 4: a: tags");
	expect_refused("b: !x {c: 1}\n", "line 1, column 4: b: tags");
	expect_refused("b: &x [c]\n", "line 1, column 4: b: anchors");
	expect_refused("%YAML 1.1\n---\na: 1\n",
		"line 1, column 1: directives (%YAML, %TAG)");
	expect_refused(
		"a: 1\n---\nb: 1\n", "line 2, column 1: a second document");
	expect_refused("a: 1\nb: 2\na: 3\n",
		"line 3, column 1: the key \"a\" stands here twice, first in "
		"line 1");
	expect_refused("l: [{a: 1, a: 2}]\n",
		"line 1, column 12: l[0]: the key \"a\" stands here twice");
	expect_refused("- a\n", "line 1, column 1: the text must be keys");
	expect_refused("word\n", "line 1, column 1: the text must be keys");
	expect_refused("a:\nb: 1\n", "line 1, column 3: a: no value");
	expect_refused("l:\n  - x\n  -\n", "line 3, column 4: l[1]: no value");
	expect_refused("\"a\": 1\n", "line 1, column 1: a key must be");
	expect_refused("<<: {a: 1}\n", "line 1, column 1: a key must be");
	expect_refused("? [a]\n: 1\n", "line 1, column 3: a key must be");
	expect_refused("a: \"x\\0y\"\n",
		"line 1, column 4: a: the value holds "
		"a zero byte");
	expect_refused("a: [1\nb: 2\n", "line 2, column ");
	expect_refused("a: b: c\n", "line 1, column 5: this is not YAML: ");
	expect_refused("a: 1\n\tb: 2\n",
		"line 2, column 1: a: this is not YAML: found a tab");
	expect_refused("\xef\xbb\xbf"
		       "a: 1\n",
		"line 1, column 1: the text begins with a byte-order mark");
	expect_refused("a: 1\nb: \xff\n",
		"line 2, column 4: this is not YAML: "
		"invalid leading UTF-8 octet");
	expect_refused("a: [[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]\n",
		"line 1, column 19: a[0][0][0][0][0][0][0][0][0][0][0][0][0][0]"
		"[0]: values are nested more than 16 deep");
}

static void
test_index_limits(void **state)
{
	struct ksk_yaml *yaml = NULL;
	struct ksk_fault fault = {""};
	char keys[8192];
	size_t len = 0;

	(void)state;
	assert_int_equal(
		ksk_yaml_index(text_span("a: 1\n"), 5, &yaml, &fault), KSK_OK);
	ksk_yaml_free(&yaml);
	assert_int_equal(ksk_yaml_index(text_span("a: 1\n"), 4, &yaml, &fault),
		KSK_ERR_TOO_LARGE);
	expect_text(&fault, "line 1, column 1: the text has 5 bytes");
	for (unsigned i = 0; i < 257; i++)
		len += (size_t)snprintf(
			keys + len, sizeof(keys) - len, "k%u: 1\n", i);
	assert_int_equal(
		ksk_yaml_index(text_span(keys), sizeof(keys), &yaml, &fault),
		KSK_ERR_BAD_INPUT);
	expect_text(&fault, "line 257, column 1: the text has more than 256");
}

static void
test_load_refuses_structure(void **state)
{
	(void)state;
	expect_load_refused("title: x\ntitel: y\n",
		"line 2, column 1: titel: there is no key \"titel\" here; "
		"known are title, list");
	expect_load_refused("list: [{nam: x, name: y}]\ntitle: x\n",
		"line 1, column 9: list[0].nam: there is no key \"nam\" here; "
		"known are name, words");
	expect_load_refused("title: x\nlist: [{words: [a]}]\n",
		"line 2, column 8: list[0]: the key \"name\" is missing here");
	expect_load_refused("list: []\n",
		"line 1, column 1: the key \"title\" is missing here");
	expect_load_refused("title: [x]\n",
		"line 1, column 8: title: a list stands here; a single value");
	expect_load_refused("title: x\nlist: y\n",
		"line 2, column 7: list: a single value stands here; a list");
	expect_load_refused("title: x\nlist: [y]\n",
		"line 2, column 8: list[0]: a single value stands here; keys "
		"and values must");
	expect_load_refused("title: 12345678901234567\n",
		"line 1, column 8: title: 17 characters are too many; at most "
		"16");
	expect_load_refused("title: x\nlist: [{name: a, words: [a, b, c]}]\n",
		"line 2, column 25: list[0].words: 3 entries are too many");
}

static void
count_report(
	void *ctx, size_t line, size_t column, const struct ksk_fault *fault)
{
	assert_true(line > 0 && column > 0 && fault->text[0] != '\0');
	++*(unsigned *)ctx;
}

static void
test_check_reports_all(void **state)
{
	static const char text[] = "x: 1\ny: 2\nlist: [{z: 1, name: n}]\n";
	static const char odd[] = "x: 1\nlist: 3\ntitle: t\n";
	struct ksk_yaml *yaml = NULL;
	struct ksk_fault fault = {""};
	unsigned count = 0;
	void *data = NULL;

	(void)state;
	assert_int_equal(
		ksk_yaml_index(text_span(text), 4096, &yaml, &fault), KSK_OK);
	/* x, y, z unknown, title missing; what is left can be mapped. */
	assert_true(ksk_yaml_check(yaml, &top_schema, count_report, &count));
	assert_int_equal(count, 4);
	assert_int_equal(
		ksk_yaml_map(yaml, &top_schema, &data, &fault), KSK_OK);
	assert_null(((struct top *)data)->title);
	assert_string_equal(((struct top *)data)->list[0].name, "n");
	ksk_yaml_release(&top_schema, &data);
	ksk_yaml_free(&yaml);

	count = 0;
	assert_int_equal(
		ksk_yaml_index(text_span(odd), 4096, &yaml, &fault), KSK_OK);
	assert_false(ksk_yaml_check(yaml, &top_schema, count_report, &count));
	assert_int_equal(count, 2);
	/* libcyaml's own refusal is passed on too. */
	assert_int_equal(ksk_yaml_map(yaml, &top_schema, &data, &fault),
		KSK_ERR_BAD_INPUT);
	expect_text(&fault, "line 1, column 1: the text can't be mapped: ");
	ksk_yaml_free(&yaml);
}

static void
test_fault_names_place(void **state)
{
	static const char text[] = "title: x\nlist:\n  - name: a\n"
				   "    words: [b,\n      c]\n";
	struct ksk_yaml *yaml = NULL;
	struct ksk_fault fault = {""};

	(void)state;
	assert_int_equal(
		ksk_yaml_index(text_span(text), 4096, &yaml, &fault), KSK_OK);
	ksk_yaml_fault(yaml, &fault, "list[0].words[1]", "bad %d", 7);
	assert_string_equal(
		fault.text, "line 5, column 7: list[0].words[1]: bad 7");
	ksk_yaml_fault(yaml, &fault, "list[0].none", "x");
	assert_string_equal(fault.text, "line 3, column 5: list[0].none: x");
	ksk_yaml_fault(yaml, &fault, "list[9].name", "x");
	assert_string_equal(fault.text, "line 3, column 3: list[9].name: x");
	ksk_yaml_fault(yaml, &fault, "title", "%s", "x");
	assert_string_equal(fault.text, "line 1, column 8: title: x");
	ksk_yaml_fault(yaml, &fault, "", "x");
	assert_string_equal(fault.text, "line 1, column 1: x");
	ksk_yaml_free(&yaml);
}

static void
test_text_uint(void **state)
{
	static const char *const bad[] = {"", "010", "-1", "+1", "1 ", " 1",
		"0x1", "1e3", "1.0", "3", "99999999999999999999",
		"18446744073709551616", "a", "00"};
	uint64_t n = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
			ksk_text_uint(bad[i], 0, 2, &n), KSK_ERR_BAD_INPUT);
	assert_int_equal(ksk_text_uint("0", 1, 2, &n), KSK_ERR_BAD_INPUT);
	assert_int_equal(n, 77);
	assert_int_equal(ksk_text_uint("0", 0, 2, &n), KSK_OK);
	assert_int_equal(n, 0);
	assert_int_equal(ksk_text_uint("4096", 1024, 4096, &n), KSK_OK);
	assert_int_equal(n, 4096);
	assert_int_equal(
		ksk_text_uint("18446744073709551615", 0, UINT64_MAX, &n),
		KSK_OK);
	assert_true(n == UINT64_MAX);
	n = 7;
	assert_int_equal(
		ksk_text_uint("18446744073709551616", 0, UINT64_MAX, &n),
		KSK_ERR_BAD_INPUT);
	assert_int_equal(
		ksk_text_uint("99999999999999999999", 0, UINT64_MAX, &n),
		KSK_ERR_BAD_INPUT);
	assert_true(n == 7);
}

static void
test_text_duration(void **state)
{
	static const char *const bad[] = {"", "14", "1.5h", "-1h", "01h", "h",
		"1h ", " 1h", "1h  1m", "1h 1d", "1h 1h", "1h1m", "1H", "1h,1m",
		"1h 5", "36501d", "99999999999999999999d", "9999999999999999w",
		"36500d 1s", "1y", "00"};
	static const struct {
		const char *text;
		uint64_t seconds;
	} good[] = {{"0", 0}, {"90s", 90}, {"5m", 300}, {"1h", 3600},
		{"14d 1h", 1213200}, {"2w 1d 3h 4m 5s", 1307045},
		{"36500d", 3153600000u}};
	char text[KSK_DURATION_CAP];
	uint64_t n = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (ksk_text_duration(bad[i], &n) != KSK_ERR_BAD_INPUT)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(n, 77);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(ksk_text_duration(good[i].text, &n), KSK_OK);
		assert_true(n == good[i].seconds);
		/* What is written is read as the same. */
		assert_int_equal(
			ksk_text_duration(ksk_duration_text(text, n), &n),
			KSK_OK);
		assert_true(n == good[i].seconds);
	}
	assert_string_equal(ksk_duration_text(text, 1307045), "15d 3h 4m 5s");
	assert_string_equal(ksk_duration_text(text, 90000), "1d 1h");
	assert_string_equal(
		ksk_duration_text(text, UINT64_MAX), "213503982334601d 7h 15s");
}

static void
test_text_size(void **state)
{
	static const char *const bad[] = {"", "16", "MiB", "16 MiB", "016MiB",
		"-1MiB", "16MB", "16mib", "16KiB", "1.5GiB", "16MiB ",
		"1025GiB", "1048577MiB", "99999999999999999999GiB"};
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {{"0MiB", 0}, {"1MiB", 1048576}, {"16MiB", 16777216},
		{"2GiB", 2147483648u}, {"1024GiB", 1099511627776u}};
	uint64_t n = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (ksk_text_size(bad[i], &n) != KSK_ERR_BAD_INPUT)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(n, 77);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(ksk_text_size(good[i].text, &n), KSK_OK);
		assert_true(n == good[i].bytes);
	}
}

static void
test_text_time(void **state)
{
	static const char *const bad[] = {"", "2026-11-01", "1793491200",
		"2026-11-01T00:00:00", "2026-11-01T00:00:00+00:00",
		"2026-11-01 00:00:00Z", "2026-11-01t00:00:00z",
		"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
		"2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
		"2026-11-31T00:00:00Z", "2026-11-00T00:00:00Z",
		"2026-11-01T24:00:00Z", "2026-11-01T00:60:00Z",
		"2026-11-01T23:59:60Z", "1969-12-31T23:59:59Z",
		"2026-11-01T00:00:0xZ", "2026-11-01T00:00:00.5Z"};
	static const struct {
		const char *text;
		uint64_t seconds;
	} good[] = {{"1970-01-01T00:00:00Z", 0},
		{"2026-11-01T00:00:00Z", 1793491200u},
		{"2028-02-29T23:59:59Z", 1835481599u},
		{"2000-03-01T00:00:00Z", 951868800u},
		{"2106-02-07T06:28:16Z", 4294967296u},
		{"9999-12-31T23:59:59Z", 253402300799u}};
	char buf[KSK_TIME_CAP];
	uint64_t t = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (ksk_text_time(bad[i], &t) != KSK_ERR_BAD_INPUT)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(t, 77);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(ksk_text_time(good[i].text, &t), KSK_OK);
		assert_true(t == good[i].seconds);
		assert_string_equal(ksk_time_text(buf, t), good[i].text);
	}
	assert_string_equal(ksk_time_text(buf, UINT64_MAX), "never");
	assert_string_equal(ksk_time_text(buf, 253402300800u), "never");
	/* Every day of 130 years comes back as it went out. */
	for (uint64_t day = 0; day < 130 * 365; day++) {
		assert_int_equal(
			ksk_text_time(ksk_time_text(buf, day * 86400), &t),
			KSK_OK);
		assert_true(t == day * 86400);
	}
}

static void
test_text_bool(void **state)
{
	static const char *const bad[] = {
		"", "true", "false", "Yes", "NO", "y", "1", "on"};
	bool b = true;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ksk_text_bool(bad[i], &b), KSK_ERR_BAD_INPUT);
	assert_true(b);
	assert_int_equal(ksk_text_bool("no", &b), KSK_OK);
	assert_false(b);
	assert_int_equal(ksk_text_bool("yes", &b), KSK_OK);
	assert_true(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load_reads_texts),
		cmocka_unit_test(test_index_refuses_form),
		cmocka_unit_test(test_index_limits),
		cmocka_unit_test(test_load_refuses_structure),
		cmocka_unit_test(test_check_reports_all),
		cmocka_unit_test(test_fault_names_place),
		cmocka_unit_test(test_text_uint),
		cmocka_unit_test(test_text_duration),
		cmocka_unit_test(test_text_size),
		cmocka_unit_test(test_text_time),
		cmocka_unit_test(test_text_bool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
