/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of tsig: both forms of a key, and what is none. No message quotes the
 * text, which holds a secret.
 */
#include "client/tsig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SECRET "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

static void
expect(const char *text, const char *name, const char *algorithm)
{
	struct ksk_tsig key = {.name = ""};
	struct ksk_fault fault = {0};

	if (ksk_tsig_read(text, &key, &fault) != KSK_OK)
		fail_msg("%s: %s", text, fault.text);
	assert_string_equal(key.name, name);
	assert_string_equal(key.algorithm, algorithm);
	assert_string_equal(key.secret, SECRET);
}

static void
refuse(const char *text)
{
	struct ksk_tsig key = {.name = "as it was"};
	struct ksk_fault fault = {0};

	if (ksk_tsig_read(text, &key, &fault) != KSK_ERR_BAD_INPUT)
		fail_msg("taken: %s", text);
	assert_string_equal(key.name, "as it was");
	assert_true(fault.text[0] != '\0');
	assert_null(strstr(fault.text, "MDEyMz"));
}

static void
reads_both_forms(void **state)
{
	(void)state;
	/* As tsig-keygen prints it. */
	expect("key \"owner\" {\n\talgorithm hmac-sha256;\n\tsecret \"" SECRET
	       "\";\n};\n",
		"owner.", "hmac-sha256.");
	expect("# a comment\nkey Owner.Example. { secret \"" SECRET
	       "\"; // why\n algorithm HMAC-SHA512; };",
		"owner.example.", "hmac-sha512.");
	expect("hmac-sha256:owner:" SECRET "\n", "owner.", "hmac-sha256.");
	expect("# by hand\nhmac-sha512.:a.b.:" SECRET, "a.b.", "hmac-sha512.");
}

static void
refuses_what_is_none(void **state)
{
	(void)state;
	refuse("");
	refuse("owner");
	refuse("hmac-sha256:owner");
	refuse("hmac-sha256:owner:");
	refuse("hmac-sha256:owner:" SECRET " more");
	refuse("hmac-sha256:owner:MDEyMzQ1Njc4OWFiY2Rl*");
	refuse("hmac-sha256:owner:MDEyMzQ1Njc4OWFiY2R");
	refuse("hmac-sha256:a..b:" SECRET);
	/* RFC 8945 6: no longer good. */
	refuse("hmac-md5:owner:" SECRET);
	refuse("hmac-sha1:owner:" SECRET);
	refuse("key owner { algorithm hmac-sha256; secret \"" SECRET "\"; }");
	refuse("key owner { algorithm hmac-sha256; };");
	refuse("key owner { algorithm hmac-sha256 secret \"" SECRET "\"; };");
	refuse("key owner { algorithm hmac-sha256; secret \"" SECRET
	       "\"; }; key b { };");
	refuse("key owner { salgorithm x; };");
	refuse("key \"owner { };");
}

static void
loads_a_private_file_only(void **state)
{
	static const char text[] = "hmac-sha256:owner:" SECRET "\n";
	char path[] = "/tmp/ksk-tsig.XXXXXX";
	struct ksk_tsig key = {.name = ""};
	struct ksk_fault fault = {0};
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	assert_int_equal(ksk_tsig_load(path, &key, &fault), KSK_OK);
	assert_string_equal(key.name, "owner.");
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(ksk_tsig_load(path, &key, &fault), KSK_ERR_PERMISSION);
	unlink(path);
	assert_int_equal(ksk_tsig_load(path, &key, &fault), KSK_ERR_NOT_FOUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_both_forms),
		cmocka_unit_test(refuses_what_is_none),
		cmocka_unit_test(loads_a_private_file_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
