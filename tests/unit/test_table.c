/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of table: a compiled table opens and answers; a damaged one is refused
 * or is another valid table, and never lets a reader out of its bounds (run
 * sanitized: each damaged copy lies in a heap block of exactly its size).
 */
#include "appliance/policy/compile.h"
#include "appliance/policy/rules.h"
#include "appliance/policy/table_layout.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define H "1111111111111111111111111111111111111111111111111111111111111111"
#define G "2222222222222222222222222222222222222222222222222222222222222222"
#define WAITS \
	"    waits: {zone-max-ttl: 1d, propagation: 1h, sign-delay: 1h, " \
	"parent-ds-ttl: 1d, parent-propagation: 1h}\n"

static const char text[] =
	"kind: policy\nappliance: 000102030405060708090a0b0c0d0e0f\n"
	"version: 3\n"
	"clients:\n"
	"  - {name: two, pin: " G ", may: [sign]}\n"
	"  - {name: one, pin: " H ", may: [read]}\n"
	"zones:\n"
	"  - name: b.example.\n    clients: [one]\n    ttl: 1h\n"
	"    sign: [DNSKEY]\n" WAITS "    ksk: [{token: t, ds: \"1 13 2 " H
	"\"}]\n    parent-ds: {seen: 2026-01-01T00:00:00Z, ds: [\"1 13 2 " H
	"\"]}\n    tag-pairs: [\"1 13\"]\n"
	"    providers: [{name: p, state: serving, keys: [{ds: \"2 13 2 " H
	"\"}]}]\n    co-signers: [{provider: q, role: ksk, ds: \"3 13 2 " H
	"\"}]\n"
	"  - name: a.example.\n    clients: [two, one]\n    ttl: 1h\n"
	"    sign: [CDS]\n" WAITS "    ksk: [{token: t, ds: \"1 13 2 " G
	"\"}]\n    providers: []\n"
	"  - name: example.\n    clients: []\n    ttl: 1h\n"
	"    sign: [CDS]\n" WAITS "    ksk: [{token: t, ds: \"1 13 2 " G
	"\"}]\n    providers: []\n";

static uint8_t *bytes;
static size_t bytes_len;

static int
setup(void **state)
{
	static struct ksk_faults faults;

	(void)state;
	if (ksk_policy_compile(ksk_span_of(text, sizeof(text) - 1), NULL,
		    1800000000u, &bytes, &bytes_len, &faults) == KSK_OK)
		return 0;
	print_error("%s\n", faults.list[0].text);
	return -1;
}

static int
teardown(void **state)
{
	(void)state;
	free(bytes);
	return 0;
}

static struct ksk_name
name_of(const char *name)
{
	struct ksk_name out;

	assert_int_equal(
		ksk_name_from_text(name, strlen(name), &out, NULL), KSK_OK);
	return out;
}

static void
test_table_finds(void **state)
{
	static const char *const zones[] = {
		"a.example.", "b.example.", "example."};
	struct ksk_table t;
	struct ksk_fault fault = {""};
	uint8_t one[KSK_PIN_LEN], two[KSK_PIN_LEN], none[KSK_PIN_LEN] = {0};
	struct ksk_name name, back;
	const struct ksk_zone *a;

	(void)state;
	memset(one, 0x11, sizeof(one));
	memset(two, 0x22, sizeof(two));
	assert_int_equal(
		ksk_table_open(ksk_span_of(bytes, bytes_len), &t, &fault),
		KSK_OK);
	assert_int_equal(t.version, 3);
	assert_int_equal(t.zone_count, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct ksk_zone *z;

		name = name_of(zones[i]);
		z = ksk_table_zone_find(&t, &name);
		assert_non_null(z);
		ksk_table_zone_name(&t, z, &back);
		assert_true(ksk_name_equal(&back, &name));
	}
	name = name_of("c.example.");
	assert_null(ksk_table_zone_find(&t, &name));
	name = name_of(".");
	assert_null(ksk_table_zone_find(&t, &name));
	assert_string_equal(ksk_table_client_find(&t, one)->name, "one");
	assert_string_equal(ksk_table_client_find(&t, two)->name, "two");
	assert_int_equal(ksk_table_client_find(&t, two)->may, KSK_MAY_SIGN);
	assert_null(ksk_table_client_find(&t, none));
	name = name_of("b.example.");
	a = ksk_table_zone_find(&t, &name);
	assert_true(ksk_table_zone_has_client(
		&t, a, ksk_table_client_find(&t, one)));
	assert_false(ksk_table_zone_has_client(
		&t, a, ksk_table_client_find(&t, two)));
}

