/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of zonetext with texts that are no zone text, or not all of one: keys
 * in PEM, of which nothing may come back, headers of KSRs in any layout, a
 * parenthesis that swallows nothing, parts of a larger text.
 */
#include "protocol/zonetext.h"

#include "protocol/zonetext_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define RECORD \
	"lab.example. 3600 IN DNSKEY 256 3 13 " \
	"JewR99QJ1L3ihD1suwTQauI1ZIM+/zc7ZhrIeUWD0bxh6MnA0BwmLu2c94mAC5YtXCFv" \
	"lPyZe6q5rNgCJieipQ==\n"

static enum ksk_err
read_text(const char *text, bool section, struct ksk_zonetext_faults *faults)
{
	struct ksk_zonetext_options options = {
		.form = KSK_ZONETEXT_SET, .section = section};
	struct ksk_zonetext zone = {0};
	enum ksk_err err = ksk_zonetext_read(
		ksk_span_of(text, strlen(text)), &options, &zone, faults);

	ksk_zonetext_wipe(&zone);
	return err;
}

/* Expects one fault in a line, with a piece of its sentence. */
static void
expect_one(const char *text, bool section, size_t line, const char *piece)
{
	struct ksk_zonetext_faults faults;

	assert_int_equal(read_text(text, section, &faults), KSK_ERR_BAD_INPUT);
	if (strstr(faults.list[0].fault.text, piece) == NULL)
		fail_msg("'%s' instead of '%s'", faults.list[0].fault.text,
			piece);
	assert_int_equal(faults.list[0].line, line);
	assert_int_equal(faults.count, 1);
}

static void
expect_good(const char *text, bool section)
{
	struct ksk_zonetext_faults faults;

	if (read_text(text, section, &faults) != KSK_OK)
		fail_msg("line %zu: %s", faults.list[0].line,
			faults.list[0].fault.text);
}

static void
test_zonetext_shows_nothing_of_pem(void **state)
{
	static const char secret[] = "MHcCAQEEIDqrfzRl2iBW5Iku5hbBz79mHhQvUHHD";
	static const char *const before[] = {"", RECORD, "; key\r\n", "(\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(before) / sizeof(*before); i++) {
		struct ksk_zonetext_faults faults;
		char text[1024];

		(void)snprintf(text, sizeof(text),
			"%s-----BEGIN EC PRIVATE KEY-----\n%s\n"
			"-----END EC PRIVATE KEY-----\n",
			before[i], secret);
		expect_one(text, false, before[i][0] == '\0' ? 1 : 2,
			"this is PEM");
		assert_int_equal(
			read_text(text, false, &faults), KSK_ERR_BAD_INPUT);
		for (size_t k = 0; k < faults.count; k++)
			assert_null(strstr(faults.list[k].fault.text, "MHcC"));
	}
	expect_good(RECORD "; -----BEGIN is no PEM here\n", false);
}

static void
test_zonetext_knows_headers_of_ksrs(void **state)
{
	static const char *const headers[] = {
		";; KeySigningRequest 1.0 1800000000\n",
		";;\tKeySigningRequest 1.0 1800000000\n",
		";; \t keysigningrequest\n",
		";;;KeySigningRequest 1.0\n",
		"; ;; KeySigningRequest 1.0\n",
		";;KeySigningRequest",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		char text[1024];

		(void)snprintf(text, sizeof(text), RECORD "%s", headers[i]);
		expect_one(text, false, 2, "key signing request");
	}
	expect_one(RECORD ";;\tSignedKeyResponse 1.0\n", false, 2,
		"signed key response");
	expect_good(RECORD "; KeySigningRequest of last week\n", false);
	expect_good(RECORD ";; no KeySigningRequest\n", false);
}

static void
test_zonetext_finds_parentheses_that_hold_nothing(void **state)
{
	(void)state;
	expect_one(RECORD "(", false, 2, "is not closed");
	expect_one(RECORD "\n( ; comment\n\n", false, 3, "is not closed");
	expect_one("(", false, 1, "is not closed");
	expect_good("()\n" RECORD "(\n;\n)\n", false);
}

static void
test_zonetext_takes_a_section_as_it_is(void **state)
{
	(void)state;
	expect_good(RECORD, true);
	expect_one("$TTL 3600\n" RECORD, true, 1, "directives are not read");
	expect_one("($TTL 3600)\n" RECORD, true, 1, "directives are not read");
	expect_one("\xef\xbb\xbf" RECORD, true, 1, "byte 0xef");
	expect_good("\xef\xbb\xbf" RECORD, false);
	expect_good("$TTL 3600\n" RECORD, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zonetext_shows_nothing_of_pem),
		cmocka_unit_test(test_zonetext_knows_headers_of_ksrs),
		cmocka_unit_test(
			test_zonetext_finds_parentheses_that_hold_nothing),
		cmocka_unit_test(test_zonetext_takes_a_section_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
