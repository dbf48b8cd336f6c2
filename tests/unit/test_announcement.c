/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of announcement: what a provider writes by hand and with the usual
 * tools becomes values; each seeded mistake gives a fault with its line; every
 * prefix of a text is an announcement or a list of faults.
 */
#include "appliance/policy/announcement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY_A \
	"NapF9lKpa3KdSrwCGAL9IeFdZQkrpnDNhl4AyxR7b9at6bdPHpiGkhi1em+PsikX" \
	"mk89e2MpJNMHTpIagqXKFw=="
#define KEY_B \
	"B1vt30szJ7lCEnbpc9tv8eqmPcyrbrjcDEP1mviUv3p5KcPlx+kPoIk4jjdW9k8z" \
	"DqvQDZC2CobHCKv3IbQznQ=="

/* Line numbers matter: the list of mistakes names them. */
static const char good[] =
	"# ZSKs of alpha\n"
	"kind: announcement\n"
	"appliance: 000102030405060708090a0b0c0d0e0f\n"
	"zone: Lab.Example.\n"
	"provider: alpha\n"
	"serial: 7\n"
	"not-before: 2026-11-01T00:00:00Z   ; from then on\n"
	"not-after: 2027-05-01T00:00:00Z\n"
	"\n"
	"; as dnssec-keygen writes it\n"
	"lab.example. IN DNSKEY 256 3 13 " KEY_A "\n"
	"retired: 2027-01-01T00:00:00Z\n"
	"LAB.example. 3600\tIN DNSKEY 256 3 13 B1vt30szJ7lCEnbpc9tv8eqm "
	"PcyrbrjcDEP1mviUv3p5KcPlx+kPoIk4jjdW9k8zDqvQDZC2CobHCKv3IbQznQ== ; "
	"ZSK; alg = ECDSAP256SHA256\n";

static struct ksk_announcement out;
static struct ksk_faults faults;

static enum ksk_err
take(const char *text, size_t len)
{
	/* Of exactly this size, so that a read behind it is seen. */
	char *copy = malloc(len == 0 ? 1 : len);
	enum ksk_err err;

	assert_non_null(copy);
	memcpy(copy, text, len);
	memset(&out, 0xee, sizeof(out));
	err = ksk_announcement_read(ksk_span_of(copy, len), &out, &faults);
	free(copy);
	assert_true((err == KSK_OK) == (faults.count == 0));
	assert_true(err == KSK_OK || err == KSK_ERR_BAD_INPUT);
	return err;
}

static void
a_whole_one_becomes_values(void **state)
{
	char name[KSK_NAME_TEXT_CAP];
	struct ksk_dnskey key;

	(void)state;
	if (take(good, strlen(good)) != KSK_OK)
		fail_msg("%s", faults.list[0].text);
	assert_true(out.has_appliance);
	assert_int_equal(out.appliance[15], 15);
	ksk_name_to_text(&out.zone, name);
	assert_string_equal(name, "lab.example.");
	assert_string_equal(out.provider, "alpha");
	assert_int_equal(out.serial, 7);
	assert_int_equal(out.not_before, 1793491200);
	assert_int_equal(out.not_after, 1809129600);
	assert_int_equal(out.key_count, 2);
	assert_int_equal(out.key[0].retired, 1798761600);
	assert_int_equal(out.key[0].line, 11);
	assert_true(out.key[1].retired == KSK_NEVER);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(
			ksk_dnskey_read(out.key[i].rdata, &key), KSK_OK);
		assert_int_equal(key.flags, 256);
		assert_int_equal(key.algorithm, 13);
		assert_int_equal(key.key.len, 64);
	}
}

/* The text with one part replaced. */
static const char *
with(const char *part, const char *by, char room[8192])
{
	const char *at = strstr(good, part);

	assert_non_null(at);
	snprintf(room, 8192, "%.*s%s%s", (int)(at - good), good, by,
		at + strlen(part));
	return room;
}

