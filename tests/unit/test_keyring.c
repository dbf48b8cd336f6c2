/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_keyring - a key is what the policy pins, whatever a worker says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/signer/keyring.h"
#include "tests/unit/sample_keyring.h"
#include "tests/unit/sample_table.h"

static const struct ksk_start_signer start = {
	.token_count = 1, .token = {"main"}};

struct world {
	struct ksk_keyring *keyring;
	struct ksk_table table;
	uint32_t *map;
	struct ksk_keyring_key *key;
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	assert_int_equal(ksk_keyring_new(&start, &w->keyring), KSK_OK);
	int fd = sample_memfd(1, "main", "x");
	assert_int_equal(ksk_table_map(fd, &w->table, NULL), KSK_OK);
	close(fd);
	w->map = sample_keys(w->keyring, &w->table);
	w->key = ksk_keyring_key(w->keyring, w->map[0]);
	assert_non_null(w->key);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	free(w->map);
	ksk_table_unmap(&w->table);
	ksk_keyring_free(&w->keyring);
	assert_null(w->keyring);
	ksk_keyring_free(&w->keyring);
	free(w);
	return 0;
}

static void
test_the_pinned_key_is_found(void **state)
{
	struct world *w = *state;
	assert_int_equal(w->key->state, KSK_KEY_UNSEEN);
	struct ksk_span good = ksk_span_of(sample_ksk, sizeof sample_ksk);
	assert_true(ksk_keyring_answer(w->key, good, ""));
	assert_int_equal(w->key->state, KSK_KEY_FOUND);
	assert_non_null(w->key->verify);
	struct ksk_dnskey fields;
	assert_int_equal(ksk_dnskey_read(good, &fields), KSK_OK);
	assert_int_equal(w->key->tag, fields.tag);
	assert_int_equal(w->key->revoked_tag, fields.revoked_tag);
	assert_false(ksk_keyring_answer(w->key, good, ""));
}

static void
test_another_key_is_never_taken(void **state)
{
	struct world *w = *state;
	uint8_t other[sizeof sample_ksk];
	memcpy(other, sample_ksk, sizeof other);
	other[67] ^= 1;
	assert_true(ksk_keyring_answer(
		w->key, ksk_span_of(other, sizeof other), ""));
	assert_int_equal(w->key->state, KSK_KEY_MISSING);
	assert_non_null(strstr(w->key->why, "policy pins"));
	assert_null(w->key->verify);
}

static void
test_a_key_may_go_and_come_back(void **state)
{
	struct world *w = *state;
	struct ksk_span none = {NULL, 0};
	struct ksk_span good = ksk_span_of(sample_ksk, sizeof sample_ksk);
	assert_true(ksk_keyring_answer(w->key, none, "not there"));
	assert_false(ksk_keyring_answer(w->key, none, "not there"));
	assert_true(ksk_keyring_answer(w->key, none, "ambiguous"));
	assert_string_equal(w->key->why, "ambiguous");
	assert_true(ksk_keyring_answer(w->key, good, ""));
	assert_true(ksk_keyring_answer(w->key, none, "gone"));
	assert_int_equal(w->key->state, KSK_KEY_MISSING);
	assert_null(w->key->dnskey);
}

static void
test_slots(void **state)
{
	struct world *w = *state;
	assert_int_equal(ksk_keyring_slots(w->keyring, 0), 2);
	assert_ptr_equal(ksk_keyring_at(w->keyring, 0, w->key->slot), w->key);
	assert_null(ksk_keyring_at(w->keyring, 0, 2));
	assert_null(ksk_keyring_at(w->keyring, 8, 0));
	assert_null(ksk_keyring_key(w->keyring, KSK_NO_KEY));
}

static void
test_nobody_misses_what_no_policy_names(void **state)
{
	struct world *w = *state;
	struct ksk_span none = {NULL, 0};
	uint32_t *map;
	assert_int_equal(w->key->named, 1);
	assert_true(ksk_keyring_answer(w->key, none, "not there"));
	assert_true(ksk_keyring_misses(w->keyring, 0));
	map = sample_keys(w->keyring, &w->table);
	assert_int_equal(map[0], w->map[0]);
	assert_int_equal(w->key->named, 2);
	ksk_keyring_unname(w->keyring, map, w->table.ksk_count);
	assert_true(ksk_keyring_misses(w->keyring, 0));
	map[0] = KSK_NO_KEY;
	ksk_keyring_unname(w->keyring, map, 1);
	assert_int_equal(w->key->named, 1);
	ksk_keyring_unname(w->keyring, w->map, w->table.ksk_count);
	assert_int_equal(w->key->named, 0);
	assert_false(ksk_keyring_misses(w->keyring, 0));
	free(map);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_pinned_key_is_found),
		TEST(test_another_key_is_never_taken),
		TEST(test_a_key_may_go_and_come_back),
		TEST(test_slots),
		TEST(test_nobody_misses_what_no_policy_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
