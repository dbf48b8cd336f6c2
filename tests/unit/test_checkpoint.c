/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of checkpoint and audit_key: the bytes that are signed, byte for byte
 * as PROTOCOL.md 8 says; signatures by OpenSSL; the one encoding.
 */
#include "tests/unit/audit_pair.h"

#include <stdio.h>

#include "protocol/msg.h"

static struct ksk_checkpoint
make_checkpoint(void)
{
	struct ksk_checkpoint c = {
		.number = 0x0102030405060708u, .time = 0x1112131415161718u};
	memset(c.journal, 0xaa, sizeof(c.journal));
	memset(c.hash, 0xbb, sizeof(c.hash));
	return c;
}

/* PROTOCOL.md 8.1 */
static void
test_checkpoint_bytes(void **state)
{
	(void)state;
	struct ksk_checkpoint c = make_checkpoint();
	uint8_t want[16 + 16 + 8 + 32 + 8], got[KSK_CHECKPOINT_BYTES];

	memcpy(want, "ksk-checkpoint-1", 16);
	memset(want + 16, 0xaa, 16);
	memcpy(want + 32, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	memset(want + 40, 0xbb, 32);
	memcpy(want + 72, "\x11\x12\x13\x14\x15\x16\x17\x18", 8);
	ksk_checkpoint_bytes(&c, got);
	assert_int_equal(sizeof(want), sizeof(got));
	assert_memory_equal(want, got, sizeof(got));
}

/* PROTOCOL.md 8.2 */
static void
test_proof_bytes(void **state)
{
	(void)state;
	struct ksk_nonce_proof p = {.head = make_checkpoint(), .state = 4};
	uint8_t want[11 + 32 + 64 + 1], got[KSK_PROOF_BYTES];
	uint8_t head[KSK_CHECKPOINT_BYTES];

	memset(p.nonce, 0xcc, sizeof(p.nonce));
	ksk_checkpoint_bytes(&p.head, head);
	memcpy(want, "ksk-proof-1", 11);
	memset(want + 11, 0xcc, 32);
	memcpy(want + 43, head + 16, 64);
	want[107] = 4;
	ksk_proof_bytes(&p, got);
	assert_int_equal(sizeof(want), sizeof(got));
	assert_memory_equal(want, got, sizeof(got));
}

static void
test_verify(void **state)
{
	(void)state;
	struct audit_pair pair = audit_pair_make();
	struct ksk_verify_key *key = NULL;
	struct ksk_checkpoint c = make_checkpoint();
	struct ksk_nonce_proof p = {.head = c, .state = 0};
	uint8_t bytes[KSK_CHECKPOINT_BYTES], proof[KSK_PROOF_BYTES];
	uint8_t sig[64], proof_sig[64];
	struct ksk_span span = ksk_span_of(sig, 64);
	struct ksk_span proof_span = ksk_span_of(proof_sig, 64);

	assert_int_equal(
		KSK_OK, ksk_verify_key_new(ksk_span_of(pair.rdata, 68), &key));
	ksk_checkpoint_bytes(&c, bytes);
	ksk_proof_bytes(&p, proof);
	audit_pair_sign(&pair, bytes, sizeof(bytes), sig);
	audit_pair_sign(&pair, proof, sizeof(proof), proof_sig);
	assert_int_equal(KSK_OK, ksk_checkpoint_verify(key, &c, span));
	assert_int_equal(KSK_OK, ksk_proof_verify(key, &p, proof_span));

	/* Neither stands for the other. */
	assert_int_equal(KSK_ERR_BAD_SIGNATURE,
		ksk_checkpoint_verify(key, &c, proof_span));
	assert_int_equal(
		KSK_ERR_BAD_SIGNATURE, ksk_proof_verify(key, &p, span));

	/* Every bit of the value counts. */
	for (size_t i = 0; i < sizeof(c); i++) {
		((uint8_t *)&c)[i] ^= 1;
		assert_int_equal(KSK_ERR_BAD_SIGNATURE,
			ksk_checkpoint_verify(key, &c, span));
		((uint8_t *)&c)[i] ^= 1;
	}
	p.state = 1;
	assert_int_equal(
		KSK_ERR_BAD_SIGNATURE, ksk_proof_verify(key, &p, proof_span));
	p.state = 0;
	p.nonce[31] ^= 1;
	assert_int_equal(
		KSK_ERR_BAD_SIGNATURE, ksk_proof_verify(key, &p, proof_span));
	assert_int_equal(KSK_ERR_BAD_SIGNATURE,
		ksk_checkpoint_verify(key, &c, ksk_span_of(sig, 63)));
	ksk_verify_key_free(&key);
	EVP_PKEY_free(pair.pkey);
}

static void
test_checkpoint_cbor(void **state)
{
	(void)state;
	uint8_t key[68] = {0, 0, 3, 13}, sig[64] = {1};
	struct ksk_signed_checkpoint c = {.value = make_checkpoint(),
		.key = ksk_span_of(key, sizeof(key)),
		.signature = ksk_span_of(sig, sizeof(sig))};
	uint8_t room[KSK_CHECKPOINT_MAX];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	struct ksk_cbor_out out = ksk_cbor_out_of(&buf);

	ksk_checkpoint_write(&out, &c);
	assert_int_equal(KSK_OK, out.err);
	for (size_t len = 0; len <= buf.len; len++) {
		struct ksk_signed_checkpoint got = {0};
		struct ksk_cbor_in in = ksk_cbor_in_of(
			ksk_span_of(room, len), NULL);
		ksk_checkpoint_read(&in, &got);
		enum ksk_err err = ksk_cbor_in_end(&in);
		if (len < buf.len) {
			assert_int_equal(KSK_ERR_MALFORMED, err);
			continue;
		}
		assert_int_equal(KSK_OK, err);
		assert_memory_equal(&c.value, &got.value, sizeof(got.value));
		assert_true(ksk_span_equal(c.key, got.key));
		assert_true(ksk_span_equal(c.signature, got.signature));
	}
}

/* The largest key and signature fit the room that is promised. */
static void
test_rooms(void **state)
{
	(void)state;
	static uint8_t key[KSK_AUDIT_KEY_MAX], sig[KSK_SIGNATURE_MAX];
	struct ksk_signed_checkpoint c = {.key = ksk_span_of(key, sizeof(key)),
		.signature = ksk_span_of(sig, sizeof(sig))};
	struct ksk_signed_proof p = {.signature = c.signature};
	uint8_t room[KSK_CHECKPOINT_MAX];
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));
	struct ksk_cbor_out out = ksk_cbor_out_of(&buf);

	c.value = make_checkpoint();
	c.value.number = UINT64_MAX;
	p.head = c.value;
	ksk_checkpoint_write(&out, &c);
	assert_int_equal(KSK_OK, out.err);
	buf = ksk_buf_of(room, KSK_PROOF_MAX);
	assert_int_equal(KSK_OK, ksk_proof_write(&p, &buf));
}

