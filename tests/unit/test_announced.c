/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of announced and rules_announce: which keys an announcement lets enter,
 * which stay whatever happens to it, and each reason for which one is refused.
 */
#include "history_fixture.h"

#include "appliance/policy/announced.h"
#include "appliance/policy/rules_announce.h"

#include <openssl/pem.h>

/* The pins of two certificates, and their texts as YAML takes them. */
static struct {
	char yaml[4096];
	uint8_t pin[KSK_PIN_LEN];
} signer[2];

/* What was accepted, in the arrays of a history. */
static struct {
	struct ksk_history_announced entry[4];
	struct ksk_history_announced_key key[32];
} said;

static void
make_signer(size_t at)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());
	uint8_t *der = NULL;
	char line[128];
	int len;

	assert_true(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1));
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 9));
	assert_true(X509_set_pubkey(certificate, key));
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	assert_true(PEM_write_bio_X509(bio, certificate));
	signer[at].yaml[0] = '\0';
	while (BIO_gets(bio, line, sizeof(line)) > 0) {
		line[strcspn(line, "\n")] = '\0';
		snprintf(signer[at].yaml + strlen(signer[at].yaml), 256,
			"%s\\n", line);
	}
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
	assert_true(EVP_Digest(
		der, (size_t)len, signer[at].pin, NULL, EVP_sha256(), NULL));
	OPENSSL_free(der);
	BIO_free(bio);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static int
make_signers(void **state)
{
	(void)state;
	make_signer(0);
	make_signer(1);
	return 0;
}

/* alpha announces with certificate `who`, beta's one key is pinned. more: of
 * alpha's entry. */
static void
load_announced(size_t who, const char *more)
{
	static char providers[8192];

	snprintf(providers, sizeof(providers),
		"[{name: alpha, state: serving, source: announced, max-keys: "
		"2, certificate: \"%s\"%s}, {name: beta, state: serving, keys: "
		"[{ds: \"@ZSKB@\"}]}]",
		signer[who].yaml, more);
	load_policy((struct parts){.providers = providers, .parent = ""});
	begin_history();
	memset(&said, 0, sizeof(said));
	past.h.announced = said.entry;
	past.h.announced_key = said.key;
}

/* alpha's accepted announcement, valid for a day on both sides of NOW; a name
 * with "!" in front is a former key's. */
static struct ksk_history_announced *
accepted(const char *names)
{
	struct ksk_history_announced *a = &said.entry[past.h.announced_count++];

	*a = (struct ksk_history_announced){.provider = "alpha",
		.serial = 7,
		.not_before = after(-24),
		.not_after = after(24),
		.keys = {.first = (uint32_t)past.h.announced_key_count}};
	memcpy(a->pin, signer[0].pin, KSK_PIN_LEN);
	while (*names != '\0') {
		struct ksk_history_announced_key *k =
			&said.key[past.h.announced_key_count++];
		struct ksk_name zone;
		struct record r;
		size_t len = strcspn(names, " ");

		k->former = *names == '!';
		r = key_of(names + k->former, len - k->former);
		zone_name(&zone);
		assert_int_equal(ksk_ds_build(&zone, ksk_span_of(r.data, r.len),
					 2, &k->sha256),
			KSK_OK);
		assert_int_equal(ksk_ds_build(&zone, ksk_span_of(r.data, r.len),
					 4, &k->sha384),
			KSK_OK);
		k->retired = KSK_NEVER;
		a->keys.count++;
		names += len;
		names += strspn(names, " ");
	}
	return a;
}

/* A key that operators withdraw at once stands at every announcing provider,
 * for its owner need not be known. */
static void
others_withdrawn_keys_suspend_nobody(void **state)
{
	(void)state;
	load_announced(0, ", keys: [{ds: \"@ZSKC@\", withdrawn: yes}]");
	set_of("KSK1 ZSKB");
	expect_refusal(
		"provider-present", "its announcement has not come yet", "");
	accepted("ZSKA");
	expect_refusal("provider-present", "no ZSK of algorithm", "");
	said.entry[0].not_after = after(-1);
	expect_refusal("provider-present", "has expired", "");
	/* Its own only key: taken out on purpose. */
	load_announced(0, ", keys: [{ds: \"@ZSKC@\", withdrawn: yes}]");
	accepted("ZSKC");
	set_of("KSK1 ZSKB");
	expect_permit();
}

