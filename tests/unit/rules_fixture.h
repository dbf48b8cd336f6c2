/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules_fixture - a policy for lab.example. from parts, sets from names of
 * keys, and what the rules say to them. Used by test_rules*.c only. Keys are
 * the real ones of tests/vectors/policy; @NAME@ in a part of the policy stands
 * for the DS of a key.
 */
#ifndef KSK_TEST_RULES_FIXTURE_H
#define KSK_TEST_RULES_FIXTURE_H

#include "appliance/policy/compile.h"
#include "appliance/policy/rules.h"

#include <ldns/ldns.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1800000000u /* 2027-01-15T08:00:00Z */
#define TTL 3600u
#define ZONE "lab.example."
#define VECTORS "tests/vectors/policy/"

struct record {
	uint8_t data[2048];
	size_t len;
};

/* flags are 256 or 257 as in the name; see set_of for other flags. */
static const struct {
	const char *name;
	const char *rdata;
} named_keys[] = {
	{"KSK1",
		"257 3 13 6D3/GQyiv7vaxjzRtDoX1400mM1jWTT7BzPipkFjjXCTQsuj+"
		"le9EoyhYKSIP7VTO2ZhbrVCol2R1jvQ0jNtIQ=="},
	{"KSK2",
		"257 3 13 prRuYjTRR4Mz2MyHPxNMeEXqwAEPDA6q380ZdogVuSJLuYWwc+"
		"/Zh4UL1BxwyYg/RNupzX1XKSAJP7Mb6kf/Jg=="},
	{"KSK3",
		"257 3 13 yrSrdzMeQikAbyrvYSW+2IdmvD7Pv99G4+"
		"Z7OPoQEyuy4kXF2JQzEJ/dobUI875zKTH3b8gO8KNqAyBwqDdOoQ=="},
	{"SEP4",
		"257 3 13 EZRyIquXF0qONZJKxc7u/rYiQUNck+kgDRouMkOyPUav0Zu1z6h"
		"ZOs56SKnZfP14ApyAW/XLgbc6foZcj/fP6w=="},
	{"KSK8",
		"257 3 8 AwEAAcHxZQrfvuT6AyZzxfdCZ+2MheBA/"
		"91phvrjFaG//HTZPLmbcCygsG2K1qQpD1bNsigiLMvnEoMk2hVqGJMFCkJ4r"
		"Ow2nteXeD3O8GQtT0vfuBZFjZC6nlCcbBYrRGIAxdNXy6b2NBoazKLfef3Um"
		"WJGDZxRd2a1MJh1YEp2wo1P8ZVLGMEXlYFlu6DUX6s92qCRBd3vwO0XAGS4L"
		"Rr9Jeud7YpNhpUUykfUVLML/"
		"KKzwIKf5pu99JTEhmS1siTTkwg7/tvAx5cQHktdtRq3VikCy79kZX6cO+"
		"Bc9nxubWBNBthNtwz35d1wc1AkBGV317AV+3PFLpOWPpg7DzeHOiM="},
	{"ZSKA",
		"256 3 13 NapF9lKpa3KdSrwCGAL9IeFdZQkrpnDNhl4AyxR7b9at6bdPHpi"
		"Gkhi1em+PsikXmk89e2MpJNMHTpIagqXKFw=="},
	{"ZSKB",
		"256 3 13 B1vt30szJ7lCEnbpc9tv8eqmPcyrbrjcDEP1mviUv3p5KcPlx+"
		"kPoIk4jjdW9k8zDqvQDZC2CobHCKv3IbQznQ=="},
	{"ZSKC",
		"256 3 13 GTmirlWR0zbUM87rDw72sNrlntBTaVAk6Yu2zUnlmvaSLp8iM6s"
		"QuRVIftI7KzbYRE3t+DMDrbwzni0MqoV7vw=="},
	{"ZSKD",
		"256 3 13 1eSvXoGDJd5P9jzDuDaOHHSIIXdkhKZJuBhJMdrQp9a34tF48br"
		"zt0b5YZNE9E50IkQkWrC9Knn5PB7qiIfzqQ=="},
	{"ZSKE",
		"256 3 13 FGNfIr8kfScEdKIcoGd/"
		"fF7cX4t4ap7OPr5N4m1Fdyf0ea9McjyahLGSJMVFqG66KgbpKHsJfs4EpNDT"
		"DhQ3Gw=="},
	{"ZSK8",
		"256 3 8 AwEAAcHxZQrfvuT6AyZzxfdCZ+2MheBA/"
		"91phvrjFaG//HTZPLmbcCygsG2K1qQpD1bNsigiLMvnEoMk2hVqGJMFCkJ4r"
		"Ow2nteXeD3O8GQtT0vfuBZFjZC6nlCcbBYrRGIAxdNXy6b2NBoazKLfef3Um"
		"WJGDZxRd2a1MJh1YEp2wo1P8ZVLGMEXlYFlu6DUX6s92qCRBd3vwO0XAGS4L"
		"Rr9Jeud7YpNhpUUykfUVLML/"
		"KKzwIKf5pu99JTEhmS1siTTkwg7/tvAx5cQHktdtRq3VikCy79kZX6cO+"
		"Bc9nxubWBNBthNtwz35d1wc1AkBGV317AV+3PFLpOWPpg7DzeHOiM="},
};

