/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_adopt_warn - which keys of an adopted set are warned of, and in which
 * words.
 */
#include "history_fixture.h"

#include "appliance/signer/adopt.h"

static struct ksk_refusal warning[KSK_WARNING_COUNT_MAX];

static size_t
warn_of(const char *names)
{
	memset(warning, 0xa5, sizeof(warning));
	set_of(names);
	return ksk_adopt_warn(&fx.table, fx.zone, fx.candidate.history,
		&fx.sign.rrset, NOW, warning);
}

static void
test_all_are_listed(void **state)
{
	(void)state;
	load_policy(
		(struct parts){.cosigners = "[{provider: gamma, role: ksk, ds: "
					    "\"@SEP4@\"}]"});
	assert_int_equal(warn_of("KSK1 ZSKA ZSKB SEP4"), 0);
	/* A KSK of ours is one in both its forms. */
	assert_int_equal(warn_of("KSK1:385 ZSKA ZSKB"), 0);
	begin_history();
	assert_int_equal(warn_of("KSK1 ZSKA ZSKB"), 0);
}

static void
test_unknown_keys(void **state)
{
	struct record r;
	struct ksk_dnskey key;
	(void)state;

	load_policy((struct parts){0});
	assert_int_equal(warn_of("KSK1 ZSKA ZSKC"), 1);
	r = key_of("ZSKC", 4);
	assert_int_equal(
		ksk_dnskey_read(ksk_span_of(r.data, r.len), &key), KSK_OK);
	assert_string_equal(warning[0].rule, "adopt");
	assert_true(warning[0].has_tag);
	assert_int_equal(warning[0].tag, key.tag);
	assert_string_equal(warning[0].provider, "");
	assert_non_null(strstr(warning[0].why, "no provider of the policy"));
	assert_non_null(strstr(warning[0].why, "13 (ECDSAP256SHA256)"));
	assert_non_null(strstr(warning[0].why, "list it at its provider"));
	assert_int_equal(warn_of("KSK1 ZSKA SEP4"), 1);
	assert_non_null(strstr(warning[0].why, "has the SEP bit (flags 257)"));
	assert_int_equal(warn_of("KSK1 ZSK8"), 1);
	assert_non_null(strstr(warning[0].why, "8 (RSASHA256)"));
}

static void
test_withdrawn_key(void **state)
{
	(void)state;
	load_policy((struct parts){
		.providers = "[{name: alpha, state: serving, keys: [{ds: "
			     "\"@ZSKA@\"}, {ds: \"@ZSKC@\", withdrawn: "
			     "yes}]}]"});
	assert_int_equal(warn_of("KSK1 ZSKA ZSKC"), 1);
	assert_string_equal(warning[0].provider, "alpha");
	assert_non_null(strstr(warning[0].why, "withdraws this ZSK"));
}

/* More than there is room for: their number at least. */
static void
test_many_unknown_keys(void **state)
{
	char name[8];
	(void)state;

	load_policy((struct parts){0});
	for (unsigned i = 0; i < 10; i++) {
		struct record r = key_of("ZSKC", 4);

		r.data[20] = (uint8_t)i;
		(void)snprintf(name, sizeof(name), "U%u", i);
		make_named(name, &r);
	}
	assert_int_equal(warn_of("KSK1 U0 U1 U2 U3 U4 U5 U6 U7"), 8);
	assert_true(warning[7].has_tag);
	assert_int_equal(warn_of("KSK1 U0 U1 U2 U3 U4 U5 U6 U7 U8 U9"), 8);
	assert_true(warning[6].has_tag);
	assert_false(warning[7].has_tag);
	assert_non_null(strstr(warning[7].why, "3 more keys"));
}

#define T(name) cmocka_unit_test_teardown(name, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_all_are_listed),
		T(test_unknown_keys),
		T(test_withdrawn_key),
		T(test_many_unknown_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