/* Reads all that a reader may read of an open table. */
static unsigned
read_everything(const struct ksk_table *t)
{
	static struct ksk_refusals refusals;
	static struct ksk_sign sign;
	static struct ksk_permit permit;
	struct ksk_signer_key out[KSK_RRSIG_COUNT_MAX];
	static const uint8_t rdata[] = {1, 1, 3, 13, 1, 2, 3, 4};
	unsigned sum = 0;

	for (size_t i = 0; i < t->zone_count; i++) {
		const struct ksk_zone *z = &t->zones[i];
		struct ksk_candidate c = {.sign = &sign, .now = 1800000000u};

		if (t->client_count != 0)
			c.client = ksk_table_client_find(t, t->clients[0].pin);
		ksk_table_zone_name(t, z, &sign.rrset.owner);
		sign.rrset.count = 1;
		sign.rrset.rdata[0] = ksk_span_of(rdata, sizeof(rdata));
		sign.rrset.type = KSK_TYPE_DNSKEY;
		sum += ksk_rules_judge(t, z, &c, &permit, &refusals) ? 1 : 0;
		sum += refusals.count;
		sign.rrset.type = KSK_TYPE_CDS;
		sum += ksk_rules_judge(t, z, &c, &permit, &refusals) ? 1 : 0;
		sum += refusals.count;
		sum += (unsigned)ksk_rules_standing(t, z, NULL, 0, 0, out);
		sum += ksk_table_zone_find(t, &sign.rrset.owner) == z;
		for (uint32_t k = 0; k < z->providers.count; k++)
			sum += t->providers[z->providers.first + k]
				       .announcer[0];
	}
	return sum;
}

static size_t
try_bytes(const uint8_t *data, size_t len)
{
	struct ksk_fault fault = {""};
	struct ksk_table t;
	uint8_t *copy = malloc(len == 0 ? 1 : len);
	size_t opened = 0;

	assert_non_null(copy);
	memcpy(copy, data, len);
	memset(&t, 0xee, sizeof(t));
	if (ksk_table_open(ksk_span_of(copy, len), &t, &fault) == KSK_OK) {
		opened = 1;
		/* Each zone is found again, whatever else was changed. */
		assert_true(read_everything(&t) >= t.zone_count);
	} else {
		assert_true(strncmp(fault.text, "policy table: ", 14) == 0);
		assert_int_equal(*(const uint8_t *)&t, 0xee);
	}
	free(copy);
	return opened;
}

static void
test_table_survives_damage(void **state)
{
	static const uint8_t flips[] = {0x01, 0x80, 0xff};
	uint8_t *copy = malloc(bytes_len);
	size_t opened = 0, tried = 0;

	(void)state;
	assert_non_null(copy);
	for (size_t f = 0; f < sizeof(flips); f++) {
		for (size_t i = 0; i < bytes_len; i++) {
			memcpy(copy, bytes, bytes_len);
			copy[i] ^= flips[f];
			opened += try_bytes(copy, bytes_len);
			tried++;
		}
	}
	/* Digests, labels and padding may change and leave a table. */
	assert_true(opened > 0 && opened < tried);
	free(copy);
}

static void
test_table_refuses_truncation(void **state)
{
	uint8_t *longer = calloc(1, bytes_len + 8);

	(void)state;
	assert_non_null(longer);
	for (size_t len = 0; len < bytes_len; len++)
		assert_int_equal(try_bytes(bytes, len), 0);
	memcpy(longer, bytes, bytes_len);
	assert_int_equal(try_bytes(longer, bytes_len + 8), 0);
	assert_int_equal(try_bytes(longer, bytes_len), 1);
	free(longer);
}

