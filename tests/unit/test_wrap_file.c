/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of wrap_file: what is written is read again, byte for byte; what is cut
 * off, changed or of another kind is refused. The same against a writer that
 * is not ours: tests/token/test_backup.py.
 */
#include "tests/unit/vector.h"

#include "hsm/wrap_file.h"

/* A P-256 key on its curve: the generator (SEC 2, 2.4.2). */
static const char KEY[] =
	"0101030d"
	"6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
	"4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

static uint8_t dnskey[KSK_DNSKEY_HEAD_LEN + 64];
static uint8_t number[KSK_WRAP_MODULUS_MAX];
static uint8_t wrapped[KSK_WRAP_BLOB_MAX];

static struct ksk_wrap_recipient
recipient(void)
{
	struct ksk_wrap_recipient x = {
		.label = "backup \xfc",
		.modulus = ksk_span_of(number, 384),
		.exponent = ksk_span_of(number, 3),
		.hash = 0x220,
		.mechanism = 0x210a,
	};

	return x;
}

static struct ksk_wrap_backup
backup(size_t wrapped_len)
{
	struct ksk_wrap_backup b = {
		.label = "ksk",
		.id_len = 2,
		.id = {0, 1},
		.recipient = "other",
		.recipient_digest = {1, 2, 3},
		.hash = 0x220,
		.mechanism = 0x210a,
		.aes = ksk_span_of(number, 384),
		.private = ksk_span_of(wrapped, wrapped_len),
	};
	size_t len = 0;

	assert_int_equal(
		KSK_OK, ksk_name_from_text("example.com.", 12, &b.zone, NULL));
	assert_int_equal(KSK_OK,
		ksk_hex_read(KEY, strlen(KEY), dnskey, sizeof(dnskey), &len));
	b.dnskey = ksk_span_of(dnskey, len);
	return b;
}

/* Reads as one kind or the other. */
static enum ksk_err
read_file(bool is_backup, struct ksk_span file, struct ksk_fault *fault)
{
	static struct ksk_wrap_backup b;
	static struct ksk_wrap_recipient x;

	return is_backup ? ksk_wrap_backup_read(file, &b, fault)
			 : ksk_wrap_recipient_read(file, &x, fault);
}

/* Every prefix, every changed byte, a byte more, the other kind. */
static void
assert_whole_only(bool is_backup, struct ksk_buf *file)
{
	struct ksk_fault fault = {""};

	assert_int_equal(
		KSK_OK, read_file(is_backup, ksk_buf_span(file), &fault));
	for (size_t len = 0; len < file->len; len++) {
		fault.text[0] = '\0';
		assert_int_not_equal(KSK_OK,
			read_file(is_backup, ksk_span_of(file->data, len),
				&fault));
		assert_string_not_equal(fault.text, "");
	}
	for (size_t i = 0; i < file->len; i++) {
		file->data[i] ^= 0x01;
		fault.text[0] = '\0';
		assert_int_not_equal(KSK_OK,
			read_file(is_backup, ksk_buf_span(file), &fault));
		assert_string_not_equal(fault.text, "");
		file->data[i] ^= 0x01;
	}
	assert_int_equal(KSK_ERR_UNSUPPORTED,
		read_file(!is_backup, ksk_buf_span(file), &fault));
	assert_non_null(strstr(fault.text, "but of kind"));
	assert_int_equal(KSK_OK, ksk_buf_put(file, "", 1));
	assert_int_equal(KSK_ERR_MALFORMED,
		read_file(is_backup, ksk_buf_span(file), &fault));
	assert_non_null(strstr(fault.text, "cut off or changed"));
}

static void
test_recipient(void **state)
{
	uint8_t bytes[KSK_WRAP_FILE_MAX];
	uint8_t again[KSK_WRAP_FILE_MAX];
	struct ksk_buf file = ksk_buf_of(bytes, sizeof(bytes));
	struct ksk_buf copy = ksk_buf_of(again, sizeof(again));
	struct ksk_wrap_recipient x = recipient();
	struct ksk_wrap_recipient out;
	struct ksk_fault fault = {""};

	(void)state;
	assert_int_equal(KSK_OK, ksk_wrap_recipient_write(&x, &file));
	assert_int_equal(KSK_OK,
		ksk_wrap_recipient_read(ksk_buf_span(&file), &out, &fault));
	assert_string_equal(out.label, x.label);
	assert_true(ksk_span_equal(out.modulus, x.modulus));
	assert_true(ksk_span_equal(out.exponent, x.exponent));
	assert_int_equal(out.hash, x.hash);
	assert_int_equal(out.mechanism, x.mechanism);
	assert_int_equal(KSK_OK, ksk_wrap_recipient_write(&out, &copy));
	assert_true(ksk_span_equal(ksk_buf_span(&file), ksk_buf_span(&copy)));
	assert_whole_only(false, &file);
}

