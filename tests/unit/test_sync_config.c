/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of sync_config: a file with all that it may say, and what is wrong in
 * others, with line and column.
 */
#include "client/sync_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SECRET "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

#define HEAD "providers:\n"
#define ALPHA \
	"  - name: alpha\n" \
	"    servers: [\"192.0.2.1\", \"[2001:db8::1]:5353\", ns.example]\n" \
	"    tsig: key\n" \
	"    gather: {by: dns}\n" \
	"    deliver: {by: update, server: \"192.0.2.1:53\", tsig: key}\n"
#define BETA \
	"  - name: beta\n" \
	"    servers: [\"192.0.2.2\"]\n" \
	"    gather: {by: keys, files: [\"keys/K%z*.key\"]}\n" \
	"    deliver: {by: files, dnskey: \"%n.1\", rrsig: \"%n.2\",\n" \
	"              command: [sign, \"%z\"]}\n"
#define GAMMA \
	"  - name: gamma\n" \
	"    servers: [\"192.0.2.3\"]\n" \
	"    gather: {by: exec, command: [keymgr, \"%z\", generate-ksr]}\n" \
	"    deliver: {by: knot, keymgr: [keymgr], knotc: [knotc], skr: skr}\n"
#define DELTA \
	"  - name: delta\n" \
	"    servers: [\"192.0.2.4\"]\n" \
	"    own-ksk: yes\n" \
	"    gather: {by: announced, proofs: [\"%n.proof\"]}\n" \
	"    deliver: {by: none}\n"
#define ZONES \
	"zones:\n" \
	"  - name: Example.COM\n" \
	"    providers: [beta, alpha]\n" \
	"    refresh: 5d\n" \
	"    parent: [\"192.0.2.9\"]\n"

static char folder[64];

static void
put(const char *name, const char *text, mode_t mode)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static enum ksk_err
load(const char *text, struct ksk_sync_config **out, struct ksk_fault *fault)
{
	char path[128];

	put("sync.yaml", text, 0644);
	(void)snprintf(path, sizeof(path), "%s/sync.yaml", folder);
	*fault = (struct ksk_fault){0};
	return ksk_sync_config_load(path, out, fault);
}

static void
refuse(const char *text, const char *where, const char *why)
{
	struct ksk_sync_config *config = NULL;
	struct ksk_fault fault;

	assert_int_not_equal(load(text, &config, &fault), KSK_OK);
	assert_null(config);
	if (strstr(fault.text, where) == NULL ||
		strstr(fault.text, why) == NULL)
		fail_msg("\"%s\" and \"%s\" are not in \"%s\"", where, why,
			fault.text);
	assert_null(strstr(fault.text, SECRET));
}

static void
reads_all_there_is(void **state)
{
	struct ksk_sync_config *c = NULL;
	struct ksk_fault fault;

	(void)state;
	if (load("profile: p.yaml\njournal: j.ksk\ntimeout: 3s\n"
		 "command-timeout: 2m\nsettle: 1m\n" HEAD ALPHA BETA GAMMA DELTA
			    ZONES,
		    &c, &fault) != KSK_OK)
		fail_msg("%s", fault.text);
	assert_string_equal(c->profile, "p.yaml");
	assert_string_equal(c->journal, "j.ksk");
	assert_int_equal(c->timeout_ms, 3000);
	assert_int_equal(c->command_ms, 120000);
	assert_int_equal(c->settle_ms, 60000);
	assert_int_equal(c->provider_count, 4);
	assert_int_equal(c->provider[3].gather, KSK_GATHER_ANNOUNCED);
	assert_string_equal(c->provider[3].proof_files.word[0], "%n.proof");
	assert_int_equal(c->provider[0].server_count, 3);
	assert_string_equal(c->provider[0].server[0].address, "192.0.2.1:53");
	assert_string_equal(c->provider[0].server[1].host, "2001:db8::1");
	assert_string_equal(c->provider[0].server[2].port, "53");
	assert_true(c->provider[0].has_tsig);
	assert_false(c->provider[0].own_ksk);
	assert_true(c->provider[3].own_ksk);
	assert_string_equal(c->provider[0].update_tsig.name, "owner.");
	assert_int_equal(c->provider[1].gather, KSK_GATHER_KEYS);
	assert_int_equal(c->provider[1].deliver, KSK_DELIVER_FILES);
	assert_int_equal(c->provider[1].deliver_command.count, 2);
	assert_int_equal(c->provider[2].gather, KSK_GATHER_EXEC);
	assert_int_equal(c->provider[2].deliver, KSK_DELIVER_KNOT);
	assert_int_equal(c->zone_count, 1);
	assert_string_equal(c->zone[0].text, "example.com.");
	assert_int_equal(c->zone[0].count, 2);
	assert_int_equal(c->zone[0].provider[0], 1);
	assert_int_equal(c->zone[0].refresh, 5 * 86400);
	assert_int_equal(c->zone[0].parent_count, 1);
	ksk_sync_config_free(&c);
	assert_null(c);
}

