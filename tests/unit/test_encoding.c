/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of hsm/encoding.h and hsm/ckr.h: what modules have been seen to hand
 * over for points, curves and signatures, and the DNS form that is due.
 */
#include "hsm/ckr.h"
#include "hsm/encoding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* From hexadecimal; returns the length. */
static size_t
unhex(const char *text, uint8_t *out, size_t cap)
{
	size_t len = 0;

	assert_int_equal(
		ksk_hex_read(text, strlen(text), out, cap, &len), KSK_OK);
	return len;
}

/* attribute, and the key field that is due; "" = refused */
static const struct {
	const char *name;
	uint8_t algorithm;
	const char *attribute;
	const char *field;
} points[] = {
	{"P-256, OCTET STRING around the uncompressed point (SoftHSM, the specification)",
		13,
		"0441049262513df40cceb50b1717d053014229dd57e7463721cf640b7ae3"
		"fd79d6ff918e265ae22bc09f90fd19cd49a70e2a5f5c4fdba6ab21afd043"
		"1920cc8c37a3ce",
		"9262513df40cceb50b1717d053014229dd57e7463721cf640b7ae3fd79d6"
		"ff918e265ae22bc09f90fd19cd49a70e2a5f5c4fdba6ab21afd0431920cc"
		"8c37a3ce"},
	{"P-256, bare uncompressed point (older middleware)", 13,
		"049262513df40cceb50b1717d053014229dd57e7463721cf640b7ae3fd79"
		"d6ff918e265ae22bc09f90fd19cd49a70e2a5f5c4fdba6ab21afd0431920"
		"cc8c37a3ce",
		"9262513df40cceb50b1717d053014229dd57e7463721cf640b7ae3fd79d6"
		"ff918e265ae22bc09f90fd19cd49a70e2a5f5c4fdba6ab21afd0431920cc"
		"8c37a3ce"},
	{"P-256, BIT STRING around the point", 13,
		"034200049262513df40cceb50b1717d053014229dd57e7463721cf640b7a"
		"e3fd79d6ff918e265ae22bc09f90fd19cd49a70e2a5f5c4fdba6ab21afd0"
		"431920cc8c37a3ce",
		"9262513df40cceb50b1717d053014229dd57e7463721cf640b7ae3fd79d6"
		"ff918e265ae22bc09f90fd19cd49a70e2a5f5c4fdba6ab21afd0431920cc"
		"8c37a3ce"},
	{"P-256, OCTET STRING around the compressed point", 13,
		"0421029262513df40cceb50b1717d053014229dd57e7463721cf640b7ae3"
		"fd79d6ff91",
		""},
	{"P-256, OCTET STRING with long-form length", 13,
		"048141049262513df40cceb50b1717d053014229dd57e7463721cf640b7a"
		"e3fd79d6ff918e265ae22bc09f90fd19cd49a70e2a5f5c4fdba6ab21afd0"
		"431920cc8c37a3ce",
		"9262513df40cceb50b1717d053014229dd57e7463721cf640b7ae3fd79d6"
		"ff918e265ae22bc09f90fd19cd49a70e2a5f5c4fdba6ab21afd0431920cc"
		"8c37a3ce"},
	{"P-256, OCTET STRING one byte short", 13,
		"0440049262513df40cceb50b1717d053014229dd57e7463721cf640b7ae3"
		"fd79d6ff918e265ae22bc09f90fd19cd49a70e2a5f5c4fdba6ab21afd043"
		"1920cc8c37a3",
		""},
	{"P-256, trailing byte after the OCTET STRING", 13,
		"0441049262513df40cceb50b1717d053014229dd57e7463721cf640b7ae3"
		"fd79d6ff918e265ae22bc09f90fd19cd49a70e2a5f5c4fdba6ab21afd043"
		"1920cc8c37a3ce00",
		""},
	{"P-256, hybrid form 06/07", 13,
		"0441069262513df40cceb50b1717d053014229dd57e7463721cf640b7ae3"
		"fd79d6ff918e265ae22bc09f90fd19cd49a70e2a5f5c4fdba6ab21afd043"
		"1920cc8c37a3ce",
		""},
	{"P-256, x and y without form byte", 13,
		"9262513df40cceb50b1717d053014229dd57e7463721cf640b7ae3fd79d6"
		"ff918e265ae22bc09f90fd19cd49a70e2a5f5c4fdba6ab21afd0431920cc"
		"8c37a3ce",
		""},
	{"Ed25519, bare 32 bytes (specification 3.1)", 15,
		"98531fa5e9680b787e8746028499ab7d0538913627c77a53edaea6c044d7"
		"29b8",
		"98531fa5e9680b787e8746028499ab7d0538913627c77a53edaea6c044d7"
		"29b8"},
	{"Ed25519, OCTET STRING around 32 bytes (SoftHSM)", 15,
		"042098531fa5e9680b787e8746028499ab7d0538913627c77a53edaea6c0"
		"44d729b8",
		"98531fa5e9680b787e8746028499ab7d0538913627c77a53edaea6c044d7"
		"29b8"},
	{"Ed25519, bare 32 bytes that happen to start like an OCTET STRING of 30",
		15,
		"041e8743f74834711ede3336ab8ffa81225d27dc7c5a6793f1e2fe9a5dc8"
		"7f56",
		"041e8743f74834711ede3336ab8ffa81225d27dc7c5a6793f1e2fe9a5dc8"
		"7f56"},
	{"Ed25519, OCTET STRING around those same 32 bytes", 15,
		"0420041e8743f74834711ede3336ab8ffa81225d27dc7c5a6793f1e2fe9a"
		"5dc87f56",
		"041e8743f74834711ede3336ab8ffa81225d27dc7c5a6793f1e2fe9a5dc8"
		"7f56"},
	{"Ed25519, BIT STRING around 32 bytes (specification 3.0)", 15,
		"03210098531fa5e9680b787e8746028499ab7d0538913627c77a53edaea6"
		"c044d729b8",
		"98531fa5e9680b787e8746028499ab7d0538913627c77a53edaea6c044d7"
		"29b8"},
	{"Ed25519, 31 bytes", 15,
		"98531fa5e9680b787e8746028499ab7d0538913627c77a53edaea6c044d7"
		"29",
		""},
};