static void
test_proof_cbor(void **state)
{
	(void)state;
	uint8_t sig[64] = {1}, room[KSK_PROOF_MAX];
	struct ksk_signed_proof p = {.head = make_checkpoint(),
		.state = KSK_STATE_NO_POLICY,
		.signature = ksk_span_of(sig, sizeof(sig))};
	struct ksk_signed_proof got = {0};
	struct ksk_buf buf = ksk_buf_of(room, sizeof(room));

	assert_int_equal(KSK_OK, ksk_proof_write(&p, &buf));
	assert_int_equal(KSK_OK, ksk_proof_read(ksk_buf_span(&buf), &got));
	assert_memory_equal(&p.head, &got.head, sizeof(got.head));
	assert_int_equal(p.state, got.state);
	assert_true(ksk_span_equal(p.signature, got.signature));
	for (size_t len = 0; len < buf.len; len++)
		assert_int_equal(KSK_ERR_MALFORMED,
			ksk_proof_read(ksk_span_of(room, len), &got));
	/* An unknown state is none. */
	p.state = KSK_STATE_NO_POLICY + 1;
	buf.len = 0;
	assert_int_equal(KSK_OK, ksk_proof_write(&p, &buf));
	assert_int_equal(
		KSK_ERR_MALFORMED, ksk_proof_read(ksk_buf_span(&buf), &got));
	/* Outputs stay as they were. */
	buf = ksk_buf_of(room, 20);
	assert_int_equal(KSK_ERR_NO_ROOM, ksk_proof_write(&p, &buf));
	assert_int_equal(0, buf.len);
}

