/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of config: the sample, the defaults, one refusal per key with its
 * place, trusted files, the appliance id, addresses.
 */
#include "appliance/base/config.h"

#include "appliance/base/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* listen, one token; users that exist nowhere, as numbers. */
#define LISTEN "listen: \"127.0.0.1:8853\"\n"
#define USERS \
	"users: {frontend: 64810, signer: 64811, policy: 64812, token: " \
	"64820}\n"
#define PIN "    pin: {file: /etc/ksk/pin.main}\n"
#define AB16 "abababababababab"
#define AB64 AB16 AB16 AB16 AB16
#define MODULE "    module: /usr/lib/m.so\n"
#define URI "    uri: \"pkcs11:token=ksk\"\n"
#define TOKENS "tokens:\n  - name: main\n" MODULE URI PIN
#define SMALL LISTEN USERS TOKENS

static char folder[] = "/tmp/ksk-config-XXXXXX";
static struct ksk_config config;

static const char *
path_of(char out[128], const char *name)
{
	snprintf(out, 128, "%s/%s", folder, name);
	return out;
}

static void
write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static enum ksk_err
load(const char *text, struct ksk_fault *fault)
{
	char path[128];
	enum ksk_err err;

	write_file(path_of(path, "kskd.yaml"), text, 0600);
	err = ksk_config_load(path, &config, fault);
	unlink(path);
	return err;
}

/* Refused at this place, and what may be a secret is not shown. */
static void
check_hidden(const char *text, const char *place)
{
	struct ksk_fault fault = {""};

	assert_int_equal(load(text, &fault), KSK_ERR_BAD_INPUT);
	if (strstr(fault.text, place) == NULL ||
		strstr(fault.text, "s3cret") != NULL)
		fail_msg("fault \"%s\"", fault.text);
}

static void
check_loads(const char *text)
{
	struct ksk_fault fault = {""};
	const enum ksk_err err = load(text, &fault);

	if (err != KSK_OK)
		fail_msg("refused: %s", fault.text);
}

/* The text is refused, and the fault has this place and these words. */
static void
check_refused(const char *text, const char *place, const char *words)
{
	struct ksk_fault fault = {""};
	char path[128];

	memset(&config, 0x5a, sizeof config);
	assert_int_equal(load(text, &fault), KSK_ERR_BAD_INPUT);
	/* Outputs stay as they were. */
	assert_int_equal(config.token_count, 0x5a5a);
	path_of(path, "kskd.yaml");
	if (strncmp(fault.text, path, strlen(path)) != 0 ||
		strstr(fault.text, place) == NULL ||
		strstr(fault.text, words) == NULL)
		fail_msg("fault \"%s\" lacks \"%s\" or \"%s\"", fault.text,
			place, words);
}

static void
test_defaults(void **state)
{
	(void)state;
	check_loads(SMALL);
	assert_string_equal(config.listen, "127.0.0.1:8853");
	assert_string_equal(config.state, "/var/lib/ksk");
	assert_string_equal(config.journal, "/var/lib/ksk/journal/journal.db");
	assert_int_equal(config.reserve, 16 << 20);
	assert_string_equal(config.policy, KSK_SYSCONFDIR "/policy.yaml");
	assert_string_equal(config.keymap, KSK_SYSCONFDIR "/keymap");
	assert_string_equal(config.accept, KSK_SYSCONFDIR "/accept");
	assert_string_equal(config.tls_key, KSK_SYSCONFDIR "/tls.key");
	assert_string_equal(config.tls_certificate, KSK_SYSCONFDIR "/tls.crt");
	assert_int_equal(config.limits.connections, 600);
	assert_int_equal(config.limits.connections_per_address, 64);
	assert_int_equal(config.limits.handshake_ms, 5000);
	assert_int_equal(config.limits.idle_ms, 600000);
	assert_int_equal(config.limits.frame_ms, 10000);
	assert_int_equal(config.job_ms, 2000);
	assert_int_equal(config.token_count, 1);
	assert_string_equal(config.token[0].name, "main");
	assert_int_equal(config.token[0].workers, 2);
	assert_false(config.token[0].network);
	assert_false(config.token[0].anchor);
	assert_false(config.token[0].has_sha256);
	assert_int_equal(config.token[0].pin_kind, KSK_PIN_FILE);
	assert_string_equal(config.token[0].pin_source, "/etc/ksk/pin.main");
}

