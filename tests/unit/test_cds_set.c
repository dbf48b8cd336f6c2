/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of cds_set: who is named in CDS and CDNSKEY, from when on, and when
 * nobody may be.
 */
#include "client/cds_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1000000u

enum { OLD, NEW, THEIRS };

static uint8_t rdata[3][5] = {
	{1, 1, 3, 13, 10}, {1, 1, 3, 13, 11}, {1, 1, 3, 13, 12}};
static struct ksk_keys_reply keys;
static struct ksk_rrset dnskey, got;
static struct ksk_cds_room room;
static struct ksk_fault fault;

static struct ksk_span
key(int number)
{
	return ksk_span_of(rdata[number], sizeof(rdata[number]));
}

/* The old KSK is named, the new one stands, the co-signer is in the parent. */
static void
begin(void)
{
	keys = (struct ksk_keys_reply){.owner = {.len = 3, .wire = {1, 'z', 0}},
		.ttl = 60,
		.type_count = 2,
		.type = {KSK_TYPE_DNSKEY, KSK_TYPE_CDS},
		.ksk_count = 2,
		.cosigner_count = 1};
	for (int i = 0; i < 2; i++) {
		keys.ksk[i].dnskey = key(i);
		keys.ksk[i].stands = true;
		assert_int_equal(ksk_ds_build(&keys.owner, key(i),
					 KSK_DIGEST_SHA256, &keys.ksk[i].ds),
			KSK_OK);
	}
	keys.ksk[OLD].cds = keys.ksk[OLD].has_ds_from = true;
	keys.ksk[OLD].ds_from = NOW;
	keys.cosigner[0].cds = true;
	ksk_text_copy(keys.cosigner[0].provider, KSK_LABEL_CAP, "beta");
	assert_int_equal(ksk_ds_build(&keys.owner, key(THEIRS),
				 KSK_DIGEST_SHA256, &keys.cosigner[0].ds),
		KSK_OK);
	dnskey = (struct ksk_rrset){.count = 3};
	for (int i = 0; i < 3; i++)
		dnskey.rdata[i] = key(i);
}

static enum ksk_err
build(uint16_t type, uint64_t start)
{
	return ksk_cds_set_build(
		&keys, type, &dnskey, start, NOW, &room, &got, &fault);
}

static void
names_whom_the_policy_wants(void **state)
{
	struct ksk_ds ds;

	(void)state;
	begin();
	assert_int_equal(build(KSK_TYPE_CDNSKEY, 0), KSK_OK);
	assert_int_equal(got.count, 2);
	assert_int_equal(got.ttl, 60);
	assert_true(ksk_rrset_has(&got, key(OLD)));
	assert_true(ksk_rrset_has(&got, key(THEIRS)));
	assert_int_equal(build(KSK_TYPE_CDS, 0), KSK_OK);
	assert_int_equal(got.count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(ksk_ds_read(got.rdata[i], &ds), KSK_OK);
		assert_true(ksk_ds_equal(&ds, &keys.ksk[OLD].ds) ||
			ksk_ds_equal(&ds, &keys.cosigner[0].ds));
	}
	keys.ksk[OLD].cds = keys.cosigner[0].cds = false;
	assert_int_equal(build(KSK_TYPE_CDS, 0), KSK_OK);
	assert_int_equal(got.count, 0);
	/* A revoked key signs no CDS and is named in none (RFC 5011 2.1). */
	begin();
	rdata[OLD][1] |= KSK_FLAG_REVOKE;
	assert_int_equal(build(KSK_TYPE_CDS, 0), KSK_OK);
	assert_int_equal(got.count, 1);
	rdata[OLD][1] &= (uint8_t)~KSK_FLAG_REVOKE;
}

static void
names_nobody_too_early(void **state)
{
	(void)state;
	begin();
	keys.ksk[OLD].ds_from = NOW + 10;
	assert_int_equal(build(KSK_TYPE_CDS, 0), KSK_ERR_AGAIN);
	assert_non_null(strstr(fault.text, "may have the DS of KSK"));
	assert_int_equal(build(KSK_TYPE_CDS, NOW + 9), KSK_ERR_AGAIN);
	/* A set for a later time is judged by that. */
	keys.ksk[OLD].from = NOW;
	assert_int_equal(build(KSK_TYPE_CDS, NOW + 10), KSK_OK);
	keys.ksk[OLD].has_until = true;
	keys.ksk[OLD].until = NOW + 10;
	assert_int_equal(build(KSK_TYPE_CDS, NOW + 10), KSK_OK);
	assert_int_equal(got.count, 1);
	keys.ksk[NEW].cds = true;
	assert_int_equal(build(KSK_TYPE_CDS, 0), KSK_ERR_AGAIN);
	begin();
	keys.ksk[OLD].has_ds_from = false;
	assert_int_equal(build(KSK_TYPE_CDS, 0), KSK_ERR_AGAIN);
	assert_non_null(strstr(fault.text, "it is new"));
}

static void
a_co_signer_stands_before_it_is_named(void **state)
{
	(void)state;
	begin();
	dnskey.count = 2;
	assert_int_equal(build(KSK_TYPE_CDS, 0), KSK_ERR_NOT_FOUND);
	assert_non_null(strstr(fault.text, "co-signer beta"));
	keys.cosigner[0].has_until = true;
	keys.cosigner[0].until = NOW;
	assert_int_equal(build(KSK_TYPE_CDS, 0), KSK_OK);
	assert_int_equal(got.count, 1);
	assert_true(ksk_cosigner_is_over(&keys.cosigner[0], NOW));
	assert_false(ksk_cosigner_is_over(&keys.cosigner[0], NOW - 1));
}

static void
is_wanted(void **state)
{
	(void)state;
	begin();
	assert_true(ksk_cds_set_is_wanted(&keys, KSK_TYPE_CDS, NOW));
	assert_false(ksk_cds_set_is_wanted(&keys, KSK_TYPE_CDNSKEY, NOW));
	keys.ksk[OLD].cds = false;
	assert_true(ksk_cds_set_is_wanted(&keys, KSK_TYPE_CDS, NOW));
	keys.cosigner[0].has_until = true;
	keys.cosigner[0].until = NOW;
	assert_false(ksk_cds_set_is_wanted(&keys, KSK_TYPE_CDS, NOW));
	keys.cosigner[0].has_until = keys.cosigner[0].cds = false;
	assert_false(ksk_cds_set_is_wanted(&keys, KSK_TYPE_CDS, NOW));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_whom_the_policy_wants),
		cmocka_unit_test(names_nobody_too_early),
		cmocka_unit_test(a_co_signer_stands_before_it_is_named),
		cmocka_unit_test(is_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
