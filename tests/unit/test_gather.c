/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of gather and command: what files and programs offer, KSRs included,
 * and each way in which they fail.
 */
#include "client/command.h"
#include "client/gather.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/sync_folder.h"

#define NOW 1800000000u
#define KEY_A \
	"GHg+03zw7OG8tt5MWCHnLDWOdsh83aZcQ2Gpk7Thd2UrExcbda1/BY7EE9M/cXAkSEhO" \
	"Em+ZViEzNz8O45kSRg=="
#define KEY_B \
	"Ak/FskhbPAU8MwI7xaaiMARLj9E9EXokR2mK0J0tav6nJ1dRh8SwD6kP4+OpNEQ/7PvM" \
	"02uX1/Ab1X6IUeJEzg=="
#define RECORD(key) "z. IN DNSKEY 256 3 13 " key "\n"
#define TIMED(key) "z. 60 IN DNSKEY 256 3 13 " key "\n"
#define HEAD ";; KeySigningRequest 1.0 "

static struct ksk_served_list nobody;
static struct ksk_gathered got;

static void
gather(struct ksk_sync_provider *provider)
{
	ksk_gather(&config, &zone, provider, &nobody, NOW, &got);
}

static void
expect_keys(size_t count)
{
	if (got.failed)
		fail_msg("%s", got.why.text);
	assert_int_equal(got.rrset.count, count);
}

