/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of approve: a document takes effect only with enough good signatures
 * of different operators and the right claims; each thing that is wrong is
 * named by its own rule.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/policy/approve.h"

#include <string.h>

static struct ksk_authority authority, next;
static struct ksk_signed document;
static struct ksk_refusals refusals;
static struct ksk_approvers who;

/* Operators have pins of one byte repeated. */
static void
make_authority(struct ksk_authority *a, const char *operators, uint32_t need)
{
	memset(a, 0, sizeof(*a));
	a->version = 1;
	a->operator_count = (uint32_t)strlen(operators);
	for (uint32_t i = 0; i < a->operator_count; i++) {
		a->operator[i].name[0] = operators[i];
		memset(a->operator[i].pin, operators[i], KSK_PIN_LEN);
	}
	for (unsigned k = 1; k <= KSK_DOCUMENT_KIND_MAX; k++)
		a->threshold[k] = need;
	a->threshold[KSK_DOCUMENT_WITHDRAW] = 1;
}

static void
make_signed(const char *signers)
{
	memset(&document, 0, sizeof(document));
	document.count = strlen(signers);
	for (size_t i = 0; i < document.count; i++) {
		document.by[i].good = signers[i] >= 'a';
		memset(document.by[i].pin, signers[i] | 0x20, KSK_PIN_LEN);
		ksk_text_copy(document.by[i].why, KSK_WHY_CAP,
			document.by[i].good ? "" : "it is broken");
	}
}

/* Capital letters: a signature of that operator that is not good. */
static bool
approve(unsigned kind, const char *signers, const struct ksk_authority *then)
{
	memset(&refusals, 0, sizeof(refusals));
	memset(&who, 0, sizeof(who));
	make_signed(signers);
	return ksk_approve_signers(
		&authority, kind, &document, then, &who, &refusals);
}

static void
assert_only(const char *rule)
{
	assert_true(refusals.count >= 1);
	for (size_t i = 0; i < refusals.count; i++)
		assert_string_equal(refusals.list[i].rule, rule);
}

static bool
has_rule(const char *rule)
{
	for (size_t i = 0; i < refusals.count; i++)
		if (strcmp(refusals.list[i].rule, rule) == 0)
			return true;
	return false;
}

static void
test_as_many_as_the_authority_demands(void **state)
{
	(void)state;
	make_authority(&authority, "abc", 2);
	assert_true(approve(KSK_DOCUMENT_POLICY, "ac", NULL));
	assert_int_equal(who.count, 2);
	assert_int_equal(who.pin[1][0], 'c');
	assert_true(approve(KSK_DOCUMENT_POLICY, "abc", NULL));
	assert_false(approve(KSK_DOCUMENT_POLICY, "b", NULL));
	assert_only("quorum");
	assert_int_equal(who.count, 0);
	assert_false(approve(KSK_DOCUMENT_POLICY, "", NULL));
	assert_only("quorum");
	assert_true(approve(KSK_DOCUMENT_WITHDRAW, "b", NULL));
	assert_false(approve(KSK_DOCUMENT_AUTHORISE, "b", NULL));
}

static void
test_one_blemish_refuses(void **state)
{
	(void)state;
	make_authority(&authority, "abc", 2);
	assert_false(approve(KSK_DOCUMENT_POLICY, "abb", NULL));
	assert_only("operator");
	assert_non_null(strstr(refusals.list[0].why, "b signed twice"));
	assert_false(approve(KSK_DOCUMENT_POLICY, "abx", NULL));
	assert_only("operator");
	assert_non_null(strstr(refusals.list[0].why, "78787878"));
	assert_false(approve(KSK_DOCUMENT_POLICY, "abC", NULL));
	assert_only("signature");
	assert_non_null(strstr(refusals.list[0].why, "it is broken"));
	/* All that is wrong, at once. */
	assert_false(approve(KSK_DOCUMENT_POLICY, "aaBx", NULL));
	assert_int_equal(refusals.count, 4);
	assert_true(has_rule("quorum") && has_rule("operator") &&
		has_rule("signature"));
}

static void
test_nobody_without_an_authority(void **state)
{
	(void)state;
	memset(&authority, 0, sizeof(authority));
	assert_false(approve(KSK_DOCUMENT_WITHDRAW, "a", NULL));
	assert_only("quorum");
}

