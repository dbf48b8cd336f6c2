/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of document: texts of authority, withdraw and authorise documents
 * become values or faults that name the place; values are checked again where
 * they are opened.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/policy/document.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ID "000102030405060708090a0b0c0d0e0f"
#define PIN(c) c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
#define A PIN("aa")
#define B PIN("bb")
#define HASH PIN("12")
#define HEAD(kind) \
	"kind: " kind "\nappliance: " ID "\nnot-after: 2030-01-01T00:00:00Z\n"
#define AUTHORITY \
	HEAD("authority") \
	"replaces: none\nversion: 1\n" \
	"operators:\n  - {name: anna, pin: " A "}\n" \
	"  - {name: bert, pin: " B "}\n" \
	"thresholds: {policy: 2, authority: 2, authorise: 1}\n"
#define WITHDRAW \
	HEAD("withdraw") \
	"replaces: " HASH "\n" \
	"keys:\n  - {zone: Lab.Example., ds: \"5 13 2 " HASH "\"}\n" \
	"  - {ds: \"6 13 2 " HASH "\"}\n" \
	"clients:\n  - {pin: " A "}\n  - {pin: " B ", may: [sign, submit]}\n"
#define AUTHORISE \
	HEAD("authorise") \
	"act: accept-clock\njournal: " ID "\nrecord: 41\nrecord-hash: " HASH \
	"\nnonce: " A "\n"

#define SERIAL \
	HEAD("authorise") \
	"act: reset-serial\nzone: lab.example.\nprovider: alpha\n" \
	"serial: 7\njournal: " ID "\nrecord: 41\nrecord-hash: " HASH \
	"\nnonce: " A "\n"

static struct ksk_document document;
static struct ksk_faults faults;

static enum ksk_err
compile(enum ksk_document_kind kind, const char *text)
{
	return ksk_document_compile(kind, ksk_span_of(text, strlen(text)), NULL,
		&document, &faults);
}

static void
good(enum ksk_document_kind kind, const char *text)
{
	struct ksk_document again;
	struct ksk_fault fault = {""};

	if (compile(kind, text) != KSK_OK)
		fail_msg("%s", faults.list[0].text);
	assert_int_equal(
		ksk_document_open(ksk_span_of(&document, sizeof(document)),
			&again, &fault),
		KSK_OK);
	assert_memory_equal(&again, &document, sizeof(document));
}

static void
bad(enum ksk_document_kind kind, const char *text, const char *why)
{
	struct ksk_document before = document;

	assert_int_equal(compile(kind, text), KSK_ERR_BAD_INPUT);
	assert_true(faults.count > 0);
	assert_memory_equal(faults.list[0].text, "line ", 5);
	if (strstr(faults.list[0].text, why) == NULL)
		fail_msg("%s, not %s", faults.list[0].text, why);
	assert_memory_equal(&before, &document, sizeof(document));
}

static void
test_authority(void **state)
{
	(void)state;
	good(KSK_DOCUMENT_AUTHORITY, AUTHORITY);
	assert_int_equal(document.authority.version, 1);
	assert_int_equal(document.authority.operator_count, 2);
	assert_string_equal(document.authority.operator[1].name, "bert");
	assert_int_equal(document.authority.operator[1].pin[31], 0xbb);
	assert_int_equal(document.authority.threshold[KSK_DOCUMENT_POLICY], 2);
	assert_int_equal(
		document.authority.threshold[KSK_DOCUMENT_AUTHORISE], 1);
	assert_int_equal(
		document.authority.threshold[KSK_DOCUMENT_WITHDRAW], 1);
	assert_memory_equal(
		document.authority.hash, document.hash, KSK_HASH_LEN);

	bad(KSK_DOCUMENT_AUTHORITY, WITHDRAW, "version");
	bad(KSK_DOCUMENT_AUTHORITY,
		HEAD("authority") "replaces: none\n"
				  "version: 1\noperators: [{name: a, pin: " A
				  "}]\n"
				  "thresholds: {policy: 2, authority: 1, authorise: 1}\n",
		"from 1 to 1");
	bad(KSK_DOCUMENT_AUTHORITY,
		HEAD("authority") "replaces: none\n"
				  "version: 1\noperators: [{name: a, pin: " A
				  "}, "
				  "{name: b, pin: " A "}]\n"
				  "thresholds: {policy: 1, authority: 1, authorise: 1}\n",
		"stands already");
	bad(KSK_DOCUMENT_AUTHORITY,
		HEAD("authority") "replaces: none\n"
				  "version: 1\noperators: [{name: a}]\n"
				  "thresholds: {policy: 1, authority: 1, authorise: 1}\n",
		"either `pin`");
	bad(KSK_DOCUMENT_AUTHORITY,
		HEAD("authority") "replaces: none\n"
				  "version: 1\noperators: [{name: a, certificate: x}]\n"
				  "thresholds: {policy: 1, authority: 1, authorise: 1}\n",
		"not one X.509 certificate");
	bad(KSK_DOCUMENT_AUTHORITY,
		HEAD("authority") "version: 1\n"
				  "operators: [{name: a, pin: " A "}]\n"
				  "thresholds: {policy: 1, authority: 1, authorise: 1}\n",
		"replaces");
}