static void
test_every_key(void **state)
{
	(void)state;
	check_loads("listen: \"[::1]:853\"\n"
		    "state: /s\npolicy: /p\nkeymap: /k\n"
		    "accept: /w\n"
		    "tls: {key: /tk, certificate: /tc}\n" USERS
		    "authority: {mode: file}\n"
		    "journal: {path: /j/j.db, reserve: 1GiB}\n"
		    "limits: {connections: 10, connections-per-address: 3,\n"
		    "         handshake: 1s, idle: 1h, frame: 2s, job: 9s}\n"
		    "tokens:\n"
		    "  - {name: a, module: /m, uri: \"pkcs11:token=a\",\n"
		    "     pin: {credential: pin-a}, workers: 1, network: yes,\n"
		    "     anchor: yes,\n"
		    "     init: \"x=y\", environment: [\"A=b\", \"C_1=\"],\n"
		    "     paths: [{path: /r, access: r}, {path: /x, access: "
		    "rx},\n"
		    "             {path: /w, access: rw}],\n"
		    "     sha256: "
		    "00112233445566778899aabbccddeeff"
		    "00112233445566778899AABBCCDDEEFF}\n"
		    "  - {name: b, module: /n, uri: \"pkcs11:token=b\",\n"
		    "     pin: {prompt: yes}}\n");
	assert_string_equal(config.listen, "[::1]:853");
	assert_string_equal(config.journal, "/j/j.db");
	assert_int_equal(config.reserve, UINT64_C(1) << 30);
	assert_string_equal(config.tls_certificate, "/tc");
	assert_int_equal(config.limits.connections_per_address, 3);
	assert_int_equal(config.limits.idle_ms, 3600000);
	assert_int_equal(config.job_ms, 9000);
	assert_int_equal(config.token_count, 2);
	assert_true(config.token[0].network);
	assert_true(config.token[0].anchor);
	assert_int_equal(config.token[0].pin_kind, KSK_PIN_CREDENTIAL);
	assert_string_equal(config.token[0].pin_source, "pin-a");
	assert_string_equal(config.token[0].environment[1], "C_1=");
	assert_int_equal(config.token[0].path_access[1],
		KSK_PATH_READ | KSK_PATH_EXECUTE);
	assert_int_equal(
		config.token[0].path_access[2], KSK_PATH_READ | KSK_PATH_WRITE);
	assert_true(config.token[0].has_sha256);
	assert_int_equal(config.token[0].sha256[31], 0xff);
	assert_int_equal(config.token[1].pin_kind, KSK_PIN_PROMPT);
}

/* As root: numbers for users, and a number base for tokens. Else: oneself. */
static void
test_users(void **state)
{
	(void)state;
	check_loads(LISTEN USERS TOKENS "  - name: second\n" MODULE URI PIN);
	if (geteuid() != 0) {
		assert_int_equal(config.signer.uid, geteuid());
		assert_int_equal(config.token_user[1].gid, getegid());
		return;
	}
	assert_int_equal(config.frontend.uid, 64810);
	assert_int_equal(config.signer.uid, 64811);
	assert_int_equal(config.policy_user.gid, 64812);
	assert_int_equal(config.token_user[0].uid, 64820);
	assert_int_equal(config.token_user[1].uid, 64821);
	check_refused(LISTEN "users: {frontend: 0, signer: 2, policy: 3, "
			     "token: 4}\n" TOKENS,
		"line 2, column 19", "no user \"0\"");
	check_refused(LISTEN "users: {frontend: nobody-at-all}\n" TOKENS,
		"users.frontend", "no user \"nobody-at-all\"");
	check_refused(LISTEN "users: {frontend: root, signer: 2, policy: 3, "
			     "token: 4}\n" TOKENS,
		"users.frontend", "superuser");
	check_refused(LISTEN "users: {frontend: 5, signer: 5, policy: 6, "
			     "token: 7}\n" TOKENS,
		"line 2", "needs its own");
	/* The second token would run as the signer. */
	check_refused(LISTEN "users: {frontend: 5, signer: 8, policy: 6, "
			     "token: 7}\n" TOKENS
			     "  - name: second\n" MODULE URI PIN,
		"line 2", "needs its own");
}

static void
test_refusals_of_the_whole(void **state)
{
	(void)state;
	check_refused(SMALL "lisen: x\n", "line 8, column 1", "lisen");
	check_refused(SMALL LISTEN, "line 8", "listen");
	check_refused(USERS TOKENS, "line 1", "\"listen\" is missing");
	check_refused(LISTEN USERS, "line 1", "\"tokens\" is missing");
	check_refused("listen: [\n", "line 2", "");
	check_refused("listen: &a \"127.0.0.1:1\"\n", "line 1", "anchor");
	check_refused(LISTEN USERS "tokens: []\n", "line 3", "tokens");
}

