/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of upload: parts in order become the whole that its hash names; what
 * is out of order, of somebody else or not what it says is not handed over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/signer/upload.h"

#include <stdlib.h>
#include <string.h>

static struct ksk_uploads uploads;
static uint8_t text[1000], hash[KSK_HASH_LEN];
static const uint8_t me[KSK_PIN_LEN] = {1};

static int
setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)i;
	return EVP_Digest(text, sizeof(text), hash, NULL, EVP_sha256(), NULL) ==
			1
		? 0
		: 1;
}

static int
teardown(void **state)
{
	(void)state;
	ksk_uploads_wipe(&uploads);
	return 0;
}

static uint64_t
part(const uint8_t pin[KSK_PIN_LEN], size_t from, size_t len, uint64_t now_ms)
{
	struct ksk_part p = {.total = sizeof(text),
		.offset = from,
		.bytes = ksk_span_of(text + from, len)};
	uint64_t received = 0;

	memcpy(p.hash, hash, sizeof(hash));
	assert_int_equal(
		ksk_upload_part(&uploads, pin, &p, now_ms, &received), KSK_OK);
	return received;
}

static enum ksk_err
take(const uint8_t pin[KSK_PIN_LEN])
{
	uint8_t *data = NULL;
	size_t len = 0;
	enum ksk_err err = ksk_upload_take(&uploads, pin, hash, &data, &len);

	if (err == KSK_OK) {
		assert_int_equal(len, sizeof(text));
		assert_memory_equal(data, text, len);
	}
	free(data);
	return err;
}

static void
test_in_order(void **state)
{
	static const uint8_t other[KSK_PIN_LEN] = {2};

	(void)state;
	assert_int_equal(take(me), KSK_ERR_NOT_FOUND);
	assert_int_equal(part(me, 0, 400, 0), 400);
	assert_int_equal(take(me), KSK_ERR_NOT_FOUND);
	assert_int_equal(part(me, 500, 100, 0), 400);
	assert_int_equal(part(other, 400, 600, 0), 0);
	assert_int_equal(part(me, 400, 600, 0), 1000);
	assert_int_equal(part(me, 400, 600, 0), 1000);
	assert_int_equal(take(other), KSK_ERR_NOT_FOUND);
	assert_int_equal(take(me), KSK_OK);
	assert_int_equal(take(me), KSK_ERR_NOT_FOUND);
}

static void
test_anew(void **state)
{
	(void)state;
	assert_int_equal(part(me, 0, 400, 0), 400);
	assert_int_equal(part(me, 0, 1000, 0), 1000);
	assert_int_equal(take(me), KSK_OK);
}

static void
test_not_what_it_says(void **state)
{
	(void)state;
	hash[0]++;
	assert_int_equal(part(me, 0, 1000, 0), 1000);
	assert_int_equal(take(me), KSK_ERR_MALFORMED);
	assert_int_equal(take(me), KSK_ERR_NOT_FOUND);
}

static void
test_places_have_an_end(void **state)
{
	struct ksk_part p = {
		.total = sizeof(text), .bytes = ksk_span_of(text, 1)};
	uint8_t pin[KSK_PIN_LEN] = {0};
	uint64_t received = 0;

	(void)state;
	for (unsigned i = 0; i < KSK_UPLOAD_COUNT; i++) {
		pin[0] = (uint8_t)i;
		assert_int_equal(part(pin, 0, 400, i), 400);
	}
	pin[0] = 99;
	assert_int_equal(ksk_upload_part(&uploads, pin, &p, 10, &received),
		KSK_ERR_AGAIN);
	/* The one that is idle longest gives way, after its time. */
	assert_int_equal(ksk_upload_part(&uploads, pin, &p,
				 KSK_UPLOAD_IDLE_MS + 1, &received),
		KSK_OK);
	assert_int_equal(received, 1);
	pin[0] = 0;
	assert_int_equal(part(pin, 400, 600, KSK_UPLOAD_IDLE_MS + 2), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_in_order),
		TEST(test_anew),
		TEST(test_not_what_it_says),
		TEST(test_places_have_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