static void
test_withdraw(void **state)
{
	(void)state;
	good(KSK_DOCUMENT_WITHDRAW, WITHDRAW);
	assert_int_equal(document.taken_count, 4);
	assert_int_equal(document.taken[0].zone[0], 13);
	assert_memory_equal(document.taken[0].zone + 1, "\3lab\7example", 13);
	assert_int_equal(document.taken[1].zone[0], 0);
	assert_int_equal(document.taken[1].ds.tag, 6);
	assert_int_equal(document.taken[2].may,
		KSK_MAY_READ | KSK_MAY_SIGN | KSK_MAY_SUBMIT | KSK_MAY_JOURNAL |
			KSK_MAY_ANNOUNCE);
	assert_int_equal(document.taken[3].may, KSK_MAY_SIGN | KSK_MAY_SUBMIT);

	bad(KSK_DOCUMENT_WITHDRAW, HEAD("withdraw") "replaces: none\n",
		"takes nothing away");
	bad(KSK_DOCUMENT_WITHDRAW,
		HEAD("withdraw") "replaces: none\n"
				 "keys: [{ds: \"5 13 2 12\"}]\n",
		"keys[0].ds");
	bad(KSK_DOCUMENT_WITHDRAW,
		HEAD("withdraw") "replaces: none\n"
				 "clients: [{pin: " A ", may: [rule]}]\n",
		"may[0]");
	bad(KSK_DOCUMENT_WITHDRAW,
		HEAD("withdraw") "replaces: 12\n"
				 "clients: [{pin: " A "}]\n",
		"replaces");
}

static void
test_authorise(void **state)
{
	(void)state;
	good(KSK_DOCUMENT_AUTHORISE, AUTHORISE);
	assert_int_equal(document.authorise.act, KSK_ACT_CLOCK);
	assert_int_equal(document.authorise.record, 41);
	assert_int_equal(document.authorise.nonce[0], 0xaa);
	assert_int_equal(document.not_after, 1893456000);
	good(KSK_DOCUMENT_AUTHORISE, SERIAL);
	assert_int_equal(document.authorise.act, KSK_ACT_SERIAL);
	assert_string_equal(document.authorise.provider, "alpha");
	assert_int_equal(document.authorise.serial, 7);
	assert_int_equal(document.authorise.zone[0], 13);
	bad(KSK_DOCUMENT_AUTHORISE, AUTHORISE "serial: 7\n", "have none");
	bad(KSK_DOCUMENT_AUTHORISE,
		HEAD("authorise") "act: sign\n"
				  "journal: " ID
				  "\nrecord: 1\nrecord-hash: " HASH
				  "\nnonce: " A "\n",
		"act");
	bad(KSK_DOCUMENT_AUTHORISE,
		HEAD("authorise") "act: accept-clock\n"
				  "journal: " ID
				  "\nrecord: 1\nrecord-hash: " HASH "\n",
		"nonce");
}