/* Keys that a test makes itself, by names it chooses. */
static struct {
	char name[16];
	struct record key;
} made_keys[16];
static size_t made_count;

static inline void
make_named(const char *name, const struct record *key)
{
	assert_true(made_count < sizeof(made_keys) / sizeof(made_keys[0]));
	snprintf(made_keys[made_count].name, sizeof(made_keys[0].name), "%s",
		name);
	made_keys[made_count++].key = *key;
}

/* Parts of the policy; NULL: the default of write_policy. */
struct parts {
	const char *clients;
	const char *sign;
	const char *signature;
	const char *extra; /* further lines of the zone */
	const char *ksk;
	const char *parent;
	const char *providers;
	const char *cosigners;
};

struct fixture {
	char text[32768];
	uint8_t *bytes;
	struct ksk_table table;
	const struct ksk_zone *zone;
	size_t record_count;
	struct record record[64];
	struct ksk_sign sign;
	struct ksk_candidate candidate;
	struct ksk_permit permit;
	struct ksk_refusals refusals;
	bool permitted;
};

static struct fixture fx;

/* Reads one record of any type; returns its type, 0 if it can't be read. */
static uint16_t
read_record(const char *text, struct record *out, uint32_t *out_ttl)
{
	ldns_rr *rr = NULL;
	ldns_buffer *buf = ldns_buffer_new(4096);
	uint16_t type = 0;

	if (ldns_rr_new_frm_str(&rr, text, 0, NULL, NULL) == LDNS_STATUS_OK) {
		type = (uint16_t)ldns_rr_get_type(rr);
		*out_ttl = ldns_rr_ttl(rr);
		for (size_t i = 0; i < ldns_rr_rd_count(rr); i++)
			ldns_rdf2buffer_wire(buf, ldns_rr_rdf(rr, i));
		out->len = ldns_buffer_position(buf);
		assert_true(out->len <= sizeof(out->data));
		memcpy(out->data, ldns_buffer_begin(buf), out->len);
		ldns_rr_free(rr);
	}
	ldns_buffer_free(buf);
	return type;
}

/* A key by name; ":385" behind it changes the flags. */
static struct record
key_of(const char *name, size_t len)
{
	const char *colon = memchr(name, ':', len);
	size_t name_len = colon == NULL ? len : (size_t)(colon - name);
	char text[2048];
	struct record r = {.len = 0};
	uint32_t ttl;

	for (size_t i = 0; i < made_count; i++) {
		if (strlen(made_keys[i].name) == len &&
			memcmp(made_keys[i].name, name, len) == 0)
			return made_keys[i].key;
	}
	for (size_t i = 0; i < sizeof(named_keys) / sizeof(named_keys[0]);
		i++) {
		if (strlen(named_keys[i].name) != name_len ||
			memcmp(named_keys[i].name, name, name_len) != 0)
			continue;
		snprintf(text, sizeof(text), ZONE " 3600 IN DNSKEY %s",
			named_keys[i].rdata);
		assert_int_equal(read_record(text, &r, &ttl), KSK_TYPE_DNSKEY);
		if (colon != NULL) {
			unsigned long flags = strtoul(colon + 1, NULL, 10);

			r.data[0] = (uint8_t)(flags >> 8);
			r.data[1] = (uint8_t)flags;
		}
		return r;
	}
	fail_msg("no key %.*s", (int)len, name);
	return r;
}