/* The byte of a field, changed, must be noticed. */
static void
expect_damage(size_t at, uint8_t value)
{
	uint8_t before = bytes[at];

	bytes[at] = value;
	assert_int_equal(try_bytes(bytes, bytes_len), 0);
	bytes[at] = before;
	assert_int_equal(try_bytes(bytes, bytes_len), 1);
}

static void
test_table_refuses_fields(void **state)
{
	const struct ksk_table_head *head = (const void *)bytes;
	size_t zones = head->part[KSK_SECTION_ZONES].offset;
	size_t ksks = head->part[KSK_SECTION_KSKS].offset;
	size_t clients = head->part[KSK_SECTION_CLIENTS].offset;
	size_t providers = head->part[KSK_SECTION_PROVIDERS].offset;
	size_t pool = head->part[KSK_SECTION_POOL].offset;

	(void)state;
	expect_damage(0, 'x');
	expect_damage(offsetof(struct ksk_table_head, part) + 16, 1);
	expect_damage(zones + offsetof(struct ksk_zone, ttl) + 3, 0x80);
	expect_damage(zones + offsetof(struct ksk_zone, types), 8);
	expect_damage(zones + offsetof(struct ksk_zone, types), 0);
	expect_damage(zones + offsetof(struct ksk_zone, new_zone), 2);
	expect_damage(zones + offsetof(struct ksk_zone, algorithms), 0x20);
	expect_damage(zones + offsetof(struct ksk_zone, ksks), 9);
	expect_damage(zones + offsetof(struct ksk_zone, providers) + 7, 1);
	expect_damage(zones + offsetof(struct ksk_zone, validity) + 7, 0xff);
	expect_damage(zones + offsetof(struct ksk_zone, name) + 4, 0);
	expect_damage(ksks + offsetof(struct ksk_policy_ksk, revoked), 2);
	expect_damage(
		ksks + offsetof(struct ksk_policy_ksk, ds.digest_len), 48);
	expect_damage(
		ksks + offsetof(struct ksk_policy_ksk, ds.digest_type), 1);
	expect_damage(clients + offsetof(struct ksk_client, may), 0x20);
	/* Not sorted any more; an upper-case name. */
	expect_damage(clients, 0x33);
	expect_damage(pool + 1, 'A');
	expect_damage(
		providers + offsetof(struct ksk_policy_provider, state), 3);
	expect_damage(
		providers + offsetof(struct ksk_policy_provider, max_keys), 0);
	expect_damage(head->part[KSK_SECTION_ZONE_CLIENTS].offset, 9);
}

static void
test_table_maps_sealed_only(void **state)
{
	int fd = memfd_create("table", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	struct ksk_fault fault = {""};
	struct ksk_table t;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, bytes_len), (ssize_t)bytes_len);
	assert_int_equal(ksk_table_map(fd, &t, &fault), KSK_ERR_MALFORMED);
	assert_int_equal(
		fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK), 0);
	assert_int_equal(ksk_table_map(fd, &t, &fault), KSK_ERR_MALFORMED);
	assert_non_null(strstr(fault.text, "not sealed"));
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	assert_int_equal(ksk_table_map(fd, &t, &fault), KSK_OK);
	close(fd);
	assert_int_equal(t.zone_count, 3);
	ksk_table_unmap(&t);
	assert_null(t.map);
	ksk_table_unmap(&t);

	fd = memfd_create("empty", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_ADD_SEALS,
				 F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE),
		0);
	assert_int_equal(ksk_table_map(fd, &t, &fault), KSK_ERR_MALFORMED);
	close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(ksk_table_map(fd, &t, &fault), KSK_ERR_MALFORMED);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_finds),
		cmocka_unit_test(test_table_survives_damage),
		cmocka_unit_test(test_table_refuses_truncation),
		cmocka_unit_test(test_table_refuses_fields),
		cmocka_unit_test(test_table_maps_sealed_only),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
