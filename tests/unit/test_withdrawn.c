/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of withdrawn: what is taken away narrows every policy that it fits,
 * and nothing else of it; the journal's form is read back as it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/policy/withdrawn.h"
#include "protocol/msg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIN(c) c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
#define WAITS \
	"{zone-max-ttl: 1d, propagation: 1h, sign-delay: 1h, " \
	"parent-ds-ttl: 1d, parent-propagation: 1h}"
#define ZONE(name) \
	"  - name: " name "\n    clients: [a]\n    ttl: 1h\n" \
	"    sign: [DNSKEY]\n    waits: " WAITS "\n" \
	"    ksk: [{token: main, ds: \"9 13 2 " PIN( \
		"99") "\"}]\n" \
		      "    providers:\n      - {name: p, state: serving, keys: [" \
		      "{ds: \"5 13 2 " PIN("55") "\"}, {ds: \"6 13 2 " PIN( \
			      "66") "\"}]}\n"
static const char policy[] =
	"kind: policy\n"
	"appliance: 000102030405060708090a0b0c0d0e0f\nversion: 1\nclients:\n"
	"  - {name: a, pin: " PIN(
		"aa") ", may: [read, sign]}\n"
		      "  - {name: b, pin: " PIN(
			      "bb") ", may: [read, submit]}\nzones:\n" ZONE("one.example.")
			      ZONE("two.example.");

static struct ksk_withdrawals all, again;
static uint8_t *bytes;
static struct ksk_table table;

static int
setup(void **state)
{
	static struct ksk_faults faults;
	struct ksk_fault fault = {""};
	size_t len = 0;

	(void)state;
	memset(&all, 0, sizeof(all));
	if (ksk_policy_compile(ksk_span_of(policy, sizeof(policy) - 1), NULL,
		    1800000000, &bytes, &len, &faults) != KSK_OK)
		fail_msg("%s", faults.list[0].text);
	assert_int_equal(
		ksk_table_open(ksk_span_of(bytes, len), &table, &fault),
		KSK_OK);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	free(bytes);
	return 0;
}

static struct ksk_taken
taken_key(const char *zone_wire, uint16_t tag)
{
	struct ksk_taken t = {.is_key = 1,
		.ds = {.tag = tag,
			.algorithm = 13,
			.digest_type = KSK_DIGEST_SHA256,
			.digest_len = 32}};

	memset(t.ds.digest, tag * 0x11, 32);
	if (zone_wire != NULL) {
		t.zone[0] = (uint8_t)(strlen(zone_wire) + 1);
		memcpy(t.zone + 1, zone_wire, t.zone[0]);
	}
	return t;
}

static struct ksk_taken
taken_right(uint8_t pin, uint32_t may)
{
	struct ksk_taken t = {.may = may};

	memset(t.pin, pin, KSK_PIN_LEN);
	return t;
}

static enum ksk_err
add(uint8_t hash, struct ksk_taken taken)
{
	static struct ksk_document d;

	memset(&d, 0, sizeof(d));
	memset(d.hash, hash, KSK_HASH_LEN);
	d.kind = KSK_DOCUMENT_WITHDRAW;
	d.taken_count = 1;
	d.taken[0] = taken;
	return ksk_withdrawals_add(&all, &d);
}

static size_t
count_withdrawn(const struct ksk_table *t)
{
	size_t count = 0;

	for (size_t i = 0; i < t->key_count; i++)
		count += t->keys[i].withdrawn;
	return count;
}

static const struct ksk_client *
client(const struct ksk_table *t, uint8_t pin)
{
	uint8_t whole[KSK_PIN_LEN];

	memset(whole, pin, sizeof(whole));
	return ksk_table_client_find(t, whole);
}

static struct ksk_table
narrow(void)
{
	struct ksk_table out = {.map = NULL};
	struct ksk_fault fault = {""};

	assert_true(ksk_withdrawals_touch(&all, &table));
	assert_int_equal(
		ksk_withdrawals_narrow(&all, &table, &out, &fault), KSK_OK);
	assert_false(ksk_withdrawals_touch(&all, &out));
	return out;
}