static void
zone_name(struct ksk_name *out)
{
	assert_int_equal(
		ksk_name_from_text(ZONE, strlen(ZONE), out, NULL), KSK_OK);
}

static void
ds_text_of(
	struct ksk_span rdata, uint8_t digest_type, char out[KSK_DS_TEXT_CAP])
{
	struct ksk_name name;
	struct ksk_ds ds;

	zone_name(&name);
	assert_int_equal(ksk_ds_build(&name, rdata, digest_type, &ds), KSK_OK);
	ksk_ds_to_text(&ds, out);
}

/* Copies text with each @NAME@ replaced by the DS of that key. */
static void
expand(const char *text, char *out, size_t cap)
{
	size_t len = 0;

	while (*text != '\0') {
		const char *end = *text == '@' ? strchr(text + 1, '@') : NULL;
		char ds[KSK_DS_TEXT_CAP];
		struct record r;

		assert_true(len + KSK_DS_TEXT_CAP < cap);
		if (end == NULL) {
			out[len++] = *text++;
			continue;
		}
		r = key_of(text + 1, (size_t)(end - text - 1));
		ds_text_of(ksk_span_of(r.data, r.len), 2, ds);
		len += (size_t)snprintf(out + len, cap - len, "%s", ds);
		text = end + 1;
	}
	out[len] = '\0';
}

static const char *
part(const char *given, const char *otherwise)
{
	return given != NULL ? given : otherwise;
}

static void
write_policy(const struct parts *p, char *out, size_t cap)
{
	static char raw[32768];

	snprintf(raw, sizeof(raw),
		"kind: policy\n"
		"appliance: 000102030405060708090a0b0c0d0e0f\n"
		"version: 1\n"
		"clients:\n"
		"  - {name: one, may: [read, sign], pin: "
		"0101010101010101010101010101010101010101010101010101010101010"
		"101}\n"
		"  - {name: two, may: [read, sign], pin: "
		"0202020202020202020202020202020202020202020202020202020202020"
		"202}\n"
		"  - {name: reader, may: [read], pin: "
		"0303030303030303030303030303030303030303030303030303030303030"
		"303}\n"
		"zones:\n"
		"  - name: " ZONE "\n"
		"    ttl: 1h\n"
		"    clients: %s\n"
		"    sign: %s\n"
		"    signature: %s\n"
		"    waits: {zone-max-ttl: 1d, propagation: 1h, sign-delay: "
		"1h, parent-ds-ttl: 1d, parent-propagation: 1h}\n"
		"    ksk: %s\n"
		"    %s\n"
		"    providers: %s\n"
		"    co-signers: %s\n"
		"    %s\n",
		part(p->clients, "[one, reader]"),
		part(p->sign, "[DNSKEY, CDS, CDNSKEY]"),
		part(p->signature, "{}"),
		part(p->ksk,
			"[{token: main, label: first, ds: \"@KSK1@\", cds: "
			"yes}]"),
		part(p->parent,
			"parent-ds: {seen: 2027-01-01T00:00:00Z, ds: "
			"[\"@KSK1@\"]}"),
		part(p->providers,
			"[{name: alpha, state: serving, keys: [{ds: "
			"\"@ZSKA@\"}]}, {name: beta, state: serving, keys: "
			"[{ds: \"@ZSKB@\"}]}]"),
		part(p->cosigners, "[]"), part(p->extra, ""));
	expand(raw, out, cap);
}

static void
drop_policy(void)
{
	free(fx.bytes);
	memset(&fx, 0, sizeof(fx));
}

/* Compiles the policy and prepares an empty candidate of client one. */
static void
load_policy(struct parts p)
{
	static struct ksk_faults faults;
	struct ksk_fault fault = {""};
	struct ksk_name name;
	uint8_t pin[KSK_PIN_LEN];
	size_t len = 0;

	drop_policy();
	write_policy(&p, fx.text, sizeof(fx.text));
	if (ksk_policy_compile(ksk_span_of(fx.text, strlen(fx.text)), NULL, NOW,
		    &fx.bytes, &len, &faults) != KSK_OK)
		fail_msg("policy: %s\n%s", faults.list[0].text, fx.text);
	assert_int_equal(
		ksk_table_open(ksk_span_of(fx.bytes, len), &fx.table, &fault),
		KSK_OK);
	zone_name(&name);
	fx.zone = ksk_table_zone_find(&fx.table, &name);
	assert_non_null(fx.zone);
	memset(pin, 1, sizeof(pin));
	fx.sign.rrset.owner = name;
	fx.sign.rrset.ttl = TTL;
	fx.candidate.sign = &fx.sign;
	fx.candidate.client = ksk_table_client_find(&fx.table, pin);
	fx.candidate.now = NOW;
	assert_non_null(fx.candidate.client);
}

