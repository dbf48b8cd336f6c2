/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of ksr: requests as Knot and BIND write them, what is refused with its
 * line, and responses in both forms, compared with ones that both programs
 * took. Vectors: tests/vectors/ksr.
 */
#include "client/ksr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VECTORS "tests/vectors/ksr/"

#define KEY \
	"GHg+03zw7OG8tt5MWCHnLDWOdsh83aZcQ2Gpk7Thd2UrExcbda1/BY7EE9M/cXAkSEhO" \
	"Em+ZViEzNz8O45kSRg=="
#define RECORD "lab.example. 3600 IN DNSKEY 256 3 13 " KEY "\n"
#define HEAD ";; KeySigningRequest 1.0 "
#define FOOT HEAD "generated at some time by hand\n"

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
expect_ksr(struct ksk_span text, enum ksk_ksr_dialect dialect, size_t count,
	struct ksk_ksr *ksr)
{
	struct ksk_zonetext_faults faults;

	if (ksk_ksr_read(text, ksr, &faults) != KSK_OK)
		fail_msg("line %zu: %s", faults.list[0].line,
			faults.list[0].fault.text);
	assert_int_equal(faults.count, 0);
	assert_int_equal(ksr->dialect, dialect);
	assert_int_equal(ksr->count, count);
	for (size_t i = 0; i < count; i++) {
		assert_true(ksk_rrset_is_canonical(&ksr->section[i].rrset));
		assert_true(i == 0 ||
			ksr->section[i].time > ksr->section[i - 1].time);
	}
}

/* Expects exactly one fault per pair of line and piece of its sentence; the
 * list ends with line 9999. */
#define LAST 9999
struct expected {
	size_t line;
	const char *piece;
};

static void
expect_faults(struct ksk_span text, const struct expected *expected)
{
	struct ksk_zonetext_faults faults;
	struct ksk_ksr ksr = {.ttl = 77};
	size_t i;

	assert_int_equal(ksk_ksr_read(text, &ksr, &faults), KSK_ERR_BAD_INPUT);
	assert_int_equal(ksr.ttl, 77);
	for (i = 0; expected[i].line != LAST; i++) {
		if (i == faults.count)
			fail_msg("no fault says: %s", expected[i].piece);
		if (faults.list[i].line != expected[i].line ||
			strstr(faults.list[i].fault.text, expected[i].piece) ==
				NULL)
			fail_msg("line %zu: %s", faults.list[i].line,
				faults.list[i].fault.text);
	}
	if (i != faults.count)
		fail_msg("too much: line %zu: %s", faults.list[i].line,
			faults.list[i].fault.text);
}

/* ---- what both programs write ---- */

static void
test_samples(void **state)
{
	static const struct {
		const char *name;
		enum ksk_ksr_dialect dialect;
		size_t count;
		uint32_t ttl;
		uint64_t first, last;
		size_t keys[8];
	} samples[] = {
		{"knot-3.2.6-ksr.txt", KSK_KSR_KNOT, 8, 5, 1795569379,
			1803345379, {1, 2, 2, 1, 2, 2, 1, 1}},
		{"knot-3.2.6-ksr-planned-rollover.txt", KSK_KSR_KNOT, 5, 4,
			1795573503, 1800757503, {1, 2, 2, 1, 1}},
		{"knot-3.2.6-ksr-merged-2providers.txt", KSK_KSR_KNOT, 8, 5,
			1795569379, 1803345379, {2, 3, 3, 2, 3, 3, 2, 2}},
		{"bind-9.20-ksr.txt", KSK_KSR_BIND, 3, 5, 1795570044,
			1798939651, {1, 2, 1}},
		{"bind-9.20-ksr-merged-2providers.txt", KSK_KSR_BIND, 3, 5,
			1795570044, 1798939651, {2, 3, 2}},
	};

	(void)state;
	for (size_t s = 0; s < sizeof(samples) / sizeof(samples[0]); s++) {
		struct ksk_ksr ksr = {0};

		expect_ksr(load(samples[s].name), samples[s].dialect,
			samples[s].count, &ksr);
		assert_int_equal(ksr.ttl, samples[s].ttl);
		assert_int_equal(ksr.section[0].time, samples[s].first);
		assert_int_equal(
			ksr.section[ksr.count - 1].time, samples[s].last);
		for (size_t i = 0; i < ksr.count; i++)
			assert_int_equal(
				ksr.section[i].rrset.count, samples[s].keys[i]);
		ksk_ksr_wipe(&ksr);
	}
}