static void
test_a_key_in_one_zone_or_in_all(void **state)
{
	struct ksk_table out;

	(void)state;
	assert_int_equal(add(1, taken_key("\3two\7example", 5)), KSK_OK);
	out = narrow();
	assert_int_equal(count_withdrawn(&out), 1);
	assert_int_equal(count_withdrawn(&table), 0);
	ksk_table_unmap(&out);
	assert_int_equal(add(2, taken_key(NULL, 6)), KSK_OK);
	out = narrow();
	assert_int_equal(count_withdrawn(&out), 3);
	assert_int_equal(client(&out, 0xaa)->may, KSK_MAY_READ | KSK_MAY_SIGN);
	ksk_table_unmap(&out);
}

/* A provider that announces has a key that is taken away among its own, as
 * withdrawn; others keep what they have. */
static void
test_a_key_that_is_announced(void **state)
{
	struct ksk_policy_provider *p =
		(struct ksk_policy_provider *)(uintptr_t)&table.providers[1];
	struct ksk_table out;
	const struct ksk_policy_provider *got;

	(void)state;
	p->announced = 1;
	assert_int_equal(add(1, taken_key(NULL, 7)), KSK_OK);
	assert_int_equal(add(2, taken_key("\3two\7example", 8)), KSK_OK);
	assert_int_equal(add(3, taken_key("\3one\7example", 4)), KSK_OK);
	out = narrow();
	assert_int_equal(out.zone_count, 2);
	/* The keys' old places stay, unused: 7 was copied once. */
	assert_int_equal(count_withdrawn(&out), 3);
	got = &out.providers[1];
	assert_int_equal(got->keys.count, 4);
	assert_int_equal(out.keys[got->keys.first].ds.tag, 5);
	assert_int_equal(out.keys[got->keys.first + 2].ds.tag, 7);
	assert_int_equal(out.keys[got->keys.first + 2].withdrawn, 1);
	assert_int_equal(out.keys[got->keys.first + 3].ds.tag, 8);
	assert_int_equal(out.providers[0].keys.count, 2);
	assert_int_equal(table.providers[1].keys.count, 2);
	ksk_table_unmap(&out);
}

static void
test_an_announcing_provider_may_be_full(void **state)
{
	static const char head[] =
		"kind: policy\n"
		"appliance: 000102030405060708090a0b0c0d0e0f\nversion: 1\n"
		"clients: []\nzones:\n" ZONE("one.example.");
	static struct ksk_faults faults;
	struct ksk_taken t = taken_key(NULL, 7);
	struct ksk_fault fault = {""};
	struct ksk_table full;
	char text[8192];
	uint8_t *compiled = NULL;
	size_t len = 0, at;

	(void)state;
	at = (size_t)snprintf(text, sizeof(text), "%.*s",
		(int)(strstr(head, "keys: [") + 7 - head), head);
	for (unsigned i = 0; i < KSK_PROVIDER_KEY_MAX; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
			"%s{ds: \"%u 13 2 %064x\"}", i == 0 ? "" : ", ",
			100 + i, 100 + i);
	at += (size_t)snprintf(text + at, sizeof(text) - at, "]}\n");
	assert_non_null(strstr(text, "clients: [a]"));
	memcpy(strstr(text, "clients: [a]"), "clients: [ ]", 12);
	if (ksk_policy_compile(ksk_span_of(text, at), NULL, 1800000000,
		    &compiled, &len, &faults) != KSK_OK)
		fail_msg("%s", faults.list[0].text);
	assert_int_equal(
		ksk_table_open(ksk_span_of(compiled, len), &full, &fault),
		KSK_OK);
	assert_null(ksk_withdrawals_trouble(&t, &full));
	((struct ksk_policy_provider *)(uintptr_t)full.providers)->announced =
		1;
	assert_non_null(strstr(ksk_withdrawals_trouble(&t, &full), "no room"));
	free(compiled);
}

static void
test_rights_of_a_client(void **state)
{
	struct ksk_table out;

	(void)state;
	assert_int_equal(add(1, taken_right(0xaa, KSK_MAY_SIGN)), KSK_OK);
	assert_int_equal(add(2, taken_right(0xbb, 15)), KSK_OK);
	out = narrow();
	assert_int_equal(client(&out, 0xaa)->may, KSK_MAY_READ);
	assert_int_equal(client(&out, 0xbb)->may, 0);
	assert_int_equal(count_withdrawn(&out), 0);
	ksk_table_unmap(&out);
}

static void
test_what_fits_nothing_touches_nothing(void **state)
{
	(void)state;
	assert_false(ksk_withdrawals_touch(&all, &table));
	assert_int_equal(add(1, taken_key(NULL, 7)), KSK_OK);
	assert_int_equal(add(2, taken_right(0xcc, 15)), KSK_OK);
	assert_int_equal(add(3, taken_right(0xaa, KSK_MAY_SUBMIT)), KSK_OK);
	assert_false(ksk_withdrawals_touch(&all, &table));
}

