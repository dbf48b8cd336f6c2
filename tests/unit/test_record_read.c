/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of record_read: every field of every kind comes back as it was
 * written; what is cut off, changed in form or unknown is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/record.h"

#include <stdlib.h>
#include <string.h>

static uint8_t bytes[KSK_RRSIG_MAX];
static uint8_t encoded[KSK_RECORD_MAX], again[KSK_RECORD_MAX];
static struct ksk_record_room texts;

/* The fields that some kinds alone have. */
static void
fill_of_kind(struct ksk_record *r)
{
	r->has_attested = true;
	r->seen = 1767225601;
	r->attested_count = 2;
	memcpy(r->attested, r->signer, 2 * sizeof(r->signer[0]));
	r->has_waits = true;
	r->zone_max_ttl = 86400;
	r->parent_ds_ttl = 3600;
	r->proven_count = 1;
	r->proven[0] = r->signer[0];
	r->has_counted = true;
	r->counted = (struct ksk_counted){.has_refusal = true,
		.refusal = 69000,
		.count = 300,
		.first = 1767225602,
		.last = 1767225603,
		.digest = {9}};
	r->has_pruned = true;
	r->pruned = (struct ksk_pruned){
		.through = 60000, .hash = {3}, .stays = {4}};
	r->has_announced = true;
	r->announced = (struct ksk_announced){.provider = "alpha",
		.serial = 7,
		.document = ksk_span_of(bytes, 3)};
	r->has_document = true;
	memset(r->document, 5, sizeof(r->document));
	r->operator_count = 2;
	memset(r->operator, 6, 2 * sizeof(r->operator[0]));
	r->has_reset = true;
	r->reset = (struct ksk_reset){
		.provider = "gamma", .before = 1000, .after = 3};
}

/* A record with every field there is. */
static struct ksk_record
make_full(void)
{
	struct ksk_record r = {.number = 70000,
		.time = 1767225600,
		.kind = KSK_RECORD_INTENT,
		.has_pin = true,
		.has_rrset = true,
		.has_window = true,
		.window = {1, UINT64_MAX},
		.has_policy = true,
		.policy_version = 9,
		.has_about = true,
		.about = 69999,
		.signer_count = 2,
		.rrsig_count = 2,
		.rule_count = 2,
		.rule = {"key-allowed", "zone"},
		.text = "why"};

	memset(bytes, 7, sizeof(bytes));
	memset(r.pin, 1, sizeof(r.pin));
	memset(r.policy_hash, 2, sizeof(r.policy_hash));
	r.rrset = (struct ksk_rrset){
		.owner = {.len = 1}, .type = 48, .ttl = 3600, .count = 2};
	r.rrset.rdata[0] = ksk_span_of(bytes, 68);
	r.rrset.rdata[1] = ksk_span_of(bytes, 69);
	r.signer[0] = (struct ksk_ds){.tag = 5,
		.algorithm = 13,
		.digest_type = KSK_DIGEST_SHA256,
		.digest_len = 32};
	r.signer[1] = (struct ksk_ds){.tag = 6,
		.algorithm = 14,
		.digest_type = KSK_DIGEST_SHA384,
		.digest_len = 48};
	r.has_owner = true;
	r.owner.len = 1;
	fill_of_kind(&r);
	r.rrsig[0] = ksk_span_of(bytes, 1);
	r.rrsig[1] = ksk_span_of(bytes, sizeof(bytes));
	return r;
}

static struct ksk_span
encode(const struct ksk_record *record, uint8_t room[KSK_RECORD_MAX])
{
	struct ksk_buf buf = ksk_buf_of(room, KSK_RECORD_MAX);
	assert_int_equal(ksk_record_write(record, &buf), KSK_OK);
	return ksk_buf_span(&buf);
}

static enum ksk_err
read_back(struct ksk_span from, struct ksk_record *out)
{
	struct ksk_fault fault = {""};
	enum ksk_err err = ksk_record_read(from, &texts, out, &fault);
	assert_int_equal(err != KSK_OK, fault.text[0] != '\0');
	return err;
}

static void
assert_returns(const struct ksk_record *record)
{
	static struct ksk_record got;
	struct ksk_span first = encode(record, encoded);
	assert_int_equal(read_back(first, &got), KSK_OK);
	assert_true(ksk_span_equal(first, encode(&got, again)));
}

