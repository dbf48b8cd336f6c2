/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of start: each slice there and back, every prefix, a byte more, and
 * values out of range.
 */
#include "appliance/base/start.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t room[KSK_PACKET_MAX], again_room[KSK_PACKET_MAX];

/* Reads a whole packet and writes what it read to again. */
typedef enum ksk_err rewrite_fn(struct ksk_span packet, struct ksk_buf *again);

static enum ksk_err
read_exact(rewrite_fn *rewrite, const uint8_t *bytes, size_t len,
	struct ksk_buf *again)
{
	uint8_t *heap = malloc(len > 0 ? len : 1);
	enum ksk_err err;

	assert_non_null(heap);
	memcpy(heap, bytes, len);
	err = rewrite(ksk_span_of(heap, len), again);
	free(heap);
	return err;
}

static void
check_packet(rewrite_fn *rewrite, struct ksk_buf *packet)
{
	struct ksk_buf again = ksk_buf_of(again_room, sizeof again_room);

	assert_int_equal(
		read_exact(rewrite, packet->data, packet->len, &again), KSK_OK);
	assert_int_equal(again.len, packet->len);
	assert_memory_equal(again.data, packet->data, packet->len);
	for (size_t len = 0; len < packet->len; len++)
		assert_int_not_equal(
			read_exact(rewrite, packet->data, len, &again), KSK_OK);
	packet->data[packet->len] = 0;
	assert_int_not_equal(
		read_exact(rewrite, packet->data, packet->len + 1, &again),
		KSK_OK);
}

static void
check_refused(
	rewrite_fn *rewrite, struct ksk_buf *packet, size_t at, uint8_t value)
{
	struct ksk_buf again = ksk_buf_of(again_room, sizeof again_room);
	const uint8_t kept = packet->data[at];

	assert_true(at < packet->len);
	packet->data[at] = value;
	assert_int_not_equal(
		read_exact(rewrite, packet->data, packet->len, &again), KSK_OK);
	packet->data[at] = kept;
}

static enum ksk_err
rewrite_frontend(struct ksk_span packet, struct ksk_buf *again)
{
	struct ksk_start_frontend s;
	const enum ksk_err err = ksk_start_frontend_read(packet, &s);

	return err != KSK_OK ? err : ksk_start_frontend_write(&s, again);
}

static void
test_frontend(void **state)
{
	const struct ksk_start_frontend s = {600, 64, 5000, 600000, 10000};
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);

	(void)state;
	assert_int_equal(ksk_start_frontend_write(&s, &buf), KSK_OK);
	check_packet(rewrite_frontend, &buf);
	check_refused(rewrite_frontend, &buf, 1, KSK_CTL_STOP);
	check_refused(rewrite_frontend, &buf, 2, KSK_CHILD_SIGNER);
}

static enum ksk_err
rewrite_signer(struct ksk_span packet, struct ksk_buf *again)
{
	struct ksk_start_signer s;
	const enum ksk_err err = ksk_start_signer_read(packet, &s);

	return err != KSK_OK ? err : ksk_start_signer_write(&s, again);
}

static void
test_signer(void **state)
{
	struct ksk_start_signer s = {.journal = "/j",
		.job_ms = 2000,
		.reserve = UINT64_C(1) << 40,
		.token_count = 2,
		.token = {"a", "b"},
		.worker_count = 3,
		.worker_token = {0, 0, 1}};
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);
	const size_t count_at = 3 + KSK_ID_LEN + 4 + 4 + 8;

	(void)state;
	assert_int_equal(ksk_start_signer_write(&s, &buf), KSK_OK);
	check_packet(rewrite_signer, &buf);
	check_refused(rewrite_signer, &buf, 2, KSK_CHILD_WORKER);
	check_refused(rewrite_signer, &buf, count_at + 1, 9);
	check_refused(rewrite_signer, &buf, buf.len - 10, 65);
	/* A worker of a token that is not there. */
	check_refused(rewrite_signer, &buf, buf.len - 4, 2);
	check_refused(rewrite_signer, &buf, buf.len - 3, 2); /* a bool */
	check_refused(rewrite_signer, &buf, buf.len - 1, 9);
	s.quorum = true;
	s.bootstrap_count = KSK_BOOTSTRAP_MAX;
	memset(s.bootstrap, 7, sizeof s.bootstrap);
	assert_int_equal(ksk_start_signer_write(&s, &buf), KSK_OK);
	check_packet(rewrite_signer, &buf);
}

static enum ksk_err
rewrite_worker(struct ksk_span packet, struct ksk_buf *again)
{
	static struct ksk_start_worker s;
	const enum ksk_err err = ksk_start_worker_read(packet, &s);

	return err != KSK_OK ? err : ksk_start_worker_write(&s, again);
}

static void
test_worker(void **state)
{
	struct ksk_start_worker s = {.index = 1,
		.token = "t",
		.module = "/m",
		.has_sha256 = true,
		.uri = "pkcs11:",
		.init = "i",
		.network = true,
		.anchor = true,
		.environment_count = 2,
		.environment = {"A=b", "C=d"},
		.path_count = 2,
		.path = {"/p", "/q"},
		.path_access = {KSK_PATH_READ,
			KSK_PATH_READ | KSK_PATH_EXECUTE | KSK_PATH_WRITE}};
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);

	(void)state;
	assert_int_equal(ksk_start_worker_write(&s, &buf), KSK_OK);
	check_packet(rewrite_worker, &buf);
	check_refused(rewrite_worker, &buf, 4, 64);
	check_refused(rewrite_worker, &buf, 5 + 3 + 4, 2); /* has_sha256 */
	check_refused(rewrite_worker, &buf, buf.len - 1, 8);
	check_refused(rewrite_worker, &buf, buf.len - 1, 0);
	s.has_sha256 = false;
	s.environment_count = 0;
	s.path_count = 0;
	assert_int_equal(ksk_start_worker_write(&s, &buf), KSK_OK);
	check_packet(rewrite_worker, &buf);
	check_refused(rewrite_worker, &buf, buf.len - 1, 17);
	check_refused(rewrite_worker, &buf, buf.len - 3, 17);
}

/* The largest slice fits one packet. */
static void
test_worker_at_its_limits(void **state)
{
	static struct ksk_start_worker s, read;
	struct ksk_buf buf = ksk_buf_of(room, sizeof room);

	(void)state;
	memset(&s, 'x', sizeof s);
	s.index = 63;
	s.has_sha256 = s.network = s.anchor = true;
	s.token[sizeof s.token - 1] = s.module[KSK_PATH_CAP - 1] = '\0';
	s.uri[KSK_PATH_CAP - 1] = s.init[KSK_PATH_CAP - 1] = '\0';
	s.environment_count = KSK_ENVIRONMENT_MAX;
	s.path_count = KSK_MODULE_PATHS_MAX;
	for (size_t i = 0; i < 16; i++) {
		s.environment[i][KSK_PATH_CAP - 1] = '\0';
		s.path[i][KSK_PATH_CAP - 1] = '\0';
		s.path_access[i] = KSK_PATH_WRITE;
	}
	assert_int_equal(ksk_start_worker_write(&s, &buf), KSK_OK);
	assert_int_equal(
		ksk_start_worker_read(ksk_buf_span(&buf), &read), KSK_OK);
	assert_string_equal(read.path[15], s.path[15]);
	buf.cap = buf.len - 1;
	assert_int_equal(ksk_start_worker_write(&s, &buf), KSK_ERR_NO_ROOM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frontend),
		cmocka_unit_test(test_signer),
		cmocka_unit_test(test_worker),
		cmocka_unit_test(test_worker_at_its_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
