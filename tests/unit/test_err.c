/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of err: sentences for errors, faults that are cut to fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "protocol/err.h"

static void
test_text_of_each_error(void **state)
{
	(void)state;
	assert_string_equal("done", ksk_err_text(KSK_OK));
	assert_string_equal("the token has locked the PIN",
		ksk_err_text(KSK_ERR_PIN_LOCKED));
	assert_string_equal("unknown error", ksk_err_text((enum ksk_err) - 99));
	assert_string_equal("unknown error", ksk_err_text((enum ksk_err)7));
}

static void
test_fault_replaces_and_takes_its_own_text(void **state)
{
	struct ksk_fault fault = {"before"};

	(void)state;
	ksk_fault_set(&fault, "line %d: wrong", 7);
	assert_string_equal("line 7: wrong", fault.text);
	ksk_fault_set(&fault, "file: %s", fault.text);
	assert_string_equal("file: line 7: wrong", fault.text);
	ksk_fault_set(NULL, "nobody listens");
}

static void
test_fault_is_cut_between_characters(void **state)
{
	struct ksk_fault fault;
	char text[KSK_FAULT_CAP + 10];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	ksk_fault_set(&fault, "%s", text);
	assert_int_equal(KSK_FAULT_CAP - 1, strlen(fault.text));
	/* "…" has three bytes, of which two fit. */
	memcpy(text + KSK_FAULT_CAP - 3, "\xe2\x80\xa6", 3);
	ksk_fault_set(&fault, "%s", text);
	assert_int_equal(KSK_FAULT_CAP - 3, strlen(fault.text));
	/* Short text is kept as it is, whatever it holds. */
	ksk_fault_set(&fault, "%s", "\xff");
	assert_string_equal("\xff", fault.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_of_each_error),
		cmocka_unit_test(test_fault_replaces_and_takes_its_own_text),
		cmocka_unit_test(test_fault_is_cut_between_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