static void
test_the_appliance_can_be_demanded(void **state)
{
	static const uint8_t other[KSK_ID_LEN] = {9};
	static const uint8_t own[KSK_ID_LEN] = {
		0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	struct ksk_span text = ksk_span_of(AUTHORISE, sizeof(AUTHORISE) - 1);

	(void)state;
	assert_int_equal(ksk_document_compile(KSK_DOCUMENT_AUTHORISE, text, own,
				 &document, &faults),
		KSK_OK);
	assert_int_equal(ksk_document_compile(KSK_DOCUMENT_AUTHORISE, text,
				 other, &document, &faults),
		KSK_ERR_BAD_INPUT);
	assert_non_null(strstr(faults.list[0].text, "another appliance"));
}

static void
test_kind_of(void **state)
{
	static const struct {
		const char *text;
		unsigned kind;
	} all[] = {
		{"kind: policy\n", 1},
		{"# x\nkind:   withdraw # y\n", 3},
		{"version: 1\r\nkind: authorise\r\n", 4},
		{"kind: authority", 2},
		{"kind: policies\n", 0},
		{"kind:\n", 0},
		{" kind: policy\n", 0},
		{"\t# x\nkind: policy\n\x06", 1},
		/* Signed: CMS stands before it and behind it. */
		{"0\x82\x01\x20\x06\x09# x\nkind: policy\n", 0},
		{"0\x82\x01\x20\x06\x09kind: policy\n", 0},
		{"", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_int_equal(ksk_document_kind_of(ksk_span_of(
					 all[i].text, strlen(all[i].text))),
			all[i].kind);
}

static void
expect_damage(size_t at, uint8_t value)
{
	uint8_t bytes[sizeof(document)];
	struct ksk_document out;
	struct ksk_fault fault = {""};

	memcpy(bytes, &document, sizeof(document));
	assert_int_not_equal(bytes[at], value);
	bytes[at] = value;
	assert_int_equal(ksk_document_open(ksk_span_of(bytes, sizeof(bytes)),
				 &out, &fault),
		KSK_ERR_MALFORMED);
	assert_true(fault.text[0] != '\0');
}

static void
test_values_out_of_range_are_refused(void **state)
{
	struct ksk_document out;
	struct ksk_fault fault = {""};

	(void)state;
	good(KSK_DOCUMENT_AUTHORITY, AUTHORITY);
	assert_int_equal(
		ksk_document_open(ksk_span_of(&document, sizeof(document) - 1),
			&out, &fault),
		KSK_ERR_MALFORMED);
	expect_damage(0, 'x');
	expect_damage(offsetof(struct ksk_document, kind), 1);
	expect_damage(offsetof(struct ksk_document, not_after) + 7, 1);
	expect_damage(
		offsetof(struct ksk_document, authority.operator_count), 17);
	expect_damage(offsetof(struct ksk_document, authority.threshold[2]), 3);
	expect_damage(offsetof(struct ksk_document, authority.threshold[3]), 0);
	good(KSK_DOCUMENT_WITHDRAW, WITHDRAW);
	expect_damage(offsetof(struct ksk_document, taken_count), 65);
	expect_damage(offsetof(struct ksk_document, taken[0].is_key), 2);
	expect_damage(offsetof(struct ksk_document, taken[0].zone), 12);
	expect_damage(
		offsetof(struct ksk_document, taken[1].ds.digest_len), 200);
	expect_damage(offsetof(struct ksk_document, taken[2].may), 63);
	good(KSK_DOCUMENT_AUTHORISE, AUTHORISE);
	expect_damage(offsetof(struct ksk_document, authorise.act), 3);
}

static void
test_only_sealed_memory_is_mapped(void **state)
{
	struct ksk_document out;
	struct ksk_fault fault = {""};
	int fd = memfd_create("x", MFD_ALLOW_SEALING);

	(void)state;
	good(KSK_DOCUMENT_AUTHORISE, AUTHORISE);
	assert_true(write(fd, &document, sizeof(document)) ==
		(ssize_t)sizeof(document));
	assert_int_equal(ksk_document_map(fd, &out, &fault), KSK_ERR_MALFORMED);
	assert_non_null(strstr(fault.text, "sealed"));
	assert_int_equal(fcntl(fd, F_ADD_SEALS,
				 F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK),
		0);
	assert_int_equal(ksk_document_map(fd, &out, &fault), KSK_OK);
	assert_memory_equal(&out, &document, sizeof(out));
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_authority),
		cmocka_unit_test(test_withdraw),
		cmocka_unit_test(test_authorise),
		cmocka_unit_test(test_the_appliance_can_be_demanded),
		cmocka_unit_test(test_kind_of),
		cmocka_unit_test(test_values_out_of_range_are_refused),
		cmocka_unit_test(test_only_sealed_memory_is_mapped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
