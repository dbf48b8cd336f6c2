/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of zonetext: proofs (an RRset of any type with its RRSIGs), and
 * records that come back as the text they were read from.
 */
#include "protocol/zonetext.h"

#include "protocol/dnskey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY_A \
	"JewR99QJ1L3ihD1suwTQauI1ZIM+/zc7ZhrIeUWD0bxh6MnA0BwmLu2c94mAC5YtXCFv" \
	"lPyZe6q5rNgCJieipQ=="
#define ONE(ttl) "lab.example. " ttl " DNSKEY 256 3 13 " KEY_A "\n"
#define L "lab.example. 60 "

static const struct ksk_zonetext_options set_form = {
	.form = KSK_ZONETEXT_SET,
};

static struct ksk_span
span_of_text(const char *text)
{
	return ksk_span_of(text, strlen(text));
}

/* Expects that a text is refused with exactly one fault per pair of line and
 * piece of its sentence; the list ends with line 9999. */
#define LAST 9999
struct expected {
	size_t line;
	const char *piece;
};

static void
expect_faults(struct ksk_span text, const struct ksk_zonetext_options *options,
	const struct expected *expected)
{
	struct ksk_zonetext zone = {.record_count = 77};
	struct ksk_zonetext_faults faults;
	size_t count = 0;

	assert_int_equal(ksk_zonetext_read(text, options, &zone, &faults),
		KSK_ERR_BAD_INPUT);
	assert_int_equal(zone.record_count, 77);
	for (; expected[count].line != LAST; count++) {
		const struct ksk_zonetext_fault *fault = &faults.list[count];

		if (count >= faults.count)
			fail_msg("missing fault: %s", expected[count].piece);
		if (strstr(fault->fault.text, expected[count].piece) == NULL)
			fail_msg("'%s' instead of '%s'", fault->fault.text,
				expected[count].piece);
		assert_int_equal(fault->line, expected[count].line);
	}
	if (faults.count > count)
		fail_msg("too much: line %zu: %s", faults.list[count].line,
			faults.list[count].fault.text);
}

static const struct ksk_zonetext_options proof_form = {
	.form = KSK_ZONETEXT_PROOF,
};

#define SIGNATURE \
	"eefwjWsciQR33BGu3Prq0CnLM7PCqopSaMB/VhK0wnRY4qrPovwuPQlbMf1HItdbvyf0" \
	"6ckmVG1uDB9GRpqYYg=="
#define RRSIG(type, rest) \
	"lab.example. 60 IN RRSIG " type " " rest " Lab.Example. " SIGNATURE \
	"\n"
#define TIMES "13 2 60 20261209022439 20261125012439 43432"

static void
test_proof(void **state)
{
	static const char text[] =
		"lab.example. 30 IN SOA NS.Lab.example. h 1 2 3 4 5\n" RRSIG(
			"SOA", TIMES) RRSIG("TYPE6", TIMES);
	static const uint8_t soa[] =
		"\x02ns\x03lab\x07"
		"example\0\x01h\x03lab\x07"
		"example\0"
		"\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05";
	struct ksk_zonetext_faults faults;
	char with_origin[sizeof(text) + 30];
	struct ksk_zonetext zone;
	struct ksk_rrsig rrsig;

	(void)state;
	(void)snprintf(with_origin, sizeof(with_origin),
		"$ORIGIN LAB.example.\n%s", text);
	if (ksk_zonetext_read(span_of_text(with_origin), &proof_form, &zone,
		    &faults) != KSK_OK)
		fail_msg("%s", faults.list[0].fault.text);
	assert_int_equal(zone.rrset.type, KSK_TYPE_SOA);
	assert_int_equal(zone.rrset.count, 1);
	/* RFC 4034 6.2: names in lower case; 5.3.2: the original TTL. */
	assert_int_equal(zone.rrset.rdata[0].len, sizeof(soa) - 1);
	assert_memory_equal(zone.rrset.rdata[0].data, soa, sizeof(soa) - 1);
	assert_int_equal(zone.rrset.ttl, 60);
	assert_int_equal(zone.rrsig_count, 2);
	assert_int_equal(ksk_rrsig_read(zone.rrsig[0], &rrsig), KSK_OK);
	assert_int_equal(rrsig.expiration, 1796783079);
	assert_int_equal(rrsig.inception, 1795569879);
	assert_int_equal(rrsig.tag, 43432);
	assert_true(ksk_name_equal(&rrsig.signer, &zone.rrset.owner));
	ksk_zonetext_wipe(&zone);
}

#define PROOF_REFUSED(text, ...) \
	expect_faults(span_of_text(text), &proof_form, \
		(const struct expected[]){__VA_ARGS__, {LAST, ""}})