static void
test_key_check(void **state)
{
	(void)state;
	struct audit_pair pair = audit_pair_make();
	struct ksk_fault fault = {""};
	struct ksk_span rdata = ksk_span_of(pair.rdata, sizeof(pair.rdata));

	assert_int_equal(KSK_OK, ksk_audit_key_check(rdata, &fault));
	/* RFC 4034 2.1.1: not a key of a zone. */
	pair.rdata[0] = 1;
	assert_int_equal(KSK_ERR_MALFORMED, ksk_audit_key_check(rdata, &fault));
	assert_non_null(strstr(fault.text, "flags"));
	pair.rdata[0] = 0;
	pair.rdata[2] = 2;
	assert_int_equal(KSK_ERR_MALFORMED, ksk_audit_key_check(rdata, &fault));
	pair.rdata[2] = 3;
	pair.rdata[3] = 200;
	assert_int_equal(
		KSK_ERR_UNSUPPORTED, ksk_audit_key_check(rdata, &fault));
	assert_int_equal(KSK_ERR_MALFORMED,
		ksk_audit_key_check(ksk_span_of(pair.rdata, 3), &fault));
	EVP_PKEY_free(pair.pkey);
}

static enum ksk_err
read_text(const char *text, struct ksk_buf *out, struct ksk_fault *fault)
{
	return ksk_audit_key_from_text(text, strlen(text), out, fault);
}

static void
test_key_text(void **state)
{
	(void)state;
	struct audit_pair pair = audit_pair_make();
	struct ksk_fault fault = {""};
	char text[KSK_AUDIT_KEY_TEXT_CAP], line[2 * KSK_AUDIT_KEY_TEXT_CAP];
	uint8_t room[KSK_AUDIT_KEY_MAX];
	struct ksk_buf out = ksk_buf_of(room, sizeof(room));

	assert_int_equal(KSK_OK,
		ksk_audit_key_to_text(ksk_span_of(pair.rdata, 68), text));
	assert_memory_equal("0 3 13 ", text, 7);
	assert_int_equal(KSK_OK, read_text(text, &out, &fault));
	assert_int_equal(68, out.len);
	assert_memory_equal(pair.rdata, room, 68);

	(void)snprintf(line, sizeof(line),
		"# audit key\n\n  0  3\t13 %.20s %s\r\n; end\n", text + 7,
		text + 27);
	out.len = 0;
	assert_int_equal(KSK_OK, read_text(line, &out, &fault));
	assert_memory_equal(pair.rdata, room, 68);

	const char *const bad[] = {"", "# nothing\n", "0 3 13", "0 3 13 ",
		"0 3 13 AAAA", "0 3 13 !!!!", "0 3 13 AAA", "257 3 13 AAAA",
		"0 3 999 AAAA", "x 3 13 AAAA", "03 13 AAAA"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		out.len = 0;
		fault.text[0] = '\0';
		assert_int_equal(
			KSK_ERR_BAD_INPUT, read_text(bad[i], &out, &fault));
		assert_int_equal(0, out.len);
		assert_int_not_equal('\0', fault.text[0]);
	}
	(void)snprintf(line, sizeof(line), "%s\n%s\n", text, text);
	assert_int_equal(KSK_ERR_BAD_INPUT, read_text(line, &out, &fault));
	assert_non_null(strstr(fault.text, "more than one"));
	pair.rdata[0] = 1;
	assert_int_equal(KSK_ERR_MALFORMED,
		ksk_audit_key_to_text(ksk_span_of(pair.rdata, 68), text));
	EVP_PKEY_free(pair.pkey);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checkpoint_bytes),
		cmocka_unit_test(test_proof_bytes),
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_checkpoint_cbor),
		cmocka_unit_test(test_rooms),
		cmocka_unit_test(test_proof_cbor),
		cmocka_unit_test(test_key_check),
		cmocka_unit_test(test_key_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
