/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of served and signed: every difference between what a server answers
 * and what it must is one sentence, and nothing else is.
 */
#include "client/served.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Keys of algorithm 13 by their last byte; the tag follows from the bytes. */
static const uint8_t ksk[] = {1, 1, 3, 13, 1};
static const uint8_t cosigner[] = {1, 1, 3, 13, 4};
static const uint8_t zsk[] = {1, 0, 3, 13, 2};
static const uint8_t more[] = {1, 0, 3, 13, 3};

struct scene {
	struct ksk_signed want[KSK_SIGNED_COUNT];
	struct ksk_served is;
	uint8_t rrsig[4][64]; /* ours, the ZSK's, nobody's, a co-signer's */
	struct ksk_span span[4];
	json_t *faults;
	bool own_ksk;
};

static uint16_t
tag_of(const uint8_t *rdata)
{
	struct ksk_dnskey key;

	assert_int_equal(ksk_dnskey_read(ksk_span_of(rdata, 5), &key), KSK_OK);
	return key.tag;
}

static void
make_rrsig(struct scene *s, unsigned i, uint16_t tag)
{
	static const uint8_t signature[] = {7, 7};
	struct ksk_buf out = ksk_buf_of(s->rrsig[i], sizeof(s->rrsig[i]));
	struct ksk_rrsig rrsig;

	ksk_rrsig_prepare(&s->want[KSK_AT_DNSKEY].rrset,
		(struct ksk_window){1, 2}, 13, tag, &rrsig);
	rrsig.signature = ksk_span_of(signature, sizeof(signature));
	assert_int_equal(ksk_rrsig_write(&rrsig, &out), KSK_OK);
	s->span[i] = ksk_buf_span(&out);
}

/* A server that serves what it must. */
static void
begin(struct scene *s)
{
	struct ksk_rrset *want = &s->want[KSK_AT_DNSKEY].rrset;
	struct ksk_dns_answer *is = &s->is.answer[KSK_AT_DNSKEY];

	*s = (struct scene){.faults = json_array()};
	want->owner = (struct ksk_name){.len = 3, .wire = {1, 'z', 0}};
	want->type = KSK_TYPE_DNSKEY;
	want->ttl = 60;
	want->count = 3;
	want->rdata[0] = ksk_span_of(zsk, sizeof(zsk));
	want->rdata[1] = ksk_span_of(ksk, sizeof(ksk));
	want->rdata[2] = ksk_span_of(cosigner, sizeof(cosigner));
	make_rrsig(s, 0, tag_of(ksk));
	make_rrsig(s, 1, tag_of(zsk));
	make_rrsig(s, 2, 4711);
	make_rrsig(s, 3, tag_of(cosigner));
	s->want[KSK_AT_DNSKEY].there = true;
	s->want[KSK_AT_DNSKEY].rrsig_count = 1;
	s->want[KSK_AT_DNSKEY].rrsig[0] = s->span[0];
	s->is.reached = true;
	for (unsigned i = 0; i < KSK_SERVED_COUNT; i++)
		s->is.answer[i].authoritative = true;
	is->rrset = *want;
	/* Signatures of others' keys beside ours are right: BIND's ZSK, a
	 * co-signer's KSK. */
	is->rrsig_count = 3;
	is->rrsig[0] = s->span[1];
	is->rrsig[1] = s->span[0];
	is->rrsig[2] = s->span[3];
}