static inline void
use_client(uint8_t byte)
{
	uint8_t pin[KSK_PIN_LEN];

	memset(pin, byte, sizeof(pin));
	fx.candidate.client = ksk_table_client_find(&fx.table, pin);
}

/* Empties the set and sets its type. */
static void
begin_set(uint16_t type)
{
	fx.record_count = 0;
	fx.sign.rrset.type = type;
	fx.sign.rrset.count = 0;
}

static void
add_record(const struct record *r)
{
	struct record *to = &fx.record[fx.record_count++];

	assert_true(fx.sign.rrset.count < KSK_RDATA_COUNT_MAX);
	*to = *r;
	fx.sign.rrset.rdata[fx.sign.rrset.count++] = ksk_span_of(
		to->data, to->len);
}

/* A DNSKEY set of named keys: "KSK1 ZSKA ZSKB:384". */
static inline void
set_of(const char *names)
{
	begin_set(KSK_TYPE_DNSKEY);
	while (*names != '\0') {
		size_t len = strcspn(names, " ");
		struct record r = key_of(names, len);

		add_record(&r);
		names += len;
		names += strspn(names, " ");
	}
	ksk_rrset_sort(&fx.sign.rrset);
}

/* A set of one type from the records of a case, the DNSKEY KSKs aside if
 * without_sep. Returns the TTL of the last record. */
static inline uint32_t
set_of_vector(const char *file, uint16_t type)
{
	char path[256], line[4096];
	uint32_t ttl = 0;
	FILE *f;

	snprintf(path, sizeof(path), VECTORS "%s", file);
	f = fopen(path, "re");
	if (f == NULL)
		fail_msg("no %s: tests run at the top of the tree", path);
	begin_set(type);
	while (fgets(line, sizeof(line), f) != NULL) {
		struct record r;

		line[strcspn(line, ";\n")] = '\0';
		if (strlen(line) > 0 && read_record(line, &r, &ttl) == type &&
			fx.sign.rrset.count < KSK_RDATA_COUNT_MAX)
			add_record(&r);
	}
	fclose(f);
	ksk_rrset_sort(&fx.sign.rrset);
	return ttl;
}

static void
judge(void)
{
	fx.permitted = ksk_rules_judge(
		&fx.table, fx.zone, &fx.candidate, &fx.permit, &fx.refusals);
}

static inline void
expect_permit(void)
{
	judge();
	if (!fx.permitted)
		fail_msg("refused by %s: %s", fx.refusals.list[0].rule,
			fx.refusals.list[0].why);
	assert_int_equal(fx.refusals.count, 0);
}

static const struct ksk_refusal *
find_refusal(const char *rule, const char *why)
{
	for (size_t i = 0; i < fx.refusals.count; i++) {
		if (strcmp(fx.refusals.list[i].rule, rule) == 0 &&
			strstr(fx.refusals.list[i].why, why) != NULL)
			return &fx.refusals.list[i];
	}
	return NULL;
}

static void
print_refusals(void)
{
	for (size_t i = 0; i < fx.refusals.count; i++)
		print_message("  %s: %s\n", fx.refusals.list[i].rule,
			fx.refusals.list[i].why);
}

/* The rule refuses with these words, and no rule but the ones named. */
static inline void
expect_refusal(const char *rule, const char *why, const char *also)
{
	judge();
	assert_false(fx.permitted);
	if (find_refusal(rule, why) == NULL) {
		print_refusals();
		fail_msg("%s does not say \"%s\"", rule, why);
	}
	for (size_t i = 0; i < fx.refusals.count; i++) {
		const char *id = fx.refusals.list[i].rule;

		if (strcmp(id, rule) != 0 && strstr(also, id) == NULL) {
			print_refusals();
			fail_msg("%s refuses too", id);
		}
	}
}

static inline int
teardown(void **state)
{
	(void)state;
	made_count = 0;
	drop_policy();
	return 0;
}

#endif
