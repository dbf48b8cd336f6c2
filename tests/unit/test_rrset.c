/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of rrset: canonical order (RFC 4034 6.3), membership, type names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "protocol/rrset.h"

static struct ksk_rrset
make_set(const char *const *texts, size_t count)
{
	struct ksk_rrset set = {.type = KSK_TYPE_DNSKEY, .count = count};

	for (size_t i = 0; i < count; i++)
		set.rdata[i] = ksk_span_of(texts[i], strlen(texts[i]));
	return set;
}

static void
test_order_is_that_of_octet_strings(void **state)
{
	(void)state;
	/* RFC 4034 6.3: left-justified, absence before zero. */
	assert_true(ksk_rdata_compare(
			    ksk_span_of("a", 1), ksk_span_of("a\0", 2)) < 0);
	assert_true(ksk_rdata_compare(
			    ksk_span_of("b", 1), ksk_span_of("aa", 2)) > 0);
	assert_true(ksk_rdata_compare(
			    ksk_span_of("\x80", 1), ksk_span_of("a", 1)) > 0);
	assert_int_equal(
		0, ksk_rdata_compare(ksk_span_of("a", 1), ksk_span_of("a", 1)));
	assert_true(ksk_rdata_compare(
			    (struct ksk_span){0}, ksk_span_of("a", 1)) < 0);
}

static void
test_sort_drops_duplicates_and_is_canonical(void **state)
{
	static const char *const TEXTS[] = {"c", "a", "c", "ab", "a", "b"};
	struct ksk_rrset set = make_set(TEXTS, 6);

	(void)state;
	assert_false(ksk_rrset_is_canonical(&set));
	ksk_rrset_sort(&set);
	assert_int_equal(4, set.count);
	assert_true(ksk_rrset_is_canonical(&set));
	assert_memory_equal("a", set.rdata[0].data, 2);
	assert_memory_equal("ab", set.rdata[1].data, 3);
	assert_memory_equal("c", set.rdata[3].data, 2);
	ksk_rrset_sort(&set);
	assert_int_equal(4, set.count);
}

static void
test_what_is_not_canonical(void **state)
{
	static const char *const TWICE[] = {"a", "a"};
	static const char *const BACKWARDS[] = {"b", "a"};
	struct ksk_rrset set = make_set(TWICE, 2);

	(void)state;
	assert_false(ksk_rrset_is_canonical(&set));
	set = make_set(BACKWARDS, 2);
	assert_false(ksk_rrset_is_canonical(&set));
	set.count = 1;
	assert_true(ksk_rrset_is_canonical(&set));
	set.count = 0;
	assert_false(ksk_rrset_is_canonical(&set));
	set.count = KSK_RDATA_COUNT_MAX + 1;
	assert_false(ksk_rrset_is_canonical(&set));
}

static void
test_has(void **state)
{
	static const char *const TEXTS[] = {"a", "b"};
	struct ksk_rrset set = make_set(TEXTS, 2);

	(void)state;
	assert_true(ksk_rrset_has(&set, ksk_span_of("b", 1)));
	assert_false(ksk_rrset_has(&set, ksk_span_of("bb", 2)));
	assert_false(ksk_rrset_has(&set, ksk_span_of("", 0)));
}

static void
test_type_text(void **state)
{
	char buf[10];

	(void)state;
	assert_string_equal("DNSKEY", ksk_type_text(48, buf));
	assert_string_equal("CDS", ksk_type_text(59, buf));
	assert_string_equal("CDNSKEY", ksk_type_text(60, buf));
	assert_string_equal("SOA", ksk_type_text(6, buf));
	assert_string_equal("TYPE65535", ksk_type_text(65535, buf));
	assert_string_equal("TYPE0", ksk_type_text(0, buf));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_is_that_of_octet_strings),
		cmocka_unit_test(test_sort_drops_duplicates_and_is_canonical),
		cmocka_unit_test(test_what_is_not_canonical),
		cmocka_unit_test(test_has),
		cmocka_unit_test(test_type_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