/* ---- what may stand in a set ---- */

static void
announced_keys_enter_and_no_others(void **state)
{
	(void)state;
	load_announced(0, "");
	set_of("KSK1 ZSKA ZSKB");
	expect_refusal("key-allowed", "no provider in the policy lists",
		"provider-present");
	expect_refusal("provider-present", "its announcement has not come yet",
		"key-allowed");
	accepted("ZSKA ZSKC");
	expect_permit();
	set_of("KSK1 ZSKA ZSKC ZSKB");
	expect_permit();
	assert_int_equal(fx.permit.warning_count, 0);
	set_of("KSK1 ZSKA ZSKD ZSKB");
	expect_refusal("key-allowed", "no provider in the policy lists", "");
	/* What it does not list is not beta's either. */
	set_of("KSK1 ZSKC ZSKA ZSKE ZSKB");
	expect_refusal("key-allowed", "or announced by it", "");
}

static void
pins_beside_an_announcement_stay(void **state)
{
	(void)state;
	load_announced(0, ", keys: [{ds: \"@ZSKD@\"}]");
	accepted("ZSKA");
	set_of("KSK1 ZSKA ZSKD ZSKB");
	expect_permit();
}

static void
what_the_policy_withdraws_no_announcement_brings_back(void **state)
{
	(void)state;
	load_announced(0, ", keys: [{ds: \"@ZSKA@\", withdrawn: yes}]");
	accepted("ZSKA ZSKC");
	set_of("KSK1 ZSKA ZSKC ZSKB");
	expect_refusal("key-allowed", "withdrawn", "");
	set_of("KSK1 ZSKC ZSKB");
	expect_permit();
}

/* What does not count lets nothing enter, and keeps what stands. */
static void
check_stopped(const char *words)
{
	set_of("KSK1 ZSKA ZSKC ZSKB");
	expect_refusal("key-allowed", words, "");
	set_of("KSK1 ZSKA ZSKB");
	expect_permit();
	assert_int_equal(fx.permit.warning_count, 1);
	assert_non_null(strstr(fx.permit.warning[0].why, words));
	assert_string_equal(fx.permit.warning[0].provider, "alpha");
}

static void
one_that_does_not_count_lets_nothing_enter(void **state)
{
	struct ksk_history_announced *a;

	(void)state;
	load_announced(0, "");
	a = accepted("ZSKA ZSKC");
	signed_at(-100, "KSK1 ZSKA ZSKB");
	set_of("KSK1 ZSKA ZSKC ZSKB");
	expect_permit();
	a->not_after = NOW;
	check_stopped("has expired");
	a->not_after = NOW + 1;
	expect_permit();
	a->not_before = NOW + 1;
	a->not_after = NOW + 2;
	check_stopped("is not valid yet");
	load_announced(1, "");
	accepted("ZSKA ZSKC");
	signed_at(-100, "KSK1 ZSKA ZSKB");
	check_stopped("is void");
}

/* A key in an answer ahead stands too; one that only caches hold does not. */
static void
former_keys_stay_while_they_are_listed(void **state)
{
	struct ksk_history_announced *a;

	(void)state;
	load_announced(0, "");
	a = accepted("ZSKC !ZSKA");
	signed_at(-100, "KSK1 ZSKA ZSKC ZSKB");
	set_of("KSK1 ZSKA ZSKC ZSKB");
	expect_permit();
	/* … and may leave as soon as C has taken over. */
	set_of("KSK1 ZSKC ZSKB");
	expect_refusal("early-drop", "no newer ZSK of its provider", "");
	/* Gone from the last answer: it can't come back. */
	signed_at(-90, "KSK1 ZSKC ZSKB");
	set_of("KSK1 ZSKA ZSKC ZSKB");
	expect_refusal("key-allowed", "no provider in the policy lists", "");
	a->keys.count = 1;
}

