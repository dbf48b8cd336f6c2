/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_frontend_credit - what is counted is never less than what is open,
 * whatever the order of the replies. The frontend is a program, not a library,
 * so its file is taken in whole.
 */
#include "appliance/frontend/credit.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
test_requests(void **state)
{
	static struct ksk_credit credit;

	(void)state;
	for (uint64_t i = 0; i < KSK_CREDIT_REQUESTS; i++) {
		assert_true(ksk_credit_has(&credit, 1));
		ksk_credit_take(&credit, i, 1);
	}
	assert_false(ksk_credit_has(&credit, 1));
	assert_true(ksk_credit_give(&credit, 7));
	assert_false(ksk_credit_give(&credit, 7));
	assert_true(ksk_credit_has(&credit, 1));
	ksk_credit_clear(&credit);
	assert_int_equal(credit.count, 0);
	assert_int_equal(credit.bytes, 0);
	assert_false(ksk_credit_give(&credit, 8));
}

static void
test_bytes(void **state)
{
	static struct ksk_credit credit;
	size_t sent = 0;

	(void)state;
	while (ksk_credit_has(&credit, KSK_FRAME_MAX)) {
		ksk_credit_take(&credit, 1, KSK_FRAME_MAX);
		sent += KSK_FRAME_MAX;
	}
	assert_int_equal(sent / KSK_FRAME_MAX, 15);
	/* What is left over is good for a smaller one. */
	assert_true(ksk_credit_has(&credit, 60000));
	assert_true(ksk_credit_give(&credit, 1));
	assert_true(ksk_credit_has(&credit, KSK_FRAME_MAX));
}

static void
test_unknown_connection(void **state)
{
	static struct ksk_credit credit;

	(void)state;
	assert_false(ksk_credit_give(&credit, 0));
	ksk_credit_take(&credit, 5, 10);
	assert_false(ksk_credit_give(&credit, 4));
	assert_false(ksk_credit_give(&credit, 0));
	assert_int_equal(credit.count, 1);
	assert_true(ksk_credit_give(&credit, 5));
}

/* A fixed sequence that looks random. */
static uint32_t
next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

struct model {
	uint64_t conn[KSK_CREDIT_REQUESTS];
	size_t len[KSK_CREDIT_REQUESTS];
	size_t count;
	size_t bytes;
};

static void
model_answer(struct model *m, size_t i)
{
	m->bytes -= m->len[i];
	m->count--;
	m->conn[i] = m->conn[m->count];
	m->len[i] = m->len[m->count];
}

static void
test_any_order(void **state)
{
	static struct ksk_credit credit;
	static struct model m;
	uint32_t seed = 1;

	(void)state;
	for (size_t step = 0; step < 200000; step++) {
		const size_t len = 1 + next(&seed) % KSK_FRAME_MAX;
		const uint64_t conn = next(&seed) % 5;

		if (next(&seed) % 2 == 0 && ksk_credit_has(&credit, len)) {
			ksk_credit_take(&credit, conn, len);
			m.conn[m.count] = conn;
			m.len[m.count++] = len;
			m.bytes += len;
		} else if (m.count > 0) {
			const size_t i = next(&seed) % m.count;

			assert_true(ksk_credit_give(&credit, m.conn[i]));
			model_answer(&m, i);
		}
		assert_int_equal(credit.count, m.count);
		assert_true(m.bytes <= credit.bytes);
		assert_true(credit.bytes <= KSK_CREDIT_BYTES);
		if (m.count == 0)
			assert_int_equal(credit.bytes, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_unknown_connection),
		cmocka_unit_test(test_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