/* C12: both forms of time are the same instants. */
static void
test_two_forms(void **state)
{
	struct ksk_ksr a = {0}, b = {0};

	(void)state;
	expect_ksr(load("c12-ksr-date-header.txt"), KSK_KSR_BIND, 3, &a);
	expect_ksr(load("c12-ksr-unix-header.txt"), KSK_KSR_KNOT, 3, &b);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(a.section[i].time, b.section[i].time);
		assert_true(ksk_span_equal(a.section[i].rrset.rdata[0],
			b.section[i].rrset.rdata[0]));
	}
	assert_int_equal(a.section[0].time, 1893456000);
	assert_int_equal(a.section[2].line, 5);
	ksk_ksr_wipe(&a);
	ksk_ksr_wipe(&b);
}

static void
test_layouts(void **state)
{
	static const char *const texts[] = {
		"; a note\r\n\r\n" HEAD "20300101000000\r\n\r\n; key\r\n" RECORD
		"\n" FOOT "\n; the end\n",
		"\xef\xbb\xbf" HEAD "20300101000000 (x) ==\n" RECORD
		";; KeySigningRequest 1.0 generated",
		";;\tKeySigningRequest\t1.0  20300101000000\n"
		"LAB.example. 1h DNSKEY 256 3 13 ( " KEY "\n ) ; ;; a key\n"
		";;  KeySigningRequest 1.0 generated\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct ksk_ksr ksr = {0};

		expect_ksr(span_of_text(texts[i]), KSK_KSR_BIND, 1, &ksr);
		assert_int_equal(ksr.section[0].time, 1893456000);
		assert_int_equal(ksr.ttl, 3600);
		assert_true(ksk_ksr_is(span_of_text(texts[i])));
		ksk_ksr_wipe(&ksr);
	}
	assert_false(ksk_ksr_is(span_of_text(RECORD)));
	assert_false(ksk_ksr_is(span_of_text("; KeySigningRequest\n" RECORD)));
}

/* ---- what is refused ---- */