static void
a_key_leaves_when_a_newer_one_took_over(void **state)
{
	(void)state;
	load_announced(0, "");
	accepted("ZSKC !ZSKA");
	signed_at(-200, "KSK1 ZSKA ZSKB");
	signed_at(-100, "KSK1 ZSKA ZSKC ZSKB");
	set_of("KSK1 ZSKC ZSKB");
	expect_permit();
	/* Keys of one answer: only `retired` says which one was left. */
	load_announced(0, "");
	accepted("ZSKA ZSKC");
	signed_at(-100, "KSK1 ZSKA ZSKC ZSKB");
	set_of("KSK1 ZSKC ZSKB");
	expect_refusal("early-drop", "`retired`", "");
	said.key[0].retired = after(-48);
	expect_permit();
	said.key[0].retired = after(-2);
	expect_refusal("early-drop", "keep it until", "");
}

static void
a_policy_may_come_when_its_announcements_do(void **state)
{
	struct ksk_refusals refusals;
	struct ksk_load load = {.history = &past.h, .now = NOW};

	(void)state;
	load_announced(0, "");
	load.table = load.old_table = &fx.table;
	load.zone = load.old_zone = fx.zone;
	signed_at(-100, "KSK1 ZSKA ZSKB");
	/* Nobody has A: a pinned provider went over without its pins. */
	assert_false(ksk_rules_judge_load(&load, &refusals));
	accepted("ZSKA");
	assert_true(ksk_rules_judge_load(&load, &refusals));
	/* Nor does another certificate, or time, leave the zone stuck. */
	memcpy(said.entry[0].pin, signer[1].pin, KSK_PIN_LEN);
	assert_true(ksk_rules_judge_load(&load, &refusals));
}

/* ---- whether it counts ---- */

static struct ksk_signed document;
static struct ksk_announcement text;
static struct ksk_announce announce;
static bool known_again;

static const char *
key_text(const char *name)
{
	for (size_t i = 0; i < sizeof(named_keys) / sizeof(named_keys[0]); i++)
		if (strcmp(named_keys[i].name, name) == 0)
			return named_keys[i].rdata;
	fail_msg("no key %s", name);
	return NULL;
}

/* An announcement of alpha with a serial, signed by certificate 0. */
static void
announcing(unsigned serial, const char *names)
{
	static char lines[16384];
	static struct ksk_faults faults;
	int len = snprintf(lines, sizeof(lines),
		"kind: announcement\nzone: " ZONE "\nprovider: alpha\n"
		"serial: %u\nnot-before: 2027-01-01T00:00:00Z\n"
		"not-after: 2027-03-01T00:00:00Z\n",
		serial);

	while (*names != '\0') {
		char name[16];
		size_t n = strcspn(names, " ");

		snprintf(name, sizeof(name), "%.*s", (int)n, names);
		len += snprintf(lines + len, sizeof(lines) - (size_t)len,
			ZONE " IN DNSKEY %s\n", key_text(name));
		names += n + strspn(names + n, " ");
	}
	if (ksk_announcement_read(
		    ksk_span_of(lines, (size_t)len), &text, &faults) != KSK_OK)
		fail_msg("%s", faults.list[0].text);
	document = (struct ksk_signed){.count = 1, .by = {{.good = true}}};
	memcpy(document.by[0].pin, signer[0].pin, KSK_PIN_LEN);
	announce = (struct ksk_announce){.document = &document,
		.announcement = &text,
		.client = fx.candidate.client,
		.history = &past.h,
		.now = NOW};
	assert_true(EVP_Digest(
		lines, (size_t)len, announce.hash, NULL, EVP_sha256(), NULL));
}

static void
judge_it(void)
{
	fx.permitted = ksk_rules_judge_announce(
		&fx.table, fx.zone, &announce, &known_again, &fx.refusals);
	assert_true(fx.permitted == (fx.refusals.count == 0));
}