static void
test_proof_is_refused(void **state)
{
	(void)state;
	PROOF_REFUSED(ONE("60"), {0, "no RRSIG"});
	PROOF_REFUSED(RRSIG("SOA", TIMES), {0, "no records but RRSIGs"});
	PROOF_REFUSED(ONE("60") RRSIG("SOA", TIMES),
		{0, "RRSIG 1 does not cover the DNSKEY"});
	PROOF_REFUSED(ONE("60") RRSIG("DNSKEY", TIMES) RRSIG("DNSKEY",
			      "13 2 61 20261209022439 20261125012439 43432"),
		{0, "different original TTLs"});
	PROOF_REFUSED(ONE("60") RRSIG("DNSKEY",
			      "13 2 60 20261309022439 20261125012439 43432"),
		{2, "expiration must be"});
	PROOF_REFUSED(ONE("60") RRSIG("DNSKEY",
			      "13 2 60 20261209022439 20261125012460 43432"),
		{2, "inception must be"});
	/* There is no such day. */
	PROOF_REFUSED(ONE("60") RRSIG("DNSKEY",
			      "13 2 60 20270229000000 20261125012439 43432"),
		{2, "the expiration must be"});
	PROOF_REFUSED(ONE("60") RRSIG("DNSKEY",
			      "13 2 60 20281231000000 20280230000000 43432"),
		{2, "the inception must be"});
	PROOF_REFUSED(ONE("60") RRSIG("SOA",
			      "13 2 60 20281231000000 20280229000000 43432"),
		{0, "RRSIG 1 does not cover the DNSKEY"});
	PROOF_REFUSED(ONE("60") RRSIG("DNSKEY", "13 256 60 1 2 43432"),
		{2, "label count"});
	PROOF_REFUSED(
		ONE("60") RRSIG("DNSKEY", "13 2 60 1 2 65536"), {2, "key tag"});
	PROOF_REFUSED(ONE("60") RRSIG("TYPE48x", TIMES), {2, "TYPE48x"});
	PROOF_REFUSED(L "AXFR a\n" RRSIG("DNSKEY", TIMES), {1, "TYPE252"});
	PROOF_REFUSED(
		L "A 192.0.2.300\n" RRSIG("A", TIMES), {1, "can't be read"});
	/* The form of sets takes no RRSIG. */
	expect_faults(span_of_text(ONE("60") RRSIG("DNSKEY", TIMES)), &set_form,
		(const struct expected[]){
			{2, "type RRSIG do not belong"}, {LAST, ""}});
}

/* What is written is what was read, for every type with a form of its own. */
static void
test_record_comes_back(void **state)
{
	static const char *const lines[] = {
		"ops\\.lab.example. 3600 IN DNSKEY 256 3 13 " KEY_A,
		"lab.example. 3600 IN CDNSKEY 0 3 0 AA==",
		"lab.example. 0 IN CDS 0 0 0 00",
		"lab.example. 2147483647 IN CDS 11136 13 2 "
		"00b69a3ad70fd816910cd09afcf42d1dfcc6df059d23fc51fdfdc64877d8"
		"8a30",
	};
	char out[KSK_ZONETEXT_RECORD_CAP];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct ksk_zonetext_faults faults;
		struct ksk_zonetext zone;

		assert_int_equal(ksk_zonetext_read(span_of_text(lines[i]),
					 &set_form, &zone, &faults),
			KSK_OK);
		assert_int_equal(
			ksk_zonetext_record(&zone.rrset.owner, zone.rrset.type,
				zone.rrset.ttl, zone.rrset.rdata[0], out),
			KSK_OK);
		assert_string_equal(out, lines[i]);
		ksk_zonetext_wipe(&zone);
	}
}

static void
test_record_of_proof_comes_back(void **state)
{
	static const char line[] = "lab.example. 60 IN RRSIG DNSKEY " TIMES
				   " lab.example. " SIGNATURE;
	struct ksk_zonetext_faults faults;
	struct ksk_zonetext zone;
	char out[KSK_ZONETEXT_RECORD_CAP], text[1000];

	(void)state;
	(void)snprintf(text, sizeof(text), ONE("60") "%s\n", line);
	assert_int_equal(ksk_zonetext_read(span_of_text(text), &proof_form,
				 &zone, &faults),
		KSK_OK);
	assert_int_equal(ksk_zonetext_record(&zone.rrset.owner, KSK_TYPE_RRSIG,
				 60, zone.rrsig[0], out),
		KSK_OK);
	assert_string_equal(out, line);
	ksk_zonetext_wipe(&zone);
}

static void
test_record_other_and_refused(void **state)
{
	static const uint8_t zeroes[KSK_RDATA_MAX + 1];
	char out[KSK_ZONETEXT_RECORD_CAP] = "kept";
	struct ksk_name root = {.len = 1};

	(void)state;
	assert_int_equal(ksk_zonetext_record(&root, 48, 1,
				 ksk_span_of(zeroes, sizeof(zeroes)), out),
		KSK_ERR_TOO_LARGE);
	assert_int_equal(
		ksk_zonetext_record(&root, 48, 1, ksk_span_of(zeroes, 4), out),
		KSK_ERR_MALFORMED);
	assert_int_equal(
		ksk_zonetext_record(&root, 46, 1, ksk_span_of(zeroes, 19), out),
		KSK_ERR_MALFORMED);
	assert_string_equal(out, "kept");
	assert_int_equal(ksk_zonetext_record(&root, 65280, 1,
				 ksk_span_of("\xab\x01", 2), out),
		KSK_OK);
	assert_string_equal(out, ". 1 IN TYPE65280 \\# 2 ab01");
	/* The largest of all fits its room. */
	assert_int_equal(ksk_zonetext_record(&root, 65280, 1,
				 ksk_span_of(zeroes, KSK_RDATA_MAX), out),
		KSK_OK);
	assert_int_equal(strlen(out),
		strlen(". 1 IN TYPE65280 \\# 1280 ") + 2 * KSK_RDATA_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_proof),
		cmocka_unit_test(test_proof_is_refused),
		cmocka_unit_test(test_record_comes_back),
		cmocka_unit_test(test_record_of_proof_comes_back),
		cmocka_unit_test(test_record_other_and_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