static void
test_refusals_at_the_top(void **state)
{
	static const char *const odd_listen[] = {"8853", "127.0.0.1",
		"127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:08853",
		"localhost:8853", "::1:8853", "[::1]", "[::1:8853", "[::1]8853",
		":8853", "[]:8853", "127.0.0.1:"};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof odd_listen / sizeof odd_listen[0]; i++) {
		snprintf(text, sizeof text, "listen: \"%s\"\n" USERS TOKENS,
			odd_listen[i]);
		check_refused(text,
			"line 1, column 9: listen: ", "no numeric address");
	}
	check_refused(SMALL "state: var/lib\n",
		"line 8, column 8: state: ", "no absolute path");
	check_refused(SMALL "policy: /a/../b\n", "policy: ", "absolute path");
	check_refused(SMALL "keymap: /a/.\n", "keymap: ", "absolute path");
	check_refused(SMALL "accept: words\n", "accept: ", "absolute path");
	check_refused(SMALL "tls: {key: tls.key}\n",
		"line 8, column 12: tls.key: ", "absolute path");
	check_refused(SMALL "tls: {cert: /x}\n", "line 8", "certificate");
	check_refused(SMALL "journal: {path: j}\n",
		"journal.path: ", "absolute path");
	check_refused(SMALL "journal: {reserve: 0MiB}\n",
		"journal.reserve: ", "from 1MiB to 1GiB");
	check_refused(SMALL "journal: {reserve: 1025MiB}\n",
		"journal.reserve: ", "from 1MiB to 1GiB");
	check_refused(SMALL "journal: {reserve: 16}\n",
		"journal.reserve: ", "from 1MiB to 1GiB");
	check_refused(SMALL "authority: {mode: two}\n",
		"line 8, column 19: authority.mode: ", "file or quorum");
	check_refused(SMALL "bootstrap-clients: [" AB64 "]\n", "line 8",
		"remove this key");
	check_refused(SMALL "authority: {mode: quorum}\n"
			    "bootstrap-clients: [ab]\n",
		"bootstrap-clients: ", "64 hexadecimal digits");
}

static void
test_quorum(void **state)
{
	(void)state;
	check_loads(SMALL "authority: {mode: quorum}\nbootstrap-clients: [" AB64
			  "]\n");
	assert_true(config.quorum);
	assert_int_equal(config.bootstrap_count, 1);
	assert_int_equal(config.bootstrap[0][31], 0xab);
	check_loads(SMALL);
	assert_false(config.quorum);
	assert_int_equal(config.bootstrap_count, 0);
}

static void
test_refusals_of_limits(void **state)
{
	(void)state;
	check_refused(SMALL "limits: {connections: 0}\n",
		"limits.connections: ", "number from 1 to 10000");
	check_refused(SMALL "limits: {connections: 010}\n",
		"limits.connections: ", "number from 1 to 10000");
	check_refused(SMALL "limits: {connections-per-address: -1}\n",
		"limits.connections-per-address: ", "number from 1");
	check_refused(SMALL "limits: {idle: 10}\n",
		"line 8, column 16: limits.idle: ", "no duration");
	check_refused(SMALL "limits: {handshake: 0}\n",
		"limits.handshake: ", "no duration");
	check_refused(SMALL "limits: {frame: 1d}\n",
		"limits.frame: ", "no duration from 1s to 300s");
	check_refused(
		SMALL "limits: {job: 2x}\n", "limits.job: ", "no duration");
}