static void
test_points(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		uint8_t attribute[128], due[128], room[128];
		size_t len = unhex(points[i].attribute, attribute, 128);
		size_t due_len = unhex(points[i].field, due, 128);
		struct ksk_buf out = ksk_buf_of(room, sizeof(room));
		struct ksk_fault fault = {""};
		enum ksk_err r = ksk_point_to_dns(points[i].algorithm,
			ksk_span_of(attribute, len), &out, &fault);

		if ((r == KSK_OK) != (due_len != 0))
			fail_msg("%s: %d", points[i].name, (int)r);
		assert_int_equal(out.len, due_len);
		assert_memory_equal(room, due, due_len);
		assert_int_equal(fault.text[0] == '\0', r == KSK_OK);
	}
}

/* Every other total length is refused, whatever the bytes are. */
static void
test_point_lengths(void **state)
{
	static const struct {
		uint8_t algorithm;
		size_t good[3]; /* bare, OCTET STRING, long form */
	} due[] = {
		{KSK_ALG_P256, {65, 67, 68}},
		{KSK_ALG_P384, {97, 99, 100}},
		{KSK_ALG_ED25519, {32, 34, 35}},
		{KSK_ALG_ED448, {57, 59, 60}},
	};

	(void)state;
	for (size_t a = 0; a < 4; a++) {
		for (size_t len = 0; len < 140; len++) {
			uint8_t attribute[140], room[140];
			struct ksk_buf out = ksk_buf_of(room, sizeof(room));
			size_t bare = due[a].good[0];
			bool good = false;
			enum ksk_err r;

			memset(attribute, 4, sizeof(attribute));
			if (len == due[a].good[1])
				attribute[1] = (uint8_t)bare;
			if (len == due[a].good[2]) {
				attribute[1] = 0x81;
				attribute[2] = (uint8_t)bare;
			}
			for (size_t g = 0; g < 3; g++)
				good = good || len == due[a].good[g];
			r = ksk_point_to_dns(due[a].algorithm,
				ksk_span_of(attribute, len), &out, NULL);
			assert_int_equal(r == KSK_OK, good);
			if (!good)
				assert_int_equal(out.len, 0);
		}
	}
}

