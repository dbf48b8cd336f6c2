/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of denial: what proves that a name does not exist, with NSEC, with
 * NSEC3 and in the short form, and each gap in it.
 */
#include "client/denial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SOA "z. 60 IN SOA a.z. b.z. 1 1 1 1 1"
#define WHOLE "z. 60 IN NSEC z. NS SOA RRSIG NSEC DNSKEY"
#define UPTO(next) "z. 60 IN NSEC " next " NS SOA RRSIG NSEC DNSKEY"

/* No salt, no iteration. */
#define NSEC3(owner, next, types) \
	owner ".z. 60 IN NSEC3 1 0 0 - " next " " types

/* A hash that is none of a name here. */
#define OWN "00000000000000000000000000000001"

static const struct ksk_name apex = {.len = 3, .wire = {1, 'z', 0}};
static struct ksk_denial got;
static struct ksk_fault fault;
static uint8_t *wire;
static size_t wire_len;

/* Builds an answer. sections: records, each before NULL; the first list is the
 * answer section's. */
static void
build(ldns_pkt_rcode rcode, const char *const *records, const char *answer)
{
	ldns_pkt *pkt = ldns_pkt_new();

	free(wire);
	wire = NULL;
	assert_non_null(pkt);
	ldns_pkt_set_qr(pkt, true);
	ldns_pkt_set_aa(pkt, true);
	ldns_pkt_set_rcode(pkt, rcode);
	if (answer != NULL) {
		ldns_rr *rr = NULL;

		assert_int_equal(
			ldns_rr_new_frm_str(&rr, answer, 60, NULL, NULL),
			LDNS_STATUS_OK);
		assert_true(ldns_pkt_push_rr(pkt, LDNS_SECTION_ANSWER, rr));
	}
	for (; *records != NULL; records++) {
		ldns_rr *rr = NULL;

		if (ldns_rr_new_frm_str(&rr, *records, 60, NULL, NULL) !=
			LDNS_STATUS_OK)
			fail_msg("%s", *records);
		assert_true(ldns_pkt_push_rr(pkt, LDNS_SECTION_AUTHORITY, rr));
	}
	assert_int_equal(ldns_pkt2wire(&wire, pkt, &wire_len), LDNS_STATUS_OK);
	ldns_pkt_free(pkt);
}

static void
take(ldns_pkt_rcode rcode, const char *const *records)
{
	ksk_denial_wipe(&got);
	build(rcode, records, NULL);
	assert_int_equal(ksk_denial_read(ksk_span_of(wire, wire_len), &apex,
				 "no", &got, &fault),
		KSK_OK);
	assert_int_equal(got.rcode, rcode);
}