static void
test_refusals_of_tokens(void **state)
{
	(void)state;
#define ONE LISTEN USERS "tokens:\n  - name: main\n"
	check_refused(LISTEN USERS "tokens:\n  - name: Main\n" MODULE URI PIN,
		"line 4, column 11: tokens[0].name: ", "no name");
	check_refused(SMALL "  - name: main\n" MODULE URI PIN,
		"tokens: ", "two tokens are named \"main\"");
	check_refused(ONE URI PIN, "line 4", "\"module\" is missing");
	check_refused(ONE "    module: m.so\n" URI PIN,
		"line 5, column 13: tokens[0].module: ", "absolute path");
	check_refused(ONE MODULE "    uri: token=ksk\n" PIN,
		"tokens[0].uri: ", "RFC 7512");
	check_refused(ONE MODULE
		"    uri: \"pkcs11:token=k?pin-value=1\"\n" PIN,
		"tokens[0].uri: ", "pin-value");
	check_refused(ONE MODULE URI "    pin: {file: /a, credential: b}\n",
		"tokens[0].pin: ", "one source");
	check_refused(ONE MODULE URI "    pin: {prompt: no}\n",
		"tokens[0].pin: ", "one source");
	check_refused(ONE MODULE URI "    pin: {file: a}\n",
		"tokens[0].pin.file: ", "absolute path");
	check_refused(ONE MODULE URI "    pin: {credential: ../a}\n",
		"tokens[0].pin.credential: ", "LoadCredential");
	check_refused(SMALL "    sha256: abcd\n",
		"line 8, column 13: tokens[0].sha256: ", "64 hexadecimal");
	check_refused(SMALL "    workers: 17\n",
		"tokens[0].workers: ", "number from 1 to 16");
	check_refused(SMALL "    network: maybe\n",
		"tokens[0].network: ", "neither yes nor no");
	check_refused(SMALL "    anchor: 1\n",
		"tokens[0].anchor: ", "neither yes nor no");
	check_refused(SMALL
		"    anchor: yes\n"
		"  - {name: b, module: /m, uri: \"pkcs11:token=b\", "
		"pin: {prompt: yes}, anchor: yes}\n",
		"tokens: ", "one token keeps it");
	check_refused(SMALL "    environment: [\"A=b\", \"oops\"]\n",
		"line 8, column 26: tokens[0].environment[1]: ", "NAME=value");
	check_refused(SMALL "    environment: [\"1A=b\"]\n",
		"tokens[0].environment[0]: ", "NAME=value");
	check_refused(SMALL "    paths: [{path: /a, access: w}]\n",
		"tokens[0].paths[0].access: ", "none of r");
	check_refused(SMALL "    paths: [{path: a, access: r}]\n",
		"tokens[0].paths[0].path: ", "absolute path");
#undef ONE
}

/* People write the PIN where its source should stand. */
static void
test_secrets_in_wrong_places(void **state)
{
	(void)state;
#define ONE LISTEN USERS "tokens:\n  - name: main\n" MODULE
#define BAD_PIN(text) ONE URI "    pin: " text "\n"
	check_hidden(BAD_PIN("s3cret"), "tokens[0].pin: ");
	check_hidden(BAD_PIN("[s3cret]"), "tokens[0].pin: ");
	check_hidden(BAD_PIN("{s3cret}"), "tokens[0].pin: ");
	check_hidden(BAD_PIN("{s3cret: yes}"), "known are file, credential");
	check_hidden(BAD_PIN("{value: s3cret}"), "tokens[0].pin: ");
	check_hidden(BAD_PIN("{file: s3cret}"), "tokens[0].pin.file: ");
	check_hidden(BAD_PIN("{file: [s3cret]}"), "tokens[0].pin.file: ");
	check_hidden(BAD_PIN("{prompt: s3cret}"), "tokens[0].pin: ");
	check_hidden(BAD_PIN("{credential: /s3cret}"), "pin.credential: ");
#define BAD_URI(text) ONE "    uri: \"" text "\"\n" PIN
	check_hidden(BAD_URI("token=ksk?pin-value=s3cret"), "tokens[0].uri: ");
	check_hidden(BAD_URI("PKCS11:token=k?PIN-VALUE=s3cret"), "uri: ");
	check_hidden(BAD_URI("token=ksk;pin=s3cret"), "tokens[0].uri: ");
	check_hidden(SMALL "    environment: [\"MODULE PIN=s3cret\"]\n",
		"tokens[0].environment[0]: ");
#undef ONE
}

static void
test_too_many_workers(void **state)
{
	char text[4096] = LISTEN USERS "tokens:\n";

	(void)state;
	for (int i = 0; i < 5; i++) {
		const size_t len = strlen(text);

		snprintf(text + len, sizeof text - len,
			"  - name: t%d\n    workers: 16\n" MODULE URI PIN, i);
		if (i == 3)
			check_loads(text);
	}
	check_refused(text, "line 4", "80 workers");
}

static void
check_trusted(
	const char *path, bool secret, enum ksk_err wanted, const char *words)
{
	struct ksk_fault fault = {""};
	int fd = -7;

	assert_int_equal(
		ksk_open_trusted(path, "thing", secret, &fd, &fault), wanted);
	if (wanted == KSK_OK) {
		assert_true(fd >= 0);
		close(fd);
		return;
	}
	assert_int_equal(fd, -7);
	assert_non_null(strstr(fault.text, words));
	assert_non_null(strstr(fault.text, path));
}