static void
line_ends_and_missing_parts_that_do_no_harm(void **state)
{
	static char room[8192], crlf[8192];
	size_t len = 0;

	(void)state;
	for (size_t i = 0; good[i] != '\0'; i++) {
		if (good[i] == '\n')
			crlf[len++] = '\r';
		crlf[len++] = good[i];
	}
	assert_int_equal(take(crlf, len), KSK_OK);
	/* A byte-order mark, as some editors write it. */
	len = (size_t)snprintf(room, sizeof(room), "\xef\xbb\xbf%s", good);
	assert_int_equal(take(room, len), KSK_OK);
	assert_int_equal(take(good, strlen(good) - 1), KSK_OK);
	with("appliance: 000102030405060708090a0b0c0d0e0f\n", "", room);
	assert_int_equal(take(room, strlen(room)), KSK_OK);
	assert_false(out.has_appliance);
	with("lab.example. IN DNSKEY", "lab.example. IN 1 DNSKEY", room);
	assert_int_equal(take(room, strlen(room)), KSK_OK);
}

static const struct {
	const char *part, *by, *fault;
} mistakes[] = {
	{"kind: announcement", "kind: policy",
		"line 2: `kind` needs announcement"},
	{"kind: announcement\n", "", "the line `kind:` is missing"},
	{"0e0f\n", "0e\n", "line 3: `appliance` needs the 32"},
	{"zone: Lab.Example.", "zone: lab..example.",
		"line 4: `zone` needs the zone's name"},
	{"zone: Lab.Example.", "zone: example.",
		"line 11: this record is not of the zone above"},
	{"provider: alpha", "provider: alpha beta",
		"line 5: `provider` needs one value"},
	{"provider: alpha", "provider:", "line 5: `provider` needs one value"},
	{"provider: alpha",
		"provider: "
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"line 5: `provider` needs the provider's name"},
	{"serial: 7", "serial: 8 ;\rserial: 7",
		"line 6: a byte that is no text"},
	{"# ZSKs", "\r# ZSKs", "line 1: a byte that is no text"},
	{"serial: 7", "\xef\xbb\xbfserial: 7", "line 6: this key is not known"},
	{"serial: 7", "serial: 07", "line 6: `serial` needs a number"},
	{"serial: 7", "serial: 0", "line 6: `serial` needs a number"},
	{"serial: 7", "serial: 9223372036854775808",
		"line 6: `serial` needs a number"},
	{"serial: 7\n", "serial: 7\nserial: 8\n",
		"line 7: `serial` stands twice"},
	{"2026-11-01T00:00:00Z", "2026-11-01",
		"line 7: `not-before` needs a time as in"},
	{"2027-05-01T00:00:00Z", "2026-11-01T00:00:00Z",
		"`not-after` must be later than `not-before`"},
	{"2027-05-01T00:00:00Z", "2027-11-03T00:00:00Z",
		"from `not-before` to `not-after` are more than 366 days"},
	{"retired: 2027", "retired: 27", "line 12: `retired` needs a time"},
	{"retired: 2027-01-01T00:00:00Z\n",
		"retired: 2027-01-01T00:00:00Z\nretired: "
		"2027-01-01T00:00:00Z\n",
		"line 13: `retired` stands twice for one key"},
	{"\n\n", "\nretired: 2027-01-01T00:00:00Z\n",
		"line 9: `retired` stands below the record"},
	{"retired: ", "serial: ",
		"line 12: `serial` stands above the first DNSKEY record"},
	{"retired: ", "expired: ", "line 12: this key is not known"},
	{"IN DNSKEY 256", "IN DNSKEY 257",
		"line 11: flags 257: only ZSKs are announced"},
	{"IN DNSKEY 256 3", "IN DNSKEY 256 2", "line 11: the key is malformed"},
	{"IN DNSKEY 256 3 13", "IN DNSKEY 256 3 ECDSAP256SHA256",
		"line 11: behind DNSKEY stand"},
	{"IN DNSKEY 256 3 13", "IN DNSKEY 256 3 256",
		"line 11: behind DNSKEY stand"},
	{"IN DNSKEY 256 3 13 NapF", "IN DNSKEY 256 3 13 NapG",
		"line 11: the key is malformed"},
	{"XKFw==", "XKFw=", "line 11: the key is not base64"},
	{"XKFw==", "XKFx==", "line 11: the key is not base64"},
	{"XKFw==", "XKF=w=", "line 11: the key is not base64"},
	{"XKFw==", "XKFw==AAAA", "line 11: the key is not base64"},
	{"NapF", "N-pF", "line 11: the key is not base64"},
	{"IN DNSKEY 256 3 13", "CH DNSKEY 256 3 13",
		"line 11: this is neither `key: value` nor a DNSKEY record"},
	{"lab.example. IN", "IN", "line 11: "},
	{"lab.example. IN DNSKEY", "lab.example. IN DNSKEY (",
		"line 11: write the record in one line"},
	{"lab.example. IN DNSKEY", "lab.example. IN CDNSKEY",
		"line 11: this is neither"},
	{"B1vt30szJ7lCEnbpc9tv8eqm PcyrbrjcDEP1mviUv3p5KcPlx+"
	 "kPoIk4jjdW9k8zDqvQDZC2CobHCKv3IbQznQ==",
		KEY_A, "line 13: this key stands already in line 11"},
	{"# ZSKs", "\x01# ZSKs", "line 1: a byte that is no text"},
};