static void
test_an_authority_needs_both_quorums(void **state)
{
	(void)state;
	make_authority(&authority, "abc", 2);
	make_authority(&next, "cde", 2);
	/* The old one's, before the text is read. */
	assert_true(approve(KSK_DOCUMENT_AUTHORITY, "abd", NULL));
	assert_false(approve(KSK_DOCUMENT_AUTHORITY, "cde", NULL));
	assert_only("quorum");
	/* Both, once it is. */
	assert_true(approve(KSK_DOCUMENT_AUTHORITY, "acd", &next));
	assert_int_equal(who.count, 3);
	assert_false(approve(KSK_DOCUMENT_AUTHORITY, "abc", &next));
	assert_only("quorum");
	assert_non_null(strstr(refusals.list[0].why, "own"));
	assert_false(approve(KSK_DOCUMENT_AUTHORITY, "acdx", &next));
	assert_only("operator");
	/* A higher threshold must be reached by the new ones themselves. */
	make_authority(&next, "abc", 3);
	assert_false(approve(KSK_DOCUMENT_AUTHORITY, "ab", &next));
	assert_only("quorum");
	assert_true(approve(KSK_DOCUMENT_AUTHORITY, "abc", &next));
}

/* ---- claims ---- */

static const uint8_t ours[KSK_ID_LEN] = {1};
static const uint8_t other[KSK_ID_LEN] = {2};
static const uint8_t hash[KSK_HASH_LEN] = {3};
static const uint8_t none[KSK_HASH_LEN] = {0};

static struct ksk_claim
right_claim(void)
{
	return (struct ksk_claim){.kind = KSK_DOCUMENT_POLICY,
		.appliance = ours,
		.has_not_after = true,
		.not_after = 1001,
		.has_replaces = true,
		.replaces = hash,
		.version = 8};
}

static bool
claims(const struct ksk_claim *claim, uint64_t policy_version)
{
	struct ksk_standing standing = {.authority = &authority,
		.now = 1000,
		.policy_version = policy_version};

	memcpy(standing.appliance, ours, sizeof(ours));
	if (policy_version != 0)
		memcpy(standing.policy_hash, hash, sizeof(hash));
	memset(&refusals, 0, sizeof(refusals));
	return ksk_approve_claim(&standing, claim, &refusals);
}

static void
test_claims(void **state)
{
	struct ksk_claim c = right_claim();

	(void)state;
	make_authority(&authority, "ab", 2);
	assert_true(claims(&c, 7));
	c.appliance = other;
	assert_false(claims(&c, 7));
	assert_only("appliance");
	c = right_claim();
	c.not_after = 1000;
	assert_false(claims(&c, 7));
	assert_only("not-after");
	c = right_claim();
	c.has_not_after = false;
	assert_false(claims(&c, 7));
	assert_only("not-after");
	c = right_claim();
	assert_false(claims(&c, 8));
	assert_only("version");
	assert_false(claims(&c, 9));
	assert_only("version");
	c.replaces = none;
	assert_false(claims(&c, 7));
	assert_only("replaces");
	assert_true(claims(&c, 0));
	c.has_replaces = false;
	assert_false(claims(&c, 0));
	assert_only("replaces");
	c.appliance = other;
	c.not_after = 1;
	assert_false(claims(&c, 9));
	assert_int_equal(refusals.count, 4);
}

static void
test_claims_of_authority_and_authorise(void **state)
{
	struct ksk_claim c = right_claim();

	(void)state;
	make_authority(&authority, "ab", 2);
	memcpy(authority.hash, hash, sizeof(hash));
	c.kind = KSK_DOCUMENT_AUTHORITY;
	c.version = 2;
	assert_true(claims(&c, 0));
	c.version = 3;
	assert_false(claims(&c, 0));
	assert_only("version");
	c.version = 1;
	assert_false(claims(&c, 0));
	c.version = 2;
	c.replaces = none;
	assert_false(claims(&c, 0));
	assert_only("replaces");
	c.kind = KSK_DOCUMENT_AUTHORISE;
	assert_true(claims(&c, 7));
	c.kind = KSK_DOCUMENT_WITHDRAW;
	assert_false(claims(&c, 7));
	assert_only("replaces");
}

static void
test_rules_have_words(void **state)
{
	size_t i = 0;

	(void)state;
	while (ksk_approve_id(i) != NULL) {
		assert_non_null(ksk_approve_sentence(i));
		i++;
	}
	assert_int_equal(i, KSK_APPROVE_POLICY + 1);
	assert_null(ksk_approve_sentence(i));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_many_as_the_authority_demands),
		cmocka_unit_test(test_one_blemish_refuses),
		cmocka_unit_test(test_nobody_without_an_authority),
		cmocka_unit_test(test_an_authority_needs_both_quorums),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_claims_of_authority_and_authorise),
		cmocka_unit_test(test_rules_have_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