#define TAKE(rcode, ...) \
	take(LDNS_RCODE_##rcode, (const char *const[]){__VA_ARGS__, NULL})

static void
expect(const char *why)
{
	if (why == NULL && !got.proved)
		fail_msg("%s", got.why.text);
	if (why == NULL)
		return;
	assert_false(got.proved);
	if (strstr(got.why.text, why) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", why, got.why.text);
}

static void
nsec(void **state)
{
	(void)state;
	TAKE(NXDOMAIN, SOA, WHOLE);
	expect(NULL);
	assert_int_equal(got.count, 2);
	TAKE(NXDOMAIN, SOA, UPTO("x.z."));
	expect(NULL);
	TAKE(NXDOMAIN, SOA, UPTO("a.z."), "m.z. 60 IN NSEC x.z. A");
	expect(NULL);
	TAKE(NXDOMAIN, SOA, UPTO("a.z."));
	expect("no NSEC record covers the name");
	TAKE(NXDOMAIN, SOA, "m.z. 60 IN NSEC x.z. A");
	expect("covers the wildcard");
	TAKE(NXDOMAIN, SOA);
	expect("no NSEC and no NSEC3");
	/* A wildcard that has no address. */
	TAKE(NOERROR, SOA, "*.z. 60 IN NSEC x.z. TXT");
	expect(NULL);
	TAKE(NOERROR, SOA, "*.z. 60 IN NSEC x.z. A");
	expect("what the wildcard has not");
	TAKE(NOERROR, SOA, WHOLE);
	expect("what the wildcard has not");
	TAKE(SERVFAIL, SOA, WHOLE);
	expect("");
}

static void
the_short_form(void **state)
{
	(void)state;
	TAKE(NOERROR, SOA, "no.z. 60 IN NSEC \\000.no.z. RRSIG NSEC TYPE128");
	expect(NULL);
	TAKE(NOERROR, SOA, "no.z. 60 IN NSEC \\000.no.z. A RRSIG NSEC");
	expect("covers the name");
	TAKE(NXDOMAIN, SOA, "no.z. 60 IN NSEC \\000.no.z. RRSIG NSEC");
	expect("covers the name");
}

/* The hash of a name, without its dot. */
static void
hash(const char *name, char out[64])
{
	ldns_rdf *dname = ldns_dname_new_frm_str(name);
	ldns_rdf *hashed = ldns_nsec3_hash_name(dname, 1, 0, 0, NULL);
	char *text = ldns_rdf2str(hashed);

	(void)snprintf(out, 64, "%.32s", text);
	free(text);
	ldns_rdf_deep_free(hashed);
	ldns_rdf_deep_free(dname);
}

static void
nsec3(void **state)
{
	char own[64], next[64], text[2][200];
	const char *all[] = {SOA, text[0], NULL, NULL};

	(void)state;
	hash("z.", own);
	/* One record of the apex that goes round covers all else. */
	(void)snprintf(text[0], sizeof(text[0]),
		NSEC3("%s", "%s", "NS SOA RRSIG DNSKEY"), own, own);
	take(LDNS_RCODE_NXDOMAIN, all);
	expect(NULL);
	/* Without the apex's own there is no closest encloser. */
	(void)snprintf(text[0], sizeof(text[0]),
		NSEC3("00000000000000000000000000000000",
			"vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv", "A"));
	take(LDNS_RCODE_NXDOMAIN, all);
	expect("that of the apex");
	/* The apex's own reaches nowhere; another one goes round. */
	memcpy(next, own, sizeof(next));
	assert_true(next[31] != '9' && next[31] != 'v');
	next[31]++;
	(void)snprintf(text[0], sizeof(text[0]),
		NSEC3("%s", "%s", "NS SOA RRSIG DNSKEY"), own, next);
	take(LDNS_RCODE_NXDOMAIN, all);
	expect("no NSEC3 record covers the name");
	(void)snprintf(
		text[1], sizeof(text[1]), NSEC3("%s", "%s", "A"), next, own);
	all[2] = text[1];
	take(LDNS_RCODE_NXDOMAIN, all);
	expect(NULL);
	assert_int_equal(got.count, 3);
}

static void
positive_and_broken(void **state)
{
	const char *none[] = {NULL};

	(void)state;
	build(LDNS_RCODE_NOERROR, none, "no.z. 60 IN A 192.0.2.1");
	ksk_denial_wipe(&got);
	assert_int_equal(ksk_denial_read(ksk_span_of(wire, wire_len), &apex,
				 "no", &got, &fault),
		KSK_OK);
	assert_true(got.positive && !got.proved);
	TAKE(NXDOMAIN, SOA, WHOLE);
	for (size_t len = 0; len < wire_len; len++) {
		struct ksk_denial cut = {0};

		if (ksk_denial_read(ksk_span_of(wire, len), &apex, "no", &cut,
			    &fault) == KSK_OK)
			ksk_denial_wipe(&cut);
		else
			assert_int_equal(cut.count, 0);
	}
	const char *many[] = {"a.z. 60 IN NSEC b.z. A",
		"b.z. 60 IN NSEC b.z. A", "c.z. 60 IN NSEC b.z. A",
		"d.z. 60 IN NSEC b.z. A", "e.z. 60 IN NSEC b.z. A",
		"f.z. 60 IN NSEC b.z. A", "g.z. 60 IN NSEC b.z. A",
		"h.z. 60 IN NSEC b.z. A", "i.z. 60 IN NSEC b.z. A", NULL};
	build(LDNS_RCODE_NXDOMAIN, many, NULL);
	ksk_denial_wipe(&got);
	assert_int_equal(ksk_denial_read(ksk_span_of(wire, wire_len), &apex,
				 "no", &got, &fault),
		KSK_ERR_TOO_LARGE);
}

/* Reads what was built once more, with one byte of it changed. */
static void
take_changed(size_t behind_end, uint8_t byte)
{
	uint8_t before = wire[wire_len - behind_end];

	ksk_denial_wipe(&got);
	wire[wire_len - behind_end] = byte;
	assert_int_equal(ksk_denial_read(ksk_span_of(wire, wire_len), &apex,
				 "no", &got, &fault),
		KSK_OK);
	wire[wire_len - behind_end] = before;
}

/* What ldns would believe: lengths, and how much work there is. */
static void
forms_are_not_believed(void **state)
{
	(void)state;
	/* Its last bytes are a bitmap: block 0, of 7 bytes. */
	TAKE(NXDOMAIN, WHOLE);
	expect(NULL);
	assert_int_equal(wire[wire_len - 8], 7);
	take_changed(8, 8);
	expect("an NSEC record is malformed");
	take_changed(8, 0);
	expect("an NSEC record is malformed");
	take_changed(8, 4);
	expect("an NSEC record is malformed");
	TAKE(NOERROR, "no.z. 60 IN NSEC \\000.no.z. RRSIG TYPE256");
	assert_int_equal(wire[wire_len - 3], 1);
	take_changed(3, 0);
	expect("an NSEC record is malformed");
	TAKE(NXDOMAIN, OWN ".z. 60 IN NSEC3 1 0 151 - " OWN " A");
	expect("more than 150 iterations");
	TAKE(NXDOMAIN, OWN ".z. 60 IN NSEC3 1 0 150 - " OWN " A");
	expect("that of the apex");
	TAKE(NXDOMAIN, OWN ".z. 60 IN NSEC3 1 0 0 - " OWN "0000000000000000 A");
	expect("an NSEC3 record is malformed");
	TAKE(NXDOMAIN, OWN ".z. 60 IN NSEC3 1 0 0 - 00000000 A");
	expect("an NSEC3 record is malformed");
	TAKE(NXDOMAIN, ". 60 IN NSEC3 1 0 0 - " OWN " A");
	expect("an NSEC3 record is malformed");
	TAKE(NXDOMAIN, OWN ".z. 60 IN NSEC3 2 0 0 - " OWN " A");
	expect("another hash than SHA-1");
	/* An empty bitmap is left out. */
	TAKE(NXDOMAIN, OWN ".z. 60 IN NSEC3 1 0 0 - " OWN);
	expect("that of the apex");
}

static int
clean(void **state)
{
	(void)state;
	ksk_denial_wipe(&got);
	free(wire);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nsec),
		cmocka_unit_test(the_short_form),
		cmocka_unit_test(nsec3),
		cmocka_unit_test(positive_and_broken),
		cmocka_unit_test(forms_are_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, clean);
}
