/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of deliver: the two fragments, the JSON for a program, Knot's tools
 * that complain with status 0, and a server that is not there. UPDATE itself
 * is tried with BIND, tests/providers/test_providers.py.
 */
#include "client/deliver.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/sync_folder.h"

static const uint8_t key[] = {1, 0, 3, 13, 9};
static const uint8_t rrsig[] = {
	0, 48, 13, 1, 0, 0, 0, 60, 0, 0, 0, 2, 0, 0, 0, 1, 0, 5, 1, 'z', 0, 7};

static struct ksk_signed want[KSK_SIGNED_COUNT];
static struct ksk_sync_provider provider;
static struct ksk_delivery delivery = {.config = &config,
	.zone = &zone,
	.provider = &provider,
	.want = want,
	.now = 1800000000};

static void
begin(enum ksk_deliver_by by)
{
	provider = (struct ksk_sync_provider){.name = "alpha", .deliver = by};
	memset(want, 0, sizeof(want));
	want[KSK_AT_DNSKEY] = (struct ksk_signed){.there = true,
		.rrset = {.owner = zone.owner,
			.type = KSK_TYPE_DNSKEY,
			.ttl = 60,
			.count = 1,
			.rdata = {ksk_span_of(key, sizeof(key))}},
		.rrsig_count = 1,
		.rrsig = {ksk_span_of(rrsig, sizeof(rrsig))},
		.window = {1, 2},
		.record = 12};
}

static void
expect_failure(const char *has)
{
	struct ksk_fault fault = {0};

	assert_int_not_equal(ksk_deliver(&delivery, &fault), KSK_OK);
	if (strstr(fault.text, has) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", has, fault.text);
}

static void
expect_done(void)
{
	struct ksk_fault fault = {0};

	if (ksk_deliver(&delivery, &fault) != KSK_OK)
		fail_msg("%s", fault.text);
}

static void
writes_two_fragments(void **state)
{
	char sign[] = "./sign", name[] = "%n";
	char *words[] = {sign, name};

	(void)state;
	begin(KSK_DELIVER_FILES);
	provider.dnskey_path = "%n.dnskey";
	provider.rrsig_path = "%n.rrsig";
	provider.deliver_command = (struct ksk_sync_list){
		.word = words, .count = 2};
	put_file("sign", "#!/bin/sh\nls -i $1.dnskey >>inodes\n", 0755);
	expect_done();
	assert_string_equal(
		get_file("z.dnskey"), "z. 60 IN DNSKEY 256 3 13 CQ==\n");
	assert_non_null(strstr(get_file("z.rrsig"), "z. 60 IN RRSIG DNSKEY"));
	/* The same again: the files are left as they are. */
	expect_done();
	{
		char first[64] = "", second[64] = "";

		assert_int_equal(sscanf(get_file("inodes"),
					 "%63[^\n]\n%63[^\n]", first, second),
			2);
		assert_string_equal(first, second);
	}
	put_file("sign", "#!/bin/sh\necho no key there; exit 1\n", 0755);
	expect_failure("./sign ends with 1: no key there");
}

static void
feeds_a_program_with_json(void **state)
{
	char words_0[] = "./adapter";
	char *words[] = {words_0};
	json_error_t error;
	json_t *value;

	(void)state;
	begin(KSK_DELIVER_EXEC);
	provider.deliver_command = (struct ksk_sync_list){
		.word = words, .count = 1};
	put_file("adapter", "#!/bin/sh\ncat >json\n", 0755);
	expect_done();
	value = json_loads(get_file("json"), 0, &error);
	assert_non_null(value);
	assert_string_equal(
		json_string_value(json_object_get(value, "provider")), "alpha");
	assert_string_equal(
		json_string_value(json_object_get(value, "zone")), "z.");
	assert_int_equal(json_array_size(json_object_get(
				 json_object_get(value, "dnskey"), "rrsigs")),
		1);
	assert_true(json_is_null(json_object_get(value, "cds")));
	json_decref(value);
	put_file("adapter", "#!/bin/sh\necho 403 >&2; exit 9\n", 0755);
	expect_failure("./adapter ends with 9: 403");
}

static void
reads_what_knots_tools_say(void **state)
{
	char keymgr_0[] = "./keymgr", knotc_0[] = "./knotc";
	char *keymgr[] = {keymgr_0}, *knotc[] = {knotc_0};

	(void)state;
	begin(KSK_DELIVER_KNOT);
	provider.keymgr = (struct ksk_sync_list){.word = keymgr, .count = 1};
	provider.knotc = (struct ksk_sync_list){.word = knotc, .count = 1};
	provider.skr_path = "skr";
	put_file("keymgr", "#!/bin/sh\necho k \"$@\" >>calls\n", 0755);
	put_file("knotc",
		"#!/bin/sh\necho c \"$@\" >>calls\n[ $1 != zone-status ] || "
		"echo \"[z.] serial: $(cat serial)\"\n",
		0755);
	put_file("serial", "12\n", 0644);
	expect_done();
	assert_non_null(strstr(
		get_file("skr"), ";; SignedKeyResponse 1.0 1799999999 ("));
	assert_non_null(strstr(get_file("calls"), "z. validate-skr /tmp/"));
	assert_non_null(strstr(get_file("calls"), "z. import-skr /tmp/"));
	assert_non_null(strstr(get_file("calls"), "c zone-keys-load z.\n"));
	/* A zone that was never served is loaded again. */
	put_file("serial", "-\n", 0644);
	put_file("calls", "", 0644);
	expect_done();
	assert_non_null(strstr(get_file("calls"), "c zone-reload z.\n"));
	assert_null(strstr(get_file("calls"), "zone-keys-load"));
	/* What a zone is called is no complaint; what is said of it is. */
	(void)snprintf(zone.text, sizeof(zone.text), "error.failed.");
	put_file("serial", "12\n", 0644);
	put_file("knotc",
		"#!/bin/sh\n[ $1 != zone-status ] || "
		"echo \"[error.failed.] serial: 12\"\n",
		0755);
	expect_done();
	put_file("knotc", "#!/bin/sh\necho \"[error.failed.] failed\"\n", 0755);
	expect_failure("./knotc says: [error.failed.] failed");
	(void)snprintf(zone.text, sizeof(zone.text), "z.");
	/* Knot 3.2 says this, then OK, and ends with 0: nothing is imported. */
	put_file("calls", "", 0644);
	put_file("keymgr",
		"#!/bin/sh\necho k \"$@\" >>calls\necho \"error: invalid "
		"signature\" >&2\necho OK\n",
		0755);
	expect_failure("./keymgr says: error: invalid signature");
	assert_null(strstr(get_file("calls"), "import-skr"));
}

static void
tells_that_the_primary_is_gone(void **state)
{
	struct ksk_fault fault = {0};

	(void)state;
	begin(KSK_DELIVER_UPDATE);
	assert_int_equal(ksk_tsig_read("hmac-sha256:owner:MDEyMzQ1Njc4OWFi",
				 &provider.update_tsig, &fault),
		KSK_OK);
	assert_int_equal(
		ksk_endpoint_read("127.0.0.1:1", &provider.primary, &fault),
		KSK_OK);
	expect_failure("127.0.0.1:1");
}

static void
does_nothing_by_none(void **state)
{
	(void)state;
	begin(KSK_DELIVER_NONE);
	expect_done();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_two_fragments),
		cmocka_unit_test(feeds_a_program_with_json),
		cmocka_unit_test(reads_what_knots_tools_say),
		cmocka_unit_test(tells_that_the_primary_is_gone),
		cmocka_unit_test(does_nothing_by_none),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