static void
test_trouble(void **state)
{
	struct ksk_taken t = taken_key("\4none\7example", 5);

	(void)state;
	assert_non_null(strstr(ksk_withdrawals_trouble(&t, &table), "zone"));
	t = taken_key(NULL, 9);
	assert_non_null(strstr(ksk_withdrawals_trouble(&t, &table), "KSK"));
	t = taken_right(0xcc, 15);
	assert_non_null(strstr(ksk_withdrawals_trouble(&t, &table), "client"));
	t = taken_key(NULL, 7);
	assert_null(ksk_withdrawals_trouble(&t, &table));
	t = taken_right(0xaa, 15);
	assert_null(ksk_withdrawals_trouble(&t, &table));
}

static void
test_lifting(void **state)
{
	uint8_t hash[KSK_HASH_LEN];
	uint8_t names[KSK_WITHDRAWAL_COUNT_MAX][KSK_HASH_LEN];

	(void)state;
	assert_int_equal(add(1, taken_key(NULL, 5)), KSK_OK);
	assert_int_equal(add(2, taken_key(NULL, 6)), KSK_OK);
	assert_int_equal(ksk_withdrawals_documents(&all, names), 2);
	assert_int_equal(names[1][0], 2);
	memset(hash, 1, sizeof(hash));
	assert_true(ksk_withdrawals_has(&all, hash));
	assert_true(ksk_withdrawals_lift(&all, hash));
	assert_false(ksk_withdrawals_lift(&all, hash));
	assert_false(ksk_withdrawals_has(&all, hash));
	assert_int_equal(all.count, 1);
	assert_int_equal(all.list[0].taken.ds.tag, 6);
}

static void
test_there_is_an_end(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KSK_WITHDRAWAL_COUNT_MAX; i++)
		assert_int_equal(add((uint8_t)i, taken_right(0xaa, 1)), KSK_OK);
	assert_int_equal(add(200, taken_right(0xaa, 1)), KSK_ERR_NO_ROOM);
	assert_int_equal(all.count, KSK_WITHDRAWAL_COUNT_MAX);
}

static void
test_the_journals_form(void **state)
{
	static uint8_t room[KSK_WITHDRAWALS_MAX];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));

	(void)state;
	assert_int_equal(add(1, taken_key("\3two\7example", 5)), KSK_OK);
	assert_int_equal(add(1, taken_key(NULL, 6)), KSK_OK);
	assert_int_equal(add(2, taken_right(0xaa, 3)), KSK_OK);
	assert_int_equal(ksk_withdrawals_write(&all, &buf), KSK_OK);
	for (size_t len = 0; len < buf.len; len++)
		assert_int_equal(
			ksk_withdrawals_read(ksk_span_of(room, len), &again),
			KSK_ERR_MALFORMED);
	assert_int_equal(
		ksk_withdrawals_read(ksk_buf_span(&buf), &again), KSK_OK);
	assert_int_equal(again.count, 3);
	assert_memory_equal(&again.list, &all.list, 3 * sizeof(all.list[0]));
	room[0]++;
	assert_int_equal(ksk_withdrawals_read(ksk_buf_span(&buf), &again),
		KSK_ERR_MALFORMED);
}

static void
test_keys_by_name(void **state)
{
	struct ksk_name one, two;
	struct ksk_taken t = taken_key("\3two\7example", 5);

	(void)state;
	assert_int_equal(
		ksk_name_from_wire(ksk_span_of("\3one\7example", 13), &one),
		KSK_OK);
	assert_int_equal(
		ksk_name_from_wire(ksk_span_of("\3two\7example", 13), &two),
		KSK_OK);
	assert_int_equal(add(1, t), KSK_OK);
	assert_true(ksk_withdrawals_has_key(&all, &two, &t.ds));
	assert_false(ksk_withdrawals_has_key(&all, &one, &t.ds));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_key_in_one_zone_or_in_all),
		TEST(test_a_key_that_is_announced),
		TEST(test_an_announcing_provider_may_be_full),
		TEST(test_rights_of_a_client),
		TEST(test_what_fits_nothing_touches_nothing),
		TEST(test_trouble),
		TEST(test_lifting),
		TEST(test_there_is_an_end),
		TEST(test_the_journals_form),
		TEST(test_keys_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