static void
expect_failure(const char *has)
{
	assert_true(got.failed);
	if (strstr(got.why.text, has) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", has, got.why.text);
}

static void
files(char *first, char *second)
{
	char *words[] = {first, second};
	struct ksk_sync_provider provider = {.gather = KSK_GATHER_KEYS,
		.gather_files = {
			.word = words, .count = second == NULL ? 1 : 2}};

	gather(&provider);
}

static void
program(const char *text)
{
	char sh[] = "./program", name[] = "%z";
	char *words[] = {sh, name};
	struct ksk_sync_provider provider = {.gather = KSK_GATHER_EXEC,
		.gather_command = {.word = words, .count = 2}};

	put_file("program", text, 0755);
	gather(&provider);
}

static void
takes_files(void **state)
{
	char a[] = "K%z*.key", b[] = "other", none[] = "none*";

	(void)state;
	put_file("Kz.+013+1.key", "; a comment\n" RECORD(KEY_A), 0644);
	put_file("Kz.+013+2.key", TIMED(KEY_B), 0644);
	put_file("other", TIMED(KEY_B), 0644);
	files(a, NULL);
	expect_keys(2);
	files(a, b);
	expect_keys(2);
	files(b, NULL);
	expect_keys(1);
	files(b, none);
	expect_failure("no such file");
	put_file("other", "y. IN DNSKEY 256 3 13 " KEY_A "\n", 0644);
	files(b, NULL);
	expect_failure("no DNSKEY of this zone");
	put_file("other", "z. IN DNSKEY 256 3 13 !\n", 0644);
	files(b, NULL);
	expect_failure("line 1");
}

static void
takes_what_a_program_prints(void **state)
{
	(void)state;
	program("#!/bin/sh\n[ \"$1\" = z. ] && echo '" TIMED(KEY_A) "'\n");
	expect_keys(1);
	program("#!/bin/sh\necho '" TIMED(
		KEY_A) "'; echo bad luck >&2; exit 3\n");
	expect_failure("ends with 3: bad luck");
	program("#!/bin/sh\n");
	expect_failure("prints nothing");
	program("#!/nowhere/sh\n");
	expect_failure("can't be started");
	program("#!/bin/sh\necho z. 60 IN A 192.0.2.1\n");
	expect_failure("program");
}

/* Of a request that plans ahead the section of this moment counts. */
static void
takes_a_section_of_a_ksr(void **state)
{
	(void)state;
	program("#!/bin/sh\ncat <<'E'\n" HEAD "1799999000 (x)\n" TIMED(KEY_A)
			HEAD "1799999999 (x)\n" TIMED(KEY_A) TIMED(KEY_B) HEAD
		"1800000001 (x)\n" TIMED(KEY_B) HEAD "generated at x\nE\n");
	expect_keys(2);
	program("#!/bin/sh\ncat <<'E'\n" HEAD "1800000001 (x)\n" TIMED(KEY_B)
			HEAD "generated at x\nE\n");
	expect_keys(1);
	program("#!/bin/sh\ncat <<'E'\n" HEAD
		"1800000001 (x)\n" TIMED(KEY_B) "E\n");
	expect_failure("program");
}

static void
takes_what_servers_show(void **state)
{
	static const uint8_t key[] = {1, 0, 3, 13, 9};
	struct ksk_sync_provider provider = {.gather = KSK_GATHER_DNS};
	struct ksk_served served = {.reached = true};
	struct ksk_dns_answer *answer = &served.answer[KSK_AT_DNSKEY];

	(void)state;
	nobody = (struct ksk_served_list){0};
	gather(&provider);
	expect_failure("none of its servers answers");
	answer->rrset = (struct ksk_rrset){.owner = zone.owner,
		.type = KSK_TYPE_DNSKEY,
		.count = 1,
		.rdata = {ksk_span_of(key, sizeof(key))}};
	nobody = (struct ksk_served_list){.count = 1, .list = &served};
	gather(&provider);
	expect_keys(1);
	answer->rcode = 2;
	gather(&provider);
	expect_failure("none of its servers answers");
	nobody = (struct ksk_served_list){0};
}

static int
drop_all(void **state)
{
	ksk_gathered_wipe(&got);
	return drop_folder(state);
}

static void
takes_what_the_appliance_tells(void **state)
{
	static uint8_t rdata[2][5] = {{1, 0, 3, 13, 1}, {1, 0, 3, 13, 2}};
	static struct ksk_keys_reply keys = {
		.owner = {.len = 3, .wire = {1, 'z', 0}}, .provider_count = 1};
	struct ksk_provider_entry *entry = &keys.provider[0];
	struct ksk_sync_provider provider = {
		.name = "alpha", .gather = KSK_GATHER_ANNOUNCED};

	(void)state;
	ksk_text_copy(entry->name, sizeof(entry->name), "alpha");
	entry->key_count = 3;
	for (unsigned i = 0; i < 2; i++) {
		entry->key[i].dnskey = ksk_span_of(rdata[i], 5);
		entry->key[i].source = i == 0 ? KSK_KEY_ANNOUNCED
					      : KSK_KEY_PINNED;
		assert_int_equal(ksk_ds_build(&keys.owner, entry->key[i].dnskey,
					 KSK_DIGEST_SHA256, &entry->key[i].ds),
			KSK_OK);
	}
	/* Not announced, so not offered. */
	entry->key[2].ds = entry->key[0].ds;
	entry->key[2].source = KSK_KEY_FORMER;
	ksk_gather_announced(&keys, &provider, &got);
	expect_failure("does not say that it announces");
	entry->has_announced = true;
	ksk_gather_announced(&keys, &provider, &got);
	expect_keys(2);
	entry->announced.state = KSK_ANNOUNCED_NONE;
	ksk_gather_announced(&keys, &provider, &got);
	expect_failure("no announcement of it");
	entry->announced.state = KSK_ANNOUNCED_EXPIRED;
	entry->key[0].dnskey = entry->key[1].dnskey;
	ksk_gather_announced(&keys, &provider, &got);
	expect_failure("another record than that of key");
	entry->key[0].dnskey.len = 0;
	ksk_gather_announced(&keys, &provider, &got);
	expect_failure("does not tell the record of key");
	provider.name = "beta";
	ksk_gather_announced(&keys, &provider, &got);
	expect_failure("does not say that it announces");
	/* Before the appliance was asked it is neither here nor there. */
	gather(&provider);
	expect_keys(0);
}

static void
takes_proofs(void **state)
{
	char pattern[] = "proof*", none[] = "none*";
	char *words[] = {none, pattern};
	struct ksk_sync_provider provider = {
		.proof_files = {.word = words, .count = 2}};
	struct ksk_proofs proofs = {0};

	(void)state;
	ksk_gather_proofs(&config, &zone, &provider, &proofs);
	assert_false(proofs.failed);
	assert_int_equal(proofs.count, 0);
	put_file("proof1",
		"z. 60 SOA a.z. b.z. 1 1 1 1 1\n"
		"z. 60 RRSIG SOA 13 1 60 20300101000000 20200101000000 7 z. "
		"AAAA\n",
		0644);
	ksk_gather_proofs(&config, &zone, &provider, &proofs);
	if (proofs.failed)
		fail_msg("%s", proofs.why.text);
	assert_int_equal(proofs.count, 1);
	assert_int_equal(proofs.zone[0].rrsig_count, 1);
	put_file("proof2", "z. 60 NONSENSE\n", 0644);
	ksk_gather_proofs(&config, &zone, &provider, &proofs);
	assert_true(proofs.failed);
	assert_non_null(strstr(proofs.why.text, "proof2: line 1: "));
	for (char name[] = "proofa"; name[5] <= 'i'; name[5]++)
		put_file(name,
			"z. 60 TXT a\nz. 60 RRSIG TXT 13 1 60 "
			"20300101000000 20200101000000 7 z. AAAA\n",
			0644);
	put_file("proof2",
		"z. 60 TXT a\nz. 60 RRSIG TXT 13 1 60 20300101000000 "
		"20200101000000 7 z. AAAA\n",
		0644);
	ksk_gather_proofs(&config, &zone, &provider, &proofs);
	assert_true(proofs.failed);
	assert_non_null(strstr(proofs.why.text, "more than 8"));
	ksk_proofs_wipe(&proofs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_files),
		cmocka_unit_test(takes_what_a_program_prints),
		cmocka_unit_test(takes_a_section_of_a_ksr),
		cmocka_unit_test(takes_what_servers_show),
		cmocka_unit_test(takes_what_the_appliance_tells),
		cmocka_unit_test(takes_proofs),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_all);
}