static void
test_fields_come_back(void **state)
{
	(void)state;
	static struct ksk_record got;
	struct ksk_record want = make_full();

	assert_int_equal(read_back(encode(&want, encoded), &got), KSK_OK);
	assert_int_equal(got.number, want.number);
	assert_int_equal(got.time, want.time);
	assert_int_equal(got.kind, want.kind);
	assert_true(got.has_pin && got.has_rrset && got.has_window &&
		got.has_policy && got.has_about);
	assert_memory_equal(got.pin, want.pin, sizeof(got.pin));
	assert_int_equal(got.rrset.count, 2);
	assert_true(ksk_span_equal(got.rrset.rdata[1], want.rrset.rdata[1]));
	assert_int_equal(got.window.expiration, UINT64_MAX);
	assert_int_equal(got.policy_version, 9);
	assert_memory_equal(
		got.policy_hash, want.policy_hash, sizeof(got.policy_hash));
	assert_int_equal(got.about, want.about);
	assert_int_equal(got.signer_count, 2);
	assert_true(ksk_ds_equal(&got.signer[1], &want.signer[1]));
	assert_int_equal(got.rrsig_count, 2);
	assert_true(ksk_span_equal(got.rrsig[1], want.rrsig[1]));
	assert_int_equal(got.rule_count, 2);
	assert_string_equal(got.rule[0], "key-allowed");
	assert_string_equal(got.rule[1], "zone");
	assert_string_equal(got.text, "why");
	assert_true(got.has_owner && got.has_attested && got.has_waits);
	assert_int_equal(got.owner.len, 1);
	assert_int_equal(got.seen, want.seen);
	assert_int_equal(got.attested_count, 2);
	assert_true(ksk_ds_equal(&got.attested[1], &want.signer[1]));
	assert_int_equal(got.zone_max_ttl, 86400);
	assert_int_equal(got.parent_ds_ttl, 3600);
	assert_int_equal(got.proven_count, 1);
	assert_true(ksk_ds_equal(&got.proven[0], &want.signer[0]));
	assert_true(got.has_counted && got.counted.has_refusal);
	assert_int_equal(got.counted.refusal, 69000);
	assert_int_equal(got.counted.count, 300);
	assert_int_equal(got.counted.first, 1767225602);
	assert_int_equal(got.counted.last, 1767225603);
	assert_int_equal(got.counted.digest[0], 9);
	assert_true(got.has_pruned);
	assert_int_equal(got.pruned.through, 60000);
	assert_int_equal(got.pruned.hash[0], 3);
	assert_int_equal(got.pruned.stays[0], 4);
	assert_true(got.has_announced);
	assert_string_equal(got.announced.provider, "alpha");
	assert_int_equal(got.announced.serial, 7);
	assert_true(ksk_span_equal(
		got.announced.document, want.announced.document));
	assert_true(got.has_document);
	assert_int_equal(got.document[31], 5);
	assert_int_equal(got.operator_count, 2);
	assert_int_equal(got.operator[1][31], 6);
	assert_true(got.has_reset);
	assert_string_equal(got.reset.provider, "gamma");
	assert_int_equal(got.reset.before, 1000);
	assert_int_equal(got.reset.after, 3);
	assert_returns(&want);
}

static void
test_every_kind_returns(void **state)
{
	(void)state;
	static const uint64_t kinds[] = {
#define X(name, value, text) name,
		KSK_RECORD_TABLE(X)
#undef X
	};
	uint64_t most = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct ksk_record plain = {.kind = kinds[i]};
		struct ksk_record full = make_full();
		full.kind = kinds[i];
		assert_returns(&plain);
		assert_returns(&full);
		most = kinds[i] > most ? kinds[i] : most;
	}
	/* Every number has a word, those between kinds too. */
	for (unsigned kind = 0; kind <= most + 1; kind++)
		assert_int_equal(ksk_record_is_kind(kind),
			strcmp(ksk_record_text(kind), "unknown") != 0);
	static struct ksk_record got;
	struct ksk_record unknown = {.kind = most + 1};
	assert_int_equal(
		read_back(encode(&unknown, encoded), &got), KSK_ERR_MALFORMED);
}

/* With and without each field. */
static void
test_every_field_alone_returns(void **state)
{
	(void)state;
	for (unsigned without = 0; without < 21; without++) {
		struct ksk_record r = make_full();
		r.has_pin = without != 0;
		r.has_rrset = without != 1;
		r.has_window = without != 2;
		r.has_policy = without != 3;
		r.has_about = without != 4;
		r.signer_count = without != 5 ? 2 : 0;
		r.rrsig_count = without != 6 ? 2 : 0;
		r.rule_count = without != 7 ? 2 : 0;
		r.text = without != 8 ? "" : NULL;
		r.has_owner = without != 9;
		r.has_attested = without != 10;
		r.attested_count = without != 11 ? 2 : 0;
		r.has_waits = without != 12;
		r.proven_count = without != 13 ? 1 : 0;
		r.has_counted = without != 14;
		r.counted.has_refusal = without != 15;
		r.has_pruned = without != 16;
		r.has_announced = without != 17;
		r.has_document = without != 18;
		r.operator_count = without != 19 ? KSK_OPERATOR_COUNT_MAX : 0;
		r.has_reset = without != 20;
		assert_returns(&r);
	}
}

