/* SPDX-License-Identifier: BSD-2-Clause */
/* test_accept - which lines end which hold, and how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/signer/accept.h"

#include "tests/unit/journal_fixture.h"

#include <sys/mman.h>

#define ID "00112233445566778899aabbccddeeff"
#define HASH "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define NOW UINT64_C(1800000000) /* 2027-01-15T08:00:00Z */
#define LATER "2027-01-15T09:00:00Z"

static struct ksk_fault fault;
static struct ksk_accept_found found;

static unsigned
look(const char *text)
{
	static const uint8_t id[KSK_ID_LEN] = {0x00, 0x11, 0x22, 0x33, 0x44,
		0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,
		0xff};
	struct ksk_head head = {.number = 77};

	for (uint8_t i = 0; i < KSK_HASH_LEN; i++)
		head.hash[i] = i;
	ksk_accept_read(
		ksk_span_of(text, strlen(text)), id, head, NOW, &found, &fault);
	return found.what;
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

static int
file_of(const char *text, size_t len)
{
	int fd = memfd_create("accept", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	return fd;
}

static void
test_the_file(void **state)
{
	static char text[KSK_ACCEPT_MAX + 1];
	struct ksk_accept accept = {.tried = KSK_ACCEPTED_CLOCK};
	int fd;

	(void)state;
	memset(text, 'x', sizeof(text));
	fd = file_of(text, KSK_ACCEPT_MAX);
	assert_int_equal(ksk_accept_take(fd, &accept), KSK_OK);
	assert_int_equal(accept.len, KSK_ACCEPT_MAX);
	assert_int_equal(accept.tried, 0);
	close(fd);
	fd = file_of(text, sizeof(text));
	assert_int_equal(ksk_accept_take(fd, &accept), KSK_ERR_NO_ROOM);
	assert_int_equal(accept.len, KSK_ACCEPT_MAX);
	close(fd);
	fd = file_of("", 0);
	assert_int_equal(ksk_accept_take(fd, &accept), KSK_OK);
	assert_int_equal(accept.len, 0);
	close(fd);
	assert_int_equal(ksk_accept_take(-1, &accept), KSK_ERR_IO);
}

/* A line about the clock of the test's own journal. */
static void
write_clock_line(
	struct ksk_test_journal *t, const char *until, struct ksk_accept *out)
{
	char id[2 * KSK_ID_LEN + 1];

	ksk_hex_write(ksk_span_of(ksk_journal_id(t->journal), KSK_ID_LEN), id,
		sizeof(id));
	out->len = (size_t)snprintf((char *)out->text, sizeof(out->text),
		"accept-clock %s %s\n", id, until);
	out->tried = 0;
}

static unsigned
look_for(struct ksk_test_journal *t, struct ksk_accept *accept, unsigned wanted)
{
	struct ksk_head head = {.number = 77};

	ksk_accept_look(accept, t->journal, wanted, head, NOW, &found);
	return found.what;
}

static void
test_a_line_ends_one_hold(void **state)
{
	struct ksk_test_journal *t = *state;
	struct ksk_accept accept;

	write_clock_line(t, LATER, &accept);
	assert_int_equal(look_for(t, &accept, 0), 0);
	assert_int_equal(look_for(t, &accept, KSK_ACCEPTED_RESTORE), 0);
	assert_int_equal(
		look_for(t, &accept, KSK_ACCEPTED_RESTORE | KSK_ACCEPTED_CLOCK),
		KSK_ACCEPTED_CLOCK);
	/* Once for each hold, not at every turn. */
	assert_int_equal(look_for(t, &accept, KSK_ACCEPTED_CLOCK), 0);
	assert_int_equal(look_for(t, &accept, 0), 0);
	assert_int_equal(
		look_for(t, &accept, KSK_ACCEPTED_CLOCK), KSK_ACCEPTED_CLOCK);
	assert_int_equal(
		ksk_accept_remember(t->journal, found.clock_line), KSK_OK);
	journal_commit(t);
	/* Taken: no later hold, nor after a restart, nor passed anew. */
	assert_int_equal(look_for(t, &accept, 0), 0);
	assert_int_equal(look_for(t, &accept, KSK_ACCEPTED_CLOCK), 0);
	journal_reopen(t);
	write_clock_line(t, LATER, &accept);
	assert_int_equal(look_for(t, &accept, KSK_ACCEPTED_CLOCK), 0);
	/* Another line is another word. */
	write_clock_line(t, "2027-01-15T09:00:01Z", &accept);
	assert_int_equal(
		look_for(t, &accept, KSK_ACCEPTED_CLOCK), KSK_ACCEPTED_CLOCK);
}

static void
test_sixteen_lines_are_remembered(void **state)
{
	struct ksk_test_journal *t = *state;
	struct ksk_accept accept;
	uint8_t line[KSK_HASH_LEN] = {0};

	write_clock_line(t, LATER, &accept);
	assert_int_equal(
		look_for(t, &accept, KSK_ACCEPTED_CLOCK), KSK_ACCEPTED_CLOCK);
	assert_int_equal(
		ksk_accept_remember(t->journal, found.clock_line), KSK_OK);
	journal_commit(t);
	for (uint8_t i = 1; i <= 16; i++) {
		accept.tried = 0;
		assert_int_equal(look_for(t, &accept, KSK_ACCEPTED_CLOCK), 0);
		line[0] = i;
		assert_int_equal(ksk_accept_remember(t->journal, line), KSK_OK);
		journal_commit(t);
	}
	accept.tried = 0;
	assert_int_equal(
		look_for(t, &accept, KSK_ACCEPTED_CLOCK), KSK_ACCEPTED_CLOCK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_not_taken),
		cmocka_unit_test(test_the_file),
		WITH_JOURNAL(test_a_line_ends_one_hold),
		WITH_JOURNAL(test_sixteen_lines_are_remembered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