static void
test_point_no_room(void **state)
{
	uint8_t attribute[32] = {1}, room[31];
	struct ksk_buf out = ksk_buf_of(room, sizeof(room));

	(void)state;
	assert_int_equal(ksk_point_to_dns(KSK_ALG_ED25519,
				 ksk_span_of(attribute, 32), &out, NULL),
		KSK_ERR_NO_ROOM);
	assert_int_equal(out.len, 0);
	assert_int_equal(ksk_point_to_dns(KSK_ALG_RSASHA256,
				 ksk_span_of(attribute, 32), &out, NULL),
		KSK_ERR_UNSUPPORTED);
}

static void
test_curves(void **state)
{
	static const struct {
		const char *params;
		uint8_t algorithm;
	} due[] = {
		{"06082a8648ce3d030107", KSK_ALG_P256},
		{"06052b81040022", KSK_ALG_P384},
		{"06032b6570", KSK_ALG_ED25519},
		{"130c656477617264733235353139", KSK_ALG_ED25519},
		{"06092b06010401da470f01", KSK_ALG_ED25519},
		{"06032b6571", KSK_ALG_ED448},
		{"130a65647761726473343438", KSK_ALG_ED448},
		{"06052b81040023", 0},         /* P-521 */
		{"06052b8104000a", 0},         /* secp256k1 */
		{"06082a8648ce3d03010700", 0}, /* trailing byte */
		{"06082a8648ce3d0301", 0},
		{"06032b656e", 0}, /* X25519 */
		{"", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(due) / sizeof(due[0]); i++) {
		uint8_t params[32];
		size_t len = unhex(due[i].params, params, sizeof(params));

		assert_int_equal(ksk_curve_algorithm(ksk_span_of(params, len)),
			due[i].algorithm);
	}
	for (uint8_t a = 13; a <= 16; a++)
		assert_int_equal(
			ksk_curve_algorithm(ksk_curve_params(a, false)), a);
	for (uint8_t a = 15; a <= 16; a++)
		assert_int_equal(
			ksk_curve_algorithm(ksk_curve_params(a, true)), a);
	assert_int_equal(ksk_curve_params(13, true).len, 0);
	assert_int_equal(ksk_curve_params(8, false).len, 0);
}

static void
test_rsa(void **state)
{
	uint8_t modulus[] = {0, 0, 0xab, 0xcd};
	uint8_t e3[] = {0, 1, 0, 1};
	uint8_t zero[] = {0, 0};
	uint8_t big[300];
	uint8_t room[310];
	struct ksk_buf out = ksk_buf_of(room, sizeof(room));

	(void)state;
	assert_int_equal(ksk_rsa_to_dns(ksk_span_of(modulus, 4),
				 ksk_span_of(e3, 4), &out),
		KSK_OK);
	assert_int_equal(out.len, 6);
	assert_memory_equal(room, "\x03\x01\x00\x01\xab\xcd", 6);
	/* RFC 3110 2: an exponent over 255 bytes has a three-byte length. */
	memset(big, 7, sizeof(big));
	out.len = 0;
	assert_int_equal(ksk_rsa_to_dns(ksk_span_of(modulus, 4),
				 ksk_span_of(big, 300), &out),
		KSK_OK);
	assert_int_equal(out.len, 3 + 300 + 2);
	assert_memory_equal(room, "\x00\x01\x2c\x07", 4);
	out.len = 0;
	out.cap = 5;
	assert_int_equal(ksk_rsa_to_dns(ksk_span_of(modulus, 4),
				 ksk_span_of(e3, 4), &out),
		KSK_ERR_NO_ROOM);
	assert_int_equal(out.len, 0);
	assert_int_equal(
		ksk_rsa_to_dns(ksk_span_of(zero, 2), ksk_span_of(e3, 4), &out),
		KSK_ERR_MALFORMED);
	assert_int_equal(ksk_rsa_to_dns(ksk_span_of(modulus, 4),
				 ksk_span_of(NULL, 0), &out),
		KSK_ERR_MALFORMED);
}

/* DER, r and s at fixed width, and the two glued without their zeroes ("" =
 * same as fixed). */
static const struct {
	const char *name, *der, *fixed, *glued;
} signatures[] = {
	{"both with high bit set",
		"3046022100af692374cfb5512b57b0242e4614fc4a4772b686794a5da4cd"
		"9bd5e5a93742b2022100e243b7a569b62d9515b60b8e6d89d8f43d0fb4a8"
		"a9cf9188477193df4398140d",
		"af692374cfb5512b57b0242e4614fc4a4772b686794a5da4cd9bd5e5a937"
		"42b2e243b7a569b62d9515b60b8e6d89d8f43d0fb4a8a9cf9188477193df"
		"4398140d",
		""},
	{"s one byte short",
		"304402206b8348044553b24663395ec8563781666a463309557d2bce5538"
		"bc11a2429559022000d778aceececee5135c15ad4f5160d8987602a55909"
		"5ebb7973d7755349cf5e",
		"6b8348044553b24663395ec8563781666a463309557d2bce5538bc11a242"
		"955900d778aceececee5135c15ad4f5160d8987602a559095ebb7973d775"
		"5349cf5e",
		"6b8348044553b24663395ec8563781666a463309557d2bce5538bc11a242"
		"9559d778aceececee5135c15ad4f5160d8987602a559095ebb7973d77553"
		"49cf5e"},
	{"r one byte short",
		"3044022000fedd25787f93ab272b93baefecf90a52df45df745116748783"
		"ccd21025e62602203ac9945eba692c48d54a19965196cbac1c8886d67f25"
		"42a03593f5d385ac0242",
		"00fedd25787f93ab272b93baefecf90a52df45df745116748783ccd21025"
		"e6263ac9945eba692c48d54a19965196cbac1c8886d67f2542a03593f5d3"
		"85ac0242",
		"fedd25787f93ab272b93baefecf90a52df45df745116748783ccd21025e6"
		"263ac9945eba692c48d54a19965196cbac1c8886d67f2542a03593f5d385"
		"ac0242"},
	{"both short",
		"3043022000a45558322d185f294205c7e33a70e3648e28ec87578bb5cffc"
		"a1757e7e5f9f021f32df6e52a27d35553bfe0650ac0b612730e9c67bb0d0"
		"cb5ada94450650109f",
		"00a45558322d185f294205c7e33a70e3648e28ec87578bb5cffca1757e7e"
		"5f9f0032df6e52a27d35553bfe0650ac0b612730e9c67bb0d0cb5ada9445"
		"0650109f",
		"a45558322d185f294205c7e33a70e3648e28ec87578bb5cffca1757e7e5f"
		"9f32df6e52a27d35553bfe0650ac0b612730e9c67bb0d0cb5ada94450650"
		"109f"},
};

static void
test_ecdsa_forms(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]);
		i++) {
		uint8_t der[80], fixed[80], glued[80], room[80];
		size_t der_len = unhex(signatures[i].der, der, 80);
		size_t glued_len = unhex(signatures[i].glued, glued, 80);
		struct ksk_buf out = ksk_buf_of(room, sizeof(room));
		struct ksk_fault fault = {""};

		assert_int_equal(unhex(signatures[i].fixed, fixed, 80), 64);
		assert_int_equal(ksk_ecdsa_to_dns(KSK_ALG_P256,
					 ksk_span_of(der, der_len), &out, NULL),
			KSK_OK);
		assert_int_equal(out.len, 64);
		assert_memory_equal(room, fixed, 64);
		out.len = 0;
		assert_int_equal(ksk_ecdsa_to_dns(KSK_ALG_P256,
					 ksk_span_of(fixed, 64), &out, NULL),
			KSK_OK);
		assert_memory_equal(room, fixed, 64);
		out.len = 0;
		if (glued_len == 0)
			continue;
		/* RFC 6605 4: must never go into an RRSIG. */
		assert_int_equal(
			ksk_ecdsa_to_dns(KSK_ALG_P256,
				ksk_span_of(glued, glued_len), &out, &fault),
			KSK_ERR_MALFORMED);
		assert_int_equal(out.len, 0);
		assert_non_null(strstr(fault.text, "signature form"));
	}
}

