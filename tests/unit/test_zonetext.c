/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of zonetext: texts as people write them (tests/vectors/zonetext, from
 * reports of the field), layouts, TTLs, what must be refused with its line,
 * sizes and cut texts. See also test_zonetext_proof.c.
 */
#include "protocol/zonetext.h"

#include "protocol/dnskey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VECTORS "tests/vectors/zonetext/"

#define KEY_A \
	"JewR99QJ1L3ihD1suwTQauI1ZIM+/zc7ZhrIeUWD0bxh6MnA0BwmLu2c94mAC5YtXCFv" \
	"lPyZe6q5rNgCJieipQ=="
#define KEY_B \
	"uoVQ75hDKwl1AjYZ8OLO6hhklLop8zKGfCMZVUX1N2gzAefTVo/IYCuRFm30bzOMmUU4" \
	"FTs2FkR5G6TxpmMuTg=="

static const struct ksk_zonetext_options set_form = {
	.form = KSK_ZONETEXT_SET,
};

static char file_text[KSK_ZONETEXT_MAX + 2];

static struct ksk_span
load(const char *name)
{
	char path[200];
	size_t len;
	FILE *file;

	(void)snprintf(path, sizeof(path), VECTORS "%s", name);
	file = fopen(path, "rb");
	if (file == NULL)
		fail_msg("%s can't be opened", path);
	len = fread(file_text, 1, sizeof(file_text), file);
	fclose(file);
	return ksk_span_of(file_text, len);
}

static struct ksk_span
span_of_text(const char *text)
{
	return ksk_span_of(text, strlen(text));
}

static void
expect_set(struct ksk_span text, size_t records, size_t count, uint32_t ttl,
	struct ksk_zonetext *zone)
{
	struct ksk_zonetext_faults faults;