/* One refusal, by this rule and with these words. */
static void
expect_only(const char *rule, const char *why)
{
	judge_it();
	if (fx.refusals.count != 1 || find_refusal(rule, why) == NULL) {
		print_refusals();
		fail_msg("not %s (%s) alone", rule, why);
	}
}

static void
a_good_one_counts(void **state)
{
	(void)state;
	load_announced(0, "");
	announcing(1, "ZSKA ZSKC");
	judge_it();
	if (!fx.permitted)
		fail_msg("%s", fx.refusals.list[0].why);
	assert_false(known_again);
	announce.client = NULL;
	announce.offline = true;
	announce.history = NULL;
	judge_it();
	assert_true(fx.permitted);
}

static void
who_brings_it_and_who_signed_it_must_be_right(void **state)
{
	(void)state;
	load_announced(0, "");
	announcing(1, "ZSKA");
	use_client(2);
	announce.client = fx.candidate.client;
	expect_only("client", "not listed");
	use_client(3);
	announce.client = fx.candidate.client;
	expect_only("client", "may not bring");
	announcing(1, "ZSKA");
	use_client(1);
	announce.client = fx.candidate.client;
	document.by[0].good = false;
	snprintf(document.by[0].why, sizeof(document.by[0].why), "so is it");
	expect_only("signature", "not good: so is it");
	document.by[0].good = true;
	memcpy(document.by[0].pin, signer[1].pin, KSK_PIN_LEN);
	expect_only("signature", "not that of the provider's certificate");
	document.count = 0;
	expect_only("signature", "0 signatures");
	/* The right one and another: neither counts. */
	document.count = 2;
	document.by[1] = document.by[0];
	memcpy(document.by[0].pin, signer[0].pin, KSK_PIN_LEN);
	expect_only("signature", "2 signatures");
}

static void
what_it_is_for_must_be_right(void **state)
{
	(void)state;
	load_announced(0, "");
	announcing(1, "ZSKA");
	text.has_appliance = true;
	expect_only("document", "is for the appliance 0");
	memcpy(text.appliance, fx.table.appliance, KSK_ID_LEN);
	judge_it();
	assert_true(fx.permitted);
	snprintf(text.provider, sizeof(text.provider), "gamma");
	expect_only("provider", "no provider of this name");
	snprintf(text.provider, sizeof(text.provider), "beta");
	judge_it();
	assert_non_null(find_refusal("provider", "are pinned"));
	announcing(1, "ZSKA");
	fx.zone = NULL;
	expect_only("zone", "no zone " ZONE);
}

static void
serials_rise_and_a_repeat_is_known(void **state)
{
	struct ksk_history_announced *a;

	(void)state;
	load_announced(0, "");
	announcing(7, "ZSKA");
	a = accepted("ZSKA");
	expect_only("serial", "the serial 7 was used for another text");
	memcpy(a->hash, announce.hash, KSK_HASH_LEN);
	judge_it();
	assert_true(fx.permitted && known_again);
	/* Again by another key is another announcement. */
	memcpy(a->pin, signer[1].pin, KSK_PIN_LEN);
	expect_only("serial", "was used");
	announcing(6, "ZSKA");
	expect_only("serial", "the serial 6 is lower than 7");
	announcing(8, "ZSKA");
	judge_it();
	assert_true(fx.permitted && !known_again);
	announce.now = text.not_after - 1;
	judge_it();
	assert_true(fx.permitted);
	announce.now = text.not_after;
	expect_only("dates", "expired at 2027-03-01T00:00:00Z");
}

static void
keys_must_be_its_own_and_allowed(void **state)
{
	(void)state;
	load_announced(0, "");
	announcing(1, "ZSKA ZSKB");
	expect_only("key-allowed", "the provider beta lists this ZSK");
	announcing(1, "ZSKA ZSKC ZSKD");
	expect_only("provider-present", "3 ZSKs of algorithm 13");
	load_policy((struct parts){.extra = "algorithms: [15]",
		.ksk = "[{token: main, ds: \"1 15 2 00000000000000000000000000"
		       "00000000000000000000000000000000000000\"}]",
		.providers = "[]",
		.parent = ""});
	announcing(1, "ZSKA");
	judge_it();
	assert_non_null(find_refusal("key-algorithm", "not allowed"));
	assert_non_null(find_refusal("provider", "no provider"));
	load_announced(0, ", keys: [{ds: \"@ZSKA@\", withdrawn: yes}]");
	announcing(1, "ZSKA");
	expect_only("key-allowed", "withdrawn");
	load_announced(0, "");
	announcing(1, "ZSK8");
	judge_it();
	assert_true(fx.permitted);
}