/* Expects count sentences, the first of which has this in it. */
static void
expect(struct scene *s, size_t count, const char *has)
{
	bool same = ksk_served_compare(&s->is, s->want, s->own_ksk, s->faults);
	const char *first = json_string_value(json_array_get(s->faults, 0));

	assert_int_equal(json_array_size(s->faults), count);
	assert_true(same == (count == 0));
	if (count != 0 && strstr(first, has) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", has, first);
	json_decref(s->faults);
}

static void
is_content(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	expect(&s, 0, "");
}

static void
tells_records(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	s.is.answer[0].rrset.count = 2;
	expect(&s, 1, "DNSKEY lacks key");
	begin(&s);
	s.is.answer[0].rrset.rdata[3] = ksk_span_of(more, sizeof(more));
	s.is.answer[0].rrset.count = 4;
	expect(&s, 1, "which nobody signed");
	begin(&s);
	s.is.answer[0].rrset.ttl = 61;
	expect(&s, 1, "the TTL of DNSKEY is 61, not 60");
	begin(&s);
	s.is.answer[0].mixed_ttl = true;
	expect(&s, 1, "different TTLs");
	begin(&s);
	s.is.answer[0].rrset.count = 0;
	expect(&s, 1, "there is no DNSKEY RRset");
	begin(&s);
	s.is.answer[KSK_AT_CDS].rrset.count = 1;
	s.is.answer[KSK_AT_CDS].rrset.rdata[0] = ksk_span_of(more, 5);
	expect(&s, 1, "it serves CDS, which nobody signed");
}

static void
tells_rrsigs(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	s.is.answer[0].rrsig_count = 1;
	expect(&s, 1, "DNSKEY lacks our RRSIG by key");
	begin(&s);
	s.is.answer[0].rrsig[s.is.answer[0].rrsig_count++] = s.span[2];
	expect(&s, 1, "another RRSIG, by key 4711");
	/* An older one of the same KSK. */
	begin(&s);
	s.rrsig[2][16] = s.rrsig[0][16];
	s.rrsig[2][17] = s.rrsig[0][17];
	s.rrsig[2][11] = 9;
	s.is.answer[0].rrsig[1] = s.span[2];
	expect(&s, 2, "DNSKEY lacks our RRSIG");
	begin(&s);
	s.is.answer[0].rrsig[s.is.answer[0].rrsig_count++] = ksk_span_of(
		ksk, 3);
	expect(&s, 1, "can't be read");
}

/* RFC 8901 2.1.2: the provider's own KSK signs, ours need not be there. */
static void
lets_others_sign(void **state)
{
	struct ksk_dns_answer *is;
	struct scene s;

	(void)state;
	begin(&s);
	is = &s.is.answer[0];
	s.own_ksk = true;
	is->rrset.count = 2;
	is->rrset.rdata[1] = ksk_span_of(cosigner, sizeof(cosigner));
	is->rrset.ttl = 59;
	is->rrsig_count = 1;
	is->rrsig[0] = s.span[3];
	expect(&s, 0, "");
	s.faults = json_array();
	is->rrset.ttl = 61;
	expect(&s, 1, "the TTL of DNSKEY is 61, not 60");
	s.faults = json_array();
	is->rrset.ttl = 60;
	is->rrsig_count = 0;
	expect(&s, 1, "lacks an RRSIG by the provider's own key");
	s.faults = json_array();
	is->rrsig_count = 1;
	is->rrset.rdata[0] = ksk_span_of(cosigner, sizeof(cosigner));
	expect(&s, 1, "DNSKEY lacks key");
	/* Another provider must have our KSK. */
	begin(&s);
	s.is.answer[0].rrset.count = 2;
	s.is.answer[0].rrset.rdata[1] = ksk_span_of(cosigner, sizeof(cosigner));
	expect(&s, 1, "DNSKEY lacks key");
}

static void
tells_servers(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	s.is.reached = false;
	ksk_fault_set(&s.is.why, "nobody there");
	expect(&s, 1, "nobody there");
	/* The address is told once. */
	begin(&s);
	s.is.reached = false;
	(void)snprintf(s.is.address, sizeof(s.is.address), "192.0.2.1:53");
	ksk_fault_set(&s.is.why, "192.0.2.1:53: nobody there");
	assert_false(ksk_served_compare(&s.is, s.want, false, s.faults));
	assert_string_equal(
		json_string_value(json_array_get(s.faults, 0)), "nobody there");
	json_decref(s.faults);
	begin(&s);
	s.is.answer[0].rcode = 2;
	expect(&s, 1, "it answers SERVFAIL for DNSKEY");
	begin(&s);
	s.is.answer[0].authoritative = false;
	expect(&s, 1, "not authoritative");
}

static void
finds_active_keys(void **state)
{
	struct scene s;
	struct ksk_served_list list = {.count = 1, .list = &s.is};
	struct ksk_active active[KSK_ACTIVE_MAX];

	(void)state;
	begin(&s);
	assert_int_equal(ksk_served_active(&list, active), 0);
	s.is.answer[KSK_AT_SOA].rrsig_count = 3;
	s.is.answer[KSK_AT_SOA].rrsig[0] = s.span[1];
	s.is.answer[KSK_AT_SOA].rrsig[1] = s.span[1];
	s.is.answer[KSK_AT_SOA].rrsig[2] = s.span[2];
	assert_int_equal(ksk_served_active(&list, active), 2);
	assert_true(ksk_active_in(&active[0], &s.want[0].rrset));
	assert_false(ksk_active_in(&active[1], &s.want[0].rrset));
	/* One that the set lacks fits if nothing of its algorithm is there. */
	assert_true(ksk_active_fits(active, 2, 0, &s.want[0].rrset));
	assert_false(ksk_active_fits(active, 2, 1, &s.want[0].rrset));
	active[1].algorithm = 8;
	assert_true(ksk_active_fits(active, 2, 1, &s.want[0].rrset));
	assert_false(ksk_active_fits(&active[1], 1, 0, &s.want[0].rrset));
	json_decref(s.faults);
}

static void
copies_what_it_holds(void **state)
{
	struct ksk_signed copy = {0};
	struct scene s;

	(void)state;
	begin(&s);
	assert_int_equal(
		ksk_signed_copy(&s.want[0].rrset, s.want[0].rrsig, 1, &copy),
		KSK_OK);
	assert_true(ksk_rrsets_equal(&copy.rrset, &s.want[0].rrset));
	assert_ptr_not_equal(copy.rrset.rdata[0].data, zsk);
	assert_true(ksk_span_equal(copy.rrsig[0], s.span[0]));
	copy.rrset.ttl++;
	assert_false(ksk_rrsets_equal(&copy.rrset, &s.want[0].rrset));
	ksk_signed_wipe(&copy);
	assert_false(copy.there);
	json_decref(s.faults);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_content),
		cmocka_unit_test(tells_records),
		cmocka_unit_test(tells_rrsigs),
		cmocka_unit_test(lets_others_sign),
		cmocka_unit_test(tells_servers),
		cmocka_unit_test(finds_active_keys),
		cmocka_unit_test(copies_what_it_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