	if (ksk_zonetext_read(text, &set_form, zone, &faults) != KSK_OK)
		fail_msg("line %zu: %s", faults.list[0].line,
			faults.list[0].fault.text);
	assert_int_equal(faults.count, 0);
	assert_int_equal(zone->record_count, records);
	assert_int_equal(zone->rrset.count, count);
	assert_int_equal(zone->rrset.ttl, ttl);
	assert_true(ksk_rrset_is_canonical(&zone->rrset));
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

#define REFUSED(text, ...) \
	expect_faults(text, &set_form, \
		(const struct expected[]){__VA_ARGS__, {LAST, ""}})

static void
test_files_that_are_read(void **state)
{
	static const struct {
		const char *name;
		size_t records, count;
		uint32_t ttl;
		uint16_t type;
	} files[] = {
		{"c02-mixed-case.txt", 3, 3, 3600, 48},
		{"c03-layout.txt", 3, 3, 3600, 48},
		{"c05-ttl-order.txt", 3, 3, 7200, 48},
		{"c06-bom-no-eol.txt", 1, 1, 3600, 48},
		{"c06-crlf-paren.txt", 1, 1, 3600, 48},
		{"c06-crlf.txt", 2, 2, 3600, 48},
		{"c09-alabel.txt", 1, 1, 3600, 48},
		{"c12-ksr-headers-only-as-comments.txt", 2, 2, 3600, 48},
		/* A TTL of 0 is read as such: it is the policy that refuses. */
		{"c13-ttl-zero.txt", 2, 2, 0, 48},
		{"c16-cds-match.txt", 2, 2, 3600, 59},
		{"c16-cds-delete.txt", 1, 1, 3600, 59},
		{"c16-cdnskey-delete.txt", 1, 1, 3600, 60},
		{"c16-cdnskey-match.txt", 1, 1, 3600, 60},
		{"c18-second-sep-key.txt", 3, 3, 3600, 48},
		{"c18-unlisted-zsk.txt", 2, 2, 3600, 48},
		{"c19-full-set.txt", 2, 2, 3600, 48},
		{"c19-provider-b-missing.txt", 1, 1, 3600, 48},
		{"c19-provider-b-rolled.txt", 2, 2, 3600, 48},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		struct ksk_zonetext zone;

		expect_set(load(files[i].name), files[i].records,
			files[i].count, files[i].ttl, &zone);
		assert_int_equal(zone.rrset.type, files[i].type);
		assert_int_equal(zone.notes.count, 0);
		ksk_zonetext_wipe(&zone);
	}
}

static void
test_files_that_are_refused(void **state)
{
	(void)state;
	REFUSED(load("c01-escaped-owner.txt"),
		{3,
			"the owner is ops.lab.example., but ops\\.lab.example. in "
			"line 1"},
		{4, "the owner is ops.lab.example., but ops\\.lab.example."});
	REFUSED(load("c03-unbalanced.txt"), {1, "is not closed"});
	REFUSED(load("c05-ttl-absent.txt"), {1, "no TTL"}, {2, "no TTL"});
	REFUSED(load("c05-ttl-range.txt"), {1, "2147483648 exceeds 2147483647"},
		{2, "4294967296 exceeds 2147483647"});
	REFUSED(load("c05-ttl-units.txt"),
		{4, "the TTL is 7200, but 3600 in line 3"},
		{5, "the TTL is 7200, but 3600 in line 3"});
	REFUSED(load("c06-nul-inside.txt"), {1, "zero byte"});
	REFUSED(load("c07-bad-base64.txt"), {1, "no base64 of a public key"});
	REFUSED(load("c07-empty-key.txt"), {1, "the public key is empty"});
	REFUSED(load("c07-empty-key-generic.txt"),
		{1, "the public key is empty"});
	REFUSED(load("c07-trailing-junk.txt"),
		{1, "trailing stands after the end of the public key"});
	REFUSED(load("c07-flags-overflow.txt"),
		{1, "flags field must be a number from 0 to 65535, not 65792"},
		{2, "protocol must be a number from 0 to 255, not 259"},
		{3, "algorithm must be a number from 0 to 255, not 269"});
	REFUSED(load("c09-ulabel.txt"), {1, "A-label"});
	REFUSED(load("c13-ttl-mismatch.txt"),
		{2, "the TTL is 86400, but 3600 in line 1"},
		{3, "the TTL is 7200, but 3600 in line 1"});
	REFUSED(load("c16-cds-bad-length.txt"), {1, "has 32 bytes, not 31"});
	REFUSED(load("c18-extra-types.txt"), {2, "type TXT do not belong here"},
		{3, "class is not IN"}, {4, "type A do not belong here"});
	REFUSED(load("c19-empty-set.txt"), {0, "the text holds no records"});
	REFUSED(load("c22-many-keys.txt"), {33, "more than 32 records"});
	REFUSED(load("c12-ksr-date-header.txt"), {1, "request (KSR)"});
	REFUSED(load("c12-ksr-unix-header.txt"), {1, "request (KSR)"});
	REFUSED(load("knot-ksr.txt"), {1, "request (KSR)"});
	REFUSED(load("bind-skr.txt"), {1, "response (SKR)"});
}

/* The form of a key is judged by ksk_dnskey_form; here it gets its line. */
static void
test_keys_of_wrong_form(void **state)
{
	static const char *const names[] = {
		"c07-short-ec.txt",
		"c07-long-ec-04-prefix.txt",
		"c07-rsa-exp-overruns.txt",
		"c07-rsa-zero-explen.txt",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		REFUSED(load(names[i]), {1, ""});
	/* e = 1, e even, e of 2041 bits; 3, 2^32+1, 1024 and 4096 bits pass. */
	REFUSED(load("c22-rsa-exponents-and-sizes.txt"), {5, ""}, {6, ""},
		{7, ""});
}

/* RFC 1035 5.1: \046 and \. are one label with a dot in it. */
static void
test_escapes_are_of_the_wire(void **state)
{
	static const uint8_t two[] = "\x07ops.lab\x07"
				     "example";
	static const uint8_t three[] = "\x03ops\x03lab\x07"
				       "example";
	struct ksk_zonetext zone;

	(void)state;
	expect_set(span_of_text("ops\\046lab.example. 1 DNSKEY 256 3 13 " KEY_A
				"\nops\\.lab.EXAMPLE. 1 DNSKEY 256 3 13 " KEY_B
				"\n"),
		2, 2, 1, &zone);
	assert_int_equal(zone.rrset.owner.len, sizeof(two));
	assert_memory_equal(zone.rrset.owner.wire, two, sizeof(two));
	ksk_zonetext_wipe(&zone);
	expect_set(span_of_text("\\111ps.lab.example. 1 DNSKEY 256 3 13 " KEY_A
				"\n"),
		1, 1, 1, &zone);
	assert_int_equal(zone.rrset.owner.len, sizeof(three));
	assert_memory_equal(zone.rrset.owner.wire, three, sizeof(three));
	ksk_zonetext_wipe(&zone);
}

static bool
sets_equal(const struct ksk_rrset *a, const struct ksk_rrset *b)
{
	if (!ksk_name_equal(&a->owner, &b->owner) || a->ttl != b->ttl ||
		a->type != b->type || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (!ksk_span_equal(a->rdata[i], b->rdata[i]))
			return false;
	}
	return true;
}

/* Every way to write the same two keys gives the same set. */
static void
test_layouts_are_one(void **state)
{
	static const char plain[] =
		"lab.example. 3600 IN DNSKEY 256 3 13 " KEY_A "\n"
		"lab.example. 3600 IN DNSKEY 256 3 13 " KEY_B "\n";
	static const char *const texts[] = {
		/* order, upper case, class first, CRLF, no last newline */
		"LAB.Example. in 3600 dnskey 256 3 13 " KEY_B "\r\n"
		"lab.example. 3600 DNSKEY 256 3 13 " KEY_A,
		/* $ORIGIN, $TTL, @, owner left out, mnemonic, tabs, blanks */
		"$origin LAB.example. \t\n$TTL 1h\n@ IN DNSKEY 256 3 "
		"ecdsap256sha256 " KEY_A "\n\t\tDNSKEY\t256 3 13 " KEY_B " \n",
		"$ORIGIN example.\n$ORIGIN lab\n@ 60m DNSKEY 256 3 13 " KEY_A
		"\n@ 0h60m DNSKEY 256 3 13 " KEY_B "\n",
		/* RFC 3597 type, parentheses over lines, comments inside */
		"; two keys (\nlab.example. (3600 ; ( \n\n\tTYPE48\n) 256 3 13 "
		"JewR99QJ1L3ihD1suwTQauI1ZIM+/zc7ZhrI eUWD0bxh6MnA0BwmLu2c94mA\t"
		"C5YtXCFvlPyZe6q5rNgCJieipQ==;end\nlab.example. CLASS1 3600 "
		"DNSKEY 256 3 13 ( " KEY_B ")\n;",
		"(lab.example. 3600 IN DNSKEY 256 3 13\n" KEY_A ")\n"
		"lab.example. 3600 IN DNSKEY 256 3 13 (\n" KEY_B "\n)",
		/* RFC 3597 5 */
		"lab.example. 3600 TYPE48 \\# 68 0100030d 25ec11f7d409d4bde284"
		"3d6cbb04d06ae23564833eff373b661ac8794583d1bc61e8c9c0d01c262e"
		"ed9cf789800b962d5c216f94fc997baab9acd8022627a2a5\n"
		"lab.example. 3600 DNSKEY 256 3 13 " KEY_B "\n",
	};
	struct ksk_zonetext zone, other;

	(void)state;
	expect_set(span_of_text(plain), 2, 2, 3600, &zone);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		expect_set(span_of_text(texts[i]), 2, 2, 3600, &other);
		assert_true(sets_equal(&zone.rrset, &other.rrset));
		ksk_zonetext_wipe(&other);
	}
	expect_set(load("c03-layout.txt"), 3, 3, 3600, &other);
	assert_true(ksk_rrset_has(&other.rrset, zone.rrset.rdata[0]));
	assert_true(ksk_rrset_has(&other.rrset, zone.rrset.rdata[1]));
	ksk_zonetext_wipe(&other);
	ksk_zonetext_wipe(&zone);
}

#define ONE(ttl) "lab.example. " ttl " DNSKEY 256 3 13 " KEY_A "\n"

static void
test_ttl(void **state)
{
	static const struct {
		const char *text;
		uint32_t ttl;
	} good[] = {
		{ONE("0"), 0},
		{ONE("2147483647"), 2147483647},
		{ONE("1w2d3h4m5s"), 788645},
		{ONE("1H30M"), 5400},
		{ONE("3550w"), 2147040000},
	};
	static const char *const bad[] = {
		ONE("1x"),
		ONE("1h1h"),
		ONE("1m1h"),
		ONE("1h30"),
		ONE("07200"),
		ONE("2147483648"),
		ONE("3551w"),
		ONE("99999999999999999999999999"),
		ONE("1.5h"),
		"$TTL -1\n" ONE("1"),
		"$TTL\n" ONE("1"),
		"$TTL 1 2\n" ONE("1"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct ksk_zonetext zone;

		expect_set(
			span_of_text(good[i].text), 1, 1, good[i].ttl, &zone);
		ksk_zonetext_wipe(&zone);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		REFUSED(span_of_text(bad[i]), {1, ""});
}

/* No TTL: refused, and the zone's TTL can be given; then a note says so. */
static void
test_ttl_of_the_policy(void **state)
{
	struct ksk_zonetext_options options = {
		.form = KSK_ZONETEXT_SET, .has_ttl = true, .ttl = 1800};
	struct ksk_zonetext_faults faults;
	struct ksk_zonetext zone = {0};
	struct ksk_name owner;

	(void)state;
	assert_int_equal(
		ksk_name_from_text("lab.example", 11, &owner, NULL), KSK_OK);
	assert_int_equal(ksk_zonetext_read(load("c05-ttl-absent.txt"),
				 &set_form, &zone, &faults),
		KSK_ERR_BAD_INPUT);
	assert_true(faults.lacks_ttl);
	assert_true(ksk_name_equal(&faults.owner, &owner));
	assert_int_equal(faults.type, 48);
	assert_int_equal(ksk_zonetext_read(load("c05-ttl-absent.txt"), &options,
				 &zone, &faults),
		KSK_OK);
	assert_int_equal(zone.rrset.ttl, 1800);
	assert_int_equal(zone.notes.count, 1);
	assert_non_null(strstr(zone.notes.list[0].fault.text, "1800"));
	ksk_zonetext_wipe(&zone);
	/* Another fault beside it: the TTL would not mend it. */
	assert_int_equal(
		ksk_zonetext_read(
			span_of_text("lab.example. DNSKEY 256 3 13 " KEY_A
				     "\nlab.example. DNSKEY 256 3 13 *\n"),
			&options, &zone, &faults),
		KSK_ERR_BAD_INPUT);
	assert_false(faults.lacks_ttl);
	/* The TTL of a record in front is not taken over. */
	REFUSED(span_of_text(ONE("60") "lab.example. DNSKEY 256 3 13 " KEY_B),
		{2, "no TTL"});
	/* One that differs from the policy's stands against it. */
	expect_faults(
		span_of_text(ONE("60") "lab.example. DNSKEY 256 3 13 " KEY_B),
		&options,
		(const struct expected[]){
			{2, "the TTL is 1800, but 60 in line 1"}, {LAST, ""}});
}

static void
test_duplicates_are_folded(void **state)
{
	struct ksk_zonetext zone;

	(void)state;
	expect_set(span_of_text(ONE("60") "\n" ONE("60") ONE("1m")), 3, 1, 60,
		&zone);
	assert_int_equal(zone.notes.count, 2);
	assert_int_equal(zone.notes.list[0].line, 3);
	assert_non_null(strstr(zone.notes.list[0].fault.text, "line 1 again"));
	ksk_zonetext_wipe(&zone);
}

#define L "lab.example. 60 "

static void
test_layout_is_refused(void **state)
{
	(void)state;
	REFUSED(span_of_text(L "DNSKEY 256 3 13 " KEY_A " )\n"),
		{1, "closes that never opened"});
	REFUSED(span_of_text(L "DNSKEY ( 256 3 13 " KEY_A "\n" L
			       "DNSKEY ( 256 3 13 " KEY_B " )\n"),
		{2, "inside the one that opened in line 1"});
	REFUSED(span_of_text(ONE("60") L "DNSKEY (\n256 3 13 " KEY_B),
		{2, "is not closed"});
	REFUSED(span_of_text(L "TXT \"open\n"), {1, "not closed on its line"});
	REFUSED(span_of_text(L "TXT a\"b\n"), {1, "inside a word"});
	REFUSED(span_of_text(L "DNSKEY 256 3 13 " KEY_A "\r" L "\n"),
		{1, "carriage return"});
	REFUSED(span_of_text("; a\r" ONE("60")), {1, "carriage return"});
	REFUSED(span_of_text("lab.example.\x01 60 DNSKEY\n"),
		{1, "control character"});
	REFUSED(span_of_text("lab.exa\\\nmple. 60 DNSKEY\n"), {1, "backslash"},
		{2, ""});
	REFUSED(span_of_text("  60 DNSKEY 256 3 13 " KEY_A "\n"),
		{1, "no owner name stands above"});
	REFUSED(span_of_text("\xff\xfel\0a"), {1, ""});
	REFUSED(ksk_span_of("\xff\xfel\0a\0", 6), {1, "UTF-16"});
	REFUSED(ksk_span_of(NULL, 0), {0, "no records"});
	REFUSED(span_of_text("\xef\xbb\xbf"), {0, "no records"});
	REFUSED(span_of_text("; caf\xc3\xa9\n"), {0, "no records"});
}

static void
test_heads_are_refused(void **state)
{
	(void)state;
	REFUSED(span_of_text("lab.example 60 DNSKEY 256 3 13 " KEY_A),
		{1, "no final dot"});
	REFUSED(span_of_text("@ 60 DNSKEY 256 3 13 " KEY_A), {1, "$ORIGIN"});
	REFUSED(span_of_text("lab.example\\. 60 DNSKEY 256 3 13 " KEY_A),
		{1, "no final dot"});
	REFUSED(span_of_text("lab..example. 60 DNSKEY 256 3 13 " KEY_A),
		{1, "owner name"});
	REFUSED(span_of_text("$ORIGIN lab\n" ONE("60")), {1, "no final dot"});
	REFUSED(span_of_text("$INCLUDE keys.txt\n" ONE("60")),
		{1, "$INCLUDE is not read here"});
	REFUSED(span_of_text("$generate 1-9 a DNSKEY\n" ONE("60")),
		{1, "only $ORIGIN and $TTL"});
	REFUSED(span_of_text("lab.example. 60 IN\n"), {1, "before its type"});
	REFUSED(span_of_text("lab.example. IN IN DNSKEY\n"), {1, "IN is"});
	REFUSED(span_of_text("lab.example. 60 60 DNSKEY\n"), {1, "60 is"});
	REFUSED(span_of_text("lab.example. -1 DNSKEY\n"), {1, "-1 is"});
	REFUSED(span_of_text(L "TYPE48x 256 3 13 " KEY_A), {1, "TYPE48x is"});
	REFUSED(span_of_text(L "TYPE65584 256 3 13 " KEY_A), {1, "TYPE65584"});
	REFUSED(span_of_text(L "CLASS65537 DNSKEY 256 3 13 " KEY_A),
		{1, "CLASS65537 is"});
	REFUSED(span_of_text(L "CLASS3 DNSKEY 256 3 13 " KEY_A),
		{1, "class is not IN"});
	REFUSED(span_of_text(ONE("60") L "CDS 0 0 0 00\n"),
		{2, "one type per text"});
	REFUSED(span_of_text("b\xc3\xbc.example. 60 DNSKEY 256 3 13 " KEY_A),
		{1, "A-label"});
}

static void
test_rdata_is_refused(void **state)
{
	(void)state;
	REFUSED(span_of_text(L "DNSKEY\n"), {1, "flags field is missing"});
	REFUSED(span_of_text(L "DNSKEY 256 3\n"), {1, "algorithm is missing"});
	REFUSED(span_of_text(L "DNSKEY -1 3 13 " KEY_A), {1, "not -1"});
	REFUSED(span_of_text(L "DNSKEY 0256 3 13 " KEY_A), {1, "not 0256"});
	REFUSED(span_of_text(L "DNSKEY 0x100 3 13 " KEY_A), {1, "not 0x100"});
	REFUSED(span_of_text(L "DNSKEY 256 3 13 AAA"), {1, "cut off"});
	REFUSED(span_of_text(L "DNSKEY 256 3 13 AAAAA"), {1, "cut off"});
	REFUSED(span_of_text(L "DNSKEY 256 3 13 ="), {1, "cut off"});
	REFUSED(span_of_text(L "DNSKEY 256 3 13 A==="), {1, "cut off"});
	REFUSED(span_of_text(L "DNSKEY 256 3 13 AB=="), {1, "inside a byte"});
	REFUSED(span_of_text(L "DNSKEY 256 3 13 A=AA"), {1, "no base64"});
	REFUSED(span_of_text(L "DNSKEY 256 3 13 AA==\xc3\xa9"), {1, ""});
	REFUSED(span_of_text(L "DNSKEY \\# 68 00"), {1, "68 bytes of RDATA"});
	REFUSED(span_of_text(L "DNSKEY \\# 1 0"), {1, "half a byte"});
	REFUSED(span_of_text(L "DNSKEY \\# 1 0g"), {1, "no hexadecimal"});
	REFUSED(span_of_text(L "DNSKEY \\# 0"), {1, "empty"});
	REFUSED(span_of_text(L "DNSKEY \\# 65536 00"), {1, "RDATA length"});
	REFUSED(span_of_text(L "DNSKEY \\# 3 000000"), {1, ""});
	REFUSED(span_of_text(L "CDNSKEY 0 3 0 0"), {1, "0 3 0 AA=="});
	REFUSED(span_of_text(L "CDS 0 0 0 0"), {1, "0 0 0 00"});
	REFUSED(span_of_text(L "CDS 65536 13 2 00"), {1, "key tag"});
	REFUSED(span_of_text(L "CDS 1 13 2 0g"), {1, "no hexadecimal"});
	REFUSED(span_of_text(L "CDS 1 13 9"), {1, "the digest is empty"});
	REFUSED(span_of_text(L "CDS 1 13 4 00"), {1, "48 bytes, not 1"});
	REFUSED(span_of_text(L "CDS 1 13 2"), {1, "the digest is empty"});
}

static void
test_sizes(void **state)
{
	static char text[KSK_ZONETEXT_MAX + 1];
	struct ksk_zonetext_faults faults;
	struct ksk_zonetext zone = {0};

	(void)state;
	memset(text, '\n', sizeof(text));
	memcpy(text + KSK_ZONETEXT_MAX - strlen(ONE("60")), ONE("60"),
		strlen(ONE("60")));
	expect_set(ksk_span_of(text, KSK_ZONETEXT_MAX), 1, 1, 60, &zone);
	ksk_zonetext_wipe(&zone);
	assert_int_equal(ksk_zonetext_read(ksk_span_of(text, sizeof(text)),
				 &set_form, &zone, &faults),
		KSK_ERR_TOO_LARGE);
	assert_int_equal(faults.count, 1);
	/* A record of blanks and letters alone, one word a letter. */
	memcpy(text, L, strlen(L));
	for (size_t i = strlen(L); i < KSK_ZONETEXT_MAX; i++)
		text[i] = i % 2 != 0 ? ' ' : 'A';
	REFUSED(ksk_span_of(text, KSK_ZONETEXT_MAX), {1, "too many words"});
	/* One RDATA above KSK_RDATA_MAX, in both forms. */
	(void)snprintf(text, sizeof(text), L "DNSKEY 256 3 253 ");
	memset(text + strlen(text), 'A', 4000);
	text[strlen(L "DNSKEY 256 3 253 ") + 4000] = '\0';
	REFUSED(ksk_span_of(text, strlen(L "DNSKEY 256 3 253 ") + 4000),
		{1, "exceeds 1280 bytes"});
	(void)snprintf(text, sizeof(text), L "DNSKEY \\# 2000 ");
	memset(text + strlen(text), '0', 4000);
	REFUSED(ksk_span_of(text, strlen(L "DNSKEY \\# 2000 ") + 4000),
		{1, "exceeds 1280 bytes"});
}

/* Faults beyond the list are counted, and the first ones stay. */
static void
test_many_faults(void **state)
{
	struct ksk_zonetext_faults faults;
	struct ksk_zonetext zone;
	char text[2048] = "";

	(void)state;
	for (size_t i = 0; i < 25; i++)
		strncat(text, L "TXT a\n", sizeof(text) - strlen(text) - 1);
	assert_int_equal(ksk_zonetext_read(
				 span_of_text(text), &set_form, &zone, &faults),
		KSK_ERR_BAD_INPUT);
	assert_int_equal(faults.count, KSK_ZONETEXT_FAULT_MAX);
	assert_int_equal(faults.dropped, 5);
	assert_int_equal(faults.list[0].line, 1);
}

/* Wherever a text is cut, it is refused or gives whole records. */
static void
test_every_prefix(void **state)
{
	struct ksk_span text = load("c03-layout.txt");
	size_t seen[4] = {0};

	(void)state;
	for (size_t len = 0; len <= text.len; len++) {
		struct ksk_zonetext_faults faults;
		struct ksk_zonetext zone;

		if (ksk_zonetext_read(ksk_span_of(text.data, len), &set_form,
			    &zone, &faults) != KSK_OK) {
			assert_true(faults.count > 0);
			continue;
		}
		assert_true(zone.rrset.count <= 3);
		seen[zone.rrset.count]++;
		ksk_zonetext_wipe(&zone);
	}
	assert_true(seen[1] > 0 && seen[2] > 0 && seen[3] > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_that_are_read),
		cmocka_unit_test(test_files_that_are_refused),
		cmocka_unit_test(test_keys_of_wrong_form),
		cmocka_unit_test(test_escapes_are_of_the_wire),
		cmocka_unit_test(test_layouts_are_one),
		cmocka_unit_test(test_ttl),
		cmocka_unit_test(test_ttl_of_the_policy),
		cmocka_unit_test(test_duplicates_are_folded),
		cmocka_unit_test(test_layout_is_refused),
		cmocka_unit_test(test_heads_are_refused),
		cmocka_unit_test(test_rdata_is_refused),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_many_faults),
		cmocka_unit_test(test_every_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