static void
names_line_and_column(void **state)
{
	(void)state;
	refuse(HEAD ALPHA, "line 1", "zones");
	refuse(HEAD ALPHA ZONES "colour: red\n", "line 12", "colour");
	refuse(HEAD BETA "zones:\n  - name: a..b\n    providers: [beta]\n",
		"line 8, column", "zones[0].name");
	refuse(HEAD BETA "zones:\n  - {name: a, providers: [beta, gamma]}\n",
		"line 8, column", "no such provider");
	refuse(HEAD BETA "zones:\n  - {name: a, providers: [beta, beta]}\n",
		"providers[1]", "named twice");
	refuse(HEAD BETA BETA ZONES, "line 7", "there already");
	refuse(HEAD BETA "zones:\n  - {name: a., providers: [beta]}\n"
			 "  - {name: A, providers: [beta]}\n",
		"line 9", "there already");
	refuse("settle: 0s\n" HEAD BETA ZONES, "line 1", "1s to 1h");
	refuse("timeout: 5\n" HEAD BETA ZONES, "line 1", "duration");
}

#define ONE(gather, deliver) \
	HEAD "  - name: a\n    servers: [\"192.0.2.1\"]\n    gather: {" gather \
	     "}\n    deliver: {" deliver "}\nzones:\n  - {name: z, " \
	     "providers: [a]}\n"

static void
wants_what_goes_together(void **state)
{
	(void)state;
	refuse(ONE("by: post", "by: none"), "line 4",
		"dns, keys, exec or announced");
	refuse(ONE("by: keys", "by: none"), "line 4", "files");
	refuse(ONE("by: dns, files: [a]", "by: none"), "line 4", "files");
	refuse(ONE("by: exec", "by: none"), "line 4", "command");
	refuse(ONE("by: dns, proofs: [\"%q\"]", "by: none"), "line 4",
		"behind %");
	refuse(ONE("by: dns", "by: post"), "line 5", "update, knot, files");
	refuse(ONE("by: dns", "by: exec"), "line 5", "command");
	refuse(ONE("by: dns", "by: none, command: [a]"), "line 5", "command");
	refuse(ONE("by: dns", "by: update, server: a"), "line 5", "tsig");
	refuse(ONE("by: dns", "by: files, dnskey: a"), "line 5", "rrsig");
	refuse(ONE("by: dns", "by: knot, keymgr: [a], knotc: [b]"), "line 5",
		"skr");
	refuse(ONE("by: dns", "by: files, dnskey: \"%x\", rrsig: b"), "line 5",
		"behind %");
	refuse(ONE("by: dns", "by: update, server: \"::1\", tsig: key"),
		"line 5", "brackets");
}

static void
reads_secrets_from_private_files_only(void **state)
{
	(void)state;
	put("open", "hmac-sha256:owner:" SECRET "\n", 0644);
	put("broken", "hmac-sha256:owner:" SECRET "*\n", 0600);
	refuse(ONE("by: dns", "by: update, server: a, tsig: open"), "line 5",
		"open");
	refuse(ONE("by: dns", "by: update, server: a, tsig: broken"), "line 5",
		"base64");
	refuse(ONE("by: dns", "by: update, server: a, tsig: gone"), "line 5",
		"No such file");
}

static void
fills_in_the_zone(void **state)
{
	struct ksk_sync_config config = {.folder = "/etc/ksk"};
	struct ksk_fault fault = {0};
	char *out = NULL;

	(void)state;
	assert_int_equal(
		ksk_sync_fill("a%z-%n%%", "b.c.", &out, &fault), KSK_OK);
	assert_string_equal(out, "ab.c.-b.c%");
	free(out);
	assert_int_equal(ksk_sync_fill("%n", ".", &out, &fault), KSK_OK);
	assert_string_equal(out, ".");
	free(out);
	out = NULL;
	assert_int_equal(
		ksk_sync_fill("%", "b.", &out, &fault), KSK_ERR_BAD_INPUT);
	assert_int_equal(
		ksk_sync_path(&config, "x/%n", "b.", &out, &fault), KSK_OK);
	assert_string_equal(out, "/etc/ksk/x/b");
	free(out);
	assert_int_equal(
		ksk_sync_path(&config, "/x/%n", "b.", &out, &fault), KSK_OK);
	assert_string_equal(out, "/x/b");
	free(out);
	/* RFC 2317 names have slashes. */
	assert_int_equal(
		ksk_sync_path(&config, "%n", "0/25.2.0.192.", &out, &fault),
		KSK_ERR_BAD_INPUT);
	assert_int_equal(
		ksk_sync_path(&config, "a", "0/25.2.0.192.", &out, &fault),
		KSK_OK);
	free(out);
}

static int
make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/ksk-sync.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	put("key", "hmac-sha256:owner:" SECRET "\n", 0600);
	return 0;
}

static int
drop_folder(void **state)
{
	static const char *const names[] = {
		"sync.yaml", "key", "open", "broken"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[128];

		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_all_there_is),
		cmocka_unit_test(names_line_and_column),
		cmocka_unit_test(wants_what_goes_together),
		cmocka_unit_test(reads_secrets_from_private_files_only),
		cmocka_unit_test(fills_in_the_zone),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