/* C12 */
static void
test_broken_files(void **state)
{
	static const struct {
		const char *name;
		struct expected faults[4];
	} files[] = {
		{"c12-ksr-cut-off.txt",
			{{6, "key"}, {6, "cut off"}, {LAST, NULL}}},
		{"c12-ksr-empty-bundle.txt",
			{{3, "the section below: the text holds no records"},
				{LAST, NULL}}},
		{"c12-ksr-headers-only-as-comments.txt",
			{{1, "before the first header"},
				{2, "before the first header"},
				{0, "it is no KSR"}, {LAST, NULL}}},
		{"c12-ksr-long-header-token.txt",
			{{1, "222222... is no time"}, {LAST, NULL}}},
		{"c12-ksr-record-before-header.txt",
			{{1, "before the first header"}, {LAST, NULL}}},
		{"c12-ksr-two-zones.txt",
			{{3,
				 "of the zone other.example., that of line 1 of "
				 "lab.example."},
				{LAST, NULL}}},
		{"c12-ksr-version-2.txt",
			{{1, "the version is 2.7"}, {LAST, NULL}}},
		{"c42-unsorted-and-repeated.txt",
			{{3, "not begin later than that of line 1"},
				{5, "not begin later than that of line 1"},
				{7, "not begin later than that of line 1"},
				{LAST, NULL}}},
		{"knot-skr-made-by-owner-with-cds.txt",
			{{1, "signed key response"}, {LAST, NULL}}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		expect_faults(load(files[i].name), files[i].faults);
}

static void
test_broken_headers(void **state)
{
	static const struct {
		const char *text;
		struct expected faults[3];
	} texts[] = {
		{"", {{0, "it is no KSR"}, {LAST, NULL}}},
		{FOOT, {{0, "no section"}, {LAST, NULL}}},
		{HEAD "\n" RECORD FOOT,
			{{1, "nothing is no time"}, {LAST, NULL}}},
		{HEAD "20300231000000\n" RECORD FOOT,
			{{1, "20300231000000 is no time"}, {LAST, NULL}}},
		{HEAD "21060207062816\n" RECORD FOOT,
			{{1, "is no time"}, {LAST, NULL}}},
		{HEAD "4294967296\n" RECORD FOOT,
			{{1, "is no time"}, {LAST, NULL}}},
		{HEAD "12345678901\n" RECORD FOOT,
			{{1, "is no time"}, {LAST, NULL}}},
		{HEAD "-1\n" RECORD FOOT, {{1, "is no time"}, {LAST, NULL}}},
		{HEAD "1893456000\n" RECORD HEAD "20300111000000\n" RECORD FOOT,
			{{3, "form of bind, those above in that of knot"},
				{LAST, NULL}}},
		{";; keysigningrequest 1.0 1893456000\n" RECORD FOOT,
			{{1, "the header does not begin with"}, {LAST, NULL}}},
		{";;KeySigningRequest 1.0 1893456000\n" RECORD FOOT,
			{{1, "the header does not begin with"}, {LAST, NULL}}},
		{" " HEAD "1893456000\n" RECORD FOOT,
			{{1, "behind something else"},
				{2, "before the first header"}, {LAST, NULL}}},
		{HEAD "1893456000\n" RECORD FOOT HEAD "1893456001\n",
			{{4, "a header stands behind the last line"},
				{LAST, NULL}}},
		{HEAD "1893456000\n" RECORD FOOT RECORD,
			{{4, "behind the last line"}, {LAST, NULL}}},
		{HEAD "1893456000\n$TTL 3600\n" RECORD FOOT,
			{{2, "directives"}, {LAST, NULL}}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		expect_faults(span_of_text(texts[i].text), texts[i].faults);
}

static void
test_broken_records(void **state)
{
	static const struct {
		const char *text;
		struct expected faults[3];
	} texts[] = {
		{HEAD "1\nlab.example. 3600 DNSKEY 257 3 13 " KEY "\n" FOOT,
			{{1, "with flags 257"}, {LAST, NULL}}},
		{HEAD "1\nlab.example. 3600 CDNSKEY 257 3 13 " KEY "\n" FOOT,
			{{1, "CDNSKEY records"}, {LAST, NULL}}},
		{HEAD "1\nlab.example. DNSKEY 256 3 13 " KEY "\n" FOOT,
			{{2, "no TTL"}, {LAST, NULL}}},
		{HEAD "1\n" RECORD HEAD
		      "2\nlab.example. 60 DNSKEY 256 3 13 " KEY "\n" FOOT,
			{{3, "TTL 60, that of line 1 3600"}, {LAST, NULL}}},
		{HEAD "1\nlab.example. 60 DNSKEY 256 3 13 ( " KEY "\n" FOOT,
			{{2, "not closed"}, {LAST, NULL}}},
		{HEAD "1\nlab.example. 60 A 192.0.2.1\n" FOOT,
			{{2, "do not belong here"}, {LAST, NULL}}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		expect_faults(span_of_text(texts[i].text), texts[i].faults);
}

static void
test_sizes(void **state)
{
	struct ksk_zonetext_faults faults;
	struct ksk_ksr ksr = {0};
	struct ksk_text text = {0};

	(void)state;
	for (unsigned i = 0; i < KSK_KSR_SECTION_MAX; i++)
		ksk_text_add(&text, HEAD "%u\n" RECORD, i);
	ksk_text_add(&text, FOOT);
	expect_ksr(span_of_text(text.data), KSK_KSR_KNOT, KSK_KSR_SECTION_MAX,
		&ksr);
	ksk_ksr_wipe(&ksr);
	text.len -= strlen(FOOT);
	ksk_text_add(&text, HEAD "%u\n" RECORD FOOT, KSK_KSR_SECTION_MAX);
	expect_faults(span_of_text(text.data),
		(struct expected[]){
			{2 * KSK_KSR_SECTION_MAX + 1, "more than 256"},
			{LAST, NULL}});
	ksk_text_free(&text);
	memset(file_text, ' ', sizeof(file_text));
	assert_int_equal(
		ksk_ksr_read(ksk_span_of(file_text, KSK_ZONETEXT_MAX + 1), &ksr,
			&faults),
		KSK_ERR_TOO_LARGE);
	assert_int_equal(faults.count, 1);
}

/* A text that is cut off anywhere is never taken for a whole one. */
static void
test_cut_texts(void **state)
{
	struct ksk_span whole = load("knot-3.2.6-ksr.txt");
	size_t foot = whole.len;

	(void)state;
	while (foot > 0 && memcmp(whole.data + foot - 2, ";;", 2) != 0)
		foot--;
	foot += strlen(" KeySigningRequest 1.0 generated");
	for (size_t len = 0; len < whole.len; len++) {
		struct ksk_zonetext_faults faults;
		struct ksk_ksr ksr = {0};
		enum ksk_err err = ksk_ksr_read(
			ksk_span_of(whole.data, len), &ksr, &faults);

		assert_int_equal(err, len >= foot ? KSK_OK : KSK_ERR_BAD_INPUT);
		assert_true((err == KSK_OK) == (faults.count == 0));
		ksk_ksr_wipe(&ksr);
	}
}

/* ---- responses ---- */

static void
expect_line(const char *text, size_t number, const char *start)
{
	for (size_t i = 1; i < number; i++) {
		text = strchr(text, '\n');
		assert_non_null(text);
		text++;
	}
	if (strncmp(text, start, strlen(start)) != 0)
		fail_msg("line %zu: %.80s", number, text);
}

/* The parts of a bundle, from the text that BIND took. */
struct parts {
	struct ksk_zonetext dnskey, cds, cdnskey;
};

static void
read_part(struct ksk_span skr, const char *type, struct ksk_zonetext *out)
{
	static const struct ksk_zonetext_options options = {
		.form = KSK_ZONETEXT_PROOF};
	struct ksk_zonetext_faults faults;
	struct ksk_text text = {0};
	char plain[40], rrsig[40];

	(void)snprintf(plain, sizeof(plain), " IN %s ", type);
	(void)snprintf(rrsig, sizeof(rrsig), " IN RRSIG %s ", type);
	for (size_t at = 0; at < skr.len;) {
		const char *line = (const char *)skr.data + at;
		size_t len = strcspn(line, "\n");
		char copy[4000];

		(void)snprintf(copy, sizeof(copy), "%.*s", (int)len, line);
		if (strstr(copy, plain) != NULL || strstr(copy, rrsig) != NULL)
			ksk_text_add(&text, "%s\n", copy);
		at += len + 1;
	}
	assert_int_equal(ksk_zonetext_read(ksk_span_of(text.data, text.len),
				 &options, out, &faults),
		KSK_OK);
	ksk_text_free(&text);
}

static void
read_parts(struct parts *parts)
{
	struct ksk_span skr = load(
		"bind-skr-made-by-owner-2providers-with-cds.txt");

	file_text[skr.len] = '\0';
	read_part(skr, "DNSKEY", &parts->dnskey);
	read_part(skr, "CDS", &parts->cds);
	read_part(skr, "CDNSKEY", &parts->cdnskey);
}

static struct ksk_skr_set
set_of(const struct ksk_zonetext *zone)
{
	return (struct ksk_skr_set){
		&zone->rrset, zone->rrsig, zone->rrsig_count};
}

static void
test_knot_skr(void **state)
{
	struct parts parts = {0};
	struct ksk_text text = {0};
	struct ksk_skr_bundle bundle[2] = {{.time = 1795569594}};

	(void)state;
	read_parts(&parts);
	bundle[0].dnskey = set_of(&parts.dnskey);
	bundle[0].cds = set_of(&parts.cds);
	bundle[0].cdnskey = set_of(&parts.cdnskey);
	bundle[1] = (struct ksk_skr_bundle){
		.time = 1795569999, .dnskey = bundle[0].dnskey};
	ksk_skr_write(bundle, 2, KSK_KSR_KNOT, 1800000000, &text);
	assert_false(text.failed);
	expect_line(text.data, 1,
		";; SignedKeyResponse 1.0 1795569594 (2026-11-25T01:19:54Z) "
		"=========\n");
	expect_line(text.data, 2, "example.test. 5 IN DNSKEY 256 3 13 ");
	expect_line(text.data, 5, "example.test. 5 IN DNSKEY 257 3 13 ");
	expect_line(text.data, 6, "example.test. 5 IN CDNSKEY 257 3 13 ");
	expect_line(text.data, 7, "example.test. 5 IN CDS 22143 13 2 9cace4");
	expect_line(text.data, 8, "example.test. 5 IN RRSIG DNSKEY 13 2 5 ");
	expect_line(text.data, 9, "example.test. 5 IN RRSIG CDS 13 2 5 ");
	expect_line(text.data, 10, "example.test. 5 IN RRSIG CDNSKEY 13 2 5 ");
	expect_line(text.data, 11,
		";; SignedKeyResponse 1.0 1795569999 (2026-11-25T01:26:39Z) "
		"=========\n");
	expect_line(text.data, 16, "example.test. 5 IN RRSIG DNSKEY 13 2 5 ");
	expect_line(text.data, 17,
		";; SignedKeyResponse 1.0 generated at 2027-01-15T08:00:00Z by "
		"kskctl ");
	ksk_text_free(&text);
	ksk_zonetext_wipe(&parts.dnskey);
	ksk_zonetext_wipe(&parts.cds);
	ksk_zonetext_wipe(&parts.cdnskey);
}

static void
test_bind_skr(void **state)
{
	struct parts parts = {0};
	struct ksk_text text = {0};
	struct ksk_skr_bundle bundle = {.time = 1795570044};

	(void)state;
	read_parts(&parts);
	bundle.dnskey = set_of(&parts.dnskey);
	bundle.cds = set_of(&parts.cds);
	bundle.cdnskey = set_of(&parts.cdnskey);
	ksk_skr_write(&bundle, 1, KSK_KSR_BIND, 1800000000, &text);
	expect_line(text.data, 1,
		";; SignedKeyResponse 1.0 20261125012724 (Wed Nov 25 01:27:24 "
		"2026)\n");
	expect_line(text.data, 6, "example.test. 5 IN RRSIG DNSKEY 13 2 5 ");
	expect_line(text.data, 7, "example.test. 5 IN CDNSKEY 257 3 13 ");
	expect_line(text.data, 8, "example.test. 5 IN RRSIG CDNSKEY 13 2 5 ");
	expect_line(text.data, 9, "example.test. 5 IN CDS 22143 13 2 9cace4");
	expect_line(text.data, 10, "example.test. 5 IN RRSIG CDS 13 2 5 ");
	expect_line(text.data, 11,
		";; SignedKeyResponse 1.0 generated at Fri Jan 15 08:00:00 "
		"2027 by kskctl ");
	ksk_text_free(&text);
	ksk_zonetext_wipe(&parts.dnskey);
	ksk_zonetext_wipe(&parts.cds);
	ksk_zonetext_wipe(&parts.cdnskey);
}

static void
test_dialects(void **state)
{
	enum ksk_ksr_dialect dialect = KSK_KSR_BIND;

	(void)state;
	assert_int_equal(ksk_ksr_dialect_read("knot", &dialect), KSK_OK);
	assert_int_equal(dialect, KSK_KSR_KNOT);
	assert_string_equal(ksk_ksr_dialect_text(KSK_KSR_BIND), "bind");
	assert_int_equal(
		ksk_ksr_dialect_read("Bind", &dialect), KSK_ERR_BAD_INPUT);
	assert_int_equal(dialect, KSK_KSR_KNOT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_two_forms),
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(test_broken_files),
		cmocka_unit_test(test_broken_headers),
		cmocka_unit_test(test_broken_records),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_cut_texts),
		cmocka_unit_test(test_knot_skr),
		cmocka_unit_test(test_bind_skr),
		cmocka_unit_test(test_dialects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