/* Each bent copy of a good DER signature is refused. */
static void
test_ecdsa_bad_der(void **state)
{
	static const char *const bad[] = {
		"", "30060201010201", /* cut off */
		"3006020101020101ff", /* trailing */
		"3007020101020101",   /* wrong outer length */
		"3006020181020101",   /* negative r */
		"300702020001020101", /* padded r */
		"3005020002010100",   /* empty r */
		"3106020101020101",   /* SET */
		"3006020101030101",   /* BIT STRING */
		"308106020101020101", /* long form */
	};
	uint8_t der[80], room[96];
	struct ksk_buf out = ksk_buf_of(room, sizeof(room));
	size_t len = unhex("3006020101020102", der, sizeof(der));

	(void)state;
	assert_int_equal(ksk_ecdsa_to_dns(KSK_ALG_P384, ksk_span_of(der, len),
				 &out, NULL),
		KSK_OK);
	assert_int_equal(out.len, 96);
	assert_int_equal(room[47], 1);
	assert_int_equal(room[95], 2);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		out.len = 0;
		len = unhex(bad[i], der, sizeof(der));
		assert_int_equal(ksk_ecdsa_to_dns(KSK_ALG_P256,
					 ksk_span_of(der, len), &out, NULL),
			KSK_ERR_MALFORMED);
		assert_int_equal(out.len, 0);
	}
	assert_int_equal(ksk_ecdsa_to_dns(KSK_ALG_ED25519, ksk_span_of(der, 64),
				 &out, NULL),
		KSK_ERR_MALFORMED);
}