static void
test_trusted_files(void **state)
{
	char path[128];

	(void)state;
	path_of(path, "trusted");
	check_trusted(path, false, KSK_ERR_NOT_FOUND, "does not exist");
	write_file(path, "x", 0644);
	check_trusted(path, false, KSK_OK, "");
	check_trusted(path, true, KSK_ERR_PERMISSION, "chmod 600");
	assert_int_equal(chmod(path, 0600), 0);
	check_trusted(path, true, KSK_OK, "");
	assert_int_equal(chmod(path, 0620), 0);
	check_trusted(path, false, KSK_ERR_PERMISSION, "chmod go-w");
	assert_int_equal(chmod(path, 0602), 0);
	check_trusted(path, false, KSK_ERR_PERMISSION, "chmod go-w");
	if (geteuid() == 0) {
		assert_int_equal(chmod(path, 0600), 0);
		assert_int_equal(chown(path, 64830, 0), 0);
		check_trusted(path, false, KSK_ERR_PERMISSION, "chown root");
	}
	unlink(path);
	/* A pipe without a writer must not hang. */
	assert_int_equal(mkfifo(path, 0600), 0);
	check_trusted(path, true, KSK_ERR_IO, "regular file");
	unlink(path);
	check_trusted(folder, false, KSK_ERR_IO, "folder");
}

static void
test_untrusted_configuration(void **state)
{
	struct ksk_fault fault = {""};
	char path[128];

	(void)state;
	path_of(path, "kskd.yaml");
	assert_int_equal(
		ksk_config_load(path, &config, &fault), KSK_ERR_NOT_FOUND);
	write_file(path, SMALL, 0666);
	assert_int_equal(
		ksk_config_load(path, &config, &fault), KSK_ERR_PERMISSION);
	assert_non_null(strstr(fault.text, "chmod go-w"));
	unlink(path);
}

static void
check_id(const char *text, enum ksk_err wanted, const char *words)
{
	struct ksk_fault fault = {""};
	uint8_t id[KSK_ID_LEN];
	char path[128];
	const uint8_t first[2] = {0x01, 0xef};

	memset(id, 0x5a, sizeof id);
	path_of(path, "appliance-id");
	unlink(path);
	if (text != NULL)
		write_file(path, text, 0644);
	snprintf(config.state, sizeof config.state, "%s", folder);
	assert_int_equal(ksk_config_appliance(&config, id, &fault), wanted);
	unlink(path);
	if (wanted == KSK_OK) {
		assert_memory_equal(id, first, 2);
		return;
	}
	assert_int_equal(id[0], 0x5a);
	assert_non_null(strstr(fault.text, words));
}

static void
test_appliance_id(void **state)
{
	(void)state;
	check_id("01ef0000000000000000000000000000\n", KSK_OK, "");
	check_id("01ef0000000000000000000000000000", KSK_OK, "");
	check_id(NULL, KSK_ERR_NOT_FOUND, "kskadm init");
	check_id("", KSK_ERR_BAD_INPUT, "32 hexadecimal");
	check_id("01ef\n", KSK_ERR_BAD_INPUT, "32 hexadecimal");
	check_id("01ef0000000000000000000000000000\n\n", KSK_ERR_BAD_INPUT,
		"32 hexadecimal");
	check_id("01ef00000000000000000000000000000000\n", KSK_ERR_BAD_INPUT,
		"32 hexadecimal");
}

static void
test_address(void **state)
{
	struct sockaddr_storage address = {.ss_family = 77};
	socklen_t len = 0;

	(void)state;
	assert_int_equal(ksk_address_read("0.0.0.0:1", &address, &len), KSK_OK);
	assert_int_equal(address.ss_family, AF_INET);
	assert_int_equal(
		ksk_address_read("[::]:65535", &address, &len), KSK_OK);
	assert_int_equal(address.ss_family, AF_INET6);
	address.ss_family = 77;
	assert_int_equal(
		ksk_address_read("0.0.0.0", &address, &len), KSK_ERR_BAD_INPUT);
	assert_int_equal(address.ss_family, 77);
}

static int
make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int
remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_refusals_of_the_whole),
		cmocka_unit_test(test_refusals_at_the_top),
		cmocka_unit_test(test_quorum),
		cmocka_unit_test(test_refusals_of_limits),
		cmocka_unit_test(test_refusals_of_tokens),
		cmocka_unit_test(test_secrets_in_wrong_places),
		cmocka_unit_test(test_too_many_workers),
		cmocka_unit_test(test_trusted_files),
		cmocka_unit_test(test_untrusted_configuration),
		cmocka_unit_test(test_appliance_id),
		cmocka_unit_test(test_address),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
