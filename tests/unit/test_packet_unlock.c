/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of packet_unlock: round trips, refusal of every prefix, of a byte more
 * and of values out of range, PINs that are none, and an address that fits
 * whatever the folder is called.
 */
#include "appliance/base/packet_unlock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

static uint8_t room[KSK_UNLOCK_ANSWER_CAP];

/* Writes a whole packet with this PIN. */
static struct ksk_buf
whole(const char *token, bool reset, const void *pin, size_t len)
{
	struct ksk_unlock ask = {
		.pin_reset = reset, .pin = ksk_span_of(pin, len)};
	struct ksk_buf out = ksk_buf_of(room, sizeof room);

	ksk_text_copy(ask.token, sizeof ask.token, token);
	assert_int_equal(ksk_unlock_write_head(&ask, &out), KSK_OK);
	assert_int_equal(ksk_buf_put(&out, pin, len), KSK_OK);
	return out;
}

/* Reads an exact heap copy, so that ASan sees a read beyond. */
static enum ksk_err
read_exact(const uint8_t *bytes, size_t len, size_t *out_pin_len)
{
	uint8_t *heap = malloc(len > 0 ? len : 1);
	struct ksk_unlock ask = {.pin_reset = true};
	enum ksk_err err;

	assert_non_null(heap);
	memcpy(heap, bytes, len);
	err = ksk_unlock_read(ksk_span_of(heap, len), &ask);
	if (err != KSK_OK) {
		/* Unchanged. */
		assert_true(ask.pin_reset && ask.token[0] == '\0');
		assert_null(ask.pin.data);
	} else if (out_pin_len != NULL) {
		*out_pin_len = ask.pin.len;
	}
	free(heap);
	return err;
}

static void
test_ask(void **state)
{
	struct ksk_buf packet = whole("main", true, "12 34", 5);
	struct ksk_unlock ask;

	(void)state;
	assert_int_equal(ksk_unlock_read(ksk_buf_span(&packet), &ask), KSK_OK);
	assert_string_equal(ask.token, "main");
	assert_true(ask.pin_reset);
	assert_int_equal(ask.pin.len, 5);
	assert_memory_equal(ask.pin.data, "12 34", 5);
	/* It borrows: no copy of the PIN is made. */
	assert_ptr_equal(ask.pin.data, packet.data + packet.len - 5);
	for (size_t len = 0; len < packet.len; len++)
		assert_int_not_equal(
			read_exact(packet.data, len, NULL), KSK_OK);
	room[packet.len] = 'x';
	assert_int_not_equal(
		read_exact(packet.data, packet.len + 1, NULL), KSK_OK);
}

static void
test_ask_lengths(void **state)
{
	uint8_t pin[KSK_UNLOCK_PIN_MAX + 1];
	char name[KSK_LABEL_CAP];
	struct ksk_unlock ask = {.token = "main"};
	struct ksk_buf out;
	size_t len = 0;

	(void)state;
	memset(pin, 'p', sizeof pin);
	memset(name, 'n', sizeof name);
	name[sizeof name - 1] = '\0';
	out = whole(name, false, pin, KSK_UNLOCK_PIN_MAX);
	assert_in_range(out.len, KSK_UNLOCK_PIN_MAX, KSK_UNLOCK_ASK_CAP);
	assert_int_equal(read_exact(out.data, out.len, &len), KSK_OK);
	assert_int_equal(len, KSK_UNLOCK_PIN_MAX);
	/* What the reader would refuse is not written. */
	ask.pin = ksk_span_of(pin, sizeof pin);
	assert_int_equal(ksk_unlock_write_head(&ask, &out), KSK_ERR_MALFORMED);
	ask.pin = ksk_span_of(pin, 0);
	assert_int_equal(ksk_unlock_write_head(&ask, &out), KSK_ERR_MALFORMED);
	ask = (struct ksk_unlock){.pin = ksk_span_of(pin, 1)};
	assert_int_equal(ksk_unlock_write_head(&ask, &out), KSK_ERR_MALFORMED);
	ask = (struct ksk_unlock){.token = "main", .pin = ksk_span_of(pin, 1)};
	out = ksk_buf_of(room, 6);
	assert_int_equal(ksk_unlock_write_head(&ask, &out), KSK_ERR_NO_ROOM);
	/* One byte longer than any PIN, written by hand. */
	out = whole("main", false, pin, KSK_UNLOCK_PIN_MAX);
	room[out.len++] = 'p';
	room[10] = 1;
	assert_int_not_equal(read_exact(out.data, out.len, NULL), KSK_OK);
}