static void
test_backup(void **state)
{
	uint8_t bytes[KSK_WRAP_FILE_MAX];
	uint8_t again[KSK_WRAP_FILE_MAX];
	struct ksk_buf file = ksk_buf_of(bytes, sizeof(bytes));
	struct ksk_buf copy = ksk_buf_of(again, sizeof(again));
	struct ksk_wrap_backup b = backup(140);
	struct ksk_wrap_backup out;
	struct ksk_fault fault = {""};

	(void)state;
	assert_int_equal(KSK_OK, ksk_wrap_backup_write(&b, &file));
	assert_int_equal(KSK_OK,
		ksk_wrap_backup_read(ksk_buf_span(&file), &out, &fault));
	assert_true(ksk_name_equal(&out.zone, &b.zone));
	assert_true(ksk_span_equal(out.dnskey, b.dnskey));
	assert_string_equal(out.label, b.label);
	assert_int_equal(out.id_len, b.id_len);
	assert_memory_equal(out.id, b.id, b.id_len);
	assert_string_equal(out.recipient, b.recipient);
	assert_memory_equal(out.recipient_digest, b.recipient_digest,
		sizeof(b.recipient_digest));
	assert_true(ksk_span_equal(out.aes, b.aes));
	assert_true(ksk_span_equal(out.private, b.private));
	assert_int_equal(KSK_OK, ksk_wrap_backup_write(&out, &copy));
	assert_true(ksk_span_equal(ksk_buf_span(&file), ksk_buf_span(&copy)));
	assert_whole_only(true, &file);
}

/* Well formed, with its digest, and yet no KSK's. */
static void
test_wrong_values(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} cases[] = {
		{1, 0}, {1, 0x81}, {0, 0}, {2, 4}, {3, 14}, {3, 5}, {9, 0}};
	uint8_t bytes[KSK_WRAP_FILE_MAX];
	struct ksk_wrap_backup out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ksk_buf file = ksk_buf_of(bytes, sizeof(bytes));
		struct ksk_wrap_backup b = backup(140);
		struct ksk_fault fault = {""};

		dnskey[cases[i].at] = cases[i].value;
		assert_int_equal(KSK_OK, ksk_wrap_backup_write(&b, &file));
		assert_int_equal(KSK_ERR_MALFORMED,
			ksk_wrap_backup_read(
				ksk_buf_span(&file), &out, &fault));
		assert_non_null(strstr(fault.text, "no KSK"));
	}
}

/* The longest file fits; a buffer that is too small is left as it was. */
static void
test_room(void **state)
{
	static uint8_t long_key[KSK_DNSKEY_HEAD_LEN + KSK_KEY_FIELD_MAX];
	uint8_t bytes[KSK_WRAP_FILE_MAX];
	struct ksk_buf file = ksk_buf_of(bytes, sizeof(bytes));
	struct ksk_buf small = ksk_buf_of(bytes, 500);
	struct ksk_wrap_backup b = backup(KSK_WRAP_BLOB_MAX);

	(void)state;
	memset(b.label, 'l', sizeof(b.label) - 1);
	memset(b.recipient, 'r', sizeof(b.recipient) - 1);
	b.id_len = sizeof(b.id);
	b.aes = ksk_span_of(number, KSK_WRAP_MODULUS_MAX);
	b.dnskey = ksk_span_of(long_key, sizeof(long_key));
	b.zone.len = KSK_NAME_MAX;
	assert_int_equal(KSK_OK, ksk_wrap_backup_write(&b, &file));
	assert_int_equal(KSK_ERR_NO_ROOM, ksk_wrap_backup_write(&b, &small));
	assert_int_equal(small.len, 0);
}

/* Maps that end before kind and version. */
static void
test_short_maps(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {{"\xa0", 1}, {"\xa1\x01\x61\x6b", 4}, {"\xa1\x01\x01", 3},
		{"\xa1\x02\x01", 3}, {"\x80", 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (unsigned is_backup = 0; is_backup < 2; is_backup++) {
			struct ksk_fault fault = {""};
			struct ksk_span file = ksk_span_of(
				(const uint8_t *)cases[i].bytes, cases[i].len);

			assert_int_equal(KSK_ERR_UNSUPPORTED,
				read_file(is_backup != 0, file, &fault));
			assert_non_null(strstr(fault.text, "no file of kind"));
		}
	}
}

/* Files of version 1, as they were made once, are read for ever. */
static void
test_old_files(void **state)
{
	static const char *const names[] = {
		"recipient", "backup-p256", "backup-rsa"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint8_t bytes[KSK_WRAP_FILE_MAX];
		struct ksk_fault fault = {""};
		char path[80];
		FILE *f;
		size_t len;

		snprintf(path, sizeof(path), "tests/fuzz/corpus/wrap_file/%s",
			names[i]);
		f = fopen(path, "rb");
		assert_non_null(f);
		len = fread(bytes, 1, sizeof(bytes), f);
		fclose(f);
		assert_int_equal(KSK_OK,
			read_file(i != 0, ksk_span_of(bytes, len), &fault));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recipient),
		cmocka_unit_test(test_backup),
		cmocka_unit_test(test_wrong_values),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_short_maps),
		cmocka_unit_test(test_old_files),
	};

	for (size_t i = 0; i < sizeof(wrapped); i++)
		wrapped[i] = (uint8_t)(i * 7 + 1);
	for (size_t i = 0; i < sizeof(number); i++)
		number[i] = (uint8_t)(i * 3 + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