/* What another one announced counts although it is not valid now: it may be
 * again, and then the key would be two providers'. */
static void
keys_that_another_announced_are_refused(void **state)
{
	static char providers[16384];
	struct ksk_history_announced *a;

	(void)state;
	snprintf(providers, sizeof(providers),
		"[{name: alpha, state: serving, source: announced, "
		"certificate: \"%s\"}, {name: beta, state: serving, source: "
		"announced, certificate: \"%s\"}]",
		signer[0].yaml, signer[1].yaml);
	load_policy((struct parts){.providers = providers, .parent = ""});
	begin_history();
	memset(&said, 0, sizeof(said));
	past.h.announced = said.entry;
	past.h.announced_key = said.key;
	a = accepted("ZSKC !ZSKD");
	snprintf(a->provider, sizeof(a->provider), "beta");
	memcpy(a->pin, signer[1].pin, KSK_PIN_LEN);
	announcing(1, "ZSKA ZSKC");
	expect_only("key-allowed", "the provider beta lists this ZSK");
	a->not_after = NOW;
	expect_only("key-allowed", "the provider beta lists this ZSK");
	announcing(1, "ZSKA ZSKD");
	judge_it();
	assert_true(fx.permitted);
	signed_at(-100, "KSK1 ZSKD");
	expect_only("key-allowed", "the provider beta lists this ZSK");
}

static void
faults_of_a_text_are_refusals(void **state)
{
	static struct ksk_faults faults = {
		.count = 2, .list = {{"line 1: a"}, {"line 2: b"}}};

	(void)state;
	fx.refusals.count = 9;
	ksk_rules_announce_faults(&faults, &fx.refusals);
	assert_int_equal(fx.refusals.count, 2);
	assert_string_equal(fx.refusals.list[1].rule, "document");
	assert_string_equal(fx.refusals.list[1].why, "line 2: b");
}

static void
the_warning_comes_in_time(void **state)
{
	struct ksk_history_announced a = {
		.not_before = 1000, .not_after = 1000 + 8 * 86400};

	(void)state;
	assert_int_equal(
		ksk_announced_warn_from(&a), 1000 + (uint64_t)6 * 86400);
	a.not_after = 1000 + 300 * 86400;
	assert_int_equal(
		ksk_announced_warn_from(&a), 1000 + (uint64_t)286 * 86400);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(announced_keys_enter_and_no_others),
		cmocka_unit_test(others_withdrawn_keys_suspend_nobody),
		cmocka_unit_test(pins_beside_an_announcement_stay),
		cmocka_unit_test(
			what_the_policy_withdraws_no_announcement_brings_back),
		cmocka_unit_test(one_that_does_not_count_lets_nothing_enter),
		cmocka_unit_test(former_keys_stay_while_they_are_listed),
		cmocka_unit_test(a_key_leaves_when_a_newer_one_took_over),
		cmocka_unit_test(a_policy_may_come_when_its_announcements_do),
		cmocka_unit_test(a_good_one_counts),
		cmocka_unit_test(who_brings_it_and_who_signed_it_must_be_right),
		cmocka_unit_test(what_it_is_for_must_be_right),
		cmocka_unit_test(serials_rise_and_a_repeat_is_known),
		cmocka_unit_test(keys_must_be_its_own_and_allowed),
		cmocka_unit_test(keys_that_another_announced_are_refused),
		cmocka_unit_test(faults_of_a_text_are_refusals),
		cmocka_unit_test(the_warning_comes_in_time),
	};

	return cmocka_run_group_tests(tests, make_signers, teardown);
}