static void
test_ask_values(void **state)
{
	static const char *const odd[] = {"1\n2", "12\n", "1\r2", "1\0002"};
	struct ksk_buf packet;

	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		packet = whole("main", false, odd[i], 3);
		assert_int_equal(read_exact(packet.data, packet.len, NULL),
			KSK_ERR_MALFORMED);
	}
	packet = whole("main", false, "1234", 4);
	assert_int_equal(read_exact(packet.data, packet.len, NULL), KSK_OK);
	room[8] = 2; /* pin_reset */
	assert_int_equal(
		read_exact(packet.data, packet.len, NULL), KSK_ERR_MALFORMED);
	room[8] = 0;
	room[1] = KSK_ADM_UNLOCKED; /* another packet */
	assert_int_equal(
		read_exact(packet.data, packet.len, NULL), KSK_ERR_MALFORMED);
	room[1] = KSK_ADM_UNLOCK;
	room[4] = '\0'; /* in the name */
	assert_int_equal(
		read_exact(packet.data, packet.len, NULL), KSK_ERR_MALFORMED);
	/* No name, no PIN. */
	const uint8_t empty[] = {0, 0x40, 0, 0, 0, 0, 1, 'p'};
	const uint8_t no_pin[] = {0, 0x40, 0, 1, 'm', 0, 0, 0};
	assert_int_equal(
		read_exact(empty, sizeof empty, NULL), KSK_ERR_MALFORMED);
	assert_int_equal(
		read_exact(no_pin, sizeof no_pin, NULL), KSK_ERR_MALFORMED);
}

static void
test_answer(void **state)
{
	struct ksk_unlocked in = {.why = "the token refused the PIN"};
	struct ksk_unlocked out;

	(void)state;
	for (int v = 0; v <= (int)KSK_UNLOCK_OUTCOME_MAX; v++) {
		struct ksk_buf buf = ksk_buf_of(room, sizeof room);

		in.outcome = (enum ksk_unlock_outcome)v;
		assert_int_equal(ksk_unlocked_write(&in, &buf), KSK_OK);
		memset(&out, 0, sizeof out);
		assert_int_equal(
			ksk_unlocked_read(ksk_buf_span(&buf), &out), KSK_OK);
		assert_int_equal(out.outcome, in.outcome);
		assert_string_equal(out.why, in.why);
		for (size_t len = 0; len < buf.len; len++)
			assert_int_not_equal(
				ksk_unlocked_read(ksk_span_of(room, len), &out),
				KSK_OK);
		room[buf.len] = 0;
		assert_int_not_equal(
			ksk_unlocked_read(ksk_span_of(room, buf.len + 1), &out),
			KSK_OK);
		room[2] = KSK_UNLOCK_OUTCOME_MAX + 1;
		assert_int_equal(ksk_unlocked_read(ksk_buf_span(&buf), &out),
			KSK_ERR_MALFORMED);
		room[1] = KSK_ADM_UNLOCK;
		assert_int_equal(ksk_unlocked_read(ksk_buf_span(&buf), &out),
			KSK_ERR_MALFORMED);
	}
	memset(in.why, 'w', sizeof in.why - 1);
	struct ksk_buf full = ksk_buf_of(room, sizeof room);
	assert_int_equal(ksk_unlocked_write(&in, &full), KSK_OK);
	struct ksk_buf small = ksk_buf_of(room, 20);
	assert_int_equal(ksk_unlocked_write(&in, &small), KSK_ERR_NO_ROOM);
}

static void
test_address(void **state)
{
	struct sockaddr_un address;

	(void)state;
	ksk_unlock_address(1234567890, &address);
	assert_int_equal(address.sun_family, AF_UNIX);
	assert_string_equal(
		address.sun_path, "/proc/self/fd/1234567890/unlock");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_ask_lengths),
		cmocka_unit_test(test_ask_values),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