static void
test_every_prefix_is_refused(void **state)
{
	(void)state;
	static struct ksk_record got;
	struct ksk_record full = make_full();
	struct ksk_span whole = encode(&full, encoded);

	for (size_t len = 0; len < whole.len; len++) {
		/* Memory of exactly that size: a read behind it is seen. */
		uint8_t *copy = malloc(len == 0 ? 1 : len);
		assert_non_null(copy);
		memcpy(copy, whole.data, len);
		assert_int_equal(read_back(ksk_span_of(copy, len), &got),
			KSK_ERR_MALFORMED);
		free(copy);
	}
	encoded[whole.len] = 0;
	assert_int_equal(read_back(ksk_span_of(encoded, whole.len + 1), &got),
		KSK_ERR_MALFORMED);
}

/* No byte can change and still be read as the same record: what is read is
 * written back as it was, or is refused. */
static void
test_every_changed_byte_is_seen(void **state)
{
	(void)state;
	static struct ksk_record got;
	struct ksk_record full = make_full();
	struct ksk_span whole = encode(&full, encoded);

	for (size_t i = 0; i < whole.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			encoded[i] ^= (uint8_t)(1u << bit);
			if (read_back(whole, &got) == KSK_OK)
				assert_true(ksk_span_equal(
					whole, encode(&got, again)));
			encoded[i] ^= (uint8_t)(1u << bit);
		}
	}
}

static void
test_what_breaks_the_form_is_refused(void **state)
{
	(void)state;
	static struct ksk_record got;
	const struct {
		const char *hex;
		enum ksk_err err;
	} cases[] = {
		{"a3010002000300", KSK_OK},
		{"a20100"
		 "0200",
			KSK_ERR_MALFORMED}, /* no kind */
		{"a4010002000300"
		 "1200",
			KSK_ERR_MALFORMED}, /* key 18 */
		{"a4010002000300"
		 "11a3020103000400",
			KSK_ERR_MALFORMED}, /* no digest */
		{"a4010002000300"
		 "0d40",
			KSK_ERR_MALFORMED}, /* no name */
		{"a4010002000300"
		 "0ea10100",
			KSK_ERR_MALFORMED}, /* no DS set */
		{"a4010002000300"
		 "1080",
			KSK_ERR_MALFORMED}, /* nothing proven */
		{"a4010002000300"
		 "0300",
			KSK_ERR_MALFORMED}, /* twice */
		{"a4010002000300"
		 "0980",
			KSK_ERR_MALFORMED}, /* empty list */
		{"a4010002000300"
		 "0a8140",
			KSK_ERR_MALFORMED}, /* empty RRSIG */
		{"a4010002000300"
		 "0b8160",
			KSK_ERR_MALFORMED}, /* empty rule */
		{"a4010002000300"
		 "0c6101",
			KSK_ERR_MALFORMED}, /* control */
		{"a30118010200"
		 "0300",
			KSK_ERR_MALFORMED},              /* long head */
		{"bf010002000300ff", KSK_ERR_MALFORMED}, /* indefinite */
		{"83000000", KSK_ERR_MALFORMED},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = 0;
		assert_int_equal(
			ksk_hex_read(cases[i].hex, strlen(cases[i].hex),
				encoded, sizeof(encoded), &len),
			KSK_OK);
		assert_int_equal(read_back(ksk_span_of(encoded, len), &got),
			cases[i].err);
	}
}

static void
test_limits(void **state)
{
	(void)state;
	static struct ksk_record got;
	struct ksk_record r = make_full();
	char text[KSK_TEXT_CAP + 1];

	memset(text, 'a', sizeof(text));
	text[KSK_TEXT_CAP - 1] = '\0';
	r.text = text;
	assert_returns(&r);
	text[KSK_TEXT_CAP - 1] = 'a';
	text[KSK_TEXT_CAP] = '\0';
	assert_int_equal(
		read_back(encode(&r, encoded), &got), KSK_ERR_TOO_LARGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields_come_back),
		cmocka_unit_test(test_every_kind_returns),
		cmocka_unit_test(test_every_field_alone_returns),
		cmocka_unit_test(test_every_prefix_is_refused),
		cmocka_unit_test(test_every_changed_byte_is_seen),
		cmocka_unit_test(test_what_breaks_the_form_is_refused),
		cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