static void
test_constants(void **state)
{
	(void)state;
	assert_int_equal(ksk_signature_len(KSK_ALG_P256), 64);
	assert_int_equal(ksk_signature_len(KSK_ALG_P384), 96);
	assert_int_equal(ksk_signature_len(KSK_ALG_ED25519), 64);
	assert_int_equal(ksk_signature_len(KSK_ALG_ED448), 114);
	assert_int_equal(ksk_signature_len(KSK_ALG_RSASHA256), 0);
	assert_int_equal(ksk_digest_info_head(8).len, 19);
	assert_int_equal(ksk_digest_info_head(8).data[18], 32);
	assert_int_equal(ksk_digest_info_head(10).data[18], 64);
	assert_int_equal(ksk_digest_info_head(13).len, 0);
}

static void
test_ckr(void **state)
{
	char buf[KSK_CKR_CAP];

	(void)state;
	assert_string_equal(ksk_ckr_text(0x32, buf), "CKR_DEVICE_REMOVED");
	assert_string_equal(ksk_ckr_text(0xa0, buf), "CKR_PIN_INCORRECT");
	assert_string_equal(ksk_ckr_text(0x80000001, buf), "CKR 0x80000001");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_points),
		cmocka_unit_test(test_point_lengths),
		cmocka_unit_test(test_point_no_room),
		cmocka_unit_test(test_curves),
		cmocka_unit_test(test_rsa),
		cmocka_unit_test(test_ecdsa_forms),
		cmocka_unit_test(test_ecdsa_bad_der),
		cmocka_unit_test(test_constants),
		cmocka_unit_test(test_ckr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