static void
each_mistake_is_named_with_its_line(void **state)
{
	static char room[8192];

	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		size_t k = 0;

		with(mistakes[i].part, mistakes[i].by, room);
		if (take(room, strlen(room)) == KSK_OK)
			fail_msg("mistake %zu (%s) passes", i,
				mistakes[i].fault);
		while (k < faults.count &&
			strncmp(faults.list[k].text, mistakes[i].fault,
				strlen(mistakes[i].fault)) != 0)
			k++;
		if (k == faults.count)
			fail_msg("mistake %zu (%s): %s", i, mistakes[i].fault,
				faults.list[0].text);
	}
}

static void
all_mistakes_come_back_at_once(void **state)
{
	static const char text[] = "kind: x\nserial: y\nfoo: z\nbar\n";

	(void)state;
	assert_int_equal(take(text, strlen(text)), KSK_ERR_BAD_INPUT);
	/* Four lines, and the missing ones. */
	assert_int_equal(faults.count, 4 + 4);
	assert_int_equal(take("", 0), KSK_ERR_BAD_INPUT);
	assert_int_equal(faults.count, 7);
}

static void
limits_hold(void **state)
{
	static char text[64 * 1024];
	size_t len = 0;

	(void)state;
	len = (size_t)snprintf(text, sizeof(text), "%s", good);
	while (len <= KSK_ANNOUNCEMENT_TEXT_MAX)
		text[len++] = '\n';
	assert_int_equal(take(text, len), KSK_ERR_BAD_INPUT);
	assert_int_equal(take(text, len - 1), KSK_OK);
	/* More words than a line may have, and more faults than are kept. */
	len = 0;
	while (len < 4096)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "a ");
	assert_int_equal(take(text, len), KSK_ERR_BAD_INPUT);
	assert_string_equal(faults.list[0].text, "line 1: too many words");
	len = 0;
	while (len < 4096)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "a\n");
	assert_int_equal(take(text, len), KSK_ERR_BAD_INPUT);
	assert_int_equal(faults.count, KSK_POLICY_FAULT_MAX);
}

static void
every_prefix_is_read_to_an_end(void **state)
{
	size_t whole = 0;

	(void)state;
	for (size_t len = 0; len < strlen(good); len++)
		whole += take(good, len) == KSK_OK ? 1 : 0;
	/* With the first record alone, its `retired`, the last comment. */
	assert_true(whole > 0 && whole < 60);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_one_becomes_values),
		cmocka_unit_test(line_ends_and_missing_parts_that_do_no_harm),
		cmocka_unit_test(each_mistake_is_named_with_its_line),
		cmocka_unit_test(all_mistakes_come_back_at_once),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(every_prefix_is_read_to_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
