/* SPDX-License-Identifier: BSD-2-Clause */
/* test_accept - which lines end which hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/signer/accept.h"

#include <string.h>

#define ID "00112233445566778899aabbccddeeff"
#define HASH "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define NOW UINT64_C(1800000000) /* 2027-01-15T08:00:00Z */
#define LATER "2027-01-15T09:00:00Z"

static struct ksk_fault fault;

static unsigned
look(const char *text)
{
	static const uint8_t id[KSK_ID_LEN] = {0x00, 0x11, 0x22, 0x33, 0x44,
		0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,
		0xff};
	struct ksk_head head = {.number = 77};

	for (uint8_t i = 0; i < KSK_HASH_LEN; i++)
		head.hash[i] = i;
	return ksk_accept_read(
		ksk_span_of(text, strlen(text)), id, head, NOW, &fault);
}

static void
test_taken(void **state)
{
	(void)state;
	assert_int_equal(
		look("accept-clock " ID " " LATER "\n"), KSK_ACCEPTED_CLOCK);
	assert_string_equal(fault.text, "");
	assert_int_equal(look("accept-restore " ID " 77 " HASH " " LATER),
		KSK_ACCEPTED_RESTORE);
	assert_int_equal(
		look("accept-clock " ID " " LATER "\naccept-restore " ID
		     " 77 " HASH " " LATER "\n"),
		KSK_ACCEPTED_CLOCK | KSK_ACCEPTED_RESTORE);
	assert_int_equal(look(""), KSK_ACCEPTED_NOTHING);
	assert_string_equal(fault.text, "");
}

static void
test_not_taken(void **state)
{
	static const struct {
		const char *line, *why;
	} cases[] = {
		{"accept-clock " ID, "neither"},
		{"accept-clock " ID " " LATER " x", "neither"},
		{"accept-everything " ID " " LATER, "neither"},
		{"accept-clock  " ID " " LATER, "single blanks"},
		{"accept-clock 01112233445566778899aabbccddeeff " LATER,
			"another journal"},
		{"accept-clock 0011 " LATER, "another journal"},
		{"accept-clock " ID " 2027-01-15T08:00:00Z", "over"},
		{"accept-clock " ID " tomorrow", "no time"},
		{"accept-restore " ID " 76 " HASH " " LATER, "another head"},
		{"accept-restore " ID " 077 " HASH " " LATER, "another head"},
		{"accept-restore " ID " 77 " ID ID " " LATER, "another head"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(look(cases[i].line), KSK_ACCEPTED_NOTHING);
		if (strstr(fault.text, cases[i].why) == NULL)
			fail_msg("%s: %s", cases[i].line, fault.text);
	}
	/* One bad line does not spoil the other, and is named. */
	assert_int_equal(look("nonsense\naccept-clock " ID " " LATER),
		KSK_ACCEPTED_CLOCK);
	assert_non_null(strstr(fault.text, "line 1 "));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_not_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
